/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_DB_ADMIN_H
#define STORAGE_DB_ADMIN_H

#include <libpq-fe.h>

#include "storage/admin.h"
#include "storage/statements.h"

/* What the files storage/db_admin*.c share; nothing else includes this. */
struct admin {
	struct arena *arena;
	PGconn *connection;
};

/* At most so many parameters has a statement of the tool. */
#define ADMIN_PARAMETERS_MAX 14

/* Runs one text as one statement, values as text (NULL: null). NULL adds FAULT with what the server said. The caller clears the result. */
PGresult *admin_text(struct admin *admin, const char *text, unsigned count,
	const char *const *values, struct outcome *outcome);
/* The same for a statement of storage/sql. */
PGresult *admin_sql(struct admin *admin, enum sql statement, const char *const *values,
	struct outcome *outcome);
/* For a statement whose rows do not matter: *count is how many it gave or touched; may be NULL. */
bool admin_run(struct admin *admin, enum sql statement, const char *const *values, unsigned *count,
	struct outcome *outcome);
bool admin_begin(struct admin *admin, struct outcome *outcome);
/* Ends the transaction: COMMIT when `good`, else ROLLBACK. Gives `good`, or false when COMMIT failed. */
bool admin_end(struct admin *admin, bool good, struct outcome *outcome);

/* The concept of a rule's or a block's leading code, as a parameter; interned where it is not. */
bool admin_canon(
	struct admin *admin, struct coding code, const char **out, struct outcome *outcome);

/* A number as a parameter. */
const char *admin_number(struct admin *admin, int64_t number);
/* Text as a parameter: a copy with NUL. */
const char *admin_string(struct admin *admin, struct str text);
/* A field of a result: text on the arena, or a number (0 where null). */
struct str admin_field(struct admin *admin, const PGresult *rows, int row, int column);
int64_t admin_field_number(const PGresult *rows, int row, int column);
/* What encode(.., 'hex') gave, as bytes on the arena; empty where null. */
struct str admin_field_bytes(struct admin *admin, const PGresult *rows, int row, int column);
/* Binds a transaction to a controller or an actor: SET LOCAL hub.NAME. */
bool admin_bind(struct admin *admin, const char *name, uint32_t number, struct outcome *outcome);

#endif
