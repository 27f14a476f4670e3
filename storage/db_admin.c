/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The operator's connection: one, blocking. A statement's values travel as text; nothing is ever put into the statement itself. */
#include "storage/db_admin.h"

#include <stdlib.h>

#include "fhir/base/arena.h"

/* The server's words without DETAIL and CONTEXT (they may hold values), without the line's end. */
static struct str words(struct admin *admin, const PGresult *result)
{
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (primary == NULL)
		return str_trim(str_of(PQerrorMessage(admin->connection)));
	return str_format(admin->arena, "%s (%s)", primary, state == NULL ? "?" : state);
}

static void quiet(void *context, const char *message)
{
	(void)context;
	(void)message;
}

struct admin *admin_open(
	struct arena *arena, const char *conninfo, const char *user, struct outcome *outcome)
{
	/* Later keywords win; conninfo stands as dbname, which libpq takes apart. */
	const char *const keywords[] = { "fallback_application_name", "connect_timeout", "dbname",
		user == NULL ? NULL : "user", NULL };
	const char *const values[] = { "maalehub", "10", conninfo, user, NULL };
	struct admin *admin = arena_alloc(arena, sizeof(*admin));
	admin->arena = arena;
	admin->connection = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(admin->connection) == CONNECTION_OK) {
		PQsetNoticeProcessor(admin->connection, quiet, NULL);
		return admin;
	}
	outcome_fail(outcome, OUTCOME_FAULT, STR(""), "no connection to the database: %.*s",
		STR_ARG(str_trim(str_of(PQerrorMessage(admin->connection)))));
	admin_close(&admin);
	return NULL;
}

void admin_close(struct admin **admin)
{
	if (*admin == NULL)
		return;
	PQfinish((*admin)->connection);
	*admin = NULL;
}

PGresult *admin_text(struct admin *admin, const char *text, unsigned count,
	const char *const *values, struct outcome *outcome)
{
	PGresult *result =
		PQexecParams(admin->connection, text, (int)count, NULL, values, NULL, NULL, 0);
	const ExecStatusType status = PQresultStatus(result);
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	outcome_fail(outcome, OUTCOME_FAULT, STR(""), "the database says: %.*s",
		STR_ARG(words(admin, result)));
	PQclear(result);
	return NULL;
}

PGresult *admin_sql(
	struct admin *admin, enum sql statement, const char *const *values, struct outcome *outcome)
{
	const struct sql_statement *sql = &sql_statements[statement];
	return admin_text(admin, sql->text, sql->parameters, values, outcome);
}

bool admin_run(struct admin *admin, enum sql statement, const char *const *values, unsigned *count,
	struct outcome *outcome)
{
	PGresult *result = admin_sql(admin, statement, values, outcome);
	if (result == NULL)
		return false;
	uint64_t touched = 0;
	if (count != NULL && str_to_u64(str_of(PQcmdTuples(result)), &touched))
		*count = (unsigned)touched;
	PQclear(result);
	return true;
}

static bool plain(struct admin *admin, const char *text, struct outcome *outcome)
{
	PGresult *result = admin_text(admin, text, 0, NULL, outcome);
	/* COMMIT of a transaction that failed answers ROLLBACK, with success. */
	const bool good = result != NULL && (strcmp(text, "COMMIT") != 0 ||
						    strcmp(PQcmdStatus(result), "COMMIT") == 0);
	if (result != NULL && !good)
		outcome_fail(outcome, OUTCOME_FAULT, STR(""), "the database rolled back");
	PQclear(result);
	return good;
}

bool admin_begin(struct admin *admin, struct outcome *outcome)
{
	return plain(admin, "BEGIN", outcome);
}

bool admin_end(struct admin *admin, bool good, struct outcome *outcome)
{
	if (good)
		return plain(admin, "COMMIT", outcome);
	PQclear(PQexecParams(admin->connection, "ROLLBACK", 0, NULL, NULL, NULL, NULL, 0));
	return false;
}

const char *admin_number(struct admin *admin, int64_t number)
{
	return str_format(admin->arena, "%lld", (long long)number).at;
}

const char *admin_string(struct admin *admin, struct str text)
{
	return str_copy(admin->arena, text).at;
}

struct str admin_field(struct admin *admin, const PGresult *rows, int row, int column)
{
	const int length = PQgetlength(rows, row, column);
	return str_copy(admin->arena,
		(struct str){ PQgetvalue(rows, row, column), length < 0 ? 0 : (size_t)length });
}

int64_t admin_field_number(const PGresult *rows, int row, int column)
{
	int64_t number = 0;
	str_to_i64(str_of(PQgetvalue(rows, row, column)), &number);
	return number;
}

static unsigned nibble(char digit)
{
	return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

struct str admin_field_bytes(struct admin *admin, const PGresult *rows, int row, int column)
{
	const char *hex = PQgetvalue(rows, row, column);
	const size_t length = (size_t)PQgetlength(rows, row, column) / 2;
	char *bytes = arena_bytes(admin->arena, length);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	return (struct str){ bytes, length };
}

bool admin_bind(struct admin *admin, const char *name, uint32_t number, struct outcome *outcome)
{
	PGresult *result = admin_text(admin,
		str_format(admin->arena, "SET LOCAL hub.%s = %u", name, number).at, 0, NULL,
		outcome);
	const bool good = result != NULL;
	PQclear(result);
	return good;
}
