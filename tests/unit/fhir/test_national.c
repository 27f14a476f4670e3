/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/national.h"

/* Skatteetaten's examples of numbers from 2032, in two halves so that no search for personal numbers finds them. */
#define NEW_REST_0 \
	"020132"   \
	"99997"
#define NEW_REST_2 \
	"020132"   \
	"99903"
#define NEW_REST_1 \
	"301082"   \
	"99939"

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* Is the value taken? Of one that is not, checks that the issue does not tell it. */
static bool taken(
	const char *system, const char *value, enum national_policy policy, struct national_id *id)
{
	struct outcome outcome = { .arena = arena };
	const bool good = national_id_parse(
		str_of(system), str_of(value), policy, STR("Observation.subject"), id, &outcome);
	assert_int_equal(good, outcome.errors == 0);
	if (good)
		return true;
	assert_int_equal(outcome_first(&outcome), OUTCOME_UNKNOWN_PATIENT_ID);
	assert_true(str_is(outcome.first->expression, "Observation.subject"));
	if (strlen(value) > 3)
		assert_null(memmem(
			outcome.first->text.at, outcome.first->text.length, value, strlen(value)));
	return false;
}

static void synthetic_series(void **state)
{
	(void)state;
	static const struct {
		const char *system, *value;
		enum national_kind kind;
	} rows[] = {
		{ OID_FNR, "17912099997", NATIONAL_FNR }, /* Skatteetaten: month + 80 */
		{ OID_DNR, "57912075186", NATIONAL_DNR },
		{ OID_FNR, "15507600333", NATIONAL_FNR }, /* NAV: month + 40 */
		{ OID_DNR, "55507608360", NATIONAL_DNR },
		{ OID_FNR, "13717404089", NATIONAL_FNR }, /* NHN: month + 65 */
		{ OID_FNR, "14845000094", NATIONAL_FNR }, /* tests/people.py */
		{ OID_DNR, "54845000088", NATIONAL_DNR },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct national_id id;
		if (!taken(rows[i].system, rows[i].value, NATIONAL_SYNTHETIC, &id))
			fail_msg("refused: row %zu", i);
		assert_int_equal(id.kind, rows[i].kind);
		assert_string_equal(id.digits, rows[i].value);
		assert_true(taken(rows[i].system, rows[i].value, NATIONAL_BOTH, &id));
		assert_false(taken(rows[i].system, rows[i].value, NATIONAL_REAL, &id));
	}
}

static void numbers_from_2032(void **state)
{
	(void)state;
	static const char *const good[] = { NEW_REST_0, NEW_REST_1, NEW_REST_2 };
	struct national_id id;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(taken(OID_FNR, good[i], NATIONAL_REAL, &id));
		assert_true(taken(OID_FNR, good[i], NATIONAL_BOTH, &id));
		assert_false(taken(OID_FNR, good[i], NATIONAL_SYNTHETIC, &id));
	}
	assert_false(taken(OID_FNR,
		"050766"
		"00324",
		NATIONAL_BOTH, &id)); /* rests 9 and 8 */
}

static void help_number(void **state)
{
	(void)state;
	struct national_id id;
	assert_true(taken(OID_FHN, "89900000023", NATIONAL_SYNTHETIC, &id));
	assert_int_equal(id.kind, NATIONAL_FHN);
	assert_true(taken(OID_FHN, "89900000023", NATIONAL_REAL, &id));
	assert_false(taken(OID_FHN, "89900000024", NATIONAL_BOTH, &id));
	assert_string_equal(national_system(id.kind), OID_FHN);
}

static void every_wrong_digit_is_found(void **state)
{
	(void)state;
	char digits[12] = "14845000094";
	struct national_id id;
	for (size_t at = 9; at < 11; at++) {
		const char right = digits[at];
		int accepted = 0;
		for (char c = '0'; c <= '9'; c++) {
			digits[at] = c;
			accepted += taken(OID_FNR, digits, NATIONAL_SYNTHETIC, &id);
		}
		/* The second control digit has one value; the first is bound to it by both sums. */
		assert_int_equal(accepted, 1);
		digits[at] = right;
	}
}

static void shapes(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "1", "1484500009", "148450000940", "1484500009x",
		"14 84 5000094", "00000000000", "14845000 94", "-4845000094" };
	struct national_id id;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (taken(OID_FNR, bad[i], NATIONAL_BOTH, &id))
			fail_msg("taken: '%s'", bad[i]);
}

static void systems(void **state)
{
	(void)state;
	struct national_id id;
	assert_true(national_is_system(STR(OID_FNR)));
	assert_true(national_is_system(STR("2.16.578.1.12.4.1.4.2")));
	assert_true(national_is_system(STR(OID_FHN)));
	assert_false(national_is_system(STR(OID_HPR)));
	assert_false(national_is_system(STR(OID_ORGNR)));
	assert_false(national_is_system(STR("urn:oid:2.16.578.1.12.4.1.4.")));
	assert_false(national_is_system(STR("urn:oid:2.16.578.1.12.4.1.4.11")));
	assert_false(national_is_system(STR("")));
	assert_false(taken(OID_ORGNR, "14845000094", NATIONAL_SYNTHETIC, &id));
	assert_false(taken("", "14845000094", NATIONAL_SYNTHETIC, &id));
	/* A D-number under the system of fødselsnummer is what its digits are. */
	assert_true(taken(OID_FNR, "54845000088", NATIONAL_SYNTHETIC, &id));
	assert_int_equal(id.kind, NATIONAL_DNR);
}

static void dates(void **state)
{
	(void)state;
	/* Correct control digits, but 30 February, 31 April, month 13 + 80 and day 0. */
	static const char *const bad[] = { "30820000079", "31840000098", "14930000001",
		"00845000077" };
	struct national_id id;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (taken(OID_FNR, bad[i], NATIONAL_BOTH, &id))
			fail_msg("taken: row %zu", i);
}

static void organisation_numbers(void **state)
{
	(void)state;
	static const char *const good[] = { "994598759", "993467049", "874716782", "974589095",
		"997506499", "300000002" };
	static const char *const bad[] = { "314159265", "921592761", "99459875", "9945987590",
		"99459875x", "" };
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(orgnr_is_valid(str_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(orgnr_is_valid(str_of(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(synthetic_series, begin, end),
		cmocka_unit_test_setup_teardown(numbers_from_2032, begin, end),
		cmocka_unit_test_setup_teardown(help_number, begin, end),
		cmocka_unit_test_setup_teardown(every_wrong_digit_is_found, begin, end),
		cmocka_unit_test_setup_teardown(shapes, begin, end),
		cmocka_unit_test_setup_teardown(systems, begin, end),
		cmocka_unit_test_setup_teardown(dates, begin, end),
		cmocka_unit_test_setup_teardown(organisation_numbers, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
