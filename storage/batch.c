/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/batch.h"

/* What a batch itself needs: arrays of parameters and of rows that came. */
#define BATCH_ARENA ((size_t)64 << 20)

static void round_synced(void *context, const struct db_end *end);

static void batch_free(struct batch *batch)
{
	struct arena *arena = batch->arena;
	if (batch->kind->single)
		batch->store->single = false;
	arena_free(&arena);
}

static void round_start(struct batch *batch)
{
	if (batch->aborted)
		db_rollback(batch->flight);
	batch->aborted = false;
	batch->bound = 0;
	batch->bound_classes = 0;
	if (batch->kind->transaction)
		db_begin(batch->flight);
	batch->kind->add(batch);
	if (batch->kind->transaction)
		db_commit(batch->flight);
	db_sync(batch->flight, round_synced, batch);
}

static void batch_landed(void *context, const struct db_end *end)
{
	struct batch *batch = context;
	if (end->status != DB_LOST)
		db_land(batch->flight);
	batch_free(batch);
}

static void batch_end(struct batch *batch)
{
	if (batch->aborted) {
		db_rollback(batch->flight);
		db_sync(batch->flight, batch_landed, batch);
		return;
	}
	db_land(batch->flight);
	batch_free(batch);
}

static void batch_lost(struct batch *batch, const struct db_end *end)
{
	for (unsigned i = 0; i < batch->count; i++) {
		if (!batch->items[i].over)
			call_end(batch->store, batch->items[i].call, end);
	}
	batch_free(batch);
}

/* Asks every item of the round whether it goes on; true when one does. */
static bool round_again(struct batch *batch)
{
	bool more = false;
	for (unsigned i = batch->first; i < batch->last; i++) {
		struct batch_item *item = &batch->items[i];
		if (item->over)
			continue;
		item->round++;
		item->over = !batch->kind->again(batch, item);
		more = more || !item->over;
	}
	return more;
}

static void item_anew(struct batch_item *item)
{
	item->state = NULL;
	item->round = 0;
}

/* The round failed. One item: it was the culprit (a deadlock is tried once more). Several: each once more, alone. */
static void round_failed(struct batch *batch, const struct db_end *end)
{
	batch->aborted = batch->kind->transaction;
	if (batch->alone || batch->count == 1) {
		struct batch_item *item = &batch->items[batch->first];
		if (strncmp(end->sqlstate, "40", 2) == 0 && !item->retried) {
			item_anew(item);
			item->retried = true;
			batch->alone = true;
			batch->last = batch->first;
			return;
		}
		item->over = true;
		call_end(batch->store, item->call, end);
		return;
	}
	store_note(batch->store, end);
	batch->alone = true;
	batch->first = 0;
	batch->last = 0;
	for (unsigned i = 0; i < batch->count; i++)
		item_anew(&batch->items[i]);
}

/* Moves on to the next item that is not over; false when there is none. */
static bool next_alone(struct batch *batch)
{
	if (!batch->alone)
		return false;
	while (batch->last < batch->count) {
		batch->first = batch->last++;
		if (!batch->items[batch->first].over)
			return true;
	}
	return false;
}

static void round_synced(void *context, const struct db_end *end)
{
	struct batch *batch = context;
	bool more = false;
	switch (end->status) {
	case DB_LOST:
		batch_lost(batch, end);
		return;
	case DB_FAILED:
		round_failed(batch, end);
		break;
	case DB_OK:
		more = round_again(batch);
		break;
	}
	if (more || next_alone(batch))
		round_start(batch);
	else
		batch_end(batch);
}

void batch_bind(struct batch *batch, uint32_t tenant, unsigned classes)
{
	const unsigned beside = classes & ~(1u << CLASS_HEALTH);
	if (batch->bound != tenant || tenant == 0)
		db_set_local(batch->flight, DB_TENANT, tenant);
	if (batch->bound_classes != beside)
		db_set_local(batch->flight, DB_CLASSES, beside);
	batch->bound = tenant;
	batch->bound_classes = beside;
}

void batch_dispatch(struct store *store, const struct batch_kind *kind)
{
	while (store->queues[kind->queue].first != NULL && !(kind->single && store->single)) {
		struct db_flight *flight = db_flight(store->db, kind->role, DB_ANY_LANE);
		if (flight == NULL)
			return;
		struct arena *arena = arena_new(BATCH_ARENA);
		struct batch *batch = arena_alloc(arena, sizeof(*batch));
		batch->arena = arena;
		batch->store = store;
		batch->kind = kind;
		batch->flight = flight;
		store->single = store->single || kind->single;
		const unsigned most = kind->single ? 1 : BATCH_MAX;
		while (batch->count < most && store->queues[kind->queue].first != NULL)
			batch->items[batch->count++].call = queue_take(store, kind->queue);
		batch->last = batch->count;
		round_start(batch);
	}
}
