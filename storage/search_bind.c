/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/search_bind.h"

/* ---- conditions as columns */

static struct token_columns token_columns(
	struct arena *arena, const struct search_tokens *tokens, size_t count)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += tokens[i].count;
	struct token_columns columns = {
		.occurrences = arena_array(arena, total, sizeof(int32_t)),
		.kinds = arena_array(arena, total, sizeof(int16_t)),
		.systems = arena_array(arena, total, sizeof(struct str)),
		.codes = arena_array(arena, total, sizeof(struct str)),
		.occurrence_count = (int32_t)count,
	};
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < tokens[i].count; j++) {
			const struct search_token *token = &tokens[i].values[j];
			const size_t at = columns.count++;
			columns.occurrences[at] = (int32_t)i;
			if (token->any_system)
				columns.kinds[at] = 1;
			else if (token->any_code)
				columns.kinds[at] = 2;
			columns.systems[at] = token->any_system ? STR("") : token->system;
			columns.codes[at] = token->any_code ? STR("") : token->code;
		}
	}
	return columns;
}

static struct date_columns date_columns(
	struct arena *arena, const struct search *search, const struct search_time *time)
{
	size_t total = 0;
	for (size_t i = 0; i < time->rest_count; i++)
		total += search->dates[time->rest[i]].count;
	struct date_columns columns = {
		.occurrences = arena_array(arena, total, sizeof(int32_t)),
		.prefixes = arena_array(arena, total, sizeof(int16_t)),
		.lows = arena_array(arena, total, sizeof(instant)),
		.highs = arena_array(arena, total, sizeof(instant)),
	};
	for (size_t i = 0; i < time->rest_count; i++) {
		const struct search_dates *dates = &search->dates[time->rest[i]];
		for (size_t j = 0; j < dates->count; j++) {
			const size_t at = columns.count++;
			columns.occurrences[at] = (int32_t)i;
			columns.prefixes[at] = (int16_t)dates->values[j].prefix;
			columns.lows[at] = dates->values[j].span.low;
			columns.highs[at] = dates->values[j].span.high;
		}
	}
	return columns;
}

struct finding *finding_new(struct store_search *search)
{
	struct arena *arena = search->call.arena;
	const struct search *asked = search->search;
	struct finding *finding = arena_alloc(arena, sizeof(*finding));
	finding->search = search;
	finding->founds.arena = arena;
	finding->time = search_time_of(arena, asked);
	finding->codes = token_columns(arena, asked->codes, asked->code_count);
	finding->categories = token_columns(arena, asked->categories, asked->category_count);
	finding->dates = date_columns(arena, asked, &finding->time);
	return finding;
}

/* ---- what each value is */

struct binding {
	struct db_params *params;
	struct arena *arena;
	const struct part_finding *part;
	const struct finding *finding;
	const struct store_search *search;
};

#define BIND(name, ...)                                        \
	static void bind_##name(const struct binding *binding) \
	{                                                      \
		__VA_ARGS__;                                   \
	}
#define TIME(name)      BIND(name, db_time(binding->params, binding->finding->time.name))
#define PART(name, put) BIND(name, put(binding->params, binding->arena, binding->part->part))
#define TOKENS(name, which, put, member)                                \
	BIND(name, put(binding->params, binding->finding->which.member, \
			   binding->finding->which.count))

static instant page_time(const struct store_search *search)
{
	if (search->has_after)
		return search->after_time;
	return search->search->ascending ? INSTANT_MIN : INSTANT_MAX;
}

static int64_t page_id(const struct store_search *search)
{
	if (search->has_after)
		return (int64_t)search->after_id;
	return search->search->ascending ? -1 : INT64_MAX;
}

BIND(after_id, db_int8(binding->params, page_id(binding->search)))
BIND(after_time, db_time(binding->params, page_time(binding->search)))
BIND(bucket, db_int4(binding->params, binding->part->part->bucket))
BIND(tenant, db_int4(binding->params, (int32_t)binding->part->part->tenant))
BIND(type, db_int2(binding->params, TYPE_OBSERVATION))
BIND(subject, db_int8(binding->params, (int64_t)binding->part->part->subject))
/* One more than the page, to know whether there is a next. */
BIND(limit, db_int4(binding->params, (int32_t)binding->search->limit + 1))
BIND(ids, db_int8s(binding->params, binding->part->ids, binding->part->id_count))
PART(classes, part_classes)
PART(canons, part_canons)
PART(canon_classes, part_canon_classes)
PART(blocked, part_blocked)
BIND(code_system, db_text(binding->params, binding->finding->codes.systems[0]))
BIND(code_code, db_text(binding->params, binding->finding->codes.codes[0]))
BIND(code_count, db_int4(binding->params, binding->finding->codes.occurrence_count))
TOKENS(code_occurrences, codes, db_int4s, occurrences)
TOKENS(code_kinds, codes, db_int2s, kinds)
TOKENS(code_systems, codes, db_texts, systems)
TOKENS(code_codes, codes, db_texts, codes)
BIND(category_count, db_int4(binding->params, binding->finding->categories.occurrence_count))
TOKENS(category_occurrences, categories, db_int4s, occurrences)
TOKENS(category_kinds, categories, db_int2s, kinds)
TOKENS(category_systems, categories, db_texts, systems)
TOKENS(category_codes, categories, db_texts, codes)
TOKENS(date_occurrences, dates, db_int4s, occurrences)
TOKENS(date_prefixes, dates, db_int2s, prefixes)
TOKENS(date_lows, dates, db_times, lows)
TOKENS(date_highs, dates, db_times, highs)
TIME(low_from)
TIME(low_to)
TIME(high_over)
TIME(high_to)
TIME(from_low)
TIME(from_high)
TIME(to_low)
TIME(to_high)
TIME(long_from)
TIME(long_after)

static void (*const binders[SEARCH_VALUES])(const struct binding *binding) = {
#define VALUE(name) [SEARCH_VALUE_##name] = bind_##name,
#include "storage/search_params.tbl"
#undef VALUE
};

void search_bind(struct db_params *params, struct arena *arena, const struct search_text *text,
	const struct part_finding *part)
{
	const struct binding binding = { .params = params,
		.arena = arena,
		.part = part,
		.finding = part->finding,
		.search = part->finding->search };
	for (unsigned i = 0; i < text->count; i++)
		binders[text->values[i]](&binding);
}
