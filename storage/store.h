/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "authz/decide.h"
#include "fhir/observation.h"
#include "fhir/resource.h"
#include "fhir/search.h"
#include "storage/access_log.h"
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
	instant since;		 /* when it was queued */
};

struct store_settings {
	unsigned queue_max; /* calls waiting per kind; full: BUSY */
	unsigned group_max; /* readings in one write group */
};

/* One store a db. Close the db first: its flights end in the store. What still waits at store_close() is answered BUSY. */
struct store *store_open(struct db *db, const struct seal *seal, const struct store_settings *settings);
void store_close(struct store **store);

/* ---- RESOLVE: who is meant */
struct resolve_item {
	struct person_key key;	/* by_row false */
	bool by_row;
	struct resource_key row; /* bucket, tenant, subject */
	bool create_person;	/* an unknown patient gets a person row (sealed_id is its encrypted national id) */
	uint32_t create_subject; /* and a subject at this tenant; 0: none */
	struct str sealed_id;
	struct patient patient; /* the answer; rules_version in it */
};
struct store_resolve {
	struct store_call call;
	struct resolve_item *items;
	size_t count;
};
void store_resolve(struct store *store, struct store_resolve *resolve);

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
	struct str code;	/* concept text of its code, for the log */
	struct str body;	/* unpacked */
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
	bool has_after;		  /* keyset of the last row of the page before */
	instant after_time;
	uint64_t after_id;
	unsigned limit;
	struct store_row *rows;	  /* merged by time and id over all parts, at most limit */
	size_t count;
	bool more;
};
void store_search(struct store *store, struct store_search *search);

/* ---- writes: readings, their raw message and their log rows in one transaction */
enum write_fate { WRITE_CREATED, WRITE_KNOWN, WRITE_VERSIONED, WRITE_BESIDE };
struct write_item {
	const struct observation *observation;
	const struct grant_part *part;	/* of a WRITE grant: tenant, subject, person, bucket */
	struct str client;		/* for "C" keys */
	bool correction;
	/* the answer */
	enum write_fate fate;		/* WRITE_BESIDE: same identity, other value, clock of minutes: kept beside */
	struct resource_key key;
	int version;
	instant updated;
};
struct store_write {
	struct store_call call;
	const struct grant *grant;
	struct write_item *items;
	size_t count;
	uint64_t corr;			/* correlation id (store_corr) */
	enum write_door { DOOR_FHIR = 1, DOOR_PCD01 = 2 } door;
	struct str client;
	struct str raw;			/* the message as it came, or empty */
	struct log_row *log;		/* committed with it */
	size_t log_count;
};
void store_write(struct store *store, struct store_write *write);

/* ---- the access log */
struct store_log {
	struct store_call call;
	struct log_row *rows;
	size_t count;
};
/* Joins the next group commit; done when committed. */
void store_log(struct store *store, struct store_log *log);
/* A new correlation id, from the process's lease; 0 while there is none yet. */
uint64_t store_corr(struct store *store);

struct store_log_read {
	struct store_call call;
	const struct grant *grant; /* ASK_LOG: the citizen's persons are its parts */
	bool has_before;
	instant before_at;
	uint64_t before_id;
	unsigned limit;
	struct log_entry *entries; /* newest first */
	size_t count;
	bool more;
};
void store_log_read(struct store *store, struct store_log_read *read);

/* ---- the locator */
struct locator_entry {
	uint32_t tenant;
	struct str category; /* concept text */
	int month;	     /* months since 1970-01, the newest */
};
struct store_locate {
	struct store_call call;
	const struct grant *grant; /* ASK_LOCATE */
	struct locator_entry *entries;
	size_t count;
};
void store_locate(struct store *store, struct store_locate *locate);

/* Rolled-back probe of the log's insert for /readyz. */
struct store_probe {
	struct store_call call;
};
void store_probe(struct store *store, struct store_probe *probe);

#endif
