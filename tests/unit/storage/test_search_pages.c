/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Pages under concurrent inserts, over 1,000 seeds: whatever the order, and whether rows must be looked at or not, what was there before the first page stands on exactly one page, nothing
 * stands on two, and the order holds across them. Readings are committed between pages, and by a transaction that is open while a page is read. A run that forgets
 * the id of the last row (the control) must be caught.
 */
#include "tests/unit/storage/bed.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fhir/base/buf.h"

#define SEEDS    1000
#define CONTROLS 100
#define HERD     50 /* walks at a time */
#define TENANTS  2
#define ROWS_MAX 400

static struct hub hub;
static PGconn *writer; /* a client beside, whose transaction stays open over a page */
static uint64_t *seed; /* of the walk whose turn it is */
static uint64_t next_id;

static unsigned any(unsigned below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (unsigned)((*seed >> 11) % below);
}

static int set_up(void **state)
{
	(void)state;
	bed_make("test_search_pages");
	for (int i = 1; i <= 3; i++)
		bed_number("INSERT INTO hub.code (code_id, canon, class, concept) OVERRIDING "
			   "SYSTEM VALUE VALUES (%d, 0, 1, 'urn:a|%c')",
			i, "cab"[i - 1]);
	writer = PQconnectdb(bed_conninfo());
	hub_open(&hub, 1);
	hub_until_ready(&hub);
	next_id = 1000;
	return PQstatus(writer) == CONNECTION_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	PQfinish(writer);
	hub_close(&hub);
	return 0;
}

static void command(const char *text)
{
	PGresult *result = PQexec(writer, text);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", text, PQerrorMessage(writer));
	PQclear(result);
}

/* One walk through the pages of one search, and what is known of its readings. */
struct walk {
	uint64_t seed, subject;
	struct arena *arena;
	struct grant_part parts[TENANTS];
	struct grant grant;
	struct outcome outcome;
	struct store_search run;
	struct store_row last;
	uint64_t wanted[ROWS_MAX], seen[ROWS_MAX];
	size_t wanted_count, seen_count;
	bool values; /* only readings with a value of 2 and more are asked for */
	bool forget; /* the control: the id of the last row */
	const char *fault;
};

/* Few times, values and codes, so that most rows tie with some other. */
static void add_row(struct walk *walk, struct buf *sql, bool wanted)
{
	const unsigned value = any(5);
	const uint64_t id = next_id++;
	const char *none = value == 0 ? "NULL" : "";
	char number[16] = "";
	if (value != 0)
		snprintf(number, sizeof(number), "%u", value);
	buf_add_format(sql,
		"%s(%llu, '2026-01-0%u', '2026-01-0%u', %s%s, %s%s, '2026-02-0%u', %llu, 1, 7, %u, "
		"%u, "
		"0, 1, 1, 1, 3, 0, '00000000-0000-0000-0000-000000000000', "
		"'{\"resourceType\":\"Observation\",\"meta\":{}%s%s%s}')",
		sql->at[sql->length - 1] == ')' ? ", " : " ", (unsigned long long)id, 1 + any(4),
		6 + any(3), none, number, none, number, 1 + any(3),
		(unsigned long long)walk->subject, 1 + any(TENANTS), 1 + any(3),
		value == 0 ? "" : ",\"valueQuantity\":{\"value\":", number, value == 0 ? "" : "}");
	if (wanted && (!walk->values || value >= 2))
		walk->wanted[walk->wanted_count++] = id;
}

static struct buf insert_begin(struct arena *arena)
{
	struct buf sql = buf_new(arena, 8192, 4 << 20);
	buf_add_text(&sql, "INSERT INTO hub.observation (id, time_low, time_high, val_low, "
			   "val_high, recv, subject_id, upload_id, bucket, tenant_id, code, "
			   "category, version, type, class, status, pack, digest, body) VALUES");
	return sql;
}

static void insert_end(struct buf *sql)
{
	buf_add_byte(sql, '\0');
	if (sql->at[sql->length - 2] == ')')
		command(sql->at);
}

static void add_keys(struct buf *query)
{
	static const char *const keys[] = { "date", "_lastUpdated", "code", "value-quantity" };
	const unsigned first = any(4), count = 1 + any(3);
	for (unsigned i = 0; i < count; i++)
		buf_add_format(query, "%s%s%s", i == 0 ? "" : ",", any(2) ? "-" : "",
			keys[(first + i) % 4]);
}

static struct search *search_make(struct walk *walk)
{
	struct buf query = buf_new(walk->arena, 256, 1024);
	buf_add_text(&query, "patient=a&_sort=");
	/* Half of them in the usual orders, which indexes give. */
	if (any(2))
		buf_add_text(&query, any(2) ? "date" : "-date");
	else
		add_keys(&query);
	walk->values = any(3) == 0;
	buf_add_text(&query, walk->values ? "&value-quantity=ge2" : "");
	const struct search_policy policy = { .now = bed_now() };
	struct outcome outcome = { .arena = walk->arena };
	struct search *search = arena_alloc(walk->arena, sizeof(*search));
	assert_true(search_parse(walk->arena, buf_str(&query), &policy, search, &outcome));
	return search;
}

static void count_up(void *context)
{
	++*(unsigned *)context;
}

static bool is_in(const uint64_t *ids, size_t count, uint64_t id)
{
	size_t i = 0;
	while (i < count && ids[i] != id)
		i++;
	return i < count;
}

/* What is wrong with the page; NULL: nothing. */
static const char *page_fault(
	struct walk *walk, const struct store_search *run, struct store_row *last)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct store_row *row = &run->rows[i];
		if (is_in(walk->seen, walk->seen_count, row->key.id))
			return "a row stands on two pages";
		if (walk->seen_count > 0 && store_row_order(run->search, last, row) >= 0)
			return "the order does not hold";
		if (walk->seen_count == ROWS_MAX)
			return "there is no end";
		walk->seen[walk->seen_count++] = row->key.id;
		*last = *row;
	}
	return run->count == 0 && run->more ? "an empty page in the middle" : NULL;
}

static void walk_begin(struct walk *walk, uint64_t number, unsigned *done, struct buf *sql)
{
	walk->seed = number * 0x9E3779B97F4A7C15 + 1;
	walk->subject = number;
	walk->arena = arena_new((size_t)1 << 26);
	walk->outcome.arena = walk->arena;
	seed = &walk->seed;
	for (unsigned i = 0; i < TENANTS; i++)
		walk->parts[i] = (struct grant_part){ .tenant = i + 1,
			.subject = walk->subject,
			.bucket = 7,
			.classes = 1u << CLASS_HEALTH };
	walk->grant = (struct grant){ .own_tenant = 1, .parts = walk->parts, .count = TENANTS };
	walk->run = (struct store_search){ .grant = &walk->grant,
		.search = search_make(walk),
		.limit = 1 + any(6),
		.more = true };
	walk->run.call = (struct store_call){
		.arena = walk->arena, .outcome = &walk->outcome, .done = count_up, .context = done
	};
	for (unsigned i = 8 + any(16); i > 0; i--)
		add_row(walk, sql, true);
}

/* Judges the page that came; then, for half of the walks, more is written. */
static void walk_on(struct walk *walk, struct buf *sql)
{
	seed = &walk->seed;
	assert_int_equal(walk->outcome.errors, 0);
	walk->fault = page_fault(walk, &walk->run, &walk->last);
	if (walk->fault != NULL)
		return;
	walk->run.has_after = true;
	walk->run.after = walk->run.next;
	if (walk->forget)
		walk->run.after.id = any(2) ? 0 : INT64_MAX;
	for (unsigned i = any(2) * any(4); i > 0 && walk->seen_count < ROWS_MAX / 2; i--)
		add_row(walk, sql, false);
}

/* A page of every walk that has one to come; how many they were. */
static unsigned herd_turn(struct walk *walks, struct arena *arena, unsigned *done)
{
	struct buf sql = insert_begin(arena);
	bool going[HERD] = { false };
	unsigned count = 0;
	*done = 0;
	for (unsigned i = 0; i < HERD; i++) {
		going[i] = walks[i].fault == NULL && walks[i].run.more;
		if (!going[i])
			continue;
		store_search(hub.store, &walks[i].run);
		count++;
	}
	assert_true(hub_until(&hub, done, count));
	for (unsigned i = 0; i < HERD; i++)
		if (going[i])
			walk_on(&walks[i], &sql);
	/* Either committed at once, or only behind the next page of all. */
	static uint64_t turns;
	if (turns++ % 2 == 0)
		command("COMMIT");
	if (turns % 2 == 0)
		command("BEGIN");
	insert_end(&sql);
	return count;
}

static const char *missed(const struct walk *walk)
{
	for (size_t i = 0; i < walk->wanted_count; i++)
		if (!is_in(walk->seen, walk->seen_count, walk->wanted[i]))
			return "a row stands on no page";
	return NULL;
}

/* HERD seeds from `first`; how many of them had a fault, and how many rows were seen. */
static unsigned herd_run(uint64_t first, bool forget, size_t *rows)
{
	struct arena *arena = arena_new((size_t)1 << 28);
	struct walk *walks = arena_array(arena, HERD, sizeof(*walks));
	struct buf sql = insert_begin(arena);
	unsigned done = 0, faults = 0;
	for (unsigned i = 0; i < HERD; i++) {
		walks[i].forget = forget;
		walk_begin(&walks[i], first + i, &done, &sql);
	}
	insert_end(&sql);
	command("COMMIT");
	while (herd_turn(walks, arena, &done) > 0)
		;
	for (unsigned i = 0; i < HERD; i++) {
		struct walk *walk = &walks[i];
		if (walk->fault == NULL)
			walk->fault = missed(walk);
		if (walk->fault != NULL && !forget)
			print_error(
				"seed %llu: %s\n", (unsigned long long)(first + i), walk->fault);
		faults += walk->fault != NULL;
		*rows += walk->seen_count;
		arena_free(&walk->arena);
	}
	arena_free(&arena);
	return faults;
}

static void seeds(void **state)
{
	(void)state;
	size_t rows = 0;
	unsigned faults = 0;
	for (uint64_t i = 1; i <= SEEDS; i += HERD)
		faults += herd_run(i, false, &rows);
	printf("%u seeds, %zu rows on pages\n", SEEDS, rows);
	assert_int_equal(faults, 0);
	assert_true(rows > SEEDS * 5);
}

/* The judge can say no. */
static void control(void **state)
{
	(void)state;
	size_t rows = 0;
	unsigned faults = 0;
	for (uint64_t i = 1; i <= CONTROLS; i += HERD)
		faults += herd_run(SEEDS + i, true, &rows);
	assert_true(faults > CONTROLS / 2);
}

/*
 * The bound of what is looked at for a page: a page may be short of matches, or without any, and has more behind it; over all of them nothing is lost and nothing stands twice. Matches
 * stand about each thousand, so also at the very row where a page ends, and hundreds of rows have one time.
 */
#define HEAP 6500 /* readings of each controller */

static void heap_of(uint64_t subject)
{
	struct arena *arena = arena_new((size_t)1 << 20);
	struct buf sql = buf_new(arena, 4096, 8192);
	buf_add_format(&sql,
		"INSERT INTO hub.observation (id, time_low, time_high, recv, subject_id, "
		"upload_id, bucket, tenant_id, code, category, version, type, class, status, "
		"pack, digest, body) SELECT %llu + 2 * i + t, m, m, '2026-02-01', %llu, 1, 7, t, "
		"1, 0, 1, 1, 1, 3, 0, '00000000-0000-0000-0000-000000000000', "
		"convert_to(format('{\"resourceType\":\"Observation\",\"meta\":{},\"component\":[{"
		"\"valueQuantity\":{\"value\":%%s}}]}', CASE WHEN i %% 500 IN (0, 1, 499) THEN 9 "
		"ELSE 1 END), 'UTF8') FROM generate_series(1, %u) i, generate_series(1, %u) t, "
		"LATERAL (SELECT timestamptz '2026-01-01' + i / 300 * interval '1 min') x (m)",
		(unsigned long long)next_id, (unsigned long long)subject, HEAP, TENANTS);
	buf_add_byte(&sql, '\0');
	next_id += 2 * HEAP + TENANTS + 1;
	command(sql.at);
	arena_free(&arena);
}

/* Walks through all pages; how many of them were short and had more behind. */
static unsigned bounded_walk(struct walk *walk, const char *query)
{
	const struct search_policy policy = { .now = bed_now() };
	unsigned done = 0, little = 0;
	walk->arena = arena_new((size_t)1 << 26);
	walk->outcome = (struct outcome){ .arena = walk->arena };
	walk->seen_count = 0;
	struct search *search = arena_alloc(walk->arena, sizeof(*search));
	assert_true(search_parse(walk->arena, str_of(query), &policy, search, &walk->outcome));
	walk->run = (struct store_search){
		.grant = &walk->grant, .search = search, .limit = 40, .more = true
	};
	walk->run.call = (struct store_call){
		.arena = walk->arena, .outcome = &walk->outcome, .done = count_up, .context = &done
	};
	for (unsigned pages = 0; walk->run.more; pages++) {
		assert_in_range(pages, 0, 12);
		done = 0;
		store_search(hub.store, &walk->run);
		assert_true(hub_until(&hub, &done, 1));
		if (walk->run.count > 0)
			assert_null(page_fault(walk, &walk->run, &walk->last));
		little += walk->run.more && walk->run.count < walk->run.limit;
		walk->run.has_after = true;
		walk->run.after = walk->run.next;
	}
	arena_free(&walk->arena);
	return little;
}

static void bound(void **state)
{
	(void)state;
	const char *const kinds[] = { "combo-value-quantity=", "component-value-quantity=" };
	const char *const orders[] = { "&_sort=date", "&_sort=-date", "&_sort=-_lastUpdated,date" };
	struct walk walk = { .subject = SEEDS + CONTROLS + 1 };
	for (unsigned i = 0; i < TENANTS; i++)
		walk.parts[i] = (struct grant_part){ .tenant = i + 1,
			.subject = walk.subject,
			.bucket = 7,
			.classes = 1u << CLASS_HEALTH };
	walk.grant = (struct grant){ .own_tenant = 1, .parts = walk.parts, .count = TENANTS };
	heap_of(walk.subject);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (size_t k = 0; k < sizeof(orders) / sizeof(orders[0]); k++) {
			char query[128];
			snprintf(query, sizeof(query), "patient=a&%sge5%s", kinds[i], orders[k]);
			assert_true(bounded_walk(&walk, query) >= 2);
			assert_int_equal(walk.seen_count, TENANTS * 39);
			/* None matches: pages without any row, and an end. */
			snprintf(query, sizeof(query), "patient=a&%sge10%s", kinds[i], orders[k]);
			assert_true(bounded_walk(&walk, query) >= 2);
			assert_int_equal(walk.seen_count, 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(seeds), cmocka_unit_test(control),
		cmocka_unit_test(bound) };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
