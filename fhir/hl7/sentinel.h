/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_SENTINEL_H
#define FHIR_HL7_SENTINEL_H

#include "fhir/base/str.h"

/*
 * Numbers that one sender writes where its device had no reading (-1, 127, 32767), or that cannot be true of what it measures: a setting of the client, since 0 or -1 may be a reading of
 * another. A list of items separated by blanks or commas, each `[CODE:][<|>]NUMBER`: the number itself, or all below or above it, of the MDC code or of all codes.
 */

/* Is the text such a list, of at most SENTINELS_MAX items? An empty one is. */
#define SENTINELS_MAX 32
bool sentinel_is_list(struct str list);

/* Does the list (sentinel_is_list() holds, else nothing is in it) name this value of this MDC code (0: another system's)? */
bool sentinel_in(struct str list, uint32_t code, double value);

#endif
