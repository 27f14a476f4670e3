/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/turn.h"

#include <time.h>

static instant clock_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INSTANT_SECOND + now.tv_nsec / 1000;
}

struct turn turn_begin(struct exchange *exchange)
{
	const bool few = exchange->turns < TURNS_FEW;
	if (few)
		exchange->turns++;
	return (struct turn){ clock_now(), few ? TURN : TURN_SHORT };
}

bool turn_is_over(struct turn turn)
{
	return clock_now() - turn.began > turn.most;
}
