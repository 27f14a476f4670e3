/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An Observation is taken or refused with errors; one that is taken is stored, sent and taken again as the same. A Bundle's entries are checked too. */
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/bundle.h"
#include "fhir/observation.h"

#define NODES_MAX 10000

/* 2026-11-21T12:00:00Z */
#define NOW (INT64_C(1795262400) * INSTANT_SECOND)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct observation_policy policy = {
	.national = NATIONAL_BOTH, .zone = { .oslo = true }, .now = NOW
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static struct str sent(struct arena *arena, struct str body)
{
	const struct resource resource = { TYPE_OBSERVATION, STR("a"), 1, NOW, body };
	struct buf buf = buf_new(arena, body.length + 128, (size_t)8 << 20);
	resource_render(&buf, &resource);
	require(!buf.full);
	return buf_str(&buf);
}

static void check_concept(struct arena *arena, const struct concept *concept)
{
	const struct concept back = concept_parse(arena, concept->text);
	require(back.count == concept->count);
	for (size_t i = 0; i < back.count; i++)
		require(str_equal(back.codings[i].system, concept->codings[i].system) &&
			str_equal(back.codings[i].code, concept->codings[i].code));
}

static void check(struct arena *arena, const struct observation *first)
{
	struct outcome outcome = { .arena = arena };
	struct observation again;
	require(first->key_count > 0 && first->content.length > 0);
	require(first->time.low <= first->time.high);
	require(!first->value.present || first->value.low <= first->value.high);
	check_concept(arena, &first->code);
	check_concept(arena, &first->category);
	const struct json *json =
		json_parse(arena, sent(arena, first->body), NODES_MAX + 16, &outcome);
	require(json != NULL);
	require(observation_read(arena, json, STR("Observation"), &policy, &again, &outcome));
	require(str_equal(first->body, again.body) && str_equal(first->content, again.content));
	require(first->key_count == again.key_count);
	for (size_t i = 0; i < first->key_count; i++)
		require(str_equal(first->keys[i], again.keys[i]));
}

static void check_bundle(struct arena *arena, const struct json *json)
{
	struct outcome outcome = { .arena = arena };
	struct bundle bundle;
	if (!bundle_read(arena, json, &bundle, &outcome)) {
		require(outcome.errors > 0);
		return;
	}
	for (size_t i = 0; i < bundle.count && !arena_full(arena); i++) {
		const unsigned errors = outcome.errors;
		require(bundle_entry_check(arena, &bundle, i, &outcome) ==
			(outcome.errors == errors));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new((size_t)64 << 20);
	struct outcome outcome = { .arena = arena };
	const struct str source = { (const char *)data, size };
	const struct json *json = json_parse(arena, source, NODES_MAX, &outcome);
	struct observation observation;
	if (json != NULL) {
		const bool taken = observation_read(
			arena, json, STR("Observation"), &policy, &observation, &outcome);
		require(taken == (outcome.errors == 0));
		if (taken)
			check(arena, &observation);
		check_bundle(arena, json);
		struct buf buf = buf_new(arena, 1024, (size_t)8 << 20);
		outcome_render(&buf, &outcome);
		struct outcome none = { .arena = arena };
		require(json_parse(arena, buf_str(&buf), NODES_MAX, &none) != NULL);
	}
	arena_free(&arena);
	return 0;
}
