/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_ROUTES_H
#define SERVER_ROUTES_H

#include "authz/principal.h"
#include "fhir/base/outcome.h"
#include "fhir/base/str.h"
#include "fhir/resource.h"

struct interaction;
struct exchange;

/* How the route's requests and errors are written. */
enum route_style { STYLE_FHIR, STYLE_HL7, STYLE_SOAP, STYLE_JSON, STYLE_TEXT };

/* In place of a scope: no token is asked for, but the caller comes from where operations_from says. */
#define ROUTE_OPERATIONS (1u << 31)

/* A row of routes.tbl: permission stands in the row, not in the handler. */
struct route {
	const char *method, *path; /* path with {id} and {version}, from the server's root */
	const struct interaction *interaction;
	enum route_style style;
	unsigned scope; /* 0, or ROUTE_OPERATIONS, only for open routes */
	unsigned kinds; /* 1 << enum principal_kind */
	bool attest;    /* practitioners need one */
	size_t body_max;
};

/*
 * The route of a request. NULL adds NOT_FOUND, or METHOD when only the method is wrong (*allow_out:
 * those that there are). segments_out is what stood for {id} and {version}. OPTIONS of a path that there is has a route of its own, in no row, with *allow_out.
 */
#define ROUTE_SEGMENTS 2
const struct route *route_find(struct arena *arena, struct str method, struct str path,
	struct str segments_out[static ROUTE_SEGMENTS], struct str *allow_out,
	struct outcome *outcome);
/* The resource type its path names, or TYPE_NONE. */
enum resource_type route_type(const struct route *route);
/* Is there nothing at this path for who is no operator? */
bool route_is_for_operators(struct str path);
const struct route *routes_all(size_t *count);

#endif
