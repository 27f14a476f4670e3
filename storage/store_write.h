/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_STORE_WRITE_H
#define STORAGE_STORE_WRITE_H

#include "authz/decide.h"
#include "fhir/observation.h"
#include "storage/access_log.h"
#include "storage/quarantine.h"
#include "storage/store_call.h"

struct store;

/* ---- writes: readings, their raw message and their log rows in one transaction */
/*
 * CREATE: what its identity keys lead to decides. UPDATE puts the observation in the place of the row `key`, DELETE leaves a tombstone there (status 0, no body); the
 * version before goes to the history. Both may ask for the row to be of version `expected`. An UPDATE of a tombstone brings it back.
 */
enum write_mode { WRITE_CREATE, WRITE_UPDATE, WRITE_DELETE };
enum write_fate {
	WRITE_CREATED, /* also a tombstone brought back */
	WRITE_KNOWN,
	WRITE_VERSIONED,
	WRITE_BESIDE, /* same identity, other value, clock of minutes: kept beside */
	WRITE_UPDATED,
	WRITE_UNCHANGED, /* UPDATE: the same bytes; DELETE: deleted already; no new version */
	WRITE_DELETED,
	WRITE_GONE, /* CREATE: it was deleted, by another write than this one, and is not stored again; else refused: no such row */
	WRITE_CONFLICT, /* refused: another version than `expected` */
	WRITE_CLASH,    /* refused: its new identity is another reading's */
	WRITE_MOVED     /* refused: it is not the row `expect`; `key` says which it would be */
};
struct write_item {
	enum write_mode mode;
	const struct observation *observation; /* NULL with DELETE */
	const struct grant_part *part; /* of a WRITE grant: tenant, subject, person, bucket */
	struct str client;             /* for "C" keys */
	bool correction;
	/* An identity text more, or empty. CREATE: whoever has it is KNOWN as it is; UPDATE: the row gets it. */
	struct str condition;
	int expected; /* UPDATE, DELETE: 0 for any version */
	int same; /* UPDATE: the version that was read and holds these very bytes, however it is packed; 0: none is known to */
	/*
	 * CREATE, where the id must be known before, because others of the same write refer to it: which one a new row gets (store_corr() gives one; 0: any), and which row it must turn out to be,
	 * new or there already, or the write is refused (0: as it comes).
	 */
	uint64_t id, expect;
	/* the answer; of UPDATE and DELETE `key` is given */
	enum write_fate fate;
	struct resource_key key;
	int version;
	instant updated;
};
struct store_write {
	struct store_call call;
	const struct grant *grant;
	struct write_item *items;
	size_t count;
	uint64_t corr; /* correlation id (store_corr) */
	enum write_door { DOOR_FHIR = 1, DOOR_PCD01 = 2 } door;
	struct str client;
	struct str raw;         /* the message as it came, or empty */
	struct store_keep keep; /* what becomes of `raw` where not all of it is readings */
	struct log_row *log;    /* committed with it */
	/*
	 * Called before the rows of `log` go out, where not all of it is stored as something new: the items hold their fates. May write the bodies of the rows anew, and nothing else. Whatever is
	 * rolled back and tried again calls it again. NULL: nobody asks.
	 */
	void (*settled)(void *context);
	void *settled_context;
	size_t log_count;
	/* Of a write for persons that were remembered: it counts only while the rules are of this version. 0: whatever they are. */
	int64_t rules_version;
	bool stale; /* the answer: they are not; nothing was stored, RESOLVE again */
	/*
	 * The answer: an item was refused, as its fate says (GONE, CONFLICT, CLASH, MOVED), and nothing of this write was stored, its log rows neither. Changes that
	 * do not hang together are therefore writes of their own; they still share a commit.
	 */
	bool refused;
	/*
	 * More writes of this request follow, and nobody is told of this one before the last of them is in: its COMMIT does not wait for the disk. The next one that does makes this one
	 * last as well (PostgreSQL's log is one), unless the database has died in between: `life` is 0 with the first and handed on to the next; torn is the answer that this
	 * write went by a connection made since, so that what those before it stored may be gone, and `life` is the new one. Without `more`, or after it, a write that succeeded is there to stay.
	 */
	bool more, torn;
	uint64_t life;
	/* the store's own */
	struct reading *readings;
	size_t prepared;
};
void store_write(struct store *store, struct store_write *write);
/*
 * Makes `count` more of the write's items ready (keys, digests, packed bodies: some 10 us each), ahead of store_write(), which does the rest at once; for large writes. Grant, items and
 * client are settled before and stay. False: there are more.
 */
bool store_prepare(struct store *store, struct store_write *write, size_t count);

#endif
