/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_STORE_LOG_H
#define STORAGE_STORE_LOG_H

#include "authz/decide.h"
#include "storage/access_log.h"
#include "storage/store_call.h"

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
	int month;           /* months since 1970-01, the newest */
};
/* Of each part of the grant the categories of which readings are left. */
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
