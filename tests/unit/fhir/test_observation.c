/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/observation.h"
#include "fhir/resource.h"
#include "tests/unit/fhir/quoted.h"

/* 2026-11-21T12:00:00Z */
#define NOW (INT64_C(1795262400) * INSTANT_SECOND)

#define SUBJECT                                                               \
	"'subject':{'identifier':{'system':'urn:oid:2.16.578.1.12.4.1.4.1','" \
	"value':'14845000094'}}"
#define HEART  "'code':{'coding':[{'system':'http://loinc.org','code':'8867-4'}]}"
#define WEIGHT "'code':{'coding':[{'system':'http://loinc.org','code':'29463-7'}]}"
#define AT     "'effectiveDateTime':'2026-11-20T07:31:05+01:00'"
#define UCUM   "'system':'http://unitsofmeasure.org'"
#define BASE   "https://hub.example/fhir"
#define EUI    "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"
#define DEVICE "'device':{'identifier':{'system':'" EUI "','value':'0012AB34CD56EF78'}}"
#define KG(text) \
	"'valueQuantity':{'value':" text ",'system':'http://unitsofmeasure.org','code':'kg'}"
#define WHOLE(rest) "{'resourceType':'Observation','status':'final'," SUBJECT "," rest "}"

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 24);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static bool try_read(const char *text, struct observation *out)
{
	const struct observation_policy policy = { .national = NATIONAL_SYNTHETIC,
		.zone = { .oslo = true },
		.now = NOW,
		.base = STR(BASE) };
	const struct json *json = json_parse(arena, quoted(arena, str_of(text)), 10000, &outcome);
	assert_non_null(json);
	return observation_read(arena, json, STR("Observation"), &policy, out, &outcome);
}

static struct observation observed(const char *text)
{
	struct observation out;
	if (!try_read(text, &out))
		fail_msg("%s\n%.*s: %.*s", text, STR_ARG(outcome.first->expression),
			STR_ARG(outcome.first->text));
	return out;
}

static void same_content(const char *a, const char *b)
{
	const struct observation one = observed(a), two = observed(b);
	if (!str_equal(one.content, two.content))
		fail_msg("%.*s\nis not\n%.*s", STR_ARG(one.content), STR_ARG(two.content));
}

static void other_content(const char *a, const char *b)
{
	const struct observation one = observed(a), two = observed(b);
	if (str_equal(one.content, two.content))
		fail_msg("both: %.*s", STR_ARG(one.content));
}

/* ---- the samples that everybody uses */

static void samples(void **state)
{
	(void)state;
	static const char *const names[] = { "blood-pressure", "glucose", "pmd", "pulse", "spo2",
		"temperature", "weight" };
	const struct observation_policy policy = {
		.national = NATIONAL_SYNTHETIC, .zone = { .oslo = true }, .now = NOW
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *bytes = arena_alloc(arena, 8192);
		FILE *file =
			fopen(str_format(arena, DATA "/observation-%s.json", names[i]).at, "r");
		assert_non_null(file);
		const struct str text = { bytes, fread(bytes, 1, 8192, file) };
		fclose(file);
		struct observation out;
		outcome = (struct outcome){ .arena = arena };
		const struct json *json = json_parse(arena, text, 10000, &outcome);
		assert_true(
			observation_read(arena, json, STR("Observation"), &policy, &out, &outcome));
		/* PMD's own example has effectiveInstant, which R4's heartrate has not. */
		assert_int_equal(outcome.warnings, strcmp(names[i], "pmd") == 0 ? 1 : 0);
		assert_int_equal(out.organisation_count, 1);
		assert_true(str_is(out.organisations[0], "300000002"));
		/* What is sent again is read as the same. */
		struct observation again;
		const struct resource resource = { TYPE_OBSERVATION, STR("x"), 1, NOW, out.body };
		struct buf buf = buf_new(arena, 1024, 8192);
		resource_render(&buf, &resource);
		json = json_parse(arena, buf_str(&buf), 10000, &outcome);
		assert_true(observation_read(
			arena, json, STR("Observation"), &policy, &again, &outcome));
		assert_true(str_equal(out.body, again.body));
		assert_true(str_equal(out.content, again.content));
	}
}

/* ---- identity */

static void equal_readings(void **state)
{
	(void)state;
	same_content(WHOLE(WEIGHT "," AT "," KG("70.50")), WHOLE(WEIGHT "," AT "," KG("70.5")));
	same_content(WHOLE(WEIGHT "," AT "," KG("7.05e1")),
		WHOLE(WEIGHT ",'effectiveInstant':'2026-11-20T06:31:05.000Z'," KG("70.5")));
	same_content(
		WHOLE("'code':{'coding':[{'system':'urn:iso:std:iso:11073:10101','code':'149530'},"
		      "{'system':'http://loinc.org','code':'8867-4'}]},"
		      "'valueQuantity':{'value':71,'unit':'slag','system':'http://"
		      "unitsofmeasure.org','code':'{beats}/min'}," AT),
		WHOLE(HEART ",'valueQuantity':{'value':71," UCUM ",'code':'/min'}," AT
			    ",'note':[{'text':'rolig'}],'interpretation':[{'text':'N'}]"));
	/* Narrative, identifiers, performer, device and issued are not the reading. */
	same_content(WHOLE(WEIGHT "," AT "," KG("70.5")),
		WHOLE(WEIGHT "," AT "," KG(
			"70.5") "," DEVICE
				",'issued':'2026-11-20T07:31:06Z','performer':[{'display':'x'}],"
				"'identifier':[{'system':'https://v.example','value':'1'}],"
				"'text':{'status':'generated','div':'<div "
				"xmlns=\\\"http://www.w3.org/1999/xhtml\\\">70</div>'}"));
}

static void unequal_readings(void **state)
{
	(void)state;
	const char *base = WHOLE(WEIGHT "," AT "," KG("70.5"));
	other_content(base, WHOLE(WEIGHT "," AT "," KG("70.6")));
	other_content(WHOLE(WEIGHT ",'effectiveDateTime':'2026-03-29'," KG("70.5")),
		WHOLE(WEIGHT ",'effectiveDateTime':'2026-03-28T23:00:00Z'," KG("70.5")));
	other_content(WHOLE(WEIGHT ",'effectiveDateTime':'2026-03'," KG("70.5")),
		WHOLE(WEIGHT ",'effectiveDateTime':'2026-03-01'," KG("70.5")));
	other_content(base, WHOLE(HEART "," AT "," KG("70.5")));
	other_content(
		base, WHOLE(WEIGHT ",'effectiveDateTime':'2026-11-20T07:31:06+01:00'," KG("70.5")));
	other_content(base,
		WHOLE(WEIGHT
			",'effectivePeriod':{'start':'2026-11-20T07:31:05+01:00','end':'2026-11-"
			"20T07:32:05+01:00'}," KG("70.5")));
	other_content(
		base, WHOLE(WEIGHT "," AT ",'valueQuantity':{'value':70.5," UCUM ",'code':'g'}"));
	other_content(base, WHOLE(WEIGHT "," AT ",'valueQuantity':{'value':70.5,'comparator':'<',"
					 "'system':'http://unitsofmeasure.org','code':'kg'}"));
	other_content(base, WHOLE(WEIGHT "," AT ",'valueString':'70.5'"));
	other_content(
		base, WHOLE(WEIGHT "," AT ",'dataAbsentReason':{'coding':[{'code':'error'}]}"));
	other_content(WHOLE("'code':{'text':'Humør'}," AT ",'valueInteger':5"),
		WHOLE("'code':{'text':'Søvn'}," AT ",'valueInteger':5"));
	other_content(WHOLE(WEIGHT "," AT ",'valueQuantity':{'value':5,'unit':'lb'}"),
		WHOLE(WEIGHT "," AT ",'valueQuantity':{'value':5,'unit':'kg'}"));
}

#define SITE(code)    "'bodySite':{'coding':[{'system':'http://snomed.info/sct','code':'" code "'}]}"
#define METHOD(words) "'method':{'text':'" words "'}"

/* Without a device, where and how it was measured tells equal values of one second apart; with one the device does, and another gateway may not know. */
static void readings_apart(void **state)
{
	(void)state;
	const char *plain = WHOLE(WEIGHT "," AT "," KG("70.5"));
	const char *left = WHOLE(WEIGHT "," AT "," KG("70.5") "," SITE("368208006"));
	other_content(plain, left);
	other_content(left, WHOLE(WEIGHT "," AT "," KG("70.5") "," SITE("368209003")));
	same_content(left, WHOLE(SITE("368208006") "," WEIGHT "," AT "," KG("70.50")));
	same_content(left, WHOLE(WEIGHT "," AT "," KG(
				   "70.5") ",'bodySite':{'text':'venstre arm','coding':[{'system':"
					   "'http://snomed.info/sct','code':'368208006',"
					   "'display':'Left upper arm'}]}"));
	other_content(plain, WHOLE(WEIGHT "," AT "," KG("70.5") "," METHOD("stående")));
	other_content(WHOLE(WEIGHT "," AT "," KG("70.5") "," METHOD("sittende")),
		WHOLE(WEIGHT "," AT "," KG("70.5") "," METHOD("stående")));
	other_content(plain,
		WHOLE(WEIGHT "," AT "," KG("70.5") ",'focus':[{'reference':'Patient/barn'}]"));
	other_content(WHOLE(WEIGHT "," AT "," KG(
			      "70.5") ",'focus':[{'identifier':{'system':'s','value':'1'}}]"),
		WHOLE(WEIGHT "," AT "," KG(
			"70.5") ",'focus':[{'identifier':{'system':'s','value':'2'}}]"));
	other_content(plain,
		WHOLE(WEIGHT "," AT "," KG("70.5") ",'specimen':{'reference':'Specimen/1'}"));
	same_content(WHOLE(WEIGHT "," AT "," KG("70.5") "," DEVICE),
		WHOLE(WEIGHT "," AT "," KG("70.5") "," DEVICE "," SITE("368208006")));
	/* The key is of the content; what takes a reading back finds it by the same. */
	const struct observation
		sent = observed(left),
		back = observed("{'resourceType':'Observation','status':'entered-in-error'," SUBJECT
				"," WEIGHT "," AT "," KG("70.5") "," SITE("368208006") "}");
	bool found = false;
	for (size_t i = 0; i < back.key_count; i++)
		found = found || str_equal(back.keys[i], sent.keys[0]);
	assert_true(found);
	/* Equal values without any time are one for ever; but not those of two devices. */
	same_content(WHOLE(WEIGHT "," KG("70.5")), WHOLE(WEIGHT "," KG("70.50")));
	other_content(WHOLE(WEIGHT "," KG("70.5")), WHOLE(WEIGHT "," KG("70.5") "," DEVICE));
}

#define PRESSURE "'code':{'coding':[{'system':'http://loinc.org','code':'85354-9'}]}"
#define PART(loinc, value)                                                      \
	"{'code':{'coding':[{'system':'http://loinc.org','code':'" loinc "'}]}" \
	",'valueQuantity':{'value':" value "," UCUM ",'code':'mm[Hg]'}}"
#define MDC_PART(mdc, value)                                                             \
	"{'code':{'coding':[{'system':'urn:iso:std:iso:11073:10101','code':'" mdc "'}]}" \
	",'valueQuantity':{'value':" value "," UCUM ",'code':'mm[Hg]'}}"

static void components(void **state)
{
	(void)state;
	same_content(WHOLE(PRESSURE "," AT ",'component':[" PART("8480-6", "128") "," PART(
			     "8462-4", "82") "]"),
		WHOLE(PRESSURE "," AT ",'component':[" MDC_PART("150022", "82.0") "," MDC_PART(
			"150021", "128") "]"));
	other_content(WHOLE(PRESSURE "," AT ",'component':[" PART("8480-6", "128") "," PART(
			      "8462-4", "82") "]"),
		WHOLE(PRESSURE "," AT ",'component':[" PART("8480-6", "82") "," PART(
			"8462-4", "128") "]"));
	const struct observation out = observed(WHOLE(
		PRESSURE "," AT ",'component':[" PART("8480-6", "128") ",{'code':{'text':'x'}}]"));
	assert_int_equal(out.term_count, 2);
	assert_true(str_is(out.terms[0].code.text, "http://loinc.org|8480-6"));
	assert_true(out.terms[0].value.present);
	assert_true(out.terms[0].value.low == 127.5 && out.terms[0].value.high == 128.5);
	assert_true(str_is(out.terms[0].value.unit.text, "http://unitsofmeasure.org|mm[Hg]"));
	assert_false(out.terms[1].value.present);
	assert_int_equal(out.terms[1].code.text.length, 0);
	assert_false(out.value.present);
}

static void has_key(const struct observation *out, const char *key)
{
	for (size_t i = 0; i < out->key_count; i++)
		if (str_is(out->keys[i], key))
			return;
	fail_msg("no key %s; first is %.*s", key, STR_ARG(out->keys[0]));
}

static void device_keys(void **state)
{
	(void)state;
	static const char *const devices[] = {
		DEVICE,
		"'device':{'identifier':{'value':'00-12-ab-34-cd-56-ef-78'}}",
		"'device':{'identifier':{'system':'urn:oid:1.2.840.10004.1','value':'00:12:AB:34:"
		"CD:"
		"56:EF:78'}}",
		"'device':{'reference':'#d'},'contained':[{'resourceType':'Device','id':'d',"
		"'identifier':[{'system':'https://v.example/serial','value':'9'},"
		"{'system':'" EUI "','value':'0012AB34CD56EF78'}]}]",
	};
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		const struct str text =
			str_format(arena, WHOLE(HEART "," AT ",'valueInteger':71,%s"), devices[i]);
		const struct observation out = observed(text.at);
		assert_true(out.has_device_key);
		assert_int_equal(out.key_count, 1);
		has_key(&out, "D\x1f"
			      "EUI-64\x1f"
			      "0012AB34CD56EF78\x1fhttp://loinc.org\x1f"
			      "8867-4\x1f"
			      "1795156265000000\x1f");
	}
}

static void other_keys(void **state)
{
	(void)state;
	struct observation out = observed(WHOLE(HEART
		"," AT ",'valueInteger':71,'device':{'identifier':{'system':'https://v.example/"
		"serial','value':'9'}},'identifier':[{'system':'https://v.example','value':"
		"'r1'},{'value':'no system'},{'system':'https://only.example'}]"));
	assert_int_equal(out.key_count, 2);
	has_key(&out, "I\x1fhttps://v.example\x1fr1");
	has_key(&out, "D\x1fhttps://v.example/serial\x1f"
		      "9\x1fhttp://loinc.org\x1f"
		      "8867-4\x1f"
		      "1795156265000000\x1f");
	/* A display or a serial without system names no device; nor does a time that is not there. */
	static const char *const none[] = {
		WHOLE(HEART "," AT ",'device':{'display':'Pulsmåler'}"),
		WHOLE(HEART "," AT ",'device':{'identifier':{'value':'9'}}"),
		WHOLE(HEART
			"," AT
			",'device':{'reference':'urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0'}"),
		WHOLE(HEART "," DEVICE),
	};
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		out = observed(none[i]);
		assert_false(out.has_device_key);
		assert_int_equal(out.key_count, 1);
		assert_true(str_starts(out.keys[0], STR("C\x1f")));
		assert_true(str_equal(str_part(out.keys[0], 2, out.keys[0].length), out.content));
	}
}

/* Who names a device by its id alone means it, under our own URL or not, whichever version; and an identifier beside it says more. */
static void devices_by_reference(void **state)
{
	(void)state;
	static const char *const devices[] = {
		"{'reference':'Device/a'}",
		"{'reference':'Device/a/_history/2','display':'Pulsmåler'}",
		"{'reference':'" BASE "/Device/a','identifier':{'value':'no system'}}",
	};
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		const struct str text = str_format(
			arena, WHOLE(HEART "," AT ",'valueInteger':71,'device':%s"), devices[i]);
		const struct observation out = observed(text.at);
		assert_true(out.has_device_key);
		has_key(&out, "D\x1f\x02\x1f"
			      "Device/a\x1fhttp://loinc.org\x1f"
			      "8867-4\x1f"
			      "1795156265000000\x1f");
	}
	const struct observation out = observed(WHOLE(HEART
		"," AT
		",'device':{'reference':'Device/a','identifier':{'system':'s','value':'9'}}"));
	has_key(&out, "D\x1fs\x1f"
		      "9\x1fhttp://loinc.org\x1f"
		      "8867-4\x1f"
		      "1795156265000000\x1f");
}

static void duration_and_supplemental_types(void **state)
{
	(void)state;
	const struct observation out = observed(
		WHOLE("'code':{'coding':[{'system':'http://loinc.org','code':'2708-6'}]}," DEVICE
		      ",'effectivePeriod':{'start':'2026-11-20T07:31:05+01:00','end':'2026-11-"
		      "20T07:32:05+01:00'},'component':[{'code':{'coding':[{'system':'urn:iso:std:"
		      "iso:11073:10101','code':'68193'}]},'valueCodeableConcept':{'coding':[{"
		      "'system':'urn:iso:std:iso:11073:10101','code':'150588'}]}}]"));
	has_key(&out, "D\x1f"
		      "EUI-64\x1f"
		      "0012AB34CD56EF78\x1fhttp://loinc.org\x1f"
		      "2708-6\x1f"
		      "1795156265000000\x1f"
		      "60000000\x1f"
		      "CodeableConcept\x1furn:iso:std:iso:11073:10101\x1f"
		      "150588");
}

/* A part that holds a separator cannot pass for two parts. */
static void separators_are_escaped(void **state)
{
	(void)state;
	other_content(WHOLE(HEART "," AT ",'valueString':'a\\tb'"),
		WHOLE(HEART "," AT ",'valueString':'a\\\\09b'"));
	const struct observation out =
		observed(WHOLE(HEART "," AT ",'identifier':[{'system':'https://v.example','value':"
				     "'a\\\\b\\tc'}]"));
	has_key(&out, "I\x1fhttps://v.example\x1f"
		      "a\\5cb\\09c");
}

/* ---- values */

static void is_value(const char *value, double low, double high, const char *unit)
{
	const struct str text = str_format(arena, WHOLE(HEART "," AT ",%s"), value);
	const struct observation out = observed(text.at);
	if (!out.value.present || fabs(out.value.low - low) > 1e-9 ||
		fabs(out.value.high - high) > 1e-9 || !str_is(out.value.unit.text, unit))
		fail_msg("%s: %g %g %.*s", value, out.value.low, out.value.high,
			STR_ARG(out.value.unit.text));
}

static void values(void **state)
{
	(void)state;
	is_value("'valueQuantity':{'value':71," UCUM ",'code':'{beats}/min'}", 70.5, 71.5,
		"http://unitsofmeasure.org|/min");
	is_value("'valueQuantity':{'value':98.6," UCUM ",'code':'[degF]'}", (98.55 - 32) / 1.8,
		(98.65 - 32) / 1.8, "http://unitsofmeasure.org|Cel");
	is_value("'valueQuantity':{'value':5,'unit':'kg'}", 4.5, 5.5,
		"http://unitsofmeasure.org|kg");
	is_value("'valueQuantity':{'value':5,'unit':'noe'}", 4.5, 5.5, "");
	is_value("'valueQuantity':{'value':5,'system':'https://u.example','code':'kg'}", 4.5, 5.5,
		"https://u.example|kg");
	is_value("'valueInteger':3", 2.5, 3.5, "");
	is_value("'valueRange':{'low':{'value':10," UCUM ",'code':'kg'},'high':{'value':20," UCUM
		 ",'code':'kg'}}",
		9.5, 20.5, "http://unitsofmeasure.org|kg");
	const struct observation less = observed(WHOLE(HEART
		"," AT ",'valueQuantity':{'value':30,'comparator':'<='," UCUM ",'code':'/min'}"));
	assert_true(isinf(less.value.low) && less.value.low < 0 && less.value.high == 30.5);
	const struct observation more = observed(WHOLE(HEART
		"," AT ",'valueQuantity':{'value':30,'comparator':'>'," UCUM ",'code':'/min'}"));
	assert_true(isinf(more.value.high) && more.value.low == 29.5);
	const struct observation mixed =
		observed(WHOLE(HEART "," AT ",'valueRange':{'low':{'value':10," UCUM
				     ",'code':'kg'},'high':{'value':20," UCUM ",'code':'cm'}}"));
	assert_false(mixed.value.present);
	assert_false(observed(WHOLE(HEART "," AT ",'valueBoolean':true")).value.present);
}

/* ---- times */

static void times(void **state)
{
	(void)state;
	struct observation out = observed(WHOLE(HEART "," AT));
	assert_int_equal(out.time.low, INT64_C(1795156265) * INSTANT_SECOND);
	assert_int_equal(out.time.high - out.time.low, INSTANT_SECOND);
	assert_false(out.minute_clock || out.time_is_period);
	out = observed(WHOLE(HEART ",'effectiveDateTime':'2026-11-20'"));
	assert_int_equal(out.time.low, INT64_C(1795129200) * INSTANT_SECOND); /* Oslo's midnight */
	assert_int_equal(out.time.high - out.time.low, 86400 * INSTANT_SECOND);
	assert_true(out.minute_clock);
	out = observed(WHOLE(HEART ",'effectivePeriod':{'start':'2026-11-20T07:31:00Z'}"));
	assert_true(out.time_is_period && out.minute_clock);
	assert_true(out.time.high == INSTANT_MAX);
	out = observed(WHOLE(HEART ",'effectivePeriod':{'end':'2026-11-20T07:31:00Z'}"));
	assert_true(out.time.low == INSTANT_MIN);
	assert_int_equal(outcome.warnings, 0);
	out = observed(WHOLE(HEART ",'effectiveTiming':{'repeat':{'frequency':1}}"));
	assert_true(out.time.low == INSTANT_MIN && out.time.high == INSTANT_MIN);
	assert_int_equal(outcome.warnings, 1);
	out = observed(
		WHOLE(HEART ",'effectiveTiming':{'event':['2026-11-20T07:31:00Z',"
			    "'2026-11-20'],'repeat':{'boundsPeriod':{'end':'2026-11-21T08:00:"
			    "00Z'}}}"));
	assert_true(out.time.low == INSTANT_MIN && out.time_is_period);
	assert_int_equal(out.time.high, INT64_C(1795248001) * INSTANT_SECOND);
	out = observed(
		WHOLE(HEART ",'effectiveTiming':{'event':['2026-11-20T07:31:05Z','2026-11-20']}"));
	assert_int_equal(out.time.low, INT64_C(1795129200) * INSTANT_SECOND);
	assert_int_equal(out.time.high - out.time.low, 86400 * INSTANT_SECOND);
	assert_int_equal(outcome.warnings, 1);
	out = observed(WHOLE(HEART));
	assert_true(out.time.high == INSTANT_MIN);
	assert_int_equal(outcome.warnings, 2);
}

#define TIMING(content) "'effectiveTiming':{" content "}"

/* Two of one value at two times are two, and at two habits of a day, of which no limits are known. */
static void timings(void **state)
{
	(void)state;
	other_content(WHOLE(HEART "," TIMING("'event':['2026-11-20']")),
		WHOLE(HEART "," TIMING("'event':['2026-11-19']")));
	other_content(WHOLE(HEART "," TIMING("'repeat':{'when':['ACM']}")),
		WHOLE(HEART "," TIMING("'repeat':{'when':['ACV']}")));
}

/* What cannot be a key of the database is refused where it stands, and not by the database for all that came with it. */
static void too_many_codings(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 4096, 8192);
	for (int i = 0; i < 40; i++)
		buf_add_format(&buf, "%s{'system':'urn:a','code':'%054d'}", i > 0 ? "," : "", i);
	const char *codings = str_format(arena, "%.*s", STR_ARG(buf_str(&buf))).at;
	const struct {
		const char *before, *behind, *where;
	} places[] = {
		{ "'code':{'coding':[", "]}", "Observation.code" },
		{ HEART ",'category':[{'coding':[", "]}]", "Observation.category" },
		{ HEART ",'component':[{'code':{'text':'a'}},{'code':{'coding':[", "]}}]",
			"Observation.component[1]" },
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char whole[9000];
		struct observation out;
		outcome = (struct outcome){ .arena = arena };
		snprintf(whole, sizeof(whole), WHOLE("%s%s%s," AT), places[i].before, codings,
			places[i].behind);
		assert_false(try_read(whole, &out));
		assert_int_equal(outcome.errors, 1);
		assert_true(str_is(outcome.first->expression, places[i].where));
	}
}

static void units_nobody_knows(void **state)
{
	(void)state;
	outcome = (struct outcome){ .arena = arena };
	observed(WHOLE(HEART "," AT ",'valueQuantity':{'value':1," UCUM ",'code':'{score}'}"));
	observed(WHOLE(HEART "," AT ",'valueQuantity':{'value':1,'unit':'score'}"));
	observed(WHOLE(HEART "," AT ",'valueQuantity':{'value':1,'system':'urn:a','code':'x'}"));
	assert_int_equal(outcome.warnings, 0);
	observed(WHOLE(HEART "," AT ",'valueQuantity':{'value':1," UCUM ",'code':'score'}"));
	assert_true(str_is(outcome.last->expression, "Observation.valueQuantity.code"));
	observed(WHOLE("'code':{'coding':[{'code':'a'}]}," AT
		       ",'component':[{'code':{'text':'a'},'valueQuantity':{'value':1," UCUM
		       ",'code':'kg'}},{'code':{'text':'b'},'valueQuantity':{'value':1," UCUM
		       ",'code':'mmHg'}}]"));
	assert_true(
		str_is(outcome.last->expression, "Observation.component[1].valueQuantity.code"));
	assert_int_equal(outcome.warnings, 2);
}

static void clocks_of_minutes(void **state)
{
	(void)state;
	static const struct {
		const char *time;
		bool minutes;
	} rows[] = {
		{ "2026-11-20T07:31:00+01:00", true },
		{ "2026-11-20T07:31:00Z", true },
		{ "2026-11-20T07:31:00.000Z", false },
		{ "2026-11-20T07:31:30Z", false },
		{ "2026-11-20T07:31:01.5Z", false },
		{ "2026-11-20T07:31Z", true },
		{ "2026-11-20", true },
		{ "2026", true },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct str text =
			str_format(arena, WHOLE(HEART ",'effectiveDateTime':'%s'"), rows[i].time);
		assert_int_equal(observed(text.at).minute_clock, rows[i].minutes);
	}
}

/* A time without zone is read in the hub's, and that is said. */
static void times_without_zone(void **state)
{
	(void)state;
	const struct observation out =
		observed(WHOLE(HEART ",'effectiveDateTime':'2026-07-01T12:00:30'"));
	assert_int_equal(out.time.low, INT64_C(1782900030) * INSTANT_SECOND); /* summer time */
	assert_int_equal(outcome.warnings, 1);
}

/* ---- the rest */

static void what_is_indexed(void **state)
{
	(void)state;
	const struct observation out = observed(WHOLE(
		"'code':{'coding':[{'system':'http://snomed.info/sct','code':'1912002'},{'system':"
		"'https://a|b','code':'c\\\\d'},{'display':'no code'}]},'category':[{'coding':[{"
		"'code':'activity'}]},{'text':'x'},{'coding':[{'system':'s','code':'safety'}]}]," AT
		",'performer':[{'identifier':{'system':'2.16.578.1.12.4.1.4.101','value':"
		"'300000002'}},{'reference':'Organization/"
		"1'},{'identifier':{'system':'urn:oid:2.16."
		"578.1.12.4.1.4.1','value':'14845000094'}}]"));
	assert_int_equal(out.class, CLASS_WELFARE);
	assert_true(str_is(out.canon.code, "1912002"));
	assert_true(str_is(out.code.text, "http://snomed.info/sct|1912002\nhttps://a\\|b|c\\\\d"));
	assert_true(str_is(out.category.text, "|activity\ns|safety"));
	assert_int_equal(out.organisation_count, 1);
	assert_string_equal(out.subject.digits, "14845000094");
	assert_int_equal(out.status, STATUS_FINAL);
	const struct concept back = concept_parse(arena, out.code.text);
	assert_int_equal(back.count, 2);
	assert_true(str_is(back.codings[1].system, "https://a|b"));
	assert_true(str_is(back.codings[1].code, "c\\d"));
	assert_true(str_equal(concept_of(arena, back.codings[1]), STR("https://a\\|b|c\\\\d")));
	assert_int_equal(concept_parse(arena, STR("")).count, 0);
}

static void statuses(void **state)
{
	(void)state;
	static const char *const codes[] = { "registered", "preliminary", "final", "amended",
		"corrected", "cancelled", "entered-in-error", "unknown" };
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		const struct str text = str_format(arena,
			"{'resourceType':'Observation','status':'%s'," SUBJECT "," HEART "," AT "}",
			codes[i]);
		const struct observation out = observed(text.at);
		assert_int_equal(out.status, STATUS_REGISTERED + i);
		assert_string_equal(observation_status_code(out.status), codes[i]);
	}
}

/* Extensions, siblings of primitives and contained resources are kept as they are. */
static void what_is_let_through(void **state)
{
	(void)state;
	static const char *const good[] = {
		WHOLE(HEART "," AT
			    ",'_status':{'extension':[{'url':'https://x','valueCode':'a'}]}"),
		WHOLE(HEART ",'_effectiveDateTime':{'extension':[{'url':'https://x','valueCode':"
			    "'unknown'}]}"),
		WHOLE(HEART "," AT ",'meta':{'profile':[null,'https://p'],'_profile':[{'id':'a'},"
			    "null]}"),
		WHOLE(HEART "," AT
			    ",'contained':[{'resourceType':'Specimen','anything':{'goes':[1]}}]"),
		WHOLE(HEART "," AT ",'extension':[{'url':'https://x','extension':[{'url':'a',"
			    "'valueTiming':{'event':['2026']}}]}]"),
		WHOLE(HEART "," AT
			    ",'valueRatio':{'numerator':{'value':1},'denominator':{'value':2}}"),
		WHOLE(HEART "," AT
			    ",'valueSampledData':{'origin':{'value':0},'period':10,'dimensions':"
			    "1,'data':'1 2 E'}"),
		WHOLE(HEART "," AT ",'valueTime':'23:59:60.5','id':'x','language':'nb'"),
		WHOLE(HEART "," AT
			    ",'valueBoolean':false,'hasMember':[{'reference':'Observation/1'}],"
			    "'bodySite':{'coding':[{'system':'http://snomed.info/sct','code':"
			    "'368209003'}]}"),
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		observed(good[i]);
}

static void only_members_without_value_are_optional(void **state)
{
	(void)state;
	struct observation out;
	assert_false(try_read(WHOLE(HEART ",'component':[{'_code':{'id':'x'}}]"), &out));
	assert_false(try_read("{}", &out));
	assert_false(try_read("[]", &out));
	assert_false(try_read("'Observation'", &out));
	const struct observation_policy policy = { .now = NOW };
	assert_false(observation_read(
		arena, NULL, STR("Bundle.entry[0].resource"), &policy, &out, &outcome));
	assert_true(str_is(outcome.last->expression, "Bundle.entry[0].resource"));
}

static void stored_body(void **state)
{
	(void)state;
	const struct observation out = observed(
		"{ 'id' : 'x', 'status':'final', 'meta':{'versionId':'7','profile':[ 'https://p' ],"
		"'lastUpdated':'2026-01-01T00:00:00Z','_lastUpdated':{'id':'a'}}, '_id':{'id':'b'},"
		"'resourceType':'Observation'," SUBJECT "," HEART "," AT
		", 'valueQuantity' : { 'value' : 70.50 } }");
	assert_true(str_equal(
		out.body, quoted(arena, str_of("{'resourceType':'Observation','meta':{'profile':[ "
					       "'https://p' ]},'status':"
					       "'final'," SUBJECT "," HEART "," AT
					       ",'valueQuantity':{ 'value' : 70.50 }}"))));
	const struct observation bare = observed(WHOLE(HEART "," AT));
	assert_true(str_starts(bare.body,
		quoted(arena,
			str_of("{'resourceType':'Observation','meta':{},'status':'final',"))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(samples, begin, end),
		cmocka_unit_test_setup_teardown(equal_readings, begin, end),
		cmocka_unit_test_setup_teardown(unequal_readings, begin, end),
		cmocka_unit_test_setup_teardown(readings_apart, begin, end),
		cmocka_unit_test_setup_teardown(components, begin, end),
		cmocka_unit_test_setup_teardown(device_keys, begin, end),
		cmocka_unit_test_setup_teardown(devices_by_reference, begin, end),
		cmocka_unit_test_setup_teardown(other_keys, begin, end),
		cmocka_unit_test_setup_teardown(duration_and_supplemental_types, begin, end),
		cmocka_unit_test_setup_teardown(separators_are_escaped, begin, end),
		cmocka_unit_test_setup_teardown(values, begin, end),
		cmocka_unit_test_setup_teardown(times, begin, end),
		cmocka_unit_test_setup_teardown(timings, begin, end),
		cmocka_unit_test_setup_teardown(too_many_codings, begin, end),
		cmocka_unit_test_setup_teardown(units_nobody_knows, begin, end),
		cmocka_unit_test_setup_teardown(clocks_of_minutes, begin, end),
		cmocka_unit_test_setup_teardown(times_without_zone, begin, end),
		cmocka_unit_test_setup_teardown(what_is_indexed, begin, end),
		cmocka_unit_test_setup_teardown(statuses, begin, end),
		cmocka_unit_test_setup_teardown(what_is_let_through, begin, end),
		cmocka_unit_test_setup_teardown(
			only_members_without_value_are_optional, begin, end),
		cmocka_unit_test_setup_teardown(stored_body, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
