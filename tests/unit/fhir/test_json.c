/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/json.h"

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(8 << 20);
	outcome = (struct outcome){ .arena = arena };
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
	if (!str_is(s, text))
		fail_msg("%.*s instead of %s", STR_ARG(s), text);
}

/* On a copy of its exact size, so that a sanitizer sees a read past the end. */
static struct json *parsed(struct str text)
{
	char *copy = test_malloc(text.length + 1);
	memcpy(copy, text.at, text.length);
	struct json *json = json_parse(arena, (struct str){ copy, text.length }, 100000, &outcome);
	if (json != NULL)
		json = json_parse(arena, text, 100000, &outcome);
	test_free(copy);
	return json;
}

static struct json *good(const char *text)
{
	struct json *json = parsed(str_of(text));
	if (json == NULL)
		fail_msg("%s: %.*s", text, STR_ARG(outcome.last->text));
	return json;
}

static void refused(struct str text, enum outcome_kind kind)
{
	const unsigned errors = outcome.errors;
	if (parsed(text) != NULL)
		fail_msg("accepted: %.*s", STR_ARG(text));
	assert_int_equal(outcome.errors, errors + 1);
	if (outcome.last->kind != kind)
		fail_msg("%.*s: %.*s", STR_ARG(text), STR_ARG(outcome.last->text));
}

static void a_tree_has_every_type_and_the_bytes_it_stood_in(void **state)
{
	(void)state;
	const struct json *json = good(" { \"a\" : [ 1 , -2.50e1, \"x\" ] ,\"b\":null,\n\"c\":true,"
				       "\"d\":false,\"e\":{ },\"f\":[ ],\"g\":\"\", \"\":0} ");
	assert_int_equal(json->type, JSON_OBJECT);
	assert_int_equal(json->count, 8);
	assert_int_equal(json->raw.at[0], '{');
	assert_int_equal(json->raw.at[json->raw.length - 1], '}');
	const struct json *a = json_get(json, "a");
	assert_int_equal(a->type, JSON_ARRAY);
	assert_int_equal(a->count, 3);
	assert_str(a->key, "a");
	assert_str(a->raw, "[ 1 , -2.50e1, \"x\" ]");
	assert_str(json_at(a, 1)->text, "-2.50e1");
	assert_str(json_at(a, 1)->raw, "-2.50e1");
	assert_int_equal(json_at(a, 1)->key.length, 0);
	assert_str(json_at(a, 2)->text, "x");
	assert_str(json_at(a, 2)->raw, "\"x\"");
	assert_ptr_equal(json_at(a, 2), a->last);
	assert_null(json_at(a, 3));
	assert_int_equal(json_get(json, "b")->type, JSON_NULL);
	assert_str(json_get(json, "b")->raw, "null");
	assert_true(json_get(json, "c")->truth);
	assert_str(json_get(json, "c")->raw, "true");
	assert_false(json_get(json, "d")->truth);
	assert_str(json_get(json, "d")->raw, "false");
	assert_str(json_get(json, "e")->raw, "{ }");
	assert_str(json_get(json, "f")->raw, "[ ]");
	assert_str(json_get(json, "g")->raw, "\"\"");
	assert_str(json_get(json, "")->text, "0");
}

static void every_type_may_stand_alone(void **state)
{
	(void)state;
	assert_str(good("12")->text, "12");
	assert_str(good(" -0.10")->raw, "-0.10");
	assert_str(good("7 ")->raw, "7");
	assert_str(good("null")->raw, "null");
	assert_str(good("\ttrue\r\n")->raw, "true");
	assert_str(good("\"a\"")->text, "a");
	assert_str(good("\"\\n\"")->raw, "\"\\n\"");
	assert_int_equal(good("[]")->count, 0);
}

static void a_reader_finds_nothing_where_nothing_is(void **state)
{
	(void)state;
	const struct json *json = good("{\"a\":1,\"s\":\"t\",\"l\":[]}");
	assert_null(json_get(json, "b"));
	assert_null(json_get(NULL, "a"));
	assert_null(json_get(json_get(json, "l"), "a"));
	assert_null(json_at(json, 0));
	assert_null(json_at(NULL, 0));
	assert_int_equal(json_text(json, "a").length, 0);
	assert_int_equal(json_text(json, "x").length, 0);
	assert_str(json_text(json, "s"), "t");
	unsigned seen = 0;
	json_each(item, json) seen++;
	json_each(item, json_get(json, "none")) seen += 100;
	assert_int_equal(seen, 3);
}

static void escapes_are_taken_out_and_kept_in_the_raw(void **state)
{
	(void)state;
	const struct json *json =
		good("{\"a\\u0062\" :\t\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e6\\ud83d\\ude00\","
		     "\"n\":\"\\\\u0000\",\"z\":[\"\\u0041\",\"plain\",\"\\u0042\"]}");
	assert_str(json->first->key, "ab");
	assert_str(json->first->text, "\"\\/\b\f\n\r\t\xc3\xa6\xf0\x9f\x98\x80");
	assert_str(json->first->raw, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e6\\ud83d\\ude00\"");
	assert_str(json_text(json, "n"), "\\u0000");
	assert_str(json_at(json_get(json, "z"), 0)->text, "A");
	assert_str(json_at(json_get(json, "z"), 0)->raw, "\"\\u0041\"");
	assert_str(json_at(json_get(json, "z"), 1)->raw, "\"plain\"");
	assert_str(json_at(json_get(json, "z"), 2)->text, "B");
}

static void a_long_string_with_escapes_is_whole(void **state)
{
	(void)state;
	struct buf text = buf_new(arena, 0, 1 << 20), said = buf_new(arena, 0, 1 << 20);
	buf_add_byte(&text, '"');
	for (int i = 0; i < 20000; i++) {
		buf_add_text(&text, "a\\n\\u00e6");
		buf_add_text(&said, "a\n\xc3\xa6");
	}
	buf_add_byte(&text, '"');
	const struct json *json = parsed(buf_str(&text));
	assert_non_null(json);
	assert_true(str_equal(json->text, buf_str(&said)));
	assert_true(str_equal(json->raw, buf_str(&text)));
}

static void what_yajl_lets_pass_is_refused(void **state)
{
	(void)state;
	refused(STR("{\"a\":1,\"a\":2}"), OUTCOME_STRUCTURE);
	refused(STR("{\"a\":1,\"\\u0061\":2}"), OUTCOME_STRUCTURE);
	refused(STR("{\"\":1,\"\":2}"), OUTCOME_STRUCTURE);
	refused(STR("[{\"b\":{\"c\":1,\"d\":[],\"c\":{}}}]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\xc0\xaf\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\xed\xa0\x80\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\xf4\x90\x80\x80\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\xff\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\\ud800\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\\udc00\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\\ud800x\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\\ud800\\u0041\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\\uD800\\ud800\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\\ude00\\ud83d\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\\ud83d\\\\ude00\"]"), OUTCOME_STRUCTURE);
	refused(STR("[\"\\u0000\"]"), OUTCOME_STRUCTURE);
	refused(STR("{\"a\\u0000b\":1}"), OUTCOME_STRUCTURE);
	refused(STR("[\"\\\\\\u0000\"]"), OUTCOME_STRUCTURE);
	refused(STR("1e400"), OUTCOME_STRUCTURE);
	refused(STR("[1e251]"), OUTCOME_STRUCTURE);
	refused(STR("[-1E-99999999999999999999]"), OUTCOME_STRUCTURE);
	char digits[101];
	memset(digits, '7', sizeof(digits));
	refused((struct str){ digits, sizeof(digits) }, OUTCOME_STRUCTURE);
	assert_non_null(parsed((struct str){ digits, sizeof(digits) - 1 }));
	good("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1},\"A\":1}");
	good("[1e250,1E-250,12345678901234567890.123456789]");
}

static void what_is_no_json_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", " ", "{", "[", "\"", "\"a", "[1", "[1,", "[1,]",
		"{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{'a':1}", "{1:2}", "tru",
		"truex", "nul", "1 2", "{}{}", "{} x", "[01]", "[+1]", "[.5]", "[1.]", "[1e]", "-",
		"[NaN]", "[Infinity]", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\u12g4\"]", "\"\\u",
		"[\"\n\"]", "[\"\x01\"]", "[1]/* */", "// \n1", "\xef\xbb\xbf{}", "]", "}", ",",
		":", "[1:2]", "{\"a\",1}", "[}" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(str_of(bad[i]), OUTCOME_STRUCTURE);
	refused(STR("\0"), OUTCOME_STRUCTURE);
	refused(STR("{}\0"), OUTCOME_STRUCTURE);
	refused((struct str){ "", 0 }, OUTCOME_STRUCTURE);
	assert_null(json_parse(arena, (struct str){ NULL, 0 }, 10, &outcome));
}

static struct str nested(char open, char close, size_t depth)
{
	char *text = arena_alloc(arena, 2 * depth + 1);
	memset(text, open, depth);
	memset(text + depth, close, depth);
	return (struct str){ text, 2 * depth };
}

static void depth_is_bounded(void **state)
{
	(void)state;
	assert_non_null(parsed(nested('[', ']', JSON_DEPTH_MAX)));
	refused(nested('[', ']', JSON_DEPTH_MAX + 1), OUTCOME_STRUCTURE);
	refused(nested('[', ']', 500000), OUTCOME_STRUCTURE);
}

static void values_are_counted(void **state)
{
	(void)state;
	assert_non_null(json_parse(arena, STR("[1,{\"a\":[]}]"), 4, &outcome));
	assert_null(json_parse(arena, STR("[1,{\"a\":[]}]"), 3, &outcome));
	assert_int_equal(outcome.last->kind, OUTCOME_TOO_LARGE);
	assert_null(json_parse(arena, STR("1"), 0, &outcome));
	assert_null(json_parse(arena, STR("[true]"), 1, &outcome));
	assert_null(json_parse(arena, STR("[\"\"]"), 1, &outcome));
	assert_int_equal(outcome.errors, 4);
}

static void a_full_arena_ends_the_parse(void **state)
{
	(void)state;
	struct arena *small = arena_new(4000);
	struct outcome failure = { .arena = arena };
	struct buf buf = buf_new(arena, 0, 100000);
	buf_add_byte(&buf, '[');
	for (int i = 0; i < 5000; i++)
		buf_add_text(&buf, "\"\\n\",");
	buf_add_text(&buf, "0]");
	assert_null(json_parse(small, buf_str(&buf), 100000, &failure));
	assert_int_equal(outcome_first(&failure), OUTCOME_TOO_LARGE);
	assert_true(arena_used(small) < 20000);
	arena_free(&small);
}

/* An object of `count` members, the last of them named as number `again` (or by itself). */
static struct str object_of(unsigned count, unsigned again)
{
	struct buf buf = buf_new(arena, 0, 100000);
	buf_add_byte(&buf, '{');
	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			buf_add_byte(&buf, ',');
		buf_add_format(&buf, "\"member%03u\":%u", i + 1 == count ? again : i, i);
	}
	buf_add_byte(&buf, '}');
	return buf_str(&buf);
}

static void members_are_counted_and_doubles_found_in_objects_of_any_size(void **state)
{
	(void)state;
	const unsigned sizes[] = { 2, 15, 16, 17, 18, 19, 33, 100, JSON_MEMBERS_MAX };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct json *json = parsed(object_of(sizes[i], sizes[i] - 1));
		assert_non_null(json);
		assert_int_equal(json->count, sizes[i]);
		for (unsigned again = 0; again + 1 < sizes[i]; again += 1 + sizes[i] / 20)
			refused(object_of(sizes[i], again), OUTCOME_STRUCTURE);
	}
	refused(object_of(JSON_MEMBERS_MAX + 1, JSON_MEMBERS_MAX), OUTCOME_STRUCTURE);
	/* The filter of one object must not remember the one before it. */
	struct buf buf = buf_new(arena, 0, 100000);
	buf_add_byte(&buf, '[');
	buf_add(&buf, object_of(40, 39));
	buf_add_byte(&buf, ',');
	buf_add(&buf, object_of(40, 39));
	buf_add_byte(&buf, ']');
	assert_non_null(parsed(buf_str(&buf)));
}

static void an_error_says_where(void **state)
{
	(void)state;
	refused(STR("{\n  \"\xc3\xa6\": \xff\n}"), OUTCOME_STRUCTURE);
	assert_str(outcome.last->text, "JSON, line 2, column 8: not well-formed UTF-8, or U+0000");
	refused(STR("{\"a\":1,\n\"a\":2}"), OUTCOME_STRUCTURE);
	assert_str(
		outcome.last->text, "JSON, line 2, column 4: a member name that is there already");
}

static void assert_rewritten(const char *text, const char *again)
{
	struct buf buf = buf_new(arena, 0, 100000);
	json_write(&buf, good(text));
	assert_str(buf_str(&buf), again);
}

static void a_tree_is_written_without_blanks_and_with_its_numbers(void **state)
{
	(void)state;
	assert_rewritten(" { \"a\" : [ 1 , 70.50, 1E+2 ] , \"b\\n\" : { } , \"c\" : [ null , true "
			 ", false ] } ",
		"{\"a\":[1,70.50,1E+2],\"b\\n\":{},\"c\":[null,true,false]}");
	assert_rewritten("\"\\u00e6\\/\\u0001\\u000b\\u007f\\u2028\"",
		"\"\xc3\xa6/\\u0001\\u000b\x7f\xe2\x80\xa8\"");
	assert_rewritten("\"\\\"\\\\\\b\\t\\n\\f\\r\"", "\"\\\"\\\\\\b\\t\\n\\f\\r\"");
}

static void bytes_that_are_no_text_become_replacement_characters(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 0, 1000);
	json_write_string(&buf, STR("a\xff"
				    "b\xc3\xa6\xed\xa0\x80\0\xc3"));
	assert_str(buf_str(&buf),
		"\"a\xef\xbf\xbd"
		"b\xc3\xa6\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	good(str_copy(arena, buf_str(&buf)).at);
}

static void members_are_parted_by_commas(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 0, 1000);
	json_write_comma(&buf);
	buf_add_byte(&buf, '{');
	json_write_member(&buf, "none", STR(""));
	json_write_member(&buf, "a", STR("x\"y"));
	json_write_member(&buf, "b", STR("{"));
	json_write_comma(&buf);
	json_write_name(&buf, "c");
	json_write_comma(&buf);
	buf_add_byte(&buf, '[');
	json_write_comma(&buf);
	json_write_string(&buf, STR("1"));
	json_write_comma(&buf);
	json_write_comma(&buf);
	json_write_string(&buf, STR(""));
	buf_add_text(&buf, "]}");
	assert_str(buf_str(&buf), "{\"a\":\"x\\\"y\",\"b\":\"{\",\"c\":[\"1\",\"\"]}");
}

/* ---- slices */

static void same_tree(const struct json *a, const struct json *b, const char *text)
{
	const struct json *one = a->first, *two = b->first;
	if (a->type != b->type || a->truth != b->truth || a->count != b->count ||
		!str_equal(a->key, b->key) || !str_equal(a->text, b->text) ||
		a->raw.at != b->raw.at || a->raw.length != b->raw.length)
		fail_msg("%s: %.*s", text, STR_ARG(b->raw));
	for (; one != NULL && two != NULL; one = one->next, two = two->next)
		same_tree(one, two, text);
	assert_true(one == NULL && two == NULL);
}

/* However the text is cut, the tree is the one of the whole, and so is the error. */
static void slices_make_the_same_tree(void **state)
{
	(void)state;
	static const char object[] = "{\"a\":[1,-2.50e+3,true,false,null,\"x\"],\"b\":{"
				     "\"c\":\"\\u00e5\\n\",\"d\":70.50}}";
	static const char *const texts[] = { object, " [ 12 , 3.4 , 0 ] \n", "12",
		"\"bl\xc3\xa5 \xe2\x82\xac\"", "true", "null",
		"{\"\\ud83d\\ude00\":\"\xf0\x9f\x98\x80\"}", "[[[[1]]],{\"a\":{}},[]]",
		"{\"a\":1,\"a\":2}", "[1,]", "[1", "[\"a\x01\"]", "[\"\xff\"]", "[01]", "[1]x",
		"[\"\\ud800\"]", "", "[tru]", "{\"a\" 1}" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct arena *memory = arena_new(1 << 22);
		const struct str text = str_of(texts[i]);
		struct outcome whole = { .arena = memory };
		const struct json *expected = json_parse(memory, text, 1000, &whole);
		for (size_t bytes = 1; bytes <= text.length; bytes++) {
			struct outcome part = { .arena = memory };
			struct json_parser *parser = json_parser_new(memory, text, 1000);
			struct json *out = NULL;
			unsigned turns = 1;
			while (!json_parser_run(parser, bytes, &out, &part))
				turns++;
			assert_true(turns <= text.length / bytes + 1);
			assert_int_equal(out == NULL, expected == NULL);
			assert_int_equal(part.errors, whole.errors);
			if (expected != NULL)
				same_tree(expected, out, texts[i]);
		}
		arena_free(&memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_make_the_same_tree),
		cmocka_unit_test_setup_teardown(
			a_tree_has_every_type_and_the_bytes_it_stood_in, begin, end),
		cmocka_unit_test_setup_teardown(every_type_may_stand_alone, begin, end),
		cmocka_unit_test_setup_teardown(
			a_reader_finds_nothing_where_nothing_is, begin, end),
		cmocka_unit_test_setup_teardown(
			escapes_are_taken_out_and_kept_in_the_raw, begin, end),
		cmocka_unit_test_setup_teardown(a_long_string_with_escapes_is_whole, begin, end),
		cmocka_unit_test_setup_teardown(what_yajl_lets_pass_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_json_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(depth_is_bounded, begin, end),
		cmocka_unit_test_setup_teardown(values_are_counted, begin, end),
		cmocka_unit_test_setup_teardown(a_full_arena_ends_the_parse, begin, end),
		cmocka_unit_test_setup_teardown(
			members_are_counted_and_doubles_found_in_objects_of_any_size, begin, end),
		cmocka_unit_test_setup_teardown(an_error_says_where, begin, end),
		cmocka_unit_test_setup_teardown(
			a_tree_is_written_without_blanks_and_with_its_numbers, begin, end),
		cmocka_unit_test_setup_teardown(
			bytes_that_are_no_text_become_replacement_characters, begin, end),
		cmocka_unit_test_setup_teardown(members_are_parted_by_commas, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
