/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Observation/$lastn (FHIR R4 observation-operations): of one patient the newest `max` of each thing that was measured, whichever code it was sent by. What was
 * entered in error is nobody's newest, unless `status` asks for it.
 */
#include "server/interaction/lastn.h"

#include "fhir/form.h"
#include "server/interaction/interactions.h"
#include "server/respond.h"

#define NOWHERE  ((struct str){ 0 })
#define LAST_MAX 100u

static bool take_max(struct exchange *exchange, struct str text, struct search_work *work)
{
	uint64_t max;
	if (work->last > 0)
		return outcome_fail(
			&exchange->outcome, OUTCOME_INVALID, STR("max"), "max stands twice");
	if (!str_to_u64(text, &max) || max < 1 || max > LAST_MAX)
		return outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("max"),
			"max must be 1 to %u", LAST_MAX);
	work->last = (unsigned)max;
	return true;
}

bool lastn_take(
	struct exchange *exchange, struct str query, struct search_work *work, struct str *rest_out)
{
	struct buf buf = buf_new(exchange->arena, 256, query.length + 1);
	work->last = 0;
	while (query.length > 0) {
		struct str value, name;
		const struct str part = str_cut(query, '&', &query);
		if (form_decode(exchange->arena, str_cut(part, '=', &value), &name) &&
			str_is(name, "max")) {
			if (!take_max(exchange, value, work))
				return false;
			continue;
		}
		work->has_count = work->has_count || str_is(name, "_count");
		if (buf.length > 0)
			buf_add_byte(&buf, '&');
		buf_add(&buf, part);
	}
	if (work->last == 0)
		work->last = 1;
	*rest_out = buf_str(&buf);
	return true;
}

bool lastn_check(struct exchange *exchange, struct search_work *work)
{
	struct search *search = &work->search;
	struct outcome *outcome = &exchange->outcome;
	if (!work->named)
		return outcome_fail(outcome, OUTCOME_REQUIRED, NOWHERE,
			"$lastn is of one patient: name one by patient, or by patient.identifier "
			"in "
			"the body of POST");
	if (search->id_count > 0 || search->sorted || search->count_only ||
		search->total > SEARCH_TOTAL_NONE || match_is_needed(search))
		return outcome_fail(outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
			"$lastn takes max, patient, subject, patient.identifier, code, category, "
			"date, status, _lastUpdated, _include, _revinclude and _count, without "
			"modifiers; search for anything else");
	if (search->statuses == 0)
		search->statuses =
			((1u << (STATUS_UNKNOWN + 1)) - 2) & ~(1u << STATUS_ENTERED_IN_ERROR);
	if (!work->has_count)
		search->count = SEARCH_COUNT_MAX;
	return true;
}

static void parse_get(struct exchange *exchange)
{
	search_read(exchange, exchange->request.query, SEARCH_URL, OPERATION_LASTN);
}

static void parse_post(struct exchange *exchange)
{
	search_read(exchange, exchange->request.body, SEARCH_BODY, OPERATION_LASTN);
}

const struct interaction interaction_lastn_get = {
	.name = "lastn_get",
	.parse = parse_get,
	SEARCH_STEPS,
};

const struct interaction interaction_lastn_post = {
	.name = "lastn_post",
	.parse = parse_post,
	SEARCH_STEPS,
};
