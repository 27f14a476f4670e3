/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/search_time.h"

#include "fhir/base/arena.h"

/* As in the index observation_long. */
#define LONG (25 * 3600 * INSTANT_SECOND)

static instant later(instant a, instant b)
{
	return a > b ? a : b;
}

static instant earlier(instant a, instant b)
{
	return a < b ? a : b;
}

static instant long_before(instant at)
{
	return at < INSTANT_MIN + LONG ? INSTANT_MIN : at - LONG;
}

/* low >= span.low or high > span.high: two such are one where one of them is the stricter on both sides. */
static bool from_merge(struct search_time *time, const struct span *span)
{
	if (span->low >= time->from_low && span->high >= time->from_high) {
		time->from_low = span->low;
		time->from_high = span->high;
		return true;
	}
	return span->low <= time->from_low && span->high <= time->from_high;
}

static bool to_merge(struct search_time *time, const struct span *span)
{
	if (span->low <= time->to_low && span->high <= time->to_high) {
		time->to_low = span->low;
		time->to_high = span->high;
		return true;
	}
	return span->low >= time->to_low && span->high >= time->to_high;
}

/* False where the condition is no bound, or not one with those before. */
static bool bound(struct search_time *time, const struct search_date *date)
{
	const struct span *span = &date->span;
	switch (date->prefix) {
	case PREFIX_EQ:
		time->low_from = later(time->low_from, span->low);
		time->high_to = earlier(time->high_to, span->high);
		return true;
	case PREFIX_GT:
		time->high_over = later(time->high_over, span->high);
		return true;
	case PREFIX_LT:
		time->low_to = earlier(time->low_to, span->low);
		return true;
	case PREFIX_SA:
		time->low_from = later(time->low_from, span->high);
		return true;
	case PREFIX_EB:
		time->high_to = earlier(time->high_to, span->low);
		return true;
	case PREFIX_AP:
		time->low_to = earlier(time->low_to, span->high);
		time->high_over = later(time->high_over, span->low);
		return true;
	case PREFIX_GE:
		return from_merge(time, span);
	case PREFIX_LE:
		return to_merge(time, span);
	case PREFIX_NE:
		break;
	}
	return false;
}

/* What bounds the end bounds the start too; this is what the walk along the index begins and ends at. */
static void walk(struct search_time *time)
{
	time->low_to = earlier(time->low_to, earlier(time->high_to, time->to_high));
	const instant over = long_before(time->high_over);
	const instant from = earlier(time->from_low, long_before(time->from_high));
	time->has_long = later(over, from) > time->low_from;
	if (!time->has_long)
		return;
	time->long_from = later(over, from);
	time->long_after = over >= from ? time->high_over : time->from_high;
}

#define MILLISECOND (INSTANT_SECOND / 1000)

static instant ms_floor(instant at)
{
	const instant rest = at % MILLISECOND;
	return rest < 0 ? at - rest - MILLISECOND : at - rest;
}

static instant ms_ceil(instant at)
{
	return -ms_floor(-at);
}

static void came_from(struct search_time *time, instant from)
{
	time->recv_from = later(time->recv_from, from);
}

static void came_to(struct search_time *time, instant to)
{
	time->recv_to = earlier(time->recv_to, to);
}

/* meta.lastUpdated is a millisecond m, [m, m + 1 ms), and a condition on it one on recv, whose milliseconds are cut off when it is sent. */
static void bound_update(struct search_time *time, const struct search_date *date)
{
	const instant low = date->span.low, high = date->span.high;
	switch (date->prefix) {
	case PREFIX_EQ:
		came_from(time, ms_ceil(low));
		came_to(time, ms_floor(high));
		break;
	case PREFIX_GT:
		came_from(time, ms_floor(high - MILLISECOND) + MILLISECOND);
		break;
	case PREFIX_SA:
		came_from(time, ms_ceil(high));
		break;
	case PREFIX_LT:
		came_to(time, ms_ceil(low));
		break;
	case PREFIX_EB:
		came_to(time, ms_floor(low));
		break;
	case PREFIX_GE:
		came_from(time, earlier(ms_ceil(low), ms_floor(high - MILLISECOND) + MILLISECOND));
		break;
	case PREFIX_LE:
		came_to(time, later(ms_ceil(low), ms_floor(high)));
		break;
	case PREFIX_AP:
		came_from(time, ms_floor(low - MILLISECOND) + MILLISECOND);
		came_to(time, ms_ceil(high));
		break;
	case PREFIX_NE:
		break;
	}
}

struct search_time search_time_of(struct arena *arena, const struct search *search)
{
	struct search_time time = {
		.low_from = INSTANT_MIN,
		.low_to = INSTANT_MAX,
		.high_over = INSTANT_MIN,
		.high_to = INSTANT_MAX,
		.from_low = INSTANT_MIN,
		.from_high = INSTANT_MIN,
		.to_low = INSTANT_MAX,
		.to_high = INSTANT_MAX,
		.recv_from = INSTANT_MIN,
		.recv_to = INSTANT_MAX,
		.rest = arena_array(arena, search->date_count, sizeof(size_t)),
	};
	for (size_t i = 0; i < search->date_count; i++) {
		const struct search_dates *dates = &search->dates[i];
		if (dates->count == 1 && bound(&time, &dates->values[0]))
			time.bounded = true;
		else
			time.rest[time.rest_count++] = i;
	}
	for (size_t i = 0; i < search->update_count; i++)
		bound_update(&time, &search->updates[i].values[0]);
	walk(&time);
	return time;
}
