/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/parameters.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/json.h"
#include "fhir/element.h"
#include "fhir/form.h"

#define NODES_MAX 10000
#define FORM_MAX  ((size_t)256 << 10)

/* FHIR R4 search 3.1.1.5.7: what would part a token is escaped. */
static void add_escaped(struct buf *buf, struct str text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (str_index(STR("\\|,$"), text.at[i]) < 4)
			buf_add_byte(buf, '\\');
		buf_add_byte(buf, text.at[i]);
	}
}

/* system|value of an Identifier, system|code of a Coding. */
static struct str token(struct arena *arena, const struct json *json, const char *name)
{
	const struct str system = json_text(json, "system"), value = json_text(json, name);
	struct buf buf = buf_new(arena, 128, FORM_MAX);
	if (value.length == 0)
		return value;
	add_escaped(&buf, system);
	if (system.length > 0)
		buf_add_byte(&buf, '|');
	add_escaped(&buf, value);
	return buf_str(&buf);
}

/* What the value says, and the modifier that says it; empty where nothing a form could say. */
static struct str value_of(
	struct arena *arena, const struct json *parameter, const char **modifier_out)
{
	const struct json *reference = json_get(parameter, "valueReference");
	*modifier_out = "";
	if (reference != NULL && json_get(reference, "reference") == NULL) {
		*modifier_out = ":identifier";
		return token(arena, json_get(reference, "identifier"), "value");
	}
	if (reference != NULL)
		return json_text(reference, "reference");
	if (json_get(parameter, "valueIdentifier") != NULL)
		return token(arena, json_get(parameter, "valueIdentifier"), "value");
	if (json_get(parameter, "valueCoding") != NULL)
		return token(arena, json_get(parameter, "valueCoding"), "code");
	json_each(member, parameter)
	{
		if (!str_starts(member->key, STR("value")))
			continue;
		return member->type == JSON_BOOL ? member->raw : member->text;
	}
	return (struct str){ 0 };
}

static bool take(
	struct buf *form, const struct json *parameter, size_t index, struct outcome *outcome)
{
	const char *modifier;
	const struct str value = value_of(outcome->arena, parameter, &modifier);
	if (value.length == 0)
		return outcome_fail(outcome, OUTCOME_NOT_SUPPORTED,
			str_format(outcome->arena, "Parameters.parameter[%zu]", index),
			"the parameters here are a name and a value that says something: a text, "
			"code, "
			"number, date, Identifier, Coding or Reference");
	if (form->length > 0)
		buf_add_byte(form, '&');
	form_encode(form, json_text(parameter, "name"));
	buf_add_text(form, modifier);
	buf_add_byte(form, '=');
	form_encode(form, value);
	return true;
}

bool parameters_to_form(struct str body, struct str *form_out, struct outcome *outcome)
{
	struct fields fields = { 0 };
	const struct json *json = json_parse(outcome->arena, body, NODES_MAX, outcome);
	if (json == NULL ||
		!element_check(KIND_PARAMETERS, json, STR("Parameters"), &fields, outcome))
		return false;
	struct buf form = buf_new(outcome->arena, 512, FORM_MAX);
	size_t index = 0;
	json_each(parameter,
		FIELD(&fields, PARAMETERS, parameter)) if (!take(&form, parameter, index++,
								   outcome)) return false;
	*form_out = buf_str(&form);
	return true;
}
