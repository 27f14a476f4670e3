/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/condition.h"

#include "fhir/envelope.h"
#include "fhir/identity.h"
#include "fhir/national.h"
#include "server/form.h"
#include "server/loop.h"
#include "server/respond.h"
#include "server/session.h"

static bool refuse(struct outcome *outcome)
{
	return outcome_fail(outcome, OUTCOME_NOT_SUPPORTED, (struct str){ 0 },
		"a condition (If-None-Exist, or the query of a PUT) is identifier=system|value, "
		"once");
}

/* Up to the first `byte` that no backslash stands before, unescaped (FHIR R4 search 3.1.1.5.7). False where a comma stands in it, which means "or". */
static bool take_part(struct arena *arena, struct str *rest, char byte, struct str *out)
{
	struct buf buf = buf_new(arena, rest->length + 1, rest->length + 1);
	size_t i = 0;
	for (; i < rest->length && rest->at[i] != byte; i++) {
		if (rest->at[i] == ',')
			return false;
		const bool escapes = rest->at[i] == '\\' && i + 1 < rest->length &&
				     str_index(STR(",|$\\"), rest->at[i + 1]) < 4;
		i += escapes;
		buf_add_byte(&buf, rest->at[i]);
	}
	*rest = str_part(*rest, i, rest->length);
	*out = buf_str(&buf);
	return true;
}

bool condition_token(
	struct arena *arena, struct str value, struct str *system_out, struct str *code_out)
{
	if (!take_part(arena, &value, '|', system_out) || value.length == 0)
		return false;
	value = str_part(value, 1, value.length);
	return take_part(arena, &value, '|', code_out) && value.length == 0 &&
	       system_out->length > 0 && code_out->length > 0;
}

/* HAPI's client writes a condition with the type, or with the whole URL, before it: it must be that of the resource. */
static bool take_head(struct exchange *exchange, enum resource_type type, struct str *query_io)
{
	struct str query;
	const struct str head = str_cut(*query_io, '?', &query);
	const struct str name = str_of(resource_type_name(type));
	if (query.at == NULL || str_index(head, '=') < head.length)
		return true;
	*query_io = query;
	return head.length == 0 || str_equal(head, name) ||
	       str_equal(head, str_format(exchange->arena, "%.*s/%.*s", STR_ARG(base_url(exchange)),
				       STR_ARG(name)));
}

/* The identity that is meant by a system and a value, checked; false adds an error. */
static bool read_identity(struct arena *arena, enum resource_type type, struct coding identifier,
	struct str *text_out, struct outcome *outcome)
{
	const bool good =
		type == TYPE_OBSERVATION
			? identity_of_identifier(
				  arena, identifier.system, identifier.code, text_out)
			: envelope_key(arena, type, identifier.system, identifier.code, text_out);
	return good || refuse(outcome);
}

/* Is the identifier's value the asked one? A + that is not written %2B has become a blank; such values end in a time zone. */
static bool is_asked(struct str own, struct str asked)
{
	bool same = own.length == asked.length;
	for (size_t i = 0; same && i < own.length; i++)
		same = own.at[i] == asked.at[i] || (own.at[i] == '+' && asked.at[i] == ' ');
	return same;
}

/* identifier=value: the identifier of the body that has the value. */
static bool read_value(struct arena *arena, enum resource_type type, const struct json *body,
	struct str asked, struct str *text_out, struct outcome *outcome)
{
	json_each(item, json_get(body, "identifier"))
	{
		const struct str system = json_text(item, "system");
		const struct str value = json_text(item, "value");
		if (!is_asked(value, asked))
			continue;
		if (system.length > 0 || type != TYPE_OBSERVATION)
			return read_identity(
				arena, type, (struct coding){ system, value }, text_out, outcome);
		*text_out = identity_of_value(arena, value);
		return true;
	}
	return outcome_fail(outcome, OUTCOME_NOT_SUPPORTED, (struct str){ 0 },
		"a condition (If-None-Exist) without a system is of an identifier that the "
		"resource itself has; send identifier=system|value");
}

/* By its system, or by its digits where it has none. */
static bool is_national(const struct exchange *exchange, struct str system, struct str value)
{
	struct outcome aside = { .arena = exchange->arena };
	struct national_id found;
	return national_is_system(system) ||
	       (system.length == 0 && national_id_parse(STR(OID_FNR), value,
					      national_policy_of(exchange->loop->hub->config),
					      system, &found, &aside));
}

/* A value alone, without a system. */
static bool take_value(struct arena *arena, struct str text, struct str *out)
{
	return take_part(arena, &text, '|', out) && text.length == 0 && out->length > 0;
}

bool condition_identifier(struct exchange *exchange, enum resource_type type, struct str query,
	const struct json *body, struct str *text_out, struct outcome *outcome)
{
	struct arena *const arena = exchange->arena;
	struct str rest = query, name, text, system = { 0 }, value;
	if (!take_head(exchange, type, &rest))
		return refuse(outcome);
	/* A header has the blank as it is where a URL has %20. */
	bool found = false;
	while (rest.length > 0) {
		if (form_next(arena, &rest, &name, &text) != FORM_PART)
			return refuse(outcome);
		if (presentation_is(name))
			continue;
		if (found || !str_is(name, "identifier"))
			return refuse(outcome);
		found = true;
		const bool bare = take_value(arena, text, &value);
		if (!bare && !condition_token(arena, text, &system, &value))
			return refuse(outcome);
		if (is_national(exchange, system, value))
			return outcome_fail(outcome, OUTCOME_INVALID, (struct str){ 0 },
				"a national identifier never stands in a URL or header; the "
				"condition is an identifier of the reading itself");
		const bool good =
			bare ? read_value(arena, type, body, value, text_out, outcome)
			     : read_identity(arena, type, (struct coding){ system, value },
				       text_out, outcome);
		if (!good)
			return false;
	}
	return found || refuse(outcome);
}
