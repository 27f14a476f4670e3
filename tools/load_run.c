/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The client side of HTTP/2 by nghttp2 over plain sockets (h2c, prior knowledge) or OpenSSL; one thread, poll(). */
#include "tools/load.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fhir/base/arena.h"

struct stream {
	struct arena *arena;
	struct load_request request;
	size_t sent;
	double began;
	int status;
	char *body;
	size_t length;
};

struct connection {
	struct run *run;
	nghttp2_session *session;
	int fd;
	SSL *ssl;
	unsigned open;
	bool dead;
};

struct run {
	const struct load *load;
	struct load_result *result;
	uint64_t next;
	double end;
	struct connection *connections;
};

static double now_seconds(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static ssize_t on_send(
	nghttp2_session *session, const uint8_t *data, size_t length, int flags, void *context)
{
	struct connection *connection = context;
	(void)session;
	(void)flags;
	if (connection->ssl != NULL) {
		size_t written;
		if (SSL_write_ex(connection->ssl, data, length, &written) == 1)
			return (ssize_t)written;
		return SSL_get_error(connection->ssl, 0) == SSL_ERROR_WANT_WRITE
			       ? NGHTTP2_ERR_WOULDBLOCK
			       : NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	const ssize_t n = send(connection->fd, data, length, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static ssize_t on_body_wanted(nghttp2_session *session, int32_t id, uint8_t *out, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct stream *stream = source->ptr;
	struct str part = str_part(stream->request.body, stream->sent, length);
	(void)session;
	(void)id;
	(void)context;
	memcpy(out, part.at, part.length);
	stream->sent += part.length;
	if (stream->sent == stream->request.body.length)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)part.length;
}

static nghttp2_nv field(const char *name, struct str value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value.at,
		strlen(name), value.length,
		NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };
}

static void start_request(struct connection *connection)
{
	struct run *run = connection->run;
	const struct load *load = run->load;
	struct stream *stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		abort();
	stream->arena = arena_new(32 << 20);
	load_request(load, stream->arena, run->next++, &stream->request);
	const struct load_request *request = &stream->request;
	nghttp2_nv fields[10];
	size_t count = 0;
	fields[count++] = field(":method", str_of(request->method));
	fields[count++] = field(":scheme", load->tls ? STR("https") : STR("http"));
	fields[count++] = field(":authority",
		str_format(stream->arena, "%.*s:%.*s", STR_ARG(load->host), STR_ARG(load->port)));
	fields[count++] = field(":path", request->path);
	if (request->content_type.length > 0)
		fields[count++] = field("content-type", request->content_type);
	if (load->token.length > 0) {
		fields[count++] = field("authorization",
			str_format(stream->arena, "DPoP %.*s", STR_ARG(load->token)));
		fields[count++] = field("dpop", request->proof);
	}
	if (load->principal.length > 0)
		fields[count++] = field("x-dev-principal", load->principal);
	nghttp2_data_provider body = { .source.ptr = stream, .read_callback = on_body_wanted };
	stream->began = now_seconds();
	if (nghttp2_submit_request(connection->session, NULL, fields, count,
		    request->body.length > 0 ? &body : NULL, stream) < 0)
		abort();
	connection->open++;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags, void *context)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	(void)flags;
	(void)context;
	if (stream != NULL && name_length == 7 && memcmp(name, ":status", 7) == 0 &&
		value_length == 3)
		stream->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
	size_t length, void *context)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
	struct connection *connection = context;
	(void)flags;
	connection->run->result->bytes += length;
	if (stream == NULL || (connection->run->load->ids_out == NULL && stream->length > 512))
		return 0;
	char *grown = realloc(stream->body, stream->length + length + 1);
	if (grown == NULL)
		abort();
	stream->body = grown;
	memcpy(stream->body + stream->length, data, length);
	stream->length += length;
	stream->body[stream->length] = '\0';
	return 0;
}

/* The id of a created Observation, or those of a batch-response's locations. */
static void keep_ids(struct load_result *result, const char *body)
{
	static const char created[] = "{\"resourceType\":\"Observation\",\"id\":\"",
			  mark[] = "Observation/";
	if (strncmp(body, created, sizeof(created) - 1) == 0) {
		const char *at = body + sizeof(created) - 1;
		buf_add(&result->ids, (struct str){ at, strcspn(at, "\"") });
		buf_add_byte(&result->ids, '\n');
		return;
	}
	for (const char *at = strstr(body, mark); at != NULL; at = strstr(at, mark)) {
		at += sizeof(mark) - 1;
		buf_add(&result->ids, (struct str){ at, strcspn(at, "/\"") });
		buf_add_byte(&result->ids, '\n');
	}
}

static void note(struct run *run, struct stream *stream, double at)
{
	struct load_result *result = run->result;
	if (stream->status != 200 && stream->status != 201) {
		if (result->failed++ == 0) {
			result->first_bad_status = stream->status;
			snprintf(result->first_bad_body, sizeof(result->first_bad_body), "%s",
				stream->body == NULL ? "" : stream->body);
		}
		return;
	}
	result->requests++;
	if (result->micros_count == result->micros_room) {
		result->micros_room = result->micros_room == 0 ? 65536 : result->micros_room * 2;
		result->micros =
			realloc(result->micros, result->micros_room * sizeof(*result->micros));
		if (result->micros == NULL)
			abort();
	}
	result->micros[result->micros_count++] = (uint32_t)((at - stream->began) * 1e6);
	if (run->load->ids_out != NULL && stream->body != NULL)
		keep_ids(result, stream->body);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *context)
{
	struct connection *connection = context;
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
	const double at = now_seconds();
	(void)error;
	if (stream == NULL)
		return 0;
	note(connection->run, stream, at);
	arena_free(&stream->arena);
	free(stream->body);
	free(stream);
	connection->open--;
	if (at < connection->run->end &&
		(connection->run->load->requests_max == 0 ||
			connection->run->next < connection->run->load->requests_max))
		start_request(connection);
	return 0;
}

static int connect_tcp(const struct load *load)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	int fd = -1;
	const int on = 1;
	if (getaddrinfo(load->host.at, load->port.at, &hints, &found) != 0)
		return -1;
	for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static bool connect_tls(const struct load *load, SSL_CTX *context, struct connection *connection)
{
	connection->ssl = SSL_new(context);
	SSL_set_fd(connection->ssl, connection->fd);
	SSL_set_tlsext_host_name(connection->ssl, load->host.at);
	SSL_set1_host(connection->ssl, load->host.at);
	return SSL_connect(connection->ssl) == 1;
}

static SSL_CTX *tls_context(const struct load *load)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_alpn_protos(context, (const unsigned char *)"\x02h2", 3);
	SSL_CTX_set_mode(
		context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (load->ca != NULL && SSL_CTX_load_verify_locations(context, load->ca, NULL) == 1)
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return context;
}

static bool open_connection(struct run *run, SSL_CTX *tls,
	const nghttp2_session_callbacks *callbacks, struct connection *connection)
{
	static const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
								   1 << 24 },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 } };
	connection->run = run;
	connection->fd = connect_tcp(run->load);
	if (connection->fd < 0 || (tls != NULL && !connect_tls(run->load, tls, connection)))
		return false;
	fcntl(connection->fd, F_SETFL, O_NONBLOCK);
	nghttp2_session_client_new(&connection->session, callbacks, connection);
	nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 2);
	nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, 1 << 28);
	for (unsigned i = 0; i < run->load->open &&
			     (run->load->requests_max == 0 || run->next < run->load->requests_max);
		i++)
		start_request(connection);
	return true;
}

static void receive(struct connection *connection)
{
	static uint8_t piece[65536];
	for (;;) {
		ssize_t n;
		if (connection->ssl != NULL) {
			n = SSL_read(connection->ssl, piece, sizeof(piece));
			if (n <= 0 && SSL_get_error(connection->ssl, (int)n) == SSL_ERROR_WANT_READ)
				return;
		} else {
			n = recv(connection->fd, piece, sizeof(piece), 0);
			if (n < 0 && errno == EAGAIN)
				return;
		}
		if (n <= 0 || nghttp2_session_mem_recv(connection->session, piece, (size_t)n) < 0) {
			connection->dead = true;
			return;
		}
	}
}

static nghttp2_session_callbacks *make_callbacks(void)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	return callbacks;
}

/* One turn over all connections; false when nothing is open any more. */
static bool turn(struct run *run, struct pollfd *polls)
{
	unsigned open = 0;
	for (unsigned i = 0; i < run->load->connections; i++) {
		struct connection *connection = &run->connections[i];
		if (!connection->dead && nghttp2_session_send(connection->session) != 0)
			connection->dead = true;
		open += connection->dead ? 0 : connection->open;
		polls[i] = (struct pollfd){ .fd = connection->dead ? -1 : connection->fd,
			.events = POLLIN };
		if (!connection->dead && nghttp2_session_want_write(connection->session))
			polls[i].events |= POLLOUT;
	}
	if (open == 0)
		return false;
	poll(polls, run->load->connections, 1000);
	for (unsigned i = 0; i < run->load->connections; i++)
		if ((polls[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			receive(&run->connections[i]);
	return true;
}

bool load_run(const struct load *load, struct load_result *result)
{
	struct run run = { .load = load, .result = result };
	nghttp2_session_callbacks *callbacks = make_callbacks();
	SSL_CTX *tls = load->tls ? tls_context(load) : NULL;
	struct pollfd *polls = calloc(load->connections, sizeof(*polls));
	struct rusage usage;

	run.connections = calloc(load->connections, sizeof(*run.connections));
	if (polls == NULL || run.connections == NULL)
		abort();
	const double began = now_seconds();
	run.end = began + load->seconds;
	for (unsigned i = 0; i < load->connections; i++) {
		if (!open_connection(&run, tls, callbacks, &run.connections[i])) {
			fprintf(stderr, "maalehub-load: cannot connect to %.*s\n",
				STR_ARG(load->base));
			return false;
		}
	}
	while (turn(&run, polls) && now_seconds() < run.end + 30)
		;
	result->seconds = now_seconds() - began;
	getrusage(RUSAGE_SELF, &usage);
	result->cpu_seconds = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
			      (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
	nghttp2_session_callbacks_del(callbacks);
	free(polls);
	return result->requests > 0;
}
