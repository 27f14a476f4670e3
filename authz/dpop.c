/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * DPoP proofs. The numbers are the checks of RFC 9449 section 4.3; 1 (one header), 10 (nonce)
 * and the replay check are the server's.
 */
#include "authz/dpop.h"

#include "authz/claims.h"
#include "authz/seal.h"

#define PROOF_MAX ((size_t)16 << 10)

static bool refuse(struct outcome *outcome, const char *why)
{
	return outcome_fail(outcome, OUTCOME_UNAUTHENTICATED, STR(""), "%s", why);
}

/*
 * 4 to 7: typ, alg (jws_parse took none but the nine), a public key, the signature. The
 * thumbprint comes first: who
 * holds no such key costs us neither a key nor a verification.
 */
static bool signature_check(
	struct arena *arena, const struct jws *jws, struct str jkt, struct outcome *outcome)
{
	struct outcome unseen = { .arena = arena };
	const struct json *jwk = json_get(jws->header, "jwk");
	if (!str_is(jws->typ, "dpop+jwt"))
		return refuse(outcome, "The proof's typ is not dpop+jwt.");
	if (jwk == NULL || jwk->type != JSON_OBJECT)
		return refuse(outcome, "The proof has no key.");
	if (jkt.length == 0 || !str_equal(jose_thumbprint_of(arena, jwk), jkt))
		return refuse(outcome, "The proof's key is not the token's.");
	struct jose_key *key = jose_key_from_jwk(jwk, &unseen);
	if (key == NULL)
		return refuse(outcome, "The proof's key is not a public key we take.");
	const bool held = jws_verify(jws, key, outcome);
	jose_key_free(&key);
	return held;
}

/* 9: without query and fragment. */
static struct str url_of(struct str htu)
{
	struct str rest;
	return str_cut(str_cut(htu, '#', &rest), '?', &rest);
}

static bool request_check(
	const struct json *claims, const struct dpop_ask *ask, struct outcome *outcome)
{
	if (!str_equal(json_text(claims, "htm"), ask->method) || ask->method.length == 0)
		return refuse(outcome, "The proof is for another method.");
	if (!str_equal(url_of(json_text(claims, "htu")), ask->url) || ask->url.length == 0)
		return refuse(outcome, "The proof is for another address.");
	return true;
}

/* 12: base64url of SHA-256 of the token's ASCII. */
static bool token_check(
	struct arena *arena, const struct json *claims, struct str token, struct outcome *outcome)
{
	uint8_t digest[32];
	seal_sha256(token, digest);
	const struct str wanted =
		str_to_base64url(arena, (struct str){ (const char *)digest, sizeof(digest) });
	if (!str_equal(json_text(claims, "ath"), wanted))
		return refuse(outcome, "The proof is for another token.");
	return true;
}

/*
 * 11, and a bound of ours: what was made before this process could have been used at the one
 * before it.
 */
static bool time_check(const struct json *claims, const struct dpop_ask *ask, instant *out,
	struct outcome *outcome)
{
	instant made;
	if (!claim_time(json_get(claims, "iat"), &made))
		return refuse(outcome, "The proof has no time.");
	if (made < ask->now - ask->back || made > ask->now + ask->ahead)
		return refuse(outcome, "The proof is not of this moment.");
	if (made < ask->not_before)
		return refuse(outcome, "The proof is older than this service's start.");
	*out = made;
	return true;
}

bool dpop_verify(struct arena *arena, struct str proof, const struct dpop_ask *ask,
	struct str *jti_out, instant *iat_out, struct outcome *outcome)
{
	struct jws jws;
	instant made = 0;
	if (proof.length > PROOF_MAX)
		return refuse(outcome, "The proof is too long.");
	if (!jws_parse(arena, proof, &jws, outcome) ||
		!signature_check(arena, &jws, ask->jkt, outcome) ||
		!token_check(arena, jws.payload, ask->token, outcome) ||
		!request_check(jws.payload, ask, outcome) ||
		!time_check(jws.payload, ask, &made, outcome))
		return false;
	const struct str jti = json_text(jws.payload, "jti");
	if (jti.length == 0 || jti.length > CLAIM_TEXT_MAX)
		return refuse(outcome, "The proof has no jti of 1 to 256 bytes.");
	*jti_out = jti;
	*iat_out = made;
	return true;
}
