/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The structure check. A table of elements, and one walk over the tree: each member's name is looked up in the rows
 * of its object's type, beginning behind the row that was found last, because senders write elements in FHIR's order.
 * Nothing is written down on the way but where we are, as links on the stack; only an issue makes a path of them.
 */
#include "fhir/element.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/element_walk.h"
#include "fhir/primitive.h"

#define PATH_MAX_BYTES 1024

enum { ONE = 0, MANY = 1 };

/* Sets of members, as element.tbl writes them. */
#define HAS(type, name)         (UINT64_C(1) << (type##_##name - FIRST_##type))
#define SPAN(type, first, last) ((HAS(type, last) << 1) - HAS(type, first))

/* A row's datatype: a primitive, a type of the table, any object, or any resource. */
enum datatype {
#define TYPE(type) DATATYPE_##type = PRIMITIVES + KIND_##type,
#define ELEMENT(type, name, min, max, datatype, values)
#define CHOICE(type, name, choice, datatype)
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
	DATATYPE_OPAQUE = PRIMITIVES + ELEMENT_KINDS,
	DATATYPE_RESOURCE,
	DATATYPE_CONTAINED,
	DATATYPE_MODIFIER,
	DATATYPE_RULES,
	DATATYPES
};
_Static_assert(DATATYPES <= 256, "a row holds its datatype in a byte");

#define DATATYPE_boolean      PRIMITIVE_boolean
#define DATATYPE_integer      PRIMITIVE_integer
#define DATATYPE_unsignedInt  PRIMITIVE_unsignedInt
#define DATATYPE_positiveInt  PRIMITIVE_positiveInt
#define DATATYPE_decimal      PRIMITIVE_decimal
#define DATATYPE_string       PRIMITIVE_string
#define DATATYPE_markdown     PRIMITIVE_markdown
#define DATATYPE_uri          PRIMITIVE_uri
#define DATATYPE_canonical    PRIMITIVE_canonical
#define DATATYPE_code         PRIMITIVE_code
#define DATATYPE_id           PRIMITIVE_id
#define DATATYPE_oid          PRIMITIVE_oid
#define DATATYPE_uuid         PRIMITIVE_uuid
#define DATATYPE_date         PRIMITIVE_date
#define DATATYPE_dateTime     PRIMITIVE_dateTime
#define DATATYPE_instant      PRIMITIVE_instant
#define DATATYPE_time         PRIMITIVE_time
#define DATATYPE_base64Binary PRIMITIVE_base64Binary
#define DATATYPE_xhtml        PRIMITIVE_xhtml

/* One bit each in struct seen. */
enum choice {
	CHOICE_none = 0,
	CHOICE_value = 1,
	CHOICE_effective = 2,
	CHOICE_author = 4,
	CHOICE_occurred = 8,
	CHOICE_bounds = 16,
};

struct row {
	const char *name;
	const char *values; /* required binding, or "" */
	unsigned char length;
	unsigned char datatype;
	bool many;
	unsigned char choice;
};

static const struct row rows[ELEMENTS] = {
#define TYPE(type)
#define ELEMENT(type, name, min, max, datatype, values) \
	[type##_##name] = { #name, values, sizeof(#name) - 1, DATATYPE_##datatype, max, 0 },
#define CHOICE(type, name, choice, datatype)                                        \
	[type##_##name] = { #name, "", sizeof(#name) - 1, DATATYPE_##datatype, ONE, \
		CHOICE_##choice },
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
};

/* Which types a Reference may lead to; NULL: any. */
static const char *const targets[ELEMENTS] = {
#define TYPE(type)
#define ELEMENT(type, name, min, max, datatype, values)
#define CHOICE(type, name, choice, datatype)
#define TARGETS(type, name, types) [type##_##name] = (types),
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
};

/* The rules of the table, numbered by the lines they stand in. */
#define NUMBERED(line) RULE_##line
#define AT_LINE(line)  NUMBERED(line)
enum {
#define TYPE(type) FIRST_RULE_##type, BEFORE_RULE_##type = FIRST_RULE_##type - 1,
#define ELEMENT(type, name, min, max, datatype, values)
#define CHOICE(type, name, choice, datatype)
#define RULE(type, key, kind, these, those, text) AT_LINE(__LINE__),
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
	RULES
};

static const struct element_rule rules[RULES] = {
#define TYPE(type)
#define ELEMENT(type, name, min, max, datatype, values)
#define CHOICE(type, name, choice, datatype)
#define RULE(type, key, kind, these, those, text) \
	[AT_LINE(__LINE__)] = { key, text, RULE_##kind, these, those },
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
};

static const struct {
	unsigned first, first_rule;
	uint64_t required; /* bits of the rows with min 1 */
} types[ELEMENT_KINDS + 1] = {
#define TYPE(type) [KIND_##type] = { FIRST_##type, FIRST_RULE_##type, 0
#define ELEMENT(type, name, min, max, datatype, values) \
	| (uint64_t)(min) << (type##_##name - FIRST_##type)
#define CHOICE(type, name, choice, datatype)
#define END \
	}   \
	,
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
	[ELEMENT_KINDS] = { ELEMENTS, RULES, 0 },
};

/* What one object was seen to have. */
struct seen {
	uint64_t rows;
	unsigned choices;
};

/* ---- issues */

static void write_path(struct buf *buf, const struct place *place)
{
	if (place->up != NULL) {
		write_path(buf, place->up);
		buf_add_byte(buf, '.');
	}
	buf_add(buf, place->name);
	if (place->index >= 0)
		buf_add_format(buf, "[%d]", place->index);
}

struct str place_path(const struct place *place, const struct walk *walk)
{
	struct buf buf = buf_new(walk->outcome->arena, 64, PATH_MAX_BYTES);
	write_path(&buf, place);
	return buf_str(&buf);
}

static void fail(const struct place *place, enum outcome_kind kind, const char *text,
	const struct walk *walk)
{
	outcome_fail(walk->outcome, kind, place_path(place, walk), "%.*s %s", STR_ARG(place->name),
		text);
}

static void fail_unknown(const struct place *place, struct str name, struct walk *walk)
{
	const struct str where = place_path(place, walk);
	if (name_is_plain(name))
		outcome_fail(walk->outcome, OUTCOME_STRUCTURE, where, "unknown element '%.*s'",
			STR_ARG(name));
	else
		outcome_fail(walk->outcome, OUTCOME_STRUCTURE, where,
			"unknown element whose name is not repeated here");
}

/* ---- values */

static void check_primitive(const struct row *row, const struct json *json,
	const struct place *place, struct walk *walk)
{
	const enum primitive primitive = (enum primitive)row->datatype;
	if (json->type != primitive_json_type(primitive) ||
		!primitive_is_valid(primitive, json->text))
		outcome_fail(walk->outcome, OUTCOME_VALUE, place_path(place, walk), "%s is not %s",
			row->name, primitive_form(primitive));
	else if (row->values[0] != '\0' && !str_is_listed(json->text, row->values))
		outcome_fail(walk->outcome, OUTCOME_CODE_INVALID, place_path(place, walk),
			"%s is not %s", row->name, row->values);
	else if (primitive == PRIMITIVE_dateTime && primitive_is_loose_time(json->text))
		outcome_warn(walk->outcome, OUTCOME_VALUE, place_path(place, walk),
			"%s lacks its seconds or its zone, which R4 wants; without zone it is "
			"read in %.*s",
			row->name, STR_ARG(zone_name(walk->outcome->arena, walk->zone)));
}

static void check_object(enum element_type type, const struct json *json, const struct place *place,
	struct fields *fields, struct walk *walk);

/* A type of the table by the name resources give themselves, or ELEMENT_KINDS. */
static enum element_type resource_kind(struct str name)
{
	for (int type = 0; type < ELEMENT_KINDS; type++) {
		const struct row *row = &rows[types[type].first];
		if (str_is(STR("resourceType"), row->name) && str_is(name, row->values))
			return (enum element_type)type;
	}
	return ELEMENT_KINDS;
}

static void break_rule(
	const char *key, const char *text, const struct place *place, const struct walk *walk)
{
	outcome_fail(walk->outcome, OUTCOME_INVARIANT, place_path(place, walk), "%.*s %s (%s)",
		STR_ARG(place->name), text, key);
}

/* R4 domainresource: what stands in another resource is a part of it. Of a type that no row knows, the rest is kept as it is. */
static void check_contained(const struct json *json, const struct place *place, struct walk *walk)
{
	const struct json *meta = json_get(json, "meta");
	walk->holds = true;
	if (json_get(json, "contained") != NULL)
		break_rule("dom-2", "holds another resource itself", place, walk);
	if (json_get(meta, "versionId") != NULL || json_get(meta, "lastUpdated") != NULL)
		break_rule("dom-4", "has a version or a time of its own", place, walk);
	if (json_get(meta, "security") != NULL)
		break_rule("dom-5", "has a security label of its own", place, walk);
	const enum element_type type = resource_kind(json_text(json, "resourceType"));
	if (type != ELEMENT_KINDS)
		check_object(type, json, place, NULL, walk);
}

/* The datatypes that are none of R4's. */
static void check_special(const struct row *row, const struct json *json, const struct place *place,
	struct walk *walk)
{
	const bool whole = json->type == JSON_OBJECT && json->count > 0;
	const bool resource =
		row->datatype == DATATYPE_RESOURCE || row->datatype == DATATYPE_CONTAINED;
	if (row->datatype == DATATYPE_RULES) {
		outcome_fail(walk->outcome, OUTCOME_NOT_SUPPORTED, place_path(place, walk),
			"rules that may change what the resource means are not known here");
	} else if (!whole) {
		fail(place, OUTCOME_STRUCTURE, "is not an object with members", walk);
	} else if (row->datatype == DATATYPE_MODIFIER) {
		outcome_fail(walk->outcome, OUTCOME_NOT_SUPPORTED, place_path(place, walk),
			"a modifierExtension may change what the rest means, and none is known "
			"here");
		check_object(KIND_EXTENSION, json, place, NULL, walk);
	} else if (resource && json_text(json, "resourceType").length == 0) {
		fail(place, OUTCOME_STRUCTURE, "has no resourceType", walk);
	} else if (row->datatype == DATATYPE_CONTAINED) {
		check_contained(json, place, walk);
	}
}

static void check_reference(const struct row *row, const struct json *json,
	const struct place *place, struct walk *walk)
{
	check_object(KIND_REFERENCE, json, place, NULL, walk);
	if (json->type == JSON_OBJECT)
		element_target_check(targets[row - rows], json, place, walk);
}

static void check_value(const struct row *row, const struct json *json, const struct place *place,
	struct walk *walk)
{
	if (row->datatype < PRIMITIVES)
		check_primitive(row, json, place, walk);
	else if (row->datatype == DATATYPE_REFERENCE)
		check_reference(row, json, place, walk);
	else if (row->datatype < DATATYPE_OPAQUE)
		check_object(
			(enum element_type)(row->datatype - PRIMITIVES), json, place, NULL, walk);
	else
		check_special(row, json, place, walk);
}

static const struct row extension_row = { "extension", "", 9, DATATYPE_SIBLING, ONE, 0 };

/* Elements of an array. A null stands for a primitive that only has extensions, in the member beside it, or for one that has none. */
static void check_array(const struct row *row, const struct json *json, const struct place *up,
	bool null_allowed, struct walk *walk)
{
	struct place place = { up->up, up->name, 0 };
	if (json->type != JSON_ARRAY || json->count == 0) {
		fail(up, OUTCOME_STRUCTURE, "is not an array with elements", walk);
		return;
	}
	json_each(item, json)
	{
		if (item->type != JSON_NULL || !null_allowed)
			check_value(row, item, &place, walk);
		place.index++;
	}
}

/* `_name`: id and extensions of the primitive `name`, or an array of them. */
static void check_sibling(const struct row *row, const struct json *json, const struct place *place,
	struct walk *walk)
{
	if (row->datatype >= PRIMITIVES)
		fail(place, OUTCOME_STRUCTURE, "is not a primitive and has no '_' beside it", walk);
	else if (row->many)
		check_array(&extension_row, json, place, true, walk);
	else
		check_value(&extension_row, json, place, walk);
}

/* ---- objects */

/* The row of `name` among those of a type, looking from *next on; *next is moved behind it. */
static const struct row *row_find(enum element_type type, struct str name, unsigned *next)
{
	const unsigned first = types[type].first, end = types[type + 1].first;
	unsigned at = *next;
	for (unsigned left = end - first; left > 0; left--) {
		if (at == end)
			at = first;
		const struct row *row = &rows[at++];
		if (row->length == name.length && memcmp(row->name, name.at, name.length) == 0) {
			*next = at;
			return row;
		}
	}
	return NULL;
}

/* Marks a row as seen. A choice that has one already is an error. */
static void mark(const struct row *row, unsigned bit, struct seen *seen, const struct place *place,
	struct walk *walk)
{
	const bool again = (seen->rows & UINT64_C(1) << bit) != 0; /* by `name` and `_name` */
	if (row->choice != CHOICE_none && !again && (seen->choices & row->choice) != 0)
		fail(place, OUTCOME_STRUCTURE,
			"stands beside another of its choice of types; one may be there", walk);
	seen->choices |= row->choice;
	seen->rows |= UINT64_C(1) << bit;
}

/* Invariants of the type. `members` are the bits of its rows that are there. */
static void check_rules(enum element_type type, const struct json *json, uint64_t members,
	const struct place *place, struct walk *walk)
{
	const unsigned end = types[type + 1].first_rule;
	for (unsigned i = types[type].first_rule; i < end; i++)
		if (element_rule_broken(&rules[i], members, json, walk))
			break_rule(rules[i].key, rules[i].text, place, walk);
}

static void check_required(enum element_type type, const struct seen *seen,
	const struct place *place, struct walk *walk)
{
	uint64_t missing = types[type].required & ~seen->rows;
	for (unsigned bit = 0; missing != 0; bit++, missing >>= 1) {
		if ((missing & 1) == 0)
			continue;
		const char *name = rows[types[type].first + bit].name;
		const struct place at = { place, str_of(name), -1 };
		fail(&at, OUTCOME_REQUIRED, "is required", walk);
	}
}

/* Only of a repeated primitive: nulls may stand in it. */
static bool has_sibling(const struct row *row, const struct json *parent)
{
	if (row->datatype >= PRIMITIVES)
		return false;
	json_each(item, parent)
	{
		if (item->key.length == row->length + 1u && item->key.at[0] == '_' &&
			memcmp(item->key.at + 1, row->name, row->length) == 0)
			return true;
	}
	return false;
}

static void check_member(const struct row *row, const struct json *parent, const struct json *item,
	const struct place *place, struct walk *walk)
{
	const bool sibling = item->key.at[0] == '_';
	if (item->type == JSON_NULL)
		fail(place, OUTCOME_STRUCTURE, "is null; an element without value is left out",
			walk);
	else if (sibling)
		check_sibling(row, item, place, walk);
	else if (!row->many && item->type == JSON_ARRAY)
		fail(place, OUTCOME_STRUCTURE, "is an array, but stands only once", walk);
	else if (!row->many)
		check_value(row, item, place, walk);
	else
		check_array(row, item, place, has_sibling(row, parent), walk);
}

static void check_object(enum element_type type, const struct json *json, const struct place *place,
	struct fields *fields, struct walk *walk)
{
	if (json->type != JSON_OBJECT || json->count == 0) {
		fail(place, OUTCOME_STRUCTURE, "is not an object with members", walk);
		return;
	}
	struct seen seen = { 0 };
	unsigned next = types[type].first;
	json_each(item, json)
	{
		const bool sibling = item->key.length > 0 && item->key.at[0] == '_';
		const struct str name = str_part(item->key, sibling ? 1 : 0, item->key.length);
		const struct row *row = row_find(type, name, &next);
		if (row == NULL) {
			fail_unknown(place, item->key, walk);
			continue;
		}
		const struct place here = { place, name, -1 };
		const unsigned bit = (unsigned)(row - rows) - types[type].first;
		mark(row, bit, &seen, &here, walk);
		if (fields != NULL && !sibling)
			fields->at[bit] = item;
		check_member(row, json, item, &here, walk);
	}
	if ((types[type].required & ~seen.rows) != 0)
		check_required(type, &seen, place, walk);
	if (json->count == 1 && type != KIND_SIBLING && str_is(json->first->key, "id"))
		break_rule("ele-1", "has neither a value nor members beside its id", place, walk);
	else if (types[type].first_rule != types[type + 1].first_rule)
		check_rules(type, json, seen.rows, place, walk);
}

bool element_check(enum element_type type, const struct json *json, struct str expression,
	struct fields *fields, struct outcome *outcome)
{
	const struct zone norwegian = { .oslo = true };
	return element_check_in(norwegian, type, json, expression, fields, outcome);
}

bool element_check_in(struct zone zone, enum element_type type, const struct json *json,
	struct str expression, struct fields *fields, struct outcome *outcome)
{
	const unsigned errors = outcome->errors;
	const struct place root = { NULL, expression, -1 };
	struct walk walk = { .outcome = outcome, .zone = zone, .root = json };
	check_object(type, json, &root, fields, &walk);
	if (walk.holds)
		element_contained_check(expression, &walk);
	return outcome->errors == errors;
}
