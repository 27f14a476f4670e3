/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The text of links: which References are found and rewritten, which entry a URL or an identity names, and places that ids are put into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/interaction/link_text.h"

#include "fhir/base/arena.h"

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new((size_t)8 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const struct json *json_of(const char *text)
{
	struct outcome outcome = { .arena = arena };
	const struct json *json = json_parse(arena, str_of(text), 10000, &outcome);
	assert_non_null(json);
	return json;
}

static bool is_text(struct str is, const char *wanted)
{
	if (!str_is(is, wanted))
		print_error("it is %.*s\n", STR_ARG(is));
	return str_is(is, wanted);
}

/* ---- References */

/* Writes down what it is asked about: i has an identifier, d of a device, t a target; rewrites those that begin with urn:. */
static bool note(void *context, const struct link_place *place, struct str *out)
{
	struct buf *seen = context;
	const struct str text = place->reference->text;
	buf_add_format(seen, "%.*s%s%s%s ", STR_ARG(text), place->has_identifier ? " i" : "",
		place->is_device ? " d" : "", place->is_target ? " t" : "");
	if (!str_starts(text, STR("urn:")))
		return false;
	*out = str_format(
		arena, "\"Observation/%.*s\"", STR_ARG(str_part(text, 4, text.length - 4)));
	return true;
}

static void each_reference_is_asked_about(void **state)
{
	(void)state;
	static const struct {
		const char *resource, *seen, *text; /* empty: nothing is rewritten */
	} rows[] = {
		{ "{\"status\":\"final\"}", "", "" },
		{ "{\"subject\":{\"reference\":\"Patient/1\"}}", "Patient/1 d ", "" },
		{ "{ \"hasMember\" : [ {\"reference\":\"urn:a\"}, {\"reference\" : \"x\"},"
		  "{\"reference\":\"urn:b\"} ] , \"z\":1.50}",
			"urn:a x urn:b ",
			"{ \"hasMember\" : [ {\"reference\":\"Observation/a\"}, {\"reference\" : "
			"\"x\"},"
			"{\"reference\":\"Observation/b\"} ] , \"z\":1.50}" },
		/* The string of an object stands behind what is nested in it: in the order of the bytes all the same. */
		{ "{\"focus\":[{\"identifier\":{\"assigner\":{\"reference\":\"urn:in\"}},"
		  "\"reference\":\"urn:out\"}]}",
			"urn:out i urn:in ",
			"{\"focus\":[{\"identifier\":{\"assigner\":{\"reference\":\"Observation/"
			"in\"}},"
			"\"reference\":\"Observation/out\"}]}" },
		{ "{\"device\":{\"reference\":\"urn:d\"},\"target\":[{\"reference\":\"urn:t\"}],"
		  "\"x\":[{\"subject\":{\"reference\":\"q\"},\"target\":{\"reference\":\"r\"}}]}",
			"urn:d d urn:t t q r ",
			"{\"device\":{\"reference\":\"Observation/d\"},"
			"\"target\":[{\"reference\":\"Observation/t\"}],"
			"\"x\":[{\"subject\":{\"reference\":\"q\"},\"target\":{\"reference\":\"r\"}"
			"}"
			"]}" },
		/* What is no string is left to the validation. */
		{ "{\"focus\":[{\"reference\":1},{\"reference\":{\"reference\":\"urn:c\"}}]}",
			"urn:c ",
			"{\"focus\":[{\"reference\":1},"
			"{\"reference\":{\"reference\":\"Observation/c\"}}]}" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf seen = buf_new(arena, 256, 4096);
		struct str text = STR("");
		const bool any = link_rewrite(arena, json_of(rows[i].resource), note, &seen, &text);
		assert_true(is_text(buf_str(&seen), rows[i].seen));
		assert_int_equal(any, rows[i].text[0] != '\0');
		assert_true(is_text(text, rows[i].text));
	}
}

/* ---- entries */

static struct bundle bundle_of(struct bundle_entry *entries, size_t count)
{
	return (struct bundle){ .type = BUNDLE_TRANSACTION, .entries = entries, .count = count };
}

static void which_entry_a_url_names(void **state)
{
	(void)state;
	struct bundle_entry entries[] = {
		{ .full_url = STR("urn:uuid:b") },
		{ .full_url = STR("") },
		{ .full_url = STR("https://a.example/fhir/Observation/1") },
		{ .full_url = STR("urn:uuid:a") },
		{ .full_url = STR("https://b.example/Device/1") },
		{ .full_url = STR("https://b.example/Observation/1") },
	};
	static const struct {
		const char *reference;
		size_t from;
		int number; /* -1: none */
	} rows[] = {
		{ "urn:uuid:a", 0, 3 },
		{ "urn:uuid:b", 5, 0 },
		{ "urn:uuid:c", 0, -1 },
		{ "", 0, -1 },
		/* R4 bundle.html#references: a relative one is of the server of the referring entry. */
		{ "Observation/1", 4, 5 },
		{ "Device/1", 5, 4 },
		{ "Observation/1", 2, 2 },
		{ "Device/1", 2, -1 },
		{ "Observation/1", 0, -1 },
		{ "Observation/1", 1, -1 },
		{ "https://b.example/Device/1", 0, 4 },
		{ "https://c.example/Device/1", 4, -1 },
	};
	const struct bundle bundle = bundle_of(entries, sizeof(entries) / sizeof(entries[0]));
	const struct link_urls *urls = link_urls_new(arena, &bundle);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t number = 99;
		const bool found =
			link_urls_find(urls, str_of(rows[i].reference), rows[i].from, &number);
		if (found != (rows[i].number >= 0) || (found && (int)number != rows[i].number))
			fail_msg("%s of %zu: %d, %zu", rows[i].reference, rows[i].from, found,
				number);
	}
}

static struct str key_of(enum resource_type type, const char *system, const char *value)
{
	struct str key = STR("");
	assert_true(link_key(arena, type, str_of(system), str_of(value), &key));
	return key;
}

static void which_entry_has_an_identity(void **state)
{
	(void)state;
	static const char two[] = "{\"identifier\":[{\"system\":\"urn:s\",\"value\":\"1\"},"
				  "{\"system\":\"urn:s\",\"value\":\"2\"},{\"system\":\"urn:s\"}]}";
	static const char one[] = "{\"identifier\":[{\"system\":\"urn:s\",\"value\":\"2\"}]}";
	struct bundle_entry entries[] = {
		{ .type = STR("Observation") }, /* a GET or DELETE has no resource */
		{ .type = STR("Device"), .resource = json_of(one) },
		{ .type = STR("Observation"), .resource = json_of(two) },
		{ .type = STR("Observation"), .resource = json_of(one) },
		{ .type = STR("Basic"), .resource = json_of(two) },
		{ .type = STR("Observation"), .resource = json_of("{\"status\":\"final\"}") },
	};
	const struct bundle bundle = bundle_of(entries, sizeof(entries) / sizeof(entries[0]));
	const struct link_keys *keys = link_keys_new(arena, &bundle);
	size_t number = 99;
	assert_true(link_keys_find(
		keys, TYPE_OBSERVATION, key_of(TYPE_OBSERVATION, "urn:s", "1"), &number));
	assert_int_equal(number, 2);
	/* Of two that have it the first. */
	assert_true(link_keys_find(
		keys, TYPE_OBSERVATION, key_of(TYPE_OBSERVATION, "urn:s", "2"), &number));
	assert_int_equal(number, 2);
	assert_true(link_keys_find(keys, TYPE_DEVICE, key_of(TYPE_DEVICE, "urn:s", "2"), &number));
	assert_int_equal(number, 1);
	assert_false(link_keys_find(keys, TYPE_DEVICE, key_of(TYPE_DEVICE, "urn:s", "1"), &number));
	assert_false(link_keys_find(
		keys, TYPE_OBSERVATION, key_of(TYPE_OBSERVATION, "urn:t", "1"), &number));
	struct str key;
	assert_false(link_key(arena, TYPE_OBSERVATION, STR("urn:s"), STR(""), &key));
}

/* ---- places */

static const char nonce[LINK_NONCE + 1] = "abcdefghijklmnopqrstu";
static const char *ids[] = { "00000000000000000000000000", NULL, "zzzzzzzzzzzzzzzzzzzzzzzzzz" };

static const char *id_of(void *context, size_t target)
{
	++*(unsigned *)context;
	return ids[target];
}

static void ids_are_put_into_places(void **state)
{
	(void)state;
	unsigned asked = 0;
	struct link_spots *spots = link_spots_new(arena, nonce, 3);
	/* Two at the ends, side by side; one that has no id; one of no target; and one that the bytes cut off. */
	const struct str ends = str_format(arena, "%s00002%s00000", nonce, nonce);
	const struct str none = str_format(arena, "x%s00001y", nonce);
	const struct str other = str_format(arena, "%s00003", nonce);
	const struct str cut = str_format(arena, "..%s0000", nonce);
	const struct str less = str_format(arena, "%.20s", nonce);
	const struct str all[] = { ends, none, other, cut, less, STR("") };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		link_spots_add(spots, all[i]);
	link_spots_put(spots, id_of, &asked);
	assert_int_equal(asked, 3);
	assert_true(is_text(ends, "zzzzzzzzzzzzzzzzzzzzzzzzzz00000000000000000000000000"));
	assert_true(is_text(none, "xabcdefghijklmnopqrstu00001y"));
	assert_true(is_text(other, "abcdefghijklmnopqrstu00003"));
	assert_true(is_text(cut, "..abcdefghijklmnopqrstu0000"));
	/* Ids that change are written again. */
	ids[0] = "11111111111111111111111111";
	link_spots_put(spots, id_of, &asked);
	assert_true(is_text(ends, "zzzzzzzzzzzzzzzzzzzzzzzzzz11111111111111111111111111"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reference_is_asked_about),
		cmocka_unit_test(which_entry_a_url_names),
		cmocka_unit_test(which_entry_has_an_identity),
		cmocka_unit_test(ids_are_put_into_places),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
