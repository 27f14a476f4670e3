/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* FHIR R4 narrative.html: in the namespace of XHTML, which a div without xmlns is not; HTML 4.0 chapters 7 to 11 (but 9.4) and 15, <a>, images and style attributes. */
#include "fhir/narrative.h"

#include "fhir/base/xml.h"

#define XHTML "http://www.w3.org/1999/xhtml"

static bool is_among(struct str name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_is(name, names[i]))
			return true;
	return false;
}

static bool is_element(struct str name)
{
	static const char *const names[] = { "div", "p", "span", "br", "b", "i", "em", "strong",
		"h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "table",
		"caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td", "a",
		"img", "hr", "sub", "sup", "pre", "blockquote", "q", "code", "samp", "kbd", "var",
		"cite", "dfn", "abbr", "acronym", "address", "bdo", "tt", "big", "small" };
	return is_among(name, names, sizeof(names) / sizeof(names[0]));
}

static bool is_attribute(struct str name)
{
	static const char *const names[] = { "id", "class", "style", "title", "lang", "dir", "href",
		"name", "src", "alt", "width", "height", "align", "valign", "char", "charoff",
		"span", "colspan", "rowspan", "headers", "scope", "abbr", "axis", "summary",
		"border", "frame", "rules", "cellpadding", "cellspacing", "cite", "longdesc",
		"accesskey", "tabindex", "clear", "noshade", "size", "start", "value", "type",
		"compact", "nowrap", "bgcolor", "hspace", "vspace" };
	return is_among(name, names, sizeof(names) / sizeof(names[0]));
}

/* A link or image of another scheme than these would run code, or nobody knows what. A relative one has none. */
static bool is_place(struct str value, bool image)
{
	static const char *const schemes[] = { "http", "https", "mailto", "tel", "urn", "cid" };
	struct str rest;
	const struct str scheme = str_cut(str_trim(value), ':', &rest);
	const bool relative = rest.at == NULL || str_index(scheme, '/') < scheme.length ||
			      str_index(scheme, '#') < scheme.length;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (str_equal_nocase(scheme, str_of(schemes[i])))
			return true;
	return relative || (image && str_equal_nocase(scheme, STR("data")));
}

static bool is_basic(const struct xml *element)
{
	if (!is_element(element->name) || !str_is(element->space, XHTML))
		return false;
	for (unsigned i = 0; i < element->attribute_count; i++) {
		const struct xml_attribute *attribute = &element->attributes[i];
		const bool image = str_is(attribute->name, "src");
		const bool links = image || str_is(attribute->name, "href");
		if (!is_attribute(attribute->name) || (links && !is_place(attribute->value, image)))
			return false;
	}
	xml_each(child, element)
	{
		if (!is_basic(child))
			return false;
	}
	return true;
}

bool narrative_is_basic(struct arena *arena, struct str div)
{
	struct outcome aside = { .arena = arena };
	const struct xml *root = xml_parse(arena, div, &aside);
	if (root == NULL)
		return outcome_first(&aside) == OUTCOME_TOO_LARGE;
	return str_is(root->name, "div") && is_basic(root);
}

bool narrative_says(struct str div)
{
	bool inside = false;
	for (size_t i = 0; i < div.length; i++) {
		const char c = div.at[i];
		if (c == '<' && str_starts(str_part(div, i, div.length), STR("<img")))
			return true;
		if (!inside && c != '<' && c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return true;
		inside = c == '<' || (inside && c != '>');
	}
	return false;
}
