/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_WIRE_MLLP_H
#define SERVER_WIRE_MLLP_H

#include "server/tls.h"

/*
 * The MLLP door: HL7 v2 in frames (fhir/hl7/mllp.h) over TLS with a client certificate, from each frame an exchange of the route POST /pcd01 and back. A connection's messages are
 * stored in the order they were sent, one after the other, because a correction must not overtake what it corrects; while one is under way nothing more is read, which holds a sender
 * back that is faster than the database. Who wants more opens more connections.
 *
 * A certificate that the CA file does not vouch for ends in TLS; one that no sender is registered for, or whose sender was revoked, is answered AR and the connection closed.
 */
struct server;
struct mllp_door;
struct exchange;

/* Tells the door of a connection's certificate; for tls_new_mutual(). */
extern const struct tls_watch mllp_watch;

/* Opens the door of one loop on a bound socket. */
struct mllp_door *mllp_open(
	struct server *server, int fd, struct ssl_ctx_st *tls, unsigned connections_max);
/* Other certificates to show and to believe, from the loop's own thread: new connections are judged by them, and those that are open are closed behind the message under way, so that their senders show theirs again. */
void mllp_trust(struct mllp_door *door, struct ssl_ctx_st *tls);
/* Connections past a deadline are closed, and the listener is read again. Every 200 ms, on the loop's thread. `door` may be NULL here and below. */
void mllp_sweep(struct mllp_door *door);
/* No new connection any more; those that are between two messages are closed by the sweeps that follow. */
void mllp_stop(struct mllp_door *door);
/* How many connections there are. */
unsigned mllp_count(const struct mllp_door *door);

#endif
