/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/routes.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "server/exchange.h"
#include "server/interaction/interactions.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static const struct route routes[] = {
#define ROUTE(method, path, interaction, style, scope, kinds, attest, body_max) \
	{ method, path, &interaction_##interaction, STYLE_##style, scope, kinds, attest, body_max },
#include "server/routes.tbl"
#undef ROUTE
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* Does `path` have the route's shape? *segment_out is what stands in place of {id}. */
static bool path_fits(const struct route *route, struct str path, struct str *segment_out)
{
	const struct str shape = str_of(route->path);
	const size_t open = str_index(shape, '{');
	*segment_out = (struct str){ 0 };
	if (open == shape.length)
		return str_equal(path, shape);
	const size_t after =
		shape.length - (open + str_index(str_part(shape, open, shape.length), '}') + 1);
	if (path.length <= open + after)
		return false;
	const struct str segment = str_part(path, open, path.length - open - after);
	if (!str_starts(path, str_part(shape, 0, open)) ||
		!str_ends(path, str_part(shape, shape.length - after, after)) ||
		str_index(segment, '/') != segment.length)
		return false;
	*segment_out = segment;
	return true;
}

/* HEAD is GET without its body (RFC 9110 section 9.3.2). */
static bool method_fits(const struct route *route, struct str method)
{
	return str_is(method, route->method) ||
	       (str_is(method, "HEAD") && str_is(STR("GET"), route->method));
}

static void allow_add(struct buf *allow, const struct route *route)
{
	if (allow->length > 0)
		buf_add_text(allow, ", ");
	buf_add_text(allow, route->method);
	if (str_is(STR("GET"), route->method))
		buf_add_text(allow, ", HEAD");
}

const struct route *route_find(struct arena *arena, struct str method, struct str path,
	struct str *segment_out, struct str *allow_out, struct outcome *outcome)
{
	/* A client that joins base and type carelessly writes /fhir/ for /fhir. */
	if (path.length > 1 && path.at[path.length - 1] == '/')
		path.length--;
	struct buf allow = { 0 };
	for (size_t i = 0; i < ROUTES; i++) {
		struct str segment;
		if (!path_fits(&routes[i], path, &segment))
			continue;
		if (method_fits(&routes[i], method)) {
			*segment_out = segment;
			return &routes[i];
		}
		if (allow.arena == NULL)
			allow = buf_new(arena, 64, 256);
		allow_add(&allow, &routes[i]);
	}
	if (allow.arena == NULL) {
		outcome_fail(outcome, OUTCOME_NOT_FOUND, STR(""), "there is nothing at this path");
		return NULL;
	}
	*allow_out = buf_str(&allow);
	outcome_fail(
		outcome, OUTCOME_METHOD, STR(""), "this path takes %.*s only", STR_ARG(*allow_out));
	return NULL;
}

const struct route *routes_all(size_t *count)
{
	*count = ROUTES;
	return routes;
}
