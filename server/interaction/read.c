/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* GET /fhir/Observation/{id}, and /_history/{version} of it. */
#include "server/audit.h"
#include "server/conditions.h"
#include "server/interaction/interactions.h"
#include "server/interaction/one.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"

struct read_work {
	struct one one;
	int version; /* 0: as it is now; -1: none there could be */
	struct store_read read;
	struct str bytes; /* the answer */
	bool unchanged;   /* 304 */
};

static void parse(struct exchange *exchange)
{
	struct read_work *work = arena_alloc(exchange->arena, sizeof(*work));
	if (!presentation_check_one(&exchange->presentation, &exchange->outcome))
		return;
	one_open(exchange, &work->one, route_type(exchange->route), exchange->request.segment);
	exchange->work = work;
}

static void parse_version(struct exchange *exchange)
{
	parse(exchange);
	struct read_work *work = exchange->work;
	if (work != NULL)
		work->version = one_version(exchange->request.version);
}

static void who(struct exchange *exchange)
{
	struct read_work *work = exchange->work;
	if (work->one.opened)
		one_who(&work->one, resolve_items(exchange, 1), 0);
}

static void decide_read(struct exchange *exchange)
{
	const struct read_work *work = exchange->work;
	exchange->grant = one_decide(exchange, &work->one);
}

static void store(struct exchange *exchange)
{
	struct read_work *work = exchange->work;
	if (exchange->grant == NULL || exchange->grant->count == 0)
		return;
	work->read = (struct store_read){
		.call = exchange_call(exchange),
		.grant = exchange->grant,
		.key = work->one.key,
		.version = work->version,
	};
	exchange_hold(exchange);
	store_read(exchange->loop->store, &work->read);
}

/* What is released: nothing where the caller has it already, or it was deleted. */
static void release(struct exchange *exchange, struct read_work *work, struct log_detail *detail)
{
	const struct store_row *row = &work->read.row;
	if (row->deleted) {
		one_gone(exchange, &exchange->outcome);
		return;
	}
	work->unchanged = condition_unchanged(exchange->request.if_none_match,
		exchange->request.if_modified_since, exchange->request.modified_since, row->version,
		row->updated);
	if (!work->unchanged)
		work->bytes = one_render(exchange, row);
	one_released(exchange, exchange->grant, row, 1, work->bytes, detail);
}

/* A row of what was read: the codes, the digest of the bytes that leave, the rules they leave by. For an id that leads to nobody the row is nobody's: as costly as the others. */
static void audit(struct exchange *exchange)
{
	struct read_work *work = exchange->work;
	if (work == NULL || exchange->outcome.errors > 0)
		return;
	const struct grant *grant = exchange->grant;
	const bool open = grant != NULL && grant->count > 0;
	struct log_detail detail = audit_detail(exchange);
	detail.counted = true;
	struct log_row *row = one_row(exchange, &work->one, LOG_READ);
	if (work->version != 0)
		detail.query = str_format(
			exchange->arena, "_history/%d", work->version < 0 ? 0 : work->version);
	if (work->read.found) {
		release(exchange, work, &detail);
		row->classes = 1u << work->read.row.class;
	} else {
		const bool denied = row->person != 0 && !open;
		row->outcome = denied ? LOG_DENY : LOG_PERMIT;
		detail.reason = denied ? "not-shared" : "not-found";
		one_absent(exchange, &exchange->outcome);
	}
	row->body = detail_render(exchange->arena, &detail);
}

static void respond(struct exchange *exchange)
{
	const struct read_work *work = exchange->work;
	one_tell(exchange, work->read.row.version, work->read.row.updated);
	if (work->unchanged)
		respond_with(exchange, 304, NULL, (struct str){ 0 });
	else
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

const struct interaction interaction_vread = {
	.name = "vread",
	.parse = parse_version,
	.who = who,
	.decide = decide_read,
	.store = store,
	.audit = audit,
	.respond = respond,
};
