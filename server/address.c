/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/address.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#define SLOTS         ((size_t)4096)
#define ADDRESSES_MAX ((size_t)65536)
#define KEY_BYTES     ((size_t)8)

struct address {
	struct address *next; /* in its slot, or in the free list */
	uint8_t key[KEY_BYTES];
	unsigned connections;
	double level; /* new connections, leaking at the rate */
	instant at;
};

struct addresses {
	struct arena *arena;
	struct address_limits limits;
	struct address *slots[SLOTS];
	struct address *free;
	size_t count;
};

static void make_key(const struct sockaddr *peer, uint8_t out[static KEY_BYTES])
{
	memset(out, 0, KEY_BYTES);
	if (peer->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, peer, sizeof(v4));
		memcpy(out + 4, &v4.sin_addr, 4);
	} else if (peer->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, peer, sizeof(v6));
		memcpy(out, &v6.sin6_addr, KEY_BYTES);
	}
}

static size_t slot_of(const uint8_t key[static KEY_BYTES])
{
	uint64_t number;
	memcpy(&number, key, sizeof(number));
	return (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 52) % SLOTS;
}

static void leak(const struct addresses *addresses, struct address *address, instant now)
{
	const double passed = (double)(now - address->at) / (double)INSTANT_SECOND;
	if (passed > 0)
		address->level -= passed * addresses->limits.rate;
	address->at = now; /* also where the clock was set back */
	if (address->level < 0)
		address->level = 0;
}

/* The address's place, with those that can be forgotten cleared out of its slot on the way. */
static struct address *look(
	struct addresses *addresses, const uint8_t key[static KEY_BYTES], instant now)
{
	struct address **at = &addresses->slots[slot_of(key)];
	struct address *found = NULL;
	while (*at != NULL) {
		struct address *address = *at;
		leak(addresses, address, now);
		if (memcmp(address->key, key, KEY_BYTES) == 0) {
			found = address;
		} else if (address->connections == 0 && address->level <= 0) {
			*at = address->next;
			address->next = addresses->free;
			addresses->free = address;
			addresses->count--;
			continue;
		}
		at = &address->next;
	}
	return found;
}

static struct address *add(
	struct addresses *addresses, const uint8_t key[static KEY_BYTES], instant now)
{
	if (addresses->count >= ADDRESSES_MAX)
		return NULL;
	struct address *address = addresses->free;
	if (address != NULL)
		addresses->free = address->next;
	else
		address = arena_alloc(addresses->arena, sizeof(*address));
	*address = (struct address){ .at = now, .next = addresses->slots[slot_of(key)] };
	memcpy(address->key, key, KEY_BYTES);
	addresses->slots[slot_of(key)] = address;
	addresses->count++;
	return address;
}

struct addresses *addresses_new(struct arena *arena, const struct address_limits *limits)
{
	struct addresses *addresses = arena_alloc(arena, sizeof(*addresses));
	addresses->arena = arena;
	addresses->limits = *limits;
	return addresses;
}

enum address_answer address_enter(
	struct addresses *addresses, const struct sockaddr *peer, instant now, struct address **out)
{
	uint8_t key[KEY_BYTES];
	make_key(peer, key);
	struct address *address = look(addresses, key, now);
	if (address == NULL)
		address = add(addresses, key, now);
	if (address == NULL || address->connections >= addresses->limits.connections)
		return ADDRESS_TOO_MANY;
	if (address->level >= 2.0 * addresses->limits.rate)
		return ADDRESS_TOO_FAST;
	address->level += 1;
	address->connections++;
	*out = address;
	return ADDRESS_TAKEN;
}

void address_leave(struct address *address)
{
	assert(address->connections > 0);
	address->connections--;
}

void address_charge(struct address *address, unsigned amount)
{
	address->level += amount;
}
