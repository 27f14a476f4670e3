/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Counters and histograms for /metrics: relaxed atomics, because each stands for itself. */
#include "server/metrics.h"

#include <assert.h>
#include <stdatomic.h>

#include "server/loop.h"
#include "server/routes.h"

#define ROUTES_MAX  96
#define STATUS_MAX  6 /* first digit of the status */
#define BUCKETS_MAX 13

/* Upper bounds in microseconds. */
static const instant bounds[BUCKETS_MAX] = { 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
	250000, 500000, 1000000, 2500000, 10000000 };

struct route_count {
	atomic_uint_fast64_t status[STATUS_MAX];
	atomic_uint_fast64_t bucket[BUCKETS_MAX + 1]; /* the last: slower than all bounds */
	atomic_uint_fast64_t micros;
};

static atomic_uint_fast64_t counters[METRICS];
static struct route_count by_route[ROUTES_MAX + 1]; /* the last: no route, and OPTIONS */

static const struct {
	const char *name, *label, *help;
} rows[METRICS] = {
#define METRIC(symbol, name, label, help) { name, label, help },
#include "server/metrics.tbl"
#undef METRIC
};

static void add(atomic_uint_fast64_t *counter, uint64_t amount)
{
	atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static uint64_t value(const atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void metric_add(enum metric metric, uint64_t amount)
{
	add(&counters[metric], amount);
}

uint64_t metric_value(enum metric metric)
{
	return value(&counters[metric]);
}

const char *metric_label(enum metric metric)
{
	return rows[metric].label;
}

void metric_request(const struct route *route, int status, instant took)
{
	size_t index = ROUTES_MAX;
	if (route != NULL) {
		size_t count;
		const struct route *all = routes_all(&count);
		const bool listed = route >= all && route < all + count;
		index = listed ? (size_t)(route - all) : ROUTES_MAX;
		assert(count <= ROUTES_MAX);
	}
	struct route_count *count = &by_route[index];
	const int class = status / 100;
	add(&count->status[class > 0 && class < STATUS_MAX ? class : 0], 1);
	size_t bucket = 0;
	while (bucket < BUCKETS_MAX && took > bounds[bucket])
		bucket++;
	add(&count->bucket[bucket], 1);
	add(&count->micros, (uint64_t)(took > 0 ? took : 0));
}

/* HELP and TYPE stand once before a family. */
static void head(
	struct buf *out, const char *name, const char *suffix, const char *type, const char *help)
{
	buf_add_format(out, "# HELP maalehub_%s%s %s\n# TYPE maalehub_%s%s %s\n", name, suffix,
		help, name, suffix, type);
}

static void render_counters(struct buf *out)
{
	for (size_t i = 0; i < METRICS; i++) {
		if (i == 0 || !str_equal(str_of(rows[i].name), str_of(rows[i - 1].name)))
			head(out, rows[i].name, "_total", "counter", rows[i].help);
		const bool labelled = rows[i].label[0] != '\0';
		buf_add_format(out, "maalehub_%s_total%s%s%s ", rows[i].name, labelled ? "{" : "",
			rows[i].label, labelled ? "}" : "");
		buf_add_u64(out, value(&counters[i]));
		buf_add_byte(out, '\n');
	}
}

/* method="GET",route="/fhir/Observation/{id}" */
static struct str route_label(struct arena *arena, size_t index)
{
	size_t count;
	const struct route *routes = routes_all(&count);
	if (index == ROUTES_MAX)
		return STR("method=\"\",route=\"none\"");
	return str_format(
		arena, "method=\"%s\",route=\"%s\"", routes[index].method, routes[index].path);
}

static void render_statuses(struct buf *out)
{
	size_t count;
	routes_all(&count);
	head(out, "requests", "_total", "counter",
		"answered requests by route and class of status");
	for (size_t i = 0; i <= ROUTES_MAX; i++) {
		if (i >= count && i != ROUTES_MAX)
			continue;
		const struct str label = route_label(out->arena, i);
		for (int class = 1; class < STATUS_MAX; class ++) {
			const uint64_t seen = value(&by_route[i].status[class]);
			if (seen > 0)
				buf_add_format(out,
					"maalehub_requests_total{%.*s,status=\"%dxx\"} %llu\n",
					STR_ARG(label), class, (unsigned long long)seen);
		}
	}
}

static void render_histogram(struct buf *out, const struct route_count *count, struct str label)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < BUCKETS_MAX; i++) {
		sum += value(&count->bucket[i]);
		buf_add_format(out, "maalehub_request_seconds_bucket{%.*s,le=\"%g\"} %llu\n",
			STR_ARG(label), (double)bounds[i] / 1e6, (unsigned long long)sum);
	}
	sum += value(&count->bucket[BUCKETS_MAX]);
	buf_add_format(out, "maalehub_request_seconds_bucket{%.*s,le=\"+Inf\"} %llu\n",
		STR_ARG(label), (unsigned long long)sum);
	buf_add_format(out, "maalehub_request_seconds_sum{%.*s} %.6f\n", STR_ARG(label),
		(double)value(&count->micros) / 1e6);
	buf_add_format(out, "maalehub_request_seconds_count{%.*s} %llu\n", STR_ARG(label),
		(unsigned long long)sum);
}

static void render_histograms(struct buf *out)
{
	size_t count;
	routes_all(&count);
	head(out, "request_seconds", "", "histogram", "from the whole request read to its answer");
	for (size_t i = 0; i < count; i++)
		render_histogram(out, &by_route[i], route_label(out->arena, i));
	render_histogram(out, &by_route[ROUTES_MAX], route_label(out->arena, ROUTES_MAX));
}

static void gauge(struct buf *out, const char *name, const char *help, double number)
{
	head(out, name, "", "gauge", help);
	buf_add_format(out, "maalehub_%s %.6g\n", name, number);
}

static void render_gauges(struct buf *out, struct hub *hub, instant now)
{
	unsigned connections = 0, databases = 0;
	for (unsigned i = 0; i < hub->loop_count; i++) {
		connections += hub->loops[i]->connections;
		databases += hub->loops[i]->db_is_ready ? 1 : 0;
	}
	const char *why;
	gauge(out, "ready", "1 when requests are served", hub_ready(hub, &why) ? 1 : 0);
	gauge(out, "connections_open", "connections of clients", connections);
	gauge(out, "loops", "event loops", hub->loop_count);
	gauge(out, "loops_with_database", "event loops whose database connections are up",
		databases);
	gauge(out, "loop_tick_age_seconds", "how long ago the slowest loop began a turn",
		(double)(now - hub_ticked(hub)) / 1e6);
	gauge(out, "uptime_seconds", "since the process started",
		(double)(now - hub->started) / 1e6);
	struct rules *rules = hub_rules(hub);
	gauge(out, "rules_version", "version of the rules in force",
		rules == NULL ? 0 : (double)rules->version);
	if (rules != NULL)
		rules_drop(&rules);
}

void metrics_render(struct buf *out, struct hub *hub, instant now)
{
	render_counters(out);
	render_statuses(out);
	render_histograms(out);
	if (hub != NULL)
		render_gauges(out, hub, now);
}
