/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_PROFILE_H
#define FHIR_PROFILE_H

#include "fhir/element.h"
#include "fhir/observation.h"

/* An Observation whose structure was checked, and its codes read. */
struct profiling {
	struct arena *arena;
	struct str expression; /* of the Observation */
	const struct fields *fields;
	const struct observation *observation;
	struct str also; /* a profile to hold it to beside those it claims, or empty */
	bool only_claimed; /* no word of profiles it does not claim: the hub wrote it itself, from a message */
	struct outcome *outcome;
};

/*
 * Holds it to the profiles of profile.tbl. One that meta.profile claims, or `also`, must be met: PROFILE errors, for VKP's drafts warnings. A reading that claims
 * none but whose code and category say that it is one of R4's vital signs is held to that profile with warnings; then nothing is said of a missing `unit` text, of annotations
 * in UCUM codes, nor of the units of components that the profile does not name.
 */
void profile_check(const struct profiling *profiling);

/* Is this URL (with or without |version) a profile of the table? */
bool profile_known(struct str url);

/* The canonical URLs of R4's, and how many: those that are held to with errors. */
const char *const *profile_urls(size_t *count);

#endif
