/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_SEARCH_PARAMETER_H
#define FHIR_SEARCH_PARAMETER_H

#include "fhir/base/str.h"
#include "fhir/resource.h"

/* The rows of search.tbl. Dispatch, evaluation, CapabilityStatement and the lists in error texts read them. */

enum search_kind {
	/* how the answer is made */
	SEARCH_KIND_COUNT,
	SEARCH_KIND_SORT,
	SEARCH_KIND_TOTAL,
	SEARCH_KIND_INCLUDE,
	SEARCH_KIND_REVINCLUDE,
	/* whose */
	SEARCH_KIND_ID,
	SEARCH_KIND_PATIENT,
	SEARCH_KIND_PATIENT_IDENTIFIER,
	/* conditions, by the form of their values */
	SEARCH_KIND_TOKEN,
	SEARCH_KIND_DATE,
	SEARCH_KIND_QUANTITY,
	SEARCH_KIND_STRING,
	SEARCH_KIND_REFERENCE,
	SEARCH_KIND_URI,
	SEARCH_KIND_COMPOSITE
};

/* Which columns of the envelope decide a condition without modifier. */
enum search_columns {
	SEARCH_COLUMNS_NONE, /* the stored resource does */
	SEARCH_COLUMNS_CODE,
	SEARCH_COLUMNS_CATEGORY,
	SEARCH_COLUMNS_TIME,
	SEARCH_COLUMNS_STATUS,
	SEARCH_COLUMNS_UPDATED
};

enum search_modifier {
#define MODIFIER(name, text) SEARCH_MODIFIER_##name,
#include "fhir/search_modifier.tbl"
#undef MODIFIER
	SEARCH_MODIFIERS
};

/* A path: names of members joined by '.', arrays taken element by element, alternatives joined by " | "; "$this" is the thing itself. */
struct search_part {
	enum search_kind kind;
	const char *path;
};

struct search_parameter {
	enum resource_type resource; /* TYPE_NONE: any */
	const char *name;
	enum search_kind kind;
	const char *type;       /* FHIR search parameter type */
	const char *definition; /* canonical URL, or empty */
	const char *path;       /* of a composite: where both parts are looked for together */
	enum search_columns columns;
	unsigned modifiers;          /* 1 << enum search_modifier, SEARCH_MODIFIER_NONE apart */
	struct search_part parts[2]; /* of a composite */
	const char *text;
};

/* All rows, those of one resource type together, by name. */
const struct search_parameter *search_parameters(size_t *count);
/* Does the row hold for this type of resource? */
bool search_parameter_is_of(const struct search_parameter *parameter, enum resource_type resource);
/* The row of that name for this type, or NULL. */
const struct search_parameter *search_parameter_find(enum resource_type resource, struct str name);
/* "missing"; "" for none, "Type" for any resource type's name. */
const char *search_modifier_name(enum search_modifier modifier);
/* The known names of a type, joined by ", ". */
struct str search_parameter_names(struct arena *arena, enum resource_type resource);

#endif
