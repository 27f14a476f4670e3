/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What vendors read: each tests/golden/explain/NAME.txt is what is made of tests/golden/hl7/NAME.hl7. GOLDEN_BLESS=1 writes them anew: read the difference before you commit it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/hl7/explain.h"

#define BYTES_MAX (8 << 20)
/* 2026-11-21T10:00:00Z */
#define NOW (1795255200 * INSTANT_SECOND)

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(256 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct str slurp(const char *path)
{
	FILE *const file = fopen(path, "rb");
	if (file == NULL)
		return (struct str){ 0 };
	char *const bytes = arena_alloc(arena, BYTES_MAX);
	const size_t length = fread(bytes, 1, BYTES_MAX, file);
	fclose(file);
	return (struct str){ bytes, length };
}

static const char *golden_path(const char *folder, const char *name, const char *extension)
{
	const char *const golden = getenv("GOLDEN");
	assert_non_null(golden);
	return str_format(arena, "%s/%s/%s.%s", golden, folder, name, extension).at;
}

static enum pcd01_tier explain(const char *name, struct str bytes, struct str *out)
{
	const struct pcd01_policy policy = { .national = NATIONAL_SYNTHETIC,
		.zone = { .oslo = true },
		.zone_known = strstr(name, "-nozone") == NULL,
		.production = strstr(name, "-prod") != NULL,
		.sentinels = strstr(name, "-sentinel") != NULL ? STR("-1 150456:>100")
							       : (struct str){ 0 },
		.now = NOW };
	struct buf buf = buf_new(arena, 4096, BYTES_MAX);
	const enum pcd01_tier tier = explain_write(&buf, bytes, &policy);
	assert_false(buf.full);
	*out = buf_str(&buf);
	return tier;
}

static void compare(const char *name, struct str got)
{
	const char *const path = golden_path("explain", name, "txt");
	if (getenv("GOLDEN_BLESS") != NULL) {
		FILE *const file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(got.at, 1, got.length, file), got.length);
		fclose(file);
		return;
	}
	if (!str_equal(slurp(path), got))
		fail_msg("%s.txt differs; now it is:\n%.*s", name, STR_ARG(got));
}

static size_t count_of(struct str text, const char *what)
{
	size_t count = 0;
	for (size_t at = 0; at < text.length; at++)
		count += str_starts(str_part(text, at, text.length - at), str_of(what));
	return count;
}

static void golden_files_are_met(void **state)
{
	(void)state;
	static const char *const names[] = { "01-blood-pressure-panel", "07-oximeter",
		"11-glucose-context", "16-observers-and-instances", "13-glucose-control-solution",
		"19-corrections", "22-names-and-numbers", "26-value-types", "33-paths-used-again",
		"34-paths-and-holes", "39-clock-rows", "90-event", "91-sentinels-alone-sentinel",
		"63-training-prod", "65-wrong-control-digits", "66-time-without-zone-nozone",
		"71-not-utf8", "74-nothing-usable" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct arena *const whole = arena;
		arena = arena_new(64 << 20);
		struct str text;
		explain(names[i], slurp(golden_path("hl7", names[i], "hl7")), &text);
		compare(names[i], text);
		arena_free(&arena);
		arena = whole;
	}
}

static int is_message(const struct dirent *entry)
{
	return str_ends(str_of(entry->d_name), STR(".hl7"));
}

/* The tier is that of the message; every issue that has a place has a rule; the patient's number is nowhere. */
static void every_message_is_explained(void **state)
{
	(void)state;
	struct dirent **entries;
	const int count = scandir(
		str_format(arena, "%s/hl7", getenv("GOLDEN")).at, &entries, is_message, alphasort);
	assert_true(count >= 60);
	for (int i = 0; i < count; i++) {
		struct arena *const whole = arena;
		arena = arena_new(256 << 20);
		const struct str file = str_of(entries[i]->d_name);
		const char *const name = str_copy(arena, str_part(file, 0, file.length - 4)).at;
		struct str text;
		const enum pcd01_tier tier =
			explain(name, slurp(golden_path("hl7", name, "hl7")), &text);
		const size_t warnings = count_of(text, "\n  warning ");
		const size_t errors = count_of(text, "\n  error ");
		assert_int_equal(tier, name[0] == '9'   ? PCD01_QUARANTINED
				       : name[0] >= '6' ? PCD01_REFUSED
				       : warnings > 0   ? PCD01_WARNED
							: PCD01_ACCEPTED);
		assert_int_equal(errors > 0, tier == PCD01_REFUSED || tier == PCD01_QUARANTINED);
		if (count_of(text, "\n    rule: ") < warnings + errors)
			fail_msg("%s: an issue without its rule:\n%.*s", name, STR_ARG(text));
		assert_int_equal(count_of(text, "12834710097"), 0);
		assert_int_equal(count_of(text, "\n  MSA|"), 1);
		arena_free(&arena);
		arena = whole;
		free(entries[i]);
	}
	free(entries);
}

/* A message can hold anything; the operator's terminal is not to obey it. */
static void terminals_are_safe(void **state)
{
	(void)state;
	const struct str message = STR(
		"MSH|^~\\&|A\x1b[2J||||20261120080000+0100||ORU^R01|1\x9b|P|2.6||||||8859/1\r"
		"PID|||12834710097^^^&2.16.578.1.12.4.1.4.1&ISO\rOBR|1||||||20261120080000+0100\r"
		"OBX|1|ST|150364^\x1b]0;x\x07^MDC|1.0.0.1|\x9b\x1b[31m\x85 warm|\x1bm\x9b|||||F\r");
	struct str text;
	assert_int_equal(explain("x", message, &text), PCD01_WARNED);
	assert_true(count_of(text, "warm") >= 2);
	for (size_t i = 0; i < text.length; i++) {
		const unsigned char byte = (unsigned char)text.at[i];
		assert_true((byte >= ' ' && byte != 0x7f) || byte == '\n');
		if (byte == 0xc2)
			assert_true((unsigned char)text.at[i + 1] >= 0xa0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(golden_files_are_met, begin, end),
		cmocka_unit_test_setup_teardown(every_message_is_explained, begin, end),
		cmocka_unit_test_setup_teardown(terminals_are_safe, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
