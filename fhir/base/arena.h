/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BASE_ARENA_H
#define FHIR_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The memory of one exchange: a bump allocator that is freed at once. What it hands out is zeroed and aligned for any
 * type. An allocation never fails: past the limit the arena goes on handing out memory and remembers that it is full,
 * so a loop over foreign bytes asks arena_full() once a turn and stops with OUTCOME_TOO_LARGE.
 */
struct arena;

/* A new arena of at most `limit` bytes. The caller owns it. Running out of system memory ends the process. */
struct arena *arena_new(size_t limit);

/* Frees the arena and all it handed out, and sets the pointer to NULL. Accepts a pointer to NULL. */
void arena_free(struct arena **arena);

/* The same a piece at a time: gives back at least `bytes`, or all that is left. True, and the pointer NULL, once nothing is left; until then nothing else may be asked of it. */
bool arena_free_some(struct arena **arena, size_t bytes);

/* `size` zeroed bytes that live as long as the arena. Never NULL; size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* `size` bytes that are not zeroed: for who writes over all that is ever read of them. */
char *arena_bytes(struct arena *arena, size_t size);

/* `count` elements of `size` zeroed bytes; a product that overflows makes the arena full and gives one element. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Allows `more` bytes beyond the limit: for work whose size shows only on the way. An arena that is full stays so. */
void arena_allow(struct arena *arena, size_t more);

/* True once more than the limit was asked for; stays true. */
bool arena_full(const struct arena *arena);

/* Bytes handed out so far. */
size_t arena_used(const struct arena *arena);

#endif
