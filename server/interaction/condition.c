/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/condition.h"

#include "fhir/envelope.h"
#include "fhir/identity.h"
#include "fhir/national.h"
#include "server/form.h"

static bool refuse(struct outcome *outcome)
{
	return outcome_fail(outcome, OUTCOME_NOT_SUPPORTED, (struct str){ 0 },
		"a condition (If-None-Exist, or the query of a PUT) is identifier=system|value, "
		"once");
}

bool condition_identifier(struct exchange *exchange, enum resource_type type, struct str query,
	struct str *text_out, struct outcome *outcome)
{
	struct str rest = query, name, value, digits;
	if (rest.length > 0 && rest.at[0] == '?')
		rest = str_part(rest, 1, rest.length);
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
		const struct str system = str_cut(value, '|', &digits);
		if (system.length == 0 || digits.length == 0)
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
