/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The trust framework's attest, as the specification writes it (care_relation) and as
 * HelseID's clients send it
 * (care_relationship). Checked here: that it is whole, is of this token's person and
 * organisation, and is not
 * too old. Whether it opens anything is decide.c's. Codes that are only logged (service,
 * details, department)
 * need a system but may be of any: a new code list of a region must not shut its doctors out.
 */
#include "authz/claims.h"

#include "fhir/base/arena.h"

#define TYPE_NAME         "nhn:tillitsrammeverk:parameters"
#define NODES_MAX         1024
#define PATIENTS_MAX      64
#define OID_PURPOSE       "2.16.840.1.113883.1.11.20448"
#define SYSTEM_PURPOSE    "http://terminology.hl7.org/CodeSystem/v3-ActReason"
#define OID_AUTHORIZATION "2.16.578.1.12.4.1.1.9060"

struct identifier {
	bool present;
	struct str id, system, name;
};

/* What every step needs. */
struct reading {
	struct arena *arena;
	const struct attest_ask *ask;
	struct attest *out;
	struct outcome *outcome;
};

static bool refuse(struct outcome *outcome, const char *why)
{
	return outcome_fail(outcome, OUTCOME_SUPPRESSED, STR(""), "%s", why);
}

/* Equal identifier systems; the specification writes OIDs with and without urn:oid: */
static bool is_system(struct str system, const char *name)
{
	const struct str prefix = STR("urn:oid:");
	struct str wanted = str_of(name);
	if (str_starts(system, prefix))
		system = str_part(system, prefix.length, system.length);
	if (str_starts(wanted, prefix))
		wanted = str_part(wanted, prefix.length, wanted.length);
	return str_equal(system, wanted);
}

/* { code, system, text }, or nothing; false where it is there and malformed. */
static bool code_read(const struct json *parent, const char *name, struct attest_code *out)
{
	const struct json *object = json_get(parent, name);
	if (object == NULL)
		return true;
	return object->type == JSON_OBJECT && claim_needed(object, "code", &out->code) &&
	       claim_needed(object, "system", &out->system) &&
	       claim_text(object, "text", &out->text);
}

/* { id, system, name }, or nothing; false where it is there and malformed. */
static bool identifier_read(const struct json *parent, const char *name, struct identifier *out)
{
	const struct json *object = json_get(parent, name);
	if (object == NULL)
		return true;
	out->present = true;
	return object->type == JSON_OBJECT && claim_needed(object, "id", &out->id) &&
	       claim_needed(object, "system", &out->system) &&
	       claim_text(object, "name", &out->name);
}

static bool person_read(
	struct reading *reading, const struct identifier *from, struct national_id *out)
{
	struct outcome unseen = { .arena = reading->arena };
	return national_id_parse(
		from->system, from->id, reading->ask->national, STR(""), out, &unseen);
}

/* ATT-10: a fødselsnummer or D-number; ATT-11: the one who logged in. */
static bool practitioner_is_caller(struct reading *reading, const struct json *practitioner)
{
	struct identifier person = { 0 }, hpr = { 0 };
	struct national_id id;
	if (!identifier_read(practitioner, "identifier", &person) ||
		!identifier_read(practitioner, "hpr_nr", &hpr))
		return refuse(reading->outcome, "The attest's practitioner is malformed.");
	if (hpr.present && (!is_system(hpr.system, OID_HPR) || !str_is_digits(hpr.id)))
		return refuse(reading->outcome, "The attest's HPR number is malformed.");
	if (hpr.present && reading->ask->hpr.length > 0 && !str_equal(hpr.id, reading->ask->hpr))
		return refuse(reading->outcome, "The attest is of another practitioner.");
	if (!person.present)
		return true; /* HelseID fills it in from the log-in */
	if (!person_read(reading, &person, &id) || id.kind == NATIONAL_FHN)
		return refuse(reading->outcome,
			"The attest's practitioner has no fødselsnummer or D-number.");
	if (!str_is(reading->ask->pid, id.digits))
		return refuse(reading->outcome, "The attest is of another practitioner.");
	return true;
}

static bool organisation_read(struct reading *reading, const struct identifier *from, uint32_t *out)
{
	return from->present && is_system(from->system, OID_ORGNR) &&
	       orgnr_read(from->id, reading->ask->national, out);
}

static bool organisations_read(struct reading *reading, const struct json *practitioner)
{
	struct identifier entity = { 0 }, place = { 0 }, department = { 0 };
	uint32_t entity_orgnr, place_orgnr;
	if (!identifier_read(practitioner, "legal_entity", &entity) ||
		!identifier_read(practitioner, "point_of_care", &place) ||
		!identifier_read(practitioner, "department", &department))
		return refuse(reading->outcome, "The attest's organisation is malformed.");
	if (!organisation_read(reading, &entity, &entity_orgnr) ||
		!organisation_read(reading, &place, &place_orgnr))
		return refuse(
			reading->outcome, "The attest has no legal entity and point of care.");
	if (entity_orgnr != reading->ask->orgnr)
		return refuse(reading->outcome, "The attest is of another legal entity.");
	if (reading->ask->orgnr_child.length > 0 && !str_equal(place.id, reading->ask->orgnr_child))
		return refuse(reading->outcome, "The attest is of another point of care.");
	struct attest *out = reading->out;
	out->legal_entity = entity.id;
	out->legal_entity_name = entity.name;
	out->point_of_care = place.id;
	out->point_of_care_name = place.name;
	out->department = department.id;
	out->department_name = department.name;
	return true;
}

static bool practitioner_read(struct reading *reading, const struct json *attest)
{
	const struct json *practitioner = json_get(attest, "practitioner");
	struct attest_code *authorization = &reading->out->authorization;
	if (practitioner == NULL || practitioner->type != JSON_OBJECT)
		return refuse(reading->outcome, "The attest has no practitioner.");
	if (!code_read(practitioner, "authorization", authorization) ||
		(authorization->code.length > 0 &&
			!is_system(authorization->system, OID_AUTHORIZATION)))
		return refuse(reading->outcome, "The attest's authorization is malformed.");
	return practitioner_is_caller(reading, practitioner) &&
	       organisations_read(reading, practitioner);
}

/* decision_ref, or tracing_ref as it was called in 2023. */
static bool decision_read(struct reading *reading, const struct json *relation)
{
	const struct json *decision = json_get(relation, "decision_ref");
	const struct json *tracing = json_get(relation, "tracing_ref");
	const struct json *selected = json_get(decision, "user_selected");
	struct attest *out = reading->out;
	if ((decision == NULL) == (tracing == NULL))
		return refuse(reading->outcome, "The attest has no decision_ref.");
	const bool whole =
		decision == NULL ? claim_needed(tracing, "ref_id", &out->decision_ref)
				 : claim_needed(decision, "id", &out->decision_ref) &&
					   claim_text(decision, "description", &out->decision_text);
	if (!whole || (selected != NULL && selected->type != JSON_BOOL))
		return refuse(reading->outcome, "The attest's decision_ref is malformed.");
	out->user_selected = selected != NULL && selected->truth;
	return true;
}

static bool relation_read(struct reading *reading, const struct json *attest)
{
	const struct json *relation = json_get(attest, "care_relationship");
	const struct json *other = json_get(attest, "care_relation");
	struct attest *out = reading->out;
	struct attest_code purpose = { 0 };
	if ((relation == NULL) == (other == NULL))
		return refuse(reading->outcome, "The attest has no care_relationship.");
	if (relation == NULL)
		relation = other;
	if (!code_read(relation, "purpose_of_use", &purpose) ||
		!(is_system(purpose.system, OID_PURPOSE) ||
			str_is(purpose.system, SYSTEM_PURPOSE)) ||
		!purpose_parse(purpose.code, &out->purpose))
		return refuse(reading->outcome, "The attest's purpose_of_use is not one we know.");
	if (!code_read(relation, "purpose_of_use_details", &out->purpose_details) ||
		!code_read(relation, "healthcare_service", &out->service))
		return refuse(reading->outcome, "The attest's service or details are malformed.");
	if (out->purpose_details.code.length == 0 && out->service.code.length == 0) /* ATT-43 */
		return refuse(reading->outcome,
			"The attest has neither healthcare_service nor purpose_of_use_details.");
	return decision_read(reading, relation);
}

/*
 * Clients leave the identifier out more often than not; one that is there must be a person's
 * (ATT-4 needs it).
 */
static bool patients_read(struct reading *reading, const struct json *attest)
{
	const struct json *list = json_get(attest, "patients");
	struct attest *out = reading->out;
	if (list == NULL)
		return true;
	if (list->type != JSON_ARRAY || list->count > PATIENTS_MAX)
		return refuse(reading->outcome, "The attest's patients are malformed.");
	out->patients = arena_array(reading->arena, list->count, sizeof(*out->patients));
	json_each(patient, list)
	{
		struct identifier identifier = { 0 };
		if (patient->type != JSON_OBJECT ||
			!identifier_read(patient, "identifier", &identifier))
			return refuse(reading->outcome, "The attest's patients are malformed.");
		if (!identifier.present)
			continue;
		if (!person_read(reading, &identifier, &out->patients[out->patient_count]))
			return refuse(reading->outcome,
				"The attest's patient has no valid national identifier.");
		out->patient_count++;
	}
	return true;
}

/* ATT-58. The error text is the specification's. */
static bool age_check(struct reading *reading, const struct json *attest)
{
	const struct attest_ask *ask = reading->ask;
	const struct json *toa = json_get(attest, "toa");
	if (toa == NULL)
		return true;
	if (!claim_time(toa, &reading->out->toa) || reading->out->toa > ask->now + ask->leeway)
		return refuse(reading->outcome, "The attest's toa is no time of the past.");
	if (reading->out->toa < ask->now - ask->age_max)
		return refuse(reading->outcome, "attestation_has_expired");
	return true;
}

/* Object, array of one, or either as JSON text (as .NET clients write it). */
static const struct json *attest_find(struct arena *arena, const struct json *claim)
{
	struct outcome unseen = { .arena = arena };
	if (claim->type == JSON_STRING)
		claim = json_parse(arena, claim->text, NODES_MAX, &unseen);
	if (claim != NULL && claim->type == JSON_ARRAY && claim->count == 1)
		claim = claim->first;
	return claim != NULL && claim->type == JSON_OBJECT ? claim : NULL;
}

bool attest_read(struct arena *arena, const struct json *claim, const struct attest_ask *ask,
	struct attest *out, struct outcome *outcome)
{
	struct attest attest = { .present = true };
	struct reading reading = { arena, ask, &attest, outcome };
	const struct json *object = attest_find(arena, claim);
	const struct json *type = json_get(object, "type");
	if (object == NULL || (type != NULL && !str_is(json_text(object, "type"), TYPE_NAME)))
		return refuse(outcome, "The attest is malformed.");
	if (!age_check(&reading, object) || !practitioner_read(&reading, object) ||
		!relation_read(&reading, object) || !patients_read(&reading, object))
		return false;
	*out = attest;
	return true;
}
