/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The one place where somebody is let in. What is not named here is refused: a new kind of
 * caller, purpose or rule
 * opens nothing until it has a line. Every condition has a test that turns it alone off.
 */
#include "authz/decide.h"

#include <assert.h>

#include "fhir/base/arena.h"

#define CLASSES_ALL  (1u << CLASS_HEALTH | 1u << CLASS_WELFARE | 1u << CLASS_ADMINISTRATIVE)
#define REASON_BYTES 10 /* of a break-glass reason, without blanks at its ends */

static bool forbid(struct outcome *outcome, const char *why)
{
	return outcome_fail(outcome, OUTCOME_FORBIDDEN, STR(""), "%s", why);
}

static bool suppress(struct outcome *outcome, const char *why)
{
	return outcome_fail(outcome, OUTCOME_SUPPRESSED, STR(""), "%s", why);
}

/* Who is calling, as the rules know them. `tenant` is NULL for a citizen. */
struct caller {
	const struct client *client;
	const struct tenant *tenant;
};

static bool caller_find(const struct principal *principal, const struct rules *rules,
	struct caller *out, struct outcome *outcome)
{
	const struct client *client = rules_client(rules, principal->client_id);
	const struct tenant *tenant = NULL;
	if (client == NULL || !client->active)
		return forbid(outcome, "The client is not registered here.");
	if (principal->kind != PRINCIPAL_CITIZEN) { /* whose token names no organisation */
		if (client->orgnr != principal->orgnr)
			return forbid(
				outcome, "The client is registered for another organisation.");
		tenant = rules_tenant_by_orgnr(rules, principal->orgnr);
		if (tenant == NULL || !tenant->active)
			return forbid(outcome, "The organisation is not registered here.");
	}
	*out = (struct caller){ client, tenant };
	return true;
}

bool decide_permit(const struct permit_ask *ask, const struct tenant **tenant_out,
	const struct client **client_out, struct outcome *outcome)
{
	const struct principal *principal = ask->principal;
	struct caller caller;
	if (!caller_find(principal, ask->rules, &caller, outcome))
		return false;
	if ((ask->kinds & 1u << principal->kind) == 0)
		return forbid(outcome, "This is not for callers of this kind.");
	if ((principal->scopes & ask->scope) == 0)
		return forbid(outcome, DECIDE_SCOPE ": the token lacks the scope this needs.");
	if ((caller.client->scopes & ask->scope) == 0)
		return forbid(
			outcome, DECIDE_SCOPE ": the client is not registered for this scope.");
	if (ask->attest_needed && principal->kind == PRINCIPAL_PRACTITIONER &&
		!principal->attest.present)
		return suppress(outcome, DECIDE_ATTEST ": the token holds no attest.");
	*tenant_out = caller.tenant;
	*client_out = caller.client;
	return true;
}

/* ---- whose rows */

/* A decision under way. */
struct work {
	struct arena *arena;
	const struct ask *ask;
	uint32_t own_tenant; /* 0 for a citizen */
	bool elevated;       /* BTG */
	bool gained;         /* BTG opened what TREAT and ETREAT would not */
	struct grant *grant;
};

static bool is_within(instant from, instant to, instant now)
{
	return from <= now && now < to;
}

/* BTG stands for every purpose of care, so that nobody is poorer for the higher ground. */
static bool purpose_opens(enum purpose asked, enum purpose rule)
{
	if (asked == PURPOSE_BTG)
		return rule == PURPOSE_BTG || rule == PURPOSE_TREAT || rule == PURPOSE_ETREAT;
	return rule == asked;
}

static bool rule_opens(const struct work *work, const struct rule *rule)
{
	return purpose_opens(work->grant->purpose, rule->purpose) &&
	       is_within(rule->valid_from, rule->valid_to, work->ask->now);
}

static void canon_add(struct grant_part *part, uint32_t canon, unsigned class)
{
	for (size_t i = 0; i < part->canon_count; i++) {
		if (part->canons[i] == canon) {
			part->canon_classes[i] |= class;
			return;
		}
	}
	part->canons[part->canon_count] = canon;
	part->canon_classes[part->canon_count++] = class;
}

/* Adds what one rule opens; true when that is more than was open. */
static bool rule_apply(struct grant_part *part, const struct rule *rule)
{
	const unsigned class = 1u << rule->class & CLASSES_ALL;
	const unsigned before = part->classes;
	const size_t count_before = part->canon_count;
	part->rule_ids[part->rule_count++] = rule->id;
	if (rule->canon == 0)
		part->classes |= class;
	else
		canon_add(part, rule->canon, class);
	return part->classes != before || part->canon_count != count_before;
}

/* Rules of care first, so that what a rule for break-glass alone adds is seen. */
static void rules_apply(struct work *work, struct grant_part *part)
{
	size_t count;
	const struct rule *rules =
		rules_between(work->ask->rules, work->own_tenant, part->tenant, &count);
	part->canons = arena_array(work->arena, count, sizeof(*part->canons));
	part->canon_classes = arena_array(work->arena, count, sizeof(*part->canon_classes));
	part->rule_ids = arena_array(work->arena, count, sizeof(*part->rule_ids));
	for (size_t i = 0; i < count; i++)
		if (rules[i].purpose != PURPOSE_BTG && rule_opens(work, &rules[i]))
			rule_apply(part, &rules[i]);
	for (size_t i = 0; i < count; i++)
		if (rules[i].purpose == PURPOSE_BTG && rule_opens(work, &rules[i]))
			work->gained |= rule_apply(part, &rules[i]);
}

/* ---- blocks */

/* Persons that were joined are one: what one of them objected to holds for all. */
static bool block_holds(
	const struct work *work, const struct block *block, const struct grant_part *part)
{
	return (block->tenant == 0 || block->tenant == part->tenant) &&
	       (block->actor_orgnr == 0 || block->actor_orgnr == work->ask->principal->orgnr) &&
	       is_within(block->valid_from, block->valid_to, work->ask->now);
}

/* A block of one code stands in the way only where that code is open. */
static bool block_matters(const struct block *block, const struct grant_part *part)
{
	if (block->canon == 0 || part->classes != 0)
		return true;
	for (size_t i = 0; i < part->canon_count; i++)
		if (part->canons[i] == block->canon)
			return true;
	return false;
}

/*
 * Takes away what the patient objected to; false where nothing is left. Break-glass takes
 * nothing away and remembers that it did not.
 */
static bool blocks_apply(struct work *work, struct grant_part *part)
{
	const struct patient *patient = work->ask->patient;
	part->blocked_canons =
		arena_array(work->arena, patient->block_count, sizeof(*part->blocked_canons));
	for (size_t i = 0; i < patient->block_count; i++) {
		const struct block *block = &patient->blocks[i];
		if (!block_holds(work, block, part) || !block_matters(block, part))
			continue;
		if (work->elevated) {
			work->gained = work->grant->break_glass = true;
			continue;
		}
		work->grant->blocked = true;
		if (block->canon == 0)
			return false;
		part->blocked_canons[part->blocked_count++] = block->canon;
	}
	return true;
}

/* ---- parts */

static bool is_of_patient(const struct patient *patient, const struct subject *subject)
{
	for (size_t i = 0; i < patient->person_count; i++)
		if (patient->persons[i].id == subject->person)
			return true;
	return false;
}

/* A controller's data are open to others only while it takes part. */
static bool is_sharing(const struct rules *rules, uint32_t id)
{
	const struct tenant *tenant = rules_tenant(rules, id);
	return tenant != NULL && tenant->active && tenant->controller;
}

static bool part_open(struct work *work, const struct subject *subject, struct grant_part *part)
{
	*part = (struct grant_part){
		.tenant = subject->tenant,
		.subject = subject->id,
		.person = subject->person,
		.bucket = subject->bucket,
	};
	if (!is_sharing(work->ask->rules, part->tenant))
		return false;
	part->orgnr = rules_tenant(work->ask->rules, part->tenant)->orgnr;
	if (part->tenant == work->own_tenant)
		part->classes = CLASSES_ALL;
	else if (work->ask->principal->kind == PRINCIPAL_PRACTITIONER)
		rules_apply(work, part);
	return part->classes != 0 || part->canon_count > 0;
}

static bool is_asked(const struct ask *ask, const struct subject *subject)
{
	return (ask->only_tenant == 0 || ask->only_tenant == subject->tenant) &&
	       is_of_patient(ask->patient, subject);
}

static void parts_read(struct work *work)
{
	const struct patient *patient = work->ask->patient;
	struct grant *grant = work->grant;
	grant->parts = arena_array(work->arena, patient->subject_count, sizeof(*grant->parts));
	for (size_t i = 0; i < patient->subject_count; i++) {
		const struct subject *subject = &patient->subjects[i];
		struct grant_part *part = &grant->parts[grant->count];
		if (is_asked(work->ask, subject) && part_open(work, subject, part) &&
			blocks_apply(work, part))
			grant->count++;
	}
}

static void parts_own(struct work *work)
{
	const struct patient *patient = work->ask->patient;
	struct grant *grant = work->grant;
	grant->parts = arena_array(work->arena, patient->subject_count, sizeof(*grant->parts));
	for (size_t i = 0; i < patient->subject_count; i++) {
		const struct subject *subject = &patient->subjects[i];
		if (subject->tenant != work->own_tenant || !is_of_patient(patient, subject))
			continue;
		grant->parts[grant->count++] = (struct grant_part){
			.tenant = subject->tenant,
			.subject = subject->id,
			.person = subject->person,
			.bucket = subject->bucket,
			.classes = CLASSES_ALL,
		};
	}
}

static void parts_log(struct work *work)
{
	const struct patient *patient = work->ask->patient;
	struct grant *grant = work->grant;
	grant->parts = arena_array(work->arena, patient->person_count, sizeof(*grant->parts));
	for (size_t i = 0; i < patient->person_count; i++) {
		grant->parts[grant->count++] = (struct grant_part){
			.tenant = work->ask->only_tenant,
			.person = patient->persons[i].id,
			.bucket = patient->persons[i].home,
			.classes = CLASSES_ALL,
		};
	}
}

/* ---- the attest */

/*
 * ATT-4: an attest for named patients is for no other. By number, or by the persons its numbers
 * lead to.
 */
static bool is_attested(const struct ask *ask)
{
	const struct attest *attest = &ask->principal->attest;
	const struct patient *patient = ask->patient;
	const struct str digits = str_of(ask->patient_id.digits);
	for (size_t i = 0; i < attest->patient_count; i++)
		if (digits.length > 0 && str_is(digits, attest->patients[i].digits))
			return true;
	for (size_t i = 0; i < patient->attested_count; i++)
		for (size_t j = 0; j < patient->person_count; j++)
			if (patient->attested[i].id == patient->persons[j].id)
				return true;
	return attest->patient_count == 0;
}

/* norway.md 3.5 and 7: broken by a person's own choice, with a reason. */
static bool reason_check(const struct attest *attest, struct outcome *outcome)
{
	if (!attest->user_selected || str_trim(attest->decision_text).length < REASON_BYTES)
		return suppress(outcome,
			DECIDE_ATTEST ": BTG needs decision_ref with user_selected and a "
				      "reason of 10 characters.");
	return true;
}

static bool attest_check(const struct ask *ask, struct outcome *outcome)
{
	const struct attest *attest = &ask->principal->attest;
	if (!attest->present || attest->purpose == PURPOSE_NONE)
		return suppress(outcome, DECIDE_ATTEST ": the token holds no attest.");
	if (!is_attested(ask))
		return suppress(outcome, "The attest is for another patient.");
	return attest->purpose != PURPOSE_BTG || reason_check(attest, outcome);
}

/* ---- the asks */

static bool decide_read(struct work *work, struct outcome *outcome)
{
	const struct principal *principal = work->ask->principal;
	if (principal->kind == PRINCIPAL_CITIZEN)
		return forbid(outcome, "This is not for callers of this kind.");
	if (principal->kind == PRINCIPAL_PRACTITIONER) {
		if (!attest_check(work->ask, outcome))
			return false;
		work->grant->purpose = principal->attest.purpose;
		work->elevated = principal->attest.purpose == PURPOSE_BTG;
	}
	parts_read(work);
	if (work->elevated && !work->gained)
		return forbid(outcome, "The elevated basis (BTG) gives nothing more here.");
	return true;
}

static bool decide_write(struct work *work, struct outcome *outcome)
{
	const struct ask *ask = work->ask;
	if (ask->principal->kind == PRINCIPAL_CITIZEN)
		return forbid(outcome, "This is not for callers of this kind.");
	if (!is_sharing(ask->rules, work->own_tenant))
		return forbid(outcome, "The organisation is not registered as a data controller.");
	if (ask->only_tenant != 0 && ask->only_tenant != work->own_tenant)
		return forbid(outcome, "Only the caller's own organisation may be written for.");
	work->grant->purpose = ask->principal->attest.purpose;
	parts_own(work);
	return true;
}

static bool decide_log(struct work *work, struct outcome *outcome)
{
	const struct ask *ask = work->ask;
	const struct principal *principal = ask->principal;
	if (principal->kind != PRINCIPAL_CITIZEN)
		return forbid(outcome, "This is not for callers of this kind.");
	if (principal->pid.length == 0 || !str_is(principal->pid, ask->patient_id.digits))
		return forbid(outcome, "A citizen reads the log of their own data alone.");
	parts_log(work);
	return true;
}

/* A machine that polls its own controller's rows, or looks one up. */
static bool decide_tenant(struct work *work, struct outcome *outcome)
{
	const struct ask *ask = work->ask;
	struct grant *grant = work->grant;
	if (ask->principal->kind != PRINCIPAL_SYSTEM || !is_sharing(ask->rules, work->own_tenant) ||
		(ask->only_tenant != 0 && ask->only_tenant != work->own_tenant))
		return forbid(outcome,
			"Name a patient: patient=Patient/{id}, or patient.identifier in the body "
			"of _search. Only a controller's own system searches without one, and "
			"finds that controller's readings.");
	grant->parts = arena_array(work->arena, 1, sizeof(*grant->parts));
	grant->parts[grant->count++] =
		(struct grant_part){ .tenant = work->own_tenant, .classes = CLASSES_ALL };
	return true;
}

static bool decide_action(struct work *work, struct outcome *outcome)
{
	switch (work->ask->action) {
	case ASK_READ:
	case ASK_LOCATE:
		return decide_read(work, outcome);
	case ASK_WRITE:
		return decide_write(work, outcome);
	case ASK_LOG:
		return decide_log(work, outcome);
	case ASK_TENANT:
		return decide_tenant(work, outcome);
	}
	return forbid(outcome, "Nothing allows this.");
}

const struct grant *decide(struct arena *arena, const struct ask *ask, struct outcome *outcome)
{
	struct caller caller;
	assert(ask->principal != NULL && ask->rules != NULL && ask->patient != NULL);
	/*
	 * A rule that was revoked before the request began must not open anything: take the
	 * newer rules and ask again.
	 */
	if (ask->rules->version < ask->patient->rules_version) {
		outcome_fail(
			outcome, OUTCOME_BUSY, STR(""), "The rules have just changed; try again.");
		return NULL;
	}
	if (!caller_find(ask->principal, ask->rules, &caller, outcome))
		return NULL;
	struct grant *grant = arena_alloc(arena, sizeof(*grant));
	grant->action = ask->action;
	grant->own_tenant = caller.tenant == NULL ? 0 : caller.tenant->id;
	struct work work = {
		.arena = arena, .ask = ask, .own_tenant = grant->own_tenant, .grant = grant
	};
	return decide_action(&work, outcome) ? grant : NULL;
}
