/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/storage/bed.h"

/* 2026-11-20T08:00:12Z */
#define NOON ((instant)1795161612 * INSTANT_SECOND)

static struct hub hub;

static int set_up(void **state)
{
	(void)state;
	bed_make("test_write_rows");
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

static void send_and_wait(struct upload *upload, unsigned *done)
{
	*done = 0;
	store_write(hub.store, &upload->write);
	assert_true(hub_until(&hub, done, 1));
}

/* As a client does whom a loaded machine answers BUSY. */
static void send_until_taken(struct upload *upload, unsigned *done)
{
	for (unsigned times = 0; times < 10; times++) {
		send_and_wait(upload, done);
		if (upload->outcome.errors == 0 || outcome_first(&upload->outcome) != OUTCOME_BUSY)
			return;
		upload->outcome = (struct outcome){ .arena = upload->arena };
	}
}

/* A copy of a request's reading that the test may change. */
static struct observation *own(struct upload *upload, size_t i)
{
	struct observation *copy = arena_alloc(upload->arena, sizeof(*copy));
	*copy = *upload->write.items[i].observation;
	upload->write.items[i].observation = copy;
	return copy;
}

static struct concept concept_one(struct arena *arena, const char *system, const char *code)
{
	return concept_parse(
		arena, concept_of(arena, (struct coding){ str_of(system), str_of(code) }));
}

static void add_terms(struct upload *upload, double low)
{
	struct observation *observation = own(upload, 0);
	observation->terms = arena_array(upload->arena, 2, sizeof(struct observation_term));
	observation->term_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		observation->terms[i].code =
			concept_one(upload->arena, SYSTEM_LOINC, i == 0 ? "8480-6" : "8462-4");
		observation->terms[i].value = (struct observation_value){ i == 0, low, low + 1,
			concept_one(upload->arena, SYSTEM_UCUM, "mm[Hg]") };
	}
}

/* Components are rows of their own, and a new version's take the old ones' place. */
static void test_terms(void **state)
{
	(void)state;
	unsigned done;
	struct reading_plan plan = {
		.tenant = 1, .person = 1, .device = "bp", .value = 120, .time = NOON
	};
	struct upload *first = upload_new(&hub, &plan, 1, &done);
	add_terms(first, 119.5);
	send_and_wait(first, &done);
	assert_int_equal(first->outcome.errors, 0);
	const char *terms = "SELECT count(*) FROM hub.term t JOIN hub.code c ON c.code_id = t.code "
			    "WHERE t.subject_id = 1001 AND t.kind = 2 AND ";
	assert_int_equal(bed_number("%s c.concept = 'http://loinc.org|8480-6' AND t.val_low = "
				    "119.5 AND t.val_high = 120.5",
				 terms),
		1);
	assert_int_equal(bed_number("%s c.concept = 'http://loinc.org|8462-4' AND t.val_low IS "
				    "NULL AND t.unit IS NOT NULL",
				 terms),
		1);
	plan.value = 121;
	struct upload *second = upload_new(&hub, &plan, 1, &done);
	add_terms(second, 120.5);
	send_and_wait(second, &done);
	assert_int_equal(second->write.items[0].fate, WRITE_VERSIONED);
	assert_int_equal(bed_number("%s t.val_low = 119.5", terms), 0);
	assert_int_equal(bed_number("%s t.id = %llu", terms,
				 (unsigned long long)first->write.items[0].key.id),
		2);
	upload_free(&first);
	upload_free(&second);
}

/* The message as it came is kept once a request, packed. */
static void test_raw(void **state)
{
	(void)state;
	unsigned done;
	const struct reading_plan plan = {
		.tenant = 2, .person = 2, .device = "hl7", .value = 70, .time = NOON
	};
	struct upload *upload = upload_new(&hub, &plan, 1, &done);
	upload->write.door = DOOR_PCD01;
	upload->write.raw = STR("MSH|^~\\&|short");
	send_and_wait(upload, &done);
	assert_int_equal(upload->outcome.errors, 0);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.upload u JOIN hub.observation o "
				    "USING (bucket, tenant_id, upload_id) "
				    "WHERE u.upload_id = %llu AND door = 2 AND client = 'bed' AND "
				    "u.pack = 0 AND convert_from(u.body, 'UTF8') LIKE 'MSH%%'",
				 (unsigned long long)upload->write.corr),
		1);
	upload_free(&upload);
}

/* Far more than a socket takes at once, and more than one group holds. */
static void test_large(void **state)
{
	(void)state;
	enum { COUNT = 4000 };
	static struct reading_plan plans[COUNT];
	static char names[COUNT][16];
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "large-%u", i);
		plans[i] = (struct reading_plan){
			.tenant = 3, .person = 3, .device = names[i], .value = i, .time = NOON + i
		};
	}
	unsigned done;
	struct upload *upload = upload_new(&hub, plans, COUNT, &done);
	for (unsigned i = 0; i < COUNT; i++) {
		struct observation *observation = own(upload, i);
		char *body = arena_alloc(upload->arena, 2000);
		seal_random(body, 2000);
		observation->body = (struct str){ body, 2000 };
	}
	send_and_wait(upload, &done);
	assert_int_equal(upload->outcome.errors, 0);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.observation WHERE subject_id = 1003 "
				    "AND pack = 0 AND octet_length(body) = 2000"),
		COUNT);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.locator WHERE person_id = 3"), 1);
	/* Once more: all known, by one probe. */
	struct upload *again = upload_new(&hub, plans, COUNT, &done);
	send_and_wait(again, &done);
	assert_int_equal(again->outcome.errors, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(again->write.items[i].fate, WRITE_KNOWN);
		assert_int_equal(again->write.items[i].key.id, upload->write.items[i].key.id);
	}
	upload_free(&upload);
	upload_free(&again);
}

/* Unknown codes are made outside of the groups, with their leading codings; all of many come out right. */
static void test_codes(void **state)
{
	(void)state;
	enum { COUNT = 400 };
	static struct reading_plan plans[COUNT];
	for (unsigned i = 0; i < COUNT; i++)
		plans[i] = (struct reading_plan){ .tenant = 4,
			.person = 4,
			.device = "codes",
			.value = i,
			.time = NOON + i * INSTANT_SECOND };
	unsigned done;
	struct upload *upload = upload_new(&hub, plans, COUNT, &done);
	for (unsigned i = 0; i < COUNT; i++) {
		struct observation *observation = own(upload, i);
		struct str own_code = str_format(upload->arena, "c%u", i);
		struct str lead = str_format(upload->arena, "lead%u", i % 10);
		observation->code = concept_parse(
			upload->arena, str_format(upload->arena, "urn:x|%.*s\nurn:lead|%.*s",
					       STR_ARG(own_code), STR_ARG(lead)));
		observation->canon = (struct coding){ STR("urn:lead"), lead };
		observation->class = CLASS_WELFARE;
	}
	send_and_wait(upload, &done);
	assert_int_equal(upload->outcome.errors, 0);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.observation o JOIN hub.code c ON "
				    "c.code_id = o.code JOIN hub.code l ON l.code_id = c.canon "
				    "WHERE o.subject_id = 1004 AND c.class = 2 AND l.canon = 0 AND "
				    "l.concept LIKE 'urn:lead|lead_'"),
		COUNT);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.coding WHERE system = 'urn:lead' AND "
				    "code = 'lead3'"),
		COUNT / 10 + 1);
	upload_free(&upload);
}

/* More codes than are kept: the table starts afresh under the readings that ask. (Under ASan: nothing is kept of the old one.) */
static void test_codes_afresh(void **state)
{
	(void)state;
	enum { COUNT = 9000, TIMES = 2 };
	static struct reading_plan plans[COUNT];
	for (unsigned time = 0; time < TIMES; time++) {
		for (unsigned i = 0; i < COUNT; i++)
			plans[i] = (struct reading_plan){ .tenant = 4,
				.person = 8,
				.device = "afresh",
				.value = i,
				.time = NOON + (time * COUNT + i) * INSTANT_SECOND };
		unsigned done;
		const unsigned count = time == 0 ? COUNT : 1;
		struct upload *upload = upload_new(&hub, plans, count, &done);
		for (unsigned i = 0; i < count; i++) {
			struct observation *observation = own(upload, i);
			struct str own_code = str_format(upload->arena, "%u.%u", time, i);
			observation->code = concept_parse(
				upload->arena, str_format(upload->arena, "urn:a|%.*s\nurn:afresh|b",
						       STR_ARG(own_code)));
			observation->canon = (struct coding){ STR("urn:afresh"), STR("b") };
		}
		send_until_taken(upload, &done);
		assert_int_equal(upload->outcome.errors, 0);
		upload_free(&upload);
	}
	assert_int_equal(bed_number("SELECT count(*) FROM hub.code c JOIN hub.code l ON l.code_id "
				    "= c.canon WHERE l.concept = 'urn:afresh|b'"),
		COUNT + 1);
}

/* A list of codings has one number: first seen as a category, it still has its leading coding when it comes as a code, or a block would not know it. */
static void test_code_seen_as_category(void **state)
{
	(void)state;
	unsigned done;
	const struct reading_plan plan = {
		.tenant = 4, .person = 9, .device = "category", .value = 1, .time = NOON
	};
	struct upload *upload = upload_new(&hub, &plan, 1, &done);
	own(upload, 0)->category = concept_parse(upload->arena, STR("urn:both|lead\nurn:other|x"));
	send_and_wait(upload, &done);
	assert_int_equal(upload->outcome.errors, 0);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.code c JOIN hub.code l ON l.code_id "
				    "= c.canon WHERE c.concept LIKE 'urn:both|lead%%urn:other|x' "
				    "AND l.concept = 'urn:both|lead' AND l.canon = 0"),
		1);
	upload_free(&upload);
}

/* A list of codings that is no key: refused before it could harm others, and those others are stored. */
static void test_code_refused(void **state)
{
	(void)state;
	unsigned done = 0;
	const struct reading_plan plan = {
		.tenant = 4, .person = 5, .device = "long", .value = 1, .time = NOON
	};
	const struct reading_plan other = {
		.tenant = 4, .person = 6, .device = "fine", .value = 1, .time = NOON
	};
	struct upload *bad = upload_new(&hub, &plan, 1, &done),
		      *good = upload_new(&hub, &other, 1, &done);
	char *text = arena_alloc(bad->arena, 2100);
	memset(text, 'x', 2100);
	own(bad, 0)->code = concept_parse(bad->arena, (struct str){ text, 2100 });
	store_write(hub.store, &bad->write);
	store_write(hub.store, &good->write);
	assert_true(hub_until(&hub, &done, 2));
	assert_int_equal(outcome_first(&bad->outcome), OUTCOME_BUSINESS_RULE);
	assert_int_equal(good->outcome.errors, 0);
	upload_free(&bad);
	upload_free(&good);
}

/* Class and month stand in the locator; a reading without a time counts for the month it came in. */
static void test_locator(void **state)
{
	(void)state;
	unsigned done;
	const struct reading_plan plans[3] = {
		{ .tenant = 5,
			.person = 7,
			.device = "a",
			.value = 1,
			.time = (instant)951782400 * INSTANT_SECOND }, /* 2000-02-29 */
		{ .tenant = 5,
			.person = 7,
			.device = "b",
			.value = 1,
			.time = -1 }, /* 1969-12-31 */
		{ .tenant = 5, .person = 7, .device = "c", .value = 1, .time = INSTANT_MIN },
	};
	struct upload *upload = upload_new(&hub, plans, 3, &done);
	own(upload, 2)->time.high = INSTANT_MIN;
	own(upload, 0)->class = CLASS_WELFARE;
	send_and_wait(upload, &done);
	assert_int_equal(upload->outcome.errors, 0);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.locator WHERE person_id = 7 AND "
				    "month = 361 AND class = 2"),
		1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.locator WHERE person_id = 7 AND "
				    "month = -1 AND class = 1"),
		1);
	assert_int_equal(
		bed_number("SELECT count(*) FROM hub.locator WHERE person_id = 7 AND month = "
			   "(extract(year FROM now() AT TIME ZONE 'UTC') - 1970) * 12 + "
			   "extract(month FROM now() AT TIME ZONE 'UTC') - 1"),
		1);
	assert_int_equal(bed_number("SELECT count(*) FROM hub.observation WHERE subject_id = 1007 "
				    "AND time_low = '-infinity' AND time_high = '-infinity'"),
		1);
	upload_free(&upload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terms),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_codes_afresh),
		cmocka_unit_test(test_code_seen_as_category),
		cmocka_unit_test(test_code_refused),
		cmocka_unit_test(test_locator),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
