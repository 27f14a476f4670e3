/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* JSON Patch, by RFC 6902 and its appendix, within what may be patched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/patch.h"

#define HERE                                                                                      \
	"{\"resourceType\":\"Observation\", \"meta\":{\"versionId\":\"1\"},\"status\":\"final\"," \
	"\"valueQuantity\":{ \"value\": 70.50 "                                                   \
	"},\"note\":[{\"text\":\"a\"},{\"text\":\"b\",\"n\":1.50}]}"

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 22);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static bool apply(enum resource_type type, const char *operations, struct str *out)
{
	outcome = (struct outcome){ .arena = arena };
	const struct json *now = json_parse(arena, STR(HERE), 1000, &outcome);
	const struct json *patch = json_parse(arena, str_of(operations), 1000, &outcome);
	assert_int_equal(outcome.errors, 0);
	return patch_apply(arena, type, now, patch, out, &outcome);
}

static void gives(const char *operations, const char *expected)
{
	struct str out;
	if (!apply(TYPE_OBSERVATION, operations, &out))
		fail_msg("%s: %.*s", operations, STR_ARG(outcome.first->text));
	assert_string_equal(str_copy(arena, out).at, expected);
}

static void refuses(const char *operations, enum outcome_kind kind, const char *says)
{
	struct str out;
	if (apply(TYPE_OBSERVATION, operations, &out))
		fail_msg("taken: %s", operations);
	assert_int_equal(outcome_first(&outcome), kind);
	if (strstr(str_copy(arena, outcome.first->text).at, says) == NULL)
		fail_msg("%s: %.*s", operations, STR_ARG(outcome.first->text));
}

#define WHOLE(meta, status, note)                                                \
	"{\"resourceType\":\"Observation\",\"meta\":" meta ",\"status\":" status \
	",\"valueQuantity\":{ \"value\": 70.50 },\"note\":" note "}"
#define META  "{\"versionId\":\"1\"}"
#define NOTES "[{\"text\":\"a\"},{\"text\":\"b\",\"n\":1.50}]"

static void each_operation(void **state)
{
	(void)state;
	gives("[{\"op\":\"replace\",\"path\":\"/status\",\"value\":\"amended\"}]",
		WHOLE(META, "\"amended\"", NOTES));
	gives("[{\"op\":\"add\",\"path\":\"/note/1\",\"value\":{\"text\":\"c\"}}]",
		WHOLE(META, "\"final\"",
			"[{\"text\":\"a\"},{\"text\":\"c\"},{\"text\":\"b\",\"n\":1.50}]"));
	gives("[{\"op\":\"add\",\"path\":\"/note/-\",\"value\":{\"text\":\"c\"}}]",
		WHOLE(META, "\"final\"",
			"[{\"text\":\"a\"},{\"text\":\"b\",\"n\":1.50},{\"text\":\"c\"}]"));
	gives("[{\"op\":\"remove\",\"path\":\"/note/0\"}]",
		WHOLE(META, "\"final\"", "[{\"text\":\"b\",\"n\":1.50}]"));
	gives("[{\"op\":\"move\",\"from\":\"/note/0\",\"path\":\"/note/1\"}]",
		WHOLE(META, "\"final\"", "[{\"text\":\"b\",\"n\":1.50},{\"text\":\"a\"}]"));
	gives("[{\"op\":\"copy\",\"from\":\"/note/0\",\"path\":\"/note/-\"}]",
		WHOLE(META, "\"final\"",
			"[{\"text\":\"a\"},{\"text\":\"b\",\"n\":1.50},{\"text\":\"a\"}]"));
	gives("[{\"op\":\"add\",\"path\":\"/meta/tag\",\"value\":[{\"code\":\"x\"}]},"
	      "{\"op\":\"add\",\"path\":\"/meta/tag/0\",\"value\":{\"code\":\"y\"}}]",
		WHOLE("{\"versionId\":\"1\",\"tag\":[{\"code\":\"y\"},{\"code\":\"x\"}]}",
			"\"final\"", NOTES));
}

/* Nothing changed: the very bytes, blanks and all. Numbers are equal by value, members in any order. */
static void tests(void **state)
{
	(void)state;
	gives("[{\"op\":\"test\",\"path\":\"/note/1\",\"value\":{\"n\":1.5,\"text\":\"b\"}}]",
		HERE);
	refuses("[{\"op\":\"test\",\"path\":\"/status\",\"value\":\"amended\"}]",
		OUTCOME_BUSINESS_RULE, "operation 1");
	refuses("[{\"op\":\"test\",\"path\":\"/note\",\"value\":[{\"text\":\"a\"}]}]",
		OUTCOME_BUSINESS_RULE, "does not hold");
	refuses("[{\"op\":\"test\",\"path\":\"/note/1/n\",\"value\":\"1.50\"}]",
		OUTCOME_BUSINESS_RULE, "does not hold");
}

static void what_is_emptied_goes(void **state)
{
	(void)state;
	gives("[{\"op\":\"remove\",\"path\":\"/note/0\"},{\"op\":\"remove\",\"path\":\"/note/0\"}]",
		"{\"resourceType\":\"Observation\",\"meta\":" META ",\"status\":\"final\","
		"\"valueQuantity\":{ \"value\": 70.50 }}");
}

static void pointers(void **state)
{
	(void)state;
	gives("[{\"op\":\"add\",\"path\":\"/note/0/a~1b~0c\",\"value\":1}]",
		WHOLE(META, "\"final\"",
			"[{\"text\":\"a\",\"a/b~c\":1},{\"text\":\"b\",\"n\":1.50}]"));
	static const char *const nowhere[] = { "/note/2", "/note/00", "/note/-", "/note/x",
		"/note/0/nothing", "/note/-1" };
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		refuses(str_format(arena, "[{\"op\":\"remove\",\"path\":\"%s\"}]", nowhere[i]).at,
			OUTCOME_BUSINESS_RULE, "nothing");
	refuses("[{\"op\":\"add\",\"path\":\"/note/3\",\"value\":{}}]", OUTCOME_BUSINESS_RULE,
		"/note/3");
	refuses("[{\"op\":\"remove\",\"path\":\"/note/0/~2\"}]", OUTCOME_INVALID, "Pointer");
	refuses("[{\"op\":\"remove\",\"path\":\"note\"}]", OUTCOME_INVALID, "Pointer");
}

/* What was measured is not patched, by whatever road. */
static void what_may_not_be_patched(void **state)
{
	(void)state;
	static const char *const shut[] = { "", "/", "/valueQuantity", "/valueQuantity/value",
		"/subject", "/meta", "/meta/versionId", "/metatag", "/note~1x", "/status2" };
	for (size_t i = 0; i < sizeof(shut) / sizeof(shut[0]); i++) {
		refuses(str_format(arena, "[{\"op\":\"replace\",\"path\":\"%s\",\"value\":1}]",
				shut[i])
				.at,
			OUTCOME_BUSINESS_RULE, "/status, /note, /interpretation, /meta/tag");
		refuses(str_format(
				arena, "[{\"op\":\"test\",\"path\":\"%s\",\"value\":1}]", shut[i])
				.at,
			OUTCOME_BUSINESS_RULE, "/meta/security");
		refuses(str_format(arena,
				"[{\"op\":\"copy\",\"from\":\"%s\",\"path\":\"/note/-\"}]", shut[i])
				.at,
			OUTCOME_BUSINESS_RULE, "may not be patched");
	}
	struct str out;
	assert_false(apply(TYPE_PROVENANCE,
		"[{\"op\":\"replace\",\"path\":\"/status\",\"value\":\"x\"}]", &out));
}

static void what_is_no_patch(void **state)
{
	(void)state;
	static const char *const wrong[] = { "{}", "[]", "[1]", "[{\"path\":\"/status\"}]",
		"[{\"op\":\"merge\",\"path\":\"/status\",\"value\":1}]",
		"[{\"op\":\"add\",\"path\":\"/status\"}]", "[{\"op\":\"remove\"}]",
		"[{\"op\":\"remove\",\"path\":1}]", "[{\"op\":\"move\",\"path\":\"/note/0\"}]",
		"[{\"op\":\"move\",\"from\":\"/note/0\",\"path\":\"/note/0/x\"}]" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refuses(wrong[i], OUTCOME_INVALID, "");
}

/* One wrong operation: nothing of it counts. */
static void all_or_nothing(void **state)
{
	(void)state;
	struct str out = STR("untouched");
	assert_false(apply(TYPE_OBSERVATION,
		"[{\"op\":\"remove\",\"path\":\"/note/0\"},{\"op\":\"remove\",\"path\":\"/note/"
		"7\"}]",
		&out));
	assert_true(str_is(out, "untouched"));
	assert_non_null(strstr(str_copy(arena, outcome.first->text).at, "operation 2"));
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test_setup_teardown(each_operation, begin, end),
		cmocka_unit_test_setup_teardown(tests, begin, end),
		cmocka_unit_test_setup_teardown(what_is_emptied_goes, begin, end),
		cmocka_unit_test_setup_teardown(pointers, begin, end),
		cmocka_unit_test_setup_teardown(what_may_not_be_patched, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_patch, begin, end),
		cmocka_unit_test_setup_teardown(all_or_nothing, begin, end),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
