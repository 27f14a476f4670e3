/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* GET /fhir/Observation/{id}/_history: the versions of one reading, newest first, what was deleted among them (FHIR R4 http.html#history). */
#include <limits.h>

#include "fhir/bundle.h"
#include "fhir/form.h"
#include "server/audit.h"
#include "server/form.h"
#include "server/interaction/interactions.h"
#include "server/interaction/one.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"
#include "storage/store_change.h"

#define COUNT_DEFAULT 20
#define COUNT_MAX     200

struct history_work {
	struct one one;
	struct str since; /* as sent */
	unsigned count;
	int before;
	struct store_history history;
	struct str *rendered;
	struct str all; /* for the digest */
};

static bool take_number(
	struct exchange *exchange, const char *name, struct str value, uint64_t most, uint64_t *out)
{
	if (str_to_u64(value, out) && *out <= most)
		return true;
	return outcome_fail(&exchange->outcome, OUTCOME_VALUE, str_of(name), "%s may be 0 to %llu",
		name, (unsigned long long)most);
}

static bool take_parameter(
	struct exchange *exchange, struct history_work *work, struct str name, struct str value)
{
	uint64_t number;
	if (str_is(name, "_since")) {
		struct span span;
		value = form_time(exchange->arena, value);
		if (!span_parse(value, exchange->loop->hub->config->zone_parsed, &span))
			return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("_since"),
				"_since must be an instant such as 2026-11-20T08:00:00Z");
		work->since = value;
		work->history.since = span.low;
	} else if (str_is(name, "_count")) {
		if (!take_number(exchange, "_count", value, COUNT_MAX, &number))
			return false;
		work->count = (unsigned)number;
	} else if (str_is(name, "_page")) {
		if (!take_number(exchange, "_page", value, INT_MAX, &number))
			return false;
		work->history.before = (int)number;
	}
	return true;
}

static void parse(struct exchange *exchange)
{
	struct history_work *work = arena_alloc(exchange->arena, sizeof(*work));
	work->count = COUNT_DEFAULT;
	work->history.since = INSTANT_MIN;
	work->history.before = INT_MAX;
	one_open(exchange, &work->one, route_type(exchange->route), exchange->request.segment);
	struct str rest = exchange->request.query, name, value;
	while (form_next(exchange->arena, &rest, &name, &value) == FORM_PART) {
		if (!take_parameter(exchange, work, name, value))
			return;
	}
	if (exchange->presentation.summary == SUMMARY_COUNT)
		work->count = 0;
	exchange->work = work;
}

static void who(struct exchange *exchange)
{
	struct history_work *work = exchange->work;
	if (work->one.opened)
		one_who(&work->one, resolve_items(exchange, 1), 0);
}

static void decide_read(struct exchange *exchange)
{
	const struct history_work *work = exchange->work;
	exchange->grant = one_decide(exchange, &work->one);
}

static void store(struct exchange *exchange)
{
	struct history_work *work = exchange->work;
	if (exchange->grant == NULL || exchange->grant->count == 0)
		return;
	work->history.call = exchange_call(exchange);
	work->history.grant = exchange->grant;
	work->history.key = work->one.key;
	work->history.limit = work->count;
	exchange_hold(exchange);
	store_history(exchange->loop->store, &work->history);
}

/* Once: the log's digest and the answer are of the same bytes. */
static void render(struct exchange *exchange, struct history_work *work)
{
	const struct store_history *history = &work->history;
	work->rendered = arena_array(exchange->arena, history->count, sizeof(work->rendered[0]));
	struct buf all = buf_new(exchange->arena, 1024, RESPONSE_MAX);
	for (size_t i = 0; i < history->count; i++) {
		if (history->rows[i].deleted)
			continue;
		work->rendered[i] = one_render(exchange, &history->rows[i]);
		buf_add(&all, work->rendered[i]);
	}
	work->all = buf_str(&all);
}

static void audit(struct exchange *exchange)
{
	struct history_work *work = exchange->work;
	if (work == NULL || exchange->outcome.errors > 0)
		return;
	const struct grant *grant = exchange->grant;
	const bool open = grant != NULL && grant->count > 0;
	struct log_detail detail = audit_detail(exchange);
	detail.counted = true;
	detail.query = STR("_history");
	struct log_row *row = one_row(exchange, &work->one, LOG_READ);
	if (work->history.found) {
		const struct store_history *history = &work->history;
		render(exchange, work);
		for (size_t i = 0; i < history->count; i++)
			row->classes |= 1u << history->rows[i].class;
		one_released(exchange, grant, history->rows, history->count, work->all, &detail);
	} else {
		const bool denied = row->person != 0 && !open;
		row->outcome = denied ? LOG_DENY : LOG_PERMIT;
		detail.reason = denied ? "not-shared" : "not-found";
		one_absent(exchange, &exchange->outcome);
	}
	row->body = detail_render(exchange->arena, &detail);
}

/* A page's own address, or that of the page behind `before`. */
static struct str link_to(struct exchange *exchange, const struct history_work *work, int before)
{
	struct buf buf = buf_new(exchange->arena, 256, 4096);
	buf_add(&buf, base_url(exchange));
	buf_add_format(&buf, "/%s/%.*s/_history?_count=%u", resource_type_name(work->one.key.type),
		STR_ARG(exchange->request.segment), work->count);
	if (work->since.length > 0) {
		buf_add_text(&buf, "&_since=");
		form_encode(&buf, work->since);
	}
	if (before != INT_MAX)
		buf_add_format(&buf, "&_page=%d", before);
	presentation_query(&buf, &exchange->presentation);
	return buf_str(&buf);
}

static void respond(struct exchange *exchange)
{
	const struct history_work *work = exchange->work;
	const struct store_history *history = &work->history;
	struct bundle_version *versions =
		arena_array(exchange->arena, history->count, sizeof(versions[0]));
	for (size_t i = 0; i < history->count; i++)
		versions[i] = (struct bundle_version){
			.version = history->rows[i].version,
			.updated = history->rows[i].updated,
			.deleted = history->rows[i].deleted,
			.id = exchange->request.segment,
			.type = work->one.key.type,
			.rendered = work->rendered[i],
		};
	struct bundle_history bundle = {
		.base = base_url(exchange),
		.self = link_to(exchange, work, history->before),
		.versions = versions,
		.count = history->count,
		.total = history->total,
	};
	if (history->more && history->count > 0)
		bundle.next = link_to(exchange, work, history->rows[history->count - 1].version);
	struct buf buf = buf_new(
		exchange->arena, 1024 + work->all.length + 512 * history->count, RESPONSE_MAX);
	bundle_render_history(&buf, &bundle);
	respond_with(exchange, 200, MEDIA_FHIR, buf_str(&buf));
}

static const char *const parameters[] = { "_since", "_count", "_page", NULL };

const struct interaction interaction_history = {
	.name = "history",
	.parameters = parameters,
	.parse = parse,
	.who = who,
	.decide = decide_read,
	.store = store,
	.audit = audit,
	.respond = respond,
};
