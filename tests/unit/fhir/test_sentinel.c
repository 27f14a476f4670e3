/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/hl7/sentinel.h"

static void lists_are_lists(void **state)
{
	(void)state;
	static const char *const good[] = { "", " ", "-1", "-1,-100 -999", "150456:>100", ">1e6",
		"188736:<0, 188736:0", "32767\t-99.9" };
	static const char *const bad[] = { "x", "-1;2", "0:5", "5:", ":5", "4294967296:1", "=5",
		"<", ">>1", "0x7f", "1 2 three", "150456:>100:3" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(sentinel_is_list(str_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(sentinel_is_list(str_of(bad[i])));
}

static void a_list_ends_somewhere(void **state)
{
	(void)state;
	char text[2 * SENTINELS_MAX + 3];
	for (size_t i = 0; i <= SENTINELS_MAX; i++) {
		text[2 * i] = '7';
		text[2 * i + 1] = ' ';
	}
	assert_true(sentinel_is_list((struct str){ text, (size_t)2 * SENTINELS_MAX }));
	assert_false(sentinel_is_list((struct str){ text, (size_t)2 * SENTINELS_MAX + 2 }));
}

static void a_value_is_named_or_not(void **state)
{
	(void)state;
	const struct str list = STR("-1, 150456:>100 188736:<0.5 149530:0");
	assert_true(sentinel_in(list, 150456, -1));
	assert_true(sentinel_in(list, 0, -1.0));
	assert_false(sentinel_in(list, 150456, 100));
	assert_true(sentinel_in(list, 150456, 100.1));
	assert_false(sentinel_in(list, 149530, 127));
	assert_true(sentinel_in(list, 188736, 0.49));
	assert_false(sentinel_in(list, 188736, 0.5));
	assert_true(sentinel_in(list, 149530, 0));
	assert_false(sentinel_in(list, 150456, 0));
	assert_false(sentinel_in((struct str){ 0 }, 150456, -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_lists),
		cmocka_unit_test(a_list_ends_somewhere),
		cmocka_unit_test(a_value_is_named_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
