/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every row of element.tbl, and every primitive type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/element.h"
#include "fhir/primitive.h"
#include "fhir/resource.h"
#include "tests/unit/fhir/quoted.h"

enum { ONE = 0, MANY = 1 };

/* Primitive types: texts of the form, and texts that are not. NULL ends them. */
static const struct {
	const char *name;
	enum primitive primitive;
	const char *good[9], *bad[16];
} primitives[] = {
#define P(name) #name, PRIMITIVE_##name
	{ P(integer), { "0", "-1", "2147483647", "-2147483648" },
		{ "", "-", "00", "01", "-0", "1.0", "1e3", "2147483648", "-2147483649", "+1" } },
	{ P(unsignedInt), { "0", "7" }, { "-1", "1.5", "2147483648" } },
	{ P(positiveInt), { "1", "2147483647" }, { "0", "-1", "01" } },
	{ P(decimal), { "0", "-0.50", "1.2E+2" }, { "", "01", "1.", ".5" } },
	{ P(string), { "a", " a b ", "linje\nto\tx\r", "\xc3\xb8" }, { "", "\x01", "a\x1f" } },
	{ P(markdown), { "*a*", "*a*\n" }, { "", "\x0b" } },
	{ P(uri), { "urn:oid:1.2", "a", "https://x/y?z#\xc3\xb8" }, { "", "a b", "\ta", "a\n" } },
	{ P(canonical), { "https://x|1.0" }, { "", "a b" } },
	{ P(code), { "a", "a b", "a\tb", "<=" },
		{ "", " a", "a ", "a  b", " ",
			"a\x01"
			"b" } },
	{ P(id),
		{ "a", "A-9.z",
			"1234567890123456789012345678901234567890123456789012345678901234" },
		{ "", "a_b", "a/b", "\xc3\xb8",
			"12345678901234567890123456789012345678901234567890123456789012345" } },
	{ P(oid), { "urn:oid:2.16.578", "urn:oid:0.0", "urn:oid:1.2.840.10004" },
		{ "", "2.16.578", "urn:oid:", "urn:oid:3.1", "urn:oid:1", "urn:oid:1.",
			"urn:oid:1..2", "urn:oid:1.02", "urn:oid:1.x", "urn:oid:12.1" } },
	{ P(uuid), { "urn:uuid:c757873d-ec9a-4326-a141-556f43239520" },
		{ "c757873d-ec9a-4326-a141-556f43239520",
			"urn:uuid:C757873D-ec9a-4326-a141-556f43239520",
			"urn:uuid:c757873dxec9a-4326-a141-556f43239520",
			"urn:uuid:c757873d-ec9a-4326-a141-556f4323952" } },
	{ P(date), { "2026", "2026-11", "2026-11-20", "2024-02-29" },
		{ "", "26", "2026-13", "2026-11-31", "2026-11-20T10:00:00Z", "2026-1-1" } },
	{ P(dateTime),
		{ "2026", "2026-11-20", "2026-11-20T10:15:30+01:00", "2026-11-20T10:15:60.123Z",
			"2026-11-20T10:15" },
		{ "", "2026-11-20T", "2026-11-20T25:00:00Z", "2026-11-20 10:15:30",
			"2026-11-20T10:15:30+15:00", "20261120" } },
	{ P(instant), { "2026-11-20T10:15:30Z", "2026-11-20T10:15:30.1+01:00" },
		{ "2026-11-20", "2026-11-20T10:15:30", "2026-11-20T10:15Z", "" } },
	{ P(time),
		{ "00:00:00", "23:59:60", "10:15:30.123456",
			"10:15:30.1234567890123456789012345678901234567890123456789012345" },
		{ "", "24:00:00", "10:15", "10:15:30Z", "10:15:30+01:00", "1:15:30", "10.15.30",
			"10:15:30 and a text that is far too long to be any time of the day" } },
	{ P(base64Binary), { "AAAA", "aGVp", "AA==", " AA\nAA " },
		{ "", "AAA", "A-A_", "AAAAA", "   " } },
	{ P(xhtml), { "<div>x</div>", "<div xmlns=\"http://www.w3.org/1999/xhtml\"/>" },
		{ "", "x", "<p/>", "&lt;div>" } },
#undef P
};

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static void forms(void **state)
{
	(void)state;
	assert_int_equal(COUNT(primitives), PRIMITIVES - 1); /* a boolean has no text */
	for (size_t i = 0; i < COUNT(primitives); i++) {
		const enum primitive primitive = primitives[i].primitive;
		assert_non_null(primitive_form(primitive));
		for (const char *const *at = primitives[i].good; *at != NULL; at++)
			if (!primitive_is_valid(primitive, str_of(*at)))
				fail_msg("%s refused: '%s'", primitives[i].name, *at);
		for (const char *const *at = primitives[i].bad; *at != NULL; at++)
			if (primitive_is_valid(primitive, str_of(*at)))
				fail_msg("%s taken: '%s'", primitives[i].name, *at);
	}
}

static void loose_times(void **state)
{
	(void)state;
	static const char *const whole[] = { "2026", "2026-11-20", "2026-11-20T10:15:30Z",
		"2026-11-20T10:15:30.5+01:00", "2026-11-20T10:15:30-01:00" };
	static const char *const loose[] = { "2026-11-20T10:15", "2026-11-20T10:15Z",
		"2026-11-20T10:15+01:00", "2026-11-20T10:15:30", "2026-11-20T10:15:30.5" };
	for (size_t i = 0; i < COUNT(whole); i++)
		assert_false(primitive_is_loose_time(str_of(whole[i])));
	for (size_t i = 0; i < COUNT(loose); i++)
		assert_true(primitive_is_loose_time(str_of(loose[i])));
}

static void names(void **state)
{
	(void)state;
	assert_true(name_is_plain(STR("valueQuantity")) && name_is_plain(STR("_a.b-c:d[0]")));
	assert_true(name_is_plain(STR("a12345b12345")));
	assert_false(name_is_plain(STR("")) || name_is_plain(STR("a b")));
	assert_false(name_is_plain(STR("a123456")) || name_is_plain(STR("\xc3\xb8")));
	const struct str nul = { "a\0b", 3 };
	assert_false(name_is_plain(nul));
}

/* ---- the rows */

struct row {
	enum element_type type;
	const char *type_name, *name, *datatype, *values;
	bool required, many;
};

static const struct row rows[] = {
#define TYPE(type)
#define ELEMENT(type, name, min, max, datatype, values) \
	{ KIND_##type, #type, #name, #datatype, values, min, max },
#define CHOICE(type, name, choice, datatype) \
	{ KIND_##type, #type, #name, #datatype, "", false, ONE },
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
};

/* JSON of a value that fits the row. Of a type with required elements it is not whole, but has the right shape. */
static struct str sample(struct arena *arena, const struct row *row)
{
	if (row->values[0] != '\0') {
		const struct str values = str_of(row->values);
		return str_format(arena, "\"%.*s\"", (int)str_index(values, '|'), values.at);
	}
	if (strcmp(row->datatype, "boolean") == 0)
		return STR("true");
	if (strcmp(row->datatype, "xhtml") == 0)
		return STR("\"<div/>\"");
	for (size_t i = 0; i < COUNT(primitives); i++) {
		if (strcmp(primitives[i].name, row->datatype) != 0)
			continue;
		const bool number = primitive_json_type(primitives[i].primitive) == JSON_NUMBER;
		return str_format(arena, number ? "%s" : "\"%s\"", primitives[i].good[0]);
	}
	if (strcmp(row->datatype, "RESOURCE") == 0 || strcmp(row->datatype, "CONTAINED") == 0)
		return STR("{\"resourceType\":\"Device\"}");
	if (strcmp(row->datatype, "MODIFIER") == 0)
		return STR("{\"url\":\"a\",\"valueString\":\"b\"}");
	if (strcmp(row->datatype, "RULES") == 0)
		return STR("\"urn:a\"");
	return STR("{\"id\":\"a\"}");
}

/* Checks {"name":value} as the row's type. True when it is found wrong in that element itself: not when something else is missing. */
static bool is_wrong(struct arena *arena, const struct row *row, struct str value)
{
	struct outcome outcome = { .arena = arena };
	struct fields fields = { 0 };
	const struct str text = str_format(arena, "{\"%s\":%.*s}", row->name, STR_ARG(value));
	const struct json *json = json_parse(arena, text, 100, &outcome);
	assert_non_null(json);
	element_check(row->type, json, STR("X"), &fields, &outcome);
	for (const struct issue *issue = outcome.first; issue != NULL; issue = issue->next)
		if (issue->severity == SEVERITY_ERROR && issue->kind != OUTCOME_REQUIRED &&
			issue->kind != OUTCOME_INVARIANT)
			return true;
	return false;
}

static void every_row(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 24);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		const struct str value = sample(arena, row);
		const struct str list = str_format(arena, "[%.*s]", STR_ARG(value));
		if (strcmp(row->datatype, "RULES") == 0 || strcmp(row->datatype, "MODIFIER") == 0) {
			if (!is_wrong(arena, row, row->many ? list : value))
				fail_msg("%s.%s taken", row->type_name, row->name);
			continue;
		}
		if (is_wrong(arena, row, row->many ? list : value))
			fail_msg("%s.%s refused: %.*s", row->type_name, row->name, STR_ARG(value));
		static const char *const wrong[] = { "null", "[]", "[[1]]", "{}", "\"\"" };
		for (size_t at = 0; at < COUNT(wrong); at++)
			if (!is_wrong(arena, row, str_of(wrong[at])))
				fail_msg("%s.%s taken: %s", row->type_name, row->name, wrong[at]);
		if (!is_wrong(arena, row, row->many ? value : list))
			fail_msg("%s.%s taken with the other cardinality", row->type_name,
				row->name);
		if (row->values[0] != '\0')
			assert_true(is_wrong(arena, row, STR("\"made-up\"")));
	}
	arena_free(&arena);
}

static void every_required_row(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 22);
	size_t required = 0;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!rows[i].required)
			continue;
		required++;
		struct outcome outcome = { .arena = arena };
		const struct json *json =
			json_parse(arena, STR("{\"extension\":[{\"url\":\"a\"}]}"), 100, &outcome);
		assert_false(element_check(rows[i].type, json, STR("X"), NULL, &outcome));
		const struct str where = str_format(arena, "X.%s", rows[i].name);
		bool found = false;
		for (const struct issue *issue = outcome.first; issue != NULL; issue = issue->next)
			found = found || (issue->kind == OUTCOME_REQUIRED &&
						 str_equal(issue->expression, where));
		if (!found)
			fail_msg("%s.%s is not missed", rows[i].type_name, rows[i].name);
	}
	assert_int_equal(required, 35);
	arena_free(&arena);
}

/* ---- the rules */

struct broken {
	enum element_type type;
	const char *key;
	const char *text, *kept; /* breaks the rule; is like it and does not */
};

static const struct broken broken[] = {
	{ KIND_OBSERVATION, "obs-6", "{'valueInteger':1,'dataAbsentReason':{'text':'a'}}",
		"{'dataAbsentReason':{'text':'a'},'component':[{'code':{'text':'b'},"
		"'valueInteger':1}]}" },
	{ KIND_REFERENCE_RANGE, "obs-3", "{'type':{'text':'a'}}", "{'text':'a'}" },
	{ KIND_REFERENCE, "ref-1", "{'reference':'#a'}", "{'reference':'Device/a'}" },
	{ KIND_QUANTITY, "qty-3", "{'value':1,'code':'kg'}", "{'value':1,'unit':'kg'}" },
	{ KIND_SIMPLE_QUANTITY, "qty-3", "{'value':1,'code':'kg'}",
		"{'value':1,'system':'urn:a','code':'kg'}" },
	{ KIND_RANGE, "rng-2", "{'low':{'value':2,'unit':'kg'},'high':{'value':1999,'unit':'g'}}",
		"{'low':{'value':2,'unit':'kg'},'high':{'value':2000,'unit':'g'}}" },
	{ KIND_RANGE, "rng-2", "{'low':{'value':2,'unit':'x'},'high':{'value':1,'unit':'x'}}",
		"{'low':{'value':2,'unit':'x'},'high':{'value':1,'unit':'y'}}" },
	{ KIND_RATIO, "rat-1", "{'numerator':{'value':1}}",
		"{'numerator':{'value':1},'denominator':{'value':2}}" },
	{ KIND_RATIO, "rat-1", "{'denominator':{'value':1}}",
		"{'extension':[{'url':'a','valueString':'b'}]}" },
	{ KIND_RATIO, "rat-1", "{'id':'a','extensio':1}",
		"{'extension':[{'url':'a','valueString':'b'}]}" },
	{ KIND_PERIOD, "per-1", "{'start':'2026-11-20','end':'2026-11-19'}",
		"{'start':'2026-11-20T23:00:00Z','end':'2026-11-21'}" },
	{ KIND_ATTACHMENT, "att-1", "{'data':'AAAA'}",
		"{'data':'AAAA','contentType':'text/plain'}" },
	{ KIND_CONTACT_POINT, "cpt-2", "{'value':'a'}", "{'value':'a','system':'url'}" },
	{ KIND_EXPRESSION, "exp-1", "{'language':'text/cql'}",
		"{'language':'text/cql','reference':'urn:a'}" },
	{ KIND_EXTENSION, "ext-1", "{'url':'a'}", "{'url':'a','valueString':'b'}" },
	{ KIND_EXTENSION, "ext-1",
		"{'url':'a','valueString':'b','extension':[{'url':'c','valueString':'d'}]}",
		"{'url':'a','extension':[{'url':'c','valueString':'d'}]}" },
	{ KIND_TIMING_REPEAT, "tim-1", "{'duration':1}", "{'duration':1,'durationUnit':'s'}" },
	{ KIND_TIMING_REPEAT, "tim-2", "{'period':1}", "{'period':1,'periodUnit':'d'}" },
	{ KIND_TIMING_REPEAT, "tim-4", "{'duration':-1,'durationUnit':'s'}",
		"{'duration':-0.0,'durationUnit':'s'}" },
	{ KIND_TIMING_REPEAT, "tim-5", "{'period':-0.1,'periodUnit':'d'}",
		"{'period':0,'periodUnit':'d'}" },
	{ KIND_TIMING_REPEAT, "tim-6", "{'periodMax':2}",
		"{'period':1,'periodMax':2,'periodUnit':'d'}" },
	{ KIND_TIMING_REPEAT, "tim-7", "{'durationMax':2}",
		"{'duration':1,'durationMax':2,'durationUnit':'d'}" },
	{ KIND_TIMING_REPEAT, "tim-8", "{'countMax':2}", "{'count':1,'countMax':2}" },
	{ KIND_TIMING_REPEAT, "tim-9", "{'offset':5}", "{'offset':5,'when':['AC','HS']}" },
	{ KIND_TIMING_REPEAT, "tim-9", "{'offset':5,'when':['AC','CM']}", "{'when':['AC','CM']}" },
	{ KIND_TIMING_REPEAT, "tim-10", "{'timeOfDay':['08:00:00'],'when':['HS']}",
		"{'timeOfDay':['08:00:00']}" },
	{ KIND_PARAMETER, "inv-1", "{'name':'a'}", "{'name':'a','valueString':'b'}" },
	{ KIND_PARAMETER, "inv-1",
		"{'name':'a','valueString':'b','resource':{'resourceType':'Device'}}",
		"{'name':'a','resource':{'resourceType':'Device'}}" },
#define TEXT(div) "{'status':'generated','div':'" div "'}"
#define DIV       "<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\""
	{ KIND_NARRATIVE, "txt-1", TEXT(DIV ">a<script>b</script></div>"),
		TEXT("<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">a<b>b</b></div>") },
	{ KIND_NARRATIVE, "txt-1", TEXT(DIV " onclick=\\\"a\\\">a</div>"),
		TEXT(DIV " style=\\\"color: red\\\" xml:lang=\\\"nb\\\">a</div>") },
	{ KIND_NARRATIVE, "txt-1", TEXT(DIV "><a href=\\\" javaScript:a()\\\">a</a></div>"),
		TEXT(DIV "><a href=\\\"https://x.example/a:b\\\">a</a><a "
			 "name=\\\"b\\\">b</a></div>") },
	{ KIND_NARRATIVE, "txt-1", TEXT(DIV "><img src=\\\"x\\\" onerror=\\\"a\\\"/></div>"),
		TEXT(DIV "><img src=\\\"#a\\\" alt=\\\"b\\\"/></div>") },
	{ KIND_NARRATIVE, "txt-1", TEXT(DIV "><a href=\\\"data:text/html,a\\\">a</a></div>"),
		TEXT(DIV "><img src=\\\"data:image/png;base64,AAAA\\\"/></div>") },
	{ KIND_NARRATIVE, "txt-1", TEXT(DIV "><p>a</div>"), TEXT(DIV "><p>a<br/></p></div>") },
	{ KIND_NARRATIVE, "txt-1", TEXT(DIV ">a&nbsp;b</div>"),
		TEXT(DIV ">a&#160;b &lt; c</div>") },
	{ KIND_NARRATIVE, "txt-1", TEXT(DIV "><form><p>a</p></form></div>"),
		TEXT(DIV "><table border=\\\"1\\\"><tr><td>a</td></tr></table></div>") },
	{ KIND_NARRATIVE, "txt-1", TEXT("<div xmlns=\\\"http://www.w3.org/2000/svg\\\">a</div>"),
		TEXT(DIV "><h1>a</h1><ul><li>b</li></ul></div>") },
	{ KIND_NARRATIVE, "txt-2", TEXT(DIV "> <p>\\n</p> </div>"), TEXT(DIV "><p> a</p></div>") },
	{ KIND_NARRATIVE, "txt-2", TEXT(DIV "/>"), TEXT(DIV "><img src=\\\"#a\\\"/></div>") },
	{ KIND_NARRATIVE, "txt-1", TEXT("<div>a</div>"), TEXT(DIV ">a</div>") },
	{ KIND_NARRATIVE, "txt-1",
		TEXT("<div><p xmlns=\\\"http://www.w3.org/1999/xhtml\\\">a</p></div>"),
		TEXT(DIV ">b</div>") },
#undef DIV
#undef TEXT
	{ KIND_PERIOD, "ele-1", "{'id':'a'}", "{'id':'a','start':'2026'}" },
	{ KIND_DEVICE, "dom-2",
		"{'contained':[{'resourceType':'Device','contained':[{'resourceType':'Device'}]}]}",
		"{'contained':[{'resourceType':'Device'}]}" },
	{ KIND_DEVICE, "dom-4",
		"{'contained':[{'resourceType':'Device','meta':{'versionId':'1'}}]}",
		"{'contained':[{'resourceType':'Device','meta':{'profile':['urn:a']}}]}" },
	{ KIND_DEVICE, "dom-4",
		"{'contained':[{'resourceType':'X','meta':{'lastUpdated':'2026-11-20T10:00:00Z'}}]"
		"}",
		"{'contained':[{'resourceType':'X','meta':{'source':'urn:a'}}]}" },
	{ KIND_DEVICE, "dom-5",
		"{'contained':[{'resourceType':'X','meta':{'security':[{'code':'R'}]}}]}",
		"{'contained':[{'resourceType':'X','meta':{'tag':[{'code':'R'}]}}]}" },
	{ KIND_DEVICE, "dom-3", "{'contained':[{'resourceType':'Device','id':'b'}]}",
		"{'contained':[{'resourceType':'Device','id':'b'}],"
		"'parent':{'reference':'#b'}}" },
	{ KIND_DEVICE, "dom-3",
		"{'contained':[{'resourceType':'X','parent':{'reference':'Device/1'}}]}",
		"{'contained':[{'resourceType':'X','parent':{'reference':'#'}}]}" },
	{ KIND_DEVICE, "dom-3",
		"{'parent':{'reference':'#a'},'contained':[{'resourceType':'Device','id':'a'},{"
		"'resourceType':'X','id':'b'}]}",
		"{'parent':{'reference':'#a'},'contained':[{'resourceType':'Device','id':'a',"
		"'owner':{'reference':'#b'}},{'resourceType':'X','id':'b'}]}" },
	{ KIND_DEVICE, "ref-1",
		"{'contained':[{'resourceType':'Device','id':'b'}],"
		"'parent':{'reference':'#c'}}",
		"{'parent':{'reference':'#b'},"
		"'contained':[{'resourceType':'Device','id':'b'}]}" },
};

/* Does the object break the rule of this key, told behind its text in brackets? */
static bool breaks(struct arena *arena, const struct broken *row, const char *text)
{
	struct outcome outcome = { .arena = arena };
	const struct json *json = json_parse(arena, quoted(arena, str_of(text)), 100, &outcome);
	assert_non_null(json);
	element_check(row->type, json, STR("X"), NULL, &outcome);
	const struct str key = str_format(arena, "(%s)", row->key);
	for (const struct issue *issue = outcome.first; issue != NULL; issue = issue->next)
		if (issue->kind == OUTCOME_INVARIANT && str_ends(issue->text, key))
			return true;
	return false;
}

static void every_rule(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 22);
	for (size_t i = 0; i < COUNT(broken); i++) {
		if (!breaks(arena, &broken[i], broken[i].text))
			fail_msg("%s is not broken by %s", broken[i].key, broken[i].text);
		if (breaks(arena, &broken[i], broken[i].kept))
			fail_msg("%s is broken by %s", broken[i].key, broken[i].kept);
	}
	static const struct {
		enum element_type type;
		const char *key;
	} all[] = {
#define TYPE(type)
#define ELEMENT(type, name, min, max, datatype, values)
#define CHOICE(type, name, choice, datatype)
#define RULE(type, key, kind, these, those, text) { KIND_##type, key },
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
	};
	for (size_t i = 0; i < COUNT(all); i++) {
		bool tried = false;
		for (size_t at = 0; at < COUNT(broken); at++)
			tried = tried || (broken[at].type == all[i].type &&
						 strcmp(broken[at].key, all[i].key) == 0);
		if (!tried)
			fail_msg("nothing tries %s", all[i].key);
	}
	arena_free(&arena);
}

/* ---- what References lead to */

/* What is said of {'name':{reference}} in this type of object, beside a contained Device `d` and Linkage `l`; empty where nothing is. */
static struct str refused_target(
	struct arena *arena, enum element_type type, const char *name, struct str reference)
{
	bool many = false;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].type == type && strcmp(rows[i].name, name) == 0)
			many = rows[i].many;
	struct outcome outcome = { .arena = arena };
	const struct str text = str_format(arena,
		"{'%s':%s{%.*s}%s,'contained':[{'resourceType':'Device','id':'d'},"
		"{'resourceType':'Linkage','id':'l'}]}",
		name, many ? "[" : "", STR_ARG(reference), many ? "]" : "");
	const struct json *json = json_parse(arena, quoted(arena, text), 100, &outcome);
	assert_non_null(json);
	element_check(type, json, STR("X"), NULL, &outcome);
	const struct str where = str_format(arena, "X.%s%s", name, many ? "[0]" : "");
	for (const struct issue *issue = outcome.first; issue != NULL; issue = issue->next)
		if (issue->severity == SEVERITY_ERROR && issue->kind == OUTCOME_VALUE &&
			str_equal(issue->expression, where))
			return issue->text;
	return (struct str){ 0 };
}

static const struct target {
	enum element_type type;
	const char *name, *types;
} targets[] = {
#define TYPE(type)
#define ELEMENT(type, name, min, max, datatype, values)
#define CHOICE(type, name, choice, datatype)
#define TARGETS(type, name, types) { KIND_##type, #name, types },
#define END
#include "fhir/element.tbl"
#undef TYPE
#undef ELEMENT
#undef CHOICE
#undef END
};

/* The ways to say a type: what stands in front of it, and behind. */
static const struct {
	const char *before, *behind;
} ways[] = { { "'reference':'", "/1'" }, { "'reference':'", "/1/_history/2'" },
	{ "'reference':'https://x.example/a/", "/1'" }, { "'reference':'", "?identifier=a|b'" },
	{ "'type':'", "'" }, { "'type':'http://hl7.org/fhir/StructureDefinition/", "'" } };

static bool is_taken(struct arena *arena, const struct target *target, struct str type)
{
	size_t taken = 0;
	assert_true(resource_name_is_known(type));
	for (size_t i = 0; i < COUNT(ways); i++) {
		const struct str text = str_format(
			arena, "%s%.*s%s", ways[i].before, STR_ARG(type), ways[i].behind);
		if (refused_target(arena, target->type, target->name, text).length == 0)
			taken++;
	}
	assert_true(taken == 0 || taken == COUNT(ways)); /* whichever way it is said */
	return taken > 0;
}

static void every_target(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 24);
	assert_int_equal(COUNT(targets), 21);
	for (size_t i = 0; i < COUNT(targets); i++) {
		struct str rest = str_of(targets[i].types);
		while (rest.at != NULL) {
			const struct str type = str_cut(rest, '|', &rest);
			if (!is_taken(arena, &targets[i], type))
				fail_msg("%s refuses %.*s", targets[i].name, STR_ARG(type));
		}
		if (is_taken(arena, &targets[i], STR("Linkage")))
			fail_msg("%s takes what it may not refer to", targets[i].name);
	}
	arena_free(&arena);
}

static void other_targets(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 22);
	static const struct {
		const char *text, *told;
	} devices[] = {
		{ "'reference':'#d'", "" },
		{ "'reference':'#'", "" },
		{ "'reference':'urn:uuid:c757873d-ec9a-4326-a141-556f43239520'", "" },
		{ "'reference':'https://x.example/Linkages/1'", "" },
		{ "'reference':'https://x.example/1'", "" },
		{ "'identifier':{'value':'a'}", "" },
		{ "'type':'Thing'", "" },
		{ "'reference':'Device/1','type':'Device'", "" },
		{ "'reference':'#l'",
			"device refers to a resource of type Linkage; it may refer to: Device, "
			"DeviceMetric" },
		{ "'reference':'Device/1','type':'DeviceMetric'",
			"device says that it is of type DeviceMetric, and refers to one of type "
			"Device" },
		{ "'type':'Patient','identifier':{'value':'a'}",
			"device refers to a resource of type Patient; it may refer to: Device, "
			"DeviceMetric" },
	};
	for (size_t i = 0; i < COUNT(devices); i++) {
		const struct str told =
			refused_target(arena, KIND_OBSERVATION, "device", str_of(devices[i].text));
		if (!str_is(told, devices[i].told))
			fail_msg("%s: %.*s", devices[i].text, STR_ARG(told));
	}
	const struct str any = STR("'reference':'Linkage/1'");
	assert_true(refused_target(arena, KIND_OBSERVATION, "focus", any).length == 0);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(loose_times),
		cmocka_unit_test(names),
		cmocka_unit_test(every_row),
		cmocka_unit_test(every_required_row),
		cmocka_unit_test(every_rule),
		cmocka_unit_test(every_target),
		cmocka_unit_test(other_targets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
