/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/jose.h"
#include "fhir/base/arena.h"
#include "tests/unit/authz/forge.h"
#include "tests/unit/authz/vectors.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arena *arena;
static struct outcome outcome;
static struct jose_key *keys[JOSE_ALGS]; /* one a kind, shared: making RSA keys is slow */

static int group_begin(void **state)
{
	(void)state;
	keys[JOSE_RS256] = jose_key_generate(JOSE_RS256);
	keys[JOSE_ES256] = jose_key_generate(JOSE_ES256);
	keys[JOSE_ES384] = jose_key_generate(JOSE_ES384);
	keys[JOSE_ES512] = jose_key_generate(JOSE_ES512);
	return 0;
}

static int group_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < JOSE_ALGS; i++)
		jose_key_free(&keys[i]);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	arena = arena_new(8 << 20);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const struct jose_key *key_for(enum jose_alg alg)
{
	return alg < JOSE_ES256 ? keys[JOSE_RS256] : keys[alg];
}

static struct jose_key *jwk_read(const char *text)
{
	const struct json *jwk = json_parse(arena, str_of(text), 100, &outcome);
	assert_non_null(jwk);
	return jose_key_from_jwk(jwk, &outcome);
}

static void algorithms_have_names(void **state)
{
	(void)state;
	static const char *const others[] = { "", "none", "None", "NONE", "HS256", "HS384", "HS512",
		"rs256", "RS1", "RS256 ", "ES256K", "EdDSA", "PS256,RS256", "dir" };
	enum jose_alg alg = JOSE_ALGS;
	for (enum jose_alg each = 0; each < JOSE_ALGS; each++) {
		assert_true(jose_alg_parse(str_of(jose_alg_name(each)), &alg));
		assert_int_equal(alg, each);
	}
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(jose_alg_parse(str_of(others[i]), &alg));
}

/* Every algorithm with every kind of key: what fits signs and verifies, the rest does neither. */
static void keys_sign_and_verify_what_fits(void **state)
{
	(void)state;
	static const enum jose_alg kinds[] = { JOSE_RS256, JOSE_ES256, JOSE_ES384, JOSE_ES512 };
	for (enum jose_alg alg = 0; alg < JOSE_ALGS; alg++) {
		const struct str header = str_format(arena, "{\"alg\":\"%s\"}", jose_alg_name(alg));
		const struct str text =
			jws_sign(arena, header, STR("{\"a\":1}"), alg, key_for(alg));
		struct jws jws;
		assert_true(jws_parse(arena, text, &jws, &outcome));
		assert_int_equal(jws.alg, alg);
		for (size_t i = 0; i < COUNT(kinds); i++) {
			const struct jose_key *key = keys[kinds[i]];
			const bool fits = key == key_for(alg);
			assert_true(jose_key_fits(key, alg) == fits);
			assert_true(jws_verify(&jws, key, &outcome) == fits);
			if (!fits)
				assert_int_equal(
					jws_sign(arena, header, STR("{}"), alg, key).length, 0);
		}
	}
	assert_int_equal(outcome_first(&outcome), OUTCOME_UNAUTHENTICATED);
}

static void signatures_of_others_verify(void **state)
{
	(void)state;
	unsigned verified = 0;
	for (size_t i = 0; i < COUNT(keys_elsewhere); i++) {
		struct jose_key *key = jwk_read(keys_elsewhere[i].jwk);
		assert_non_null(key);
		assert_true(str_is(jose_thumbprint(arena, key), keys_elsewhere[i].thumbprint));
		assert_true(str_is(jose_key_to_jwk(arena, key), keys_elsewhere[i].jwk));
		const struct json *jwk =
			json_parse(arena, str_of(keys_elsewhere[i].jwk), 100, &outcome);
		assert_true(str_is(jose_thumbprint_of(arena, jwk), keys_elsewhere[i].thumbprint));
		for (size_t j = 0; j < COUNT(signed_elsewhere); j++) {
			struct jws jws;
			if (strstr(keys_elsewhere[i].algs, signed_elsewhere[j].alg) == NULL)
				continue;
			assert_true(
				jws_parse(arena, str_of(signed_elsewhere[j].text), &jws, &outcome));
			assert_true(jws_verify(&jws, key, &outcome));
			verified++;
		}
		jose_key_free(&key);
		assert_null(key);
	}
	assert_int_equal(verified, 9);
}

/* RFC 7638 section 3.1. */
static void thumbprint_is_that_of_the_standard(void **state)
{
	(void)state;
	struct jose_key *key =
		jwk_read("{\"kty\":\"RSA\",\"n\":"
			 "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAt"
			 "VT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-"
			 "5JsGY4Hc5n9yBXArw"
			 "l93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
			 "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQv"
			 "RL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-"
			 "G_xBniIqbw"
			 "0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\","
			 "\"kid\":\"2011-04-29\"}");
	assert_non_null(key);
	assert_true(
		str_is(jose_thumbprint(arena, key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
	jose_key_free(&key);
}

static void no_thumbprint_without_the_members(void **state)
{
	(void)state;
	static const char *const texts[] = { "{}", "{\"kty\":\"RSA\",\"n\":\"A\"}",
		"{\"kty\":\"RSA\",\"e\":\"A\"}", "{\"kty\":\"oct\",\"k\":\"A\"}",
		"{\"kty\":\"EC\",\"x\":\"A\",\"y\":\"A\"}",
		"{\"kty\":\"EC\",\"crv\":\"A\",\"y\":\"A\"}",
		"{\"kty\":\"EC\",\"crv\":\"A\",\"x\":\"A\"}",
		"{\"kty\":\"EC\",\"crv\":1,\"x\":\"A\",\"y\":\"A\"}" };
	for (size_t i = 0; i < COUNT(texts); i++) {
		const struct json *jwk = json_parse(arena, str_of(texts[i]), 10, &outcome);
		assert_int_equal(jose_thumbprint_of(arena, jwk).length, 0);
	}
}

static void one_bit_of_a_signature_counts(void **state)
{
	(void)state;
	static const enum jose_alg algs[] = { JOSE_RS256, JOSE_PS256, JOSE_ES256 };
	for (size_t i = 0; i < COUNT(algs); i++) {
		const struct str header =
			str_format(arena, "{\"alg\":\"%s\"}", jose_alg_name(algs[i]));
		const struct str text =
			jws_sign(arena, header, STR("{\"a\":1}"), algs[i], key_for(algs[i]));
		struct jws jws;
		assert_true(jws_parse(arena, text, &jws, &outcome));
		char *bytes = (char *)(uintptr_t)jws.signature.at;
		for (size_t at = 0; at < jws.signature.length; at += 7) {
			bytes[at] ^= 1;
			assert_false(jws_verify(&jws, key_for(algs[i]), &outcome));
			bytes[at] ^= 1;
		}
		assert_true(jws_verify(&jws, key_for(algs[i]), &outcome));
		/* Shorter, longer, and another text under the same signature. */
		struct jws other = jws;
		other.signature.length--;
		assert_false(jws_verify(&other, key_for(algs[i]), &outcome));
		other = jws;
		other.signature.length = 0;
		assert_false(jws_verify(&other, key_for(algs[i]), &outcome));
		other = jws;
		other.signing_input.length--;
		assert_false(jws_verify(&other, key_for(algs[i]), &outcome));
	}
}

/* The classic: (0, 0) must not verify, nor r or s alone zero, nor s = n. */
static void empty_curve_signatures_do_not_hold(void **state)
{
	(void)state;
	uint8_t raw[64] = { 0 };
	const struct str text = jws_sign(
		arena, STR("{\"alg\":\"ES256\"}"), STR("{}"), JOSE_ES256, keys[JOSE_ES256]);
	struct jws jws;
	assert_true(jws_parse(arena, text, &jws, &outcome));
	jws.signature = (struct str){ (const char *)raw, sizeof(raw) };
	assert_false(jws_verify(&jws, keys[JOSE_ES256], &outcome));
	raw[31] = 1;
	assert_false(jws_verify(&jws, keys[JOSE_ES256], &outcome));
	raw[63] = 1;
	assert_false(jws_verify(&jws, keys[JOSE_ES256], &outcome));
	memset(raw, 0xff, sizeof(raw));
	assert_false(jws_verify(&jws, keys[JOSE_ES256], &outcome));
}

static void keys_survive_pem(void **state)
{
	(void)state;
	static const enum jose_alg kinds[] = { JOSE_RS256, JOSE_ES256, JOSE_ES384, JOSE_ES512 };
	for (size_t i = 0; i < COUNT(kinds); i++) {
		const struct jose_key *key = keys[kinds[i]];
		struct jose_key *private = jose_key_from_pem(jose_key_to_pem(arena, key), &outcome);
		struct jose_key *public =
			jose_key_from_pem(jose_key_to_public_pem(arena, key), &outcome);
		assert_non_null(private);
		assert_non_null(public);
		const struct str thumbprint = jose_thumbprint(arena, key);
		assert_true(str_equal(jose_thumbprint(arena, private), thumbprint));
		assert_true(str_equal(jose_thumbprint(arena, public), thumbprint));
		const struct str header =
			str_format(arena, "{\"alg\":\"%s\"}", jose_alg_name(kinds[i]));
		assert_int_equal(jws_sign(arena, header, STR("{}"), kinds[i], public).length, 0);
		struct jws jws;
		assert_true(jws_parse(arena, jws_sign(arena, header, STR("{}"), kinds[i], private),
			&jws, &outcome));
		assert_true(jws_verify(&jws, public, &outcome));
		jose_key_free(&private);
		jose_key_free(&public);
	}
}

static void other_pem_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "x",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		/* Ed25519 */
		"-----BEGIN PUBLIC "
		"KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END "
		"PUBLIC KEY-----\n",
		/* secp256k1 */
		"-----BEGIN PUBLIC "
		"KEY-----\nMFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEeb5mfvncu6xVoGKVzocLBwKb/"
		"NstzijZWfKBWxb4F5hIOtp3JqPEZV2k+/wOEQio/Re0SKaFVBmcR9CP+xDUuA==\n-----END PUBLIC "
		"KEY-----\n",
		/* RSA of 1024 bits */
		"-----BEGIN PUBLIC "
		"KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDKnNEjTxYZ3Smw8raRjgnO//"
		"OS\nOjNgbH/"
		"hEOhmb+"
		"qADCDjiC6k8usFZOWW7popXwJ0oK0zsBsN27C8a7VbBAmqhTzE\n94i0OzDXWsIdpOGRsE68iRvKaciBC2"
		"ZzJaxn0d8OAchVwG8dFiCSUo69OXOkfKBJ\n27c5orvNXS1UfSHFfQIDAQAB\n-----END PUBLIC "
		"KEY-----\n" };
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_null(jose_key_from_pem(str_of(texts[i]), &outcome));
	assert_int_equal(outcome.errors, COUNT(texts));
	const struct str pem = jose_key_to_public_pem(arena, keys[JOSE_RS256]);
	assert_null(jose_key_from_pem(str_part(pem, 0, pem.length / 2), &outcome));
}

#define X256        "\"x\":\"okXkn4jYOIixX_4nXquF_RwCyliBIceAOCk-iEKT3eQ\""
#define Y256        "\"y\":\"HJLmP-VqCyBwr0MUyD5ulW6GO_UhC6JpaSYun8Bz-HQ\""
#define MODULUS_256 /* bytes, odd */                                                               \
	"s2CprJJLyNtOUG9Q_25c23dhiH_UIcPE5cIS4SChmBPY6FS29X1lp-YRhienKvFlbuJ--5Dend2sRpalwPHY1BY7" \
	"s2CprJJLyNtOUG9Q_25c23dhiH_UIcPE5cIS4SChmBPY6FS29X1lp-YRhienKvFlbuJ--5Dend2sRpalwPHY1BY7" \
	"s2CprJJLyNtOUG9Q_25c23dhiH_UIcPE5cIS4SChmBPY6FS29X1lp-YRhienKvFlbuJ--5Dend2sRpalwPHY1BY7" \
	"s2CprJJLyNtOUG9Q_25c23dhiH_UIcPE5cIS4SChmBPY6FS29X1lp-YRhienKvFlbuJ--5Dend2sRpalwPHY0Q"

static void only_public_signature_keys_are_read(void **state)
{
	(void)state;
	static const char *const good[] = { "{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 "," Y256 "}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 "," Y256
		",\"use\":\"sig\",\"x5t\":\"-\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" MODULUS_256 "\"}",
		"{\"kty\":\"RSA\",\"e\":\"Aw\",\"n\":\"" MODULUS_256 "\"}" };
	static const char *const bad[] = { "{}", "[]", "null", "\"x\"", "{\"kty\":\"EC\"}",
		"{\"kty\":1}", "{\"kty\":\"oct\",\"k\":\"AAAA\"}", "{\"kty\":\"oct\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\"," X256 "}",
		"{\"kty\":\"ec\",\"crv\":\"P-256\"," X256 "," Y256 "}",
		"{\"crv\":\"P-256\"," X256 "," Y256 "}", "{\"kty\":\"EC\"," X256 "," Y256 "}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\"," X256 "," Y256 "}",
		"{\"kty\":\"EC\",\"crv\":\"secp256k1\"," X256 "," Y256 "}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 "}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," Y256 "}",
		/* off the curve; padded; with a leading zero too many; not text */
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," X256
		",\"y\":\"AJLmP-VqCyBwr0MUyD5ulW6GO_UhC6JpaSYun8Bz-HQ\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," X256
		",\"y\":\"HJLmP-VqCyBwr0MUyD5ulW6GO_UhC6JpaSYun8Bz-HQ=\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," X256
		",\"y\":\"ABySo_5Wr4sgcK9DFMg-bpVuhjv1IQuiaWkmLp_Ac_h0\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 ",\"y\":7}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\",\"y\":\"\"}",
		/* private and symmetric members */
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 "," Y256 ",\"d\":\"AAAA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 "," Y256 ",\"k\":\"AAAA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 "," Y256 ",\"d\":null}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" MODULUS_256 "\",\"p\":\"AQ\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" MODULUS_256 "\",\"oth\":[]}",
		/* exponents 1, even, none, huge; modulus even, short, with a leading zero, none */
		"{\"kty\":\"RSA\",\"e\":\"AQ\",\"n\":\"" MODULUS_256 "\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAC\",\"n\":\"" MODULUS_256 "\"}",
		"{\"kty\":\"RSA\",\"e\":\"\",\"n\":\"" MODULUS_256 "\"}",
		"{\"kty\":\"RSA\",\"n\":\"" MODULUS_256 "\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAAAAE\",\"n\":\"" MODULUS_256 "\"}",
		"{\"kty\":\"RSA\",\"e\":\"AAEAAQ\",\"n\":\"" MODULUS_256 "\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"s2CprJJLyNtOUG9Q_25c2w\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"AA" MODULUS_256 "\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" MODULUS_256 "AA\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\"}" };
	for (size_t i = 0; i < COUNT(good); i++) {
		struct jose_key *key = jwk_read(good[i]);
		if (key == NULL)
			fail_msg("not read: %s", good[i]);
		jose_key_free(&key);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct jose_key *key = jwk_read(bad[i]);
		if (key != NULL)
			fail_msg("read: %s", bad[i]);
	}
	assert_int_equal(outcome.errors, COUNT(bad));
}

static void huge_keys_are_refused(void **state)
{
	(void)state;
	/* 8193 bits: a one and 1024 bytes. */
	char *bytes = arena_alloc(arena, 1025);
	memset(bytes, 0x55, 1025);
	bytes[0] = 1;
	const struct str n = str_to_base64url(arena, (struct str){ bytes, 1025 });
	assert_null(jwk_read(
		str_format(arena, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%.*s\"}", STR_ARG(n))
			.at));
	const struct str most = str_to_base64url(arena, (struct str){ bytes + 1, 1024 });
	struct jose_key *key = jwk_read(
		str_format(arena, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%.*s\"}", STR_ARG(most))
			.at);
	assert_non_null(key);
	jose_key_free(&key);
}

static void refused_text(struct str text)
{
	const unsigned before = outcome.errors;
	struct jws jws = { .alg = JOSE_ALGS };
	if (jws_parse(arena, text, &jws, &outcome))
		fail_msg("taken apart: %.*s", STR_ARG(text));
	assert_int_equal(outcome.errors, before + 1);
	assert_int_equal(outcome.last->kind, OUTCOME_UNAUTHENTICATED);
	assert_int_equal(jws.alg, JOSE_ALGS); /* untouched */
}

static void refused_parts(const char *header, const char *payload)
{
	refused_text(forge_join(arena, str_of(header), str_of(payload), STR("signature")));
}

static void a_jws_is_taken_apart_strictly(void **state)
{
	(void)state;
	static const char *const texts[] = { "", ".", "..", "...", "e30", "e30.e30", "e30.e30.",
		".e30.AAAA", "e30..AAAA", "e30.e30.AAAA" /* no alg */, " e30.e30.AAAA" };
	static const char *const headers[] = { "{}", "", "null", "[]", "7", "\"RS256\"", "{",
		"{\"alg\":null}", "{\"alg\":7}", "{\"alg\":[\"RS256\"]}", "{\"alg\":\"none\"}",
		"{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\",\"alg\":\"RS256\"}",
		"{\"alg\":\"none\",\"alg\":\"RS256\"}", "{\"alg\":\"RS256\",\"kid\":1}",
		"{\"alg\":\"RS256\",\"typ\":{}}", "{\"alg\":\"RS256\",\"crit\":[]}",
		"{\"alg\":\"RS256\",\"crit\":[\"exp\"]}", "{\"alg\":\"RS256\",\"b64\":true}",
		"{\"alg\":\"RS256\",\"b64\":false,\"crit\":[\"b64\"]}",
		"{\"alg\":\"RS256\",\"zip\":\"DEF\"}", "{\"alg\":\"RS256\"} x",
		"{\"alg\":\"RS256\\u0000\"}", "{\"alg\":\"RS256\",\"\xff\":1}" };
	static const char *const payloads[] = { "", "x", "null", "[]", "\"{}\"", "7", "{",
		"{\"a\":1,\"a\":1}", "{\"a\":{\"b\":1,\"b\":2}}", "{\"a\":\"\xc0\x80\"}" };
	for (size_t i = 0; i < COUNT(texts); i++)
		refused_text(str_of(texts[i]));
	for (size_t i = 0; i < COUNT(headers); i++)
		refused_parts(headers[i], "{}");
	for (size_t i = 0; i < COUNT(payloads); i++)
		refused_parts("{\"alg\":\"RS256\"}", payloads[i]);
	struct jws jws;
	assert_true(jws_parse(arena,
		forge_join(arena, STR("{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"t\"}"), STR("{}"),
			STR("s")),
		&jws, &outcome));
	assert_true(str_is(jws.kid, "k") && str_is(jws.typ, "t") && str_is(jws.signature, "s"));
}

/*
 * One signed text has one spelling: any other is refused, or a cache and a replay check would
 * count it twice.
 */
static void a_jws_has_one_spelling(void **state)
{
	(void)state;
	static const char *const tails[] = { "=", "==", ".", ".x", "\n", " ", "\r\n", "%3D", "+",
		"/", "\\" };
	const struct str text =
		forge_join(arena, STR("{\"alg\":\"RS256\"}"), STR("{\"a\":1}"), STR("12345678"));
	struct jws jws;
	assert_true(jws_parse(arena, text, &jws, &outcome));
	for (size_t i = 0; i < COUNT(tails); i++)
		refused_text(str_format(arena, "%.*s%s", STR_ARG(text), tails[i]));
	/* The last letter of "12345678" leaves two bits over: only zeros are canonical. */
	char *copy = (char *)(uintptr_t)str_copy(arena, text).at;
	copy[text.length - 1]++;
	refused_text((struct str){ copy, text.length });
	for (size_t i = 0; i < text.length; i++)
		if (jws_parse(arena, str_part(text, 0, i), &jws, &outcome))
			assert_true(jws.signature.length < 8);
}

static void long_texts_are_refused(void **state)
{
	(void)state;
	struct str long_one = { arena_alloc(arena, 70000), 65537 };
	memset((char *)(uintptr_t)long_one.at, 'A', 70000);
	refused_text(long_one);
	/* Deeper than JSON_DEPTH_MAX. */
	char *deep = arena_alloc(arena, 5000);
	memset(deep, '[', 2000);
	refused_parts(str_format(arena, "{\"alg\":\"RS256\",\"a\":%s}", deep).at, "{}");
	refused_parts("{\"alg\":\"RS256\"}", str_format(arena, "{\"a\":%s}", deep).at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(algorithms_have_names, begin, end),
		cmocka_unit_test_setup_teardown(keys_sign_and_verify_what_fits, begin, end),
		cmocka_unit_test_setup_teardown(signatures_of_others_verify, begin, end),
		cmocka_unit_test_setup_teardown(thumbprint_is_that_of_the_standard, begin, end),
		cmocka_unit_test_setup_teardown(no_thumbprint_without_the_members, begin, end),
		cmocka_unit_test_setup_teardown(one_bit_of_a_signature_counts, begin, end),
		cmocka_unit_test_setup_teardown(empty_curve_signatures_do_not_hold, begin, end),
		cmocka_unit_test_setup_teardown(keys_survive_pem, begin, end),
		cmocka_unit_test_setup_teardown(other_pem_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(only_public_signature_keys_are_read, begin, end),
		cmocka_unit_test_setup_teardown(huge_keys_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_jws_is_taken_apart_strictly, begin, end),
		cmocka_unit_test_setup_teardown(a_jws_has_one_spelling, begin, end),
		cmocka_unit_test_setup_teardown(long_texts_are_refused, begin, end),
	};
	return cmocka_run_group_tests(tests, group_begin, group_end);
}
