/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tests/unit/storage/bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* 2026-11-20T08:00:12Z */
#define NOON ((instant)1795161612 * INSTANT_SECOND)

static struct hub hub;

static int set_up(void **state)
{
	(void)state;
	bed_make("test_write");
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

/* Sends readings as one request and waits for its answer. */
static struct upload *sent(const struct reading_plan *plans, size_t count)
{
	unsigned done = 0;
	struct upload *upload = upload_new(&hub, plans, count, &done);
	store_write(hub.store, &upload->write);
	assert_int_equal(done, 0);
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(done, 1);
	return upload;
}

static struct upload *stored(const struct reading_plan *plans, size_t count)
{
	struct upload *upload = sent(plans, count);
	if (upload->outcome.errors > 0)
		fail_msg("%.*s", STR_ARG(upload->outcome.first->text));
	assert_int_equal(bed_number("SELECT count(*) FROM hub.access_log WHERE corr = %llu",
				 (unsigned long long)upload->write.corr),
		1);
	return upload;
}

static int64_t rows_of(uint64_t person)
{
	return bed_number("SELECT count(*) FROM hub.observation WHERE subject_id = %llu",
		(unsigned long long)person + 1000);
}

static void test_created(void **state)
{
	(void)state;
	const struct reading_plan plan = { .tenant = 1,
		.person = 11,
		.identifier = "created",
		.device = "d",
		.value = 70,
		.time = NOON };
	struct upload *upload = stored(&plan, 1);
	const struct write_item *item = &upload->write.items[0];
	assert_int_equal(item->fate, WRITE_CREATED);
	assert_int_equal(item->version, 1);
	assert_int_equal(item->key.tenant, 1);
	assert_int_equal(item->key.subject, 1011);
	assert_true(item->updated > NOON);
	assert_int_equal(rows_of(11), 1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.obs_key WHERE id = %llu",
				 (unsigned long long)item->key.id),
		2);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.locator WHERE person_id = 11 AND "
				    "month = 682 AND class = 1"),
		1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.observation o JOIN hub.code c ON "
				    "c.code_id = o.code "
				    "WHERE o.subject_id = 1011 AND c.concept = "
				    "'http://loinc.org|8867-4' AND c.canon = 0"),
		1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.coding WHERE code = '8867-4'"), 1);
	assert_int_equal(
		bed_number(
			"SELECT count(*) FROM hub.access_log l JOIN hub.log_ctx x ON x.ctx = l.ctx "
			"WHERE l.person_id = 11 AND octet_length(l.leaf) = 32 AND "
			"convert_from(substr(l.body, 17), 'UTF8') = '{\"count\":1}'"),
		1);
	upload_free(&upload);
}

static void test_known(void **state)
{
	(void)state;
	const struct reading_plan plan = { .tenant = 1,
		.person = 12,
		.identifier = "known",
		.device = "d",
		.value = 70,
		.time = NOON };
	struct upload *first = stored(&plan, 1), *second = stored(&plan, 1);
	assert_int_equal(first->write.items[0].fate, WRITE_CREATED);
	assert_int_equal(second->write.items[0].fate, WRITE_KNOWN);
	assert_int_equal(second->write.items[0].key.id, first->write.items[0].key.id);
	assert_int_equal(second->write.items[0].version, 1);
	assert_int_equal(second->write.items[0].updated, first->write.items[0].updated);
	assert_int_equal(rows_of(12), 1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.obs_source WHERE upload_id = %llu",
				 (unsigned long long)second->write.corr),
		1);
	upload_free(&first);
	upload_free(&second);
}

/* The other road: the same device's reading under another identifier. The key it brings is kept. */
static void test_other_road(void **state)
{
	(void)state;
	struct reading_plan plan = { .tenant = 1,
		.person = 13,
		.identifier = "road-1",
		.device = "d",
		.value = 70,
		.time = NOON };
	struct upload *first = stored(&plan, 1);
	plan.identifier = "road-2";
	struct upload *second = stored(&plan, 1);
	assert_int_equal(second->write.items[0].fate, WRITE_KNOWN);
	plan.device = NULL;
	struct upload *third = stored(&plan, 1);
	assert_int_equal(third->write.items[0].fate, WRITE_KNOWN);
	assert_int_equal(third->write.items[0].key.id, first->write.items[0].key.id);
	upload_free(&first);
	upload_free(&second);
	upload_free(&third);
}

/* A clock of seconds: another value of the same reading is a new version; the old text sent again does not bring it back. */
static void test_versioned(void **state)
{
	(void)state;
	struct reading_plan plan = { .tenant = 1,
		.person = 14,
		.identifier = "v",
		.device = "d",
		.value = 70,
		.time = NOON };
	struct upload *first = stored(&plan, 1);
	plan.value = 71;
	struct upload *second = stored(&plan, 1);
	assert_int_equal(second->write.items[0].fate, WRITE_VERSIONED);
	assert_int_equal(second->write.items[0].version, 2);
	assert_int_equal(second->write.items[0].key.id, first->write.items[0].key.id);
	assert_int_equal(rows_of(14), 1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.observation_history WHERE subject_id "
				    "= 1014 AND version = 1 AND val_low = 69.5"),
		1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.observation WHERE subject_id = 1014 "
				    "AND version = 2 AND val_low = 70.5"),
		1);
	plan.value = 70;
	struct upload *again = stored(&plan, 1);
	assert_int_equal(again->write.items[0].fate, WRITE_KNOWN);
	assert_int_equal(again->write.items[0].version, 2);
	plan.correction = true;
	struct upload *back = stored(&plan, 1);
	assert_int_equal(back->write.items[0].fate, WRITE_VERSIONED);
	assert_int_equal(back->write.items[0].version, 3);
	upload_free(&first);
	upload_free(&second);
	upload_free(&again);
	upload_free(&back);
}

/* A clock of minutes: both are kept, and a re-send of the second finds the second. */
static void test_beside(void **state)
{
	(void)state;
	struct reading_plan plan = { .tenant = 1,
		.person = 15,
		.device = "d",
		.value = 70,
		.time = NOON,
		.minute_clock = true };
	struct upload *first = stored(&plan, 1);
	plan.value = 71;
	struct upload *second = stored(&plan, 1);
	assert_int_equal(second->write.items[0].fate, WRITE_BESIDE);
	assert_int_not_equal(second->write.items[0].key.id, first->write.items[0].key.id);
	struct upload *again = stored(&plan, 1);
	assert_int_equal(again->write.items[0].fate, WRITE_KNOWN);
	assert_int_equal(again->write.items[0].key.id, second->write.items[0].key.id);
	assert_int_equal(rows_of(15), 2);
	plan.correction = true;
	plan.value = 72;
	struct upload *corrected = stored(&plan, 1);
	assert_int_equal(corrected->write.items[0].fate, WRITE_VERSIONED);
	assert_int_equal(corrected->write.items[0].key.id, first->write.items[0].key.id);
	upload_free(&first);
	upload_free(&second);
	upload_free(&again);
	upload_free(&corrected);
}

/* One request that names one measurement five times. */
static void test_within_one_request(void **state)
{
	(void)state;
	const struct reading_plan one = { .tenant = 1,
		.person = 16,
		.identifier = "w",
		.device = "d",
		.value = 70,
		.time = NOON };
	struct reading_plan plans[5] = { one, one, one, one, one };
	plans[2].value = 71;
	plans[3].minute_clock = true;
	plans[3].value = 75;
	plans[4].identifier = "other";
	plans[4].device = NULL;
	struct upload *upload = stored(plans, 5);
	const enum write_fate fates[5] = { WRITE_CREATED, WRITE_KNOWN, WRITE_BESIDE, WRITE_BESIDE,
		WRITE_CREATED };
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(upload->write.items[i].fate, fates[i]);
	assert_int_equal(rows_of(16), 4);
	upload_free(&upload);
}

/* A heart rate and a pulse, one device, one code, one second, one request: two measurements, however and in whatever order they are sent again. */
static void test_two_at_once(void **state)
{
	(void)state;
	const struct reading_plan one = {
		.tenant = 1, .person = 218, .device = "ecg", .value = 80, .time = NOON
	};
	struct reading_plan plans[2] = { one, one };
	plans[1].value = 79;
	struct upload *first = stored(plans, 2);
	assert_int_equal(first->write.items[0].fate, WRITE_CREATED);
	assert_int_equal(first->write.items[1].fate, WRITE_BESIDE);
	struct upload *again = stored(plans, 2);
	const struct reading_plan turned[2] = { plans[1], plans[0] };
	struct upload *turn = stored(turned, 2);
	struct upload *alone = stored(&plans[1], 1);
	for (size_t i = 0; i < 2; i++) {
		const uint64_t id = first->write.items[i].key.id;
		assert_int_equal(again->write.items[i].fate, WRITE_KNOWN);
		assert_int_equal(again->write.items[i].key.id, id);
		assert_int_equal(turn->write.items[1 - i].fate, WRITE_KNOWN);
		assert_int_equal(turn->write.items[1 - i].key.id, id);
	}
	assert_int_equal(alone->write.items[0].fate, WRITE_KNOWN);
	assert_int_equal(alone->write.items[0].key.id, first->write.items[1].key.id);
	assert_int_equal(rows_of(218), 2);
	assert_int_equal(bed_number("SELECT max(version) FROM hub.observation WHERE subject_id = "
				    "1218"),
		1);
	upload_free(&first);
	upload_free(&again);
	upload_free(&turn);
	upload_free(&alone);
}

/* The same, but the sender says that the second corrects the first. */
static void test_corrected_at_once(void **state)
{
	(void)state;
	const struct reading_plan one = {
		.tenant = 1, .person = 219, .device = "ecg", .value = 80, .time = NOON
	};
	struct reading_plan plans[2] = { one, one };
	plans[1].value = 79;
	plans[1].correction = true;
	struct upload *upload = stored(plans, 2);
	assert_int_equal(upload->write.items[0].fate, WRITE_CREATED);
	assert_int_equal(upload->write.items[1].fate, WRITE_VERSIONED);
	assert_int_equal(upload->write.items[1].key.id, upload->write.items[0].key.id);
	assert_int_equal(rows_of(219), 1);
	upload_free(&upload);
}

/* A correction of one that was kept beside another: its identifier says which of the two is meant. */
static void test_corrected_beside(void **state)
{
	(void)state;
	const struct reading_plan one = { .tenant = 1,
		.person = 220,
		.identifier = "first",
		.device = "ecg",
		.value = 80,
		.time = NOON };
	struct reading_plan plans[2] = { one, one };
	plans[1].identifier = "second";
	plans[1].value = 79;
	struct upload *both = stored(plans, 2);
	assert_int_equal(both->write.items[1].fate, WRITE_BESIDE);
	plans[1].value = 78;
	plans[1].correction = true;
	struct upload *corrected = stored(&plans[1], 1);
	assert_int_equal(corrected->write.items[0].fate, WRITE_VERSIONED);
	assert_int_equal(corrected->write.items[0].key.id, both->write.items[1].key.id);
	assert_int_equal(rows_of(220), 2);
	upload_free(&both);
	upload_free(&corrected);
}

/* What one exchange brings and no row can hold: a time before PostgreSQL's calendar begins. */
static void test_poison_alone(void **state)
{
	(void)state;
	enum { COUNT = 20 };
	struct upload *uploads[COUNT];
	unsigned done = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		const struct reading_plan plan = { .tenant = 1 + i % 2 * 2,
			.person = 100 + i,
			.device = "p",
			.value = i,
			.time = i == 7 ? -300000000000 * INSTANT_SECOND : NOON };
		uploads[i] = upload_new(&hub, &plan, 1, &done);
		store_write(hub.store, &uploads[i]->write);
	}
	assert_true(hub_until(&hub, &done, COUNT));
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(uploads[i]->outcome.errors, i == 7);
		assert_int_equal(rows_of(100 + i), i != 7);
		assert_int_equal(bed_number("SELECT count(*) FROM hub.access_log WHERE corr = %llu",
					 (unsigned long long)uploads[i]->write.corr),
			i != 7);
	}
	assert_int_equal(outcome_first(&uploads[7]->outcome), OUTCOME_FAULT);
	for (unsigned i = 0; i < COUNT; i++)
		upload_free(&uploads[i]);
}

/* Two hubs, 64 requests for one reading at once: one makes it, 63 find it. */
static void test_race(void **state)
{
	(void)state;
	enum { COUNT = 64 };
	struct hub other;
	hub_open(&other, 2);
	hub_until_ready(&other);
	struct upload *uploads[COUNT];
	unsigned done = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		const struct reading_plan plan = { .tenant = 1,
			.person = 17,
			.identifier = "race",
			.device = "d",
			.value = 70,
			.time = NOON };
		struct hub *one = i % 2 == 0 ? &hub : &other;
		uploads[i] = upload_new(one, &plan, 1, &done);
		store_write(one->store, &uploads[i]->write);
	}
	const instant end = bed_now() + 30 * INSTANT_SECOND;
	while (done < COUNT && bed_now() < end) {
		hub_turn(&hub, 1);
		hub_turn(&other, 1);
	}
	assert_int_equal(done, COUNT);
	unsigned created = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(uploads[i]->outcome.errors, 0);
		created += uploads[i]->write.items[0].fate == WRITE_CREATED;
		assert_int_equal(
			uploads[i]->write.items[0].key.id, uploads[0]->write.items[0].key.id);
	}
	for (unsigned i = 0; i < COUNT; i++)
		upload_free(&uploads[i]);
	assert_int_equal(created, 1);
	assert_int_equal(rows_of(17), 1);
	assert_int_equal(
		bed_number("SELECT count(*) FROM hub.access_log WHERE person_id = 17"), COUNT);
	hub_close(&other);
}

/* The connection goes while a COMMIT is out: nobody knows, so TIMEOUT; what had not been sent is sent later. */
static void test_lost(void **state)
{
	(void)state;
	unsigned first_done = 0, second_done = 0;
	struct reading_plan plan = {
		.tenant = 1, .person = 18, .device = "lost-1", .value = 70, .time = NOON
	};
	bed_number("BEGIN; LOCK TABLE hub.obs_key IN ACCESS EXCLUSIVE MODE");
	struct upload *first = upload_new(&hub, &plan, 1, &first_done);
	first->write.client = STR("never sent before");
	store_write(hub.store, &first->write);
	for (unsigned i = 0; i < 20; i++)
		hub_turn(&hub, 10);
	plan.device = "lost-2";
	struct upload *second = upload_new(&hub, &plan, 1, &second_done);
	store_write(hub.store, &second->write);
	for (unsigned i = 0; i < 5; i++)
		hub_turn(&hub, 10);
	assert_int_equal(first_done + second_done, 0);
	bed_number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = "
		   "'hub_write' AND datname = current_database()");
	assert_true(hub_until(&hub, &first_done, 1));
	assert_int_equal(outcome_first(&first->outcome), OUTCOME_TIMEOUT);
	bed_number("ROLLBACK");
	assert_true(hub_until(&hub, &second_done, 1));
	assert_int_equal(second->outcome.errors, 0);
	assert_int_equal(second->write.items[0].fate, WRITE_CREATED);
	assert_int_equal(rows_of(18), 1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.access_log WHERE person_id = 18"), 1);
	hub_until_ready(&hub);
	upload_free(&first);
	upload_free(&second);
}

/* A client that re-sent lately starts with the probe: its COMMIT is not out yet, so the connection's loss costs nothing but time. */
static void test_lost_before_commit(void **state)
{
	(void)state;
	unsigned done = 0;
	const struct reading_plan plan = {
		.tenant = 1, .person = 21, .device = "lost-3", .value = 70, .time = NOON
	};
	struct upload *again = stored(&plan, 1), *first = stored(&plan, 1);
	assert_int_equal(first->write.items[0].fate, WRITE_KNOWN);
	const struct reading_plan fresh = {
		.tenant = 1, .person = 21, .device = "lost-4", .value = 70, .time = NOON
	};
	bed_number("BEGIN; LOCK TABLE hub.obs_key IN ACCESS EXCLUSIVE MODE");
	struct upload *upload = upload_new(&hub, &fresh, 1, &done);
	store_write(hub.store, &upload->write);
	for (unsigned i = 0; i < 20; i++)
		hub_turn(&hub, 10);
	bed_number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = "
		   "'hub_write' AND datname = current_database()");
	for (unsigned i = 0; i < 20; i++)
		hub_turn(&hub, 10);
	bed_number("ROLLBACK");
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(upload->outcome.errors, 0);
	assert_int_equal(upload->write.items[0].fate, WRITE_CREATED);
	assert_int_equal(rows_of(21), 2);
	hub_until_ready(&hub);
	upload_free(&again);
	upload_free(&first);
	upload_free(&upload);
}

/* Nobody writes without a grant for it, nor for another controller. */
static void test_refused(void **state)
{
	(void)state;
	unsigned done = 0;
	const struct reading_plan plan = {
		.tenant = 1, .person = 19, .device = "r", .value = 70, .time = NOON
	};
	struct upload *reader = upload_new(&hub, &plan, 1, &done);
	reader->grant.action = ASK_READ;
	store_write(hub.store, &reader->write);
	struct upload *stranger = upload_new(&hub, &plan, 1, &done);
	stranger->part.tenant = 2;
	store_write(hub.store, &stranger->write);
	assert_int_equal(done, 0);
	assert_true(hub_until(&hub, &done, 2));
	assert_int_equal(outcome_first(&reader->outcome), OUTCOME_FORBIDDEN);
	assert_int_equal(outcome_first(&stranger->outcome), OUTCOME_FORBIDDEN);
	assert_int_equal(rows_of(19), 0);
	upload_free(&reader);
	upload_free(&stranger);
}

/* What was decided under older rules is not stored, nor logged; what does not rely on them, in the same group, is. */
static void test_stale(void **state)
{
	(void)state;
	enum { COUNT = 3 };
	const int64_t version = bed_number("SELECT version FROM hub.rules_version");
	const int64_t versions[COUNT] = { version, 0, version };
	struct reading_plan plan = {
		.tenant = 1, .person = 22, .device = "stale-0", .value = 70, .time = NOON
	};
	bed_number("UPDATE hub.rules_version SET version = version + 1");
	for (unsigned turn = 0; turn < 2; turn++) {
		struct upload *uploads[COUNT];
		unsigned done = 0;
		const char *const devices[2][COUNT] = { { "stale-1", "stale-2", "stale-3" },
			{ "stale-4", "stale-5", "stale-6" } };
		for (unsigned i = 0; i < COUNT; i++) {
			plan.device = devices[turn][i];
			uploads[i] = upload_new(&hub, &plan, 1, &done);
			uploads[i]->write.rules_version = versions[i] == 0 ? 0 : version + turn;
			store_write(hub.store, &uploads[i]->write);
		}
		assert_true(hub_until(&hub, &done, COUNT));
		for (unsigned i = 0; i < COUNT; i++) {
			const bool stale = versions[i] != 0 && turn == 0;
			assert_int_equal(uploads[i]->outcome.errors, 0);
			assert_int_equal(uploads[i]->write.stale, stale);
			assert_int_equal(
				bed_number("SELECT count(*) FROM hub.access_log WHERE corr = %llu",
					(unsigned long long)uploads[i]->write.corr),
				!stale);
			upload_free(&uploads[i]);
		}
		assert_int_equal(rows_of(22), turn == 0 ? 1 : 4);
	}
}

/* Two versions never go in one group. */
static void test_versions_apart(void **state)
{
	(void)state;
	const int64_t version = bed_number("SELECT version FROM hub.rules_version");
	struct upload *uploads[2];
	unsigned done = 0;
	const char *const devices[2] = { "apart-1", "apart-2" };
	for (unsigned i = 0; i < 2; i++) {
		const struct reading_plan plan = {
			.tenant = 1, .person = 23, .device = devices[i], .value = 70, .time = NOON
		};
		uploads[i] = upload_new(&hub, &plan, 1, &done);
		uploads[i]->write.rules_version = version - i;
		store_write(hub.store, &uploads[i]->write);
	}
	assert_true(hub_until(&hub, &done, 2));
	assert_false(uploads[0]->write.stale);
	assert_true(uploads[1]->write.stale);
	assert_int_equal(rows_of(23), 1);
	upload_free(&uploads[0]);
	upload_free(&uploads[1]);
}

static int64_t transaction_of(uint64_t person)
{
	assert_int_equal(bed_number("SELECT count(DISTINCT xmin::text) FROM hub.observation WHERE "
				    "subject_id = %llu",
				 (unsigned long long)person + 1000),
		1);
	return bed_number(
		"SELECT xmin::text::int8 FROM hub.observation WHERE subject_id = %llu LIMIT 1",
		(unsigned long long)person + 1000);
}

/* What takes long and what does not make groups of their own, though they came together: nobody's log row waits for a hundred readings. */
static void test_long_apart(void **state)
{
	(void)state;
	enum { COUNT = 3, LONG = 100 };
	struct reading_plan plans[LONG];
	for (unsigned i = 0; i < LONG; i++)
		plans[i] = (struct reading_plan){ .tenant = 1,
			.person = 25,
			.device = "long-1",
			.value = 70,
			.time = NOON + (instant)i * 60 * INSTANT_SECOND };
	struct reading_plan first = plans[0], last = plans[0];
	first.person = 24;
	last.person = 26;
	unsigned done = 0;
	struct upload *uploads[COUNT] = { upload_new(&hub, &first, 1, &done),
		upload_new(&hub, plans, LONG, &done), upload_new(&hub, &last, 1, &done) };
	for (unsigned i = 0; i < COUNT; i++)
		store_write(hub.store, &uploads[i]->write);
	assert_true(hub_until(&hub, &done, COUNT));
	assert_int_equal(rows_of(25), LONG);
	assert_int_equal(transaction_of(24), transaction_of(26));
	assert_int_not_equal(transaction_of(24), transaction_of(25));
	for (unsigned i = 0; i < COUNT; i++)
		upload_free(&uploads[i]);
}

struct log_call {
	struct store_log log;
	struct outcome outcome;
	unsigned done;
};

static void log_done(void *context)
{
	((struct log_call *)context)->done++;
}

/* Rows of several controllers in one call, and the probe that leaves none. */
static void test_log_and_probe(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 20);
	struct log_row rows[3];
	for (unsigned i = 0; i < 3; i++)
		rows[i] = (struct log_row){ .person = 20,
			.bucket = 5,
			.tenant = 3 - i,
			.op = LOG_SEARCH,
			.type = TYPE_OBSERVATION,
			.outcome = LOG_DENY,
			.corr = 77,
			.context = STR("{\"c\":2}"),
			.body = STR("{}") };
	struct log_call call = { .outcome = { .arena = arena } };
	call.log = (struct store_log){
		.call = { arena, &call.outcome, log_done, &call, NULL, 0 }, .rows = rows, .count = 3
	};
	store_log(hub.store, &call.log);
	assert_true(hub_until(&hub, &call.done, 1));
	assert_int_equal(call.outcome.errors, 0);
	assert_int_equal(bed_number("SELECT count(DISTINCT tenant_id) FROM hub.access_log WHERE "
				    "person_id = 20 AND corr = 77"),
		3);

	/* A context that is used again in a later month says so: retention goes by it. */
	bed_number("UPDATE hub.log_ctx SET last_month = 1");
	struct hub other;
	hub_open(&other, 1);
	hub_until_ready(&other);
	store_log(other.store, &call.log);
	call.done = 0;
	assert_true(hub_until(&other, &call.done, 1));
	hub_close(&other);
	assert_int_equal(call.outcome.errors, 0);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.log_ctx WHERE last_month > 600"), 1);

	const int64_t before = bed_number("SELECT count(*) FROM hub.access_log");
	struct store_probe probe = { .call = { arena, &call.outcome, log_done, &call, NULL, 0 } };
	store_probe(hub.store, &probe);
	assert_true(hub_until(&hub, &call.done, 2));
	assert_int_equal(call.outcome.errors, 0);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.access_log"), before);
	bed_number("REVOKE INSERT ON hub.access_log FROM hub_write");
	store_probe(hub.store, &probe);
	assert_true(hub_until(&hub, &call.done, 3));
	bed_number("GRANT INSERT ON hub.access_log TO hub_write");
	assert_int_equal(outcome_first(&call.outcome), OUTCOME_FAULT);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_created),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_other_road),
		cmocka_unit_test(test_versioned),
		cmocka_unit_test(test_beside),
		cmocka_unit_test(test_within_one_request),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_corrected_at_once),
		cmocka_unit_test(test_corrected_beside),
		cmocka_unit_test(test_poison_alone),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_lost_before_commit),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_versions_apart),
		cmocka_unit_test(test_long_apart),
		cmocka_unit_test(test_log_and_probe),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
