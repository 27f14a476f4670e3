/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tests/unit/storage/bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "storage/admin.h"

#define TENANT_A 1
#define TENANT_B 2

static struct hub hub;
static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	bed_make("test_resolve");
	bed_number("INSERT INTO hub.tenant (orgnr, name, controller) VALUES (999999901, 'A', "
		   "true), (999999902, 'B', true)");
	arena = arena_new((size_t)1 << 26);
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

static void count_up(void *context)
{
	++*(unsigned *)context;
}

static struct store_resolve *asked(struct resolve_item *items, size_t count, unsigned *done)
{
	struct outcome *outcome = arena_alloc(arena, sizeof(*outcome));
	outcome->arena = arena;
	struct store_resolve *resolve = arena_alloc(arena, sizeof(*resolve));
	*resolve = (struct store_resolve){
		.call = { .arena = arena, .outcome = outcome, .done = count_up, .context = done },
		.items = items,
		.count = count,
	};
	store_resolve(hub.store, resolve);
	return resolve;
}

static void resolved(struct resolve_item *items, size_t count)
{
	unsigned done = 0;
	const struct store_resolve *resolve = asked(items, count, &done);
	assert_int_equal(done, 0);
	assert_true(hub_until(&hub, &done, 1));
	assert_int_equal(resolve->call.outcome->errors, 0);
}

static struct resolve_item item_of(const char *digits, uint32_t create_subject)
{
	return (struct resolve_item){
		.key = seal_person(hub.seal, digits),
		.create_person = create_subject != 0,
		.create_subject = create_subject,
		.sealed_id = seal_encrypt(arena, hub.seal, str_of(digits)),
	};
}

static void test_unknown(void **state)
{
	(void)state;
	struct resolve_item item = item_of("13916900216", 0);
	resolved(&item, 1);
	assert_false(item.patient.known);
	assert_int_equal(item.patient.person_count, 0);
	assert_int_equal(item.patient.rules_version, 1);
	assert_memory_equal(&item.patient.key, &item.key, sizeof(item.key));
	assert_int_equal(bed_number("SELECT count(*) FROM hub.person"), 0);
}

static void test_person_alone(void **state)
{
	(void)state;
	struct resolve_item item = item_of("13916900216", 0);
	item.create_person = true;
	resolved(&item, 1);
	assert_true(item.patient.known);
	assert_int_equal(item.patient.person_count, 1);
	assert_int_equal(item.patient.persons[0].home, item.key.bucket);
	assert_int_equal(item.patient.subject_count, 0);
}

static void test_created_once(void **state)
{
	(void)state;
	struct resolve_item item = item_of("13916900216", TENANT_A), again = item,
			    other = item_of("13916900216", TENANT_B);
	resolved(&item, 1);
	assert_int_equal(item.patient.subject_count, 1);
	assert_int_equal(item.patient.subjects[0].tenant, TENANT_A);
	assert_int_equal(item.patient.subjects[0].person, item.patient.persons[0].id);
	resolved(&again, 1);
	assert_int_equal(again.patient.subjects[0].id, item.patient.subjects[0].id);
	resolved(&other, 1);
	assert_int_equal(other.patient.subject_count, 2);
	assert_int_equal(other.patient.subjects[0].tenant, TENANT_A);
	assert_int_equal(other.patient.subjects[1].tenant, TENANT_B);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.person"), 1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.subject"), 2);
	/* Back from the row. */
	struct resolve_item row = { .by_row = true,
		.row = { .bucket = item.key.bucket,
			.tenant = TENANT_B,
			.subject = other.patient.subjects[1].id } };
	resolved(&row, 1);
	assert_true(row.patient.known);
	assert_int_equal(row.patient.persons[0].id, item.patient.persons[0].id);
	assert_int_equal(row.patient.subject_count, 2);
	row.row.subject++;
	resolved(&row, 1);
	assert_false(row.patient.known);
}

/* Two hubs, many exchanges, the same new patients in other orders: each patient once, nobody refused. */
static void test_race(void **state)
{
	(void)state;
	struct hub second;
	hub_open(&second, 1);
	hub_until_ready(&second);
	const int64_t before = bed_number("SELECT count(*) FROM hub.person");
	unsigned done = 0;
	struct hub *hubs[2] = { &hub, &second };
	struct hub first = hub;
	struct store_resolve *calls[40];
	for (unsigned i = 0; i < 40; i++) {
		struct resolve_item *items = arena_array(arena, 50, sizeof(*items));
		for (unsigned j = 0; j < 50; j++) {
			char digits[12];
			const unsigned patient = i % 2 == 0 ? j : 49 - j;
			snprintf(
				digits, sizeof(digits), "131169%05u", 10000 + patient + i / 4 * 50);
			items[j] = item_of(digits, TENANT_A);
		}
		hub = *hubs[i % 2];
		calls[i] = asked(items, 50, &done);
		hub = first;
	}
	for (unsigned turn = 0; done < 40 && turn < 10000; turn++) {
		hub_turn(&hub, 1);
		hub_turn(&second, 1);
	}
	assert_int_equal(done, 40);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(calls[i]->call.outcome->errors, 0);
		for (unsigned j = 0; j < 50; j++) {
			assert_int_equal(calls[i]->items[j].patient.person_count, 1);
			assert_int_equal(calls[i]->items[j].patient.subject_count, 1);
		}
	}
	assert_int_equal(bed_number("SELECT count(*) FROM hub.person") - before, 500);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.alias") - before, 500);
	assert_int_equal(bed_number("SELECT count(*) FROM (SELECT FROM hub.subject GROUP BY "
				    "bucket, person_id, tenant_id HAVING count(*) > 1) d"),
		0);
	hub_close(&second);
}

static void joined(const char *a, const char *b)
{
	struct outcome outcome = { .arena = arena };
	struct admin *admin = admin_open(arena, bed_conninfo(), "hub_admin", &outcome);
	assert_non_null(admin);
	if (!admin_person_join(admin, hub.seal, a, b, &outcome))
		fail_msg("%.*s", STR_ARG(outcome.first->text));
	admin_close(&admin);
}

/* A D-number that was never used here becomes a second way to the same person. */
static void test_alias(void **state)
{
	(void)state;
	struct resolve_item fnr = item_of("15057900117", TENANT_A), dnr = item_of("55057900117", 0);
	resolved(&fnr, 1);
	joined("15057900117", "55057900117");
	resolved(&dnr, 1);
	assert_true(dnr.patient.known);
	assert_int_equal(dnr.patient.persons[0].id, fnr.patient.persons[0].id);
	assert_int_equal(dnr.patient.persons[0].home, fnr.key.bucket);
	assert_int_equal(dnr.patient.subject_count, 1);
}

/* Two persons with data each, joined: both ways lead to both, and a write by either finds the same subject. */
static void test_linked(void **state)
{
	(void)state;
	struct resolve_item one = item_of("16057900118", TENANT_A),
			    two = item_of("56057900118", TENANT_B);
	struct resolve_item three = item_of("96057900118", TENANT_B);
	resolved(&one, 1);
	resolved(&two, 1);
	resolved(&three, 1);
	joined("16057900118", "56057900118");
	joined("56057900118", "96057900118");
	struct resolve_item items[3] = { item_of("16057900118", 0), item_of("56057900118", 0),
		item_of("96057900118", TENANT_A) };
	resolved(items, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(items[i].patient.person_count, 3);
		assert_int_equal(items[i].patient.subject_count, 3);
		assert_memory_equal(items[i].patient.persons, items[0].patient.persons,
			3 * sizeof(struct person));
		assert_int_equal(items[i].patient.subjects[0].id, one.patient.subjects[0].id);
	}
	assert_int_equal(bed_number("SELECT count(*) FROM hub.person_link"), 6);
	/* Joined before any controller knew them: the lowest person gets the subject. */
	struct resolve_item new[2] = { item_of("17057900119", 0), item_of("57057900119", 0) };
	new[0].create_person = new[1].create_person = true;
	resolved(new, 2);
	joined("17057900119", "57057900119");
	struct resolve_item write[2] = { item_of("57057900119", TENANT_A),
		item_of("17057900119", TENANT_A) };
	resolved(write, 2);
	assert_int_equal(write[0].patient.subject_count, 1);
	assert_int_equal(write[1].patient.subject_count, 1);
	const uint64_t lowest = new[0].patient.persons[0].id < new[1].patient.persons[0].id
					? new[0].patient.persons[0].id
					: new[1].patient.persons[0].id;
	assert_int_equal(write[0].patient.subjects[0].person, lowest);
}

static size_t remembered(struct resolve_item *items, size_t count, int64_t version)
{
	struct outcome outcome = { .arena = arena };
	struct store_resolve resolve = {
		.call = { .arena = arena, .outcome = &outcome }, .items = items, .count = count
	};
	return store_remember(hub.store, &resolve, version);
}

/* Known for a write at the controller that asked, under the version of the rules it was read under; joining persons moves that. */
static void test_remembered(void **state)
{
	(void)state;
	struct resolve_item first = item_of("18057900110", TENANT_A),
			    second = item_of("58057900110", TENANT_A);
	resolved(&first, 1);
	const int64_t version = first.patient.rules_version;
	struct resolve_item items[4] = { item_of("18057900110", TENANT_A),
		item_of("18057900110", TENANT_B), item_of("18057900110", 0),
		item_of("58057900110", TENANT_A) };
	assert_int_equal(remembered(items, 4, version), 1);
	assert_true(items[0].remembered);
	assert_int_equal(items[0].patient.person_count, 1);
	assert_int_equal(items[0].patient.subject_count, 1);
	assert_int_equal(items[0].patient.rules_version, version);
	assert_memory_equal(items[0].patient.persons, first.patient.persons, sizeof(struct person));
	assert_memory_equal(
		items[0].patient.subjects, first.patient.subjects, sizeof(struct subject));
	assert_memory_equal(&items[0].patient.key, &first.key, sizeof(first.key));
	for (unsigned i = 1; i < 4; i++)
		assert_false(items[i].remembered);
	/* The rest is asked for; what was remembered stays as it is. */
	resolved(items, 4);
	assert_int_equal(items[0].patient.subject_count, 1);
	assert_int_equal(items[1].patient.subject_count, 2);
	resolved(&second, 1);
	joined("18057900110", "58057900110");
	struct resolve_item later = item_of("18057900110", TENANT_A);
	assert_int_equal(remembered(&later, 1, version + 1), 0);
	resolved(&later, 1);
	assert_int_equal(later.patient.rules_version, version + 1);
	assert_int_equal(later.patient.person_count, 2);
	/* Two persons are never remembered. */
	struct resolve_item joint = item_of("18057900110", TENANT_A);
	assert_int_equal(remembered(&joint, 1, version + 1), 0);
}

static void test_blocks(void **state)
{
	(void)state;
	struct outcome outcome = { .arena = arena };
	struct admin *admin = admin_open(arena, bed_conninfo(), "hub_admin", &outcome);
	struct block_row all = { .digits = "15057900117" };
	struct block_row one = {
		.digits = "15057900117", .tenant_orgnr = 999999902, .actor_orgnr = 999999901
	};
	struct block_row none = { .digits = "15057900117", .tenant_orgnr = 999999977 };
	const int64_t version = bed_number("SELECT version FROM hub.rules_version");
	assert_true(admin_block_add(admin, hub.seal, &all, &outcome));
	assert_true(admin_block_add(admin, hub.seal, &one, &outcome));
	assert_false(admin_block_add(admin, hub.seal, &none, &outcome));
	struct resolve_item item = item_of("55057900117", 0);
	resolved(&item, 1);
	assert_int_equal(item.patient.block_count, 2);
	assert_int_equal(item.patient.rules_version, version + 2);
	assert_int_equal(item.patient.blocks[0].tenant, 0);
	assert_int_equal(item.patient.blocks[0].actor_orgnr, 0);
	assert_int_equal(item.patient.blocks[1].tenant, TENANT_B);
	assert_int_equal(item.patient.blocks[1].actor_orgnr, 999999901);
	assert_int_equal(item.patient.blocks[1].valid_to, INSTANT_MAX);
	assert_true(admin_block_end(admin, all.id, &outcome));
	resolved(&item, 1);
	assert_int_equal(item.patient.block_count, 1);
	admin_close(&admin);
}

/* An answer in a mixed batch is that of its own item. */
static void test_order(void **state)
{
	(void)state;
	struct resolve_item items[4] = { item_of("16057900118", 0), item_of("00000000000", 0),
		item_of("15057900117", 0), { .by_row = true } };
	resolved(items, 4);
	assert_int_equal(items[0].patient.person_count, 3);
	assert_false(items[1].patient.known);
	assert_int_equal(items[2].patient.person_count, 1);
	assert_false(items[3].patient.known);
}

/* An open database error is the culprit's alone: here every statement fails, and every call is told so; then it goes on. */
static void test_failure(void **state)
{
	(void)state;
	unsigned done = 0;
	struct store_resolve *calls[3];
	bed_number("ALTER TABLE hub.block RENAME TO gone");
	for (unsigned i = 0; i < 3; i++) {
		struct resolve_item *item = arena_alloc(arena, sizeof(*item));
		*item = item_of("16057900118", 0);
		calls[i] = asked(item, 1, &done);
	}
	assert_true(hub_until(&hub, &done, 3));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(outcome_first(calls[i]->call.outcome), OUTCOME_FAULT);
	bed_number("ALTER TABLE hub.gone RENAME TO block");
	struct resolve_item item = item_of("16057900118", 0);
	resolved(&item, 1);
	assert_int_equal(item.patient.person_count, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_person_alone),
		cmocka_unit_test(test_created_once),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_alias),
		cmocka_unit_test(test_linked),
		cmocka_unit_test(test_remembered),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_failure),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
