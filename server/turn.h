/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_TURN_H
#define SERVER_TURN_H

#include "server/exchange.h"

/*
 * Long work in slices: a step begins one, looks now and then whether it is over, and then gives way to the loop's other exchanges (exchange_yield). Another request takes four or five
 * turns of the loop, and waits for a slice in each, so a slice is short. A turn costs some 20 us: what an exchange of a hundred entries has to do goes in a few slices, and one that has
 * had those, or whose body is long, has the shorter ones. Look behind a piece of work, never before the first: a slice may be over as soon as it has begun.
 */
#define TURN       (INSTANT_SECOND / 1000)
#define TURN_SHORT (INSTANT_SECOND / 8000)
#define TURNS_FEW  8u
#define TURN_BODY  ((size_t)1 << 20) /* bytes: a body is long from here on */

struct turn {
	instant began, most;
};
/* Counts the exchange's turns. */
struct turn turn_begin(struct exchange *exchange);
bool turn_is_over(struct turn turn);

#endif
