/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_SPENT_H
#define SERVER_SPENT_H

#include "server/loop.h"

/*
 * The memory of what is over. To give that of a large Bundle back takes milliseconds, so it is done a piece a turn and the other exchanges wait for a piece alone.
 */

/* Frees an arena that nothing uses any more, now or by and by; the loop owns it from here. */
void spent_add(struct loop *loop, struct arena *arena);
/* Once a turn; while spent_count is above 0 the loop must not sleep. */
void spent_free_piece(struct loop *loop);
/* All of it, at the end of the loop. */
void spent_free_all(struct loop *loop);

#endif
