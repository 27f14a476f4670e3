/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A patch is refused with an error, or what it makes is JSON again, of which all that may not be patched is as it was. */
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/patch.h"

#define NODES_MAX 20000
#define HERE                                                                               \
	"{\"resourceType\":\"Observation\",\"id\":\"x\",\"meta\":{\"versionId\":\"1\","    \
	"\"tag\":[{\"code\":\"t\"}]},\"status\":\"final\",\"valueQuantity\":{ \"value\": " \
	"70.50 },\"note\":[{\"text\":\"a\"},{\"text\":\"b\"}]}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new((size_t)64 << 20);
	struct outcome outcome = { .arena = arena };
	const struct json *now = json_parse(arena, STR(HERE), NODES_MAX, &outcome);
	const struct json *patch =
		json_parse(arena, (struct str){ (const char *)data, size }, NODES_MAX, &outcome);
	struct str out;
	if (patch == NULL) {
		arena_free(&arena);
		return 0;
	}
	if (patch_apply(arena, TYPE_OBSERVATION, now, patch, &out, &outcome)) {
		require(outcome.errors == 0);
		const struct json *made = json_parse(arena, out, 2 * NODES_MAX, &outcome);
		if (made != NULL) {
			require(str_is(json_text(made, "resourceType"), "Observation"));
			require(str_equal(json_get(made, "valueQuantity")->raw,
				json_get(now, "valueQuantity")->raw));
			require(str_is(json_text(json_get(made, "meta"), "versionId"), "1"));
		}
	} else {
		require(outcome.errors > 0);
	}
	arena_free(&arena);
	return 0;
}
