/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * GET /fhir/Observation/{id}. What is absent and what is not for the caller are one answer by one road: both resolve, both write
 * a row, neither touches a clinical table.
 */
#include "server/audit.h"
#include "server/interaction/interactions.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"

struct read_work {
	bool opened; /* the id is one of ours, or looks it */
	struct resource_key key;
	struct store_read read;
	struct str id, bytes; /* the answer */
};

static void parse(struct exchange *exchange)
{
	struct read_work *work = arena_alloc(exchange->arena, sizeof(*work));
	work->opened = seal_resource_open(
		exchange->loop->hub->seal, exchange->request.segment, TYPE_OBSERVATION, &work->key);
	exchange->work = work;
}

static void who(struct exchange *exchange)
{
	const struct read_work *work = exchange->work;
	if (!work->opened)
		return;
	struct resolve_item *item = resolve_items(exchange, 1);
	item->by_row = true;
	item->row = work->key;
}

static void decide_read(struct exchange *exchange)
{
	const struct read_work *work = exchange->work;
	if (!work->opened)
		return;
	/* A refusal of this id would tell that it is there. */
	struct outcome refusal = { .arena = exchange->arena };
	exchange->grant = resolve_decide(
		exchange, ASK_READ, &exchange->resolve.items[0], NULL, work->key.tenant, &refusal);
}

static void store(struct exchange *exchange)
{
	struct read_work *work = exchange->work;
	if (exchange->grant == NULL || exchange->grant->count == 0)
		return;
	work->read = (struct store_read){
		.call = { .arena = exchange->arena,
			.outcome = &exchange->outcome,
			.done = exchange_done,
			.context = exchange },
		.grant = exchange->grant,
		.key = work->key,
	};
	exchange_hold(exchange);
	store_read(exchange->loop->store, &work->read);
}

static void render(struct exchange *exchange, struct read_work *work)
{
	const struct store_row *row = &work->read.row;
	work->id = exchange->request.segment;
	const struct resource resource = { TYPE_OBSERVATION, work->id, row->version, row->updated,
		row->body };
	struct buf buf = buf_new(exchange->arena, row->body.length + 256, RESPONSE_MAX);
	resource_render(&buf, &resource);
	work->bytes = buf_str(&buf);
}

/* A row of what was read: the codes, the digest of the bytes that leave, the rules they leave by. */
static void describe(
	struct exchange *exchange, const struct read_work *work, struct log_detail *detail)
{
	const struct store_row *row = &work->read.row;
	const struct grant_part *part = &exchange->grant->parts[0];
	struct log_codes *codes = arena_alloc(exchange->arena, sizeof(*codes));
	log_codes_add(exchange->arena, codes, row->code, row->time_low);
	uint8_t digest[32];
	seal_sha256(work->bytes, digest);
	detail->codes = codes;
	detail->count = 1;
	detail->digest = str_hex(exchange->arena, digest, sizeof(digest));
	detail->rules = part->rule_ids;
	detail->rule_count = part->rule_count;
	detail->break_glass = exchange->grant->break_glass;
}

/* For an id that leads to nobody the row is nobody's, under the caller's own controller: as costly as the others. */
static void audit(struct exchange *exchange)
{
	struct read_work *work = exchange->work;
	if (work == NULL || exchange->outcome.errors > 0)
		return;
	const struct patient *patient =
		work->opened ? &exchange->resolve.items[0].patient : &(struct patient){ 0 };
	const struct grant *grant = exchange->grant;
	const bool known = patient->person_count > 0;
	const bool open = grant != NULL && grant->count > 0;
	struct log_detail detail = audit_detail(exchange);
	detail.counted = true;
	struct log_row *row = audit_row(exchange, LOG_READ, TYPE_OBSERVATION);
	row->tenant = known ? work->key.tenant : exchange->tenant->id;
	row->person = known ? patient->persons[0].id : 0;
	row->bucket = known ? patient->persons[0].home : 0;
	row->outcome = known && !open ? LOG_DENY : LOG_PERMIT;
	if (work->read.found && work->read.row.deleted) {
		row->classes = 1u << work->read.row.class;
		outcome_fail(&exchange->outcome, OUTCOME_GONE, (struct str){ 0 },
			"this Observation was deleted; its _history has it");
	} else if (work->read.found) {
		render(exchange, work);
		describe(exchange, work, &detail);
		row->classes = 1u << work->read.row.class;
	} else {
		detail.reason = known && !open ? "not-shared" : "not-found";
		outcome_fail(&exchange->outcome, OUTCOME_NOT_FOUND, (struct str){ 0 },
			"there is no such Observation, or it is not for you");
	}
	row->body = detail_render(exchange->arena, &detail);
}

static void respond(struct exchange *exchange)
{
	const struct read_work *work = exchange->work;
	const struct store_row *row = &work->read.row;
	exchange->response.etag = str_format(exchange->arena, "W/\"%d\"", row->version);
	exchange->response.modified = row->updated;
	respond_with(exchange, 200, MEDIA_FHIR, work->bytes);
}

const struct interaction interaction_read = {
	.name = "read",
	.parse = parse,
	.who = who,
	.decide = decide_read,
	.store = store,
	.audit = audit,
	.respond = respond,
};
