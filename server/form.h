/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_FORM_H
#define SERVER_FORM_H

#include "fhir/base/str.h"

/* application/x-www-form-urlencoded, one part: percent-decoded, '+' is a space, UTF-8 without NUL. False when malformed. On the arena. */
bool form_decode(struct arena *arena, struct str text, struct str *out);

/*
 * Takes the next name=value off *rest. FORM_END: none is left.
 */
enum form_part { FORM_PART, FORM_END, FORM_BAD };
enum form_part form_next(
	struct arena *arena, struct str *rest, struct str *name_out, struct str *value_out);

#endif
