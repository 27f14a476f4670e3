/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_BODY_H
#define SERVER_BODY_H

#include "server/exchange.h"

/* A longer body is copied from the wire in slices, in PARSE, when the caller is known: to copy 10 MB takes milliseconds, and the others wait. */
#define BODY_AT_ONCE ((size_t)256 << 10)

/*
 * Copies the next BODY_AT_ONCE bytes of request.at_wire to the end of request.body; true once nothing is left there. False: the exchange gave way, or the sender hung up
 * (and the bytes are gone with it) and an error was added.
 */
bool body_take(struct exchange *exchange);

#endif
