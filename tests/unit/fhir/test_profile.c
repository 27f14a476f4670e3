/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Profiles: each row of profile.tbl met, and each of its wants missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/profile.h"

#define NOW      (INT64_C(1795200000) * INSTANT_SECOND)
#define COUNT(x) (sizeof(x) / sizeof((x)[0]))
#define R4       "http://hl7.org/fhir/StructureDefinition/"
#define VKP      "http://hl7.no/fhir/StructureDefinition/"
#define HEAD     "{'resourceType':'Observation','meta':{'profile':['%s']},'status':'final',"
#define BARE     "{'resourceType':'Observation','status':'final',"
#define VITAL                                                                      \
	"'category':[{'coding':[{'system':'http://terminology.hl7.org/CodeSystem/" \
	"observation-category','code':'vital-signs'}]}],"
#define LOINC(code)  "'code':{'coding':[{'system':'http://loinc.org','code':'" code "'}]}"
#define SNOMED(code) "'code':{'coding':[{'system':'http://snomed.info/sct','code':'" code "'}]}"
#define WHO                                                                            \
	",'subject':{'identifier':{'system':'urn:oid:2.16.578.1.12.4.1.4.1','value':'" \
	"14845000094'}}"
#define AT ",'effectiveDateTime':'2026-11-20'"
#define IN(number, unit)                                    \
	"'valueQuantity':{'value':" number ",'unit':'" unit \
	"','system':'http://unitsofmeasure.org','code':'" unit "'}"
#define PART(code, number, unit) "{" LOINC(code) "," IN(number, unit) "}"
#define PRESSURES \
	",'component':[" PART("8480-6", "120", "mm[Hg]") "," PART("8462-4", "80", "mm[Hg]") "]}"
#define WEIGHT VITAL LOINC("29463-7") WHO AT

/* A reading that claims `profile` (NULL: none), and what is said of it: parts of "severity expression: text", NULL-ended. */
struct row {
	const char *profile, *text;
	const char *said[5];
};

static struct arena *arena;

/* The profile goes in for %s, and ' for ". */
static struct str json_text_of(const struct row *row)
{
	const struct str text = str_of(row->text);
	const struct str head = str_of(row->profile == NULL ? BARE : HEAD);
	struct str whole = str_format(arena, "%.*s%.*s", STR_ARG(head), STR_ARG(text));
	if (row->profile != NULL) {
		struct str rest;
		const struct str before = str_cut(whole, '%', &rest);
		whole = str_format(arena, "%.*s%s%.*s", STR_ARG(before), row->profile,
			STR_ARG(str_part(rest, 1, rest.length)));
	}
	char *bytes = arena_alloc(arena, whole.length + 1);
	for (size_t i = 0; i < whole.length; i++)
		bytes[i] = whole.at[i] == '\'' ? '"' : whole.at[i];
	return (struct str){ bytes, whole.length };
}

static struct outcome said_of(const struct row *row, struct observation_policy policy)
{
	struct outcome outcome = { .arena = arena };
	struct observation out;
	policy.national = NATIONAL_SYNTHETIC;
	policy.zone = (struct zone){ .oslo = true };
	policy.now = NOW;
	const struct json *json = json_parse(arena, json_text_of(row), 1000, &outcome);
	if (json == NULL)
		fail_msg("%.*s: %.*s", STR_ARG(outcome.first->text), STR_ARG(json_text_of(row)));
	const bool read = observation_read(arena, json, STR("O"), &policy, &out, &outcome);
	assert_int_equal(read, outcome.errors == 0);
	return outcome;
}

/* Exactly these issues, in order. */
static void is_said(const struct row *row, struct observation_policy policy)
{
	const struct outcome outcome = said_of(row, policy);
	const struct issue *issue = outcome.first;
	size_t at = 0;
	for (; issue != NULL; issue = issue->next, at++) {
		const char *severity = issue->severity == SEVERITY_ERROR ? "error" : "warning";
		const struct str line = str_format(arena, "%s %.*s: %.*s", severity,
			STR_ARG(issue->expression), STR_ARG(issue->text));
		if (at >= COUNT(row->said) || row->said[at] == NULL ||
			strstr(line.at, row->said[at]) == NULL)
			fail_msg("%s: %s", row->text, line.at);
	}
	if (at < COUNT(row->said) && row->said[at] != NULL)
		fail_msg("%s: is not told: %s", row->text, row->said[at]);
}

static const struct row claims[] = {
	{ R4 "vitalsigns", WEIGHT "," IN("70.5", "kg") "}", { NULL } },
	{ R4 "vitalsigns|4.0.1", VITAL "'code':{'text':'a'}" WHO AT ",'valueString':'a'}",
		{ "warning O.code.coding" } },
	{ R4 "bp", VITAL LOINC("85354-9") WHO AT PRESSURES, { NULL } },
	{ R4 "bodyweight", WEIGHT "," IN("70.5", "kg") "}", { NULL } },
	{ R4 "bodyheight", VITAL LOINC("8302-2") WHO AT "," IN("180", "cm") "}", { NULL } },
	{ R4 "headcircum", VITAL LOINC("9843-4") WHO AT "," IN("40", "cm") "}", { NULL } },
	{ R4 "bodytemp", VITAL LOINC("8310-5") WHO AT "," IN("37.1", "Cel") "}", { NULL } },
	{ R4 "heartrate", VITAL LOINC("8867-4") WHO AT "," IN("70", "/min") "}", { NULL } },
	{ R4 "resprate", VITAL LOINC("9279-1") WHO AT "," IN("12", "/min") "}", { NULL } },
	{ R4 "oxygensat", VITAL LOINC("2708-6") WHO AT "," IN("97", "%") "}", { NULL } },
	{ R4 "bmi", VITAL LOINC("39156-5") WHO AT "," IN("22.1", "kg/m2") "}", { NULL } },
	{ R4 "vitalspanel",
		VITAL LOINC("85353-1") WHO AT ",'hasMember':[{'reference':'Observation/1'}]}",
		{ NULL } },
	/* what vitalsigns wants */
	{ R4 "vitalsigns", LOINC("29463-7") WHO ",'effectiveDateTime':'2026-11'}",
		{ "error O.category: the category vital-signs", "error O.effectiveDateTime: ",
			"error O: a value or a dataAbsentReason is wanted (vs-2)" } },
	{ R4 "vitalsigns", WEIGHT ",'dataAbsentReason':{'text':'borte'}}", { NULL } },
	{ R4 "vitalsigns",
		VITAL LOINC("29463-7") WHO
		",'effectiveInstant':'2026-11-20T08:00:00Z'," IN("70", "kg") "}",
		{ "error O: effectiveDateTime or effectivePeriod" } },
	{ R4 "vitalsigns",
		VITAL LOINC("29463-7") WHO
		",'effectivePeriod':{'start':'2026-11-20'}," IN("70", "kg") "}",
		{ NULL } },
	{ R4 "vitalsigns",
		WEIGHT ",'component':[{'code':{'text':'a'}},{'code':{'text':'b'}," IN(
			"1", "L") "},{'code':{'text':'c'},'dataAbsentReason':{'text':'d'}}]}",
		{ "error O.component[0]: a value or a dataAbsentReason is wanted (vs-3)",
			"warning O.component[1].valueQuantity: a unit of UCUM" } },
	/* what each of them wants */
	{ R4 "bodyweight", VITAL LOINC("8302-2") WHO AT "," IN("180", "cm") "}",
		{ "error O.code: the code 29463-7", "error O.valueQuantity: a unit of UCUM" } },
	{ R4 "bodyweight", WEIGHT ",'valueQuantity':{'unit':'kilo'}}",
		{ "error O.valueQuantity: a value", "error O.valueQuantity: a unit of UCUM" } },
	{ R4 "bodyweight",
		WEIGHT ",'valueQuantity':{'value':70,'system':'http://unitsofmeasure.org',"
		       "'code':'kg'}}",
		{ "error O.valueQuantity: a unit is wanted" } },
	{ R4 "bmi", VITAL LOINC("39156-5") WHO AT ",'valueString':'22'}",
		{ "error O: a valueQuantity is wanted" } },
	{ R4 "bp", VITAL LOINC("85354-9") WHO AT "," IN("120", "mm[Hg]") "}",
		{ "error O: no value of its own", "component of code 8480-6",
			"component of code 8462-4" } },
	{ R4 "bp",
		VITAL LOINC("85354-9") WHO AT ",'component':[" PART("8480-6", "16", "kPa") "," PART(
			"8462-4", "80", "mm[Hg]") "," PART("8462-4", "81", "mm[Hg]") "]}",
		{ "warning O.component[0].valueQuantity: a unit of UCUM among the common",
			"error O.component[0].valueQuantity: a unit of UCUM among mm[Hg]",
			"error O.component: one component of code 8462-4" } },
	{ R4 "vitalspanel", VITAL LOINC("85353-1") WHO AT ",'valueString':'a'}",
		{ "error O: no value of its own", "error O: hasMember" } },
	{ "https://vendor.example/StructureDefinition/own", LOINC("29463-7") WHO AT "}", { NULL } },
	/* VKP: warnings, wherever its drafts have stood */
	{ VKP "vkp-Observation", SNOMED("763264000") WHO AT ",'valueInteger':3}", { NULL } },
	{ "http://ehelse.no/fhir/StructureDefinition/vkp-Observation-Bodyweight",
		WEIGHT "," IN("49000", "g") "}", { NULL } },
	{ VKP "vkp-observation-heartrate", LOINC("8480-6") WHO AT "," IN("70", "Hz") "}",
		{ "warning O.category", "warning O.code: the code 8867-4",
			"warning O.valueQuantity: a unit of UCUM among /min" } },
	{ VKP "vkp-observation-news2score", SNOMED("763264000") WHO AT ",'valueInteger':3}",
		{ "warning O.code: the code 1104051000000101" } },
	{ VKP "vkp-vitalsignsobservation-bloodpressure",
		VITAL LOINC("85354-9") WHO AT
		",'bodySite':{'coding':[{'system':'http://snomed.info/sct','code':'7569003'}]},"
		"'method':{'text':'automatisk'},'performer':[{'identifier':{'system':'urn:oid:1."
		"3.6.1.4.1.9038.70.3','value':'22'}},{'type':'Organization','identifier':{"
		"'system':'urn:oid:2.16.578.1.12.4.1.4.102','value':'22'}}]" PRESSURES,
		{ "warning O.performer[0]: ", "warning O.method: " } },
	{ "http://hl7.no.example/vkp-observation-heartrate", LOINC("8480-6") WHO AT "}", { NULL } },
};

static void claimed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(claims); i++)
		is_said(&claims[i], (struct observation_policy){ 0 });
}

static const struct row unclaimed[] = {
	{ NULL, VITAL LOINC("8867-4") WHO AT "," IN("70", "{beats}/min") "}", { NULL } },
	{ NULL,
		WEIGHT
		",'valueQuantity':{'value':70,'system':'http://unitsofmeasure.org','code':'kg'"
		"}}",
		{ NULL } },
	{ NULL, WEIGHT ",'valueQuantity':{'value':70,'unit':'kg'}}",
		{ "warning O.valueQuantity: a unit of UCUM among kg|[lb_av]|g" } },
	{ NULL, LOINC("29463-7") WHO AT ",'valueQuantity':{'value':70,'unit':'kg'}}", { NULL } },
	{ NULL, VITAL LOINC("15074-8") WHO AT ",'valueQuantity':{'value':7,'unit':'mmol'}}",
		{ NULL } },
	{ NULL, VITAL LOINC("59408-5") WHO AT "," IN("97", "%") "}",
		{ "warning O.code: the code 2708-6" } },
	{ NULL, VITAL LOINC("85354-9") WHO AT "}",
		{ "warning O: a value or", "warning O.component: one component of code 8480-6",
			"warning O.component: one component of code 8462-4" } },
};

static void by_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unclaimed); i++) {
		is_said(&unclaimed[i], (struct observation_policy){ 0 });
		const struct row silent = { NULL, unclaimed[i].text, { NULL } };
		is_said(&silent, (struct observation_policy){ .made_here = true });
	}
}

/* Asked for beside what it claims; two of one parent tell a thing once. */
static void asked_for(void **state)
{
	(void)state;
	const struct row row = { R4 "vitalsigns", LOINC("29463-7") WHO AT "," IN("70", "kg") "}",
		{ "error O.category" } };
	is_said(&row, (struct observation_policy){ .profile = STR(R4 "bodyweight") });
	is_said(&row, (struct observation_policy){ .profile = STR(R4 "vitalsigns") });
	const struct row bare = { NULL, WEIGHT ",'valueString':'a'}", { NULL } };
	is_said(&bare, (struct observation_policy){ 0 });
	const struct row other = { NULL, WEIGHT ",'valueString':'a'}",
		{ "error O.code: the code 8867-4" } };
	is_said(&other, (struct observation_policy){ .profile = STR(R4 "heartrate") });
	assert_true(profile_known(STR(R4 "bp|4.0.1")) && !profile_known(STR(R4 "bp2")));
	assert_false(profile_known(STR("")) || profile_known(STR("vkp-observation")));
}

/* Each row of the table is met by a reading above without a word. */
static void every_profile(void **state)
{
	(void)state;
	static const char *const urls[] = {

#define PROFILE(name, url, parent, system, code, units, wants) url,
#undef PART
#define PART(name, system, code, units)
#include "fhir/profile.tbl"
#undef PROFILE
#undef PART
	};
	assert_int_equal(COUNT(urls), 22);
	for (size_t i = 0; i < COUNT(urls); i++) {
		const bool r4 = str_starts(str_of(urls[i]), STR("http:"));
		assert_true(
			profile_known(r4 ? str_of(urls[i]) : str_format(arena, VKP "%s", urls[i])));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claimed),
		cmocka_unit_test(by_code),
		cmocka_unit_test(asked_for),
		cmocka_unit_test(every_profile),
	};
	arena = arena_new(1 << 24);
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
