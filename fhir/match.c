/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Conditions on a stored resource: a path leads to elements, a kind says how one is compared. */
#include "fhir/match.h"

#include "fhir/match_value.h"

/* Milliseconds are what is sent of meta.lastUpdated. */
#define MILLISECOND (INSTANT_SECOND / 1000)

struct matching {
	struct arena *arena;
	const struct match_policy *policy;
	const struct match_resource *resource;
	const struct search_condition *condition;
	const struct search_value *value;
	enum search_kind kind;
};

/* ---- paths */

typedef bool holds(const struct matching *matching, const struct json *json);

static bool walk(
	const struct matching *matching, const struct json *json, struct str path, holds *asked)
{
	if (json == NULL)
		return false;
	if (json->type == JSON_ARRAY) {
		json_each(item, json) if (walk(matching, item, path, asked)) return true;
		return false;
	}
	if (path.at == NULL)
		return asked(matching, json);
	struct str rest;
	const struct str name = str_cut(path, '.', &rest);
	if (str_is(name, "$this"))
		return walk(matching, json, rest, asked);
	if (json->type != JSON_OBJECT)
		return false;
	json_each(member, json) if (str_equal(member->key, name)) return walk(
		matching, member, rest, asked);
	return false;
}

/* Does it hold of any element that an alternative of the path leads to? */
static bool any_at(
	const struct matching *matching, const struct json *json, const char *path, holds *asked)
{
	struct str rest = str_of(path);
	while (rest.at != NULL) {
		const struct str one = str_trim(str_cut(rest, '|', &rest));
		if (walk(matching, json, one, asked))
			return true;
	}
	return false;
}

/* ---- one element */

static bool is_there(const struct matching *matching, const struct json *json)
{
	(void)matching;
	return json->type != JSON_NULL;
}

static bool plain_holds(const struct matching *matching, const struct json *json)
{
	const struct search_value *value = matching->value;
	const struct match_policy *policy = matching->policy;
	if (matching->kind == SEARCH_KIND_TOKEN)
		return match_token(&value->token, json);
	if (matching->kind == SEARCH_KIND_DATE)
		return match_date(&value->date, policy->zone, json);
	if (matching->kind == SEARCH_KIND_QUANTITY)
		return match_quantity(&value->quantity, json);
	if (matching->kind == SEARCH_KIND_REFERENCE)
		return match_reference(&value->reference, policy->base, json);
	if (matching->kind == SEARCH_KIND_STRING)
		return match_text(matching->arena, SEARCH_MODIFIER_NONE, value->text, json);
	/* A profile may be claimed with a version that the search leaves open. */
	return matching->kind == SEARCH_KIND_URI && json->type == JSON_STRING &&
	       (str_equal(json->text, value->text) ||
		       str_equal(str_part(json->text, 0, str_index(json->text, '|')), value->text));
}

static bool value_holds(const struct matching *matching, const struct json *json)
{
	const struct search_value *value = matching->value;
	switch (matching->condition->modifier) {
	case SEARCH_MODIFIER_IN:
	case SEARCH_MODIFIER_NOT_IN:
		return match_valueset(value->text, json);
	case SEARCH_MODIFIER_TEXT:
		return match_words(matching->arena, value->text, json);
	case SEARCH_MODIFIER_OF_TYPE:
		return match_of_type(value, json);
	case SEARCH_MODIFIER_IDENTIFIER: {
		const struct json *identifier = json_get(json, "identifier");
		return identifier != NULL && match_token(&value->token, identifier);
	}
	case SEARCH_MODIFIER_EXACT:
	case SEARCH_MODIFIER_CONTAINS:
		return match_text(
			matching->arena, matching->condition->modifier, value->text, json);
	case SEARCH_MODIFIER_NONE:
	case SEARCH_MODIFIER_NOT:
	case SEARCH_MODIFIER_TYPE:
	case SEARCH_MODIFIER_MISSING:
	case SEARCH_MODIFIERS:
		break;
	}
	return plain_holds(matching, json);
}

/* ---- composites: both parts at one place */

static bool part_holds(const struct matching *matching, const struct json *place, unsigned at)
{
	struct matching part = *matching;
	part.value = &matching->value->parts[at];
	part.kind = matching->condition->parameter->parts[at].kind;
	return any_at(&part, place, matching->condition->parameter->parts[at].path, plain_holds);
}

static bool parts_hold(const struct matching *matching, const struct json *place)
{
	return part_holds(matching, place, 0) && part_holds(matching, place, 1);
}

/* ---- one condition */

static bool updated_holds(const struct matching *matching)
{
	const instant updated = matching->resource->updated;
	const instant low = updated - ((updated % MILLISECOND) + MILLISECOND) % MILLISECOND;
	return match_span(&matching->value->date, low, low + MILLISECOND);
}

static bool one_holds(const struct matching *matching)
{
	const struct search_parameter *parameter = matching->condition->parameter;
	const struct json *json = matching->resource->json;
	if (parameter->columns == SEARCH_COLUMNS_UPDATED)
		return updated_holds(matching);
	if (parameter->kind == SEARCH_KIND_COMPOSITE)
		return any_at(matching, json, parameter->path, parts_hold);
	return any_at(matching, json, parameter->path, value_holds);
}

static bool is_missing(const struct matching *matching)
{
	return !any_at(
		matching, matching->resource->json, matching->condition->parameter->path, is_there);
}

bool match_condition(struct arena *arena, const struct search_condition *condition,
	const struct match_policy *policy, const struct match_resource *resource)
{
	struct matching matching = { .arena = arena,
		.policy = policy,
		.resource = resource,
		.condition = condition,
		.kind = condition->parameter->kind };
	if (condition->modifier == SEARCH_MODIFIER_MISSING)
		return is_missing(&matching) == condition->values[0].missing;
	bool any = false;
	for (size_t i = 0; i < condition->count && !any; i++) {
		matching.value = &condition->values[i];
		any = one_holds(&matching);
	}
	const bool negative = condition->modifier == SEARCH_MODIFIER_NOT ||
			      condition->modifier == SEARCH_MODIFIER_NOT_IN;
	return any != negative;
}

bool match_rest(struct arena *arena, const struct search *search, const struct match_policy *policy,
	const struct match_resource *resource)
{
	for (size_t i = 0; i < search->condition_count; i++) {
		const struct search_condition *condition = &search->conditions[i];
		if (!condition->indexed && !match_condition(arena, condition, policy, resource))
			return false;
	}
	return true;
}

bool match_is_needed(const struct search *search)
{
	for (size_t i = 0; i < search->condition_count; i++)
		if (!search->conditions[i].indexed)
			return true;
	return false;
}
