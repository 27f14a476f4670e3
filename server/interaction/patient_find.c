/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * POST /fhir/Patient/_search with identifier=system|value: the hub's id for a patient, for GET searches. Every valid national id
 * has one, whether the hub knows the person or not, so the answer tells nothing that the question did not hold.
 */
#include "fhir/base/json.h"
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
};

static void take_identifier(struct exchange *exchange, struct find_work *work, struct str value)
{
	struct str digits;
	const struct str system = str_cut(value, '|', &digits);
	if (system.length == 0 || digits.length == 0) {
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("identifier"),
			"identifier must be system|value");
		return;
	}
	national_id_parse(system, digits, national_policy_of(exchange->loop->hub->config),
		STR("identifier"), &work->patient, &exchange->outcome);
}

static void parse(struct exchange *exchange)
{
	struct find_work *work = arena_alloc(exchange->arena, sizeof(*work));
	struct outcome *outcome = &exchange->outcome;
	struct str rest = exchange->request.body, name, value;
	unsigned identifiers = 0;
	enum form_part part;
	while ((part = form_next(exchange->arena, &rest, &name, &value)) == FORM_PART) {
		if (str_is(name, "identifier") && identifiers++ == 0)
			take_identifier(exchange, work, value);
		else if (!presentation_is(name))
			outcome_fail(outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
				"the only search parameter of Patient is identifier, once");
		if (outcome->errors > 0)
			return;
	}
	if (part == FORM_BAD)
		outcome_fail(outcome, OUTCOME_INVALID, NOWHERE,
			"the body is not application/x-www-form-urlencoded");
	else if (identifiers == 0)
		outcome_fail(
			outcome, OUTCOME_REQUIRED, NOWHERE, "identifier=system|value is required");
	if (outcome->errors == 0)
		exchange->work = work;
}

static void who(struct exchange *exchange)
{
	const struct find_work *work = exchange->work;
	struct resolve_item *item = resolve_items(exchange, 1);
	resolve_by_digits(exchange, item, work->patient.digits, RESOLVE_CREATE);
}

static void audit(struct exchange *exchange)
{
	patient_audit(exchange, LOG_SEARCH);
}

static void add_entry(struct exchange *exchange, struct buf *buf, struct str id)
{
	const struct find_work *work = exchange->work;
	buf_add_text(buf, ",\"entry\":[{\"fullUrl\":\"");
	buf_add(buf, base_url(exchange));
	buf_add_text(buf, "/Patient/");
	buf_add(buf, id);
	buf_add_text(buf, "\",\"resource\":");
	buf_add(buf, patient_render(exchange, &exchange->presentation, id, &work->patient));
	buf_add_text(buf, ",\"search\":{\"mode\":\"match\"}}]");
}

static void respond(struct exchange *exchange)
{
	const struct find_work *work = exchange->work;
	const struct str id = patient_id_of(exchange, &work->patient);
	const struct str base = base_url(exchange);
	struct buf buf = buf_new(exchange->arena, 1024, RESPONSE_MAX);
	buf_add_text(&buf, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":1,"
			   "\"link\":[{\"relation\":\"self\",\"url\":\"");
	buf_add(&buf, base);
	buf_add_text(&buf, "/Patient/_search\"}]");
	if (exchange->presentation.summary != SUMMARY_COUNT)
		add_entry(exchange, &buf, id);
	buf_add_byte(&buf, '}');
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
