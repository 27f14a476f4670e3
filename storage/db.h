/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_DB_H
#define STORAGE_DB_H

#include "authz/seal.h"
#include "fhir/base/arena.h"
#include "fhir/base/instant.h"
#include "fhir/base/str.h"
#include "storage/statements.h" /* generated from storage/sql: enum sql */

/*
 * The connections of one loop to PostgreSQL (doorway: libpq), in pipeline mode, each logged in as one role that can do one thing. Nothing blocks: db_fd()
 * is one epoll descriptor that becomes readable when db_run() has work; db_flush() sends what was queued and lets the stores start flights.
 * Callbacks are made from db_run() and db_flush() only, never from inside a call that queues.
 */
struct db;
struct db_end;

enum db_role { DB_RESOLVE, DB_READ, DB_WRITE, DB_AUDIT, DB_ROLES };

struct db_settings {
	const char *conninfo; /* host, port, dbname and so on; the role is added as user= */
	unsigned connections[DB_ROLES];
	instant statement_timeout; /* a Sync not answered within this loses its connection */
	/* One line for the hub's log: connections lost, statements refused. May be NULL. */
	void (*note)(void *context, const char *text);
	void *note_context;
};

/* Starts connecting. Never NULL; a database that cannot be reached is retried for ever (1 s, 2 s ... 10 s), db_ready() tells. */
struct db *db_open(const struct db_settings *settings);
/* Ends every flight with DB_LOST and closes; close what uses it afterwards. Sets the pointer to NULL. */
void db_close(struct db **db);
int db_fd(const struct db *db);
void db_run(struct db *db, instant now);
/* Calls the dispatcher, retries connections, loses what is overdue. Call once a loop turn, and at least every 200 ms. */
void db_flush(struct db *db, instant now);
/* Every role has a connection on which all its statements are prepared. */
bool db_ready(const struct db *db);
/* Flights under way. For graceful stop. */
unsigned db_busy(const struct db *db);
/* Hands a refused statement's SQLSTATE and message to settings.note. */
void db_tell(const struct db *db, const struct db_end *end);
/* How many connections the role has: lanes are counted modulo this. */
unsigned db_lanes(const struct db *db, enum db_role role);

/* Parameters of one statement, binary, on an arena. One call per $n, in order. Arrays have no NULL elements unless a `present` array says so. */
struct db_params;
struct db_params *db_params(struct arena *arena, unsigned count);
void db_null(struct db_params *params);
void db_int2(struct db_params *params, int16_t value);
void db_int4(struct db_params *params, int32_t value);
void db_int8(struct db_params *params, int64_t value);
void db_float8(struct db_params *params, double value);
void db_bool(struct db_params *params, bool value);
void db_time(struct db_params *params, instant value); /* INSTANT_MIN/MAX: -infinity, infinity */
void db_uuid(struct db_params *params, const struct mac128 *value);
void db_text(struct db_params *params, struct str value);
void db_bytea(struct db_params *params, struct str value);
void db_int2s(struct db_params *params, const int16_t *values, size_t count);
void db_int4s(struct db_params *params, const int32_t *values, size_t count);
void db_int8s(struct db_params *params, const int64_t *values, size_t count);
/* NAN elements become NULL. */
void db_float8s(struct db_params *params, const double *values, size_t count);
void db_times(struct db_params *params, const instant *values, size_t count);
void db_uuids(struct db_params *params, const struct mac128 *values, size_t count);
void db_texts(struct db_params *params, const struct str *values, size_t count);
void db_byteas(struct db_params *params, const struct str *values, size_t count);

/* A statement's rows, binary; valid during the callback only. */
struct db_rows;
unsigned db_row_count(const struct db_rows *rows);
bool db_is_null(const struct db_rows *rows, unsigned row, unsigned column);
/* int2, int4 or int8 by its length. */
int64_t db_get_int(const struct db_rows *rows, unsigned row, unsigned column);
double db_get_float8(const struct db_rows *rows, unsigned row, unsigned column);
bool db_get_bool(const struct db_rows *rows, unsigned row, unsigned column);
instant db_get_time(const struct db_rows *rows, unsigned row, unsigned column);
struct mac128 db_get_uuid(const struct db_rows *rows, unsigned row, unsigned column);
/* text and bytea. */
struct str db_get_bytes(const struct db_rows *rows, unsigned row, unsigned column);

/* How a Sync ended. */
enum db_status { DB_OK, DB_FAILED, DB_LOST };
struct db_end {
	enum db_status status;
	char sqlstate[6]; /* DB_FAILED: of the first error */
	bool committed;   /* a COMMIT was in it and its tag was COMMIT, not ROLLBACK */
	/* For the hub's own log: the primary message, without detail (no patient values). */
	char message[160];
};

/* Is it the server's trouble and not the statement's? No memory, disk or connections (class 53), shutting down (57), files it cannot read or write (58), a lock, or a standby (25006). */
bool db_is_transient(const char *sqlstate);

/*
 * A flight: one connection, from db_flight() to db_land(). Statements are answered in order; after an error the rest up to the next Sync is skipped.
 * After `synced` with DB_OK or DB_FAILED the owner may add more and sync again, or land; after DB_LOST the flight is over and must not be touched.
 */
struct db_flight;
/* An idle connection of the role (lane % connections; any lane when lane is DB_ANY_LANE), or NULL. */
#define DB_ANY_LANE UINT32_MAX
struct db_flight *db_flight(struct db *db, enum db_role role, unsigned lane);
/* `rows` (may be NULL) is called when the statement's result is in, only if it succeeded. Parameters are copied into the output at once. */
void db_add(struct db_flight *flight, enum sql statement, const struct db_params *params,
	void (*rows)(void *context, const struct db_rows *rows), void *context);
void db_begin(struct db_flight *flight);
/* The COMMIT of the transaction that has begun will not wait for the disk (nor for a standby). A later COMMIT that waits makes it last too, if the server lived on: see db_life. */
void db_unhurried(struct db_flight *flight);
/* Connections made so far; and how many there were when this one was made. A flight whose number is no greater than db_life() was, at some time, has been connected since that time: a server that
 * dies ends its connections. */
uint64_t db_life(const struct db *db);
uint64_t db_flight_life(const struct db_flight *flight);
void db_commit(struct db_flight *flight);
void db_rollback(struct db_flight *flight);
/* SET LOCAL hub.tenant, hub.classes (a mask), hub.person or hub.actor = <digits>: the only text that is made, from an integer. */
enum db_local { DB_TENANT, DB_CLASSES, DB_PERSON, DB_ACTOR };
void db_set_local(struct db_flight *flight, enum db_local what, uint64_t digits);
/* A search whose text storage/search_sql.c joined from fragments: prepared on the connection under the shape's number at its first use, bounded per connection; DB_SHAPE_ONCE is not prepared. */
#define DB_SHAPE_ONCE UINT32_MAX
void db_add_shape(struct db_flight *flight, uint32_t shape, const char *text,
	const struct db_params *params, void (*rows)(void *context, const struct db_rows *rows),
	void *context);
/* Group end for a transaction: Sync, COMMIT, Sync, so that an error still leaves the session outside a transaction (storage.md trap 2). One `synced`. */
void db_commit_sync(struct db_flight *flight,
	void (*synced)(void *context, const struct db_end *end), void *context);
void db_sync(struct db_flight *flight, void (*synced)(void *context, const struct db_end *end),
	void *context);
void db_land(struct db_flight *flight);

/* Called by every db_flush(), whether or not a connection is idle (db_flight() tells): starts flights for what is queued, answers what waited too long. */
void db_on_flush(struct db *db, void (*dispatch)(void *context, instant now), void *context);

#endif
