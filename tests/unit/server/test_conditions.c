/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "server/conditions.h"

static void if_match_names_one_version(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		bool good;
		int version;
	} rows[] = {
		{ "", false, 0 }, /* there, and without a version */
		{ NULL, true, 0 },
		{ "*", true, 0 },
		{ "W/\"3\"", true, 3 },
		{ "\"3\"", true, 3 },
		{ " 17 ", true, 17 },
		{ "W/\"0\"", false, 0 },
		{ "W/\"03\"", false, 0 },
		{ "W/\"3\", W/\"4\"", false, 0 },
		{ "W/\"abc\"", false, 0 },
		{ "W/\"3", false, 0 },
		{ "W/\"99999999999\"", false, 0 },
	};
	struct arena *arena = arena_new(1 << 16);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = { .arena = arena };
		int version = -1;
		assert_int_equal(condition_if_match(rows[i].header == NULL ? (struct str){ 0 }
									   : str_of(rows[i].header),
					 &version, &outcome),
			rows[i].good);
		assert_int_equal(outcome.errors, rows[i].good ? 0 : 1);
		if (rows[i].good)
			assert_int_equal(version, rows[i].version);
	}
	arena_free(&arena);
}

static void none_match_takes_a_list(void **state)
{
	(void)state;
	assert_true(condition_none_match(STR("W/\"1\", \"2\""), 2));
	assert_true(condition_none_match(STR("*"), 9));
	assert_false(condition_none_match(STR("W/\"1\", \"2\""), 3));
	assert_false(condition_none_match(STR("\"x\""), 3));
	assert_false(condition_none_match(STR(""), 3));
}

static void dates_have_three_forms(void **state)
{
	(void)state;
	instant at;
	assert_true(condition_date(STR("Sun, 06 Nov 1994 08:49:37 GMT"), &at));
	assert_int_equal(at, (instant)784111777 * INSTANT_SECOND);
	assert_true(condition_date(STR("Thu, 29 Feb 2024 00:00:00 GMT"), &at));
	assert_int_equal(at, (instant)1709164800 * INSTANT_SECOND);
	assert_true(condition_date(STR("Sunday, 06-Nov-94 08:49:37 GMT"), &at));
	assert_int_equal(at, (instant)784111777 * INSTANT_SECOND);
	assert_true(condition_date(STR("Thursday, 29-Feb-24 00:00:00 GMT"), &at));
	assert_int_equal(at, (instant)1709164800 * INSTANT_SECOND);
	assert_true(condition_date(STR("Sun Nov  6 08:49:37 1994"), &at));
	assert_int_equal(at, (instant)784111777 * INSTANT_SECOND);
	assert_true(condition_date(STR("Sat Nov 26 08:49:37 1994"), &at));
	assert_int_equal(at, (instant)785839777 * INSTANT_SECOND);
	assert_false(condition_date(STR("Sunday, 06-Nov-1994 08:49:37 GMT"), &at));
	assert_false(condition_date(STR("Sun, 06-Nov 94 08:49:37 GMT"), &at));
	assert_false(condition_date(STR("Sun, 06 Nov 1994 08:49:37 CET"), &at));
	assert_false(condition_date(STR("Sun, 06 Nov 1994 08-49-37 GMT"), &at));
	assert_false(condition_date(STR("Sun Nov  6 08:49:37"), &at));
	assert_false(condition_date(STR("Sun, "), &at));
	assert_false(condition_date(STR("Sun,  GMT"), &at));
	assert_false(condition_date(STR("Sun, 06 Nov 1994 25:49:37 GMT"), &at));
	assert_false(condition_date(STR("Sun, 06 Abc 1994 08:49:37 GMT"), &at));
}

static void none_match_stands_above_modified_since(void **state)
{
	(void)state;
	const struct str date = STR("Sun, 06 Nov 1994 08:49:37 GMT");
	const instant at = (instant)784111777 * INSTANT_SECOND + 500000;
	assert_true(condition_unchanged(STR(""), date, 0, 2, at));
	assert_false(condition_unchanged(STR(""), date, 0, 2, at + INSTANT_SECOND));
	assert_false(condition_unchanged(STR("W/\"1\""), date, 0, 2, at));
	assert_true(condition_unchanged(STR("W/\"2\""), date, 0, 2, at + INSTANT_SECOND));
	assert_false(condition_unchanged(STR(""), STR("yesterday"), 0, 2, at));
	assert_false(condition_unchanged(STR(""), STR(""), 0, 2, at));
	assert_true(condition_unchanged(STR(""), STR(""), at + 1, 2, at + 1));
	assert_false(condition_unchanged(STR(""), STR(""), at + 1, 2, at + 2));
	assert_false(condition_unchanged(STR("W/\"1\""), STR(""), at + 1, 2, at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(if_match_names_one_version),
		cmocka_unit_test(none_match_takes_a_list),
		cmocka_unit_test(dates_have_three_forms),
		cmocka_unit_test(none_match_stands_above_modified_since),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
