/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_LOOP_DRAIN_H
#define SERVER_LOOP_DRAIN_H

#include "server/loop.h"

/*
 * One look at a graceful stop, once a turn: begins it when hub->stopping is set; true when the loop
 * may end.
 */
bool loop_drained(struct loop *loop);
/* Closes the database, unless work is still under way. */
void loop_finish(struct loop *loop);

#endif
