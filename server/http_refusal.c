/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What libh2o refuses before it asks us (a broken chunk, an Expect nobody knows, a body above its own limit) it says as plain text. It calls one function for that, through its PLT, so
 * that the executable's definition wins (guard.c has more of the kind): the same refusal goes out as every other one does. Nothing of the request is repeated in it.
 */
#include "server/http_refusal.h"

#include <dlfcn.h>

#include "fhir/bundle.h"
#include "server/exchange.h"

#define PUBLIC     __attribute__((visibility("default")))
#define ARENA_MAX  ((size_t)16 << 10)
#define BODY_MAX   ((size_t)4 << 10)
#define MEDIA_TYPE "application/fhir+json; charset=utf-8"

static enum outcome_kind kind_of(int status)
{
	switch (status) {
	case 404:
		return OUTCOME_NOT_FOUND;
	case 405:
		return OUTCOME_METHOD;
	case 413:
		return OUTCOME_TOO_LARGE;
	case 500:
		return OUTCOME_FAULT;
	case 502:
	case 503:
		return OUTCOME_BUSY;
	}
	return OUTCOME_INVALID;
}

/* In the request's pool, with NUL. */
static const char *render(h2o_req_t *request, int status, const char *text)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct outcome outcome = { .arena = arena };
	struct buf buf = buf_new(arena, BODY_MAX, BODY_MAX);
	outcome_fail(&outcome, kind_of(status), STR(""), "%s", text);
	outcome_render_refusal(&buf, &outcome);
	buf_add_byte(&buf, '\0');
	const char *body = h2o_strdup(&request->pool, buf.at, buf.length).base;
	arena_free(&arena);
	return body;
}

typedef void send_error(
	h2o_req_t *request, int status, const char *reason, const char *body, int flags);

PUBLIC void h2o_send_error_generic(
	h2o_req_t *request, int status, const char *reason, const char *body, int flags)
{
	void *symbol = dlsym(RTLD_NEXT, "h2o_send_error_generic");
	send_error *send;
	/* ISO C knows no conversion of the one into the other; POSIX promises that it works. */
	memcpy(&send, &symbol, sizeof(send));
	send(request, status, reason, render(request, status, body), flags);
}

/* Ours carry Cache-Control, always; the library's never do. */
static bool is_ours(const h2o_req_t *request)
{
	return h2o_find_header(&request->res.headers, H2O_TOKEN_CACHE_CONTROL, -1) >= 0;
}

static void on_answer(h2o_filter_t *self, h2o_req_t *request, h2o_ostream_t **slot)
{
	(void)self;
	if (!is_ours(request)) {
		h2o_set_header(&request->pool, &request->res.headers, H2O_TOKEN_CONTENT_TYPE,
			H2O_STRLIT(MEDIA_TYPE), 1);
		h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
			H2O_STRLIT("no-store"));
	}
	h2o_setup_next_ostream(request, slot);
}

void http_refusal_register(h2o_pathconf_t *path)
{
	h2o_create_filter(path, sizeof(h2o_filter_t))->on_setup_ostream = on_answer;
}
