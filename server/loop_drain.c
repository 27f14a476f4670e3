/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A graceful stop with the three traps of libh2o 2.2.5 taken out: HTTP/1 connections that idle are
 * closed by the sweeper; uploads under way are not cut a second after the first GOAWAY, because the
 * second waits for them; and the endless loop behind the second GOAWAY is the guard's (guard.c).
 */
#include "server/loop_drain.h"

#include "server/log.h"
#include "server/loop_wire.h"

/* Requests that were on their way when the first GOAWAY went out still arrive. */
#define SECOND_GOAWAY_AFTER (INSTANT_SECOND / 2)

static void begin(struct loop *loop)
{
	struct server *server = loop->server;
	loop->draining = true;
	server->drain_began = loop->now;
	accept_stop(server);
	mllp_stop(server->mllp);
	h2o_context_request_shutdown(&server->context);
	if (h2o_timeout_is_linked(&server->context.http2._graceful_shutdown_timeout))
		h2o_timeout_unlink(&server->context.http2._graceful_shutdown_timeout);
	server->sweep_at = 0;
}

/* From here on h2o takes no new stream, and ignores the DATA of those that are not whole. */
static void send_second_goaway(struct server *server)
{
	server->goaway_sent = true;
	h2o_timeout_link(server->evloop, &server->context.zero_timeout,
		&server->context.http2._graceful_shutdown_timeout);
}

bool loop_drained(struct loop *loop)
{
	struct server *server = loop->server;
	if (!loop->hub->stopping)
		return false;
	if (!loop->draining)
		begin(loop);
	const instant grace = loop->hub->config->grace;
	const instant passed = loop->now - server->drain_began;
	const unsigned connections = server->count + mllp_count(server->mllp);
	if (connections == 0 && loop->live == 0)
		return true;
	if (passed > grace) {
		log_line(LEVEL_WARNING, "grace_over", "loop=%u connections=%u exchanges=%u",
			loop->index, connections, loop->live);
		return true;
	}
	if (!server->goaway_sent && passed > SECOND_GOAWAY_AFTER &&
		(passed > grace / 2 || !guard_is_receiving(server)))
		send_second_goaway(server);
	return false;
}

void loop_finish(struct loop *loop)
{
	loop->db_is_ready = false;
	/*
	 * After a grace that ran out, work is still under way: the process ends with it, and the
	 * database drops what is not committed.
	 */
	if (loop->live > 0)
		return;
	h2o_socket_close(loop->server->db_watch);
	db_close(&loop->db);
	store_close(&loop->store);
}
