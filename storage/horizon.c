/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * How far a poller may look: nothing that is older than the answer is still on its way to COMMIT, in any hub. Asked as hub_write, whose transactions
 * alone bring readings, and which sees those of every hub. Limit: the clock of PostgreSQL's host must not be set back while readings come in.
 */
#include "storage/batch.h"

struct horizon {
	bool known;
	instant at;
};

static void horizon_came(void *context, const struct db_rows *rows)
{
	struct horizon *horizon = context;
	horizon->known = db_row_count(rows) == 1 && !db_is_null(rows, 0, 0);
	if (horizon->known)
		horizon->at = db_get_time(rows, 0, 0);
}

/* One look serves all who wait. */
static void horizon_add(struct batch *batch)
{
	struct horizon *horizon = arena_alloc(batch->arena, sizeof(*horizon));
	for (unsigned i = batch->first; i < batch->last; i++)
		batch->items[i].state = horizon;
	db_add(batch->flight, SQL_HORIZON, NULL, horizon_came, horizon);
}

static bool horizon_again(struct batch *batch, struct batch_item *item)
{
	(void)batch;
	const struct horizon *horizon = item->state;
	((struct store_horizon *)item->call)->at = horizon->at;
	if (horizon->known)
		call_done(item->call);
	else
		call_fail(item->call, OUTCOME_FAULT, "the database does not tell what it is doing");
	return false;
}

static const struct batch_kind kind = {
	.queue = KIND_HORIZON, .role = DB_WRITE, .add = horizon_add, .again = horizon_again
};

void horizon_dispatch(struct store *store, instant now)
{
	(void)now;
	batch_dispatch(store, &kind);
}

void store_horizon(struct store *store, struct store_horizon *horizon)
{
	queue_call(store, KIND_HORIZON, &horizon->call);
}
