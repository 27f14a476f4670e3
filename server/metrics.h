/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include "fhir/base/buf.h"
#include "fhir/base/instant.h"

struct route;
struct hub;

/* Counters: one for each row of metrics.tbl, summed over all loops. */
enum metric {
#define METRIC(symbol, name, label, help) METRIC_##symbol,
#include "server/metrics.tbl"
#undef METRIC
	METRICS
};

/* Any thread. */
void metric_add(enum metric metric, uint64_t amount);
uint64_t metric_value(enum metric metric);
/* Its label, for the log. */
const char *metric_label(enum metric metric);

/*
 * One answered request: its route (NULL: none was found), status, and how long it took. Called by
 * the doors.
 */
void metric_request(const struct route *route, int status, instant took);

/*
 * All of it as Prometheus text 0.0.4. Routes are told by their template, never by URL. `hub` (may
 * be NULL) adds the gauges.
 */
void metrics_render(struct buf *out, struct hub *hub, instant now);

#endif
