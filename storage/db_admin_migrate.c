/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Applies the numbered migrations, and asks whether the isolation of the database is whole. */
#include "fhir/base/arena.h"
#include "storage/db_admin.h"
#include "storage/migrations.h"

static bool run(struct admin *admin, const char *text, struct outcome *outcome)
{
	PGresult *result = admin_text(admin, text, 0, NULL, outcome);
	PQclear(result);
	return result != NULL;
}

static bool apply(struct admin *admin, const struct migration *migration, struct outcome *outcome)
{
	bool good = admin_begin(admin, outcome);
	for (size_t i = 0; good && i < migration->count; i++) {
		good = run(admin, migration->statements[i], outcome);
		if (!good)
			outcome_fail(outcome, OUTCOME_FAULT, STR(""),
				"migration %s failed at its statement %zu; nothing of it was kept",
				migration->name, i + 1);
	}
	good = good && run(admin, "RESET ROLE", outcome);
	if (good && migration->number > 0) {
		const char *values[] = { admin_number(admin, migration->number), migration->name,
			migration->checksum };
		good = admin_run(admin, SQL_MIGRATE_RECORD, values, NULL, outcome);
	}
	return admin_end(admin, good, outcome);
}

/* Are those that were applied the ones this program knows? *count: how many. */
static bool compare(struct admin *admin, size_t *count, struct outcome *outcome)
{
	PGresult *rows = admin_sql(admin, SQL_MIGRATE_APPLIED, NULL, outcome);
	if (rows == NULL)
		return false;
	*count = (size_t)PQntuples(rows);
	bool good = *count <= migration_count;
	if (!good)
		outcome_fail(outcome, OUTCOME_CONFLICT, STR(""),
			"the database has %zu migrations, this program knows %zu: it is older than "
			"the database",
			*count, migration_count);
	for (size_t i = 0; good && i < *count; i++) {
		good = admin_field_number(rows, (int)i, 0) == migrations[i].number &&
		       strcmp(PQgetvalue(rows, (int)i, 1), migrations[i].checksum) == 0;
		if (!good)
			outcome_fail(outcome, OUTCOME_CONFLICT, STR(""),
				"migration %s was applied with another text than this program has",
				migrations[i].name);
	}
	PQclear(rows);
	return good;
}

static bool missing(struct admin *admin, unsigned *applied, struct outcome *outcome)
{
	size_t count = 0;
	if (!compare(admin, &count, outcome))
		return false;
	for (; count < migration_count; count++, ++*applied) {
		if (!apply(admin, &migrations[count], outcome))
			return false;
	}
	return true;
}

bool admin_migrate(struct admin *admin, unsigned *applied, struct outcome *outcome)
{
	*applied = 0;
	/* A migration that cannot have its lock soon gives up rather than make the requests queue behind it. */
	if (!run(admin, "SET TimeZone = 'UTC'", outcome) ||
		!run(admin, "SET search_path = pg_catalog", outcome) ||
		!admin_run(admin, SQL_MIGRATE_LOCK, NULL, NULL, outcome))
		return false;
	const bool good = run(admin, "SET lock_timeout = '5s'", outcome) &&
			  apply(admin, &migration_before, outcome) &&
			  missing(admin, applied, outcome) &&
			  apply(admin, &migration_after, outcome);
	return admin_run(admin, SQL_MIGRATE_UNLOCK, NULL, NULL, outcome) && good;
}

bool admin_assert(struct admin *admin, struct outcome *outcome)
{
	size_t count = 0;
	if (!compare(admin, &count, outcome))
		return false;
	if (count < migration_count)
		return outcome_fail(outcome, OUTCOME_CONFLICT, STR(""),
			"the database has %zu of %zu migrations: run `maalehub migrate`", count,
			migration_count);
	PGresult *rows = admin_sql(admin, SQL_ASSERT, NULL, outcome);
	if (rows == NULL)
		return false;
	const int faults = PQntuples(rows);
	for (int i = 0; i < faults; i++)
		outcome_fail(
			outcome, OUTCOME_FAULT, STR(""), "isolation: %s", PQgetvalue(rows, i, 0));
	PQclear(rows);
	return faults == 0;
}
