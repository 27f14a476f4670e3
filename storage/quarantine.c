/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The next released message: that there is one is asked across controllers, without its content; the message itself is taken under its controller's. */
#include "storage/quarantine.h"

#include "storage/pack.h"
#include "storage/store_private.h"

void keep_number(const struct mac128 *digest, char out[static KEEP_NUMBER])
{
	static const char digits[] = "0123456789abcdef";
	*out++ = 'Q';
	*out++ = '-';
	for (size_t i = 0; i < sizeof(digest->bytes) / 2; i++) {
		*out++ = digits[digest->bytes[i] >> 4];
		*out++ = digits[digest->bytes[i] & 15];
	}
	*out = '\0';
}

struct taking {
	struct store *store;
	struct db_flight *flight;
	struct store_release *release;
};

static struct taking *taking_new(
	struct store *store, struct db_flight *flight, struct store_call *call)
{
	struct taking *taking = arena_alloc(call->arena, sizeof(*taking));
	*taking = (struct taking){
		.store = store, .flight = flight, .release = (struct store_release *)call
	};
	return taking;
}

/* ---- is there one? */

static void due_came(void *context, const struct db_rows *rows)
{
	struct store_release *release = ((struct taking *)context)->release;
	release->found = db_row_count(rows) == 1;
	if (!release->found)
		return;
	release->bucket = (uint16_t)db_get_int(rows, 0, 0);
	release->tenant = (uint32_t)db_get_int(rows, 0, 1);
	release->digest = db_get_uuid(rows, 0, 2);
}

static void due_synced(void *context, const struct db_end *end)
{
	const struct taking taking = *(struct taking *)context;
	struct store_call *call = &taking.release->call;
	if (end->status != DB_LOST)
		db_land(taking.flight);
	if (end->status != DB_OK)
		call_end(taking.store, call, end);
	else if (taking.release->found)
		queue_call(taking.store, KIND_CLAIM, call);
	else
		call_done(call);
}

void due_dispatch(struct store *store, instant now)
{
	(void)now;
	if (store->queues[KIND_DUE].first == NULL)
		return;
	struct db_flight *flight = db_flight(store->db, DB_RESOLVE, DB_ANY_LANE);
	if (flight == NULL)
		return;
	struct taking *taking = taking_new(store, flight, queue_take(store, KIND_DUE));
	db_add(flight, SQL_QUARANTINE_DUE, NULL, due_came, taking);
	db_sync(flight, due_synced, taking);
}

/* ---- its message */

static void claim_came(void *context, const struct db_rows *rows)
{
	struct store_release *release = ((struct taking *)context)->release;
	struct arena *arena = release->call.arena;
	release->found = db_row_count(rows) == 1;
	if (!release->found)
		return; /* another hub has it */
	release->form = (enum keep_form)db_get_int(rows, 0, 0);
	release->client = str_copy(arena, db_get_bytes(rows, 0, 2));
	if (!pack_open(arena, (int)db_get_int(rows, 0, 1),
		    str_copy(arena, db_get_bytes(rows, 0, 3)), &release->body))
		outcome_fail(release->call.outcome, OUTCOME_FAULT, (struct str){ 0 },
			"A message kept aside cannot be unpacked");
}

static void claim_synced(void *context, const struct db_end *end)
{
	const struct taking taking = *(struct taking *)context;
	struct store_call *call = &taking.release->call;
	if (end->status != DB_LOST)
		db_land(taking.flight);
	if (end->status == DB_OK && end->committed)
		call_done(call);
	else
		call_end(taking.store, call, end);
}

void claim_dispatch(struct store *store, instant now)
{
	(void)now;
	if (store->queues[KIND_CLAIM].first == NULL)
		return;
	struct db_flight *flight = db_flight(store->db, DB_WRITE, DB_ANY_LANE);
	if (flight == NULL)
		return;
	struct taking *taking = taking_new(store, flight, queue_take(store, KIND_CLAIM));
	const struct store_release *release = taking->release;
	struct db_params *params = db_params(release->call.arena, 3);
	db_int4(params, release->bucket);
	db_int4(params, (int32_t)release->tenant);
	db_uuid(params, &release->digest);
	db_begin(flight);
	db_set_local(flight, DB_TENANT, release->tenant);
	db_add(flight, SQL_QUARANTINE_CLAIM, params, claim_came, taking);
	db_commit_sync(flight, claim_synced, taking);
}

void store_release(struct store *store, struct store_release *release)
{
	queue_call(store, KIND_DUE, &release->call);
}
