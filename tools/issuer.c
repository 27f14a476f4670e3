/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * maalehub-issuer: see issuer.h. HTTP by libh2o, one loop, nothing kept but keys in memory.
 *
 *   GET  /{staff|citizen}/.well-known/openid-configuration        discovery
 *   GET  /{staff|citizen}/.well-known/openid-configuration/jwks   keys
 *   POST /{staff|citizen}/connect/token      persona=NAME [set={..}] [alg=] [typ=] [kid=] [lifetime=]; DPoP header binds the token
 *   POST /{staff|citizen}/rotate             [alg=RS256|PS256|ES256] [forget=1]
 */
#include "tools/issuer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fhir/base/arena.h"
#include "fhir/bundle.h"

static struct issuer_site site;
static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static instant clock_now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	return (instant)at.tv_sec * INSTANT_SECOND + at.tv_nsec / 1000;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of a form field, decoded; empty where there is none. */
static struct str form_field(struct arena *arena, struct str form, const char *name)
{
	while (form.length > 0) {
		struct str value, pair = str_cut(form, '&', &form),
				  key = str_cut(pair, '=', &value);
		if (!str_is(key, name))
			continue;
		struct buf out = buf_new(arena, value.length + 1, 1 << 16);
		for (size_t i = 0; i < value.length; i++) {
			const bool coded = value.at[i] == '%' && i + 2 < value.length &&
					   hex_digit(value.at[i + 1]) >= 0 &&
					   hex_digit(value.at[i + 2]) >= 0;
			if (coded) {
				buf_add_byte(&out, (char)(hex_digit(value.at[i + 1]) * 16 +
							   hex_digit(value.at[i + 2])));
				i += 2;
			} else {
				buf_add_byte(&out, value.at[i] == '+' ? ' ' : value.at[i]);
			}
		}
		return buf_str(&out);
	}
	return STR("");
}

static void answer(h2o_req_t *request, int status, const char *reason, struct str body)
{
	request->res.status = status;
	request->res.reason = reason;
	h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
		H2O_STRLIT("application/json"));
	h2o_send_inline(request, body.at, body.length);
}

static void discovery(const struct issuer *issuer, struct buf *out)
{
	static const char *const algorithms = "[\"RS256\",\"RS384\",\"RS512\",\"PS256\",\"PS384\","
					      "\"PS512\",\"ES256\",\"ES384\",\"ES512\"]";
	buf_add_format(out, "{\"issuer\":\"%s/%s\",", site.base, issuer->name);
	buf_add_format(out, "\"jwks_uri\":\"%s/%s/.well-known/openid-configuration/jwks\",",
		site.base, issuer->name);
	/* named, as HelseID names its own, but nobody logs in here */
	buf_add_format(out, "\"authorization_endpoint\":\"%s/%s/connect/authorize\",", site.base,
		issuer->name);
	buf_add_format(out, "\"token_endpoint\":\"%s/%s/connect/token\",", site.base, issuer->name);
	buf_add_format(out, "\"dpop_signing_alg_values_supported\":%s}", algorithms);
}

static void token_endpoint(
	const struct issuer *issuer, struct arena *arena, h2o_req_t *request, struct buf *out)
{
	struct str form = { request->entity.base, request->entity.len };
	const ssize_t at = h2o_find_header_by_str(&request->headers, H2O_STRLIT("dpop"), -1);
	struct token_ask ask = {
		.persona = form_field(arena, form, "persona"),
		.set = form_field(arena, form, "set"),
		.alg = form_field(arena, form, "alg"),
		.typ = form_field(arena, form, "typ"),
		.kid = form_field(arena, form, "kid"),
		.lifetime = form_field(arena, form, "lifetime"),
		.now = clock_now(),
	};
	if (at >= 0)
		ask.proof = (struct str){ request->headers.entries[at].value.base,
			request->headers.entries[at].value.len };
	struct outcome outcome = { .arena = arena };
	struct str token;
	if (!issuer_token(&site, issuer, arena, &ask, &token, &outcome)) {
		outcome_render(out, &outcome);
		answer(request, 400, "Bad Request", buf_str(out));
		return;
	}
	buf_add_byte(out, '{');
	json_write_member(out, "access_token", token);
	json_write_member(out, "token_type", ask.proof.length > 0 ? STR("DPoP") : STR("Bearer"));
	buf_add_byte(out, '}');
	answer(request, 200, "OK", buf_str(out));
}

static void rotate_endpoint(struct issuer *issuer, struct arena *arena, h2o_req_t *request)
{
	struct str form = { request->entity.base, request->entity.len },
		   name = form_field(arena, form, "alg");
	enum jose_alg alg = JOSE_RS256;
	if (name.length > 0 && !jose_alg_parse(name, &alg)) {
		answer(request, 400, "Bad Request", STR("{\"error\":\"unknown alg\"}"));
		return;
	}
	issuer_rotate(issuer, alg);
	if (form_field(arena, form, "forget").length > 0)
		issuer_forget(issuer);
	answer(request, 200, "OK", STR("{}"));
}

static int route(struct arena *arena, h2o_req_t *request)
{
	struct str path = { request->path_normalized.base, request->path_normalized.len }, rest;
	struct str name = str_cut(str_part(path, 1, path.length), '/', &rest);
	const bool post = h2o_memis(request->method.base, request->method.len, H2O_STRLIT("POST"));
	struct buf out = buf_new(arena, 4096, 1 << 20);

	for (unsigned i = 0; i < 2; i++) {
		struct issuer *issuer = &site.issuers[i];
		if (!str_is(name, issuer->name))
			continue;
		if (!post && str_is(rest, ".well-known/openid-configuration")) {
			discovery(issuer, &out);
			answer(request, 200, "OK", buf_str(&out));
		} else if (!post && str_is(rest, ".well-known/openid-configuration/jwks")) {
			issuer_jwks(issuer, arena, &out);
			answer(request, 200, "OK", buf_str(&out));
		} else if (post && str_is(rest, "connect/token")) {
			token_endpoint(issuer, arena, request, &out);
		} else if (post && str_is(rest, "rotate")) {
			rotate_endpoint(issuer, arena, request);
		} else {
			return -1;
		}
		return 0;
	}
	return -1;
}

static int on_request(h2o_handler_t *handler, h2o_req_t *request)
{
	(void)handler;
	struct arena *arena = arena_new(4 << 20);
	const int result = route(arena, request);
	arena_free(&arena);
	return result;
}

static h2o_accept_ctx_t accept_context;

static void on_accept(h2o_socket_t *listener, const char *error)
{
	h2o_socket_t *sock = error == NULL ? h2o_evloop_socket_accept(listener) : NULL;
	if (sock != NULL)
		h2o_accept(&accept_context, sock);
}

/* A listening socket on a loopback address, or -1 after saying why not. */
static int listen_loopback(const char *address)
{
	char host[64];
	const char *colon = strrchr(address, ':');
	struct sockaddr_in where = { .sin_family = AF_INET };
	if (colon == NULL || (size_t)(colon - address) >= sizeof(host)) {
		fprintf(stderr, "maalehub-issuer: --listen is ADDRESS:PORT\n");
		return -1;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	where.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, host, &where.sin_addr) != 1 ||
		ntohl(where.sin_addr.s_addr) >> 24 != 127) {
		fprintf(stderr,
			"maalehub-issuer: refuses to listen on %s: a test issuer stays on loopback "
			"(127.x.x.x)\n",
			host);
		return -1;
	}
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(fd, (struct sockaddr *)&where, sizeof(where)) != 0 || listen(fd, 128) != 0) {
		fprintf(stderr, "maalehub-issuer: cannot listen on %s: %s\n", address,
			strerror(errno));
		return -1;
	}
	return fd;
}

static int serve(const char *address)
{
	static h2o_globalconf_t config;
	static h2o_context_t context;
	h2o_config_init(&config);
	config.max_request_entity_size = 1 << 16;
	h2o_hostconf_t *host =
		h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
	h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_request;
	const int fd = listen_loopback(address);
	if (fd < 0)
		return 1;
	h2o_context_init(&context, h2o_evloop_create(), &config);
	accept_context = (h2o_accept_ctx_t){ .ctx = &context, .hosts = config.hosts };
	static h2o_socket_t *listener; /* like the rest of the library's, until the process ends */
	listener = h2o_evloop_socket_create(context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
	h2o_socket_read_start(listener, on_accept);
	fprintf(stderr, "maalehub-issuer: %s/staff and %s/citizen are up\n", site.base, site.base);
	while (!stopping)
		h2o_evloop_run(context.loop, 200);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
		{ "base", required_argument, NULL, 'b' },
		{ "personas", required_argument, NULL, 'p' },
		{ "audience", required_argument, NULL, 'a' }, { "help", no_argument, NULL, 'h' },
		{ 0 } };
	const char *address = "127.0.0.1:8090";

	site = (struct issuer_site){ .audience = "nhn:pmd",
		.issuers = { { .name = "staff" }, { .name = "citizen" } } };
	for (int option = getopt_long(argc, argv, "", options, NULL); option != -1;
		option = getopt_long(argc, argv, "", options, NULL)) {
		if (option == 'l')
			address = optarg;
		else if (option == 'b')
			site.base = optarg;
		else if (option == 'p')
			site.personas = optarg;
		else if (option == 'a')
			site.audience = optarg;
		else
			return fprintf(stderr,
				       "maalehub-issuer --personas FILE [--listen 127.0.0.1:8090] "
				       "[--base URL] [--audience nhn:pmd]\n"
				       "a HelseID look-alike for tests: FILE has principal.NAME = "
				       "{claims} lines, the hub's configuration will do\n") > 0 &&
					       option == 'h'
				       ? 0
				       : 2;
	}
	if (site.personas == NULL)
		return fprintf(stderr, "maalehub-issuer: --personas FILE is needed (--help)\n") > 0
			       ? 2
			       : 2;
	site.arena = arena_new(1 << 20);
	if (site.base == NULL)
		site.base = str_format(site.arena, "http://%s", address).at;
	for (unsigned i = 0; i < 2; i++)
		issuer_rotate(&site.issuers[i], JOSE_RS256);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	return serve(address);
}
