/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* openapi/hub.json against routes.tbl, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/principal.h"
#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "server/openapi_text.h"
#include "server/routes.h"

#define KIB 1024
#define MIB (1024 * KIB)

static const struct {
	const char *method, *path, *interaction, *style;
	unsigned scope, kinds;
	bool attest;
	size_t body_max;
} routes[] = {
#define ROUTE(method, path, interaction, style, scope, kinds, attest, body_max) \
	{ method, path, #interaction, #style, scope, kinds, attest, body_max },
#include "server/routes.tbl"
#undef ROUTE
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

static struct arena *arena;
static const struct json *document;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(16 << 20);
	struct outcome outcome = { .arena = arena };
	document =
		json_parse(arena, (struct str){ openapi_text, openapi_length }, 100000, &outcome);
	return document == NULL;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct str lower(const char *text)
{
	const struct str copy = str_copy(arena, str_of(text));
	char *at = arena_alloc(arena, copy.length);
	for (size_t i = 0; i < copy.length; i++)
		at[i] = (char)(copy.at[i] | 0x20);
	return (struct str){ at, copy.length };
}

static const struct json *operation_of(size_t route)
{
	const struct json *path = json_get(json_get(document, "paths"), routes[route].path);
	return json_get(path, str_copy(arena, lower(routes[route].method)).at);
}

static void each_route_is_described(void **state)
{
	(void)state;
	assert_true(str_starts(json_text(document, "openapi"), STR("3.1.")));
	for (size_t i = 0; i < ROUTES; i++) {
		const struct json *operation = operation_of(i);
		if (operation == NULL)
			fail_msg("%s %s is not in hub.json", routes[i].method, routes[i].path);
		/* Two paths of one interaction: operationIds are unique, so a word behind '_' follows. */
		const struct str id = json_text(operation, "operationId");
		const struct str name = str_of(routes[i].interaction);
		if (!str_starts(id, name) || (id.length > name.length && id.at[name.length] != '_'))
			fail_msg("%s %s: another operationId", routes[i].method, routes[i].path);
	}
}

static void each_description_is_a_route(void **state)
{
	(void)state;
	size_t count = 0;
	json_each(path, json_get(document, "paths"))
	{
		json_each(operation, path)
		{
			bool found = false;
			for (size_t i = 0; i < ROUTES; i++)
				found = found || operation_of(i) == operation;
			if (!found)
				fail_msg("%.*s %.*s is no route", STR_ARG(operation->key),
					STR_ARG(path->key));
			count++;
		}
	}
	assert_int_equal(count, ROUTES);
}

/* Open routes say so, the others name the scheme and one scope. */
static void security_is_the_routes_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES; i++) {
		const struct json *security = json_get(operation_of(i), "security");
		assert_non_null(security);
		assert_int_equal(security->count, routes[i].kinds == 0 ? 0 : 1);
		if (routes[i].kinds == 0)
			continue;
		const struct json *scopes = json_get(json_at(security, 0), "dpop");
		assert_non_null(scopes);
		assert_int_equal(scopes->count, 1);
	}
}

/* The scope of a row is the scope of its description: rows that share one share the other. */
static void scopes_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES; i++) {
		for (size_t j = 0; j < ROUTES; j++) {
			if (routes[i].kinds == 0 || routes[j].kinds == 0)
				continue;
			const struct str one = json_at(
				json_get(json_at(json_get(operation_of(i), "security"), 0), "dpop"),
				0)
						       ->text;
			const struct str two = json_at(
				json_get(json_at(json_get(operation_of(j), "security"), 0), "dpop"),
				0)
						       ->text;
			assert_int_equal(str_equal(one, two), routes[i].scope == routes[j].scope);
		}
	}
}

static void bodies_are_where_routes_take_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES; i++)
		assert_int_equal(
			json_get(operation_of(i), "requestBody") != NULL, routes[i].body_max > 0);
}

static void references_lead_somewhere(const struct json *json)
{
	json_each(item, json)
	{
		if (str_is(item->key, "$ref")) {
			struct str rest = item->text;
			assert_true(str_starts(rest, STR("#/")));
			rest = str_part(rest, 2, rest.length);
			const struct json *at = document;
			while (rest.length > 0) {
				const struct str name = str_cut(rest, '/', &rest);
				at = json_get(at, str_copy(arena, name).at);
			}
			if (at == NULL)
				fail_msg("%.*s leads nowhere", STR_ARG(item->text));
		}
		references_lead_somewhere(item);
	}
}

static void all_references_lead_somewhere(void **state)
{
	(void)state;
	references_lead_somewhere(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_route_is_described),
		cmocka_unit_test(each_description_is_a_route),
		cmocka_unit_test(security_is_the_routes_own),
		cmocka_unit_test(scopes_agree),
		cmocka_unit_test(bodies_are_where_routes_take_them),
		cmocka_unit_test(all_references_lead_somewhere),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
