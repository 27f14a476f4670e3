/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_RESOLVE_H
#define SERVER_RESOLVE_H

#include "server/exchange.h"

/* Room for `count` items of exchange->resolve, zeroed. For `who`. */
struct resolve_item *resolve_items(struct exchange *exchange, size_t count);

/* The patient of these digits, which must live as long as the exchange. `create`: one that is not known gets a person row, so that asking for it can be logged. */
enum resolve_unknown { RESOLVE_LEAVE, RESOLVE_CREATE };
void resolve_by_digits(struct exchange *exchange, struct resolve_item *item,
	const char digits[static 11], enum resolve_unknown unknown);

/* Asks decide() about the patient of an item. `asked`: the number it was asked for by, NULL where by FHIR id. `only_tenant`: of a read by id, else 0. */
const struct grant *resolve_decide(struct exchange *exchange, enum ask_action action,
	struct resolve_item *item, const struct national_id *asked, uint32_t only_tenant,
	struct outcome *outcome);

/* For a step after RESOLVE that is about to return: what was remembered no longer holds, so the journey goes back to RESOLVE and asks the database. */
void resolve_afresh(struct exchange *exchange);

#endif
