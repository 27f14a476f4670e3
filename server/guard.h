/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include "fhir/base/instant.h"
#include "fhir/base/outcome.h"
#include "server/metrics.h"

/*
 * What stands between libh2o 2.2.5 (no security upload since 2019) and the network. Three functions
 * of the library are interposed by definitions of ours that the executable exports (guard.c); a
 * sweeper looks at every connection five times a second (guard_sweep.c). What each defends against
 * stands at its code.
 */
struct server;
struct connection;

/* Finds the library's own functions. Before anything of h2o is used; false adds an error. */
bool guard_open(struct outcome *outcome);
/* Switched off by a test's control; never in a release build. */
bool guard_is_off(void);

/*
 * Is the interposition live? Sends itself frames and a header bomb by the library's own way in.
 * False adds an error: do not serve.
 */
bool guard_self_test(struct outcome *outcome);

/* How often the library called the interposed functions, for the self-test. */
struct guard_calls {
	uint64_t reads, frames, headers, refused;
};
struct guard_calls guard_calls(void);

/* guard_chunks.c: does the library find our reader of bodies in chunks before its own? */
bool guard_reads_chunks(void);

/* Ends connections that are past a deadline. Every 200 ms, on the loop's thread. */
void guard_sweep(struct server *server, instant now);

/*
 * Ends one connection: its socket is shut down at the next sweep at the latest. `reason` is counted
 * and logged.
 */
void guard_kill(struct connection *connection, enum metric reason);

/*
 * Header fields in an HPACK block (RFC 7541 section 6), counted without decoding; stops behind
 * `limit`.
 */
size_t guard_count_fields(const uint8_t *at, size_t length, size_t limit);

#endif
