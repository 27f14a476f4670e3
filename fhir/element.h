/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_ELEMENT_H
#define FHIR_ELEMENT_H

#include "fhir/base/instant.h"
#include "fhir/base/json.h"

/* The types of element.tbl. */
enum element_type {
#define TYPE(type) KIND_##type,
#define ELEMENT(type, name, min, max, datatype, values)
#define CHOICE(type, name, choice, datatype)
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
	ELEMENT_KINDS
};

/* Each row, numbered; FIRST_type is that of a type's first row. */
enum element {
#define TYPE(type)                                      FIRST_##type, BEFORE_##type = FIRST_##type - 1,
#define ELEMENT(type, name, min, max, datatype, values) type##_##name,
#define CHOICE(type, name, choice, datatype)            type##_##name,
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
	ELEMENTS
};

/* A type has at most this many rows: the elements that were seen are bits of one word. */
#define TYPE_ELEMENTS_MAX 64

/* What element_check() found: fields.at[OBSERVATION_code - FIRST_OBSERVATION]; by FIELD(fields, OBSERVATION, code). NULL where absent. */
struct fields {
	const struct json *at[TYPE_ELEMENTS_MAX];
};
#define FIELD(fields, type, name) ((fields)->at[type##_##name - FIRST_##type])

/*
 * Checks an object against the rows of its type, and all that is inside it against theirs: names, JSON types, cardinalities, forms of primitives, required
 * bindings, at most one of a choice, no empty objects, arrays or strings, the invariants of element.tbl, dom-2 to dom-5 and ele-1. Contained resources of types that the
 * table has are held to it too. A modifierExtension and implicitRules are refused: they may change what the rest means.
 * Adds every issue, with `expression` as the FHIRPath of the object, and fills *fields (which may be NULL). False when an error was added.
 * Warned of: a time without zone, which is read in `zone`, or without seconds; a contained resource that nothing refers to (dom-3). Not looked at: dom-6.
 */
bool element_check_in(struct zone zone, enum element_type type, const struct json *json,
	struct str expression, struct fields *fields, struct outcome *outcome);
/* The same for Norwegian time. */
bool element_check(enum element_type type, const struct json *json, struct str expression,
	struct fields *fields, struct outcome *outcome);

#endif
