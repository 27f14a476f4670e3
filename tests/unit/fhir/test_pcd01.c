/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Golden files: each tests/golden/hl7/NN-name.hl7 is read as its name says (-nozone: no zone agreed with the sender, -prod: a production installation, -sentinel: a list of sentinels agreed); what it comes to
 * must be NN-name.json, and its acknowledgement NN-name.ack (with LF for CR). Every Observation must also pass observation_read(). GOLDEN_BLESS=1 writes the files anew:
 * read the difference before you commit it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/json.h"
#include "fhir/envelope.h"
#include "fhir/hl7/ack.h"
#include "fhir/observation.h"

#define BYTES_MAX (16 << 20)
/* 2026-11-21T10:00:00Z */
#define NOW (1795255200 * INSTANT_SECOND)

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(256 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* One message's journey. */
struct run {
	struct outcome outcome;
	struct er7 message;
	struct pcd01 read;
	bool ok;
};

static struct pcd01_policy policy_of(const char *name)
{
	struct pcd01_policy policy = { .national = NATIONAL_SYNTHETIC,
		.zone = { .oslo = true },
		.zone_known = strstr(name, "-nozone") == NULL,
		.production = strstr(name, "-prod") != NULL,
		.sentinels = strstr(name, "-sentinel") != NULL ? STR("-1 150456:>100")
							       : (struct str){ 0 },
		.now = NOW };
	return policy;
}

static struct run run_message(const char *name, struct str bytes)
{
	struct run run = { .outcome = { .arena = arena } };
	const struct pcd01_policy policy = policy_of(name);
	if (er7_parse(arena, bytes, &run.message, &run.outcome))
		run.ok = pcd01_read(arena, &run.message, &policy, &run.read, &run.outcome);
	else
		pcd01_head(arena, &run.message, &run.read);
	return run;
}

static struct str slurp(const char *path)
{
	FILE *const file = fopen(path, "rb");
	if (file == NULL)
		return (struct str){ 0 };
	char *const bytes = arena_alloc(arena, BYTES_MAX);
	const size_t length = fread(bytes, 1, BYTES_MAX, file);
	fclose(file);
	return (struct str){ bytes, length };
}

static const char *golden_path(const char *name, const char *extension)
{
	const char *const folder = getenv("GOLDEN");
	assert_non_null(folder);
	return str_format(arena, "%s/hl7/%s.%s", folder, name, extension).at;
}

static void compare(const char *name, const char *extension, struct str got)
{
	const char *const path = golden_path(name, extension);
	if (getenv("GOLDEN_BLESS") != NULL) {
		FILE *const file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(got.at, 1, got.length, file), got.length);
		fclose(file);
		return;
	}
	if (!str_equal(slurp(path), got))
		fail_msg("%s.%s differs; now it is:\n%.*s", name, extension, STR_ARG(got));
}

static const char *severity_name(enum severity severity)
{
	return severity == SEVERITY_ERROR     ? "error"
	       : severity == SEVERITY_WARNING ? "warning"
					      : "information";
}

static struct str describe(const struct run *run)
{
	struct buf buf = buf_new(arena, 4096, BYTES_MAX);
	buf_add_text(&buf, "{\"observations\":[");
	for (size_t i = 0; i < run->read.count; i++) {
		buf_add_format(&buf,
			"%s\n{\"row\":\"%s %u\",\"correction\":%s,\"resource\":", i == 0 ? "" : ",",
			run->read.places[i].segment, run->read.places[i].sequence,
			run->read.corrections[i] ? "true" : "false");
		buf_add(&buf, run->read.observations[i]);
		buf_add_byte(&buf, '}');
	}
	for (size_t i = 0; i < run->read.device_count; i++) {
		buf_add_format(&buf,
			"%s\n{\"row\":\"%s %u\",\"resource\":", i == 0 ? "],\n\"devices\":[" : ",",
			run->read.device_places[i].segment, run->read.device_places[i].sequence);
		buf_add(&buf, run->read.devices[i]);
		buf_add_byte(&buf, '}');
	}
	buf_add_text(&buf, "],\n\"issues\":[");
	for (const struct issue *issue = run->outcome.first; issue != NULL; issue = issue->next) {
		buf_add_format(&buf,
			"%s\n{\"severity\":\"%s\",\"code\":\"%s\",\"place\":\"%s %u %u "
			"%u\",\"text\":",
			issue == run->outcome.first ? "" : ",", severity_name(issue->severity),
			outcome_issue_code(issue->kind), issue->place.segment,
			issue->place.sequence, issue->place.field, issue->place.component);
		json_write_string(&buf, issue->text);
		buf_add_byte(&buf, '}');
	}
	buf_add_text(&buf, "]}\n");
	return buf_str(&buf);
}

static struct str acknowledge(const struct run *run)
{
	struct buf buf = buf_new(arena, 4096, BYTES_MAX);
	const struct ack ack = { &run->read, STR("ACK1"), NOW, false };
	ack_render(&buf, &ack, &run->outcome);
	for (size_t i = 0; i < buf.length; i++)
		if (buf.at[i] == '\r')
			buf.at[i] = '\n';
	return buf_str(&buf);
}

/* What the hub's FHIR side says to the Observations; its own warnings are of no matter here. */
static void check_observations(const char *name, const struct run *run)
{
	const struct observation_policy policy = { .national = NATIONAL_SYNTHETIC,
		.zone = { .oslo = true },
		.now = NOW,
		.made_here = true };
	for (size_t i = 0; i < run->read.count; i++) {
		struct outcome outcome = { .arena = arena };
		struct observation observation = { 0 };
		const struct json *const json =
			json_parse(arena, run->read.observations[i], 100000, &outcome);
		if (json == NULL || !observation_read(arena, json, STR("Observation"), &policy,
					    &observation, &outcome))
			fail_msg("%s: Observation %zu is refused: %.*s: %.*s", name, i,
				STR_ARG(outcome.first->expression), STR_ARG(outcome.first->text));
		assert_string_equal(observation.subject.digits, run->read.patient.digits);
	}
}

static void check_devices(const char *name, const struct run *run)
{
	const struct observation_policy policy = {
		.national = NATIONAL_SYNTHETIC, .zone = { .oslo = true }, .now = NOW
	};
	for (size_t i = 0; i < run->read.device_count; i++) {
		struct outcome outcome = { .arena = arena };
		struct observation device = { 0 };
		const struct json *const json =
			json_parse(arena, run->read.devices[i], 100000, &outcome);
		if (json == NULL ||
			!envelope_read(arena, json, STR("Device"), &policy, &device, &outcome))
			fail_msg("%s: Device %zu is refused: %.*s: %.*s", name, i,
				STR_ARG(outcome.first->expression), STR_ARG(outcome.first->text));
		assert_int_equal(device.type, TYPE_DEVICE);
		assert_string_equal(device.subject.digits, run->read.patient.digits);
	}
}

/* No text that leaves the hub names the patient. */
static void check_silence(const struct run *run)
{
	for (const struct issue *issue = run->outcome.first; issue != NULL; issue = issue->next)
		for (size_t i = 0;
			run->read.patient.digits[0] != '\0' && i + 11 <= issue->text.length; i++)
			assert_memory_not_equal(issue->text.at + i, run->read.patient.digits, 11);
}

static int is_message(const struct dirent *entry)
{
	return str_ends(str_of(entry->d_name), STR(".hl7"));
}

static void golden_files_are_met(void **state)
{
	(void)state;
	struct dirent **entries;
	const char *const folder = getenv("GOLDEN");
	assert_non_null(folder);
	const int count =
		scandir(str_format(arena, "%s/hl7", folder).at, &entries, is_message, alphasort);
	assert_true(count >= 25);
	for (int i = 0; i < count; i++) {
		struct arena *const whole = arena;
		arena = arena_new(256 << 20);
		const struct str file = str_of(entries[i]->d_name);
		const char *const name = str_copy(arena, str_part(file, 0, file.length - 4)).at;
		const struct run run = run_message(name, slurp(golden_path(name, "hl7")));
		/* 60 and above are refusals, 90 and above are held. */
		assert_int_equal(run.ok, name[0] < '6');
		assert_int_equal(run.ok, run.outcome.errors == 0);
		assert_int_equal(run.read.tier, name[0] == '9'             ? PCD01_QUARANTINED
						: name[0] >= '6'           ? PCD01_REFUSED
						: run.outcome.warnings > 0 ? PCD01_WARNED
									   : PCD01_ACCEPTED);
		check_observations(name, &run);
		check_devices(name, &run);
		check_silence(&run);
		compare(name, "json", describe(&run));
		compare(name, "ack", acknowledge(&run));
		arena_free(&arena);
		arena = whole;
		free(entries[i]);
	}
	free(entries);
}

static struct observation observation_of(struct str text)
{
	const struct observation_policy policy = { .national = NATIONAL_SYNTHETIC,
		.zone = { .oslo = true },
		.now = NOW,
		.made_here = true };
	struct outcome outcome = { .arena = arena };
	struct observation observation = { 0 };
	const struct json *const json = json_parse(arena, text, 100000, &outcome);
	if (json == NULL ||
		!observation_read(arena, json, STR("Observation"), &policy, &observation, &outcome))
		fail_msg("%.*s: %.*s", STR_ARG(outcome.first->expression),
			STR_ARG(outcome.first->text));
	return observation;
}

#define AS_FHIR(code, time, rest)                                                                  \
	"{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"coding\":[" code "]}," \
	"\"subject\":{\"identifier\":{\"system\":\"urn:oid:2.16.578.1.12.4.1.4.1\",\"value\":"     \
	"\"12834710097\"}},\"" time ",\"device\":{\"identifier\":{\"system\":"                     \
	"\"urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680\",\"value\":\"1122334455667788\"}}," rest  \
	"}"
#define LOINC(code) "{\"system\":\"http://loinc.org\",\"code\":\"" code "\"}"
#define MDC(code)   "{\"system\":\"urn:iso:std:iso:11073:10101\",\"code\":\"" code "\"}"
#define QUANTITY(value, unit)                 \
	"\"valueQuantity\":{\"value\":" value \
	",\"system\":\"http://unitsofmeasure.org\",\"code\":\"" unit "\"}"
#define PART(code, value) "{\"code\":{\"coding\":[" LOINC(code) "]}," QUANTITY(value, "mm[Hg]") "}"

/* A vendor may send a reading by PCD-01 today and by FHIR tomorrow: the hub must see that it is one. */
static void both_roads_lead_to_one_reading(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t index;
		const char *fhir;
	} cases[] = {
		{ "02-blood-pressure-flat", 0,
			AS_FHIR(LOINC("85354-9"), "effectiveDateTime\":\"2026-11-20T07:00:12Z\"",
				"\"component\":[" PART("8480-6", "128") "," PART(
					"8462-4", "81.0") "," PART("8478-0", "97") "]") },
		{ "12-glucose-units", 0,
			AS_FHIR(MDC("160184") "," LOINC("2339-0"),
				"effectiveDateTime\":\"2026-11-20T08:00:12+01:00\"",
				QUANTITY("115", "mg/dL")) },
		{ "07-oximeter", 1,
			AS_FHIR(MDC("149530"), "effectiveDateTime\":\"2026-11-20T08:00:12+01:00\"",
				QUANTITY("66", "/min")) },
		{ "09-weight-height-bmi", 0,
			AS_FHIR(LOINC("29463-7"),
				"effectiveDateTime\":\"2026-11-20T08:00:12+01:00\"",
				QUANTITY("70.5", "kg")) },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct run run =
			run_message(cases[i].name, slurp(golden_path(cases[i].name, "hl7")));
		const struct observation ours =
			observation_of(run.read.observations[cases[i].index]);
		const struct observation theirs = observation_of(str_of(cases[i].fhir));
		assert_true(ours.has_device_key && theirs.has_device_key);
		if (!str_equal(ours.content, theirs.content))
			fail_msg("%s: content\n%.*s\n%.*s", cases[i].name, STR_ARG(ours.content),
				STR_ARG(theirs.content));
		bool met = false;
		for (size_t j = 0; j < ours.key_count; j++)
			for (size_t k = 0; k < theirs.key_count; k++)
				met = met || str_equal(ours.keys[j], theirs.keys[k]);
		assert_true(met);
	}
}

/* Messages of others, where the machine has them: PCD01_SAMPLES names a folder. Nothing but PID-3 is replaced. */
static struct str with_patient(struct str text)
{
	struct buf buf = buf_new(arena, text.length + 64, BYTES_MAX);
	struct str rest = text;
	while (rest.at != NULL) {
		const bool had = buf.length > 0;
		const struct str line = str_cut(rest, '\r', &rest);
		if (had)
			buf_add_byte(&buf, '\r');
		const struct str start =
			str_starts(line, STR("\n")) ? str_part(line, 1, line.length) : line;
		if (!str_starts(start, STR("PID|"))) {
			buf_add(&buf, line);
			continue;
		}
		struct str after;
		const struct str three = str_part(start, str_index(start, '^'), start.length);
		str_cut(three, '^', &after);
		buf_add_text(&buf, "PID|||12834710097^");
		buf_add(&buf, after);
	}
	return buf_str(&buf);
}

static void samples_of_others_go_in(void **state)
{
	(void)state;
	static const char *const names[] = { "01-ipf-bp", "03-ipf-maximum",
		"05-ipf-wan-oximeter-pleth", "10-ipf-wan-fitness" };
	const char *const folder = getenv("PCD01_SAMPLES");
	if (folder == NULL)
		skip();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct str bytes = slurp(str_format(arena, "%s/%s.hl7", folder, names[i]).at);
		assert_true(bytes.length > 0);
		const struct run run = run_message(names[i], with_patient(bytes));
		print_message("%s %.*s", names[i], STR_ARG(describe(&run)));
		assert_true(run.ok);
		check_observations(names[i], &run);
	}
}

/* A message of `rows` rows at most ER7_SEGMENTS_MAX; each row is worked by one of two shapes. */
static struct str long_message(size_t rows, bool nested)
{
	struct buf buf = buf_new(arena, 1 << 20, ER7_BYTES_MAX);
	buf_add_text(&buf,
		"MSH|^~\\&|A||||20261120080000+0100||ORU^R01^ORU_R01|1|P|2.6|||||||||^^1.3.6.1.4.1."
		"19376.1.6.1.1.1\r"
		"PID|||12834710097^^^&2.16.578.1.12.4.1.4.1&ISO\rOBR|1||||||20261120080000+0100\r");
	for (size_t i = 1; i <= rows; i++) {
		if (nested)
			buf_add_format(&buf, "OBX|%zu|NM|150021^^MDC|1.0.0.1|1||||||F\r", i);
		else
			buf_add_format(&buf,
				"OBX|%zu|NM|149546^^MDC|1.0.%zu.1|70|264864^^MDC|||||F\r", i, i);
	}
	assert_false(buf.full);
	return buf_str(&buf);
}

static double seconds_for(size_t rows, bool nested, size_t *observations_out)
{
	struct arena *const whole = arena;
	arena = arena_new(256 << 20);
	const struct str text = long_message(rows, nested);
	struct timespec start, stop;
	double best = 1e9;
	for (int i = 0; i < 3; i++) {
		struct arena *const outer = arena;
		arena = arena_new(256 << 20);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
		const struct run run = run_message("x", text);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &stop);
		assert_true(run.ok);
		*observations_out = run.read.count;
		const double took = (double)(stop.tv_sec - start.tv_sec) +
				    (double)(stop.tv_nsec - start.tv_nsec) / 1e9;
		best = took < best ? took : best;
		arena_free(&arena);
		arena = outer;
	}
	arena_free(&arena);
	arena = whole;
	return best;
}

/* Ten times the rows may take ten times as long, and half as much again for sorting; a square would be a hundred. */
static void time_grows_with_length(void **state)
{
	(void)state;
	for (int nested = 0; nested < 2; nested++) {
		size_t few, many;
		const double less = seconds_for(999, nested != 0, &few);
		const double more = seconds_for(9990, nested != 0, &many);
		print_message("%s: 999 rows %.2f ms, 9990 rows %.2f ms, %zu Observations\n",
			nested ? "one path" : "own paths", less * 1e3, more * 1e3, many);
		assert_int_equal(few, 999);
		assert_int_equal(many, 9990);
		assert_true(more < 30 * less);
	}
}

/* ERR-2 of a message of no use is the row that was left out, behind however many warnings of no harm: an outcome keeps a hundred. */
static void what_was_left_out_is_named(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 1 << 16, ER7_BYTES_MAX);
	buf_add_text(&buf,
		"MSH|^~\\&|A||||20261120080000+0100||ORU^R01^ORU_R01|1|P|2.6|||||||||^^1.3.6.1.4.1."
		"19376.1.6.1.1.1\r"
		"PID|||12834710097^^^&2.16.578.1.12.4.1.4.1&ISO\rOBR|1||||||20261120080000+0100\r");
	for (unsigned i = 1; i <= 120; i++)
		buf_add_format(&buf, "OBX|||528401^^MDC|%u.0.0.0|||||||X\r", i);
	buf_add_text(&buf, "OBX|121|NM|160208^^MDC|1.0.0.1|5.0|266866^^MDC|||||R\r");
	const struct run run = run_message("x", buf_str(&buf));
	assert_false(run.ok);
	assert_true(run.outcome.warnings > 120);
	assert_int_equal(run.outcome.errors, 1);
	assert_int_equal(run.outcome.last->severity, SEVERITY_ERROR);
	assert_int_equal(run.outcome.last->place.sequence, 121);
	assert_int_equal(run.outcome.last->place.field, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_left_out_is_named, begin, end),
		cmocka_unit_test_setup_teardown(golden_files_are_met, begin, end),
		cmocka_unit_test_setup_teardown(both_roads_lead_to_one_reading, begin, end),
		cmocka_unit_test_setup_teardown(samples_of_others_go_in, begin, end),
		cmocka_unit_test_setup_teardown(time_grows_with_length, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
