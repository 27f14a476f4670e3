/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/accept.h"

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* A connection to the listening socket, as the hub has it. */
static int connected(int listening, int *client_out)
{
	struct sockaddr_in at;
	socklen_t length = sizeof(at);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &length), 0);
	*client_out = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(*client_out, (struct sockaddr *)&at, length), 0);
	const int taken = accept(listening, NULL, NULL);
	assert_true(taken >= 0);
	return taken;
}

/* What a fast sender puts into the kernel is what the loop takes in one turn. */
static void a_turn_finds_half_a_megabyte_at_most(void **state)
{
	(void)state;
	const int listening = accept_bind(arena, "127.0.0.1:0", &outcome);
	assert_true(listening >= 0);
	int client, room = 0;
	const int taken = connected(listening, &client);
	socklen_t length = sizeof(room);
	assert_int_equal(getsockopt(taken, SOL_SOCKET, SO_RCVBUF, &room, &length), 0);
	assert_in_range(room, 128 << 10, 512 << 10);
	/* Set, it stays: the kernel does not raise it for a sender that keeps it full. */
	char piece[1 << 16] = { 0 };
	for (int i = 0; i < 100; i++) {
		while (send(client, piece, sizeof(piece), MSG_DONTWAIT) > 0)
			;
		while (recv(taken, piece, sizeof(piece), MSG_DONTWAIT) > 0)
			;
	}
	assert_int_equal(getsockopt(taken, SOL_SOCKET, SO_RCVBUF, &room, &length), 0);
	assert_in_range(room, 128 << 10, 512 << 10);
	close(taken);
	close(client);
	close(listening);
}

static void what_is_no_address_is_told(void **state)
{
	(void)state;
	assert_int_equal(accept_bind(arena, "localhost", &outcome), -1);
	assert_int_equal(outcome.errors, 1);
}

static void a_port_in_use_is_not_free(void **state)
{
	(void)state;
	const int listening = accept_bind(arena, "127.0.0.1:0", &outcome);
	struct sockaddr_in at;
	socklen_t length = sizeof(at);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &length), 0);
	char address[32];
	snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(at.sin_port));
	assert_false(accept_is_free(arena, address, &outcome));
	assert_int_equal(outcome.errors, 1);
	close(listening);
	assert_true(accept_is_free(arena, address, &outcome));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_turn_finds_half_a_megabyte_at_most, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_address_is_told, begin, end),
		cmocka_unit_test_setup_teardown(a_port_in_use_is_not_free, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
