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
		.rest = arena_array(arena, search->date_count, sizeof(size_t)),
	};
	for (size_t i = 0; i < search->date_count; i++) {
		const struct search_dates *dates = &search->dates[i];
		if (dates->count == 1 && bound(&time, &dates->values[0]))
			time.bounded = true;
		else
			time.rest[time.rest_count++] = i;
	}
	walk(&time);
	return time;
}
