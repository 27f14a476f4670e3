/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A controller's own system searches all its patients: it polls for what came, or looks up an identifier, a code, a time. It sees what it would
 * see if it named each patient, neither more (a block takes away what it takes away there) nor of anybody else's.
 */
#include "server/audit.h"
#include "server/interaction/searching.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"

#define NOWHERE ((struct str){ 0 })

static bool is_by_recv(const struct search *search)
{
	return search->sort_count == 1 && search->sorts[0].key == SEARCH_KEY_UPDATED;
}

/* As it came, unless a code or a time is asked for: so a poller has nothing to add. */
static bool order(struct exchange *exchange, struct search *search)
{
	const bool readings = search->type == TYPE_OBSERVATION;
	if (!search->sorted &&
		(search->update_count > 0 || search->code_count + search->date_count == 0)) {
		search->sorts = arena_alloc(exchange->arena, sizeof(*search->sorts));
		search->sorts[0] = (struct search_sort){ .key = SEARCH_KEY_UPDATED };
		search->sort_count = 1;
	}
	return (readings && search->sort_count == 0) || is_by_recv(search) ||
	       outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, STR("_sort"),
		       "_sort without a patient is by %s_lastUpdated, with - for descending",
		       readings ? "date or by " : "");
}

/* ---- RESOLVE */

static bool same_subject(const struct resource_key *a, const struct resource_key *b)
{
	return a->bucket == b->bucket && a->subject == b->subject;
}

/* Of each patient who was found. */
void search_tenant_who(struct exchange *exchange, struct search_work *work)
{
	const struct store_search *run = &work->whole_run;
	exchange->resolve.count = 0;
	work->count = 0;
	if (work->stage != WHOLE_PATIENTS)
		return;
	struct resolve_item *items = resolve_items(exchange, run->count);
	work->asks = arena_array(exchange->arena, run->count, sizeof(work->asks[0]));
	for (size_t i = 0; i < run->count; i++) {
		const struct resource_key *key = &run->rows[i].key;
		size_t at = 0;
		while (at < work->count && !same_subject(&items[at].row, key))
			at++;
		if (at < work->count)
			continue;
		work->asks[at].item = at;
		work->asks[at].only_tenant = key->tenant;
		items[at].by_row = true;
		items[at].row = *key;
		work->count++;
	}
	exchange->resolve.count = work->count;
}

/* ---- DECIDE */

static void decide_whole(struct exchange *exchange, struct search_work *work)
{
	struct resolve_item nobody = { 0 };
	work->whole_grant =
		resolve_decide(exchange, ASK_TENANT, &nobody, NULL, 0, &exchange->outcome);
	if (work->whole_grant == NULL || !order(exchange, &work->search))
		return;
	if (work->search.total > SEARCH_TOTAL_NONE || work->search.count_only)
		outcome_fail(&exchange->outcome, OUTCOME_TOO_COSTLY, STR("_total"),
			"a total is of one patient: name one, or leave _total out");
}

/* Two subjects of persons that were joined are one patient. */
static bool is_asked(const struct search_work *work, const struct resource_key *subject)
{
	const struct store_row row = { .key = *subject };
	for (size_t i = 0; i < work->count; i++)
		if (work->asks[i].grant != NULL && search_row_is_of(work->asks[i].grant, &row))
			return true;
	return false;
}

void search_tenant_decide(struct exchange *exchange, struct search_work *work)
{
	if (work->stage != WHOLE_PATIENTS) {
		decide_whole(exchange, work);
		return;
	}
	for (size_t i = 0; i < work->count; i++) {
		struct search_ask *ask = &work->asks[i];
		struct resolve_item *item = &exchange->resolve.items[ask->item];
		if (!is_asked(work, &item->row))
			ask->grant = resolve_decide(exchange, ASK_READ, item, NULL,
				ask->only_tenant, &exchange->outcome);
	}
}

/* ---- STORE */

static bool is_blocked(const struct grant_part *part, uint64_t canon)
{
	for (size_t i = 0; i < part->blocked_count; i++)
		if (part->blocked_canons[i] == canon)
			return true;
	return false;
}

/* What a search that names the patient does inside its statement. */
static bool is_open(const struct grant *grant, const struct store_row *row)
{
	for (size_t i = 0; i < grant->count; i++) {
		const struct grant_part *part = &grant->parts[i];
		if (part->tenant == row->key.tenant && part->bucket == row->key.bucket &&
			part->subject == row->key.subject)
			return (part->classes >> row->class & 1) != 0 &&
			       !is_blocked(part, row->canon) && !is_blocked(part, row->canon_now);
	}
	return false;
}

/* The page: what the grants of its patients open. It may be short, and have more behind it. */
static void keep_open(struct exchange *exchange, struct search_work *work)
{
	const struct store_search *run = &work->whole_run;
	bool *seen = arena_array(exchange->arena, work->count, sizeof(*seen));
	work->rows = arena_array(exchange->arena, run->count, sizeof(work->rows[0]));
	for (size_t i = 0; i < run->count; i++) {
		for (size_t at = 0; at < work->count; at++) {
			const struct grant *grant = work->asks[at].grant;
			if (grant == NULL || !is_open(grant, &run->rows[i]))
				continue;
			seen[at] = true;
			work->rows[work->row_count++] = run->rows[i];
			break;
		}
	}
	for (size_t at = 0; at < work->count; at++)
		if (!seen[at])
			work->asks[at].grant = NULL;
}

static void ask_horizon(struct exchange *exchange, struct search_work *work)
{
	work->stage = WHOLE_SEARCH;
	work->horizon =
		(struct store_horizon){ .call = exchange_call(exchange), .at = INSTANT_MAX };
	if (!is_by_recv(&work->search) && work->search.update_count == 0)
		return;
	exchange_hold(exchange);
	exchange_yield(exchange);
	store_horizon(exchange->loop->store, &work->horizon);
}

static void look(struct exchange *exchange, struct search_work *work)
{
	work->stage = WHOLE_ROWS;
	work->whole_run = (struct store_search){
		.call = exchange_call(exchange),
		.grant = work->whole_grant,
		.search = &work->search,
		.policy = { exchange->loop->hub->config->zone_parsed, base_url(exchange) },
		.has_after = work->has_after,
		.after = work->after,
		.limit = work->search.count,
		.horizon = work->horizon.at,
		.history = work->operation == OPERATION_HISTORY,
	};
	exchange_hold(exchange);
	exchange_yield(exchange);
	store_search(exchange->loop->store, &work->whole_run);
}

void search_tenant_store(struct exchange *exchange, struct search_work *work)
{
	if (work->stage == WHOLE_HORIZON) {
		ask_horizon(exchange, work);
		if (exchange->yielded)
			return;
	}
	if (work->stage == WHOLE_SEARCH) {
		look(exchange, work);
		return;
	}
	work->more = work->whole_run.more;
	work->next = work->whole_run.next;
	if (work->stage == WHOLE_ROWS && work->whole_run.count > 0) {
		work->stage = WHOLE_PATIENTS;
		resolve_afresh(exchange);
		return;
	}
	if (work->stage == WHOLE_PATIENTS)
		keep_open(exchange, work);
}
