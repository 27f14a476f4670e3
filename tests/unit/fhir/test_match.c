/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Conditions on resources, as a table: which of the shelf a query finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/match.h"

/* 2026-11-21T12:00:00Z */
#define NOW (INT64_C(1795262400) * INSTANT_SECOND)

#define UCUM       "\"system\":\"http://unitsofmeasure.org\",\"code\""
#define CODE(code) "\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"" code "\"}]}"

static const struct {
	char name;
	const char *text;
} shelf[] = {
	{ 'A', "{\"resourceType\":\"Observation\",\"meta\":{\"source\":\"urn:g:1\",\"profile\":["
	       "\"http://a.example/"
	       "P|1.0\"],"
	       "\"tag\":[{\"system\":\"urn:t\",\"code\":\"home\"}],"
	       "\"security\":[{\"system\":\"urn:s\",\"code\":\"R\"}]},\"status\":\"final\","
	       "\"identifier\":[{\"system\":\"urn:x\",\"value\":\"1\",\"type\":{\"text\":\"Serie\","
	       "\"coding\":[{\"system\":\"urn:v\",\"code\":\"SER\"}]}},{\"value\":\"2\"}],"
	       "\"category\":[{\"coding\":[{\"system\":\"urn:c\",\"code\":\"vital-signs\"}]}],"
	       "\"code\":{\"text\":\"Puls i hvile\",\"coding\":[{\"system\":\"http://loinc.org\","
	       "\"code\":\"8867-4\",\"display\":\"Heart rate\"}]},"
	       "\"effectiveDateTime\":\"2026-11-20T10:00:00+01:00\","
	       "\"device\":{\"reference\":\"Device/d1\"},"
	       "\"performer\":[{\"reference\":\"https://hub.example/fhir/Organization/o1\"},"
	       "{\"identifier\":{\"system\":\"urn:org\",\"value\":\"9\"}}],"
	       "\"derivedFrom\":[{\"reference\":\"Observation/b/_history/2\"}],"
	       "\"focus\":[{\"reference\":\"https://other.example/Device/d1\"}],"
	       "\"valueQuantity\":{\"value\":72,\"unit\":\"slag/min\"," UCUM ":\"/min\"}}" },
	{ 'B', "{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\"," CODE(
		       "85354-9") ","
				  "\"effectivePeriod\":{\"start\":\"2026-11-19T22:00:00Z\",\"end\":"
				  "\"2026-11-20T06:00:00Z\"},"
				  "\"component\":[{" CODE(
					  "8480-6") ",\"valueQuantity\":{\"value\":140," UCUM
						    ":\"mm[Hg]\"}},{" CODE(
							    "8462-4") ",\"valueQuantity\":{"
								      "\"value\":90.0," UCUM
								      ":\"mm[Hg]\"}},{" CODE(
									      "8478-0") ",\"dataAbs"
											"entReason"
											"\":{"
											"\"coding\""
											":[{"
											"\"system\""
											":"
											"\"urn:d\","
											"\"code\":"
											"\"error\"}"
											"]}},"
											"{" CODE(
												"x") ",\"valueCodeableConcept\":{\"coding\":"
												     "[{\"system\":\"urn:q\",\"code\":\"yes\"}]}}]}" },
	{ 'C', "{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\"," CODE(
		       "8310-5") ","
				 "\"valueQuantity\":{\"value\":98.6," UCUM ":\"[degF]\"}}" },
	{ 'D', "{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\"," CODE(
		       "8310-5") ","
				 "\"valueQuantity\":{\"value\":37.5,\"unit\":\"C\"," UCUM
				 ":\"Cel\"}}" },
	{ 'E', "{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\"," CODE(
		       "s") ","
			    "\"valueString\":\"Ærlig talt, Åse og José\"}" },
	{ 'F', "{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\"," CODE(
		       "s") ","
			    "\"valueCodeableConcept\":{\"text\":\"Bedre\",\"coding\":[{\"system\":"
			    "\"urn:q\","
			    "\"code\":\"yes\"}]}}" },
	{ 'G', "{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\"," CODE(
		       "t") ","
			    "\"valueDateTime\":\"2026-11-20\"}" },
	{ 'H', "{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\"," CODE(
		       "g") ","
			    "\"valueQuantity\":{\"value\":300,\"comparator\":\">\"," UCUM
			    ":\"mg/dL\"}}" },
	{ 'I', "{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\"," CODE(
		       "g") ","
			    "\"dataAbsentReason\":{\"coding\":[{\"system\":\"urn:d\",\"code\":"
			    "\"error\"}]}}" },
};
#define SHELF (sizeof(shelf) / sizeof(*shelf))

/* `query` finds those; each row has the rule it is about. */
static const struct {
	const char *query, *found;
} rows[] = {
	/* tokens: code, system|code, |code, system| */
	{ "code=8867-4", "A" },
	{ "code=http://loinc.org|8867-4,8310-5", "ACD" },
	{ "code=urn:x|8867-4", "" },
	{ "code=|8867-4", "" },
	{ "code=http://loinc.org|", "ABCDEFGHI" },
	{ "code=8867", "" },
	{ "identifier=urn:x|1", "A" },
	{ "identifier=|2", "A" },
	{ "identifier=|1", "" },
	{ "identifier=urn:x|", "A" },
	{ "identifier=urn:x|2", "" },
	{ "identifier:of-type=urn:v|SER|1", "A" },
	{ "identifier:of-type=urn:v|SER|2", "" },
	{ "identifier:of-type=urn:v|X|1", "" },
	{ "_tag=home", "A" },
	{ "_tag=urn:s|R", "" },
	{ "_security=urn:s|R", "A" },
	{ "_profile=http://a.example/P", "A" },
	{ "_profile=http://a.example/P|1.0", "A" },
	{ "_profile=http://a.example/", "" },
	{ "_source=urn:g:1", "A" },
	{ "_source=urn:g", "" },
	{ "status:missing=true", "" },
	/* :not and :missing hold where nothing is */
	{ "category:not=vital-signs", "BCDEFGHI" },
	{ "_security:not=R", "BCDEFGHI" },
	{ "code:not=8867-4,8310-5", "BEFGHI" },
	{ "category:missing=false", "A" },
	{ "value-quantity:missing=true", "BEFGI" },
	{ "component-code:missing=false", "B" },
	{ "date:missing=true", "CDEFGHI" },
	/* value sets and words */
	{ "code:in=urn:maalehub:same:8310-5", "CD" },
	{ "code:in=http://hl7.org/fhir/ValueSet/observation-vitalsignresult", "ABCD" },
	{ "combo-code:in=urn:maalehub:same:8480-6", "B" },
	{ "code:not-in=http://hl7.org/fhir/ValueSet/observation-vitalsignresult", "EFGHI" },
	{ "code:text=PULS", "A" },
	{ "code:text=heart", "A" },
	{ "code:text=rate", "" },
	{ "identifier:text=serie", "A" },
	/* components; a composite never across two */
	{ "component-code=8480-6", "B" },
	{ "combo-code=8480-6,8867-4", "AB" },
	{ "component-value-quantity=140", "B" },
	{ "combo-value-quantity=gt100", "BH" },
	{ "component-code-value-quantity=8480-6$140", "B" },
	{ "component-code-value-quantity=8480-6$90", "" },
	{ "component-code-value-quantity=8462-4$90|http://unitsofmeasure.org|mm[Hg]", "B" },
	{ "component-code-value-quantity=8462-4$lt91", "B" },
	{ "code-value-quantity=8480-6$140", "" },
	{ "code-value-quantity=8867-4$72", "A" },
	{ "combo-code-value-quantity=8867-4$72,8480-6$140", "AB" },
	{ "combo-code-value-quantity=85354-9$140", "" },
	{ "code-value-concept=s$yes", "F" },
	{ "component-code-value-concept=x$urn:q|yes", "B" },
	{ "combo-code-value-concept=x$yes,s$yes", "BF" },
	{ "combo-code-value-concept=8480-6$yes", "" },
	{ "code-value-string=s$ærlig", "E" },
	{ "code-value-date=t$2026-11", "G" },
	{ "combo-value-concept=yes", "BF" },
	{ "component-value-concept=yes", "B" },
	{ "data-absent-reason=error", "I" },
	{ "combo-data-absent-reason=error", "BI" },
	{ "component-data-absent-reason=urn:d|error", "B" },
	/* numbers: the implicit range of what is asked, the exact number of what is stored */
	{ "value-quantity=72", "A" },
	{ "value-quantity=72.0", "A" },
	{ "value-quantity=71.6", "" },
	{ "value-quantity=98", "" },
	{ "value-quantity=99", "C" },
	{ "value-quantity=1e2", "C" },
	{ "value-quantity=38", "D" },
	{ "value-quantity=ne72", "CDH" },
	{ "value-quantity=gt72", "CH" },
	{ "value-quantity=ge72", "ACH" },
	{ "value-quantity=lt72", "D" },
	{ "value-quantity=le72", "AD" },
	{ "value-quantity=sa72", "CH" },
	{ "value-quantity=eb72", "D" },
	{ "value-quantity=ap70", "A" },
	{ "value-quantity=gt400", "H" },
	{ "value-quantity=sa300", "H" },
	{ "value-quantity=sa301", "" },
	{ "value-quantity=le300", "ACD" },
	{ "value-quantity=300", "" },
	{ "value-quantity=3|http://unitsofmeasure.org|g/L", "" },
	{ "value-quantity=gt3|http://unitsofmeasure.org|g/L", "H" },
	/* units: of one dimension converted, words compared, no unit is any */
	{ "value-quantity=37.0|http://unitsofmeasure.org|Cel", "C" },
	{ "value-quantity=37.5|http://unitsofmeasure.org|Cel", "D" },
	{ "value-quantity=ge37|http://unitsofmeasure.org|Cel", "CD" },
	{ "value-quantity=gt37|http://unitsofmeasure.org|Cel", "D" },
	{ "value-quantity=99.5|http://unitsofmeasure.org|[degF]", "D" },
	{ "value-quantity=98.6|http://unitsofmeasure.org|[degF]", "C" },
	{ "value-quantity=lt311|http://unitsofmeasure.org|K", "CD" },
	{ "value-quantity=1.2|http://unitsofmeasure.org|/s", "A" },
	{ "value-quantity=72||slag/min", "A" },
	{ "value-quantity=72||/min", "A" },
	{ "value-quantity=72||bpm", "" },
	{ "value-quantity=72|urn:x|/min", "" },
	{ "value-quantity=72|http://unitsofmeasure.org|kg", "" },
	{ "component-value-quantity=18.7|http://unitsofmeasure.org|kPa", "B" },
	/* texts */
	{ "value-string=aerlig", "" },
	{ "value-string=Ærlig TALT\\, ase", "E" },
	{ "value-string=bedre", "F" },
	{ "value-string:contains=jose", "E" },
	{ "value-string:contains=Åse", "E" },
	{ "value-string=Åse", "" },
	{ "value-string:exact=Ærlig talt\\, Åse og José", "E" },
	{ "value-string:exact=ærlig talt\\, Åse og José", "" },
	/* times */
	{ "value-date=2026-11-20", "G" },
	{ "value-date=2026-11-20T10:00:00Z", "" },
	{ "value-date=ge2026-11-20", "G" },
	{ "value-date=gt2026-11-20", "" },
	{ "value-date=ap2026-11-20T10:00:00Z", "G" },
	{ "_lastUpdated=ne2026-11-21T12:00:00.000Z", "" },
	{ "_lastUpdated=2020,2026-11-21T12:00:00.000Z", "ABCDEFGHI" },
	/* references */
	{ "device=d1", "A" },
	{ "device=Device/d1", "A" },
	{ "device=Patient/d1", "" },
	{ "device:Device=d1", "A" },
	{ "device=https://hub.example/fhir/Device/d1", "A" },
	{ "device=https://other.example/Device/d1", "" },
	{ "focus=https://other.example/Device/d1", "A" },
	{ "focus=Device/d1", "" },
	{ "performer=Organization/o1", "A" },
	{ "performer:identifier=urn:org|9", "A" },
	{ "performer:identifier=urn:org|8", "" },
	{ "derived-from=Observation/b", "A" },
	{ "has-member:missing=true", "ABCDEFGHI" },
	/* repetition is AND */
	{ "combo-code=8480-6&combo-code=8462-4", "B" },
	{ "combo-code=8480-6&combo-code=8867-4", "" },
};

static void truths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct arena *arena = arena_new((size_t)1 << 26);
		struct outcome outcome = { .arena = arena };
		const struct search_policy policy = { .national = NATIONAL_SYNTHETIC,
			.zone = { .oslo = true },
			.now = NOW,
			.base = STR("https://hub.example/fhir") };
		struct search search;
		struct str query = str_format(arena, "patient=a&%s", rows[i].query);
		/* A blank is no byte of a form. */
		char *text = (char *)query.at;
		for (size_t at = 0; at < query.length; at++)
			text[at] = text[at] == ' ' ? '+' : text[at];
		if (!search_parse(arena, query, &policy, &search, &outcome))
			fail_msg("%s: %.*s", rows[i].query, STR_ARG(outcome.first->text));
		/* What columns decide is decided the same here. */
		for (size_t at = 0; at < search.condition_count; at++)
			search.conditions[at].indexed = false;
		assert_true(match_is_needed(&search));
		char found[SHELF + 1] = "";
		size_t count = 0;
		for (size_t at = 0; at < SHELF; at++) {
			const struct match_policy match = { policy.zone, policy.base };
			const struct match_resource resource = {
				json_parse(arena, str_of(shelf[at].text), 10000, &outcome), NOW
			};
			assert_non_null(resource.json);
			if (match_rest(arena, &search, &match, &resource))
				found[count++] = shelf[at].name;
		}
		if (strcmp(found, rows[i].found) != 0)
			fail_msg("%s finds %s, not %s", rows[i].query, found, rows[i].found);
		arena_free(&arena);
	}
}

/* A condition that a column decides is not asked again. */
static void indexed(void **state)
{
	(void)state;
	struct arena *arena = arena_new((size_t)1 << 24);
	struct outcome outcome = { .arena = arena };
	const struct search_policy policy = { .now = NOW };
	struct search search;
	assert_true(search_parse(arena, STR("patient=a&code=nobody"), &policy, &search, &outcome));
	assert_false(match_is_needed(&search));
	const struct match_policy match = { 0 };
	const struct match_resource resource = {
		json_parse(arena, str_of(shelf[0].text), 10000, &outcome), NOW
	};
	assert_true(match_rest(arena, &search, &match, &resource));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truths),
		cmocka_unit_test(indexed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
