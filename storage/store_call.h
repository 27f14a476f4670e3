/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_STORE_CALL_H
#define STORAGE_STORE_CALL_H

#include "authz/seal.h"
#include "fhir/base/outcome.h"
#include "storage/db.h"

/*
 * What the hub remembers, per loop. Every call queues work and returns; `done` is called later, from db_run() or db_flush(). A call and all it points to live on
 * the exchange's arena until then. Failures are issues in call->outcome: BUSY when a queue is full or the database is away (nothing was done), TIMEOUT when a write's fate is unknown.
 */
struct store;

struct store_call {
	struct arena *arena;
	struct outcome *outcome;
	void (*done)(void *context);
	void *context;
	struct store_call *next; /* the store's, as is */
	instant since;           /* when it was queued */
};

struct store_settings {
	unsigned queue_max; /* calls waiting per kind; full: BUSY */
	unsigned group_max; /* readings in one write group */
};

/* One store a db. Close the db first: its flights end in the store. What still waits at store_close() is answered BUSY. */
struct store *store_open(
	struct db *db, const struct seal *seal, const struct store_settings *settings);
void store_close(struct store **store);

#endif
