/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/turn.h"

#include <time.h>

static instant clock_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INSTANT_SECOND + now.tv_nsec / 1000;
}

struct turn turn_begin(void)
{
	return (struct turn){ clock_now() };
}

bool turn_is_over(struct turn turn)
{
	return clock_now() - turn.began > TURN;
}
