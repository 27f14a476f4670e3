/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A poller reads what was received before the horizon, and remembers how far it came. A write is held open while others commit: the poller must see each reading
 * once, the late one too; the control polls the same rows up to the present and must miss it.
 */
#include "tests/unit/storage/bed.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct hub hub;

static int set_up(void **state)
{
	(void)state;
	bed_make("test_horizon");
	bed_number(
		"INSERT INTO hub.tenant (orgnr, controller, name) VALUES (999999901, true, 'One') "
		"RETURNING 1");
	hub_open(&hub, 2);
	hub_until_ready(&hub);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hub_close(&hub);
	return 0;
}

static void counted(void *context)
{
	(*(unsigned *)context)++;
}

static instant horizon(void)
{
	struct arena *arena = arena_new((size_t)1 << 20);
	struct outcome outcome = { .arena = arena };
	unsigned done = 0;
	struct store_horizon call = {
		.call = { .arena = arena, .outcome = &outcome, .done = counted, .context = &done }
	};
	store_horizon(hub.store, &call);
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(outcome.errors, 0);
	arena_free(&arena);
	return call.at;
}

/* One reading by the hub, committed; when it was received. */
static instant upload(double value)
{
	unsigned done = 0;
	struct reading_plan plan = { .tenant = 1,
		.person = 7,
		.device = "D",
		.value = value,
		.time = bed_now() - (instant)value * INSTANT_SECOND };
	struct upload *upload = upload_new(&hub, &plan, 1, &done);
	store_write(hub.store, &upload->write);
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(upload->outcome.errors, 0);
	const instant updated = upload->write.items[0].updated;
	assert_int_equal(updated,
		bed_number("SELECT round(extract(epoch FROM recv) * 1000000) FROM hub.observation "
			   "WHERE id = %llu",
			(unsigned long long)upload->write.items[0].key.id));
	assert_int_equal(updated % 1000, 0);
	upload_free(&upload);
	return updated;
}

static PGconn *other_hub(void)
{
	char conninfo[512];
	snprintf(conninfo, sizeof(conninfo), "%s user=hub_write", bed_conninfo());
	PGconn *connection = PQconnectdb(conninfo);
	assert_int_equal(PQstatus(connection), CONNECTION_OK);
	return connection;
}

static void run(PGconn *connection, const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(connection));
	PQclear(result);
}

/* As another hub writes one, up to its COMMIT. */
static void hold_open(PGconn *connection, unsigned id)
{
	char sql[512];
	snprintf(sql, sizeof(sql),
		"INSERT INTO hub.observation (id, time_low, time_high, recv, subject_id, "
		"upload_id, bucket, tenant_id, code, category, version, type, class, status, "
		"pack, digest, body) VALUES (%u, now(), now(), date_trunc('milliseconds', "
		"statement_timestamp()), 7, 1, 1, 1, 1, 0, 1, 1, 1, 3, 0, "
		"'00000000-0000-0000-0000-000000000000', 'x')",
		id);
	run(connection, "BEGIN");
	run(connection, "SET LOCAL hub.tenant = 1");
	run(connection, sql);
}

/* What a poller is given that has come to `from` and looks as far as `to`. */
static int64_t polled(instant from, instant to)
{
	return bed_number("SELECT count(*) FROM hub.observation WHERE recv >= "
			  "'epoch'::timestamptz + %lld * interval '1 us' AND recv < "
			  "'epoch'::timestamptz + %lld * interval '1 us'",
		(long long)from, (long long)to);
}

static void test_late_commit(void **state)
{
	(void)state;
	PGconn *other = other_hub();
	const instant start = horizon();
	hold_open(other, 1);
	const instant one = upload(1);
	const instant held = horizon();
	/* Nothing newer than the oldest write that is not committed. */
	assert_true(held <= one);
	const int64_t first = polled(start, held);
	/* The control: who looks as far as there is something. */
	const instant present = one + 1000;
	const int64_t careless = polled(start, present);
	assert_int_equal(careless, 1);
	run(other, "COMMIT");
	const instant two = upload(2);
	instant after;
	do
		after = horizon();
	while (after <= two); /* within its millisecond */
	assert_int_equal(first + polled(held, after), 3);
	assert_int_equal(careless + polled(present, after), 2);
	PQfinish(other);
}

/* It stands while that write does, and no longer, also when it comes to nothing. */
static void test_it_moves(void **state)
{
	(void)state;
	PGconn *other = other_hub();
	hold_open(other, 2);
	const instant held = horizon();
	upload(4);
	assert_int_equal(horizon(), held);
	run(other, "ROLLBACK");
	const instant one = upload(3);
	instant after;
	do
		after = horizon();
	while (after <= one);
	assert_true(after > held);
	PQfinish(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late_commit),
		cmocka_unit_test(test_it_moves),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
