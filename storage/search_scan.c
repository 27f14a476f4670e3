/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/search_scan.h"

#include <math.h>
#include <stdlib.h>

/* The tree of one resource; a body has at most 1 MiB. */
#define TREE_ARENA ((size_t)64 << 20)
#define TREE_NODES 200000

static size_t page_bytes(const struct store_search *search)
{
	return search->bytes > 0 ? search->bytes : SEARCH_PAGE_BYTES;
}

void slice_begin(struct finding *finding, struct arena *arena)
{
	const bool all = finding->search->counted || finding->search->search->sort_count > 0;
	/* The newest of each code stand in no order yet: there all are needed. */
	const size_t budget = finding->search->last > 0 ? 0 : page_bytes(finding->search);
	finding->founds = (struct founds){ .arena = arena, .budget = budget };
	finding->cut = false;
	finding->slice = finding->search->limit;
	if (finding->search->last > 0)
		finding->slice = finding->search->last - 1;
	/* Each slice of a sorted search sorts all over again: fewer and greater ones. */
	if (finding->scanning)
		finding->slice = all ? 4 * SCAN_SLICE : SCAN_SLICE;
	/* Of rows that were narrowed nearly all match: the page and one more, and some. */
	const bool narrowed = finding->narrow.by_value || finding->narrow.parts.count > 0;
	if (finding->scanning && narrowed && !all && finding->scanned == 0 &&
		finding->search->limit < SCAN_SLICE / 2)
		finding->slice = finding->search->limit + 1 + finding->search->limit / 4;
}

void slice_add(struct finding *finding, const struct grant_part *part, const struct db_rows *rows)
{
	struct founds *founds = &finding->founds;
	const struct search *search = finding->search->search;
	const size_t before = founds->count;
	unsigned words = 0;
	found_add(founds, search->type == TYPE_NONE ? TYPE_OBSERVATION : search->type, part, rows);
	for (size_t i = before; i < founds->count; i++) {
		const unsigned row = (unsigned)(i - before);
		founds->rows[i].row.value =
			db_is_null(rows, row, 8) ? NAN : db_get_float8(rows, row, 8);
		struct store_row *found = &founds->rows[i].row;
		words += founds->rows[i].code == 0 ? 1 : 0;
		if (finding->search->last > 0)
			found->canon = founds->rows[i].code == 0
					       ? last_words(&founds->rows[i])
					       : (uint32_t)db_get_int(rows, row, 9);
		else if (search_is_of_tenant(finding->search))
			search_tenant_row(finding->search, rows, row, found);
		else if (search->sort_count > 0)
			found->code = str_copy(founds->arena, db_get_bytes(rows, row, 9));
	}
	if (finding->search->last > 0 && words >= SEARCH_LAST_WORDS)
		finding->search->words_cut = true;
	if (!founds->cut)
		return;
	const struct store_row *last = &founds->rows[founds->count - 1].row;
	if (!finding->cut || store_row_order(search, last, &finding->end) < 0)
		finding->end = *last;
	finding->cut = true;
}

/* ---- order */

static int order_of_times(instant a, instant b)
{
	return (a > b) - (a < b);
}

double store_value_key(double value, bool descending)
{
	if (!isnan(value))
		return value;
	return descending ? -INFINITY : INFINITY;
}

/* No code begins with the last of Unicode's characters. */
struct str store_code_key(struct str code, bool descending)
{
	if (code.length > 0)
		return code;
	return descending ? STR("") : STR("\xf4\x8f\xbf\xbf");
}

static int order_of_codes(struct str a, struct str b)
{
	const size_t least = a.length < b.length ? a.length : b.length;
	const int order = least == 0 ? 0 : memcmp(a.at, b.at, least);
	return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int order_by(
	const struct search_sort *sort, const struct store_row *a, const struct store_row *b)
{
	double one, two;
	switch (sort->key) {
	case SEARCH_KEY_DATE:
		return order_of_times(a->time_low, b->time_low);
	case SEARCH_KEY_UPDATED:
		return order_of_times(a->updated, b->updated);
	case SEARCH_KEY_VALUE:
		one = store_value_key(a->value, sort->descending);
		two = store_value_key(b->value, sort->descending);
		return (one > two) - (one < two);
	case SEARCH_KEY_CODE:
		break;
	}
	return order_of_codes(store_code_key(a->code, sort->descending),
		store_code_key(b->code, sort->descending));
}

int store_row_order(
	const struct search *search, const struct store_row *a, const struct store_row *b)
{
	const struct search_sort date = { SEARCH_KEY_DATE, !search->ascending };
	const bool sorted = search->sort_count > 0;
	const struct search_sort *sorts = sorted ? search->sorts : &date;
	for (size_t i = 0; i < (sorted ? search->sort_count : 1); i++) {
		const int order = order_by(&sorts[i], a, b);
		if (order != 0)
			return sorts[i].descending ? -order : order;
	}
	const int order = (a->key.id > b->key.id) - (a->key.id < b->key.id);
	return sorts[0].descending ? -order : order;
}

struct store_place store_place_of(const struct store_row *row)
{
	return (struct store_place){ .time_low = row->time_low,
		.updated = row->updated,
		.value = row->value,
		.code = row->code,
		.canon = row->canon,
		.version = row->version,
		.id = row->key.id };
}

static int in_order(const void *a, const void *b, void *search)
{
	return store_row_order(
		search, &((const struct found *)a)->row, &((const struct found *)b)->row);
}

/* ---- what matches */

static bool matches(const struct store *store, struct finding *finding, const struct found *found)
{
	struct arena *arena = arena_new(TREE_ARENA);
	struct outcome outcome = { .arena = arena };
	struct match_resource resource = { .updated = found->row.updated };
	struct str body;
	bool match = false;
	if (found_body(store, arena, found, &body))
		resource.json = json_parse(arena, body, TREE_NODES, &outcome);
	if (resource.json == NULL)
		finding->damaged = true;
	else
		match = match_rest(
			arena, finding->search->search, &finding->search->policy, &resource);
	arena_free(&arena);
	return match;
}

static void keep(struct finding *finding, const struct found *found)
{
	struct found *kept = &finding->kept.rows[finding->kept.count++];
	*kept = *found;
	kept->packed = str_copy(finding->kept.arena, found->packed);
	kept->row.code = str_copy(finding->kept.arena, found->row.code);
}

/* A match goes on the page while that has room: for one row more than are shown, and for its bytes. */
static void take(struct finding *finding, const struct found *found)
{
	const struct store_search *search = finding->search;
	if (finding->full || finding->kept.count > search->limit)
		return;
	finding->kept_bytes += found_bytes(found);
	finding->full = finding->kept.count > 0 && finding->kept_bytes > page_bytes(search);
	if (!finding->full)
		keep(finding, found);
}

static bool wants_more(const struct finding *finding)
{
	const struct store_search *search = finding->search;
	return search->counted || (!finding->full && finding->kept.count <= search->limit);
}

/* What stands behind the end of a part that was cut waits for the next slice. */
static void cut_off(struct finding *finding)
{
	struct founds *founds = &finding->founds;
	while (finding->cut && founds->count > 0 &&
		store_row_order(finding->search->search, &founds->rows[founds->count - 1].row,
			&finding->end) > 0)
		founds->count--;
}

void slice_take(const struct store *store, struct finding *finding)
{
	struct founds *founds = &finding->founds;
	struct store_search *search = finding->search;
	if (search->grant->count > 1 && founds->count > 1)
		qsort_r(founds->rows, founds->count, sizeof(*founds->rows), in_order,
			(void *)search->search);
	cut_off(finding);
	finding->exhausted = !finding->cut && founds->count <= finding->slice;
	if (founds->count > finding->slice)
		founds->count = finding->slice;
	if (!finding->scanning) {
		finding->kept = *founds;
		return;
	}
	/* One more than the page shows that there is more. */
	for (size_t i = 0; i < founds->count && !finding->damaged; i++) {
		if (!wants_more(finding))
			return;
		finding->scanned++;
		finding->scanned_bytes += found_bytes(&founds->rows[i]);
		if (!matches(store, finding, &founds->rows[i]))
			continue;
		finding->matches++;
		take(finding, &founds->rows[i]);
	}
	if (founds->count == 0)
		return;
	finding->has_after = true;
	finding->after = store_place_of(&founds->rows[founds->count - 1].row);
	finding->after.code = str_copy(search->call.arena, finding->after.code);
}

bool slice_goes_on(const struct finding *finding)
{
	const struct store_search *search = finding->search;
	const unsigned most = search->counted ? SCAN_MOST_ALL : SCAN_MOST;
	return finding->scanning && !finding->exhausted && !finding->damaged &&
	       finding->scanned < most && finding->scanned_bytes < SCAN_BYTES &&
	       wants_more(finding);
}

/* Those of the page: as many as are asked for, and as their bytes allow. */
static size_t rows_that_fit(const struct finding *finding)
{
	const struct store_search *search = finding->search;
	const struct founds *kept = &finding->kept;
	size_t count = 0, bytes = 0;
	while (count < kept->count && count < search->limit) {
		bytes += found_bytes(&kept->rows[count]);
		if (count > 0 && bytes > page_bytes(search))
			break;
		count++;
	}
	return count;
}

void page_end(struct finding *finding)
{
	struct store_search *search = finding->search;
	struct founds *kept = &finding->kept;
	search->more = false;
	search->total_known = search->counted && (!finding->scanning || finding->exhausted);
	search->total = finding->matches;
	if (search->count_only) {
		kept->count = 0;
		return;
	}
	const size_t fits = rows_that_fit(finding);
	if (finding->full || fits < kept->count) {
		kept->count = fits;
		search->more = true;
	} else {
		search->more = !finding->exhausted;
		/* Short by the bound: the next page begins behind what was looked at. */
		search->next = finding->after;
		if (finding->scanning)
			return;
	}
	if (search->more && kept->count > 0) {
		search->next = store_place_of(&kept->rows[kept->count - 1].row);
		search->next.code = str_copy(search->call.arena, search->next.code);
	}
}
