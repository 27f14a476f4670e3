/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* OPTIONS of any path there is: what may be done there, in Allow. It tells nothing that /openapi.json does not, so it asks for no token. No header of CORS: browsers are not served. */
#include "server/interaction/interactions.h"
#include "server/respond.h"

static bool is_allowed(struct str allow, const char *method)
{
	while (allow.length > 0)
		if (str_is(str_trim(str_cut(allow, ',', &allow)), method))
			return true;
	return false;
}

/* RFC 5789 section 3.1: where PATCH is allowed, what it takes. */
static void respond(struct exchange *exchange)
{
	if (is_allowed(exchange->response.allow, "PATCH"))
		exchange->response.accept_patch = STR(MEDIA_PATCH);
	respond_with(exchange, 204, NULL, (struct str){ 0 });
}

const struct interaction interaction_options = {
	.name = "options",
	.reads_query = true,
	.respond = respond,
};
