/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void assert_holds(const struct buf *buf, const char *text)
{
	const struct str held = buf_str(buf);
	assert_int_equal(held.length, strlen(text));
	assert_memory_equal(held.at, text, held.length);
}

static void it_grows_from_nothing(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 0, 100000);
	assert_int_equal(buf_str(&buf).length, 0);
	for (int i = 0; i < 10000; i++)
		buf_add(&buf, STR("abcdefghi"));
	assert_false(buf.full);
	assert_int_equal(buf.length, 90000);
	for (size_t i = 0; i < buf.length; i++)
		assert_int_equal(buf.at[i], "abcdefghi"[i % 9]);
}

static void the_limit_can_be_reached_and_not_passed(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 2, 5);
	buf_add_text(&buf, "abc");
	buf_add_byte(&buf, 'd');
	buf_add_byte(&buf, 'e');
	assert_false(buf.full);
	buf_add_byte(&buf, 'f');
	assert_true(buf.full);
	assert_holds(&buf, "abcde");
}

static void what_does_not_fit_is_left_out_whole_and_so_is_all_after_it(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 8, 8);
	buf_add_text(&buf, "abcd");
	buf_add_text(&buf, "efghi");
	assert_true(buf.full);
	buf_add_byte(&buf, 'x');
	buf_add_u64(&buf, 1);
	buf_add_format(&buf, "%d", 1);
	assert_null(buf_add_room(&buf, 1));
	assert_holds(&buf, "abcd");
}

static void a_limit_of_nothing_takes_nothing(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 10, 0);
	buf_add(&buf, (struct str){ NULL, 0 });
	assert_false(buf.full);
	buf_add_byte(&buf, 'x');
	assert_true(buf.full);
	assert_int_equal(buf_str(&buf).length, 0);
}

static void numbers_are_written_in_full(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 0, 200);
	buf_add_u64(&buf, 0);
	buf_add_byte(&buf, ' ');
	buf_add_u64(&buf, UINT64_MAX);
	buf_add_byte(&buf, ' ');
	buf_add_i64(&buf, INT64_MIN);
	buf_add_byte(&buf, ' ');
	buf_add_i64(&buf, -1);
	buf_add_byte(&buf, ' ');
	buf_add_i64(&buf, INT64_MAX);
	assert_holds(&buf, "0 18446744073709551615 -9223372036854775808 -1 9223372036854775807");
}

static void a_format_fits_exactly_or_not_at_all(void **state)
{
	(void)state;
	struct buf exact = buf_new(arena, 4, 10);
	buf_add_format(&exact, "%s-%d", "abcdef", 123);
	assert_false(exact.full);
	assert_holds(&exact, "abcdef-123");
	struct buf over = buf_new(arena, 4, 9);
	buf_add_format(&over, "%s-%d", "abcdef", 123);
	assert_true(over.full);
	assert_holds(&over, "");
}

static void room_is_the_callers_to_fill(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 1, 100);
	buf_add_byte(&buf, '<');
	char *room = buf_add_room(&buf, 70);
	assert_non_null(room);
	memset(room, 'x', 70);
	buf_add_byte(&buf, '>');
	assert_int_equal(buf.length, 72);
	assert_int_equal(buf.at[0], '<');
	assert_int_equal(buf.at[70], 'x');
	assert_int_equal(buf.at[71], '>');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_from_nothing),
		cmocka_unit_test(the_limit_can_be_reached_and_not_passed),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole_and_so_is_all_after_it),
		cmocka_unit_test(a_limit_of_nothing_takes_nothing),
		cmocka_unit_test(numbers_are_written_in_full),
		cmocka_unit_test(a_format_fits_exactly_or_not_at_all),
		cmocka_unit_test(room_is_the_callers_to_fill),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
