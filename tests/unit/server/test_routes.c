/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "server/routes.h"

static struct arena *arena;
static struct outcome outcome;
static struct str segments[ROUTE_SEGMENTS], allow;

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

static const struct route *find(const char *method, const char *path)
{
	outcome = (struct outcome){ .arena = arena };
	segments[0] = segments[1] = (struct str){ 0 };
	allow = (struct str){ 0 };
	return route_find(arena, str_of(method), str_of(path), segments, &allow, &outcome);
}

static void leads_to(const char *method, const char *path, const char *template)
{
	const struct route *route = find(method, path);
	assert_non_null(route);
	assert_string_equal(route->path, template);
	assert_int_equal(outcome.errors, 0);
}

static void paths_lead_to_their_routes(void **state)
{
	(void)state;
	leads_to("POST", "/fhir", "/fhir");
	leads_to("POST", "/fhir/", "/fhir");
	leads_to("GET", "/fhir/metadata", "/fhir/metadata");
	leads_to("HEAD", "/fhir/metadata", "/fhir/metadata");
	leads_to("POST", "/fhir/Observation/_search", "/fhir/Observation/_search");
	leads_to("GET", "/fhir/Observation/abc", "/fhir/Observation/{id}");
	assert_true(str_is(segments[0], "abc"));
	leads_to("GET", "/fhir/Observation", "/fhir/Observation");
	assert_int_equal(segments[0].length, 0);
	leads_to("GET", "/fhir/Observation/abc/_history", "/fhir/Observation/{id}/_history");
	assert_true(str_is(segments[0], "abc"));
	leads_to("GET", "/fhir/Observation/abc/_history/3",
		"/fhir/Observation/{id}/_history/{version}");
	assert_true(str_is(segments[0], "abc") && str_is(segments[1], "3"));
	assert_int_equal(route_type(find("GET", "/fhir/Observation/abc")), TYPE_OBSERVATION);
	assert_int_equal(route_type(find("GET", "/fhir/metadata")), TYPE_NONE);
}

static void a_path_may_be_percent_encoded(void **state)
{
	(void)state;
	leads_to("GET", "/fhir/Observation/%24lastn", "/fhir/Observation/$lastn");
	leads_to("GET", "/fhir/Patient/abc/%24everything", "/fhir/Patient/{id}/$everything");
	leads_to("GET", "/fhir/%6detadata", "/fhir/metadata");
	leads_to("GET", "/fhir/Observation/%61b%63", "/fhir/Observation/{id}");
	assert_true(str_is(segments[0], "abc"));
	static const char *const kept[] = { "a%2Fb", "a%00", "a%0a", "a%20b", "a%zz", "a%", "a%7f",
		"a%c3%a5" };
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/fhir/Observation/%s", kept[i]);
		leads_to("GET", path, "/fhir/Observation/{id}");
		assert_true(str_is(segments[0], kept[i]));
	}
}

static void leads_nowhere(const char *method, const char *path)
{
	assert_null(find(method, path));
	assert_int_equal(outcome_first(&outcome), OUTCOME_NOT_FOUND);
	assert_int_equal(allow.length, 0);
}

static void other_paths_lead_nowhere(void **state)
{
	(void)state;
	leads_nowhere("GET", "");
	leads_nowhere("GET", "/");
	leads_nowhere("GET", "*");
	leads_nowhere("GET", "/fhir/Observation/$nothing");
	leads_nowhere("GET", "/fhir/Observation/_nothing");
	leads_nowhere("GET", "/fhir/metadata/more");
	leads_nowhere("GET", "/FHIR/metadata");
	leads_nowhere("GET", "/fhir/../livez");
	leads_nowhere("GET", "/%66hir/metadata");
	leads_nowhere("GET", "/%6detrics");
	leads_nowhere("GET", "/fhir/Observation/a/b");
	leads_nowhere("GET", "/fhir/Patient/a/b");
	leads_nowhere("GET", "http://localhost/livez");
	assert_true(str_ends(outcome.first->text, STR("/openapi.json names what there is")));
	leads_nowhere("GET", "/fhir/Encounter");
	assert_true(memmem(outcome.first->text.at, outcome.first->text.length, "/fhir/metadata",
			    14) != NULL);
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
	(void)state;
	assert_null(find("DELETE", "/fhir/Observation"));
	assert_int_equal(outcome_first(&outcome), OUTCOME_METHOD);
	assert_true(str_is(allow, "POST, GET, HEAD, PUT"));
	assert_true(
		str_ends(outcome.first->text, STR("to search: POST /fhir/Observation/_search")));
	assert_null(find("DELETE", "/fhir/Patient"));
	assert_true(str_ends(outcome.first->text, STR("to search: POST /fhir/Patient/_search")));
	assert_null(find("post", "/fhir"));
	assert_true(str_is(outcome.first->text, "this path takes POST only"));
	assert_int_equal(outcome_first(&outcome), OUTCOME_METHOD);
	assert_true(str_is(allow, "POST"));
}

/* OPTIONS of a path there is leads to one answer for all, and says what there is. */
static void options_tell_the_methods(void **state)
{
	(void)state;
	const struct route *route = find("OPTIONS", "/fhir/Observation");
	assert_non_null(route);
	assert_int_equal(route->kinds, 0);
	assert_true(str_starts(allow, STR("POST, GET, HEAD")));
	assert_true(str_ends(allow, STR(", OPTIONS")));
	leads_nowhere("OPTIONS", "/fhir/nothing");
	/* RFC 9110 section 9.3.7: the server as a whole. */
	assert_non_null(find("OPTIONS", "*"));
	size_t count;
	const struct route *routes = routes_all(&count);
	for (size_t i = 0; i < count; i++)
		assert_non_null(
			memmem(allow.at, allow.length, routes[i].method, strlen(routes[i].method)));
}

/* Permission stands in the row: what needs a scope says who may, and what needs none is open on purpose. */
static void every_row_says_who_may(void **state)
{
	(void)state;
	size_t count;
	const struct route *routes = routes_all(&count);
	unsigned open = 0;
	for (size_t i = 0; i < count; i++) {
		assert_non_null(routes[i].interaction);
		const bool free = routes[i].scope == 0 || routes[i].scope == ROUTE_OPERATIONS;
		assert_true(free == (routes[i].kinds == 0));
		assert_true((routes[i].scope == ROUTE_OPERATIONS) ==
			    route_is_for_operators(str_of(routes[i].path)));
		const bool body = !str_is(STR("GET"), routes[i].method) &&
				  !str_is(STR("DELETE"), routes[i].method);
		assert_true(body == (routes[i].body_max > 0));
		open += routes[i].scope == 0 ? 1 : 0;
	}
	assert_int_equal(
		open, 7); /* metadata, SMART twice, RFC 9728, livez, openapi.json, the WSDL */
	assert_true(route_is_for_operators(STR("/metrics")));
	assert_true(route_is_for_operators(STR("/readyz/")));
	assert_false(
		route_is_for_operators(STR("/livez")) || route_is_for_operators(STR("/metrics/x")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths_lead_to_their_routes, begin, end),
		cmocka_unit_test_setup_teardown(a_path_may_be_percent_encoded, begin, end),
		cmocka_unit_test_setup_teardown(other_paths_lead_nowhere, begin, end),
		cmocka_unit_test_setup_teardown(a_wrong_method_is_told_the_right_ones, begin, end),
		cmocka_unit_test_setup_teardown(options_tell_the_methods, begin, end),
		cmocka_unit_test_setup_teardown(every_row_says_who_may, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
