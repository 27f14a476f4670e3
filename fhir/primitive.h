/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_PRIMITIVE_H
#define FHIR_PRIMITIVE_H

#include "fhir/base/json.h"

/* FHIR R4 primitive types, by the names they have there (url and canonical have the form of uri). */
enum primitive {
	PRIMITIVE_boolean,
	PRIMITIVE_integer,
	PRIMITIVE_unsignedInt,
	PRIMITIVE_positiveInt,
	PRIMITIVE_decimal,
	PRIMITIVE_string,
	PRIMITIVE_markdown,
	PRIMITIVE_uri,
	PRIMITIVE_canonical,
	PRIMITIVE_code,
	PRIMITIVE_id,
	PRIMITIVE_oid,
	PRIMITIVE_uuid,
	PRIMITIVE_date,
	PRIMITIVE_dateTime,
	PRIMITIVE_instant,
	PRIMITIVE_time,
	PRIMITIVE_base64Binary,
	PRIMITIVE_xhtml,
	PRIMITIVES
};

/* The JSON type a primitive is written as. */
enum json_type primitive_json_type(enum primitive primitive);

/* Has a text, a number as written, the form of the type? Of a boolean, always. */
bool primitive_is_valid(enum primitive primitive, struct str text);

/* "a dateTime (YYYY, YYYY-MM, ...)": what to write instead. */
const char *primitive_form(enum primitive primitive);

/* A dateTime that R4 wants more of: hours without zone or without seconds. */
bool primitive_is_loose_time(struct str text);

/* May `name` be repeated in an issue? Letters, digits and "_-.:[]", at most 64 bytes, no 6 digits in a row: nobody's number. */
bool name_is_plain(struct str name);

#endif
