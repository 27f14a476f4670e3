/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* GET /innsyn/v1/log: the citizen's own access log, newest first, in words (norway.md 5.7). Reading it is itself a row of it. */
#include "fhir/base/json.h"
#include "server/audit.h"
#include "server/form.h"
#include "server/interaction/insight_entry.h"
#include "server/interaction/interactions.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200
#define CURSOR_MAX    1024
#define NOWHERE       ((struct str){ 0 })

struct insight_work {
	struct national_id citizen;
	struct store_log_read run;
};

/* A cursor is good for the citizen it was given to. */
static struct str bound_to(const struct exchange *exchange)
{
	return str_format(exchange->arena, "log %.*s", STR_ARG(exchange->principal.pid));
}

static bool take_cursor(struct exchange *exchange, struct str cursor, struct store_log_read *run)
{
	struct str plain, id;
	if (cursor.length > CURSOR_MAX ||
		!seal_token_open(exchange->arena, exchange->loop->hub->seal, cursor,
			bound_to(exchange), &plain) ||
		!str_to_i64(str_cut(plain, ' ', &id), &run->before_at) ||
		!str_to_u64(id, &run->before_id))
		return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("cursor"),
			"this is no cursor of yours; begin again without one");
	run->has_before = true;
	return true;
}

static bool take_limit(struct exchange *exchange, struct str text, struct store_log_read *run)
{
	uint64_t limit;
	if (!str_to_u64(text, &limit) || limit < 1 || limit > LIMIT_MAX)
		return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("limit"),
			"limit must be 1 to %d", LIMIT_MAX);
	run->limit = (unsigned)limit;
	return true;
}

static void take_query(struct exchange *exchange, struct store_log_read *run)
{
	struct str rest = exchange->request.query, name, value;
	bool limited = false;
	enum form_part part;
	while ((part = form_next(exchange->arena, &rest, &name, &value)) == FORM_PART) {
		bool taken = false;
		if (str_is(name, "cursor") && !run->has_before)
			taken = take_cursor(exchange, value, run);
		else if (str_is(name, "limit") && !limited)
			taken = limited = take_limit(exchange, value, run);
		else
			outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
				"only cursor and limit are known here, once each");
		if (!taken)
			return;
	}
	if (part == FORM_BAD)
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, NOWHERE,
			"the query is not application/x-www-form-urlencoded");
}

static void parse(struct exchange *exchange)
{
	struct insight_work *work = arena_alloc(exchange->arena, sizeof(*work));
	work->run.limit = LIMIT_DEFAULT;
	take_query(exchange, &work->run);
	const struct str pid = exchange->principal.pid;
	if (pid.length != 11)
		outcome_fail(&exchange->outcome, OUTCOME_FORBIDDEN, NOWHERE,
			"the token names no citizen");
	if (exchange->outcome.errors > 0)
		return;
	memcpy(work->citizen.digits, pid.at, 11);
	exchange->work = work;
}

static void who(struct exchange *exchange)
{
	const struct insight_work *work = exchange->work;
	resolve_by_digits(
		exchange, resolve_items(exchange, 1), work->citizen.digits, RESOLVE_CREATE);
}

static void decide_log(struct exchange *exchange)
{
	const struct insight_work *work = exchange->work;
	exchange->grant = resolve_decide(exchange, ASK_LOG, &exchange->resolve.items[0],
		&work->citizen, 0, &exchange->outcome);
}

static void store(struct exchange *exchange)
{
	struct insight_work *work = exchange->work;
	work->run.call = exchange_call(exchange);
	work->run.grant = exchange->grant;
	exchange_hold(exchange);
	store_log_read(exchange->loop->store, &work->run);
}

/* Under no controller: the log is the hub's. */
static void audit(struct exchange *exchange)
{
	const struct insight_work *work = exchange->work;
	if (work == NULL || exchange->grant == NULL || exchange->outcome.errors > 0)
		return;
	const struct patient *patient = &exchange->resolve.items[0].patient;
	if (patient->person_count == 0)
		return;
	struct log_detail detail = audit_detail(exchange);
	detail.count = (unsigned)work->run.count;
	detail.counted = true;
	struct log_row *row = audit_row(exchange, LOG_INSIGHT, TYPE_AUDIT_EVENT);
	row->person = patient->persons[0].id;
	row->bucket = patient->persons[0].home;
	row->body = detail_render(exchange->arena, &detail);
}

static void respond(struct exchange *exchange)
{
	const struct insight_work *work = exchange->work;
	const struct store_log_read *run = &work->run;
	struct buf buf = buf_new(exchange->arena, 1024 + 1024 * run->count, RESPONSE_MAX);
	buf_add_text(&buf, "{\"entries\":[");
	for (size_t i = 0; i < run->count; i++) {
		json_write_comma(&buf);
		insight_entry(exchange->arena, &buf, exchange->rules, &run->entries[i]);
	}
	buf_add_byte(&buf, ']');
	if (run->more && run->count > 0) {
		const struct log_entry *last = &run->entries[run->count - 1];
		const struct str plain = str_format(exchange->arena, "%lld %llu",
			(long long)last->at, (unsigned long long)last->id);
		json_write_member(&buf, "cursor",
			seal_token(exchange->arena, exchange->loop->hub->seal, plain,
				bound_to(exchange)));
	}
	buf_add_text(&buf, "}\n");
	respond_with(exchange, 200, MEDIA_JSON, buf_str(&buf));
}

const struct interaction interaction_insight = {
	.name = "insight",
	.parse = parse,
	.who = who,
	.decide = decide_log,
	.store = store,
	.audit = audit,
	.respond = respond,
};
