/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_CONCEPT_H
#define FHIR_CONCEPT_H

#include "fhir/base/json.h"
#include "fhir/observation.h"

/* The concept of a CodeableConcept, or of all in an array together; empty where `json` is NULL or holds no coding with a code. */
struct concept concept_read(struct arena *arena, const struct json *json);

/* Can it be stored? False adds TOO_LARGE at `expression`. */
bool concept_check(const struct concept *concept, struct str expression, struct outcome *outcome);

/*
 * The system that a sender means who writes it in another way than FHIR R4 does (terminologies-systems.html): https, a slash at its end, the OID, a name. Empty where it is written as it should be, and for any
 * other system.
 */
struct str concept_system_meant(struct str system);

#endif
