/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * POST /fhir/Patient/_search with identifier=system|value: the hub's id for a patient, for GET searches. Every valid national id
 * has one, whether the hub knows the person or not, so the answer tells nothing that the question did not hold. By _id, which may
 * stand in a URL (GET /fhir/Patient), it is what a read of that Patient is, in a searchset.
 */
#include "fhir/bundle.h"
#include "fhir/national.h"
#include "server/form.h"
#include "server/interaction/interactions.h"
#include "server/interaction/patient.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"
#include "server/session.h"

#define NOWHERE ((struct str){ 0 })

struct find_work {
	struct national_id patient;
	bool by_identifier, by_id, has_count, count_only;
	bool possible; /* the id is one there could be, and that of the identifier */
	struct person_key key;
	const struct national_id *named; /* whose number is shown, or NULL */
};

static void take_identifier(struct exchange *exchange, struct find_work *work, struct str value)
{
	struct str digits;
	if (!str_is(exchange->request.method, "POST") &&
		!exchange->loop->hub->config->identifier_in_url) {
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("identifier"),
			"identifier does not belong in a URL, where logs keep it; send it in the "
			"body of POST Patient/_search");
		return;
	}
	const struct str system = str_cut(value, '|', &digits);
	if (system.length == 0 || digits.length == 0) {
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("identifier"),
			"identifier must be system|value");
		return;
	}
	national_id_parse(system, digits, national_policy_of(exchange->loop->hub->config),
		STR("identifier"), &work->patient, &exchange->outcome);
}

static void take_id(struct exchange *exchange, struct find_work *work, struct str value)
{
	if (str_index(value, ',') < value.length)
		outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, STR("_id"),
			"_id may name one Patient here");
	work->possible = seal_patient_open(exchange->loop->hub->seal, value, &work->key);
}

static void take_count(struct exchange *exchange, struct find_work *work, struct str value)
{
	uint64_t count = 1;
	if (!str_to_u64(value, &count))
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("_count"),
			"_count is a whole number");
	work->has_count = true;
	work->count_only = work->count_only || count == 0;
}

static void take(
	struct exchange *exchange, struct find_work *work, struct str name, struct str value)
{
	if (str_is(name, "identifier") && !work->by_identifier) {
		work->by_identifier = true;
		take_identifier(exchange, work, value);
	} else if (str_is(name, "_id") && !work->by_id) {
		work->by_id = true;
		take_id(exchange, work, value);
	} else if (str_is(name, "_count")) {
		take_count(exchange, work, value);
	} else if (!presentation_is(name)) {
		outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
			"the search parameters of Patient are identifier and _id, each once, and "
			"_count");
	}
}

/* Who is meant, by the number, the id, or both. */
static void name_patient(struct exchange *exchange, struct find_work *work)
{
	const struct person_key by_id = work->key;
	if (!work->by_identifier) {
		work->named = work->possible ? patient_named(exchange, &work->key) : NULL;
		return;
	}
	work->key = seal_person(exchange->loop->hub->seal, work->patient.digits);
	work->named = &work->patient;
	work->possible =
		!work->by_id || (work->possible && by_id.bucket == work->key.bucket &&
					seal_equal(&by_id.mac, &work->key.mac, sizeof(by_id.mac)));
}

static void parse(struct exchange *exchange)
{
	struct find_work *work = arena_alloc(exchange->arena, sizeof(*work));
	const struct request *request = &exchange->request;
	struct outcome *outcome = &exchange->outcome;
	struct str rest = str_is(request->method, "POST") ? request->body : request->query;
	struct str name, value;
	enum form_part part;
	work->count_only = exchange->presentation.summary == SUMMARY_COUNT;
	while ((part = form_next(exchange->arena, &rest, &name, &value)) == FORM_PART) {
		take(exchange, work, name, value);
		if (outcome->errors > 0)
			return;
	}
	if (part == FORM_BAD)
		outcome_fail(outcome, OUTCOME_INVALID, NOWHERE,
			"the parameters are not application/x-www-form-urlencoded");
	else if (!work->by_identifier && !work->by_id)
		outcome_fail(outcome, OUTCOME_REQUIRED, NOWHERE,
			"identifier=system|value, in a body, or _id is required");
	if (outcome->errors > 0)
		return;
	name_patient(exchange, work);
	exchange->work = work;
}

static void who(struct exchange *exchange)
{
	const struct find_work *work = exchange->work;
	if (work->by_identifier)
		resolve_by_digits(
			exchange, resolve_items(exchange, 1), work->patient.digits, RESOLVE_CREATE);
	else if (work->possible)
		resolve_items(exchange, 1)->key = work->key;
}

static void audit(struct exchange *exchange)
{
	patient_audit(exchange, LOG_SEARCH);
}

static void respond(struct exchange *exchange)
{
	const struct find_work *work = exchange->work;
	struct arena *arena = exchange->arena;
	const struct str base = base_url(exchange);
	struct resource resource = { .type = TYPE_PATIENT };
	struct str rendered;
	struct buf asked = buf_new(arena, 128, 4096);
	if (work->possible) {
		resource.id = patient_id(exchange, &work->key);
		rendered =
			patient_render(exchange, &exchange->presentation, resource.id, work->named);
		buf_add_format(&asked, "&_id=%.*s", STR_ARG(resource.id));
	}
	if (work->has_count)
		buf_add_format(&asked, "&_count=%d", !work->count_only);
	presentation_query(&asked, &exchange->presentation);
	const struct str query = buf_str(&asked);
	const struct bundle_page page = { .base = base,
		.self = str_format(arena, "%.*s/Patient%s%.*s", STR_ARG(base),
			query.length > 0 ? "?" : "", STR_ARG(str_part(query, 1, query.length))),
		.resources = &resource,
		.rendered = &rendered,
		.count = work->possible && !work->count_only ? 1 : 0,
		.has_total = true,
		.total = work->possible };
	struct buf buf = buf_new(arena, 1024, RESPONSE_MAX);
	bundle_render_search(&buf, &page);
	respond_with(exchange, 200, MEDIA_FHIR, buf_str(&buf));
}

const struct interaction interaction_patient_find = {
	.name = "patient_find",
	.reads_query = true,
	.parse = parse,
	.who = who,
	.audit = audit,
	.respond = respond,
};
