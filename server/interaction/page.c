/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Page tokens hold all there is to a page, so the hub remembers no searches. */
#include "server/interaction/searching.h"
#include "server/loop.h"

#define PAGE_LASTS (3600 * INSTANT_SECOND)
#define PAGE_MAX   ((size_t)16 << 10)

/* Who may use the token: the same organisation, client, person and purpose. */
static struct str bound_to(const struct exchange *exchange)
{
	const struct principal *principal = &exchange->principal;
	return str_format(exchange->arena, "page %u|%.*s|%.*s|%d", principal->orgnr,
		STR_ARG(principal->client_id), STR_ARG(principal->pid),
		(int)principal->attest.purpose);
}

struct str page_query(struct exchange *exchange, const struct search_work *work)
{
	const struct str filters = work->search.canonical;
	if (!work->named || !work->possible)
		return filters;
	char id[27];
	seal_patient_id(exchange->loop->hub->seal, &work->patient, id);
	return str_format(exchange->arena, "patient=%s%s%.*s", id, filters.length > 0 ? "&" : "",
		STR_ARG(filters));
}

struct str page_token(struct exchange *exchange, const struct search_work *work)
{
	const struct store_row *last = &work->rows[work->row_count - 1];
	const struct str plain = str_format(exchange->arena, "%lld %lld %llu %.*s",
		(long long)(exchange->loop->now + PAGE_LASTS), (long long)last->time_low,
		(unsigned long long)last->key.id, STR_ARG(page_query(exchange, work)));
	return seal_token(exchange->arena, exchange->loop->hub->seal, plain, bound_to(exchange));
}

bool page_open(struct exchange *exchange, struct str token, struct search_work *work,
	struct str *query_out)
{
	struct str plain;
	if (token.length > PAGE_MAX || !seal_token_open(exchange->arena, exchange->loop->hub->seal,
					       token, bound_to(exchange), &plain))
		return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("_page"),
			"this page is not one of this caller's searches");
	struct str rest;
	int64_t until, time;
	uint64_t id;
	if (!str_to_i64(str_cut(plain, ' ', &rest), &until) ||
		!str_to_i64(str_cut(rest, ' ', &rest), &time) ||
		!str_to_u64(str_cut(rest, ' ', &rest), &id))
		return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("_page"),
			"this page is not one of this caller's searches");
	if (until < exchange->loop->now)
		return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("_page"),
			"this page is more than an hour old; search again");
	work->has_after = true;
	work->after_time = time;
	work->after_id = id;
	*query_out = rest;
	return true;
}
