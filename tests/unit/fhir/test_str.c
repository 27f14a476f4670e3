/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/str.h"

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

static void assert_str(struct str s, const char *text)
{
	assert_int_equal(s.length, strlen(text));
	if (s.length > 0)
		assert_memory_equal(s.at, text, s.length);
}

static void equality_sees_length_bytes_and_if_asked_no_case(void **state)
{
	(void)state;
	assert_true(str_equal(STR("abc"), STR("abc")));
	assert_false(str_equal(STR("abc"), STR("abd")));
	assert_false(str_equal(STR("abc"), STR("abcd")));
	assert_true(str_equal(STR(""), (struct str){ NULL, 0 }));
	assert_true(str_equal_nocase(STR("DPoP"), STR("dpop")));
	assert_false(str_equal_nocase(STR("DPoP"), STR("dpo")));
	assert_false(str_equal_nocase(STR("[@"), STR("{`")));
	assert_true(str_is(STR("x"), "x"));
}

static void order_is_by_byte_then_by_length(void **state)
{
	(void)state;
	assert_true(str_compare(STR("a"), STR("b")) < 0);
	assert_true(str_compare(STR("a"), STR("ab")) < 0);
	assert_true(str_compare(STR("b"), STR("ab")) > 0);
	assert_true(str_compare(STR("\xc3"), STR("a")) > 0);
	assert_int_equal(str_compare(STR("ab"), STR("ab")), 0);
	assert_int_equal(str_compare(STR(""), (struct str){ NULL, 0 }), 0);
}

static void parts_are_clipped(void **state)
{
	(void)state;
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_false(str_ends(STR("c"), STR("bc")));
	assert_str(str_part(STR("abcdef"), 2, 3), "cde");
	assert_str(str_part(STR("abcdef"), 4, SIZE_MAX), "ef");
	assert_str(str_part(STR("abcdef"), SIZE_MAX, 1), "");
	assert_str(str_trim(STR(" \t\r\n a b \n")), "a b");
	assert_str(str_trim(STR(" \t ")), "");
}

static void a_cut_tells_an_empty_rest_from_none(void **state)
{
	(void)state;
	struct str rest;
	assert_str(str_cut(STR("a|b|c"), '|', &rest), "a");
	assert_str(rest, "b|c");
	assert_str(str_cut(STR("a|"), '|', &rest), "a");
	assert_str(rest, "");
	assert_non_null(rest.at);
	assert_str(str_cut(STR("a"), '|', &rest), "a");
	assert_null(rest.at);
	assert_int_equal(str_index(STR("a|b"), '|'), 1);
	assert_int_equal(str_index(STR("ab"), '|'), 2);
}

static void numbers_are_whole_and_do_not_overflow(void **state)
{
	(void)state;
	uint64_t u = 7;
	int64_t i = 7;
	assert_true(str_to_u64(STR("18446744073709551615"), &u));
	assert_true(u == UINT64_MAX);
	u = 7;
	assert_false(str_to_u64(STR("18446744073709551616"), &u));
	assert_false(str_to_u64(STR("99999999999999999999999"), &u));
	assert_false(str_to_u64(STR(""), &u));
	assert_false(str_to_u64(STR("+1"), &u));
	assert_false(str_to_u64(STR("1 "), &u));
	assert_false(str_to_u64(STR("-1"), &u));
	assert_int_equal(u, 7);
	assert_true(str_to_i64(STR("-9223372036854775808"), &i));
	assert_true(i == INT64_MIN);
	assert_true(str_to_i64(STR("9223372036854775807"), &i));
	assert_true(i == INT64_MAX);
	i = 7;
	assert_false(str_to_i64(STR("9223372036854775808"), &i));
	assert_false(str_to_i64(STR("-9223372036854775809"), &i));
	assert_false(str_to_i64(STR("-"), &i));
	assert_false(str_to_i64(STR("--1"), &i));
	assert_int_equal(i, 7);
	assert_true(str_is_digits(STR("0123456789")));
	assert_false(str_is_digits(STR("")));
	assert_false(str_is_digits(STR("1/2")));
	assert_false(str_is_digits(STR("1:2")));
}

static void copies_and_formats_end_in_nul(void **state)
{
	(void)state;
	const struct str copy = str_copy(arena, str_part(STR("abcdef"), 0, 3));
	assert_string_equal(copy.at, "abc");
	assert_str(str_copy(arena, (struct str){ NULL, 0 }), "");
	const struct str few = str_format(arena, "%d-%s", 7, "x");
	assert_string_equal(few.at, "7-x");
	assert_int_equal(few.length, 3);
	for (int width = 250; width < 260; width++) {
		const struct str many = str_format(arena, "%*d", width, 7);
		assert_int_equal(many.length, width);
		assert_int_equal(strlen(many.at), width);
		assert_int_equal(many.at[width - 1], '7');
	}
}

/* Each sequence at each place of a longer text, so that the fast path meets it too. */
static void assert_utf8(struct str sequence, bool good)
{
	char text[40];
	for (size_t at = 0; at + sequence.length <= sizeof(text); at++) {
		memset(text, 'a', sizeof(text));
		memcpy(text + at, sequence.at, sequence.length);
		const struct str whole = { text, sizeof(text) };
		assert_int_equal(str_is_utf8(whole), good);
		assert_int_equal(str_utf8_prefix(whole), good ? sizeof(text) : at);
	}
}

static void utf8_is_rfc_3629(void **state)
{
	(void)state;
	assert_true(str_is_utf8((struct str){ NULL, 0 }));
	assert_utf8(STR("\x01\x7f"), true);
	assert_utf8(STR("\xc2\x80\xdf\xbf"), true);
	assert_utf8(STR("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), true);
	assert_utf8(STR("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true);
	assert_utf8(STR("\0"), false);
	assert_utf8(STR("\x80"), false);
	assert_utf8(STR("\xbf"), false);
	assert_utf8(STR("\xc0\xaf"), false);
	assert_utf8(STR("\xc1\xbf"), false);
	assert_utf8(STR("\xc2"), false);
	assert_utf8(STR("\xe0\x9f\xbf"), false);
	assert_utf8(STR("\xed\xa0\x80"), false);
	assert_utf8(STR("\xed\xbf\xbf"), false);
	assert_utf8(STR("\xef\xbf"), false);
	assert_utf8(STR("\xf0\x8f\xbf\xbf"), false);
	assert_utf8(STR("\xf4\x90\x80\x80"), false);
	assert_utf8(STR("\xf5\x80\x80\x80"), false);
	assert_utf8(STR("\xff"), false);
}

static void utf8_cut_short_is_not_read_past(void **state)
{
	(void)state;
	const struct str whole = STR("aaaaaaa\xf0\x90\x80\x80");
	for (size_t length = 8; length < whole.length; length++)
		assert_int_equal(str_utf8_prefix(str_part(whole, 0, length)), 7);
}

static void hexadecimal_is_lower_case(void **state)
{
	(void)state;
	assert_str(str_hex(arena, "\x00\xff\x1a", 3), "00ff1a");
	assert_str(str_hex(arena, "", 0), "");
}

/* RFC 4648 section 10. */
static void base64_both_ways(void **state)
{
	(void)state;
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" } };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct str back;
		assert_str(str_to_base64(arena, str_of(pairs[i][0])), pairs[i][1]);
		assert_true(str_from_base64(arena, str_of(pairs[i][1]), &back));
		assert_str(back, pairs[i][0]);
	}
	struct str back;
	assert_str(str_to_base64(arena, STR("\xfb\xff\xfe")), "+//+");
	assert_str(str_to_base64url(arena, STR("\xfb\xff\xfe\xff")), "-__-_w");
	assert_true(str_from_base64url(arena, STR("-__-_w"), &back));
	assert_str(back, "\xfb\xff\xfe\xff");
	char bytes[256];
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	for (size_t length = 0; length <= 256; length++) {
		const struct str some = { bytes, length };
		assert_true(str_from_base64url(arena, str_to_base64url(arena, some), &back));
		assert_true(str_equal(back, some));
	}
}

static void base64_that_is_not_canonical_is_refused(void **state)
{
	(void)state;
	static const char *const bad_url[] = { "A", "AAAAA", "AB", "AAB", "AA==", "AA=", "A A",
		"AA\n", "+A", "/A", "A.", "AA\xc3" };
	static const char *const bad[] = { "AA", "AAA", "AB==", "AAB=", "A===", "====", "AA=A",
		"-A==", "_A==", "AAAA\n", "AA==AAAA" };
	struct str out = STR("kept");
	for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++)
		assert_false(str_from_base64url(arena, str_of(bad_url[i]), &out));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(str_from_base64(arena, str_of(bad[i]), &out));
	assert_str(out, "kept");
}

/* The example of the paper's appendix A, and its neighbours by length. */
static void a_hash_is_of_all_bytes_and_the_key(void **state)
{
	(void)state;
	static const char bytes[] = "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16";
	const struct str_key key = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
	assert_true(str_hash(key, (struct str){ bytes, 15 }) == UINT64_C(0xa129ca6149be45e5));
	assert_true(str_hash(key, (struct str){ bytes, 14 }) != UINT64_C(0xa129ca6149be45e5));
	assert_true(str_hash((struct str_key){ key.low, key.high ^ 1 },
			    (struct str){ bytes, 15 }) != UINT64_C(0xa129ca6149be45e5));
	assert_true(str_hash(key, (struct str){ NULL, 0 }) == UINT64_C(0x726fdb47dd0e0e31));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_sees_length_bytes_and_if_asked_no_case),
		cmocka_unit_test(order_is_by_byte_then_by_length),
		cmocka_unit_test(parts_are_clipped),
		cmocka_unit_test(a_cut_tells_an_empty_rest_from_none),
		cmocka_unit_test(numbers_are_whole_and_do_not_overflow),
		cmocka_unit_test(copies_and_formats_end_in_nul),
		cmocka_unit_test(utf8_is_rfc_3629),
		cmocka_unit_test(utf8_cut_short_is_not_read_past),
		cmocka_unit_test(hexadecimal_is_lower_case),
		cmocka_unit_test(a_hash_is_of_all_bytes_and_the_key),
		cmocka_unit_test(base64_both_ways),
		cmocka_unit_test(base64_that_is_not_canonical_is_refused),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
