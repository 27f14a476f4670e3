/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/bundle.h"
#include "tests/unit/fhir/quoted.h"

/* 2026-11-21T12:00:00.123Z */
#define NOW (INT64_C(1795262400123) * 1000)

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 26);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static bool try_read(struct str text, struct bundle *out)
{
	outcome = (struct outcome){ .arena = arena };
	const struct json *json = json_parse(arena, text, 100000, &outcome);
	assert_non_null(json);
	return bundle_read(arena, json, out, &outcome);
}

static struct bundle bundled(const char *text)
{
	struct bundle bundle;
	if (!try_read(quoted(arena, str_of(text)), &bundle))
		fail_msg("%s: %.*s", text, STR_ARG(outcome.first->text));
	return bundle;
}

static void refused(const char *text, enum outcome_kind kind)
{
	struct bundle bundle;
	assert_false(try_read(quoted(arena, str_of(text)), &bundle));
	assert_int_equal(outcome_first(&outcome), kind);
}

/* What was written is JSON, and just this. */
static void written(const struct buf *buf, const char *text)
{
	assert_false(buf->full);
	if (!str_equal(buf_str(buf), quoted(arena, str_of(text))))
		fail_msg("wanted %s\nfound  %.*s", text, STR_ARG(buf_str(buf)));
	struct outcome none = { .arena = arena };
	assert_non_null(json_parse(arena, buf_str(buf), 10000, &none));
}

static struct buf fresh(void)
{
	return buf_new(arena, 64, 1 << 20);
}

static void entries(void **state)
{
	(void)state;
	const struct bundle bundle = bundled(
		"{'resourceType':'Bundle','type':'batch','entry':[{'fullUrl':'urn:uuid:1','"
		"resource':"
		"{'resourceType':'Observation'},'request':{'method':'POST','url':'Observation',"
		"'ifNoneExist':'identifier=x'}},{'request':{'method':'GET','url':'Observation/"
		"1'}}]}");
	assert_int_equal(bundle.type, BUNDLE_BATCH);
	assert_int_equal(bundle.count, 2);
	const struct bundle_entry *entry = &bundle.entries[0];
	assert_true(str_is(entry->full_url, "urn:uuid:1") && str_is(entry->method, "POST"));
	assert_true(str_is(entry->url, "Observation") && str_is(entry->type, "Observation"));
	assert_true(str_is(entry->if_none_exist, "identifier=x"));
	assert_true(str_is(entry->resource->raw, "{\"resourceType\":\"Observation\"}"));
	assert_null(bundle.entries[1].resource);
	assert_true(bundle_entry_check(arena, &bundle, 0, &outcome));
	assert_true(bundle_entry_check(arena, &bundle, 1, &outcome));
	assert_int_equal(bundled("{'resourceType':'Bundle','type':'collection'}").count, 0);
}

/* Read in parts, however they fall, it is the same Bundle. */
static void parts(void **state)
{
	(void)state;
	const char *text =
		"{'resourceType':'Bundle','type':'transaction','entry':[{'fullUrl':'urn:uuid:1'},{"
		"'fullUrl':'urn:uuid:2'},{'fullUrl':'urn:uuid:3'}]}";
	const struct bundle whole = bundled(text);
	for (size_t most = 1; most <= 4; most++) {
		struct bundle bundle;
		const struct json *json =
			json_parse(arena, quoted(arena, str_of(text)), 1000, &outcome);
		assert_true(bundle_begin(arena, json, &bundle, &outcome));
		assert_int_equal(bundle.count, 0);
		for (size_t read = 0; bundle.unread != NULL; read += most) {
			assert_int_equal(bundle.count, read);
			bundle_read_entries(&bundle, most);
		}
		assert_int_equal(bundle.count, whole.count);
		for (size_t i = 0; i < whole.count; i++)
			assert_true(
				str_equal(bundle.entries[i].full_url, whole.entries[i].full_url));
		assert_true(bundle_end(arena, &bundle, &outcome));
		bundle.entries[2].full_url = bundle.entries[0].full_url;
		assert_false(bundle_end(arena, &bundle, &outcome));
	}
}

static void refusals(void **state)
{
	(void)state;
	refused("{'resourceType':'Bundle'}", OUTCOME_REQUIRED);
	refused("{'resourceType':'Observation','type':'batch'}", OUTCOME_INVALID);
	refused("{'resourceType':'Bundle','type':'set'}", OUTCOME_CODE_INVALID);
	refused("{'resourceType':'Bundle','type':'document'}", OUTCOME_NOT_SUPPORTED);
	refused("{'resourceType':'Bundle','type':'batch','entries':[{}]}", OUTCOME_STRUCTURE);
	refused("{'resourceType':'Bundle','type':'batch','entry':[{}]}", OUTCOME_STRUCTURE);
	refused("{'resourceType':'Bundle','type':'batch','entry':{'resource':{}}}",
		OUTCOME_STRUCTURE);
	refused("[]", OUTCOME_STRUCTURE);
	refused("{'resourceType':'Bundle','type':'transaction','entry':[{'fullUrl':'urn:uuid:1'},"
		"{'fullUrl':'urn:uuid:2'},{'fullUrl':'urn:uuid:1'}]}",
		OUTCOME_INVALID);
	bundled("{'resourceType':'Bundle','type':'batch','entry':[{'fullUrl':'urn:uuid:1'},"
		"{'fullUrl':'urn:uuid:1'}]}");
}

static void faults_of_entries(void **state)
{
	(void)state;
	const struct bundle bundle =
		bundled("{'resourceType':'Bundle','type':'batch','entry':[{'resource':{"
			"'resourceType':'Observation'}},{'resource':{'resourceType':'Observation'},"
			"'request':{'url':'Observation'}},{'request':{'method':'POST','url':"
			"'Observation'}},{'resource':[1],'request':{'method':'FETCH','url':'x'},"
			"'extra':1}]}");
	static const struct {
		enum outcome_kind kind;
		const char *expression;
		unsigned errors;
	} rows[] = {
		{ OUTCOME_REQUIRED, "Bundle.entry[0]", 1 },
		{ OUTCOME_REQUIRED, "Bundle.entry[1].request.method", 1 },
		{ OUTCOME_REQUIRED, "Bundle.entry[2]", 1 },
		{ OUTCOME_STRUCTURE, "Bundle.entry[3].resource", 4 },
	};
	for (size_t i = 0; i < bundle.count; i++) {
		outcome = (struct outcome){ .arena = arena };
		assert_false(bundle_entry_check(arena, &bundle, i, &outcome));
		assert_int_equal(outcome_first(&outcome), rows[i].kind);
		assert_int_equal(outcome.errors, rows[i].errors);
		assert_true(str_is(outcome.first->expression, rows[i].expression));
	}
}

/* What PMD's clients send: no requests. */
static void collection_needs_no_request(void **state)
{
	(void)state;
	const struct bundle bundle = bundled(
		"{'resourceType':'Bundle','type':'collection','timestamp':'2026-11-20T09:13:00Z',"
		"'identifier':{'system':'https://v.example','value':'1'},'meta':{'tag':[{'code':"
		"'0301'}]},'entry':[{'fullUrl':'urn:uuid:1','resource':{'resourceType':"
		"'Observation'}},{'fullUrl':'urn:uuid:2'}]}");
	assert_int_equal(bundle.type, BUNDLE_COLLECTION);
	assert_true(bundle_entry_check(arena, &bundle, 0, &outcome));
	assert_false(bundle_entry_check(arena, &bundle, 1, &outcome));
}

static void too_many_entries(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 1 << 20, 1 << 20);
	buf_add_text(&buf,
		"{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{\"id\":"
		"\"a\"}");
	for (int i = 1; i < BUNDLE_ENTRIES_MAX; i++)
		buf_add_text(&buf, ",{\"id\":\"a\"}");
	const size_t most = buf.length;
	struct bundle bundle;
	buf_add_text(&buf, "]}");
	assert_true(try_read(buf_str(&buf), &bundle));
	assert_int_equal(bundle.count, BUNDLE_ENTRIES_MAX);
	buf.length = most;
	buf_add_text(&buf, ",{\"id\":\"a\"}]}");
	assert_false(try_read(buf_str(&buf), &bundle));
	assert_int_equal(outcome_first(&outcome), OUTCOME_TOO_LARGE);
	assert_non_null(memmem(outcome.first->text.at, outcome.first->text.length, "5000", 4));
}

/* ---- answers */

static void results(void **state)
{
	(void)state;
	struct outcome refusal = { .arena = arena }, none = { .arena = arena };
	outcome_fail(&refusal, OUTCOME_REQUIRED, STR("Observation.code"), "code is \"required\"");
	const struct bundle_result rows[] = {
		{ .full_url = STR("urn:uuid:1"),
			.status = 201,
			.location = STR("Observation/x/_history/1"),
			.etag = STR("W/\"1\""),
			.modified = NOW,
			.outcome = &none },
		{ .status = 400, .outcome = &refusal },
	};
	const struct bundle_result asked[] = {
		{ .full_url = STR("urn:uuid:2"), .status = 200, .resource = STR("{\"a\":1}") },
		{ .status = 404, .told = STR("{\"b\":2}") },
	};
	struct buf buf = fresh();
	bundle_render_results(&buf, BUNDLE_BATCH, asked, 2);
	written(&buf, "{'resourceType':'Bundle','type':'batch-response','entry':[{'fullUrl':"
		      "'urn:uuid:2','resource':{'a':1},'response':{'status':'200 OK'}},"
		      "{'response':{'status':'404 Not Found','outcome':{'b':2}}}]}");
	buf = fresh();
	bundle_render_results(&buf, BUNDLE_COLLECTION, rows, 2);
	/* JSON's own \" inside, so written out */
	assert_true(str_is(buf_str(&buf),
		"{\"resourceType\":\"Bundle\",\"type\":\"batch-response\",\"entry\":[{\"fullUrl\":"
		"\"urn:uuid:1\",\"response\":{\"status\":\"201 "
		"Created\",\"location\":\"Observation/"
		"x/_history/1\",\"etag\":\"W/\\\"1\\\"\",\"lastModified\":\"2026-11-21T12:00:00."
		"123Z\"}},{\"response\":{\"status\":\"400 Bad Request\",\"outcome\":{"
		"\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\",\"code\":"
		"\"required\",\"details\":{\"text\":\"code is \\\"required\\\"\"},\"expression\":["
		"\"Observation.code\"]}]}}}]}"));
	buf = fresh();
	bundle_render_results(&buf, BUNDLE_TRANSACTION, NULL, 0);
	written(&buf, "{'resourceType':'Bundle','type':'transaction-response'}");
}

static void pages(void **state)
{
	(void)state;
	const struct resource rows[] = {
		{ TYPE_OBSERVATION, STR("abc"), 1, NOW,
			quoted(arena, str_of("{'resourceType':'Observation','meta':{},'status':'"
					     "final'}")) },
		{ TYPE_OBSERVATION, STR("def"), 12, 0,
			quoted(arena, str_of("{'resourceType':'Observation','meta':{'profile':['p']"
					     "},'status':'"
					     "final'}")) },
	};
	struct bundle_page page = {
		.base = STR("https://hub.example/fhir"),
		.self = STR("https://hub.example/fhir/Observation?_count=2"),
		.next = STR("https://hub.example/fhir/Observation?_page=x"),
		.resources = rows,
		.count = 2,
	};
	struct buf buf = fresh();
	bundle_render_search(&buf, &page);
	written(&buf,
		"{'resourceType':'Bundle','type':'searchset','link':[{'relation':'self','url':'"
		"https:"
		"//hub.example/fhir/Observation?_count=2'},{'relation':'next','url':'https://"
		"hub.example/fhir/Observation?_page=x'}],'entry':[{'fullUrl':'https://hub.example/"
		"fhir/Observation/abc','resource':{'resourceType':'Observation','id':'abc','meta':{"
		"'versionId':'1','lastUpdated':'2026-11-21T12:00:00.123Z'},'status':'final'},'"
		"search'"
		":{'mode':'match'}},{'fullUrl':'https://hub.example/fhir/Observation/"
		"def','resource':{"
		"'resourceType':'Observation','id':'def','meta':{'versionId':'12','lastUpdated':'"
		"1970-"
		"01-01T00:00:00.000Z','profile':['p']},'status':'final'},'search':{'mode':'match'}}"
		"]}");
	page.included = 1;
	buf = fresh();
	bundle_render_search(&buf, &page);
	/* The first matches, the last comes with it. */
	const char *match = memmem(buf.at, buf.length, "{\"mode\":\"match\"", 15);
	const char *include = memmem(buf.at, buf.length, "{\"mode\":\"include\"", 17);
	assert_true(match != NULL && include != NULL && match < include);
	assert_null(memmem(
		match + 1, buf.length - (size_t)(match + 1 - buf.at), "{\"mode\":\"match\"", 15));
	page.included = 0;
	struct outcome hidden = { .arena = arena };
	page.count = 0;
	page.next = STR("");
	page.issues = &hidden;
	buf = fresh();
	bundle_render_search(&buf, &page);
	written(&buf,
		"{'resourceType':'Bundle','type':'searchset','link':[{'relation':'self','url':"
		"'https://hub.example/fhir/Observation?_count=2'}]}");
	outcome_warn(&hidden, OUTCOME_SUPPRESSED, STR(""), "some are withheld");
	buf = fresh();
	bundle_render_search(&buf, &page);
	written(&buf,
		"{'resourceType':'Bundle','type':'searchset','link':[{'relation':'self','url':'"
		"https:"
		"//hub.example/fhir/Observation?_count=2'}],'entry':[{'resource':{'resourceType':"
		"'OperationOutcome','issue':[{'severity':'warning','code':'suppressed','details':{"
		"'text':'some are withheld'}}]},'search':{'mode':'outcome'}}]}");
}

static void outcomes(void **state)
{
	(void)state;
	struct buf buf = fresh();
	outcome_render(&buf, &outcome);
	written(&buf,
		"{'resourceType':'OperationOutcome','issue':[{'severity':'information','code':"
		"'informational','details':{'text':'All OK'}}]}");
	outcome_fail(&outcome, OUTCOME_FAULT, STR(""), "a secret of the hub");
	buf = fresh();
	outcome_render(&buf, &outcome);
	written(&buf, "{'resourceType':'OperationOutcome','issue':[{'severity':'error','code':"
		      "'exception','details':{'text':'the hub failed; its log says why'}}]}");
	for (int i = 0; i < 120; i++)
		outcome_fail(&outcome, OUTCOME_VALUE, STR("Observation"), "no");
	buf = fresh();
	outcome_render(&buf, &outcome);
	const struct str more = STR("{\"text\":\"21 more issues are not shown\"}}]}");
	assert_true(str_ends(buf_str(&buf), more));
}

static void statuses(void **state)
{
	(void)state;
	assert_string_equal(http_status_text(200), "200 OK");
	assert_string_equal(http_status_text(999), "500 Internal Server Error");
	for (enum outcome_kind kind = 0; kind < OUTCOME_KINDS; kind++) {
		const struct str text = str_of(http_status_text(outcome_status(kind)));
		const struct str number = str_format(arena, "%d ", outcome_status(kind));
		assert_true(str_starts(text, number));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entries, begin, end),
		cmocka_unit_test_setup_teardown(parts, begin, end),
		cmocka_unit_test_setup_teardown(refusals, begin, end),
		cmocka_unit_test_setup_teardown(faults_of_entries, begin, end),
		cmocka_unit_test_setup_teardown(collection_needs_no_request, begin, end),
		cmocka_unit_test_setup_teardown(too_many_entries, begin, end),
		cmocka_unit_test_setup_teardown(results, begin, end),
		cmocka_unit_test_setup_teardown(pages, begin, end),
		cmocka_unit_test_setup_teardown(outcomes, begin, end),
		cmocka_unit_test_setup_teardown(statuses, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
