/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/unreliable.h"

#include "fhir/base/instant.h"
#include "fhir/base/json.h"
#include "fhir/national.h"
#include "server/loop.h"

#define REASON_MAX  1000
#define AUTHOR_MAX  200
#define DIGITS_MAX  10
#define PATCH_MAX   ((size_t)16 << 10)
#define PATCH_NODES 100

struct asked {
	struct str reason, author;
};

/* Eleven digits in a row may be a national id, and would stay in every copy of the reading. */
static bool has_number(struct str text)
{
	size_t run = 0;
	for (size_t i = 0; i < text.length; i++) {
		run = text.at[i] >= '0' && text.at[i] <= '9' ? run + 1 : 0;
		if (run > DIGITS_MAX)
			return true;
	}
	return false;
}

static bool take_text(const struct json *parameter, const char *name, size_t most, struct str *out,
	struct outcome *outcome)
{
	const struct str where =
		str_format(outcome->arena, "Parameters.parameter.where(name='%s').value", name);
	const struct json *value = json_get(parameter, "valueString");
	if (value == NULL || value->type != JSON_STRING || str_trim(value->text).length == 0)
		return outcome_fail(outcome, OUTCOME_REQUIRED, where,
			"%s is a valueString that says something", name);
	if (out->length > 0)
		return outcome_fail(outcome, OUTCOME_INVALID, where, "%s stands twice", name);
	if (value->text.length > most)
		return outcome_fail(
			outcome, OUTCOME_VALUE, where, "%s may be at most %zu bytes", name, most);
	if (has_number(value->text))
		return outcome_fail(outcome, OUTCOME_BUSINESS_RULE, where,
			"%s holds eleven digits in a row; no national identifier belongs there",
			name);
	*out = str_trim(value->text);
	return true;
}

static bool take(const struct json *parameters, struct asked *asked, struct outcome *outcome)
{
	if (!str_is(json_text(parameters, "resourceType"), "Parameters"))
		return outcome_fail(outcome, OUTCOME_INVALID, STR("Parameters"),
			"Parameters with reason (and author) are expected here");
	json_each(parameter, json_get(parameters, "parameter"))
	{
		const struct str name = json_text(parameter, "name");
		bool good = false;
		if (str_is(name, "reason"))
			good = take_text(parameter, "reason", REASON_MAX, &asked->reason, outcome);
		else if (str_is(name, "author"))
			good = take_text(parameter, "author", AUTHOR_MAX, &asked->author, outcome);
		else
			outcome_fail(outcome, OUTCOME_NOT_SUPPORTED,
				STR("Parameters.parameter.name"),
				"the parameters are reason and author");
		if (!good)
			return false;
	}
	return asked->reason.length > 0 ||
	       outcome_fail(outcome, OUTCOME_REQUIRED, STR("Parameters.parameter"),
		       "the parameter reason is required");
}

/* A logical reference. */
static void write_reference(
	struct buf *buf, const char *type, const char *system, struct str value, struct str display)
{
	buf_add_format(buf, "\"authorReference\":{\"type\":\"%s\",\"identifier\":{", type);
	json_write_member(buf, "system", str_of(system));
	json_write_member(buf, "value", value);
	buf_add_byte(buf, '}');
	json_write_member(buf, "display", display);
	buf_add_byte(buf, '}');
}

static struct str organisation_of(const struct exchange *exchange)
{
	return exchange->tenant->name;
}

/* By whom the token is for. A name the caller gives stands beside the organisation, as text. */
static void write_author(struct exchange *exchange, struct buf *buf, const struct asked *asked)
{
	const struct principal *principal = &exchange->principal;
	const struct str organisation = organisation_of(exchange);
	const struct str orgnr = str_format(exchange->arena, "%09u", principal->orgnr);
	const struct str name = principal->name.length > 0 && !has_number(principal->name)
					? principal->name
					: STR("");
	if (asked->author.length > 0) {
		json_write_member(buf, "authorString",
			str_format(exchange->arena, "%.*s; %.*s%s%.*s (%.*s)",
				STR_ARG(asked->author), STR_ARG(name), name.length > 0 ? ", " : "",
				STR_ARG(organisation), STR_ARG(orgnr)));
	} else if (principal->hpr.length > 0 && principal->hpr.length <= DIGITS_MAX) {
		write_reference(buf, "Practitioner", OID_HPR, principal->hpr,
			str_format(exchange->arena, "%.*s%s%.*s", STR_ARG(name),
				name.length > 0 ? ", " : "", STR_ARG(organisation)));
	} else {
		write_reference(buf, "Organization", OID_ORGNR, orgnr, organisation);
	}
}

static bool is_marked(const struct json *meta)
{
	json_each(tag, json_get(meta, "tag"))
	{
		if (str_is(json_text(tag, "system"), UNRELIABLE_SYSTEM) &&
			str_is(json_text(tag, "code"), UNRELIABLE_CODE))
			return true;
	}
	return false;
}

/* {"op":"add"} to an array that may not be there yet. */
static void open_add(struct buf *buf, const char *path, bool there)
{
	json_write_comma(buf);
	buf_add_format(buf, "{\"op\":\"add\",\"path\":\"%s%s\",\"value\":%s", path,
		there ? "/-" : "", there ? "" : "[");
}

static void close_add(struct buf *buf, bool there)
{
	buf_add_text(buf, there ? "}" : "]}");
}

const struct json *unreliable_patch(struct exchange *exchange, const struct json *now,
	const struct json *parameters, struct outcome *outcome)
{
	struct asked asked = { 0 };
	if (!take(parameters, &asked, outcome))
		return NULL;
	const struct json *meta = json_get(now, "meta");
	struct buf buf = buf_new(exchange->arena, 1024, PATCH_MAX);
	buf_add_byte(&buf, '[');
	if (!is_marked(meta)) {
		const bool tagged = json_get(meta, "tag") != NULL;
		open_add(&buf, "/meta/tag", tagged);
		buf_add_text(&buf,
			"{\"system\":\"" UNRELIABLE_SYSTEM "\",\"code\":\"" UNRELIABLE_CODE
			"\",\"display\":\"Unreliable measurement\"}");
		close_add(&buf, tagged);
	}
	const bool noted = json_get(now, "note") != NULL;
	open_add(&buf, "/note", noted);
	buf_add_byte(&buf, '{');
	write_author(exchange, &buf, &asked);
	buf_add_text(&buf, ",\"time\":\"");
	instant_write(&buf, exchange->loop->now);
	buf_add_byte(&buf, '"');
	json_write_member(&buf, "text", asked.reason);
	buf_add_byte(&buf, '}');
	close_add(&buf, noted);
	buf_add_byte(&buf, ']');
	return json_parse(exchange->arena, buf_str(&buf), PATCH_NODES, outcome);
}
