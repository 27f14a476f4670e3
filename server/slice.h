/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_SLICE_H
#define SERVER_SLICE_H

#include "server/exchange.h"

/*
 * Long work in slices: a step begins one, looks now and then whether it is over, and then gives way to the loop's other exchanges (exchange_yield). Another request takes four or five
 * turns of the loop, and waits for a slice in each, so a slice is short; a turn costs some 20 us.
 */
#define SLICE (INSTANT_SECOND / 1000)

struct slice {
	instant began;
};
struct slice slice_begin(void);
bool slice_is_over(struct slice slice);

#endif
