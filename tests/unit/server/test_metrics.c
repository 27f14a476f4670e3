/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "server/metrics.h"
#include "server/routes.h"

static const char *rendered(struct arena *arena)
{
	struct buf out = buf_new(arena, 4096, 1 << 20);
	metrics_render(&out, NULL, 0);
	assert_false(out.full);
	return str_copy(arena, buf_str(&out)).at;
}

static void says(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("no \"%s\"", line);
}

static void counters_count(void **state)
{
	(void)state;
	struct arena *arena = arena_new(8 << 20);
	says(rendered(arena), "\nmaalehub_connections_killed_total{reason=\"resets\"} 0\n");
	metric_add(METRIC_KILLED_RESETS, 1);
	metric_add(METRIC_KILLED_RESETS, 2);
	metric_add(METRIC_REQUEST_HANDLED, 7);
	assert_int_equal(metric_value(METRIC_KILLED_RESETS), 3);
	const char *text = rendered(arena);
	says(text, "\nmaalehub_connections_killed_total{reason=\"resets\"} 3\n");
	says(text, "\nmaalehub_requests_handled_total 7\n");
	arena_free(&arena);
}

static void requests_are_told_by_template(void **state)
{
	(void)state;
	struct arena *arena = arena_new(8 << 20);
	struct outcome outcome = { .arena = arena };
	struct str segments[ROUTE_SEGMENTS], allow;
	const struct route *route = route_find(
		arena, STR("GET"), STR("/fhir/Observation/secret"), segments, &allow, &outcome);
	metric_request(route, 200, 700);
	metric_request(route, 404, 20 * INSTANT_SECOND);
	metric_request(NULL, 404, 3);
	const char *text = rendered(arena);
#define HERE "method=\"GET\",route=\"/fhir/Observation/{id}\""
	says(text, "maalehub_requests_total{" HERE ",status=\"2xx\"} 1\n");
	says(text, "maalehub_requests_total{" HERE ",status=\"4xx\"} 1\n");
	says(text, "maalehub_requests_total{method=\"\",route=\"none\",status=\"4xx\"} 1\n");
	says(text, "maalehub_request_seconds_bucket{" HERE ",le=\"0.0005\"} 0\n");
	says(text, "maalehub_request_seconds_bucket{" HERE ",le=\"0.001\"} 1\n");
	says(text, "maalehub_request_seconds_bucket{" HERE ",le=\"10\"} 1\n");
	says(text, "maalehub_request_seconds_bucket{" HERE ",le=\"+Inf\"} 2\n");
	says(text, "maalehub_request_seconds_count{" HERE "} 2\n");
	says(text, "maalehub_request_seconds_sum{" HERE "} 20.000700\n");
	assert_null(strstr(text, "secret"));
	arena_free(&arena);
}

/* One HELP and TYPE before each family, and no family in two places. */
static void families_stand_together(void **state)
{
	(void)state;
	struct arena *arena = arena_new(8 << 20);
	const char *text = rendered(arena);
	for (const char *at = strstr(text, "# TYPE "); at != NULL; at = strstr(at + 1, "# TYPE ")) {
		const struct str line = { at, strcspn(at, "\n") + 1 };
		assert_null(strstr(at + line.length, str_copy(arena, line).at));
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_count),
		cmocka_unit_test(requests_are_told_by_template),
		cmocka_unit_test(families_stand_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
