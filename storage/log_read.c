/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The citizen's own log. One statement for each of the persons that are one citizen, each bound to that person by SET LOCAL hub.person. The first
 * round looks at half a year, which leaves the older partitions alone; only a page that this does not fill asks for all.
 */
#include <stdlib.h>

#include "storage/batch.h"

/* The salt of a row stands before its JSON. */
#define WINDOW (183 * 24 * 3600 * INSTANT_SECOND)

struct log_reading {
	struct store_log_read *read;
	struct log_entry *entries;
	size_t count, room;
	bool damaged;
};

static struct log_entry *entry_new(struct log_reading *reading)
{
	if (reading->count == reading->room) {
		const size_t room = reading->room == 0 ? 32 : reading->room * 2;
		struct log_entry *entries =
			arena_array(reading->read->call.arena, room, sizeof(*entries));
		if (reading->count > 0)
			memcpy(entries, reading->entries, reading->count * sizeof(*entries));
		reading->entries = entries;
		reading->room = room;
	}
	return &reading->entries[reading->count++];
}

static void entries_came(void *context, const struct db_rows *rows)
{
	struct log_reading *reading = context;
	struct arena *arena = reading->read->call.arena;
	for (unsigned i = 0; i < db_row_count(rows) && !arena_full(arena); i++) {
		struct str body = { 0 };
		if (!log_body_open(arena, db_get_bytes(rows, i, 9), &body))
			reading->damaged = true;
		*entry_new(reading) = (struct log_entry){
			.at = db_get_time(rows, i, 0),
			.id = (uint64_t)db_get_int(rows, i, 1),
			.corr = (uint64_t)db_get_int(rows, i, 2),
			.tenant = (uint32_t)db_get_int(rows, i, 3),
			.actor_orgnr = (uint32_t)db_get_int(rows, i, 4),
			.op = (enum log_op)db_get_int(rows, i, 5),
			.type = (enum resource_type)db_get_int(rows, i, 6),
			.outcome = (enum log_outcome)db_get_int(rows, i, 7),
			.classes = (unsigned)db_get_int(rows, i, 8),
			.body = body,
			.context = str_copy(arena, db_get_bytes(rows, i, 10)),
		};
	}
}

static void add_person(struct batch *batch, struct log_reading *reading,
	const struct grant_part *part, instant oldest)
{
	const struct store_log_read *read = reading->read;
	db_set_local(batch->flight, DB_PERSON, part->person);
	struct db_params *params = db_params(batch->arena, 6);
	db_int4(params, part->bucket);
	db_int8(params, (int64_t)part->person);
	db_time(params, read->has_before ? read->before_at : INSTANT_MAX);
	db_int8(params, read->has_before ? (int64_t)read->before_id : INT64_MAX);
	db_int4(params, (int32_t)read->limit + 1);
	db_time(params, oldest);
	db_add(batch->flight, SQL_LOG_PERSON, params, entries_came, reading);
}

static void log_add(struct batch *batch)
{
	for (unsigned i = batch->first; i < batch->last; i++) {
		struct batch_item *item = &batch->items[i];
		if (item->over)
			continue;
		struct store_log_read *read = (struct store_log_read *)item->call;
		struct log_reading *reading = arena_alloc(read->call.arena, sizeof(*reading));
		reading->read = read;
		item->state = reading;
		const instant now = batch->store->now;
		const instant from =
			read->has_before && read->before_at < now ? read->before_at : now;
		for (size_t j = 0; j < read->grant->count; j++)
			add_person(batch, reading, &read->grant->parts[j],
				item->round == 0 ? from - WINDOW : INSTANT_MIN);
	}
}

static int newest_first(const void *a, const void *b)
{
	const struct log_entry *one = a, *two = b;
	if (one->at != two->at)
		return one->at > two->at ? -1 : 1;
	return (one->id < two->id) - (one->id > two->id);
}

static bool log_again(struct batch *batch, struct batch_item *item)
{
	(void)batch;
	struct store_log_read *read = (struct store_log_read *)item->call;
	const struct log_reading *reading = item->state;
	if (item->round == 1 && reading->count <= read->limit)
		return true;
	if (arena_full(read->call.arena)) {
		call_fail(item->call, OUTCOME_TOO_LARGE, "the page is too large");
		return false;
	}
	if (reading->damaged) {
		call_fail(item->call, OUTCOME_FAULT, "a row of the log is damaged");
		return false;
	}
	if (read->grant->count > 1 && reading->count > 1)
		qsort(reading->entries, reading->count, sizeof(*reading->entries), newest_first);
	read->entries = reading->entries;
	read->more = reading->count > read->limit;
	read->count = read->more ? read->limit : reading->count;
	call_done(item->call);
	return false;
}

static const struct batch_kind kind = { .queue = KIND_LOG_READ,
	.role = DB_AUDIT,
	.transaction = true,
	.add = log_add,
	.again = log_again };

void log_read_dispatch(struct store *store, instant now)
{
	(void)now;
	batch_dispatch(store, &kind);
}

void store_log_read(struct store *store, struct store_log_read *read)
{
	queue_call(store, KIND_LOG_READ, &read->call);
}
