/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Searches against an evaluator of their own: readings and searches are made at random (SEARCH_SEED sets another seed), every search is paged to its end
 * and must give exactly the readings that the plain words of FHIR R4 select, in order, without doubles, and none that the grant does not open.
 */
#include "tests/unit/storage/bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS     420
#define SEARCHES 1500
#define TENANTS  3
#define DAY      ((instant)86400 * INSTANT_SECOND)
/* 2026-01-01T00:00:00Z */
#define YEAR_START ((instant)1767225600 * INSTANT_SECOND)

static struct hub hub;
static uint64_t seed;

static unsigned any(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 11) % below);
}

/* ---- the world */

struct concept_row {
	int id, canon;
	struct coding codings[2];
	unsigned count;
};
#define CODING(s, c)                     \
	{                                \
		{ s, sizeof(s) - 1 },    \
		{                        \
			c, sizeof(c) - 1 \
		}                        \
	}
static const struct concept_row concepts[] = {
	{ 1, 0, { CODING("loinc", "A") }, 1 },
	{ 2, 1, { CODING("loinc", "A"), CODING("mdc", "a") }, 2 },
	{ 3, 1, { CODING("mdc", "a") }, 1 },
	{ 4, 0, { CODING("loinc", "B") }, 1 },
	{ 5, 4, { CODING("loinc", "B"), CODING("loinc", "C") }, 2 },
	{ 6, 0, { CODING("loinc", "C") }, 1 },
	{ 7, 0, { CODING("", "X") }, 1 },
	{ 8, 0, { CODING("vendor", "A") }, 1 },
	{ 9, 0, { CODING("cat", "vital") }, 1 },
	{ 10, 0, { CODING("cat", "lab") }, 1 },
	{ 11, 0, { CODING("cat", "vital"), CODING("cat", "lab") }, 2 },
};
#define CODES      8
#define CATEGORIES 3

struct row {
	uint64_t id;
	unsigned tenant; /* 1.. */
	uint64_t subject;
	const struct concept_row *code, *category; /* category NULL: none */
	enum reading_class class;
	instant low, high;
};
static struct row rows[ROWS];

static const char *sql_time(char out[80], instant at)
{
	if (at == INSTANT_MIN || at == INSTANT_MAX)
		snprintf(out, 80, "%s", at == INSTANT_MIN ? "-infinity" : "infinity");
	else
		snprintf(out, 80, "epoch'::timestamptz + %lld * interval '1 us", (long long)at);
	return out;
}

static void time_make(struct row *row)
{
	const instant at =
		YEAR_START + (instant)any(300) * DAY / 2 + (instant)any(5) * INSTANT_SECOND * 3600;
	switch (any(12)) {
	case 0: /* none */
		row->low = row->high = INSTANT_MIN;
		break;
	case 1: /* a day */
		row->low = at - at % DAY;
		row->high = row->low + DAY;
		break;
	case 2: /* some weeks */
		row->low = at;
		row->high = at + (instant)(1 + any(60)) * DAY;
		break;
	case 3: /* a year */
		row->low = YEAR_START;
		row->high = YEAR_START + 365 * DAY;
		break;
	case 4: /* begun, not ended */
		row->low = at;
		row->high = INSTANT_MAX;
		break;
	case 5: /* ended, begin unknown */
		row->low = INSTANT_MIN;
		row->high = at;
		break;
	default: /* a second or less */
		row->low = at;
		row->high = at + (any(2) ? INSTANT_SECOND : INSTANT_SECOND / 1000);
	}
}

static void rows_make(void)
{
	for (unsigned i = 0; i < ROWS; i++) {
		struct row *row = &rows[i];
		row->id = 1000 + i;
		row->tenant = 1 + any(TENANTS);
		row->subject = any(5) == 0 ? 500 + row->tenant
					   : 100 + row->tenant; /* 5xx: another patient */
		row->code = &concepts[any(CODES)];
		row->category = any(5) == 0 ? NULL : &concepts[CODES + any(CATEGORIES)];
		row->class = any(4) == 0 ? CLASS_WELFARE : CLASS_HEALTH;
		time_make(row);
		char low[80], high[80];
		bed_number("INSERT INTO hub.observation (id, time_low, time_high, recv, "
			   "subject_id, upload_id, bucket, tenant_id, code, category, version, "
			   "type, class, status, pack, digest, body) "
			   "VALUES (%llu, '%s', '%s', now(), %llu, 1, 7, %u, %d, %d, 1, 1, %d, 3, "
			   "0, '00000000-0000-0000-0000-000000000000', 'row %llu')",
			(unsigned long long)row->id, sql_time(low, row->low),
			sql_time(high, row->high), (unsigned long long)row->subject, row->tenant,
			row->code->id, row->category == NULL ? 0 : row->category->id, row->class,
			(unsigned long long)row->id);
	}
}

static int set_up(void **state)
{
	(void)state;
	const char *given = getenv("SEARCH_SEED");
	seed = given == NULL ? 5 : strtoull(given, NULL, 10);
	printf("SEARCH_SEED=%llu\n", (unsigned long long)seed);
	bed_make("test_search");
	for (size_t i = 0; i < sizeof(concepts) / sizeof(concepts[0]); i++) {
		bed_number("INSERT INTO hub.code (code_id, canon, class, concept) OVERRIDING "
			   "SYSTEM VALUE VALUES (%d, %d, 1, 'concept %d')",
			concepts[i].id, concepts[i].canon, concepts[i].id);
		for (unsigned j = 0; j < concepts[i].count; j++)
			bed_number("INSERT INTO hub.coding (code_id, system, code) VALUES (%d, "
				   "'%s', '%s')",
				concepts[i].id, concepts[i].codings[j].system.at,
				concepts[i].codings[j].code.at);
	}
	rows_make();
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

/* ---- what is right */

static bool token_holds(const struct search_token *token, const struct concept_row *concept)
{
	for (unsigned i = 0; concept != NULL && i < concept->count; i++) {
		const struct coding *coding = &concept->codings[i];
		if ((token->any_system || str_equal(token->system, coding->system)) &&
			(token->any_code || str_equal(token->code, coding->code)))
			return true;
	}
	return false;
}

static bool tokens_hold(
	const struct search_tokens *tokens, size_t count, const struct concept_row *concept)
{
	for (size_t i = 0; i < count; i++) {
		bool one = false;
		for (size_t j = 0; j < tokens[i].count; j++)
			one = one || token_holds(&tokens[i].values[j], concept);
		if (!one)
			return false;
	}
	return true;
}

/* FHIR R4 search 3.1.1.4.5: the words of the table, with v the value's range and r the reading's. */
static bool date_holds(const struct search_date *date, const struct row *r)
{
	const struct span *v = &date->span;
	if (r->low == INSTANT_MIN && r->high == INSTANT_MIN)
		return false;
	const bool contained = v->low <= r->low && r->high <= v->high;
	const bool above_meets = r->high > v->high, below_meets = r->low < v->low;
	switch (date->prefix) {
	case PREFIX_EQ:
		return contained;
	case PREFIX_NE:
		return !contained;
	case PREFIX_GT:
		return above_meets;
	case PREFIX_LT:
		return below_meets;
	case PREFIX_GE:
		return above_meets || contained;
	case PREFIX_LE:
		return below_meets || contained;
	case PREFIX_SA:
		return r->low >= v->high;
	case PREFIX_EB:
		return r->high <= v->low;
	case PREFIX_AP:
		return r->low < v->high && r->high > v->low;
	}
	return false;
}

static bool dates_hold(const struct search *search, const struct row *row)
{
	for (size_t i = 0; i < search->date_count; i++) {
		bool one = false;
		for (size_t j = 0; j < search->dates[i].count; j++)
			one = one || date_holds(&search->dates[i].values[j], row);
		if (!one)
			return false;
	}
	return true;
}

static bool is_in(const uint32_t *values, size_t count, uint32_t value, size_t *where)
{
	for (size_t i = 0; i < count; i++) {
		*where = i;
		if (values[i] == value)
			return true;
	}
	return false;
}

static bool open_to(const struct grant *grant, const struct row *row)
{
	for (size_t i = 0; i < grant->count; i++) {
		const struct grant_part *part = &grant->parts[i];
		if (part->tenant != row->tenant || part->subject != row->subject)
			continue;
		const uint32_t canon =
			(uint32_t)(row->code->canon == 0 ? row->code->id : row->code->canon);
		size_t at = 0;
		if (is_in(part->blocked_canons, part->blocked_count, canon, &at))
			return false;
		if ((part->classes >> row->class & 1) != 0)
			return true;
		return is_in(part->canons, part->canon_count, canon, &at) &&
		       (part->canon_classes[at] >> row->class & 1) != 0;
	}
	return false;
}

static bool id_holds(const struct store_search *search, const struct row *row)
{
	bool one = search->id_count == 0;
	for (size_t i = 0; i < search->id_count; i++)
		one = one ||
		      (search->ids[i].id == row->id && search->ids[i].tenant == row->tenant &&
			      search->ids[i].subject == row->subject);
	return one;
}

static bool holds(const struct store_search *search, const struct row *row)
{
	const struct search *asked = search->search;
	return open_to(search->grant, row) && id_holds(search, row) &&
	       tokens_hold(asked->codes, asked->code_count, row->code) &&
	       tokens_hold(asked->categories, asked->category_count, row->category) &&
	       dates_hold(asked, row);
}

static int newest_first(const void *a, const void *b)
{
	const struct row *one = *(const struct row *const *)a, *two = *(const struct row *const *)b;
	if (one->low != two->low)
		return one->low > two->low ? -1 : 1;
	return one->id > two->id ? -1 : one->id < two->id;
}

static int oldest_first(const void *a, const void *b)
{
	return newest_first(b, a);
}

/* ---- what is asked */

static void tokens_make(struct arena *arena, struct search_tokens **out, size_t *count,
	unsigned from, unsigned among)
{
	*count = 1 + (any(4) == 0);
	*out = arena_array(arena, *count, sizeof(**out));
	for (size_t i = 0; i < *count; i++) {
		struct search_tokens *tokens = &(*out)[i];
		tokens->count = any(2) == 0 ? 1 : 1 + any(3);
		tokens->values = arena_array(arena, tokens->count, sizeof(*tokens->values));
		for (size_t j = 0; j < tokens->count; j++) {
			const struct concept_row *concept = &concepts[from + any(among)];
			const struct coding *coding = &concept->codings[any(concept->count)];
			const unsigned kind = any(6);
			tokens->values[j] = (struct search_token){ .any_system = kind == 0,
				.any_code = kind == 1,
				.system = kind == 0 ? STR("") : coding->system,
				.code = kind == 1 ? STR("") : coding->code };
			if (any(12) == 0)
				tokens->values[j].system = STR("nobody");
		}
	}
}

static struct search_date date_make(void)
{
	struct search_date date = { .prefix = (enum search_prefix)any(PREFIX_AP + 1) };
	/* Half of the time a bound of some reading, where a mistake of < and <= shows. */
	const struct row *row = &rows[any(ROWS)];
	instant at = any(2) ? row->low : row->high;
	if (at == INSTANT_MIN || at == INSTANT_MAX || any(2) == 0)
		at = YEAR_START + (instant)any(300) * DAY / 2;
	static const instant widths[] = { INSTANT_SECOND / 1000, INSTANT_SECOND, DAY, 30 * DAY,
		365 * DAY };
	const instant width = widths[any(5)];
	date.span.low = any(2) ? at : at - width;
	date.span.high = date.span.low + width;
	return date;
}

static void dates_make(struct arena *arena, struct search *search)
{
	search->date_count = 1 + any(3);
	search->dates = arena_array(arena, search->date_count, sizeof(*search->dates));
	for (size_t i = 0; i < search->date_count; i++) {
		struct search_dates *dates = &search->dates[i];
		dates->count = any(4) == 0 ? 2 : 1;
		dates->values = arena_array(arena, dates->count, sizeof(*dates->values));
		for (size_t j = 0; j < dates->count; j++)
			dates->values[j] = date_make();
	}
}

static const struct grant *grant_make(struct arena *arena)
{
	struct grant *grant = arena_alloc(arena, sizeof(*grant));
	grant->own_tenant = 1;
	grant->parts = arena_array(arena, TENANTS, sizeof(*grant->parts));
	for (unsigned tenant = 1; tenant <= TENANTS; tenant++) {
		if (any(5) == 0)
			continue;
		struct grant_part *part = &grant->parts[grant->count++];
		*part = (struct grant_part){ .tenant = tenant,
			.subject = 100 + tenant,
			.bucket = 7,
			.classes = 1u << CLASS_HEALTH };
		part->canons = arena_array(arena, 2, sizeof(uint32_t));
		part->canon_classes = arena_array(arena, 2, sizeof(unsigned));
		part->blocked_canons = arena_array(arena, 2, sizeof(uint32_t));
		if (any(3) == 0)
			part->classes |= 1u << CLASS_WELFARE;
		if (any(4) == 0) {
			part->classes = any(2) ? 0 : 1u << CLASS_WELFARE;
			part->canons[part->canon_count] = any(2) ? 1 : 4;
			part->canon_classes[part->canon_count++] = 1u << CLASS_HEALTH;
		}
		if (any(5) == 0)
			part->blocked_canons[part->blocked_count++] = any(2) ? 1 : 6;
	}
	return grant;
}

static void ids_make(struct arena *arena, struct store_search *search, struct search *asked)
{
	search->id_count = asked->id_count = 1 + any(4);
	asked->ids = arena_array(arena, asked->id_count, sizeof(*asked->ids));
	search->ids = arena_array(arena, search->id_count, sizeof(*search->ids));
	for (size_t i = 0; i < search->id_count; i++) {
		const struct row *row = &rows[any(ROWS)];
		search->ids[i] = (struct resource_key){ TYPE_OBSERVATION, 7, row->tenant,
			row->subject, row->id };
		if (any(6) == 0)
			search->ids[i].subject =
				100 + 1 + any(TENANTS); /* a true id under another's name */
	}
}

static void count_up(void *context)
{
	++*(unsigned *)context;
}

/* Pages through a search and compares. Gives how many rows it had. */
static size_t compare(struct arena *arena, struct store_search *search, struct outcome *outcome)
{
	const struct row *right[ROWS];
	size_t count = 0, seen = 0;
	for (unsigned i = 0; i < ROWS; i++) {
		if (holds(search, &rows[i]))
			right[count++] = &rows[i];
	}
	qsort(right, count, sizeof(right[0]),
		search->search->ascending ? oldest_first : newest_first);
	do {
		unsigned done = 0;
		search->call = (struct store_call){
			.arena = arena, .outcome = outcome, .done = count_up, .context = &done
		};
		store_search(hub.store, search);
		assert_true(hub_until(&hub, &done, 1));
		assert_int_equal(outcome->errors, 0);
		assert_true(search->count <= search->limit);
		for (size_t i = 0; i < search->count; i++, seen++) {
			assert_true(seen < count);
			const struct store_row *row = &search->rows[i];
			char body[32], text[32];
			snprintf(body, sizeof(body), "row %llu",
				(unsigned long long)right[seen]->id);
			snprintf(text, sizeof(text), "concept %d", right[seen]->code->id);
			assert_int_equal(row->key.id, right[seen]->id);
			assert_int_equal(row->key.tenant, right[seen]->tenant);
			assert_int_equal(row->class, right[seen]->class);
			assert_int_equal(row->time_low, right[seen]->low);
			assert_true(str_is(row->body, body));
			assert_true(str_is(row->code, text));
		}
		assert_true(search->more == (seen < count));
		if (search->more) {
			search->has_after = true;
			search->after = search->next;
		}
	} while (search->more);
	assert_int_equal(seen, count);
	return count;
}

static void test_random(void **state)
{
	(void)state;
	size_t total = 0, empty = 0;
	for (unsigned i = 0; i < SEARCHES; i++) {
		struct arena *arena = arena_new((size_t)1 << 26);
		struct outcome outcome = { .arena = arena };
		struct search *asked = arena_alloc(arena, sizeof(*asked));
		struct store_search *search = arena_alloc(arena, sizeof(*search));
		search->grant = grant_make(arena);
		search->search = asked;
		search->limit = any(3) == 0 ? 3 + any(10) : 200;
		asked->ascending = any(3) == 0;
		if (any(2) == 0)
			tokens_make(arena, &asked->codes, &asked->code_count, 0, CODES);
		if (any(4) == 0)
			tokens_make(arena, &asked->categories, &asked->category_count, CODES,
				CATEGORIES);
		if (any(3) != 0)
			dates_make(arena, asked);
		if (any(8) == 0)
			ids_make(arena, search, asked);
		const size_t count = compare(arena, search, &outcome);
		total += count;
		empty += count == 0;
		arena_free(&arena);
	}
	printf("%u searches, %zu rows, %zu empty\n", SEARCHES, total, empty);
	assert_true(
		total > SEARCHES && empty < SEARCHES * 3 / 4); /* else the searches prove little */
}

/* What the database refuses (here bytes that are no UTF-8, which the parser lets nobody send) is its own search's fault: those beside it are answered. */
static void test_culprit(void **state)
{
	(void)state;
	struct arena *arena = arena_new((size_t)1 << 24);
	struct grant_part part = {
		.tenant = 1, .subject = 101, .bucket = 7, .classes = 1u << CLASS_HEALTH
	};
	const struct grant grant = { .own_tenant = 1, .parts = &part, .count = 1 };
	struct search_token token = { .system = STR("loinc"), .code = STR("\xff") };
	struct search_tokens tokens = { .values = &token, .count = 1 };
	const struct search plain = { 0 }, bad = { .codes = &tokens, .code_count = 1 };
	struct store_search searches[5];
	struct outcome outcomes[5];
	unsigned done = 0;
	for (unsigned i = 0; i < 5; i++) {
		outcomes[i] = (struct outcome){ .arena = arena };
		searches[i] = (struct store_search){ .call = { .arena = arena,
							     .outcome = &outcomes[i],
							     .done = count_up,
							     .context = &done },
			.grant = &grant,
			.search = i == 2 ? &bad : &plain,
			.limit = 200 };
		store_search(hub.store, &searches[i]);
	}
	assert_true(hub_until(&hub, &done, 5));
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(outcomes[i].errors, i == 2);
	assert_int_equal(outcome_first(&outcomes[2]), OUTCOME_FAULT);
	assert_true(searches[0].count > 0);
	assert_int_equal(searches[4].count, searches[0].count);
	/* The session is whole again. */
	store_search(hub.store, &searches[0]);
	assert_true(hub_until(&hub, &done, 6));
	assert_int_equal(outcomes[0].errors, 0);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_culprit),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
