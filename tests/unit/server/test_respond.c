/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What headers say, forms, and the words of the access log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "server/context.h"
#include "server/form.h"
#include "server/interaction/insight_entry.h"
#include "server/respond.h"

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(8 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void what_a_client_prefers(void **state)
{
	(void)state;
	assert_int_equal(prefer_return_of(STR("")), RETURN_REPRESENTATION);
	assert_int_equal(prefer_return_of(STR("return=representation")), RETURN_REPRESENTATION);
	assert_int_equal(prefer_return_of(STR("return=minimal")), RETURN_MINIMAL);
	assert_int_equal(prefer_return_of(STR("handling=strict, return=minimal")), RETURN_MINIMAL);
	assert_int_equal(prefer_return_of(STR("return=OperationOutcome; x=y")), RETURN_OUTCOME);
	assert_int_equal(prefer_return_of(STR("return=minimalist")), RETURN_REPRESENTATION);
	assert_int_equal(prefer_return_of(STR("Return = \"minimal\"")), RETURN_MINIMAL);
	assert_int_equal(prefer_return_of(STR("return=operationoutcome")), RETURN_OUTCOME);
	assert_int_equal(prefer_return_of(STR("return=\"")), RETURN_REPRESENTATION);
	assert_true(prefer_is_lenient(STR("return=minimal, handling=\"lenient\"")));
	assert_false(prefer_is_lenient(STR("handling=strict")));
}

static void what_a_client_accepts(void **state)
{
	(void)state;
	static const char *const good[] = { "", "*/*", "application/fhir+json", "application/json",
		"text/html, application/fhir+json;q=0.9", "application/*;q=0.1",
		"application/fhir+xml;q=1.0, application/fhir+json;q=1.0", "TEXT/JSON",
		"application/json+fhir" };
	static const char *const bad[] = { "application/fhir+xml", "text/html",
		"application/fhir+json;q=0", "*/*;q=0.0", "application/fhir+jsonx" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!accept_allows(str_of(good[i]), STYLE_FHIR))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (accept_allows(str_of(bad[i]), STYLE_FHIR))
			fail_msg("taken: %s", bad[i]);
	assert_false(accept_allows(STR("application/fhir+json"), STYLE_JSON));
	assert_true(accept_allows(STR("image/png"), STYLE_HL7));
}

static void what_a_body_is(void **state)
{
	(void)state;
	assert_true(media_is(STR("application/fhir+json"), "application/fhir+json"));
	assert_true(
		media_is(STR("Application/FHIR+JSON ; charset=UTF-8"), "application/fhir+json"));
	assert_true(media_is(STR("application/json;charset=\"utf-8\""), "application/json"));
	assert_false(media_is(STR("application/json;charset=latin1"), "application/json"));
	assert_false(media_is(STR("application/jsonp"), "application/json"));
	assert_false(media_is(STR(""), "application/json"));
}

static void forms_are_taken_apart(void **state)
{
	(void)state;
	struct str rest = STR("&a=1&&b=%41+%C3%A6&c");
	struct str name, value;
	assert_int_equal(form_next(arena, &rest, &name, &value), FORM_PART);
	assert_true(str_is(name, "a") && str_is(value, "1"));
	assert_int_equal(form_next(arena, &rest, &name, &value), FORM_PART);
	assert_true(str_is(name, "b") && str_is(value, "A \xc3\xa6"));
	assert_int_equal(form_next(arena, &rest, &name, &value), FORM_PART);
	assert_true(str_is(name, "c") && value.length == 0);
	assert_int_equal(form_next(arena, &rest, &name, &value), FORM_END);
	static const char *const bad[] = { "a=%", "a=%4", "a=%4g", "a=%ff", "a=%00", "%zz=1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rest = str_of(bad[i]);
		if (form_next(arena, &rest, &name, &value) != FORM_BAD)
			fail_msg("taken: %s", bad[i]);
	}
}

static void codes_of_a_row_are_added_up(void **state)
{
	(void)state;
	struct log_codes codes = { 0 };
	log_codes_add(arena, &codes, STR("s|a"), 200);
	log_codes_add(arena, &codes, STR("s|b"), INSTANT_MIN);
	log_codes_add(arena, &codes, STR("s|a"), 100);
	log_codes_add(arena, &codes, STR("s|a"), INSTANT_MIN);
	log_codes_add(arena, &codes, STR("s|b"), 7);
	assert_int_equal(codes.count, 2);
	assert_int_equal(codes.codes[0].count, 3);
	assert_int_equal(codes.codes[0].from, 100);
	assert_int_equal(codes.codes[0].to, 200);
	assert_int_equal(codes.codes[1].from, 7);
	assert_int_equal(codes.codes[1].to, 7);
}

static void a_row_has_a_bounded_number_of_codes(void **state)
{
	(void)state;
	struct log_codes codes = { 0 };
	for (unsigned i = 0; i < 10 * LOG_CODES; i++)
		log_codes_add(arena, &codes, str_format(arena, "s|%u", i), 1);
	assert_int_equal(codes.count, LOG_CODES + 1);
	assert_int_equal(codes.codes[LOG_CODES].code.length, 0);
	assert_int_equal(codes.codes[LOG_CODES].count, 9 * LOG_CODES);
}

static const struct json *parsed(struct str text)
{
	struct outcome outcome = { .arena = arena };
	const struct json *json = json_parse(arena, text, 10000, &outcome);
	if (json == NULL)
		fail_msg("no JSON: %.*s", STR_ARG(text));
	return json;
}

static void a_detail_is_json(void **state)
{
	(void)state;
	struct log_codes codes = { 0 };
	log_codes_add(arena, &codes, STR("http://loinc.org|8867-4"), 0);
	const uint32_t rules[] = { 3, 5 };
	const struct log_detail detail = {
		.codes = &codes,
		.counted = true,
		.digest = STR("ab"),
		.query = STR("code=\"x\""),
		.reason = "forbidden",
		.request_id = STR("r"),
		.rules = rules,
		.rule_count = 2,
		.break_glass = true,
	};
	const struct json *json = parsed(detail_render(arena, &detail));
	assert_int_equal(json_get(json, "what")->count, 1);
	assert_true(str_is(json_get(json, "count")->text, "0"));
	assert_true(str_is(json_text(json, "query"), "code=\"x\""));
	assert_int_equal(json_get(json, "rules")->count, 2);
	assert_true(json_get(json, "breakGlass")->truth);
	assert_true(str_is(json_text(json, "request"), "r"));
	assert_true(str_is(detail_render(arena, &(struct log_detail){ 0 }), "{}"));
}

/* What a citizen sees of a row: names and words, nothing sealed. */
static void an_entry_is_readable(void **state)
{
	(void)state;
	struct tenant tenants[] = {
		{ .id = 1, .orgnr = 993467049, .name = STR("Solvik kommune") },
		{ .id = 2, .orgnr = 974589095, .name = STR("Sykehuset") },
	};
	struct rules rules = { .tenants = tenants, .tenant_count = 2 };
	rules.arena = arena;
	rules_sort(&rules);
	struct log_entry entry = {
		.at = 0,
		.id = 12,
		.corr = 11,
		.tenant = 1,
		.op = LOG_SEARCH,
		.type = TYPE_OBSERVATION,
		.context = STR("{\"actor\":{\"kind\":\"practitioner\",\"name\":\"Lege Legesen\","
			       "\"legalEntity\":{\"orgnr\":\"974589095\"}},"
			       "\"basis\":{\"purpose\":\"TREAT\"},\"sealed\":\"SECRET\","
			       "\"jti\":\"session\"}"),
		.body = STR("{\"what\":[{\"code\":\"http://loinc.org|8867-4\",\"count\":3,"
			    "\"from\":\"2026-11-20T00:00:00.000Z\"}],\"count\":3}"),
	};
	struct buf buf = buf_new(arena, 256, 1 << 16);
	insight_entry(arena, &buf, &rules, &entry);
	const struct json *json = parsed(buf_str(&buf));
	assert_null(memmem(buf.at, buf.length, "SECRET", 6));
	assert_true(str_is(json_text(json, "event"), "search"));
	assert_true(str_is(json_text(json, "outcome"), "permit"));
	assert_true(str_is(json_text(json_get(json, "dataController"), "name"), "Solvik kommune"));
	const struct json *actor = json_get(json, "actor");
	assert_true(str_is(json_text(json_get(actor, "legalEntity"), "name"), "Sykehuset"));
	assert_true(str_is(json_text(json_get(json, "basis"), "purposeText"), "Helsehjelp"));
	const struct json *what = json_at(json_get(json, "what"), 0);
	assert_true(str_is(json_text(what, "code"), "8867-4"));
	assert_true(json_text(what, "text").length > 0);
	assert_true(str_is(json_get(what, "count")->text, "3"));
	assert_true(str_is(json_text(json, "tokenJti"), "session"));
	entry.body = STR("{\"jti\":\"own\"}"); /* as rows were before */
	buf = buf_new(arena, 256, 1 << 16);
	insight_entry(arena, &buf, &rules, &entry);
	assert_true(str_is(json_text(parsed(buf_str(&buf)), "tokenJti"), "own"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_client_prefers),
		cmocka_unit_test(what_a_client_accepts),
		cmocka_unit_test(what_a_body_is),
		cmocka_unit_test(forms_are_taken_apart),
		cmocka_unit_test(codes_of_a_row_are_added_up),
		cmocka_unit_test(a_row_has_a_bounded_number_of_codes),
		cmocka_unit_test(a_detail_is_json),
		cmocka_unit_test(an_entry_is_readable),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
