/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Connections in: bounded as a whole and by address, before they cost a handshake. */
#include "server/accept.h"

#include <errno.h>
#include <netdb.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/loop_wire.h"

#define BACKLOG    4096
#define AT_ONCE    32
#define LEAST_ROOM 16u
/*
 * Bytes that a turn of the loop may find at one connection (the kernel doubles it). Left to itself the kernel holds 6 MB for a fast sender, and the library takes all of it at once while the
 * loop's other clients wait: 22 to 30 ms of a Bundle of 10 MB. A sender 50 ms away still gets 10 MB a second.
 */
#define RECEIVED (256 << 10)

enum sharing { ALONE, WITH_OUR_LOOPS };

static int open_socket(const struct addrinfo *info, enum sharing sharing)
{
	const int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		info->ai_protocol);
	if (fd < 0)
		return -1;
	const int on = 1;
	const int shared = sharing == WITH_OUR_LOOPS ? 1 : 0;
	const int received = RECEIVED; /* a kernel that gives less has its reasons */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &received, sizeof(received));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof(shared)) == 0 &&
		bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	const int fault = errno;
	close(fd);
	errno = fault;
	return -1;
}

static int bind_as(
	struct arena *arena, const char *address, enum sharing sharing, struct outcome *outcome)
{
	const char *host, *port;
	if (!config_address(arena, str_of(address), &host, &port)) {
		outcome_fail(outcome, OUTCOME_INVALID, STR(""), "%s: is not host:port", address);
		return -1;
	}
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *info;
	const int fault = getaddrinfo(host, port, &hints, &info);
	if (fault != 0) {
		outcome_fail(
			outcome, OUTCOME_INVALID, STR(""), "%s: %s", address, gai_strerror(fault));
		return -1;
	}
	const int fd = open_socket(info, sharing);
	if (fd < 0)
		outcome_fail(outcome, OUTCOME_INVALID, STR(""), "%s: cannot listen: %s", address,
			strerror(errno));
	freeaddrinfo(info);
	return fd;
}

bool accept_is_free(struct arena *arena, const char *address, struct outcome *outcome)
{
	const int fd = bind_as(arena, address, ALONE, outcome);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int accept_bind(struct arena *arena, const char *address, struct outcome *outcome)
{
	return bind_as(arena, address, WITH_OUR_LOOPS, outcome);
}

unsigned accept_room(unsigned wanted, unsigned loops, unsigned kept)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return LEAST_ROOM;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > 1u << 30)
		return wanted;
	const unsigned files = (unsigned)limit.rlim_cur;
	const unsigned room = files > kept ? (files - kept) / loops : 0;
	if (room < LEAST_ROOM)
		return LEAST_ROOM;
	return room < wanted ? room : wanted;
}

static void refuse(h2o_socket_t *socket, enum metric reason)
{
	metric_add(reason, 1);
	h2o_socket_close(socket);
}

static void admit(struct server *server, int door, h2o_socket_t *socket)
{
	struct sockaddr_storage peer = { 0 };
	struct address *address;
	if (h2o_socket_getpeername(socket, (struct sockaddr *)&peer) == 0) {
		refuse(socket, METRIC_CONNECTION_CLOSED);
		return;
	}
	switch (address_enter(
		server->addresses, (struct sockaddr *)&peer, server->loop->now, &address)) {
	case ADDRESS_TOO_MANY:
		refuse(socket, METRIC_CONNECTION_REFUSED_COUNT);
		return;
	case ADDRESS_TOO_FAST:
		refuse(socket, METRIC_CONNECTION_REFUSED_RATE);
		return;
	case ADDRESS_TAKEN:
		break;
	}
	guard_adopt(server, socket, address, door == DOOR_DEVELOPMENT);
	guard_connection(socket)->operations =
		networks_have(&server->loop->hub->config->operations, (struct sockaddr *)&peer);
	h2o_accept(&server->accept[door], socket);
}

static void take(h2o_socket_t *listener, int door)
{
	struct server *server = listener->data;
	server->loop->now = hub_now();
	for (int i = 0; i < AT_ONCE; i++) {
		if (server->count >= server->count_max) {
			/* A listener that is readable and not read would spin the loop. */
			metric_add(METRIC_CONNECTION_REFUSED_FULL, 1);
			accept_pause(server);
			return;
		}
		h2o_socket_t *socket = h2o_evloop_socket_accept(listener);
		if (socket == NULL)
			return;
		admit(server, door, socket);
	}
}

static void on_tls(h2o_socket_t *listener, const char *fault)
{
	if (fault == NULL)
		take(listener, DOOR_TLS);
}

static void on_development(h2o_socket_t *listener, const char *fault)
{
	if (fault == NULL)
		take(listener, DOOR_DEVELOPMENT);
}

void accept_start(struct server *server, int door, int fd)
{
	h2o_socket_t *listener =
		h2o_evloop_socket_create(server->evloop, fd, H2O_SOCKET_FLAG_DONT_READ);
	listener->data = server;
	server->listener[door] = listener;
	h2o_socket_read_start(listener, door == DOOR_TLS ? on_tls : on_development);
}

void accept_pause(struct server *server)
{
	server->paused = true;
	for (int door = 0; door < DOORS; door++)
		if (server->listener[door] != NULL)
			h2o_socket_read_stop(server->listener[door]);
}

void accept_resume(struct server *server)
{
	if (!server->paused || server->count >= server->count_max)
		return;
	server->paused = false;
	if (server->listener[DOOR_TLS] != NULL)
		h2o_socket_read_start(server->listener[DOOR_TLS], on_tls);
	if (server->listener[DOOR_DEVELOPMENT] != NULL)
		h2o_socket_read_start(server->listener[DOOR_DEVELOPMENT], on_development);
}

void accept_stop(struct server *server)
{
	for (int door = 0; door < DOORS; door++)
		if (server->listener[door] != NULL)
			h2o_socket_close(server->listener[door]);
	memset(server->listener, 0, sizeof(server->listener));
	server->paused = false;
}
