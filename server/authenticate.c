/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who is calling: access token (RFC 9068, HelseID's profile) and proof of possession (RFC 9449), before a byte of the
 * body is looked at. A token is verified once a minute per loop; its proof each time. Where the door has asked for a
 * client certificate, that is all there is, and TLS has verified it.
 */
#include "authz/dpop.h"
#include "authz/token.h"
#include "server/dev.h"
#include "server/keys.h"
#include "server/loop.h"
#include "server/replay.h"
#include "server/session.h"
#include "server/steps.h"

#define TOKEN_MAX     ((size_t)16 << 10)
#define PROOF_MAX     ((size_t)8 << 10)
#define SESSION_LASTS (60 * INSTANT_SECOND)
#define INVALID_TOKEN "invalid_token"
#define INVALID_PROOF "invalid_dpop_proof"
#define NO_ATTEST     "insufficient_authorization_details"
#define NOWHERE       ((struct str){ 0 })

enum { PHASE_LOOK, PHASE_ASKED };

static void refuse(struct exchange *exchange, const char *challenge, const char *text)
{
	exchange->challenge = challenge;
	outcome_fail(&exchange->outcome, OUTCOME_UNAUTHENTICATED, NOWHERE, "%s", text);
}

static void take(struct exchange *exchange, struct session *session)
{
	exchange->session = session;
	exchange->principal = session->principal;
}

/* The token of the Authorization header; *dpop_out: its scheme. */
static bool credentials(struct exchange *exchange, struct str *token_out, bool *dpop_out)
{
	const struct request *request = &exchange->request;
	if (request->authorization_count == 0) {
		refuse(exchange, NULL, "an access token is required: Authorization: DPoP <token>");
		return false;
	}
	struct str token;
	const struct str scheme = str_cut(request->authorization, ' ', &token);
	const bool dpop = str_equal_nocase(scheme, STR("DPoP"));
	const bool bearer = str_equal_nocase(scheme, STR("Bearer"));
	const char *fault = NULL;
	if (request->authorization_count > 1)
		fault = "more than one Authorization header";
	else if (!dpop && !bearer)
		fault = "the Authorization scheme must be DPoP";
	else if (token.length == 0 || token.length > TOKEN_MAX)
		fault = "the access token is empty or too long";
	if (fault != NULL) {
		refuse(exchange, INVALID_TOKEN, fault);
		return false;
	}
	*token_out = token;
	*dpop_out = dpop;
	return true;
}

/* The remembered session of the token, if the key that vouched for it is still the issuer's. */
static struct session *remembered(struct exchange *exchange, const uint8_t digest[static 32])
{
	struct loop *loop = exchange->loop;
	if (loop->sessions == NULL)
		loop->sessions = sessions_new();
	struct session *session = sessions_find(loop->sessions, digest, loop->now);
	if (session == NULL)
		return NULL;
	struct keyset *keys = NULL;
	const bool found =
		keys_find(loop->hub->keys, session->principal.issuer, session->kid, &keys);
	const bool same = found && keys == session->keys;
	if (found)
		keyset_drop(&keys);
	if (!same)
		session_drop(&session);
	return session;
}

/* Nobody vouches for the token's key: ask its issuer once, then refuse. */
static void key_unknown(struct exchange *exchange, struct str issuer)
{
	struct keys *keys = exchange->loop->hub->keys;
	if (exchange->phase == PHASE_LOOK && keys_ask(keys, issuer, exchange)) {
		exchange->phase = PHASE_ASKED;
		exchange_yield(exchange);
		return;
	}
	if (keys_away(keys, issuer)) {
		outcome_fail(&exchange->outcome, OUTCOME_BUSY, NOWHERE,
			"the token issuer's keys cannot be fetched at present; try again");
		return;
	}
	refuse(exchange, INVALID_TOKEN, "the access token is of an unknown issuer or key");
}

/* How long the verification holds: never past the token, its attest, or a minute. */
static instant lasts_until(const struct exchange *exchange, const struct principal *principal)
{
	instant until = exchange->loop->now + SESSION_LASTS;
	if (principal->expires < until)
		until = principal->expires;
	const instant age_max = exchange->loop->hub->config->attest_age_max;
	if (principal->attest.toa != 0 && principal->attest.toa + age_max < until)
		until = principal->attest.toa + age_max;
	return until;
}

/* A token not seen before, or not of late. NULL: refused, or the exchange waits for keys. */
static struct session *verified(
	struct exchange *exchange, struct str token, const uint8_t digest[static 32])
{
	const struct hub *hub = exchange->loop->hub;
	struct token_peek peek;
	exchange->challenge = INVALID_TOKEN;
	if (!token_peek(exchange->arena, token, &peek, &exchange->outcome))
		return NULL;
	struct keyset *keys = NULL;
	if (!keys_find(hub->keys, peek.issuer, peek.kid, &keys)) {
		key_unknown(exchange, peek.issuer);
		return NULL;
	}
	const bool citizen = str_is(peek.issuer, hub->config->citizen_issuer);
	const struct issuer_policy policy =
		issuer_policy_of(hub->config, citizen ? ISSUER_CITIZEN : ISSUER_STAFF, keys);
	struct principal principal = { 0 };
	struct session *session = NULL;
	if (token_read(exchange->arena, token, &policy, exchange->loop->now, &principal,
		    &exchange->outcome)) {
		session = session_new(hub->seal, &principal);
		session_bind(session, digest, peek.kid, keys, lasts_until(exchange, &principal));
		exchange->challenge = NULL;
	} else if (outcome_first(&exchange->outcome) == OUTCOME_SUPPRESSED) {
		exchange->challenge = NO_ATTEST;
	}
	keyset_drop(&keys);
	return session;
}

static bool proof_is_fresh(struct exchange *exchange, struct str jkt, struct str jti, instant iat)
{
	const struct loop *loop = exchange->loop;
	const instant until = iat + loop->hub->config->dpop_back;
	switch (replay_check(loop->hub->replay, jkt, jti, until, loop->now)) {
	case REPLAY_FRESH:
		return true;
	case REPLAY_SEEN:
		refuse(exchange, INVALID_PROOF, "the DPoP proof was used before");
		return false;
	case REPLAY_FULL:
		return outcome_fail(&exchange->outcome, OUTCOME_BUSY, NOWHERE,
			"too many DPoP proofs at present; try again with a new one");
	}
	return false;
}

/* RFC 9449 4.3: that the sender of this request holds the key its token is bound to. */
static bool proof_holds(struct exchange *exchange, struct str token, struct str jkt)
{
	const struct request *request = &exchange->request;
	const struct config *config = exchange->loop->hub->config;
	if (request->dpop_count != 1 || request->dpop.length > PROOF_MAX) {
		refuse(exchange, INVALID_PROOF,
			"exactly one DPoP header of at most 8 KiB is required");
		return false;
	}
	const struct dpop_ask ask = {
		.method = request->method,
		.url = str_format(
			exchange->arena, "%s%.*s", config->public_url, STR_ARG(request->path)),
		.token = token,
		.jkt = jkt,
		.now = exchange->loop->now,
		.back = config->dpop_back,
		.ahead = config->dpop_ahead,
		.not_before = exchange->loop->hub->started,
	};
	struct str jti;
	instant iat;
	if (!dpop_verify(exchange->arena, request->dpop, &ask, &jti, &iat, &exchange->outcome)) {
		exchange->challenge = INVALID_PROOF;
		return false;
	}
	return proof_is_fresh(exchange, jkt, jti, iat);
}

/* Bound tokens come by DPoP with their proof, unbound ones (where allowed) by Bearer; never the other way round. */
static bool possession(struct exchange *exchange, struct str token, bool dpop)
{
	const struct str jkt = exchange->principal.jkt;
	if (dpop != (jkt.length > 0) || (!dpop && !exchange->loop->hub->config->bearer)) {
		refuse(exchange, INVALID_TOKEN,
			dpop ? "the access token is not bound to a DPoP key"
			     : "the access token must come with Authorization: DPoP and a proof");
		return false;
	}
	return !dpop || proof_holds(exchange, token, jkt);
}

static void by_token(struct exchange *exchange)
{
	struct str token;
	bool dpop;
	if (!credentials(exchange, &token, &dpop))
		return;
	uint8_t digest[32];
	seal_sha256(token, digest);
	struct session *session = remembered(exchange, digest);
	const bool known = session != NULL;
	if (!known)
		session = verified(exchange, token, digest);
	if (session == NULL)
		return;
	take(exchange, session);
	if (!possession(exchange, token, dpop))
		return;
	if (!known)
		sessions_put(exchange->loop->sessions, session);
	exchange->authenticated = true;
}

static void by_name(struct exchange *exchange)
{
	const struct dev *dev = exchange->loop->hub->dev;
	struct session *session =
		dev == NULL ? NULL : dev_find(dev, exchange->request.dev_principal);
	if (session == NULL) {
		refuse(exchange, NULL, "X-Dev-Principal names no principal of the configuration");
		return;
	}
	take(exchange, session);
	exchange->authenticated = true;
}

/* Who that is, the rules say: PERMIT asks them (permit.c). */
static void by_certificate(struct exchange *exchange)
{
	const struct certificate *certificate = exchange->request.certificate;
	if (certificate->expires <= exchange->loop->now) {
		refuse(exchange, NULL, "the client certificate has expired");
		return;
	}
	certificate_principal(exchange->arena, certificate, &exchange->principal);
	exchange->authenticated = true;
}

/* Who had sent the message that is released: the rules say, as for a certificate. */
static void by_release(struct exchange *exchange)
{
	exchange->principal = (struct principal){
		.kind = PRINCIPAL_SYSTEM,
		.scopes = SCOPE_OBSERVATION_WRITE,
		.client_id = exchange->request.release->client,
	};
	exchange->authenticated = true;
}

void step_authenticate(struct exchange *exchange)
{
	if (exchange->route->kinds == 0)
		return;
	if (exchange->request.release != NULL)
		by_release(exchange);
	else if (exchange->request.certificate != NULL)
		by_certificate(exchange);
	else if (exchange->request.development)
		by_name(exchange);
	else
		by_token(exchange);
}
