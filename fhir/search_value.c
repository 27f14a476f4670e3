/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The values of conditions, by the kind of their parameter and its modifier. */

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/decimal.h"
#include "fhir/form.h"
#include "fhir/primitive.h"
#include "fhir/search_parse.h"
#include "fhir/valueset.h"

#define NOWHERE ((struct str){ NULL, 0 })

/* ---- lists and escapes */

size_t search_bare(struct str text, size_t from, char byte)
{
	size_t at = from;
	while (at < text.length && text.at[at] != byte)
		at += text.at[at] == '\\' ? 2 : 1;
	return at < text.length ? at : text.length;
}

static bool escapes_are_known(struct str text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] != '\\')
			continue;
		i++;
		if (i >= text.length || memchr("\\,|$", text.at[i], 4) == NULL)
			return false;
	}
	return true;
}

static struct str unescaped(struct arena *arena, struct str text)
{
	char *to = arena_alloc(arena, text.length);
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] == '\\' && i + 1 < text.length)
			i++;
		to[length++] = text.at[i];
	}
	return (struct str){ to, length };
}

struct str *search_split(
	struct search_parsing *parsing, const struct search_pair *pair, size_t *count)
{
	const char *name = pair->parameter->name;
	struct str *values = arena_array(parsing->arena, SEARCH_VALUES_MAX, sizeof(*values));
	if (!escapes_are_known(pair->value)) {
		search_fail_value(parsing, name,
			"escaped as FHIR has it: '\\' stands before ',' '|' '$' '\\'");
		return NULL;
	}
	*count = 0;
	for (size_t from = 0; from <= pair->value.length;) {
		const size_t end = search_bare(pair->value, from, ',');
		if (end == from) {
			search_fail_value(parsing, name, "a list of values that are not empty");
			return NULL;
		}
		if (*count == SEARCH_VALUES_MAX) {
			outcome_fail(parsing->outcome, OUTCOME_TOO_LARGE, NOWHERE,
				"search parameter %s has more than %d values", name,
				SEARCH_VALUES_MAX);
			return NULL;
		}
		values[(*count)++] = str_part(pair->value, from, end - from);
		from = end + 1;
	}
	return values;
}

/* ---- tokens */

bool search_read_token(struct arena *arena, struct str text, struct search_token *out)
{
	const size_t bar = search_bare(text, 0, '|');
	struct search_token token = { .any_system = bar == text.length };
	if (token.any_system) {
		token.code = unescaped(arena, text);
	} else {
		const struct str code = str_part(text, bar + 1, text.length);
		if (search_bare(code, 0, '|') < code.length || text.length == 1)
			return false;
		token.system = unescaped(arena, str_part(text, 0, bar));
		token.code = unescaped(arena, code);
		token.any_code = code.length == 0;
	}
	*out = token;
	return true;
}

/* system|code|value: the type of an Identifier and its value (R4 search 3.1.1.4.10). */
static bool read_of_type(struct arena *arena, struct str text, struct search_value *out)
{
	const size_t first = search_bare(text, 0, '|');
	const size_t second = first == text.length ? first : search_bare(text, first + 1, '|');
	if (second == text.length || first == 0 || second == first + 1 ||
		second + 1 == text.length || search_bare(text, second + 1, '|') < text.length)
		return false;
	out->of_type = (struct search_token){ .system = unescaped(arena, str_part(text, 0, first)),
		.code = unescaped(arena, str_part(text, first + 1, second - first - 1)) };
	out->text = unescaped(arena, str_part(text, second + 1, text.length));
	return true;
}

/* ---- prefixes, dates, quantities */

static const char *const prefixes[] = {
	[PREFIX_EQ] = "eq",
	[PREFIX_NE] = "ne",
	[PREFIX_GT] = "gt",
	[PREFIX_LT] = "lt",
	[PREFIX_GE] = "ge",
	[PREFIX_LE] = "le",
	[PREFIX_SA] = "sa",
	[PREFIX_EB] = "eb",
	[PREFIX_AP] = "ap",
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool search_take_prefix(struct str *text, enum search_prefix *out)
{
	*out = PREFIX_EQ;
	if (text->length == 0 || !is_letter(text->at[0]))
		return true;
	for (int prefix = PREFIX_EQ; prefix <= PREFIX_AP; prefix++) {
		if (!str_is(str_part(*text, 0, 2), prefixes[prefix]))
			continue;
		*text = str_part(*text, 2, text->length);
		*out = (enum search_prefix)prefix;
		return true;
	}
	return false;
}

static bool take_prefix(
	struct search_parsing *parsing, const char *name, struct str *text, enum search_prefix *out)
{
	return search_take_prefix(text, out) ||
	       outcome_fail(parsing->outcome, OUTCOME_INVALID, NOWHERE,
		       "unknown prefix in search parameter %s; known are eq, ne, gt, lt, ge, "
		       "le, sa, eb and ap",
		       name);
}

/* FHIR R4 search 3.1.1.4.5: ap reaches a tenth of the way between now and the value, to both sides, and never less than the value itself. */
static struct span widened(struct span span, instant now)
{
	instant gap = 0;
	if (now < span.low)
		gap = (span.low - now) / 10;
	else if (now > span.high)
		gap = (now - span.high) / 10;
	span.low -= gap;
	span.high += gap;
	return span;
}

static bool read_date(
	struct search_parsing *parsing, const char *name, struct str text, struct search_date *out)
{
	if (!take_prefix(parsing, name, &text, &out->prefix))
		return false;
	if (!span_parse(form_time(parsing->arena, text), parsing->policy->zone, &out->span))
		return search_fail_value(parsing, name,
			"a date: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][zone]");
	if (out->prefix == PREFIX_AP)
		out->span = widened(out->span, parsing->policy->now);
	return true;
}

static bool read_number(struct str text, struct search_quantity *out)
{
	/* A leading plus is no decimal of FHIR's, and a blank is what a form makes of one. */
	if (!decimal_is_valid(text) || !decimal_value(text, &out->value) ||
		!decimal_range(text, &out->low, &out->high))
		return false;
	if (out->prefix == PREFIX_AP) {
		const double tenth = (out->value < 0 ? -out->value : out->value) / 10;
		if (out->low > out->value - tenth)
			out->low = out->value - tenth;
		if (out->high < out->value + tenth)
			out->high = out->value + tenth;
	}
	return true;
}

static bool read_quantity(struct search_parsing *parsing, const char *name, struct str text,
	struct search_quantity *out)
{
	const char *form = "a quantity: number, number|system|code or number||code";
	if (!take_prefix(parsing, name, &text, &out->prefix))
		return false;
	const size_t first = search_bare(text, 0, '|');
	const struct str unit = str_part(text, first, text.length);
	out->any_unit = first == text.length || str_is(unit, "||"); /* as HAPI's client has it */
	if (!read_number(str_part(text, 0, first), out))
		return search_fail_value(parsing, name, form);
	if (out->any_unit)
		return true;
	const size_t second = search_bare(text, first + 1, '|');
	if (second >= text.length || second + 1 == text.length ||
		search_bare(text, second + 1, '|') < text.length)
		return search_fail_value(parsing, name, form);
	out->system = unescaped(parsing->arena, str_part(text, first + 1, second - first - 1));
	out->code = unescaped(parsing->arena, str_part(text, second + 1, text.length));
	return true;
}

/* ---- references */

/* Type/id or id; of a resource type's form, not of a list of types: what is stored may be of any. */
static bool read_relative(struct str text, struct search_reference *out)
{
	const size_t slash = str_index(text, '/');
	struct search_reference read = { .id = text };
	if (slash < text.length) {
		read.type = str_part(text, 0, slash);
		read.id = str_part(text, slash + 1, text.length);
		if (read.type.length == 0 || read.type.at[0] < 'A' || read.type.at[0] > 'Z')
			return false;
		for (size_t i = 0; i < read.type.length; i++)
			if (!is_letter(read.type.at[i]))
				return false;
	}
	if (!primitive_is_valid(PRIMITIVE_id, read.id))
		return false;
	*out = read;
	return true;
}

static bool read_reference(
	const struct search_parsing *parsing, struct str text, struct search_reference *out)
{
	const struct str base = parsing->policy->base;
	if (base.length > 0 && str_starts(text, base) && text.length > base.length &&
		text.at[base.length] == '/')
		return read_relative(str_part(text, base.length + 1, text.length), out);
	if (read_relative(text, out))
		return true;
	if (memchr(text.at, ':', text.length) == NULL || !primitive_is_valid(PRIMITIVE_uri, text))
		return false;
	*out = (struct search_reference){ .url = text };
	return true;
}

static bool read_typed_reference(
	const struct search_pair *pair, struct str text, struct search_reference *out)
{
	if (!read_relative(text, out) ||
		(out->type.length > 0 && !str_equal(out->type, pair->target)))
		return false;
	out->type = pair->target;
	return true;
}

/* ---- one value */

static bool read_part(struct search_parsing *parsing, const struct search_pair *pair,
	const struct search_part *part, struct str text, struct search_value *out)
{
	const char *name = pair->parameter->name;
	if (part->kind == SEARCH_KIND_TOKEN)
		return search_read_token(parsing->arena, text, &out->token) ||
		       search_fail_value(parsing, name, "code, system|code, |code or system|");
	if (part->kind == SEARCH_KIND_DATE)
		return read_date(parsing, name, unescaped(parsing->arena, text), &out->date);
	if (part->kind == SEARCH_KIND_QUANTITY)
		return read_quantity(parsing, name, text, &out->quantity);
	out->text = unescaped(parsing->arena, text);
	return true;
}

static bool read_composite(struct search_parsing *parsing, const struct search_pair *pair,
	struct str text, struct search_value *out)
{
	const size_t dollar = search_bare(text, 0, '$');
	if (dollar == 0 || dollar + 1 >= text.length ||
		search_bare(text, dollar + 1, '$') < text.length)
		return search_fail_value(parsing, pair->parameter->name,
			"code$value, both given, joined by one '$'");
	const struct search_part *parts = pair->parameter->parts;
	out->parts = arena_array(parsing->arena, 2, sizeof(*out->parts));
	return read_part(parsing, pair, &parts[0], str_part(text, 0, dollar), &out->parts[0]) &&
	       read_part(parsing, pair, &parts[1], str_part(text, dollar + 1, text.length),
		       &out->parts[1]);
}

static bool read_plain(struct search_parsing *parsing, const struct search_pair *pair,
	struct str text, struct search_value *out)
{
	const struct search_parameter *parameter = pair->parameter;
	const struct search_part part = { parameter->kind, "" };
	if (parameter->kind == SEARCH_KIND_COMPOSITE)
		return read_composite(parsing, pair, text, out);
	if (parameter->kind == SEARCH_KIND_REFERENCE)
		return read_reference(parsing, unescaped(parsing->arena, text), &out->reference) ||
		       search_fail_value(parsing, parameter->name, "id, Type/id or a URL");
	if (!read_part(parsing, pair, &part, text, out))
		return false;
	return parameter->kind != SEARCH_KIND_URI || primitive_is_valid(PRIMITIVE_uri, out->text) ||
	       search_fail_value(parsing, parameter->name, "a URI");
}

static bool read_missing(struct str text, struct search_value *out)
{
	out->missing = str_is(text, "true");
	return out->missing || str_is(text, "false");
}

static bool read_in(
	struct search_parsing *parsing, const struct search_pair *pair, struct search_value *out)
{
	if (valueset_known(out->text))
		return true;
	size_t count;
	const char *const *urls = valueset_urls(&count);
	struct buf buf = buf_new(parsing->arena, 512, 8192);
	for (size_t i = 0; i < count; i++)
		buf_add_format(&buf, "%s%s", i == 0 ? "" : ", ", urls[i]);
	return outcome_fail(parsing->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
		"the value set of search parameter %s:%s is not one of those known here: "
		"urn:maalehub:same:CODE, urn:maalehub:class:CLASS, %.*s",
		pair->parameter->name, search_modifier_name(pair->modifier),
		STR_ARG(buf_str(&buf)));
}

static bool read_modified(struct search_parsing *parsing, const struct search_pair *pair,
	struct str text, struct search_value *out)
{
	const char *name = pair->parameter->name;
	switch (pair->modifier) {
	case SEARCH_MODIFIER_MISSING:
		return read_missing(text, out) ||
		       search_fail_value(parsing, name, "true or false, as :missing has it");
	case SEARCH_MODIFIER_OF_TYPE:
		return read_of_type(parsing->arena, text, out) ||
		       search_fail_value(parsing, name, "system|code|value, as :of-type has it");
	case SEARCH_MODIFIER_IDENTIFIER:
		return search_read_token(parsing->arena, text, &out->token) ||
		       search_fail_value(parsing, name,
			       "an identifier: value, system|value, |value or system|");
	case SEARCH_MODIFIER_TYPE:
		return read_typed_reference(
			       pair, unescaped(parsing->arena, text), &out->reference) ||
		       search_fail_value(parsing, name, "an id of the type named");
	case SEARCH_MODIFIER_IN:
	case SEARCH_MODIFIER_NOT_IN:
		out->text = unescaped(parsing->arena, text);
		return read_in(parsing, pair, out);
	case SEARCH_MODIFIER_TEXT:
	case SEARCH_MODIFIER_EXACT:
	case SEARCH_MODIFIER_CONTAINS:
		out->text = unescaped(parsing->arena, text);
		return true;
	case SEARCH_MODIFIER_NONE:
	case SEARCH_MODIFIER_NOT:
	case SEARCH_MODIFIERS:
		break;
	}
	return read_plain(parsing, pair, text, out);
}

bool search_read_condition(struct search_parsing *parsing, const struct search_pair *pair,
	struct search_condition *out)
{
	size_t count;
	const struct str *values = search_split(parsing, pair, &count);
	if (values == NULL)
		return false;
	*out = (struct search_condition){ .parameter = pair->parameter,
		.modifier = pair->modifier,
		.values = arena_array(parsing->arena, count, sizeof(*out->values)),
		.count = count };
	if (pair->modifier == SEARCH_MODIFIER_MISSING && count > 1)
		return search_fail_value(parsing, pair->parameter->name,
			"true or false, one only, as :missing has it");
	for (size_t i = 0; i < count; i++)
		if (!read_modified(parsing, pair, values[i], &out->values[i]))
			return false;
	return true;
}
