/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/db_private.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Connecting and preparing may take this long. */
#define CONNECT_TIMEOUT (10 * INSTANT_SECOND)

void db_note(const struct db *db, const char *format, ...)
{
	if (db->settings.note == NULL)
		return;
	char text[256];
	va_list values;
	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	db->settings.note(db->settings.note_context, text);
}

void db_tell(const struct db *db, const struct db_end *end)
{
	db_note(db, "database refused: sqlstate=%s: %s", end->sqlstate, end->message);
}

struct db *db_open(const struct db_settings *settings)
{
	struct db *db = calloc(1, sizeof(*db));
	char *conninfo = strdup(settings->conninfo);
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	if (db == NULL || conninfo == NULL || epoll < 0)
		abort();
	db->settings = *settings;
	db->conninfo = conninfo;
	db->epoll = epoll;
	for (unsigned role = 0; role < DB_ROLES; role++) {
		db->flights[role] =
			calloc(settings->connections[role] + 1, sizeof(struct db_flight));
		if (db->flights[role] == NULL)
			abort();
		for (unsigned i = 0; i < settings->connections[role]; i++) {
			struct db_flight *flight = &db->flights[role][i];
			flight->db = db;
			flight->role = (enum db_role)role;
			connection_start(flight);
		}
	}
	return db;
}

void db_close(struct db **db)
{
	if (*db == NULL)
		return;
	(*db)->closing = true;
	for (unsigned role = 0; role < DB_ROLES; role++) {
		for (unsigned i = 0; i < (*db)->settings.connections[role]; i++)
			connection_free(&(*db)->flights[role][i]);
	}
	for (unsigned role = 0; role < DB_ROLES; role++)
		free((*db)->flights[role]);
	close((*db)->epoll);
	free((*db)->conninfo);
	free(*db);
	*db = NULL;
}

int db_fd(const struct db *db)
{
	return db->epoll;
}

static void flight_event(struct db_flight *flight, uint32_t events)
{
	switch (flight->state) {
	case FLIGHT_DOWN:
		return;
	case FLIGHT_CONNECTING:
		connection_poll(flight);
		return;
	case FLIGHT_PREPARING:
	case FLIGHT_IDLE:
	case FLIGHT_BUSY:
		break;
	}
	if ((events & EPOLLOUT) != 0)
		flight_flush(flight);
	if ((events & ~(uint32_t)EPOLLOUT) != 0 && !flight->broken)
		flight_receive(flight);
}

static void lose_broken(struct db_flight *flight)
{
	if (!flight->broken)
		return;
	char why[160];
	snprintf(why, sizeof(why), "%s",
		flight->connection == NULL ? "no memory" : PQerrorMessage(flight->connection));
	why[strcspn(why, "\n")] = '\0';
	connection_lose(flight, why[0] == '\0' ? "closed" : why);
}

void db_run(struct db *db, instant now)
{
	db->now = now;
	struct epoll_event events[64];
	const int count = epoll_wait(db->epoll, events, sizeof(events) / sizeof(events[0]), 0);
	for (int i = 0; i < count; i++) {
		struct db_flight *flight = events[i].data.ptr;
		flight_event(flight, events[i].events);
		lose_broken(flight);
	}
}

/* What time alone decides: a new try, or the end of one that takes too long. */
static void flight_tick(struct db_flight *flight)
{
	const struct db *db = flight->db;
	lose_broken(flight);
	if (flight->since == 0)
		flight->since = db->now; /* started before the first db_run told the time */
	const bool starting =
		flight->state == FLIGHT_CONNECTING || flight->state == FLIGHT_PREPARING;
	if (flight->state == FLIGHT_DOWN) {
		if (db->now >= flight->retry_at)
			connection_start(flight);
	} else if (starting && db->now - flight->since > CONNECT_TIMEOUT) {
		connection_lose(flight, "connecting took too long");
	} else if (flight->state == FLIGHT_BUSY && flight->syncs > 0 &&
		   db->now - flight->since > db->settings.statement_timeout) {
		connection_lose(flight, "no answer in time");
	}
}

/* The clock was set back: what waits or is watched does so from as long ago as before, and not until the clock has caught up. */
static void set_back(struct db_flight *flight, instant by)
{
	flight->retry_at -= by;
	if (flight->since > by)
		flight->since -= by;
}

void db_flush(struct db *db, instant now)
{
	const instant back = db->now - now;
	for (unsigned role = 0; role < DB_ROLES && back > 0; role++) {
		for (unsigned i = 0; i < db->settings.connections[role]; i++)
			set_back(&db->flights[role][i], back);
	}
	db->now = now;
	for (unsigned role = 0; role < DB_ROLES; role++) {
		for (unsigned i = 0; i < db->settings.connections[role]; i++)
			flight_tick(&db->flights[role][i]);
	}
	if (db->dispatch != NULL)
		db->dispatch(db->dispatch_context, now);
}

bool db_ready(const struct db *db)
{
	for (unsigned role = 0; role < DB_ROLES; role++) {
		unsigned ready = 0;
		for (unsigned i = 0; i < db->settings.connections[role]; i++) {
			const enum flight_state state = db->flights[role][i].state;
			ready += state == FLIGHT_IDLE || state == FLIGHT_BUSY;
		}
		if (ready == 0 && db->settings.connections[role] > 0)
			return false;
	}
	return true;
}

unsigned db_busy(const struct db *db)
{
	unsigned busy = 0;
	for (unsigned role = 0; role < DB_ROLES; role++) {
		for (unsigned i = 0; i < db->settings.connections[role]; i++)
			busy += db->flights[role][i].state == FLIGHT_BUSY;
	}
	return busy;
}

unsigned db_lanes(const struct db *db, enum db_role role)
{
	return db->settings.connections[role];
}

/* Takes a connection if it is idle. */
static struct db_flight *taken(struct db_flight *flight)
{
	if (flight->state != FLIGHT_IDLE || flight->broken)
		return NULL;
	flight->state = FLIGHT_BUSY;
	flight->end = (struct db_end){ 0 };
	return flight;
}

struct db_flight *db_flight(struct db *db, enum db_role role, unsigned lane)
{
	const unsigned count = db->settings.connections[role];
	if (count == 0 || db->closing)
		return NULL;
	if (lane != DB_ANY_LANE)
		return taken(&db->flights[role][lane % count]);
	for (unsigned i = 0; i < count; i++) {
		struct db_flight *flight = taken(&db->flights[role][(db->turn[role] + i) % count]);
		if (flight != NULL) {
			db->turn[role] = (db->turn[role] + i + 1) % count;
			return flight;
		}
	}
	return NULL;
}

void db_land(struct db_flight *flight)
{
	assert(flight->state == FLIGHT_BUSY && flight->count == 0);
	flight->state = FLIGHT_IDLE;
}

void db_on_flush(struct db *db, void (*dispatch)(void *context, instant now), void *context)
{
	db->dispatch = dispatch;
	db->dispatch_context = context;
}
