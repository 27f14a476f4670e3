/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "fhir/base/arena.h"
#include "fhir/base/sanitizer.h"

static void what_it_hands_out_is_zeroed_aligned_and_apart(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 20);
	unsigned char *pieces[200];
	for (size_t i = 0; i < 200; i++) {
		pieces[i] = arena_alloc(arena, i);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		for (size_t at = 0; at < i; at++)
			assert_int_equal(pieces[i][at], 0);
		memset(pieces[i], (int)i + 1, i);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t at = 0; at < i; at++)
			assert_int_equal(pieces[i][at], (unsigned char)(i + 1));
	assert_false(arena_full(arena));
	arena_free(&arena);
	assert_null(arena);
	arena_free(&arena);
}

static void memory_of_a_freed_arena_comes_back_zeroed(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		struct arena *arena = arena_new(1 << 20);
		for (int i = 0; i < 100; i++) {
			unsigned char *piece = arena_alloc(arena, 777);
			for (size_t at = 0; at < 777; at++)
				assert_int_equal(piece[at], 0);
			memset(piece, 0xa5, 777);
		}
		arena_free(&arena);
	}
}

static void more_may_be_allowed(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1000);
	arena_alloc(arena, 900);
	arena_allow(arena, 1000);
	arena_alloc(arena, 900);
	assert_false(arena_full(arena));
	arena_alloc(arena, 400);
	assert_true(arena_full(arena));
	arena_allow(arena, SIZE_MAX);
	assert_true(arena_full(arena));
	arena_free(&arena);
}

static void past_the_limit_it_is_full_for_good_and_goes_on(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1024);
	arena_alloc(arena, 1024);
	assert_false(arena_full(arena));
	char *more = arena_alloc(arena, 1);
	assert_true(arena_full(arena));
	*more = 'x';
	char *much = arena_alloc(arena, 100000);
	memset(much, 'x', 100000);
	assert_true(arena_full(arena));
	assert_true(arena_used(arena) >= 101025);
	arena_free(&arena);
}

static void large_pieces_leave_the_block_to_small_ones(void **state)
{
	(void)state;
	struct arena *arena = arena_new(16 << 20);
	char *before = arena_alloc(arena, 16);
	char *large = arena_alloc(arena, 1 << 20);
	char *after = arena_alloc(arena, 16);
	memset(large, 'x', 1 << 20);
	assert_true(after > before && after - before < 4096);
	assert_int_equal(*after, 0);
	arena_free(&arena);
}

static void an_array_that_overflows_fills_the_arena(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 20);
	uint64_t *four = arena_array(arena, 4, sizeof(*four));
	four[3] = 1;
	assert_false(arena_full(arena));
	uint64_t *one = arena_array(arena, SIZE_MAX / 4, sizeof(*one));
	*one = 1;
	assert_true(arena_full(arena));
	arena_free(&arena);
}

static void it_is_freed_a_piece_at_a_time(void **state)
{
	(void)state;
	struct arena *arena = arena_new((size_t)64 << 20);
	for (int i = 0; i < 8; i++) {
		const char *large = arena_alloc(arena, (size_t)1 << 20);
		assert_int_equal(large[0], 0);
		assert_int_equal(large[((size_t)1 << 20) - 1], 0);
	}
	int pieces = 1;
	while (!arena_free_some(&arena, (size_t)1 << 20)) {
		assert_non_null(arena);
		pieces++;
	}
	assert_null(arena);
	assert_in_range(pieces, 8, 10);
	assert_true(arena_free_some(&arena, 1));
}

static void a_large_block_too(void **state)
{
	(void)state;
	struct arena *arena = arena_new((size_t)64 << 20);
	char *large = arena_alloc(arena, (size_t)16 << 20);
	memset(large, 1, (size_t)16 << 20);
	int pieces = 1;
	while (!arena_free_some(&arena, (size_t)1 << 20))
		pieces++;
	assert_null(arena);
	assert_in_range(pieces, HAS_ASAN ? 1 : 14, HAS_ASAN ? 1 : 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_hands_out_is_zeroed_aligned_and_apart),
		cmocka_unit_test(memory_of_a_freed_arena_comes_back_zeroed),
		cmocka_unit_test(more_may_be_allowed),
		cmocka_unit_test(past_the_limit_it_is_full_for_good_and_goes_on),
		cmocka_unit_test(large_pieces_leave_the_block_to_small_ones),
		cmocka_unit_test(an_array_that_overflows_fills_the_arena),
		cmocka_unit_test(it_is_freed_a_piece_at_a_time),
		cmocka_unit_test(a_large_block_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
