/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A query is refused with an error, or its canonical text says the same again; nothing in an issue looks like a personal number. */
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct search_policy policy = {
	.national = NATIONAL_BOTH, .zone = { .oslo = true }, .now = INT64_C(1795262400000000)
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(struct str text)
{
	unsigned digits = 0;
	for (size_t i = 0; i < text.length; i++) {
		digits = text.at[i] >= '0' && text.at[i] <= '9' ? digits + 1 : 0;
		require(digits < 11);
	}
}

static void check(struct arena *arena, const struct search *first)
{
	struct outcome outcome = { .arena = arena };
	struct search again;
	const struct str text = str_format(arena, "patient=a&%.*s", STR_ARG(first->canonical));
	require(search_parse(arena, text, &policy, &again, &outcome));
	require(str_equal(first->canonical, again.canonical));
	require(first->code_count == again.code_count && first->count == again.count);
	require(first->category_count == again.category_count);
	require(first->date_count == again.date_count && first->id_count == again.id_count);
	require(first->ascending == again.ascending && first->sort_count == again.sort_count);
	require(first->condition_count == again.condition_count);
	require(first->count >= 1 && first->count <= SEARCH_COUNT_MAX);
	for (size_t i = 0; i < first->date_count; i++)
		for (size_t at = 0; at < first->dates[i].count; at++)
			require(first->dates[i].values[at].span.low <
				first->dates[i].values[at].span.high);
	for (size_t i = 0; i < first->code_count; i++)
		require(first->codes[i].count == again.codes[i].count && first->codes[i].count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new((size_t)16 << 20);
	struct outcome outcome = { .arena = arena };
	const struct str query = { (const char *)data, size };
	struct search search;
	const bool taken = search_parse(arena, query, &policy, &search, &outcome);
	require(taken == (outcome.errors == 0));
	for (const struct issue *issue = outcome.first; issue != NULL; issue = issue->next)
		check_text(issue->text);
	if (taken)
		check(arena, &search);
	arena_free(&arena);
	return 0;
}
