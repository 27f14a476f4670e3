/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A proof, up to the first NUL byte, and after it the thumbprint it is asked for (none: that
 * of the key in the
 * proof, so that the search gets past that check). No proof that the corpus was not given by
 * its key's owner holds.
 */
#include <stdlib.h>

#include "authz/dpop.h"
#include "fhir/base/arena.h"

#define NOW ((instant)1763650000 * INSTANT_SECOND)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static struct str thumbprint_of(struct arena *arena, struct str proof)
{
	struct outcome unseen = { .arena = arena };
	struct jws jws;
	if (!jws_parse(arena, proof, &jws, &unseen) || json_get(jws.header, "jwk") == NULL)
		return STR("");
	struct jose_key *key = jose_key_from_jwk(json_get(jws.header, "jwk"), &unseen);
	const struct str thumbprint = key == NULL ? STR("") : jose_thumbprint(arena, key);
	jose_key_free(&key);
	return thumbprint;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new((size_t)32 << 20);
	struct outcome outcome = { .arena = arena };
	struct str jkt, jti = { 0 };
	const struct str all = { (const char *)data, size };
	const struct str proof = str_cut(all, '\0', &jkt);
	struct dpop_ask ask = {
		.method = STR("GET"),
		.url = STR("https://hub.example/fhir/Observation"),
		.token = STR("header.payload.signature"),
		.jkt = jkt.at == NULL ? thumbprint_of(arena, proof) : jkt,
		.now = NOW,
		.back = 15 * INSTANT_SECOND,
		.ahead = 5 * INSTANT_SECOND,
	};
	instant iat = 0;
	if (dpop_verify(arena, proof, &ask, &jti, &iat, &outcome)) {
		require(outcome.errors == 0 && jti.length > 0 && jti.length <= 256);
		require(iat >= ask.now - ask.back && iat <= ask.now + ask.ahead);
		/* It holds for nothing else. */
		ask.method = STR("POST");
		require(!dpop_verify(arena, proof, &ask, &jti, &iat, &outcome));
	} else {
		require(outcome.errors == 1 && jti.length == 0 && iat == 0);
		require(outcome_first(&outcome) == OUTCOME_UNAUTHENTICATED);
	}
	arena_free(&arena);
	return 0;
}
