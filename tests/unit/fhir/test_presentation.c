/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/patient_stub.h"

#define HEAD "{\"resourceType\":\"Observation\",\"meta\":{"
#define REST                                                                                 \
	"},\"text\":{\"status\":\"generated\"},\"identifier\":[{\"value\":\"a\"}],"          \
	"\"status\":\"final\",\"category\":[{\"text\":\"c\"}],\"code\":{\"text\":\"puls\"}," \
	"\"valueQuantity\":{\"value\":70.50,\"unit\":\"{x}\"},\"note\":[{\"text\":\"n\"}],"  \
	"\"component\":[{\"code\":{\"text\":\"k\"},\"valueInteger\":7,"                      \
	"\"interpretation\":[{\"text\":\"i\"}]}]}"
#define TAG                                                                          \
	"{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ObservationValue\"," \
	"\"code\":\"SUBSETTED\"}"
#define MADE                                                        \
	"{\"resourceType\":\"Observation\",\"id\":\"x\",\"meta\":{" \
	"\"versionId\":\"2\",\"lastUpdated\":\"1970-01-01T00:00:00.000Z\","

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 22);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct presentation asked(const char *name, const char *value)
{
	struct presentation presentation = { 0 };
	struct outcome outcome = { .arena = arena };
	assert_true(presentation_is(str_of(name)));
	assert_true(presentation_take(arena, &presentation, str_of(name), str_of(value), &outcome));
	return presentation;
}

static const char *rendered(const struct presentation *presentation, struct str body)
{
	const struct resource resource = { TYPE_OBSERVATION, STR("x"), 2, 0, body };
	struct buf buf = buf_new(arena, 256, 1 << 16);
	presentation_render(&buf, arena, presentation, &resource);
	return str_copy(arena, buf_str(&buf)).at;
}

static void nothing_asked_is_the_stored_bytes(void **state)
{
	(void)state;
	const struct presentation plain = { 0 };
	assert_true(presentation_is_plain(&plain));
	assert_string_equal(rendered(&plain, STR(HEAD REST)),
		"{\"resourceType\":\"Observation\",\"id\":\"x\",\"meta\":{\"versionId\":\"2\","
		"\"lastUpdated\":\"1970-01-01T00:00:00.000Z\"" REST);
}

static void parts_keep_their_bytes(void **state)
{
	(void)state;
	struct presentation asks = asked("_elements", "value,note");
	assert_string_equal(rendered(&asks, STR(HEAD REST)),
		MADE "\"tag\":[" TAG "]},\"status\":\"final\",\"code\":{\"text\":\"puls\"},"
		     "\"valueQuantity\":{\"value\":70.50,\"unit\":\"{x}\"},"
		     "\"note\":[{\"text\":\"n\"}]}");
	asks = asked("_summary", "text");
	assert_string_equal(rendered(&asks, STR(HEAD REST)),
		MADE "\"tag\":[" TAG "]},\"text\":{\"status\":\"generated\"},"
		     "\"status\":\"final\",\"code\":{\"text\":\"puls\"}}");
}

static void the_summary_leaves_out_what_has_no_sigma(void **state)
{
	(void)state;
	const struct presentation asks = asked("_summary", "true");
	assert_string_equal(rendered(&asks, STR(HEAD REST)),
		MADE "\"tag\":[" TAG "]},\"identifier\":[{\"value\":\"a\"}],"
		     "\"status\":\"final\",\"code\":{\"text\":\"puls\"},"
		     "\"valueQuantity\":{\"value\":70.50,\"unit\":\"{x}\"},"
		     "\"component\":[{\"code\":{\"text\":\"k\"},\"valueInteger\":7}]}");
}

/* Of the other types alike; what is mandatory stays, or what is left would be no such resource. */
static const char *rendered_as(
	const char *value, enum resource_type type, const char *members, const char *name)
{
	const struct presentation asks = asked(name, value);
	const struct resource resource = { type, STR("x"), 2, 0,
		str_format(arena, "{\"resourceType\":\"%s\",\"meta\":{},%s}",
			resource_type_name(type), members) };
	struct buf buf = buf_new(arena, 256, 1 << 16);
	presentation_render(&buf, arena, &asks, &resource);
	const char *rest = strstr(str_copy(arena, buf_str(&buf)).at, TAG "]}");
	assert_non_null(rest);
	return rest + strlen(TAG "]}");
}

static void the_other_types_have_a_summary(void **state)
{
	(void)state;
	const char *provenance = "\"text\":{},\"target\":[{}],\"recorded\":\"r\",\"reason\":[{}],"
				 "\"agent\":[{\"type\":{},\"role\":[{}],\"who\":{}}],"
				 "\"entity\":[{\"role\":\"source\",\"what\":{},\"agent\":[{}]}]";
	assert_string_equal(rendered_as("true", TYPE_PROVENANCE, provenance, "_summary"),
		",\"target\":[{}],\"recorded\":\"r\",\"agent\":[{\"type\":{},\"who\":{}}],"
		"\"entity\":[{\"role\":\"source\",\"what\":{}}]}");
	assert_string_equal(rendered_as("text", TYPE_PROVENANCE, provenance, "_summary"),
		",\"text\":{},\"target\":[{}],\"recorded\":\"r\","
		"\"agent\":[{\"type\":{},\"role\":[{}],\"who\":{}}]}");
	assert_string_equal(
		rendered_as("occurred", TYPE_PROVENANCE,
			"\"target\":[{}],\"occurredDateTime\":\"o\",\"_occurredDateTime\":{},"
			"\"occurredx\":1,\"recorded\":\"r\",\"agent\":[{}]",
			"_elements"),
		",\"target\":[{}],\"occurredDateTime\":\"o\",\"_occurredDateTime\":{},"
		"\"recorded\":\"r\",\"agent\":[{}]}");
	const char *device = "\"text\":{},\"identifier\":[{}],\"udiCarrier\":[{\"issuer\":\"i\","
			     "\"carrierHRF\":\"h\"}],\"status\":\"active\",\"safety\":[{}]";
	assert_string_equal(rendered_as("true", TYPE_DEVICE, device, "_summary"),
		",\"udiCarrier\":[{\"carrierHRF\":\"h\"}],\"status\":\"active\","
		"\"safety\":[{}]}");
	assert_string_equal(rendered_as("text", TYPE_DEVICE, device, "_summary"), ",\"text\":{}}");
	const char *organization = "\"identifier\":[{}],\"active\":true,\"alias\":[\"a\"],"
				   "\"name\":\"n\"";
	assert_string_equal(rendered_as("true", TYPE_ORGANIZATION, organization, "_summary"),
		",\"identifier\":[{}],\"active\":true,\"name\":\"n\"}");
	assert_string_equal(rendered_as("name", TYPE_ORGANIZATION, organization, "_elements"),
		",\"name\":\"n\"}");
}

static const char *patient(const struct presentation *asks, const struct national_id *known)
{
	struct buf buf = buf_new(arena, 256, 1 << 10);
	patient_stub_write(&buf, asks, STR("x"), known);
	return str_copy(arena, buf_str(&buf)).at;
}

static void a_patient_is_what_was_asked_of_it(void **state)
{
	(void)state;
	const struct national_id known = { NATIONAL_FNR, "14845000094" };
	const struct presentation plain = { 0 };
	const struct presentation all = asked("_summary", "true"), text = asked("_summary", "text");
	const struct presentation other = asked("_elements", "active");
	assert_string_equal(patient(&plain, NULL), "{\"resourceType\":\"Patient\",\"id\":\"x\"}");
	assert_non_null(strstr(patient(&plain, &known), "\"value\":\"14845000094\""));
	assert_null(strstr(patient(&plain, &known), "SUBSETTED"));
	assert_non_null(strstr(patient(&all, &known), "\"value\":\"14845000094\""));
	assert_non_null(strstr(patient(&text, &known), "SUBSETTED"));
	assert_null(strstr(patient(&text, &known), "identifier"));
	assert_null(strstr(patient(&other, &known), "identifier"));
}

/* A tag more; those that are there stay. */
static void the_tag_joins_others(void **state)
{
	(void)state;
	const struct presentation asks = asked("_elements", "status");
	assert_string_equal(
		rendered(&asks, STR(HEAD "\"tag\":[{\"code\":\"t\"}],\"source\":\"s\"" REST)),
		MADE "\"source\":\"s\",\"tag\":[{\"code\":\"t\"}," TAG "]},"
		     "\"status\":\"final\",\"code\":{\"text\":\"puls\"}}");
	const struct presentation data = asked("_summary", "data");
	assert_null(strstr(rendered(&data, STR(HEAD REST)), "\"text\":{\"status\""));
	assert_non_null(strstr(rendered(&data, STR(HEAD REST)), "SUBSETTED"));
}

static void refused(const char *name, const char *value, enum outcome_kind kind)
{
	struct presentation presentation = { 0 };
	struct outcome outcome = { .arena = arena };
	assert_false(
		presentation_take(arena, &presentation, str_of(name), str_of(value), &outcome));
	assert_int_equal(outcome_first(&outcome), kind);
}

static void what_is_not_there_is_named(void **state)
{
	(void)state;
	assert_true(asked("_format", "application/fhir+json; fhirVersion=4.0").format);
	assert_true(asked("_format", "application/fhir json").format);
	assert_true(asked("_pretty", "true").pretty);
	assert_false(presentation_is(STR("_count")));
	refused("_format", "xml", OUTCOME_NOT_ACCEPTABLE);
	refused("_format", "application/fhir+xml", OUTCOME_NOT_ACCEPTABLE);
	refused("_format", "application/fhir+json; fhirVersion=3.0", OUTCOME_NOT_ACCEPTABLE);
	refused("_format", "json;charset=utf-8;fhirVersion=\"5.0\"", OUTCOME_NOT_ACCEPTABLE);
	refused("_pretty", "yes", OUTCOME_VALUE);
	refused("_summary", "True", OUTCOME_VALUE);
	refused("_elements", "status,colour", OUTCOME_VALUE);
	refused("_elements", "", OUTCOME_VALUE);
	struct presentation both = asked("_summary", "true");
	struct outcome outcome = { .arena = arena };
	assert_false(presentation_take(arena, &both, STR("_elements"), STR("status"), &outcome));
}

/* The first of two would be dropped in silence. */
static void what_stands_twice_says_one_thing(void **state)
{
	(void)state;
	static const struct {
		const char *name, *first, *second;
		bool good;
	} rows[] = {
		{ "_summary", "true", "false", false },
		{ "_summary", "false", "true", false },
		{ "_summary", "text", "text", true },
		{ "_pretty", "false", "true", false },
		{ "_pretty", "true", "true", true },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct presentation asks = asked(rows[i].name, rows[i].first);
		struct outcome outcome = { .arena = arena };
		assert_int_equal(rows[i].good, presentation_take(arena, &asks, str_of(rows[i].name),
						       str_of(rows[i].second), &outcome));
	}
}

static void links_carry_what_was_asked(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 64, 1 << 10);
	struct presentation asks = asked("_elements", "Observation.status,code");
	asks.pretty = true;
	presentation_query(&buf, &asks);
	assert_true(str_is(buf_str(&buf), "&_pretty=true&_elements=status,code"));
}

static void pretty_touches_no_text(void **state)
{
	(void)state;
	assert_true(str_is(
		presentation_pretty(arena, STR("{\"a\":[1.50,{\"b\\\"{\":\"x,y: [\"}],\"c\":{}, "
					       "\"d\":[ ]}")),
		"{\n  \"a\": [\n    1.50,\n    {\n      \"b\\\"{\": \"x,y: [\"\n    }\n  ],\n"
		"  \"c\": {},\n  \"d\": []\n}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_asked_is_the_stored_bytes, begin, end),
		cmocka_unit_test_setup_teardown(parts_keep_their_bytes, begin, end),
		cmocka_unit_test_setup_teardown(
			the_summary_leaves_out_what_has_no_sigma, begin, end),
		cmocka_unit_test_setup_teardown(the_other_types_have_a_summary, begin, end),
		cmocka_unit_test_setup_teardown(a_patient_is_what_was_asked_of_it, begin, end),
		cmocka_unit_test_setup_teardown(the_tag_joins_others, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_named, begin, end),
		cmocka_unit_test_setup_teardown(what_stands_twice_says_one_thing, begin, end),
		cmocka_unit_test_setup_teardown(links_carry_what_was_asked, begin, end),
		cmocka_unit_test_setup_teardown(pretty_touches_no_text, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
