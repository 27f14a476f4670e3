/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_WRITE_PRIVATE_H
#define STORAGE_WRITE_PRIVATE_H

#include "storage/store_private.h"
#include "storage/write_caches.h"
#include "storage/write_reading.h"

/*
 * What the files of the group commit share: write.c takes calls in and keeps the lanes, write_group.c is one group's way to its COMMIT, write_rows.c
 * and write_log.c say it in SQL, write_caches.c knows what was committed before.
 */

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
	uint64_t first_id;      /* of the readings */
	struct reading **named; /* whose id was given out before, by id */
	size_t named_count;
	struct places *changing; /* rows that get a new version in this phase; NULL: none yet */
	/* Rows that this attempt has made tombstones; NULL: not asked yet. */
	struct places *deleted;
	struct log_line {
		const struct log_row *row;
		struct mac128 context;
		uint64_t id;
		uint8_t salt[16];
	} * lines; /* by (tenant, bucket) */
	size_t line_count;
	instant at;
	bool unhurried;  /* its COMMIT does not wait for the disk: nobody is told yet */
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
/* Readings of a job, or a group, that takes long. The two kinds make groups of their own: nobody who writes a log row waits for the many readings of somebody else. */
#define LONG_GROUP 32u
bool job_is_long(const struct job *job);
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
/* The keys of the reading that the probe found, each with that of a second reading of this content beside it (as reading_set_beside() makes it), and one that nobody asks for. How many; the arrays have room for key_count. */
size_t reading_taken_keys(struct store *store, const struct reading *reading,
	const struct mac128 *content, struct mac128 *taken, struct mac128 *guards,
	struct mac128 *spares);

/* write_gather.c: takes what fits into one group off the lane's queue. */
void group_gather(struct group *group);
/* The version of the rules that its writes were decided by; 0: none that could be stale. */
int64_t group_rules_version(const struct group *group);
/* Adds a statement that fails unless the rules are of this version. */
void group_rules(struct group *group);
/* Numbers the readings: in their order, but for those whose id was given out before. */
void group_number(struct group *group);
/* The reading of this id; NULL: none of ours. */
struct reading *group_reading(const struct group *group, uint64_t id);
/* Marks those that turned out to be another row than others of their write took them for; false: there are none. */
bool group_moved(struct group *group);

/* write_places.c: at most `count` rows, each with the reading that was the first to take it. */
struct places;
struct places *places_new(struct arena *arena, size_t count);
/* NULL: nobody has taken it. */
struct reading *places_find(const struct places *places, uint64_t row);
/* False: it is taken already. */
bool places_take(struct places *places, uint64_t row, struct reading *reading);

/* write_group.c: takes what has queued in the lane and sends it. */
void group_start(struct group *group);

#endif
