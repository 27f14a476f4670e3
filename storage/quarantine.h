/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_QUARANTINE_H
#define STORAGE_QUARANTINE_H

#include "storage/store_call.h"

/*
 * Messages kept aside (hub.quarantine): those of which nothing, or not everything, could become readings. A message is kept once, by the keyed digest of its bytes; what operators and
 * senders know it by is the first half of that.
 */

/* How the bytes are to be read again. Stored as `door`. */
enum keep_form { KEEP_BYTES = 2, KEEP_UTF8 = 3 /* the transport had settled the character set */ };

/* What a write does with its message besides storing readings; in the same transaction. */
struct store_keep {
	enum { KEEP_NOT, KEEP_ASIDE, KEEP_SETTLE /* ends a release */ } what;
	struct str reason; /* static words. With KEEP_SETTLE, empty: nothing of it is left aside */
	struct mac128 digest;
	uint16_t bucket; /* of the patient; 0 where the message names nobody */
	enum keep_form form;
};

/* 18 characters and NUL. */
#define KEEP_NUMBER 19
void keep_number(const struct mac128 *digest, char out[static KEEP_NUMBER]);

/*
 * Takes the next message that an operator has released. Until a write settles it, it is given again after a minute, three times in all; two hubs never get it at once.
 */
struct store_release {
	struct store_call call;
	/* the answer, on the call's arena */
	bool found;
	uint32_t tenant;
	uint16_t bucket;
	struct mac128 digest;
	enum keep_form form;
	struct str client, body;
};
void store_release(struct store *store, struct store_release *release);

#endif
