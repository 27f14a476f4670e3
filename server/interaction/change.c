/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/change.h"

#include "fhir/base/json.h"
#include "fhir/patch.h"
#include "server/audit.h"
#include "server/conditions.h"
#include "server/interaction/condition.h"
#include "server/interaction/unreliable.h"
#include "server/interaction/upload.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"

#define NODES_MAX 100000
#define TRIES_MAX 8 /* other writers come between */

struct change *change_new(struct exchange *exchange, size_t count)
{
	struct change *changes = arena_array(exchange->arena, count, sizeof(*changes));
	for (size_t i = 0; i < count; i++)
		changes[i].outcome.arena = exchange->arena;
	return changes;
}

/* ---- VALIDATE */

/* FHIR R4 http.html#update: the body says which resource it is. */
static void check_id(struct change *change)
{
	const struct str id = json_text(change->body, "id");
	const struct str where =
		str_format(change->outcome.arena, "%.*s.id", STR_ARG(change->expression));
	if (change->condition.length > 0 && id.length > 0)
		outcome_fail(&change->outcome, OUTCOME_NOT_SUPPORTED, where,
			"ids are given by the hub; leave id out of a conditional update");
	else if (change->condition.length == 0 && !str_equal(id, change->id))
		outcome_fail(&change->outcome, OUTCOME_INVALID, where,
			"the resource's id must be the id in the URL");
}

static void check_type(struct change *change)
{
	if (!str_is(json_text(change->body, "resourceType"), resource_type_name(change->type)))
		outcome_fail(&change->outcome, OUTCOME_INVALID,
			str_format(change->outcome.arena, "%.*s.resourceType",
				STR_ARG(change->expression)),
			"%s is expected here", resource_type_name(change->type));
}

void change_validate(struct exchange *exchange, struct change *change)
{
	condition_if_match(change->if_match, &change->expected, &change->outcome);
	if (change->condition.length > 0)
		condition_identifier(exchange, change->type, change->condition, NULL,
			&change->condition_text, &change->outcome);
	else
		one_open(exchange, &change->one, change->type, change->id);
	change->one.key.type = change->type;
	if (change->kind != CHANGE_UPDATE)
		return;
	check_type(change);
	check_id(change);
	/* Without a condition it is of the patient that the row is of. */
	if (change->outcome.errors == 0 &&
		upload_read(exchange, change->body, change->expression, UPLOAD_SENT,
			&change->observation, &change->outcome) &&
		change->condition.length > 0)
		upload_require_patient(&change->observation, change->expression, &change->outcome);
}

/* ---- RESOLVE, DECIDE */

static bool names_patient(const struct change *change)
{
	return change->kind == CHANGE_UPDATE && upload_names_patient(&change->observation);
}

size_t change_items(const struct change *change)
{
	return (size_t)change->one.opened + names_patient(change);
}

void change_who(
	struct exchange *exchange, struct change *change, struct resolve_item *items, size_t first)
{
	exchange->afresh = true;
	change->item = first;
	change->items = change_items(change);
	if (change->one.opened)
		one_who(&change->one, items, first++);
	if (!names_patient(change))
		return;
	const bool by_id = change->observation.subject.digits[0] == '\0';
	const bool create = change->condition.length > 0 && change->outcome.errors == 0 &&
			    exchange->tenant->controller && !by_id;
	if (by_id)
		upload_patient_key(exchange, &change->observation, &items[first].key);
	else
		resolve_by_digits(exchange, &items[first], change->observation.subject.digits,
			create ? RESOLVE_CREATE : RESOLVE_LEAVE);
	if (create)
		items[first].create_subject = exchange->tenant->id;
	/* Until a row is found, it is about the body's patient under the caller's own controller. */
	if (change->condition.length > 0)
		change->one = (struct one){ .opened = true,
			.key = { .type = change->type, .tenant = exchange->tenant->id },
			.item = first };
}

static bool has_person(const struct patient *patient, uint64_t person)
{
	for (size_t i = 0; i < patient->person_count; i++)
		if (patient->persons[i].id == person)
			return true;
	return false;
}

const struct grant_part *change_part(const struct grant *grant, const struct resource_key *key)
{
	for (size_t i = 0; grant != NULL && i < grant->count; i++)
		if (grant->parts[i].subject == key->subject &&
			grant->parts[i].bucket == key->bucket)
			return &grant->parts[i];
	return NULL;
}

/* A conditional change is of the body's patient, and in the caller's own rows. */
static void decide_condition(struct exchange *exchange, struct change *change)
{
	const bool by_id = change->observation.subject.digits[0] == '\0';
	if (!names_patient(change))
		return;
	change->writing = resolve_decide(exchange, ASK_WRITE,
		&exchange->resolve.items[change->item], by_id ? NULL : &change->observation.subject,
		exchange->tenant->id, &change->outcome);
	if (change->writing == NULL)
		return;
	if (change->writing->count == 0 && by_id) {
		upload_refuse_patient(&change->observation, change->expression, &change->outcome);
		return;
	}
	if (change->writing->count == 0) {
		outcome_fail(&change->outcome, OUTCOME_FORBIDDEN, change->expression,
			"nothing may be stored for this patient");
		return;
	}
	change->part = &change->writing->parts[0];
}

/* Who may not read it is told nothing else: 404, whatever else is wrong with the change. */
static void hide(struct exchange *exchange, struct change *change)
{
	change->outcome = (struct outcome){ .arena = exchange->arena };
	one_absent(exchange, &change->outcome);
}

void change_decide(struct exchange *exchange, struct change *change)
{
	if (change->condition.length > 0) {
		if (change->outcome.errors == 0)
			decide_condition(exchange, change);
		return;
	}
	change->reading = one_decide(exchange, &change->one);
	if (change->reading == NULL || change->reading->count == 0) {
		hide(exchange, change);
		return;
	}
	if (change->one.key.tenant != exchange->tenant->id)
		return; /* it is read, and then refused */
	struct outcome refusal = { .arena = exchange->arena };
	change->writing = resolve_decide(exchange, ASK_WRITE,
		&exchange->resolve.items[change->one.item], NULL, change->one.key.tenant, &refusal);
	change->part = change_part(change->writing, &change->one.key);
	if (change->writing == NULL && change->outcome.errors == 0)
		outcome_merge(&change->outcome, &refusal, (struct str){ 0 });
}

/* ---- STORE */

bool change_read(struct exchange *exchange, struct change *change)
{
	/* Also where there are errors already: what is not there is 404 before it is anything else. */
	if (change->reading == NULL || change->reading->count == 0)
		return false;
	change->now = (struct store_read){
		.call = exchange_call(exchange),
		.grant = change->reading,
		.key = change->one.key,
	};
	change->read = true;
	exchange_hold(exchange);
	store_read(exchange->loop->store, &change->now);
	return true;
}

/* The same patient by any of its numbers; another one is another reading. */
static void check_subject(struct exchange *exchange, struct change *change)
{
	if (!names_patient(change) || change->part == NULL)
		return;
	const bool readings = change->type == TYPE_OBSERVATION;
	const struct resolve_item *item =
		&exchange->resolve.items[change->item + change->items - 1];
	if (!has_person(&item->patient, change->part->person))
		outcome_fail(&change->outcome, OUTCOME_BUSINESS_RULE,
			str_format(exchange->arena, "%.*s.%s", STR_ARG(change->expression),
				readings ? "subject" : "patient"),
			"an update may not change whose %s it is; delete it, and store it for the "
			"other patient",
			readings ? "measurement" : "device");
}

/* What stands in the way of any change, whatever it says. */
static bool check_now(struct exchange *exchange, struct change *change)
{
	struct outcome *outcome = &change->outcome;
	const struct store_row *row = &change->now.row;
	if (!change->now.found) {
		hide(exchange, change);
	} else if (change->one.key.tenant != exchange->tenant->id || change->part == NULL) {
		if (outcome->errors == 0)
			outcome_fail(outcome, OUTCOME_FORBIDDEN, (struct str){ 0 },
				"only the data controller itself may change what it holds");
	} else if (condition_is_expected(
			   change->expected, row->version, STR("If-Match"), outcome)) {
		if (!row->deleted)
			condition_is_unnamed(
				change->if_none_match, row->version, STR("If-None-Match"), outcome);
		else if (change->kind == CHANGE_PATCH || change->kind == CHANGE_MARK)
			one_gone(exchange, outcome);
	}
	return outcome->errors == 0;
}

/* The resource as the caller reads it, so that a patch is of what was seen. */
static const struct json *resource_now(struct exchange *exchange, const struct change *change)
{
	const struct store_row *row = &change->now.row;
	char *id = arena_alloc(exchange->arena, 27);
	seal_resource_id(exchange->loop->hub->seal, &row->key, id);
	const struct resource resource = { row->key.type, { id, 26 }, row->version, row->updated,
		row->body };
	struct buf buf = buf_new(exchange->arena, row->body.length + 256, RESPONSE_MAX);
	resource_render(&buf, &resource);
	return json_parse(exchange->arena, buf_str(&buf), NODES_MAX, &exchange->outcome);
}

/* A patched resource goes the way of a new one. */
static bool read_patched(struct exchange *exchange, struct change *change, struct str text)
{
	const struct json *patched = json_parse(exchange->arena, text, NODES_MAX, &change->outcome);
	return patched != NULL && upload_read(exchange, patched, change->expression, UPLOAD_PATCHED,
					  &change->observation, &change->outcome);
}

static bool plan_patch(struct exchange *exchange, struct change *change)
{
	struct str text;
	const struct json *now = resource_now(exchange, change);
	if (now == NULL)
		return false;
	const struct json *patch =
		change->kind == CHANGE_PATCH
			? change->body
			: unreliable_patch(exchange, now, change->body, &change->outcome);
	return patch != NULL &&
	       patch_apply(exchange->arena, change->type, now, patch, &text, &change->outcome) &&
	       read_patched(exchange, change, text);
}

/* The version that holds these bytes already. The store compares them packed, and a dictionary that came later packs them otherwise. */
static int same_version(const struct change *change)
{
	const struct store_row *row = &change->now.row;
	const bool same = !row->deleted && str_equal(row->body, change->observation.body);
	return change->kind != CHANGE_DELETE && same ? row->version : 0;
}

int change_version(const struct change *change)
{
	const int same = change->kind == CHANGE_UPDATE ? same_version(change) : 0;
	return same != 0 ? same : change->now.row.version + 1;
}

bool change_plan(struct exchange *exchange, struct change *change, struct write_item *item)
{
	if (!change->read) {
		if (change->outcome.errors == 0)
			hide(exchange, change);
		return false;
	}
	if (!check_now(exchange, change))
		return false;
	check_subject(exchange, change);
	if (change->outcome.errors > 0)
		return false;
	const bool patches = change->kind == CHANGE_PATCH || change->kind == CHANGE_MARK;
	if (patches && !plan_patch(exchange, change))
		return false;
	*item = (struct write_item){
		.mode = change->kind == CHANGE_DELETE ? WRITE_DELETE : WRITE_UPDATE,
		.observation = change->kind == CHANGE_DELETE ? NULL : &change->observation,
		.part = change->part,
		.client = exchange->principal.client_id,
		.expected = patches ? change->now.row.version : change->expected,
		.same = same_version(change),
		.key = change->one.key,
	};
	return true;
}

bool change_tell_fate(const struct write_item *item, struct str expression, struct str match,
	struct outcome *outcome)
{
	if (item->fate == WRITE_CLASH)
		outcome_fail(outcome, OUTCOME_CONFLICT, expression,
			"an identifier, or device and time, is that of another reading; update "
			"that one, or send others");
	else if (item->fate == WRITE_CONFLICT)
		outcome_fail(outcome, OUTCOME_STALE, match,
			"somebody changed it meanwhile: version %d is there; read it and decide "
			"again",
			item->version);
	else
		return false;
	return true;
}

bool change_settle(struct change *change, const struct write_item *item, bool refused)
{
	if (!refused)
		return false;
	if (item->fate == WRITE_CONFLICT && change->expected == 0 && change->tries++ < TRIES_MAX)
		return true;
	if (!change_tell_fate(item, change->expression, STR("If-Match"), &change->outcome))
		outcome_fail(&change->outcome, OUTCOME_NOT_FOUND, (struct str){ 0 },
			"there is no such resource, or it is not for you");
	return false;
}

/* ---- AUDIT, RESPOND */

static enum log_op op_of(const struct change *change)
{
	if (change->condition.length > 0 && !change->read)
		return LOG_CREATE;
	return change->kind == CHANGE_DELETE ? LOG_DELETE : LOG_UPDATE;
}

void change_log(struct exchange *exchange, const struct change *change)
{
	const bool refused = change->outcome.errors > 0;
	struct log_detail detail = audit_detail(exchange);
	struct log_codes *codes = arena_alloc(exchange->arena, sizeof(*codes));
	struct log_row *row = one_row(exchange, &change->one, op_of(change));
	if (change->now.found) {
		row->classes |= 1u << change->now.row.class;
		log_codes_add(
			exchange->arena, codes, change->now.row.code, change->now.row.time_low);
	}
	if (!refused && change->kind != CHANGE_DELETE) {
		row->classes |= 1u << change->observation.class;
		if (!change->now.found && change->observation.code.text.length > 0)
			log_codes_add(exchange->arena, codes, change->observation.code.text,
				change->observation.time.low);
	}
	detail.codes = codes;
	detail.counted = true;
	detail.count = !refused && !change->unchanged;
	detail.known = !refused && change->unchanged;
	if (refused) {
		const bool absent = outcome_first(&change->outcome) == OUTCOME_NOT_FOUND;
		const bool open = change->reading != NULL && change->reading->count > 0;
		const bool denied = !absent || (row->person != 0 && !open);
		row->outcome = denied ? LOG_DENY : LOG_PERMIT;
		detail.reason = audit_reason(&change->outcome);
		if (absent)
			detail.reason = denied ? "not-shared" : "not-found";
	}
	row->body = detail_render(exchange->arena, &detail);
}

int change_status(const struct write_item *item)
{
	if (item->mode == WRITE_DELETE)
		return 204;
	return item->fate == WRITE_CREATED ? 201 : 200;
}
