/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * GET /fhir/Patient/{id}: the stub behind a reference. An id is made of a national id, and every valid one has it, whether the hub knows the person or not; so there is nothing to be told that the id does
 * not hold, but for the number itself: that comes back to whom the attest names it, and to nobody else.
 */
#include "server/interaction/patient.h"

#include "fhir/patient_stub.h"
#include "server/audit.h"
#include "server/interaction/interactions.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"

#define ID_LENGTH ((size_t)26) /* seal_patient_id() writes as many and a NUL */

struct patient_work {
	struct person_key key;
	const struct national_id *named; /* by the attest, or NULL */
};

const struct national_id *patient_named(
	const struct exchange *exchange, const struct person_key *key)
{
	const struct attest *attest = &exchange->principal.attest;
	for (size_t i = 0; i < attest->patient_count; i++) {
		const struct person_key one =
			seal_person(exchange->loop->hub->seal, attest->patients[i].digits);
		if (one.bucket == key->bucket && seal_equal(&one.mac, &key->mac, sizeof(one.mac)))
			return &attest->patients[i];
	}
	return NULL;
}

bool patient_open(struct exchange *exchange, struct person_key *out)
{
	return seal_patient_open(exchange->loop->hub->seal, exchange->request.segment, out) ||
	       outcome_fail(&exchange->outcome, OUTCOME_NOT_FOUND, (struct str){ 0 },
		       "this is no id of a Patient; POST Patient/_search with the national "
		       "identifier gives it");
}

struct str patient_id(struct exchange *exchange, const struct person_key *key)
{
	char *id = arena_bytes(exchange->arena, ID_LENGTH + 1);
	seal_patient_id(exchange->loop->hub->seal, key, id);
	return (struct str){ id, ID_LENGTH };
}

struct str patient_id_of(struct exchange *exchange, const struct national_id *number)
{
	const struct person_key key = seal_person(exchange->loop->hub->seal, number->digits);
	return patient_id(exchange, &key);
}

struct str patient_render(struct exchange *exchange, const struct presentation *presentation,
	struct str id, const struct national_id *number)
{
	struct buf buf = buf_new(exchange->arena, 256, RESPONSE_MAX);
	patient_stub_write(&buf, presentation, id, number);
	return buf_str(&buf);
}

void patient_audit(struct exchange *exchange, enum log_op op)
{
	if (exchange->work == NULL || exchange->outcome.errors > 0 || exchange->resolve.count == 0)
		return;
	const struct patient *patient = &exchange->resolve.items[0].patient;
	struct log_row *row = audit_row(exchange, op, TYPE_PATIENT);
	row->tenant = exchange->tenant->id;
	if (patient->person_count > 0) {
		row->person = patient->persons[0].id;
		row->bucket = patient->persons[0].home;
	}
	const struct log_detail detail = audit_detail(exchange);
	row->body = detail_render(exchange->arena, &detail);
}

static void parse(struct exchange *exchange)
{
	struct patient_work *work = arena_alloc(exchange->arena, sizeof(*work));
	if (!presentation_check_one(&exchange->presentation, &exchange->outcome))
		return;
	if (!patient_open(exchange, &work->key))
		return;
	work->named = patient_named(exchange, &work->key);
	exchange->work = work;
}

static void who(struct exchange *exchange)
{
	const struct patient_work *work = exchange->work;
	resolve_items(exchange, 1)->key = work->key;
}

static void audit(struct exchange *exchange)
{
	patient_audit(exchange, LOG_READ);
}

static void respond(struct exchange *exchange)
{
	const struct patient_work *work = exchange->work;
	respond_with(exchange, 200, MEDIA_FHIR,
		patient_render(
			exchange, &exchange->presentation, exchange->request.segment, work->named));
}

const struct interaction interaction_patient_read = {
	.name = "patient_read",
	.parse = parse,
	.who = who,
	.audit = audit,
	.respond = respond,
};
