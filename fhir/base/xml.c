/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The doorway of libxml2, used as a SAX2 parser only: no tree of its own, no DTD, no catalogue, no input but the text. What SOAP does not allow stops the parser where it begins.
 */
#include "fhir/base/xml.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

#define TEXT_MAX ((size_t)4 << 20)

#define XML_TAG_MAX ((size_t)2 * XML_ATTRIBUTES_MAX) /* attributes and namespaces */

/* An element that is still open. */
struct level {
	struct xml *element;
	struct buf text;
};

struct tree {
	struct arena *arena;
	xmlParserCtxtPtr parser;
	struct xml *root;
	unsigned elements, depth;
	const char *refusal;
	enum outcome_kind refusal_kind;
	struct level levels[XML_DEPTH_MAX];
};

/* libxml2 makes its tables once; before main() no other thread can be in it. */
__attribute__((constructor)) static void begin(void)
{
	xmlInitParser();
}

static void refuse(struct tree *tree, enum outcome_kind kind, const char *why)
{
	if (tree->refusal == NULL) {
		tree->refusal = why;
		tree->refusal_kind = kind;
	}
	xmlStopParser(tree->parser);
}

static struct str copy(struct tree *tree, const xmlChar *text)
{
	const struct str whole = str_of((const char *)text);
	return whole.length == 0 ? (struct str){ 0 } : str_copy(tree->arena, whole);
}

/* Without substitution of entities, which stays off, libxml2 writes each & of an attribute as &#38;. */
static struct str attribute_value(struct tree *tree, const xmlChar *start, const xmlChar *end)
{
	const struct str value = { (const char *)start, (size_t)(end - start) };
	const struct str escaped = STR("&#38;");
	struct buf buf = buf_new(tree->arena, value.length, TEXT_MAX);
	for (size_t i = 0; i < value.length; i++) {
		buf_add_byte(&buf, value.at[i]);
		if (str_starts(str_part(value, i, escaped.length), escaped))
			i += escaped.length - 1;
	}
	return buf_str(&buf);
}

/* libxml2 gives five pointers an attribute: local name, prefix, namespace, start and end of the value. */
static void take_attributes(
	struct tree *tree, struct xml *element, int count, const xmlChar **attributes)
{
	element->attributes = arena_array(tree->arena, (size_t)count, sizeof(struct xml_attribute));
	for (int i = 0; i < count; i++, attributes += 5) {
		element->attributes[element->attribute_count++] =
			(struct xml_attribute){ copy(tree, attributes[2]),
				copy(tree, attributes[0]),
				attribute_value(tree, attributes[3], attributes[4]) };
	}
}

static void append(struct tree *tree, struct xml *element)
{
	if (tree->depth == 0) {
		tree->root = element;
		return;
	}
	struct xml *const parent = tree->levels[tree->depth - 1].element;
	if (parent->first == NULL)
		parent->first = element;
	else
		parent->last->next = element;
	parent->last = element;
	parent->child_count++;
}

/* The signature is libxml2's: startElementNsSAX2Func. */
static void on_start(void *context, const xmlChar *name, const xmlChar *prefix,
	const xmlChar *space, int namespaces, const xmlChar **declared, int attribute_count,
	int defaulted, const xmlChar **attributes)
{
	struct tree *const tree = context;
	(void)prefix, (void)namespaces, (void)declared, (void)defaulted;
	if (tree->refusal != NULL)
		return;
	if (tree->depth == XML_DEPTH_MAX || tree->elements == XML_ELEMENTS_MAX ||
		attribute_count > XML_ATTRIBUTES_MAX || arena_full(tree->arena)) {
		refuse(tree, OUTCOME_TOO_LARGE, "the XML has too many or too deep elements");
		return;
	}
	struct xml *const element = arena_alloc(tree->arena, sizeof(*element));
	element->space = copy(tree, space);
	element->name = copy(tree, name);
	take_attributes(tree, element, attribute_count, attributes);
	append(tree, element);
	tree->elements++;
	tree->levels[tree->depth++] = (struct level){ element, buf_new(tree->arena, 0, TEXT_MAX) };
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *space)
{
	struct tree *const tree = context;
	(void)name, (void)prefix, (void)space;
	if (tree->refusal != NULL || tree->depth == 0)
		return;
	struct level *const level = &tree->levels[--tree->depth];
	level->element->text = buf_str(&level->text);
	if (level->text.full)
		refuse(tree, OUTCOME_TOO_LARGE, "the XML is too large");
}

static void on_text(void *context, const xmlChar *text, int length)
{
	struct tree *const tree = context;
	if (tree->refusal == NULL && tree->depth > 0 && length > 0)
		buf_add(&tree->levels[tree->depth - 1].text,
			(struct str){ (const char *)text, (size_t)length });
}

static void on_doctype(
	void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	(void)name, (void)public_id, (void)system_id;
	refuse(context, OUTCOME_STRUCTURE, "a document type declaration is not allowed");
}

static void on_instruction(void *context, const xmlChar *target, const xmlChar *data)
{
	(void)target, (void)data;
	refuse(context, OUTCOME_STRUCTURE, "a processing instruction is not allowed");
}

static xmlEntityPtr on_entity(void *context, const xmlChar *name)
{
	(void)name;
	refuse(context, OUTCOME_STRUCTURE, "an entity is not allowed");
	return NULL;
}

/* Its texts quote the document and would go to stderr. */
static void on_error(void *context, xmlErrorPtr error)
{
	(void)context, (void)error;
}

/* The encoding that the XML declaration names; empty where it names none. */
static struct str declared_encoding(struct str text)
{
	static const char word[] = "encoding";
	if (!str_starts(text, STR("<?xml")))
		return (struct str){ 0 };
	const char *const end = memmem(text.at, text.length, "?>", 2);
	const struct str declaration =
		str_part(text, 0, end == NULL ? text.length : (size_t)(end - text.at));
	const char *const at = memmem(declaration.at, declaration.length, word, strlen(word));
	if (at == NULL)
		return (struct str){ 0 };
	struct str rest = str_trim(
		str_part(declaration, (size_t)(at - declaration.at) + strlen(word), text.length));
	if (rest.length < 2 || rest.at[0] != '=')
		return STR("?");
	rest = str_trim(str_part(rest, 1, rest.length));
	if (rest.length < 2 || (rest.at[0] != '"' && rest.at[0] != '\''))
		return STR("?");
	return str_cut(str_part(rest, 1, rest.length), rest.at[0], &(struct str){ 0 });
}

static bool check_encoding(struct str text, struct outcome *outcome)
{
	const struct str named = declared_encoding(text);
	if (named.length > 0 && !str_equal_nocase(named, STR("UTF-8")) &&
		!str_equal_nocase(named, STR("UTF8")) && !str_equal_nocase(named, STR("US-ASCII")))
		return outcome_fail(
			outcome, OUTCOME_STRUCTURE, STR(""), "the XML must be encoded in UTF-8");
	if (!str_is_utf8(text))
		return outcome_fail(
			outcome, OUTCOME_STRUCTURE, STR(""), "the XML is not well-formed UTF-8");
	return true;
}

/* Where what begins with `open` at the front of `rest` ends; 0 where it does not begin so. */
static size_t end_of(struct str rest, struct str open, struct str close)
{
	if (!str_starts(rest, open))
		return 0;
	const char *const end =
		memmem(rest.at + open.length, rest.length - open.length, close.at, close.length);
	return end == NULL ? rest.length : (size_t)(end - rest.at) + close.length;
}

/* Of a tag: how many attributes and namespaces, as far as `=` outside of quotes tells; *end is behind its `>`. */
static size_t tag_attributes(struct str tag, size_t *end)
{
	size_t count = 0, at = 0;
	char quote = '\0';
	for (; at < tag.length && (quote != '\0' || tag.at[at] != '>'); at++) {
		const char byte = tag.at[at];
		if (quote != '\0')
			quote = byte == quote ? '\0' : quote;
		else if (byte == '"' || byte == '\'')
			quote = byte;
		else
			count += byte == '=';
	}
	*end = at;
	return count;
}

/* libxml2 compares each attribute of a tag with all before it, and tells us of none until the tag has ended: 100,000 of them are 4 s. So they are counted first. */
static bool tags_are_bounded(struct str text)
{
	struct str rest = text;
	for (size_t at; (at = str_index(rest, '<')) < rest.length;) {
		rest = str_part(rest, at, rest.length);
		size_t end = end_of(rest, STR("<!--"), STR("-->"));
		if (end == 0)
			end = end_of(rest, STR("<![CDATA["), STR("]]>"));
		if (end == 0 && tag_attributes(rest, &end) > XML_TAG_MAX)
			return false;
		rest = str_part(rest, end, rest.length);
	}
	return true;
}

static xmlParserCtxtPtr parser_new(struct tree *tree, struct str text)
{
	xmlSAXHandler handler = { .initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
		.internalSubset = on_doctype,
		.processingInstruction = on_instruction,
		.getEntity = on_entity,
		.serror = on_error };
	xmlParserCtxtPtr parser = xmlCreatePushParserCtxt(&handler, tree, NULL, 0, NULL);
	if (parser == NULL)
		return NULL;
	xmlCtxtUseOptions(parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_COMPACT);
	/* Told first, so that no byte order or declaration makes libxml2 take it for another. */
	xmlSwitchEncoding(parser, XML_CHAR_ENCODING_UTF8);
	tree->parser = parser;
	xmlParseChunk(parser, text.at, (int)text.length, 1);
	return parser;
}

const struct xml *xml_parse(struct arena *arena, struct str text, struct outcome *outcome)
{
	struct tree tree = { .arena = arena };
	if (text.length == 0 || text.length > TEXT_MAX) {
		outcome_fail(outcome, text.length == 0 ? OUTCOME_STRUCTURE : OUTCOME_TOO_LARGE,
			STR(""), text.length == 0 ? "the body is empty" : "the XML is too large");
		return NULL;
	}
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_part(text, 3, text.length);
	if (!check_encoding(text, outcome))
		return NULL;
	if (!tags_are_bounded(text)) {
		outcome_fail(outcome, OUTCOME_TOO_LARGE, STR(""),
			"an element of the XML has too many attributes");
		return NULL;
	}
	xmlParserCtxtPtr parser = parser_new(&tree, text);
	const bool good = parser != NULL && parser->wellFormed && parser->nsWellFormed &&
			  tree.refusal == NULL && tree.root != NULL && tree.depth == 0;
	const int line = parser == NULL || parser->input == NULL ? 0 : parser->input->line;
	if (parser != NULL)
		xmlFreeParserCtxt(parser);
	if (good)
		return tree.root;
	if (tree.refusal != NULL)
		outcome_fail(outcome, tree.refusal_kind, STR(""), "%s", tree.refusal);
	else
		outcome_fail(outcome, OUTCOME_STRUCTURE, STR(""),
			"the body is not well-formed XML (near line %d)", line);
	return NULL;
}

bool xml_is(const struct xml *element, const char *space, const char *name)
{
	return str_is(element->space, space) && str_is(element->name, name);
}

struct str xml_attribute(
	const struct xml *element, const char *space, const char *name, bool *found)
{
	for (unsigned i = 0; i < element->attribute_count; i++) {
		const struct xml_attribute *const attribute = &element->attributes[i];
		if (!str_is(attribute->name, name) || !str_is(attribute->space, space))
			continue;
		if (found != NULL)
			*found = true;
		return attribute->value;
	}
	if (found != NULL)
		*found = false;
	return (struct str){ 0 };
}

static void write_byte(struct buf *buf, char byte)
{
	switch (byte) {
	case '<':
		buf_add_text(buf, "&lt;");
		return;
	case '>':
		buf_add_text(buf, "&gt;");
		return;
	case '&':
		buf_add_text(buf, "&amp;");
		return;
	case '"':
		buf_add_text(buf, "&quot;");
		return;
	case '\r': /* a CR that stands as itself becomes LF (XML 1.0 section 2.11) */
		buf_add_text(buf, "&#xD;");
		return;
	default:
		break;
	}
	if ((unsigned char)byte < ' ' && byte != '\n' && byte != '\t')
		buf_add_text(buf, "\xef\xbf\xbd");
	else
		buf_add_byte(buf, byte);
}

void xml_write_text(struct buf *buf, struct str text)
{
	for (size_t i = 0; i < text.length; i++) {
		/* U+FFFE and U+FFFF are no characters of XML 1.0 (section 2.2). */
		if (str_starts(str_part(text, i, 3), STR("\xef\xbf\xbe")) ||
			str_starts(str_part(text, i, 3), STR("\xef\xbf\xbf"))) {
			buf_add_text(buf, "\xef\xbf\xbd");
			i += 2;
			continue;
		}
		write_byte(buf, text.at[i]);
	}
}
