/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The locator: which controllers hold what kind of data. A class that no rule opens for the caller is not told of. hub.locator says where to look, and the readings whether anything is left
 * there: so a writer takes nothing back, whatever it deletes, and no hub need know what another one has deleted (its cache of what the locator has stays right).
 */
#include <stdlib.h>

#include "storage/batch.h"
#include "storage/found.h"

struct locating {
	struct store_locate *locate;
	struct locator_entry *entries;
	size_t count, room;
};

/* What one part of the grant is asked for. */
struct locating_part {
	struct locating *locating;
	uint32_t tenant;
};

static void make_room(struct locating *locating, size_t more)
{
	if (locating->count + more <= locating->room)
		return;
	struct locator_entry *before = locating->entries;
	locating->room = 2 * (locating->count + more);
	locating->entries = arena_array(
		locating->locate->call.arena, locating->room, sizeof(*locating->entries));
	if (locating->count > 0)
		memcpy(locating->entries, before, locating->count * sizeof(*before));
}

static void entries_came(void *context, const struct db_rows *rows)
{
	const struct locating_part *asked = context;
	struct locating *locating = asked->locating;
	const unsigned count = db_row_count(rows);
	make_room(locating, count);
	for (unsigned i = 0; i < count; i++)
		locating->entries[locating->count++] = (struct locator_entry){
			.tenant = asked->tenant,
			.category =
				str_copy(locating->locate->call.arena, db_get_bytes(rows, i, 0)),
			.month = (int)db_get_int(rows, i, 1),
		};
}

static void add_part(struct batch *batch, struct locating *locating, const struct grant_part *part)
{
	struct locating_part *asked = arena_alloc(batch->arena, sizeof(*asked));
	*asked = (struct locating_part){ locating, part->tenant };
	batch_bind(batch, part->tenant, part_mask(part));
	struct db_params *params = db_params(batch->arena, 5);
	db_int4(params, part->bucket);
	db_int4(params, (int32_t)part->tenant);
	db_int8(params, (int64_t)part->person);
	db_int8(params, (int64_t)part->subject);
	db_int4(params, (int32_t)part_mask(part));
	db_add(batch->flight, SQL_LOCATE, params, entries_came, asked);
}

static void add_one(struct batch *batch, struct batch_item *item)
{
	struct store_locate *locate = (struct store_locate *)item->call;
	struct locating *locating = arena_alloc(locate->call.arena, sizeof(*locating));
	locating->locate = locate;
	item->state = locating;
	for (size_t i = 0; i < locate->grant->count; i++)
		add_part(batch, locating, &locate->grant->parts[i]);
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

static const struct batch_kind kind = { .queue = KIND_LOCATE,
	.role = DB_READ,
	.transaction = true,
	.add = locate_add,
	.again = locate_again };

void locate_dispatch(struct store *store, instant now)
{
	(void)now;
	batch_dispatch(store, &kind);
}

void store_locate(struct store *store, struct store_locate *locate)
{
	queue_call(store, KIND_LOCATE, &locate->call);
}
