/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/decimal.h"

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

static void good_and_bad_spellings(void **state)
{
	(void)state;
	static const char *const good[] = { "0", "-0", "0.0", "70.50", "1e0", "1E+2", "1.5e-7",
		"123456789012345678", "0.000000000000000001", "999999999999999999", "1e250",
		"1e-250", "-12.25", "1000000000000000000", "1.000000000000000000E-245",
		"-1.000000000000000000E+245", "0.0000000000000000000000" };
	static const char *const bad[] = { "", "-", "+1", "01", "-01", "00", ".5", "5.", "1.e2",
		"1e", "1e+", "1e2.5", " 1", "1 ", "1,5", "0x10", "NaN", "Infinity", "1e251",
		"1e-251", "1000000000000000001", "1.0000000000000000001", "1234567890123456789",
		"0.1234567890123456789", "1e99999999999", "--1", "1-", "1\n" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!decimal_is_valid(str_of(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		double low = 7, high = 7, value = 7;
		struct str out = STR("kept");
		if (decimal_is_valid(str_of(bad[i])))
			fail_msg("accepted: %s", bad[i]);
		assert_false(decimal_range(str_of(bad[i]), &low, &high));
		assert_false(decimal_value(str_of(bad[i]), &value));
		assert_false(decimal_canonical(arena, str_of(bad[i]), &out));
		assert_true(low == 7 && high == 7 && value == 7);
		assert_true(str_is(out, "kept"));
	}
}

/* FHIR R4 search, number: 100 is [99.5, 100.5), 100.00 is [99.995, 100.005), 1e2 is [95, 105). */
static void the_range_is_what_the_precision_leaves_open(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double low, high;
	} rows[] = {
		{ "120", 119.5, 120.5 },
		{ "70.50", 70.495, 70.505 },
		{ "70.5", 70.45, 70.55 },
		{ "1.2e2", 115, 125 },
		{ "1e2", 95, 105 },
		{ "100", 99.5, 100.5 },
		{ "100.00", 99.995, 100.005 },
		{ "-3", -3.5, -2.5 },
		{ "0", -0.5, 0.5 },
		{ "-0.0", -0.05, 0.05 },
		{ "1.0e2", 95, 105 },
		{ "-1e2", -105, -95 },
		{ "10e1", 95, 105 },
		{ "0e0", -0.05, 0.05 },
		{ "1e-7", 0.95e-7, 1.05e-7 },
		{ "5.4e-3", 0.00535, 0.00545 },
		{ "999999999999999999", 1e18, 1e18 + 256 }, /* a double further */
		{ "1.000000000000000000", 1, 1 + 0x1p-52 },
		{ "1e250", 0.95e250, 1.05e250 },
		{ "1e-250", 0.95e-250, 1.05e-250 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double low, high;
		assert_true(decimal_range(str_of(rows[i].text), &low, &high));
		if (low != rows[i].low || high != rows[i].high)
			fail_msg("%s: [%.17g, %.17g)", rows[i].text, low, high);
	}
}

static void the_value_is_the_nearest_double(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double value;
	} rows[] = { { "0", 0 }, { "-0", 0 }, { "0.1", 0.1 }, { "36.6", 36.6 }, { "-1.5e3", -1500 },
		{ "123456789012345678", 123456789012345678.0 }, { "1e-200", 1e-200 },
		{ "9007199254740993", 9007199254740993.0 }, { "1e23", 1e23 },
		{ "1000000000000000000000", 1e21 }, { "-1.000000000000000000E+245", -1e245 },
		{ "1.000000000000000000E-245", 1e-245 },
		{ "0.000000000000000123", 0.000000000000000123 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double value;
		assert_true(decimal_value(str_of(rows[i].text), &value));
		if (value != rows[i].value)
			fail_msg("%s: %.17g", rows[i].text, value);
	}
}

static void one_number_has_one_canonical_text(void **state)
{
	(void)state;
	static const char *const rows[][2] = { { "70.50", "70.5" }, { "70.5", "70.5" },
		{ "7.05e1", "70.5" }, { "705e-1", "70.5" }, { "-0", "0" }, { "0.000", "0" },
		{ "0e5", "0" }, { "1e2", "100" }, { "100", "100" }, { "100.0", "100" },
		{ "-0.0010", "-0.001" }, { "1e-3", "0.001" }, { "123e-2", "1.23" },
		{ "123e-3", "0.123" }, { "123e-4", "0.0123" },
		{ "1e29", "100000000000000000000000000000" }, { "1e30", "1e30" },
		{ "10e29", "1e30" }, { "12e40", "12e40" }, { "1.2e41", "12e40" },
		{ "1e-29", "0.00000000000000000000000000001" }, { "1e-30", "1e-30" },
		{ "-0.15e-40", "-15e-42" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str out;
		assert_true(decimal_canonical(arena, str_of(rows[i][0]), &out));
		if (!str_is(out, rows[i][1]))
			fail_msg("%s: %.*s", rows[i][0], STR_ARG(out));
		if (decimal_canonical(arena, out, &out))
			assert_true(str_is(out, rows[i][1]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_and_bad_spellings),
		cmocka_unit_test(the_range_is_what_the_precision_leaves_open),
		cmocka_unit_test(the_value_is_the_nearest_double),
		cmocka_unit_test(one_number_has_one_canonical_text),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
