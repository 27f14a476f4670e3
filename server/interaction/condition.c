/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/condition.h"

#include "fhir/envelope.h"
#include "fhir/identity.h"
#include "fhir/national.h"
#include "server/form.h"
#include "server/respond.h"

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

bool condition_identifier(struct exchange *exchange, enum resource_type type, struct str query,
	struct str *text_out, struct outcome *outcome)
{
	struct str rest = query, name, value, system, digits;
	if (!take_head(exchange, type, &rest))
		return refuse(outcome);
	/* A header has the blank as it is where a URL has %20. */
	bool found = false;
	while (rest.length > 0) {
		if (form_next(exchange->arena, &rest, &name, &value) != FORM_PART)
			return refuse(outcome);
		if (presentation_is(name))
			continue;
		if (found || !str_is(name, "identifier"))
			return refuse(outcome);
		found = true;
		if (!condition_token(exchange->arena, value, &system, &digits))
			return refuse(outcome);
		if (national_is_system(system))
			return outcome_fail(outcome, OUTCOME_INVALID, (struct str){ 0 },
				"a national identifier never stands in a URL or header; the "
				"condition is "
				"an identifier of the reading itself");
		const bool good =
			type == TYPE_OBSERVATION
				? identity_of_identifier(exchange->arena, system, digits, text_out)
				: envelope_key(exchange->arena, type, system, digits, text_out);
		if (!good)
			return refuse(outcome);
	}
	return found || refuse(outcome);
}
