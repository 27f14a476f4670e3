/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/rules.h"
#include "fhir/base/arena.h"

#define TENANTS 50
#define READERS 7

static struct rules *rules_new(void)
{
	struct arena *arena = arena_new(4 << 20);
	struct rules *rules = arena_alloc(arena, sizeof(*rules));
	rules->arena = arena;
	rules->references = 1;
	return rules;
}

static void nothing_is_found_in_nothing(void **state)
{
	(void)state;
	struct rules *rules = rules_new();
	size_t count = 7;
	rules_sort(rules);
	assert_null(rules_tenant(rules, 1));
	assert_null(rules_tenant_by_orgnr(rules, 1));
	assert_null(rules_client(rules, STR("a")));
	assert_null(rules_client(rules, (struct str){ NULL, 0 }));
	assert_null(rules_between(rules, 1, 1, &count));
	assert_int_equal(count, 0);
	rules_drop(&rules);
	assert_null(rules);
	rules_drop(&rules);
}

/* Ids and orgnrs run against each other, so that one order is not the other's. */
static void everything_is_found_again(void **state)
{
	(void)state;
	struct rules *rules = rules_new();
	rules->tenants = arena_array(rules->arena, TENANTS, sizeof(*rules->tenants));
	rules->clients = arena_array(rules->arena, TENANTS, sizeof(*rules->clients));
	for (uint32_t i = 0; i < TENANTS; i++) {
		const uint32_t id = (i * 37) % TENANTS;
		rules->tenants[i] = (struct tenant){ .id = id, .orgnr = 900000000 - id };
		rules->clients[i].id = str_format(rules->arena, "client-%u", id);
		rules->clients[i].orgnr = id;
	}
	rules->tenant_count = rules->client_count = TENANTS;
	rules_sort(rules);
	for (uint32_t id = 0; id < TENANTS; id++) {
		const struct tenant *tenant = rules_tenant(rules, id);
		assert_non_null(tenant);
		assert_int_equal(tenant->id, id);
		assert_ptr_equal(rules_tenant_by_orgnr(rules, 900000000 - id), tenant);
		const struct str name = str_format(rules->arena, "client-%u", id);
		assert_int_equal(rules_client(rules, name)->orgnr, id);
	}
	assert_null(rules_tenant(rules, TENANTS));
	assert_null(rules_tenant_by_orgnr(rules, 1));
	assert_null(rules_client(rules, STR("client-")));
	assert_null(rules_client(rules, STR("Client-1")));
	assert_null(rules_client(rules, STR("client-1\0")));
	rules_drop(&rules);
}

static void rules_stand_by_reader_and_tenant(void **state)
{
	(void)state;
	struct rules *rules = rules_new();
	const uint32_t count = READERS * READERS * 2;
	rules->rules = arena_array(rules->arena, count, sizeof(*rules->rules));
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t place = (i * 43) % count;
		rules->rules[i] = (struct rule){
			.id = place, .reader = place % READERS, .tenant = place / READERS % READERS
		};
	}
	rules->rule_count = count;
	rules_sort(rules);
	for (uint32_t reader = 0; reader <= READERS; reader++) {
		for (uint32_t tenant = 0; tenant <= READERS; tenant++) {
			size_t found;
			const struct rule *at = rules_between(rules, reader, tenant, &found);
			const bool known = reader < READERS && tenant < READERS;
			assert_int_equal(found, known ? 2 : 0);
			assert_true((at != NULL) == known);
			for (size_t i = 0; i < found; i++)
				assert_true(at[i].reader == reader && at[i].tenant == tenant);
		}
	}
	rules_drop(&rules);
}

static void the_last_holder_frees(void **state)
{
	(void)state;
	struct rules *rules = rules_new();
	struct rules *other = rules_hold(rules);
	assert_ptr_equal(rules, other);
	rules_drop(&rules);
	assert_null(rules);
	assert_int_equal(other->references, 1); /* still there; a sanitizer would tell */
	rules_drop(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_found_in_nothing),
		cmocka_unit_test(everything_is_found_again),
		cmocka_unit_test(rules_stand_by_reader_and_tenant),
		cmocka_unit_test(the_last_holder_frees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
