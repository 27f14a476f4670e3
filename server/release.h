/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_RELEASE_H
#define SERVER_RELEASE_H

struct loop;

/*
 * Messages that an operator has released (`maalehub quarantine release`): one loop takes one after the other from the database and sends each down the journey of POST /pcd01, as the client
 * that sent it, with what was held let through. What was stored before is known again, so nothing doubles however often that is tried.
 */

/* Looks for one every two seconds. On the loop's thread, each tick; only the first loop does anything. */
void release_tick(struct loop *loop);

#endif
