/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_RESOLVE_H
#define SERVER_RESOLVE_H

#include "server/exchange.h"

/* Gives exchange->resolve `count` items, zeroed, on the arena, instead of those it had. For `who`, which fills them in; RESOLVE answers them. */
struct resolve_item *resolve_items(struct exchange *exchange, size_t count);

/* Whether a patient whom the hub does not know gets a person row, so that asking for it can be logged, or stays unknown. */
enum resolve_unknown { RESOLVE_LEAVE, RESOLVE_CREATE };
/* The item is the patient of this national id; `digits` must live as long as the exchange. */
void resolve_by_digits(struct exchange *exchange, struct resolve_item *item,
	const char digits[static 11], enum resolve_unknown unknown);

/*
 * DECIDE: the grant for this action on the patient of a resolved item, on the arena; it may open nothing (count 0). NULL adds an error to `outcome`: a refusal, or BUSY where the rules have changed. `asked`: the number the patient was asked for by, NULL
 * where by FHIR id. `only_tenant`: the controller that the id of a reading names, else 0 for all.
 */
const struct grant *resolve_decide(struct exchange *exchange, enum ask_action action,
	struct resolve_item *item, const struct national_id *asked, uint32_t only_tenant,
	struct outcome *outcome);

/* For a step after RESOLVE that is about to return: what was remembered no longer holds, so the journey goes back to RESOLVE and asks the database. */
void resolve_afresh(struct exchange *exchange);

#endif
