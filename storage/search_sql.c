/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/search_sql.h"

#include <assert.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "storage/statements.h"

#define TEXT_MAX ((size_t)32 << 10)

static const char *const names[SEARCH_VALUES] = {
#define VALUE(name) [SEARCH_VALUE_##name] = #name,
#include "storage/search_params.tbl"
#undef VALUE
};

uint32_t search_shape_number(const struct search_shape *shape)
{
	const uint32_t flags = (uint32_t)shape->ids_code | (uint32_t)shape->code << 1 |
			       (uint32_t)shape->canons << 2 | (uint32_t)shape->category << 3 |
			       (uint32_t)shape->time << 4 | (uint32_t)shape->time_long << 5 |
			       (uint32_t)shape->dates << 6 | (uint32_t)shape->ascending << 7;
	return (uint32_t)shape->source << 8 | flags;
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
	enum search_value value = (enum search_value)0;
	while (value < SEARCH_VALUES && !str_is(name, names[value]))
		value++;
	assert(value < SEARCH_VALUES); /* a fragment of ours names an unknown value */
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

/* The concepts asked for, as the CTE c, where the shape has them. */
static void join_codes(struct joiner *joiner, const struct search_shape *shape)
{
	if (shape->source == SOURCE_CODE) {
		join(joiner, SQL_SEARCH_WITH_CODE_ONE);
		return;
	}
	join(joiner, SQL_SEARCH_WITH_WALK);
	join(joiner, SQL_SEARCH_WITH_CODE);
	if (shape->code)
		join(joiner, SQL_SEARCH_CODE_TOKENS);
	if (shape->canons)
		join(joiner, SQL_SEARCH_CODE_CANONS);
	buf_add_text(&joiner->buf, ")\n");
}

static void join_with(struct joiner *joiner, const struct search_shape *shape)
{
	const bool codes =
		shape->source == SOURCE_CODE || shape->source == SOURCE_WALK || shape->ids_code;
	if (!codes && !shape->category)
		return;
	buf_add_text(&joiner->buf, "WITH RECURSIVE\n");
	if (codes)
		join_codes(joiner, shape);
	if (codes && shape->category)
		buf_add_text(&joiner->buf, ", ");
	if (shape->category)
		join(joiner, SQL_SEARCH_WITH_CATEGORY);
}

static void join_source(struct joiner *joiner, const struct search_shape *shape)
{
	switch (shape->source) {
	case SOURCE_NEWEST:
		join(joiner, SQL_SEARCH_NEWEST);
		break;
	case SOURCE_CODE:
	case SOURCE_WALK:
		join(joiner, SQL_SEARCH_BY_CODE);
		break;
	case SOURCE_IDS:
		join(joiner, SQL_SEARCH_BY_ID);
		break;
	}
}

static void join_conditions(struct joiner *joiner, const struct search_shape *shape)
{
	if (shape->ids_code)
		join(joiner, SQL_SEARCH_IN_CODE);
	if (shape->time)
		join(joiner, SQL_SEARCH_TIME);
	if (shape->time_long)
		join(joiner, SQL_SEARCH_TIME_LONG);
	join(joiner, shape->canons ? SQL_SEARCH_CANONS : SQL_SEARCH_CLASSES);
	if (shape->category)
		join(joiner, SQL_SEARCH_IN_CATEGORY);
	if (shape->dates)
		join(joiner, SQL_SEARCH_DATES);
	join(joiner, shape->ascending ? SQL_SEARCH_PAGE_ASC : SQL_SEARCH_PAGE_DESC);
	if (shape->source != SOURCE_NEWEST)
		join(joiner, shape->ascending ? SQL_SEARCH_MERGE_ASC : SQL_SEARCH_MERGE_DESC);
}

const struct search_text *search_text_new(struct arena *arena, const struct search_shape *shape)
{
	struct search_text *text = arena_alloc(arena, sizeof(*text));
	struct joiner joiner = { .buf = buf_new(arena, 4096, TEXT_MAX), .text = text };
	join_with(&joiner, shape);
	join_source(&joiner, shape);
	join_conditions(&joiner, shape);
	buf_add_byte(&joiner.buf, '\0');
	assert(!joiner.buf.full);
	text->text = buf_str(&joiner.buf).at;
	return text;
}
