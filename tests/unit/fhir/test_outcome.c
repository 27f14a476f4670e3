/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/outcome.h"

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

static void assert_str(struct str s, const char *text)
{
	assert_int_equal(s.length, strlen(text));
	if (s.length > 0)
		assert_memory_equal(s.at, text, s.length);
}

static void a_failure_is_counted_kept_and_false(void **state)
{
	(void)state;
	struct outcome outcome = { .arena = arena };
	char expression[] = "Observation.status", word[] = "finall";
	outcome_warn(&outcome, OUTCOME_VALUE, STR("Observation.code"), "odd");
	assert_int_equal(outcome.errors, 0);
	assert_false(outcome_fail(
		&outcome, OUTCOME_CODE_INVALID, str_of(expression), "\"%s\" is no status", word));
	memset(expression, 'x', sizeof(expression) - 1);
	memset(word, 'x', sizeof(word) - 1);
	assert_false(outcome_fail(&outcome, OUTCOME_GONE, STR(""), "gone"));
	assert_int_equal(outcome.errors, 2);
	assert_int_equal(outcome.warnings, 1);
	assert_int_equal(outcome.kept, 3);
	assert_int_equal(outcome_first(&outcome), OUTCOME_CODE_INVALID);
	const struct issue *second = outcome.first->next;
	assert_int_equal(outcome.first->severity, SEVERITY_WARNING);
	assert_str(second->expression, "Observation.status");
	assert_str(second->text, "\"finall\" is no status");
	assert_ptr_equal(second->next, outcome.last);
	assert_null(outcome.last->next);
}

static void a_place_in_a_message_is_kept(void **state)
{
	(void)state;
	struct outcome outcome = { .arena = arena };
	const struct hl7_place place = {
		.segment = "OBX", .sequence = 3, .field = 5, .component = 1
	};
	outcome_at(&outcome, SEVERITY_INFORMATION, OUTCOME_VALUE, place, "a unit %d", 1);
	outcome_at(&outcome, SEVERITY_ERROR, OUTCOME_EVENT, place, "no");
	assert_int_equal(outcome.errors, 1);
	assert_int_equal(outcome.warnings, 0);
	assert_string_equal(outcome.first->place.segment, "OBX");
	assert_int_equal(outcome.first->place.sequence, 3);
	assert_int_equal(outcome.first->place.field, 5);
	assert_int_equal(outcome.first->place.component, 1);
	assert_int_equal(outcome_first(&outcome), OUTCOME_EVENT);
}

static void a_hundred_are_kept_and_the_first_error_always(void **state)
{
	(void)state;
	struct outcome outcome = { .arena = arena };
	for (int i = 0; i < 500; i++)
		outcome_warn(&outcome, OUTCOME_VALUE, STR(""), "warning %d", i);
	outcome_fail(&outcome, OUTCOME_CONFLICT, STR("a"), "first");
	outcome_fail(&outcome, OUTCOME_GONE, STR("b"), "second");
	assert_int_equal(outcome.warnings, 500);
	assert_int_equal(outcome.errors, 2);
	assert_int_equal(outcome.kept, 100);
	assert_int_equal(outcome_first(&outcome), OUTCOME_CONFLICT);
	assert_str(outcome.last->text, "first");
	unsigned kept = 0;
	for (const struct issue *issue = outcome.first; issue != NULL; issue = issue->next)
		kept++;
	assert_int_equal(kept, 100);
}

static void a_merge_copies_prefixes_and_counts(void **state)
{
	(void)state;
	struct arena *other = arena_new(1 << 20);
	struct outcome to = { .arena = arena }, from = { .arena = other };
	outcome_warn(&to, OUTCOME_VALUE, STR("x"), "own");
	outcome_fail(&from, OUTCOME_REQUIRED, STR("Observation.code"), "code is required");
	for (int i = 0; i < 150; i++)
		outcome_warn(&from, OUTCOME_VALUE, STR(""), "w");
	outcome_merge(&to, &from, STR("Bundle.entry[3].resource."));
	arena_free(&other);
	assert_int_equal(to.errors, 1);
	assert_int_equal(to.warnings, 151);
	assert_int_equal(to.kept, 100);
	const struct issue *error = to.first->next;
	assert_str(error->expression, "Bundle.entry[3].resource.Observation.code");
	assert_str(error->text, "code is required");
	assert_int_equal(outcome_first(&to), OUTCOME_REQUIRED);
}

static void every_kind_has_its_row(void **state)
{
	(void)state;
	for (int kind = 0; kind < OUTCOME_KINDS; kind++) {
		assert_in_range(outcome_status((enum outcome_kind)kind), 400, 599);
		assert_true(strlen(outcome_issue_code((enum outcome_kind)kind)) > 3);
		const char *ack = outcome_ack((enum outcome_kind)kind);
		assert_true(strcmp(ack, "AE") == 0 || strcmp(ack, "AR") == 0);
		assert_in_range(outcome_hl7_code((enum outcome_kind)kind), 100, 299);
	}
	assert_int_equal(outcome_status(OUTCOME_STALE), 412);
	assert_string_equal(outcome_issue_code(OUTCOME_GONE), "deleted");
	assert_string_equal(outcome_ack(OUTCOME_FORBIDDEN), "AR");
	assert_int_equal(outcome_hl7_code(OUTCOME_VERSION), 203);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_is_counted_kept_and_false),
		cmocka_unit_test(a_place_in_a_message_is_kept),
		cmocka_unit_test(a_hundred_are_kept_and_the_first_error_always),
		cmocka_unit_test(a_merge_copies_prefixes_and_counts),
		cmocka_unit_test(every_kind_has_its_row),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
