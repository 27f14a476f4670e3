/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_STORE_PRIVATE_H
#define STORAGE_STORE_PRIVATE_H

#include "storage/store.h"

/*
 * What the files of the store share. Each kind of call has a queue here and a file of its own with a dispatch function, which store.c calls at every
 * db_flush(): it starts flights for what waits, as long as db_flight() gives one. A dispatch that finds nothing to do costs nothing.
 */
enum store_kind {
	KIND_RESOLVE,
	KIND_RULES,
	KIND_READ,
	KIND_SEARCH,
	KIND_SCAN, /* searches whose rows must be looked at */
	KIND_LOG_READ,
	KIND_LOCATE,
	KIND_HISTORY,
	KIND_FIND,
	KIND_PROBE,
	KIND_DUE,
	KIND_CLAIM,
	KIND_HORIZON,
	KINDS
};

/* First in, first out. */
struct call_queue {
	struct store_call *first, *last;
	unsigned count;
};

struct writer; /* write.c: lanes, groups, caches of what was committed */
struct codes;  /* codes.c: interned concepts */
struct texts;  /* texts.c: the way back from their numbers */
struct search_text;

struct store {
	struct db *db;
	const struct seal *seal;
	struct store_settings settings;
	struct arena *arena; /* the store's own lifetime */
	instant now;         /* of the last db_flush */
	struct call_queue queues[KINDS];
	struct call_queue answered; /* told at the next db_flush */
	struct lease {
		uint64_t next, end; /* ids in hand */
		uint64_t spare;     /* first of a whole block behind them, or 0 */
		bool asked;
		instant failed_at;
		struct db_flight *flight;
	} lease;
	bool single; /* a batch of a kind of which one flies at a time is out */
	struct writer *writer;
	struct codes *codes;
	struct texts *texts;
	const struct search_text **searches; /* statements that were put together, by shape */
};

/* A leased block: hub.id_lease counts in steps of this. */
#define LEASE_IDS 65536u

/* Queues a call of a kind; a full queue, or a store without database for QUEUE_AGE, answers it with BUSY at the next db_flush. */
void queue_call(struct store *store, enum store_kind kind, struct store_call *call);
/* The oldest waiting call of a kind, taken off the queue; NULL when none waits. */
struct store_call *queue_take(struct store *store, enum store_kind kind);
/* Puts a call back in front: its flight was lost before anything was done. */
void queue_return(struct store *store, enum store_kind kind, struct store_call *call);
/* A call that waited longer than this is answered BUSY: the database is away. */
#define QUEUE_AGE (5 * INSTANT_SECOND)

/* Answers a call with an error, or as it is. Only from dispatch and from db callbacks. */
void call_fail(struct store_call *call, enum outcome_kind kind, const char *text);
void call_done(struct store_call *call);
/* Answers after a Sync that did not succeed: DB_LOST is BUSY (a read has done nothing), DB_FAILED is FAULT (TIMEOUT when it took too long); the hub's log gets the message. */
void call_end(struct store *store, struct store_call *call, const struct db_end *end);

/* One line of the hub's log about a statement that the database refused. */
void store_note(const struct store *store, const struct db_end *end);
/* Answers a call at the next db_flush: as its outcome is, or BUSY. */
void queue_answer(struct store *store, struct store_call *call);
void queue_refuse(struct store *store, struct store_call *call);

/* `count` (at most LEASE_IDS) consecutive new ids; 0 when the lease is out: more are on the way, try again at the next dispatch. */
uint64_t store_ids(struct store *store, unsigned count);

/* Whom an identity text is bound to: only "C" keys (content alone, no device, no identifier) to the client. */
static inline struct str identity_client(struct str client, struct str text)
{
	return text.length > 0 && text.at[0] == 'C' ? client : (struct str){ 0 };
}

/* Did the database refuse it less than a second ago? What asks again by itself waits for so long, or it would ask thousands of times in it. */
bool store_is_resting(const struct store *store, instant failed_at);

/* The dispatch function of each kind: a row of store.c's table, and a file. */
void lease_dispatch(struct store *store, instant now);
void codes_dispatch(struct store *store, instant now);
void write_dispatch(struct store *store, instant now);
void probe_dispatch(struct store *store, instant now);
void resolve_dispatch(struct store *store, instant now);
void rules_dispatch(struct store *store, instant now);
void read_dispatch(struct store *store, instant now);
void search_dispatch(struct store *store, instant now);
void log_read_dispatch(struct store *store, instant now);
void locate_dispatch(struct store *store, instant now);
void due_dispatch(struct store *store, instant now);
void claim_dispatch(struct store *store, instant now);
void horizon_dispatch(struct store *store, instant now);
void history_dispatch(struct store *store, instant now);
void find_dispatch(struct store *store, instant now);

/* Opened and closed with the store. */
struct writer *writer_new(struct store *store);
void writer_close(struct writer *writer);
struct codes *codes_new(struct store *store);
void codes_close(struct codes *codes);
struct texts *texts_new(void);
void texts_close(struct texts *texts);

#endif
