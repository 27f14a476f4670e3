/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_DPOP_H
#define AUTHZ_DPOP_H

#include "authz/jose.h"
#include "fhir/base/instant.h"

/* What a proof must be for (RFC 9449 section 4.3). */
struct dpop_ask {
	struct str method;
	struct str url;   /* scheme://host[:port]path of the public base URL, without query */
	struct str token; /* the access token, for ath */
	struct str jkt;   /* cnf.jkt of the token */
	instant now;
	instant back, ahead; /* iat in [now - back, now + ahead] */
	instant not_before;  /* proofs older than the process are refused; 0: no such bound */
};

/* Verifies a proof: exactly one JWS, typ dpop+jwt, alg of the nine, public jwk whose thumbprint
 * is jkt, signature, ath, htm, htu (without query and fragment), iat, jti (1 to 256 bytes).
 * *jti_out is what the replay check remembers; *iat_out its time. UNAUTHENTICATED with a text
 * for WWW-Authenticate otherwise. */
bool dpop_verify(struct arena *arena, struct str proof, const struct dpop_ask *ask,
	struct str *jti_out, instant *iat_out, struct outcome *outcome);

#endif
