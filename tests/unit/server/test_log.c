/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fhir/base/arena.h"
#include "server/log.h"
#include "server/metrics.h"

#define CAUGHT_MAX ((size_t)1 << 20)

static char caught[CAUGHT_MAX];
static int stderr_was, file;
static char path[] = "/tmp/maalehub-test-XXXXXX";

/* Standard error goes to a file until caught_end(). */
static void caught_begin(void)
{
	memcpy(path, "/tmp/maalehub-test-XXXXXX", sizeof(path));
	file = mkstemp(path);
	assert_true(file >= 0);
	unlink(path);
	stderr_was = dup(STDERR_FILENO);
	dup2(file, STDERR_FILENO);
}

static const char *caught_end(void)
{
	dup2(stderr_was, STDERR_FILENO);
	close(stderr_was);
	lseek(file, 0, SEEK_SET);
	const ssize_t length = read(file, caught, sizeof(caught) - 1);
	close(file);
	caught[length > 0 ? length : 0] = '\0';
	return caught;
}

static size_t lines(const char *text)
{
	size_t count = 0;
	for (; *text != '\0'; text++)
		count += *text == '\n' ? 1 : 0;
	return count;
}

static void one_event_is_one_line(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 20);
	caught_begin();
	log_line(LEVEL_WARNING, "tried", "who=%s raw=%s",
		log_quote(arena, STR("a\"b\\c\nd\xc3\xa5")), "one\ntwo\x1b[0m");
	const char *text = caught_end();
	assert_int_equal(lines(text), 1);
	assert_non_null(strstr(text, " level=warning event=tried "));
	assert_non_null(strstr(text, "who=\"a\\x22b\\x5cc\\x0ad\\xc3\\xa5\" raw=one two [0m\n"));
	assert_int_equal(strncmp(text, "time=20", 7), 0);
	arena_free(&arena);
}

static void long_lines_are_cut(void **state)
{
	(void)state;
	char word[10000];
	memset(word, 'w', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	caught_begin();
	log_line(LEVEL_WARNING, "long", "word=%s", word);
	const char *text = caught_end();
	assert_int_equal(lines(text), 1);
	assert_in_range(strlen(text), 4000, 4097);
}

static void levels_above_are_silent(void **state)
{
	(void)state;
	caught_begin();
	log_open(LEVEL_WARNING);
	log_line(LEVEL_INFO, "quiet", "n=%d", 1);
	assert_false(log_wanted(LEVEL_INFO));
	log_open(LEVEL_INFO);
	log_line(LEVEL_DEBUG, "quiet", "n=%d", 2);
	log_line(LEVEL_INFO, "loud", "n=%d", 3);
	assert_null(strstr(caught_end(), "quiet"));
	assert_non_null(strstr(caught, "loud"));
}

/* Last: it uses up what may be written. */
static void a_flood_is_dropped_and_counted(void **state)
{
	(void)state;
	caught_begin();
	for (int i = 0; i < 5000; i++)
		log_line(LEVEL_WARNING, "flood", "n=%d", i);
	log_line(LEVEL_ERROR, "error", "text=%s", "still heard");
	const char *text = caught_end();
	assert_in_range(lines(text), 900, 1500);
	assert_true(metric_value(METRIC_LOG_DROPPED) >= 3500);
	assert_non_null(strstr(text, "event=error lines_dropped="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_event_is_one_line),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(levels_above_are_silent),
		cmocka_unit_test(a_flood_is_dropped_and_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
