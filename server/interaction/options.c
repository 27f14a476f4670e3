/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* OPTIONS of any path there is: what may be done there, in Allow. It tells nothing that /openapi.json does not, so it asks for no token. No header of CORS: browsers are not served. */
#include "server/interaction/interactions.h"
#include "server/respond.h"

static void respond(struct exchange *exchange)
{
	respond_with(exchange, 204, NULL, (struct str){ 0 });
}

const struct interaction interaction_options = {
	.name = "options",
	.reads_query = true,
	.respond = respond,
};
