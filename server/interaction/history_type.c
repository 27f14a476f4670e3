/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * GET /fhir/Observation/_history: the versions of all readings of a controller, newest first, for that controller's own system (FHIR R4 http.html#history). A search
 * without a patient (search_tenant.c) of which each version is a row.
 */
#include "fhir/bundle.h"
#include "fhir/form.h"
#include "server/form.h"
#include "server/interaction/interactions.h"
#include "server/interaction/searching.h"
#include "server/loop.h"
#include "server/respond.h"

#define QUERY_MAX ((size_t)16 << 10)

static bool is_time(struct exchange *exchange, struct str text)
{
	struct span span;
	return span_parse(form_time(exchange->arena, text),
		       exchange->loop->hub->config->zone_parsed, &span) ||
	       outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("_since"),
		       "_since must be an instant such as 2026-11-20T08:00:00Z");
}

static void add(struct buf *buf, const char *name, struct str value)
{
	buf_add_text(buf, name);
	form_encode(buf, value);
}

/* By the words of the search that it is. */
static void parse(struct exchange *exchange)
{
	struct buf buf = buf_new(exchange->arena, 256, QUERY_MAX);
	struct str rest = exchange->request.query, name, value, page = { 0 };
	buf_add_text(&buf, "_sort=-_lastUpdated");
	while (form_next(exchange->arena, &rest, &name, &value) == FORM_PART) {
		if (str_is(name, "_since") && !is_time(exchange, value))
			return;
		if (str_is(name, "_since"))
			add(&buf, "&_lastUpdated=ge", value);
		else if (str_is(name, "_count"))
			add(&buf, "&_count=", value);
		else if (str_is(name, "_page"))
			page = value;
	}
	if (page.length > 0) {
		buf = buf_new(exchange->arena, 256, QUERY_MAX);
		add(&buf, "_page=", page);
	}
	search_read(exchange, buf_str(&buf), SEARCH_URL, OPERATION_HISTORY);
}

static void respond(struct exchange *exchange)
{
	const struct search_work *work = exchange->work;
	struct bundle_version *versions =
		arena_array(exchange->arena, work->row_count, sizeof(versions[0]));
	for (size_t i = 0; i < work->row_count; i++)
		versions[i] = (struct bundle_version){
			.version = work->rows[i].version,
			.updated = work->rows[i].updated,
			.deleted = work->rows[i].deleted,
			.id = work->resources[i].id,
			.type = TYPE_OBSERVATION,
			.rendered = work->rendered[i],
		};
	struct bundle_history bundle = {
		.base = base_url(exchange),
		.self = search_self(exchange, work),
		.next = search_next(exchange, work),
		.versions = versions,
		.count = work->row_count,
		.without_total = true,
	};
	struct buf buf = buf_new(
		exchange->arena, 2048 + work->rendered_bytes + 512 * work->row_count, RESPONSE_MAX);
	bundle_render_history(&buf, &bundle);
	respond_with(exchange, 200, MEDIA_FHIR, buf_str(&buf));
}

static const char *const parameters[] = { "_since", "_count", "_page", NULL };

const struct interaction interaction_history_type = {
	.name = "history_type",
	.parameters = parameters,
	.parse = parse,
	.who = search_who,
	.decide = search_decide,
	.store = search_store,
	.audit = search_audit_page,
	.respond = respond,
};
