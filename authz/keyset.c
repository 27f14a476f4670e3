/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "authz/token.h"

#include <assert.h>

#include "authz/claims.h"
#include "fhir/base/arena.h"

#define TEXT_MAX  ((size_t)256 << 10)
#define KEYS_MAX  64
#define NODES_MAX 4096
#define ARENA_MAX ((size_t)4 << 20)

/* RFC 7517 sections 4.2 and 4.3: a key that says what it is for must be for signatures. */
static bool is_for_signatures(const struct json *jwk)
{
	const struct json *use = json_get(jwk, "use");
	const struct json *uses = json_get(jwk, "key_ops");
	if (use != NULL && (use->type != JSON_STRING || !str_is(use->text, "sig")))
		return false;
	if (uses == NULL)
		return true;
	json_each(item, uses)
	{
		if (item->type == JSON_STRING && str_is(item->text, "verify"))
			return true;
	}
	return false;
}

/*
 * One JWK into *out; false where it is none of ours. What is wrong with it is not our caller's
 * to know.
 */
static bool key_read(struct arena *scratch, const struct json *jwk, struct keyset_key *out)
{
	struct outcome unseen = { .arena = scratch };
	const struct json *alg = json_get(jwk, "alg");
	const struct str kid = json_text(jwk, "kid");
	struct keyset_key key = { .alg_known = alg != NULL };
	if (jwk->type != JSON_OBJECT || !is_for_signatures(jwk) || !kid_is_valid(kid))
		return false;
	if (alg != NULL && !jose_alg_parse(json_text(jwk, "alg"), &key.alg))
		return false;
	key.key = jose_key_from_jwk(jwk, &unseen);
	if (key.key == NULL)
		return false;
	if (key.alg_known && !jose_key_fits(key.key, key.alg)) {
		jose_key_free(&key.key);
		return false;
	}
	memcpy(key.kid, kid.at, kid.length);
	*out = key;
	return true;
}

static bool refuse(struct outcome *outcome, const char *why)
{
	return outcome_fail(outcome, OUTCOME_INVALID, STR(""), "%s", why);
}

static bool keys_read(struct keyset *keyset, const struct json *set, struct outcome *outcome)
{
	struct arena *scratch = outcome->arena;
	const struct json *list = json_get(set, "keys");
	if (list == NULL || list->type != JSON_ARRAY)
		return refuse(outcome, "The JWK Set has no list of keys.");
	if (list->count > KEYS_MAX)
		return refuse(outcome, "The JWK Set has too many keys.");
	keyset->keys = arena_array(keyset->arena, list->count, sizeof(*keyset->keys));
	json_each(jwk, list)
	{
		struct keyset_key key = { 0 };
		if (!key_read(scratch, jwk, &key))
			continue;
		const bool again = keyset_find(keyset, str_of(key.kid)) != NULL;
		keyset->keys[keyset->count++] = key;
		if (again) /* kid decides the key and its algorithm: it must not be a choice */
			return refuse(outcome, "The JWK Set has two keys of one kid.");
	}
	return keyset->count > 0 || refuse(outcome, "The JWK Set has no key we can use.");
}

struct keyset *keyset_parse(struct str text, struct outcome *outcome)
{
	if (text.length > TEXT_MAX) {
		refuse(outcome, "The JWK Set is too long.");
		return NULL;
	}
	const struct json *set = json_parse(outcome->arena, text, NODES_MAX, outcome);
	if (set == NULL)
		return NULL;
	struct arena *arena = arena_new(ARENA_MAX);
	struct keyset *keyset = arena_alloc(arena, sizeof(*keyset));
	keyset->arena = arena;
	keyset->references = 1;
	if (!keys_read(keyset, set, outcome))
		keyset_drop(&keyset);
	return keyset;
}

struct keyset *keyset_hold(struct keyset *keyset)
{
	__atomic_add_fetch(&keyset->references, 1, __ATOMIC_RELAXED);
	return keyset;
}

void keyset_drop(struct keyset **keyset)
{
	if (*keyset == NULL)
		return;
	const int left = __atomic_sub_fetch(&(*keyset)->references, 1, __ATOMIC_ACQ_REL);
	assert(left >= 0);
	if (left == 0) {
		struct arena *arena = (*keyset)->arena; /* holds *keyset too */
		for (size_t i = 0; i < (*keyset)->count; i++)
			jose_key_free(&(*keyset)->keys[i].key);
		arena_free(&arena);
	}
	*keyset = NULL;
}

const struct keyset_key *keyset_find(const struct keyset *keyset, struct str kid)
{
	for (size_t i = 0; i < keyset->count; i++)
		if (str_is(kid, keyset->keys[i].kid))
			return &keyset->keys[i];
	return NULL;
}
