/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/base/outcome.h"

#include <assert.h>
#include <stdarg.h>

#include "fhir/base/arena.h"

#define KEPT_MAX 100

static const struct {
	int status;
	const char *issue_code;
	const char *ack;
	int hl7_code;
} rows[] = {
#define OUTCOME(kind, http_status, code, msa, hl7) \
	[OUTCOME_##kind] = { http_status, code, msa, hl7 },
#include "fhir/base/outcome.tbl"
#undef OUTCOME
};

/*
 * Counts an issue and gives the place to write it to, or NULL where no more are kept. The first error always
 * finds a place, behind however many warnings it comes: outcome_first() answers for it.
 */
static struct issue *issue_add(struct outcome *outcome, enum severity severity)
{
	const bool first_error = severity == SEVERITY_ERROR && outcome->errors == 0;
	if (severity == SEVERITY_ERROR)
		outcome->errors++;
	else if (severity == SEVERITY_WARNING)
		outcome->warnings++;
	if (outcome->kept >= KEPT_MAX)
		return first_error ? outcome->last : NULL;
	struct issue *issue = arena_alloc(outcome->arena, sizeof(*issue));
	if (outcome->last == NULL)
		outcome->first = issue;
	else
		outcome->last->next = issue;
	outcome->last = issue;
	outcome->kept++;
	return issue;
}

__attribute__((format(printf, 3, 0))) static void add(
	struct outcome *outcome, struct issue shape, const char *format, va_list values)
{
	struct issue *issue = issue_add(outcome, shape.severity);
	if (issue == NULL)
		return;
	*issue = shape;
	if (shape.expression.length > 0)
		issue->expression = str_copy(outcome->arena, shape.expression);
	issue->text = str_format_list(outcome->arena, format, values);
}

bool outcome_fail(struct outcome *outcome, enum outcome_kind kind, struct str expression,
	const char *format, ...)
{
	va_list values;
	va_start(values, format);
	const struct issue shape = {
		.kind = kind, .severity = SEVERITY_ERROR, .expression = expression
	};
	add(outcome, shape, format, values);
	va_end(values);
	return false;
}

void outcome_warn(struct outcome *outcome, enum outcome_kind kind, struct str expression,
	const char *format, ...)
{
	va_list values;
	va_start(values, format);
	const struct issue shape = {
		.kind = kind, .severity = SEVERITY_WARNING, .expression = expression
	};
	add(outcome, shape, format, values);
	va_end(values);
}

void outcome_at(struct outcome *outcome, enum severity severity, enum outcome_kind kind,
	struct hl7_place place, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	const struct issue shape = { .kind = kind, .severity = severity, .place = place };
	add(outcome, shape, format, values);
	va_end(values);
}

void outcome_merge(struct outcome *to, const struct outcome *from, struct str prefix)
{
	unsigned errors = 0, warnings = 0;
	for (const struct issue *issue = from->first; issue != NULL; issue = issue->next) {
		errors += issue->severity == SEVERITY_ERROR;
		warnings += issue->severity == SEVERITY_WARNING;
		struct issue *copy = issue_add(to, issue->severity);
		if (copy == NULL)
			continue;
		*copy = *issue;
		copy->next = NULL;
		copy->text = str_copy(to->arena, issue->text);
		copy->expression = str_format(
			to->arena, "%.*s%.*s", STR_ARG(prefix), STR_ARG(issue->expression));
	}
	/* Those that `from` counted and did not keep. */
	to->errors += from->errors - errors;
	to->warnings += from->warnings - warnings;
}

enum outcome_kind outcome_first(const struct outcome *outcome)
{
	assert(outcome->errors > 0);
	const struct issue *issue = outcome->first;
	while (issue->severity != SEVERITY_ERROR)
		issue = issue->next;
	return issue->kind;
}

int outcome_status(enum outcome_kind kind)
{
	assert(kind < OUTCOME_KINDS);
	return rows[kind].status;
}

const char *outcome_issue_code(enum outcome_kind kind)
{
	assert(kind < OUTCOME_KINDS);
	return rows[kind].issue_code;
}

const char *outcome_ack(enum outcome_kind kind)
{
	assert(kind < OUTCOME_KINDS);
	return rows[kind].ack;
}

int outcome_hl7_code(enum outcome_kind kind)
{
	assert(kind < OUTCOME_KINDS);
	return rows[kind].hl7_code;
}
