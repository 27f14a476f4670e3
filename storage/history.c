/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The versions of one reading. Whether it is open at all is asked of the row as it is now, whether a version is of that version. */
#include "storage/found.h"
#include "storage/store_change.h"
#include "storage/texts.h"

struct versions {
	struct store_history *history;
	const struct grant_part *part;
	struct founds founds;
	unsigned total;
	bool there;
};

static void now_came(void *context, const struct db_rows *rows)
{
	struct versions *versions = context;
	versions->there = db_row_count(rows) > 0;
}

static void message_now_came(void *context, const struct db_rows *rows)
{
	struct versions *versions = context;
	versions->there = versions->there || db_row_count(rows) > 0;
}

static void versions_came(void *context, const struct db_rows *rows)
{
	struct versions *versions = context;
	if (versions->part == NULL)
		return;
	found_add(&versions->founds, versions->history->key.type, versions->part, rows);
	for (unsigned i = 0; i < db_row_count(rows) && i < versions->founds.count; i++) {
		versions->founds.rows[i].row.deleted = db_get_bool(rows, i, 8);
		versions->total = (unsigned)db_get_int(rows, i, 9);
	}
}

/* Of a Provenance: those of a reading that a message made. What was deleted keeps them, as it keeps its own. */
static void messages_came(void *context, const struct db_rows *rows)
{
	struct versions *versions = context;
	if (db_row_count(rows) == 0)
		return;
	versions_came(versions, rows);
	for (size_t i = 0; i < versions->founds.count; i++)
		versions->founds.rows[i].row.deleted = false;
}

/* An id that opens nothing is asked for by the same statements, for nobody. */
static struct db_params *params_of(
	struct batch *batch, const struct versions *versions, unsigned count)
{
	const struct store_history *history = versions->history;
	if (versions->part == NULL)
		return read_params_nobody(batch->arena, history->grant, &history->key, count);
	return read_params(batch->arena, versions->part, &history->key, count);
}

static struct db_params *range_of(struct batch *batch, const struct versions *versions, int before,
	instant since, int32_t limit)
{
	struct db_params *params = params_of(batch, versions, 12);
	db_int4(params, before);
	db_time(params, since);
	db_int4(params, limit);
	return params;
}

static void ask(struct batch *batch, struct versions *versions)
{
	const struct store_history *history = versions->history;
	const struct grant_part *part = versions->part;
	if (part == NULL)
		batch_bind(batch, history->grant->own_tenant, 0);
	else
		batch_bind(batch, part->tenant, part_mask(part));
	db_add(batch->flight, SQL_READ_ID_CODES, params_of(batch, versions, 9), now_came, versions);
	const int32_t limit = (int32_t)history->limit + 1;
	db_add(batch->flight, SQL_READ_HISTORY,
		range_of(batch, versions, history->before, history->since, limit), versions_came,
		versions);
	if (history->key.type != TYPE_PROVENANCE)
		return;
	db_add(batch->flight, SQL_READ_MESSAGE,
		range_of(batch, versions, INT32_MAX, INSTANT_MIN, 1), message_now_came, versions);
	db_add(batch->flight, SQL_READ_MESSAGE,
		range_of(batch, versions, history->before, history->since, limit), messages_came,
		versions);
}

static void history_add(struct batch *batch)
{
	for (unsigned i = batch->first; i < batch->last; i++) {
		struct batch_item *item = &batch->items[i];
		if (item->over)
			continue;
		if (item->round > 0) {
			found_texts(batch, &((struct versions *)item->state)->founds);
			continue;
		}
		struct store_history *history = (struct store_history *)item->call;
		struct versions *versions = arena_alloc(history->call.arena, sizeof(*versions));
		versions->history = history;
		versions->founds.arena = history->call.arena;
		versions->founds.budget = SEARCH_PAGE_BYTES;
		versions->part = part_of(history->grant, &history->key);
		item->state = versions;
		ask(batch, versions);
	}
}

static bool is_text_missing(const struct batch *batch, const struct founds *founds)
{
	struct str text;
	for (size_t i = 0; i < founds->count; i++) {
		if (!text_find(batch->store, founds->rows[i].code, &text))
			return true;
	}
	return false;
}

static bool history_again(struct batch *batch, struct batch_item *item)
{
	struct store_history *history = (struct store_history *)item->call;
	const struct versions *versions = item->state;
	const struct founds *founds = &versions->founds;
	if (item->round == 1 && is_text_missing(batch, founds))
		return true;
	history->found = versions->there;
	history->more = founds->cut || founds->count > history->limit;
	history->count = founds->count > history->limit ? history->limit : founds->count;
	history->total = versions->total;
	if (!versions->there)
		history->count = history->total = 0;
	history->rows = arena_array(history->call.arena, history->count, sizeof(history->rows[0]));
	for (size_t i = 0; i < history->count; i++) {
		if (found_row(
			    batch->store, history->call.arena, &founds->rows[i], &history->rows[i]))
			continue;
		call_fail(item->call, OUTCOME_FAULT, "a stored reading is damaged");
		return false;
	}
	call_done(item->call);
	return false;
}

static const struct batch_kind kind = { .queue = KIND_HISTORY,
	.role = DB_READ,
	.transaction = true,
	.add = history_add,
	.again = history_again };

void history_dispatch(struct store *store, instant now)
{
	(void)now;
	batch_dispatch(store, &kind);
}

void store_history(struct store *store, struct store_history *history)
{
	queue_call(store, KIND_HISTORY, &history->call);
}
