/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "authz/decide.h"
#include "fhir/observation.h"
#include "fhir/resource.h"
#include "storage/access_log.h"
#include "storage/quarantine.h"
#include "storage/store_call.h"
#include "storage/store_log.h"
#include "storage/store_search.h"

/* ---- RESOLVE: who is meant */
struct resolve_item {
	struct person_key key; /* by_row false */
	bool by_row;
	struct resource_key row; /* bucket, tenant, subject */
	/* An unknown patient gets a person row (sealed_id is its encrypted national id) ... */
	bool create_person;
	uint32_t create_subject; /* ... and a subject at this tenant; 0: none */
	struct str sealed_id;
	const char *digits;     /* what sealed_id is to be made of; the caller's alone */
	bool remembered;        /* store_remember() has answered */
	struct patient patient; /* the answer; rules_version in it */
};
struct store_resolve {
	struct store_call call;
	struct resolve_item *items;
	size_t count;
};
void store_resolve(struct store *store, struct store_resolve *resolve);
/*
 * For writes alone: fills in what earlier RESOLVEs found under this version of the rules, where that is one person with a subject at the controller that is to get one;
 * store_resolve() passes those items by. How many they are. What is filled in says nothing of blocks and of other controllers.
 */
size_t store_remember(struct store *store, struct store_resolve *resolve, int64_t rules_version);

/* ---- rules snapshot */
struct store_rules {
	struct store_call call;
	struct rules *rules; /* one reference for the caller */
};
void store_rules(struct store *store, struct store_rules *load);

/* ---- reads; each row the grant's parts allow, nothing else */
struct store_read {
	struct store_call call;
	const struct grant *grant;
	struct resource_key key;
	int version; /* 0: as it is now. An older one is open only where the reading as it is now is, too */
	bool found; /* also a tombstone: row.deleted */
	struct store_row row;
};
void store_read(struct store *store, struct store_read *read);

/*
 * The poll horizon: every reading received before `at` is committed and seen by a search that is queued after the answer, whichever hub wrote it; what is committed
 * later is received at `at` or after. Whole milliseconds, as lastUpdated is.
 */
struct store_horizon {
	struct store_call call;
	instant at;
};
void store_horizon(struct store *store, struct store_horizon *horizon);

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
	WRITE_GONE, /* CREATE: it was deleted, and is not stored again; else refused: no such row */
	WRITE_CONFLICT, /* refused: another version than `expected` */
	WRITE_CLASH     /* refused: its new identity is another reading's */
};
struct write_item {
	enum write_mode mode;
	const struct observation *observation; /* NULL with DELETE */
	const struct grant_part *part; /* of a WRITE grant: tenant, subject, person, bucket */
	struct str client;             /* for "C" keys */
	bool correction;
	struct str
		condition; /* CREATE: an identity text more; whoever has it is KNOWN as it is. Or empty */
	int expected; /* UPDATE, DELETE: 0 for any version */
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
	size_t log_count;
	/* Of a write for persons that were remembered: it counts only while the rules are of this version. 0: whatever they are. */
	int64_t rules_version;
	bool stale; /* the answer: they are not; nothing was stored, RESOLVE again */
	/*
	 * The answer: an UPDATE or DELETE was refused, as its item's fate says (GONE, CONFLICT, CLASH), and nothing of this write was stored, its log rows neither. Changes that
	 * do not hang together are therefore writes of their own; they still share a commit.
	 */
	bool refused;
};
void store_write(struct store *store, struct store_write *write);

#endif
