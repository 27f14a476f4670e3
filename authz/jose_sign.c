/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Signatures: verified and made. Doorway: OpenSSL. */
#include "authz/jose.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "authz/jose_key.h"
#include "fhir/base/arena.h"

#define HALF_MAX 66                       /* bytes of r and of s, P-521 */
#define DER_MAX  (2 * (HALF_MAX + 3) + 8) /* SEQUENCE of two INTEGERs */

/* RFC 7518 section 3.5: the salt is as long as the digest, MGF1 with the same digest. */
static bool padding_set(EVP_PKEY_CTX *context, enum jose_alg alg)
{
	if (!jose_alg_is_pss(alg))
		return true; /* EC, or RSA's default: PKCS #1 v1.5 */
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(context, jose_alg_digest(alg)) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* RFC 7518 section 3.4: r and s, each of full length. OpenSSL wants them as DER. */
static bool der_of(struct str raw, size_t half, uint8_t *der, size_t *length_out)
{
	if (raw.length != 2 * half)
		return false;
	const uint8_t *bytes = (const uint8_t *)raw.at;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes, (int)half, NULL);
	BIGNUM *s = BN_bin2bn(bytes + half, (int)half, NULL);
	if (pair == NULL || r == NULL || s == NULL)
		abort();
	ECDSA_SIG_set0(pair, r, s);
	const int length = i2d_ECDSA_SIG(pair, &der);
	ECDSA_SIG_free(pair);
	*length_out = length < 0 ? 0 : (size_t)length;
	return length > 0;
}

static bool holds(const struct jws *jws, const struct jose_key *key)
{
	uint8_t der[DER_MAX];
	const uint8_t *signature = (const uint8_t *)jws->signature.at;
	size_t length = jws->signature.length;
	if (key->coordinate > 0) {
		if (!der_of(jws->signature, key->coordinate, der, &length))
			return false;
		signature = der;
	}
	EVP_PKEY_CTX *padding; /* the context's */
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (context == NULL)
		abort();
	const bool verified =
		EVP_DigestVerifyInit(
			context, &padding, jose_alg_digest(jws->alg), NULL, key->pkey) == 1 &&
		padding_set(padding, jws->alg) &&
		EVP_DigestVerify(context, signature, length, (const uint8_t *)jws->signing_input.at,
			jws->signing_input.length) == 1;
	EVP_MD_CTX_free(context);
	if (!verified)
		ERR_clear_error(); /* or the TLS of this thread would take it for its own */
	return verified;
}

bool jws_verify(const struct jws *jws, const struct jose_key *key, struct outcome *outcome)
{
	if (!jose_key_fits(key, jws->alg))
		return outcome_fail(outcome, OUTCOME_UNAUTHENTICATED, STR(""),
			"The signature algorithm is not the key's.");
	if (!holds(jws, key))
		return outcome_fail(
			outcome, OUTCOME_UNAUTHENTICATED, STR(""), "The signature does not hold.");
	return true;
}

/* DER to r and s of full length. */
static struct str raw_of(struct arena *arena, const uint8_t *der, size_t length, size_t half)
{
	uint8_t *raw = arena_alloc(arena, 2 * half);
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);
	if (pair == NULL)
		abort(); /* OpenSSL wrote it */
	BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, (int)half);
	BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + half, (int)half);
	ECDSA_SIG_free(pair);
	return (struct str){ (const char *)raw, 2 * half };
}

static struct str signature_of(
	struct arena *arena, struct str input, enum jose_alg alg, const struct jose_key *key)
{
	EVP_PKEY_CTX *padding; /* the context's */
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (context == NULL)
		abort();
	size_t length = (size_t)EVP_PKEY_get_size(key->pkey);
	uint8_t *at = arena_alloc(arena, length);
	const bool made =
		EVP_DigestSignInit(context, &padding, jose_alg_digest(alg), NULL, key->pkey) == 1 &&
		padding_set(padding, alg) &&
		EVP_DigestSign(context, at, &length, (const uint8_t *)input.at, input.length) == 1;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	if (!made)
		return (struct str){ 0 };
	if (key->coordinate > 0)
		return raw_of(arena, at, length, key->coordinate);
	return (struct str){ (const char *)at, length };
}

struct str jws_sign(struct arena *arena, struct str header, struct str payload, enum jose_alg alg,
	const struct jose_key *key)
{
	if (!key->is_private || !jose_key_fits(key, alg))
		return (struct str){ 0 };
	const struct str head = str_to_base64url(arena, header);
	const struct str body = str_to_base64url(arena, payload);
	const struct str input = str_format(arena, "%.*s.%.*s", STR_ARG(head), STR_ARG(body));
	const struct str signature = signature_of(arena, input, alg, key);
	if (signature.length == 0)
		return signature;
	const struct str tail = str_to_base64url(arena, signature);
	return str_format(arena, "%.*s.%.*s", STR_ARG(input), STR_ARG(tail));
}
