/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/slice.h"

#include <time.h>

static instant clock_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INSTANT_SECOND + now.tv_nsec / 1000;
}

struct slice slice_begin(void)
{
	return (struct slice){ clock_now() };
}

bool slice_is_over(struct slice slice)
{
	return clock_now() - slice.began > SLICE;
}
