/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/routes.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/form.h"
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

/* In no row: what every path that there is answers to OPTIONS. */
static const struct route options_route = {
	.method = "OPTIONS",
	.path = "*",
	.interaction = &interaction_options,
	.style = STYLE_FHIR,
};

static struct str part_take(struct str *rest)
{
	const size_t end = str_index(*rest, '/');
	const struct str part = str_part(*rest, 0, end);
	*rest = str_part(*rest, end + 1, rest->length);
	return part;
}

/* Does `path` have the route's shape? segments_out is what stands in place of {id} and {version}. */
static bool path_fits(
	const struct route *route, struct str path, struct str segments_out[static ROUTE_SEGMENTS])
{
	struct str shape = str_of(route->path);
	size_t count = 0;
	segments_out[0] = segments_out[1] = (struct str){ 0 };
	if (str_index(shape, '{') == shape.length)
		return str_equal(path, shape);
	if (path.length == 0 || path.at[path.length - 1] == '/')
		return false;
	while (shape.length > 0 && path.length > 0) {
		const struct str want = part_take(&shape), have = part_take(&path);
		if (want.length > 0 && want.at[0] == '{') {
			if (have.length == 0 || have.at[0] == '_' || have.at[0] == '$')
				return false; /* _search and $lastn are words of ours, never ids */
			segments_out[count++] = have;
		} else if (!str_equal(want, have)) {
			return false;
		}
	}
	return shape.length == 0 && path.length == 0;
}

/*
 * RFC 3986 section 6.2.2.2: %24lastn is $lastn, and an id is the same however its letters are written. %2F stays, for it parts no segments, and so does what no path has. Below /fhir/ alone:
 * a proxy in front keeps the rest from the outside by its plain name.
 */
static struct str path_decode(struct arena *arena, struct str path)
{
	if (!str_starts(path, STR("/fhir/")) || str_index(path, '%') == path.length)
		return path;
	struct buf buf = buf_new(arena, path.length, path.length + 1);
	for (size_t i = 0; i < path.length; i++) {
		struct str byte;
		const bool escaped = path.at[i] == '%' &&
				     form_decode(arena, str_part(path, i, 3), &byte) &&
				     byte.length == 1 && byte.at[0] > ' ' && byte.at[0] != '/' &&
				     byte.at[0] != 0x7f;
		buf_add_byte(&buf, escaped ? byte.at[0] : path.at[i]);
		i += escaped ? 2 : 0;
	}
	return buf_str(&buf);
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

/* A client that joins base and type carelessly writes /fhir/ for /fhir. */
static struct str without_slash(struct str path)
{
	return path.length > 1 && path.at[path.length - 1] == '/'
		       ? str_part(path, 0, path.length - 1)
		       : path;
}

bool route_is_for_operators(struct str path)
{
	for (size_t i = 0; i < ROUTES; i++)
		if (routes[i].scope == ROUTE_OPERATIONS &&
			str_is(without_slash(path), routes[i].path))
			return true;
	return false;
}

/* Says where to look instead; nothing of the path, which may be anything. */
static void nothing_there(struct str path, struct outcome *outcome)
{
	outcome_fail(outcome, OUTCOME_NOT_FOUND, STR(""),
		str_starts(path, STR("/fhir/"))
			? "there is nothing at this path; /fhir/metadata names the types, and what "
			  "each takes"
			: "there is nothing at this path; /openapi.json names what there is");
}

/* The methods that there are, and how one searches where that is what was meant. */
static void other_methods(struct str path, struct str allow, struct outcome *outcome)
{
	for (size_t i = 0; i < ROUTES; i++) {
		const struct str search = str_of(routes[i].path);
		if (!str_starts(search, path) ||
			!str_is(str_part(search, path.length, search.length), "/_search"))
			continue;
		outcome_fail(outcome, OUTCOME_METHOD, STR(""),
			"this path takes %.*s only; to search: POST %s", STR_ARG(allow),
			routes[i].path);
		return;
	}
	outcome_fail(outcome, OUTCOME_METHOD, STR(""), "this path takes %.*s only", STR_ARG(allow));
}

/* RFC 9110 section 9.3.7: what the hub as a whole takes. */
static const struct route *whole_hub(struct str *allow_out)
{
	*allow_out = STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
	return &options_route;
}

const struct route *route_find(struct arena *arena, struct str method, struct str path,
	struct str segments_out[static ROUTE_SEGMENTS], struct str *allow_out,
	struct outcome *outcome)
{
	path = path_decode(arena, without_slash(path));
	struct buf allow = { 0 };
	for (size_t i = 0; i < ROUTES; i++) {
		if (!path_fits(&routes[i], path, segments_out))
			continue;
		if (method_fits(&routes[i], method))
			return &routes[i];
		if (allow.arena == NULL)
			allow = buf_new(arena, 64, 256);
		allow_add(&allow, &routes[i]);
	}
	segments_out[0] = segments_out[1] = (struct str){ 0 };
	if (allow.arena == NULL) {
		if (str_is(path, "*") && str_is(method, "OPTIONS"))
			return whole_hub(allow_out);
		nothing_there(path, outcome);
		return NULL;
	}
	const bool asks = str_is(method, "OPTIONS");
	if (asks)
		buf_add_text(&allow, ", OPTIONS");
	*allow_out = buf_str(&allow);
	if (asks)
		return &options_route;
	other_methods(path, *allow_out, outcome);
	return NULL;
}

enum resource_type route_type(const struct route *route)
{
	struct str rest = str_of(route->path);
	if (!str_starts(rest, STR("/fhir/")))
		return TYPE_NONE;
	rest = str_part(rest, sizeof("/fhir/") - 1, rest.length);
	const struct str name = part_take(&rest);
	for (int type = TYPE_OBSERVATION; type <= TYPE_ORGANIZATION; type++)
		if (str_is(name, resource_type_name((enum resource_type)type)))
			return (enum resource_type)type;
	return TYPE_NONE;
}

const struct route *routes_all(size_t *count)
{
	*count = ROUTES;
	return routes;
}
