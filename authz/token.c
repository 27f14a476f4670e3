/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Access tokens, as norway.md section 1.2 and RFC 9068 want them. The signature is verified
 * before any claim is
 * believed; issuer and kid alone are read before that, to know by which key.
 */
#include "authz/token.h"

#include "authz/claims.h"
#include "fhir/base/arena.h"

#define CLAIM_PID         "helseid://claims/identity/pid"
#define CLAIM_LEVEL       "helseid://claims/identity/security_level"
#define CLAIM_ASSURANCE   "helseid://claims/identity/assurance_level"
#define CLAIM_HPR         "helseid://claims/hpr/hpr_number"
#define CLAIM_CLIENT_NAME "helseid://claims/client/client_name"
#define CLAIM_PARENT      "helseid://claims/client/claims/orgnr_parent"
#define CLAIM_CHILD       "helseid://claims/client/claims/orgnr_child"
#define CLAIM_SUPPLIER    "helseid://claims/client/claims/orgnr_supplier"
#define CLAIM_ATTEST      "nhn:tillitsrammeverk:parameters"

#define SCOPES       4
#define THUMB_LENGTH 43 /* base64url of 32 bytes */
#define HPR_MAX      12

/* What every step needs. */
struct reading {
	struct arena *arena;
	const struct json *claims;
	const struct issuer_policy *policy;
	instant now;
	struct principal *out;
	struct outcome *outcome;
};

static bool refuse(struct outcome *outcome, const char *why)
{
	return outcome_fail(outcome, OUTCOME_UNAUTHENTICATED, STR(""), "%s", why);
}

bool token_peek(
	struct arena *arena, struct str token, struct token_peek *out, struct outcome *outcome)
{
	struct jws jws;
	if (!jws_parse(arena, token, &jws, outcome))
		return false;
	if (!kid_is_valid(jws.kid))
		return refuse(outcome, "The token has no key id we can look up.");
	const struct json *issuer = json_get(jws.payload, "iss");
	if (issuer == NULL || issuer->type != JSON_STRING || issuer->text.length == 0)
		return refuse(outcome, "The token has no issuer.");
	*out = (struct token_peek){ .issuer = issuer->text, .kid = jws.kid };
	return true;
}

/*
 * Exactly one audience, and it is us: a token for several could be spent here by another of
 * them.
 */
static bool audience_check(const struct reading *reading)
{
	const struct json *audience = json_get(reading->claims, "aud");
	if (audience != NULL && audience->type == JSON_ARRAY && audience->count == 1)
		audience = audience->first;
	if (audience == NULL || audience->type != JSON_STRING ||
		!str_equal(audience->text, reading->policy->audience))
		return refuse(reading->outcome, "The token is not for this service alone.");
	return true;
}

/* nbf and iat may be absent, exp may not. What is there must be a time. */
static bool times_check(const struct reading *reading)
{
	const struct json *not_before = json_get(reading->claims, "nbf");
	const struct json *issued = json_get(reading->claims, "iat");
	const instant soon = reading->now + reading->policy->leeway;
	instant expires, from = INSTANT_MIN, made = INSTANT_MIN;
	if (!claim_time(json_get(reading->claims, "exp"), &expires))
		return refuse(reading->outcome, "The token has no expiry.");
	if ((not_before != NULL && !claim_time(not_before, &from)) ||
		(issued != NULL && !claim_time(issued, &made)))
		return refuse(reading->outcome, "The token's times are malformed.");
	if (reading->now >= expires + reading->policy->leeway)
		return refuse(reading->outcome, "The token has expired.");
	if (from > soon || made > soon)
		return refuse(reading->outcome, "The token is not valid yet.");
	reading->out->expires = expires;
	return true;
}

static unsigned scope_bit(const struct issuer_policy *policy, struct str name)
{
	for (unsigned i = 0; i < SCOPES; i++)
		if (name.length > 0 && str_equal(name, policy->scope_names[i]))
			return 1u << i;
	return 0; /* another service's */
}

/* An array of names, or one text with spaces between them. No scope is no right, not an error. */
static bool scopes_read(const struct reading *reading)
{
	const struct json *scope = json_get(reading->claims, "scope");
	unsigned scopes = 0;
	if (scope != NULL && scope->type == JSON_ARRAY) {
		json_each(item, scope)
		{
			if (item->type != JSON_STRING)
				return refuse(reading->outcome, "The token's scope is malformed.");
			scopes |= scope_bit(reading->policy, item->text);
		}
	} else if (scope != NULL && scope->type == JSON_STRING) {
		struct str rest = scope->text;
		while (rest.length > 0)
			scopes |= scope_bit(reading->policy, str_cut(rest, ' ', &rest));
	} else if (scope != NULL) {
		return refuse(reading->outcome, "The token's scope is malformed.");
	}
	reading->out->scopes = scopes;
	return true;
}

/* cnf, where it is there, must be the one kind of binding we can check (RFC 9449 section 6.1). */
static bool binding_read(const struct reading *reading)
{
	const struct json *binding = json_get(reading->claims, "cnf");
	struct str digest;
	if (binding == NULL)
		return true;
	const struct str jkt = json_text(binding, "jkt");
	if (binding->type != JSON_OBJECT || binding->count != 1 || jkt.length != THUMB_LENGTH ||
		!str_from_base64url(reading->arena, jkt, &digest))
		return refuse(
			reading->outcome, "The token is bound to a key in a way we cannot check.");
	reading->out->jkt = jkt;
	return true;
}

static bool client_read(const struct reading *reading)
{
	struct principal *out = reading->out;
	out->issuer = reading->policy->issuer;
	if (!claim_needed(reading->claims, "client_id", &out->client_id) ||
		!claim_text(reading->claims, "jti", &out->jti) ||
		!claim_text(reading->claims, CLAIM_CLIENT_NAME, &out->client_name))
		return refuse(reading->outcome,
			"The token's client_id, jti or client_name is missing or malformed.");
	return true;
}

/*
 * A personal number that is there must be right: a token that lost it must not pass for a
 * system's.
 */
static bool person_read(const struct reading *reading)
{
	const struct json *pid = json_get(reading->claims, CLAIM_PID);
	struct outcome unseen = { .arena = reading->arena };
	struct national_id id;
	struct principal *out = reading->out;
	if (!claim_text(reading->claims, "name", &out->name) ||
		!claim_text(reading->claims, CLAIM_HPR, &out->hpr) ||
		(out->hpr.length > 0 && (!str_is_digits(out->hpr) || out->hpr.length > HPR_MAX)))
		return refuse(reading->outcome, "The token's name or HPR number is malformed.");
	if (pid == NULL)
		return true;
	if (pid->type != JSON_STRING ||
		!national_id_parse(STR(OID_FNR), pid->text, reading->policy->national, STR(""), &id,
			&unseen) ||
		id.kind == NATIONAL_FHN)
		return refuse(reading->outcome, "The token's pid is no fødselsnummer or D-number.");
	out->pid = pid->text;
	return true;
}

/* How sure the issuer is of the person. ATT-9: level 4 of staff; citizens log in with 3 or 4. */
static bool level_check(const struct reading *reading, bool three_is_enough)
{
	struct str level, assurance;
	if (!claim_text(reading->claims, CLAIM_LEVEL, &level) ||
		!claim_text(reading->claims, CLAIM_ASSURANCE, &assurance))
		return refuse(reading->outcome, "The token's security level is malformed.");
	const bool enough = str_is(level, "4") || (three_is_enough && str_is(level, "3")) ||
			    (!three_is_enough && str_is(assurance, "high"));
	if (!enough)
		return refuse(reading->outcome, "The token's security level is too low.");
	reading->out->security_level = level.length > 0 ? level : assurance;
	return true;
}

static bool organisations_read(const struct reading *reading)
{
	const enum national_policy policy = reading->policy->national;
	struct principal *out = reading->out;
	struct str parent;
	uint32_t unused;
	if (!claim_text(reading->claims, CLAIM_PARENT, &parent) ||
		!claim_text(reading->claims, CLAIM_CHILD, &out->orgnr_child) ||
		!claim_text(reading->claims, CLAIM_SUPPLIER, &out->orgnr_supplier) ||
		!orgnr_read(parent, policy, &out->orgnr))
		return refuse(
			reading->outcome, "The token has no orgnr_parent, or a malformed one.");
	if ((out->orgnr_child.length > 0 && !orgnr_read(out->orgnr_child, policy, &unused)) ||
		(out->orgnr_supplier.length > 0 &&
			!orgnr_read(out->orgnr_supplier, policy, &unused)))
		return refuse(reading->outcome,
			"The token's orgnr_child or orgnr_supplier is malformed.");
	return true;
}

static bool token_attest_read(const struct reading *reading)
{
	const struct json *claim = json_get(reading->claims, CLAIM_ATTEST);
	struct principal *out = reading->out;
	if (claim == NULL)
		return true;
	const struct attest_ask ask = {
		.pid = out->pid,
		.hpr = out->hpr,
		.orgnr = out->orgnr,
		.orgnr_child = out->orgnr_child,
		.now = reading->now,
		.leeway = reading->policy->leeway,
		.age_max = reading->policy->attest_age_max,
		.national = reading->policy->national,
	};
	if (!attest_read(reading->arena, claim, &ask, &out->attest, reading->outcome))
		return false;
	const instant old = out->attest.toa + ask.age_max;
	if (out->attest.toa != 0 && old < out->expires)
		out->expires = old;
	return true;
}

static bool citizen_read(const struct reading *reading)
{
	reading->out->kind = PRINCIPAL_CITIZEN;
	if (reading->out->pid.length == 0)
		return refuse(reading->outcome, "The token names no citizen.");
	if (json_get(reading->claims, CLAIM_ATTEST) != NULL)
		return outcome_fail(reading->outcome, OUTCOME_SUPPRESSED, STR(""),
			"A citizen's token holds no attest.");
	return level_check(reading, true);
}

static bool staff_read(const struct reading *reading)
{
	const bool is_person = reading->out->pid.length > 0;
	reading->out->kind = is_person ? PRINCIPAL_PRACTITIONER : PRINCIPAL_SYSTEM;
	if (is_person && !level_check(reading, false))
		return false;
	return organisations_read(reading) && token_attest_read(reading);
}

static bool claims_read(const struct reading *reading)
{
	if (!str_equal(json_text(reading->claims, "iss"), reading->policy->issuer))
		return refuse(reading->outcome, "The token is of another issuer.");
	if (!audience_check(reading) || !client_read(reading) || !scopes_read(reading) ||
		!binding_read(reading) || !person_read(reading))
		return false;
	switch (reading->policy->kind) {
	case ISSUER_CITIZEN:
		return citizen_read(reading);
	case ISSUER_STAFF:
		return staff_read(reading);
	}
	return refuse(reading->outcome, "The issuer's kind is unknown.");
}

/* The signature, by the key of kid, with the algorithm that key is for. */
static bool signature_check(
	const struct jws *jws, const struct issuer_policy *policy, struct outcome *outcome)
{
	if (!str_is(jws->typ, "at+jwt") && !str_is(jws->typ, "JWT"))
		return refuse(outcome, "The token's typ is not that of an access token.");
	const struct keyset_key *key =
		kid_is_valid(jws->kid) ? keyset_find(policy->keys, jws->kid) : NULL;
	if (key == NULL)
		return refuse(outcome, "The token's key is not one of the issuer's.");
	if (key->alg_known && key->alg != jws->alg)
		return refuse(outcome, "The token's algorithm is not its key's.");
	return jws_verify(jws, key->key, outcome);
}

bool token_read(struct arena *arena, struct str token, const struct issuer_policy *policy,
	instant now, struct principal *out, struct outcome *outcome)
{
	struct jws jws;
	struct principal principal = { 0 };
	if (!jws_parse(arena, token, &jws, outcome) || !signature_check(&jws, policy, outcome))
		return false;
	const struct reading reading = { arena, jws.payload, policy, now, &principal, outcome };
	if (!times_check(&reading) || !claims_read(&reading))
		return false;
	if (principal.jti.length == 0) /* RFC 9068 section 2.2 */
		return refuse(outcome, "The token has no jti.");
	if (principal.jkt.length == 0 && !policy->bearer_allowed)
		return refuse(outcome, "The token is not bound to a key.");
	*out = principal;
	return true;
}

bool token_claims(struct arena *arena, const struct json *claims,
	const struct issuer_policy *policy, instant now, struct principal *out,
	struct outcome *outcome)
{
	struct principal principal = { .expires = INSTANT_MAX };
	const struct reading reading = { arena, claims, policy, now, &principal, outcome };
	if (!claims_read(&reading))
		return false;
	*out = principal;
	return true;
}
