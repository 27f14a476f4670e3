/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/search.h"

/* 2026-11-21T12:00:00Z */
#define NOW (INT64_C(1795262400) * INSTANT_SECOND)
#define DAY (86400 * INSTANT_SECOND)

static struct arena *arena;
static struct outcome outcome;
static struct search_policy policy;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 24);
	outcome = (struct outcome){ .arena = arena };
	policy = (struct search_policy){
		.national = NATIONAL_SYNTHETIC, .zone = { .oslo = true }, .now = NOW
	};
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct search parsed(const char *query)
{
	struct search search;
	if (!search_parse(arena, str_of(query), &policy, &search, &outcome))
		fail_msg("%s: %.*s", query, STR_ARG(outcome.first->text));
	return search;
}

/* The query is refused, with an issue of that kind whose text holds `part`. */
static void refused(const char *query, enum outcome_kind kind, const char *part)
{
	struct search search;
	outcome = (struct outcome){ .arena = arena };
	if (search_parse(arena, str_of(query), &policy, &search, &outcome))
		fail_msg("taken: %s", query);
	const struct issue *issue = outcome.first;
	while (issue->severity != SEVERITY_ERROR)
		issue = issue->next;
	const struct str text = issue->text;
	if (memmem(text.at, text.length, part, strlen(part)) == NULL)
		fail_msg("%s: %.*s", query, STR_ARG(text));
	assert_int_equal(outcome_first(&outcome), kind);
}

static void defaults(void **state)
{
	(void)state;
	const struct search search = parsed("patient=abc");
	assert_true(str_is(search.patient, "abc"));
	assert_int_equal(search.count, SEARCH_COUNT_DEFAULT);
	assert_false(search.ascending || search.has_identifier);
	assert_int_equal(search.code_count + search.category_count + search.date_count +
				 search.id_count + search.page.length + search.canonical.length,
		0);
}

static void everything(void **state)
{
	(void)state;
	const struct search search = parsed(
		"_sort=date&code=http%3A%2F%2Floinc.org%7C8867-4,2708-6&date=ge2026-01&date=lt2026-"
		"12&_count=50&category=vital-signs&_id=a.b,c&patient=Patient/p-1&code=x&_format="
		"json&_pretty=false");
	assert_true(search.ascending);
	assert_int_equal(search.count, 50);
	assert_true(str_is(search.patient, "p-1"));
	assert_int_equal(search.code_count, 2);
	assert_int_equal(search.codes[0].count, 2);
	assert_true(str_is(search.codes[0].values[0].system, "http://loinc.org"));
	assert_true(str_is(search.codes[0].values[0].code, "8867-4"));
	assert_false(search.codes[0].values[0].any_system || search.codes[0].values[0].any_code);
	assert_true(search.codes[0].values[1].any_system);
	assert_int_equal(search.date_count, 2);
	assert_int_equal(search.dates[0].values[0].prefix, PREFIX_GE);
	assert_int_equal(search.dates[1].values[0].prefix, PREFIX_LT);
	assert_int_equal(search.category_count, 1);
	assert_int_equal(search.id_count, 2);
	assert_true(str_is(search.ids[1], "c"));
	assert_true(str_is(search.canonical, "_count=50&_id=a.b,c&_sort=date&category=vital-signs&"
					     "code=http:%2F%2Floinc.org|8867-"
					     "4,2708-6&code=x&date=ge2026-01&date=lt2026-12"));
	/* The canonical text says the same again. */
	const struct str again = str_format(arena, "%.*s&patient=p-1", STR_ARG(search.canonical));
	assert_true(str_equal(parsed(again.at).canonical, search.canonical));
}

static void tokens(void **state)
{
	(void)state;
	const struct search search = parsed("patient=a&code=s%7C,%7Cc,a%5C,b,a%5C%7Cb%5C%5C%5C$");
	const struct search_token *values = search.codes[0].values;
	assert_int_equal(search.codes[0].count, 4);
	assert_true(values[0].any_code && str_is(values[0].system, "s"));
	assert_true(!values[1].any_system && values[1].system.length == 0 &&
		    str_is(values[1].code, "c"));
	assert_true(values[2].any_system && str_is(values[2].code, "a,b"));
	assert_true(values[3].any_system && str_is(values[3].code, "a|b\\$"));
	static const char *const bad[] = { "code=", "code=a,,b", "code=,a", "code=a,", "code=%7C",
		"code=a%7Cb%7Cc", "code=a%5C", "code=a%5Cn", "category=" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused(str_format(arena, "patient=a&%s", bad[i]).at, OUTCOME_INVALID, "not");
}

static void dates(void **state)
{
	(void)state;
	static const char *const prefixes[] = { "", "ne", "gt", "lt", "ge", "le", "sa", "eb" };
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		const struct search search =
			parsed(str_format(arena, "patient=a&date=%s2026-11-20", prefixes[i]).at);
		const struct search_date *date = &search.dates[0].values[0];
		assert_int_equal(date->prefix, PREFIX_EQ + i);
		assert_int_equal(date->span.low, INT64_C(1795129200) * INSTANT_SECOND);
		assert_int_equal(date->span.high - date->span.low, DAY);
	}
	const struct search both = parsed("patient=a&date=eq2026,2025-01-01T10:00Z");
	assert_int_equal(both.dates[0].count, 2);
	assert_int_equal(both.dates[0].values[1].span.high - both.dates[0].values[1].span.low,
		60 * INSTANT_SECOND);
	static const char *const bad[] = { "date=xx2026", "date=EQ2026", "date=2026-13", "date=ge",
		"date=2026-1-1", "date=e2026", "date=2026-01-01T10" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused(str_format(arena, "patient=a&%s", bad[i]).at, OUTCOME_INVALID, "date");
	/* a '+' that nobody encoded is a blank in a form, and no other blank is one */
	const struct span meant =
		parsed("patient=a&date=2026-01-01T10:00:00%2B01:00").dates[0].values[0].span;
	assert_int_equal(
		parsed("patient=a&date=2026-01-01T10:00:00+01:00").dates[0].values[0].span.low,
		meant.low);
	refused("patient=a&date=2026-01-01+10:00", OUTCOME_INVALID, "date");
	refused("patient=a&date=+2026-01-01", OUTCOME_INVALID, "date");
	refused("patient=a&date=2026-01-01T10:00:00++01:00", OUTCOME_INVALID, "date");
}

/* FHIR R4: a tenth of the way from now, to both sides; and never less than the value itself. */
static void approximately(void **state)
{
	(void)state;
	const struct search past = parsed("patient=a&date=ap2026-11-01T12:00:00Z");
	const struct span *span = &past.dates[0].values[0].span;
	const instant at = NOW - 20 * DAY;
	assert_int_equal(span->low, at - (20 * DAY - INSTANT_SECOND) / 10);
	assert_int_equal(span->high, at + INSTANT_SECOND + (20 * DAY - INSTANT_SECOND) / 10);
	const struct search today = parsed("patient=a&date=ap2026-11-21");
	assert_int_equal(
		today.dates[0].values[0].span.high - today.dates[0].values[0].span.low, DAY);
	const struct search ahead = parsed("patient=a&date=ap2026-12-01T12:00:00Z");
	assert_int_equal(ahead.dates[0].values[0].span.low, NOW + 9 * DAY);
}

static void patient_by_identifier(void **state)
{
	(void)state;
	struct search search =
		parsed("patient.identifier=urn%3Aoid%3A2.16.578.1.12.4.1.4.1%7C14845000094");
	assert_true(search.has_identifier);
	assert_string_equal(search.identifier.digits, "14845000094");
	assert_int_equal(search.canonical.length, 0);
	search = parsed("patient.identifier=54845000088"); /* as PMD's clients do */
	assert_int_equal(search.identifier.kind, NATIONAL_DNR);
	refused("patient.identifier=14845000095", OUTCOME_UNKNOWN_PATIENT_ID, "control digits");
	refused("patient.identifier=14845000094,54845000088", OUTCOME_INVALID, "one identifier");
	assert_true(parsed("patient:identifier=14845000094").has_identifier);
	assert_true(parsed("subject:identifier=14845000094").has_identifier);
	refused("patient.identifier=urn:oid:2.16.578.1.12.4.1.4.1|", OUTCOME_INVALID,
		"one identifier");
	refused("patient.identifier=x|14845000094", OUTCOME_UNKNOWN_PATIENT_ID, "system");
	policy.in_url = true;
	refused("patient.identifier=14845000094", OUTCOME_INVALID, "POST Observation/_search");
	policy.identifier_in_url_allowed = true;
	assert_true(parsed("patient.identifier=14845000094").has_identifier);
}

static void who_is_meant(void **state)
{
	(void)state;
	refused("", OUTCOME_REQUIRED, "no patient");
	refused("code=8867-4", OUTCOME_REQUIRED, "no patient");
	refused("patient=a&patient.identifier=14845000094", OUTCOME_INVALID, "once");
	refused("patient=a&patient=b", OUTCOME_INVALID, "patient stands more than once");
	refused("patient=a,b", OUTCOME_INVALID, "patient");
	refused("patient=Group/a", OUTCOME_INVALID, "patient");
	refused("patient=https://hub.example/fhir/Patient/a", OUTCOME_INVALID, "patient");
	refused("patient=a&subject=a", OUTCOME_INVALID, "once");
	refused("subject:Group=a", OUTCOME_INVALID, "Patient/{id}");
	assert_true(str_is(parsed("subject:Patient=a").patient, "a"));
	policy.base = STR("https://hub.example/fhir");
	assert_true(str_is(parsed("patient=https://hub.example/fhir/Patient/a").patient, "a"));
	assert_int_equal(parsed("_id=x").id_count, 1);
	assert_int_equal(parsed("_id=x&patient=a").id_count, 1);
	refused("_id=x y", OUTCOME_INVALID, "well-formed");
	refused("_id=x%20y", OUTCOME_INVALID, "_id");
	assert_true(str_is(parsed("_page=abc").page, "abc"));
	refused("_page=abc&code=x", OUTCOME_INVALID, "_page");
	refused("_page=abc&patient=x", OUTCOME_INVALID, "_page");
	refused("_page=", OUTCOME_INVALID, "_page");
	refused("_page=a&_page=b", OUTCOME_INVALID, "_page");
}

static void unknown(void **state)
{
	(void)state;
	refused("patient=a&colour=red", OUTCOME_NOT_SUPPORTED,
		"'colour'; known are _count, _id, _lastUpdated, _profile, _security, _sort, "
		"_source, _tag, "
		"_total, _totalMethod, _include, _revinclude, based-on, category, code, ");
	refused("patient=a&code:above=x", OUTCOME_NOT_SUPPORTED,
		"code has no modifier ':above' here; known is :missing, :not, :in, :not-in, :text");
	refused("patient=a&code:in=x", OUTCOME_NOT_SUPPORTED, "code:in");
	refused("patient:exact=x", OUTCOME_NOT_SUPPORTED, "patient.identifier");
	refused("patient=a&Code=x", OUTCOME_NOT_SUPPORTED, "'Code'");
	refused("patient=a&=x", OUTCOME_NOT_SUPPORTED, "unknown");
	refused("patient=a&_sort=status", OUTCOME_INVALID, "_sort");
	refused("patient=a&_sort=date,-date", OUTCOME_INVALID, "_sort");
	/* A number where a name belongs may be somebody's, and is not said again. */
	refused("patient=a&14845000094=x", OUTCOME_NOT_SUPPORTED, "not repeated");
	assert_null(memmem(outcome.first->text.at, outcome.first->text.length, "14845000094", 11));
}

static void no_value_is_told(void **state)
{
	(void)state;
	static const char *const queries[] = { "patient=14845000094,x",
		"patient.identifier=14845000095", "patient=a&date=14845000094",
		"patient=a&_count=14845000094x", "patient=a&code=14845000094%7Cx%7Cy",
		"patient=a&_sort=14845000094", "_id=14845000094%20" };
	for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
		refused(queries[i], i == 1 ? OUTCOME_UNKNOWN_PATIENT_ID : OUTCOME_INVALID, "");
		for (const struct issue *issue = outcome.first; issue != NULL; issue = issue->next)
			assert_null(memmem(issue->text.at, issue->text.length, "1484500009", 10));
	}
}

static void counts(void **state)
{
	(void)state;
	assert_int_equal(parsed("patient=a&_count=0").count, 1);
	assert_true(parsed("patient=a&_count=0").count_only);
	assert_true(str_is(parsed("patient=a&_count=0").canonical, "_count=0"));
	assert_int_equal(parsed("patient=a&_count=200").count, 200);
	const struct search search = parsed("patient=a&_count=100000");
	assert_int_equal(search.count, SEARCH_COUNT_MAX);
	assert_true(str_is(search.canonical, "_count=200"));
	refused("patient=a&_count=-1", OUTCOME_INVALID, "_count");
	refused("patient=a&_count=x", OUTCOME_INVALID, "_count");
	refused("patient=a&_count=5&_count=6", OUTCOME_INVALID, "_count");
	refused("patient=a&_count=99999999999999999999999", OUTCOME_INVALID, "_count");
}

static void encoding(void **state)
{
	(void)state;
	static const char *const bad[] = { "patient=%", "patient=%4", "patient=%zz", "patient=a b",
		"patient=%00", "patient=%ff", "patient=%C3", "patient=%ED%A0%80", "pati%ent=a",
		"patient=a\tb", "code=\xff" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused(bad[i], OUTCOME_INVALID, "well-formed");
	const struct search search = parsed("p%61tient=%41&&code=%C3%B8+%2B&");
	assert_true(str_is(search.patient, "A"));
	assert_true(str_is(search.codes[0].values[0].code, "ø +"));
	assert_true(str_is(search.canonical, "code=%C3%B8%20%2B"));
}

/* `start` and `more` that many times. */
static const char *repeated(const char *start, const char *more, int times)
{
	struct buf buf = buf_new(arena, 256, 1 << 16);
	buf_add_text(&buf, start);
	for (int i = 0; i < times; i++)
		buf_add_text(&buf, more);
	buf_add_byte(&buf, '\0');
	return buf_str(&buf).at;
}

static void limits(void **state)
{
	(void)state;
	const struct search search =
		parsed(repeated("patient=a&code=x", ",x", SEARCH_VALUES_MAX - 1));
	assert_int_equal(search.codes[0].count, SEARCH_VALUES_MAX);
	refused(repeated("patient=a&code=x", ",x", SEARCH_VALUES_MAX), OUTCOME_TOO_LARGE, "code");
	const struct search dates = parsed(repeated("patient=a", "&date=2026", SEARCH_VALUES_MAX));
	assert_int_equal(dates.date_count, SEARCH_VALUES_MAX);
	refused(repeated("patient=a", "&date=2026", SEARCH_VALUES_MAX + 1), OUTCOME_INVALID,
		"date stands more than 50");
	refused(repeated("patient=a", "&x=1", 600), OUTCOME_TOO_LARGE, "more than 500 parameters");
}

static const struct search_condition *condition(const char *query)
{
	const struct search search = parsed(str_format(arena, "patient=a&%s", query).at);
	assert_int_equal(search.condition_count, 1);
	return &search.conditions[0];
}

/* Each row with each modifier: taken where the row says so, else refused naming what is known. */
static void modifiers(void **state)
{
	(void)state;
	static const char *const values[SEARCH_MODIFIERS] = {
		[SEARCH_MODIFIER_NONE] = "x",
		[SEARCH_MODIFIER_MISSING] = "true",
		[SEARCH_MODIFIER_NOT] = "final",
		[SEARCH_MODIFIER_IN] = "http://hl7.org/fhir/ValueSet/observation-status",
		[SEARCH_MODIFIER_NOT_IN] = "urn:maalehub:same:8867-4",
		[SEARCH_MODIFIER_TEXT] = "puls",
		[SEARCH_MODIFIER_OF_TYPE] = "s|c|v",
		[SEARCH_MODIFIER_IDENTIFIER] = "s|v",
		[SEARCH_MODIFIER_TYPE] = "Device/x",
		[SEARCH_MODIFIER_EXACT] = "x",
		[SEARCH_MODIFIER_CONTAINS] = "x",
	};
	size_t count;
	const struct search_parameter *list = search_parameters(&count);
	for (size_t i = 0; i < count; i++) {
		if (list[i].kind < SEARCH_KIND_TOKEN ||
			!search_parameter_is_of(&list[i], TYPE_OBSERVATION))
			continue;
		for (int at = SEARCH_MODIFIER_MISSING; at < SEARCH_MODIFIERS; at++) {
			const enum search_modifier modifier = (enum search_modifier)at;
			const char *name = modifier == SEARCH_MODIFIER_TYPE
						   ? "Device"
						   : search_modifier_name(modifier);
			const char *query =
				str_format(arena, "%s:%s=%s", list[i].name, name, values[modifier])
					.at;
			if ((list[i].modifiers & 1u << modifier) != 0)
				assert_int_equal(condition(query)->modifier, modifier);
			else
				refused(str_format(arena, "patient=a&%s", query).at,
					OUTCOME_NOT_SUPPORTED, list[i].name);
		}
	}
	refused("patient=a&code:missing=yes", OUTCOME_INVALID, "true or false");
	refused("patient=a&code:missing=true,false", OUTCOME_INVALID, "true or false");
	refused("patient=a&identifier:of-type=a|b", OUTCOME_INVALID, "system|code|value");
	refused("patient=a&device:Device=Patient/x", OUTCOME_INVALID, "type named");
	refused("patient=a&code:in=urn:x", OUTCOME_NOT_SUPPORTED, "urn:maalehub:same:CODE");
}

static void quantities(void **state)
{
	(void)state;
	const struct search_quantity *quantity =
		&condition("value-quantity=ge5.40%7Chttp://unitsofmeasure.org%7Cmmol/L")
			 ->values[0]
			 .quantity;
	assert_int_equal(quantity->prefix, PREFIX_GE);
	assert_true(quantity->value == 5.40 && quantity->low < 5.396 && quantity->high > 5.404);
	assert_true(str_is(quantity->system, "http://unitsofmeasure.org"));
	assert_true(str_is(quantity->code, "mmol/L") && !quantity->any_unit);
	quantity = &condition("value-quantity=ap100")->values[0].quantity;
	assert_true(quantity->any_unit && quantity->low == 90 && quantity->high == 110);
	quantity = &condition("value-quantity=-1e2%7C%7Ckg")->values[0].quantity;
	assert_true(quantity->low == -105 && quantity->high == -95 && quantity->system.length == 0);
	assert_true(condition("value-quantity=gt5%7C%7C")->values[0].quantity.any_unit);
	static const char *const bad[] = { "abc", "5,4x", "xx5", "5|kg", "5|", "5|s|", "5|||", "||",
		"", "5|s|c|d", "%2B5", "NaN", "0x10", "ge" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused(str_format(arena, "patient=a&value-quantity=%s", bad[i]).at,
			OUTCOME_INVALID, "value-quantity");
}

static void composites(void **state)
{
	(void)state;
	const struct search_value *value =
		&condition("component-code-value-quantity=http://loinc.org%7C8480-6$gt140,a\\$b$5")
			 ->values[0];
	assert_true(str_is(value->parts[0].token.code, "8480-6"));
	assert_int_equal(value->parts[1].quantity.prefix, PREFIX_GT);
	assert_true(str_is(value[1].parts[0].token.code, "a$b"));
	static const char *const bad[] = { "8480-6", "8480-6$", "$5", "a$5$6", "a$x", "a|b|c$5" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused(str_format(arena, "patient=a&code-value-quantity=%s", bad[i]).at,
			OUTCOME_INVALID, "code-value-quantity");
}

static void references(void **state)
{
	(void)state;
	policy.base = STR("https://hub.example/fhir");
	const struct search_reference *reference = &condition("device=d1")->values[0].reference;
	assert_true(str_is(reference->id, "d1") && reference->type.length == 0);
	reference = &condition("device=Device/d1")->values[0].reference;
	assert_true(str_is(reference->id, "d1") && str_is(reference->type, "Device"));
	reference = &condition("device=https://hub.example/fhir/Device/d1")->values[0].reference;
	assert_true(str_is(reference->id, "d1") && reference->url.length == 0);
	reference = &condition("device=https://other.example/Device/d1")->values[0].reference;
	assert_true(reference->id.length == 0 && reference->url.length > 0);
	reference = &condition("performer:Organization=o1")->values[0].reference;
	assert_true(str_is(reference->type, "Organization"));
	refused("patient=a&device=a%20b", OUTCOME_INVALID, "device");
	refused("patient=a&device=device/x", OUTCOME_INVALID, "device");
}

/* What a column decides is told the database; the rest is left to the evaluator. */
static void who_decides(void **state)
{
	(void)state;
	static const char *const indexed[] = { "code=a", "category=a,b", "date=2026",
		"status=final", "status:not=final", "_lastUpdated=ge2026" };
	static const char *const others[] = { "code:not=a", "category:missing=true",
		"date:missing=false", "_lastUpdated=ne2026", "_lastUpdated=2025,2026",
		"value-quantity=5", "combo-code=a", "_tag=x" };
	for (size_t i = 0; i < sizeof(indexed) / sizeof(*indexed); i++)
		assert_true(condition(indexed[i])->indexed);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(condition(others[i])->indexed);
	assert_int_equal(parsed("patient=a&status=final").statuses, 1 << 3);
	assert_int_equal(parsed("patient=a&status:not=final,unknown").statuses, 0x1fe & ~0x108);
	assert_int_equal(parsed("patient=a&status=final&status=amended").statuses, 1 << 9);
	refused("patient=a&status=finished", OUTCOME_INVALID, "entered-in-error");
	refused("patient=a&status=urn:x%7Cfinal", OUTCOME_INVALID, "status");
}

static void orders_and_totals(void **state)
{
	(void)state;
	const struct search search = parsed("patient=a&_sort=-value-quantity,code,date");
	assert_int_equal(search.sort_count, 3);
	assert_int_equal(search.sorts[0].key, SEARCH_KEY_VALUE);
	assert_true(search.sorts[0].descending && !search.sorts[1].descending);
	assert_int_equal(parsed("patient=a&_sort=-date").sort_count, 0);
	assert_int_equal(parsed("patient=a&_sort=-_lastUpdated").sort_count, 1);
	refused("patient=a&_sort=code,-code", OUTCOME_INVALID, "_sort");
	assert_int_equal(parsed("patient=a&_total=accurate").total, SEARCH_TOTAL_ACCURATE);
	refused("patient=a&_total=exact", OUTCOME_INVALID, "estimate");
	assert_int_equal(parsed("patient=a&_totalMethod=count").total, SEARCH_TOTAL_ACCURATE);
	assert_int_equal(
		parsed("patient=a&_total=none&_totalMethod=none").total, SEARCH_TOTAL_NONE);
	refused("patient=a&_totalMethod=accurate", OUTCOME_INVALID, "none, estimate or count");
	refused("patient=a&_total=none&_totalMethod=count", OUTCOME_INVALID, "two things");
}

/* FHIR R4 search 3.1.1.5.4: what is asked for is a row of include.tbl, each once. */
static void includes(void **state)
{
	(void)state;
	struct search search = parsed("patient=a&_include=Observation:device");
	assert_int_equal(search.include_count, 1);
	assert_int_equal(search.includes[0]->target, TYPE_DEVICE);
	assert_true(str_is(search.canonical, "_include=Observation:device"));
	search = parsed("patient=a&_include=Observation:device:Device&_include=Observation:*&"
			"_include=*&_include=Observation:device");
	size_t rows, forward = 0;
	const struct include *all = includes_all(&rows);
	for (size_t i = 0; i < rows; i++) {
		const struct search_parameter *parameter = include_parameter(&all[i]);
		assert_true(parameter->kind == SEARCH_KIND_REFERENCE ||
			    parameter->kind == SEARCH_KIND_PATIENT);
		/* include_next() reads a member of the resource itself. */
		assert_null(strpbrk(parameter->path, ".|$"));
		forward += all[i].direction == INCLUDE_FORWARD;
	}
	assert_int_equal(search.include_count, forward);
	search = parsed("patient=a&_include=Observation:*:Patient&_revinclude=Provenance:target");
	assert_int_equal(search.include_count, 3);
	assert_int_equal(search.includes[2]->direction, INCLUDE_REVERSE);
	static const char *const wrong[] = { "Observation", "Observation:device:Patient",
		"Observation:device:", "Provenance:target", "**", "*:device", "Device:*" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		refused(str_format(arena, "patient=a&_include=%s", wrong[i]).at,
			OUTCOME_NOT_SUPPORTED,
			"_include is none that is known here; known are * and "
			"Observation:derived-from[:Observation], Observation:device[:Device], ");
	refused("patient=a&_include=", OUTCOME_INVALID, "_include");
	refused("patient=a&_include:iterate=Observation:device", OUTCOME_NOT_SUPPORTED,
		"':iterate' here; known is no modifier");
}

/* Prefer: handling=lenient ignores what it does not know, says so, and never widens whose or how guarded. */
static void lenient(void **state)
{
	(void)state;
	policy.lenient = true;
	const struct search search = parsed("patient=a&colour=red&code=x");
	assert_int_equal(outcome.warnings, 1);
	assert_true(str_is(search.canonical, "code=x"));
	refused("patient=a&code=", OUTCOME_INVALID, "code");
	refused("patient=a&code:above=x", OUTCOME_NOT_SUPPORTED, "modifier");
	refused("patient.name=a&_id=x", OUTCOME_NOT_SUPPORTED, "patient.name");
	refused("patient=a&_security:above=x", OUTCOME_NOT_SUPPORTED, "_security");
	refused("code=x&patients=a", OUTCOME_REQUIRED, "no patient");
	policy.without_patient = true;
	parsed("code=x");
}

static void all_issues_at_once(void **state)
{
	(void)state;
	refused("colour=x&_count=a&date=b&code=", OUTCOME_NOT_SUPPORTED, "colour");
	assert_int_equal(outcome.errors, 5);
}

static void rows(void **state)
{
	(void)state;
	size_t count;
	const struct search_parameter *list = search_parameters(&count);
	assert_true(count >= 46);
	for (size_t i = 1; i < count; i++) { /* in order: so the canonical text and the lists are */
		if (list[i - 1].resource == list[i].resource)
			assert_true(strcmp(list[i - 1].name, list[i].name) < 0);
	}
	assert_non_null(search_parameter_find(TYPE_OBSERVATION, STR("code")));
	assert_null(search_parameter_find(TYPE_DEVICE, STR("code")));
	assert_non_null(search_parameter_find(TYPE_DEVICE, STR("_lastUpdated")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults, begin, end),
		cmocka_unit_test_setup_teardown(everything, begin, end),
		cmocka_unit_test_setup_teardown(tokens, begin, end),
		cmocka_unit_test_setup_teardown(dates, begin, end),
		cmocka_unit_test_setup_teardown(approximately, begin, end),
		cmocka_unit_test_setup_teardown(patient_by_identifier, begin, end),
		cmocka_unit_test_setup_teardown(who_is_meant, begin, end),
		cmocka_unit_test_setup_teardown(unknown, begin, end),
		cmocka_unit_test_setup_teardown(no_value_is_told, begin, end),
		cmocka_unit_test_setup_teardown(counts, begin, end),
		cmocka_unit_test_setup_teardown(encoding, begin, end),
		cmocka_unit_test_setup_teardown(limits, begin, end),
		cmocka_unit_test_setup_teardown(modifiers, begin, end),
		cmocka_unit_test_setup_teardown(quantities, begin, end),
		cmocka_unit_test_setup_teardown(composites, begin, end),
		cmocka_unit_test_setup_teardown(references, begin, end),
		cmocka_unit_test_setup_teardown(who_decides, begin, end),
		cmocka_unit_test_setup_teardown(orders_and_totals, begin, end),
		cmocka_unit_test_setup_teardown(includes, begin, end),
		cmocka_unit_test_setup_teardown(lenient, begin, end),
		cmocka_unit_test_setup_teardown(all_issues_at_once, begin, end),
		cmocka_unit_test_setup_teardown(rows, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
