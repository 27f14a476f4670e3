/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_FORM_H
#define SERVER_FORM_H

#include "fhir/base/str.h"

/*
 * Takes the next name=value of application/x-www-form-urlencoded off *rest, decoded (form_decode of fhir/form.h) onto the arena. FORM_END: none is left.
 */
enum form_part { FORM_PART, FORM_END, FORM_BAD };
enum form_part form_next(
	struct arena *arena, struct str *rest, struct str *name_out, struct str *value_out);

#endif
