/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Outcome or result -> answer. Errors are rendered from the one struct outcome in the style of the route. */
#include "server/respond.h"

#include "fhir/base/json.h"
#include "fhir/bundle.h"
#include "server/interaction/interactions.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/steps.h"

#define ERROR_MAX   ((size_t)1 << 20)
#define RETRY_AFTER 2 /* seconds */

/* The next preference: they are parted by commas, their parameters by semicolons. */
static struct str next_preference(struct str *rest)
{
	size_t end = 0;
	while (end < rest->length && rest->at[end] != ',' && rest->at[end] != ';')
		end++;
	const struct str word = str_trim(str_part(*rest, 0, end));
	*rest = str_part(*rest, end + 1, rest->length);
	return word;
}

/* RFC 7240 section 2: return=minimal and Return="minimal" are one; the first of a name counts. Empty where there is none. */
static struct str preference(struct str prefer, struct str name)
{
	while (prefer.length > 0) {
		struct str value;
		const struct str word = next_preference(&prefer);
		if (str_equal_nocase(str_trim(str_cut(word, '=', &value)), name))
			return str_unquote(value);
	}
	return (struct str){ 0 };
}

bool prefer_is_lenient(struct str prefer)
{
	return str_equal_nocase(preference(prefer, STR("handling")), STR("lenient"));
}

bool prefer_is_representation(struct str prefer)
{
	return str_equal_nocase(preference(prefer, STR("return")), STR("representation"));
}

enum prefer_return prefer_return_of(struct str prefer)
{
	const struct str wanted = preference(prefer, STR("return"));
	if (str_equal_nocase(wanted, STR("minimal")))
		return RETURN_MINIMAL;
	if (str_equal_nocase(wanted, STR("OperationOutcome")))
		return RETURN_OUTCOME;
	return RETURN_REPRESENTATION;
}

static bool range_allows(struct str range, enum route_style style)
{
	static const char *const any[] = { "*/*", NULL };
	static const char *const fhir[] = { "application/fhir+json", "application/json",
		"application/*", "text/json", "application/json+fhir", NULL };
	static const char *const plain[] = { "application/json", "application/*", NULL };
	const char *const *lists[] = { any, style == STYLE_FHIR ? fhir : plain };
	for (size_t list = 0; list < 2; list++)
		for (const char *const *media = lists[list]; *media != NULL; media++)
			if (str_equal_nocase(range, str_of(*media)))
				return true;
	return false;
}

/* q=0, q=0.0 and so on: "not this". */
static bool is_refused(struct str parameters)
{
	while (parameters.length > 0) {
		const struct str parameter = str_trim(str_cut(parameters, ';', &parameters));
		if (!str_starts(parameter, STR("q=0")) && !str_starts(parameter, STR("Q=0")))
			continue;
		for (size_t i = 3; i < parameter.length; i++)
			if (parameter.at[i] != '.' && parameter.at[i] != '0')
				return false;
		return true;
	}
	return false;
}

bool accept_allows(struct str accept, enum route_style style)
{
	if (accept.length == 0 || style == STYLE_HL7 || style == STYLE_SOAP || style == STYLE_TEXT)
		return true;
	while (accept.length > 0) {
		struct str parameters;
		const struct str item = str_cut(accept, ',', &accept);
		const struct str range = str_trim(str_cut(item, ';', &parameters));
		if (range_allows(range, style) && !is_refused(parameters) &&
			presentation_is_our_version(parameters))
			return true;
	}
	return false;
}

static bool charset_is_utf8(struct str parameters)
{
	while (parameters.length > 0) {
		const struct str parameter = str_trim(str_cut(parameters, ';', &parameters));
		struct str value;
		const struct str name = str_trim(str_cut(parameter, '=', &value));
		if (!str_equal_nocase(name, STR("charset")))
			continue;
		value = str_unquote(value);
		return str_equal_nocase(value, STR("utf-8")) ||
		       str_equal_nocase(value, STR("utf8"));
	}
	return true;
}

bool media_is(struct str content_type, const char *media)
{
	struct str parameters;
	const struct str type = str_trim(str_cut(content_type, ';', &parameters));
	return str_equal_nocase(type, str_of(media)) && charset_is_utf8(parameters) &&
	       presentation_is_our_version(parameters);
}

struct str root_url(struct exchange *exchange)
{
	if (exchange->request.development)
		return str_format(exchange->arena, "http://%.*s", STR_ARG(exchange->request.host));
	const struct str url = str_of(exchange->loop->hub->config->public_url);
	return str_part(url, 0, url.length - str_ends(url, STR("/")));
}

struct str base_url(struct exchange *exchange)
{
	return str_format(exchange->arena, "%.*s/fhir", STR_ARG(root_url(exchange)));
}

void respond_with(struct exchange *exchange, int status, const char *content_type, struct str body)
{
	exchange->response.status = status;
	exchange->response.content_type = content_type;
	exchange->response.body = body;
}

/* A fault's text stays in the hub's log; the caller is told a number to find it by. */
static const struct outcome *told(struct exchange *exchange)
{
	const struct outcome *outcome = &exchange->outcome;
	if (outcome_first(outcome) != OUTCOME_FAULT)
		return outcome;
	log_outcome(LEVEL_ERROR, "fault", outcome);
	struct outcome *generic = arena_alloc(exchange->arena, sizeof(*generic));
	generic->arena = exchange->arena;
	outcome_fail(generic, OUTCOME_FAULT, (struct str){ 0 },
		"internal error; it is in the hub's log at %lld",
		(long long)(exchange->loop->now / INSTANT_SECOND));
	return generic;
}

static void render_json(struct buf *buf, const struct outcome *outcome, int status)
{
	buf_add_text(buf, "{\"error\":{\"status\":");
	buf_add_i64(buf, status);
	json_write_member(buf, "code", str_of(outcome_issue_code(outcome_first(outcome))));
	buf_add_text(buf, ",\"issues\":[");
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next) {
		json_write_comma(buf);
		buf_add_byte(buf, '{');
		json_write_member(buf, "code", str_of(outcome_issue_code(issue->kind)));
		json_write_member(buf, "expression", issue->expression);
		json_write_member(buf, "text", issue->text);
		buf_add_byte(buf, '}');
	}
	buf_add_text(buf, "]}}\n");
}

static void render_text(struct buf *buf, const struct outcome *outcome)
{
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next) {
		buf_add(buf, issue->text);
		buf_add_byte(buf, '\n');
	}
}

/* Requests that found no route are answered in the style of where they went. */
static enum route_style style_of(const struct exchange *exchange)
{
	if (exchange->route != NULL)
		return exchange->route->style;
	return str_starts(exchange->request.path, STR("/fhir")) ? STYLE_FHIR : STYLE_JSON;
}

/* RFC 6750 3, RFC 9449 7.1, RFC 9728 5.1. No credentials at all: no error code. */
static void challenge(struct exchange *exchange, int status)
{
	if (status != 401 && exchange->challenge == NULL)
		return;
	const struct str root = root_url(exchange);
	struct str error = STR("");
	if (exchange->challenge != NULL)
		error = str_format(exchange->arena, "error=\"%s\", ", exchange->challenge);
	exchange->response.authenticate = str_format(exchange->arena,
		"DPoP %.*salgs=\"" DPOP_ALGS
		"\", resource_metadata=\"%.*s/.well-known/oauth-protected-resource\"",
		STR_ARG(error), STR_ARG(root));
}

void respond_error(struct exchange *exchange)
{
	const struct outcome *outcome = told(exchange);
	const int status = outcome_status(outcome_first(outcome));
	if (status == 401 || status == 403)
		challenge(exchange, status);
	if (status == 429 || status == 503)
		exchange->response.retry_after = RETRY_AFTER;
	struct buf buf = buf_new(exchange->arena, 1024, ERROR_MAX);
	switch (style_of(exchange)) {
	case STYLE_FHIR:
		outcome_render_refusal(&buf, outcome);
		respond_with(exchange, status, MEDIA_FHIR, buf_str(&buf));
		return;
	case STYLE_HL7:
		/* Before anything was parsed there is no message to acknowledge. */
		if (exchange->work != NULL || exchange->door->acknowledges) {
			pcd01_refuse(exchange, outcome, status);
			return;
		}
		render_text(&buf, outcome);
		respond_with(exchange, status, MEDIA_TEXT, buf_str(&buf));
		return;
	case STYLE_SOAP:
		soap_refuse(exchange, outcome, status);
		return;
	case STYLE_JSON:
		render_json(&buf, outcome, status);
		respond_with(exchange, status, MEDIA_JSON, buf_str(&buf));
		return;
	case STYLE_TEXT:
		render_text(&buf, outcome);
		respond_with(exchange, status, MEDIA_TEXT, buf_str(&buf));
		return;
	}
}

void step_respond(struct exchange *exchange)
{
	if (exchange->outcome.errors > 0)
		respond_error(exchange);
	else if (exchange->route->interaction->respond != NULL)
		exchange->route->interaction->respond(exchange);
	if (exchange->yielded)
		return; /* a long answer is being written */
	if (exchange->outcome.errors > 0 && exchange->response.status == 0)
		respond_error(exchange); /* respond found that it cannot */
	if (exchange->presentation.pretty && exchange->response.content_type != NULL &&
		strcmp(exchange->response.content_type, MEDIA_FHIR) == 0)
		exchange->response.body =
			presentation_pretty(exchange->arena, exchange->response.body);
	if (exchange->wire != NULL)
		exchange->door->answer(exchange);
}
