/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The store's frame: its queues, its ids, and the table of who dispatches what. Each kind of call has a file of its own.
 */
#include "storage/store_private.h"

#include <assert.h>

/* The store keeps caches of what it committed; all are bounded by count, so this is never reached. */
#define STORE_ARENA ((size_t)256 << 20)

/* One row a kind of work. */
static void (*const dispatchers[])(struct store *store, instant now) = {
	lease_dispatch,
	codes_dispatch,
	horizon_dispatch, /* before the writes, which would take every lane */
	write_dispatch,
	probe_dispatch,
	resolve_dispatch,
	rules_dispatch,
	read_dispatch,
	search_dispatch,
	log_read_dispatch,
	locate_dispatch,
	history_dispatch,
	find_dispatch,
	due_dispatch,
	claim_dispatch,
};

void call_done(struct store_call *call)
{
	call->done(call->context);
}

void call_fail(struct store_call *call, enum outcome_kind kind, const char *text)
{
	outcome_fail(call->outcome, kind, (struct str){ 0 }, "%s", text);
	call_done(call);
}

void call_end(struct store *store, struct store_call *call, const struct db_end *end)
{
	if (end->status == DB_LOST) {
		call_fail(call, OUTCOME_BUSY, "The database is away");
		return;
	}
	store_note(store, end);
	if (strcmp(end->sqlstate, "57014") == 0) /* query_canceled: the role's statement_timeout */
		call_fail(call, OUTCOME_TIMEOUT, "The database took too long over this");
	else if (db_is_transient(end->sqlstate))
		call_fail(call, OUTCOME_BUSY, "The database is busy");
	else
		call_fail(call, OUTCOME_FAULT, "The database refused the statement");
}

void store_note(const struct store *store, const struct db_end *end)
{
	db_tell(store->db, end);
}

static void append(struct call_queue *queue, struct store_call *call)
{
	call->next = NULL;
	if (queue->last == NULL)
		queue->first = call;
	else
		queue->last->next = call;
	queue->last = call;
	queue->count++;
}

static struct store_call *take(struct call_queue *queue)
{
	struct store_call *call = queue->first;
	if (call == NULL)
		return NULL;
	queue->first = call->next;
	if (queue->first == NULL)
		queue->last = NULL;
	queue->count--;
	call->next = NULL;
	return call;
}

void queue_answer(struct store *store, struct store_call *call)
{
	append(&store->answered, call);
}

void queue_refuse(struct store *store, struct store_call *call)
{
	outcome_fail(call->outcome, OUTCOME_BUSY, (struct str){ 0 }, "The hub is busy; try again");
	queue_answer(store, call);
}

void queue_call(struct store *store, enum store_kind kind, struct store_call *call)
{
	call->since = store->now;
	if (store->queues[kind].count >= store->settings.queue_max)
		queue_refuse(store, call);
	else
		append(&store->queues[kind], call);
}

struct store_call *queue_take(struct store *store, enum store_kind kind)
{
	return take(&store->queues[kind]);
}

void queue_return(struct store *store, enum store_kind kind, struct store_call *call)
{
	struct call_queue *queue = &store->queues[kind];
	call->next = queue->first;
	queue->first = call;
	if (queue->last == NULL)
		queue->last = call;
	queue->count++;
}

bool store_is_resting(const struct store *store, instant failed_at)
{
	return store->now >= failed_at && store->now - failed_at < INSTANT_SECOND;
}

/* ---- ids */

uint64_t store_ids(struct store *store, unsigned count)
{
	struct lease *lease = &store->lease;
	assert(count <= LEASE_IDS);
	if (lease->end - lease->next < count) {
		if (lease->spare == 0)
			return 0;
		lease->next = lease->spare;
		lease->end = lease->spare + LEASE_IDS;
		lease->spare = 0;
	}
	const uint64_t first = lease->next;
	lease->next += count;
	return first;
}

uint64_t store_corr(struct store *store)
{
	return store_ids(store, 1);
}

static void leased(void *context, const struct db_rows *rows)
{
	struct store *store = context;
	if (db_row_count(rows) == 1)
		store->lease.spare = (uint64_t)db_get_int(rows, 0, 0);
}

static void lease_synced(void *context, const struct db_end *end)
{
	struct store *store = context;
	store->lease.asked = false;
	if (end->status == DB_LOST)
		return;
	if (end->status == DB_FAILED) {
		store->lease.failed_at = store->now;
		store_note(store, end);
	}
	db_land(store->lease.flight);
}

/* One block is always ready behind the one in use. */
void lease_dispatch(struct store *store, instant now)
{
	(void)now;
	if (store->lease.spare != 0 || store->lease.asked ||
		store_is_resting(store, store->lease.failed_at))
		return;
	struct db_flight *flight = db_flight(store->db, DB_WRITE, DB_ANY_LANE);
	if (flight == NULL)
		return;
	store->lease.asked = true;
	store->lease.flight = flight;
	db_add(flight, SQL_LEASE, NULL, leased, store);
	db_sync(flight, lease_synced, store);
}

/* ---- the frame */

static void refuse_old(struct store *store, instant age)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct call_queue *queue = &store->queues[kind];
		while (queue->first != NULL && store->now - queue->first->since >= age)
			queue_refuse(store, take(queue));
	}
}

static void tell_answered(struct store *store)
{
	struct call_queue answered = store->answered;
	store->answered = (struct call_queue){ 0 };
	for (struct store_call *call = take(&answered); call != NULL; call = take(&answered))
		call_done(call);
}

static void dispatch(void *context, instant now)
{
	struct store *store = context;
	store->now = now;
	for (size_t i = 0; i < sizeof(dispatchers) / sizeof(dispatchers[0]); i++)
		dispatchers[i](store, now);
	refuse_old(store, QUEUE_AGE);
	tell_answered(store);
}

struct store *store_open(
	struct db *db, const struct seal *seal, const struct store_settings *settings)
{
	struct arena *arena = arena_new(STORE_ARENA);
	struct store *store = arena_alloc(arena, sizeof(*store));
	store->arena = arena;
	store->db = db;
	store->seal = seal;
	store->settings = *settings;
	store->codes = codes_new(store);
	store->texts = texts_new();
	store->writer = writer_new(store);
	db_on_flush(db, dispatch, store);
	return store;
}

void store_close(struct store **store)
{
	if (*store == NULL)
		return;
	writer_close((*store)->writer);
	refuse_old(*store, 0);
	tell_answered(*store);
	codes_close((*store)->codes);
	texts_close((*store)->texts);
	struct arena *arena = (*store)->arena;
	*store = NULL;
	arena_free(&arena);
}
