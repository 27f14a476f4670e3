/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Takes a JWS apart, and knows the algorithms. Keys are jose_key.c, signatures jose_sign.c. */
#include "authz/jose.h"

#include <assert.h>

#include "authz/jose_key.h"
#include "fhir/base/arena.h"

#define TEXT_MAX          ((size_t)64 << 10)
#define HEADER_NODES_MAX  256
#define PAYLOAD_NODES_MAX 4096

/* RFC 7518 section 3.1, without the symmetric ones and without "none". */
static const struct {
	const char *name;
	bool rsa, pss;
	const EVP_MD *(*digest)(void);
} algs[JOSE_ALGS] = {
	[JOSE_RS256] = { "RS256", true, false, EVP_sha256 },
	[JOSE_RS384] = { "RS384", true, false, EVP_sha384 },
	[JOSE_RS512] = { "RS512", true, false, EVP_sha512 },
	[JOSE_PS256] = { "PS256", true, true, EVP_sha256 },
	[JOSE_PS384] = { "PS384", true, true, EVP_sha384 },
	[JOSE_PS512] = { "PS512", true, true, EVP_sha512 },
	[JOSE_ES256] = { "ES256", false, false, EVP_sha256 },
	[JOSE_ES384] = { "ES384", false, false, EVP_sha384 },
	[JOSE_ES512] = { "ES512", false, false, EVP_sha512 },
};

bool jose_alg_parse(struct str name, enum jose_alg *out)
{
	for (enum jose_alg alg = 0; alg < JOSE_ALGS; alg++) {
		if (str_is(name, algs[alg].name)) {
			*out = alg;
			return true;
		}
	}
	return false;
}

const char *jose_alg_name(enum jose_alg alg)
{
	assert(alg < JOSE_ALGS);
	return algs[alg].name;
}

const EVP_MD *jose_alg_digest(enum jose_alg alg)
{
	assert(alg < JOSE_ALGS);
	return algs[alg].digest();
}

bool jose_alg_is_pss(enum jose_alg alg)
{
	assert(alg < JOSE_ALGS);
	return algs[alg].pss;
}

bool jose_alg_is_rsa(enum jose_alg alg)
{
	assert(alg < JOSE_ALGS);
	return algs[alg].rsa;
}

static bool refuse(struct outcome *outcome, const char *why)
{
	return outcome_fail(outcome, OUTCOME_UNAUTHENTICATED, STR(""), "%s", why);
}

/*
 * One part of a JWS: base64url of a JSON object; NULL when it is not. What json_parse finds
 * wrong stays inside: it may quote.
 */
static const struct json *object_of(struct arena *arena, struct str part, size_t nodes_max)
{
	struct outcome unseen = { .arena = arena };
	struct str text;
	if (!str_from_base64url(arena, part, &text))
		return NULL;
	const struct json *json = json_parse(arena, text, nodes_max, &unseen);
	return json != NULL && json->type == JSON_OBJECT ? json : NULL;
}

/* A header member that is text, or absent. */
static bool header_text(const struct json *header, const char *name, struct str *out)
{
	const struct json *member = json_get(header, name);
	if (member != NULL && member->type != JSON_STRING)
		return false;
	*out = member == NULL ? (struct str){ 0 } : member->text;
	return true;
}

/*
 * RFC 7515 section 4.1.11: an extension that is not understood is refused; b64 (RFC 7797) and
 * zip change what is signed.
 */
static bool has_extension(const struct json *header)
{
	return json_get(header, "crit") != NULL || json_get(header, "b64") != NULL ||
	       json_get(header, "zip") != NULL;
}

static bool header_read(struct jws *jws, struct outcome *outcome)
{
	struct str alg;
	if (has_extension(jws->header))
		return refuse(outcome, "The signed text has a header we do not take.");
	if (!header_text(jws->header, "alg", &alg) || !jose_alg_parse(alg, &jws->alg))
		return refuse(outcome, "The signature algorithm is not one we take.");
	if (!header_text(jws->header, "kid", &jws->kid) ||
		!header_text(jws->header, "typ", &jws->typ))
		return refuse(outcome, "The signed text's header is malformed.");
	return true;
}

bool jws_parse(struct arena *arena, struct str text, struct jws *out, struct outcome *outcome)
{
	struct jws jws = { 0 };
	struct str rest, signature;
	if (text.length > TEXT_MAX)
		return refuse(outcome, "The signed text is too long.");
	const struct str header = str_cut(text, '.', &rest);
	const struct str payload = str_cut(rest, '.', &signature);
	/* A fourth part is no base64url letter, so the signature refuses it. */
	if (signature.length == 0 || !str_from_base64url(arena, signature, &jws.signature))
		return refuse(outcome, "The signed text is not of three parts.");
	jws.signing_input = str_part(text, 0, header.length + 1 + payload.length);
	jws.header = object_of(arena, header, HEADER_NODES_MAX);
	jws.payload = object_of(arena, payload, PAYLOAD_NODES_MAX);
	if (jws.header == NULL || jws.payload == NULL || arena_full(arena))
		return refuse(outcome, "The signed text does not hold two JSON objects.");
	if (!header_read(&jws, outcome))
		return false;
	*out = jws;
	return true;
}
