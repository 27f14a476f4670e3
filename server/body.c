/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/body.h"

#include <string.h>

#include "fhir/base/arena.h"

bool body_take(struct exchange *exchange)
{
	struct request *request = &exchange->request;
	const struct str from = request->at_wire;
	if (from.length == 0)
		return true;
	if (exchange->wire == NULL)
		return outcome_fail(&exchange->outcome, OUTCOME_INVALID, (struct str){ 0 },
			"the sender hung up");
	if (request->body.at == NULL)
		request->body.at = arena_bytes(exchange->arena, from.length);
	const size_t left = from.length - request->body.length;
	const size_t piece = left < BODY_AT_ONCE ? left : BODY_AT_ONCE;
	memcpy((char *)request->body.at + request->body.length, from.at + request->body.length,
		piece);
	request->body.length += piece;
	if (piece < left) {
		exchange_yield(exchange);
		return false;
	}
	request->at_wire = (struct str){ 0 };
	return true;
}
