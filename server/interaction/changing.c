/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Changes of one resource as requests of their own: PUT, PATCH and DELETE of /fhir/Observation/{id}, PUT of /fhir/Observation by an identifier, and $mark-unreliable. The plan is change.c's.
 */
#include "fhir/base/json.h"
#include "fhir/bundle.h"
#include "server/audit.h"
#include "server/interaction/change.h"
#include "server/interaction/interactions.h"
#include "server/interaction/upload.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"
#include "storage/store_change.h"

#define NODES_MAX 100000

enum { PHASE_START, PHASE_FOUND, PHASE_READ, PHASE_WRITTEN };

struct changing {
	struct change *change;
	struct store_find find; /* of a conditional update */
	struct write_item item;
	struct store_write write;
	bool made; /* it is committed, its log row too */
};

/* ---- PARSE to DECIDE */

static void begin(struct exchange *exchange, enum change_kind kind)
{
	struct changing *work = arena_alloc(exchange->arena, sizeof(*work));
	struct change *change = work->change = change_new(exchange, 1);
	change->kind = kind;
	change->type = route_type(exchange->route);
	change->id = exchange->request.segment;
	change->if_match = exchange->request.if_match;
	change->if_none_match = exchange->request.if_none_match;
	change->expression = str_of(resource_type_name(change->type));
	if (kind != CHANGE_DELETE) {
		change->body = json_parse(
			exchange->arena, exchange->request.body, NODES_MAX, &exchange->outcome);
		if (change->body == NULL)
			return;
	}
	exchange->work = work;
}

static void parse_update(struct exchange *exchange)
{
	begin(exchange, CHANGE_UPDATE);
}

static void parse_conditional(struct exchange *exchange)
{
	begin(exchange, CHANGE_UPDATE);
	struct changing *work = exchange->work;
	if (work == NULL)
		return;
	work->change->condition = exchange->request.query;
	if (work->change->condition.length == 0)
		outcome_fail(&exchange->outcome, OUTCOME_REQUIRED, (struct str){ 0 },
			"PUT needs an id in its path, or identifier=system|value in its query; the "
			"hub gives "
			"ids, so what is new is posted");
}

static void parse_patch(struct exchange *exchange)
{
	begin(exchange, CHANGE_PATCH);
}

static void parse_delete(struct exchange *exchange)
{
	begin(exchange, CHANGE_DELETE);
}

static void parse_mark(struct exchange *exchange)
{
	begin(exchange, CHANGE_MARK);
}

static struct change *change_of(struct exchange *exchange)
{
	return ((struct changing *)exchange->work)->change;
}

static void validate(struct exchange *exchange)
{
	change_validate(exchange, change_of(exchange));
}

static void who(struct exchange *exchange)
{
	struct change *change = change_of(exchange);
	const size_t count = change_items(change);
	if (count > 0)
		change_who(exchange, change, resolve_items(exchange, count), 0);
}

static void decide_change(struct exchange *exchange)
{
	change_decide(exchange, change_of(exchange));
}

/* ---- STORE */

static void wait(struct exchange *exchange, unsigned phase)
{
	exchange->phase = phase;
	exchange_yield(exchange);
}

static void give_up(struct exchange *exchange, const struct change *change)
{
	outcome_merge(&exchange->outcome, &change->outcome, (struct str){ 0 });
}

/* It was so before: its row says that nothing was changed. */
static void settled(void *context)
{
	struct exchange *exchange = context;
	struct changing *work = exchange->work;
	work->change->unchanged = work->item.fate == WRITE_UNCHANGED;
	change_log(exchange, work->change);
	audit_reword(exchange, work->write.log, work->write.log_count);
}

static void send(struct exchange *exchange, struct changing *work)
{
	const struct change *change = work->change;
	if (!audit_correlate(exchange, &exchange->outcome))
		return;
	change_log(exchange, change);
	work->write = (struct store_write){
		.call = exchange_call(exchange),
		.grant = change->writing,
		.items = &work->item,
		.count = 1,
		.corr = exchange->corr,
		.door = DOOR_FHIR,
		.client = exchange->principal.client_id,
		/* Its row is committed with it, so AUDIT has none left to write. */
		.log = exchange->log_rows,
		.log_count = exchange->log_count,
		.settled = settled,
		.settled_context = exchange,
	};
	exchange->log_rows = NULL;
	exchange->log_count = exchange->log_room = 0;
	exchange_hold(exchange);
	wait(exchange, PHASE_WRITTEN);
	store_write(exchange->loop->store, &work->write);
}

static void plan(struct exchange *exchange, struct changing *work)
{
	if (change_plan(exchange, work->change, &work->item))
		send(exchange, work);
	else
		give_up(exchange, work->change);
}

static void look(struct exchange *exchange, struct changing *work)
{
	if (change_read(exchange, work->change))
		wait(exchange, PHASE_READ);
	else
		plan(exchange, work);
}

static void find(struct exchange *exchange, struct changing *work)
{
	const struct change *change = work->change;
	if (change->outcome.errors > 0) {
		give_up(exchange, change);
		return;
	}
	work->find = (struct store_find){
		.call = exchange_call(exchange),
		.grant = change->writing,
		.part = change->part,
		.text = change->condition_text,
	};
	exchange_hold(exchange);
	wait(exchange, PHASE_FOUND);
	store_find(exchange->loop->store, &work->find);
}

/* What the condition met is changed by its id from here on. */
static void look_at(
	struct exchange *exchange, struct changing *work, const struct resource_key *key)
{
	struct change *change = work->change;
	change->one.key = *key;
	change->one.key.type = change->type;
	change->reading = one_decide(exchange, &change->one);
	look(exchange, work);
}

/* Nothing meets the condition: it is stored as new, with the condition's identity, so that one of many is. */
static void create(struct exchange *exchange, struct changing *work)
{
	struct change *change = work->change;
	if (change->if_match.length > 0) {
		outcome_fail(&change->outcome, OUTCOME_STALE, STR("If-Match"),
			"nothing meets the condition, so no version can be matched; leave If-Match "
			"out to create it");
		give_up(exchange, change);
		return;
	}
	work->item = (struct write_item){
		.observation = &change->observation,
		.part = change->part,
		.client = exchange->principal.client_id,
		.condition = change->condition_text,
	};
	send(exchange, work);
}

static void settle(struct exchange *exchange, struct changing *work)
{
	const struct write_item *item = &work->item;
	if (exchange->outcome.errors > 0)
		return;
	if (item->mode == WRITE_CREATE && (item->fate == WRITE_KNOWN || item->fate == WRITE_GONE)) {
		const struct resource_key key = item->key; /* somebody was first */
		look_at(exchange, work, &key);
	} else if (change_settle(work->change, item, work->write.refused)) {
		look(exchange, work);
	} else if (work->change->outcome.errors > 0) {
		give_up(exchange, work->change);
	} else {
		work->made = true;
	}
}

static void store(struct exchange *exchange)
{
	struct changing *work = exchange->work;
	switch (exchange->phase) {
	case PHASE_START:
		if (work->change->condition.length > 0)
			find(exchange, work);
		else
			look(exchange, work);
		return;
	case PHASE_FOUND:
		if (work->find.found)
			look_at(exchange, work, &work->find.key);
		else
			create(exchange, work);
		return;
	case PHASE_READ:
		plan(exchange, work);
		return;
	case PHASE_WRITTEN:
		settle(exchange, work);
		return;
	}
}

/* ---- AUDIT, RESPOND */

static void audit(struct exchange *exchange)
{
	const struct changing *work = exchange->work;
	if (work == NULL || work->made || work->change->outcome.errors == 0)
		return;
	if (work->change->condition.length > 0 && !work->change->one.opened)
		return; /* nobody is named */
	change_log(exchange, work->change);
}

/* A caller who may not read is not told the whole reading for a patch of it. */
static bool may_see(const struct exchange *exchange, const struct change *change)
{
	return change->kind == CHANGE_UPDATE ||
	       (exchange->principal.scopes & exchange->client->scopes & SCOPE_OBSERVATION_READ) !=
		       0;
}

static void respond_deleted(struct exchange *exchange, const struct changing *work)
{
	struct buf buf = buf_new(exchange->arena, 512, RESPONSE_MAX);
	if (prefer_return_of(exchange->request.prefer) != RETURN_OUTCOME) {
		respond_with(exchange, 204, NULL, (struct str){ 0 });
		return;
	}
	outcome_render(&buf, &work->change->outcome);
	respond_with(exchange, 200, MEDIA_FHIR, buf_str(&buf));
}

static void respond(struct exchange *exchange)
{
	const struct changing *work = exchange->work;
	const struct change *change = work->change;
	const struct write_item *item = &work->item;
	const int status = change_status(item);
	one_tell(exchange, item->version, item->updated);
	if (status == 204) {
		respond_deleted(exchange, work);
		return;
	}
	char *id = arena_alloc(exchange->arena, 27);
	seal_resource_id(exchange->loop->hub->seal, &item->key, id);
	exchange->response.location = str_format(exchange->arena, "%.*s/%s/%s/_history/%d",
		STR_ARG(base_url(exchange)), resource_type_name(change->type), id, item->version);
	const enum prefer_return prefer = prefer_return_of(exchange->request.prefer);
	struct buf buf =
		buf_new(exchange->arena, change->observation.body.length + 256, RESPONSE_MAX);
	const struct resource resource = { change->type, str_of(id), item->version, item->updated,
		change->observation.body };
	if (prefer == RETURN_OUTCOME)
		outcome_render(&buf, &change->outcome);
	else if (prefer == RETURN_REPRESENTATION && may_see(exchange, change))
		presentation_render(&buf, exchange->arena, &exchange->presentation, &resource);
	respond_with(exchange, status, buf.length > 0 ? MEDIA_FHIR : NULL, buf_str(&buf));
}

static const char *const conditions[] = { "identifier", NULL };

#define CHANGING                                                                                   \
	.validate = validate, .who = who, .decide = decide_change, .store = store, .audit = audit, \
	.respond = respond

const struct interaction interaction_update = { .name = "update", .parse = parse_update, CHANGING };
const struct interaction interaction_update_conditional = {
	.name = "update_conditional", .parameters = conditions, .parse = parse_conditional, CHANGING
};
const struct interaction interaction_patch = { .name = "patch", .parse = parse_patch, CHANGING };
const struct interaction interaction_delete = { .name = "delete", .parse = parse_delete, CHANGING };
const struct interaction interaction_mark_unreliable = {
	.name = "mark_unreliable", .parse = parse_mark, CHANGING
};
