/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/hl7/mdc.h"

static const uint32_t codes[] = {
#define MDC(code, refid, loinc, ucum, category, class, text) code,
#include "fhir/hl7/mdc.tbl"
#undef MDC
};

static void assert_str(struct str s, const char *text)
{
	if (!str_is(s, text))
		fail_msg("\"%.*s\" instead of \"%s\"", STR_ARG(s), text);
}

/* mdc_find() halves the table, so it must be sorted; then each row is found. */
static void each_row_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const struct mdc *const row = mdc_find(codes[i]);
		assert_non_null(row);
		assert_int_equal(row->code, codes[i]);
		assert_true(i == 0 || codes[i - 1] < codes[i]);
		assert_ptr_equal(mdc_find_refid(str_of(row->refid)), row);
		assert_true(row->code >= 0x10000);
	}
	assert_null(mdc_find(0));
	assert_null(mdc_find(150025));
	assert_null(mdc_find(UINT32_MAX));
	assert_null(mdc_find_refid(STR("MDC_NOTHING")));
}

/* What stands beside a LOINC code leads to the same thing by code.tbl, so that it changes no identity. */
static void others_mean_the_same(void **state)
{
	(void)state;
	static const struct {
		const char *loinc, *system, *code;
	} rows[] = {
#define SYSTEM(name) SYSTEM_##name
#define MDC(code, refid, loinc, ucum, category, class, text)
#define ALSO(loinc, system, code) { loinc, SYSTEM(system), code },
#include "fhir/hl7/mdc.tbl"
#undef MDC
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct code_facts one, other;
		assert_true(code_find(
			(struct coding){ STR(SYSTEM_LOINC), str_of(rows[i].loinc) }, &one));
		assert_true(code_find(
			(struct coding){ str_of(rows[i].system), str_of(rows[i].code) }, &other));
		assert_str(other.canon.code, one.canon.code.at);
		struct coding found;
		bool met = false;
		for (unsigned at = 0; mdc_also(str_of(rows[i].loinc), at, &found); at++)
			met = met || str_is(found.code, rows[i].code);
		assert_true(met);
	}
	assert_false(mdc_also(STR("8310-5"), 0, &(struct coding){ 0 }));
	assert_false(mdc_also(STR("15074-8"), 2, &(struct coding){ 0 }));
}

static void loinc_depends_on_the_unit(void **state)
{
	(void)state;
	static const struct {
		uint32_t code;
		const char *unit, *loinc;
		enum mdc_fit fit;
	} cases[] = {
		{ 150456, "%", "59408-5;2708-6", MDC_FITS },
		{ 150456, "", "59408-5;2708-6", MDC_FITS },
		{ 160184, "mmol/L", "15074-8", MDC_FITS },
		{ 160184, "mg/dL", "2339-0", MDC_FITS },
		{ 160184, "kg", "", MDC_UNIT_WRONG },
		{ 160184, "", "", MDC_FITS },
		{ 160196, "mg/dL", "2345-7", MDC_FITS },
		{ 160196, "mmol/L", "", MDC_FITS },
		{ 8454247, "{steps}", "55423-8", MDC_FITS },
		{ 8454247, "m", "", MDC_FITS },
		{ 188740, "m", "8302-2", MDC_FITS },
		{ 150364, "[degF]", "8310-5", MDC_FITS },
		{ 150021, "%", "", MDC_UNIT_WRONG },
		{ 152584, "L/min", "", MDC_FITS },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str loinc = STR("untouched");
		assert_int_equal(mdc_loinc(mdc_find(cases[i].code), str_of(cases[i].unit), &loinc),
			cases[i].fit);
		assert_str(loinc, cases[i].loinc);
	}
}

static void panels_have_members(void **state)
{
	(void)state;
	assert_int_equal(mdc_panel_of(150021), 150020);
	assert_int_equal(mdc_panel_of(150020), 0);
	assert_true(mdc_is_panel(150020));
	assert_false(mdc_is_panel(150021));
	assert_int_not_equal(mdc_panel_bit(150021), mdc_panel_bit(150022));
	assert_int_equal(mdc_panel_bit(149546), 0);
}

static void codes_that_say_their_unit(void **state)
{
	(void)state;
	static const char *const fits[][2] = { { "15074-8", "mmol/L" }, { "15074-8", "mmol/l" },
		{ "15074-8", "umol/L" }, { "2339-0", "mg/dL" }, { "2339-0", "g/L" },
		{ "2345-7", "mg/dL" }, { "55423-8", "{steps}" }, { "8867-4", "mg/dL" },
		{ "59408-5", "kg" }, { "", "mg/dL" }, { "nothing", "kg" } };
	static const char *const refused[][2] = { { "15074-8", "mg/dL" }, { "15074-8", "kg" },
		{ "2339-0", "mmol/L" }, { "2345-7", "mmol/L" }, { "55423-8", "m" } };
	for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++)
		assert_false(mdc_loinc_refuses(str_of(fits[i][0]), str_of(fits[i][1])));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_true(mdc_loinc_refuses(str_of(refused[i][0]), str_of(refused[i][1])));
}

static void units_and_limits(void **state)
{
	(void)state;
	assert_string_equal(mdc_unit_find(266016)->ucum, "mm[Hg]");
	assert_null(mdc_unit_find(3872));
	assert_int_equal(mdc_unit_find_ucum(STR("mmol/L"))->code, 266866);
	assert_null(mdc_unit_find_ucum(STR("mmHg")));
	assert_true(mdc_is_unlikely(160184, STR("mg/dL"), 6.5));
	assert_false(mdc_is_unlikely(160184, STR("mmol/L"), 6.5));
	assert_false(mdc_is_unlikely(160184, STR("mmol/L"), 60));
	assert_true(mdc_is_unlikely(150364, STR("Cel"), 384.5));
	assert_false(mdc_is_unlikely(188508, STR("Cel"), 384.5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_found),
		cmocka_unit_test(others_mean_the_same),
		cmocka_unit_test(loinc_depends_on_the_unit),
		cmocka_unit_test(panels_have_members),
		cmocka_unit_test(codes_that_say_their_unit),
		cmocka_unit_test(units_and_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
