/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/token.h"
#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define EC                                                                                        \
	"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"okXkn4jYOIixX_4nXquF_RwCyliBIceAOCk-iEKT3eQ\"," \
	"\"y\":\"HJLmP-VqCyBwr0MUyD5ulW6GO_UhC6JpaSYun8Bz-HQ\""

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(16 << 20);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct keyset *parsed(const char *keys)
{
	return keyset_parse(str_format(arena, "{\"keys\":[%s]}", keys), &outcome);
}

static void keys_for_signatures_are_kept(void **state)
{
	(void)state;
	struct keyset *keyset = parsed("{" EC ",\"kid\":\"a\",\"alg\":\"ES256\",\"use\":\"sig\"},"
				       "{" EC ",\"kid\":\"b\",\"key_ops\":[\"verify\"]},"
				       "{" EC ",\"kid\":\"c\",\"use\":\"enc\"}");
	assert_non_null(keyset);
	assert_int_equal(keyset->count, 2);
	const struct keyset_key *a = keyset_find(keyset, STR("a"));
	const struct keyset_key *b = keyset_find(keyset, STR("b"));
	assert_non_null(a);
	assert_non_null(b);
	assert_true(a->alg_known && a->alg == JOSE_ES256);
	assert_false(b->alg_known);
	assert_null(keyset_find(keyset, STR("c")));
	assert_null(keyset_find(keyset, STR("")));
	assert_null(keyset_find(keyset, STR("aa")));
	keyset_drop(&keyset);
	assert_null(keyset);
	keyset_drop(&keyset);
}

/* Each is left out; alone, there is no set left. */
static void other_keys_are_left_out(void **state)
{
	(void)state;
	static const char *const keys[] = { "{" EC "}", "{" EC ",\"kid\":\"\"}",
		"{" EC ",\"kid\":7}", "{" EC ",\"kid\":\"a/b\"}", "{" EC ",\"kid\":\"a b\"}",
		"{" EC ",\"kid\":\"a\",\"use\":\"enc\"}", "{" EC ",\"kid\":\"a\",\"use\":null}",
		"{" EC ",\"kid\":\"a\",\"key_ops\":[]}",
		"{" EC ",\"kid\":\"a\",\"key_ops\":[\"sign\"]}",
		"{" EC ",\"kid\":\"a\",\"key_ops\":[7]}",
		"{" EC ",\"kid\":\"a\",\"key_ops\":\"verify\"}",
		"{" EC ",\"kid\":\"a\",\"alg\":\"RS256\"}",
		"{" EC ",\"kid\":\"a\",\"alg\":\"ES384\"}",
		"{" EC ",\"kid\":\"a\",\"alg\":\"HS256\"}",
		"{" EC ",\"kid\":\"a\",\"alg\":\"none\"}", "{" EC ",\"kid\":\"a\",\"alg\":null}",
		"{" EC ",\"kid\":\"a\",\"d\":\"AAAA\"}",
		"{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"a\"}", "7", "\"a\"", "null", "[]" };
	for (size_t i = 0; i < COUNT(keys); i++) {
		const unsigned before = outcome.errors;
		struct keyset *none = parsed(keys[i]);
		if (none != NULL)
			fail_msg("kept: %s", keys[i]);
		assert_int_equal(outcome.errors, before + 1);
		struct keyset *one =
			parsed(str_format(arena, "%s,{" EC ",\"kid\":\"good\"}", keys[i]).at);
		assert_non_null(one);
		assert_int_equal(one->count, 1);
		keyset_drop(&one);
	}
}

static void other_texts_are_no_sets(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "x", "null", "[]", "{}", "{\"keys\":{}}",
		"{\"keys\":null}", "{\"keys\":[]}", "{\"keys\":[],\"keys\":[]}",
		"{\"keys\":[{" EC ",\"kid\":\"a\"},{" EC ",\"kid\":\"a\"}]}" };
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (keyset_parse(str_of(texts[i]), &outcome) != NULL)
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(outcome.errors, i + 1);
	}
}

static void sets_are_bounded(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 1024, 1 << 20);
	for (unsigned i = 0; i < 64; i++)
		buf_add_format(&buf, "%s{" EC ",\"kid\":\"k%u\"}", i == 0 ? "" : ",", i);
	buf_add_byte(&buf, '\0');
	struct keyset *most = parsed(buf_str(&buf).at);
	assert_non_null(most);
	assert_int_equal(most->count, 64);
	keyset_drop(&most);
	buf.length--;
	buf_add_text(&buf, ",{\"kid\":\"one\"}");
	buf_add_byte(&buf, '\0');
	assert_null(parsed(buf_str(&buf).at));
	const struct str blanks = { arena_alloc(arena, 300000), 300000 };
	memset((char *)(uintptr_t)blanks.at, ' ', blanks.length);
	memcpy((char *)(uintptr_t)blanks.at, "{\"keys\":[{" EC ",\"kid\":\"a\"}]}",
		sizeof("{\"keys\":[{" EC ",\"kid\":\"a\"}]}") - 1);
	assert_null(keyset_parse(str_part(blanks, 0, (256 << 10) + 1), &outcome));
	struct keyset *fits = keyset_parse(str_part(blanks, 0, 256 << 10), &outcome);
	assert_non_null(fits);
	keyset_drop(&fits);
}

static void the_last_holder_frees(void **state)
{
	(void)state;
	struct keyset *keyset = parsed("{" EC ",\"kid\":\"a\"}");
	struct keyset *other = keyset_hold(keyset);
	assert_ptr_equal(keyset, other);
	keyset_drop(&keyset);
	assert_non_null(keyset_find(other, STR("a"))); /* still there; a sanitizer would tell */
	keyset_drop(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_for_signatures_are_kept, begin, end),
		cmocka_unit_test_setup_teardown(other_keys_are_left_out, begin, end),
		cmocka_unit_test_setup_teardown(other_texts_are_no_sets, begin, end),
		cmocka_unit_test_setup_teardown(sets_are_bounded, begin, end),
		cmocka_unit_test_setup_teardown(the_last_holder_frees, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
