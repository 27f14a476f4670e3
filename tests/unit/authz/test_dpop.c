/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * RFC 9449 section 4.3, check by check; among them the twelve bad proofs of NHN's test-token
 * tool (norway.md 1.5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/dpop.h"
#include "authz/seal.h"
#include "fhir/base/arena.h"
#include "tests/unit/authz/forge.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          ((instant)FORGE_NOW * INSTANT_SECOND)
#define URL          "https://hub.example/fhir/Observation"
#define TOKEN        "header.payload.signature"

static struct arena *arena;
static struct outcome outcome;
static struct jose_key *key, *stranger, *rsa;
static struct dpop_ask ask;
static struct forge forge;

static int group_begin(void **state)
{
	(void)state;
	key = jose_key_generate(JOSE_ES256);
	stranger = jose_key_generate(JOSE_ES256);
	rsa = jose_key_generate(JOSE_PS256);
	return 0;
}

static int group_end(void **state)
{
	(void)state;
	jose_key_free(&key);
	jose_key_free(&stranger);
	jose_key_free(&rsa);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	arena = arena_new(32 << 20);
	outcome = (struct outcome){ .arena = arena };
	ask = (struct dpop_ask){
		.method = STR("GET"),
		.url = STR(URL),
		.token = STR(TOKEN),
		.jkt = jose_thumbprint(arena, key),
		.now = NOW,
		.back = 15 * INSTANT_SECOND,
		.ahead = 5 * INSTANT_SECOND,
	};
	uint8_t digest[32];
	seal_sha256(STR(TOKEN), digest);
	const struct str ath =
		str_to_base64url(arena, (struct str){ (const char *)digest, sizeof(digest) });
	forge = (struct forge){ 0 };
	forge_add(&forge, FORGE_HEADER, "typ", "\"dpop+jwt\"");
	forge_add(&forge, FORGE_HEADER, "alg", "\"ES256\"");
	forge_add(&forge, FORGE_HEADER, "jwk", str_copy(arena, jose_key_to_jwk(arena, key)).at);
	forge_add(&forge, FORGE_PAYLOAD, "jti", "\"proof-1\"");
	forge_add(&forge, FORGE_PAYLOAD, "htm", "\"GET\"");
	forge_add(&forge, FORGE_PAYLOAD, "htu", "\"" URL "\"");
	forge_add(&forge, FORGE_PAYLOAD, "iat", "1763650000");
	forge_add(&forge, FORGE_PAYLOAD, "ath", str_format(arena, "\"%.*s\"", STR_ARG(ath)).at);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void good_text(struct str proof)
{
	struct str jti = { 0 };
	instant iat = 0;
	if (!dpop_verify(arena, proof, &ask, &jti, &iat, &outcome))
		fail_msg("refused: %.*s", STR_ARG(outcome.last->text));
	assert_true(jti.length > 0);
	assert_true(iat > 0);
}

static void good(void)
{
	good_text(forge_sign(arena, &forge, JOSE_ES256, key));
}

static void refused_text(struct str proof, const char *why)
{
	struct str jti = STR("untouched");
	instant iat = 7;
	const unsigned before = outcome.errors;
	if (dpop_verify(arena, proof, &ask, &jti, &iat, &outcome))
		fail_msg("believed: %s", why);
	if (outcome.errors != before + 1 || outcome.last->kind != OUTCOME_UNAUTHENTICATED ||
		memmem(outcome.last->text.at, outcome.last->text.length, why, strlen(why)) == NULL)
		fail_msg("%.*s instead of %s", STR_ARG(outcome.last->text), why);
	assert_true(str_is(jti, "untouched") && iat == 7);
	outcome = (struct outcome){ .arena = arena };
}

static void refused(const char *why)
{
	refused_text(forge_sign(arena, &forge, JOSE_ES256, key), why);
}

static void refused_member(
	enum forge_part part, const char *name, const char *value, const char *why)
{
	const struct forge before = forge;
	forge_set(&forge, part, name, value);
	refused(why);
	forge = before;
}

static void a_good_proof_holds(void **state)
{
	(void)state;
	struct str jti;
	instant iat;
	assert_true(dpop_verify(
		arena, forge_sign(arena, &forge, JOSE_ES256, key), &ask, &jti, &iat, &outcome));
	assert_true(str_is(jti, "proof-1"));
	assert_int_equal(iat, NOW);
	forge_set(&forge, FORGE_HEADER, "kid", "\"anything/at+all=\"");
	forge_set(&forge, FORGE_PAYLOAD, "nonce", "\"unasked\"");
	good();
}

static void rsa_proofs_hold(void **state)
{
	(void)state;
	static const enum jose_alg algs[] = { JOSE_RS256, JOSE_PS256, JOSE_PS512 };
	ask.jkt = jose_thumbprint(arena, rsa);
	forge_set(&forge, FORGE_HEADER, "jwk", str_copy(arena, jose_key_to_jwk(arena, rsa)).at);
	for (size_t i = 0; i < COUNT(algs); i++) {
		forge_set(&forge, FORGE_HEADER, "alg",
			str_format(arena, "\"%s\"", jose_alg_name(algs[i])).at);
		good_text(forge_sign(arena, &forge, algs[i], rsa));
	}
}

static void the_header_is_that_of_a_proof(void **state)
{
	(void)state;
	static const char *const types[] = { NULL, "\"\"", "\"JWT\"", "\"at+jwt\"", "\"DPOP+JWT\"",
		"\"application/dpop+jwt\"" };
	static const char *const algs[] = { NULL, "null", "\"none\"", "\"HS256\"", "\"HS512\"",
		"\"EdDSA\"", "1" };
	static const char *const keys[] = { NULL, "null", "\"x\"", "[]" };
	for (size_t i = 0; i < COUNT(types); i++)
		refused_member(FORGE_HEADER, "typ", types[i], "typ is not dpop+jwt");
	for (size_t i = 0; i < COUNT(algs); i++)
		refused_member(FORGE_HEADER, "alg", algs[i], "algorithm is not one we take");
	for (size_t i = 0; i < COUNT(keys); i++)
		refused_member(FORGE_HEADER, "jwk", keys[i], "has no key");
	refused_member(FORGE_HEADER, "typ", "null", "header is malformed");
	refused_member(FORGE_HEADER, "jwk", "{}", "not the token's");
	refused_member(FORGE_HEADER, "jwk", "{\"kty\":\"oct\",\"k\":\"AAAA\"}", "not the token's");
	refused_member(FORGE_HEADER, "crit", "[]", "a header we do not take");
}

/* A private key in the proof, the token's own among them. */
static void a_private_key_is_refused(void **state)
{
	(void)state;
	struct str jwk = jose_key_to_jwk(arena, key);
	jwk.length--;
	forge_set(&forge, FORGE_HEADER, "jwk",
		str_format(arena, "%.*s,\"d\":\"AAAA\"}", STR_ARG(jwk)).at);
	refused("not a public key");
}

/* A token bound to what is no key of ours: the thumbprint fits, and that is not enough. */
static void a_thumbprint_makes_no_key(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
		"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
		"{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}"
	};
	for (size_t i = 0; i < COUNT(keys); i++) {
		const struct json *jwk = json_parse(arena, str_of(keys[i]), 10, &outcome);
		ask.jkt = jose_thumbprint_of(arena, jwk);
		assert_int_equal(ask.jkt.length, 43);
		refused_member(FORGE_HEADER, "jwk", keys[i], "not a public key");
	}
	ask.jkt = STR("");
	refused_member(FORGE_HEADER, "jwk", "{}", "not the token's");
}

static void the_key_is_the_tokens(void **state)
{
	(void)state;
	/* Signed by another key: with the token's key shown, and with its own. */
	refused_text(forge_sign(arena, &forge, JOSE_ES256, stranger), "signature does not hold");
	forge_set(
		&forge, FORGE_HEADER, "jwk", str_copy(arena, jose_key_to_jwk(arena, stranger)).at);
	refused_text(forge_sign(arena, &forge, JOSE_ES256, stranger), "not the token's");
	ask.jkt = STR("");
	refused_text(forge_sign(arena, &forge, JOSE_ES256, stranger), "not the token's");
	/*
	 * HS256 with the key that is shown as secret, labelled as what it is and as what it
	 * should be.
	 */
	ask.jkt = jose_thumbprint(arena, key);
	forge_set(&forge, FORGE_HEADER, "jwk", str_copy(arena, jose_key_to_jwk(arena, key)).at);
	refused_text(
		forge_hs256(arena, &forge, jose_key_to_jwk(arena, key)), "signature does not hold");
	forge_set(&forge, FORGE_HEADER, "alg", "\"HS256\"");
	refused_text(forge_hs256(arena, &forge, jose_key_to_jwk(arena, key)), "algorithm");
	/* An algorithm of the other family than the key's. */
	forge_set(&forge, FORGE_HEADER, "alg", "\"RS256\"");
	refused("algorithm is not the key's");
	forge_set(&forge, FORGE_HEADER, "alg", "\"ES384\"");
	refused("algorithm is not the key's");
}

static void the_proof_is_for_this_token(void **state)
{
	(void)state;
	static const char *const values[] = { NULL, "null", "1", "\"\"",
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "\"" TOKEN "\"" };
	for (size_t i = 0; i < COUNT(values); i++)
		refused_member(FORGE_PAYLOAD, "ath", values[i], "another token");
	ask.token = STR(TOKEN "x");
	refused("another token");
}

static void the_proof_is_for_this_request(void **state)
{
	(void)state;
	static const char *const methods[] = { NULL, "null", "\"\"", "\"POST\"", "\"get\"",
		"\"GET \"", "[\"GET\"]" };
	static const char *const addresses[] = { NULL, "null", "\"\"", "\"" URL "/\"",
		"\"http://hub.example/fhir/Observation\"", "\"https://hub.example/fhir\"",
		"\"https://hub.example/fhir/Patient\"", "\"https://evil.example/fhir/Observation\"",
		"\"https://hub.example:8443/fhir/Observation\"", "\"/fhir/Observation\"",
		"\"?" URL "\"", "[\"" URL "\"]" };
	static const char *const same[] = { "\"" URL "?patient=1\"", "\"" URL "#top\"",
		"\"" URL "?a#b\"", "\"" URL "#a?b\"" };
	for (size_t i = 0; i < COUNT(methods); i++)
		refused_member(FORGE_PAYLOAD, "htm", methods[i], "another method");
	for (size_t i = 0; i < COUNT(addresses); i++)
		refused_member(FORGE_PAYLOAD, "htu", addresses[i], "another address");
	for (size_t i = 0; i < COUNT(same); i++) {
		forge_set(&forge, FORGE_PAYLOAD, "htu", same[i]);
		good();
	}
	/* An empty ask matches no empty claim. */
	ask.url = STR("");
	forge_set(&forge, FORGE_PAYLOAD, "htu", "\"?\"");
	refused("another address");
	ask.method = STR("");
	forge_set(&forge, FORGE_PAYLOAD, "htm", NULL);
	refused("another method");
}

static void the_proof_is_of_this_moment(void **state)
{
	(void)state;
	static const char *const outside[] = { "1763649984", "1763650006", "0", "1763653600",
		"1763649984.999999", "1763650005.000001" };
	static const char *const inside[] = { "1763649985", "1763650005", "1763650000.5",
		"1763649985.000001" };
	static const char *const none[] = { NULL, "null", "\"1763650000\"", "1763650e3", "-1" };
	for (size_t i = 0; i < COUNT(outside); i++)
		refused_member(FORGE_PAYLOAD, "iat", outside[i], "not of this moment");
	for (size_t i = 0; i < COUNT(none); i++)
		refused_member(FORGE_PAYLOAD, "iat", none[i], "no time");
	for (size_t i = 0; i < COUNT(inside); i++) {
		forge_set(&forge, FORGE_PAYLOAD, "iat", inside[i]);
		good();
	}
	ask.not_before = NOW;
	forge_set(&forge, FORGE_PAYLOAD, "iat", "1763650000");
	good();
	forge_set(&forge, FORGE_PAYLOAD, "iat", "1763649999");
	refused("older than this service");
}

static void the_proof_has_a_name(void **state)
{
	(void)state;
	static const char *const values[] = { NULL, "null", "1", "\"\"", "[\"a\"]" };
	for (size_t i = 0; i < COUNT(values); i++)
		refused_member(FORGE_PAYLOAD, "jti", values[i], "no jti");
	char *text = arena_alloc(arena, 300);
	memset(text, 'j', 258);
	text[0] = text[257] = '"';
	forge_set(&forge, FORGE_PAYLOAD, "jti", text);
	good();
	text[257] = 'j';
	text[258] = '"';
	refused("no jti");
}

static void other_texts_are_no_proofs(void **state)
{
	(void)state;
	const struct str proof = forge_sign(arena, &forge, JOSE_ES256, key);
	refused_text(STR(""), "three parts");
	refused_text(str_format(arena, "%.*s,%.*s", STR_ARG(proof), STR_ARG(proof)), "three parts");
	refused_text(str_format(arena, "%.*s ", STR_ARG(proof)), "three parts");
	char *long_one = arena_alloc(arena, 20000);
	memset(long_one, 'x', 17000);
	forge_set(&forge, FORGE_PAYLOAD, "a", str_format(arena, "\"%s\"", long_one).at);
	refused("too long");
	forge_set(&forge, FORGE_PAYLOAD, "a", NULL);
	forge_add(&forge, FORGE_PAYLOAD, "jti", "\"proof-2\"");
	refused("two JSON objects");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_good_proof_holds, begin, end),
		cmocka_unit_test_setup_teardown(rsa_proofs_hold, begin, end),
		cmocka_unit_test_setup_teardown(the_header_is_that_of_a_proof, begin, end),
		cmocka_unit_test_setup_teardown(a_private_key_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_thumbprint_makes_no_key, begin, end),
		cmocka_unit_test_setup_teardown(the_key_is_the_tokens, begin, end),
		cmocka_unit_test_setup_teardown(the_proof_is_for_this_token, begin, end),
		cmocka_unit_test_setup_teardown(the_proof_is_for_this_request, begin, end),
		cmocka_unit_test_setup_teardown(the_proof_is_of_this_moment, begin, end),
		cmocka_unit_test_setup_teardown(the_proof_has_a_name, begin, end),
		cmocka_unit_test_setup_teardown(other_texts_are_no_proofs, begin, end),
	};
	return cmocka_run_group_tests(tests, group_begin, group_end);
}
