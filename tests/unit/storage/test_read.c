/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reads by id, the locator and the citizen's log: what is written through the store comes back, and only to the grant that opens it. */
#include "tests/unit/storage/bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOON ((instant)1795161612 * INSTANT_SECOND)

static struct hub hub;
static struct upload *uploads[3];

/* Two persons of tenant 1, the first of them at tenant 2 too. */
static int set_up(void **state)
{
	(void)state;
	bed_make("test_read");
	bed_number("INSERT INTO hub.tenant (orgnr, name, controller) VALUES (999999901, 'A', "
		   "true), (999999902, 'B', true)");
	hub_open(&hub, 1);
	hub_until_ready(&hub);
	unsigned done = 0;
	const struct reading_plan plans[3][2] = {
		{ { .tenant = 1, .person = 11, .identifier = "a", .value = 70.5, .time = NOON },
			{ .tenant = 1,
				.person = 11,
				.identifier = "b",
				.value = 71,
				.time = NOON + INSTANT_SECOND } },
		{ { .tenant = 1, .person = 12, .identifier = "c", .value = 72, .time = NOON },
			{ .tenant = 1,
				.person = 12,
				.identifier = "d",
				.value = 73,
				.time = NOON + 60 * INSTANT_SECOND } },
		{ { .tenant = 2,
			  .person = 11,
			  .identifier = "a",
			  .value = 74,
			  .time = NOON - 86400 * 31 * INSTANT_SECOND },
			{ .tenant = 2,
				.person = 11,
				.identifier = "e",
				.value = 75,
				.time = NOON } },
	};
	for (unsigned i = 0; i < 3; i++) {
		uploads[i] = upload_new(&hub, plans[i], 2, &done);
		store_write(hub.store, &uploads[i]->write);
		assert_true(hub_until(&hub, &done, i + 1));
		assert_int_equal(uploads[i]->outcome.errors, 0);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		upload_free(&uploads[i]);
	hub_close(&hub);
	return 0;
}

/* ---- by id */

struct asked {
	struct arena *arena;
	struct outcome outcome;
	struct grant grant;
	struct store_read read;
	struct store_locate locate;
	struct store_log_read log;
	unsigned *done;
};

static void count_up(void *context)
{
	++*((struct asked *)context)->done;
}

static struct asked *asked_new(unsigned *done, struct grant_part *parts, size_t count)
{
	struct arena *arena = arena_new((size_t)1 << 24);
	struct asked *asked = arena_alloc(arena, sizeof(*asked));
	asked->arena = arena;
	asked->outcome.arena = arena;
	asked->done = done;
	asked->grant = (struct grant){
		.action = ASK_READ, .own_tenant = 1, .parts = parts, .count = count
	};
	const struct store_call call = {
		.arena = arena, .outcome = &asked->outcome, .done = count_up, .context = asked
	};
	asked->read.call = asked->locate.call = asked->log.call = call;
	asked->read.grant = asked->locate.grant = asked->log.grant = &asked->grant;
	return asked;
}

static void asked_free(struct asked *asked)
{
	struct arena *arena = asked->arena;
	arena_free(&arena);
}

/* The answer to one read; the caller frees it. */
static struct asked *read_one(struct grant_part part, const struct resource_key *key)
{
	unsigned done = 0;
	struct asked *asked = asked_new(&done, &part, 1);
	asked->read.key = *key;
	store_read(hub.store, &asked->read);
	assert_int_equal(done, 0);
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(asked->outcome.errors, 0);
	return asked;
}

static bool is_found(struct grant_part part, const struct resource_key *key)
{
	struct asked *asked = read_one(part, key);
	const bool found = asked->read.found;
	asked_free(asked);
	return found;
}

static void test_found(void **state)
{
	(void)state;
	const struct write_item *item = &uploads[0]->write.items[0];
	struct asked *asked = read_one(uploads[0]->part, &item->key);
	assert_true(asked->read.found);
	assert_int_equal(asked->read.row.version, 1);
	assert_int_equal(asked->read.row.time_low, NOON);
	assert_int_equal(asked->read.row.class, CLASS_HEALTH);
	assert_int_equal(asked->read.row.updated, item->updated);
	assert_true(str_is(asked->read.row.code, "http://loinc.org|8867-4"));
	assert_true(str_equal(asked->read.row.body, item->observation->body));
	assert_memory_equal(&asked->read.row.key, &item->key, sizeof(item->key));
	asked_free(asked);
}

/* Each condition of a part alone shuts the row. */
static void test_not_open(void **state)
{
	(void)state;
	const struct resource_key *key = &uploads[0]->write.items[0].key;
	const int32_t code = (int32_t)bed_number(
		"SELECT code_id FROM hub.code WHERE concept = 'http://loinc.org|8867-4'");
	uint32_t canon = (uint32_t)code, other = canon + 1000;
	unsigned health = 1u << CLASS_HEALTH, welfare = 1u << CLASS_WELFARE;
	struct grant_part part = uploads[0]->part;
	assert_true(is_found(part, key));
	part.classes = welfare;
	assert_false(is_found(part, key));
	part.canons = &canon;
	part.canon_classes = &health;
	part.canon_count = 1;
	assert_true(is_found(part, key));
	part.canon_classes = &welfare;
	assert_false(is_found(part, key));
	part.canon_classes = &health;
	part.canons = &other;
	assert_false(is_found(part, key));
	part = uploads[0]->part;
	part.blocked_canons = &other;
	part.blocked_count = 1;
	assert_true(is_found(part, key));
	part.blocked_canons = &canon;
	assert_false(is_found(part, key));
	part = uploads[0]->part;
	part.tenant = 2;
	assert_false(is_found(part, key));
	part = uploads[0]->part;
	part.subject++;
	assert_false(is_found(part, key));
	/* A key whose subject is another's, with a part that matches it: the row itself is of somebody else. */
	struct resource_key forged = *key;
	forged.subject = uploads[1]->part.subject;
	part = uploads[1]->part;
	part.bucket = key->bucket;
	assert_false(is_found(part, &forged));
	forged = *key;
	forged.tenant = 2;
	part = uploads[2]->part;
	assert_false(is_found(part, &forged));
}

static size_t search_count(struct grant_part part)
{
	unsigned done = 0;
	struct asked *asked = asked_new(&done, &part, 1);
	const struct search all = { 0 };
	struct store_search search = {
		.call = asked->read.call, .grant = &asked->grant, .search = &all, .limit = 10
	};
	store_search(hub.store, &search);
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(asked->outcome.errors, 0);
	asked_free(asked);
	return search.count;
}

/* Two walls, each by itself: the statement's own condition holds where the policies are off, and the policies where another tenant is set. */
static void test_condition_alone(void **state)
{
	(void)state;
	struct resource_key key = uploads[1]->write.items[0].key;
	struct grant_part part = uploads[1]->part;
	bed_number("ALTER TABLE hub.observation DISABLE ROW LEVEL SECURITY");
	assert_true(is_found(part, &key));
	assert_int_equal(search_count(part), 2);
	part.tenant = key.tenant = 2;
	assert_false(is_found(part, &key));
	assert_int_equal(search_count(part), 0);
	part = uploads[1]->part;
	part.bucket++;
	key = uploads[1]->write.items[0].key;
	key.bucket++;
	assert_false(is_found(part, &key));
	assert_int_equal(search_count(part), 0);
	bed_number("ALTER TABLE hub.observation ENABLE ROW LEVEL SECURITY");
}

/* Rows of two controllers in one flight, 200 reads: every one gets its own. */
static void test_many(void **state)
{
	(void)state;
	unsigned done = 0;
	struct asked *asked[200];
	for (unsigned i = 0; i < 200; i++) {
		struct upload *upload = uploads[i % 3];
		asked[i] = asked_new(&done, &upload->part, 1);
		asked[i]->read.key = upload->write.items[i / 3 % 2].key;
		store_read(hub.store, &asked[i]->read);
	}
	assert_true(hub_until(&hub, &done, 200));
	for (unsigned i = 0; i < 200; i++) {
		assert_true(asked[i]->read.found);
		assert_true(str_equal(asked[i]->read.row.body,
			uploads[i % 3]->write.items[i / 3 % 2].observation->body));
		asked_free(asked[i]);
	}
}

/* One damaged row is a fault of its own read; the others of the flight are answered. */
static void test_damaged(void **state)
{
	(void)state;
	unsigned done = 0;
	struct asked *asked[3];
	bed_number("UPDATE hub.observation SET pack = 99 WHERE id = %llu",
		(unsigned long long)uploads[1]->write.items[1].key.id);
	for (unsigned i = 0; i < 3; i++) {
		asked[i] = asked_new(&done, &uploads[i]->part, 1);
		asked[i]->read.key = uploads[i]->write.items[1].key;
		store_read(hub.store, &asked[i]->read);
	}
	assert_true(hub_until(&hub, &done, 3));
	assert_int_equal(asked[0]->outcome.errors, 0);
	assert_int_equal(asked[2]->outcome.errors, 0);
	assert_int_equal(outcome_first(&asked[1]->outcome), OUTCOME_FAULT);
	for (unsigned i = 0; i < 3; i++)
		asked_free(asked[i]);
}

/* A lock that does not go away: the read ends in time, and says so. */
static void test_too_long(void **state)
{
	(void)state;
	unsigned done = 0;
	struct asked *asked = asked_new(&done, &uploads[0]->part, 1);
	asked->read.key = uploads[0]->write.items[0].key;
	bed_number("ALTER ROLE hub_read IN DATABASE test_read SET statement_timeout = '300ms'");
	struct hub other;
	hub_open(&other, 1);
	hub_until_ready(&other);
	bed_number("BEGIN");
	bed_number("LOCK TABLE hub.observation IN ACCESS EXCLUSIVE MODE");
	store_read(other.store, &asked->read);
	assert_true(hub_until(&other, &done, 1));
	assert_int_equal(outcome_first(&asked->outcome), OUTCOME_TIMEOUT);
	bed_number("ROLLBACK");
	asked->outcome = (struct outcome){ .arena = asked->arena };
	store_read(other.store, &asked->read);
	assert_true(hub_until(&other, &done, 2));
	assert_int_equal(asked->outcome.errors, 0);
	assert_true(asked->read.found);
	hub_close(&other);
	asked_free(asked);
}

/* ---- the locator */

static void test_locate(void **state)
{
	(void)state;
	unsigned done = 0;
	struct grant_part parts[2] = { uploads[0]->part, uploads[2]->part };
	struct asked *asked = asked_new(&done, parts, 2);
	store_locate(hub.store, &asked->locate);
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(asked->locate.count, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(asked->locate.entries[i].tenant, i + 1);
		assert_true(str_is(asked->locate.entries[i].category,
			"http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"));
		assert_int_equal(asked->locate.entries[i].month,
			(2026 - 1970) * 12 + 10); /* the newest of two months */
	}
	parts[1].classes = 1u << CLASS_WELFARE;
	store_locate(hub.store, &asked->locate);
	assert_true(hub_until(&hub, &done, 2));
	assert_int_equal(asked->locate.count, 1);
	asked->grant.count = 0;
	store_locate(hub.store, &asked->locate);
	assert_true(hub_until(&hub, &done, 3));
	assert_int_equal(asked->locate.count, 0);
	asked_free(asked);
}

/* How many kinds of data the part's controller is said to have, and the month of the first. */
static size_t located(struct grant_part part, int *month)
{
	unsigned done = 0;
	struct asked *asked = asked_new(&done, &part, 1);
	store_locate(hub.store, &asked->locate);
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(asked->outcome.errors, 0);
	const size_t count = asked->locate.count;
	*month = count > 0 ? asked->locate.entries[0].month : 0;
	asked_free(asked);
	return count;
}

/* A month whose readings were deleted, moved to another category or class, or another subject's, is passed over; one without time counts for the month it came in. */
static void test_locate_what_is_left(void **state)
{
	(void)state;
	static const char *const gone[] = { "status = 0", "category = 0", "class = 2",
		"subject_id = -subject_id", "type = 3", "time_low = time_low - interval '40 days'",
		"time_low = '-infinity', recv = '2026-07-01Z'", NULL };
	const int november = (2026 - 1970) * 12 + 10;
	const struct grant_part part = uploads[2]->part;
	int month;
	assert_int_equal(located(part, &month), 1);
	assert_int_equal(month, november);
	for (const char *const *change = gone; *change != NULL; change++) {
		bed_number("CREATE TABLE public.kept AS SELECT * FROM hub.observation");
		bed_number("UPDATE hub.observation SET %s WHERE tenant_id = 2 AND time_low > "
			   "'2026-11-01Z'",
			*change);
		assert_int_equal(located(part, &month), 1);
		assert_int_equal(month, november - 1);
		bed_number("UPDATE hub.observation SET status = 0 WHERE tenant_id = 2");
		assert_int_equal(located(part, &month), 0);
		bed_number("TRUNCATE hub.observation");
		bed_number("INSERT INTO hub.observation SELECT * FROM public.kept");
		bed_number("DROP TABLE public.kept");
		assert_int_equal(located(part, &month), 1);
		assert_int_equal(month, november);
	}
	bed_number("UPDATE hub.observation SET time_low = '-infinity', recv = '2026-12-01 12:00Z' "
		   "WHERE tenant_id = 2 AND time_low > '2026-11-01Z'");
	assert_int_equal(located(part, &month), 1);
	assert_int_equal(month, november);
}

/* ---- the log */

static void test_log(void **state)
{
	(void)state;
	unsigned done = 0;
	struct grant_part citizen = { .person = 11, .bucket = uploads[0]->part.bucket };
	struct asked *asked = asked_new(&done, &citizen, 1);
	asked->log.limit = 10;
	store_log_read(hub.store, &asked->log);
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(asked->outcome.errors, 0);
	assert_int_equal(asked->log.count, 2);
	assert_false(asked->log.more);
	assert_int_equal(asked->log.entries[0].tenant, 2);
	assert_int_equal(asked->log.entries[1].tenant, 1);
	assert_int_equal(asked->log.entries[1].corr, uploads[0]->write.corr);
	assert_int_equal(asked->log.entries[1].op, LOG_CREATE);
	assert_int_equal(asked->log.entries[1].actor_orgnr, 999999999);
	assert_int_equal(asked->log.entries[1].classes, 1u << CLASS_HEALTH);
	assert_true(str_is(asked->log.entries[1].body, "{\"count\":1}"));
	assert_true(str_is(asked->log.entries[1].context, "{\"client\":\"bed\"}"));
	asked_free(asked);
}

/* Page by page, over two persons that are one, none twice and none left out. */
static void test_log_pages(void **state)
{
	(void)state;
	bed_number("INSERT INTO hub.access_log SELECT now() - i * interval '1 minute', 100000 + i, "
		   "77 + i %% 2, i, 5, 1, 1, 1, 1, 0, 2, "
		   "'00000000-0000-0000-0000-000000000000', '', repeat('s', 16)::bytea || '{}' "
		   "FROM generate_series(1, 50) i");
	struct grant_part persons[2] = { { .person = 77, .bucket = 5 },
		{ .person = 78, .bucket = 5 } };
	unsigned done = 0, seen = 0;
	struct asked *asked = asked_new(&done, persons, 2);
	asked->log.limit = 8;
	do {
		store_log_read(hub.store, &asked->log);
		assert_true(hub_until(&hub, &done, done + 1));
		assert_int_equal(asked->outcome.errors, 0);
		for (size_t i = 0; i < asked->log.count; i++)
			assert_int_equal(asked->log.entries[i].id, 100000 + ++seen);
		assert_true(asked->log.count > 0);
		asked->log.has_before = true;
		asked->log.before_at = asked->log.entries[asked->log.count - 1].at;
		asked->log.before_id = asked->log.entries[asked->log.count - 1].id;
	} while (asked->log.more);
	assert_int_equal(seen, 50);
	asked_free(asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_not_open),
		cmocka_unit_test(test_condition_alone),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_locate),
		cmocka_unit_test(test_locate_what_is_left),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_pages),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
