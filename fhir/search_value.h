/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_SEARCH_VALUE_H
#define FHIR_SEARCH_VALUE_H

#include "fhir/base/instant.h"
#include "fhir/base/str.h"

/* Numbers are sent to the database. */
enum search_prefix {
	PREFIX_EQ,
	PREFIX_NE,
	PREFIX_GT,
	PREFIX_LT,
	PREFIX_GE,
	PREFIX_LE,
	PREFIX_SA,
	PREFIX_EB,
	PREFIX_AP
};

/* A token value: `code`, `system|code`, `|code` (no system), `system|`. */
struct search_token {
	bool any_system; /* `code` alone */
	bool any_code;   /* `system|` */
	struct str system, code;
};

/* The values of one occurrence of a token parameter, OR-ed; occurrences are AND-ed. */
struct search_tokens {
	struct search_token *values;
	size_t count;
};

/* A date condition. For ap the span is already widened. */
struct search_date {
	enum search_prefix prefix;
	struct span span;
};
struct search_dates {
	struct search_date *values;
	size_t count;
};

/*
 * `number`, `number|system|code` or `number||code`. Bounds are in the unit as it was written: [low, high) is the implicit range of the written digits, for ap widened
 * by a tenth of the value. What is stored counts as the exact number that was written (R4 search, number), from where to where a comparator or Range leaves it.
 */
struct search_quantity {
	enum search_prefix prefix;
	double value, low, high;
	bool any_unit;           /* `number` alone */
	struct str system, code; /* system empty: the code, or the unit's words, of any system */
};

/* `id`, `Type/id` or a URL. */
struct search_reference {
	struct str type, id; /* a relative one, or one below our own base URL; type may be empty */
	struct str url;      /* any other, else empty */
};

/* One value of a condition; which member counts is told by the parameter's kind and the modifier. */
struct search_value {
	bool missing;              /* :missing */
	struct search_token token; /* TOKEN; REFERENCE with :identifier */
	/* :of-type: the token is the Identifier.type, text the value. */
	struct search_token of_type;
	struct search_date date;           /* DATE */
	struct search_quantity quantity;   /* QUANTITY */
	struct search_reference reference; /* REFERENCE */
	struct str text;                   /* STRING, URI, :text; :in: the value set's URL */
	struct search_value *parts;        /* COMPOSITE: two, of the kinds of parameter->parts */
};

#endif
