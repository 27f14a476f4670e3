/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The interposed functions. libh2o calls them through its PLT, so that the definitions of the
 * executable win as long as they are in its dynamic symbol table (export_dynamic);
 * guard_self_test() proves it at every start.
 *
 * h2o_socket_read_start puts the guard's read callback before h2o's, so that a frame's connection is
 * known.
 * h2o_http2_decode_frame counts frames that do nothing, breaks the endless loop at shutdown and
 * silences unknown frames. h2o_hpack_parse_headers bounds header lists, and the streams a
 * connection may waste.
 */
#include "server/guard.h"

#include <assert.h>
#include <dlfcn.h>
#include <sys/socket.h>

#include "server/log.h"
#include "server/loop_wire.h"

#define PUBLIC __attribute__((visibility("default")))

/*
 * A header list: 128 fields, 32 KiB on the wire, 64 KiB decoded (tokens, proofs and attests take
 * about 8 KiB).
 */
#define FIELDS_MAX       ((size_t)128)
#define BLOCK_MAX        ((size_t)32 << 10)
#define FIELDS_BYTES_MAX ((size_t)64 << 10)
/*
 * Streams that ended unanswered (CVE-2023-44487 and CVE-2025-8671: whoever reset them): 200 at
 * once, 20 a second for ever.
 */
#define RESETS_MAX  200.0
#define RESETS_LEAK 20.0
/* Frames that bring nothing; each answered request pays for ten. */
#define NOISE_MAX    10000.0
#define NOISE_LEAK   200.0
#define NOISE_CREDIT 10.0
#define DATA_TINY    64u
/* Bodies of one connection that are not yet whole. */
#define BUFFERED_MAX  ((uint64_t)128 << 20)
#define SPINS_MAX     16u
#define KILLED_CHARGE 50u
#define LINES_MAX     20.0
#define LINES_LEAK    5.0

enum { FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_PING = 6, FRAME_CONTINUATION = 9, FRAME_LAST = 9 };
enum { FLAG_END_STREAM = 1, FLAG_ACK = 1, FLAG_END_HEADERS = 4 };
#define PING_BYTES 8u

/*
 * h2o/http2_internal.h needs a header that Debian does not ship; this is its struct (2.2.5, ABI
 * 0.13).
 */
struct guard_frame {
	uint32_t length;
	uint8_t type, flags;
	uint32_t stream_id;
	const uint8_t *payload;
};

typedef ssize_t decode_frame_function(struct guard_frame *frame, const uint8_t *source,
	size_t length, const void *settings, const char **text_out);
typedef int parse_headers_function(h2o_req_t *request, void *table, const uint8_t *source,
	size_t length, int *pseudo_out, size_t *content_length, void **digests,
	const char **text_out);
typedef void read_start_function(h2o_socket_t *socket, h2o_socket_cb callback);

PUBLIC ssize_t h2o_http2_decode_frame(struct guard_frame *frame, const uint8_t *source,
	size_t length, const void *settings, const char **text_out);
PUBLIC int h2o_hpack_parse_headers(h2o_req_t *request, void *table, const uint8_t *source,
	size_t length, int *pseudo_out, size_t *content_length, void **digests,
	const char **text_out);
PUBLIC void h2o_socket_read_start(h2o_socket_t *socket, h2o_socket_cb callback);

static struct {
	decode_frame_function *decode_frame;
	parse_headers_function *parse_headers;
	read_start_function *read_start;
	bool off;
} library;

/*
 * Whose input is being parsed; requests that end meanwhile were reset, answered ones end when their
 * last byte is written.
 */
static _Thread_local struct connection *current, *parsing;
static _Thread_local struct guard_calls calls;

#ifdef MAALEHUB_CONTROLS
/*
 * The control of the guard's tests: the same attack with the guard off must succeed. Not in a
 * release build.
 */
static bool is_switched_off(void)
{
	const char *control = getenv("MAALEHUB_CONTROL");
	return control != NULL && strcmp(control, "guard-off") == 0;
}
#else
static bool is_switched_off(void)
{
	return false;
}
#endif

static void leak(struct bucket *bucket, double rate, instant now)
{
	if (now > bucket->at)
		bucket->level -= (double)(now - bucket->at) * rate / (double)INSTANT_SECOND;
	bucket->at = now; /* also where the clock was set back */
	if (bucket->level < 0)
		bucket->level = 0;
}

/* False once the bucket has run over. */
static bool pour(struct bucket *bucket, double rate, double limit, instant now)
{
	leak(bucket, rate, now);
	bucket->level += 1;
	return bucket->level <= limit;
}

static instant now_of(const struct connection *connection)
{
	return connection->server->loop->now;
}

void guard_kill(struct connection *connection, enum metric reason)
{
	if (connection->killed)
		return;
	struct server *server = connection->server;
	connection->killed = true;
	metric_add(reason, 1);
	address_charge(connection->address, KILLED_CHARGE);
	if (!pour(&server->lines, LINES_LEAK, LINES_MAX, now_of(connection)))
		return;
	log_line(LEVEL_WARNING, "connection_killed", "%s door=%s frames=%llu", metric_label(reason),
		connection->development ? "development" : "https",
		(unsigned long long)connection->frames);
}

/* ---- requests on the wire */

static bool is_any_receiving(const struct connection *connection)
{
	const struct wire *wire = connection->wires;
	while (wire != NULL && wire->exchange != NULL)
		wire = wire->next;
	return wire != NULL;
}

static void unlink_wire(struct wire *wire)
{
	if (wire->previous != NULL)
		wire->previous->next = wire->next;
	else
		wire->connection->wires = wire->next;
	if (wire->next != NULL)
		wire->next->previous = wire->previous;
}

/* h2o frees the request: answered, reset, or its client has gone. */
static void on_request_end(void *memory)
{
	struct wire *wire = memory;
	struct connection *connection = wire->connection;
	unlink_wire(wire);
	connection->worked = now_of(connection);
	if (!is_any_receiving(connection))
		connection->buffered = 0;
	if (parsing == connection && connection->http2) {
		metric_add(METRIC_STREAM_ABANDONED, 1);
		if (!pour(&connection->resets, RESETS_LEAK, RESETS_MAX, now_of(connection)))
			guard_kill(connection, METRIC_KILLED_RESETS);
	} else if (wire->answered != 0) {
		connection->noise.level -= NOISE_CREDIT;
	}
	struct exchange *exchange = wire->exchange;
	if (exchange == NULL)
		return;
	if (wire->answered == 0)
		metric_add(METRIC_REQUEST_ORPHANED, 1);
	exchange_wire_gone(exchange);
}

static struct wire *open_wire(struct connection *connection, h2o_req_t *request)
{
	struct wire *wire = h2o_mem_alloc_shared(&request->pool, sizeof(*wire), on_request_end);
	*wire = (struct wire){ .connection = connection,
		.request = request,
		.opened = now_of(connection),
		.data_before = connection->data,
		.next = connection->wires };
	if (wire->next != NULL)
		wire->next->previous = wire;
	connection->wires = wire;
	connection->worked = wire->opened;
	return wire;
}

struct wire *guard_wire(struct connection *connection, h2o_req_t *request)
{
	struct wire *wire = connection->wires;
	while (wire != NULL && wire->request != request)
		wire = wire->next;
	return wire != NULL ? wire : open_wire(connection, request);
}

void guard_handled(struct wire *wire)
{
	struct connection *connection = wire->connection;
	assert(wire->exchange != NULL);
	const uint64_t bytes = wire->request->entity.len;
	connection->buffered -= bytes < connection->buffered ? bytes : connection->buffered;
	if (!is_any_receiving(connection))
		connection->buffered = 0;
}

void guard_answered(struct wire *wire, size_t bytes)
{
	wire->answered = now_of(wire->connection);
	wire->answer_bytes = bytes;
}

/* ---- connections */

static void on_connection_close(void *data)
{
	struct connection *connection = data;
	struct server *server = connection->server;
	/* h2o frees requests before their socket. */
	assert(connection->wires == NULL);
	if (current == connection)
		current = NULL;
	if (parsing == connection)
		parsing = NULL;
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	address_leave(connection->address);
	connection->next = server->free_connections;
	server->free_connections = connection;
	server->count--;
	server->loop->connections--;
	metric_add(METRIC_CONNECTION_CLOSED, 1);
}

struct connection *guard_connection(h2o_socket_t *socket)
{
	return socket != NULL && socket->on_close.cb == on_connection_close ? socket->on_close.data
									    : NULL;
}

void guard_adopt(
	struct server *server, h2o_socket_t *socket, struct address *address, bool development)
{
	struct connection *connection = server->free_connections;
	if (connection != NULL)
		server->free_connections = connection->next;
	else
		connection = arena_alloc(server->arena, sizeof(*connection));
	const instant now = server->loop->now;
	*connection = (struct connection){ .server = server,
		.socket = socket,
		.address = address,
		.development = development,
		.worked = now,
		.resets.at = now,
		.noise.at = now,
		.next = server->connections };
	if (connection->next != NULL)
		connection->next->previous = connection;
	server->connections = connection;
	server->count++;
	server->loop->connections++;
	metric_add(METRIC_CONNECTION_ACCEPTED, 1);
	socket->on_close.cb = on_connection_close;
	socket->on_close.data = connection;
}

/* Slow senders: an incomplete frame, or HTTP/1 request, and no complete one since. */
static void note_partial(struct connection *connection, uint64_t frames_before)
{
	const bool waits = connection->socket->input->size > 0 &&
			   (connection->http2 || connection->wires == NULL);
	if (!waits)
		connection->partial = 0;
	else if (connection->partial == 0 || connection->frames != frames_before)
		connection->partial = now_of(connection);
}

static void on_read(h2o_socket_t *socket, const char *fault)
{
	struct connection *connection = guard_connection(socket);
	connection->server->loop->now = hub_now();
	connection->spin.count = 0;
	const uint64_t frames_before = connection->frames;
	current = connection;
	/* Where the client has gone, what ends was not reset. */
	parsing = fault == NULL ? connection : NULL;
	connection->read(socket, fault);
	parsing = NULL;
	if (current == connection)
		note_partial(connection, frames_before);
	current = NULL;
}

void h2o_socket_read_start(h2o_socket_t *socket, h2o_socket_cb callback)
{
	struct connection *connection = library.off ? NULL : guard_connection(socket);
	calls.reads++;
	if (connection == NULL) {
		library.read_start(socket, callback);
		return;
	}
	/* h2o parses what came with the handshake right after this, without a read event. */
	connection->read = callback;
	current = connection;
	library.read_start(socket, on_read);
}

/* ---- frames */

/*
 * The same frame again without a byte consumed: CONTINUATION after the second GOAWAY loops for ever
 * in 2.2.5.
 */
static bool is_spinning(struct connection *connection, const uint8_t *source, size_t length)
{
	if (source != connection->spin.at || length != connection->spin.length) {
		connection->spin.at = source;
		connection->spin.length = length;
		connection->spin.count = 0;
	}
	return ++connection->spin.count > SPINS_MAX;
}

static bool is_noise(const struct guard_frame *frame)
{
	if (frame->type == FRAME_DATA)
		return frame->length < DATA_TINY && (frame->flags & FLAG_END_STREAM) == 0;
	return frame->type != FRAME_HEADERS;
}

static bool note_data(struct connection *connection, const struct guard_frame *frame)
{
	connection->data += frame->length;
	connection->buffered += frame->length;
	if (connection->buffered <= BUFFERED_MAX)
		return true;
	guard_kill(connection, METRIC_KILLED_BODIES);
	return false;
}

/* False: the connection has used up what it may. */
static bool note_frame(struct connection *connection, const struct guard_frame *frame)
{
	const instant now = now_of(connection);
	connection->http2 = true;
	connection->frames++;
	if (frame->type == FRAME_HEADERS || frame->type == FRAME_CONTINUATION) {
		if ((frame->flags & FLAG_END_HEADERS) != 0)
			connection->continuation = 0;
		else if (connection->continuation == 0)
			connection->continuation = now;
	}
	if (is_noise(frame) && !pour(&connection->noise, NOISE_LEAK, NOISE_MAX, now))
		guard_kill(connection, METRIC_KILLED_FRAMES);
	return (frame->type != FRAME_DATA || note_data(connection, frame)) && !connection->killed;
}

ssize_t h2o_http2_decode_frame(struct guard_frame *frame, const uint8_t *source, size_t length,
	const void *settings, const char **text_out)
{
	static const uint8_t zeros[PING_BYTES];
	const ssize_t taken = library.decode_frame(frame, source, length, settings, text_out);
	calls.frames++;
	if (taken < 0 || library.off)
		return taken;
	struct connection *connection = current;
	if (connection != NULL && is_spinning(connection, source, length)) {
		guard_kill(connection, METRIC_KILLED_SPIN);
		return H2O_HTTP2_ERROR_PROTOCOL;
	}
	if (connection != NULL && !note_frame(connection, frame)) {
		*text_out = "too much that is not a request";
		return H2O_HTTP2_ERROR_ENHANCE_YOUR_CALM;
	}
	/*
	 * The library writes a line on standard error for each: make it an acknowledgement of no
	 * PING, which does nothing.
	 */
	if (frame->type > FRAME_LAST)
		*frame = (struct guard_frame){ .length = PING_BYTES,
			.type = FRAME_PING,
			.flags = FLAG_ACK,
			.payload = zeros };
	return taken;
}

/* ---- header lists */

static size_t fields_bytes(const h2o_req_t *request)
{
	size_t bytes = 0;
	for (size_t i = 0; i < request->headers.size; i++)
		bytes += request->headers.entries[i].name->len +
			 request->headers.entries[i].value.len;
	return bytes;
}

static int refuse_fields(struct connection *connection, const char **text_out)
{
	calls.refused++;
	if (connection != NULL)
		guard_kill(connection, METRIC_KILLED_HEADERS);
	*text_out = "header list too large";
	return H2O_HTTP2_ERROR_ENHANCE_YOUR_CALM;
}

int h2o_hpack_parse_headers(h2o_req_t *request, void *table, const uint8_t *source, size_t length,
	int *pseudo_out, size_t *content_length, void **digests, const char **text_out)
{
	calls.headers++;
	if (library.off)
		return library.parse_headers(request, table, source, length, pseudo_out,
			content_length, digests, text_out);
	struct connection *connection =
		guard_connection(request->conn->callbacks->get_socket(request->conn));
	if (length > BLOCK_MAX || guard_count_fields(source, length, FIELDS_MAX) > FIELDS_MAX)
		return refuse_fields(connection, text_out);
	/* Trailers (no pseudo fields wanted) belong to a request that is known already. */
	if (connection != NULL && pseudo_out != NULL) {
		metric_add(METRIC_STREAM_OPENED, 1);
		open_wire(connection, request);
	}
	const int answer = library.parse_headers(
		request, table, source, length, pseudo_out, content_length, digests, text_out);
	if (answer == 0 && fields_bytes(request) > FIELDS_BYTES_MAX)
		return refuse_fields(connection, text_out);
	return answer;
}

/* ---- opening */

static bool find(void *function_out, const char *name, struct outcome *outcome)
{
	void *symbol = dlsym(RTLD_NEXT, name);
	/*
	 * ISO C knows no conversion from an object's address to a function's; POSIX promises that
	 * it works.
	 */
	memcpy(function_out, &symbol, sizeof(symbol));
	return symbol != NULL ||
	       outcome_fail(outcome, OUTCOME_FAULT, STR(""), "libh2o has no %s", name);
}

bool guard_open(struct outcome *outcome)
{
	/*
	 * The loops' wake-up sockets are made by this thread, and each goes on taking its buffers from
	 * this thread's list of used ones, on a thread of its own and without a lock: so none is kept.
	 */
	h2o_socket_buffer_prototype.allocator.max = 0;
	library.off = is_switched_off();
	if (library.off)
		log_line(LEVEL_WARNING, "guard_off", "control=guard-off");
	return find(&library.decode_frame, "h2o_http2_decode_frame", outcome) &&
	       find(&library.parse_headers, "h2o_hpack_parse_headers", outcome) &&
	       find(&library.read_start, "h2o_socket_read_start", outcome);
}

bool guard_is_off(void)
{
	return library.off;
}

struct guard_calls guard_calls(void)
{
	return calls;
}

bool guard_is_receiving(const struct server *server)
{
	const struct connection *connection = server->connections;
	while (connection != NULL && !is_any_receiving(connection))
		connection = connection->next;
	return connection != NULL;
}
