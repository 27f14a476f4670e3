/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_SEARCH_H
#define FHIR_SEARCH_H

#include "fhir/base/instant.h"
#include "fhir/base/outcome.h"
#include "fhir/code.h"
#include "fhir/national.h"

#define SEARCH_COUNT_DEFAULT 20
#define SEARCH_COUNT_MAX     200
#define SEARCH_VALUES_MAX \
	50 /* values of one parameter, OR-ed; and repetitions of one parameter, AND-ed */

enum search_kind {
	SEARCH_KIND_COUNT,
	SEARCH_KIND_ID,
	SEARCH_KIND_SORT,
	SEARCH_KIND_CATEGORY,
	SEARCH_KIND_CODE,
	SEARCH_KIND_DATE,
	SEARCH_KIND_PATIENT,
	SEARCH_KIND_IDENTIFIER
};

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

/* A checked query. */
struct search {
	bool has_identifier;
	struct national_id identifier;
	struct str patient; /* FHIR id of a Patient, or empty */
	struct search_tokens *codes;
	size_t code_count;
	struct search_tokens *categories;
	size_t category_count;
	struct search_dates *dates;
	size_t date_count;
	struct str *ids; /* values of _id, OR-ed */
	size_t id_count;
	unsigned count; /* page size, 1..SEARCH_COUNT_MAX */
	bool ascending;
	struct str page; /* value of _page, or empty; then nothing else is given */
	struct str
		canonical; /* the filters again as application/x-www-form-urlencoded text in a fixed order, without patient, identifier, _page: what a page token carries and self says */
};

struct search_policy {
	enum national_policy national;
	struct zone zone;
	instant now;
	bool in_url; /* the text is a URL's query: patient.identifier is refused and the text names _search */
	bool identifier_in_url_allowed; /* a development setting */
};

/*
 * Parses `query` (application/x-www-form-urlencoded, strict percent-decoding, UTF-8). Unknown parameter, modifier, prefix or malformed value: an
 * error each that names it and the known ones (never a value of patient.identifier). Nothing is ever dropped in silence.
 * Exactly one way to name the patient (identifier, patient), or _id, or _page: else an error that says to name a patient. Also _format (json) and _pretty=false are taken and ignored.
 */
bool search_parse(struct arena *arena, struct str query, const struct search_policy *policy,
	struct search *out, struct outcome *outcome);

/* The rows of search.tbl, for the CapabilityStatement. */
struct search_parameter {
	const char *name, *type, *definition, *text;
	enum search_kind kind;
};
const struct search_parameter *search_parameters(size_t *count);

#endif
