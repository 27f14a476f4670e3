/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Statements out, results in. libpq in pipeline mode answers in order, so a ring of what is expected says whose the next result is. PQpipelineSync
 * of libpq 15 writes to the socket at once: one system call a Sync.
 */
#include "storage/db_private.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(SQL_FOR_RESOLVE == 1u << DB_RESOLVE && SQL_FOR_READ == 1u << DB_READ &&
		       SQL_FOR_WRITE == 1u << DB_WRITE && SQL_FOR_AUDIT == 1u << DB_AUDIT,
	"sql2c.py numbers the roles as enum db_role does");

struct expected *expect(struct db_flight *flight, enum expected_kind kind)
{
	if (flight->count == flight->room) {
		const size_t room = flight->room == 0 ? 64 : flight->room * 2;
		struct expected *ring = calloc(room, sizeof(*ring));
		if (ring == NULL)
			abort();
		for (size_t i = 0; i < flight->count; i++)
			ring[i] = flight->expected[(flight->first + i) & (flight->room - 1)];
		free(flight->expected);
		flight->expected = ring;
		flight->first = 0;
		flight->room = room;
	}
	struct expected *expected =
		&flight->expected[(flight->first + flight->count) & (flight->room - 1)];
	flight->count++;
	*expected = (struct expected){ .kind = kind };
	return expected;
}

/* libpq refused to take a statement: only a dead connection does that, or memory that is out. */
static void sent(struct db_flight *flight, int ok)
{
	if (ok != 1)
		flight->broken = true;
}

static void send_prepared(
	struct db_flight *flight, const char *name, const struct db_params *params)
{
	sent(flight, PQsendQueryPrepared(flight->connection, name,
			     params == NULL ? 0 : (int)params->count,
			     params == NULL ? NULL : params->values,
			     params == NULL ? NULL : params->lengths,
			     params == NULL ? NULL : params->formats, 1));
}

void db_add(struct db_flight *flight, enum sql statement, const struct db_params *params,
	void (*rows)(void *context, const struct db_rows *rows), void *context)
{
	const struct sql_statement *sql = &sql_statements[statement];
	assert((sql->roles & 1u << flight->role) != 0);
	assert(sql->parameters == (params == NULL ? 0 : params->count) &&
		(params == NULL || params->used == params->count));
	struct expected *expected = expect(flight, EXPECT_ROWS);
	expected->rows = rows;
	expected->context = context;
	send_prepared(flight, sql->name, params);
}

void db_begin(struct db_flight *flight)
{
	expect(flight, EXPECT_ROWS);
	send_prepared(flight, "begin", NULL);
}

void db_unhurried(struct db_flight *flight)
{
	expect(flight, EXPECT_ROWS);
	send_prepared(flight, "unhurried", NULL);
}

bool db_is_transient(const char *sqlstate)
{
	static const char *const begins[] = { "53", "57", "58", "55P03", "25006" };
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		if (strncmp(sqlstate, begins[i], strlen(begins[i])) == 0)
			return true;
	}
	return false;
}

uint64_t db_life(const struct db *db)
{
	return db->made;
}

uint64_t db_flight_life(const struct db_flight *flight)
{
	return flight->life;
}

void db_commit(struct db_flight *flight)
{
	expect(flight, EXPECT_COMMIT);
	send_prepared(flight, "commit", NULL);
}

void db_rollback(struct db_flight *flight)
{
	expect(flight, EXPECT_ROWS);
	send_prepared(flight, "rollback", NULL);
}

static unsigned named_find(const struct db_flight *flight, uint64_t name)
{
	unsigned i = 0;
	while (i < flight->named_count && flight->named[i] != name)
		i++;
	return i;
}

/* Makes sure that `text` is prepared under the name; false when the connection has no room for another. */
static bool named_ready(
	struct db_flight *flight, uint64_t number, const char *name, const char *text)
{
	if (named_find(flight, number) < flight->named_count)
		return true;
	if (flight->named_count == NAMED_MAX)
		return false;
	flight->named[flight->named_count++] = number;
	expect(flight, EXPECT_NAMED)->name = number;
	sent(flight, PQsendPrepare(flight->connection, name, text, 0, NULL));
	return true;
}

/* A PREPARE that failed, or was skipped after an error before it: the name is not there. */
static void named_forget(struct db_flight *flight, uint64_t number)
{
	const unsigned i = named_find(flight, number);
	if (i < flight->named_count)
		flight->named[i] = flight->named[--flight->named_count];
}

static void add_named(struct db_flight *flight, uint64_t number, const char *text,
	const struct db_params *params, void (*rows)(void *context, const struct db_rows *rows),
	void *context)
{
	char name[32];
	snprintf(name, sizeof(name), "n%" PRIx64, number);
	const bool ready = number != DB_SHAPE_ONCE && named_ready(flight, number, name, text);
	struct expected *expected = expect(flight, EXPECT_ROWS);
	expected->rows = rows;
	expected->context = context;
	if (ready)
		send_prepared(flight, name, params);
	else
		sent(flight, PQsendQueryParams(flight->connection, text,
				     params == NULL ? 0 : (int)params->count, NULL,
				     params == NULL ? NULL : params->values,
				     params == NULL ? NULL : params->lengths,
				     params == NULL ? NULL : params->formats, 1));
}

void db_set_local(struct db_flight *flight, enum db_local what, uint64_t digits)
{
	static const char *const names[] = { [DB_TENANT] = "tenant",
		[DB_CLASSES] = "classes",
		[DB_PERSON] = "person",
		[DB_ACTOR] = "actor" };
	char text[64];
	snprintf(text, sizeof(text), "SET LOCAL hub.%s = %" PRIu64, names[what], digits);
	/* Few tenants and masks come again and again: prepared. Persons do not. */
	if (what == DB_TENANT || what == DB_CLASSES) {
		add_named(flight, (uint64_t)(1 + what) << 32 | digits, text, NULL, NULL, NULL);
		return;
	}
	expect(flight, EXPECT_ROWS);
	sent(flight, PQsendQueryParams(flight->connection, text, 0, NULL, NULL, NULL, NULL, 1));
}

void db_add_shape(struct db_flight *flight, uint32_t shape, const char *text,
	const struct db_params *params, void (*rows)(void *context, const struct db_rows *rows),
	void *context)
{
	assert(params == NULL || params->used == params->count);
	add_named(flight, shape, text, params, rows, context);
}

static void add_sync(struct db_flight *flight, enum expected_kind kind,
	void (*synced)(void *context, const struct db_end *end), void *context)
{
	struct expected *expected = expect(flight, kind);
	expected->synced = synced;
	expected->context = context;
	if (flight->syncs++ == 0)
		flight->since = flight->db->now;
	if (PQpipelineSync(flight->connection) != 1)
		flight->broken = true;
	else
		flight_flush(flight);
}

void db_sync(struct db_flight *flight, void (*synced)(void *context, const struct db_end *end),
	void *context)
{
	add_sync(flight, EXPECT_SYNC, synced, context);
}

void db_commit_sync(struct db_flight *flight,
	void (*synced)(void *context, const struct db_end *end), void *context)
{
	add_sync(flight, EXPECT_INNER, NULL, NULL);
	db_commit(flight);
	add_sync(flight, EXPECT_SYNC, synced, context);
}

void flight_flush(struct db_flight *flight)
{
	const int left = PQflush(flight->connection);
	if (left < 0)
		flight->broken = true;
	else
		connection_watch(flight, left > 0);
}

/* Keeps the first error of a Sync. */
static void failed(struct db_flight *flight, const PGresult *result)
{
	struct db_end *end = &flight->end;
	if (end->status != DB_OK)
		return;
	end->status = DB_FAILED;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	snprintf(end->sqlstate, sizeof(end->sqlstate), "%s", state == NULL ? "58000" : state);
	snprintf(
		end->message, sizeof(end->message), "%s", message == NULL ? "no message" : message);
}

/* One result of the statement in front. */
static void statement_result(
	struct db_flight *flight, struct expected *expected, const PGresult *result)
{
	expected->answered = true;
	const ExecStatusType status = PQresultStatus(result);
	const bool good = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
	if (!good && expected->kind == EXPECT_NAMED)
		named_forget(flight, expected->name);
	if (status == PGRES_FATAL_ERROR)
		failed(flight, result);
	if (!good)
		return;
	if (expected->kind == EXPECT_COMMIT)
		flight->end.committed =
			strcmp(PQcmdStatus((PGresult *)(uintptr_t)result), "COMMIT") == 0;
	if (expected->rows != NULL) {
		/* Copied: the callback may add statements, which moves the ring. */
		const struct expected copy = *expected;
		copy.rows(copy.context, (const struct db_rows *)result);
	}
}

static void drop_first(struct db_flight *flight)
{
	flight->first = (flight->first + 1) & (flight->room - 1);
	flight->count--;
}

static void sync_result(struct db_flight *flight)
{
	const struct expected expected = flight->expected[flight->first];
	drop_first(flight);
	flight->syncs--;
	flight->since = flight->db->now;
	if (expected.kind == EXPECT_INNER)
		return;
	const struct db_end end = flight->end;
	flight->end = (struct db_end){ 0 };
	if (expected.synced != NULL)
		expected.synced(expected.context, &end);
}

/* False when the result does not fit what is expected: the protocol is out of step. */
static bool take_result(struct db_flight *flight, PGresult *result)
{
	struct expected *expected = &flight->expected[flight->first];
	const bool sync = expected->kind == EXPECT_SYNC || expected->kind == EXPECT_INNER;
	if (result == NULL) {
		if (!sync && expected->answered)
			drop_first(flight);
		return true;
	}
	if ((PQresultStatus(result) == PGRES_PIPELINE_SYNC) != sync)
		return false;
	if (sync)
		sync_result(flight);
	else
		statement_result(flight, expected, result);
	return true;
}

void flight_receive(struct db_flight *flight)
{
	if (PQconsumeInput(flight->connection) != 1) {
		flight->broken = true;
		return;
	}
	unsigned empty = 0;
	while (!flight->broken && flight->count > 0 && PQisBusy(flight->connection) == 0 &&
		empty < 2) {
		PGresult *result = PQgetResult(flight->connection);
		/* Between a Sync and the next statement libpq may give one NULL more. */
		empty = result == NULL ? empty + 1 : 0;
		const bool fits = take_result(flight, result);
		PQclear(result);
		if (flight->state == FLIGHT_DOWN)
			return;
		if (!fits || PQstatus(flight->connection) == CONNECTION_BAD)
			flight->broken = true;
	}
	if (!flight->broken)
		flight_flush(flight);
}

static void prepared(void *context, const struct db_end *end)
{
	struct db_flight *flight = context;
	if (end->status == DB_LOST)
		return;
	if (end->status == DB_FAILED) {
		db_note(flight->db, "statements refused: %s %s", end->sqlstate, end->message);
		flight->broken = true;
		return;
	}
	flight->state = FLIGHT_IDLE;
	flight->backoff = 0;
}

void flight_prepare(struct db_flight *flight)
{
	static const char *const verbs[][2] = { { "begin", "begin" }, { "commit", "commit" },
		{ "rollback", "rollback" }, { "unhurried", "set local synchronous_commit = off" } };
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		expect(flight, EXPECT_ROWS);
		sent(flight, PQsendPrepare(flight->connection, verbs[i][0], verbs[i][1], 0, NULL));
	}
	for (unsigned i = 0; i < SQL_COUNT; i++) {
		const struct sql_statement *sql = &sql_statements[i];
		if ((sql->roles & 1u << flight->role) == 0)
			continue;
		expect(flight, EXPECT_ROWS);
		sent(flight, PQsendPrepare(flight->connection, sql->name, sql->text, 0, NULL));
	}
	db_sync(flight, prepared, flight);
}
