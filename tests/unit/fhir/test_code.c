/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/code.h"
#include "fhir/ucum_parse.h"

static struct code_facts facts_of(const char *system, const char *code)
{
	struct code_facts facts;
	if (!code_find((struct coding){ str_of(system), str_of(code) }, &facts))
		fail_msg("not found: %s %s", system, code);
	return facts;
}

static void leads_to(
	const char *system, const char *code, const char *canon_system, const char *canon)
{
	const struct code_facts facts = facts_of(system, code);
	if (!str_is(facts.canon.system, canon_system) || !str_is(facts.canon.code, canon))
		fail_msg("%s leads to %.*s", code, STR_ARG(facts.canon.code));
}

static void equivalents(void **state)
{
	(void)state;
	leads_to(SYSTEM_LOINC, "8867-4", SYSTEM_LOINC, "8867-4");
	leads_to(SYSTEM_SNOMED, "364075005", SYSTEM_LOINC, "8867-4");
	leads_to(SYSTEM_MDC, "149530", SYSTEM_LOINC, "8867-4");
	leads_to(SYSTEM_LOINC, "59408-5", SYSTEM_LOINC, "2708-6");
	leads_to(SYSTEM_MDC, "150456", SYSTEM_LOINC, "2708-6");
	leads_to(SYSTEM_NPU, "NPU02187", SYSTEM_LOINC, "15074-8");
	leads_to(SYSTEM_MDC, "150020", SYSTEM_LOINC, "85354-9");
	leads_to(SYSTEM_SNOMED, "1104051000000101", SYSTEM_SNOMED, "1104051000000101");
	leads_to(SYSTEM_MDC, "150320", SYSTEM_MDC, "150320");
}

static void strangers(void **state)
{
	(void)state;
	static const struct {
		const char *system, *code;
	} rows[] = {
		{ SYSTEM_LOINC, "08867-4" },
		{ SYSTEM_LOINC, "8867-5" },
		{ SYSTEM_LOINC, "88674" },
		{ SYSTEM_LOINC, "-88674" },
		{ SYSTEM_LOINC, "" },
		{ SYSTEM_LOINC, "8867-4 " },
		{ SYSTEM_SNOMED, "8867-4" },
		{ SYSTEM_SNOMED, "364075006" },
		{ SYSTEM_SNOMED, "99999999999999999999999" },
		{ SYSTEM_NPU, "02187" },
		{ SYSTEM_NPU, "XYZ02187" },
		{ SYSTEM_NPU, "NPU2187" },
		{ SYSTEM_MDC, "0149530" },
		{ SYSTEM_MDC, "MDC_PULS_RATE" },
		{ "http://loinc.org/", "8867-4" },
		{ "", "8867-4" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct code_facts facts = { .text_no = "untouched" };
		const struct coding coding = { str_of(rows[i].system), str_of(rows[i].code) };
		if (code_find(coding, &facts))
			fail_msg("found: %s %s", rows[i].system, rows[i].code);
		assert_string_equal(facts.text_no, "untouched");
	}
}

static void classes(void **state)
{
	(void)state;
	assert_int_equal(facts_of(SYSTEM_LOINC, "85354-9").class, CLASS_HEALTH);
	assert_int_equal(facts_of(SYSTEM_SNOMED, "1912002").class, CLASS_WELFARE);
	assert_int_equal(facts_of(SYSTEM_MDC, "8519681").class, CLASS_WELFARE);
	assert_int_equal(facts_of(SYSTEM_MDC, "67996").class, CLASS_ADMINISTRATIVE);
	assert_string_equal(facts_of(SYSTEM_SNOMED, "75367002").text_no, "Blodtrykk");
}

static void canon_of_many(void **state)
{
	(void)state;
	const struct coding own = { STR("https://vendor.example"), STR("puls") };
	const struct coding mdc = { STR(SYSTEM_MDC), STR("149530") };
	const struct coding loinc = { STR(SYSTEM_LOINC), STR("8867-4") };
	const struct coding fall = { STR(SYSTEM_SNOMED), STR("1912002") };
	enum reading_class class = 0;
	const struct coding both[] = { own, mdc, loinc }, turned[] = { loinc, mdc };
	assert_true(str_is(code_canon(both, 3, &class).code, "8867-4"));
	assert_int_equal(class, CLASS_HEALTH);
	assert_true(str_is(code_canon(turned, 2, &class).code, "8867-4"));
	assert_true(str_is(code_canon(&own, 1, &class).code, "puls"));
	assert_int_equal(class, CLASS_HEALTH);
	const struct coding alarm[] = { own, fall };
	assert_true(str_is(code_canon(alarm, 2, &class).code, "1912002"));
	assert_int_equal(class, CLASS_WELFARE);
	/* Steps: the MDC code alone might be metres, so LOINC leads wherever it stands. */
	const struct coding steps[] = { { STR(SYSTEM_MDC), STR("8454247") },
		{ STR(SYSTEM_LOINC), STR("55423-8") } };
	assert_true(str_is(code_canon(steps, 2, &class).code, "55423-8"));
	assert_true(str_is(code_canon(steps, 1, &class).code, "8454247"));
	assert_int_equal(code_canon(NULL, 0, &class).code.length, 0);
}

/* LOINC users' guide, appendix A: a check digit modulo 10, every other digit doubled. */
static bool loinc_check(const char *code)
{
	const char *hyphen = strchr(code, '-');
	int sum = 0;
	bool twice = true;
	for (const char *at = hyphen - 1; at >= code; at--, twice = !twice) {
		const int digit = (*at - '0') * (twice ? 2 : 1);
		sum += digit > 9 ? digit - 9 : digit;
	}
	return hyphen[1] - '0' == (10 - sum % 10) % 10 && hyphen[2] == '\0';
}

/* SNOMED CT release file specification 5.5: Verhoeff's check digit. */
static bool snomed_check(const char *code)
{
	static const int permute[] = { 1, 5, 7, 6, 2, 8, 3, 0, 9, 4 };
	int check = 0;
	const size_t length = strlen(code);
	for (size_t i = 0; i < length; i++) {
		int digit = code[length - 1 - i] - '0';
		for (size_t round = 0; round < i % 8; round++)
			digit = permute[digit];
		/* The dihedral group of the pentagon: rotations 0 to 4, reflections 5 to 9. */
		const int turn = check < 5 ? digit % 5 : 5 - digit % 5;
		const int flip = (check >= 5) != (digit >= 5) ? 5 : 0;
		check = (check % 5 + turn) % 5 + flip;
	}
	return check == 0;
}

#define SYSTEM_OF_LOINC  SYSTEM_LOINC
#define SYSTEM_OF_SNOMED SYSTEM_SNOMED
#define SYSTEM_OF_NPU    SYSTEM_NPU

static void check_row(const char *system, const char *code)
{
	if (strcmp(system, SYSTEM_LOINC) == 0 && !loinc_check(code))
		fail_msg("LOINC check digit of %s", code);
	if (strcmp(system, SYSTEM_SNOMED) == 0 && !snomed_check(code))
		fail_msg("SNOMED CT check digit of %s", code);
	const struct code_facts facts = facts_of(system, code);
	assert_true(facts.text_no[0] != '\0');
	assert_true(facts.class >= CLASS_HEALTH && facts.class <= CLASS_ADMINISTRATIVE);
	/* Who leads leads itself. */
	struct code_facts again;
	if (code_find(facts.canon, &again))
		assert_true(str_equal(again.canon.code, facts.canon.code));
}

static void every_row_is_found(void **state)
{
	(void)state;
	static const struct {
		const char *system, *code;
	} rows[] = {
#define LEAD(name, table, key, code, class, words)           { SYSTEM_OF_##table, code },
#define SAME(table, key, code, name)                         { SYSTEM_OF_##table, code },
#define MDC(number, refid, loinc, ucum, category, class, no) { SYSTEM_MDC, #number },
#include "fhir/code.tbl"
#include "fhir/hl7/mdc.tbl"
#undef LEAD
#undef SAME
#undef MDC
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_row(rows[i].system, rows[i].code);
	/* What mdc.tbl translates to stands in code.tbl, with its equivalents. */
	static const char *const translated[] = {
#define MDC(number, refid, loinc, ucum, category, class, no) loinc,
#include "fhir/hl7/mdc.tbl"
#undef MDC
	};
	for (size_t i = 0; i < sizeof(translated) / sizeof(*translated); i++) {
		for (struct str rest = str_of(translated[i]); rest.at != NULL;) {
			const struct str code = str_cut(rest, ';', &rest);
			struct code_facts facts;
			if (code.length > 0 &&
				!code_find((struct coding){ STR(SYSTEM_LOINC), code }, &facts))
				fail_msg("code.tbl lacks %.*s", STR_ARG(code));
		}
	}
	assert_false(loinc_check("8867-5"));
	assert_true(snomed_check("364075005"));
	assert_false(snomed_check("364075006"));
}

/* ---- units */

static void every_unit_is_found(void **state)
{
	(void)state;
	static const char *const units[] = {
#define UCUM(name, canonical, factor, offset) name, canonical,
#include "fhir/ucum.tbl"
#undef UCUM
	};
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		struct str canonical, again;
		double factor, offset;
		if (!ucum_canonical(str_of(units[i]), &canonical, &factor, &offset))
			fail_msg("not found: %s", units[i]);
		assert_true(ucum_canonical(canonical, &again, &factor, &offset));
		assert_true(str_equal(canonical, again) && factor == 1 && offset == 0);
	}
}

static void converts(double value, const char *unit, double wanted, const char *canonical)
{
	struct str found;
	double factor, offset;
	assert_true(ucum_canonical(str_of(unit), &found, &factor, &offset));
	if (!str_is(found, canonical) ||
		fabs(value * factor + offset - wanted) > 1e-6 + fabs(wanted) * 1e-12)
		fail_msg("%g %s is %g %.*s", value, unit, value * factor + offset, STR_ARG(found));
}

static void conversions(void **state)
{
	(void)state;
	converts(98.6, "[degF]", 37, "Cel");
	converts(310.15, "K", 37, "Cel");
	converts(16, "kPa", 120.0098521, "mm[Hg]");
	converts(70500, "g", 70.5, "kg");
	converts(150, "[lb_av]", 68.0388555, "kg");
	converts(180, "cm", 1.8, "m");
	converts(71, "{beats}/min", 71, "/min");
	converts(1.2, "Hz", 72, "/min");
	converts(2.4, "{INR}", 2.4, "1");
	converts(96, "%", 0.96, "1");
	converts(981, "cm/s2", 9.81, "m/s2");
	converts(2, "kN", 2000, "N");
	converts(250, "uS", 0.00025, "S");
	converts(5, "min/km", 0.3, "s/m");
	converts(2.5, "[diop]", 2.5, "/m");
	converts(180, "[IU]/d", 180, "[iU]/d");
	converts(1, "[IU]/h", 24, "[iU]/d");
	converts(1, "kPa.s/L", 10.19716213, "cm[H2O].s/L");
	converts(110, "mg/dL", 1.1, "g/L");
	converts(500, "L/min", 500, "L/min");
}

/* Units that no row lists, read as expressions. */
static void expressions(void **state)
{
	(void)state;
	converts(5, "ug/dL", 5e-5, "g/L");
	converts(300, "10*9/L", 3e11, "/L");
	converts(300, "10*3/uL", 3e11, "/L");
	converts(3, "mg/mmol", 3, "g/mol");
	converts(30, "ug/mg", 0.03, "1");
	converts(2, "ukat/L", 120, "U/L");
	converts(90, "mL/min/{1.73_m2}", 0.09, "L/min");
	converts(1, "kg.m2/s3", 1, "W");
	converts(4, "kPa.(m/m)", 4000 / 133.322387415, "mm[Hg]");
	converts(1, "/s", 60, "/min");
	converts(36, "m/(10.min)", 0.06, "m/s");
	converts(290000, "mK", 16.85, "Cel");
	converts(3, "g%", 30, "g/L");
	converts(7, "meq/L", 7, "mmol/L");
	converts(2, "cg", 2e-5, "kg");
	converts(1, "[lb_av]/[in_i]2", 703.0695796, "kg/m2");
}

/* The table and the expressions tell the same of every unit that both know. */
static void rows_agree(void **state)
{
	(void)state;
	static const struct {
		const char *name, *canonical;
		double factor, offset;
	} rows[] = {
#define UCUM(name, canonical, factor, offset) { name, canonical, factor, offset },
#include "fhir/ucum.tbl"
#undef UCUM
	};
	size_t both = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ucum_unit unit, canonical;
		if (!ucum_parse(str_of(rows[i].name), &unit) || rows[i].offset != 0)
			continue; /* Cel, [degF]; K */
		assert_true(ucum_parse(str_of(rows[i].canonical), &canonical));
		both++;
		if (memcmp(unit.power, canonical.power, sizeof(unit.power)) != 0 ||
			fabs(unit.factor / canonical.factor / rows[i].factor - 1) > 1e-12)
			fail_msg("%s is %.17g %s", rows[i].name, unit.factor / canonical.factor,
				rows[i].canonical);
	}
	assert_int_equal(both, sizeof(rows) / sizeof(*rows) - 3);
}

static void unknown_units(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "mmHg", "bpm", "KG", "kg ",
		"a unit that is longer than any that the table or an expression could ever hold",
		"score", "kg/", "/", "kg..m", "kg m", "(kg", "kg)", "m2-", "m99", "[degF]/min",
		"Cel/h", "kmin", "d[in_i]", "pH", "[arb'U]", "ft", "0", "m/0",
		"((((((((((m))))))))))", "kg/h/d/wk" };
	struct str canonical;
	double factor, offset;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (ucum_canonical(str_of(bad[i]), &canonical, &factor, &offset))
			fail_msg("%s is %.*s", bad[i], STR_ARG(canonical));
}

static void plain_units(void **state)
{
	(void)state;
	static const char *const rows[][2] = { { "/min", "/min" }, { "{beats}/min", "/min" },
		{ "1/min", "/min" }, { "min-1", "/min" }, { "{score}", "1" }, { "kg", "kg" },
		{ "g", "g" }, { "%", "%" }, { "mm[Hg]{sys}", "mm[Hg]" }, { "bpm", "bpm" },
		{ "", "" } };
	struct arena *arena = arena_new(1 << 16);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_true(str_is(ucum_plain(arena, str_of(rows[i][0])), rows[i][1]));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equivalents),
		cmocka_unit_test(strangers),
		cmocka_unit_test(classes),
		cmocka_unit_test(canon_of_many),
		cmocka_unit_test(every_row_is_found),
		cmocka_unit_test(every_unit_is_found),
		cmocka_unit_test(conversions),
		cmocka_unit_test(expressions),
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(unknown_units),
		cmocka_unit_test(plain_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
