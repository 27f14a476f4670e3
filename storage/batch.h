/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_BATCH_H
#define STORAGE_BATCH_H

#include "storage/store_private.h"

/*
 * Calls that only look things up go out many to a flight. A batch runs in rounds of one Sync each: in a round every call that is not over adds its statements; after the
 * Sync it says whether it needs another. If the round fails, nothing of it counts: each call is run again alone from its first round, and only the culprit gets the error.
 */
#define BATCH_MAX 64

struct batch_item {
	struct store_call *call;
	void *state; /* the kind's own; NULL again when the call is run anew */
	unsigned round;
	bool over;
	bool retried; /* after a deadlock, once */
};

struct batch {
	struct store *store;
	const struct batch_kind *kind;
	struct arena *arena;
	struct db_flight *flight;
	struct batch_item items[BATCH_MAX];
	unsigned count;
	unsigned first, last; /* the items of this round */
	bool alone;
	bool aborted;           /* the session's transaction failed and is still open */
	uint32_t bound;         /* the tenant of SET LOCAL in this transaction; 0: none yet */
	unsigned bound_classes; /* the classes beside health; 0: none */
};

struct batch_kind {
	enum store_kind queue;
	enum db_role role;
	bool single;      /* one call a flight, and one flight at a time: its rounds are work */
	bool transaction; /* a round is BEGIN ... COMMIT, for SET LOCAL */
	/* Adds the statements of the items from batch->first to batch->last that are not over. */
	void (*add)(struct batch *batch);
	/* After a Sync without error: true when the item needs another round, else it is answered (call_done or call_fail). */
	bool (*again)(struct batch *batch, struct batch_item *item);
};

/*
 * SET LOCAL hub.tenant and hub.classes, unless the transaction is bound to them already: statements ordered by tenant save most of them. `classes`: the
 * mask of the grant's part; row-level security shows no row of another class but health.
 */
void batch_bind(struct batch *batch, uint32_t tenant, unsigned classes);

/* Starts flights for what waits in the kind's queue while there are idle connections. */
void batch_dispatch(struct store *store, const struct batch_kind *kind);

#endif
