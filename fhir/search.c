/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A query becomes conditions, or errors: what is not understood is never left out, because a search that lost a
 * filter shows more than was asked for. Values never stand in issues; they may be somebody's number.
 */
#include "fhir/search.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/form.h"
#include "fhir/observation.h"
#include "fhir/presentation.h"
#include "fhir/primitive.h"
#include "fhir/search_parse.h"

#define CANONICAL_MAX ((size_t)256 * 1024)
#define PAIRS_MAX     500
#define NOWHERE       ((struct str){ NULL, 0 })

/* ---- issues */

/* A name as it may be told: a name that looks like a number could be a person's. */
static struct str told(struct str name)
{
	return name_is_plain(name) ? name : STR("(not repeated here)");
}

bool search_fail_value(struct search_parsing *parsing, const char *name, const char *form)
{
	return outcome_fail(parsing->outcome, OUTCOME_INVALID, NOWHERE,
		"the value of search parameter %s is not %s", name, form);
}

static bool fail_unknown(struct search_parsing *parsing, struct str name)
{
	const struct str known = search_parameter_names(parsing->arena, parsing->type);
	return outcome_fail(parsing->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
		"unknown search parameter '%.*s'; known are %.*s", STR_ARG(told(name)),
		STR_ARG(known));
}

static bool fail_modifier(
	struct search_parsing *parsing, const struct search_parameter *parameter, struct str name)
{
	struct buf buf = buf_new(parsing->arena, 64, 1024);
	for (int i = SEARCH_MODIFIER_NONE + 1; i < SEARCH_MODIFIERS; i++)
		if ((parameter->modifiers & 1u << i) != 0)
			buf_add_format(&buf, "%s:%s", buf.length == 0 ? "" : ", ",
				search_modifier_name((enum search_modifier)i));
	return outcome_fail(parsing->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
		"search parameter %s has no modifier '%.*s' here; known is %s%.*s%s",
		parameter->name, STR_ARG(told(name)), buf.length == 0 ? "no modifier" : "",
		STR_ARG(buf_str(&buf)),
		parameter->kind == SEARCH_KIND_PATIENT
			? ", and for the patient's national identifier the parameter "
			  "patient.identifier"
			: "");
}

/* ---- names */

static bool is_type_name(struct str name)
{
	bool letters = name.length > 0 && name.at[0] >= 'A' && name.at[0] <= 'Z';
	for (size_t i = 0; i < name.length; i++)
		letters = letters && ((name.at[i] | 0x20) >= 'a' && (name.at[i] | 0x20) <= 'z');
	return letters;
}

static bool find_modifier(struct search_pair *pair, struct str name)
{
	const unsigned modifiers = pair->parameter->modifiers;
	for (int i = SEARCH_MODIFIER_NONE + 1; i < SEARCH_MODIFIERS; i++) {
		const bool type = i == SEARCH_MODIFIER_TYPE;
		if ((modifiers & 1u << i) == 0 ||
			!(type ? is_type_name(name)
			       : str_is(name, search_modifier_name((enum search_modifier)i))))
			continue;
		pair->modifier = (enum search_modifier)i;
		pair->target = type ? name : NOWHERE;
		return true;
	}
	return false;
}

/* Those that say whose, or how guarded: to ignore one would show more than was asked for. */
static bool is_guard(struct str stem)
{
	static const char *const guards[] = { "patient", "subject", "_security", "_id" };
	for (size_t i = 0; i < sizeof(guards) / sizeof(*guards); i++)
		if (str_is(str_part(stem, 0, str_index(stem, '.')), guards[i]))
			return true;
	return false;
}

/* What the parameter and its modifier are; false where there is nothing to take. */
static bool find_names(struct search_parsing *parsing, struct search_pair *pair)
{
	const size_t colon = str_index(pair->name, ':');
	const struct str stem = str_part(pair->name, 0, colon);
	pair->parameter = search_parameter_find(parsing->type, stem);
	if (pair->parameter == NULL && parsing->policy->lenient && !is_guard(stem)) {
		outcome_warn(parsing->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
			"unknown search parameter '%.*s' was ignored", STR_ARG(told(pair->name)));
		return false;
	}
	if (pair->parameter == NULL)
		return fail_unknown(parsing, pair->name);
	const struct str modifier = str_part(pair->name, colon + 1, pair->name.length);
	if (colon == pair->name.length || find_modifier(pair, modifier))
		return true;
	return fail_modifier(
		parsing, pair->parameter, str_part(pair->name, colon, pair->name.length));
}

/* ---- whose */

static bool is_id(struct str text)
{
	return primitive_is_valid(PRIMITIVE_id, text);
}

static void take_ids(struct search_parsing *parsing, const struct search_pair *pair)
{
	size_t count;
	struct str *values = search_split(parsing, pair, &count);
	if (values == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!is_id(values[i])) {
			search_fail_value(parsing, pair->parameter->name, "an id");
			return;
		}
	}
	parsing->out->ids = values;
	parsing->out->id_count = count;
}

static void take_identifier(struct search_parsing *parsing, const struct search_pair *pair)
{
	const struct search_policy *policy = parsing->policy;
	if (policy->in_url && !policy->identifier_in_url_allowed) {
		outcome_fail(parsing->outcome, OUTCOME_INVALID, NOWHERE,
			"patient.identifier does not belong in a URL, where logs keep it; "
			"send it in the body of POST %s/_search",
			resource_type_name(parsing->type));
		return;
	}
	struct search_token token;
	size_t count;
	const struct str *values = search_split(parsing, pair, &count);
	if (values == NULL)
		return;
	if (count != 1 || !search_read_token(parsing->arena, values[0], &token) || token.any_code) {
		search_fail_value(parsing, pair->parameter->name, "one identifier, system|value");
		return;
	}
	/* PMD's clients send the number alone; which series it is of, its digits tell. */
	const struct str system = token.any_system ? STR(OID_FNR) : token.system;
	parsing->out->has_identifier = national_id_parse(system, token.code, policy->national,
		NOWHERE, &parsing->out->identifier, parsing->outcome);
}

static void take_patient(struct search_parsing *parsing, const struct search_pair *pair)
{
	const struct str prefix = STR("Patient/"), base = parsing->policy->base;
	struct str id = pair->value;
	if (base.length > 0 && str_starts(id, base) && id.length > base.length &&
		id.at[base.length] == '/')
		id = str_part(id, base.length + 1, id.length);
	if (str_starts(id, prefix))
		id = str_part(id, prefix.length, id.length);
	const bool typed = pair->modifier == SEARCH_MODIFIER_TYPE;
	if (is_id(id) && (!typed || str_is(pair->target, "Patient")))
		parsing->out->patient = id;
	else
		search_fail_value(
			parsing, pair->parameter->name, "Patient/{id} or {id}, and one only");
}

/* ---- how the answer is made */

static void take_count(struct search_parsing *parsing, const struct search_pair *pair)
{
	uint64_t count;
	if (!str_to_u64(pair->value, &count)) {
		search_fail_value(parsing, pair->parameter->name, "a whole number");
		return;
	}
	parsing->out->count_only = count == 0;
	if (count == 0)
		count = 1;
	parsing->out->count = count > SEARCH_COUNT_MAX ? SEARCH_COUNT_MAX : (unsigned)count;
}

static const struct {
	const char *name;
	enum search_key key;
} sort_keys[] = {
	{ "date", SEARCH_KEY_DATE },
	{ "_lastUpdated", SEARCH_KEY_UPDATED },
	{ "code", SEARCH_KEY_CODE },
	{ "value-quantity", SEARCH_KEY_VALUE },
};

static bool add_sort(struct search *out, struct str text)
{
	const bool descending = str_starts(text, STR("-"));
	const struct str name = str_part(text, descending, text.length);
	size_t at = 0;
	while (at < SEARCH_KEYS && !str_is(name, sort_keys[at].name))
		at++;
	if (at == SEARCH_KEYS)
		return false;
	for (size_t i = 0; i < out->sort_count; i++)
		if (out->sorts[i].key == sort_keys[at].key)
			return false;
	out->sorts[out->sort_count++] = (struct search_sort){ sort_keys[at].key, descending };
	return true;
}

/* By date alone is the usual order, which an index gives; other resources have no code or value to sort by. */
static void take_sort(struct search_parsing *parsing, const struct search_pair *pair)
{
	struct search *out = parsing->out;
	size_t count;
	const struct str *values = search_split(parsing, pair, &count);
	out->sorted = true;
	out->sorts = arena_array(parsing->arena, SEARCH_KEYS, sizeof(*out->sorts));
	for (size_t i = 0; values != NULL && i < count; i++) {
		if (add_sort(out, values[i]))
			continue;
		search_fail_value(parsing, pair->parameter->name,
			"date, _lastUpdated, code or value-quantity, each at most once, with - "
			"before it for descending, joined by ','");
		return;
	}
	if (out->sort_count == 1 && out->sorts[0].key == SEARCH_KEY_DATE) {
		out->ascending = !out->sorts[0].descending;
		out->sort_count = 0;
	}
}

static void take_total(struct search_parsing *parsing, const struct search_pair *pair)
{
	static const char *const totals[] = { [SEARCH_TOTAL_NONE] = "none",
		[SEARCH_TOTAL_ESTIMATE] = "estimate",
		[SEARCH_TOTAL_ACCURATE] = "accurate" };
	const char *name = pair->parameter->name;
	const bool foreign = strcmp(name, "_totalMethod") == 0; /* fhirpy's count() */
	const enum search_total before = parsing->out->total;
	for (int i = SEARCH_TOTAL_NONE; i <= SEARCH_TOTAL_ACCURATE; i++) {
		const bool accurate = i == SEARCH_TOTAL_ACCURATE;
		if (!str_is(pair->value, foreign && accurate ? "count" : totals[i]))
			continue;
		parsing->out->total = (enum search_total)i;
		if (before != SEARCH_TOTAL_UNASKED && before != parsing->out->total)
			outcome_fail(parsing->outcome, OUTCOME_INVALID, NOWHERE,
				"_total and _totalMethod say two things");
		return;
	}
	search_fail_value(
		parsing, name, foreign ? "none, estimate or count" : "none, estimate or accurate");
}

/* What may be included is no more than the rows of include.tbl; what cannot be is no empty answer. */
static void take_include(struct search_parsing *parsing, const struct search_pair *pair)
{
	struct search *out = parsing->out;
	const enum include_direction direction =
		pair->parameter->kind == SEARCH_KIND_INCLUDE ? INCLUDE_FORWARD : INCLUDE_REVERSE;
	size_t count;
	bool known = false;
	const struct include *all = includes_all(&count);
	for (size_t i = 0; i < count; i++) {
		if (!include_is_asked(&all[i], parsing->type, direction, pair->value))
			continue;
		known = true;
		size_t at = 0;
		while (at < out->include_count && out->includes[at] != &all[i])
			at++;
		out->includes[at] = &all[i];
		out->include_count += at == out->include_count;
	}
	const struct str names = include_names(parsing->arena, parsing->type, direction);
	if (!known)
		outcome_fail(parsing->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
			"the value of %s is none that is known here; known are * and %.*s",
			pair->parameter->name, STR_ARG(names));
}

/* ---- conditions */

static struct search_tokens tokens_of(
	struct search_parsing *parsing, const struct search_condition *condition)
{
	struct search_tokens tokens = { arena_array(parsing->arena, condition->count,
						sizeof(*tokens.values)),
		condition->count };
	for (size_t i = 0; i < condition->count; i++)
		tokens.values[i] = condition->values[i].token;
	return tokens;
}

static struct search_dates dates_of(
	struct search_parsing *parsing, const struct search_condition *condition)
{
	struct search_dates dates = { arena_array(parsing->arena, condition->count,
					      sizeof(*dates.values)),
		condition->count };
	for (size_t i = 0; i < condition->count; i++)
		dates.values[i] = condition->values[i].date;
	return dates;
}

/* The code list is closed (required binding), so what is not in it is a mistake of who asks. */
static bool is_of_closed_list(struct search_parsing *parsing,
	const struct search_condition *condition, const char *system, const char *codes)
{
	for (size_t i = 0; i < condition->count; i++) {
		const struct search_token *token = &condition->values[i].token;
		const bool ours = token->any_system || str_is(token->system, system);
		if (!ours || !(token->any_code || str_is_listed(token->code, codes)))
			return search_fail_value(
				parsing, condition->parameter->name, condition->parameter->text);
	}
	return true;
}

static bool take_statuses(struct search_parsing *parsing, const struct search_condition *condition)
{
	struct search *out = parsing->out;
	const unsigned all = (2u << STATUS_UNKNOWN) - 2;
	unsigned statuses = 0;
	if (!is_of_closed_list(parsing, condition, "http://hl7.org/fhir/observation-status",
		    "registered|preliminary|final|amended|corrected|cancelled|"
		    "entered-in-error|unknown"))
		return false;
	for (size_t i = 0; i < condition->count; i++) {
		const struct search_token *token = &condition->values[i].token;
		int status = STATUS_REGISTERED;
		while (!token->any_code &&
			!str_is(token->code,
				observation_status_code((enum observation_status)status)))
			status++;
		statuses |= token->any_code ? all : 1u << status;
	}
	if (condition->modifier == SEARCH_MODIFIER_NOT)
		statuses = all & ~statuses;
	const unsigned before = out->statuses == 0 ? all : out->statuses;
	/* Nothing left is asked for by a bit that no row has. */
	out->statuses = (before & statuses) == 0 ? 2u << STATUS_UNKNOWN : before & statuses;
	return true;
}

/* Those that columns of the envelope decide are told the database too. */
static void take_columns(struct search_parsing *parsing, struct search_condition *condition)
{
	struct search *out = parsing->out;
	const enum search_columns columns = condition->parameter->columns;
	const bool plain = condition->modifier == SEARCH_MODIFIER_NONE;
	if (columns == SEARCH_COLUMNS_STATUS && condition->modifier != SEARCH_MODIFIER_MISSING) {
		condition->indexed = take_statuses(parsing, condition);
	} else if (columns == SEARCH_COLUMNS_CODE && plain) {
		condition->indexed = true;
		out->codes[out->code_count++] = tokens_of(parsing, condition);
	} else if (columns == SEARCH_COLUMNS_CATEGORY && plain) {
		condition->indexed = true;
		out->categories[out->category_count++] = tokens_of(parsing, condition);
	} else if (columns == SEARCH_COLUMNS_TIME && plain) {
		condition->indexed = true;
		out->dates[out->date_count++] = dates_of(parsing, condition);
	} else if (columns == SEARCH_COLUMNS_UPDATED && condition->count == 1 &&
		   condition->values[0].date.prefix != PREFIX_NE) {
		condition->indexed = true;
		out->updates[out->update_count++] = dates_of(parsing, condition);
	}
}

static bool is_device_status(const struct search_condition *condition)
{
	return condition->parameter->resource == TYPE_DEVICE &&
	       strcmp(condition->parameter->name, "status") == 0 &&
	       condition->modifier != SEARCH_MODIFIER_MISSING;
}

static void take_condition(struct search_parsing *parsing, const struct search_pair *pair)
{
	struct search *out = parsing->out;
	struct search_condition *condition = &out->conditions[out->condition_count];
	if (!search_read_condition(parsing, pair, condition))
		return;
	if (is_device_status(condition) &&
		!is_of_closed_list(parsing, condition, "http://hl7.org/fhir/device-status",
			"active|inactive|entered-in-error|unknown"))
		return;
	out->condition_count++;
	take_columns(parsing, condition);
}

/* ---- the whole */

static void take(struct search_parsing *parsing, const struct search_pair *pair)
{
	switch (pair->parameter->kind) {
	case SEARCH_KIND_COUNT:
		take_count(parsing, pair);
		return;
	case SEARCH_KIND_SORT:
		take_sort(parsing, pair);
		return;
	case SEARCH_KIND_TOTAL:
		take_total(parsing, pair);
		return;
	case SEARCH_KIND_INCLUDE:
	case SEARCH_KIND_REVINCLUDE:
		take_include(parsing, pair);
		return;
	case SEARCH_KIND_ID:
		take_ids(parsing, pair);
		return;
	case SEARCH_KIND_PATIENT:
		if (pair->modifier != SEARCH_MODIFIER_IDENTIFIER) {
			take_patient(parsing, pair);
			return;
		}
		/* fall through */
	case SEARCH_KIND_PATIENT_IDENTIFIER:
		take_identifier(parsing, pair);
		return;
	case SEARCH_KIND_TOKEN:
	case SEARCH_KIND_DATE:
	case SEARCH_KIND_QUANTITY:
	case SEARCH_KIND_STRING:
	case SEARCH_KIND_REFERENCE:
	case SEARCH_KIND_URI:
	case SEARCH_KIND_COMPOSITE:
		take_condition(parsing, pair);
		return;
	}
}

static bool is_condition(const struct search_parameter *parameter)
{
	return parameter->kind >= SEARCH_KIND_TOKEN;
}

/* May it stand several times? */
static bool is_repeated(const struct search_parameter *parameter)
{
	return is_condition(parameter) || parameter->kind == SEARCH_KIND_INCLUDE ||
	       parameter->kind == SEARCH_KIND_REVINCLUDE;
}

static bool names_patient(const struct search_parameter *parameter)
{
	return parameter->kind == SEARCH_KIND_PATIENT ||
	       parameter->kind == SEARCH_KIND_PATIENT_IDENTIFIER;
}

static void take_page(struct search_parsing *parsing, const struct search_pair *pair)
{
	struct str *page = &parsing->out->page;
	if (page->at != NULL || pair->value.length == 0)
		search_fail_value(parsing, "_page", "one page, as a next link has it");
	*page = pair->value;
}

/* Cuts the query into pairs. Empty pieces between two '&' say nothing. False when the form is broken. */
static bool read_pairs(
	struct search_parsing *parsing, struct str query, struct search_pair *pairs, size_t *count)
{
	struct str rest = query;
	*count = 0;
	while (rest.at != NULL) {
		struct str value;
		const struct str piece = str_cut(rest, '&', &rest);
		if (piece.length == 0)
			continue;
		if (*count == PAIRS_MAX || arena_full(parsing->arena))
			return outcome_fail(parsing->outcome, OUTCOME_TOO_LARGE, NOWHERE,
				"the query has more than %d parameters, or needs more memory than "
				"one may have",
				PAIRS_MAX);
		struct search_pair *pair = &pairs[(*count)++];
		const struct str name = str_cut(piece, '=', &value);
		if (!form_decode(parsing->arena, name, &pair->name) ||
			!form_decode(parsing->arena, value, &pair->value))
			return outcome_fail(parsing->outcome, OUTCOME_INVALID, NOWHERE,
				"the query is not well-formed application/x-www-form-urlencoded "
				"UTF-8");
	}
	return true;
}

/* How often the parameter of `pairs[at]` stands before it. */
static size_t times_before(const struct search_pair *pairs, size_t at)
{
	size_t times = 0;
	for (size_t i = 0; i < at; i++)
		times += pairs[i].parameter == pairs[at].parameter;
	return times;
}

static void take_pair(struct search_parsing *parsing, struct search_pair *pairs, size_t at)
{
	struct search_pair *pair = &pairs[at];
	if (presentation_is(pair->name))
		return;
	if (str_is(pair->name, "_page")) {
		take_page(parsing, pair);
		return;
	}
	if (!find_names(parsing, pair))
		return;
	const char *name = pair->parameter->name;
	const size_t before = times_before(pairs, at);
	const size_t most = is_repeated(pair->parameter) ? SEARCH_VALUES_MAX : 1;
	if (before == most && most == 1)
		outcome_fail(parsing->outcome, OUTCOME_INVALID, NOWHERE,
			"search parameter %s stands more than once", name);
	else if (before == most)
		outcome_fail(parsing->outcome, OUTCOME_INVALID, NOWHERE,
			"search parameter %s stands more than %zu times", name, most);
	if (before >= most)
		return;
	if (pair->value.length == 0)
		search_fail_value(parsing, name, "given");
	else
		take(parsing, pair);
}

/* The filters again, in the order of the table and within a parameter as they were sent. */
static struct str canonical(
	struct search_parsing *parsing, const struct search_pair *pairs, size_t count)
{
	struct buf buf = buf_new(parsing->arena, 128, CANONICAL_MAX);
	size_t rows;
	const struct search_parameter *parameters = search_parameters(&rows);
	for (size_t i = 0; i < rows; i++) {
		if (names_patient(&parameters[i]))
			continue;
		for (size_t at = 0; at < count; at++) {
			if (pairs[at].parameter != &parameters[i])
				continue;
			buf_add_text(&buf, buf.length == 0 ? "" : "&");
			form_encode(&buf, pairs[at].name);
			buf_add_byte(&buf, '=');
			if (parameters[i].kind == SEARCH_KIND_COUNT)
				buf_add_u64(
					&buf, parsing->out->count_only ? 0 : parsing->out->count);
			else
				form_encode(&buf, pairs[at].value);
		}
	}
	return buf_str(&buf);
}

static bool is_targets(const struct search_condition *condition)
{
	if (strcmp(condition->parameter->name, "target") != 0 ||
		condition->modifier != SEARCH_MODIFIER_NONE)
		return false;
	for (size_t i = 0; i < condition->count; i++) {
		const struct search_reference *reference = &condition->values[i].reference;
		if (reference->id.length == 0 || reference->url.length > 0)
			return false;
	}
	return true;
}

const struct search_condition *search_targets(const struct search *search)
{
	for (size_t i = 0; search->type == TYPE_PROVENANCE && i < search->condition_count; i++)
		if (is_targets(&search->conditions[i]))
			return &search->conditions[i];
	return NULL;
}

/* Who is meant, and by what: a search that names nobody would be of everybody. */
static void check_whole(
	struct search_parsing *parsing, const struct search_pair *pairs, size_t count)
{
	unsigned named = 0, others = 0, by_id = 0;
	for (size_t i = 0; i < count; i++) {
		const struct search_parameter *parameter = pairs[i].parameter;
		if (parameter == NULL)
			continue;
		/* Of one that stands twice the limit has spoken. */
		if (names_patient(parameter))
			named += times_before(pairs, i) == 0;
		else
			others++;
		by_id += parameter->kind == SEARCH_KIND_ID;
	}
	by_id += search_targets(parsing->out) != NULL;
	const bool page = parsing->out->page.at != NULL;
	const char *type = resource_type_name(parsing->type);
	if (page && named + others > 0)
		outcome_fail(parsing->outcome, OUTCOME_INVALID, NOWHERE,
			"_page stands alone: it holds the search it continues");
	else if (named > 1)
		outcome_fail(parsing->outcome, OUTCOME_INVALID, NOWHERE,
			"more than one of patient, subject and patient.identifier; name the "
			"patient once");
	else if (named == 0 && by_id == 0 && !page && !parsing->policy->without_patient)
		outcome_fail(parsing->outcome, OUTCOME_REQUIRED, NOWHERE,
			"no patient: name one by patient.identifier in the body of POST "
			"%s/_search, or by patient, or name %ss by _id%s",
			type, type,
			parsing->type == TYPE_PROVENANCE
				? " or by target, or bring them with their "
				  "readings by _revinclude"
				: "");
}

static void search_begin(struct search_parsing *parsing, size_t pairs)
{
	struct arena *arena = parsing->arena;
	struct search *out = parsing->out;
	size_t includes;
	includes_all(&includes);
	out->includes = arena_array(arena, includes, sizeof(*out->includes));
	out->count = SEARCH_COUNT_DEFAULT;
	out->type = parsing->type;
	out->conditions = arena_array(arena, pairs, sizeof(*out->conditions));
	out->codes = arena_array(arena, SEARCH_VALUES_MAX, sizeof(*out->codes));
	out->categories = arena_array(arena, SEARCH_VALUES_MAX, sizeof(*out->categories));
	out->dates = arena_array(arena, SEARCH_VALUES_MAX, sizeof(*out->dates));
	out->updates = arena_array(arena, SEARCH_VALUES_MAX, sizeof(*out->updates));
}

bool search_parse(struct arena *arena, struct str query, const struct search_policy *policy,
	struct search *out, struct outcome *outcome)
{
	const unsigned errors = outcome->errors;
	struct search search = { 0 };
	struct search_parsing parsing = { arena, policy, &search, outcome,
		policy->type == TYPE_NONE ? TYPE_OBSERVATION : policy->type };
	struct search_pair *pairs = arena_array(arena, PAIRS_MAX, sizeof(*pairs));
	size_t count;
	if (!read_pairs(&parsing, query, pairs, &count))
		return false;
	search_begin(&parsing, count);
	for (size_t i = 0; i < count; i++)
		take_pair(&parsing, pairs, i);
	check_whole(&parsing, pairs, count);
	if (outcome->errors > errors)
		return false;
	search.canonical = canonical(&parsing, pairs, count);
	if (arena_full(arena))
		return outcome_fail(outcome, OUTCOME_TOO_LARGE, NOWHERE,
			"the query needs more memory than one may have; ask for less at once");
	*out = search;
	return true;
}
