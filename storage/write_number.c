/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ids of a group's readings. Most get the next ones of the lease, in the order of the group; one that others of its write refer to brings its id along, and
 * the row that it must turn out to be: a reference to anything else would lead nowhere, so such a write is rolled back and told which row it would have been.
 */
#include "storage/write_private.h"

#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
	const struct reading *one = *(struct reading *const *)a, *two = *(struct reading *const *)b;
	return (one->id > two->id) - (one->id < two->id);
}

void group_number(struct group *group)
{
	size_t named = 0;
	for (size_t i = 0; i < group->count; i++) {
		const uint64_t id = group->readings[i]->item->id;
		group->readings[i]->id = id != 0 ? id : group->first_id + i;
		named += id != 0 ? 1 : 0;
	}
	group->named_count = 0;
	if (named == 0)
		return;
	group->named = arena_array(group->arena, named, sizeof(struct reading *));
	for (size_t i = 0; i < group->count; i++) {
		if (group->readings[i]->item->id != 0)
			group->named[group->named_count++] = group->readings[i];
	}
	qsort(group->named, named, sizeof(struct reading *), by_id);
}

struct reading *group_reading(const struct group *group, uint64_t id)
{
	const uint64_t place = id - group->first_id;
	if (place < group->count)
		return group->readings[place];
	if (group->named_count == 0)
		return NULL;
	const struct reading wanted = { .id = id };
	const struct reading *key = &wanted;
	struct reading **found =
		bsearch(&key, group->named, group->named_count, sizeof(struct reading *), by_id);
	return found == NULL ? NULL : *found;
}

bool group_moved(struct group *group)
{
	bool moved = false;
	for (size_t i = 0; i < group->count; i++) {
		struct reading *reading = group->readings[i];
		const uint64_t expect = reading->item->expect;
		if (expect == 0 || reading_is_change(reading))
			continue;
		const bool fresh = reading->state == READING_ADDED;
		const uint64_t id = fresh ? reading->id : reading->hit.id;
		if (id == expect)
			continue;
		reading->item->key.id = id;
		reading->fate = WRITE_MOVED;
		reading->state = READING_REFUSED;
		moved = true;
	}
	return moved;
}
