/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every look is written down, and committed, before the answer leaves. Who was refused before a patient was named goes to the
 * security log instead, or anybody could fill a citizen's log.
 */
#include "server/audit.h"

#include <assert.h>

#include "server/log.h"
#include "server/loop.h"
#include "server/session.h"
#include "server/steps.h"

enum { PHASE_ROWS, PHASE_WRITTEN };

struct log_row *audit_row(struct exchange *exchange, enum log_op op, enum resource_type type)
{
	if (exchange->log_count == exchange->log_room) {
		const size_t room = exchange->log_room == 0 ? 4 : 2 * exchange->log_room;
		struct log_row *rows =
			arena_array(exchange->arena, room, sizeof(exchange->log_rows[0]));
		if (exchange->log_count > 0)
			memcpy(rows, exchange->log_rows, exchange->log_count * sizeof(rows[0]));
		exchange->log_rows = rows;
		exchange->log_room = room;
	}
	struct log_row *row = &exchange->log_rows[exchange->log_count++];
	*row = (struct log_row){
		.actor_orgnr = exchange->principal.orgnr,
		.op = op,
		.type = type,
		.outcome = LOG_PERMIT,
		.corr = exchange->corr,
		.context = exchange->session->context,
	};
	return row;
}

void audit_reword(struct exchange *exchange, struct log_row *rows, size_t count)
{
	assert(exchange->log_count == count);
	for (size_t i = 0; i < count; i++)
		rows[i].body = exchange->log_rows[i].body;
	exchange->log_count = exchange->log_room = 0;
}

struct log_detail audit_detail(const struct exchange *exchange)
{
	return (struct log_detail){
		.request_id = exchange->request.request_id,
	};
}

bool audit_correlate(struct exchange *exchange, struct outcome *outcome)
{
	if (exchange->corr == 0)
		exchange->corr = store_corr(exchange->loop->store);
	return exchange->corr != 0 ||
	       outcome_fail(outcome, OUTCOME_BUSY, (struct str){ 0 },
		       "the database is away and nothing was done; send it again");
}

const char *audit_reason(const struct outcome *outcome)
{
	return outcome->errors == 0 ? NULL : outcome_issue_code(outcome_first(outcome));
}

bool audit_is_refusal(const struct outcome *outcome)
{
	return outcome->errors > 0 && outcome_status(outcome_first(outcome)) < 500;
}

/* Refusals that no patient's log holds. */
static void security_log(const struct exchange *exchange)
{
	if (exchange->route == NULL || exchange->route->kinds == 0 || exchange->outcome.errors == 0)
		return;
	if (!exchange->authenticated) {
		log_outcome(LEVEL_WARNING, "unauthenticated", &exchange->outcome);
		return;
	}
	const enum outcome_kind kind = outcome_first(&exchange->outcome);
	if (kind == OUTCOME_FORBIDDEN || kind == OUTCOME_SUPPRESSED)
		log_line(LEVEL_WARNING, "refused", "client=%s orgnr=%09u route=%s",
			log_quote(exchange->arena, exchange->principal.client_id),
			exchange->principal.orgnr, exchange->route->interaction->name);
}

static void write_rows(struct exchange *exchange)
{
	if (!audit_correlate(exchange, &exchange->audit))
		return;
	for (size_t i = 0; i < exchange->log_count; i++)
		exchange->log_rows[i].corr = exchange->corr;
	struct store_log *log = arena_alloc(exchange->arena, sizeof(*log));
	*log = (struct store_log){
		.call = exchange_call(exchange),
		.rows = exchange->log_rows,
		.count = exchange->log_count,
	};
	log->call.outcome = &exchange->audit;
	exchange->phase = PHASE_WRITTEN;
	exchange_hold(exchange);
	exchange_yield(exchange);
	store_log(exchange->loop->store, log);
}

/* Neither data nor a refusal leaves without its row. What stood in the way is ours to know. */
static void withhold(struct exchange *exchange)
{
	log_outcome(LEVEL_ERROR, "access_log", &exchange->audit);
	exchange->outcome = (struct outcome){ .arena = exchange->arena };
	exchange->challenge = NULL;
	outcome_fail(&exchange->outcome, OUTCOME_BUSY, (struct str){ 0 },
		"the access log cannot be written at present, and nothing is answered without it; "
		"try again");
}

void step_audit(struct exchange *exchange)
{
	if (exchange->phase == PHASE_ROWS) {
		exchange->audit.arena = exchange->arena;
		if (exchange->authenticated && exchange->route->interaction->audit != NULL)
			exchange->route->interaction->audit(exchange);
		if (exchange->rehearsal && exchange->outcome.errors == 0)
			exchange->log_count = 0;
		if (exchange->log_count > 0)
			write_rows(exchange);
		else
			security_log(exchange);
	}
	if (exchange->audit.errors > 0 && !exchange->yielded)
		withhold(exchange);
}
