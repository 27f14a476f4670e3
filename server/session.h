/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "authz/seal.h"
#include "authz/sender.h"
#include "authz/token.h"
#include "server/config.h"

/*
 * A caller whose token was verified, remembered by one loop so that the next request with the same token costs one hash
 * (the DPoP proof is verified each time). Also keeps what the access log says of the caller: the encrypted national id in it
 * has a nonce, so it must stand still for a session's log rows to share one interned context.
 */
struct session {
	struct arena *arena;
	uint8_t token[32]; /* SHA-256 */
	struct principal principal;
	struct str context; /* context_render() */
	struct str kid;
	/* The keyset that vouched; held. NULL for a development principal and a certificate. */
	struct keyset *keys;
	instant until;
	unsigned references; /* of one loop only, so not atomic */
	bool lasting;        /* a development principal: shared by all loops, freed with the hub */
};

/* A session of its own arena with one reference; everything is copied. */
struct session *session_new(const struct seal *seal, const struct principal *principal);
/* By which token and key it was verified. `keys` is held; NULL: by no key (a certificate's). */
void session_bind(struct session *session, const uint8_t token[static 32], struct str kid,
	struct keyset *keys, instant until);
struct session *session_hold(struct session *session);
/* Sets the pointer to NULL; accepts a pointer to NULL. */
void session_drop(struct session **session);

/* The sessions of one loop: a fixed number, two to a slot, the older gives way. */
struct sessions;

struct sessions *sessions_new(void);
void sessions_free(struct sessions **sessions);
/* The session of this token, held, while it lasts; whether its keyset is still the issuer's is the caller's to ask. */
struct session *sessions_find(
	struct sessions *sessions, const uint8_t token[static 32], instant now);
/* Takes a reference of its own. */
void sessions_put(struct sessions *sessions, struct session *session);

/* The session of a certificate that is this principal's, held: the remembered one, or a new one for a minute. */
struct session *sessions_certificate(struct sessions **sessions, const struct seal *seal,
	const struct certificate *certificate, const struct principal *principal, instant now);

/* What tokens must be, by the configuration. `keys` may be NULL for token_claims(). */
struct issuer_policy issuer_policy_of(
	const struct config *config, enum issuer_kind kind, const struct keyset *keys);
/* Which national ids this installation takes. */
enum national_policy national_policy_of(const struct config *config);

#endif
