/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "storage/access_log.h"

static struct arena *arena;

static struct str leaf_of(
	const struct log_row *row, instant at, uint64_t id, const uint8_t salt[static 16])
{
	struct mac128 context;
	for (unsigned i = 0; i < sizeof(context.bytes); i++)
		context.bytes[i] = (uint8_t)(0x20 + i);
	uint8_t leaf[32];
	log_leaf(row, at, id, &context, salt, leaf);
	return str_hex(arena, leaf, sizeof(leaf));
}

static struct log_row row_of(void)
{
	return (struct log_row){ .person = 123456789,
		.bucket = 4711,
		.tenant = 42,
		.actor_orgnr = 987654321,
		.op = LOG_SEARCH,
		.type = TYPE_OBSERVATION,
		.outcome = LOG_PERMIT,
		.classes = 2,
		.corr = 65600,
		.context = STR("not in the leaf: its digest is"),
		.body = STR("{\"count\":3}") };
}

/* Version 1 of the leaf is fixed: this value was computed from the layout by other code. */
static void test_vector(void **state)
{
	(void)state;
	uint8_t salt[16];
	for (unsigned i = 0; i < sizeof(salt); i++)
		salt[i] = (uint8_t)i;
	const struct log_row row = row_of();
	const struct str leaf = leaf_of(&row, 1795161612000123, 65537, salt);
	assert_true(
		str_is(leaf, "f89a7a7cbc024796f60d9301cc08b77968f7afeac210a8215b5d5ddafe5f08d9"));
}

/* Every member that may not change unseen changes the leaf. */
static void test_members(void **state)
{
	(void)state;
	uint8_t salt[16] = { 1 };
	const struct log_row row = row_of();
	const struct str leaf = leaf_of(&row, 5, 7, salt);
	struct log_row rows[11];
	for (unsigned i = 0; i < 11; i++)
		rows[i] = row;
	rows[0].person++;
	rows[1].bucket++;
	rows[2].tenant++;
	rows[3].actor_orgnr++;
	rows[4].op = LOG_READ;
	rows[5].type = TYPE_PATIENT;
	rows[6].outcome = LOG_DENY;
	rows[7].classes = 4;
	rows[8].corr++;
	rows[9].body = STR("{\"count\":4}");
	for (unsigned i = 0; i < 10; i++)
		assert_false(str_equal(leaf_of(&rows[i], 5, 7, salt), leaf));
	assert_true(str_equal(leaf_of(&rows[10], 5, 7, salt), leaf));
	assert_false(str_equal(leaf_of(&row, 6, 7, salt), leaf));
	assert_false(str_equal(leaf_of(&row, 5, 8, salt), leaf));
	salt[15] = 1;
	assert_false(str_equal(leaf_of(&row, 5, 7, salt), leaf));
}

/* Packed or not, the salt stands first and the body comes back; a damaged one does not. */
static void test_body(void **state)
{
	(void)state;
	static const char long_body[] =
		"{\"what\":[{\"code\":\"http://loinc.org|8867-4\\nhttp://snomed.info/sct|364075005"
		"\",\"count\":1,\"from\":\"2026-11-20T08:00:12.000Z\"}],\"count\":1,\"jti\":\""
		"7d1f3c52a9e84b06\"}";
	const struct str bodies[] = { STR(""), STR("{}"), STR("{\"count\":3}"), str_of(long_body) };
	const uint8_t salt[LOG_SALT_BYTES] = { 9, 8, 7 };
	for (unsigned i = 0; i < 4; i++) {
		const struct str column = log_body(arena, salt, bodies[i]);
		struct str back = { 0 };
		assert_memory_equal(column.at, salt, sizeof(salt));
		assert_true(log_body_open(arena, column, &back));
		assert_true(str_equal(back, bodies[i]));
		assert_int_equal(column.length < LOG_SALT_BYTES + bodies[i].length, i == 3);
	}
	const struct str column = log_body(arena, salt, bodies[3]);
	assert_true(column.length < LOG_SALT_BYTES + 90);
	struct str back;
	assert_false(log_body_open(arena, str_part(column, 0, column.length - 5), &back));
	char *wrong = arena_bytes(arena, column.length);
	memcpy(wrong, column.at, column.length);
	wrong[LOG_SALT_BYTES] = 31;
	assert_false(log_body_open(arena, (struct str){ wrong, column.length }, &back));
}

/* Whoever changes a row and works its leaf out anew lacks the secret that made its salt. */
static void test_salt(void **state)
{
	(void)state;
	struct seal *seal = seal_new(STR("a secret of thirty-two bytes, 32")),
		    *other = seal_new(STR("a secret of thirty-two bytes, 23"));
	const struct mac128 context = { { 1 } }, another = { { 2 } };
	const struct log_row row = row_of();
	uint8_t salt[LOG_SALT_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9 };
	log_salt(seal, &row, 5, 7, &context, salt);
	assert_memory_equal(salt, "\1\2\3\4\5\6\7\10", 8);
	assert_true(log_salt_holds(seal, &row, 5, 7, &context, salt));
	struct log_row changed = row;
	changed.person++;
	assert_false(log_salt_holds(seal, &changed, 5, 7, &context, salt));
	changed = row;
	changed.body = STR("{\"count\":4}");
	assert_false(log_salt_holds(seal, &changed, 5, 7, &context, salt));
	assert_false(log_salt_holds(seal, &row, 6, 7, &context, salt));
	assert_false(log_salt_holds(seal, &row, 5, 8, &context, salt));
	assert_false(log_salt_holds(seal, &row, 5, 7, &another, salt));
	assert_false(log_salt_holds(other, &row, 5, 7, &context, salt));
	salt[0] ^= 1;
	assert_false(log_salt_holds(seal, &row, 5, 7, &context, salt));
	seal_free(&seal);
	seal_free(&other);
}

int main(void)
{
	arena = arena_new(1 << 20);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_salt),
	};
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
