/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The locator: which controllers hold what kind of data. A class that no rule opens for the caller is not told of. */
#include <stdlib.h>

#include "storage/batch.h"

struct locating {
	struct store_locate *locate;
	struct locator_entry *entries;
	size_t count, room;
};

static void entries_came(void *context, const struct db_rows *rows)
{
	struct locating *locating = context;
	struct store_locate *locate = locating->locate;
	const unsigned count = db_row_count(rows);
	locating->entries = arena_array(locate->call.arena, count, sizeof(*locating->entries));
	for (unsigned i = 0; i < count; i++) {
		const size_t part = (size_t)db_get_int(rows, i, 0) - 1;
		if (part >= locate->grant->count)
			continue;
		locating->entries[locating->count++] = (struct locator_entry){
			.tenant = locate->grant->parts[part].tenant,
			.category = str_copy(locate->call.arena, db_get_bytes(rows, i, 1)),
			.month = (int)db_get_int(rows, i, 2),
		};
	}
}

static unsigned open_classes(const struct grant_part *part)
{
	unsigned classes = part->classes;
	for (size_t i = 0; i < part->canon_count; i++)
		classes |= part->canon_classes[i];
	return classes;
}

static void add_one(struct batch *batch, struct batch_item *item)
{
	struct store_locate *locate = (struct store_locate *)item->call;
	const struct grant *grant = locate->grant;
	struct locating *locating = arena_alloc(locate->call.arena, sizeof(*locating));
	locating->locate = locate;
	item->state = locating;
	int32_t *homes = arena_array(batch->arena, grant->count, sizeof(*homes));
	int64_t *persons = arena_array(batch->arena, grant->count, sizeof(*persons));
	int32_t *tenants = arena_array(batch->arena, grant->count, sizeof(*tenants));
	int32_t *classes = arena_array(batch->arena, grant->count, sizeof(*classes));
	for (size_t i = 0; i < grant->count; i++) {
		homes[i] = grant->parts[i].bucket;
		persons[i] = (int64_t)grant->parts[i].person;
		tenants[i] = (int32_t)grant->parts[i].tenant;
		classes[i] = (int32_t)open_classes(&grant->parts[i]);
	}
	struct db_params *params = db_params(batch->arena, 4);
	db_int4s(params, homes, grant->count);
	db_int8s(params, persons, grant->count);
	db_int4s(params, tenants, grant->count);
	db_int4s(params, classes, grant->count);
	db_add(batch->flight, SQL_LOCATE, params, entries_came, locating);
}

static void locate_add(struct batch *batch)
{
	for (unsigned i = batch->first; i < batch->last; i++) {
		if (!batch->items[i].over)
			add_one(batch, &batch->items[i]);
	}
}

/* By controller, then category, the newest month first. */
static int by_place(const void *a, const void *b)
{
	const struct locator_entry *one = a, *two = b;
	if (one->tenant != two->tenant)
		return one->tenant < two->tenant ? -1 : 1;
	const int order = str_compare(one->category, two->category);
	return order != 0 ? order : (one->month < two->month) - (one->month > two->month);
}

static bool is_same_place(const struct locator_entry *a, const struct locator_entry *b)
{
	return a->tenant == b->tenant && str_equal(a->category, b->category);
}

/* Of joined persons each has entries of its own: one a controller and category is told. */
static bool locate_again(struct batch *batch, struct batch_item *item)
{
	(void)batch;
	struct store_locate *locate = (struct store_locate *)item->call;
	const struct locating *locating = item->state;
	struct locator_entry *entries = locating->entries;
	locate->entries = entries;
	locate->count = 0;
	if (locating->count > 1)
		qsort(entries, locating->count, sizeof(*entries), by_place);
	for (size_t i = 0; i < locating->count; i++) {
		if (i == 0 || !is_same_place(&entries[locate->count - 1], &entries[i]))
			entries[locate->count++] = entries[i];
	}
	call_done(item->call);
	return false;
}

static const struct batch_kind kind = {
	.queue = KIND_LOCATE, .role = DB_RESOLVE, .add = locate_add, .again = locate_again
};

void locate_dispatch(struct store *store, instant now)
{
	(void)now;
	batch_dispatch(store, &kind);
}

void store_locate(struct store *store, struct store_locate *locate)
{
	queue_call(store, KIND_LOCATE, &locate->call);
}
