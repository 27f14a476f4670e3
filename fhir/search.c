/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A query becomes conditions, or errors: what is not understood is never left out, because a search that lost a
 * filter shows more than was asked for. Values never stand in issues; they may be somebody's number.
 */
#include "fhir/search.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/form.h"
#include "fhir/presentation.h"
#include "fhir/primitive.h"

#define CANONICAL_MAX ((size_t)256 * 1024)
#define PAIRS_MAX     500
#define NOWHERE       ((struct str){ NULL, 0 })

static const struct search_parameter parameters[] = {
#define SEARCH(name, kind, type, definition, text) \
	{ name, type, definition, text, SEARCH_KIND_##kind },
#include "fhir/search.tbl"
#undef SEARCH
};

#define PARAMETERS (sizeof(parameters) / sizeof(*parameters))

/* One name=value of the query, decoded. */
struct pair {
	struct str name, value;
	const struct search_parameter *parameter;
};

struct parse {
	struct arena *arena;
	const struct search_policy *policy;
	struct search *out;
	struct outcome *outcome;
	struct str page;
};

const struct search_parameter *search_parameters(size_t *count)
{
	*count = PARAMETERS;
	return parameters;
}

/* ---- issues */

static const char *known(struct arena *arena)
{
	struct buf buf = buf_new(arena, 128, 1024);
	for (size_t i = 0; i < PARAMETERS; i++) {
		buf_add_text(&buf, i == 0 ? "" : ", ");
		buf_add_text(&buf, parameters[i].name);
	}
	buf_add_byte(&buf, '\0');
	return buf_str(&buf).at;
}

/* A name as it may be told: a name that looks like a number could be a person's. */
static struct str told(struct str name)
{
	return name_is_plain(name) ? name : STR("(not repeated here)");
}

static bool fail_unknown(struct parse *parse, struct str name)
{
	const struct str stem = str_part(name, 0, str_index(name, ':'));
	for (size_t i = 0; i < PARAMETERS && stem.length < name.length; i++)
		if (str_is(stem, parameters[i].name))
			return outcome_fail(parse->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
				"search parameter %s has no modifier '%.*s' here; known is no "
				"modifier, and for the patient's national identifier the parameter "
				"patient.identifier",
				parameters[i].name,
				STR_ARG(told(str_part(name, stem.length, name.length))));
	return outcome_fail(parse->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
		"unknown search parameter '%.*s'; known are %s", STR_ARG(told(name)),
		known(parse->arena));
}

static bool fail_value(struct parse *parse, const char *name, const char *form)
{
	return outcome_fail(parse->outcome, OUTCOME_INVALID, NOWHERE,
		"the value of search parameter %s is not %s", name, form);
}

/* ---- lists and tokens */

/* Where the first bare `byte` stands at or behind `from`; FHIR R4 search 3.1.1.3: `\` escapes `,` `|` `$` and itself. */
static size_t bare(struct str text, size_t from, char byte)
{
	size_t at = from;
	while (at < text.length && text.at[at] != byte)
		at += text.at[at] == '\\' ? 2 : 1;
	return at < text.length ? at : text.length;
}

static bool escapes_are_known(struct str text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] != '\\')
			continue;
		i++;
		if (i >= text.length || memchr("\\,|$", text.at[i], 4) == NULL)
			return false;
	}
	return true;
}

static struct str unescaped(struct arena *arena, struct str text)
{
	char *to = arena_alloc(arena, text.length);
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] == '\\' && i + 1 < text.length)
			i++;
		to[length++] = text.at[i];
	}
	return (struct str){ to, length };
}

/* The values of a list, still escaped: NULL with an error when one is empty or there are too many. */
static struct str *split(struct parse *parse, const struct pair *pair, size_t *count)
{
	const char *name = pair->parameter->name;
	struct str *values = arena_array(parse->arena, SEARCH_VALUES_MAX, sizeof(*values));
	if (!escapes_are_known(pair->value)) {
		fail_value(
			parse, name, "escaped as FHIR has it: '\\' stands before ',' '|' '$' '\\'");
		return NULL;
	}
	*count = 0;
	for (size_t from = 0; from <= pair->value.length;) {
		const size_t end = bare(pair->value, from, ',');
		if (end == from) {
			fail_value(parse, name, "a list of values that are not empty");
			return NULL;
		}
		if (*count == SEARCH_VALUES_MAX) {
			outcome_fail(parse->outcome, OUTCOME_TOO_LARGE, NOWHERE,
				"search parameter %s has more than %d values", name,
				SEARCH_VALUES_MAX);
			return NULL;
		}
		values[(*count)++] = str_part(pair->value, from, end - from);
		from = end + 1;
	}
	return values;
}

static bool read_token(struct arena *arena, struct str text, struct search_token *out)
{
	const size_t bar = bare(text, 0, '|');
	struct search_token token = { .any_system = bar == text.length };
	if (token.any_system) {
		token.code = unescaped(arena, text);
	} else {
		const struct str code = str_part(text, bar + 1, text.length);
		if (bare(code, 0, '|') < code.length || text.length == 1)
			return false;
		token.system = unescaped(arena, str_part(text, 0, bar));
		token.code = unescaped(arena, code);
		token.any_code = code.length == 0;
	}
	*out = token;
	return true;
}

static void take_tokens(struct parse *parse, const struct pair *pair, struct search_tokens **list,
	size_t *list_count)
{
	size_t count;
	const struct str *values = split(parse, pair, &count);
	if (values == NULL)
		return;
	struct search_tokens tokens = { arena_array(parse->arena, count, sizeof(*tokens.values)),
		count };
	for (size_t i = 0; i < count; i++) {
		if (read_token(parse->arena, values[i], &tokens.values[i]))
			continue;
		fail_value(parse, pair->parameter->name, "code, system|code, |code or system|");
		return;
	}
	(*list)[(*list_count)++] = tokens;
}

static bool is_id(struct str text)
{
	return primitive_is_valid(PRIMITIVE_id, text);
}

static void take_ids(struct parse *parse, const struct pair *pair)
{
	size_t count;
	struct str *values = split(parse, pair, &count);
	if (values == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!is_id(values[i])) {
			fail_value(parse, pair->parameter->name, "an id");
			return;
		}
	}
	parse->out->ids = values;
	parse->out->id_count = count;
}

/* ---- dates */

static const char *const prefixes[] = {
	[PREFIX_EQ] = "eq",
	[PREFIX_NE] = "ne",
	[PREFIX_GT] = "gt",
	[PREFIX_LT] = "lt",
	[PREFIX_GE] = "ge",
	[PREFIX_LE] = "le",
	[PREFIX_SA] = "sa",
	[PREFIX_EB] = "eb",
	[PREFIX_AP] = "ap",
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The prefix of a value, eq where it has none. False for letters that are none. */
static bool take_prefix(struct str *text, enum search_prefix *out)
{
	*out = PREFIX_EQ;
	if (text->length == 0 || !is_letter(text->at[0]))
		return true;
	for (int prefix = PREFIX_EQ; prefix <= PREFIX_AP; prefix++) {
		if (!str_is(str_part(*text, 0, 2), prefixes[prefix]))
			continue;
		*text = str_part(*text, 2, text->length);
		*out = (enum search_prefix)prefix;
		return true;
	}
	return false;
}

/* FHIR R4 search 3.1.1.4.5: ap reaches a tenth of the way between now and the value, to both sides, and never less than the value itself. */
static struct span widened(struct span span, instant now)
{
	instant gap = 0;
	if (now < span.low)
		gap = (span.low - now) / 10;
	else if (now > span.high)
		gap = (now - span.high) / 10;
	span.low -= gap;
	span.high += gap;
	return span;
}

static bool read_date(struct parse *parse, struct str text, struct search_date *out)
{
	const char *name = "date";
	if (!take_prefix(&text, &out->prefix))
		return outcome_fail(parse->outcome, OUTCOME_INVALID, NOWHERE,
			"unknown prefix in search parameter date; known are eq, ne, gt, lt, ge, "
			"le, sa, eb and ap");
	if (text.length > 0 && memchr(text.at, ' ', text.length) != NULL)
		return fail_value(parse, name, "a date; a '+' in a form is written %2B");
	if (!span_parse(text, parse->policy->zone, &out->span))
		return fail_value(parse, name,
			"a date: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][zone]");
	if (out->prefix == PREFIX_AP)
		out->span = widened(out->span, parse->policy->now);
	return true;
}

static void take_dates(struct parse *parse, const struct pair *pair)
{
	size_t count;
	const struct str *values = split(parse, pair, &count);
	if (values == NULL)
		return;
	struct search_dates dates = { arena_array(parse->arena, count, sizeof(*dates.values)),
		count };
	for (size_t i = 0; i < count; i++)
		if (!read_date(parse, values[i], &dates.values[i]))
			return;
	parse->out->dates[parse->out->date_count++] = dates;
}

/* ---- the patient */

static void take_identifier(struct parse *parse, const struct pair *pair)
{
	const struct search_policy *policy = parse->policy;
	if (policy->in_url && !policy->identifier_in_url_allowed) {
		outcome_fail(parse->outcome, OUTCOME_INVALID, NOWHERE,
			"patient.identifier does not belong in a URL, where logs keep it; "
			"send it in the body of POST Observation/_search");
		return;
	}
	struct search_token token;
	const bool list = bare(pair->value, 0, ',') < pair->value.length;
	if (list || !escapes_are_known(pair->value) ||
		!read_token(parse->arena, pair->value, &token) || token.any_code) {
		fail_value(parse, pair->parameter->name, "one identifier, system|value");
		return;
	}
	/* PMD's clients send the number alone; which series it is of, its digits tell. */
	const struct str system = token.any_system ? STR(OID_FNR) : token.system;
	parse->out->has_identifier = national_id_parse(system, token.code, policy->national,
		NOWHERE, &parse->out->identifier, parse->outcome);
}

static void take_patient(struct parse *parse, const struct pair *pair)
{
	const struct str prefix = STR("Patient/");
	struct str id = pair->value;
	if (str_starts(id, prefix))
		id = str_part(id, prefix.length, id.length);
	if (is_id(id))
		parse->out->patient = id;
	else
		fail_value(parse, pair->parameter->name, "Patient/{id} or {id}, and one only");
}

/* ---- what is left */

static void take_count(struct parse *parse, const struct pair *pair)
{
	uint64_t count;
	if (!str_to_u64(pair->value, &count)) {
		fail_value(parse, pair->parameter->name, "a whole number");
		return;
	}
	if (count == 0)
		count = 1;
	parse->out->count = count > SEARCH_COUNT_MAX ? SEARCH_COUNT_MAX : (unsigned)count;
}

static void take_sort(struct parse *parse, const struct pair *pair)
{
	if (str_is(pair->value, "date"))
		parse->out->ascending = true;
	else if (!str_is(pair->value, "-date"))
		fail_value(parse, pair->parameter->name, "date or -date");
}

static void take(struct parse *parse, const struct pair *pair)
{
	struct search *out = parse->out;
	switch (pair->parameter->kind) {
	case SEARCH_KIND_COUNT:
		take_count(parse, pair);
		return;
	case SEARCH_KIND_ID:
		take_ids(parse, pair);
		return;
	case SEARCH_KIND_SORT:
		take_sort(parse, pair);
		return;
	case SEARCH_KIND_CATEGORY:
		take_tokens(parse, pair, &out->categories, &out->category_count);
		return;
	case SEARCH_KIND_CODE:
		take_tokens(parse, pair, &out->codes, &out->code_count);
		return;
	case SEARCH_KIND_DATE:
		take_dates(parse, pair);
		return;
	case SEARCH_KIND_PATIENT:
		take_patient(parse, pair);
		return;
	case SEARCH_KIND_IDENTIFIER:
		take_identifier(parse, pair);
		return;
	}
}

/* Those that may stand more than once are AND-ed. */
static bool may_repeat(enum search_kind kind)
{
	return kind == SEARCH_KIND_CATEGORY || kind == SEARCH_KIND_CODE || kind == SEARCH_KIND_DATE;
}

static void take_page(struct parse *parse, const struct pair *pair)
{
	if (parse->page.at != NULL || pair->value.length == 0)
		fail_value(parse, "_page", "one page, as a next link has it");
	parse->page = pair->value;
}

static const struct search_parameter *find(struct str name)
{
	for (size_t i = 0; i < PARAMETERS; i++)
		if (str_is(name, parameters[i].name))
			return &parameters[i];
	return NULL;
}

/* Cuts the query into pairs. Empty pieces between two '&' say nothing. False when the form is broken. */
static bool read_pairs(struct parse *parse, struct str query, struct pair *pairs, size_t *count)
{
	struct str rest = query;
	*count = 0;
	while (rest.at != NULL) {
		struct str value;
		const struct str piece = str_cut(rest, '&', &rest);
		if (piece.length == 0)
			continue;
		if (*count == PAIRS_MAX || arena_full(parse->arena))
			return outcome_fail(parse->outcome, OUTCOME_TOO_LARGE, NOWHERE,
				"the query has too many parameters");
		struct pair *pair = &pairs[(*count)++];
		const struct str name = str_cut(piece, '=', &value);
		if (!form_decode(parse->arena, name, &pair->name) ||
			!form_decode(parse->arena, value, &pair->value))
			return outcome_fail(parse->outcome, OUTCOME_INVALID, NOWHERE,
				"the query is not well-formed application/x-www-form-urlencoded "
				"UTF-8");
	}
	return true;
}

static void take_pair(struct parse *parse, struct pair *pair, unsigned *times)
{
	if (presentation_is(pair->name))
		return;
	if (str_is(pair->name, "_page")) {
		take_page(parse, pair);
		return;
	}
	pair->parameter = find(pair->name);
	if (pair->parameter == NULL) {
		fail_unknown(parse, pair->name);
		return;
	}
	const unsigned before = times[pair->parameter - parameters]++;
	const unsigned most = may_repeat(pair->parameter->kind) ? SEARCH_VALUES_MAX : 1;
	if (before == most)
		outcome_fail(parse->outcome, OUTCOME_INVALID, NOWHERE,
			"search parameter %s stands more than %u times", pair->parameter->name,
			most);
	if (before >= most)
		return;
	if (pair->value.length == 0)
		fail_value(parse, pair->parameter->name, "given");
	else
		take(parse, pair);
}

/* The filters again, in the order of the table and within a parameter as they were sent. */
static struct str canonical(struct parse *parse, const struct pair *pairs, size_t count)
{
	struct buf buf = buf_new(parse->arena, 128, CANONICAL_MAX);
	for (size_t i = 0; i < PARAMETERS; i++) {
		const enum search_kind kind = parameters[i].kind;
		if (kind == SEARCH_KIND_PATIENT || kind == SEARCH_KIND_IDENTIFIER)
			continue;
		for (size_t at = 0; at < count; at++) {
			if (pairs[at].parameter != &parameters[i])
				continue;
			buf_add_text(&buf, buf.length == 0 ? "" : "&");
			buf_add_text(&buf, parameters[i].name);
			buf_add_byte(&buf, '=');
			if (kind == SEARCH_KIND_COUNT)
				buf_add_u64(&buf, parse->out->count);
			else
				form_encode(&buf, pairs[at].value);
		}
	}
	return buf_str(&buf);
}

/* Who is meant, and by what: a search that names nobody would be of everybody. */
static void check_whole(struct parse *parse, const unsigned *times)
{
	unsigned named = 0, others = 0;
	for (size_t i = 0; i < PARAMETERS; i++) {
		const enum search_kind kind = parameters[i].kind;
		const bool names = kind == SEARCH_KIND_PATIENT || kind == SEARCH_KIND_IDENTIFIER;
		named += names && times[i] > 0;
		others += !names && times[i] > 0;
	}
	const bool by_id = times[find(STR("_id")) - parameters] > 0;
	if (parse->page.at != NULL && named + others > 0)
		outcome_fail(parse->outcome, OUTCOME_INVALID, NOWHERE,
			"_page stands alone: it holds the search it continues");
	else if (named > 1)
		outcome_fail(parse->outcome, OUTCOME_INVALID, NOWHERE,
			"both patient and patient.identifier; name the patient once");
	else if (named == 0 && !by_id && parse->page.at == NULL)
		outcome_fail(parse->outcome, OUTCOME_REQUIRED, NOWHERE,
			"no patient: name one by patient.identifier in the body of POST "
			"Observation/_search, or by patient, or name Observations by _id");
}

bool search_parse(struct arena *arena, struct str query, const struct search_policy *policy,
	struct search *out, struct outcome *outcome)
{
	const unsigned errors = outcome->errors;
	struct search search = { .count = SEARCH_COUNT_DEFAULT };
	search.codes = arena_array(arena, SEARCH_VALUES_MAX, sizeof(*search.codes));
	search.categories = arena_array(arena, SEARCH_VALUES_MAX, sizeof(*search.categories));
	search.dates = arena_array(arena, SEARCH_VALUES_MAX, sizeof(*search.dates));
	struct parse parse = { arena, policy, &search, outcome, { NULL, 0 } };
	struct pair *pairs = arena_array(arena, PAIRS_MAX, sizeof(*pairs));
	unsigned times[PARAMETERS] = { 0 };
	size_t count;
	if (!read_pairs(&parse, query, pairs, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		take_pair(&parse, &pairs[i], times);
	check_whole(&parse, times);
	if (outcome->errors > errors)
		return false;
	search.page = parse.page;
	search.canonical = canonical(&parse, pairs, count);
	if (arena_full(arena))
		return outcome_fail(outcome, OUTCOME_TOO_LARGE, NOWHERE, "the query is too large");
	*out = search;
	return true;
}
