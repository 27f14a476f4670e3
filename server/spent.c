/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/spent.h"

#include "fhir/base/arena.h"

#define PIECE ((size_t)2 << 20) /* bytes: some 100 us */

void spent_add(struct loop *loop, struct arena *arena)
{
	if (arena_used(arena) <= PIECE || loop->spent_count == LOOP_SPENT)
		arena_free(&arena);
	else
		loop->spent[loop->spent_count++] = arena;
}

void spent_free_piece(struct loop *loop)
{
	if (loop->spent_count > 0 && arena_free_some(&loop->spent[loop->spent_count - 1], PIECE))
		loop->spent_count--;
}

void spent_free_all(struct loop *loop)
{
	while (loop->spent_count > 0)
		arena_free(&loop->spent[--loop->spent_count]);
}
