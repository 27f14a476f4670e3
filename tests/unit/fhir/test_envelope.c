/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "fhir/envelope.h"
#include "tests/unit/fhir/quoted.h"

#define NOW (INT64_C(1795262400) * INSTANT_SECOND)
#define EUI "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"
#define METER                                                                \
	"{'resourceType':'Device','identifier':[{'system':'" EUI             \
	"','value':'00-12-AB-34-CD-56-EF-78'}],'type':{'coding':[{'system':" \
	"'urn:iso:std:iso:11073:10101','code':'528391'}]},'serialNumber':'1'}"
#define MADE                                                                             \
	"{'resourceType':'Provenance','target':[{'reference':'urn:uuid:a'}],'recorded':" \
	"'2026-11-20T08:00:00+01:00','agent':[{'who':{'display':'Solvik'}}]}"

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 24);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static bool try_read(const char *text, struct observation *out)
{
	const struct observation_policy policy = {
		.national = NATIONAL_SYNTHETIC, .zone = { .oslo = true }, .now = NOW
	};
	const struct json *json = json_parse(arena, quoted(arena, str_of(text)), 10000, &outcome);
	assert_non_null(json);
	return envelope_read(arena, json, STR("Resource"), &policy, out, &outcome);
}

static struct observation taken(const char *text)
{
	struct observation out;
	if (!try_read(text, &out))
		fail_msg("%s\n%.*s: %.*s", text, STR_ARG(outcome.first->expression),
			STR_ARG(outcome.first->text));
	return out;
}

static void refused(const char *text, enum outcome_kind kind, const char *where)
{
	struct observation out;
	outcome = (struct outcome){ .arena = arena };
	assert_false(try_read(text, &out));
	assert_int_equal(outcome_first(&outcome), kind);
	if (!str_is(outcome.first->expression, where))
		fail_msg("%.*s", STR_ARG(outcome.first->expression));
}

static void a_device_is_known_by_its_identifiers(void **state)
{
	(void)state;
	const struct observation one = taken(METER);
	assert_int_equal(one.type, TYPE_DEVICE);
	assert_int_equal(one.key_count, 1);
	assert_int_equal(one.subject.digits[0], '\0');
	struct str key;
	assert_true(envelope_key(arena, TYPE_DEVICE, STR(EUI), STR("0012ab34cd56ef78"), &key));
	assert_true(str_equal(one.keys[0], key));
	assert_true(envelope_key(arena, TYPE_PROVENANCE, STR(EUI), STR("0012ab34cd56ef78"), &key));
	assert_false(str_equal(one.keys[0], key));
	assert_false(envelope_key(arena, TYPE_DEVICE, STR(""), STR("77"), &key));
	const struct observation other =
		taken("{'resourceType':'Device','identifier':[{'value':'77'}],"
		      "'patient':{'identifier':{'system':"
		      "'urn:oid:2.16.578.1.12.4.1.4.1','value':'14845000094'}}}");
	assert_int_equal(other.key_count, 1);
	assert_int_equal(other.keys[0].at[0], 'C');
	assert_memory_equal(other.subject.digits, "14845000094", 11);
	assert_true(str_starts(other.body, STR("{\"resourceType\":\"Device\",\"meta\":{}")));
}

static void a_provenance_is_known_by_what_it_says(void **state)
{
	(void)state;
	const struct observation one = taken(MADE), again = taken(MADE);
	assert_int_equal(one.type, TYPE_PROVENANCE);
	assert_int_equal(one.time.low, INT64_C(1795158000) * INSTANT_SECOND);
	assert_true(one.key_count == 1 && str_equal(one.keys[0], again.keys[0]));
	assert_int_equal(one.code.text.length, 0);
}

static void what_is_wrong_is_told(void **state)
{
	(void)state;
	refused("{'resourceType':'Device','colour':'red'}", OUTCOME_STRUCTURE, "Resource");
	refused("{'resourceType':'Device','status':'on'}", OUTCOME_CODE_INVALID, "Resource.status");
	refused("{'resourceType':'Device','patient':{'identifier':{'system':"
		"'urn:oid:2.16.578.1.12.4.1.4.1','value':'14845000095'}}}",
		OUTCOME_UNKNOWN_PATIENT_ID, "Resource.patient.identifier");
	refused("{'resourceType':'Provenance','target':[{'reference':'urn:uuid:a'}],"
		"'agent':[{'who':{'display':'Solvik'}}]}",
		OUTCOME_REQUIRED, "Resource.recorded");
	refused("{'resourceType':'Provenance','target':[{'reference':'urn:uuid:a'}],'recorded':"
		"'2026-11-20T08:00:00Z','agent':[{'who':{'display':'x'}}],'occurredDateTime':"
		"'2026','occurredPeriod':{'start':'2026'}}",
		OUTCOME_STRUCTURE, "Resource.occurredPeriod");
	refused("{'resourceType':'Medication'}", OUTCOME_NOT_SUPPORTED, "Resource");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_device_is_known_by_its_identifiers, begin, end),
		cmocka_unit_test_setup_teardown(a_provenance_is_known_by_what_it_says, begin, end),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_told, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
