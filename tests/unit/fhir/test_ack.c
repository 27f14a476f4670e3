/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/hl7/ack.h"

/* 2026-11-21T10:00:00Z */
#define NOW (1795255200 * INSTANT_SECOND)

static struct arena *arena;
static struct outcome outcome;
static struct pcd01 request;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(8 << 20);
	outcome = (struct outcome){ .arena = arena };
	request = (struct pcd01){ .control_id = STR("M|1"),
		.sender = STR("Hub^AC1D^EUI-64|Fac"),
		.receiver = STR("Recv|") };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct str rendered(void)
{
	struct buf buf = buf_new(arena, 256, 1 << 20);
	const struct ack ack = { &request, STR("A1"), NOW, true };
	ack_render(&buf, &ack, &outcome);
	return buf_str(&buf);
}

/* Segment `index` of the acknowledgement, which must end in CR. */
static struct str segment(unsigned index)
{
	struct str rest = rendered(), item = { 0 };
	assert_true(str_ends(rest, STR("\r")));
	for (unsigned i = 0; i <= index; i++)
		item = str_cut(rest, '\r', &rest);
	return item;
}

static void assert_str(struct str s, const char *text)
{
	if (!str_is(s, text))
		fail_msg("\"%.*s\" instead of \"%s\"", STR_ARG(s), text);
}

static void sender_and_receiver_change_places(void **state)
{
	(void)state;
	assert_str(segment(0),
		"MSH|^~\\&|Recv||Hub^AC1D^EUI-64|Fac|20261121100000+0000||ACK^R01^ACK|A1|P|2.6|||"
		"NE|NE||"
		"UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO");
	assert_str(segment(1), "MSA|AA|M\\F\\1");
}

static void letters_follow_mode_and_first_error(void **state)
{
	(void)state;
	static const struct {
		enum ack_mode mode;
		enum outcome_kind kind;
		const char *msa;
	} cases[] = {
		{ ACK_ORIGINAL, OUTCOME_VERSION, "MSA|AR|M\\F\\1" },
		{ ACK_ORIGINAL, OUTCOME_REQUIRED, "MSA|AE|M\\F\\1" },
		{ ACK_APPLICATION, OUTCOME_EVENT, "MSA|AR|M\\F\\1" },
		{ ACK_APPLICATION, OUTCOME_VALUE, "MSA|AE|M\\F\\1" },
		{ ACK_COMMIT, OUTCOME_PROCESSING_ID, "MSA|CR|M\\F\\1" },
		{ ACK_COMMIT, OUTCOME_UNKNOWN_PATIENT_ID, "MSA|CE|M\\F\\1" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		outcome = (struct outcome){ .arena = arena };
		request.ack_mode = cases[i].mode;
		outcome_warn(&outcome, OUTCOME_VALUE, STR(""), "first a warning");
		outcome_fail(&outcome, cases[i].kind, STR(""), "then the error");
		outcome_fail(&outcome, OUTCOME_FAULT, STR(""), "and another");
		assert_str(segment(1), cases[i].msa);
	}
	outcome = (struct outcome){ .arena = arena };
	assert_str(segment(1), "MSA|CA|M\\F\\1");
}

static void issues_become_err_segments(void **state)
{
	(void)state;
	const struct hl7_place at_row = { "OBX", 3, 5, 0 }, at_event = { "MSH", 1, 9, 2 },
			       at_segment = { "PID", 1, 0, 0 };
	outcome_at(&outcome, SEVERITY_WARNING, OUTCOME_VALUE, at_row, "not a number & more");
	outcome_at(&outcome, SEVERITY_ERROR, OUTCOME_EVENT, at_event, "no");
	outcome_at(&outcome, SEVERITY_INFORMATION, OUTCOME_REQUIRED, at_segment, "one\r\ntwo");
	outcome_fail(&outcome, OUTCOME_FAULT, STR("Observation.value"), "libpq said so");
	assert_str(segment(2),
		"ERR||OBX^3^5|102^Data type error^HL70357|W||||not a number \\T\\ more");
	assert_str(segment(3), "ERR||MSH^1^9^1^2|201^Unsupported event code^HL70357|E||||no");
	assert_str(segment(4), "ERR||PID^1|101^Required field missing^HL70357|I||||one  two");
	assert_str(segment(5), "ERR|||207^Application internal "
			       "error^HL70357|E|||Observation.value|Internal error");
}

static void a_message_that_was_not_read_is_answered_all_the_same(void **state)
{
	(void)state;
	request = (struct pcd01){ 0 };
	outcome_fail(&outcome, OUTCOME_STRUCTURE, STR(""), "no message");
	assert_true(str_starts(segment(0), STR("MSH|^~\\&|||||20261121")));
	assert_str(segment(1), "MSA|AE|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sender_and_receiver_change_places, begin, end),
		cmocka_unit_test_setup_teardown(letters_follow_mode_and_first_error, begin, end),
		cmocka_unit_test_setup_teardown(issues_become_err_segments, begin, end),
		cmocka_unit_test_setup_teardown(
			a_message_that_was_not_read_is_answered_all_the_same, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
