/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_PARAMETERS_H
#define SERVER_PARAMETERS_H

#include "fhir/base/outcome.h"

/*
 * The parameters of an operation that is asked like a search, as a Parameters resource has them (FHIR R4 operations.html 3.2.0.1: each operation may be posted so), written as the form that says the
 * same: simple values as they stand, an Identifier or Coding as system|code, a Reference as its reference, or with only an identifier as name:identifier. *form_out on the arena of the outcome. False adds an
 * error for whatever no form can say: a resource, a part, a value without text.
 */
bool parameters_to_form(struct str body, struct str *form_out, struct outcome *outcome);

#endif
