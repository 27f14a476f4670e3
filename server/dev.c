/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/dev.h"

#include "authz/token.h"
#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "server/session.h"

#define CLAIMS_LIMIT ((size_t)1 << 20)
#define CLAIMS_NODES 2000

struct dev_principal {
	struct dev_principal *next;
	struct str name;
	struct session *session;
};

struct dev {
	struct arena *arena;
	struct str fallback;
	struct dev_principal *first;
};

/* A citizen's claims name the citizens' issuer, as a token would. */
static struct issuer_policy policy_for(const struct config *config, const struct json *claims)
{
	const bool citizen = config->citizen_issuer[0] != '\0' &&
			     str_is(json_text(claims, "iss"), config->citizen_issuer);
	return issuer_policy_of(config, citizen ? ISSUER_CITIZEN : ISSUER_STAFF, NULL);
}

static struct session *session_read(const struct config *config, const struct seal *seal,
	struct str text, instant now, struct outcome *outcome)
{
	struct arena *arena = arena_new(CLAIMS_LIMIT);
	struct session *session = NULL;
	const struct json *claims = json_parse(arena, text, CLAIMS_NODES, outcome);
	if (claims != NULL) {
		const struct issuer_policy policy = policy_for(config, claims);
		struct principal principal = { 0 };
		if (token_claims(arena, claims, &policy, now, &principal, outcome))
			session = session_new(seal, &principal);
	}
	if (session != NULL)
		session->lasting = true;
	arena_free(&arena);
	return session;
}

struct dev *dev_new(
	const struct config *config, const struct seal *seal, instant now, struct outcome *outcome)
{
	struct arena *arena = arena_new(CLAIMS_LIMIT);
	struct dev *dev = arena_alloc(arena, sizeof(*dev));
	dev->arena = arena;
	dev->fallback = str_of(config->dev_principal);
	for (const struct config_principal *row = config->principals; row != NULL;
		row = row->next) {
		struct dev_principal *principal = arena_alloc(arena, sizeof(*principal));
		principal->name = row->name;
		principal->session = session_read(config, seal, row->claims, now, outcome);
		if (principal->session == NULL) {
			outcome_fail(outcome, OUTCOME_INVALID, (struct str){ 0 },
				"principal.%.*s: claims that no token could have",
				STR_ARG(row->name));
			dev_free(&dev);
			return NULL;
		}
		principal->next = dev->first;
		dev->first = principal;
	}
	return dev;
}

void dev_free(struct dev **dev)
{
	if (*dev == NULL)
		return;
	for (struct dev_principal *row = (*dev)->first; row != NULL; row = row->next) {
		row->session->lasting = false;
		session_drop(&row->session);
	}
	struct arena *arena = (*dev)->arena;
	*dev = NULL;
	arena_free(&arena);
}

struct session *dev_find(const struct dev *dev, struct str name)
{
	if (name.length == 0)
		name = dev->fallback;
	for (struct dev_principal *row = dev->first; row != NULL; row = row->next)
		if (str_equal(row->name, name))
			return row->session;
	return NULL;
}
