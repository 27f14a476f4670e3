/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Device and Provenance, judged and indexed; whose they are is settled by whoever takes them in. */
#include "fhir/envelope.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/concept.h"
#include "fhir/element.h"
#include "fhir/identity.h"

#define PART        '\x1f'
#define TEXT_MAX    ((size_t)16 * 1024 * 1024)
#define STATUS_HERE ((enum observation_status)1)

enum resource_type envelope_type(struct str name)
{
	static const enum resource_type stored[] = { TYPE_OBSERVATION, TYPE_DEVICE,
		TYPE_PROVENANCE };
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
		if (str_is(name, resource_type_name(stored[i])))
			return stored[i];
	return TYPE_NONE;
}

bool envelope_key(struct arena *arena, enum resource_type type, struct str system, struct str value,
	struct str *out)
{
	struct str text;
	if (!identity_of_device(arena, system, value, &text))
		return false;
	struct buf buf = buf_new(arena, text.length + 16, TEXT_MAX);
	buf_add_byte(&buf, 'R');
	buf_add_text(&buf, resource_type_name(type));
	buf_add(&buf, text);
	*out = buf_str(&buf);
	return true;
}

/* What it says, without who keeps it: the same for the same thing sent again. */
static struct str content_of(struct arena *arena, const struct json *json)
{
	struct buf buf = buf_new(arena, json->raw.length + 16, TEXT_MAX);
	json_each(item, json)
	{
		if (str_is(item->key, "id") || str_is(item->key, "meta"))
			continue;
		buf_add_byte(&buf, PART);
		buf_add(&buf, item->key);
		buf_add_byte(&buf, PART);
		json_write(&buf, item);
	}
	return buf_str(&buf);
}

/* 'C': known again by its content, within what one client sent. */
static struct str content_key(struct arena *arena, struct str content)
{
	struct buf buf = buf_new(arena, content.length + 2, TEXT_MAX);
	buf_add_byte(&buf, 'C');
	buf_add_byte(&buf, PART);
	buf_add(&buf, content);
	return buf_str(&buf);
}

static void add_keys(struct arena *arena, const struct json *identifiers, struct observation *out)
{
	const size_t most = identifiers == NULL ? 1 : identifiers->count + 1;
	out->keys = arena_array(arena, most, sizeof(*out->keys));
	json_each(identifier, identifiers)
	{
		if (envelope_key(arena, out->type, json_text(identifier, "system"),
			    json_text(identifier, "value"), &out->keys[out->key_count]))
			out->key_count++;
	}
	if (out->key_count == 0)
		out->keys[out->key_count++] = content_key(arena, out->content);
}

static void read_device(struct arena *arena, const struct fields *fields, struct str expression,
	const struct observation_policy *policy, struct observation *out, struct outcome *outcome)
{
	const struct json *type = FIELD(fields, DEVICE, type);
	out->code = concept_read(arena, type);
	concept_check(&out->code, str_format(arena, "%.*s.type", STR_ARG(expression)), outcome);
	if (out->code.count > 0)
		out->canon = code_canon(out->code.codings, out->code.count, &out->class);
	const struct json *patient = FIELD(fields, DEVICE, patient);
	const struct json *identifier = json_get(patient, "identifier");
	if (identifier == NULL)
		out->patient = resource_patient_id(json_text(patient, "reference"), policy->base);
	else
		national_id_parse(json_text(identifier, "system"), json_text(identifier, "value"),
			policy->national,
			str_format(arena, "%.*s.patient.identifier", STR_ARG(expression)),
			&out->subject, outcome);
}

static void read_provenance(const struct fields *fields, const struct observation_policy *policy,
	struct observation *out)
{
	const struct json *recorded = FIELD(fields, PROVENANCE, recorded);
	struct span span;
	if (recorded != NULL && span_parse(recorded->text, policy->zone, &span))
		out->time = span;
}

/* What no real resource comes near, and what costs a row, or a look at all the others, for each of them. */
static bool lists_are_bounded(struct arena *arena, const struct json *json, struct str expression,
	struct outcome *outcome)
{
	static const struct {
		const char *name;
		unsigned most;
	} lists[] = { { "identifier", 100 }, { "contained", 64 }, { "component", 1000 } };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct json *list = json_get(json, lists[i].name);
		if (list != NULL && list->count > lists[i].most)
			return outcome_fail(outcome, OUTCOME_TOO_LARGE,
				str_format(arena, "%.*s.%s", STR_ARG(expression), lists[i].name),
				"%u stand here; a resource may have %u", list->count,
				lists[i].most);
	}
	return true;
}

static bool read_any(struct arena *arena, const struct json *json, struct str expression,
	const struct observation_policy *policy, struct observation *out, struct outcome *outcome)
{
	const unsigned errors = outcome->errors;
	const enum resource_type type = envelope_type(json_text(json, "resourceType"));
	if (type == TYPE_OBSERVATION || json == NULL)
		return observation_read(arena, json, expression, policy, out, outcome);
	if (type == TYPE_NONE)
		return outcome_fail(outcome, OUTCOME_NOT_SUPPORTED, expression,
			"only Observation, Device and Provenance can be stored");
	struct fields fields = { 0 };
	struct observation read = {
		.type = type,
		.status = STATUS_HERE,
		.class = CLASS_HEALTH,
		.code = { STR(""), NULL, 0 },
		.category = { STR(""), NULL, 0 },
		.value = { .unit = { STR(""), NULL, 0 } },
		.time = { .low = INSTANT_MIN, .high = INSTANT_MIN },
	};
	element_check_in(policy->zone, type == TYPE_DEVICE ? KIND_DEVICE : KIND_PROVENANCE, json,
		expression, &fields, outcome);
	if (type == TYPE_DEVICE)
		read_device(arena, &fields, expression, policy, &read, outcome);
	else
		read_provenance(&fields, policy, &read);
	if (outcome->errors > errors) {
		out->subject = read.subject;
		out->patient = read.patient;
		return false;
	}
	read.content = content_of(arena, json);
	add_keys(arena, type == TYPE_DEVICE ? FIELD(&fields, DEVICE, identifier) : NULL, &read);
	read.body = resource_body(arena, json);
	if (arena_full(arena))
		return outcome_fail(outcome, OUTCOME_TOO_LARGE, expression,
			"the request needs more memory than one may have; split it");
	*out = read;
	return true;
}

bool envelope_read(struct arena *arena, const struct json *json, struct str expression,
	const struct observation_policy *policy, struct observation *out, struct outcome *outcome)
{
	return (policy->made_here || lists_are_bounded(arena, json, expression, outcome)) &&
	       read_any(arena, json, expression, policy, out, outcome);
}
