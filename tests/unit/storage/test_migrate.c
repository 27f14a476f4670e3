/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Migrations, the isolation assertion (each fault injected by itself must be told), and the operator's calls. */
#include "tests/unit/storage/bed.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/admin.h"
#include "storage/migrations.h"

static struct arena *arena;
static PGconn *superuser;

static int set_up(void **state)
{
	(void)state;
	bed_make("test_migrate");
	arena = arena_new((size_t)1 << 26);
	superuser =
		PQconnectdb(str_format(arena, "%s user=%s", bed_conninfo(), getenv("PGUSER")).at);
	return PQstatus(superuser) == CONNECTION_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	PQfinish(superuser);
	arena_free(&arena);
	return 0;
}

static struct outcome fresh(void)
{
	return (struct outcome){ .arena = arena };
}

static bool says(const struct outcome *outcome, const char *words)
{
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next) {
		if (strstr(issue->text.at, words) != NULL)
			return true;
	}
	return false;
}

static struct admin *opened(const char *user)
{
	struct outcome outcome = fresh();
	struct admin *admin = admin_open(arena, bed_conninfo(), user, &outcome);
	assert_non_null(admin);
	return admin;
}

static void test_again(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	unsigned applied = 99;
	struct admin *admin = opened(getenv("PGUSER"));
	assert_true(admin_migrate(admin, &applied, &outcome));
	assert_int_equal(applied, 0);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.migration"), migration_count);
	assert_int_equal(bed_number("SELECT count(*) FROM pg_class WHERE relispartition AND "
				    "relkind = 'r' AND relname LIKE 'access_log_%%'"),
		5);
	assert_true(admin_assert(admin, &outcome));
	admin_close(&admin);
	assert_null(admin);
}

/* A month that lacks its partition gets it at the next run, and rows go into it. */
static void test_partition(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	unsigned applied = 0;
	struct admin *admin = opened(getenv("PGUSER"));
	PGresult *dropped =
		PQexec(superuser, "DO $$ BEGIN EXECUTE 'DROP TABLE hub.access_log_' || "
				  "to_char(now() + interval '2 months', 'YYYY_MM'); END $$");
	assert_int_equal(PQresultStatus(dropped), PGRES_COMMAND_OK);
	PQclear(dropped);
	assert_true(admin_migrate(admin, &applied, &outcome));
	assert_int_equal(
		bed_number("SELECT count(*) FROM pg_class WHERE relispartition AND relkind = "
			   "'r' AND relname LIKE 'access_log_%%'"),
		5);
	for (int month = -1; month <= 3; month++)
		bed_number("INSERT INTO hub.access_log SELECT date_trunc('month', now()) + %d * "
			   "interval '1 month', 1, 1, 1, 1, 1, 1, 1, 1, 0, 2, "
			   "'00000000-0000-0000-0000-000000000000', '', ''",
			month);
	assert_int_equal(bed_number("SELECT count(DISTINCT tableoid) FROM hub.access_log"), 5);
	assert_true(admin_assert(admin, &outcome));
	admin_close(&admin);
}

static void test_changed_text(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	unsigned applied = 99;
	struct admin *admin = opened(getenv("PGUSER"));
	bed_number("UPDATE hub.migration SET checksum = reverse(checksum) WHERE number = 2");
	assert_false(admin_migrate(admin, &applied, &outcome));
	assert_true(says(&outcome, "0002_tables"));
	assert_false(admin_assert(admin, &outcome));
	bed_number("UPDATE hub.migration SET checksum = reverse(checksum) WHERE number = 2");
	admin_close(&admin);
}

static void test_newer_database(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	unsigned applied = 99;
	struct admin *admin = opened(getenv("PGUSER"));
	bed_number("INSERT INTO hub.migration (number, name, checksum) VALUES (99, 'later', '')");
	assert_false(admin_migrate(admin, &applied, &outcome));
	assert_true(says(&outcome, "older than the database"));
	bed_number("DELETE FROM hub.migration WHERE number = 99");
	admin_close(&admin);
}

static void test_missing_migration(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	struct admin *admin = opened("hub_resolve");
	const struct migration *migration = &migrations[migration_count - 1];
	bed_number("DELETE FROM hub.migration WHERE number = %u", migration->number);
	assert_false(admin_assert(admin, &outcome));
	assert_true(says(&outcome, "maalehub migrate"));
	PQclear(PQexec(superuser, str_format(arena,
					  "INSERT INTO hub.migration (number, name, checksum) "
					  "VALUES (%u, '%s', '%s')",
					  migration->number, migration->name, migration->checksum)
					  .at));
	outcome = fresh();
	assert_true(admin_assert(admin, &outcome));
	admin_close(&admin);
}

static void test_no_database(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	assert_null(admin_open(arena, "host=/nowhere dbname=hub", "hub_admin", &outcome));
	assert_int_equal(outcome.errors, 1);
}

/* ---- faults */

struct fault {
	const char *sql, *words;
};

#define NEXT_MONTH "to_char(now() + interval '1 month', 'YYYY_MM')"
static const struct fault faults[] = {
	{ "ALTER TABLE hub.observation NO FORCE ROW LEVEL SECURITY",
		"without forced row-level security: hub.observation" },
	{ "ALTER TABLE hub.term DISABLE ROW LEVEL SECURITY",
		"without forced row-level security: hub.term" },
	{ "CREATE TABLE hub.extra (bucket int4, tenant_id int4)",
		"without forced row-level security: hub.extra" },
	{ "ALTER POLICY r ON hub.observation USING (true)",
		"hub_read does not bind the tenant: r on hub.observation" },
	{ "ALTER POLICY w ON hub.obs_key USING (tenant_id = nullif(current_setting('hub.tenant', "
	  "true), '')::int4 OR true)",
		"hub_write does not bind the tenant" },
	{ "ALTER POLICY w ON hub.access_log WITH CHECK (true)",
		"hub_write does not bind the tenant: w on hub.access_log" },
	{ "ALTER POLICY r ON hub.observation USING (tenant_id = "
	  "nullif(current_setting('hub.tenant', "
	  "true), '')::int4)",
		"does not test the class" },
	{ "CREATE POLICY more ON hub.observation FOR SELECT TO hub_read USING (id > 0)",
		"hub_read does not bind the tenant: more" },
	{ "ALTER POLICY a ON hub.access_log USING (true)", "hub_audit does not bind" },
	{ "CREATE POLICY p ON hub.observation USING (true)",
		"policy for PUBLIC: p on hub.observation" },
	{ "CREATE POLICY x ON hub.observation TO hub_resolve USING (true)",
		"policy across controllers: x of hub_resolve on hub.observation" },
	{ "ALTER POLICY x ON hub.quarantine USING (state > 0)",
		"policy across controllers: x of hub_resolve on hub.quarantine" },
	{ "ALTER POLICY q ON hub.quarantine USING (true)",
		"hub_quarantine does not bind the tenant: q on hub.quarantine" },
	{ "GRANT SELECT (body) ON hub.quarantine TO hub_resolve",
		"messages kept aside open to hub_resolve" },
	{ "GRANT SELECT ON hub.quarantine TO hub_admin", "messages kept aside open to hub_admin" },
	{ "GRANT SELECT (who) ON hub.quarantine_event TO hub_read",
		"messages kept aside open to hub_read" },
	{ "GRANT UPDATE (who) ON hub.quarantine_event TO hub_quarantine",
		"who looked at what was kept aside can be changed by hub_quarantine" },
	{ "GRANT SELECT ON hub.observation TO hub_quarantine",
		"login for what was kept aside sees more: hub.observation" },
	{ "GRANT DELETE ON hub.quarantine TO hub_write",
		"readings can be deleted by hub_write: hub.quarantine" },
	{ "DO $$ BEGIN EXECUTE 'GRANT SELECT ON hub.access_log_' || " NEXT_MONTH
	  " || ' TO hub_audit'; END $$",
		"partition open to hub_audit" },
	{ "DO $$ BEGIN EXECUTE 'DROP TABLE hub.access_log_' || " NEXT_MONTH "; END $$",
		"no partition of the access log for" },
	{ "CREATE FUNCTION hub.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
		"SECURITY DEFINER function: hub.f()" },
	{ "CREATE FUNCTION hub.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
	  "CREATE TRIGGER t BEFORE INSERT ON hub.observation FOR EACH ROW EXECUTE FUNCTION hub.t()",
		"trigger: t on hub.observation" },
	{ "CREATE RULE r AS ON INSERT TO hub.term DO ALSO NOTHING",
		"rule on a table: r on hub.term" },
	{ "CREATE VIEW hub.v AS SELECT * FROM hub.observation",
		"view without security_invoker: hub.v" },
	{ "CREATE UNIQUE INDEX u ON hub.obs_key (bucket, key)", "unique index without tenant_id" },
	{ "CREATE UNIQUE INDEX u ON hub.person (person_id)", "unique index without bucket" },
	{ "ALTER TABLE hub.obs_key DROP CONSTRAINT obs_key_pkey",
		"duplicate key constraint is missing" },
	{ "CREATE TABLE hub.extra (id int8)", "table without bucket: hub.extra" },
	{ "ALTER ROLE hub_read BYPASSRLS", "might over others: hub_read" },
	{ "ALTER ROLE hub_audit CREATEROLE", "might over others: hub_audit" },
	{ "ALTER ROLE hub_owner LOGIN", "the owner can log in" },
	{ "GRANT hub_owner TO hub_write", "member of hub_owner: hub_write" },
	{ "GRANT hub_resolve TO hub_read", "member of hub_resolve: hub_read" },
	{ "ALTER TABLE hub.term OWNER TO hub_write", "login role owns hub.term" },
	{ "GRANT CREATE ON SCHEMA hub TO hub_read", "may create in a schema: hub_read" },
	{ "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', "
	  "current_database()); END $$",
		"may make temporary tables: hub_read" },
	{ "GRANT SELECT ON hub.observation TO PUBLIC", "grant to PUBLIC: hub.observation" },
	{ "GRANT SELECT ON hub.observation TO hub_resolve",
		"clinical table open to hub_resolve: hub.observation" },
	{ "GRANT SELECT (key) ON hub.obs_key TO hub_audit",
		"clinical table open to hub_audit: hub.obs_key" },
	{ "GRANT UPDATE (body) ON hub.observation TO hub_read",
		"clinical table can be changed by hub_read: hub.observation" },
	{ "GRANT DELETE ON hub.observation TO hub_write",
		"readings can be deleted by hub_write: hub.observation" },
	{ "GRANT SELECT ON hub.alias TO hub_read", "identity table open to hub_read: hub.alias" },
	{ "GRANT SELECT ON hub.person TO hub_resolve",
		"encrypted national ids readable by hub_resolve" },
	{ "GRANT UPDATE ON hub.access_log TO hub_write",
		"access log not insert-only for hub_write" },
	{ "GRANT TRUNCATE ON hub.access_log TO hub_seq", "access log not insert-only for hub_seq" },
	{ "GRANT SELECT ON hub.access_log TO hub_write",
		"access log not insert-only for hub_write" },
	{ "SET LOCAL track_activities = off", "track_activities is off" },
};

/* Injects it in a transaction, asks the assertion, rolls back. */
static void inject(const struct fault *fault)
{
	PGresult *begun = PQexec(superuser, "BEGIN");
	PQclear(begun);
	PGresult *injected = PQexec(superuser, fault->sql);
	if (PQresultStatus(injected) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", fault->sql, PQerrorMessage(superuser));
	PQclear(injected);
	PGresult *told = PQexec(superuser, sql_statements[SQL_ASSERT].text);
	if (PQresultStatus(told) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", fault->sql, PQerrorMessage(superuser));
	bool found = false;
	for (int i = 0; i < PQntuples(told); i++)
		found = found || strstr(PQgetvalue(told, i, 0), fault->words) != NULL;
	if (!found)
		fail_msg("not told: %s (%s)", fault->sql,
			PQntuples(told) > 0 ? PQgetvalue(told, 0, 0) : "nothing was");
	PQclear(told);
	PQclear(PQexec(superuser, "ROLLBACK"));
}

static void test_faults(void **state)
{
	(void)state;
	PGresult *told = PQexec(superuser, sql_statements[SQL_ASSERT].text);
	assert_int_equal(PQntuples(told), 0);
	PQclear(told);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		inject(&faults[i]);
}

/* The hub asks as a login that may do next to nothing; a fault that stands refuses. */
static void test_assert_refuses(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	struct admin *admin = opened("hub_resolve");
	bed_number("ALTER TABLE hub.observation NO FORCE ROW LEVEL SECURITY");
	assert_false(admin_assert(admin, &outcome));
	assert_int_equal(outcome.errors, 1);
	assert_true(says(&outcome, "hub.observation"));
	bed_number("ALTER TABLE hub.observation FORCE ROW LEVEL SECURITY");
	outcome = fresh();
	assert_true(admin_assert(admin, &outcome));
	admin_close(&admin);
}

/* ---- tenants, clients, rules */

static int64_t version(void)
{
	return bed_number("SELECT version FROM hub.rules_version");
}

static void test_tenants(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	struct admin *admin = opened("hub_admin");
	struct tenant *tenants;
	size_t count;
	const int64_t before = version();
	assert_true(admin_tenant_add(admin, 999999901, STR("Ås kommune"), true, &outcome));
	assert_true(admin_tenant_add(
		admin, 999999902, STR("O'Brien; DROP TABLE hub.tenant"), false, &outcome));
	assert_int_equal(version(), before + 2);
	assert_false(admin_tenant_add(admin, 999999901, STR("twice"), true, &outcome));
	outcome = fresh();
	assert_false(admin_tenant_add(admin, 12, STR("no orgnr"), true, &outcome));
	outcome = fresh();
	assert_int_equal(version(), before + 2);
	assert_true(admin_tenants(admin, &tenants, &count, &outcome));
	assert_int_equal(count, 2);
	assert_int_equal(tenants[0].orgnr, 999999901);
	assert_true(tenants[0].controller && tenants[0].active);
	assert_true(str_is(tenants[0].name, "Ås kommune"));
	assert_false(tenants[1].controller);
	admin_close(&admin);
}

static void test_clients(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	struct admin *admin = opened("hub_admin");
	struct client_row client = { .id = STR("vendor-1"),
		.name = STR("Vendor"),
		.zone = STR("Europe/Oslo"),
		.sentinels = STR("-1,150456:>100"),
		.orgnr = 999999901,
		.scopes = 3 };
	struct client_row *clients;
	size_t count;
	assert_true(admin_client_add(admin, &client, &outcome));
	client.id = STR("vendor-2");
	client.zone = client.sentinels = STR("");
	assert_true(admin_client_add(admin, &client, &outcome));
	client.id = STR("vendor-3");
	client.orgnr = 999999977;
	assert_false(admin_client_add(admin, &client, &outcome));
	assert_true(says(&outcome, "no organisation"));
	outcome = fresh();
	client.zone = STR("Mars");
	assert_false(admin_client_add(admin, &client, &outcome));
	outcome = fresh();
	assert_true(admin_clients(admin, &clients, &count, &outcome));
	assert_int_equal(count, 2);
	assert_true(str_is(clients[0].zone, "Europe/Oslo"));
	assert_int_equal(clients[1].zone.length, 0);
	assert_int_equal(clients[1].scopes, 3);
	assert_true(str_is(clients[0].sentinels, "-1,150456:>100"));
	assert_int_equal(clients[1].sentinels.length, 0);
	const struct str list = STR("127"), none = STR(""), bad = STR("127;"), zone = STR("UTC");
	assert_true(admin_client_set(admin, STR("vendor-1"),
		&(struct client_change){ .zone = NULL, .sentinels = &none }, &outcome));
	assert_true(admin_client_set(admin, STR("vendor-2"),
		&(struct client_change){ .zone = &zone, .sentinels = &list }, &outcome));
	assert_false(admin_client_set(admin, STR("vendor-2"),
		&(struct client_change){ .zone = NULL, .sentinels = &bad }, &outcome));
	assert_true(says(&outcome, "sentinels"));
	outcome = fresh();
	assert_false(admin_client_set(admin, STR("vendor-9"),
		&(struct client_change){ .zone = NULL, .sentinels = &list }, &outcome));
	outcome = fresh();
	assert_true(admin_clients(admin, &clients, &count, &outcome));
	assert_true(str_is(clients[0].zone, "Europe/Oslo") && clients[0].sentinels.length == 0);
	assert_true(str_is(clients[1].zone, "UTC") && str_is(clients[1].sentinels, "127"));
	assert_true(admin_client_set(admin, STR("vendor-2"),
		&(struct client_change){ .zone = &none, .sentinels = NULL }, &outcome));
	admin_close(&admin);
}

static void count_up(void *context)
{
	++*(unsigned *)context;
}

static struct rules *loaded(struct hub *hub)
{
	unsigned done = 0;
	struct outcome outcome = fresh();
	struct store_rules load = {
		.call = { .arena = arena, .outcome = &outcome, .done = count_up, .context = &done }
	};
	store_rules(hub->store, &load);
	assert_true(hub_until(hub, &done, 1));
	assert_int_equal(outcome.errors, 0);
	return load.rules;
}

static void test_rules(void **state)
{
	(void)state;
	struct outcome outcome = fresh();
	struct admin *admin = opened("hub_admin");
	struct hub hub;
	hub_open(&hub, 1);
	hub_until_ready(&hub);
	struct rule_row all = { .tenant_orgnr = 999999901,
		.reader_orgnr = 999999902,
		.class = CLASS_HEALTH,
		.purpose = PURPOSE_TREAT };
	struct rule_row one = all, wrong = all;
	one.code = (struct coding){ STR("http://loinc.org"), STR("85354-9") };
	one.purpose = PURPOSE_BTG;
	assert_true(admin_rule_add(admin, &all, &outcome));
	assert_true(admin_rule_add(admin, &one, &outcome));
	wrong.tenant_orgnr = 999999902; /* holds no data */
	assert_false(admin_rule_add(admin, &wrong, &outcome));
	outcome = fresh();
	struct rules *rules = loaded(&hub);
	assert_int_equal(rules->version, version());
	assert_int_equal(rules->tenant_count, 2);
	assert_int_equal(rules->client_count, 2);
	assert_true(rules_client(rules, STR("vendor-1"))->zone_known);
	assert_true(rules_client(rules, STR("vendor-1"))->zone.oslo);
	assert_false(rules_client(rules, STR("vendor-2"))->zone_known);
	assert_int_equal(rules->rule_count, 2);
	assert_int_equal(rules->rules[0].canon + rules->rules[1].canon,
		bed_number(
			"SELECT code_id FROM hub.code WHERE concept = 'http://loinc.org|85354-9'"));
	rules_drop(&rules);
	/* Revoked: gone from the snapshot, still in the list. */
	assert_true(admin_rule_revoke(admin, all.id, &outcome));
	assert_false(admin_rule_revoke(admin, all.id, &outcome));
	outcome = fresh();
	rules = loaded(&hub);
	assert_int_equal(rules->rule_count, 1);
	assert_int_equal(rules->rules[0].id, one.id);
	assert_int_equal(rules->version, version());
	rules_drop(&rules);
	struct rule_row *rows;
	size_t count;
	assert_true(admin_rules(admin, &rows, &count, &outcome));
	assert_int_equal(count, 2);
	assert_true(rows[0].revoked && !rows[1].revoked);
	assert_true(str_is(rows[1].code.code, "85354-9"));
	assert_int_equal(rows[1].valid_to, INSTANT_MAX);
	assert_int_equal(rows[1].purpose, PURPOSE_BTG);
	hub_close(&hub);
	admin_close(&admin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_partition),
		cmocka_unit_test(test_changed_text),
		cmocka_unit_test(test_newer_database),
		cmocka_unit_test(test_missing_migration),
		cmocka_unit_test(test_no_database),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_assert_refuses),
		cmocka_unit_test(test_tenants),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_rules),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
