/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/aside.h"

#include "server/audit.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/resolve.h"

enum { PHASE_STORE, PHASE_STORED };

static bool names_patient(const struct pcd01 *message)
{
	return message->patient.digits[0] != '\0';
}

struct store_keep aside_keep(const struct exchange *exchange, const struct pcd01 *message,
	struct str bytes, bool is_utf8)
{
	const struct store_release *release = exchange->request.release;
	const struct seal *seal = exchange->loop->hub->seal;
	struct store_keep keep = { .reason = message->reason };
	if (release != NULL) {
		keep.what = KEEP_SETTLE;
		keep.digest = release->digest;
		keep.bucket = release->bucket;
	} else if (message->reason.length > 0) {
		keep.what = KEEP_ASIDE;
		keep.digest = seal_content(seal, bytes);
		keep.form = is_utf8 ? KEEP_UTF8 : KEEP_BYTES;
		if (names_patient(message))
			keep.bucket = seal_person(seal, message->patient.digits).bucket;
	}
	return keep;
}

/* What is kept of a patient makes a person, as a reading would; and it is asked for afresh, because no reading's write checks what was remembered. */
void aside_who(struct exchange *exchange, struct pcd01_work *work)
{
	if (!names_patient(&work->message))
		return;
	struct resolve_item *item = resolve_items(exchange, 1);
	const bool writes = exchange->tenant->controller;
	resolve_by_digits(exchange, item, work->message.patient.digits,
		writes ? RESOLVE_CREATE : RESOLVE_LEAVE);
	if (writes)
		item->create_subject = exchange->tenant->id;
	exchange->afresh = true;
}

void aside_decide(struct exchange *exchange, struct pcd01_work *work)
{
	struct resolve_item nobody = { .patient.rules_version = exchange->rules->version };
	struct resolve_item *item =
		exchange->resolve.count > 0 ? &exchange->resolve.items[0] : &nobody;
	work->grant = resolve_decide(
		exchange, ASK_WRITE, item, &work->message.patient, 0, &exchange->outcome);
}

/* The patient's row, or nobody's, under the controller that keeps it. */
static void log_it(struct exchange *exchange, const struct pcd01_work *work)
{
	struct log_row *row = audit_row(exchange, LOG_CREATE, TYPE_OBSERVATION);
	const bool known = work->grant->count > 0;
	row->tenant = exchange->tenant->id;
	row->person = known ? work->grant->parts[0].person : 0;
	row->bucket = known ? work->grant->parts[0].bucket : 0;
	struct log_detail detail = audit_detail(exchange);
	detail.counted = true;
	detail.reason = "kept-aside";
	row->body = detail_render(exchange->arena, &detail);
}

void aside_store(struct exchange *exchange, struct pcd01_work *work)
{
	if (exchange->phase == PHASE_STORED || !audit_correlate(exchange, &exchange->outcome))
		return;
	log_it(exchange, work);
	struct store_write *write = arena_alloc(exchange->arena, sizeof(*write));
	*write = (struct store_write){
		.call = exchange_call(exchange),
		.grant = work->grant,
		.corr = exchange->corr,
		.door = DOOR_PCD01,
		.client = exchange->principal.client_id,
		.raw = work->bytes,
		.keep = work->keep,
		.log = exchange->log_rows,
		.log_count = exchange->log_count,
	};
	exchange->log_count = exchange->log_room = 0;
	exchange->phase = PHASE_STORED;
	exchange_hold(exchange);
	exchange_yield(exchange);
	store_write(exchange->loop->store, write);
}

/* A text that tells of something held names the number it is held under. */
static struct str with_number(
	const struct exchange *exchange, const struct pcd01_work *work, const struct issue *issue)
{
	char number[KEEP_NUMBER];
	if (issue->kind != OUTCOME_HELD_VALUE && issue->kind != OUTCOME_HELD_EVENT)
		return issue->text;
	keep_number(&work->keep.digest, number);
	return str_format(exchange->arena, "%.*s, under %s", STR_ARG(issue->text), number);
}

void aside_tell(struct exchange *exchange, struct pcd01_work *work)
{
	work->told = (struct outcome){ .arena = exchange->arena };
	exchange->response.is_aside = true;
	metric_add(METRIC_QUARANTINE_KEPT, 1);
	for (const struct issue *issue = work->said.first; issue != NULL; issue = issue->next) {
		const struct str text = with_number(exchange, work, issue);
		outcome_at(&work->told, issue->severity, issue->kind, issue->place, "%.*s",
			STR_ARG(text));
	}
}

void aside_tell_part(struct exchange *exchange, const struct pcd01_work *work)
{
	if (work->keep.what == KEEP_NOT || work->keep.reason.length == 0)
		return;
	metric_add(METRIC_QUARANTINE_KEPT, 1);
	for (struct issue *issue = exchange->outcome.first; issue != NULL; issue = issue->next)
		issue->text = with_number(exchange, work, issue);
}
