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
#include "storage/store_write.h"

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

#endif
