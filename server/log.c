/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The hub's own log: one line an event on standard error, for journald or whoever started it. */
#include "server/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/instant.h"
#include "server/loop.h"
#include "server/metrics.h"

#define LINE_MAX_BYTES  ((size_t)4096)
#define QUOTE_MAX_BYTES ((size_t)200)

/* Callers can make lines: so many at once, and so many a second for ever. Errors always pass. */
#define LINES_AT_ONCE  1000.0
#define LINES_A_SECOND 100.0

static atomic_int log_level_now = LEVEL_INFO;

static struct {
	pthread_mutex_t lock;
	double level; /* lines, leaking */
	instant at;
	uint64_t dropped; /* since the last line */
} flow = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LEVEL_ERROR:
		return "error";
	case LEVEL_WARNING:
		return "warning";
	case LEVEL_INFO:
		return "info";
	case LEVEL_DEBUG:
		return "debug";
	}
	return "error";
}

/* One request, one line: whatever slipped into a value cannot begin another. */
static void flatten(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
}

/* May another line be written? *dropped_out: how many could not be since the last. */
static bool flows(enum log_level level, uint64_t *dropped_out)
{
	const instant now = hub_now();
	pthread_mutex_lock(&flow.lock);
	if (now > flow.at)
		flow.level -= (double)(now - flow.at) * LINES_A_SECOND / (double)INSTANT_SECOND;
	flow.at = now;
	if (flow.level < 0)
		flow.level = 0;
	const bool passes = level == LEVEL_ERROR || flow.level < LINES_AT_ONCE;
	*dropped_out = passes ? flow.dropped : 0;
	if (passes)
		flow.level += 1;
	flow.dropped = passes ? 0 : flow.dropped + 1;
	pthread_mutex_unlock(&flow.lock);
	return passes;
}

void log_open(enum log_level level)
{
	atomic_store(&log_level_now, (int)level);
}

bool log_wanted(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
	uint64_t dropped;
	if (!log_wanted(level))
		return;
	if (!flows(level, &dropped)) {
		metric_add(METRIC_LOG_DROPPED, 1);
		return;
	}
	struct arena *arena = arena_new(8 * LINE_MAX_BYTES);
	struct buf line = buf_new(arena, 512, LINE_MAX_BYTES);
	buf_add_text(&line, "time=");
	instant_write(&line, hub_now());
	buf_add_format(&line, " level=%s event=%s", level_name(level), event);
	if (dropped > 0)
		buf_add_format(&line, " lines_dropped=%llu", (unsigned long long)dropped);
	va_list values;
	va_start(values, format);
	const struct str said = str_format_list(arena, format, values);
	va_end(values);
	if (said.length > 0) {
		buf_add_byte(&line, ' ');
		buf_add(&line, str_part(said, 0, LINE_MAX_BYTES - line.length - 2));
	}
	flatten(line.at, line.length);
	buf_add_byte(&line, '\n');
	/* Where nobody can read the log there is nobody to tell. */
	const ssize_t written = write(STDERR_FILENO, line.at, line.length);
	(void)written;
	metric_add(METRIC_LOG_LINES, 1);
	arena_free(&arena);
}

const char *log_quote(struct arena *arena, struct str value)
{
	struct buf out = buf_new(arena, 64, 4 * QUOTE_MAX_BYTES + 8);
	buf_add_byte(&out, '"');
	for (size_t i = 0; i < value.length && i < QUOTE_MAX_BYTES; i++) {
		const unsigned char byte = (unsigned char)value.at[i];
		if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
			buf_add_format(&out, "\\x%02x", byte);
		else
			buf_add_byte(&out, (char)byte);
	}
	buf_add_byte(&out, '"');
	return str_copy(arena, buf_str(&out)).at;
}

void log_outcome(enum log_level level, const char *event, const struct outcome *outcome)
{
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next)
		if (issue->severity == SEVERITY_ERROR)
			log_line(level, event, "text=%s", log_quote(outcome->arena, issue->text));
}
