/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_UNIT_STORAGE_BED_H
#define TESTS_UNIT_STORAGE_BED_H

#include "storage/store.h"

/* What the storage tests share: a migrated database of their own on the cluster of the environment, and readings to put into it. */

/* Makes the database `name` anew and migrates it. Ends the process when that fails. */
void bed_make(const char *name);
/* Conninfo of it. */
const char *bed_conninfo(void);
/* Runs SQL as superuser; the first value of the first row as a number, 0 where there is none. */
int64_t bed_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One hub's store: connections, seal, store. */
struct hub {
	struct db *db;
	struct store *store;
	struct seal *seal;
};
void hub_open(struct hub *hub, unsigned writers);
void hub_open_with(struct hub *hub, const unsigned connections[DB_ROLES]);
void hub_close(struct hub *hub);
/* One turn of the hub's loop, waiting at most `ms` for the database. */
void hub_turn(struct hub *hub, int ms);
/* Turns until *count reaches `least` or 20 s have gone; true when it did. */
bool hub_until(struct hub *hub, const unsigned *count, unsigned least);
/* Turns until the store has ids and connections. */
void hub_until_ready(struct hub *hub);

instant bed_now(void);

/* One write with everything it points to, of readings of one person. */
struct upload {
	struct arena *arena;
	struct outcome outcome;
	struct grant grant;
	struct grant_part part;
	struct store_write write;
	struct log_row log;
	unsigned *done; /* counts answers */
};
/* What makes a reading. */
struct reading_plan {
	uint32_t tenant;
	uint64_t person;
	const char *identifier; /* or NULL */
	const char *device;     /* or NULL */
	double value;
	bool minute_clock, correction;
	instant time;
};
struct upload *upload_new(
	struct hub *hub, const struct reading_plan *plans, size_t count, unsigned *done);
void upload_free(struct upload **upload);

#endif
