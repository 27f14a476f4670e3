/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_VALUESET_H
#define FHIR_VALUESET_H

#include "fhir/code.h"

/*
 * Value sets by their canonical URL (valueset.tbl), and two families of the hub's own:
 * urn:maalehub:same:CODE, all codings of the thing that CODE (LOINC, SNOMED CT, NPU or MDC, looked for in that order) stands for, so that 8867-4 holds
 * the pulse by any of them; urn:maalehub:class:health, :welfare and :administrative, all codings that the tables know and give that class.
 * A URL may end in "|version": R4's sets are 4.0.1, the others have no version.
 */

/* Is this one of them? False for an unknown URL or version: then a search is refused, never answered without the filter. */
bool valueset_known(struct str url);

/* Is the coding in the set? Case counts. A coding without system is in none, and so is everything where the set is unknown. */
bool valueset_contains(struct str url, struct str system, struct str code);

/* The URLs of valueset.tbl in its order, and how many: for documentation and messages. */
const char *const *valueset_urls(size_t *count);

#endif
