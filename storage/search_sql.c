/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/search_sql.h"

#include <assert.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "storage/statements.h"

#define TEXT_MAX ((size_t)32 << 10)

static const char *const names[SEARCH_SLOTS] = {
#define VALUE(name) [SEARCH_SLOT_##name] = #name,
#include "storage/search_params.tbl"
#undef VALUE
};

uint32_t search_shape_number(const struct search_shape *shape)
{
	if (shape->sort_count > 0 || shape->counting || shape->value || shape->parts ||
		shape->messages != MESSAGES_NONE)
		return SEARCH_SHAPE_RARE;
	const uint32_t flags = (uint32_t)shape->ids_code | (uint32_t)shape->code << 1 |
			       (uint32_t)shape->canons << 2 | (uint32_t)shape->category << 3 |
			       (uint32_t)shape->time << 4 | (uint32_t)shape->time_long << 5 |
			       (uint32_t)shape->dates << 6 | (uint32_t)shape->ascending << 7 |
			       (uint32_t)shape->updated << 8;
	return (uint32_t)shape->source << 9 | flags;
}

struct joiner {
	struct buf buf;
	struct search_text *text;
};

static bool is_name(char byte)
{
	return (byte >= 'a' && byte <= 'z') || byte == '_';
}

static unsigned number_of(struct search_text *text, struct str name)
{
	enum search_slot value = (enum search_slot)0;
	while (value < SEARCH_SLOTS && !str_is(name, names[value]))
		value++;
	assert(value < SEARCH_SLOTS); /* a fragment of ours names an unknown value */
	for (unsigned i = 0; i < text->count; i++) {
		if (text->values[i] == value)
			return i + 1;
	}
	text->values[text->count++] = value;
	return text->count;
}

/* Adds a fragment, each `$name` as its number. */
static void join(struct joiner *joiner, enum sql fragment)
{
	assert(sql_statements[fragment].roles == 0);
	const struct str text = str_of(sql_statements[fragment].text);
	size_t from = 0;
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] != '$')
			continue;
		size_t end = i + 1;
		while (end < text.length && is_name(text.at[end]))
			end++;
		buf_add(&joiner->buf, str_part(text, from, i + 1 - from));
		buf_add_u64(
			&joiner->buf, number_of(joiner->text, str_part(text, i + 1, end - i - 1)));
		from = end;
		i = end - 1;
	}
	buf_add(&joiner->buf, str_part(text, from, text.length - from));
	buf_add_byte(&joiner->buf, '\n');
}

/* Of a controller's readings, no patient named? */
static bool is_of_tenant(enum search_source source)
{
	return source >= SOURCE_TENANT_RECV;
}

/* As they came, not by date. */
static bool is_by_recv(enum search_source source)
{
	return source == SOURCE_TENANT_RECV || source == SOURCE_TENANT_TYPE ||
	       source == SOURCE_TENANT_KEY_RECV;
}

/* The concepts asked for, as the CTE c, where the shape has them. */
static void join_codes(struct joiner *joiner, const struct search_shape *shape)
{
	if (shape->source == SOURCE_CODE || shape->source == SOURCE_TENANT_CODE) {
		join(joiner, SQL_SEARCH_WITH_CODE_ONE);
		return;
	}
	join(joiner, is_of_tenant(shape->source) ? SQL_SEARCH_TENANT_WALK : SQL_SEARCH_WITH_WALK);
	join(joiner, SQL_SEARCH_WITH_CODE);
	if (shape->code)
		join(joiner, SQL_SEARCH_CODE_TOKENS);
	if (shape->canons)
		join(joiner, SQL_SEARCH_CODE_CANONS);
	buf_add_text(&joiner->buf, ")\n");
}

static void join_with(struct joiner *joiner, const struct search_shape *shape)
{
	static const bool walks[] = { [SOURCE_CODE] = true,
		[SOURCE_WALK] = true,
		[SOURCE_LAST] = true,
		[SOURCE_TENANT_CODE] = true,
		[SOURCE_TENANT_WALK] = true,
		[SOURCE_TENANT_KEY_RECV] = false };
	const bool codes = walks[shape->source] || shape->ids_code;
	if (!codes && !shape->category && !shape->parts)
		return;
	buf_add_text(&joiner->buf, "WITH RECURSIVE\n");
	if (codes)
		join_codes(joiner, shape);
	if (codes && shape->category)
		buf_add_text(&joiner->buf, ", ");
	if (shape->category)
		join(joiner, SQL_SEARCH_WITH_CATEGORY);
	if (shape->parts && (codes || shape->category))
		buf_add_text(&joiner->buf, ", ");
	if (shape->parts)
		join(joiner, SQL_SEARCH_WITH_PARTS);
}

/* Does the source begin a subquery that is still to be ended? */
static bool is_open(const struct search_shape *shape)
{
	return shape->source != SOURCE_NEWEST && shape->source != SOURCE_TYPE;
}

static void join_source(struct joiner *joiner, const struct search_shape *shape)
{
	static const enum sql sources[] = {
		[SOURCE_NEWEST] = SQL_SEARCH_NEWEST,
		[SOURCE_CODE] = SQL_SEARCH_BY_CODE,
		[SOURCE_WALK] = SQL_SEARCH_BY_CODE,
		[SOURCE_IDS] = SQL_SEARCH_BY_ID,
		[SOURCE_TYPE] = SQL_SEARCH_OF_TYPE,
		[SOURCE_LAST] = SQL_SEARCH_BY_CODE,
		[SOURCE_TENANT_RECV] = SQL_SEARCH_TENANT_RECV,
		[SOURCE_TENANT_TYPE] = SQL_SEARCH_TENANT_TYPE,
		[SOURCE_TENANT_CODE] = SQL_SEARCH_TENANT_CODE,
		[SOURCE_TENANT_WALK] = SQL_SEARCH_TENANT_CODE,
		[SOURCE_TENANT_KEY] = SQL_SEARCH_TENANT_KEY,
		[SOURCE_TENANT_KEY_RECV] = SQL_SEARCH_TENANT_KEY,
	};
	join(joiner, sources[shape->source]);
}

static void join_conditions(struct joiner *joiner, const struct search_shape *shape)
{
	if (shape->ids_code)
		join(joiner, SQL_SEARCH_IN_CODE);
	if (shape->time)
		join(joiner, SQL_SEARCH_TIME);
	if (shape->time_long)
		join(joiner, SQL_SEARCH_TIME_LONG);
	join(joiner, SQL_SEARCH_STATUS);
	if (shape->updated)
		join(joiner, SQL_SEARCH_UPDATED);
	join(joiner, shape->canons ? SQL_SEARCH_CANONS : SQL_SEARCH_CLASSES);
	if (shape->category)
		join(joiner, SQL_SEARCH_IN_CATEGORY);
	if (shape->dates)
		join(joiner, SQL_SEARCH_DATES);
	if (shape->value)
		join(joiner, SQL_SEARCH_VALUE);
	if (shape->parts)
		join(joiner, SQL_SEARCH_IN_PARTS);
}

/* As it came, which an index of the tenant has. */
static void join_page_recv(struct joiner *joiner, const struct search_shape *shape)
{
	join(joiner, shape->ascending ? SQL_SEARCH_RECV_PAGE_ASC : SQL_SEARCH_RECV_PAGE_DESC);
	join(joiner, shape->ascending ? SQL_SEARCH_RECV_MERGE_ASC : SQL_SEARCH_RECV_MERGE_DESC);
}

/* By date alone, as the indexes have it. */
static void join_page(struct joiner *joiner, const struct search_shape *shape)
{
	if (is_by_recv(shape->source)) {
		join_page_recv(joiner, shape);
		return;
	}
	if (shape->source == SOURCE_LAST) {
		join(joiner, SQL_SEARCH_LAST_PAGE);
		buf_add_text(&joiner->buf, ") o ) o\n");
		return;
	}
	join(joiner, shape->ascending ? SQL_SEARCH_PAGE_ASC : SQL_SEARCH_PAGE_DESC);
	if (is_open(shape))
		join(joiner, shape->ascending ? SQL_SEARCH_MERGE_ASC : SQL_SEARCH_MERGE_DESC);
}

/* ---- keys of _sort */

static void join_key(struct joiner *joiner, enum search_key key)
{
	static const enum sql keys[] = {
		[SEARCH_KEY_DATE] = SQL_SEARCH_KEY_DATE,
		[SEARCH_KEY_UPDATED] = SQL_SEARCH_KEY_UPDATED,
		[SEARCH_KEY_CODE] = SQL_SEARCH_KEY_CODE,
		[SEARCH_KEY_VALUE] = SQL_SEARCH_KEY_VALUE,
	};
	join(joiner, keys[key]);
}

static void join_after(struct joiner *joiner, enum search_key key, const char *operator)
{
	static const enum sql places[] = {
		[SEARCH_KEY_DATE] = SQL_SEARCH_AFTER_DATE,
		[SEARCH_KEY_UPDATED] = SQL_SEARCH_AFTER_UPDATED,
		[SEARCH_KEY_CODE] = SQL_SEARCH_AFTER_CODE,
		[SEARCH_KEY_VALUE] = SQL_SEARCH_AFTER_VALUE,
	};
	join_key(joiner, key);
	buf_add_text(&joiner->buf, operator);
	join(joiner, places[key]);
}

/* k1 > a1 OR (k1 = a1 AND (k2 < a2 OR (k2 = a2 AND (id > a)))): each key by its own direction, the id by that of the first. */
static void join_keyset(struct joiner *joiner, const struct search_shape *shape)
{
	buf_add_text(&joiner->buf, "WHERE (");
	for (size_t i = 0; i < shape->sort_count; i++) {
		join_after(joiner, shape->sorts[i].key, shape->sorts[i].descending ? "< " : "> ");
		buf_add_text(&joiner->buf, "OR (");
		join_after(joiner, shape->sorts[i].key, "= ");
		buf_add_text(&joiner->buf, "AND (");
	}
	join(joiner,
		shape->sorts[0].descending ? SQL_SEARCH_AFTER_ID_DESC : SQL_SEARCH_AFTER_ID_ASC);
	for (size_t i = 0; i < shape->sort_count; i++)
		buf_add_text(&joiner->buf, "))");
	buf_add_text(&joiner->buf, ")\n");
}

static void join_order(struct joiner *joiner, const struct search_shape *shape)
{
	buf_add_text(&joiner->buf, "ORDER BY ");
	for (size_t i = 0; i < shape->sort_count; i++) {
		join_key(joiner, shape->sorts[i].key);
		buf_add_text(&joiner->buf, shape->sorts[i].descending ? "DESC, " : ", ");
	}
	join(joiner, shape->sorts[0].descending ? SQL_SEARCH_LAST_DESC : SQL_SEARCH_LAST_ASC);
}

/* ---- rows */

/* What is stored, and behind it what is worked out of messages: each in order and no more than a page, where there is one. */
static void join_union(struct joiner *joiner, const struct search_shape *shape, bool paged)
{
	const enum sql order = shape->ascending ? SQL_SEARCH_PAGE_ASC : SQL_SEARCH_PAGE_DESC;
	/* The time asked about is that of readings ($everything): what was sent has the time of its writing. */
	struct search_shape timeless = *shape;
	timeless.time = timeless.time_long = timeless.dates = false;
	buf_add_text(&joiner->buf, "SELECT o.* FROM ((\n");
	join_source(joiner, shape);
	join_conditions(joiner, &timeless);
	if (paged)
		join_page(joiner, shape);
	else if (is_open(shape))
		buf_add_text(&joiner->buf, ") o\n");
	buf_add_text(&joiner->buf, ") UNION ALL (\n");
	join(joiner, SQL_SEARCH_MESSAGES);
	join(joiner, shape->messages == MESSAGES_IDS ? SQL_SEARCH_MESSAGES_BY_ID
						     : SQL_SEARCH_MESSAGES_NEWEST);
	join(joiner, SQL_SEARCH_MESSAGES_END);
	join_conditions(joiner, shape);
	if (paged)
		join(joiner, order);
	buf_add_text(&joiner->buf, ")\n");
	if (paged)
		join(joiner, shape->ascending ? SQL_SEARCH_MERGE_ASC : SQL_SEARCH_MERGE_DESC);
}

static void join_rows(struct joiner *joiner, const struct search_shape *shape, bool paged)
{
	if (shape->messages != MESSAGES_NONE) {
		join_union(joiner, shape, paged);
	} else {
		join_source(joiner, shape);
		join_conditions(joiner, shape);
		if (paged)
			join_page(joiner, shape);
	}
	if (!paged)
		buf_add_text(&joiner->buf,
			is_open(shape) || shape->messages != MESSAGES_NONE ? ") o ) o\n" : ") o\n");
}

static const struct search_text *text_end(struct joiner *joiner)
{
	buf_add_byte(&joiner->buf, '\0');
	assert(!joiner->buf.full);
	joiner->text->text = buf_str(&joiner->buf).at;
	return joiner->text;
}

const struct search_text *search_text_new(struct arena *arena, const struct search_shape *shape)
{
	const bool around = shape->sort_count > 0 || shape->counting;
	struct search_text *text = arena_alloc(arena, sizeof(*text));
	struct joiner joiner = { .buf = buf_new(arena, 4096, TEXT_MAX), .text = text };
	if (shape->source == SOURCE_TENANT_HISTORY) {
		join(&joiner, SQL_SEARCH_TENANT_HISTORY);
		return text_end(&joiner);
	}
	join_with(&joiner, shape);
	if (shape->source == SOURCE_LAST)
		join(&joiner, SQL_SEARCH_LAST);
	if (around)
		join(&joiner, shape->counting ? SQL_SEARCH_COUNT : SQL_SEARCH_SORTED);
	join_rows(&joiner, shape, !around);
	if (shape->sort_count > 0 && !shape->counting) {
		if (shape->after)
			join_keyset(&joiner, shape);
		join_order(&joiner, shape);
	}
	return text_end(&joiner);
}
