/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/search_narrow.h"

#include <math.h>

#include "fhir/base/arena.h"
#include "fhir/code.h"

/* Two roads of conversion may end this much apart, of the number and (temperatures have an offset) at all. */
#define SLACK     1e-9
#define SLACK_CEL 1e-6

/* Where the codes and values of a parameter stand that has both, or codes alone (search.tbl, path). */
static const struct place {
	const char *path;
	bool own, parts;
} places[] = {
	{ "$this", true, false },
	{ "component", false, true },
	{ "$this | component", true, true },
	{ "component.code", false, true },
	{ "code | component.code", true, true },
};

static const struct place *place_of(const struct search_parameter *parameter)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strcmp(parameter->path, places[i].path) == 0)
			return &places[i];
	}
	return NULL;
}

/* ---- ranges */

struct range {
	double from, to;
};
static const struct range everything = { -INFINITY, INFINITY };

/* Between which ends, in the canonical unit, the written range of a stored quantity must have something for the asked one to hold. */
static struct range range_of(const struct search_quantity *asked)
{
	struct range range = everything;
	struct str canonical = STR("");
	double factor = 1, offset = 0;
	if (asked->any_unit || asked->system.length == 0)
		return range;
	if (str_is(asked->system, SYSTEM_UCUM) &&
		!ucum_canonical(asked->code, &canonical, &factor, &offset))
		canonical = STR("");
	switch (asked->prefix) {
	case PREFIX_EQ:
	case PREFIX_AP:
		range = (struct range){ asked->low, asked->high };
		break;
	case PREFIX_GT:
	case PREFIX_GE:
	case PREFIX_SA:
		range.from = asked->value;
		break;
	case PREFIX_LT:
	case PREFIX_LE:
	case PREFIX_EB:
		range.to = asked->value;
		break;
	case PREFIX_NE:
		break;
	}
	range.from = range.from * factor + offset;
	range.to = range.to * factor + offset;
	const double least = str_is(canonical, "Cel") ? SLACK_CEL : 0;
	range.from -= fabs(range.from) * SLACK + least;
	range.to += fabs(range.to) * SLACK + least;
	return range;
}

/* All values of the condition, OR-ed: the whole that they lie in. */
static struct range hull_of(const struct search_condition *condition)
{
	const bool composite = condition->parameter->kind == SEARCH_KIND_COMPOSITE;
	struct range hull = { INFINITY, -INFINITY };
	for (size_t i = 0; i < condition->count; i++) {
		const struct search_value *value = &condition->values[i];
		const struct range one =
			range_of(composite ? &value->parts[1].quantity : &value->quantity);
		hull.from = one.from < hull.from ? one.from : hull.from;
		hull.to = one.to > hull.to ? one.to : hull.to;
	}
	return hull;
}

static void narrow_value(struct search_narrow *narrow, struct range range)
{
	narrow->by_value = true;
	narrow->value_from = range.from > narrow->value_from ? range.from : narrow->value_from;
	narrow->value_to = range.to < narrow->value_to ? range.to : narrow->value_to;
}

/* ---- codes */

/* The codes of a condition, OR-ed; none where one of them asks for any code of a system: a coding without a code is such a one, and stands in no column. */
static struct search_tokens tokens_of(struct arena *arena, const struct search_condition *condition)
{
	const bool composite = condition->parameter->kind == SEARCH_KIND_COMPOSITE;
	struct search_tokens tokens = { .values = arena_array(
						arena, condition->count, sizeof(*tokens.values)) };
	for (size_t i = 0; i < condition->count; i++) {
		const struct search_value *value = &condition->values[i];
		const struct search_token *token =
			composite ? &value->parts[0].token : &value->token;
		if (token->any_code)
			return (struct search_tokens){ NULL, 0 };
		tokens.values[tokens.count++] = *token;
	}
	return tokens;
}

static void narrow_codes(struct search_narrow *narrow, const struct search_condition *condition,
	const struct place *place, struct search_tokens tokens)
{
	const struct search_parameter *parameter = condition->parameter;
	const bool valued = parameter->kind == SEARCH_KIND_COMPOSITE &&
			    parameter->parts[1].kind == SEARCH_KIND_QUANTITY;
	const struct range range = valued ? hull_of(condition) : everything;
	if (!place->parts) {
		if (valued)
			narrow_value(narrow, range);
		if (tokens.count > 0)
			narrow->codes[narrow->code_count++] = tokens;
		return;
	}
	/* One such condition is enough; one that the reading's own code may meet bounds less. */
	if (tokens.count == 0 || (narrow->parts.count > 0 && (place->own || !narrow->parts_own)))
		return;
	narrow->parts = tokens;
	narrow->parts_own = place->own;
	narrow->part_values = valued;
	narrow->part_from = range.from;
	narrow->part_to = range.to;
}

/* ---- the whole */

static bool is_own_value(const struct search_parameter *parameter)
{
	return parameter->kind == SEARCH_KIND_QUANTITY &&
	       strcmp(parameter->path, "valueQuantity") == 0;
}

static bool has_codes(const struct search_parameter *parameter)
{
	return parameter->kind == SEARCH_KIND_TOKEN ||
	       (parameter->kind == SEARCH_KIND_COMPOSITE &&
		       parameter->parts[0].kind == SEARCH_KIND_TOKEN);
}

struct search_narrow search_narrow_of(struct arena *arena, const struct search *search)
{
	struct search_narrow narrow = { .value_from = -INFINITY, .value_to = INFINITY };
	narrow.codes = arena_array(
		arena, search->code_count + search->condition_count, sizeof(*narrow.codes));
	for (size_t i = 0; i < search->code_count; i++)
		narrow.codes[narrow.code_count++] = search->codes[i];
	for (size_t i = 0; i < search->condition_count; i++) {
		const struct search_condition *condition = &search->conditions[i];
		const struct place *place = place_of(condition->parameter);
		if (condition->indexed || condition->modifier != SEARCH_MODIFIER_NONE)
			continue;
		if (is_own_value(condition->parameter))
			narrow_value(&narrow, hull_of(condition));
		else if (place != NULL && has_codes(condition->parameter))
			narrow_codes(&narrow, condition, place, tokens_of(arena, condition));
	}
	return narrow;
}

void search_narrow_codes(struct search_narrow *narrow)
{
	narrow->by_value = false;
	narrow->parts.count = 0;
}
