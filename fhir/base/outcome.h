/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BASE_OUTCOME_H
#define FHIR_BASE_OUTCOME_H

#include "fhir/base/str.h"

enum outcome_kind {
#define OUTCOME(kind, status, code, ack, hl7) OUTCOME_##kind,
#include "fhir/base/outcome.tbl"
#undef OUTCOME
	OUTCOME_KINDS
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_INFORMATION };

/* Where in an HL7 message an issue stands; all 0 when it stands nowhere. Sequence numbers start at 1 (ERR-2). */
struct hl7_place {
	char segment[4];
	unsigned sequence, field, component;
};

/* One issue. `expression` is FHIRPath for JSON. Texts never hold a person's identifier or name. */
struct issue {
	struct issue *next;
	enum outcome_kind kind;
	enum severity severity;
	struct str expression;
	struct str text;
	struct hl7_place place;
};

/*
 * What went wrong, and what is worth saying. A function that can fail takes it last and returns false or NULL after
 * adding an error; nothing else signals failure. Empty means nothing went wrong. At most 100 issues are kept;
 * `errors` and `warnings` go on counting. Zero-initialise and set `arena`.
 */
struct outcome {
	struct arena *arena;
	struct issue *first, *last;
	unsigned errors, warnings, kept;
};

/* Adds an error and returns false. `expression` may be empty; text by printf, without person identifiers. */
bool outcome_fail(struct outcome *outcome, enum outcome_kind kind, struct str expression,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Adds a warning (the work goes on). */
void outcome_warn(struct outcome *outcome, enum outcome_kind kind, struct str expression,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Adds an issue of any severity at a place in an HL7 message. */
void outcome_at(struct outcome *outcome, enum severity severity, enum outcome_kind kind,
	struct hl7_place place, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Copies all issues of `from` behind those of `to`, each expression prefixed with `prefix` (texts are copied to to->arena). */
void outcome_merge(struct outcome *to, const struct outcome *from, struct str prefix);

/* The first error's kind. Only when errors > 0. */
enum outcome_kind outcome_first(const struct outcome *outcome);

/* Columns of outcome.tbl. */
int outcome_status(enum outcome_kind kind);
const char *outcome_issue_code(enum outcome_kind kind);
const char *outcome_ack(enum outcome_kind kind);
int outcome_hl7_code(enum outcome_kind kind);

#endif
