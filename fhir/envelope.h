/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_ENVELOPE_H
#define FHIR_ENVELOPE_H

#include "fhir/observation.h"

/*
 * Every resource type the hub stores has the one envelope of struct observation. Of the members, in a Device:
 *   subject  of Device.patient.identifier, `patient` of its reference; no digits and no id where it names nobody (then who uploads says whose it is)
 *   code     Device.type; class that of the code
 *   time     none
 *   keys     one for each identifier ("R", type, system, value; an EUI-64 in any spelling is one); without identifier one of the content
 * and in a Provenance:
 *   subject  no digits: it is of those whom its targets are about
 *   code     none, class health: until whoever resolves its targets knows better
 *   time     Provenance.recorded
 *   keys     one of the content
 * `status` is 1 in both, `content` everything but id and meta. No values, no terms.
 */

/* Checks and indexes `json` by its resourceType, as observation_read() does an Observation; another type than the hub stores adds NOT_SUPPORTED. */
bool envelope_read(struct arena *arena, const struct json *json, struct str expression,
	const struct observation_policy *policy, struct observation *out, struct outcome *outcome);

/* The stored type of this name, or TYPE_NONE. */
enum resource_type envelope_type(struct str name);

/* The key text of an identifier of a resource of this type, as `keys` has it; false where it is no key (no value, or no system and no EUI-64). */
bool envelope_key(struct arena *arena, enum resource_type type, struct str system, struct str value,
	struct str *out);

#endif
