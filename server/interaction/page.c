/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Page tokens hold all there is to a page, so the hub remembers no searches. */
#include "server/interaction/page.h"

#include "server/interaction/everything.h"
#include "server/interaction/patient.h"
#include "server/loop.h"

#define NATIONAL_DIGITS 11
#define PAGE_LASTS      (3600 * INSTANT_SECOND)
#define PAGE_MAX        ((size_t)16 << 10)

/*
 * Who may use the token, and where: the same organisation, client, person and purpose, for the same operation on the same type. A page of Observations is no place among Devices: what stands
 * before it there would be left out in silence.
 */
static struct str bound_to(const struct exchange *exchange, const struct search_work *work)
{
	const struct principal *principal = &exchange->principal;
	return str_format(exchange->arena, "page %d %d %u|%.*s|%.*s|%d", (int)work->operation,
		(int)work->search.type, principal->orgnr, STR_ARG(principal->client_id),
		STR_ARG(principal->pid), (int)principal->attest.purpose);
}

struct str page_query(struct exchange *exchange, const struct search_work *work)
{
	struct str filters = work->search.canonical;
	if (work->last > 0)
		filters = str_format(exchange->arena, "max=%u%s%.*s", work->last,
			filters.length > 0 ? "&" : "", STR_ARG(filters));
	if (!work->named)
		return filters;
	/* An id that is none of ours is told as it was asked, unless it is a number that belongs in no URL. */
	const struct str asked = work->search.patient;
	if (!work->possible && str_is_digits(asked) && asked.length == NATIONAL_DIGITS)
		return filters;
	const struct str id = work->possible ? patient_id(exchange, &work->patient) : asked;
	return str_format(exchange->arena, "patient=%.*s%s%.*s", STR_ARG(id),
		filters.length > 0 ? "&" : "", STR_ARG(filters));
}

/* Doubles travel by their bits: nothing is lost, and infinities and "none" are numbers too. */
static uint64_t bits_of(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

struct str page_token(struct exchange *exchange, const struct search_work *work)
{
	const struct store_place *next = &work->next;
	const long long total = work->has_total ? (long long)work->total : -1;
	const struct str state = everything_state(exchange->arena, work->everything);
	const struct str plain = str_format(exchange->arena,
		"%lld %lld %lld %lld %lld %llu %llu %llu %d %zu %.*s%zu %.*s%.*s",
		(long long)(exchange->loop->now + PAGE_LASTS), (long long)work->began, total,
		(long long)next->time_low, (long long)next->updated,
		(unsigned long long)bits_of(next->value), (unsigned long long)next->id,
		(unsigned long long)next->canon, next->version, next->code.length,
		STR_ARG(next->code), state.length, STR_ARG(state),
		STR_ARG(page_query(exchange, work)));
	return seal_token(
		exchange->arena, exchange->loop->hub->seal, plain, bound_to(exchange, work));
}

/* Behind the place: how far $everything is, and the query. */
static bool rest_read(
	struct arena *arena, struct str rest, struct search_work *work, struct str *query)
{
	uint64_t length;
	if (!str_to_u64(str_cut(rest, ' ', &rest), &length) || length > rest.length)
		return false;
	*query = str_part(rest, length, rest.length);
	if (work->operation != OPERATION_EVERYTHING)
		return length == 0;
	work->everything = everything_restore(arena, str_part(rest, 0, length));
	return work->everything != NULL;
}

/* What page_token() wrote; false where it did not. */
static bool page_read(struct arena *arena, struct str plain, struct search_work *work,
	int64_t *until, struct str *query)
{
	struct store_place *after = &work->after;
	struct str rest;
	int64_t total;
	uint64_t value, version, length;
	if (!str_to_i64(str_cut(plain, ' ', &rest), until) ||
		!str_to_i64(str_cut(rest, ' ', &rest), &work->began) ||
		!str_to_i64(str_cut(rest, ' ', &rest), &total) ||
		!str_to_i64(str_cut(rest, ' ', &rest), &after->time_low) ||
		!str_to_i64(str_cut(rest, ' ', &rest), &after->updated) ||
		!str_to_u64(str_cut(rest, ' ', &rest), &value) ||
		!str_to_u64(str_cut(rest, ' ', &rest), &after->id) ||
		!str_to_u64(str_cut(rest, ' ', &rest), &after->canon) ||
		!str_to_u64(str_cut(rest, ' ', &rest), &version) ||
		!str_to_u64(str_cut(rest, ' ', &rest), &length) || length > rest.length)
		return false;
	memcpy(&after->value, &value, sizeof(value));
	after->version = (int)version;
	after->code = str_part(rest, 0, length);
	work->has_after = true;
	work->has_total = total >= 0;
	work->total = work->has_total ? (uint64_t)total : 0;
	return rest_read(arena, str_part(rest, length, rest.length), work, query);
}

bool page_open(struct exchange *exchange, struct str token, struct search_work *work,
	struct str *query_out)
{
	struct str plain;
	if (token.length > PAGE_MAX || !seal_token_open(exchange->arena, exchange->loop->hub->seal,
					       token, bound_to(exchange, work), &plain))
		return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("_page"),
			"this page is not one of this caller's searches; search again");
	int64_t until;
	if (!page_read(exchange->arena, plain, work, &until, query_out))
		return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("_page"),
			"this page is not one of this caller's searches; search again");
	if (until < exchange->loop->now)
		return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("_page"),
			"this page is more than an hour old; search again");
	return true;
}
