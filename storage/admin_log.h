/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_ADMIN_LOG_H
#define STORAGE_ADMIN_LOG_H

#include "storage/access_log.h"
#include "storage/admin.h"

/*
 * The access log as a controller, or the organisation whose staff looked, may read it. Three logins, for no one of them may do all: hub_audit reads the log and is bound to the
 * one or the other, hub_admin knows who a national id is, hub_write writes down who looked.
 */

/* A person as the tables know one. */
struct person_row {
	uint64_t person;
	uint16_t bucket;
};

/* Whose log, and which rows of it. Exactly the tenant or the actor binds: the tenant where it is given. */
struct log_ask {
	/* Its rows; NULL: any controller's, as far as `actor` looked. */
	const struct tenant *tenant;
	uint32_t actor;                   /* orgnr of the organisation that looked; 0: any */
	instant from, to;                 /* half-open */
	const struct person_row *persons; /* NULL: all patients */
	size_t person_count;
};

/* A row, and whether it is what was written: its leaf and the digest of its context are those of its contents. */
struct log_found {
	struct log_entry entry;
	struct person_row person; /* 0: of nobody */
	bool sound;
	uint8_t leaf[32];
};

/* What of it: in, the arena for this page alone, how many rows at most, and the last row of the page before (NULL: the newest come). Out, its rows, newest first. */
struct log_slice {
	struct arena *arena;
	unsigned limit;
	const struct log_found *after;
	struct log_found *rows;
	size_t count;
};
/* `audit` is hub_audit's. False adds FAULT. */
bool admin_log(struct admin *audit, const struct seal *seal, const struct log_ask *ask,
	struct log_slice *slice, struct outcome *outcome);

/* Who a national id is, those joined with it too; none: nobody of that number is known. `admin` is hub_admin's. */
bool admin_persons(struct admin *admin, const struct person_key *key, struct person_row **out,
	size_t *count, struct outcome *outcome);
/* The keys that the Patient ids of the rows of a page are made of, in their order: macs all zero where there is nobody. On the page's arena. */
bool admin_log_patients(struct admin *admin, const struct log_slice *slice, struct person_key **out,
	struct outcome *outcome);

/* A look at the log: a row of the log itself, under the controller (or the actor's organisation) and of the patient, if one was named. Committed when it returns true. */
struct log_look {
	const struct tenant *tenant;
	struct person_row person;
	struct str who, why, query;
};
/* `writer` is hub_write's. */
bool admin_log_note(struct admin *writer, const struct seal *seal, const struct log_look *look,
	instant now, struct outcome *outcome);

#endif
