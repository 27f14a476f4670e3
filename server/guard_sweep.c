/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Deadlines the library has not: over HTTP/2 a slow body, a header block without end, a reader with
 * a closed window and a client that only pings live for ever in 2.2.5. Times are absolute, with
 * time added for bytes that do arrive.
 */
#include "server/guard.h"

#include <sys/socket.h>

#include "fhir/base/arena.h"
#include "server/loop_wire.h"

#define HEADERS_WITHIN (10 * INSTANT_SECOND)
#define BODY_WITHIN    (15 * INSTANT_SECOND)
#define BODY_AT_MOST   (600 * INSTANT_SECOND)
#define ANSWER_WITHIN  (30 * INSTANT_SECOND)
#define IDLE_AT_MOST   (61 * INSTANT_SECOND)
/* Of h2o's own for a request. */
#define REQUEST_BYTES        ((uint64_t)8 << 10)
#define REQUEST_COMES_WITHIN (INSTANT_SECOND / 2)
/* Whoever is slower than this holds memory for nothing. */
#define BYTES_PER_SECOND 4096

static instant for_bytes(uint64_t bytes)
{
	return (instant)(bytes / BYTES_PER_SECOND) * INSTANT_SECOND;
}

/* What the request has overstayed; METRICS: nothing. */
static enum metric judge_wire(const struct wire *wire, instant now)
{
	const struct connection *connection = wire->connection;
	const instant age = now - wire->opened;
	if (wire->answered != 0)
		return now - wire->answered > ANSWER_WITHIN + for_bytes(wire->answer_bytes)
			       ? METRIC_KILLED_SLOW_READER
			       : METRICS;
	if (wire->exchange != NULL)
		return METRICS;
	return age > BODY_AT_MOST ||
			       age > BODY_WITHIN + for_bytes(connection->data - wire->data_before)
		       ? METRIC_KILLED_SLOW_BODY
		       : METRICS;
}

static enum metric judge(const struct connection *connection, instant now)
{
	/* An HTTP/1 body stands in the input until it is whole. */
	const instant extra = connection->http2 ? 0 : for_bytes(connection->socket->input->size);
	if (connection->partial != 0 && now - connection->partial > HEADERS_WITHIN + extra)
		return METRIC_KILLED_SLOW_HEADERS;
	if (connection->continuation != 0 && now - connection->continuation > HEADERS_WITHIN)
		return METRIC_KILLED_SLOW_HEADERS;
	if (connection->wires == NULL && connection->partial == 0)
		return now - connection->worked > IDLE_AT_MOST ? METRIC_KILLED_IDLE : METRICS;
	enum metric reason = METRICS;
	for (const struct wire *wire = connection->wires; wire != NULL && reason == METRICS;
		wire = wire->next)
		reason = judge_wire(wire, now);
	return reason;
}

/* What its answers hold that are not sent: their clients' windows are closed, or their lines slow. */
static uint64_t unread_of(const struct connection *connection)
{
	uint64_t bytes = 0;
	for (const struct wire *wire = connection->wires; wire != NULL; wire = wire->next)
		if (wire->answered != 0 && wire->exchange != NULL)
			bytes += REQUEST_BYTES + arena_used(wire->exchange->arena);
	return bytes;
}

/*
 * A hundred streams that are not read cost as much as a hundred answers, within the time that slow
 * readers have; nobody needs a token to ask for them. Over the limit goes who holds more than an
 * equal share of half of it: what is left is half at most, and who reads holds little.
 */
static void cut_unread(struct server *server)
{
	uint64_t unread = 0, holders = 0;
	for (struct connection *one = server->connections; one != NULL; one = one->next) {
		one->unread = one->killed ? 0 : unread_of(one);
		unread += one->unread;
		holders += one->unread > 0;
	}
	const uint64_t most = (uint64_t)server->loop->hub->config->answers_max << 20;
	if (unread <= most)
		return;
	for (struct connection *one = server->connections; one != NULL; one = one->next)
		if (one->unread > most / 2 / holders)
			guard_kill(one, METRIC_KILLED_SLOW_READER);
}

/*
 * HTTP/1 connections without a request would be kept open through a graceful stop. One that has only
 * just come or been answered may have its next request on the way.
 */
static bool is_left_over(const struct connection *connection, instant now)
{
	return connection->server->drain_began != 0 && !connection->http2 &&
	       connection->wires == NULL && connection->partial == 0 &&
	       now - connection->worked > REQUEST_COMES_WITHIN;
}

void guard_sweep(struct server *server, instant now)
{
	struct connection *next;
	cut_unread(server);
	for (struct connection *connection = server->connections; connection != NULL;
		connection = next) {
		next = connection->next;
		const enum metric reason = judge(connection, now);
		if (reason != METRICS)
			guard_kill(connection, reason);
		/* Safe from anywhere on its thread: h2o finds the end of the stream and closes. */
		if (connection->killed || is_left_over(connection, now))
			shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR);
	}
}
