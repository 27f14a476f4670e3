/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One value of a search against one element. */
#include "fhir/match_value.h"

#include <math.h>

#include "fhir/base/arena.h"
#include "fhir/base/decimal.h"
#include "fhir/code.h"
#include "fhir/period.h"
#include "fhir/valueset.h"

/* ---- words */

#define FOLD_FIRST 0xC0u
#define FOLD_LAST  0x17Fu

/* The plain letters of U+00C0 to U+017F; a blank where the letter is one of its own (æ, ø, ð, þ, ß ...). */
static const char plain_letters[] =
	"aaaaaa ceeeeiiii nooooo  uuuuy  aaaaaa ceeeeiiii nooooo  uuuuy y"
	"aaaaaaccccccccdd  eeeeeeeeeegggggggghh  iiiiiiiii   jjkk llllll "
	"   nnnnnn   oooooo  rrrrrrsssssssstttt  uuuuuuuuuuuuwwyyyzzzzzz ";

/* Those of its own in lower case: 0 where it is so already. */
static unsigned lower(unsigned letter)
{
	if (letter >= 0xC0 && letter <= 0xDE && letter != 0xD7)
		return letter + 0x20;
	static const unsigned capitals[] = { 0x110, 0x126, 0x132, 0x141, 0x14A, 0x152, 0x166 };
	for (size_t i = 0; i < sizeof(capitals) / sizeof(*capitals); i++)
		if (letter == capitals[i])
			return letter + 1;
	return letter;
}

/* A letter of two bytes, folded; how many bytes were written. Combining accents (U+0300 to U+036F) go. */
static size_t fold_two(unsigned letter, char *to)
{
	if (letter >= 0x300 && letter <= 0x36F)
		return 0;
	if (letter >= FOLD_FIRST && letter <= FOLD_LAST) {
		const char plain = plain_letters[letter - FOLD_FIRST];
		if (plain != ' ') {
			to[0] = plain;
			return 1;
		}
		letter = lower(letter);
	}
	to[0] = (char)(0xC0 | letter >> 6);
	to[1] = (char)(0x80 | (letter & 0x3F));
	return 2;
}

struct str match_folded(struct arena *arena, struct str text)
{
	char *to = arena_alloc(arena, text.length);
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++) {
		const unsigned char byte = (unsigned char)text.at[i];
		if (byte >= 0xC2 && byte <= 0xDF && i + 1 < text.length) {
			const unsigned char next = (unsigned char)text.at[++i];
			length += fold_two((byte & 0x1Fu) << 6 | (next & 0x3Fu), to + length);
		} else {
			to[length++] = (char)(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
		}
	}
	return (struct str){ to, length };
}

static bool begins(struct arena *arena, struct str text, struct str asked)
{
	return text.length > 0 && str_starts(match_folded(arena, text), match_folded(arena, asked));
}

bool match_text(struct arena *arena, enum search_modifier modifier, struct str text,
	const struct json *json)
{
	if (json->type != JSON_STRING)
		return false;
	if (modifier == SEARCH_MODIFIER_EXACT)
		return str_equal(json->text, text);
	if (modifier != SEARCH_MODIFIER_CONTAINS)
		return begins(arena, json->text, text);
	const struct str whole = match_folded(arena, json->text), part = match_folded(arena, text);
	return part.length == 0 || memmem(whole.at, whole.length, part.at, part.length) != NULL;
}

/* R4 search 3.1.1.4.6: the words beside a code: CodeableConcept.text, Coding.display, Identifier.type.text. */
bool match_words(struct arena *arena, struct str text, const struct json *json)
{
	if (begins(arena, json_text(json, "text"), text) ||
		begins(arena, json_text(json, "display"), text) ||
		begins(arena, json_text(json_get(json, "type"), "text"), text))
		return true;
	json_each(coding, json_get(json, "coding")) if (begins(arena, json_text(coding, "display"),
								text)) return true;
	return false;
}

/* ---- tokens */

static bool pair_matches(const struct search_token *token, struct str system, struct str code)
{
	return (token->any_system || str_equal(token->system, system)) &&
	       (token->any_code || str_equal(token->code, code));
}

static bool coding_matches(const struct search_token *token, const struct json *json)
{
	const struct str code = json_text(json, "code");
	return (code.length > 0 || token->any_code) &&
	       pair_matches(token, json_text(json, "system"), code);
}

bool match_token(const struct search_token *token, const struct json *json)
{
	if (json->type == JSON_STRING)
		return token->any_system && str_equal(token->code, json->text);
	if (json->type == JSON_BOOL)
		return token->any_system && str_is(token->code, json->truth ? "true" : "false");
	const struct json *codings = json_get(json, "coding");
	json_each(coding, codings) if (coding_matches(token, coding)) return true;
	if (codings != NULL)
		return false;
	if (json_get(json, "code") != NULL)
		return coding_matches(token, json);
	const struct str value = json_text(json, "value");
	return (value.length > 0 || (token->any_code && json_get(json, "system") != NULL)) &&
	       pair_matches(token, json_text(json, "system"), value);
}

bool match_of_type(const struct search_value *value, const struct json *json)
{
	if (!str_equal(json_text(json, "value"), value->text))
		return false;
	json_each(
		coding, json_get(json_get(json, "type"),
				"coding")) if (coding_matches(&value->of_type, coding)) return true;
	return false;
}

bool match_valueset(struct str url, const struct json *json)
{
	const struct json *codings = json_get(json, "coding");
	json_each(coding, codings) if (valueset_contains(url, json_text(coding, "system"),
					       json_text(coding, "code"))) return true;
	return codings == NULL &&
	       valueset_contains(url, json_text(json, "system"), json_text(json, "code"));
}

/* ---- references */

struct str match_relative(struct str text, struct str base)
{
	if (base.length > 0 && str_starts(text, base) && text.length > base.length &&
		text.at[base.length] == '/')
		text = str_part(text, base.length + 1, text.length);
	const struct str history = STR("/_history/");
	const char *at =
		text.length == 0 ? NULL : memmem(text.at, text.length, history.at, history.length);
	return at == NULL ? text : str_part(text, 0, (size_t)(at - text.at));
}

bool match_reference(const struct search_reference *asked, struct str base, const struct json *json)
{
	struct str text = json->type == JSON_STRING ? json->text : json_text(json, "reference");
	if (text.length == 0)
		return false;
	if (asked->url.length > 0 && str_equal(asked->url, text))
		return true;
	text = match_relative(text, base);
	if (asked->url.length > 0)
		return str_equal(asked->url, text);
	struct str id;
	const struct str type = str_cut(text, '/', &id);
	return id.length > 0 && str_equal(id, asked->id) &&
	       (asked->type.length == 0 || str_equal(type, asked->type));
}

/* ---- quantities */

/* Where the true value lies, as written or by its comparator. */
struct extent {
	double low, high;
	bool low_open, high_open;
};

/* Two doubles that conversions led to one number: equal but for rounding. What has no end stays without. */
static double snapped(double value, double to)
{
	if (isinf(value))
		return value;
	const double size = fabs(value) > fabs(to) ? fabs(value) : fabs(to);
	return isfinite(value) && fabs(value - to) <= size * 1e-12 ? to : value;
}

static bool extent_of(const struct json *json, struct extent *out)
{
	const struct json *number = json_get(json, "value");
	const struct str comparator = json_text(json, "comparator");
	double value;
	if (number == NULL || number->type != JSON_NUMBER || !decimal_value(number->text, &value))
		return false;
	*out = (struct extent){ .low = value, .high = value };
	const bool open = comparator.length == 1;
	if (str_starts(comparator, STR("<"))) {
		out->low = -INFINITY;
		out->high_open = open;
	} else if (str_starts(comparator, STR(">"))) {
		out->high = INFINITY;
		out->low_open = open;
	}
	return true;
}

static bool above(const struct extent *extent, double value)
{
	return extent->high > value;
}

static bool below(const struct extent *extent, double value)
{
	return extent->low < value;
}

static bool quantity_holds(const struct search_quantity *asked, const struct extent *extent)
{
	const double value = asked->value;
	/* [low, high) holds all of it. */
	const bool equal = extent->low >= asked->low && extent->high < asked->high;
	switch (asked->prefix) {
	case PREFIX_EQ:
		return equal;
	case PREFIX_NE:
		return !equal;
	case PREFIX_GT:
		return above(extent, value);
	case PREFIX_LT:
		return below(extent, value);
	case PREFIX_GE:
		return above(extent, value) || (extent->high == value && !extent->high_open);
	case PREFIX_LE:
		return below(extent, value) || (extent->low == value && !extent->low_open);
	case PREFIX_SA:
		return extent->low > value || (extent->low == value && extent->low_open);
	case PREFIX_EB:
		return extent->high < value || (extent->high == value && extent->high_open);
	case PREFIX_AP:
		break;
	}
	return (above(extent, asked->low) || (extent->high == asked->low && !extent->high_open)) &&
	       (below(extent, asked->high) || (extent->low == asked->high && !extent->low_open));
}

/* Both to the canonical unit of their dimension; false where they are of none, or of two. */
static bool convert(struct search_quantity *asked, struct str code, struct extent *extent)
{
	struct str ours, theirs;
	double factor, offset;
	if (!ucum_canonical(asked->code, &ours, &factor, &offset))
		return false;
	asked->value = asked->value * factor + offset;
	asked->low = asked->low * factor + offset;
	asked->high = asked->high * factor + offset;
	if (!ucum_canonical(code, &theirs, &factor, &offset) || !str_equal(ours, theirs))
		return false;
	double *const ends[] = { &extent->low, &extent->high };
	for (size_t i = 0; i < 2; i++) {
		double end = *ends[i] * factor + offset;
		end = snapped(end, asked->value);
		end = snapped(end, asked->low);
		*ends[i] = snapped(end, asked->high);
	}
	return true;
}

bool match_quantity(const struct search_quantity *asked, const struct json *json)
{
	struct extent extent;
	if (json->type != JSON_OBJECT || !extent_of(json, &extent))
		return false;
	if (asked->any_unit)
		return quantity_holds(asked, &extent);
	const struct str system = json_text(json, "system"), code = json_text(json, "code");
	if (asked->system.length == 0)
		return (str_equal(code, asked->code) ||
			       str_equal(json_text(json, "unit"), asked->code)) &&
		       quantity_holds(asked, &extent);
	if (!str_equal(system, asked->system))
		return false;
	if (str_equal(code, asked->code))
		return quantity_holds(asked, &extent);
	struct search_quantity converted = *asked;
	return str_is(system, SYSTEM_UCUM) && convert(&converted, code, &extent) &&
	       quantity_holds(&converted, &extent);
}

/* ---- times */

bool match_span(const struct search_date *asked, instant low, instant high)
{
	const struct span *span = &asked->span;
	if (high == INSTANT_MIN)
		return false;
	const bool equal = low >= span->low && high <= span->high;
	switch (asked->prefix) {
	case PREFIX_EQ:
		return equal;
	case PREFIX_NE:
		return !equal;
	case PREFIX_GT:
		return high > span->high;
	case PREFIX_LT:
		return low < span->low;
	case PREFIX_GE:
		return low >= span->low || high > span->high;
	case PREFIX_LE:
		return low < span->low || high <= span->high;
	case PREFIX_SA:
		return low >= span->high;
	case PREFIX_EB:
		return high <= span->low;
	case PREFIX_AP:
		break;
	}
	return low < span->high && high > span->low;
}

static bool span_of(const struct json *json, struct zone zone, struct span *out)
{
	return json != NULL && json->type == JSON_STRING && span_parse(json->text, zone, out);
}

bool match_date(const struct search_date *asked, struct zone zone, const struct json *json)
{
	struct span span;
	return (span_of(json, zone, &span) || period_span(json, zone, &span) ||
		       timing_span(json, zone, &span)) &&
	       match_span(asked, span.low, span.high);
}
