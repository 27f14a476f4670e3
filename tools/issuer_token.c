/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Makes the access tokens of the test issuer. libjwt signs where it can: it always writes typ "JWT" and knows no PS*, so `at+jwt` (RFC 9068) and PS256 go by authz/jose.
 */
#include "tools/issuer.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>

#include "authz/seal.h"

#define ATTEST_CLAIM "nhn:tillitsrammeverk:parameters"

static bool read_file(struct arena *arena, const char *path, struct str *out)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	struct buf text = buf_new(arena, 8192, 1 << 20);
	char piece[4096];
	for (size_t n = fread(piece, 1, sizeof(piece), file); n > 0;
		n = fread(piece, 1, sizeof(piece), file))
		buf_add(&text, (struct str){ piece, n });
	fclose(file);
	*out = buf_str(&text);
	return !text.full;
}

/* The claims of `principal.NAME = {...}` in the configuration. */
static const struct json *persona_claims(
	struct arena *arena, const char *path, struct str name, struct outcome *outcome)
{
	struct str text, line, rest;
	if (!read_file(arena, path, &text)) {
		outcome_fail(outcome, OUTCOME_FAULT, STR(""), "cannot read %s", path);
		return NULL;
	}
	for (rest = text; rest.length > 0;) {
		line = str_cut(rest, '\n', &rest);
		struct str value, key = str_trim(str_cut(line, '=', &value));
		if (!str_starts(key, STR("principal.")) ||
			!str_equal(str_part(key, 10, key.length), name))
			continue;
		return json_parse(arena, str_trim(value), 1000, outcome);
	}
	outcome_fail(outcome, OUTCOME_NOT_FOUND, STR("persona"), "no principal.%.*s in %s",
		STR_ARG(name), path);
	return NULL;
}

/* RFC 9449 section 5: the proof at the token endpoint binds the token to its key. Its signature is checked; htu and replay are not: this is a test issuer. */
static bool proof_thumbprint(
	struct arena *arena, struct str proof, struct str *jkt, struct outcome *outcome)
{
	struct jws jws;
	if (!jws_parse(arena, proof, &jws, outcome))
		return false;
	struct jose_key *key = jose_key_from_jwk(json_get(jws.header, "jwk"), outcome);
	if (key == NULL)
		return false;
	const bool good = jws_verify(&jws, key, outcome);
	if (good)
		*jkt = jose_thumbprint(arena, key);
	jose_key_free(&key);
	return good;
}

/* The attest as a real one has it: `toa` is the time of attestation (ATT-58), put in where the persona has none. */
static void write_attest(struct buf *out, const struct json *attest, instant now)
{
	json_write_comma(out);
	json_write_name(out, ATTEST_CLAIM);
	if (attest->type != JSON_OBJECT || json_get(attest, "toa") != NULL || attest->count == 0) {
		json_write(out, attest);
		return;
	}
	buf_add_format(out, "{\"toa\":%lld,", (long long)(now / INSTANT_SECOND));
	buf_add(out, str_part(attest->raw, 1, attest->raw.length));
}

static void write_claims(
	struct buf *out, const struct json *claims, const struct json *set, instant now)
{
	json_each(member, claims)
	{
		if (set != NULL && set->type == JSON_OBJECT) {
			bool replaced = false;
			json_each(other, set) replaced =
				replaced || str_equal(other->key, member->key);
			if (replaced)
				continue;
		}
		if (str_is(member->key, ATTEST_CLAIM)) {
			write_attest(out, member, now);
			continue;
		}
		json_write_comma(out);
		json_write_string(out, member->key);
		buf_add_byte(out, ':');
		json_write(out, member);
	}
	json_each(member, set)
	{
		if (member->type == JSON_NULL)
			continue;
		json_write_comma(out);
		json_write_string(out, member->key);
		buf_add_byte(out, ':');
		json_write(out, member);
	}
}

/* Standard claims that neither the persona nor `set` gives. */
static void write_standard(struct buf *out, const struct json *claims, const struct json *set,
	const char *name, struct str value)
{
	if (json_get(claims, name) != NULL || json_get(set, name) != NULL)
		return;
	json_write_comma(out);
	json_write_name(out, name);
	buf_add(out, value);
}

static bool sign_by_libjwt(struct arena *arena, struct str payload, const char *kid,
	const struct issuer_key *key, struct str *out)
{
	jwt_t *jwt = NULL;
	if (jwt_new(&jwt) != 0)
		return false;
	struct str pem = jose_key_to_pem(arena, key->key), text = str_copy(arena, payload);
	const jwt_alg_t alg = jwt_str_alg(jose_alg_name(key->alg));
	char *token = NULL;
	if (alg != JWT_ALG_INVAL && jwt_add_grants_json(jwt, text.at) == 0 &&
		jwt_add_header(jwt, "kid", kid) == 0 &&
		jwt_set_alg(jwt, alg, (const unsigned char *)pem.at, (int)pem.length) == 0)
		token = jwt_encode_str(jwt);
	if (token != NULL)
		*out = str_copy(arena, str_of(token));
	free(token); /* jwt_encode_str() allocates it; 1.10.2 has no jwt_free_str() */
	jwt_free(jwt);
	return token != NULL;
}

static bool sign(struct arena *arena, const struct issuer_key *key, const struct token_ask *ask,
	struct str payload, struct str *out, struct outcome *outcome)
{
	enum jose_alg alg = key->alg;
	struct str typ = ask->typ.length > 0 ? ask->typ : STR("JWT");
	struct str kid = ask->kid.length > 0 ? ask->kid : str_of(key->kid);

	if (ask->alg.length > 0 &&
		(!jose_alg_parse(ask->alg, &alg) || !jose_key_fits(key->key, alg)))
		return outcome_fail(outcome, OUTCOME_VALUE, STR("alg"),
			"the signing key makes no such signature");
	const bool libjwt_can =
		str_is(typ, "JWT") && alg == key->alg && (alg <= JOSE_RS512 || alg >= JOSE_ES256);
	if (libjwt_can && sign_by_libjwt(arena, payload, str_copy(arena, kid).at, key, out))
		return true;
	struct str header = str_format(arena, "{\"alg\":\"%s\",\"typ\":\"%.*s\",\"kid\":\"%.*s\"}",
		jose_alg_name(alg), STR_ARG(typ), STR_ARG(kid));
	*out = jws_sign(arena, header, payload, alg, key->key);
	return out->length > 0 || outcome_fail(outcome, OUTCOME_FAULT, STR(""), "signing failed");
}

bool issuer_token(const struct issuer_site *site, const struct issuer *issuer, struct arena *arena,
	const struct token_ask *ask, struct str *out, struct outcome *outcome)
{
	const struct json *claims = persona_claims(arena, site->personas, ask->persona, outcome);
	const struct json *set = NULL;
	int64_t lifetime = 600;
	struct str jkt = STR("");

	if (claims == NULL)
		return false;
	if (ask->set.length > 0) {
		set = json_parse(arena, ask->set, 1000, outcome);
		if (set == NULL)
			return false;
	}
	if (ask->lifetime.length > 0 && !str_to_i64(ask->lifetime, &lifetime))
		return outcome_fail(
			outcome, OUTCOME_VALUE, STR("lifetime"), "lifetime is a number of seconds");
	if (ask->proof.length > 0 && !proof_thumbprint(arena, ask->proof, &jkt, outcome))
		return false;

	const int64_t seconds = ask->now / INSTANT_SECOND;
	uint8_t random[16];
	seal_random(random, sizeof(random));
	struct buf payload = buf_new(arena, 2048, 1 << 16);
	buf_add_byte(&payload, '{');
	write_claims(&payload, claims, set, ask->now);
	write_standard(&payload, claims, set, "iss",
		str_format(arena, "\"%s/%s\"", site->base, issuer->name));
	write_standard(&payload, claims, set, "aud", str_format(arena, "\"%s\"", site->audience));
	write_standard(&payload, claims, set, "iat", str_format(arena, "%lld", (long long)seconds));
	write_standard(&payload, claims, set, "nbf", str_format(arena, "%lld", (long long)seconds));
	write_standard(&payload, claims, set, "exp",
		str_format(arena, "%lld", (long long)(seconds + lifetime)));
	write_standard(&payload, claims, set, "jti",
		str_format(arena, "\"%.*s\"", STR_ARG(str_hex(arena, random, 16))));
	if (jkt.length > 0)
		write_standard(&payload, claims, set, "cnf",
			str_format(arena, "{\"jkt\":\"%.*s\"}", STR_ARG(jkt)));
	buf_add_byte(&payload, '}');
	return sign(arena, &issuer->keys[issuer->count - 1], ask, buf_str(&payload), out, outcome);
}
