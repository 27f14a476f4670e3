/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is said of where a reading came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/envelope.h"
#include "fhir/hl7/provenance.h"
#include "fhir/resource.h"

#define ID "00000000000000000000000001"
#define WHOLE                                                                            \
	"{\"resourceType\":\"Observation\",\"meta\":{\"security\":[{\"system\":\"s\","   \
	"\"code\":\"HTEST\"}]},\"extension\":[{\"url\":\"http://other.example\"},"       \
	"{\"url\":\"http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice\"" \
	",\"valueReference\":{\"identifier\":{\"system\":\"e\",\"value\":\"G\"}}}],"     \
	"\"device\":{\"identifier\":{\"system\":\"e\",\"value\":\"D\"}}}"

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new((size_t)1 << 24);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const struct json *tree(struct str text)
{
	struct outcome outcome = { .arena = arena };
	const struct json *json = json_parse(arena, text, 1000, &outcome);
	assert_non_null(json);
	return json;
}

static struct provenance of(const char *observation)
{
	return (struct provenance){ .target = STR("Observation/" ID),
		.version = 1,
		.recorded = 0,
		.upload = 4711,
		.client = STR("a\"b"),
		.tenant_orgnr = 987654321,
		.observation = tree(str_of(observation)) };
}

static const struct json *agent(const struct json *provenance, const char *code)
{
	json_each(one, json_get(provenance, "agent"))
	{
		const struct json *coding = json_at(json_get(json_get(one, "type"), "coding"), 0);
		if (str_is(json_text(coding, "code"), code))
			return json_get(json_get(one, "who"), "identifier");
	}
	return NULL;
}

/* It is what the hub would take as a Provenance itself. */
static void assert_sound(struct str text)
{
	const struct observation_policy policy = { .now = INSTANT_SECOND * 86400 * 3650 };
	struct outcome outcome = { .arena = arena };
	struct observation read;
	const struct resource resource = {
		.type = TYPE_PROVENANCE, .id = STR(ID), .version = 1, .body = text
	};
	struct buf buf = buf_new(arena, 1024, (size_t)1 << 20);
	resource_render(&buf, &resource);
	const bool good = envelope_read(
		arena, tree(buf_str(&buf)), STR("Provenance"), &policy, &read, &outcome);
	if (!good)
		fail_msg("%.*s: %.*s", STR_ARG(outcome.first->text), STR_ARG(text));
}

static void all_is_said(void **state)
{
	(void)state;
	const struct provenance provenance = of(WHOLE);
	const struct str text = provenance_render(arena, &provenance);
	const struct json *json = tree(text);
	assert_sound(text);
	assert_true(str_is(
		json_text(json_at(json_get(json, "target"), 0), "reference"), "Observation/" ID));
	assert_true(str_is(json_text(json, "recorded"), "1970-01-01T00:00:00.000Z"));
	assert_true(str_is(json_text(agent(json, "performer"), "value"), "D"));
	assert_true(str_is(json_text(agent(json, "assembler"), "value"), "G"));
	assert_true(str_is(json_text(agent(json, "transmitter"), "value"), "a\"b"));
	assert_true(str_is(json_text(agent(json, "custodian"), "value"), "987654321"));
	const struct json *what = json_get(json_at(json_get(json, "entity"), 0), "what");
	assert_true(str_is(json_text(json_get(what, "identifier"), "value"), "4711"));
	assert_true(str_is(json_text(json_get(what, "identifier"), "system"), SYSTEM_UPLOAD));
	/* As guarded as the reading. */
	const struct json *label = json_at(json_get(json_get(json, "meta"), "security"), 0);
	assert_true(str_is(json_text(label, "code"), "HTEST"));
}

static void what_is_not_known_is_not_said(void **state)
{
	(void)state;
	struct provenance provenance = of("{\"resourceType\":\"Observation\",\"meta\":{}}");
	provenance.tenant_orgnr = 0;
	const struct str text = provenance_render(arena, &provenance);
	const struct json *json = tree(text);
	assert_sound(text);
	assert_null(agent(json, "performer"));
	assert_null(agent(json, "assembler"));
	assert_null(agent(json, "custodian"));
	assert_non_null(agent(json, "transmitter"));
	assert_null(json_get(json_get(json, "meta"), "security"));
}

static const char *activity(int version)
{
	struct provenance provenance = of(WHOLE);
	provenance.version = version;
	const struct json *json = tree(provenance_render(arena, &provenance));
	const struct json *coding = json_at(json_get(json_get(json, "activity"), "coding"), 0);
	return str_format(arena, "%.*s", STR_ARG(json_text(coding, "code"))).at;
}

static void a_later_version_is_an_update(void **state)
{
	(void)state;
	assert_string_equal(activity(1), "CREATE");
	assert_string_equal(activity(2), "UPDATE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_is_said, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_known_is_not_said, begin, end),
		cmocka_unit_test_setup_teardown(a_later_version_is_an_update, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
