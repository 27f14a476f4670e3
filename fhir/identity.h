/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_IDENTITY_H
#define FHIR_IDENTITY_H

#include "fhir/element.h"
#include "fhir/observation.h"

/* When the reading was: INSTANT_MIN where absent; `end` only of a Period. */
struct moment {
	instant start, end;
};

/* Fills content, keys, key_count and has_device_key; `base` is our URL in absolute references, or empty. All else of *out, and the structure of the fields, is settled before. */
void identity_write(struct arena *arena, const struct fields *fields, struct moment moment,
	struct str base, struct observation *out);

/* The key of an Observation's own identifier, as observation.keys has it; false where it is none (no system, or no value). */
bool identity_of_identifier(
	struct arena *arena, struct str system, struct str value, struct str *out);

/* The key of an identifier without a system, which only a condition of a create gives (server/interaction/condition.h); `value` is not empty. */
struct str identity_of_value(struct arena *arena, struct str value);

/*
 * What one Identifier says which device it is, as a part of a key text. False: nothing, as for a value without system, unless it is an EUI-64: those are given out once.
 */
bool identity_of_device(struct arena *arena, struct str system, struct str value, struct str *out);

#endif
