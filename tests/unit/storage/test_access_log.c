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

int main(void)
{
	arena = arena_new(1 << 20);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_members),
	};
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
