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
	{ P(time), { "00:00:00", "23:59:60", "10:15:30.123456" },
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
	if (strcmp(row->datatype, "RESOURCE") == 0)
		return STR("{\"resourceType\":\"Device\"}");
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
			issue->kind != OUTCOME_INVALID)
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
	assert_int_equal(required, 30);
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
