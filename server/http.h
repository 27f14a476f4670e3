/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include "server/exchange.h"

/* The doors `https` and `development`: HTTP/1.1 and HTTP/2 by h2o, to and from exchanges. */
extern const struct door http_door, http_development_door;

/*
 * The largest body the library takes. Above ours, so that 413 is our answer: over HTTP/2 the
 * library itself only resets the stream with REFUSED_STREAM, which invites the client to send it
 * all again.
 */
#define HTTP_ENTITY_MAX ((size_t)32 << 20)

#endif
