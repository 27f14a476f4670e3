/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_MATCH_VALUE_H
#define FHIR_MATCH_VALUE_H

#include "fhir/match.h"

/* What match.c asks of one value: `json` is an element that a path led to. */

/* The text in lower case and without accents (Latin scripts): for comparing, never for sending. */
struct str match_folded(struct arena *arena, struct str text);

/* Coding, CodeableConcept, Identifier or code, by its shape. */
bool match_token(const struct search_token *token, const struct json *json);
/* Identifier of a type and with a value. */
bool match_of_type(const struct search_value *value, const struct json *json);
/* Words of a concept, coding or identifier: how they begin. */
bool match_words(struct arena *arena, struct str text, const struct json *json);
bool match_valueset(struct str url, const struct json *json);
/* A reference as one relative to our base, without the version. */
struct str match_relative(struct str text, struct str base);
bool match_reference(
	const struct search_reference *reference, struct str base, const struct json *json);
bool match_text(struct arena *arena, enum search_modifier modifier, struct str text,
	const struct json *json);
/* Quantity. */
bool match_quantity(const struct search_quantity *asked, const struct json *json);
/* A time [low, high) against a condition (FHIR R4 search, date). */
bool match_span(const struct search_date *asked, instant low, instant high);
/* date, dateTime, instant or Period. */
bool match_date(const struct search_date *asked, struct zone zone, const struct json *json);

#endif
