/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The parts of the guard that need no network, and that the library really calls it: this program exports its symbols as
 * maalehubd does. The attacks are in tests/scenario.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "server/guard.h"

#define COUNT(literal, limit) \
	guard_count_fields((const uint8_t *)(literal), sizeof(literal) - 1, limit)

static void the_library_reads_chunks_by_us(void **state)
{
	(void)state;
	assert_true(guard_reads_chunks());
}

static void fields_are_counted_without_decoding(void **state)
{
	(void)state;
	assert_int_equal(COUNT("", 128), 0);
	assert_int_equal(COUNT("\x82\x87\x84", 128), 3);
	/* RFC 7541 C.2.1: literal with indexing, a new name */
	assert_int_equal(COUNT("\x40\x0a"
			       "custom-key"
			       "\x0d"
			       "custom-header",
				 128),
		1);
	/* C.2.2: literal without indexing, a name of the table; C.2.3: never indexed */
	assert_int_equal(COUNT("\x04\x0c/sample/path", 128), 1);
	assert_int_equal(COUNT("\x10\x08password\x06secret", 128), 1);
	/* a name of the table by a number of two bytes */
	assert_int_equal(COUNT("\x0f\x10\x01x\x82", 128), 2);
	/* a change of the table's size is no field */
	assert_int_equal(COUNT("\x3f\xe1\x1f\x82", 128), 1);
	assert_int_equal(COUNT("\x20\x82", 128), 1);
}

static void counting_ends_behind_the_limit(void **state)
{
	(void)state;
	uint8_t block[100000];
	memset(block, 0x82, sizeof(block));
	assert_int_equal(guard_count_fields(block, sizeof(block), 128), 129);
	assert_int_equal(guard_count_fields(block, 128, 128), 128);
	/* nor may a block be nothing but changes of the table's size */
	memset(block, 0x20, sizeof(block));
	assert_int_equal(guard_count_fields(block, sizeof(block), 128), 129);
}

/* Whatever stands at the end of a block that is cut off, nothing is read behind it (AddressSanitizer watches). */
static void cut_blocks_are_not_read_past(void **state)
{
	(void)state;
	static const uint8_t block[] = "\x40\x0a"
				       "custom-key"
				       "\x7f\x80\x01"
				       "\xff\xff\xff\xff\xff\xff"
				       "\x04\x7f\xff\xff\xff\x0f";
	struct arena *arena = arena_new(1 << 20);
	for (size_t length = 0; length < sizeof(block); length++) {
		uint8_t *copy = arena_alloc(arena, length);
		memcpy(copy, block, length);
		assert_true(guard_count_fields(copy, length, 128) <= length);
	}
	arena_free(&arena);
}

static void the_library_calls_the_guard(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 20);
	struct outcome outcome = { .arena = arena };
	assert_true(guard_open(&outcome));
	assert_true(guard_self_test(&outcome));
	assert_int_equal(outcome.errors, 0);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_counted_without_decoding),
		cmocka_unit_test(the_library_reads_chunks_by_us),
		cmocka_unit_test(counting_ends_behind_the_limit),
		cmocka_unit_test(cut_blocks_are_not_read_past),
		cmocka_unit_test(the_library_calls_the_guard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
