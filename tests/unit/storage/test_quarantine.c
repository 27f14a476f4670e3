/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Messages kept aside: once, under their controller, and given out for release a bounded number of times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/storage/bed.h"

#define TENANT  1u
#define BUCKET  77
#define MESSAGE "MSH|^~\\&|DHO|\rOBX|1\r"

static struct hub hub;
static const struct reading_plan plan = { .tenant = TENANT, .person = 1 };

static int set_up(void **state)
{
	(void)state;
	bed_make("test_quarantine");
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

/* A request without readings whose message is kept, under a digest of this one byte. */
static struct upload *request(uint8_t digest, unsigned *done)
{
	struct upload *upload = upload_new(&hub, &plan, 0, done);
	upload->log.tenant = TENANT;
	upload->log.context = STR("{}");
	upload->log.body = STR("{}");
	upload->write.log = &upload->log;
	upload->write.log_count = 1;
	upload->write.raw = STR(MESSAGE);
	upload->write.keep = (struct store_keep){ .what = KEEP_ASIDE,
		.reason = STR("a reason"),
		.digest = { { digest } },
		.bucket = BUCKET,
		.form = KEEP_UTF8 };
	return upload;
}

static void send_and_wait(struct upload *upload, unsigned *done)
{
	*done = 0;
	store_write(hub.store, &upload->write);
	assert_true(hub_until(&hub, done, 1));
}

static void keep(uint8_t digest)
{
	unsigned done;
	struct upload *upload = request(digest, &done);
	send_and_wait(upload, &done);
	assert_int_equal(upload->outcome.errors, 0);
	upload_free(&upload);
}

/* digest is the first byte of the key. */
#define ROW(words)                                                                            \
	"SELECT " words " FROM hub.quarantine WHERE digest = '%02x000000-0000-0000-0000-0000" \
	"00000000'::uuid"

static void test_kept_once(void **state)
{
	(void)state;
	keep(1);
	keep(1);
	keep(2);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.quarantine"), 2);
	assert_int_equal(
		bed_number(ROW("count(*)") " AND tenant_id = 1 AND bucket = 77 AND door = 3 "
					   "AND state = 1 AND client = 'bed' AND reason = 'a "
					   "reason'",
			1),
		1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.upload"), 0);
	bed_number("DELETE FROM hub.quarantine");
}

/* Nothing is kept without the row of the access log that binds it to its controller. */
static void test_needs_its_log_row(void **state)
{
	(void)state;
	unsigned done;
	struct upload *without = request(3, &done);
	without->write.log_count = 0;
	send_and_wait(without, &done);
	assert_int_equal(outcome_first(&without->outcome), OUTCOME_FORBIDDEN);
	upload_free(&without);
	struct upload *other = request(3, &done);
	other->log.tenant = TENANT + 1;
	send_and_wait(other, &done);
	assert_int_equal(outcome_first(&other->outcome), OUTCOME_FORBIDDEN);
	upload_free(&other);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.quarantine"), 0);
}

struct taking {
	struct arena *arena;
	struct outcome outcome;
	struct store_release release;
	unsigned done;
};

static void count_one(void *context)
{
	++*(unsigned *)context;
}

/* What is given out; free its arena. */
static struct taking *take(void)
{
	struct arena *arena = arena_new(1 << 20);
	struct taking *taking = arena_alloc(arena, sizeof(*taking));
	taking->arena = arena;
	taking->outcome.arena = arena;
	taking->release.call = (struct store_call){ .arena = arena,
		.outcome = &taking->outcome,
		.done = count_one,
		.context = &taking->done };
	store_release(hub.store, &taking->release);
	assert_true(hub_until(&hub, &taking->done, 1));
	assert_int_equal(taking->outcome.errors, 0);
	return taking;
}

static bool is_given(void)
{
	struct taking *taking = take();
	const bool given = taking->release.found;
	if (given) {
		assert_true(str_is(taking->release.body, MESSAGE));
		assert_true(str_is(taking->release.client, "bed"));
		assert_int_equal(taking->release.form, KEEP_UTF8);
		assert_int_equal(taking->release.tenant, TENANT);
		assert_int_equal(taking->release.bucket, BUCKET);
		assert_int_equal(taking->release.digest.bytes[0], 4);
	}
	struct arena *arena = taking->arena;
	arena_free(&arena);
	return given;
}

static void test_given_out_thrice(void **state)
{
	(void)state;
	keep(4);
	assert_false(is_given());
	bed_number("UPDATE hub.quarantine SET state = 2, due = now()");
	for (unsigned times = 1; times <= 3; times++) {
		assert_true(is_given());
		/* Somebody has it: not again within a minute. */
		assert_false(is_given());
		assert_int_equal(bed_number(ROW("tries"), 4), times);
		bed_number("UPDATE hub.quarantine SET due = now()");
	}
	assert_false(is_given());
	bed_number("DELETE FROM hub.quarantine");
}

static void settle(uint8_t digest, const char *reason)
{
	unsigned done;
	struct upload *upload = request(digest, &done);
	upload->write.keep.what = KEEP_SETTLE;
	upload->write.keep.reason = str_of(reason);
	send_and_wait(upload, &done);
	assert_int_equal(upload->outcome.errors, 0);
	upload_free(&upload);
}

static void test_settled(void **state)
{
	(void)state;
	keep(5);
	keep(6);
	keep(7);
	bed_number("UPDATE hub.quarantine SET state = 2 WHERE digest < "
		   "'07000000-0000-0000-0000-000000000000'");
	settle(5, "");
	settle(6, "another reason");
	settle(7, "");
	assert_int_equal(bed_number(ROW("state"), 5), 3);
	assert_int_equal(bed_number(ROW("state") " AND reason = 'another reason'", 6), 1);
	/* What nobody has released is not settled. */
	assert_int_equal(bed_number(ROW("state"), 7), 1);
}

static void test_numbers(void **state)
{
	(void)state;
	char number[KEEP_NUMBER];
	const struct mac128 digest = { { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xff } };
	keep_number(&digest, number);
	assert_string_equal(number, "Q-0123456789abcdef");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_once),
		cmocka_unit_test(test_needs_its_log_row),
		cmocka_unit_test(test_given_out_thrice),
		cmocka_unit_test(test_settled),
		cmocka_unit_test(test_numbers),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
