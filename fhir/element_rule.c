/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The kinds of rules of element.tbl: R4's invariants that stand within one type. */
#include "fhir/base/arena.h"
#include "fhir/base/decimal.h"
#include "fhir/code.h"
#include "fhir/element_walk.h"
#include "fhir/narrative.h"

/* ---- values */

/* The value of a quantity in the canonical unit of its code, else in the unit as written. */
static bool quantity_value(const struct json *quantity, double *value, struct str *unit)
{
	const struct json *number = json_get(quantity, "value");
	double factor, offset;
	if (number == NULL || number->type != JSON_NUMBER || !decimal_value(number->text, value))
		return false;
	*unit = json_text(quantity, "code");
	if (unit->length == 0)
		*unit = json_text(quantity, "unit");
	if (ucum_canonical(*unit, unit, &factor, &offset))
		*value = *value * factor + offset;
	return true;
}

static bool is_ordered(const struct json *range)
{
	double low, high;
	struct str low_unit, high_unit;
	return !quantity_value(json_get(range, "low"), &low, &low_unit) ||
	       !quantity_value(json_get(range, "high"), &high, &high_unit) ||
	       !str_equal(low_unit, high_unit) || low <= high;
}

/* Written times are intervals: the end's last moment counts. */
static bool is_in_time(const struct json *period, struct zone zone)
{
	struct span start, end;
	return !span_parse(json_text(period, "start"), zone, &start) ||
	       !span_parse(json_text(period, "end"), zone, &end) || start.low < end.high;
}

static bool is_negative(const struct json *number)
{
	double value;
	return number != NULL && number->type == JSON_NUMBER &&
	       decimal_value(number->text, &value) && value < 0;
}

static bool counts_from_meal(const struct json *when)
{
	static const char *const meals[] = { "C", "CM", "CD", "CV" };
	json_each(item, when)
	{
		for (size_t i = 0; i < sizeof(meals) / sizeof(meals[0]); i++)
			if (str_is(item->text, meals[i]))
				return true;
	}
	return false;
}

/* ---- contained resources */

static bool mark_referred(struct str id, struct walk *walk)
{
	unsigned index = 0;
	json_each(item, json_get(walk->root, "contained"))
	{
		if (str_equal(json_text(item, "id"), id)) {
			walk->referred |= index < 64 ? UINT64_C(1) << index : 0;
			return true;
		}
		index++;
	}
	return false;
}

static bool is_there(struct str reference, struct walk *walk)
{
	if (reference.length < 2 || reference.at[0] != '#')
		return true; /* not local; or the resource around a contained one */
	return mark_referred(str_part(reference, 1, reference.length), walk);
}

/* dom-3 counts what one contained resource says of another. */
static void mark_inside(const struct json *json, struct walk *walk)
{
	if (json->type == JSON_STRING && str_is(json->key, "reference") && json->text.length > 1 &&
		json->text.at[0] == '#')
		mark_referred(str_part(json->text, 1, json->text.length), walk);
	json_each(item, json)
	{
		mark_inside(item, walk);
	}
}

static bool refers_home(const struct json *json)
{
	if (json->type == JSON_STRING)
		return str_is(json->key, "reference") && str_is(json->text, "#");
	json_each(item, json)
	{
		if (refers_home(item))
			return true;
	}
	return false;
}

void element_contained_check(struct str expression, struct walk *walk)
{
	unsigned index = 0;
	json_each(item, json_get(walk->root, "contained"))
	{
		mark_inside(item, walk);
	}
	json_each(item, json_get(walk->root, "contained"))
	{
		if (item->type == JSON_OBJECT && index < 64 &&
			(walk->referred & UINT64_C(1) << index) == 0 && !refers_home(item))
			outcome_warn(walk->outcome, OUTCOME_INVARIANT,
				str_format(walk->outcome->arena, "%.*s.contained[%u]",
					STR_ARG(expression), index),
				"nothing refers to this contained resource (dom-3)");
		index++;
	}
}

/* ---- rules */

static bool is_kept(enum rule_kind kind, const struct json *json, struct walk *walk)
{
	switch (kind) {
	case RULE_LOCAL:
		return is_there(json_text(json, "reference"), walk);
	case RULE_ORDER:
		return is_ordered(json);
	case RULE_TIMES:
		return is_in_time(json, walk->zone);
	case RULE_DURATION:
		return !is_negative(json_get(json, "duration"));
	case RULE_PERIOD:
		return !is_negative(json_get(json, "period"));
	case RULE_MARKUP:
		return narrative_is_basic(walk->outcome->arena, json_text(json, "div"));
	case RULE_WORDS:
		return narrative_says(json_text(json, "div"));
	case RULE_MEALS:
		return !counts_from_meal(json_get(json, "when"));
	case RULE_ANY:
	case RULE_IMPLIES:
	case RULE_NEVER:
		break;
	}
	return true;
}

bool element_rule_broken(const struct element_rule *rule, uint64_t members, const struct json *json,
	struct walk *walk)
{
	const bool these = (members & rule->these) != 0, those = (members & rule->those) != 0;
	switch (rule->kind) {
	case RULE_ANY:
		return !these;
	case RULE_IMPLIES:
		return these && !those;
	case RULE_NEVER:
		return these && those;
	case RULE_LOCAL:
	case RULE_ORDER:
	case RULE_TIMES:
	case RULE_DURATION:
	case RULE_PERIOD:
	case RULE_MARKUP:
	case RULE_WORDS:
	case RULE_MEALS:
		return these && those && !is_kept(rule->kind, json, walk);
	}
	return false;
}
