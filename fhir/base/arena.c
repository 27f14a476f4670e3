/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A chain of blocks that grow in size. Each piece is zeroed when it is handed out, not when its block is
 * taken, so that a small exchange pays for what it uses; a very large one comes in fresh pages. With AddressSanitizer every piece is followed by a
 * poisoned gap, or the fuzzers would not see a read past the end of one.
 */
#include "fhir/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fhir/base/sanitizer.h"

#if HAS_ASAN
#include <sanitizer/asan_interface.h>
#define ARENA_GAP             32
#define ARENA_CLOSE(at, size) ASAN_POISON_MEMORY_REGION(at, size)
#define ARENA_OPEN(at, size)  ASAN_UNPOISON_MEMORY_REGION(at, size)
#else
#define ARENA_GAP             0
#define ARENA_CLOSE(at, size) (void)0
#define ARENA_OPEN(at, size)  (void)0
#endif

#define ALIGNMENT   ((size_t)16)
#define BLOCK_FIRST ((size_t)16 << 10)
#define BLOCK_LAST  ((size_t)256 << 10)
#define BLOCK_LARGE ((size_t)4 << 20) /* of an arena that has so much */
#define PAGES_FROM  ((size_t)256 << 10)

struct block {
	struct block *next;
	size_t size; /* of the bytes behind this header */
};

struct arena {
	struct block *blocks;
	char *at;
	size_t left;
	size_t block_size;
	size_t limit;
	size_t used;
	bool full;
};

_Static_assert(sizeof(struct block) % ALIGNMENT == 0, "pieces behind the header must be aligned");

static size_t rounded(size_t size)
{
	if (size > SIZE_MAX / 2)
		abort(); /* no machine has this much: as running out of memory */
	return (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static char *block_new(struct arena *arena, size_t size, bool zeroed)
{
	struct block *block =
		zeroed ? calloc(1, sizeof(*block) + size) : malloc(sizeof(*block) + size);
	if (block == NULL)
		abort();
	block->next = arena->blocks;
	block->size = size;
	arena->blocks = block;
	char *at = (char *)(block + 1);
	ARENA_CLOSE(at, size);
	return at;
}

struct arena *arena_new(size_t limit)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	if (arena == NULL)
		abort();
	arena->limit = limit;
	arena->block_size = BLOCK_FIRST;
	return arena;
}

void arena_allow(struct arena *arena, size_t more)
{
	arena->limit = more > SIZE_MAX - arena->limit ? SIZE_MAX : arena->limit + more;
}

/* Worth cutting short, and cheap to: not with the sanitizer, whose realloc() copies. */
static bool block_is_long(const struct block *block, size_t bytes)
{
	return !HAS_ASAN && bytes >= PAGES_FROM && block->size / 2 > bytes;
}

/* Cuts the first block short: freed at once, 40 MB take 3 ms. One that is mapped gives the pages of its end back and stays where it is. */
static void shorten(struct arena *arena, size_t bytes)
{
	const size_t size = arena->blocks->size - bytes;
	struct block *block = realloc(arena->blocks, sizeof(*block) + size);
	if (block == NULL)
		abort();
	block->size = size;
	arena->blocks = block;
}

bool arena_free_some(struct arena **arena, size_t bytes)
{
	if (*arena == NULL)
		return true;
	for (size_t freed = 0; (*arena)->blocks != NULL && freed < bytes;) {
		struct block *block = (*arena)->blocks;
		if (block_is_long(block, bytes)) {
			shorten(*arena, bytes);
			return false;
		}
		(*arena)->blocks = block->next;
		freed += block->size;
		ARENA_OPEN((char *)(block + 1), block->size);
		free(block);
	}
	if ((*arena)->blocks != NULL)
		return false;
	free(*arena);
	*arena = NULL;
	return true;
}

void arena_free(struct arena **arena)
{
	arena_free_some(arena, SIZE_MAX);
}

/* A piece that the current block has no room for. Large ones get a block of their own and leave the rest for later. */
static char *piece_new(struct arena *arena, size_t size)
{
	if (size > arena->block_size / 4)
		return block_new(arena, size, false);
	arena->at = block_new(arena, arena->block_size, false);
	arena->left = arena->block_size - size;
	if (arena->block_size < BLOCK_LAST)
		arena->block_size *= 2;
	else if (arena->used >= BLOCK_LARGE)
		arena->block_size = BLOCK_LARGE;
	char *piece = arena->at;
	arena->at += size;
	return piece;
}

/* What the arena is charged for `size` bytes. */
static size_t charge(struct arena *arena, size_t size)
{
	const size_t want = rounded(size == 0 ? 1 : size);
	arena->used += want;
	if (arena->used > arena->limit)
		arena->full = true;
	return want + ARENA_GAP;
}

static char *take(struct arena *arena, size_t size)
{
	const size_t taken = charge(arena, size);
	char *piece = arena->at;
	if (taken <= arena->left) {
		arena->at += taken;
		arena->left -= taken;
	} else {
		piece = piece_new(arena, taken);
	}
	ARENA_OPEN(piece, size);
	return piece;
}

/* The system's pages are zero already: each is paid for when it is first written, not all of them at once. */
static char *take_pages(struct arena *arena, size_t size)
{
	char *piece = block_new(arena, charge(arena, size), true);
	ARENA_OPEN(piece, size);
	return piece;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size >= PAGES_FROM)
		return take_pages(arena, size);
	return memset(take(arena, size), 0, size);
}

char *arena_bytes(struct arena *arena, size_t size)
{
	return take(arena, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total) || total > SIZE_MAX / 4) {
		arena->full = true;
		return arena_alloc(arena, size);
	}
	return arena_alloc(arena, total);
}

bool arena_full(const struct arena *arena)
{
	return arena->full;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
