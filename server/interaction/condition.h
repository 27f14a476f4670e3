/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_CONDITION_H
#define SERVER_INTERACTION_CONDITION_H

#include "fhir/base/json.h"
#include "server/exchange.h"

/*
 * The condition of a conditional create or update (FHIR R4 http.html#ccreate, #cond-update): identifier=system|value, looked for among the readings that the caller's controller has of the resource's own
 * patient. The identity it names becomes a key of what is stored, so that of any number of callers with one condition one alone creates. What a search would have to decide (code, date) is refused: two callers
 * could both find nothing.
 *
 * The type or its URL may stand before it (Observation?identifier=..), as HAPI's client writes it.
 *
 * identifier=value, without a system, is of the identifier of that value in `body`: whatever system that one has, or none (the Personal Health Device guide's identifiers have none). Then it meets what was created
 * by the same condition, and no identifier of others that happens to have the value.
 *
 * *text_out is the identity (struct observation.keys). False adds an error that says what a condition may be.
 */
bool condition_identifier(struct exchange *exchange, enum resource_type type, struct str query,
	const struct json *body, struct str *text_out, struct outcome *outcome);

/* system|value as a search has it, unescaped, on the arena. False where it is less, more, or several by comma. */
bool condition_token(
	struct arena *arena, struct str value, struct str *system_out, struct str *code_out);

#endif
