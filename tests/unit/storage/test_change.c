/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Updates and deletes by id: versions, tombstones, identities, races, and what a refusal leaves behind. */
#include "tests/unit/storage/bed.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "storage/store_change.h"

/* 2026-11-20T08:00:12Z */
#define NOON ((instant)1795161612 * INSTANT_SECOND)

static struct hub hub;

static int set_up(void **state)
{
	(void)state;
	bed_make("test_change");
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

static void finish(struct upload *upload, unsigned *done)
{
	store_write(hub.store, &upload->write);
	assert_true(hub_until(&hub, done, *done + 1));
	if (upload->outcome.errors > 0)
		fail_msg("%.*s", STR_ARG(upload->outcome.first->text));
}

static struct resource_key created(const struct reading_plan *plan)
{
	unsigned done = 0;
	struct upload *upload = upload_new(&hub, plan, 1, &done);
	finish(upload, &done);
	const struct resource_key key = upload->write.items[0].key;
	assert_int_equal(upload->write.items[0].fate, WRITE_CREATED);
	upload_free(&upload);
	return key;
}

static void as_change(
	struct upload *upload, enum write_mode mode, const struct resource_key *key, int expected)
{
	struct write_item *item = &upload->write.items[0];
	item->mode = mode;
	item->key = *key;
	item->expected = expected;
	if (mode == WRITE_DELETE)
		item->observation = NULL;
}

/* What became of a change, checked against its log row: there where it was made, absent where it was refused. */
static struct write_item changed(const struct reading_plan *plan, enum write_mode mode,
	const struct resource_key *key, int expected)
{
	unsigned done = 0;
	struct upload *upload = upload_new(&hub, plan, 1, &done);
	as_change(upload, mode, key, expected);
	finish(upload, &done);
	const struct write_item item = upload->write.items[0];
	const bool refused =
		item.fate == WRITE_CONFLICT || item.fate == WRITE_CLASH || item.fate == WRITE_GONE;
	assert_int_equal(upload->write.refused, refused);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.access_log WHERE corr = %llu",
				 (unsigned long long)upload->write.corr),
		refused ? 0 : 1);
	upload_free(&upload);
	return item;
}

static int64_t history_of(const struct resource_key *key)
{
	return bed_number("SELECT count(*) FROM hub.observation_history WHERE id = %llu",
		(unsigned long long)key->id);
}

static void test_update(void **state)
{
	(void)state;
	struct reading_plan plan = {
		.tenant = 1, .person = 21, .identifier = "u", .value = 70, .time = NOON
	};
	const struct resource_key key = created(&plan);
	assert_int_equal(changed(&plan, WRITE_UPDATE, &key, 0).fate, WRITE_UNCHANGED);
	plan.value = 71;
	struct write_item item = changed(&plan, WRITE_UPDATE, &key, 1);
	assert_int_equal(item.fate, WRITE_UPDATED);
	assert_int_equal(item.version, 2);
	plan.value = 72;
	item = changed(&plan, WRITE_UPDATE, &key, 1);
	assert_int_equal(item.fate, WRITE_CONFLICT);
	assert_int_equal(item.version, 2);
	assert_int_equal(changed(&plan, WRITE_UPDATE, &key, 0).version, 3);
	assert_int_equal(history_of(&key), 2);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.observation WHERE id = %llu AND "
				    "version = 3 AND val_low < 72 AND val_high > 72",
				 (unsigned long long)key.id),
		1);
}

/* A row that was packed by an older dictionary: the same bytes are in other ones, and whoever has read them says so. */
static void test_same_otherwise_packed(void **state)
{
	(void)state;
	const struct reading_plan plan = {
		.tenant = 1, .person = 42, .identifier = "p", .value = 70, .time = NOON
	};
	const struct resource_key key = created(&plan);
	bed_number(
		"UPDATE hub.observation SET pack = 1 WHERE id = %llu", (unsigned long long)key.id);
	for (int same = 2; same >= 0; same--) {
		unsigned done = 0;
		struct upload *upload = upload_new(&hub, &plan, 1, &done);
		as_change(upload, WRITE_UPDATE, &key, 0);
		upload->write.items[0].same = same == 2 ? 1 : same == 1 ? 2 : 0;
		finish(upload, &done);
		assert_int_equal(
			upload->write.items[0].fate, same == 1 ? WRITE_UPDATED : WRITE_UNCHANGED);
		assert_int_equal(upload->write.items[0].version, same == 2 ? 1 : 2);
		upload_free(&upload);
	}
}

/* A row that is not there, of another subject, of another type: one answer. */
static void test_absent(void **state)
{
	(void)state;
	const struct reading_plan plan = {
		.tenant = 1, .person = 22, .identifier = "a", .value = 70, .time = NOON
	};
	struct resource_key key = created(&plan);
	key.type = TYPE_DEVICE;
	assert_int_equal(changed(&plan, WRITE_UPDATE, &key, 0).fate, WRITE_GONE);
	key.type = TYPE_OBSERVATION;
	key.id++;
	assert_int_equal(changed(&plan, WRITE_UPDATE, &key, 0).fate, WRITE_GONE);
	assert_int_equal(changed(&plan, WRITE_DELETE, &key, 0).fate, WRITE_GONE);
}

/* The part's subject and controller bind the row, whatever the key says. */
static void test_not_granted(void **state)
{
	(void)state;
	const struct reading_plan plan = {
		.tenant = 1, .person = 23, .identifier = "g", .value = 70, .time = NOON
	};
	struct resource_key key = created(&plan);
	for (int turn = 0; turn < 2; turn++) {
		unsigned done = 0;
		struct upload *upload = upload_new(&hub, &plan, 1, &done);
		key.subject += turn == 0;
		key.tenant += turn == 1;
		as_change(upload, WRITE_UPDATE, &key, 0);
		store_write(hub.store, &upload->write);
		assert_true(hub_until(&hub, &done, 1));
		assert_int_equal(outcome_first(&upload->outcome), OUTCOME_FORBIDDEN);
		upload_free(&upload);
		key.subject -= turn == 0;
	}
}

static void test_delete(void **state)
{
	(void)state;
	const struct reading_plan plan = { .tenant = 1,
		.person = 24,
		.identifier = "d",
		.device = "d",
		.value = 70,
		.time = NOON };
	const struct resource_key key = created(&plan);
	assert_int_equal(changed(&plan, WRITE_DELETE, &key, 7).fate, WRITE_CONFLICT);
	struct write_item item = changed(&plan, WRITE_DELETE, &key, 1);
	assert_int_equal(item.fate, WRITE_DELETED);
	assert_int_equal(item.version, 2);
	item = changed(&plan, WRITE_DELETE, &key, 0);
	assert_int_equal(item.fate, WRITE_UNCHANGED);
	assert_int_equal(item.version, 2);
	assert_int_equal(history_of(&key), 1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.observation WHERE id = %llu AND "
				    "status = 0 AND body = '' AND val_low IS NULL",
				 (unsigned long long)key.id),
		1);
}

/* What was deleted does not come back by being sent again; an update by its id brings it back. */
static void test_gone_and_back(void **state)
{
	(void)state;
	struct reading_plan plan = { .tenant = 1,
		.person = 25,
		.identifier = "back",
		.device = "d",
		.value = 70,
		.time = NOON };
	const struct resource_key key = created(&plan);
	assert_int_equal(changed(&plan, WRITE_DELETE, &key, 0).fate, WRITE_DELETED);
	for (int turn = 0; turn < 2; turn++) {
		unsigned done = 0;
		plan.value += turn;
		struct upload *upload = upload_new(&hub, &plan, 1, &done);
		finish(upload, &done);
		assert_int_equal(upload->write.items[0].fate, WRITE_GONE);
		assert_int_equal(upload->write.items[0].key.id, key.id);
		upload_free(&upload);
	}
	assert_int_equal(
		bed_number("SELECT count(*) FROM hub.observation WHERE subject_id = 1025"), 1);
	const struct write_item item = changed(&plan, WRITE_UPDATE, &key, 2);
	assert_int_equal(item.fate, WRITE_CREATED);
	assert_int_equal(item.version, 3);
	assert_int_equal(history_of(&key), 2);
}

/* One more reading, with the same person's identities as the plan says. */
static struct write_item sent(const struct reading_plan *plan)
{
	unsigned done = 0;
	struct upload *upload = upload_new(&hub, plan, 1, &done);
	finish(upload, &done);
	const struct write_item item = upload->write.items[0];
	upload_free(&upload);
	return item;
}

/* A deletion and a create with its identities in one write: the second stands in its place, and what the deleted one ever said stays deleted. */
static void test_replaced(void **state)
{
	(void)state;
	struct reading_plan plan = { .tenant = 1,
		.person = 40,
		.identifier = "r",
		.device = "r",
		.value = 70,
		.time = NOON };
	const struct resource_key key = created(&plan);
	plan.value = 71;
	assert_int_equal(changed(&plan, WRITE_UPDATE, &key, 1).fate, WRITE_UPDATED);
	struct resource_key last = key;
	for (int turn = 0; turn < 4; turn++) {
		/* The third has the value of the first again, the fourth that of the second. */
		struct reading_plan plans[2] = { plan, plan };
		plans[1].value = 72 + turn % 2;
		unsigned done = 0;
		struct upload *both = upload_new(&hub, plans, 2, &done);
		as_change(both, WRITE_DELETE, &last, 0);
		finish(both, &done);
		assert_int_equal(both->write.items[0].fate, WRITE_DELETED);
		assert_int_equal(both->write.items[1].fate, WRITE_CREATED);
		assert_int_equal(both->write.items[1].version, 1);
		assert_int_not_equal(both->write.items[1].key.id, last.id);
		last = both->write.items[1].key;
		upload_free(&both);
		struct write_item item = sent(&plans[1]);
		assert_int_equal(item.fate, WRITE_KNOWN);
		assert_int_equal(item.key.id, last.id);
		for (int value = 70; value < 72; value++) {
			plan.value = value;
			item = sent(&plan);
			assert_int_equal(item.fate, WRITE_GONE);
			assert_int_equal(item.key.id, key.id);
		}
	}
	/* Another value is one of the reading that has the identities now. */
	plan.value = 80;
	const struct write_item item = sent(&plan);
	assert_int_equal(item.fate, WRITE_VERSIONED);
	assert_int_equal(item.key.id, last.id);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.observation WHERE subject_id = 1040 "
				    "AND status <> 0"),
		1);
}

/* Another write's deletion, though of the same group, is what it always is. */
static void test_replaced_by_its_own(void **state)
{
	(void)state;
	const struct reading_plan plan = {
		.tenant = 1, .person = 41, .identifier = "o", .value = 70, .time = NOON
	};
	const struct resource_key key = created(&plan);
	unsigned done = 0;
	struct upload *one = upload_new(&hub, &plan, 1, &done),
		      *two = upload_new(&hub, &plan, 1, &done);
	as_change(one, WRITE_DELETE, &key, 0);
	store_write(hub.store, &one->write);
	store_write(hub.store, &two->write);
	assert_true(hub_until(&hub, &done, 2));
	assert_int_equal(one->write.items[0].fate, WRITE_DELETED);
	assert_int_equal(two->write.items[0].fate, WRITE_GONE);
	assert_int_equal(two->write.items[0].key.id, key.id);
	upload_free(&one);
	upload_free(&two);
}

/* A new identifier is one more key; another reading's is refused, and nothing is left behind. */
static void test_keys(void **state)
{
	(void)state;
	struct reading_plan plan = { .tenant = 1,
		.person = 26,
		.identifier = "k1",
		.device = "d1",
		.value = 70,
		.time = NOON };
	const struct resource_key one = created(&plan);
	plan.identifier = "k2";
	plan.device = "d2";
	const struct resource_key two = created(&plan);
	plan.value = 75;
	plan.device = "d1";
	assert_int_equal(changed(&plan, WRITE_UPDATE, &one, 0).fate, WRITE_CLASH);
	assert_int_equal(history_of(&one), 0);
	plan.identifier = "k3";
	assert_int_equal(changed(&plan, WRITE_UPDATE, &one, 0).fate, WRITE_UPDATED);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.obs_key WHERE id = %llu",
				 (unsigned long long)one.id),
		3);
	unsigned done = 0;
	struct upload *again = upload_new(&hub, &plan, 1, &done);
	finish(again, &done);
	assert_int_equal(again->write.items[0].fate, WRITE_KNOWN);
	assert_int_equal(again->write.items[0].key.id, one.id);
	upload_free(&again);
	assert_int_not_equal(one.id, two.id);
}

/* A write of several is whole: one refused change takes the others with it, and the others' groups go on. */
static void test_whole(void **state)
{
	(void)state;
	const struct reading_plan plans[2] = {
		{ .tenant = 1, .person = 27, .identifier = "w1", .value = 70, .time = NOON },
		{ .tenant = 1, .person = 27, .identifier = "w2", .value = 71, .time = NOON + 1 },
	};
	const struct resource_key key = created(&plans[0]);
	unsigned done = 0;
	struct upload *both = upload_new(&hub, plans, 2, &done);
	as_change(both, WRITE_DELETE, &key, 9);
	const struct reading_plan other = {
		.tenant = 1, .person = 28, .identifier = "w3", .value = 72, .time = NOON
	};
	struct upload *beside = upload_new(&hub, &other, 1, &done);
	store_write(hub.store, &both->write);
	store_write(hub.store, &beside->write);
	assert_true(hub_until(&hub, &done, 2));
	assert_true(both->write.refused);
	assert_int_equal(both->write.items[0].fate, WRITE_CONFLICT);
	assert_int_equal(beside->write.items[0].fate, WRITE_CREATED);
	assert_int_equal(
		bed_number("SELECT count(*) FROM hub.observation WHERE subject_id = 1027"), 1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.access_log WHERE corr = %llu",
				 (unsigned long long)both->write.corr),
		0);
	upload_free(&both);
	upload_free(&beside);
}

/* A create whose condition somebody meets is that one as it is, also with another value. */
static void test_condition(void **state)
{
	(void)state;
	struct reading_plan plan = {
		.tenant = 1, .person = 29, .identifier = "c1", .value = 70, .time = NOON
	};
	for (int turn = 0; turn < 2; turn++) {
		unsigned done = 0;
		plan.identifier = turn == 0 ? "c1" : "c2";
		plan.value += turn;
		plan.time += turn;
		struct upload *upload = upload_new(&hub, &plan, 1, &done);
		upload->write.items[0].condition = STR("I\x1f"
						       "s\x1f"
						       "asked");
		finish(upload, &done);
		assert_int_equal(
			upload->write.items[0].fate, turn == 0 ? WRITE_CREATED : WRITE_KNOWN);
		assert_int_equal(upload->write.items[0].version, 1);
		upload_free(&upload);
	}
}

/* Two hubs, many callers, one version: one wins. */
static void test_race(void **state)
{
	(void)state;
	enum { COUNT = 64 };
	struct reading_plan plan = {
		.tenant = 1, .person = 30, .identifier = "r", .value = 70, .time = NOON
	};
	const struct resource_key key = created(&plan);
	struct hub other;
	hub_open(&other, 2);
	hub_until_ready(&other);
	unsigned done = 0;
	struct upload *uploads[COUNT];
	for (unsigned i = 0; i < COUNT; i++) {
		plan.value = 71 + i;
		struct hub *one = i % 2 == 0 ? &hub : &other;
		uploads[i] = upload_new(one, &plan, 1, &done);
		as_change(uploads[i], WRITE_UPDATE, &key, 1);
		store_write(one->store, &uploads[i]->write);
	}
	const instant end = bed_now() + 30 * INSTANT_SECOND;
	while (done < COUNT && bed_now() < end) {
		hub_turn(&hub, 1);
		hub_turn(&other, 1);
	}
	assert_int_equal(done, COUNT);
	unsigned won = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(uploads[i]->outcome.errors, 0);
		won += uploads[i]->write.items[0].fate == WRITE_UPDATED;
		assert_true(uploads[i]->write.items[0].fate == WRITE_UPDATED ||
			    uploads[i]->write.items[0].fate == WRITE_CONFLICT);
		upload_free(&uploads[i]);
	}
	assert_int_equal(won, 1);
	assert_int_equal(history_of(&key), 1);
	hub_close(&other);
}

/* Without a version to hold against, all of them succeed, and no version is missing from the history. */
static void test_race_unbound(void **state)
{
	(void)state;
	enum { COUNT = 40 };
	struct reading_plan plan = {
		.tenant = 1, .person = 31, .identifier = "r", .value = 70, .time = NOON
	};
	const struct resource_key key = created(&plan);
	struct hub other;
	hub_open(&other, 2);
	hub_until_ready(&other);
	unsigned done = 0;
	struct upload *uploads[COUNT];
	for (unsigned i = 0; i < COUNT; i++) {
		plan.value = 71 + i;
		struct hub *one = i % 2 == 0 ? &hub : &other;
		uploads[i] = upload_new(one, &plan, 1, &done);
		as_change(uploads[i], WRITE_UPDATE, &key, 0);
		store_write(one->store, &uploads[i]->write);
	}
	const instant end = bed_now() + 30 * INSTANT_SECOND;
	while (done < COUNT && bed_now() < end) {
		hub_turn(&hub, 1);
		hub_turn(&other, 1);
	}
	assert_int_equal(done, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(uploads[i]->write.items[0].fate, WRITE_UPDATED);
		upload_free(&uploads[i]);
	}
	assert_int_equal(history_of(&key), COUNT);
	assert_int_equal(bed_number("SELECT count(DISTINCT digest) FROM hub.observation_history "
				    "WHERE id = %llu",
				 (unsigned long long)key.id),
		COUNT);
	hub_close(&other);
}

/* ---- reading it back */

struct look {
	struct arena *arena;
	struct outcome outcome;
	struct grant_part part;
	struct grant grant;
	unsigned done;
};

static void looked(void *context)
{
	((struct look *)context)->done++;
}

static struct look *look_new(const struct resource_key *key, uint64_t person, unsigned classes)
{
	struct arena *arena = arena_new(1 << 20);
	struct look *look = arena_alloc(arena, sizeof(*look));
	look->arena = arena;
	look->outcome.arena = arena;
	look->part = (struct grant_part){ .tenant = key->tenant,
		.subject = key->subject,
		.person = person,
		.bucket = key->bucket,
		.classes = classes };
	look->grant = (struct grant){
		.action = ASK_READ, .own_tenant = key->tenant, .parts = &look->part, .count = 1
	};
	return look;
}

static struct store_call call_of(struct look *look)
{
	return (struct store_call){ look->arena, &look->outcome, looked, look, NULL, 0 };
}

static struct store_read read_of(const struct resource_key *key, int version, unsigned classes)
{
	struct look *look = look_new(key, 0, classes);
	struct store_read read = {
		.call = call_of(look), .grant = &look->grant, .key = *key, .version = version
	};
	store_read(hub.store, &read);
	assert_true(hub_until(&hub, &look->done, 1));
	assert_int_equal(look->outcome.errors, 0);
	struct arena *arena = look->arena;
	arena_free(&arena);
	return read;
}

static void test_versions(void **state)
{
	(void)state;
	struct reading_plan plan = {
		.tenant = 1, .person = 32, .identifier = "v", .value = 70, .time = NOON
	};
	const struct resource_key key = created(&plan);
	plan.value = 71;
	changed(&plan, WRITE_UPDATE, &key, 0);
	changed(&plan, WRITE_DELETE, &key, 0);
	const unsigned health = 1u << CLASS_HEALTH;
	for (int version = 0; version <= 4; version++) {
		const struct store_read read = read_of(&key, version, health);
		assert_int_equal(read.found, version <= 3);
		if (!read.found)
			continue;
		assert_int_equal(read.row.version, version == 0 ? 3 : version);
		assert_int_equal(read.row.deleted, version == 0 || version == 3);
		assert_false(read_of(&key, version, 1u << CLASS_WELFARE).found);
	}
	struct look *look = look_new(&key, 0, health);
	struct store_history history = { .call = call_of(look),
		.grant = &look->grant,
		.key = key,
		.before = INT_MAX,
		.since = INSTANT_MIN,
		.limit = 2 };
	store_history(hub.store, &history);
	assert_true(hub_until(&hub, &look->done, 1));
	assert_true(history.found && history.more);
	assert_int_equal(history.total, 3);
	assert_int_equal(history.count, 2);
	assert_int_equal(history.rows[0].version, 3);
	assert_true(history.rows[0].deleted);
	assert_int_equal(history.rows[1].version, 2);
	assert_false(history.rows[1].deleted);
	history.before = 2;
	store_history(hub.store, &history);
	assert_true(hub_until(&hub, &look->done, 2));
	assert_int_equal(history.count, 1);
	assert_false(history.more);
	look->part.classes = 1u << CLASS_WELFARE;
	store_history(hub.store, &history);
	assert_true(hub_until(&hub, &look->done, 3));
	assert_false(history.found);
	assert_int_equal(history.count, 0);
	struct arena *arena = look->arena;
	arena_free(&arena);
}

static void test_find(void **state)
{
	(void)state;
	struct reading_plan plan = {
		.tenant = 1, .person = 33, .identifier = "f", .value = 70, .time = NOON
	};
	const struct resource_key key = created(&plan);
	unsigned done = 0;
	struct upload *as = upload_new(&hub, &plan, 1, &done);
	struct look *look = look_new(&key, 33, 0);
	struct store_find find = { .call = call_of(look),
		.grant = &as->grant,
		.part = &as->part,
		.text = as->write.items[0].observation->keys[0] };
	store_find(hub.store, &find);
	assert_true(hub_until(&hub, &look->done, 1));
	assert_true(find.found && !find.deleted);
	assert_int_equal(find.key.id, key.id);
	changed(&plan, WRITE_DELETE, &key, 0);
	store_find(hub.store, &find);
	assert_true(hub_until(&hub, &look->done, 2));
	assert_true(find.found && find.deleted);
	find.text = STR("I\x1f"
			"nobody's");
	store_find(hub.store, &find);
	assert_true(hub_until(&hub, &look->done, 3));
	assert_false(find.found);
	find.grant = &look->grant; /* one to read */
	store_find(hub.store, &find);
	assert_true(hub_until(&hub, &look->done, 4));
	assert_int_equal(outcome_first(&look->outcome), OUTCOME_FORBIDDEN);
	struct arena *arena = look->arena;
	arena_free(&arena);
	upload_free(&as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_same_otherwise_packed),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_not_granted),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_gone_and_back),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_replaced_by_its_own),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_condition),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_race_unbound),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_find),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
