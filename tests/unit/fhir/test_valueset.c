/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Value sets: which codings are in them, and which URLs are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/valueset.h"

#define R4       "http://hl7.org/fhir/ValueSet/"
#define ABSENT   "http://terminology.hl7.org/CodeSystem/data-absent-reason"
#define V3       "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

struct row {
	const char *url, *system, *code;
};

static bool holds(const struct row *row)
{
	return valueset_contains(str_of(row->url), str_of(row->system), str_of(row->code));
}

static void members(void **state)
{
	(void)state;
	static const struct row in[] = {
		{ R4 "observation-status", "http://hl7.org/fhir/observation-status", "registered" },
		{ R4 "observation-status|4.0.1", "http://hl7.org/fhir/observation-status",
			"unknown" },
		{ R4 "observation-category", SYSTEM_CATEGORY, "vital-signs" },
		{ R4 "data-absent-reason", ABSENT, "not-performed" },
		{ R4 "observation-interpretation", V3, "<" },
		{ R4 "observation-interpretation", V3, "HH" },
		{ R4 "observation-vitalsignresult", SYSTEM_LOINC, "85354-9" },
		{ R4 "ucum-vitals-common", SYSTEM_UCUM, "mm[Hg]" },
		{ R4 "ucum-bodytemp", SYSTEM_UCUM, "[degF]" },
		{ "urn:maalehub:same:8867-4", SYSTEM_LOINC, "8867-4" },
		{ "urn:maalehub:same:8867-4", SYSTEM_MDC, "149530" },
		{ "urn:maalehub:same:149530", SYSTEM_SNOMED, "364075005" },
		{ "urn:maalehub:same:NPU02187", SYSTEM_LOINC, "2339-0" },
		{ "urn:maalehub:class:health", SYSTEM_LOINC, "8867-4" },
		{ "urn:maalehub:class:welfare", SYSTEM_SNOMED, "1912002" },
		{ "urn:maalehub:class:administrative", SYSTEM_MDC, "67996" },
	};
	for (size_t i = 0; i < COUNT(in); i++) {
		assert_true(valueset_known(str_of(in[i].url)));
		if (!holds(&in[i]))
			fail_msg("%s lacks %s", in[i].url, in[i].code);
	}
}

static void strangers(void **state)
{
	(void)state;
	static const struct row out[] = {
		{ R4 "observation-status", "http://hl7.org/fhir/observation-status", "Final" },
		{ R4 "observation-status", "http://hl7.org/fhir/observation-status", "" },
		{ R4 "observation-status", "http://hl7.org/fhir/observation-status",
			"final|amended" },
		{ R4 "observation-status", "", "final" },
		{ R4 "observation-status", SYSTEM_CATEGORY, "final" },
		{ R4 "observation-vitalsignresult", SYSTEM_LOINC, "59408-5" },
		{ R4 "ucum-bodyweight", SYSTEM_UCUM, "mg" },
		{ "urn:maalehub:same:8867-4", SYSTEM_LOINC, "8480-6" },
		{ "urn:maalehub:same:8867-4", "", "8867-4" },
		{ "urn:maalehub:same:8867-4", "urn:x", "8867-4" },
		{ "urn:maalehub:class:health", SYSTEM_SNOMED, "1912002" },
		{ "urn:maalehub:class:health", SYSTEM_LOINC, "1-8" },
		{ "urn:maalehub:class:welfare", SYSTEM_LOINC, "8867-4" },
	};
	for (size_t i = 0; i < COUNT(out); i++) {
		assert_true(valueset_known(str_of(out[i].url)));
		if (holds(&out[i]))
			fail_msg("%s has %s", out[i].url, out[i].code);
	}
}

static void no_sets(void **state)
{
	(void)state;
	static const char *const none[] = { "", R4, R4 "observation-status|5.0.0",
		R4 "observation-status|", "observation-status", R4 "observation-statu",
		"urn:maalehub:same:", "urn:maalehub:same:0000-0",
		"urn:maalehub:class:", "urn:maalehub:class:Health",
		"urn:maalehub:same:8867-4|4.0.1" };
	for (size_t i = 0; i < COUNT(none); i++)
		if (valueset_known(str_of(none[i])))
			fail_msg("%s is known", none[i]);
	assert_false(valueset_contains(STR(R4 "observation-status|5.0.0"),
		STR("http://hl7.org/fhir/observation-status"), STR("final")));
	assert_false(valueset_contains(STR("urn:maalehub:same:0000-0"), STR(""), STR("")));
}

/* Every code of every row is found by its own URL. */
static void every_code(void **state)
{
	(void)state;
	static const struct {
		const char *url, *system, *codes;
	} rows[] = {
#define VALUESET(url, system, codes) { url, system, codes },
#include "fhir/valueset.tbl"
#undef VALUESET
	};
	size_t count, codes = 0;
	const char *const *urls = valueset_urls(&count);
	assert_int_equal(count, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_string_equal(urls[i], rows[i].url);
		for (struct str rest = str_of(rows[i].codes); rest.at != NULL; codes++) {
			const struct str code = str_cut(rest, '|', &rest);
			assert_true(
				valueset_contains(str_of(urls[i]), str_of(rows[i].system), code));
		}
	}
	assert_int_equal(codes, 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members),
		cmocka_unit_test(strangers),
		cmocka_unit_test(no_sets),
		cmocka_unit_test(every_code),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
