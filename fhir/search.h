/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_SEARCH_H
#define FHIR_SEARCH_H

#include "fhir/base/outcome.h"
#include "fhir/include.h"
#include "fhir/national.h"
#include "fhir/resource.h"
#include "fhir/search_parameter.h"
#include "fhir/search_value.h"

#define SEARCH_COUNT_DEFAULT 20
#define SEARCH_COUNT_MAX     200
/* Values of one parameter, OR-ed; and repetitions of one parameter, AND-ed. */
#define SEARCH_VALUES_MAX 50

/* One occurrence of a parameter: it holds where one of its values does (with :not, where none does). Occurrences are AND-ed. */
struct search_condition {
	const struct search_parameter *parameter;
	enum search_modifier modifier;
	struct search_value *values;
	size_t count;
	bool indexed; /* the database decides it alone, by the members below; else fhir/match.h does on the stored resource */
};

/* Keys of _sort; the last is always the id, which makes the order total. What has no value comes last. */
enum search_key { SEARCH_KEY_DATE, SEARCH_KEY_UPDATED, SEARCH_KEY_CODE, SEARCH_KEY_VALUE };
#define SEARCH_KEYS 4
struct search_sort {
	enum search_key key;
	bool descending;
};

enum search_total {
	SEARCH_TOTAL_UNASKED,
	SEARCH_TOTAL_NONE,
	SEARCH_TOTAL_ESTIMATE,
	SEARCH_TOTAL_ACCURATE
};

/* A checked query. */
struct search {
	enum resource_type type;
	bool has_identifier;
	struct national_id identifier;
	struct str patient; /* FHIR id of a Patient, or empty */

	struct search_condition *conditions; /* all, in the order of the query */
	size_t condition_count;

	/* The indexed ones again, as the database is asked: */
	struct search_tokens *codes;
	size_t code_count;
	struct search_tokens *categories;
	size_t category_count;
	struct search_dates *dates;
	size_t date_count;
	struct str *ids; /* values of _id, OR-ed */
	size_t id_count;
	struct search_dates *updates; /* of _lastUpdated, one value each, never ne */
	size_t update_count;
	/* Which are asked for, 1 << enum observation_status; 0: all that are not deleted. */
	unsigned statuses;

	unsigned count;  /* page size, 1..SEARCH_COUNT_MAX */
	bool count_only; /* _count=0: the total and no entries */
	enum search_total total;
	bool sorted;               /* _sort was given */
	bool ascending;            /* by date alone, oldest first; used where sort_count is 0 */
	struct search_sort *sorts; /* _sort, where it is more than date or -date */
	size_t sort_count;

	const struct include **includes; /* of _include and _revinclude, each row once */
	size_t include_count;

	struct str page; /* value of _page, or empty; then nothing else is given */
	/* The filters again as application/x-www-form-urlencoded text in a fixed order, without patient, identifier, _page and what was ignored: what a page token carries and self says. */
	struct str canonical;
};

/* Of a search for Provenances: the condition that names what they are of by ids of ours in each of its values, or NULL. So named, no patient needs to be. */
const struct search_condition *search_targets(const struct search *search);

struct search_policy {
	enum resource_type type; /* what is searched for; TYPE_NONE is TYPE_OBSERVATION */
	enum national_policy national;
	struct zone zone;
	instant now;
	struct str base; /* our own base URL, that references may begin with; or empty */
	bool in_url; /* the text is a URL's query: patient.identifier is refused and the text names _search */
	bool identifier_in_url_allowed; /* a development setting */
	bool lenient; /* Prefer: handling=lenient: an unknown parameter is ignored with a warning, unless it would narrow whose or how guarded (patient, subject, _security) */
	bool without_patient; /* a controller among its own: naming nobody is no error */
};

/*
 * Parses `query` (application/x-www-form-urlencoded, strict percent-decoding, UTF-8). Unknown parameter, modifier, prefix or malformed value: an
 * error each that names it and the known ones (never a value). Nothing is ever dropped in silence.
 * Exactly one way to name the patient (patient.identifier, patient, subject), or _id, or _page: else an error that says to name a patient. Also _format (json) and _pretty=false are taken and ignored.
 */
bool search_parse(struct arena *arena, struct str query, const struct search_policy *policy,
	struct search *out, struct outcome *outcome);

#endif
