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
		enum ack_condition accept, application;
		enum outcome_kind kind;
		const char *msa;
	} cases[] = {
		{ ACK_UNSAID, ACK_UNSAID, OUTCOME_VERSION, "MSA|AR|M\\F\\1" },
		{ ACK_UNSAID, ACK_UNSAID, OUTCOME_REQUIRED, "MSA|AE|M\\F\\1" },
		{ ACK_NEVER, ACK_ALWAYS, OUTCOME_EVENT, "MSA|AR|M\\F\\1" },
		{ ACK_NEVER, ACK_ALWAYS, OUTCOME_VALUE, "MSA|AE|M\\F\\1" },
		{ ACK_ALWAYS, ACK_NEVER, OUTCOME_PROCESSING_ID, "MSA|CR|M\\F\\1" },
		{ ACK_ALWAYS, ACK_NEVER, OUTCOME_UNKNOWN_PATIENT_ID, "MSA|CE|M\\F\\1" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		outcome = (struct outcome){ .arena = arena };
		request.accept_ack = cases[i].accept;
		request.application_ack = cases[i].application;
		outcome_warn(&outcome, OUTCOME_VALUE, STR(""), "first a warning");
		outcome_fail(&outcome, cases[i].kind, STR(""), "then the error");
		outcome_fail(&outcome, OUTCOME_FAULT, STR(""), "and another");
		assert_str(segment(1), cases[i].msa);
	}
	outcome = (struct outcome){ .arena = arena };
	assert_str(segment(1), "MSA|CA|M\\F\\1");
}

/* Each pair of words against what HL7 v2.6 2.9.3 says: stored, refused. */
static void the_message_says_when_it_is_answered(void **state)
{
	(void)state;
	static const enum ack_mode none = ACK_MODE_NONE, commit = ACK_MODE_COMMIT,
				   application = ACK_MODE_APPLICATION;
	const struct {
		enum ack_condition accept, application;
		enum ack_mode stored, refused;
	} cases[] = {
		{ ACK_UNSAID, ACK_UNSAID, ACK_MODE_ORIGINAL, ACK_MODE_ORIGINAL },
		{ ACK_UNSAID, ACK_ALWAYS, application, application },
		{ ACK_ALWAYS, ACK_UNSAID, commit, commit },
		{ ACK_NEVER, ACK_NEVER, none, none },
		{ ACK_UNSAID, ACK_NEVER, none, none },
		{ ACK_ALWAYS, ACK_ALWAYS, application, application },
		{ ACK_NEVER, ACK_ON_ERROR, none, application },
		{ ACK_NEVER, ACK_ON_SUCCESS, application, none },
		{ ACK_ON_ERROR, ACK_NEVER, none, commit },
		{ ACK_ON_SUCCESS, ACK_NEVER, commit, none },
		{ ACK_ALWAYS, ACK_ON_ERROR, commit, application },
		{ ACK_ON_SUCCESS, ACK_ON_ERROR, commit, application },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request.accept_ack = cases[i].accept;
		request.application_ack = cases[i].application;
		assert_int_equal(ack_mode(&request, true), cases[i].stored);
		assert_int_equal(ack_mode(&request, false), cases[i].refused);
	}
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

/* Table 0357 has no word for a rule of ours: 207 would say that the hub failed, of a message it has stored. */
static void what_is_told_of_a_stored_message_is_no_fault_of_the_hub(void **state)
{
	(void)state;
	const struct hl7_place at_row = { "OBX", 3, 5, 0 };
	outcome_at(&outcome, SEVERITY_WARNING, OUTCOME_BUSINESS_RULE, at_row, "unlikely");
	outcome_at(&outcome, SEVERITY_WARNING, OUTCOME_VALUE, at_row, "wrong");
	assert_str(segment(2), "ERR||OBX^3^5|0^Message accepted^HL70357|W||||unlikely");
	assert_str(segment(3), "ERR||OBX^3^5|102^Data type error^HL70357|W||||wrong");
	outcome_at(&outcome, SEVERITY_ERROR, OUTCOME_REQUIRED, at_row, "refused");
	assert_str(segment(2), "ERR||OBX^3^5|207^Application internal error^HL70357|W||||unlikely");
}

static void a_message_that_was_not_read_is_answered_all_the_same(void **state)
{
	(void)state;
	request = (struct pcd01){ 0 };
	outcome_fail(&outcome, OUTCOME_STRUCTURE, STR(""), "no message");
	assert_true(str_starts(segment(0), STR("MSH|^~\\&|||||20261121")));
	assert_str(segment(1), "MSA|AE|");
}

/* Any text that goes into a message comes out of it: ten thousand made of delimiters, escapes, what looks like escapes, and letters. */
static void escapes_come_back_as_they_were(void **state)
{
	(void)state;
	static const char *const pieces[] = { "|", "^", "~", "\\", "&", "\\E\\", "\\X41\\", "F",
		"S", "T", "R", "E", ".br", "\"", "å", " x" };
	uint32_t random = 2463534242u; /* xorshift */
	for (unsigned i = 0; i < 10000; i++) {
		struct arena *const whole = arena;
		arena = arena_new(1 << 20);
		outcome = (struct outcome){ .arena = arena };
		struct buf text = buf_new(arena, 64, 4096);
		for (unsigned length = i % 24 + 1; length > 0; length--) {
			random ^= random << 13;
			random ^= random >> 17;
			random ^= random << 5;
			buf_add_text(&text, pieces[random % (sizeof(pieces) / sizeof(*pieces))]);
		}
		request.control_id = buf_str(&text);
		struct er7 message;
		assert_true(er7_parse(arena, rendered(), &message, &outcome));
		const struct str field = er7_field(er7_find(&message, "MSA"), 2);
		const struct str back = er7_text(arena, &message, field, NULL);
		if (!str_is(request.control_id, "\"\"") && !str_equal(back, request.control_id))
			fail_msg("%.*s came back as %.*s", STR_ARG(request.control_id),
				STR_ARG(back));
		arena_free(&arena);
		arena = whole;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sender_and_receiver_change_places, begin, end),
		cmocka_unit_test_setup_teardown(letters_follow_mode_and_first_error, begin, end),
		cmocka_unit_test_setup_teardown(the_message_says_when_it_is_answered, begin, end),
		cmocka_unit_test_setup_teardown(
			what_is_told_of_a_stored_message_is_no_fault_of_the_hub, begin, end),
		cmocka_unit_test_setup_teardown(issues_become_err_segments, begin, end),
		cmocka_unit_test_setup_teardown(
			what_is_told_of_a_stored_message_is_no_fault_of_the_hub, begin, end),
		cmocka_unit_test_setup_teardown(escapes_come_back_as_they_were, begin, end),
		cmocka_unit_test_setup_teardown(
			a_message_that_was_not_read_is_answered_all_the_same, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
