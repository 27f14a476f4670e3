/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_ADDRESS_H
#define SERVER_ADDRESS_H

#include "fhir/base/arena.h"
#include "fhir/base/instant.h"

/*
 * What one loop knows of its clients' addresses: how many connections each holds, and how fast it
 * makes new ones. An IPv6 client is its /64. Bounded; forgets who has nothing open and has been
 * quiet.
 */
struct addresses;
struct address;

struct address_limits {
	unsigned connections; /* open at a time */
	unsigned rate;        /* new ones a second; twice as many at once */
};

enum address_answer { ADDRESS_TAKEN, ADDRESS_TOO_MANY, ADDRESS_TOO_FAST };

struct sockaddr;

struct addresses *addresses_new(struct arena *arena, const struct address_limits *limits);
/*
 * A connection from `peer` arrives. Taken: *out is handed back by address_leave() when the
 * connection ends.
 */
enum address_answer address_enter(struct addresses *addresses, const struct sockaddr *peer,
	instant now, struct address **out);
void address_leave(struct address *address);
/* Its connection had to be killed: as if it had made `amount` new ones. */
void address_charge(struct address *address, unsigned amount);

#endif
