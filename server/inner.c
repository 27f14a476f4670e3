/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/inner.h"

#include "server/interaction/interactions.h"
#include "server/loop.h"
#include "server/respond.h"
#include "server/session.h"

#define ARENA_BASE     ((size_t)32 << 20)
#define ARENA_PER_BYTE ((size_t)16)

static struct str kept(struct inner *inner, struct str text)
{
	return text.length == 0 ? (struct str){ 0 } : str_copy(inner->outer->arena, text);
}

/* Location as an entry of a Bundle has it: relative to the base. */
static struct str location_of(struct inner *inner, const struct exchange *exchange)
{
	struct str location = exchange->response.location;
	const struct str base = base_url(inner->outer);
	if (str_starts(location, base))
		location = str_part(location, base.length + 1, location.length);
	return kept(inner, location);
}

static void answer(struct exchange *exchange)
{
	struct inner *inner = exchange->wire;
	const struct response *response = &exchange->response;
	inner->status = response->status;
	inner->bytes = response->body.length;
	outcome_merge(&inner->refusal, &exchange->outcome, (struct str){ 0 });
	if (exchange->rehearsal) {
		exchange_done(inner->outer);
		exchange_wire_gone(exchange);
		return;
	}
	inner->answer = kept(inner, response->body);
	inner->location = location_of(inner, exchange);
	inner->etag = kept(inner, response->etag);
	inner->modified = response->modified;
	exchange_done(inner->outer);
	exchange_wire_gone(exchange);
}

static const struct door inner_door = { .name = "bundle", .answer = answer };

/* What is asked stands in the body of the Bundle, so what it names stands in no URL: it is what POST of a form is. */
static void take_form(
	struct exchange *exchange, struct str path, const char *rest, struct str query)
{
	struct request *request = &exchange->request;
	request->method = STR("POST");
	request->path = str_format(exchange->arena, "/fhir/%.*s%s", STR_ARG(path), rest);
	request->query = (struct str){ 0 };
	request->body = str_copy(exchange->arena, query);
	request->content_type = STR("application/x-www-form-urlencoded");
}

/* A type, whose search has that name. */
static bool is_type(struct str path)
{
	return path.length > 0 && path.at[0] >= 'A' && path.at[0] <= 'Z' &&
	       str_index(path, '/') == path.length;
}

static void take_request(struct exchange *exchange, const struct inner *inner)
{
	struct request *request = &exchange->request;
	const struct request *outer = &inner->outer->request;
	struct str query;
	const bool other = inner->rehearsal && inner->instead.length > 0;
	const struct str path = str_cut(other ? inner->instead : inner->url, '?', &query);
	request->method = inner->method;
	request->path = str_format(exchange->arena, "/fhir/%.*s", STR_ARG(path));
	request->query = query;
	request->body = inner->body;
	request->content_type = inner->content_type;
	request->prefer = outer->prefer;
	request->if_match = inner->if_match;
	request->if_none_match = inner->if_none_match;
	request->modified_since = inner->modified_since;
	request->host = outer->host;
	request->development = outer->development;
	request->request_id = outer->request_id;
	request->head = str_is(inner->method, "HEAD");
	const bool gets = request->head || str_is(inner->method, "GET");
	if (gets && is_type(path))
		take_form(exchange, path, "/_search", query.at == NULL ? STR("") : query);
	else if (gets && str_ends(path, STR("/$lastn")))
		take_form(exchange, path, "", query.at == NULL ? STR("") : query);
}

static void find_route(struct exchange *exchange)
{
	struct request *request = &exchange->request;
	struct str segments[ROUTE_SEGMENTS];
	exchange->route = route_find(exchange->arena, request->method, request->path, segments,
		&exchange->response.allow, &exchange->outcome);
	request->segment = segments[0];
	request->version = segments[1];
	if (exchange->route != NULL && (exchange->route->interaction == &interaction_bundle ||
					       exchange->route->style != STYLE_FHIR)) {
		exchange->route = NULL;
		outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, (struct str){ 0 },
			"an entry of a Bundle cannot ask for this; send it as a request of its "
			"own");
	}
}

void inner_begin(struct exchange *outer, struct inner *inner)
{
	inner->outer = outer;
	inner->refusal = (struct outcome){ .arena = outer->arena };
	struct exchange *exchange = exchange_new(
		outer->loop, &inner_door, inner, ARENA_BASE + ARENA_PER_BYTE * inner->body.length);
	exchange->rehearsal = inner->rehearsal;
	take_request(exchange, inner);
	find_route(exchange);
	exchange->session = session_hold(outer->session);
	exchange->principal = outer->principal;
	exchange->authenticated =
		exchange->route != NULL; /* nothing is audited of what leads nowhere */
	exchange->step = STEP_PERMIT;
	exchange_hold(outer);
	exchange_begin(exchange);
}
