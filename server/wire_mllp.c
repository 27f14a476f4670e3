/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/wire_mllp.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "fhir/hl7/mllp.h"
#include "server/log.h"
#include "server/loop_wire.h"

#define HANDSHAKE_WITHIN (5 * INSTANT_SECOND)
#define WRITTEN_WITHIN   (30 * INSTANT_SECOND)
#define CLOSED_WITHIN    (5 * INSTANT_SECOND)
#define AT_ONCE          32 /* connections taken in one turn */
/* What a journey may use besides its message, and for each byte of it. */
#define ARENA_BASE     ((size_t)32 << 20)
#define ARENA_PER_BYTE ((size_t)16)
#define ARENA_SMALL    ((size_t)4096)
#define FRAME_ROOM     ((size_t)2 << 20) /* an acknowledgement is smaller */

enum phase { SHAKING, READING, WORKING, WRITING, CLOSING };

struct mllp_connection {
	struct mllp_connection *previous, *next;
	struct mllp_door *door;
	h2o_socket_t *socket;
	struct address *address;
	struct certificate certificate;
	bool has_certificate;
	const char *refused; /* why TLS does not take its certificate, or NULL */
	enum phase phase;
	instant since;   /* the phase began */
	instant partial; /* since when a frame lacks its end; 0: none does */
	bool last;       /* closes behind its next answer */
	bool reading;    /* the socket is read */
	bool stepping;   /* take_messages() is under way */
	struct mllp framer;
	struct exchange *exchange; /* WORKING */
};

struct mllp_door {
	struct server *server;
	h2o_socket_t *listener; /* NULL: stopped */
	struct ssl_ctx_st *tls;
	struct mllp_connection *connections, *spare;
	unsigned count, count_max;
	bool paused; /* full: the listener is not read */
};

#ifdef MAALEHUB_CONTROLS
/* For the tests of durability: the process dies where the sender is in most doubt. Not in a release build. */
static void die_if_told(const char *where)
{
	const char *control = getenv("MAALEHUB_CONTROL");
	if (control != NULL && strcmp(control, where) == 0)
		raise(SIGKILL);
}
#else
static void die_if_told(const char *where)
{
	(void)where;
}
#endif

static struct loop *loop_of(const struct mllp_connection *connection)
{
	return connection->door->server->loop;
}

static void enter(struct mllp_connection *connection, enum phase phase)
{
	connection->phase = phase;
	connection->since = loop_of(connection)->now;
}

/* The connection may be gone afterwards; its memory is not. */
static void close_connection(struct mllp_connection *connection)
{
	if (connection->phase == CLOSING)
		return;
	enter(connection, CLOSING);
	h2o_socket_close(connection->socket);
}

static void on_close(void *data)
{
	struct mllp_connection *connection = data;
	struct mllp_door *door = connection->door;
	connection->phase = CLOSING;
	if (connection->exchange != NULL) {
		metric_add(METRIC_REQUEST_ORPHANED, 1);
		exchange_wire_gone(connection->exchange);
		connection->exchange = NULL;
	}
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		door->connections = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	address_leave(connection->address);
	connection->next = door->spare;
	door->spare = connection;
	door->count--;
	metric_add(METRIC_MLLP_CLOSED, 1);
}

/* ---- answers */

static void take_messages(struct mllp_connection *connection);

static void on_written(h2o_socket_t *socket, const char *fault)
{
	struct mllp_connection *connection = socket->data;
	loop_of(connection)->now = hub_now();
	die_if_told("mllp-answered");
	if (fault != NULL || connection->last) {
		close_connection(connection);
		return;
	}
	enter(connection, READING);
	take_messages(connection);
}

/* TLS takes its own copy of the frame, so the exchange may go. */
static void answer(struct exchange *exchange)
{
	struct mllp_connection *connection = exchange->wire;
	const struct response *response = &exchange->response;
	die_if_told("mllp-unanswered");
	metric_request(exchange->route, response->status, hub_now() - exchange->began);
	connection->exchange = NULL;
	connection->last = connection->last || response->status == 401 || response->status == 403;
	if (response->unwanted) {
		exchange_wire_gone(exchange);
		enter(connection, READING);
		if (connection->last)
			close_connection(connection);
		else
			take_messages(connection);
		return;
	}
	struct buf frame = buf_new(exchange->arena, response->body.length + 8, FRAME_ROOM);
	mllp_write(&frame, response->body);
	h2o_iovec_t bytes = h2o_iovec_init(frame.at, frame.length);
	enter(connection, WRITING);
	h2o_socket_write(connection->socket, &bytes, 1, on_written);
	exchange_wire_gone(exchange);
}

static const struct door mllp_door = { .name = "mllp", .acknowledges = true, .answer = answer };

/* ---- messages */

/* What PARSE is to say instead of reading the body. */
struct fault {
	enum outcome_kind kind;
	const char *text;
};

static const struct fault too_long = { OUTCOME_TOO_LARGE,
	"a message may be at most 1 MiB; send it in parts" };
static const struct fault unframed = { OUTCOME_STRUCTURE,
	"a message stands between 0x0B and 0x1C 0x0D, and nothing between two such frames; the "
	"connection is closed" };
static const struct fault unfinished = { OUTCOME_STRUCTURE,
	"the message did not end with 0x1C 0x0D in time; the connection is closed" };

static struct exchange *exchange_for(
	struct mllp_connection *connection, struct str message, const struct fault *fault)
{
	struct loop *loop = loop_of(connection);
	struct exchange *exchange = exchange_new(
		loop, &mllp_door, connection, ARENA_BASE + ARENA_PER_BYTE * message.length);
	struct certificate *certificate =
		arena_alloc(exchange->arena, sizeof(*exchange->request.certificate));
	struct request *request = &exchange->request;
	*certificate = connection->certificate;
	request->certificate = certificate;
	request->method = STR("POST");
	request->path = STR("/pcd01");
	request->content_type = STR("x-application/hl7-v2+er7");
	request->body = str_copy(exchange->arena, message);
	if (fault != NULL) {
		request->fault = fault->text;
		request->fault_kind = fault->kind;
	}
	struct str segments[ROUTE_SEGMENTS];
	exchange->route = route_find(exchange->arena, request->method, request->path, segments,
		&exchange->response.allow, &exchange->outcome);
	if (!loop->hub->open)
		outcome_fail(&exchange->outcome, OUTCOME_BUSY, STR(""),
			"the hub has not yet made sure of the database's isolation; send it again");
	return exchange;
}

static void work(struct mllp_connection *connection, struct exchange *exchange)
{
	metric_add(METRIC_REQUEST_HANDLED, 1);
	connection->exchange = exchange;
	connection->partial = 0;
	enter(connection, WORKING);
	exchange_run(exchange);
}

static void work_event(struct mllp_connection *connection, enum mllp_event event,
	struct str message, size_t consumed)
{
	const struct fault *fault = NULL;
	if (event == MLLP_TOO_LONG)
		fault = &too_long;
	else if (event == MLLP_UNFRAMED)
		fault = &unframed;
	metric_add(fault == NULL ? METRIC_MLLP_FRAME_WHOLE : METRIC_MLLP_FRAME_FAULTY, 1);
	connection->last = connection->last || event == MLLP_UNFRAMED;
	struct exchange *exchange = exchange_for(connection, message, fault);
	h2o_buffer_consume(&connection->socket->input, consumed);
	work(connection, exchange);
}

static void on_read(h2o_socket_t *socket, const char *fault)
{
	struct mllp_connection *connection = socket->data;
	loop_of(connection)->now = hub_now();
	if (fault != NULL)
		close_connection(connection);
	else
		take_messages(connection);
}

static void read_on(struct mllp_connection *connection)
{
	if (!connection->reading)
		h2o_socket_read_start(connection->socket, on_read);
	connection->reading = true;
}

static void hold_back(struct mllp_connection *connection)
{
	if (connection->reading)
		h2o_socket_read_stop(connection->socket);
	connection->reading = false;
}

/* One message after the other, until one waits, its answer is on its way, or there is none. An answer that comes at once does not call this from within itself. */
static void take_messages(struct mllp_connection *connection)
{
	if (connection->stepping)
		return;
	connection->stepping = true;
	while (connection->phase == READING) {
		const h2o_buffer_t *input = connection->socket->input;
		struct str message;
		size_t consumed;
		const enum mllp_event event = mllp_next(&connection->framer,
			(struct str){ input->bytes, input->size }, &message, &consumed);
		if (event != MLLP_MORE) {
			work_event(connection, event, message, consumed);
			continue;
		}
		h2o_buffer_consume(&connection->socket->input, consumed);
		if (!mllp_is_inside(&connection->framer))
			connection->partial = 0;
		else if (connection->partial == 0)
			connection->partial = loop_of(connection)->now;
		break;
	}
	connection->stepping = false;
	if (connection->phase == READING)
		read_on(connection);
	else if (connection->phase != CLOSING)
		hold_back(connection);
}

/* ---- connections */

static void seen(void *socket, const struct certificate *certificate)
{
	struct mllp_connection *connection = ((h2o_socket_t *)socket)->data;
	connection->certificate = *certificate;
	connection->has_certificate = true;
}

static void refused(void *socket, bool revoked, const char *why)
{
	struct mllp_connection *connection = ((h2o_socket_t *)socket)->data;
	connection->refused = why;
	if (revoked)
		metric_add(METRIC_MLLP_CERTIFICATE_REVOKED, 1);
}

const struct tls_watch mllp_watch = { .seen = seen, .refused = refused };

static void on_handshake(h2o_socket_t *socket, const char *fault)
{
	struct mllp_connection *connection = socket->data;
	loop_of(connection)->now = hub_now();
	if (fault != NULL || !connection->has_certificate) {
		metric_add(METRIC_MLLP_HANDSHAKE_FAILED, 1);
		struct arena *arena = arena_new(ARENA_SMALL);
		log_line(LEVEL_INFO, "mllp_handshake_failed", "certificate=%s",
			connection->refused != NULL ? log_quote(arena, str_of(connection->refused))
			: connection->has_certificate ? "good"
						      : "none");
		arena_free(&arena);
		close_connection(connection);
		return;
	}
	enter(connection, READING);
	/* Something may have come with the handshake. */
	take_messages(connection);
}

static void adopt(struct mllp_door *door, h2o_socket_t *socket, struct address *address)
{
	struct mllp_connection *connection = door->spare;
	if (connection != NULL)
		door->spare = connection->next;
	else
		connection = arena_alloc(door->server->arena, sizeof(*connection));
	*connection = (struct mllp_connection){
		.door = door, .socket = socket, .address = address, .next = door->connections
	};
	if (connection->next != NULL)
		connection->next->previous = connection;
	door->connections = connection;
	door->count++;
	enter(connection, SHAKING);
	metric_add(METRIC_MLLP_ACCEPTED, 1);
	socket->data = connection;
	socket->on_close.cb = on_close;
	socket->on_close.data = connection;
	h2o_socket_ssl_handshake(socket, door->tls, NULL, on_handshake);
}

static void admit(struct mllp_door *door, h2o_socket_t *socket)
{
	struct server *server = door->server;
	struct sockaddr_storage peer = { 0 };
	struct address *address;
	if (h2o_socket_getpeername(socket, (struct sockaddr *)&peer) != 0 &&
		address_enter(server->addresses, (struct sockaddr *)&peer, server->loop->now,
			&address) == ADDRESS_TAKEN) {
		adopt(door, socket, address);
		return;
	}
	metric_add(METRIC_MLLP_REFUSED, 1);
	h2o_socket_close(socket);
}

static void on_accept(h2o_socket_t *listener, const char *fault)
{
	struct mllp_door *door = listener->data;
	door->server->loop->now = hub_now();
	for (int i = 0; fault == NULL && i < AT_ONCE; i++) {
		if (door->count >= door->count_max) {
			/* A listener that is readable and not read would spin the loop. */
			metric_add(METRIC_MLLP_REFUSED, 1);
			door->paused = true;
			h2o_socket_read_stop(listener);
			return;
		}
		h2o_socket_t *socket = h2o_evloop_socket_accept(listener);
		if (socket == NULL)
			return;
		admit(door, socket);
	}
}

struct mllp_door *mllp_open(
	struct server *server, int fd, struct ssl_ctx_st *tls, unsigned connections_max)
{
	struct mllp_door *door = arena_alloc(server->arena, sizeof(*door));
	*door = (struct mllp_door){ .server = server, .tls = tls, .count_max = connections_max };
	door->listener = h2o_evloop_socket_create(server->evloop, fd, H2O_SOCKET_FLAG_DONT_READ);
	door->listener->data = door;
	h2o_socket_read_start(door->listener, on_accept);
	return door;
}

void mllp_trust(struct mllp_door *door, struct ssl_ctx_st *tls)
{
	if (door == NULL)
		return;
	door->tls = tls;
	struct mllp_connection *next;
	for (struct mllp_connection *connection = door->connections; connection != NULL;
		connection = next) {
		next = connection->next;
		connection->last = true;
		if (connection->phase == SHAKING ||
			(connection->phase == READING && connection->partial == 0))
			close_connection(connection);
	}
}

/* ---- deadlines */

static void judge_reading(struct mllp_connection *connection, instant now)
{
	const struct config *config = loop_of(connection)->hub->config;
	if (connection->partial != 0 && now - connection->partial > config->mllp_frame) {
		metric_add(METRIC_MLLP_FRAME_FAULTY, 1);
		connection->last = true;
		work(connection, exchange_for(connection,
					 str_part((struct str){ connection->socket->input->bytes,
							  connection->socket->input->size },
						 0, MLLP_HEAD),
					 &unfinished));
		if (connection->phase != CLOSING)
			hold_back(connection);
		return;
	}
	const bool between = connection->partial == 0;
	if (between &&
		(loop_of(connection)->draining || now - connection->since > config->mllp_idle))
		close_connection(connection);
}

static void judge(struct mllp_connection *connection, instant now)
{
	const instant age = now - connection->since;
	switch (connection->phase) {
	case SHAKING:
		if (age > HANDSHAKE_WITHIN) {
			metric_add(METRIC_MLLP_HANDSHAKE_FAILED, 1);
			close_connection(connection);
		}
		return;
	case READING:
		judge_reading(connection, now);
		return;
	case WORKING:
		return; /* the journey has limits of its own */
	case WRITING:
		if (age > WRITTEN_WITHIN)
			close_connection(connection);
		return;
	case CLOSING:
		/* A peer that does not read keeps the end of TLS from being sent. */
		if (age > CLOSED_WITHIN)
			shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR);
		return;
	}
}

void mllp_sweep(struct mllp_door *door)
{
	if (door == NULL)
		return;
	struct mllp_connection *next;
	for (struct mllp_connection *connection = door->connections; connection != NULL;
		connection = next) {
		next = connection->next;
		judge(connection, door->server->loop->now);
	}
	if (door->paused && door->listener != NULL && door->count < door->count_max) {
		door->paused = false;
		h2o_socket_read_start(door->listener, on_accept);
	}
}

void mllp_stop(struct mllp_door *door)
{
	if (door == NULL || door->listener == NULL)
		return;
	h2o_socket_close(door->listener);
	door->listener = NULL;
}

unsigned mllp_count(const struct mllp_door *door)
{
	return door == NULL ? 0 : door->count;
}
