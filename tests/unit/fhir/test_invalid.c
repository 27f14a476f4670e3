/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * tests/golden/invalid: each NAME.json is refused, with the OperationOutcome in NAME.outcome. `GOLDEN_BLESS=1` writes those
 * anew; look at the difference before you commit it.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/bundle.h"
#include "fhir/observation.h"

#define FOLDER      GOLDEN "/invalid"
#define FILE_MAX    65536
#define CASES_LEAST 30

/* 2026-11-21T12:00:00Z */
#define NOW (INT64_C(1795262400) * INSTANT_SECOND)

static struct str read_whole(struct arena *arena, const char *path)
{
	char *bytes = arena_alloc(arena, FILE_MAX);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return (struct str){ NULL, 0 };
	const size_t length = fread(bytes, 1, FILE_MAX, file);
	fclose(file);
	return (struct str){ bytes, length };
}

static void bless(const char *path, struct str text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text.at, 1, text.length, file), text.length);
	fclose(file);
}

/* Issues one a line, so that a difference can be read. */
static struct str lines(struct arena *arena, struct str text)
{
	struct buf buf = buf_new(arena, text.length, FILE_MAX);
	for (size_t i = 0; i < text.length; i++) {
		if (str_starts(str_part(text, i, 12), STR("{\"severity\":")))
			buf_add_byte(&buf, '\n');
		buf_add_byte(&buf, text.at[i]);
	}
	buf_add_byte(&buf, '\n');
	return buf_str(&buf);
}

static void check_case(const char *stem)
{
	struct arena *arena = arena_new(1 << 22);
	struct outcome outcome = { .arena = arena };
	const struct observation_policy policy = {
		.national = NATIONAL_SYNTHETIC, .zone = { .oslo = true }, .now = NOW
	};
	const char *input = str_format(arena, FOLDER "/%s.json", stem).at;
	const char *output = str_format(arena, FOLDER "/%s.outcome", stem).at;
	const struct json *json = json_parse(arena, read_whole(arena, input), 10000, &outcome);
	assert_non_null(json);
	struct observation untouched = { .key_count = 77 };
	assert_false(
		observation_read(arena, json, STR("Observation"), &policy, &untouched, &outcome));
	assert_int_equal(untouched.key_count, 77);
	assert_true(outcome.errors > 0);
	struct buf buf = buf_new(arena, 1024, FILE_MAX);
	outcome_render(&buf, &outcome);
	const struct str text = lines(arena, buf_str(&buf));
	assert_non_null(json_parse(arena, text, 10000, &outcome));
	if (getenv("GOLDEN_BLESS") != NULL)
		bless(output, text);
	const struct str wanted = read_whole(arena, output);
	if (!str_equal(text, wanted))
		fail_msg("%s: wanted %.*s\nfound %.*s", stem, STR_ARG(wanted), STR_ARG(text));
	arena_free(&arena);
}

static void every_case(void **state)
{
	(void)state;
	DIR *folder = opendir(FOLDER);
	assert_non_null(folder);
	size_t cases = 0;
	for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
		const struct str name = str_of(entry->d_name), end = STR(".json");
		if (!str_ends(name, end))
			continue;
		entry->d_name[name.length - end.length] = '\0';
		check_case(entry->d_name);
		cases++;
	}
	closedir(folder);
	assert_true(cases >= CASES_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
