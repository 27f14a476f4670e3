/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_LOOP_WIRE_H
#define SERVER_LOOP_WIRE_H

#include <h2o.h>

#include "server/address.h"
#include "server/guard.h"
#include "server/loop.h"
#include "server/wire_mllp.h"

/* h2o's side of a loop, for accept.c, guard.c, http.c and loop.c alone. */

enum { DOOR_TLS, DOOR_DEVELOPMENT, DOORS };

/* A leaky bucket. */
struct bucket {
	double level;
	instant at;
};

/* One client's connection; socket->on_close.data leads to it. */
struct connection {
	struct connection *previous, *next;
	struct server *server;
	h2o_socket_t *socket;
	h2o_socket_cb read; /* h2o's, behind the guard's */
	struct address *address;
	struct wire *wires; /* newest first */
	bool development, http2, killed;
	bool operations;       /* comes from where operations_from says */
	instant worked;        /* when a request last began or ended */
	instant partial;       /* since when an incomplete frame or request waits; 0: none does */
	instant continuation;  /* since when a header block lacks its end; 0: none does */
	uint64_t frames, data; /* frames, and bytes of DATA, received */
	uint64_t buffered;     /* bytes of bodies not yet handed over */
	uint64_t unread;       /* memory of answers not yet sent, at the last sweep */
	struct bucket resets, noise;
	struct {
		const uint8_t *at;
		size_t length;
		unsigned count;
	} spin;
};

/*
 * One request on the wire, in its pool: h2o frees it with the request. What exchange->wire points
 * at.
 */
struct wire {
	struct wire *previous, *next;
	struct connection *connection;
	h2o_req_t *request;
	struct exchange *exchange; /* NULL while the body is on its way */
	instant opened, answered;  /* 0: not yet */
	uint64_t data_before;      /* connection->data when it opened */
	size_t answer_bytes;
	bool forwarded;        /* by a proxy, which says so */
	const char *id_header; /* under which name the client sent a request id, or NULL */
	h2o_generator_t generator;
};

struct server {
	struct loop *loop;
	struct arena *arena; /* the loop's lifetime */
	h2o_loop_t *evloop;
	h2o_globalconf_t conf;
	h2o_context_t context;
	h2o_accept_ctx_t accept[DOORS];
	struct trust trust; /* what is held of hub->trust; accept and mllp show it */
	h2o_socket_t *listener[DOORS];
	bool paused;            /* full: the listeners are not read */
	struct mllp_door *mllp; /* NULL: no such door */
	struct connection *connections, *free_connections;
	unsigned count, count_max;
	struct addresses *addresses;
	struct bucket lines; /* of the log, about killed connections */
	instant sweep_at;

	h2o_socket_t *db_watch;
	bool db_readable;
	bool unsettled; /* answers went out between the library's turns: what it calls when they are written waits for its next one */
	instant rules_at; /* not before: the first snapshot is asked for again */

	h2o_multithread_receiver_t receiver;
	pthread_mutex_t posts_lock;
	struct loop_post *posts, **posts_end;

	instant drain_began; /* 0: not draining */
	bool goaway_sent;    /* the second one */
	pthread_t thread;
};

/* accept.c: wraps a bound socket (accept_bind) and takes connections from it. */
void accept_start(struct server *server, int door, int fd);
void accept_pause(struct server *server);
void accept_resume(struct server *server);
void accept_stop(struct server *server);

/* guard.c: takes the connection of a socket under guard / what an accepted socket's on_close is. */
struct connection *guard_connection(h2o_socket_t *socket);
void guard_adopt(
	struct server *server, h2o_socket_t *socket, struct address *address, bool development);
/* The request's wire; made where the guard has not seen it open (HTTP/1). */
struct wire *guard_wire(struct connection *connection, h2o_req_t *request);
/* The request has been read whole, is answered now. */
void guard_handled(struct wire *wire);
void guard_answered(struct wire *wire, size_t bytes);
/* A request whose body is still on its way? */
bool guard_is_receiving(const struct server *server);

/* http.c: registers the one handler of all paths. */
void http_register(struct server *server, h2o_hostconf_t *host);

#endif
