/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The self-test: a connection to ourselves over a socket pair, served by the library as any other.
 * A library or a build that does not call the guard would serve unguarded, and nothing else would
 * show it.
 */
#include "server/guard.h"

#include <sys/socket.h>
#include <unistd.h>

#include <h2o.h>
#include <h2o/http2.h>

#include "server/loop_wire.h"

#define TURNS 20

/* Preface, SETTINGS, a frame of an unknown type, and a request of 200 indexed fields. */
static const uint8_t opening[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
				 "\0\0\0\x04\0\0\0\0\0"
				 "\0\0\0\xee\0\0\0\0\0"
				 "\0\0\xc8\x01\x05\0\0\0\x01";
#define FIELDS 200

static void converse(h2o_context_t *context, h2o_accept_ctx_t *accept, int ends[2])
{
	uint8_t fields[FIELDS];
	memset(fields, 0x82, sizeof(fields)); /* :method GET, by its index */
	h2o_socket_t *socket = h2o_evloop_socket_create(context->loop, ends[0], 0);
	struct timeval now = { .tv_sec = hub_now() / INSTANT_SECOND };
	h2o_http2_accept(accept, socket, now);
	const bool sent =
		write(ends[1], opening, sizeof(opening) - 1) == (ssize_t)(sizeof(opening) - 1) &&
		write(ends[1], fields, sizeof(fields)) == (ssize_t)sizeof(fields);
	for (int i = 0; i < TURNS && sent && guard_calls().refused == 0; i++)
		h2o_evloop_run(context->loop, 10);
	shutdown(ends[1], SHUT_RDWR);
	for (int i = 0; i < TURNS && context->http2._conns.next != &context->http2._conns; i++)
		h2o_evloop_run(context->loop, 10);
	close(ends[1]);
}

bool guard_self_test(struct outcome *outcome)
{
	int ends[2];
	if (guard_is_off())
		return true;
	if (!guard_reads_chunks())
		return outcome_fail(outcome, OUTCOME_FAULT, STR(""),
			"the guard around libh2o is not live (chunks)");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
		return outcome_fail(outcome, OUTCOME_FAULT, STR(""), "no socket pair");
	const struct guard_calls before = guard_calls();
	h2o_globalconf_t conf;
	h2o_context_t context;
	h2o_config_init(&conf);
	h2o_config_register_host(&conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_loop_t *loop = h2o_evloop_create();
	h2o_context_init(&context, loop, &conf);
	h2o_accept_ctx_t accept = { .ctx = &context, .hosts = conf.hosts };
	converse(&context, &accept, ends);
	h2o_context_dispose(&context);
	h2o_config_dispose(&conf);
	h2o_evloop_destroy(loop);

	const struct guard_calls after = guard_calls();
	if (after.reads > before.reads && after.frames >= before.frames + 3 &&
		after.headers == before.headers + 1 && after.refused == before.refused + 1)
		return true;
	return outcome_fail(outcome, OUTCOME_FAULT, STR(""),
		"the guard around libh2o is not live (reads %llu, frames %llu, header lists %llu, "
		"refused %llu)",
		(unsigned long long)(after.reads - before.reads),
		(unsigned long long)(after.frames - before.frames),
		(unsigned long long)(after.headers - before.headers),
		(unsigned long long)(after.refused - before.refused));
}
