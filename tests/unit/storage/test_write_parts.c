/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A request written in parts: only the last one's COMMIT waits for the disk, and what hangs on it. */
#include "tests/unit/storage/bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* 2026-11-20T08:00:12Z */
#define NOON  ((instant)1795161612 * INSTANT_SECOND)
#define TRIES 5 /* somebody else may write to PostgreSQL's log, or flush it, in between */

static struct hub hub;
static unsigned next_device;

static int set_up(void **state)
{
	(void)state;
	bed_make("test_write_parts");
	/* What did not wait stays unwritten for a while, so that it can be seen. */
	bed_number("ALTER SYSTEM SET wal_writer_delay = '10s'");
	bed_number("SELECT pg_reload_conf()::int");
	hub_open(&hub, 1);
	hub_until_ready(&hub);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hub_close(&hub);
	return 0;
}

static struct upload *part(uint64_t person, bool more, uint64_t life, unsigned *done)
{
	char device[24];
	snprintf(device, sizeof(device), "part-%u", next_device++);
	const struct reading_plan plan = {
		.tenant = 1, .person = person, .device = device, .value = 70, .time = NOON
	};
	struct upload *upload = upload_new(&hub, &plan, 1, done);
	upload->write.more = more;
	upload->write.life = life;
	return upload;
}

static void send(struct upload *upload, unsigned *done)
{
	const unsigned before = *done;
	store_write(hub.store, &upload->write);
	assert_true(hub_until(&hub, done, before + 1));
	assert_int_equal(upload->outcome.errors, 0);
	assert_int_equal(upload->write.items[0].fate, WRITE_CREATED);
}

static bool is_on_disk(void)
{
	return bed_number(
		       "SELECT (pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn())::int") ==
	       1;
}

/* Whether the COMMIT of what `begin` sends waits for the disk. */
static bool waits(bool first_more, bool second_more)
{
	for (unsigned i = 0; i < TRIES; i++) {
		unsigned done = 0;
		struct upload *uploads[2] = { part(40, first_more, 0, &done),
			part(41, second_more, 0, &done) };
		for (unsigned k = 0; k < 2; k++)
			store_write(hub.store, &uploads[k]->write);
		assert_true(hub_until(&hub, &done, 2));
		const bool there = is_on_disk();
		upload_free(&uploads[0]);
		upload_free(&uploads[1]);
		if (there == !(first_more && second_more))
			return there;
	}
	return first_more && second_more;
}

static void test_only_the_last_waits(void **state)
{
	(void)state;
	assert_false(waits(true, true));
	assert_true(waits(false, false));
	assert_true(waits(true, false)); /* in one group with somebody who is told at once */
	assert_true(waits(false, true));
}

static void test_one_life(void **state)
{
	(void)state;
	unsigned done = 0;
	struct upload *first = part(42, true, 0, &done);
	send(first, &done);
	assert_true(first->write.life > 0 && !first->write.torn);
	struct upload *second = part(42, false, first->write.life, &done);
	send(second, &done);
	assert_false(second->write.torn);
	assert_int_equal(second->write.life, first->write.life);
	upload_free(&first);
	upload_free(&second);
}

/* The connection is made anew: the server may have died, and what did not wait with it. */
static void test_another_life(void **state)
{
	(void)state;
	unsigned done = 0;
	struct upload *first = part(43, true, 0, &done);
	send(first, &done);
	bed_number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = "
		   "'hub_write' AND datname = current_database()");
	for (unsigned i = 0; i < 20; i++)
		hub_turn(&hub, 10);
	hub_until_ready(&hub);
	struct upload *second = part(43, true, first->write.life, &done);
	send(second, &done);
	assert_true(second->write.torn);
	assert_true(second->write.life > first->write.life);
	struct upload *third = part(43, false, second->write.life, &done);
	send(third, &done);
	assert_false(third->write.torn);
	upload_free(&first);
	upload_free(&second);
	upload_free(&third);
}

static int64_t located(uint64_t person)
{
	return bed_number("SELECT count(*) FROM hub.locator WHERE person_id = %llu",
		(unsigned long long)person);
}

/* What a part left may be lost with the server, so the next one writes it again: locator entries and contexts are not taken as known. */
static void test_not_taken_as_known(void **state)
{
	(void)state;
	unsigned done = 0;
	struct upload *first = part(44, true, 0, &done);
	send(first, &done);
	assert_int_equal(located(44), 1);
	bed_number("WITH gone AS (DELETE FROM hub.locator WHERE person_id = 44 RETURNING 1) SELECT "
		   "count(*) FROM gone");
	struct upload *second = part(44, false, first->write.life, &done);
	send(second, &done);
	assert_int_equal(located(44), 1);
	/* the last one's are */
	bed_number("WITH gone AS (DELETE FROM hub.locator WHERE person_id = 44 RETURNING 1) SELECT "
		   "count(*) FROM gone");
	struct upload *third = part(44, false, 0, &done);
	send(third, &done);
	assert_int_equal(located(44), 0);
	upload_free(&first);
	upload_free(&second);
	upload_free(&third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_last_waits),
		cmocka_unit_test(test_one_life),
		cmocka_unit_test(test_another_life),
		cmocka_unit_test(test_not_taken_as_known),
	};
	return cmocka_run_group_tests_name("storage_write_parts", tests, set_up, tear_down);
}
