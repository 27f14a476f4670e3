/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/presentation.h"

#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "fhir/element.h"
#include "fhir/form.h"

#define NODES_MAX 200000

/* ---- the parameters */

static const char *const summaries[] = {
	[SUMMARY_FALSE] = "false",
	[SUMMARY_TRUE] = "true",
	[SUMMARY_TEXT] = "text",
	[SUMMARY_DATA] = "data",
	[SUMMARY_COUNT] = "count",
};

/* The '+' of a media type that was not encoded arrives as a blank. */
static const char *const formats[] = { "json", "application/json", "application/fhir+json",
	"application/fhir json", "text/json", "application/json+fhir", "application/json fhir" };

bool presentation_is_our_version(struct str parameters)
{
	while (parameters.length > 0) {
		struct str value;
		const struct str parameter = str_cut(parameters, ';', &parameters);
		const struct str name = str_trim(str_cut(parameter, '=', &value));
		if (!str_equal_nocase(name, STR("fhirVersion")))
			continue;
		value = str_unquote(value);
		return str_is(value, "4.0") || str_is(value, "4.0.1");
	}
	return true;
}

static bool take_format(
	struct presentation *presentation, struct str value, struct outcome *outcome)
{
	struct str parameters;
	const struct str media = str_trim(str_cut(value, ';', &parameters));
	if (!presentation_is_our_version(parameters))
		return outcome_fail(outcome, OUTCOME_NOT_ACCEPTABLE, STR("_format"),
			"_format asks for another fhirVersion; the hub has 4.0");
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (str_equal_nocase(media, str_of(formats[i]))) {
			presentation->format = true;
			return true;
		}
	}
	return outcome_fail(outcome, OUTCOME_NOT_ACCEPTABLE, STR("_format"),
		"_format may be json or application/fhir+json; the hub has no XML, Turtle or HTML");
}

/* Which of them was meant nobody knows; the same again is no harm. */
static bool twice(struct outcome *outcome, const char *name)
{
	return outcome_fail(
		outcome, OUTCOME_INVALID, str_of(name), "%s stands twice, in two ways", name);
}

static bool take_pretty(
	struct presentation *presentation, struct str value, struct outcome *outcome)
{
	const bool pretty = str_is(value, "true");
	if (!pretty && !str_is(value, "false"))
		return outcome_fail(
			outcome, OUTCOME_VALUE, STR("_pretty"), "_pretty may be true or false");
	if (presentation->pretty_said && pretty != presentation->pretty)
		return twice(outcome, "_pretty");
	presentation->pretty = pretty;
	presentation->pretty_said = true;
	return true;
}

static bool take_summary(
	struct presentation *presentation, struct str value, struct outcome *outcome)
{
	for (size_t i = 0; i < sizeof(summaries) / sizeof(summaries[0]); i++) {
		if (!str_is(value, summaries[i]))
			continue;
		if (presentation->summary_said && presentation->summary != (enum summary)i)
			return twice(outcome, "_summary");
		presentation->summary = (enum summary)i;
		presentation->summary_said = true;
		return true;
	}
	return outcome_fail(outcome, OUTCOME_VALUE, STR("_summary"),
		"_summary may be true, text, data, count or false");
}

/* The members of the resources the hub stores, from the table that checks them. */
static const struct member {
	enum element_type type;
	const char *name, *choice; /* choice without its type, or NULL */
	int min;
} members[] = {
#define TYPE(type)
#define ELEMENT(type, name, min, max, datatype, values) { KIND_##type, #name, NULL, min },
#define CHOICE(type, name, choice, datatype)            { KIND_##type, #name, #choice, 0 },
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
};

static const struct {
	enum resource_type type;
	enum element_type rows;
} kinds[] = {
	{ TYPE_OBSERVATION, KIND_OBSERVATION },
	{ TYPE_DEVICE, KIND_DEVICE },
	{ TYPE_PROVENANCE, KIND_PROVENANCE },
};

static const struct member *member_next(enum resource_type type, const struct member *after)
{
	const struct member *member = after == NULL ? members : after + 1;
	for (; member < members + sizeof(members) / sizeof(members[0]); member++) {
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if (kinds[i].rows == member->type &&
				(type == TYPE_NONE || type == kinds[i].type))
				return member;
		}
	}
	return NULL;
}

/* Those of the resources the hub makes. */
static const struct made {
	enum resource_type type;
	const char *path;
	bool kept;
} made[] = {
#define MADE(type, path, kept) { TYPE_##type, path, kept },
#include "fhir/made.tbl"
#undef MADE
};
#define MADE_COUNT (sizeof(made) / sizeof(made[0]))

static bool is_member(struct str name)
{
	const struct member *member = NULL;
	while ((member = member_next(TYPE_NONE, member)) != NULL) {
		if (str_is(name, member->name) ||
			(member->choice != NULL && str_is(name, member->choice)))
			return true;
	}
	for (size_t i = 0; i < MADE_COUNT; i++) {
		if (str_is(name, made[i].path) && str_index(name, '.') == name.length)
			return true;
	}
	return false;
}

static bool take_elements(struct arena *arena, struct presentation *presentation, struct str value,
	struct outcome *outcome)
{
	(void)arena;
	for (struct str rest = value; rest.length > 0;) {
		struct str name = str_trim(str_cut(rest, ',', &rest)), member;
		const struct str type = str_cut(name, '.', &member);
		if (member.length > 0 && type.length > 0 && type.at[0] >= 'A' && type.at[0] <= 'Z')
			name = member; /* Observation.status */
		if (!is_member(name))
			return outcome_fail(outcome, OUTCOME_VALUE, STR("_elements"),
				"_elements names '%.*s', which is no element of the resource; base "
				"elements such as status,code,value are named, parted by commas",
				(int)(name.length > 64 ? 64 : name.length), name.at);
		if (presentation->element_count == PRESENTATION_ELEMENTS_MAX)
			return outcome_fail(outcome, OUTCOME_TOO_LARGE, STR("_elements"),
				"_elements may name at most %d elements",
				PRESENTATION_ELEMENTS_MAX);
		presentation->elements[presentation->element_count++] = name;
	}
	return presentation->element_count > 0 ||
	       outcome_fail(outcome, OUTCOME_VALUE, STR("_elements"), "_elements is empty");
}

bool presentation_is(struct str name)
{
	return str_is(name, "_format") || str_is(name, "_pretty") || str_is(name, "_summary") ||
	       str_is(name, "_elements");
}

bool presentation_take(struct arena *arena, struct presentation *presentation, struct str name,
	struct str value, struct outcome *outcome)
{
	bool good;
	if (str_is(name, "_format"))
		return take_format(presentation, value, outcome);
	if (str_is(name, "_pretty"))
		return take_pretty(presentation, value, outcome);
	if (str_is(name, "_summary"))
		good = take_summary(presentation, value, outcome);
	else
		good = take_elements(arena, presentation, value, outcome);
	if (good && presentation->summary != SUMMARY_FALSE && presentation->element_count > 0)
		return outcome_fail(outcome, OUTCOME_INVALID, name,
			"_summary and _elements ask for two things; give one of them");
	return good;
}

bool presentation_check_one(const struct presentation *presentation, struct outcome *outcome)
{
	return presentation->summary != SUMMARY_COUNT ||
	       outcome_fail(outcome, OUTCOME_INVALID, STR("_summary"),
		       "_summary=count is for searches; one resource may be true, text or data");
}

void presentation_query(struct buf *buf, const struct presentation *presentation)
{
	if (presentation->format)
		buf_add_text(buf, "&_format=json");
	if (presentation->pretty)
		buf_add_text(buf, "&_pretty=true");
	if (presentation->summary != SUMMARY_FALSE)
		buf_add_format(buf, "&_summary=%s", summaries[presentation->summary]);
	for (size_t i = 0; i < presentation->element_count; i++) {
		buf_add_text(buf, i == 0 ? "&_elements=" : ",");
		form_encode(buf, presentation->elements[i]);
	}
}

/* ---- parts of a resource */

bool presentation_is_plain(const struct presentation *presentation)
{
	return presentation->element_count == 0 &&
	       (presentation->summary == SUMMARY_FALSE || presentation->summary == SUMMARY_COUNT);
}

static const struct {
	const char *type, *path;
} summary_rows[] = {
#define SUMMARY(type, path) { type, path },
#include "fhir/summary.tbl"
#undef SUMMARY
};

static bool is_choice(struct str name)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (members[i].choice != NULL && str_is(name, members[i].choice))
			return true;
	}
	return false;
}

/* A member, or one of a choice: `value` stands for valueQuantity. */
static bool is_named(struct str key, struct str name)
{
	if (key.length > 0 && key.at[0] == '_')
		key = str_part(key, 1, key.length);
	if (str_equal(key, name))
		return true;
	return str_starts(key, name) && key.at[name.length] >= 'A' && key.at[name.length] <= 'Z' &&
	       is_choice(name);
}

/* The member of the objects at `outer` (a path; empty: the resource) that a row's path leads to; empty where it leads elsewhere. */
static struct str member_at(const char *path, struct str outer)
{
	struct str member = str_of(path);
	if (outer.length > 0 && (!str_starts(member, outer) || member.at[outer.length] != '.'))
		return (struct str){ 0 };
	if (outer.length > 0)
		member = str_part(member, outer.length + 1, member.length);
	return str_part(member, 0, str_index(member, '.'));
}

/* Whether the summary has rows for the objects at `outer`, and one for this key. */
static bool in_summary(struct str type, struct str outer, struct str key, bool *known)
{
	bool found = false;
	*known = false;
	for (size_t i = 0; i < sizeof(summary_rows) / sizeof(summary_rows[0]); i++) {
		const struct str member = str_is(type, summary_rows[i].type)
						  ? member_at(summary_rows[i].path, outer)
						  : (struct str){ 0 };
		if (member.length == 0)
			continue;
		*known = true;
		found = found || is_named(key, member);
	}
	return found || !*known;
}

/* The same of what a resource that the hub makes always keeps. */
static bool in_kept(enum resource_type type, struct str outer, struct str key, bool *known)
{
	bool found = false;
	*known = false;
	for (size_t i = 0; i < MADE_COUNT; i++) {
		const struct str member = made[i].type == type && made[i].kept
						  ? member_at(made[i].path, outer)
						  : (struct str){ 0 };
		*known = *known || member.length > 0;
		found = found || str_equal(key, member);
	}
	return found;
}

static bool is_mandatory(enum resource_type type, struct str key)
{
	bool known;
	const struct member *member = NULL;
	while ((member = member_next(type, member)) != NULL) {
		if (member->min > 0 && str_is(key, member->name))
			return true;
	}
	return in_kept(type, STR(""), key, &known);
}

static bool is_element(const struct presentation *presentation, struct str key)
{
	for (size_t i = 0; i < presentation->element_count; i++) {
		if (is_named(key, presentation->elements[i]))
			return true;
	}
	return false;
}

bool presentation_keeps(
	const struct presentation *presentation, enum resource_type type, struct str key)
{
	if (presentation_is_plain(presentation))
		return true;
	bool known;
	const bool modifies = str_is(key, "implicitRules") || str_is(key, "modifierExtension");
	switch (presentation->summary) {
	case SUMMARY_TRUE:
		return in_summary(str_of(resource_type_name(type)), STR(""), key, &known);
	case SUMMARY_TEXT:
		return modifies || str_is(key, "text") || is_mandatory(type, key);
	case SUMMARY_DATA:
		return !str_is(key, "text");
	case SUMMARY_FALSE:
	case SUMMARY_COUNT:
		break;
	}
	return modifies || is_element(presentation, key) || is_mandatory(type, key);
}

static void write_member(struct buf *buf, const struct json *item)
{
	json_write_comma(buf);
	json_write_string(buf, item->key);
	buf_add_byte(buf, ':');
	buf_add(buf, item->raw);
}

static void write_meta(struct buf *buf, const struct json *meta, const struct resource *resource)
{
	buf_add_text(buf, ",\"meta\":{\"versionId\":\"");
	buf_add_i64(buf, resource->version);
	buf_add_text(buf, "\",\"lastUpdated\":\"");
	instant_write(buf, resource->updated);
	buf_add_byte(buf, '"');
	json_each(item, meta)
	{
		if (!str_is(item->key, "tag"))
			write_member(buf, item);
	}
	buf_add_text(buf, ",\"tag\":[");
	json_each(tag, json_get(meta, "tag"))
	{
		buf_add(buf, tag->raw);
		buf_add_byte(buf, ',');
	}
	buf_add_text(buf, PRESENTATION_SUBSETTED "]}");
}

/* Of the objects at `path`, does the part that was asked for hold this member? *cut_out: something of them is left out. */
static bool keeps_inside(const struct presentation *presentation, enum resource_type type,
	struct str path, struct str key, bool *cut_out)
{
	const struct str first = str_part(path, 0, str_index(path, '.'));
	if (presentation->summary == SUMMARY_TRUE)
		return in_summary(str_of(resource_type_name(type)), path, key, cut_out);
	*cut_out = false;
	return presentation->summary == SUMMARY_DATA || is_element(presentation, first) ||
	       in_kept(type, path, key, cut_out) || !*cut_out;
}

/* A member; of the objects in it what the part holds. */
static void write_part(struct buf *buf, const struct presentation *presentation,
	enum resource_type type, struct str path, const struct json *item)
{
	bool cut;
	keeps_inside(presentation, type, path, STR(""), &cut);
	if (!cut || item->type != JSON_ARRAY) {
		write_member(buf, item);
		return;
	}
	json_write_comma(buf);
	json_write_string(buf, item->key);
	buf_add_text(buf, ":[");
	json_each(object, item)
	{
		json_write_comma(buf);
		buf_add_byte(buf, '{');
		json_each(member, object)
		{
			const struct str inner = str_format(
				buf->arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(member->key));
			if (keeps_inside(presentation, type, path, member->key, &cut))
				write_part(buf, presentation, type, inner, member);
		}
		buf_add_byte(buf, '}');
	}
	buf_add_byte(buf, ']');
}

void presentation_members(struct buf *buf, const struct presentation *presentation,
	enum resource_type type, const struct json *json)
{
	json_each(item, json)
	{
		if (!str_is(item->key, "resourceType") && !str_is(item->key, "meta") &&
			presentation_keeps(presentation, type, item->key))
			write_part(buf, presentation, type, item->key, item);
	}
}

void presentation_render(struct buf *buf, struct arena *arena,
	const struct presentation *presentation, const struct resource *resource)
{
	struct outcome aside = { .arena = arena };
	const struct str type = str_of(resource_type_name(resource->type));
	const struct json *json = presentation_is_plain(presentation)
					  ? NULL
					  : json_parse(arena, resource->body, NODES_MAX, &aside);
	if (json == NULL) {
		resource_render(buf, resource);
		return;
	}
	buf_add_text(buf, "{\"resourceType\":\"");
	buf_add(buf, type);
	buf_add_text(buf, "\",\"id\":\"");
	buf_add(buf, resource->id);
	buf_add_byte(buf, '"');
	write_meta(buf, json_get(json, "meta"), resource);
	presentation_members(buf, presentation, resource->type, json);
	buf_add_byte(buf, '}');
}

/* ---- for eyes */

static void new_line(struct buf *buf, unsigned depth)
{
	buf_add_byte(buf, '\n');
	for (unsigned i = 0; i < depth; i++)
		buf_add(buf, STR("  "));
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Where the text that starts at the quote `from` ends: behind its closing quote. */
static size_t text_end(struct str json, size_t from)
{
	size_t at = from + 1;
	while (at < json.length && json.at[at] != '"')
		at += json.at[at] == '\\' ? 2 : 1;
	return at + 1 < json.length ? at + 1 : json.length;
}

/* The next byte that is no blank, or 0. */
static char byte_after(struct str json, size_t at)
{
	while (at < json.length && is_blank(json.at[at]))
		at++;
	return at < json.length ? json.at[at] : 0;
}

static void write_byte(struct buf *buf, struct str json, size_t at, unsigned *depth)
{
	const char byte = json.at[at];
	const char before = buf->length > 0 ? buf->at[buf->length - 1] : 0;
	if (byte == '{' || byte == '[') {
		const char next = byte_after(json, at + 1);
		buf_add_byte(buf, byte);
		++*depth;
		if (next != '}' && next != ']')
			new_line(buf, *depth);
	} else if (byte == '}' || byte == ']') {
		--*depth;
		if (before != '{' && before != '[')
			new_line(buf, *depth);
		buf_add_byte(buf, byte);
	} else {
		buf_add_byte(buf, byte);
		if (byte == ',')
			new_line(buf, *depth);
		if (byte == ':')
			buf_add_byte(buf, ' ');
	}
}

struct str presentation_pretty(struct arena *arena, struct str json)
{
	/* A byte of the text at the deepest level there is takes a line of its own at most. */
	struct buf buf =
		buf_new(arena, 2 * json.length, (JSON_DEPTH_MAX * 2 + 4) * json.length + 16);
	unsigned depth = 0;
	for (size_t i = 0; i < json.length;) {
		if (json.at[i] == '"') {
			const size_t end = text_end(json, i);
			buf_add(&buf, str_part(json, i, end - i));
			i = end;
			continue;
		}
		if (!is_blank(json.at[i]))
			write_byte(&buf, json, i, &depth);
		i++;
	}
	buf_add_byte(&buf, '\n');
	return buf_str(&buf);
}
