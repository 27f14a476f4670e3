/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* FHIR R4 datatypes, the regular expressions of the primitive types, by hand: they run for every value of every reading. */
#include "fhir/primitive.h"

#include "fhir/base/decimal.h"
#include "fhir/base/instant.h"

#define STRING_MAX ((size_t)1024 * 1024)

enum {
	BYTE_ALPHANUMERIC = 1, /* A-Z a-z 0-9 */
	BYTE_ID = 2,           /* and - . */
	BYTE_BASE64 = 4,       /* A-Z a-z 0-9 + / = */
	BYTE_BLANK = 8,        /* space, tab, CR, LF */
	BYTE_CONTROL = 16,     /* below space, but for the blanks */
};

#define ALPHANUMERIC (BYTE_ALPHANUMERIC | BYTE_ID | BYTE_BASE64)

static unsigned kind_at(struct str text, size_t at)
{
	const unsigned char byte = (unsigned char)text.at[at];
	if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z')
		return ALPHANUMERIC;
	if (byte >= '0' && byte <= '9')
		return ALPHANUMERIC;
	if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
		return BYTE_BLANK;
	if (byte < ' ')
		return BYTE_CONTROL;
	if (byte == '-' || byte == '.')
		return BYTE_ID;
	return byte == '+' || byte == '/' || byte == '=' ? BYTE_BASE64 : 0;
}

/* All bytes of one of these kinds, and at least one. */
static bool is_all(struct str text, unsigned kind)
{
	for (size_t at = 0; at < text.length; at++)
		if ((kind_at(text, at) & kind) == 0)
			return false;
	return text.length > 0;
}

/* Not empty and without control characters, but for tab, LF and CR. */
static bool is_text(struct str text)
{
	for (size_t at = 0; at < text.length; at++) {
		const unsigned char byte = (unsigned char)text.at[at];
		if (byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r')
			return false;
	}
	return text.length > 0;
}

/* Not empty and without blanks. */
static bool is_blankless(struct str text)
{
	for (size_t at = 0; at < text.length; at++)
		if ((unsigned char)text.at[at] <= ' ')
			return false;
	return text.length > 0;
}

/* [^\s]+(\s[^\s]+)* */
static bool is_code(struct str text)
{
	bool blank = true;
	for (size_t at = 0; at < text.length; at++) {
		const bool here = (unsigned char)text.at[at] <= ' ';
		if (here && (blank || (kind_at(text, at) & BYTE_BLANK) == 0))
			return false;
		blank = here;
	}
	return !blank;
}

/* 32 bits, without sign or leading zeros unless allowed, at least `least`. */
static bool is_integer(struct str text, int64_t least)
{
	int64_t number;
	if (!str_to_i64(text, &number) || number < least || number > INT32_MAX)
		return false;
	const size_t sign = text.at[0] == '-' ? 1 : 0;
	return text.at[sign] != '0' || text.length == 1;
}

/* (\s*([0-9a-zA-Z\+\/=]){4}\s*)+ */
static bool is_base64(struct str text)
{
	size_t digits = 0;
	for (size_t at = 0; at < text.length; at++) {
		const unsigned kind = kind_at(text, at);
		if ((kind & (BYTE_BASE64 | BYTE_BLANK)) == 0)
			return false;
		digits += (kind & BYTE_BASE64) != 0;
	}
	return digits > 0 && digits % 4 == 0;
}

/* urn:oid:[0-2](\.(0|[1-9][0-9]*))+ */
static bool is_oid(struct str text)
{
	const struct str prefix = STR("urn:oid:");
	if (!str_starts(text, prefix))
		return false;
	struct str rest = str_part(text, prefix.length, text.length);
	const struct str root = str_cut(rest, '.', &rest);
	if (root.length != 1 || root.at[0] < '0' || root.at[0] > '2' || rest.at == NULL)
		return false;
	while (rest.at != NULL) {
		const struct str arc = str_cut(rest, '.', &rest);
		if (!str_is_digits(arc) || (arc.at[0] == '0' && arc.length > 1))
			return false;
	}
	return true;
}

/* urn:uuid: and 8-4-4-4-12 lower-case hexadecimal digits */
static bool is_uuid(struct str text)
{
	const struct str prefix = STR("urn:uuid:");
	if (text.length != prefix.length + 36 || !str_starts(text, prefix))
		return false;
	for (size_t i = 0; i < 36; i++) {
		const char c = text.at[prefix.length + i];
		const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
		const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		if (hyphen ? c != '-' : !hex)
			return false;
	}
	return true;
}

/* ([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)? */
static bool is_time(struct str text)
{
	char whole[] = "2000-01-01Thh:mm:ss";
	const size_t day = strlen("2000-01-01T"), clock = sizeof(whole) - 1 - day;
	if (text.length < clock || text.at[5] != ':')
		return false;
	const struct str fraction = str_part(text, clock, text.length);
	if (fraction.length > 0 &&
		(fraction.at[0] != '.' || !str_is_digits(str_part(fraction, 1, text.length))))
		return false;
	memcpy(whole + day, text.at, clock);
	struct span span;
	return span_parse(str_of(whole), (struct zone){ .oslo = false }, &span);
}

static bool is_date_time(struct str text)
{
	struct span span;
	return span_parse(text, (struct zone){ .oslo = false }, &span);
}

static bool is_instant(struct str text)
{
	struct span span;
	return span_parse_instant(text, &span);
}

bool primitive_is_loose_time(struct str text)
{
	const size_t hours = sizeof("YYYY-MM-DD") - 1, seconds = sizeof("YYYY-MM-DDThh:mm") - 1;
	if (text.length <= hours)
		return false;
	if (text.length <= seconds || text.at[seconds] != ':')
		return true;
	const struct str end = str_part(text, seconds, text.length);
	return memchr(end.at, 'Z', end.length) == NULL && memchr(end.at, '+', end.length) == NULL &&
	       memchr(end.at, '-', end.length) == NULL;
}

bool primitive_is_valid(enum primitive primitive, struct str text)
{
	switch (primitive) {
	case PRIMITIVE_boolean:
		return true;
	case PRIMITIVE_integer:
		return is_integer(text, INT32_MIN);
	case PRIMITIVE_unsignedInt:
		return is_integer(text, 0);
	case PRIMITIVE_positiveInt:
		return is_integer(text, 1);
	case PRIMITIVE_decimal:
		return decimal_is_valid(text);
	case PRIMITIVE_string:
	case PRIMITIVE_markdown:
		return text.length <= STRING_MAX && is_text(text);
	case PRIMITIVE_uri:
	case PRIMITIVE_canonical:
		return is_blankless(text);
	case PRIMITIVE_code:
		return is_code(text);
	case PRIMITIVE_id:
		return text.length <= 64 && is_all(text, BYTE_ID);
	case PRIMITIVE_oid:
		return is_oid(text);
	case PRIMITIVE_uuid:
		return is_uuid(text);
	case PRIMITIVE_date:
		return text.length <= sizeof("YYYY-MM-DD") - 1 && is_date_time(text);
	case PRIMITIVE_dateTime:
		return is_date_time(text);
	case PRIMITIVE_instant:
		return is_instant(text);
	case PRIMITIVE_time:
		return is_time(text);
	case PRIMITIVE_base64Binary:
		return is_base64(text);
	case PRIMITIVE_xhtml:
		return str_starts(text, STR("<div"));
	case PRIMITIVES:
		break;
	}
	return false;
}

enum json_type primitive_json_type(enum primitive primitive)
{
	if (primitive == PRIMITIVE_boolean)
		return JSON_BOOL;
	return primitive <= PRIMITIVE_decimal ? JSON_NUMBER : JSON_STRING;
}

const char *primitive_form(enum primitive primitive)
{
	static const char *const forms[PRIMITIVES] = {
		[PRIMITIVE_boolean] = "true or false",
		[PRIMITIVE_integer] = "a whole number of at most 32 bits",
		[PRIMITIVE_unsignedInt] = "a whole number from 0 to 2147483647",
		[PRIMITIVE_positiveInt] = "a whole number from 1 to 2147483647",
		[PRIMITIVE_decimal] = "a number of at most 18 digits",
		[PRIMITIVE_string] = "a text, not empty and without control characters",
		[PRIMITIVE_markdown] = "a text, not empty and without control characters",
		[PRIMITIVE_uri] = "a URI, without blanks",
		[PRIMITIVE_canonical] = "a URI, without blanks",
		[PRIMITIVE_code] = "a code, without blanks at its ends or two in a row",
		[PRIMITIVE_id] = "an id: 1 to 64 of A-Z, a-z, 0-9, '-' and '.'",
		[PRIMITIVE_oid] = "an OID: urn:oid: and numbers joined by '.'",
		[PRIMITIVE_uuid] = "a UUID: urn:uuid: and lower-case hexadecimal digits",
		[PRIMITIVE_date] = "a date: YYYY, YYYY-MM or YYYY-MM-DD",
		[PRIMITIVE_dateTime] =
			"a dateTime: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz",
		[PRIMITIVE_instant] = "an instant: YYYY-MM-DDThh:mm:ss+zz:zz",
		[PRIMITIVE_time] = "a time: hh:mm:ss",
		[PRIMITIVE_base64Binary] = "base64",
		[PRIMITIVE_xhtml] = "XHTML in one <div>",
	};
	return forms[primitive];
}

bool name_is_plain(struct str name)
{
	size_t digits = 0;
	for (size_t at = 0; at < name.length; at++) {
		const char c = name.at[at];
		digits = c >= '0' && c <= '9' ? digits + 1 : 0;
		if (digits == 6)
			return false;
		if ((kind_at(name, at) & BYTE_ALPHANUMERIC) == 0 && memchr("_-.:[]", c, 6) == NULL)
			return false;
	}
	return name.length > 0 && name.length <= 64;
}
