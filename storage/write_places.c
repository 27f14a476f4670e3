/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Which reading of a group has to do with a row: a transaction may correct five thousand, or delete half as many and store others in their place, and each asks for its row.
 */
#include "storage/write_private.h"

struct place {
	uint64_t
		row; /* 0: empty; the rows' numbers are the database's, so nobody chooses which meet */
	struct reading *reading;
};

struct places {
	struct place *at;
	size_t mask;
};

struct places *places_new(struct arena *arena, size_t count)
{
	size_t size = 16;
	while (size < 2 * count)
		size *= 2;
	struct places *places = arena_alloc(arena, sizeof(*places));
	places->at = arena_array(arena, size, sizeof(*places->at));
	places->mask = size - 1;
	return places;
}

static struct place *place_of(const struct places *places, uint64_t row)
{
	size_t at = row & places->mask;
	while (places->at[at].row != 0 && places->at[at].row != row)
		at = (at + 1) & places->mask;
	return &places->at[at];
}

struct reading *places_find(const struct places *places, uint64_t row)
{
	return place_of(places, row)->reading;
}

bool places_take(struct places *places, uint64_t row, struct reading *reading)
{
	struct place *place = place_of(places, row);
	if (place->row != 0)
		return false;
	*place = (struct place){ row, reading };
	return true;
}
