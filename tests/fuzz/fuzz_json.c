/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A text that parses is written to a text that parses to the same; all slices lie in the source; numbers agree with decimal.h. */
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/decimal.h"
#include "fhir/base/json.h"

#define NODES_MAX 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_number(struct arena *arena, struct str text)
{
	double low = 0, high = 0, value = 0;
	struct str canonical;
	if (!decimal_is_valid(text)) {
		require(!decimal_value(text, &value));
		return;
	}
	require(decimal_range(text, &low, &high) && decimal_value(text, &value));
	require(low <= value && value <= high);
	require(decimal_canonical(arena, text, &canonical) && canonical.length > 0);
}

static void check(struct arena *arena, const struct json *json, struct str source)
{
	require(json->raw.at >= source.at && json->raw.length > 0);
	require((size_t)(json->raw.at - source.at) + json->raw.length <= source.length);
	require(str_is_utf8(json->text) && str_is_utf8(json->key));
	if (json->type == JSON_NUMBER)
		check_number(arena, json->text);
	unsigned count = 0;
	json_each(item, json)
	{
		check(arena, item, json->raw);
		count++;
	}
	require(count == json->count);
}

static struct str written(struct arena *arena, const struct json *json)
{
	struct buf buf = buf_new(arena, 256, SIZE_MAX / 4);
	json_write(&buf, json);
	require(!buf.full);
	return buf_str(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new((size_t)64 << 20);
	struct outcome outcome = { .arena = arena };
	const struct str source = { (const char *)data, size };
	const struct json *json = json_parse(arena, source, NODES_MAX, &outcome);
	require((json == NULL) == (outcome.errors == 1));
	if (json != NULL) {
		check(arena, json, source);
		const struct str once = written(arena, json);
		const struct json *again = json_parse(arena, once, NODES_MAX, &outcome);
		require(again != NULL && str_equal(once, written(arena, again)));
	}
	arena_free(&arena);
	return 0;
}
