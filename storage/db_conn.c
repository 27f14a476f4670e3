/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The life of one connection: DOWN -> CONNECTING -> PREPARING -> IDLE <-> BUSY, and DOWN again from anywhere. A host name in the conninfo is
 * resolved by libpq, which blocks; hostaddr or a socket directory does not.
 */
#include "storage/db_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define BACKOFF_FIRST INSTANT_SECOND
#define BACKOFF_LAST  (10 * INSTANT_SECOND)

static const char *const users[DB_ROLES] = {
	[DB_RESOLVE] = "hub_resolve",
	[DB_READ] = "hub_read",
	[DB_WRITE] = "hub_write",
	[DB_AUDIT] = "hub_audit",
};

void connection_watch(struct db_flight *flight, bool write)
{
	const int socket = PQsocket(flight->connection);
	if (socket < 0)
		return;
	if (socket == flight->socket && write == flight->wants_write)
		return;
	struct epoll_event event = { .events = EPOLLIN | (write ? EPOLLOUT : 0u),
		.data = { .ptr = flight } };
	/* libpq may have closed its socket and opened another under the same number: epoll forgot it then. */
	if (epoll_ctl(flight->db->epoll, EPOLL_CTL_MOD, socket, &event) != 0 && errno == ENOENT &&
		epoll_ctl(flight->db->epoll, EPOLL_CTL_ADD, socket, &event) != 0)
		flight->broken = true;
	flight->socket = socket;
	flight->wants_write = write;
}

/* Everybody who waits for a Sync of this flight hears that it was lost; their statements' rows are not told. */
static void end_all(struct db_flight *flight, const char *why)
{
	struct db_end end = { .status = DB_LOST };
	const size_t length = strnlen(why, sizeof(end.message) - 1);
	memcpy(end.message, why, length);
	while (flight->count > 0) {
		const struct expected expected = flight->expected[flight->first];
		flight->first = (flight->first + 1) & (flight->room - 1);
		flight->count--;
		if (expected.kind == EXPECT_SYNC && expected.synced != NULL)
			expected.synced(expected.context, &end);
	}
	flight->syncs = 0;
}

void connection_lose(struct db_flight *flight, const char *why)
{
	if (!flight->db->closing)
		db_note(flight->db, "database connection lost: role=%s: %s", users[flight->role],
			why);
	PQfinish(flight->connection);
	flight->connection = NULL;
	flight->state = FLIGHT_DOWN;
	flight->broken = false;
	flight->socket = -1;
	flight->wants_write = false;
	flight->named_count = 0;
	flight->backoff = flight->backoff == 0 ? BACKOFF_FIRST : flight->backoff * 2;
	if (flight->backoff > BACKOFF_LAST)
		flight->backoff = BACKOFF_LAST;
	flight->retry_at = flight->db->now + flight->backoff;
	end_all(flight, why);
}

void connection_start(struct db_flight *flight)
{
	const struct db *db = flight->db;
	const char *keys[] = { "dbname", "user", "application_name", "options", "client_encoding",
		NULL };
	const char *values[] = { db->conninfo, users[flight->role], "maalehubd",
		"-c search_path=pg_catalog", "UTF8", NULL };
	flight->connection = PQconnectStartParams(keys, values, 1);
	flight->state = FLIGHT_CONNECTING;
	flight->since = db->now;
	flight->socket = -1;
	if (flight->connection == NULL || PQstatus(flight->connection) == CONNECTION_BAD) {
		flight->broken = true;
		return;
	}
	connection_watch(flight, true);
}

void connection_poll(struct db_flight *flight)
{
	switch (PQconnectPoll(flight->connection)) {
	case PGRES_POLLING_READING:
		flight->socket =
			flight->socket == PQsocket(flight->connection) ? flight->socket : -1;
		connection_watch(flight, false);
		return;
	case PGRES_POLLING_WRITING:
		flight->socket = -1; /* perhaps a new socket under the old number */
		connection_watch(flight, true);
		return;
	case PGRES_POLLING_OK:
		break;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		flight->broken = true;
		return;
	}
	if (PQsetnonblocking(flight->connection, 1) != 0 ||
		PQenterPipelineMode(flight->connection) != 1) {
		flight->broken = true;
		return;
	}
	flight->state = FLIGHT_PREPARING;
	flight->life = ++flight->db->made;
	flight->since = flight->db->now;
	connection_watch(flight, false);
	flight_prepare(flight);
}

void connection_free(struct db_flight *flight)
{
	if (flight->state != FLIGHT_DOWN)
		connection_lose(flight, "the hub closes");
	free(flight->expected);
	flight->expected = NULL;
}
