/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_ACCEPT_H
#define SERVER_ACCEPT_H

#include "fhir/base/arena.h"
#include "fhir/base/outcome.h"

/*
 * A listening socket of its own for one loop (SO_REUSEPORT: the kernel spreads connections over
 * them). -1 adds an error.
 */
int accept_bind(struct arena *arena, const char *address, struct outcome *outcome);
/*
 * Does nobody else listen there? With SO_REUSEPORT two hubs would share a port without a word.
 * False adds an error.
 */
bool accept_is_free(struct arena *arena, const char *address, struct outcome *outcome);

/*
 * How many connections each of `loops` loops may hold, so that files for the database and the rest
 * are left.
 */
unsigned accept_room(unsigned wanted, unsigned loops, unsigned kept);

#endif
