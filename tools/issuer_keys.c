/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tools/issuer.h"

#include <stdio.h>

#include "authz/seal.h"

void issuer_rotate(struct issuer *issuer, enum jose_alg alg)
{
	if (issuer->count == ISSUER_KEYS_MAX) {
		jose_key_free(&issuer->keys[0].key);
		memmove(issuer->keys, issuer->keys + 1, sizeof(issuer->keys[0]) * --issuer->count);
	}
	struct issuer_key *key = &issuer->keys[issuer->count++];
	uint32_t random;
	seal_random(&random, sizeof(random));
	snprintf(key->kid, sizeof(key->kid), "%s-%u-%08x", issuer->name, ++issuer->serial, random);
	key->alg = alg;
	key->key = jose_key_generate(alg);
}

void issuer_forget(struct issuer *issuer)
{
	for (unsigned i = 0; i + 1 < issuer->count; i++)
		jose_key_free(&issuer->keys[i].key);
	issuer->keys[0] = issuer->keys[issuer->count - 1];
	issuer->count = 1;
}

void issuer_jwks(const struct issuer *issuer, struct arena *arena, struct buf *out)
{
	buf_add_text(out, "{\"keys\":[");
	for (unsigned i = 0; i < issuer->count; i++) {
		const struct issuer_key *key = &issuer->keys[i];
		struct str jwk = jose_key_to_jwk(arena, key->key);

		json_write_comma(out);
		buf_add(out, str_part(jwk, 0, jwk.length - 1));
		json_write_member(out, "kid", str_of(key->kid));
		json_write_member(out, "use", STR("sig"));
		json_write_member(out, "alg", str_of(jose_alg_name(key->alg)));
		buf_add_byte(out, '}');
	}
	buf_add_text(out, "]}");
}
