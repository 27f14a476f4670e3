/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/turn.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static instant clock_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INSTANT_SECOND + now.tv_nsec / 1000;
}

#ifdef MAALEHUB_CONTROLS
/* Every slice is over as soon as it has begun, as on a machine that is very slow: what looks before it has done anything never ends. Not in a release build. */
static bool is_slow(void)
{
	const char *control = getenv("MAALEHUB_CONTROL");
	return control != NULL && strcmp(control, "slices-over") == 0;
}
#else
static bool is_slow(void)
{
	return false;
}
#endif

struct turn turn_begin(struct exchange *exchange)
{
	const bool few = exchange->turns < TURNS_FEW && exchange->request.body.length < TURN_BODY;
	if (few)
		exchange->turns++;
	return (struct turn){ clock_now(), few ? TURN : TURN_SHORT };
}

bool turn_is_over(struct turn turn)
{
	return is_slow() || clock_now() - turn.began > turn.most;
}
