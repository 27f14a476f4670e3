/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/claims.h"
#include "fhir/base/arena.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct str many(size_t length)
{
	char *at = arena_alloc(arena, length);
	memset(at, 'k', length);
	return (struct str){ at, length };
}

static void key_ids_are_short_and_plain(void **state)
{
	(void)state;
	static const char *const bad[] = { "", " ", "a b", "../../etc/passwd", "a'b", "a/b", "a+b",
		"a=", "\xc3\xb8", "a\n", "{", "http://x" };
	assert_true(kid_is_valid(STR("AZaz09_-.")));
	assert_true(kid_is_valid(many(128)));
	assert_false(kid_is_valid(many(129)));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(kid_is_valid(str_of(bad[i])));
	assert_false(kid_is_valid((struct str){ "a\0b", 3 }));
}

static void shown_texts_hold_nothing_hidden(void **state)
{
	(void)state;
	static const char *const good[] = { "", "Line Danser", "<script>" /* escaped when shown */,
		"\xc3\x98\xc3\xa5", "\xc2\xa0", "\xe2\x80\x93", "\xe2\x81\xaf",
		"\xf0\x9f\xa9\xba" };
	static const char *const bad[] = { "\n", "a\tb", "\x1b[31m", "\x7f", "\xc2\x80", "\xc2\x85",
		"\xc2\x9f", "\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6", "a\xe2\x81\xa9" };
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(claim_is_shown(str_of(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(claim_is_shown(str_of(bad[i])));
	assert_true(claim_is_shown(many(256)));
	assert_false(claim_is_shown(many(257)));
	/* Cut in the middle of a letter: nothing is read past the end. */
	assert_true(claim_is_shown((struct str){ "\xc2", 1 }));
	assert_true(claim_is_shown((struct str){ "\xe2\x80", 2 }));
}

static const struct json *member(const char *value)
{
	const struct str text = str_format(arena, "{\"a\":%s}", value);
	return json_parse(arena, text, 100, &outcome);
}

static void texts_are_texts(void **state)
{
	(void)state;
	static const char *const bad[] = { "1", "null", "[]", "{}", "true", "\"a\\nb\"" };
	struct str out = STR("untouched");
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(claim_text(member(bad[i]), "a", &out));
		assert_false(claim_needed(member(bad[i]), "a", &out));
	}
	assert_true(claim_text(member("\"x\""), "b", &out));
	assert_int_equal(out.length, 0);
	assert_false(claim_needed(member("\"x\""), "b", &out));
	assert_false(claim_needed(member("\"\""), "a", &out));
	assert_true(claim_needed(member("\"x\""), "a", &out));
	assert_true(str_is(out, "x"));
}

static void times_are_seconds(void **state)
{
	(void)state;
	static const char *const bad[] = { "\"1763650000\"", "-1", "-1.5", "1e9", "1.5e9", "null",
		"253402300800", "253402300800.5", "99999999999999999999", "true", "[1]" };
	instant at = 7;
	assert_true(claim_time(json_get(member("0"), "a"), &at));
	assert_int_equal(at, 0);
	assert_true(claim_time(json_get(member("1763650000"), "a"), &at));
	assert_int_equal(at, INT64_C(1763650000000000));
	assert_true(claim_time(json_get(member("253402300799"), "a"), &at));
	assert_true(claim_time(json_get(member("1763650000.25"), "a"), &at));
	assert_int_equal(at, INT64_C(1763650000250000));
	assert_true(claim_time(json_get(member("1763650000.1234567891234567891234"), "a"), &at));
	assert_int_equal(at, INT64_C(1763650000123456));
	at = 7;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(claim_time(json_get(member(bad[i]), "a"), &at));
	assert_false(claim_time(NULL, &at));
	assert_int_equal(at, 7);
}

static void organisation_numbers_have_nine_digits(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "99346704", "9934670490", "99346704x", "000000000",
		"-93467049", " 93467049", "+93467049" };
	uint32_t orgnr = 0;
	assert_true(orgnr_read(STR("993467049"), NATIONAL_REAL, &orgnr));
	assert_int_equal(orgnr, 993467049);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(orgnr_read(str_of(bad[i]), NATIONAL_BOTH, &orgnr));
	/* A sample organisation of NHN's has a wrong control digit. */
	assert_false(orgnr_read(STR("314159265"), NATIONAL_REAL, &orgnr));
	assert_int_equal(orgnr, 993467049);
	assert_true(orgnr_read(STR("314159265"), NATIONAL_SYNTHETIC, &orgnr));
	assert_true(orgnr_read(STR("314159265"), NATIONAL_BOTH, &orgnr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(key_ids_are_short_and_plain, begin, end),
		cmocka_unit_test_setup_teardown(shown_texts_hold_nothing_hidden, begin, end),
		cmocka_unit_test_setup_teardown(texts_are_texts, begin, end),
		cmocka_unit_test_setup_teardown(times_are_seconds, begin, end),
		cmocka_unit_test_setup_teardown(organisation_numbers_have_nine_digits, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
