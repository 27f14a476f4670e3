/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include "fhir/base/instant.h"
#include "fhir/base/outcome.h"

/*
 * What stands between libh2o 2.2.5 (no security upload since 2019) and the network. Two functions of the library are
 * interposed by definitions of ours that the executable exports; a sweeper looks at every connection five times a
 * second. What each defends against stands at its code.
 */
struct server;
struct connection;

/* Is the interposition live? Decodes a frame and a header list by the library's own way in. False adds an error: do not serve. */
bool guard_self_test(struct outcome *outcome);

/* Ends connections that are past a deadline. Every 200 ms, on the loop's thread. */
void guard_sweep(struct server *server, instant now);

#endif
