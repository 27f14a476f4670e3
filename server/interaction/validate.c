/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * POST /fhir/{type}/$validate: what an upload would say, and nothing stored (FHIR R4 resource-operation-validate). Nobody is looked up and nothing of anybody is shown, so
 * there is no patient to write a row for in the access log.
 */
#include "fhir/base/json.h"
#include "fhir/bundle.h"
#include "fhir/element.h"
#include "fhir/envelope.h"
#include "fhir/profile.h"
#include "server/form.h"
#include "server/interaction/interactions.h"
#include "server/interaction/upload.h"
#include "server/respond.h"

/* As for a Bundle (bundle.c). */
#define BYTES_A_NODE 6
#define NODES_FEW    10000

/* What is asked: by a Parameters around the resource, or by the query beside it. */
struct question {
	const struct json *resource;
	struct str mode, profile;
};

/* ---- PARSE */

/* Of two the hub would have to choose. */
static bool is_second(struct exchange *exchange, bool taken, struct str name)
{
	if (taken)
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, name, "%.*s stands twice",
			STR_ARG(name));
	return taken;
}

static void take_text(struct exchange *exchange, struct str name, struct str value, struct str *out)
{
	if (!is_second(exchange, out->length > 0, name))
		*out = value;
}

static void take_resource(
	struct exchange *exchange, const struct json *resource, struct question *out)
{
	if (!is_second(exchange, out->resource != NULL, STR("resource")))
		out->resource = resource;
}

static void take_parameter(
	struct exchange *exchange, const struct json *parameter, size_t index, struct question *out)
{
	const struct str name = json_text(parameter, "name");
	struct str value = json_text(parameter, "valueCode");
	static const char *const others[] = { "valueUri", "valueCanonical", "valueString" };
	for (size_t i = 0; i < 3 && value.length == 0; i++)
		value = json_text(parameter, others[i]);
	if (str_is(name, "resource"))
		take_resource(exchange, json_get(parameter, "resource"), out);
	else if (str_is(name, "mode"))
		take_text(exchange, name, value, &out->mode);
	else if (str_is(name, "profile"))
		take_text(exchange, name, value, &out->profile);
	else
		outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED,
			str_format(exchange->arena, "Parameters.parameter[%zu].name", index),
			"the parameters of $validate are resource, mode and profile");
}

static void take_parameters(
	struct exchange *exchange, const struct json *json, struct question *out)
{
	struct fields fields = { 0 };
	if (!element_check(KIND_PARAMETERS, json, STR("Parameters"), &fields, &exchange->outcome))
		return;
	size_t index = 0;
	json_each(parameter, FIELD(&fields, PARAMETERS, parameter))
		take_parameter(exchange, parameter, index++, out);
	if (out->resource == NULL)
		outcome_fail(&exchange->outcome, OUTCOME_REQUIRED, STR("Parameters.parameter"),
			"the parameter resource is required");
}

static void take_query(struct exchange *exchange, struct question *out)
{
	struct str rest = exchange->request.query, name, value;
	while (rest.length > 0) {
		const enum form_part part = form_next(exchange->arena, &rest, &name, &value);
		if (part == FORM_END)
			return;
		if (part == FORM_PART && str_is(name, "mode"))
			take_text(exchange, name, value, &out->mode);
		else if (part == FORM_PART && str_is(name, "profile"))
			take_text(exchange, name, value, &out->profile);
		else if (part != FORM_PART || !presentation_is(name))
			outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, STR(""),
				"the parameters of $validate are mode and profile; the resource is "
				"the body");
	}
}

/* /fhir/TYPE/$validate */
static struct str type_of_path(const struct exchange *exchange)
{
	const struct str prefix = STR("/fhir/"), path = str_of(exchange->route->path);
	struct str rest;
	return str_cut(str_part(path, prefix.length, path.length), '/', &rest);
}

/* R4's own definition of the type, which all that comes is held to, with or without |version. */
static bool is_base(struct str profile, struct str type)
{
	const struct str prefix = STR("http://hl7.org/fhir/StructureDefinition/");
	const struct str url = str_cut(profile, '|', &(struct str){ 0 });
	return str_starts(url, prefix) && str_equal(str_part(url, prefix.length, url.length), type);
}

static void check_question(struct exchange *exchange, struct question *question)
{
	static const char *const modes[] = { "create", "update", "profile" };
	const struct str type = type_of_path(exchange);
	bool known = question->mode.length == 0;
	for (size_t i = 0; i < 3; i++)
		known = known || str_is(question->mode, modes[i]);
	if (!known)
		outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, STR("mode"),
			"the modes are create, update and profile; a delete needs no checking");
	if (is_base(question->profile, type))
		question->profile = (struct str){ 0 };
	if (question->profile.length > 0 && !profile_known(question->profile))
		outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, STR("profile"),
			"this profile is not known here; those that are stand in /fhir/metadata "
			"as supportedProfile");
	if (question->resource != NULL &&
		!str_equal(json_text(question->resource, "resourceType"), type))
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("resourceType"),
			"the resource here is to be of type %.*s, alone or in Parameters",
			STR_ARG(type));
}

/* ---- VALIDATE: the entries of an upload that goes no further */

static struct upload *of_resource(struct exchange *exchange, const struct json *resource)
{
	struct upload *upload = upload_new(exchange, 1);
	upload->entries[0].resource = resource;
	upload->entries[0].expression = type_of_path(exchange);
	return upload;
}

static void take_entry(struct exchange *exchange, const struct bundle *bundle, size_t index,
	struct upload_entry *entry)
{
	const struct bundle_entry *from = &bundle->entries[index];
	entry->expression = str_format(exchange->arena, "Bundle.entry[%zu].resource", index);
	bundle_entry_check(exchange->arena, bundle, index, &entry->outcome);
	if (from->resource == NULL)
		return;
	if (envelope_type(from->type) != TYPE_NONE)
		entry->resource = from->resource;
	else
		outcome_warn(&entry->outcome, OUTCOME_NOTED, entry->expression,
			"only Observation, Device and Provenance are looked at");
}

static struct upload *of_bundle(struct exchange *exchange, const struct json *resource)
{
	struct bundle *bundle = arena_alloc(exchange->arena, sizeof(*bundle));
	struct upload *upload = upload_new(exchange, 1);
	if (!bundle_read(exchange->arena, resource, bundle, &upload->entries[0].outcome))
		return upload;
	upload = upload_new(exchange, bundle->count);
	for (size_t i = 0; i < bundle->count; i++)
		take_entry(exchange, bundle, i, &upload->entries[i]);
	return upload;
}

static void parse(struct exchange *exchange)
{
	const struct str body = exchange->request.body;
	struct question question = { 0 };
	const struct json *json = json_parse(
		exchange->arena, body, body.length / BYTES_A_NODE + NODES_FEW, &exchange->outcome);
	if (json == NULL)
		return;
	take_query(exchange, &question);
	if (str_is(json_text(json, "resourceType"), "Parameters"))
		take_parameters(exchange, json, &question);
	else
		question.resource = json;
	check_question(exchange, &question);
	if (exchange->outcome.errors > 0)
		return;
	struct upload *upload = str_is(type_of_path(exchange), "Bundle")
					? of_bundle(exchange, question.resource)
					: of_resource(exchange, question.resource);
	upload->profile = question.profile;
	exchange->work = upload;
}

static void validate(struct exchange *exchange)
{
	upload_validate(exchange, exchange->work);
}

/* ---- RESPOND */

/* An upload keeps silent of profiles that it cannot judge; who asks is told. */
static void tell_unknown(struct upload_entry *entry)
{
	const struct json *profiles = json_get(json_get(entry->resource, "meta"), "profile");
	json_each(url, profiles)
	{
		if (url->type == JSON_STRING && !profile_known(url->text) &&
			!is_base(url->text, json_text(entry->resource, "resourceType"))) {
			outcome_warn(&entry->outcome, OUTCOME_NOTED, entry->expression,
				"it claims a profile that is not known here, and was not held to "
				"it");
			return;
		}
	}
}

/* 200 whatever was found: the operation itself has succeeded. */
static void respond(struct exchange *exchange)
{
	const struct upload *upload = exchange->work;
	struct outcome found = { .arena = exchange->arena };
	for (size_t i = 0; i < upload->count; i++) {
		tell_unknown(&upload->entries[i]);
		outcome_merge(&found, &upload->entries[i].outcome, (struct str){ 0 });
	}
	struct buf buf = buf_new(exchange->arena, 1024, RESPONSE_MAX);
	outcome_render(&buf, &found);
	respond_with(exchange, 200, MEDIA_FHIR, buf_str(&buf));
}

const struct interaction interaction_validate = {
	.name = "validate",
	.reads_query = true,
	.parse = parse,
	.validate = validate,
	.respond = respond,
};
