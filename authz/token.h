/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_TOKEN_H
#define AUTHZ_TOKEN_H

#include "authz/jose.h"
#include "authz/principal.h"

enum issuer_kind { ISSUER_STAFF, ISSUER_CITIZEN };

/* An issuer's keys: an immutable snapshot, atomically reference counted, swapped whole. */
struct keyset_key {
	char kid[129];
	bool alg_known; /* JWK had alg */
	enum jose_alg alg;
	struct jose_key *key;
};
struct keyset {
	struct keyset_key *keys;
	size_t count;
	struct arena *arena; /* owns it, but for the keys */
	int references;      /* atomic */
};

/*
 * From a JWK Set text (at most 256 kB, 64 keys); keys that are not for signatures or that we do
 * not take are left out; none left is an error, and so are two of one kid. The caller holds one
 * reference.
 */
struct keyset *keyset_parse(struct str text, struct outcome *outcome);
struct keyset *keyset_hold(struct keyset *keyset);
void keyset_drop(struct keyset **keyset);
const struct keyset_key *keyset_find(const struct keyset *keyset, struct str kid);

/* What an issuer's tokens must be. */
struct issuer_policy {
	struct str issuer;
	enum issuer_kind kind;
	const struct keyset *keys;
	struct str audience;
	struct str scope_names[4]; /* in the order of enum scope's bits */
	instant leeway;            /* for exp and nbf */
	instant attest_age_max;    /* 60 minutes (ATT-58) */
	bool bearer_allowed;       /* tokens without cnf */
	enum national_policy national;
};

/*
 * What the token says about itself before anything is believed: to choose issuer and key.
 * Issuer unknown or kid unknown is the caller's to tell apart (refresh once).
 */
struct token_peek {
	struct str issuer, kid;
};
bool token_peek(
	struct arena *arena, struct str token, struct token_peek *out, struct outcome *outcome);

/*
 * Verifies an access token (norway.md 1.2: signature by the key of kid whose alg the header
 * must equal, typ at+jwt or JWT, iss exact, exactly one aud, exp, nbf, scope
 * as array or text) and reads its claims into *out, the attest included (object, array of one,
 * or JSON text; care_relation and care_relationship; OIDs with and without urn:oid:).
 * UNAUTHENTICATED for the token; SUPPRESSED (403) for an attest that is malformed,
 * expired (text "attestation_has_expired"), of another legal entity, place or person.
 * out->expires: when the token, or the attest in it, must be read anew; a cache keeps the
 * principal no longer.
 */
bool token_read(struct arena *arena, struct str token, const struct issuer_policy *policy,
	instant now, struct principal *out, struct outcome *outcome);

/*
 * The claims alone, for the development door: `claims` is the payload a token would have had.
 * Same judgement but for signature, times and the presence of jti and cnf.
 */
bool token_claims(struct arena *arena, const struct json *claims,
	const struct issuer_policy *policy, instant now, struct principal *out,
	struct outcome *outcome);

#endif
