/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Searches: one statement for each part of the grant, each bound to its controller, merged in the search's order. What a part does not open is left out
 * inside the statement, before LIMIT, so that a page is never short because of rows the caller may not see.
 *
 * A condition that no column decides is asked of the stored resources, slice after slice, until the page is full, nothing is left or enough was looked at
 * (storage/search_scan.c). Each slice is a flight of its own and waits for its turn again, so that one such search holds up no other.
 */
#include <stdlib.h>

#include "storage/search_scan.h"
#include "storage/texts.h"

/* Provenances of messages are looked for by the ids of what they are of, where those are named. */
static enum search_messages messages_of(const struct part_finding *part)
{
	const struct finding *finding = part->finding;
	if (finding->search->search->type != TYPE_PROVENANCE)
		return MESSAGES_NONE;
	return finding->search->search->id_count > 0 || finding->by_target ? MESSAGES_IDS
									   : MESSAGES_NEWEST;
}

static struct search_shape shape_of(const struct part_finding *part)
{
	const struct finding *finding = part->finding;
	const struct search *search = finding->search->search;
	const struct search_narrow *narrow = &finding->narrow;
	const bool readings = search->type == TYPE_NONE || search->type == TYPE_OBSERVATION;
	struct search_shape shape = {
		.source = readings ? SOURCE_NEWEST : SOURCE_TYPE,
		.canons = part_limits_codes(part->part),
		.category = search->category_count > 0,
		.time = finding->time.bounded,
		.time_long = finding->time.has_long,
		.dates = finding->dates.count > 0,
		.ascending = search->ascending,
		.updated = search->update_count > 0,
		.value = narrow->by_value,
		.parts = narrow->parts.count > 0,
		.messages = messages_of(part),
		.sorts = search->sorts,
		.sort_count = search->sort_count,
		.after = finding->has_after,
	};
	if (search_is_of_tenant(finding->search)) {
		search_tenant_shape(finding, &shape);
	} else if (finding->search->last > 0) {
		shape.source = SOURCE_LAST;
		shape.code = narrow->code_count > 0;
	} else if (search->id_count > 0) {
		shape.source = SOURCE_IDS;
		shape.code = shape.ids_code = narrow->code_count > 0;
	} else if (finding_is_one_coding(finding) && !shape.canons) {
		shape.source = SOURCE_CODE;
	} else if (narrow->code_count > 0 || shape.canons) {
		shape.source = SOURCE_WALK;
		shape.code = narrow->code_count > 0;
	}
	return shape;
}

static const struct search_text *text_of(
	struct batch *batch, const struct search_shape *shape, uint32_t number)
{
	struct store *store = batch->store;
	if (number == SEARCH_SHAPE_RARE)
		return search_text_new(batch->arena, shape);
	if (store->searches == NULL)
		store->searches =
			arena_array(store->arena, SEARCH_SHAPES, sizeof(*store->searches));
	if (store->searches[number] == NULL)
		store->searches[number] = search_text_new(store->arena, shape);
	return store->searches[number];
}

static void part_came(void *context, const struct db_rows *rows)
{
	struct part_finding *part = context;
	slice_add(part->finding, part->part, rows);
}

static void part_counted(void *context, const struct db_rows *rows)
{
	struct part_finding *part = context;
	if (db_row_count(rows) == 1)
		part->finding->matches += (uint64_t)db_get_int(rows, 0, 0);
}

static bool has_id(const struct part_finding *part, int64_t id)
{
	size_t i = 0;
	while (i < part->id_count && part->ids[i] != id)
		i++;
	return i < part->id_count;
}

/* Those of the ids asked for, or else of those that are targets of what is asked for, that are of this part, each once. */
static void part_ids(struct part_finding *part)
{
	const struct store_search *search = part->finding->search;
	const bool named = search->search->id_count > 0;
	const struct resource_key *keys = named ? search->ids : part->finding->targets;
	const size_t count = named ? search->id_count : part->finding->target_count;
	part->ids = arena_array(search->call.arena, count, sizeof(*part->ids));
	for (size_t i = 0; i < count; i++) {
		const struct resource_key *key = &keys[i];
		if (key->tenant == part->part->tenant && key->subject == part->part->subject &&
			key->bucket == part->part->bucket && !has_id(part, (int64_t)key->id))
			part->ids[part->id_count++] = (int64_t)key->id;
	}
}

/* The statements of a round. */
struct part_list {
	struct part_finding **parts;
	size_t count;
};

static void list_parts(struct part_list *list, struct arena *arena, struct finding *finding)
{
	const struct grant *grant = finding->search->grant;
	for (size_t i = 0; i < grant->count; i++) {
		struct part_finding *part = arena_alloc(arena, sizeof(*part));
		part->finding = finding;
		part->part = &grant->parts[i];
		part_ids(part);
		if (finding->search->search->id_count == 0 || part->id_count > 0)
			list->parts[list->count++] = part;
	}
}

static void add_statement(struct batch *batch, struct part_finding *part, bool counting)
{
	struct search_shape shape = shape_of(part);
	shape.counting = counting;
	const uint32_t number = search_shape_number(&shape);
	const struct search_text *text = text_of(batch, &shape, number);
	struct db_params *params = db_params(batch->arena, text->count);
	search_bind(params, batch->arena, text, part);
	db_add_shape(batch->flight, number, text->text, params, counting ? part_counted : part_came,
		part);
}

/* What must be looked at to be counted is counted when it is. */
static void add_part(struct batch *batch, struct part_finding *part)
{
	const struct finding *finding = part->finding;
	batch_bind(batch, part->part->tenant, part_mask(part->part));
	if (!finding->search->count_only || finding->scanning)
		add_statement(batch, part, false);
	if (finding->search->counted && !finding->scanning)
		add_statement(batch, part, true);
}

static int by_tenant(const void *a, const void *b)
{
	const struct grant_part *one = (*(struct part_finding *const *)a)->part;
	const struct grant_part *two = (*(struct part_finding *const *)b)->part;
	return (one->tenant > two->tenant) - (one->tenant < two->tenant);
}

static size_t part_count(const struct batch *batch)
{
	size_t count = 0;
	for (unsigned i = batch->first; i < batch->last; i++) {
		if (!batch->items[i].over)
			count += ((struct store_search *)batch->items[i].call)->grant->count;
	}
	return count;
}

/* A search whose last slice was not its last goes on where that ended. */
static struct finding *finding_of(struct batch *batch, struct store_search *search)
{
	struct finding *finding = search->state;
	if (finding == NULL) {
		finding = finding_new(search);
		if (search_is_of_tenant(search))
			search_tenant_keys(batch->store->seal, finding);
		search_find_targets(batch->store->seal, finding);
	}
	slice_begin(finding, finding->scanning ? batch->arena : search->call.arena);
	if (finding->scanning)
		search->state = finding;
	return finding;
}

static void search_add(struct batch *batch)
{
	struct part_list list = { .parts = arena_array(
					  batch->arena, part_count(batch), sizeof(*list.parts)) };
	for (unsigned i = batch->first; i < batch->last; i++) {
		struct batch_item *item = &batch->items[i];
		if (item->over)
			continue;
		if (item->round > 0) {
			found_texts(batch, &((struct finding *)item->state)->kept);
			continue;
		}
		item->state = finding_of(batch, (struct store_search *)item->call);
		list_parts(&list, batch->arena, item->state);
	}
	if (list.count > 1)
		qsort(list.parts, list.count, sizeof(struct part_finding *), by_tenant);
	for (size_t i = 0; i < list.count; i++)
		add_part(batch, list.parts[i]);
}

/* ---- what came */

static bool texts_known(const struct store *store, const struct founds *founds)
{
	struct str text;
	for (size_t i = 0; i < founds->count; i++) {
		if (!text_find(store, founds->rows[i].code, &text))
			return false;
	}
	return true;
}

static bool rows_fill(const struct store *store, const struct finding *finding)
{
	struct store_search *search = finding->search;
	search->count = finding->kept.count;
	search->rows = arena_array(search->call.arena, search->count, sizeof(*search->rows));
	for (size_t i = 0; i < search->count; i++) {
		if (!found_row(store, search->call.arena, &finding->kept.rows[i], &search->rows[i]))
			return false;
	}
	return true;
}

static void search_end(struct batch *batch, struct batch_item *item)
{
	struct finding *finding = item->state;
	finding->search->state = NULL;
	if (arena_full(item->call->arena))
		call_fail(item->call, OUTCOME_TOO_LARGE, "the page is too large");
	else if (finding->damaged || !rows_fill(batch->store, finding))
		call_fail(item->call, OUTCOME_FAULT, "a stored reading is damaged");
	else
		call_done(item->call);
}

static bool search_again(struct batch *batch, struct batch_item *item)
{
	struct finding *finding = item->state;
	if (item->round == 1 && finding->search->last > 0) {
		last_cut(finding);
	} else if (item->round == 1) {
		slice_take(batch->store, finding);
		if (slice_goes_on(finding)) {
			queue_call(batch->store, KIND_SCAN, item->call);
			return false;
		}
		page_end(finding);
	}
	/* More codes than one round asks for take another; what cannot be kept is left empty. */
	if (item->round < 3 && !texts_known(batch->store, &finding->kept))
		return true;
	search_end(batch, item);
	return false;
}

static const struct batch_kind kind = { .queue = KIND_SEARCH,
	.role = DB_READ,
	.transaction = true,
	.add = search_add,
	.again = search_again };

/* One at a time, so that its 10 ms of work are all there is in a turn of the loop. */
static const struct batch_kind scan_kind = { .queue = KIND_SCAN,
	.role = DB_READ,
	.transaction = true,
	.single = true,
	.add = search_add,
	.again = search_again };

void search_dispatch(struct store *store, instant now)
{
	(void)now;
	batch_dispatch(store, &kind);
	batch_dispatch(store, &scan_kind);
}

void store_search(struct store *store, struct store_search *search)
{
	search->state = NULL;
	queue_call(store, match_is_needed(search->search) ? KIND_SCAN : KIND_SEARCH, &search->call);
}
