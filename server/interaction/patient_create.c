/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * POST /fhir/Patient: makes a patient one of the caller's own controller's, so that readings may refer to it by its id. The national identifier is all that is kept, and all that the answer holds; the
 * answer is the same whether somebody knew the patient or not.
 */
#include "fhir/base/json.h"
#include "fhir/bundle.h"
#include "server/audit.h"
#include "server/interaction/interactions.h"
#include "server/interaction/patient.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"
#include "server/session.h"

#define NODES_MAX 10000

struct patient_work {
	struct national_id patient;
	const struct grant *grant;
};

static bool has_patient(const struct patient_work *work)
{
	return work->patient.digits[0] != '\0';
}

/* The first national identifier is who it is. Others may be of the same person, but nobody has said so who may. */
static void take_identifier(struct exchange *exchange, struct patient_work *work,
	const struct json *identifier, size_t index)
{
	const struct str where = str_format(exchange->arena, "Patient.identifier[%zu]", index);
	struct national_id patient;
	if (!national_is_system(json_text(identifier, "system")) ||
		!national_id_parse(json_text(identifier, "system"), json_text(identifier, "value"),
			national_policy_of(exchange->loop->hub->config), where, &patient,
			&exchange->outcome))
		return;
	if (!has_patient(work))
		work->patient = patient;
	else
		outcome_warn(&exchange->outcome, OUTCOME_NOTED, where,
			"the first national identifier is who this is; another is not kept");
}

static void take_members(struct exchange *exchange, const struct json *json)
{
	static const char *const kept[] = { "resourceType", "id", "meta", "identifier" };
	bool more = false;
	json_each(item, json)
	{
		bool known = false;
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			known = known || str_is(item->key, kept[i]);
		more = more || !known;
	}
	if (more)
		outcome_at(&exchange->outcome, SEVERITY_INFORMATION, OUTCOME_NOTED,
			(struct hl7_place){ 0 },
			"of a Patient the national identifier is kept, and nothing else");
}

/* Every create of a Patient is what If-None-Exist asks for; and a number in a header would be out of the body. */
static void check_condition(struct exchange *exchange)
{
	if (exchange->request.if_none_exist.at != NULL)
		outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, STR("If-None-Exist"),
			"a Patient is made once however often it is sent; leave If-None-Exist out, "
			"national identifiers travel in bodies only");
}

static void parse(struct exchange *exchange)
{
	struct patient_work *work = arena_alloc(exchange->arena, sizeof(*work));
	const struct json *json =
		json_parse(exchange->arena, exchange->request.body, NODES_MAX, &exchange->outcome);
	if (json == NULL)
		return;
	if (!str_is(json_text(json, "resourceType"), "Patient")) {
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("resourceType"),
			"a Patient is expected here");
		return;
	}
	size_t index = 0;
	json_each(identifier, json_get(json, "identifier"))
		take_identifier(exchange, work, identifier, index++);
	if (!has_patient(work) && exchange->outcome.errors == 0)
		outcome_fail(&exchange->outcome, OUTCOME_UNKNOWN_PATIENT_ID,
			STR("Patient.identifier"), "a national identifier is required");
	if (exchange->outcome.errors > 0)
		return;
	take_members(exchange, json);
	check_condition(exchange);
	exchange->work = work;
}

static void who(struct exchange *exchange)
{
	const struct patient_work *work = exchange->work;
	struct resolve_item *item = resolve_items(exchange, 1);
	const bool create = exchange->tenant->controller;
	resolve_by_digits(
		exchange, item, work->patient.digits, create ? RESOLVE_CREATE : RESOLVE_LEAVE);
	if (create)
		item->create_subject = exchange->tenant->id;
	exchange->afresh = true;
}

static void decide_write(struct exchange *exchange)
{
	struct patient_work *work = exchange->work;
	work->grant = resolve_decide(exchange, ASK_WRITE, &exchange->resolve.items[0],
		&work->patient, 0, &exchange->outcome);
}

static void audit(struct exchange *exchange)
{
	const struct patient_work *work = exchange->work;
	if (work == NULL || exchange->resolve.count == 0 ||
		(exchange->outcome.errors > 0 && !audit_is_refusal(&exchange->outcome)))
		return;
	const struct patient *patient = &exchange->resolve.items[0].patient;
	if (patient->person_count == 0)
		return; /* refused, and not known */
	struct log_row *row = audit_row(exchange, LOG_CREATE, TYPE_PATIENT);
	row->tenant = exchange->tenant->id;
	row->person = patient->persons[0].id;
	row->bucket = patient->persons[0].home;
	struct log_detail detail = audit_detail(exchange);
	if (exchange->outcome.errors > 0) {
		row->outcome = LOG_DENY;
		detail.reason = audit_reason(&exchange->outcome);
	}
	row->body = detail_render(exchange->arena, &detail);
}

static void respond(struct exchange *exchange)
{
	const struct patient_work *work = exchange->work;
	const struct str id = patient_id_of(exchange, &work->patient);
	exchange->response.location = str_format(
		exchange->arena, "%.*s/Patient/%.*s", STR_ARG(base_url(exchange)), STR_ARG(id));
	const enum prefer_return prefer = prefer_return_of(exchange->request.prefer);
	struct buf buf = buf_new(exchange->arena, 512, RESPONSE_MAX);
	if (prefer == RETURN_MINIMAL) {
		respond_with(exchange, 201, MEDIA_FHIR, (struct str){ 0 });
		return;
	}
	if (prefer == RETURN_OUTCOME)
		outcome_render(&buf, &exchange->outcome);
	else
		buf_add(&buf,
			patient_render(exchange, &exchange->presentation, id, &work->patient));
	respond_with(exchange, 201, MEDIA_FHIR, buf_str(&buf));
}

const struct interaction interaction_patient_create = {
	.name = "patient_create",
	.parse = parse,
	.who = who,
	.decide = decide_write,
	.audit = audit,
	.respond = respond,
};
