/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The first letter chooses what the rest is: 0 a JWS, 1 a JWK Set, 2 PEM, 3 a token's claims,
 * 4 an attest, 5 a token.
 * Nothing verifies under a key that did not sign it; what is taken has the bounds its header
 * promises; a refusal is
 * one issue at least, and no refusal comes with a result.
 */
#include <stdlib.h>

#include "authz/claims.h"
#include "authz/token.h"
#include "fhir/base/arena.h"

#define NOW        ((instant)1763650000 * INSTANT_SECOND)
#define ARENA_SIZE ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* A key whose private half nobody kept. */
static const char known_set[] = "{\"keys\":[{\"kid\":\"key-1\",\"kty\":\"EC\",\"crv\":\"P-256\","
				"\"x\":\"okXkn4jYOIixX_4nXquF_RwCyliBIceAOCk-iEKT3eQ\","
				"\"y\":\"HJLmP-VqCyBwr0MUyD5ulW6GO_UhC6JpaSYun8Bz-HQ\"}]}";

static void fuzz_jws(struct arena *arena, struct str text, struct outcome *outcome)
{
	struct jws jws = { 0 };
	struct keyset *keyset = keyset_parse(str_of(known_set), outcome);
	require(keyset != NULL && outcome->errors == 0);
	if (jws_parse(arena, text, &jws, outcome)) {
		require(jws.header->type == JSON_OBJECT && jws.payload->type == JSON_OBJECT);
		require(jws.signature.length > 0 && jws.signing_input.length < text.length);
		require(jws.signing_input.at == text.at && jws.alg < JOSE_ALGS);
		require(!jws_verify(&jws, keyset->keys[0].key, outcome));
	}
	require(outcome->errors == 1);
	keyset_drop(&keyset);
}

static void fuzz_keyset(struct arena *arena, struct str text, struct outcome *outcome)
{
	struct keyset *keyset = keyset_parse(text, outcome);
	require((keyset == NULL) == (outcome->errors > 0));
	for (size_t i = 0; keyset != NULL && i < keyset->count; i++) {
		const struct keyset_key *key = &keyset->keys[i];
		require(kid_is_valid(str_of(key->kid)));
		require(keyset_find(keyset, str_of(key->kid)) == key);
		require(!key->alg_known || jose_key_fits(key->key, key->alg));
		require(jose_thumbprint(arena, key->key).length == 43);
		/* What is written is read again, and is the same key. */
		const struct str jwk = jose_key_to_jwk(arena, key->key);
		struct jose_key *again =
			jose_key_from_jwk(json_parse(arena, jwk, 100, outcome), outcome);
		require(again != NULL);
		require(str_equal(jose_key_to_jwk(arena, again), jwk));
		jose_key_free(&again);
	}
	require(keyset == NULL || (keyset->count > 0 && keyset->count <= 64));
	keyset_drop(&keyset);
}

static void fuzz_pem(struct arena *arena, struct str text, struct outcome *outcome)
{
	struct jose_key *key = jose_key_from_pem(text, outcome);
	require((key == NULL) == (outcome->errors > 0));
	if (key != NULL)
		require(jose_key_to_public_pem(arena, key).length > 0);
	jose_key_free(&key);
}

static struct issuer_policy policy_of(const struct keyset *keyset, enum issuer_kind kind)
{
	return (struct issuer_policy){
		.issuer = STR("https://helseid-sts.test.nhn.no"),
		.kind = kind,
		.keys = keyset,
		.audience = STR("nhn:pmd"),
		.scope_names = { STR("nhn:pmd/observation.read"), STR("nhn:pmd/observation.write"),
			STR("nhn:pmd/pil.read"), STR("nhn:pmd/accesslog.read") },
		.leeway = 5 * INSTANT_SECOND,
		.attest_age_max = 3600 * INSTANT_SECOND,
		.national = NATIONAL_BOTH,
	};
}

static void principal_check(const struct principal *principal, enum issuer_kind kind)
{
	require((kind == ISSUER_CITIZEN) == (principal->kind == PRINCIPAL_CITIZEN));
	require((principal->kind == PRINCIPAL_CITIZEN) == (principal->orgnr == 0));
	require((principal->kind == PRINCIPAL_SYSTEM) == (principal->pid.length == 0));
	require(principal->scopes < 16 && principal->client_id.length > 0);
	require(claim_is_shown(principal->name) && claim_is_shown(principal->client_name));
	require(principal->attest.present == (principal->attest.purpose != PURPOSE_NONE));
	require(!principal->attest.present || principal->kind != PRINCIPAL_CITIZEN);
}

static void fuzz_claims(struct arena *arena, struct str text, struct outcome *outcome)
{
	const struct json *claims = json_parse(arena, text, 4096, outcome);
	for (enum issuer_kind kind = ISSUER_STAFF; claims != NULL && kind <= ISSUER_CITIZEN;
		kind++) {
		const struct issuer_policy policy = policy_of(NULL, kind);
		struct outcome own = { .arena = arena };
		struct principal principal = { 0 };
		const bool read = token_claims(arena, claims, &policy, NOW, &principal, &own);
		require(read == (own.errors == 0));
		if (read)
			principal_check(&principal, kind);
	}
}

static void fuzz_attest(struct arena *arena, struct str text, struct outcome *outcome)
{
	const struct json *claim = json_parse(arena, text, 4096, outcome);
	const struct attest_ask ask = { .pid = STR("57912075186"),
		.orgnr = 993467049,
		.now = NOW,
		.age_max = 3600 * INSTANT_SECOND,
		.national = NATIONAL_BOTH };
	struct attest attest = { 0 };
	if (claim == NULL)
		return;
	const bool read = attest_read(arena, claim, &ask, &attest, outcome);
	require(read == (outcome->errors == 0) && read == attest.present);
	if (!read)
		return;
	require(attest.purpose != PURPOSE_NONE && attest.decision_ref.length > 0);
	require(claim_is_shown(attest.decision_text) && str_is(attest.legal_entity, "993467049"));
	require(attest.toa == 0 || (attest.toa <= NOW && attest.toa >= NOW - ask.age_max));
}

static void fuzz_token(struct arena *arena, struct str text, struct outcome *outcome)
{
	struct keyset *keyset = keyset_parse(str_of(known_set), outcome);
	const struct issuer_policy policy = policy_of(keyset, ISSUER_STAFF);
	struct principal principal;
	struct token_peek peek;
	require(!token_read(arena, text, &policy, NOW, &principal, outcome));
	require(outcome->errors == 1 && outcome_first(outcome) == OUTCOME_UNAUTHENTICATED);
	if (token_peek(arena, text, &peek, outcome))
		require(kid_is_valid(peek.kid) && peek.issuer.length > 0);
	keyset_drop(&keyset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(struct arena *, struct str, struct outcome *) = { fuzz_jws,
		fuzz_keyset, fuzz_pem, fuzz_claims, fuzz_attest, fuzz_token };
	const size_t chosen = size == 0 ? SIZE_MAX : (size_t)data[0] - '0';
	if (chosen >= sizeof(targets) / sizeof(targets[0]))
		return 0;
	struct arena *arena = arena_new(ARENA_SIZE);
	struct outcome outcome = { .arena = arena };
	targets[chosen](arena, (struct str){ (const char *)data + 1, size - 1 }, &outcome);
	arena_free(&arena);
	return 0;
}
