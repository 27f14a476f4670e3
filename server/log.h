/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include "fhir/base/outcome.h"
#include "fhir/base/str.h"

/* In the order of the setting log_level. */
enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };

/* Lines above `level` are dropped from now on. */
void log_open(enum log_level level);
bool log_wanted(enum log_level level);

/*
 * One line on standard error: time=... level=... event=<event> and what `format` makes, which is
 * key=value pairs of ours ("" for none). Values that come from outside go through log_quote().
 * Control characters become spaces, so that a request is never two lines. Never a person's
 * identifier, a token or a URL. Any thread.
 * At most a hundred lines a second for long (errors always pass); what is dropped is counted.
 */
void log_line(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * "value" with quotes, backslash and bytes outside printable ASCII escaped; at most 200 bytes of
 * it. On the arena.
 */
const char *log_quote(struct arena *arena, struct str value);

/* A line for each error of the outcome. */
void log_outcome(enum log_level level, const char *event, const struct outcome *outcome);

#endif
