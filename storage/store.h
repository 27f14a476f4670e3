/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "authz/decide.h"
#include "fhir/observation.h"
#include "fhir/resource.h"
#include "fhir/search.h"
#include "storage/access_log.h"
#include "storage/store_call.h"
#include "storage/store_log.h"

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
struct store_row {
	struct resource_key key;
	int version;
	instant time_low, updated;
	enum reading_class class;
	struct str code; /* concept text of its code, for the log */
	struct str body; /* unpacked */
};
struct store_read {
	struct store_call call;
	const struct grant *grant;
	struct resource_key key;
	bool found;
	struct store_row row;
};
void store_read(struct store *store, struct store_read *read);

struct store_search {
	struct store_call call;
	const struct grant *grant;
	const struct search *search;
	struct resource_key *ids; /* opened values of _id */
	size_t id_count;
	bool has_after; /* keyset of the last row of the page before */
	instant after_time;
	uint64_t after_id;
	unsigned limit;
	struct store_row *rows; /* merged by time and id over all parts, at most limit */
	size_t count;
	bool more;
};
void store_search(struct store *store, struct store_search *search);

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
/* WRITE_BESIDE: same identity, other value, clock of minutes: kept beside. */
enum write_fate { WRITE_CREATED, WRITE_KNOWN, WRITE_VERSIONED, WRITE_BESIDE };
struct write_item {
	const struct observation *observation;
	const struct grant_part *part; /* of a WRITE grant: tenant, subject, person, bucket */
	struct str client;             /* for "C" keys */
	bool correction;
	/* the answer */
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
	struct str raw;      /* the message as it came, or empty */
	struct log_row *log; /* committed with it */
	size_t log_count;
	/* Of a write for persons that were remembered: it counts only while the rules are of this version. 0: whatever they are. */
	int64_t rules_version;
	bool stale; /* the answer: they are not; nothing was stored, RESOLVE again */
};
void store_write(struct store *store, struct store_write *write);

#endif
