/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_JOSE_H
#define AUTHZ_JOSE_H

#include "fhir/base/json.h"
#include "fhir/base/outcome.h"

/*
 * The signature algorithms HelseID allows (RFC 7518); nothing else exists here: no "none", no
 * HS*.
 */
enum jose_alg {
	JOSE_RS256,
	JOSE_RS384,
	JOSE_RS512,
	JOSE_PS256,
	JOSE_PS384,
	JOSE_PS512,
	JOSE_ES256,
	JOSE_ES384,
	JOSE_ES512,
	JOSE_ALGS
};

/*
 * A key (doorway: OpenSSL). Public, or private for the test issuer, load generator and later
 * signatures. Immutable; shared between threads.
 */
struct jose_key;

/*
 * A public key from a JWK (RFC 7517): RSA of 2048 to 8192 bits, EC P-256/384/521. Private
 * members, symmetric keys, unknown kty are refused. The caller owns it.
 */
struct jose_key *jose_key_from_jwk(const struct json *jwk, struct outcome *outcome);
/* From PEM (private or public). */
struct jose_key *jose_key_from_pem(struct str pem, struct outcome *outcome);
/* A new private key: EC P-256 for ES256, RSA 2048 for RS256 and PS256. */
struct jose_key *jose_key_generate(enum jose_alg alg);
void jose_key_free(struct jose_key **key);

/* PEM of the private key, on the arena. */
struct str jose_key_to_pem(struct arena *arena, const struct jose_key *key);
/* PEM of the public key (for libjwt's comparison test), on the arena. */
struct str jose_key_to_public_pem(struct arena *arena, const struct jose_key *key);
/* The public JWK as JSON text without white space, on the arena. */
struct str jose_key_to_jwk(struct arena *arena, const struct jose_key *key);
/* RFC 7638 thumbprint (SHA-256, base64url, 43 characters), on the arena. */
struct str jose_thumbprint(struct arena *arena, const struct jose_key *key);
/*
 * The same from the JWK's text, without making the key (a tenth of the time): it is the key's
 * thumbprint
 * if jose_key_from_jwk() then takes the JWK. Empty where there are not the members for it.
 */
struct str jose_thumbprint_of(struct arena *arena, const struct json *jwk);
/* May this key make signatures of this algorithm (kty and, for EC, curve)? */
bool jose_key_fits(const struct jose_key *key, enum jose_alg alg);

bool jose_alg_parse(struct str name, enum jose_alg *out);
const char *jose_alg_name(enum jose_alg alg);

/*
 * A JWS in compact form, taken apart strictly: three parts, base64url without padding, JSON
 * objects, no duplicate members, no `crit`, no `b64`, no `zip`. Nothing is verified yet.
 */
struct jws {
	struct str signing_input, signature;
	const struct json *header, *payload;
	enum jose_alg alg;
	struct str kid, typ;
};
bool jws_parse(struct arena *arena, struct str text, struct jws *out, struct outcome *outcome);

/*
 * Does the signature hold under this key? The header's algorithm must fit the key. Failure adds
 * UNAUTHENTICATED.
 */
bool jws_verify(const struct jws *jws, const struct jose_key *key, struct outcome *outcome);

/*
 * Signs: `header` and `payload` are JSON texts. Empty slice when the key does not fit. On the
 * arena.
 */
struct str jws_sign(struct arena *arena, struct str header, struct str payload, enum jose_alg alg,
	const struct jose_key *key);

#endif
