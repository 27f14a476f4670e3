/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* GET /openapi.json: openapi/hub.json, which a test compares with routes.tbl both ways. */
#include "server/interaction/interactions.h"
#include "server/openapi_text.h"
#include "server/respond.h"

static void respond(struct exchange *exchange)
{
	respond_with(exchange, 200, MEDIA_JSON, (struct str){ openapi_text, openapi_length });
}

const struct interaction interaction_openapi = {
	.name = "openapi",
	.respond = respond,
};
