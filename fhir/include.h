/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_INCLUDE_H
#define FHIR_INCLUDE_H

#include "fhir/base/json.h"
#include "fhir/search_parameter.h"

/* The rows of include.tbl: _include and _revinclude. */

enum include_direction { INCLUDE_FORWARD, INCLUDE_REVERSE };

struct include {
	enum resource_type searched;
	enum include_direction direction;
	enum resource_type source;
	const char *parameter;
	enum resource_type target;
};

const struct include *includes_all(size_t *count);
/*
 * Does `text` ask for this row: Source:parameter or Source:parameter:Target, with * for the parameter, or * alone (FHIR R4 search 3.1.1.5.4)? A row of another type searched for, or another
 * direction, is never asked for.
 */
bool include_is_asked(const struct include *include, enum resource_type searched,
	enum include_direction direction, struct str text);
/* "Observation:device[:Device], ...": what may be asked for so. */
struct str include_names(
	struct arena *arena, enum resource_type searched, enum include_direction direction);
/* The row of search.tbl that says where the reference stands. */
const struct search_parameter *include_parameter(const struct include *include);

/* The references of a resource that a FORWARD row means, one after the other: NULL before the first, NULL behind the last. */
const struct json *include_next(
	const struct include *include, const struct json *resource, const struct json *after);
/*
 * The id of a literal reference to a resource of that type: Type/id, or below our own base URL, with or without a version. Empty for any other.
 */
struct str include_id(const struct json *reference, enum resource_type type, struct str base);

#endif
