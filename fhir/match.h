/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_MATCH_H
#define FHIR_MATCH_H

#include "fhir/base/json.h"
#include "fhir/search.h"

/* What of the installation a match depends on. */
struct match_policy {
	struct zone zone; /* of stored times without one */
	struct str base;  /* our own base URL, that stored references may begin with; or empty */
};

/* A stored resource: its body as it is kept (struct observation.body), and when this version came. */
struct match_resource {
	const struct json *json;
	instant updated;
};

/*
 * Does the condition hold on the resource? Any row of search.tbl, with any modifier it takes; what columns decide too is decided the same here. Rules: FHIR R4 search.
 * A composite holds where both parts do in one and the same place of its path. What is not there fulfils :missing=true, :not and :not-in, and nothing else.
 * A stored number is exactly what was written; with a comparator it is all that lies to that side. It is compared in the searched unit: UCUM units of one
 * dimension are converted where both say UCUM; `number||code` compares words, `number` alone any unit. The arena is for scratch.
 */
bool match_condition(struct arena *arena, const struct search_condition *condition,
	const struct match_policy *policy, const struct match_resource *resource);

/* Do all conditions hold that no column decides? True where there is none. */
bool match_rest(struct arena *arena, const struct search *search, const struct match_policy *policy,
	const struct match_resource *resource);
/* Is there one that no column decides? */
bool match_is_needed(const struct search *search);

#endif
