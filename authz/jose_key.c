/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Keys: read from JWK and PEM, made, written. Doorway: OpenSSL. */
#include "authz/jose.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "authz/jose_key.h"
#include "authz/seal.h"

#define RSA_BITS_MIN   2048
#define RSA_BITS_MAX   8192 /* above it a verification costs more than a caller may */
#define EXPONENT_MAX   4    /* bytes: 65537 and its like; a long one is a way to keep us busy */
#define PEM_MAX        ((size_t)64 << 10)
#define COORDINATE_MAX 66

static const struct curve {
	enum jose_kind kind;
	enum jose_alg alg;
	const char *name, *group;
	size_t coordinate;
} curves[] = {
	{ JOSE_P256, JOSE_ES256, "P-256", SN_X9_62_prime256v1, 32 },
	{ JOSE_P384, JOSE_ES384, "P-384", SN_secp384r1, 48 },
	{ JOSE_P521, JOSE_ES512, "P-521", SN_secp521r1, 66 },
};

#define CURVES (sizeof(curves) / sizeof(curves[0]))

static const struct curve *curve_of(enum jose_kind kind)
{
	for (size_t i = 0; i < CURVES; i++)
		if (curves[i].kind == kind)
			return &curves[i];
	return NULL;
}

bool jose_key_fits(const struct jose_key *key, enum jose_alg alg)
{
	const struct curve *curve = curve_of(key->kind);
	return curve == NULL ? jose_alg_is_rsa(alg) : curve->alg == alg;
}

void jose_key_free(struct jose_key **key)
{
	if (*key == NULL)
		return;
	EVP_PKEY_free((*key)->pkey);
	OPENSSL_free(*key);
	*key = NULL;
}

/* Kind and size of what OpenSSL read; false when it is none of ours. */
static bool key_classify(struct jose_key *key)
{
	if (EVP_PKEY_is_a(key->pkey, "RSA")) {
		const int bits = EVP_PKEY_get_bits(key->pkey);
		key->kind = JOSE_RSA;
		return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
	}
	char group[64];
	if (!EVP_PKEY_is_a(key->pkey, "EC") ||
		EVP_PKEY_get_group_name(key->pkey, group, sizeof(group), NULL) != 1)
		return false;
	for (size_t i = 0; i < CURVES; i++) {
		if (strcmp(group, curves[i].group) == 0) {
			key->kind = curves[i].kind;
			key->coordinate = curves[i].coordinate;
			return true;
		}
	}
	return false;
}

/* Takes the EVP_PKEY over (NULL: nothing was read). */
static struct jose_key *key_new(EVP_PKEY *pkey, bool is_private, struct outcome *outcome)
{
	ERR_clear_error(); /* or the TLS of this thread would take them for its own */
	struct jose_key *key = OPENSSL_zalloc(sizeof(*key));
	if (key == NULL)
		abort();
	key->pkey = pkey;
	key->is_private = is_private;
	if (pkey != NULL && key_classify(key))
		return key;
	jose_key_free(&key);
	outcome_fail(outcome, OUTCOME_VALUE, STR(""),
		"The key is not RSA of 2048 to 8192 bits or EC on P-256, P-384 or P-521.");
	return NULL;
}

/* ---- from JWK */

static EVP_PKEY *pkey_from(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
		EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(context);
	return pkey;
}

/* Base64urlUInt (RFC 7518 section 2): big-endian, no leading zero. */
static bool number_read(struct arena *arena, const struct json *jwk, const char *name,
	size_t bytes_max, struct str *out)
{
	return str_from_base64url(arena, json_text(jwk, name), out) && out->length > 0 &&
	       out->length <= bytes_max && out->at[0] != 0 && (out->at[out->length - 1] & 1) == 1;
}

/* RFC 7518 section 6.3.1. An even modulus or exponent is no RSA key. */
static EVP_PKEY *rsa_read(struct arena *arena, const struct json *jwk)
{
	struct str n, e;
	if (!number_read(arena, jwk, "n", RSA_BITS_MAX / 8, &n) ||
		!number_read(arena, jwk, "e", EXPONENT_MAX, &e) || n.length < RSA_BITS_MIN / 8 ||
		(e.length == 1 && e.at[0] == 1))
		return NULL;
	BIGNUM *modulus = BN_bin2bn((const uint8_t *)n.at, (int)n.length, NULL);
	BIGNUM *exponent = BN_bin2bn((const uint8_t *)e.at, (int)e.length, NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	if (build != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *pkey = params == NULL ? NULL : pkey_from("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(modulus);
	BN_free(exponent);
	return pkey;
}

/*
 * RFC 7518 section 6.2.1: coordinates of full length. A point off the curve is refused by
 * fromdata.
 */
static EVP_PKEY *ec_read(struct arena *arena, const struct json *jwk)
{
	const struct str name = json_text(jwk, "crv");
	const struct curve *curve = NULL;
	for (size_t i = 0; i < CURVES; i++)
		if (str_is(name, curves[i].name))
			curve = &curves[i];
	struct str x, y;
	if (curve == NULL || !str_from_base64url(arena, json_text(jwk, "x"), &x) ||
		!str_from_base64url(arena, json_text(jwk, "y"), &y) ||
		x.length != curve->coordinate || y.length != curve->coordinate)
		return NULL;
	uint8_t point[1 + 2 * COORDINATE_MAX] = { POINT_CONVERSION_UNCOMPRESSED };
	memcpy(point + 1, x.at, x.length);
	memcpy(point + 1 + x.length, y.at, y.length);
	char group[32];
	memcpy(group, curve->group, strlen(curve->group) + 1);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->coordinate),
		OSSL_PARAM_construct_end(),
	};
	return pkey_from("EC", params);
}

/* RFC 7518 sections 6.2.2, 6.3.2 and 6.4: what only a private or symmetric key has. */
static bool has_private(const struct json *jwk)
{
	static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_get(jwk, names[i]) != NULL)
			return true;
	return false;
}

struct jose_key *jose_key_from_jwk(const struct json *jwk, struct outcome *outcome)
{
	const struct str kty = json_text(jwk, "kty");
	EVP_PKEY *pkey = NULL;
	if (has_private(jwk)) {
		outcome_fail(outcome, OUTCOME_VALUE, STR(""), "The key is not a public one.");
		return NULL;
	}
	if (str_is(kty, "RSA"))
		pkey = rsa_read(outcome->arena, jwk);
	else if (str_is(kty, "EC"))
		pkey = ec_read(outcome->arena, jwk);
	return key_new(pkey, false, outcome);
}

/* ---- from PEM, and made */

/* A key behind a password is not ours to ask for: without this OpenSSL asks the terminal. */
static int no_password(char *at, int size, int writing, void *context)
{
	(void)at;
	(void)size;
	(void)writing;
	(void)context;
	return 0;
}

struct jose_key *jose_key_from_pem(struct str pem, struct outcome *outcome)
{
	if (pem.length == 0 || pem.length > PEM_MAX)
		return key_new(NULL, false, outcome);
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.length);
	if (bio == NULL)
		abort();
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	const bool is_private = pkey != NULL;
	if (!is_private) {
		(void)BIO_reset(bio);
		pkey = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	}
	BIO_free(bio);
	return key_new(pkey, is_private, outcome);
}

struct jose_key *jose_key_generate(enum jose_alg alg)
{
	EVP_PKEY *pkey = NULL;
	if (jose_alg_is_rsa(alg))
		pkey = EVP_RSA_gen(RSA_BITS_MIN);
	for (size_t i = 0; i < CURVES; i++)
		if (curves[i].alg == alg)
			pkey = EVP_EC_gen(curves[i].group);
	struct outcome none = { 0 };
	if (pkey == NULL)
		abort(); /* without memory or chance */
	return key_new(pkey, true, &none);
}

/* ---- written */

static struct str pem_of(struct arena *arena, const struct jose_key *key, bool private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio == NULL)
		abort();
	const int written =
		private ? PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL)
			: PEM_write_bio_PUBKEY(bio, key->pkey);
	char *at;
	const long length = BIO_get_mem_data(bio, &at);
	struct str text = { 0 };
	if (written == 1 && length > 0)
		text = str_copy(arena, (struct str){ at, (size_t)length });
	BIO_free(bio);
	ERR_clear_error();
	return text;
}

struct str jose_key_to_pem(struct arena *arena, const struct jose_key *key)
{
	assert(key->is_private);
	return pem_of(arena, key, true);
}

struct str jose_key_to_public_pem(struct arena *arena, const struct jose_key *key)
{
	return pem_of(arena, key, false);
}

/* A number of the key as base64url, in `width` bytes or, for width 0, in as few as it takes. */
static struct str number_write(
	struct arena *arena, const struct jose_key *key, const char *name, size_t width)
{
	BIGNUM *number = NULL;
	uint8_t bytes[RSA_BITS_MAX / 8];
	if (EVP_PKEY_get_bn_param(key->pkey, name, &number) != 1)
		abort(); /* every RSA and EC key has these */
	if (width == 0)
		width = (size_t)BN_num_bytes(number);
	assert(width <= sizeof(bytes));
	BN_bn2binpad(number, bytes, (int)width);
	BN_free(number);
	return str_to_base64url(arena, (struct str){ (const char *)bytes, width });
}

/*
 * The required members alone, in the order of RFC 7638 section 3.2: so it is its own
 * thumbprint's input.
 */
struct str jose_key_to_jwk(struct arena *arena, const struct jose_key *key)
{
	const struct curve *curve = curve_of(key->kind);
	if (curve == NULL) {
		const struct str n = number_write(arena, key, OSSL_PKEY_PARAM_RSA_N, 0);
		const struct str e = number_write(arena, key, OSSL_PKEY_PARAM_RSA_E, 0);
		return str_format(arena, "{\"e\":\"%.*s\",\"kty\":\"RSA\",\"n\":\"%.*s\"}",
			STR_ARG(e), STR_ARG(n));
	}
	const struct str x = number_write(arena, key, OSSL_PKEY_PARAM_EC_PUB_X, curve->coordinate);
	const struct str y = number_write(arena, key, OSSL_PKEY_PARAM_EC_PUB_Y, curve->coordinate);
	return str_format(arena, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%.*s\",\"y\":\"%.*s\"}",
		curve->name, STR_ARG(x), STR_ARG(y));
}

static struct str thumbprint(struct arena *arena, struct str members)
{
	uint8_t digest[32];
	seal_sha256(members, digest);
	return str_to_base64url(arena, (struct str){ (const char *)digest, sizeof(digest) });
}

struct str jose_thumbprint(struct arena *arena, const struct jose_key *key)
{
	return thumbprint(arena, jose_key_to_jwk(arena, key));
}

/*
 * Right because what jose_key_from_jwk takes has one spelling: canonical base64url, full
 * length, no leading zero.
 */
struct str jose_thumbprint_of(struct arena *arena, const struct json *jwk)
{
	const struct str kty = json_text(jwk, "kty"), crv = json_text(jwk, "crv");
	const struct str n = json_text(jwk, "n"), e = json_text(jwk, "e");
	const struct str x = json_text(jwk, "x"), y = json_text(jwk, "y");
	if (str_is(kty, "RSA") && n.length > 0 && e.length > 0)
		return thumbprint(
			arena, str_format(arena, "{\"e\":\"%.*s\",\"kty\":\"RSA\",\"n\":\"%.*s\"}",
				       STR_ARG(e), STR_ARG(n)));
	if (str_is(kty, "EC") && crv.length > 0 && x.length > 0 && y.length > 0)
		return thumbprint(arena,
			str_format(arena,
				"{\"crv\":\"%.*s\",\"kty\":\"EC\",\"x\":\"%.*s\",\"y\":\"%.*s\"}",
				STR_ARG(crv), STR_ARG(x), STR_ARG(y)));
	return (struct str){ 0 };
}
