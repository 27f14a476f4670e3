/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_TURN_H
#define SERVER_TURN_H

#include "server/exchange.h"

/*
 * Long work in slices: a step begins one, looks now and then whether it is over, and then gives way to the loop's other exchanges (exchange_yield). Another request takes four or five
 * turns of the loop, and waits for a slice in each, so a slice is short; a turn costs some 20 us.
 */
#define TURN (INSTANT_SECOND / 1000)

struct turn {
	instant began;
};
struct turn turn_begin(void);
bool turn_is_over(struct turn turn);

#endif
