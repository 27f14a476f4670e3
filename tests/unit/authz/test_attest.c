/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A good attest, and many that are one replacement of text from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/claims.h"
#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "tests/unit/authz/forge.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          ((instant)FORGE_NOW * INSTANT_SECOND)

static struct arena *arena;
static struct outcome outcome;
static struct attest_ask ask;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(32 << 20);
	outcome = (struct outcome){ .arena = arena };
	ask = (struct attest_ask){
		.pid = STR(FORGE_DOCTOR),
		.hpr = STR("181000001"),
		.orgnr = 993467049,
		.orgnr_child = STR(FORGE_CHILD),
		.now = NOW,
		.leeway = 5 * INSTANT_SECOND,
		.age_max = 3600 * INSTANT_SECOND,
		.national = NATIONAL_SYNTHETIC,
	};
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/*
 * The good attest with the first `from` replaced. Fails where there is none, so that no row of
 * a table is idle.
 */
static struct str replaced(const char *from, const char *to)
{
	const char *at = strstr(forge_attest, from);
	if (at == NULL)
		fail_msg("not in the attest: %s", from);
	return str_format(
		arena, "%.*s%s%s", (int)(at - forge_attest), forge_attest, to, at + strlen(from));
}

static bool read_text(struct str text, struct attest *out)
{
	const struct json *claim = json_parse(arena, text, 1000, &outcome);
	if (claim == NULL)
		fail_msg("not JSON: %.*s", STR_ARG(text));
	return attest_read(arena, claim, &ask, out, &outcome);
}

static struct attest good(struct str text)
{
	struct attest attest = { 0 };
	if (!read_text(text, &attest))
		fail_msg("%.*s: %.*s", STR_ARG(outcome.last->text), STR_ARG(text));
	assert_true(attest.present);
	return attest;
}

static void refused(struct str text, const char *why)
{
	struct attest attest = { .user_selected = true };
	const unsigned before = outcome.errors;
	if (read_text(text, &attest))
		fail_msg("believed: %.*s", STR_ARG(text));
	if (outcome.errors != before + 1 || outcome.last->kind != OUTCOME_SUPPRESSED ||
		memmem(outcome.last->text.at, outcome.last->text.length, why, strlen(why)) == NULL)
		fail_msg("%.*s instead of %s: %.*s", STR_ARG(outcome.last->text), why,
			STR_ARG(text));
	assert_true(attest.user_selected && !attest.present); /* untouched */
	outcome = (struct outcome){ .arena = arena };
}

static void the_whole_attest_is_read(void **state)
{
	(void)state;
	const struct attest attest = good(str_of(forge_attest));
	assert_int_equal(attest.purpose, PURPOSE_TREAT);
	assert_true(str_is(attest.purpose_details.code, "BEHANDLER"));
	assert_true(str_is(attest.service.code, "S03"));
	assert_true(str_is(attest.service.system, "urn:oid:2.16.578.1.12.4.1.1.8655"));
	assert_true(str_is(attest.authorization.code, "LE"));
	assert_true(str_is(attest.authorization.text, "Lege"));
	assert_true(str_is(attest.legal_entity, FORGE_PARENT));
	assert_true(str_is(attest.legal_entity_name, "Sykehuset"));
	assert_true(str_is(attest.point_of_care, FORGE_CHILD));
	assert_true(str_is(attest.point_of_care_name, "Medisinsk klinikk"));
	assert_true(str_is(attest.department, "705592"));
	assert_true(str_is(attest.department_name, "Poliklinikk"));
	assert_true(str_is(attest.decision_ref, "d1c0"));
	assert_true(str_is(attest.decision_text, "Utskrivning i dag"));
	assert_true(attest.user_selected);
	assert_int_equal(attest.toa, NOW - INSTANT_SECOND);
	assert_int_equal(attest.patient_count, 1);
	assert_string_equal(attest.patients[0].digits, FORGE_PATIENT);
}

static struct str as_text(struct str json)
{
	struct buf buf = buf_new(arena, 4096, 1 << 20);
	json_write_string(&buf, json);
	return buf_str(&buf);
}

static void object_list_and_text_are_one(void **state)
{
	(void)state;
	const struct str object = str_of(forge_attest);
	const struct str list = str_format(arena, "[%s]", forge_attest);
	good(list);
	good(as_text(object));
	good(as_text(list));
	refused(STR("[]"), "malformed");
	refused(STR("null"), "malformed");
	refused(STR("7"), "malformed");
	refused(STR("{}"), "practitioner");
	refused(STR("\"\""), "malformed");
	refused(STR("\"{\""), "malformed");
	refused(STR("\"null\""), "malformed");
	refused(str_format(arena, "[%s,%s]", forge_attest, forge_attest), "malformed");
	refused(str_format(arena, "[[%s]]", forge_attest), "malformed");
	refused(as_text(as_text(object)), "malformed");
	refused(as_text(STR("{\"toa\":1,\"toa\":2}")), "malformed");
}

/* Both spellings where two are in use, and what may be left out. */
static void other_spellings_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "care_relationship", "care_relation" },
		{ "\"type\":\"nhn:tillitsrammeverk:parameters\",", "" },
		{ "urn:oid:2.16.840.1.113883.1.11.20448", "2.16.840.1.113883.1.11.20448" },
		{ "urn:oid:2.16.840.1.113883.1.11.20448",
			"http://terminology.hl7.org/CodeSystem/v3-ActReason" },
		{ "urn:oid:2.16.578.1.12.4.1.4.2", "2.16.578.1.12.4.1.4.2" },
		{ "urn:oid:2.16.578.1.12.4.1.4.101", "2.16.578.1.12.4.1.4.101" },
		{ "urn:oid:2.16.578.1.12.4.1.1.9060", "2.16.578.1.12.4.1.1.9060" },
		{ "\"toa\":1763649999,", "" },
		{ "\"identifier\"", "\"unknown\"" },
		{ "\"hpr_nr\"", "\"unknown\"" },
		{ "\"authorization\"", "\"unknown\"" },
		{ "\"department\"", "\"unknown\"" },
		{ "\"healthcare_service\"", "\"unknown\"" },
		{ "\"purpose_of_use_details\"", "\"unknown\"" },
		{ "\"name\":\"Sykehuset\"", "\"unknown\":1" },
		{ "\"description\"", "\"unknown\"" },
		{ "\"patients\"", "\"unknown\"" },
		{ "{\"identifier\":{\"id\":\"" FORGE_PATIENT
		  "\",\"system\":\"urn:oid:2.16.578.1.12.4.1.4.1\"}}",
			"" },
		{ "\"identifier\":{\"id\":\"" FORGE_PATIENT
		  "\",\"system\":\"urn:oid:2.16.578.1.12.4.1.4.1\"}",
			"\"point_of_care\":{}" },
		{ "\"toa\":1763649999", "\"toa\":1763650005" },
		{ "\"toa\":1763649999", "\"toa\":1763646400" },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		good(replaced(rows[i].from, rows[i].to));
	assert_int_equal(good(replaced("\"toa\":1763649999,", "")).toa, 0);
	assert_int_equal(good(replaced("\"patients\"", "\"unknown\"")).patient_count, 0);
}

static void purposes_are_four(void **state)
{
	(void)state;
	static const char *const codes[] = { "TREAT", "ETREAT", "COC", "BTG" };
	static const char *const others[] = { "", "treat", "HOPERAT", "TREAT ", "PATRQT", "1",
		"BLAALYS" };
	enum purpose purpose = PURPOSE_NONE;
	for (size_t i = 0; i < COUNT(codes); i++) {
		const struct attest attest =
			good(replaced("\"TREAT\"", str_format(arena, "\"%s\"", codes[i]).at));
		assert_int_equal(attest.purpose, i + 1);
		assert_string_equal(purpose_code(attest.purpose), codes[i]);
		assert_true(purpose_parse(str_of(codes[i]), &purpose));
		assert_int_equal(purpose, i + 1);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_false(purpose_parse(str_of(others[i]), &purpose));
		refused(replaced("\"TREAT\"", str_format(arena, "\"%s\"", others[i]).at),
			"purpose_of_use");
	}
	assert_string_equal(purpose_code(PURPOSE_NONE), "");
}

static const struct {
	const char *from, *to, *why;
} bad_attests[] = {
	{ "nhn:tillitsrammeverk:parameters", "helseid_authorization", "malformed" },
	{ "\"nhn:tillitsrammeverk:parameters\"", "7", "malformed" },
	{ "\"practitioner\"", "\"unknown\"", "practitioner" },
	{ "\"care_relationship\"", "\"unknown\"", "care_relationship" },
	{ "\"care_relationship\"", "\"care_relation\":{},\"care_relationship\"",
		"care_relationship" },
	{ "\"practitioner\":{", "\"practitioner\":7,\"unknown\":{", "no practitioner" },
	{ "\"authorization\":{", "\"authorization\":7,\"unknown\":{", "authorization" },
	{ "\"department\":{", "\"department\":7,\"unknown\":{", "organisation" },
	{ ",\"system\":\"urn:oid:2.16.578.1.12.4.1.1.9060\"", "", "authorization" },
	{ ",\"system\":\"urn:oid:2.16.578.1.12.4.1.4.102\"", "", "organisation" },
	/* ATT-10 and ATT-11 */
	{ FORGE_DOCTOR, FORGE_OTHER, "another practitioner" },
	{ FORGE_DOCTOR, "80000000179", "no f" },
	{ FORGE_DOCTOR, "57912075187", "no f" },
	{ "urn:oid:2.16.578.1.12.4.1.4.2", "urn:oid:2.16.578.1.12.4.1.4.4", "no f" },
	{ "\"id\":\"" FORGE_DOCTOR "\",", "", "practitioner is malformed" },
	{ "\"id\":\"" FORGE_DOCTOR "\"", "\"id\":57912075186", "practitioner is malformed" },
	{ "{\"id\":\"" FORGE_DOCTOR "\",\"system\":\"urn:oid:2.16.578.1.12.4.1.4.2\"}", "null",
		"practitioner is malformed" },
	{ "181000001", "181000002", "another practitioner" },
	{ "181000001", "18100000x", "HPR" },
	{ "urn:oid:2.16.578.1.12.4.1.4.4", "urn:oid:2.16.578.1.12.4.1.4.5", "HPR" },
	{ "\"181000001\"", "181000001", "practitioner is malformed" },
	{ "9060", "9061", "authorization" },
	{ "\"LE\"", "\"\"", "authorization" },
	{ "\"Lege\"", "[]", "authorization" },
	/* organisations */
	{ "\"legal_entity\"", "\"unknown\"", "legal entity" },
	{ "\"point_of_care\"", "\"unknown\"", "legal entity" },
	{ FORGE_PARENT, "974589095", "another legal entity" },
	{ FORGE_CHILD, "974589095", "another point of care" },
	{ FORGE_PARENT, "99346704", "legal entity" },
	{ FORGE_CHILD, "x", "legal entity" },
	{ "4.101", "4.102", "legal entity" },
	{ "4.101\",\"name\":\"Medisinsk", "4.102\",\"name\":\"Medisinsk", "legal entity" },
	{ "\"Sykehuset\"", "7", "organisation" },
	{ "\"Medisinsk klinikk\"", "\"a\\u0001b\"", "organisation" },
	{ "Poliklinikk", "Poli\\nklinikk", "organisation" },
	{ "\"705592\"", "705592", "organisation" },
	/* purpose, service, details */
	{ "\"purpose_of_use\"", "\"unknown\"", "purpose_of_use" },
	{ "11.20448", "11.20449", "purpose_of_use" },
	{ "\"TREAT\"", "null", "purpose_of_use" },
	{ "\"TREAT\"", "[\"TREAT\"]", "purpose_of_use" },
	{ "\"S03\"", "3", "service or details" },
	{ "\"S03\",", "\"S03\",\"text\":\"\\u202e\",", "service or details" },
	{ ",\"system\":\"urn:oid:2.16.578.1.12.4.1.1.8655\"", "", "service or details" },
	{ "\"BEHANDLER\"", "\"\"", "service or details" },
	/* the decision */
	{ "\"decision_ref\"", "\"unknown\"", "no decision_ref" },
	{ "\"decision_ref\"", "\"tracing_ref\":{\"ref_id\":\"x\"},\"decision_ref\"",
		"no decision_ref" },
	{ "\"decision_ref\"", "\"tracing_ref\"", "decision_ref is malformed" },
	{ "\"d1c0\"", "\"\"", "decision_ref is malformed" },
	{ "\"d1c0\"", "7", "decision_ref is malformed" },
	{ "\"user_selected\":true", "\"user_selected\":\"true\"", "decision_ref is malformed" },
	{ "\"user_selected\":true", "\"user_selected\":null", "decision_ref is malformed" },
	{ "Utskrivning i dag", "\\u001b[2J", "decision_ref is malformed" },
	/* ATT-58 */
	{ "1763649999", "1763646399", "attestation_has_expired" },
	{ "1763649999", "0", "attestation_has_expired" },
	{ "1763649999", "1763650006", "no time of the past" },
	{ "1763649999", "\"1763649999\"", "no time of the past" },
	{ "1763649999", "1763649999e0", "no time of the past" },
	{ "1763649999", "-1", "no time of the past" },
	{ "1763649999", "99999999999999999999", "no time of the past" },
	/* patients */
	{ FORGE_PATIENT, "17912099998", "valid national identifier" },
	{ "\"" FORGE_PATIENT "\"", "17912099997", "patients are malformed" },
	{ "urn:oid:2.16.578.1.12.4.1.4.1\"}}]", "urn:oid:2.16.578.1.12.4.1.4.5\"}}]",
		"valid national identifier" },
	{ "\"patients\":[", "\"patients\":[7,", "patients are malformed" },
	{ "\"patients\":[", "\"patients\":[null,", "patients are malformed" },
	{ "\"patients\":[", "\"patients\":[{\"identifier\":null},", "patients are malformed" },
	{ "\"patients\":[", "\"patients\":{},\"others\":[", "patients are malformed" },
	{ "\"patients\":[", "\"patients\":null,\"others\":[", "patients are malformed" },
};

static void a_bad_attest_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_attests); i++)
		refused(replaced(bad_attests[i].from, bad_attests[i].to), bad_attests[i].why);
}

static void something_says_what_care_it_is(void **state)
{
	(void)state;
	char *text = (char *)(uintptr_t)replaced("healthcare_service", "unknown").at;
	memcpy(strstr(text, "purpose_of_use_details"), "unknown_unknown_details", 22);
	refused(str_of(text), "neither healthcare_service");
}

static void user_selected_is_not_assumed(void **state)
{
	(void)state;
	assert_false(good(replaced(",\"user_selected\":true", "")).user_selected);
	assert_false(
		good(replaced("\"user_selected\":true", "\"user_selected\":false")).user_selected);
	const struct attest old = good(
		replaced("\"decision_ref\":{\"id\":\"d1c0\",\"description\":\"Utskrivning i dag\","
			 "\"user_selected\":true}",
			"\"tracing_ref\":{\"ref_id\":\"t1\",\"user_selected\":true}"));
	assert_true(str_is(old.decision_ref, "t1"));
	assert_int_equal(old.decision_text.length, 0);
	assert_false(old.user_selected);
}

/* What the token does not say cannot be compared; what it says must agree. */
static void the_token_decides_what_is_compared(void **state)
{
	(void)state;
	ask.hpr = STR("");
	good(str_of(forge_attest));
	ask.hpr = STR("181000001");
	ask.orgnr_child = STR("");
	good(str_of(forge_attest));
	ask.orgnr_child = STR(FORGE_CHILD);
	ask.pid = STR("");
	refused(str_of(forge_attest), "another practitioner");
	good(replaced("\"identifier\"", "\"unknown\""));
	ask.pid = STR(FORGE_DOCTOR);
	ask.orgnr = 993467048;
	refused(str_of(forge_attest), "another legal entity");
	ask.orgnr = 993467049;
	ask.national = NATIONAL_REAL;
	refused(str_of(forge_attest), "no f");
	ask.national = NATIONAL_SYNTHETIC;
	ask.age_max = 0;
	refused(str_of(forge_attest), "attestation_has_expired");
}

static void lists_and_texts_are_bounded(void **state)
{
	(void)state;
	for (unsigned count = 64; count <= 65; count++) {
		struct buf buf = buf_new(arena, 1024, 1 << 16);
		buf_add_text(&buf, "\"patients\":[");
		for (unsigned i = 1; i < count; i++)
			buf_add_text(&buf, "{},");
		buf_add_byte(&buf, '\0');
		const struct str text = replaced("\"patients\":[", buf_str(&buf).at);
		if (count == 64)
			assert_int_equal(good(text).patient_count, 1);
		else
			refused(text, "patients are malformed");
	}
	char *reason = arena_alloc(arena, 258);
	memset(reason, 'r', 256);
	good(replaced("Utskrivning i dag", reason));
	reason[256] = 'r';
	refused(replaced("Utskrivning i dag", reason), "decision_ref is malformed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_whole_attest_is_read, begin, end),
		cmocka_unit_test_setup_teardown(object_list_and_text_are_one, begin, end),
		cmocka_unit_test_setup_teardown(other_spellings_are_read, begin, end),
		cmocka_unit_test_setup_teardown(purposes_are_four, begin, end),
		cmocka_unit_test_setup_teardown(a_bad_attest_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(something_says_what_care_it_is, begin, end),
		cmocka_unit_test_setup_teardown(user_selected_is_not_assumed, begin, end),
		cmocka_unit_test_setup_teardown(the_token_decides_what_is_compared, begin, end),
		cmocka_unit_test_setup_teardown(lists_and_texts_are_bounded, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
