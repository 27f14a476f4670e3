/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every statement is prepared by each role that uses it, and every search that can be put together; the plans of those that are run all the time must be walks along
 * the named indexes, on an empty database (where a plan is made that stays) and on a full one.
 */
#include "tests/unit/storage/bed.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fhir/base/buf.h"
#include "storage/search_sql.h"

static const char *const roles[] = { "hub_resolve", "hub_read", "hub_write", "hub_audit", "hub_seq",
	"hub_admin" };
#define ROLES (sizeof(roles) / sizeof(roles[0]))

static PGconn *connections[ROLES];
static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new((size_t)1 << 28);
	bed_make("test_statements");
	for (unsigned i = 0; i < ROLES; i++) {
		connections[i] =
			PQconnectdb(str_format(arena, "%s user=%s", bed_conninfo(), roles[i]).at);
		if (PQstatus(connections[i]) != CONNECTION_OK)
			return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROLES; i++)
		PQfinish(connections[i]);
	arena_free(&arena);
	return 0;
}

static void prepare(PGconn *connection, const char *name, const char *text)
{
	PGresult *result = PQprepare(connection, name, text, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s\n%s", name, PQerrorMessage(connection), text);
	PQclear(result);
}

static void test_prepare(void **state)
{
	(void)state;
	unsigned prepared = 0;
	for (unsigned i = 0; i < SQL_COUNT; i++) {
		for (unsigned role = 0; role < ROLES; role++) {
			if ((sql_statements[i].roles >> role & 1) == 0)
				continue;
			prepare(connections[role], sql_statements[i].name, sql_statements[i].text);
			prepared++;
		}
	}
	assert_true(prepared > 30);
}

/* The plan is the same for all values; but the log's partitions are chosen when it starts. */
static void add_arguments(struct buf *text, const char *name, unsigned parameters)
{
	static const char *const first[] = { "((extract(epoch FROM now()) * 1000000)::int8", ", 1",
		", 1", ", 1", ", 1", ", 1", ", NULL", ", NULL" };
	const bool admin = strncmp(name, "admin_log", 9) == 0;
	if (strncmp(name, "log_person", 10) == 0) {
		buf_add(text, STR("(1, 1, 'infinity', 1, 1, '-infinity')"));
		return;
	}
	for (unsigned i = 0; i < parameters; i++)
		buf_add_text(text, admin ? first[i] : i == 0 ? "(NULL" : ", NULL");
	buf_add(text, parameters > 0 ? STR(")") : STR(""));
}

/* What a plan says, line by line. */
static struct str plan_of(PGconn *connection, const char *name, unsigned parameters)
{
	struct buf text = buf_new(arena, 256, 4096);
	buf_add_format(&text, "EXPLAIN (COSTS OFF) EXECUTE \"%s\"", name);
	add_arguments(&text, name, parameters);
	buf_add_byte(&text, '\0');
	PGresult *result = PQexec(connection, text.at);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", name, PQerrorMessage(connection));
	struct buf plan = buf_new(arena, 1024, (size_t)1 << 20);
	for (int i = 0; i < PQntuples(result); i++) {
		buf_add_text(&plan, PQgetvalue(result, i, 0));
		buf_add_byte(&plan, '\n');
	}
	buf_add_byte(&plan, '\0');
	PQclear(result);
	return buf_str(&plan);
}

static void expect_plan(
	const char *name, struct str plan, const char *index, const char *const *absent)
{
	if (getenv("SHOW_PLANS") != NULL)
		printf("---- %s\n%s", name, plan.at);
	if (strstr(plan.at, index) == NULL)
		fail_msg("%s does not use %s:\n%s", name, index, plan.at);
	for (; *absent != NULL; absent++) {
		if (strstr(plan.at, *absent) != NULL)
			fail_msg("%s has a %s:\n%s", name, *absent, plan.at);
	}
}

static const char *const no_sort[] = { "Sort", "Seq Scan", "Hash Join", "Merge Join", "Bitmap",
	NULL };
static const char *const no_scan[] = { "Seq Scan", "Hash Join", "Merge Join", "Bitmap", NULL };

static void fixed_plan_but(
	enum sql statement, unsigned role, const char *index, const char *const *absent)
{
	const struct sql_statement *sql = &sql_statements[statement];
	/* Planned afresh, with what is known of the tables now. */
	char name[64];
	static unsigned turn;
	snprintf(name, sizeof(name), "%s_%u", sql->name, turn++);
	prepare(connections[role], name, sql->text);
	expect_plan(name, plan_of(connections[role], name, sql->parameters), index, absent);
}

static void fixed_plan(enum sql statement, unsigned role, const char *index)
{
	fixed_plan_but(statement, role, index, no_sort);
}

static void shape_plan(struct search_shape shape, const char *index, const char *condition,
	const char *const *absent)
{
	const struct search_text *text = search_text_new(arena, &shape);
	char name[64];
	static unsigned turn;
	snprintf(name, sizeof(name), "shape_%u_%u", search_shape_number(&shape), turn++);
	prepare(connections[1], name, text->text);
	const struct str plan = plan_of(connections[1], name, text->count);
	expect_plan(name, plan, index, absent);
	if (strstr(plan.at, condition) == NULL)
		fail_msg("%s lacks %s:\n%s", name, condition, plan.at);
}

static unsigned times(const char *text, const char *words)
{
	unsigned count = 0;
	for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words))
		count++;
	return count;
}

/* Where the words stand last; NULL if nowhere. */
static const char *last(struct str text, const char *words)
{
	const char *found = NULL, *end = text.at + text.length;
	for (const char *at = strstr(text.at, words); at != NULL && at < end;
		at = strstr(at + 1, words))
		found = at;
	return found;
}

/*
 * The rows of a page as they came: the walk along the index ends with the page and what came with its last row, and only these are sorted, above the Limit. The place of the page
 * before bounds the walk too.
 */
static void page_recv_plan(
	struct search_shape shape, const char *walk, const char *place, const char *bound)
{
	const struct search_text *text = search_text_new(arena, &shape);
	char name[64];
	static unsigned turn;
	snprintf(name, sizeof(name), "recv_%u", turn++);
	prepare(connections[1], name, text->text);
	const struct str plan = plan_of(connections[1], name, text->count);
	expect_plan(name, plan, place, no_scan);
	expect_plan(name, plan, bound, no_scan);
	const char *at = strstr(plan.at, walk);
	const char *limit =
		at == NULL ? NULL : last(str_part(plan, 0, at - plan.at), "->  Limit\n");
	if (limit == NULL)
		fail_msg("%s has no Limit above %s:\n%s", name, walk, plan.at);
	const struct str between = str_copy(arena, str_part(plan, limit - plan.at, at - plan.at));
	/* The Limit's own, that of the policies' one-time filter, the walk's. */
	if (times(between.at, "->  ") - times(between.at, "->  Result\n") != 2)
		fail_msg("%s has more than the walk below the Limit:\n%s", name, plan.at);
}

/* What a controller asks of all its patients: by tenant and more, never by it alone. */
static void check_plans_of_tenant(void)
{
	page_recv_plan((struct search_shape){ .source = SOURCE_TENANT_RECV, .ascending = true },
		"Index Scan using observation_recv", "ROW(recv, id) > ROW(", "AND (recv >= $");
	page_recv_plan((struct search_shape){ .source = SOURCE_TENANT_RECV, .updated = true },
		"Index Scan Backward using observation_recv", "ROW(recv, id) < ROW(",
		"AND (recv <= $");
	page_recv_plan((struct search_shape){ .source = SOURCE_TENANT_HISTORY },
		"Index Scan Backward using observation_recv", "ROW(recv, id, version) < ROW(",
		"AND (recv <= $");
	page_recv_plan((struct search_shape){ .source = SOURCE_TENANT_TYPE, .ascending = true },
		"Index Scan using observation_type", "ROW(recv, id) > ROW(", "AND (recv >= $");
	page_recv_plan((struct search_shape){ .source = SOURCE_TENANT_TYPE, .updated = true },
		"Index Scan Backward using observation_type", "ROW(recv, id) < ROW(",
		"AND (recv <= $");
	shape_plan((struct search_shape){ .source = SOURCE_TENANT_CODE }, "observation_tenant_code",
		"(code = k.code_id)", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_TENANT_CODE, .time = true },
		"observation_tenant_code", "(time_low >= ", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_TENANT_WALK, .code = true },
		"observation_tenant_code", "coding_concept", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_TENANT_KEY }, "obs_key_pkey",
		"(key >= r.low)", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_TENANT_HISTORY }, "observation_pkey",
		"observation_history_recv", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_TENANT_KEY_RECV }, "observation_pkey",
		"AND (tenant_id = $", no_scan);
}

/* Provenances that are worked out of readings: in order along their index, or by id; of each one row of messages. */
static void check_plans_of_messages(void)
{
	const struct search_shape walk = { .source = SOURCE_TYPE, .messages = MESSAGES_NEWEST };
	const struct search_shape named = { .source = SOURCE_IDS, .messages = MESSAGES_IDS };
	const struct search_shape targets = { .source = SOURCE_TYPE, .messages = MESSAGES_IDS };
	shape_plan(walk, "observation_new", "upload_pkey", no_scan);
	shape_plan(walk, "observation_new on observation z", "ROW(time_low, id) < ROW(", no_scan);
	shape_plan(named, "observation_history_pkey", "(id = i.id)", no_scan);
	shape_plan(named, "observation_pkey", "upload_pkey", no_scan);
	shape_plan(targets, "upload_pkey", "(id = i.id)", no_scan);
}

static void check_plans(void)
{
	fixed_plan(SQL_RESOLVE_SUBJECTS, 0, "alias_pkey");
	fixed_plan(SQL_RESOLVE_SUBJECTS, 0, "subject_bucket_person_id_tenant_id_key");
	fixed_plan(SQL_RESOLVE_BLOCKS, 0, "block_pkey");
	/* Thousands of new patients at once: linear. */
	fixed_plan_but(SQL_PERSON_NEW, 0, "hashed SubPlan", no_scan);
	fixed_plan(SQL_RESOLVE_ROW_SUBJECTS, 0, "subject_pkey");
	fixed_plan(SQL_READ_ID, 1, "observation_pkey");
	fixed_plan(SQL_READ_ID_CODES, 1, "observation_pkey");
	fixed_plan(SQL_READ_VERSION, 1, "observation_history_pkey");
	/* One Sort, of the versions of one reading. */
	fixed_plan_but(SQL_READ_MESSAGE, 1, "observation_pkey", no_scan);
	fixed_plan_but(SQL_READ_MESSAGE, 1, "upload_pkey", no_scan);
	fixed_plan(SQL_WRITE_CHANGE, 2, "observation_pkey");
	fixed_plan(SQL_WRITE_CHANGE, 2, "obs_key_pkey");
	fixed_plan(SQL_WRITE_DELETE, 2, "observation_pkey");
	fixed_plan(SQL_WRITE_DELETE, 2, "term_code");
	fixed_plan(SQL_WRITE_DELETE, 2, "observation_history_pkey");
	fixed_plan(SQL_WRITE_REPLACE, 2, "obs_key_pkey on obs_key k");
	fixed_plan(SQL_WRITE_REPLACE, 2, "obs_key_pkey on obs_key x");
	fixed_plan(SQL_WRITE_REPLACE, 2, "(key = $4)");
	fixed_plan(SQL_WRITE_CHANGE_KEYS, 2, "(key = u.key)");
	/* The versions of one reading, not a controller's all in a hash. */
	fixed_plan_but(SQL_WRITE_OBSERVATION, 2, "Filter: (digest = h.digest)", no_scan);
	fixed_plan(SQL_FIND_KEY, 2, "obs_key_pkey");
	fixed_plan(SQL_LOG_PERSON, 3, "bucket_person_id_at_id_idx");
	/* As admin_log() asks: what is sorted is of one moment, and a page. */
	PQclear(PQexec(connections[3], "SET enable_sort = off"));
	fixed_plan_but(SQL_ADMIN_LOG_TENANT, 3, "tenant_id_at_idx", no_scan);
	fixed_plan_but(SQL_ADMIN_LOG_TENANT, 3, "Incremental Sort", no_scan);
	fixed_plan_but(SQL_ADMIN_LOG_ACTOR, 3, "actor_orgnr_at_idx", no_scan);
	fixed_plan_but(SQL_ADMIN_LOG_ACTOR, 3, "Incremental Sort", no_scan);
	fixed_plan_but(SQL_ADMIN_LOG_PERSON, 3, "bucket_person_id_at_id_idx", no_scan);
	PQclear(PQexec(connections[3], "RESET enable_sort"));
	/* Sorts of a person's kinds of data, and of their months. */
	fixed_plan_but(SQL_LOCATE, 1, "locator_pkey", no_scan);
	fixed_plan_but(SQL_LOCATE, 1, "observation_new on observation o", no_scan);
	fixed_plan_but(SQL_LOCATE, 1, "(time_low >= (('1970", no_scan);
	const char *keyset = "(ROW(time_low, id) < ROW(";
	shape_plan((struct search_shape){ .source = SOURCE_NEWEST }, "observation_new", keyset,
		no_sort);
	shape_plan((struct search_shape){ .source = SOURCE_NEWEST, .ascending = true },
		"Scan Backward using observation_new", "ROW(time_low, id) > ROW(", no_sort);
	shape_plan((struct search_shape){ .source = SOURCE_NEWEST, .time = true },
		"observation_new", "(time_low >= ", no_sort);
	shape_plan(
		(struct search_shape){ .source = SOURCE_NEWEST, .time = true, .time_long = true },
		"observation_long", "observation_new", no_sort);
	shape_plan((struct search_shape){ .source = SOURCE_NEWEST, .category = true },
		"observation_new", "hashed SubPlan", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_NEWEST, .value = true },
		"observation_new", "(val_high >= ", no_sort);
	shape_plan((struct search_shape){ .source = SOURCE_NEWEST, .parts = true }, "term_code",
		"hashed SubPlan", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_NEWEST, .parts = true },
		"observation_new", keyset, no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_CODE, .value = true, .parts = true },
		"observation_code", keyset, no_scan);
	/* One Sort, of the rows of a few concepts, above the walks. */
	shape_plan((struct search_shape){ .source = SOURCE_CODE }, "observation_code", keyset,
		no_scan);
	shape_plan(
		(struct search_shape){ .source = SOURCE_CODE }, "coding_pkey", "Limit\n", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_CODE, .time = true, .time_long = true },
		"observation_code", "(time_low >= ", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_WALK, .code = true }, "observation_code",
		"coding_concept", no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_IDS }, "observation_pkey", "(id = i.id)",
		no_scan);
	shape_plan((struct search_shape){ .source = SOURCE_LAST }, "->  Limit", "observation_code",
		no_sort);
	shape_plan((struct search_shape){ .source = SOURCE_LAST }, "observation_code",
		"(code = c.code_id)", no_sort);
	check_plans_of_messages();
	check_plans_of_tenant();
}

static void test_plans_empty(void **state)
{
	(void)state;
	check_plans();
}

static void test_plans_full(void **state)
{
	(void)state;
	bed_number("INSERT INTO hub.observation (id, time_low, time_high, recv, subject_id, "
		   "upload_id, bucket, tenant_id, code, category, version, type, class, status, "
		   "pack, digest, body) "
		   "SELECT i, now() - i * interval '1 minute', now(), now(), i %% 100, 1, i %% 7, "
		   "1 + i %% 3, i %% 5, 0, 1, 1, 1, 3, 0, '00000000-0000-0000-0000-000000000000', "
		   "'x' FROM generate_series(1, 20000) i");
	bed_number("INSERT INTO hub.alias SELECT md5(i::text)::uuid, i, i %% 7, i %% 7 FROM "
		   "generate_series(1, 5000) i");
	bed_number("INSERT INTO hub.subject SELECT i, i, i %% 7, 1 + i %% 3 FROM "
		   "generate_series(1, 5000) i");
	bed_number("INSERT INTO hub.locator SELECT i, i %% 7, 1 + i %% 3, 1, 600, 1 FROM "
		   "generate_series(1, 5000) i");
	bed_number(
		"INSERT INTO hub.access_log SELECT now(), i, i %% 10, 1, i %% 7, 1, 1, 1, 1, 0, 2, "
		"'00000000-0000-0000-0000-000000000000', '', '' FROM generate_series(1, 5000) i");
	bed_number("INSERT INTO hub.code (canon, class, concept) SELECT 0, 1, 'concept ' || i FROM "
		   "generate_series(1, 2000) i");
	bed_number("INSERT INTO hub.coding SELECT code_id, 'system ' || code_id %% 10, 'code ' || "
		   "code_id FROM hub.code");
	bed_number("ANALYZE");
	check_plans();
}

static struct search_shape shape_of(uint32_t number)
{
	return (struct search_shape){
		.source = (enum search_source)(number >> 9),
		.ids_code = number & 1,
		.code = number >> 1 & 1,
		.canons = number >> 2 & 1,
		.category = number >> 3 & 1,
		.time = number >> 4 & 1,
		.time_long = number >> 5 & 1,
		.dates = number >> 6 & 1,
		.ascending = number >> 7 & 1,
		.updated = number >> 8 & 1,
	};
}

static bool is_possible(const struct search_shape *shape)
{
	const enum search_source source = shape->source;
	if (source == SOURCE_TENANT_HISTORY)
		return search_shape_number(shape) == (uint32_t)source << 9;
	const bool tenant = source >= SOURCE_TENANT_RECV, last = source == SOURCE_LAST;
	const bool ids = source == SOURCE_IDS || source == SOURCE_TENANT_RECV ||
			 source == SOURCE_TENANT_TYPE || source >= SOURCE_TENANT_KEY;
	const bool walk = source == SOURCE_WALK || last;
	return (ids || !shape->ids_code) &&
	       (walk || source == SOURCE_TENANT_WALK || shape->ids_code || !shape->code) &&
	       (walk || (ids && !tenant) || !shape->canons) && (shape->time || !shape->time_long) &&
	       !(tenant && shape->time_long) && !(last && shape->ascending);
}

/* Every combination that a search can be of. */
static void test_shapes(void **state)
{
	(void)state;
	unsigned count = 0;
	for (uint32_t i = 0; i < SEARCH_SHAPES; i++) {
		const struct search_shape shape = shape_of(i);
		if (!is_possible(&shape))
			continue;
		assert_int_equal(search_shape_number(&shape), i);
		prepare(connections[1], "", search_text_new(arena, &shape)->text);
		count++;
	}
	assert_int_equal(
		count, 48 * (1 + 1 + 4 + 6 + 1) + 24 * 4 + 32 * (3 + 3 + 1 + 2 + 3 + 3) + 1);
}

/* Readings, messages and the locator are read by controller, bucket and all. */
static unsigned tables_of(const char *text)
{
	return times(text, "hub.observation") + times(text, "hub.term") +
	       times(text, "hub.obs_key") + times(text, "hub.upload") + times(text, "hub.locator");
}

/* Provenances of messages beside every condition, in every order, and counted. */
static void test_messages(void **state)
{
	(void)state;
	struct search_sort sorts[] = { { SEARCH_KEY_UPDATED, true }, { SEARCH_KEY_DATE, false } };
	unsigned prepared = 0;
	for (uint32_t i = 0; i < (SOURCE_TYPE + 1) << 9; i++) {
		struct search_shape shape = shape_of(i);
		if (!is_possible(&shape))
			continue;
		for (unsigned kind = 0; kind < 8; kind++, prepared++) {
			shape.messages = kind & 1 ? MESSAGES_IDS : MESSAGES_NEWEST;
			shape.sorts = sorts;
			shape.sort_count = kind >> 1 == 1 || kind >> 1 == 2 ? 2 : 0;
			shape.after = kind >> 1 == 2;
			shape.counting = kind >> 1 == 3;
			assert_int_equal(search_shape_number(&shape), SEARCH_SHAPE_RARE);
			const char *text = search_text_new(arena, &shape)->text;
			prepare(connections[1], "", text);
			assert_int_equal(times(text, "tenant_id = $"), tables_of(text));
			assert_int_equal(times(text, "bucket = $"), tables_of(text));
			assert_int_equal(times(text, "hub.upload"), 1);
		}
	}
	assert_true(prepared > 1000);
}

/* Every order of up to four keys, of every source, on the first page and on later ones; and the counts. */
static void each_order(const struct search_shape *shape, struct search_sort *sorts, size_t count,
	unsigned *prepared)
{
	struct search_shape sorted = *shape;
	sorted.sorts = sorts;
	sorted.sort_count = count;
	for (unsigned after = 0; after < 2 && count > 0; after++) {
		sorted.after = after;
		assert_int_equal(search_shape_number(&sorted), SEARCH_SHAPE_RARE);
		prepare(connections[1], "", search_text_new(arena, &sorted)->text);
		++*prepared;
	}
	for (unsigned i = 0; i < 2 * SEARCH_KEYS && count < 2; i++) {
		sorts[count] = (struct search_sort){ (enum search_key)(i / 2), i % 2 };
		each_order(shape, sorts, count + 1, prepared);
	}
}

static void test_orders(void **state)
{
	(void)state;
	unsigned prepared = 0;
	struct search_sort sorts[SEARCH_KEYS];
	for (int source = SOURCE_NEWEST; source <= SOURCE_TYPE; source++) {
		struct search_shape shape = { .source = (enum search_source)source };
		each_order(&shape, sorts, 0, &prepared);
		shape.counting = true;
		assert_int_equal(search_shape_number(&shape), SEARCH_SHAPE_RARE);
		prepare(connections[1], "", search_text_new(arena, &shape)->text);
	}
	assert_int_equal(prepared, 5 * 2 * (8 + 64));
}

/* Bounds of what is looked at, beside every condition that a patient's search can have. */
static void test_narrowed(void **state)
{
	(void)state;
	unsigned prepared = 0;
	for (uint32_t i = 0; i < (SOURCE_TYPE + 1) << 9; i++) {
		struct search_shape shape = shape_of(i);
		if (!is_possible(&shape))
			continue;
		for (unsigned bounds = 1; bounds < 4; bounds++, prepared++) {
			shape.value = bounds & 1;
			shape.parts = bounds & 2;
			assert_int_equal(search_shape_number(&shape), SEARCH_SHAPE_RARE);
			const char *text = search_text_new(arena, &shape)->text;
			prepare(connections[1], "", text);
			assert_int_equal(times(text, "tenant_id = $"), tables_of(text));
			assert_int_equal(times(text, "bucket = $"), tables_of(text));
		}
	}
	assert_true(prepared > 1000);
}

/* No statement that reads readings leaves the controller to the policies alone. */
static void test_tenant_condition(void **state)
{
	(void)state;
	unsigned checked = 0;
	for (uint32_t i = 0; i < SEARCH_SHAPES; i++) {
		const struct search_shape shape = shape_of(i);
		if (!is_possible(&shape))
			continue;
		const char *text = search_text_new(arena, &shape)->text;
		const unsigned tables = tables_of(text);
		assert_true(tables > 0);
		assert_int_equal(times(text, "tenant_id = $"), tables);
		if (shape.source < SOURCE_TENANT_RECV)
			assert_int_equal(times(text, "bucket = $"), tables);
		checked++;
	}
	for (unsigned i = 0; i < SQL_COUNT; i++) {
		if ((sql_statements[i].roles & SQL_FOR_READ) == 0)
			continue;
		const unsigned tables = tables_of(sql_statements[i].text);
		assert_int_equal(times(sql_statements[i].text, "tenant_id = $"), tables);
		checked++;
	}
	assert_true(checked > 200);
}

/* A role cannot do what another is for. */
static void test_denied(void **state)
{
	(void)state;
	static const struct {
		unsigned role;
		const char *sql;
	} denials[] = {
		{ 0, "SELECT FROM hub.observation" },
		{ 0, "SELECT id_enc FROM hub.person" },
		{ 0, "INSERT INTO hub.person_link VALUES (1, 2, 3, 4)" },
		{ 1, "SELECT FROM hub.alias" },
		{ 1, "INSERT INTO hub.obs_key VALUES (1, 1, 1, "
		     "'00000000-0000-0000-0000-000000000000')" },
		{ 1, "DELETE FROM hub.observation" },
		{ 1, "SELECT FROM hub.access_log" },
		{ 2, "SELECT FROM hub.access_log" },
		{ 2, "UPDATE hub.access_log SET outcome = 1" },
		{ 2, "DELETE FROM hub.observation" },
		{ 2, "SELECT FROM hub.person" },
		{ 2, "UPDATE hub.observation SET tenant_id = 2" },
		{ 2, "UPDATE hub.code SET canon = 1" },
		{ 3, "SELECT FROM hub.observation" },
		{ 3, "INSERT INTO hub.access_log SELECT * FROM hub.access_log" },
		{ 4, "DELETE FROM hub.access_log" },
		{ 5, "SELECT FROM hub.observation" },
		{ 5, "SELECT id_enc FROM hub.person" },
		{ 5, "SELECT FROM hub.access_log" },
		{ 5, "CREATE TABLE hub.mine (i int)" },
		{ 1, "CREATE TEMPORARY TABLE t (i int)" },
		{ 1, "SET ROLE hub_owner" },
	};
	for (size_t i = 0; i < sizeof(denials) / sizeof(denials[0]); i++) {
		PGresult *result = PQexec(connections[denials[i].role], denials[i].sql);
		const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		if (sqlstate == NULL || strcmp(sqlstate, "42501") != 0)
			fail_msg("%s may: %s", roles[denials[i].role], denials[i].sql);
		PQclear(result);
	}
}

static int64_t counted(PGconn *connection, const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(connection));
	const int64_t count = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return count;
}

static void command(PGconn *connection, const char *sql)
{
	PQclear(PQexec(connection, sql));
}

/* Row-level security alone: health alone, until the transaction names another class. */
static void test_class_bound(void **state)
{
	(void)state;
	PGconn *read = connections[1];
	const char *all = "SELECT count(*) FROM hub.observation WHERE class <> 1";
	bed_number("WITH moved AS (UPDATE hub.observation SET class = 2 WHERE tenant_id = 2 AND id "
		   "= (SELECT min(id) FROM hub.observation WHERE tenant_id = 2) RETURNING 1) "
		   "SELECT count(*) FROM moved");
	command(read, "BEGIN");
	command(read, "SET LOCAL hub.tenant = 2");
	assert_int_equal(counted(read, all), 0);
	command(read, "SET LOCAL hub.classes = 8");
	assert_int_equal(counted(read, all), 0);
	command(read, "SET LOCAL hub.classes = 4");
	assert_int_equal(counted(read, all), 1);
	command(read, "COMMIT");
	bed_number("WITH moved AS (UPDATE hub.observation SET class = 1 RETURNING 1) SELECT "
		   "count(*) FROM moved");
}

/* Row-level security alone, without any condition: no tenant no row, one tenant its rows. */
static void test_bound(void **state)
{
	(void)state;
	PGconn *read = connections[1], *write = connections[2], *audit = connections[3];
	const char *all = "SELECT count(*) FROM hub.observation";
	assert_int_equal(counted(read, all), 0);
	command(read, "BEGIN");
	command(read, "SET LOCAL hub.tenant = 2");
	assert_int_equal(counted(read, all),
		bed_number("SELECT count(*) FROM hub.observation WHERE tenant_id = 2"));
	assert_int_equal(
		counted(read, "SELECT count(*) FROM hub.observation WHERE tenant_id = 1"), 0);
	command(read, "COMMIT");
	assert_int_equal(counted(read, all), 0); /* the setting is '' now, not NULL */
	command(write, "BEGIN");
	command(write, "SET LOCAL hub.tenant = 2");
	PGresult *result = PQexec(write,
		"INSERT INTO hub.obs_key VALUES (1, 7, 1, '00000000-0000-0000-0000-000000000001')");
	assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "42501");
	PQclear(result);
	command(write, "ROLLBACK");
	assert_int_equal(counted(audit, "SELECT count(*) FROM hub.access_log"), 0);
	command(audit, "BEGIN");
	command(audit, "SET LOCAL hub.person = 3");
	assert_int_equal(counted(audit, "SELECT count(*) FROM hub.access_log"),
		bed_number("SELECT count(*) FROM hub.access_log WHERE person_id = 3"));
	command(audit, "COMMIT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_plans_empty),
		cmocka_unit_test(test_plans_full),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_narrowed),
		cmocka_unit_test(test_tenant_condition),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_class_bound),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
