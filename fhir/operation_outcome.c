/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/bundle.h"

static const char *severity_code(enum severity severity)
{
	switch (severity) {
	case SEVERITY_ERROR:
		return "error";
	case SEVERITY_WARNING:
		return "warning";
	case SEVERITY_INFORMATION:
		return "information";
	}
	return "error";
}

static void add_issue(struct buf *buf, const char *severity, const char *code, struct str text)
{
	json_write_comma(buf);
	buf_add_byte(buf, '{');
	json_write_member(buf, "severity", str_of(severity));
	json_write_member(buf, "code", str_of(code));
	buf_add(buf, STR(",\"details\":{"));
	json_write_member(buf, "text", text);
	buf_add_byte(buf, '}');
}

static struct str text_of(const struct issue *issue)
{
	/* What went wrong inside the hub is told to its log alone. */
	if (issue->kind == OUTCOME_FAULT)
		return STR("the hub failed; its log says why");
	return issue->text.length > 0 ? issue->text : STR("no further details");
}

static void render_issue(struct buf *buf, const struct issue *issue, bool diagnostics)
{
	add_issue(buf, severity_code(issue->severity), outcome_issue_code(issue->kind),
		text_of(issue));
	if (diagnostics)
		json_write_member(buf, "diagnostics", text_of(issue));
	if (issue->expression.length > 0) {
		buf_add(buf, STR(",\"expression\":["));
		json_write_string(buf, issue->expression);
		buf_add_byte(buf, ']');
	}
	buf_add_byte(buf, '}');
}

/* Issues that were counted and not kept. */
static void render_rest(struct buf *buf, const struct outcome *outcome)
{
	unsigned shown = 0;
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next)
		shown += issue->severity != SEVERITY_INFORMATION;
	const unsigned all = outcome->errors + outcome->warnings;
	if (all <= shown)
		return;
	buf_add_format(buf,
		",{\"severity\":\"information\",\"code\":\"informational\","
		"\"details\":{\"text\":\"%u more issues are not shown\"}}",
		all - shown);
}

static void render(struct buf *buf, const struct outcome *outcome, const struct issue *diagnostics)
{
	buf_add(buf, STR("{\"resourceType\":\"OperationOutcome\",\"issue\":["));
	if (outcome == NULL || outcome->first == NULL) {
		add_issue(buf, "information", "informational", STR("All OK"));
		buf_add_byte(buf, '}');
	} else {
		for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next)
			render_issue(buf, issue, issue == diagnostics);
		render_rest(buf, outcome);
	}
	buf_add(buf, STR("]}"));
}

void outcome_render(struct buf *buf, const struct outcome *outcome)
{
	render(buf, outcome, NULL);
}

void outcome_render_refusal(struct buf *buf, const struct outcome *outcome)
{
	render(buf, outcome, outcome->first);
}
