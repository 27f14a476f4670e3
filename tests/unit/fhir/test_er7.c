/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/hl7/er7.h"

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(64 << 20);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void assert_str(struct str s, const char *text)
{
	if (!str_is(s, text))
		fail_msg("\"%.*s\" instead of \"%s\"", STR_ARG(s), text);
}

static struct er7 parsed(struct str text)
{
	struct er7 message = { 0 };
	if (!er7_parse(arena, text, &message, &outcome))
		fail_msg("%.*s", STR_ARG(outcome.first->text));
	return message;
}

static void refused(struct str text, enum outcome_kind kind, unsigned field)
{
	struct er7 message = { 0 };
	outcome = (struct outcome){ .arena = arena };
	assert_false(er7_parse(arena, text, &message, &outcome));
	assert_int_equal(outcome_first(&outcome), kind);
	assert_int_equal(outcome.first->place.field, field);
	/* The MSH alone, for the acknowledgement. */
	assert_true(message.count <= 1);
}

static void fields_are_numbered_as_in_hl7(void **state)
{
	(void)state;
	const struct er7 message = parsed(STR("MSH|^~\\&|app|fac||\rPID|||a^b&c~d\rOBX|1\rOBX|2|"));
	assert_int_equal(message.count, 4);
	const struct er7_segment *const msh = er7_find(&message, "MSH");
	assert_str(er7_field(msh, 0), "MSH");
	assert_str(er7_field(msh, 1), "|");
	assert_str(er7_field(msh, 2), "^~\\&");
	assert_str(er7_field(msh, 3), "app");
	assert_str(er7_field(msh, 4), "fac");
	assert_str(er7_field(msh, 5), "");
	assert_str(er7_field(msh, 6), "");
	assert_str(er7_field(msh, 7), "");
	assert_str(er7_field(er7_find(&message, "PID"), 3), "a^b&c~d");
	assert_null(er7_find(&message, "OBR"));
	assert_int_equal(message.segments[3].sequence, 2);
	assert_int_equal(message.segments[3].field_count, 3);
}

static void parts_are_found_or_empty(void **state)
{
	(void)state;
	const struct er7 message = parsed(STR("MSH|^~\\&|x|y\rPID|||a^b&c^~d~"));
	const struct str field = er7_field(er7_find(&message, "PID"), 3);
	bool more;
	const struct str first = er7_repetition(&message, field, 0, &more);
	assert_true(more);
	assert_str(first, "a^b&c^");
	assert_str(er7_component(&message, first, 1), "a");
	assert_str(er7_component(&message, first, 2), "b&c");
	assert_str(er7_component(&message, first, 3), "");
	assert_str(er7_component(&message, first, 4), "");
	assert_str(er7_component(&message, first, 0), "");
	assert_str(er7_subcomponent(&message, STR("b&c"), 2), "c");
	assert_str(er7_subcomponent(&message, STR("b&c"), 3), "");
	assert_str(er7_repetition(&message, field, 1, &more), "d");
	assert_true(more);
	assert_str(er7_repetition(&message, field, 2, &more), "");
	assert_false(more);
	assert_str(er7_repetition(&message, field, 9, &more), "");
	assert_false(more);
	er7_repetition(&message, (struct str){ 0 }, 0, &more);
	assert_false(more);
}

static void segments_end_in_cr_lf_or_both(void **state)
{
	(void)state;
	const struct {
		struct str text;
		size_t count;
	} cases[] = {
		{ STR("MSH|^~\\&|a\rPID|1\r"), 2 },
		{ STR("MSH|^~\\&|a\nPID|1\n"), 2 },
		{ STR("MSH|^~\\&|a\r\nPID|1\r\n\r\n"), 2 },
		{ STR("\xef\xbb\xbf MSH|^~\\&|a\rPID|1"), 2 },
		{ STR(" \n\t MSH|^~\\&|a\n\n \nPID|1\n "), 2 },
		/* A LF inside a field, and one that ends a segment among CRs. */
		{ STR("MSH|^~\\&|a\rNTE|1||two\nlines\rPID|1\r"), 3 },
		{ STR("MSH|^~\\&|a\rPID|1\nPV1|H\r"), 3 },
		{ STR("MSH|^~\\&|a\rNTE|1||one\nTWO lines\rZZZ"), 3 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parsed(cases[i].text).count, cases[i].count);
	const struct er7 message = parsed(cases[5].text);
	assert_str(er7_field(er7_find(&message, "NTE"), 3), "two\nlines");
}

static void character_sets_become_utf8(void **state)
{
	(void)state;
	const struct {
		struct str name, bytes;
		const char *text;
	} cases[] = {
		{ STR(""), STR("\xc3\xb8"), "ø" },
		{ STR("UNICODE UTF-8"), STR("\xc3\xb8"), "ø" },
		{ STR("utf-8"), STR("\xe2\x82\xac"), "€" },
		{ STR("8859/1"), STR("\xf8\xa4"), "ø¤" },
		{ STR("8859/15"), STR("\xf8\xa4\xbc"), "ø€Œ" },
		{ STR("ASCII"), STR("o"), "o" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct str text =
			str_format(arena, "MSH|^~\\&|%.*s|||||||||||||||%.*s\rPID|1",
				STR_ARG(cases[i].bytes), STR_ARG(cases[i].name));
		const struct er7 message = parsed(text);
		assert_str(er7_field(er7_find(&message, "MSH"), 3), cases[i].text);
	}
	refused(STR("MSH|^~\\&|\xf8|||||||||||||||"), OUTCOME_VALUE, 18);
	refused(STR("MSH|^~\\&|\xc3\xb8|||||||||||||||ASCII"), OUTCOME_VALUE, 18);
	refused(STR("MSH|^~\\&|a|||||||||||||||KLINGON"), OUTCOME_CODE_INVALID, 18);
	refused(STR("MSH|^~\\&|a|||||||||||||||8859/1~8859/15"), OUTCOME_CODE_INVALID, 18);
	refused(STR("MSH|^~\\&|a\0b|c"), OUTCOME_VALUE, 18);
}

static void delimiters_are_the_senders(void **state)
{
	(void)state;
	const struct er7 message = parsed(STR("MSH!@*$%!app\rPID!!!a@b%c*d$F$\r"));
	const struct str field = er7_field(er7_find(&message, "PID"), 3);
	bool more;
	assert_str(er7_repetition(&message, field, 1, &more), "d$F$");
	assert_str(er7_component(&message, er7_repetition(&message, field, 0, &more), 2), "b%c");
	assert_str(er7_text(arena, &message, STR("d$F$"), NULL), "d!");
	assert_int_equal(parsed(STR("MSH|^~\\&#|app\r")).escape, '\\');
	refused(STR("MSH|^~\\^|x"), OUTCOME_STRUCTURE, 2);
	refused(STR("MSH|^~\\||x"), OUTCOME_STRUCTURE, 2);
	refused(STR("MSH|^~\\|xy"), OUTCOME_STRUCTURE, 2);
	refused(STR("MSHa^~\\&ax"), OUTCOME_STRUCTURE, 2);
	refused(STR("MSH|^~\\&amp;|x"), OUTCOME_STRUCTURE, 2);
	refused(STR("MSH|^~\\&#!|x"), OUTCOME_STRUCTURE, 2);
}

static void what_is_no_message_is_refused(void **state)
{
	(void)state;
	refused(STR(""), OUTCOME_STRUCTURE, 0);
	refused(STR("MSH"), OUTCOME_STRUCTURE, 0);
	refused(STR("{\"resourceType\":\"Bundle\"}"), OUTCOME_STRUCTURE, 0);
	refused(STR("BHS|^~\\&|x|y"), OUTCOME_NOT_SUPPORTED, 0);
	refused(STR("FHS|^~\\&|x|y"), OUTCOME_NOT_SUPPORTED, 0);
	refused(STR("MSH|^~\\&|x\rMSH|^~\\&|x"), OUTCOME_NOT_SUPPORTED, 0);
	refused(STR("MSH|^~\\&|x\rpid|1"), OUTCOME_STRUCTURE, 0);
	refused(STR("MSH|^~\\&|x\nOBX|1\nstray text"), OUTCOME_STRUCTURE, 0);
}

static void limits_hold(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 1 << 20, 4 << 20);
	buf_add_text(&buf, "MSH|^~\\&|x\r");
	for (int i = 0; i < ER7_SEGMENTS_MAX - 1; i++)
		buf_add_text(&buf, "OBX|1\r");
	assert_int_equal(parsed(buf_str(&buf)).count, ER7_SEGMENTS_MAX);
	buf_add_text(&buf, "OBX|1\r");
	refused(buf_str(&buf), OUTCOME_TOO_LARGE, 0);

	buf = buf_new(arena, 1 << 20, 4 << 20);
	buf_add_text(&buf, "MSH|^~\\&|");
	while (buf.length < ER7_BYTES_MAX)
		buf_add_byte(&buf, 'a');
	assert_int_equal(parsed(buf_str(&buf)).count, 1);
	buf_add_byte(&buf, 'a');
	refused(buf_str(&buf), OUTCOME_TOO_LARGE, 0);

	buf = buf_new(arena, 1024, 1 << 20);
	buf_add_text(&buf, "MSH|^~\\&|\rOBX");
	for (int i = 0; i < 500; i++)
		buf_add_byte(&buf, '|');
	refused(buf_str(&buf), OUTCOME_STRUCTURE, 0);
}

static void escapes_are_resolved_or_kept(void **state)
{
	(void)state;
	const struct er7 message = parsed(STR("MSH|^~\\&|x\r"));
	const struct {
		struct str raw;
		const char *text;
	} cases[] = {
		{ STR("plain"), "plain" },
		{ STR("\\F\\\\S\\\\T\\\\R\\\\E\\"), "|^&~\\" },
		{ STR("a\\.br\\b"), "a\nb" },
		{ STR("\\X41C3B8\\"), "Aø" },
		{ STR("\\x41\\"), "A" },
		/* No text by itself, no even number of digits, nothing: kept. */
		{ STR("\\XC3\\"), "\\XC3\\" },
		{ STR("\\X4\\"), "\\X4\\" },
		{ STR("\\X00\\"), "\\X00\\" },
		{ STR("\\X\\"), "\\X\\" },
		{ STR("\\H\\bold\\N\\"), "\\H\\bold\\N\\" },
		{ STR("open\\"), "open\\" },
		{ STR("\\"), "\\" },
		{ STR("\\\\"), "\\\\" },
		{ STR("c:\\dir\\F\\x"), "c:\\dir|x" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool null = true;
		assert_str(er7_text(arena, &message, cases[i].raw, &null), cases[i].text);
		assert_false(null);
	}
	bool null = false;
	assert_int_equal(er7_text(arena, &message, STR("\"\""), &null).length, 0);
	assert_true(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fields_are_numbered_as_in_hl7, begin, end),
		cmocka_unit_test_setup_teardown(parts_are_found_or_empty, begin, end),
		cmocka_unit_test_setup_teardown(segments_end_in_cr_lf_or_both, begin, end),
		cmocka_unit_test_setup_teardown(character_sets_become_utf8, begin, end),
		cmocka_unit_test_setup_teardown(delimiters_are_the_senders, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_message_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(limits_hold, begin, end),
		cmocka_unit_test_setup_teardown(escapes_are_resolved_or_kept, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
