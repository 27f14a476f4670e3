/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* GET /fhir/Observation and POST /fhir/Observation/_search; Device and Provenance alike. */
#include "server/interaction/searching.h"
#include "server/interaction/patient.h"

#include <stdlib.h>

#include "fhir/bundle.h"
#include "fhir/envelope.h"
#include "fhir/primitive.h"
#include "server/audit.h"
#include "server/interaction/everything.h"
#include "server/interaction/including.h"
#include "server/interaction/interactions.h"
#include "server/interaction/lastn.h"
#include "server/interaction/page.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"
#include "server/session.h"

#define NOWHERE ((struct str){ 0 })

/* What is searched for: the type of the path, where that is one that is stored. */
static enum resource_type type_of(const struct exchange *exchange)
{
	const enum resource_type type = route_type(exchange->route);
	const bool of_compartment = str_ends(str_of(exchange->route->path), STR("}/Provenance"));
	if (type == TYPE_PROVENANCE || of_compartment)
		return TYPE_PROVENANCE;
	return type == TYPE_DEVICE ? TYPE_DEVICE : TYPE_OBSERVATION;
}

static bool read_query(struct exchange *exchange, struct str query, enum search_place place,
	struct search_work *work)
{
	const struct config *config = exchange->loop->hub->config;
	const struct search_policy policy = {
		.type = type_of(exchange),
		.base = base_url(exchange),
		.lenient = prefer_is_lenient(exchange->request.prefer),
		.national = national_policy_of(config),
		.zone = config->zone_parsed,
		.now = work->began,
		.in_url = place == SEARCH_URL,
		.identifier_in_url_allowed = config->identifier_in_url,
		.without_patient = type_of(exchange) != TYPE_PROVENANCE,
	};
	return search_parse(exchange->arena, query, &policy, &work->search, &exchange->outcome);
}

/* Whose Provenances are asked for is told by what they are of. */
static void open_targets(
	struct exchange *exchange, struct search_work *work, const struct search_condition *targets)
{
	work->ids = arena_array(exchange->arena, targets->count, sizeof(work->ids[0]));
	for (size_t i = 0; i < targets->count; i++) {
		const struct search_reference *target = &targets->values[i].reference;
		const enum resource_type type =
			target->type.length == 0 ? TYPE_OBSERVATION : envelope_type(target->type);
		work->id_count += seal_resource_open(
			exchange->loop->hub->seal, target->id, type, &work->ids[work->id_count]);
	}
}

/* Ids that cannot be ours are as absent as those that lead nowhere. */
static void open_names(struct exchange *exchange, struct search_work *work)
{
	const struct seal *seal = exchange->loop->hub->seal;
	const struct search *search = &work->search;
	if (search->has_identifier) {
		work->named = work->possible = true;
		work->patient = seal_person(seal, search->identifier.digits);
	} else if (search->patient.length > 0) {
		work->named = true;
		work->possible = seal_patient_open(seal, search->patient, &work->patient);
	}
	const struct search_condition *targets = search_targets(search);
	work->whole = !work->named && search->id_count == 0 && targets == NULL;
	if (!work->named && search->id_count == 0 && targets != NULL) {
		open_targets(exchange, work, targets);
		return;
	}
	work->ids = arena_array(exchange->arena, search->id_count, sizeof(work->ids[0]));
	for (size_t i = 0; i < search->id_count; i++)
		work->id_count += seal_resource_open(
			seal, search->ids[i], search->type, &work->ids[work->id_count]);
}

/* The query without what only the operation knows. */
static bool read_operation(struct exchange *exchange, struct str query, enum search_place place,
	struct search_work *work)
{
	struct str rest = query;
	if (work->operation == OPERATION_LASTN && !lastn_take(exchange, query, work, &rest))
		return false;
	return read_query(exchange, rest, place, work);
}

struct search_work *search_read(struct exchange *exchange, struct str query,
	enum search_place place, enum search_operation operation)
{
	struct search_work *work = arena_alloc(exchange->arena, sizeof(*work));
	work->operation = operation;
	work->began = exchange->loop->now;
	if (!read_operation(exchange, query, place, work))
		return NULL;
	struct str inner;
	if (work->search.page.length > 0 &&
		(!page_open(exchange, work->search.page, work, &inner) ||
			!read_operation(exchange, inner, SEARCH_URL, work)))
		return NULL;
	/* FHIR R4 search 3.1.1.5.2: _count=0 and _summary=count are one. */
	if (exchange->presentation.summary == SUMMARY_COUNT)
		work->search.count_only = true;
	open_names(exchange, work);
	/* What was ignored might have named somebody. */
	if (work->whole && exchange->outcome.first != NULL) {
		outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
			"without a patient no parameter is ignored, handling=lenient or not");
		return NULL;
	}
	if (operation == OPERATION_LASTN && !lastn_check(exchange, work))
		return NULL;
	if (!include_check(exchange, work))
		return NULL;
	exchange->work = work;
	return work;
}

static void parse_get(struct exchange *exchange)
{
	search_read(exchange, exchange->request.query, SEARCH_URL, OPERATION_SEARCH);
}

/* FHIR R4 http.html#vsearch: the search of a compartment is that of its type, of the one whose it is. */
static void parse_compartment(struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	/* It is decoded, so a & in it would be another parameter. */
	if (!primitive_is_valid(PRIMITIVE_id, request->segment)) {
		outcome_fail(&exchange->outcome, OUTCOME_NOT_FOUND, (struct str){ 0 },
			"what stands behind Patient/ is no id; POST Patient/_search with the "
			"national identifier gives it");
		return;
	}
	const struct str query =
		str_format(exchange->arena, "patient=%.*s%s%.*s", STR_ARG(request->segment),
			request->query.length > 0 ? "&" : "", STR_ARG(request->query));
	search_read(exchange, query, SEARCH_URL, OPERATION_SEARCH);
}

static void parse_post(struct exchange *exchange)
{
	search_read(exchange, exchange->request.body, SEARCH_BODY, OPERATION_SEARCH);
}

/* ---- RESOLVE */

static bool same_subject(const struct resource_key *a, const struct resource_key *b)
{
	return a->bucket == b->bucket && a->tenant == b->tenant && a->subject == b->subject;
}

/* One ask for each subject that the ids name, with the ids of that subject. */
static void asks_by_id(struct exchange *exchange, struct search_work *work)
{
	struct resolve_item *items = resolve_items(exchange, work->id_count);
	for (size_t i = 0; i < work->id_count; i++) {
		const struct resource_key *id = &work->ids[i];
		size_t at = 0;
		while (at < work->count && !same_subject(&work->asks[at].ids[0], id))
			at++;
		struct search_ask *ask = &work->asks[at];
		if (at == work->count) {
			work->count++;
			ask->item = at;
			ask->only_tenant = id->tenant;
			ask->ids =
				arena_array(exchange->arena, work->id_count, sizeof(ask->ids[0]));
			items[at].by_row = true;
			items[at].row = *id;
		}
		ask->ids[ask->id_count++] = *id;
	}
	exchange->resolve.count = work->count;
}

void search_who(struct exchange *exchange)
{
	struct search_work *work = exchange->work;
	if (work->whole) {
		search_tenant_who(exchange, work);
		return;
	}
	if (!work->named) {
		work->asks = arena_array(exchange->arena, work->id_count, sizeof(work->asks[0]));
		asks_by_id(exchange, work);
		return;
	}
	if (!work->possible)
		return;
	work->asks = arena_alloc(exchange->arena, sizeof(work->asks[0]));
	work->asks[0].ids = work->ids;
	work->asks[0].id_count = work->id_count;
	work->count = 1;
	struct resolve_item *item = resolve_items(exchange, 1);
	if (work->search.has_identifier)
		resolve_by_digits(exchange, item, work->search.identifier.digits, RESOLVE_CREATE);
	else
		item->key = work->patient;
}

/* ---- DECIDE */

void search_decide(struct exchange *exchange)
{
	struct search_work *work = exchange->work;
	if (work->whole) {
		search_tenant_decide(exchange, work);
		return;
	}
	for (size_t i = 0; i < work->count; i++) {
		struct search_ask *ask = &work->asks[i];
		struct resolve_item *item = &exchange->resolve.items[ask->item];
		/* A refusal of an id would tell that it is there; of a patient it tells nothing. */
		struct outcome refusal = { .arena = exchange->arena };
		ask->grant = resolve_decide(exchange, ASK_READ, item,
			work->search.has_identifier ? &work->search.identifier : NULL,
			ask->only_tenant, work->named ? &exchange->outcome : &refusal);
		ask->reason = audit_reason(&refusal);
	}
}

/* ---- STORE */

/* A total is of the first page, and later ones are told it. */
static bool is_counted(const struct search_work *work)
{
	const struct search *search = &work->search;
	return (search->total > SEARCH_TOTAL_NONE || search->count_only) && !work->has_after;
}

struct store_search search_run(
	struct exchange *exchange, const struct search_work *work, const struct search_ask *ask)
{
	return (struct store_search){
		.call = exchange_call(exchange),
		.grant = ask->grant,
		.search = &work->search,
		.ids = ask->ids,
		.id_count = ask->id_count,
		.policy = { exchange->loop->hub->config->zone_parsed, base_url(exchange) },
		.has_after = work->has_after,
		.after = work->after,
		.limit = work->search.count,
		.bytes = SEARCH_PAGE_BYTES / work->count,
		.counted = is_counted(work),
		.count_only = work->search.count_only,
		.last = work->last,
	};
}

static void ask_each(struct exchange *exchange, struct search_work *work)
{
	for (size_t i = 0; i < work->count; i++) {
		struct search_ask *ask = &work->asks[i];
		const bool none_of_ids = work->search.id_count > 0 && ask->id_count == 0;
		if (ask->grant == NULL || ask->grant->count == 0 || none_of_ids)
			continue;
		ask->run = search_run(exchange, work, ask);
		exchange_hold(exchange);
		store_search(exchange->loop->store, &ask->run);
	}
}

void search_store(struct exchange *exchange)
{
	struct search_work *work = exchange->work;
	const bool includes = include_is_wanted(work);
	if (work->everything != NULL) {
		everything_store(exchange, work);
	} else if (work->stored) {
		include_store(exchange, work);
	} else if (work->whole) {
		search_tenant_store(exchange, work);
		if (exchange->yielded || !includes)
			return;
		work->stored = true;
		include_store(exchange, work);
	} else {
		ask_each(exchange, work);
		work->stored = true;
		if (includes)
			exchange_yield(exchange);
	}
}

/* ---- the page */

static int in_order(const void *a, const void *b, void *search)
{
	return store_row_order(search, a, b);
}

/* What stands behind the place where a short page of an ask ends is for the next page: that ask has more before it. */
static void cut_off(struct search_work *work)
{
	for (size_t i = 0; i < work->count; i++) {
		const struct store_search *run = &work->asks[i].run;
		if (!run->more || run->count == 0)
			continue;
		const struct store_row *last = &run->rows[run->count - 1];
		while (work->row_count > 0 &&
			store_row_order(&work->search, &work->rows[work->row_count - 1], last) > 0)
			work->row_count--;
	}
	if (work->more && work->row_count > 0)
		work->next = store_place_of(&work->rows[work->row_count - 1]);
}

/* Several asks are merged; one is as the store gave it. */
void search_merge(struct exchange *exchange, struct search_work *work)
{
	if (work->whole || work->merged)
		return;
	work->merged = true;
	for (size_t i = 0; i < work->count; i++)
		if (work->asks[i].run.words_cut)
			outcome_warn(&exchange->outcome, OUTCOME_TOO_COSTLY, NOWHERE,
				"of readings whose code is words alone the newest %d of a "
				"controller were "
				"looked at; search for older ones by code:text",
				SEARCH_LAST_WORDS);
	if (work->count == 1) {
		work->rows = work->asks[0].run.rows;
		work->row_count = work->asks[0].run.count;
		work->more = work->asks[0].run.more;
		work->next = work->asks[0].run.next;
		return;
	}
	size_t count = 0;
	for (size_t i = 0; i < work->count; i++) {
		count += work->asks[i].run.count;
		work->more = work->more || work->asks[i].run.more;
	}
	work->rows = arena_array(exchange->arena, count, sizeof(work->rows[0]));
	for (size_t i = 0; i < work->count; i++) {
		const struct store_search *run = &work->asks[i].run;
		if (run->count > 0)
			memcpy(work->rows + work->row_count, run->rows,
				run->count * sizeof(work->rows[0]));
		work->row_count += run->count;
	}
	if (work->row_count > 1)
		qsort_r(work->rows, work->row_count, sizeof(work->rows[0]), in_order,
			&work->search);
	if (work->row_count > work->search.count) {
		work->row_count = work->search.count;
		work->more = true;
	}
	cut_off(work);
}

static void add_totals(struct search_work *work)
{
	work->has_total = true;
	for (size_t i = 0; i < work->count; i++) {
		const struct store_search *run = &work->asks[i].run;
		if (run->call.done == NULL)
			continue; /* nothing was open: nothing to count */
		work->has_total = work->has_total && run->total_known;
		work->total += run->total;
	}
}

/* The total of all asks; false adds an error where it was asked for and is too much work. */
static bool count(struct exchange *exchange, struct search_work *work)
{
	if (!is_counted(work))
		return true;
	if (work->everything != NULL)
		work->has_total = everything_total(work->everything, &work->total);
	else
		add_totals(work);
	if (work->has_total ||
		(work->search.total == SEARCH_TOTAL_ESTIMATE && !work->search.count_only))
		return true;
	return outcome_fail(&exchange->outcome, OUTCOME_TOO_COSTLY, NOWHERE,
		"too many readings must be looked at to count those that match; name a code, a "
		"category or a period");
}

/* Once: the log's digest and the answer are of the same bytes. */
static void render(struct exchange *exchange, struct search_work *work)
{
	work->rendered = arena_array(exchange->arena, work->row_count + 1 + work->included_count,
		sizeof(work->rendered[0]));
	for (size_t i = 0; i < work->row_count; i++) {
		const struct resource *resource = &work->resources[i];
		if (work->rows[i].deleted)
			continue;
		struct buf buf =
			buf_new(exchange->arena, resource->body.length + 256, RESPONSE_MAX);
		presentation_render(&buf, exchange->arena, &exchange->presentation, resource);
		work->rendered[i] = buf_str(&buf);
		work->rendered_bytes += buf.length;
	}
}

static void make_resources(struct exchange *exchange, struct search_work *work)
{
	work->resources = arena_array(exchange->arena, work->row_count + 1 + work->included_count,
		sizeof(work->resources[0]));
	char *ids = arena_array(exchange->arena, work->row_count, 27);
	for (size_t i = 0; i < work->row_count; i++) {
		const struct store_row *row = &work->rows[i];
		char *id = ids + 27 * i;
		seal_resource_id(exchange->loop->hub->seal, &row->key, id);
		work->resources[i] = (struct resource){ row->key.type, { id, 26 }, row->version,
			row->updated, row->body };
	}
	render(exchange, work);
	if (work->with_patient)
		everything_stub(exchange, work, &work->resources[work->row_count],
			&work->rendered[work->row_count]);
	const size_t behind = work->row_count + work->with_patient;
	for (size_t i = 0; i < work->included_count; i++) {
		work->resources[behind + i] = work->included[i].resource;
		work->rendered[behind + i] = work->included[i].rendered;
		work->rendered_bytes += work->included[i].rendered.length;
	}
}

void search_audit_page(struct exchange *exchange)
{
	struct search_work *work = exchange->work;
	if (work == NULL)
		return;
	const bool whole = exchange->outcome.errors == 0 && count(exchange, work);
	if (!whole && !audit_is_refusal(&exchange->outcome))
		return;
	if (whole) {
		search_merge(exchange, work);
		make_resources(exchange, work);
	}
	search_audit(exchange, work);
}

static void add_path(struct exchange *exchange, const struct search_work *work, struct buf *buf)
{
	switch (work->operation) {
	case OPERATION_SEARCH:
		buf_add_format(buf, "/%s", resource_type_name(type_of(exchange)));
		break;
	case OPERATION_LASTN:
		buf_add_text(buf, "/Observation/$lastn");
		break;
	case OPERATION_HISTORY:
		buf_add_text(buf, "/Observation/_history");
		break;
	case OPERATION_EVERYTHING:
		buf_add_format(buf, "/Patient/%.*s/$everything",
			STR_ARG(work->possible ? patient_id(exchange, &work->patient)
					       : exchange->request.segment));
		break;
	}
}

static struct str self_query(struct exchange *exchange, const struct search_work *work)
{
	if (work->operation == OPERATION_EVERYTHING || work->operation == OPERATION_HISTORY)
		return everything_query(exchange, work);
	return page_query(exchange, work);
}

/* A link of the page: the query, and how the answer is to look. */
static struct str link_of(struct exchange *exchange, const struct search_work *work,
	const char *name, struct str query)
{
	const struct str base = base_url(exchange);
	struct buf asked = buf_new(exchange->arena, 128 + query.length, RESPONSE_MAX);
	buf_add_text(&asked, name);
	buf_add(&asked, query);
	presentation_query(&asked, &exchange->presentation);
	struct str rest = buf_str(&asked);
	if (str_starts(rest, STR("&")))
		rest = str_part(rest, 1, rest.length);
	struct buf buf = buf_new(exchange->arena, 512 + rest.length, RESPONSE_MAX);
	buf_add(&buf, base);
	add_path(exchange, work, &buf);
	if (rest.length > 0)
		buf_add_byte(&buf, '?');
	buf_add(&buf, rest);
	return buf_str(&buf);
}

struct str search_self(struct exchange *exchange, const struct search_work *work)
{
	return link_of(exchange, work, "", self_query(exchange, work));
}

struct str search_next(struct exchange *exchange, const struct search_work *work)
{
	if (!work->more)
		return NOWHERE;
	return link_of(exchange, work, "_page=", page_token(exchange, work));
}

/* What fits on one page has been counted: nobody who did not ask for a total waits for it. */
static void count_page(struct search_work *work)
{
	if (work->operation != OPERATION_SEARCH || work->whole || work->has_after || work->more ||
		work->has_total || work->search.total != SEARCH_TOTAL_UNASKED)
		return;
	work->has_total = true;
	work->total = work->row_count;
}

void search_respond(struct exchange *exchange)
{
	struct search_work *work = exchange->work;
	count_page(work);
	const struct str base = base_url(exchange);
	struct bundle_page page = {
		.base = base,
		.self = search_self(exchange, work),
		.next = search_next(exchange, work),
		.resources = work->resources,
		.rendered = work->rendered,
		.count = work->row_count + work->with_patient + work->included_count,
		.included = work->included_count,
		.issues = &exchange->outcome,
		.has_total = work->has_total,
		.total = work->total,
	};
	struct buf buf = buf_new(exchange->arena,
		2048 + work->rendered_bytes + (128 + base.length) * page.count, RESPONSE_MAX);
	bundle_render_search(&buf, &page);
	respond_with(exchange, 200, MEDIA_FHIR, buf_str(&buf));
}

const struct interaction interaction_search_get = {
	.name = "search_get",
	.parse = parse_get,
	SEARCH_STEPS,
};

const struct interaction interaction_search_compartment = {
	.name = "search_compartment",
	.parse = parse_compartment,
	SEARCH_STEPS,
};

const struct interaction interaction_search_post = {
	.name = "search_post",
	.parse = parse_post,
	SEARCH_STEPS,
};
