/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sixteen shards under a lock each. In a shard an entry hangs in two chains: by hash, to be found,
 * and by the second in which it may be forgotten, so that forgetting costs what is forgotten and
 * never a scan. Memory is taken once, at start.
 */
#include "server/replay.h"

#include <pthread.h>

#include "authz/seal.h"
#include "fhir/base/arena.h"

#define SHARDS ((size_t)16)
/* Seconds ahead: more than dpop_back and dpop_ahead at their largest. */
#define WHEEL        ((size_t)512)
#define DIGEST_BYTES ((size_t)16)
#define PROOF_MAX    ((size_t)1024)

struct entry {
	uint8_t digest[DIGEST_BYTES];
	uint32_t next_hash, next_wheel; /* index + 1; 0: the end */
};

struct shard {
	pthread_mutex_t lock;
	struct entry *entries;
	uint32_t *heads;
	uint32_t head_mask;
	uint32_t capacity, used; /* entries from `used` on were never taken */
	uint32_t free;           /* chain by next_wheel */
	uint32_t wheel[WHEEL];
	int64_t swept; /* all seconds before this one are forgotten */
};

struct replay {
	struct arena *arena;
	struct shard shards[SHARDS];
};

static uint32_t *hash_head(struct shard *shard, const uint8_t *digest)
{
	uint32_t hash;
	memcpy(&hash, digest + 4, sizeof(hash));
	return &shard->heads[hash & shard->head_mask];
}

static void forget(struct shard *shard, uint32_t number)
{
	struct entry *entry = &shard->entries[number - 1];
	uint32_t *at = hash_head(shard, entry->digest);
	while (*at != number)
		at = &shard->entries[*at - 1].next_hash;
	*at = entry->next_hash;
	entry->next_wheel = shard->free;
	shard->free = number;
}

/* Forgets all whose second has passed. */
static void sweep(struct shard *shard, int64_t second)
{
	if (second - shard->swept > (int64_t)WHEEL)
		shard->swept = second - (int64_t)WHEEL;
	for (; shard->swept < second; shard->swept++) {
		uint32_t *slot = &shard->wheel[(size_t)shard->swept % WHEEL];
		uint32_t number = *slot;
		*slot = 0;
		while (number != 0) {
			const uint32_t next = shard->entries[number - 1].next_wheel;
			forget(shard, number);
			number = next;
		}
	}
}

static uint32_t take(struct shard *shard)
{
	const uint32_t number = shard->free;
	if (number != 0) {
		shard->free = shard->entries[number - 1].next_wheel;
		return number;
	}
	return shard->used < shard->capacity ? ++shard->used : 0;
}

static enum replay_answer check(
	struct shard *shard, const uint8_t *digest, int64_t until, int64_t second)
{
	sweep(shard, second);
	uint32_t *head = hash_head(shard, digest);
	for (uint32_t at = *head; at != 0; at = shard->entries[at - 1].next_hash)
		if (memcmp(shard->entries[at - 1].digest, digest, DIGEST_BYTES) == 0)
			return REPLAY_SEEN;
	const uint32_t number = take(shard);
	if (number == 0)
		return REPLAY_FULL;
	struct entry *entry = &shard->entries[number - 1];
	memcpy(entry->digest, digest, DIGEST_BYTES);
	entry->next_hash = *head;
	*head = number;
	uint32_t *slot = &shard->wheel[(size_t)until % WHEEL];
	entry->next_wheel = *slot;
	*slot = number;
	return REPLAY_FRESH;
}

struct replay *replay_new(size_t capacity)
{
	struct arena *arena = arena_new(SIZE_MAX);
	struct replay *replay = arena_alloc(arena, sizeof(*replay));
	replay->arena = arena;
	const size_t each = capacity / SHARDS + 1;
	size_t heads = 64;
	while (heads < each)
		heads *= 2;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &replay->shards[i];
		pthread_mutex_init(&shard->lock, NULL);
		shard->entries = arena_array(arena, each, sizeof(*shard->entries));
		shard->heads = arena_array(arena, heads, sizeof(*shard->heads));
		shard->head_mask = (uint32_t)(heads - 1);
		shard->capacity = (uint32_t)each;
	}
	return replay;
}

void replay_free(struct replay **replay)
{
	if (*replay == NULL)
		return;
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&(*replay)->shards[i].lock);
	struct arena *arena = (*replay)->arena;
	*replay = NULL;
	arena_free(&arena);
}

enum replay_answer replay_check(
	struct replay *replay, struct str jkt, struct str jti, instant until, instant now)
{
	char proof[PROOF_MAX];
	const int64_t second = now / INSTANT_SECOND;
	int64_t last = until / INSTANT_SECOND + 1;
	/* What cannot be remembered for as long as it must is not taken. */
	if (jkt.length + jti.length + 1 > PROOF_MAX || last - second >= (int64_t)WHEEL)
		return REPLAY_FULL;
	if (last < second)
		last = second;
	memcpy(proof, jkt.at, jkt.length);
	proof[jkt.length] = '|';
	memcpy(proof + jkt.length + 1, jti.at, jti.length);
	uint8_t digest[32];
	seal_sha256((struct str){ proof, jkt.length + 1 + jti.length }, digest);

	struct shard *shard = &replay->shards[digest[0] % SHARDS];
	pthread_mutex_lock(&shard->lock);
	const enum replay_answer answer = check(shard, digest, last, second);
	pthread_mutex_unlock(&shard->lock);
	return answer;
}
