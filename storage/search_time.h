/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_SEARCH_TIME_H
#define STORAGE_SEARCH_TIME_H

#include "fhir/search.h"

/*
 * The date conditions of a search as bounds on a reading's [low, high) (FHIR R4 search, date: the value and the reading are both intervals):
 *   low >= low_from, low < low_to, high > high_over, high <= high_to, low >= from_low or high > from_high, low < to_low or high <= to_high.
 * Occurrences that cannot be so written (ne, several values, half orders of ge and le) stay in `rest`. A reading without time (both -infinity) matches none.
 */
struct search_time {
	bool bounded; /* any of the bounds below is set */
	instant low_from, low_to, high_over, high_to;
	instant from_low, from_high, to_low, to_high;
	/* Only an end is bounded below: no reading of up to 25 hours begins before long_from; longer ones count if they end after long_after. */
	bool has_long;
	instant long_from, long_after;
	/* When the version came: recv_from <= recv < recv_to. What is sent of it is the millisecond, which is therefore what counts. */
	instant recv_from, recv_to;
	size_t *rest; /* indices into search->dates */
	size_t rest_count;
};

struct search_time search_time_of(struct arena *arena, const struct search *search);

#endif
