/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/search_bind.h"

#include <math.h>

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
	finding->scanning = match_is_needed(asked);
	finding->has_after = search->has_after && search->last == 0;
	finding->after = search->after;
	finding->kept.arena = arena;
	if (finding->scanning) {
		finding->kept.room = search->limit + 1;
		finding->kept.rows =
			arena_array(arena, finding->kept.room, sizeof(*finding->kept.rows));
	}
	finding->time = search_time_of(arena, asked);
	finding->narrow = search_narrow_of(arena, asked);
	/* A filter might walk through all that a controller has: there the rows are looked at in slices. */
	if (search_is_of_tenant(search))
		search_narrow_codes(&finding->narrow);
	finding->codes = token_columns(arena, finding->narrow.codes, finding->narrow.code_count);
	finding->parts = token_columns(arena, &finding->narrow.parts, 1);
	finding->categories = token_columns(arena, asked->categories, asked->category_count);
	finding->dates = date_columns(arena, asked, &finding->time);
	return finding;
}

bool finding_is_one_coding(const struct finding *finding)
{
	const struct search_narrow *narrow = &finding->narrow;
	return narrow->code_count == 1 && narrow->codes[0].count == 1 &&
	       !narrow->codes[0].values[0].any_system && !narrow->codes[0].values[0].any_code;
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

/* By _lastUpdated in the direction of that key, else by date. */
static bool is_ascending(const struct finding *finding)
{
	const struct search *search = finding->search->search;
	return search->sort_count > 0 ? !search->sorts[0].descending : search->ascending;
}

static instant page_time(const struct finding *finding)
{
	if (finding->has_after)
		return finding->after.time_low;
	return finding->search->search->ascending ? INSTANT_MIN : INSTANT_MAX;
}

static int64_t page_id(const struct finding *finding)
{
	if (finding->has_after)
		return (int64_t)finding->after.id;
	return finding->search->search->ascending ? -1 : INT64_MAX;
}

static double value_key(const struct search *search, double value)
{
	size_t i = 0;
	while (i < search->sort_count && search->sorts[i].key != SEARCH_KEY_VALUE)
		i++;
	return store_value_key(value, i < search->sort_count && search->sorts[i].descending);
}

static struct str code_key(const struct search *search, struct str code)
{
	size_t i = 0;
	while (i < search->sort_count && search->sorts[i].key != SEARCH_KEY_CODE)
		i++;
	return store_code_key(code, i < search->sort_count && search->sorts[i].descending);
}

static enum resource_type type_of(const struct search *search)
{
	return search->type == TYPE_NONE ? TYPE_OBSERVATION : search->type;
}

static instant page_recv(const struct finding *finding)
{
	if (finding->has_after)
		return finding->after.updated;
	return is_ascending(finding) ? INSTANT_MIN : INSTANT_MAX;
}

/* The bounds of a search over a controller's patients begin where its conditions do. */
static int64_t recv_id(const struct finding *finding)
{
	if (finding->has_after)
		return (int64_t)finding->after.id;
	return is_ascending(finding) ? -1 : INT64_MAX;
}

BIND(page_recv, db_time(binding->params, page_recv(binding->finding)))
BIND(page_id, db_int8(binding->params, recv_id(binding->finding)))
BIND(page_version,
	db_int4(binding->params,
		binding->finding->has_after ? binding->finding->after.version : INT32_MAX))
BIND(horizon, db_time(binding->params, binding->search->horizon))
BIND(key_lows, db_uuids(binding->params, binding->finding->key_lows, binding->finding->key_count))
BIND(key_highs, db_uuids(binding->params, binding->finding->key_highs, binding->finding->key_count))
BIND(after_id, db_int8(binding->params, page_id(binding->finding)))
BIND(after_time, db_time(binding->params, page_time(binding->finding)))
BIND(after_updated, db_time(binding->params, binding->finding->after.updated))
BIND(after_code,
	db_text(binding->params, code_key(binding->search->search, binding->finding->after.code)))
BIND(code_none, db_text(binding->params, code_key(binding->search->search, STR(""))))
BIND(after_value, db_float8(binding->params,
			  value_key(binding->search->search, binding->finding->after.value)))
BIND(value_none, db_float8(binding->params, value_key(binding->search->search, NAN)))
BIND(value_from, db_float8(binding->params, binding->finding->narrow.value_from))
BIND(value_to, db_float8(binding->params, binding->finding->narrow.value_to))
BIND(part_from, db_float8(binding->params, binding->finding->narrow.part_from))
BIND(part_to, db_float8(binding->params, binding->finding->narrow.part_to))
BIND(part_own, db_bool(binding->params, binding->finding->narrow.parts_own))
BIND(part_values, db_bool(binding->params, binding->finding->narrow.part_values))
BIND(bucket, db_int4(binding->params, binding->part->part->bucket))
BIND(tenant, db_int4(binding->params, (int32_t)binding->part->part->tenant))
BIND(type, db_int2(binding->params, (int16_t)type_of(binding->search->search)))
BIND(subject, db_int8(binding->params, (int64_t)binding->part->part->subject))
/* One more than the page, to know whether there is a next. */
BIND(limit, db_int4(binding->params, (int32_t)binding->finding->slice + 1))
/* All bits but that of the deleted, where none is asked for. */
BIND(statuses, db_int4(binding->params, binding->search->search->statuses == 0
						? -2
						: (int32_t)binding->search->search->statuses))
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
TOKENS(part_kinds, parts, db_int2s, kinds)
TOKENS(part_systems, parts, db_texts, systems)
TOKENS(part_codes, parts, db_texts, codes)
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
TIME(recv_from)
TIME(recv_to)

static void (*const binders[SEARCH_SLOTS])(const struct binding *binding) = {
#define VALUE(name) [SEARCH_SLOT_##name] = bind_##name,
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
