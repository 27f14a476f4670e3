/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tests/unit/storage/bed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct hub hub;
static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(1 << 24);
	bed_make("test_db");
	hub_open(&hub, 1);
	hub_until_ready(&hub);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hub_close(&hub);
	arena_free(&arena);
	return 0;
}

/* A flight of the test's own, and what came of its Syncs. */
struct trip {
	struct db_flight *flight;
	unsigned synced, rows;
	struct db_end end;
	void (*check)(const struct db_rows *rows);
};

static void on_synced(void *context, const struct db_end *end)
{
	struct trip *trip = context;
	trip->synced++;
	trip->end = *end;
}

static void on_rows(void *context, const struct db_rows *rows)
{
	struct trip *trip = context;
	trip->rows++;
	if (trip->check != NULL)
		trip->check(rows);
}

static struct trip trip_start(enum db_role role)
{
	struct trip trip = { .flight = db_flight(hub.db, role, DB_ANY_LANE) };
	/* The store may be fetching ids. */
	for (unsigned i = 0; i < 100 && trip.flight == NULL; i++) {
		hub_turn(&hub, 50);
		trip.flight = db_flight(hub.db, role, DB_ANY_LANE);
	}
	assert_non_null(trip.flight);
	return trip;
}

static void trip_sync(struct trip *trip)
{
	const unsigned want = trip->synced + 1;
	db_sync(trip->flight, on_synced, trip);
	assert_int_equal(trip->synced, want - 1);
	assert_true(hub_until(&hub, &trip->synced, want));
}

static void check_scalars(const struct db_rows *rows)
{
	assert_int_equal(db_row_count(rows), 1);
	assert_int_equal(db_get_int(rows, 0, 0), -7);
	assert_int_equal(db_get_int(rows, 0, 1), INT32_MIN);
	assert_int_equal(db_get_int(rows, 0, 2), INT64_MAX);
	assert_true(db_get_float8(rows, 0, 3) == -0.125);
	assert_true(db_get_bool(rows, 0, 4));
	assert_int_equal(db_get_time(rows, 0, 5), 1795161612000123);
	assert_int_equal(db_get_uuid(rows, 0, 6).bytes[15], 9);
	assert_true(str_is(db_get_bytes(rows, 0, 7), "blåbær"));
	assert_int_equal(db_get_bytes(rows, 0, 8).length, 3);
	assert_true(db_is_null(rows, 0, 9));
	assert_int_equal(db_get_time(rows, 0, 10), INSTANT_MIN);
	assert_int_equal(db_get_time(rows, 0, 11), INSTANT_MAX);
	assert_true(str_is(db_get_bytes(rows, 0, 12), "2026-11-20 08:00:12.000123+00"));
}

static void test_scalars(void **state)
{
	(void)state;
	struct db_params *params = db_params(arena, 12);
	const struct mac128 uuid = { { [15] = 9 } };
	db_int2(params, -7);
	db_int4(params, INT32_MIN);
	db_int8(params, INT64_MAX);
	db_float8(params, -0.125);
	db_bool(params, true);
	db_time(params, 1795161612000123);
	db_uuid(params, &uuid);
	db_text(params, STR("blåbær"));
	db_bytea(params, STR("\0\xff\1"));
	db_null(params);
	db_time(params, INSTANT_MIN);
	db_time(params, INSTANT_MAX);
	struct trip trip = trip_start(DB_READ);
	trip.check = check_scalars;
	db_add_shape(trip.flight, 1,
		"SELECT $1::int2, $2::int4, $3::int8, $4::float8, $5::bool, $6::timestamptz, "
		"$7::uuid, $8::text, $9::bytea, $10::int4, $11::timestamptz, $12::timestamptz, "
		"($6 AT TIME ZONE 'UTC')::text || '+00'",
		params, on_rows, &trip);
	trip_sync(&trip);
	assert_int_equal(trip.end.status, DB_OK);
	assert_int_equal(trip.rows, 1);
	db_land(trip.flight);
}

static void check_arrays(const struct db_rows *rows)
{
	assert_int_equal(db_row_count(rows), 2);
	assert_int_equal(db_get_int(rows, 1, 0), -2);
	assert_int_equal(db_get_int(rows, 1, 1), 70000);
	assert_int_equal(db_get_int(rows, 1, 2), -70000000000);
	assert_true(db_is_null(rows, 0, 3) && isnan(db_get_float8(rows, 0, 3)));
	assert_true(db_get_float8(rows, 1, 3) == 2.5);
	assert_int_equal(db_get_time(rows, 0, 4), INSTANT_MIN);
	assert_int_equal(db_get_time(rows, 1, 4), 1);
	assert_int_equal(db_get_uuid(rows, 1, 5).bytes[0], 8);
	assert_true(str_is(db_get_bytes(rows, 0, 6), ""));
	assert_false(db_is_null(rows, 0, 6));
	assert_true(str_is(db_get_bytes(rows, 1, 7), "b"));
	assert_int_equal(db_get_int(rows, 0, 8), 0);
}

static void test_arrays(void **state)
{
	(void)state;
	struct db_params *params = db_params(arena, 9);
	db_int2s(params, (int16_t[]){ 1, -2 }, 2);
	db_int4s(params, (int32_t[]){ 1, 70000 }, 2);
	db_int8s(params, (int64_t[]){ 1, -70000000000 }, 2);
	db_float8s(params, (double[]){ NAN, 2.5 }, 2);
	db_times(params, (instant[]){ INSTANT_MIN, 1 }, 2);
	db_uuids(params, (struct mac128[]){ { { 7 } }, { { 8 } } }, 2);
	db_texts(params, (struct str[]){ STR(""), STR("ø") }, 2);
	db_byteas(params, (struct str[]){ STR("a"), STR("b") }, 2);
	db_texts(params, NULL, 0);
	struct trip trip = trip_start(DB_READ);
	trip.check = check_arrays;
	db_add_shape(trip.flight, 2,
		"SELECT u.*, cardinality($9::text[]) FROM unnest($1::int2[], $2::int4[], "
		"$3::int8[], $4::float8[], $5::timestamptz[], $6::uuid[], $7::text[], $8::bytea[]) "
		"u",
		params, on_rows, &trip);
	trip_sync(&trip);
	assert_int_equal(trip.rows, 1);
	db_land(trip.flight);
}

/* An error skips the rest up to the Sync, and a shape whose PREPARE was skipped or refused is prepared again. */
static void test_error(void **state)
{
	(void)state;
	struct trip trip = trip_start(DB_READ);
	db_add_shape(trip.flight, 3, "SELECT 1 / 0", NULL, on_rows, &trip);
	db_add_shape(trip.flight, 4, "SELECT 4", NULL, on_rows, &trip);
	trip_sync(&trip);
	assert_int_equal(trip.end.status, DB_FAILED);
	assert_string_equal(trip.end.sqlstate, "22012");
	assert_string_equal(trip.end.message, "division by zero");
	assert_int_equal(trip.rows, 0);
	db_add_shape(trip.flight, 4, "SELECT 4", NULL, on_rows, &trip);
	trip_sync(&trip);
	assert_int_equal(trip.end.status, DB_OK);
	assert_int_equal(trip.rows, 1);
	db_land(trip.flight);
}

static void check_tenant(const struct db_rows *rows)
{
	assert_true(str_is(db_get_bytes(rows, 0, 0), "17"));
}

static void check_no_tenant(const struct db_rows *rows)
{
	assert_int_equal(db_get_bytes(rows, 0, 0).length, 0);
}

/* The controller of a transaction is gone after its end, and an error before COMMIT leaves the session outside a transaction. */
static void test_transactions(void **state)
{
	(void)state;
	struct trip trip = trip_start(DB_WRITE);
	trip.check = check_tenant;
	const char *setting = "SELECT coalesce(current_setting('hub.tenant', true), '')";
	db_begin(trip.flight);
	db_set_local(trip.flight, DB_TENANT, 17);
	db_add_shape(trip.flight, 5, setting, NULL, on_rows, &trip);
	db_commit_sync(trip.flight, on_synced, &trip);
	assert_true(hub_until(&hub, &trip.synced, 1));
	assert_true(trip.end.status == DB_OK && trip.end.committed);
	trip.check = check_no_tenant;
	db_add_shape(trip.flight, 5, setting, NULL, on_rows, &trip);
	trip_sync(&trip);
	assert_int_equal(trip.rows, 2);

	db_begin(trip.flight);
	db_set_local(trip.flight, DB_TENANT, 17);
	db_add_shape(trip.flight, 6, "SELECT 1 / 0", NULL, NULL, NULL);
	db_commit_sync(trip.flight, on_synced, &trip);
	assert_true(hub_until(&hub, &trip.synced, 3));
	assert_int_equal(trip.end.status, DB_FAILED);
	assert_false(trip.end.committed);
	db_add_shape(trip.flight, 5, setting, NULL, on_rows, &trip);
	trip_sync(&trip);
	assert_int_equal(trip.end.status, DB_OK);
	assert_int_equal(trip.rows, 3);
	db_land(trip.flight);
}

/* More shapes than a connection keeps: they still run. */
static void test_many_shapes(void **state)
{
	(void)state;
	struct trip trip = trip_start(DB_AUDIT);
	for (uint32_t i = 0; i < 600; i++)
		db_add_shape(trip.flight, 1000 + i, "SELECT 1", NULL, on_rows, &trip);
	trip_sync(&trip);
	assert_int_equal(trip.end.status, DB_OK);
	assert_int_equal(trip.rows, 600);
	db_land(trip.flight);
}

/* Each role is logged in as what it is for. */
static void check_user(const struct db_rows *rows)
{
	assert_true(str_is(db_get_bytes(rows, 0, 0), "hub_audit pg_catalog maalehubd"));
}

static void test_role(void **state)
{
	(void)state;
	struct trip trip = trip_start(DB_AUDIT);
	assert_null(db_flight(hub.db, DB_AUDIT, DB_ANY_LANE));
	assert_int_equal(db_busy(hub.db), 1);
	trip.check = check_user;
	db_add_shape(trip.flight, 7,
		"SELECT current_user || ' ' || current_setting('search_path') || ' ' || "
		"current_setting('application_name')",
		NULL, on_rows, &trip);
	trip_sync(&trip);
	assert_int_equal(trip.rows, 1);
	db_land(trip.flight);
	assert_int_equal(db_busy(hub.db), 0);
}

/* A statement that does not answer costs its connection, which comes back. */
static void test_watchdog(void **state)
{
	(void)state;
	const struct db_settings settings = { .conninfo = bed_conninfo(),
		.connections = { [DB_READ] = 1 },
		.statement_timeout = INSTANT_SECOND };
	struct db *db = db_open(&settings);
	instant end = bed_now() + 20 * INSTANT_SECOND;
	while (!db_ready(db) && bed_now() < end) {
		db_run(db, bed_now());
		db_flush(db, bed_now());
	}
	struct trip trip = { .flight = db_flight(db, DB_READ, 0) };
	assert_non_null(trip.flight);
	db_add_shape(trip.flight, 1, "SELECT pg_sleep(4)", NULL, on_rows, &trip);
	db_sync(trip.flight, on_synced, &trip);
	const instant start = bed_now();
	while (trip.synced == 0 && bed_now() < start + 10 * INSTANT_SECOND) {
		db_run(db, bed_now());
		db_flush(db, bed_now());
	}
	assert_int_equal(trip.synced, 1);
	assert_int_equal(trip.end.status, DB_LOST);
	assert_true(bed_now() - start < 3 * INSTANT_SECOND);
	assert_false(db_ready(db));
	while (!db_ready(db) && bed_now() < end) {
		db_run(db, bed_now());
		db_flush(db, bed_now());
	}
	assert_true(db_ready(db));
	/* Closing tells whoever waits. */
	struct trip last = { .flight = db_flight(db, DB_READ, 0) };
	assert_non_null(last.flight);
	db_sync(last.flight, on_synced, &last);
	db_close(&db);
	assert_int_equal(last.end.status, DB_LOST);
	assert_null(db);
}

/* A database that is not there: nothing is ready, nothing blocks, nothing crashes. */
static void test_away(void **state)
{
	(void)state;
	const struct db_settings settings = { .conninfo = "host=/nonexistent dbname=hub",
		.connections = { 1, 1, 1, 1 },
		.statement_timeout = INSTANT_SECOND };
	struct db *db = db_open(&settings);
	struct seal *seal = seal_new(STR("a master secret for tests, 32 bytes and more"));
	struct store *store =
		store_open(db, seal, &(struct store_settings){ .queue_max = 1, .group_max = 1 });
	struct hub away = { db, store, seal };
	unsigned done = 0;
	const struct reading_plan plan = {
		.tenant = 1, .person = 1, .device = "d", .value = 1, .time = 1
	};
	struct upload *one = upload_new(&away, &plan, 1, &done),
		      *two = upload_new(&away, &plan, 1, &done);
	assert_int_equal(one->write.corr, 0);
	db_flush(db, INSTANT_SECOND);
	store_write(store, &one->write);
	store_write(store, &two->write);
	db_flush(db, INSTANT_SECOND);
	assert_int_equal(done, 1); /* the queue holds one */
	assert_int_equal(outcome_first(&two->outcome), OUTCOME_BUSY);
	db_flush(db, 7 * INSTANT_SECOND);
	assert_int_equal(done, 2); /* and not for ever */
	assert_int_equal(outcome_first(&one->outcome), OUTCOME_BUSY);
	assert_false(db_ready(db));
	assert_null(db_flight(db, DB_WRITE, DB_ANY_LANE));
	hub_close(&away);
	upload_free(&one);
	upload_free(&two);
}

static void count_lost(void *context, const char *text)
{
	*(unsigned *)context += strstr(text, "lost") != NULL;
}

/* A connection is tried again as soon as ever where the clock was set back, not when it has caught up. */
static void test_clock_set_back(void **state)
{
	(void)state;
	unsigned lost = 0;
	const struct db_settings settings = { .conninfo = "host=/nonexistent dbname=hub",
		.connections = { 1 },
		.statement_timeout = INSTANT_SECOND,
		.note = count_lost,
		.note_context = &lost };
	struct db *db = db_open(&settings);
	for (instant now = 7200; now < 7300; now += 20) {
		db_flush(db, now * INSTANT_SECOND);
		db_flush(db, now * INSTANT_SECOND);
	}
	const unsigned before = lost;
	assert_true(before >= 4);
	for (instant now = 3600; now < 3700; now += 20) {
		db_flush(db, now * INSTANT_SECOND);
		db_flush(db, now * INSTANT_SECOND);
	}
	assert_true(lost >= before + 4);
	db_close(&db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_transactions),
		cmocka_unit_test(test_many_shapes),
		cmocka_unit_test(test_role),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_away),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
