/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_DB_PRIVATE_H
#define STORAGE_DB_PRIVATE_H

#include <libpq-fe.h>

#include "storage/db.h"

/* What the files storage/db*.c share; nothing else includes this. */

enum flight_state {
	FLIGHT_DOWN, /* no connection; tried again at retry_at */
	FLIGHT_CONNECTING,
	FLIGHT_PREPARING,
	FLIGHT_IDLE,
	FLIGHT_BUSY /* between db_flight() and db_land() */
};

/* What the next result on a connection belongs to. */
struct expected {
	enum expected_kind {
		EXPECT_ROWS,   /* a statement */
		EXPECT_COMMIT, /* its tag decides db_end.committed */
		EXPECT_NAMED,  /* PREPARE of a name that was made at run time */
		EXPECT_INNER,  /* a Sync that only separates */
		EXPECT_SYNC    /* a Sync somebody waits for */
	} kind;
	bool answered; /* a result came; NULL ends it */
	uint64_t name; /* EXPECT_NAMED */
	void (*rows)(void *context, const struct db_rows *rows);
	void (*synced)(void *context, const struct db_end *end);
	void *context;
};

/* Statements prepared at run time, bounded: SET LOCAL per tenant and search shapes. */
#define NAMED_MAX 256

/* One connection; handed out as a flight. */
struct db_flight {
	struct db *db;
	enum db_role role;
	PGconn *connection;
	enum flight_state state;
	bool broken;      /* found in a place that may not call back; lost at the next run */
	int socket;       /* registered with epoll, or -1 */
	bool wants_write; /* registered for EPOLLOUT too */
	bool want_write;  /* while connecting */
	instant since;    /* connecting, or the oldest Sync not answered */
	instant retry_at;
	instant backoff;
	struct expected *expected; /* a ring */
	size_t first, count, room; /* room is a power of two */
	unsigned syncs;            /* of the ring */
	uint64_t life;             /* db.made when it was connected */
	struct db_end end;         /* of the Sync being answered */
	uint64_t named[NAMED_MAX];
	unsigned named_count;
};

struct db {
	struct db_settings settings;
	char *conninfo;
	int epoll;
	instant now;
	struct db_flight *flights[DB_ROLES];
	unsigned turn[DB_ROLES]; /* where DB_ANY_LANE looks next */
	void (*dispatch)(void *context, instant now);
	void *dispatch_context;
	bool closing;
	uint64_t made; /* connections */
};

struct db_params {
	struct arena *arena;
	unsigned count, used;
	const char **values;
	int *lengths, *formats;
};

void db_note(const struct db *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* db_conn.c: the life of a connection. */
void connection_start(struct db_flight *flight);
void connection_poll(struct db_flight *flight);
/* Registers the socket for what it waits for. */
void connection_watch(struct db_flight *flight, bool write);
/* Ends what is under way with DB_LOST and closes; it is tried again later. */
void connection_lose(struct db_flight *flight, const char *why);
void connection_free(struct db_flight *flight);

/* db_flight.c: what goes out and what comes in. */
struct expected *expect(struct db_flight *flight, enum expected_kind kind);
/* Takes in what has arrived and makes the callbacks. */
void flight_receive(struct db_flight *flight);
/* Sends what libpq still holds. */
void flight_flush(struct db_flight *flight);
/* Prepares the role's statements; the Sync's answer makes the connection idle. */
void flight_prepare(struct db_flight *flight);

#endif
