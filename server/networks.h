/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_NETWORKS_H
#define SERVER_NETWORKS_H

#include "fhir/base/str.h"

struct arena;
struct sockaddr;

/* Addresses somebody may come from: the first `bits` of an IPv6 address; IPv4 is ::ffff:a.b.c.d. */
struct network {
	uint8_t address[16];
	unsigned bits;
};
struct networks {
	const struct network *items;
	size_t count;
};

/*
 * `loopback`, addresses, and networks as address/bits, parted by commas or blanks; empty: nobody. On the arena. False, with *out untouched, for anything else, also for a network
 * with bits behind its prefix (10.0.0.1/8): somebody meant something else.
 */
bool networks_parse(struct arena *arena, struct str text, struct networks *out);
/* Does the peer's address stand there? */
bool networks_have(const struct networks *networks, const struct sockaddr *peer);

#endif
