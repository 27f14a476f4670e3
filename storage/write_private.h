/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_WRITE_PRIVATE_H
#define STORAGE_WRITE_PRIVATE_H

#include "storage/store_private.h"
#include "storage/write_caches.h"

/*
 * What the files of the group commit share: write.c takes calls in and keeps the lanes, write_group.c is one group's way to its COMMIT, write_rows.c
 * and write_log.c say it in SQL, write_caches.c knows what was committed before.
 */

/* What the database has of a reading's identity, after a probe. */
struct hit {
	uint64_t id; /* 0: nothing */
	int version;
	bool same;  /* its content, or that of an earlier version of it, is ours */
	bool equal; /* its content now is ours */
	bool named; /* found by an identifier of the sender's, not by device and time or content */
	bool asked; /* found by the condition of the create */
	bool gone;  /* a tombstone */
	uint64_t upload;
	instant recv;
};

enum reading_state {
	READING_NEW,      /* to be inserted if its keys are unknown */
	READING_ADDED,    /* inserted */
	READING_KNOWN,    /* there already */
	READING_ASKING,   /* another value; was it kept beside before? */
	READING_CHANGING, /* its new version is on the way */
	READING_CHANGED,
	READING_GONE, /* it was deleted, and stays so */
	/* UPDATE and DELETE of a row by its id (write_change.c) */
	READING_DUE,
	READING_DONE,
	READING_REFUSED
};

/* A reading made ready: all that can be known without the database. Lives on the exchange's arena. */
struct reading {
	struct write_item *item;
	struct job *job;
	struct mac128 digest;
	struct mac128 *keys;
	bool *key_hit; /* the probe found this key */
	size_t key_count;
	struct mac128 least; /* the smallest key */
	struct str body;     /* packed */
	int16_t pack;
	int32_t code, category, unit;
	int32_t *term_codes, *term_units;
	/* within a group */
	uint64_t id;
	unsigned
		round; /* phase of the probe it waits for: 0, or after the reading of the same request with the same key */
	enum reading_state state;
	bool shared; /* another reading of the same request has a key of it */
	bool beside, asked, terms_due;
	instant received;     /* what the database gave: lastUpdated */
	enum write_fate fate; /* DONE, REFUSED */
	struct hit hit;
};

/* Is it an UPDATE or DELETE of a row that is named by its id? */
static inline bool reading_is_change(const struct reading *reading)
{
	return reading->item->mode != WRITE_CREATE;
}

/* A call in a lane. */
struct job {
	struct store_call *call;
	struct store_write *write; /* or NULL: log rows alone */
	struct job *next;
	struct reading *readings;
	size_t reading_count;
	struct log_row *log;
	size_t log_count;
	struct mac128 *contexts; /* of the log rows */
	uint32_t tenant;         /* decides the lane */
	bool codes_missing;
};

struct job_queue {
	struct job *first, *last;
	unsigned count;
};

enum group_mode { GROUP_PLAIN, GROUP_PROBE };

/* What one lane has under way. */
struct group {
	struct store *store;
	struct lane *lane;
	unsigned number;          /* of the lane */
	struct db_flight *flight; /* NULL: nothing under way */
	struct arena *arena;
	struct job *jobs; /* in this transaction */
	struct job *rest; /* still to be tried, each alone */
	enum group_mode mode;
	bool alone;
	unsigned deadlocks, clashes, phases;
	char sqlstate[6];
	struct reading **readings; /* by (tenant, bucket, least key); ids follow this order */
	size_t count;
	uint64_t first_id; /* of the readings */
	struct log_line {
		const struct log_row *row;
		struct mac128 context;
		uint64_t id;
		uint8_t salt[16];
	} * lines; /* by (tenant, bucket) */
	size_t line_count;
	instant at;
	bool committing; /* COMMIT is sent: if the connection is lost, nobody knows */
};

struct lane {
	struct job_queue queue;
	struct group group;
};

struct writer {
	struct store *store;
	struct lane *lanes;
	unsigned lane_count;
	struct job_queue waiting; /* for codes */
	unsigned codes_turn;      /* the answers that were seen */
	struct caches *caches;
};

void job_append(struct job_queue *queue, struct job *job);
/* Takes a job off a queue; `before` is the job in front of it or NULL. */
void job_remove(struct job_queue *queue, struct job *before, struct job *job);
/* Answers a job; it may be gone afterwards. */
void job_fail(struct job *job, enum outcome_kind kind, const char *text);
/* Puts jobs back in front of their lane's queue. */
void lane_return(struct lane *lane, struct job *jobs);

/* write_ready.c: keys, digests, packed bodies, code numbers. False where the call was refused; codes_missing tells that codes are on the way. */
bool job_ready(struct store *store, struct job *job);
bool job_codes(struct store *store, struct job *job);
/* The key of a second reading with the identity of another one; and the reading as one that has it. */
struct mac128 reading_beside_key(struct store *store, const struct reading *reading);
void reading_set_beside(struct store *store, struct reading *reading);

/* write_gather.c: takes what fits into one group off the lane's queue. */
void group_gather(struct group *group);
/* The version of the rules that its writes were decided by; 0: none that could be stale. */
int64_t group_rules_version(const struct group *group);
/* Adds a statement that fails unless the rules are of this version. */
void group_rules(struct group *group);

/* write_group.c: takes what has queued in the lane and sends it. */
void group_start(struct group *group);

#endif
