/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Look-ups by identity, which only the role that writes can see. What they say may be past a moment later: the write that follows decides. */
#include "storage/found.h"
#include "storage/store_change.h"

static void find_came(void *context, const struct db_rows *rows)
{
	struct store_find *find = context;
	if (db_row_count(rows) == 0)
		return;
	find->found = true;
	find->deleted = db_get_bool(rows, 0, 2);
	find->version = (int)db_get_int(rows, 0, 3);
	find->key = (struct resource_key){ .type = find->type == TYPE_NONE ? TYPE_OBSERVATION
									   : find->type,
		.bucket = find->part->bucket,
		.tenant = find->part->tenant,
		.subject = (uint64_t)db_get_int(rows, 0, 1),
		.id = (uint64_t)db_get_int(rows, 0, 0) };
}

static void find_add(struct batch *batch)
{
	for (unsigned i = batch->first; i < batch->last; i++) {
		struct batch_item *item = &batch->items[i];
		if (item->over)
			continue;
		struct store_find *find = (struct store_find *)item->call;
		const struct grant_part *part = find->part;
		const struct mac128 key = seal_reading_key(batch->store->seal, part->tenant,
			part->person, identity_client(find->client, find->text), find->text);
		find->found = false;
		batch_bind(batch, part->tenant, 0);
		struct db_params *params = db_params(batch->arena, 3);
		db_int4(params, part->bucket);
		db_int4(params, (int32_t)part->tenant);
		db_uuid(params, &key);
		db_add(batch->flight, SQL_FIND_KEY, params, find_came, find);
	}
}

static bool find_again(struct batch *batch, struct batch_item *item)
{
	(void)batch;
	call_done(item->call);
	return false;
}

static const struct batch_kind kind = { .queue = KIND_FIND,
	.role = DB_WRITE,
	.transaction = true,
	.add = find_add,
	.again = find_again };

void find_dispatch(struct store *store, instant now)
{
	(void)now;
	batch_dispatch(store, &kind);
}

void store_find(struct store *store, struct store_find *find)
{
	if (find->grant->action != ASK_WRITE || find->part->tenant != find->grant->own_tenant) {
		outcome_fail(find->call.outcome, OUTCOME_FORBIDDEN, (struct str){ 0 },
			"Nothing allows this look-up");
		queue_answer(store, &find->call);
		return;
	}
	queue_call(store, KIND_FIND, &find->call);
}
