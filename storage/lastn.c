/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * $lastn: the statement gives the newest of each code of each part of the grant; here those of codes that mean one thing, of all controllers, become one group.
 */
#include <stdlib.h>

#include "storage/search_bind.h"

/* By leading code; within it newest first. */
static int order(const struct store_place *one, const struct store_place *two)
{
	if (one->canon != two->canon)
		return one->canon < two->canon ? -1 : 1;
	if (one->time_low != two->time_low)
		return one->time_low > two->time_low ? -1 : 1;
	return (one->id < two->id) - (one->id > two->id);
}

static int in_order(const void *a, const void *b)
{
	const struct store_place one = store_place_of(&((const struct found *)a)->row);
	const struct store_place two = store_place_of(&((const struct found *)b)->row);
	return order(&one, &two);
}

static bool is_before(const struct store_search *search, const struct found *found)
{
	const struct store_place place = store_place_of(&found->row);
	return search->has_after && order(&place, &search->after) <= 0;
}

void last_cut(struct finding *finding)
{
	struct store_search *search = finding->search;
	struct founds *founds = &finding->founds;
	size_t kept = 0, of_code = 0, bytes = 0;
	if (founds->count > 1)
		qsort(founds->rows, founds->count, sizeof(*founds->rows), in_order);
	search->more = false;
	uint32_t canon = 0;
	for (size_t i = 0; i < founds->count; i++) {
		const struct found *found = &founds->rows[i];
		of_code = i > 0 && found->row.canon == canon ? of_code + 1 : 1;
		canon = found->row.canon;
		if (of_code > search->last || is_before(search, found))
			continue;
		bytes += found_bytes(found);
		if (kept == search->limit || (kept > 0 && bytes > SEARCH_PAGE_BYTES)) {
			search->more = true;
			break;
		}
		founds->rows[kept++] = *found;
	}
	founds->count = kept;
	finding->kept = *founds;
	if (search->more && kept > 0)
		search->next = store_place_of(&founds->rows[kept - 1].row);
}
