/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/instant.h"

static struct arena *arena;
static const struct zone utc = { 0 }, oslo = { .oslo = true };

#define S(seconds) ((instant)(seconds)*INSTANT_SECOND)

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

struct row {
	const char *text;
	instant low, high;
	enum precision precision;
	bool zoned;
};

typedef bool parse_in_zone(struct str text, struct zone zone, struct span *out);

static void assert_rows(
	parse_in_zone *parse, const struct row *rows, size_t count, struct zone zone)
{
	for (size_t i = 0; i < count; i++) {
		struct span span;
		if (!parse(str_of(rows[i].text), zone, &span))
			fail_msg("refused: %s", rows[i].text);
		if (span.low != rows[i].low || span.high != rows[i].high)
			fail_msg("%s: [%" PRId64 ", %" PRId64 ")", rows[i].text, span.low,
				span.high);
		assert_int_equal(span.precision, rows[i].precision);
		assert_int_equal(span.zoned, rows[i].zoned);
	}
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* The seconds are those of GNU date. */
static void a_fhir_time_leaves_open_what_it_does_not_say(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "1970-01-01T00:00:00Z", S(0), S(1), PRECISION_SECOND, true },
		{ "2026-11-21T10:15:30+01:00", S(1795252530), S(1795252531), PRECISION_SECOND,
			true },
		{ "2026-11-21T10:15:30.5Z", S(1795256130) + 500000, S(1795256130) + 600000,
			PRECISION_FRACTION, true },
		{ "2026-11-21T10:15:30.123456789Z", S(1795256130) + 123456, S(1795256130) + 123457,
			PRECISION_FRACTION, true },
		/* R4 has no limit to the digits; past the microsecond they are text */
		{ "2026-11-21T10:15:30.1234567890123456789012345Z", S(1795256130) + 123456,
			S(1795256130) + 123457, PRECISION_FRACTION, true },
		{ "2026-11-21T10:15-05:30", S(1795275900), S(1795275960), PRECISION_MINUTE, true },
		{ "2026-11-21T10:15", S(1795256100), S(1795256160), PRECISION_MINUTE, false },
		{ "2026-11-21", S(1795219200), S(1795305600), PRECISION_DAY, true },
		{ "2026-11", S(1793491200), S(1796083200), PRECISION_MONTH, true },
		{ "2026-12", S(1796083200), S(1798761600), PRECISION_MONTH, true },
		{ "2026", S(1767225600), S(1798761600), PRECISION_YEAR, true },
		{ "2000-02-29", S(951782400), S(951868800), PRECISION_DAY, true },
		{ "1969-12-31T23:59:59Z", S(-1), S(0), PRECISION_SECOND, true },
		{ "0001-01-01", S(-62135596800), S(-62135510400), PRECISION_DAY, true },
		{ "9999-12-31", S(253402214400), S(253402300800), PRECISION_DAY, true },
		{ "9999", S(253370764800), S(253402300800), PRECISION_YEAR, true },
		{ "2016-12-31T23:59:60Z", S(1483228800), S(1483228801), PRECISION_SECOND, true },
		{ "2026-11-21T10:15:30+14:00", S(1795205730), S(1795205731), PRECISION_SECOND,
			true },
	};
	assert_rows(span_parse, rows, COUNT(rows), utc);
}

static void what_is_no_fhir_time_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "202", "20266", "2026-", "2026-1", "2026-13",
		"2026-00", "2026-11-", "2026-11-31", "2026-02-29", "1900-02-29", "2026-11-00",
		"2026-11-21T", "2026-11-21T10", "2026-11-21T10:", "2026-11-21T24:00",
		"2026-11-21T10:60", "2026-11-21T10:15:61Z",
		"2026-11-21T10:15:", "2026-11-21T10:15:30.", "2026-11-21T10:15:30.Z",
		"2026-11-21T10:15:30z", "2026-11-21t10:15:30Z", "2026-11-21 10:15:30Z",
		"2026-11-21T10:15:30+1:00", "2026-11-21T10:15:30+0100", "2026-11-21T10:15:30+14:01",
		"2026-11-21T10:15:30+01:60", "2026-11-21T10:15:30ZZ", "2026-11-21Z", "2026-11Z",
		"0000", "0000-01-01", "-2026", "+2026", "2026-11-21T10:15:30,5Z", "20261121",
		"2026-W01", "2026-1a-01", " 2026" };
	struct span span = { .low = 7 };
	for (size_t i = 0; i < COUNT(bad); i++)
		if (span_parse(str_of(bad[i]), utc, &span))
			fail_msg("accepted: %s", bad[i]);
	assert_true(span.low == 7);
}

static void an_instant_needs_seconds_and_a_zone(void **state)
{
	(void)state;
	struct span span;
	assert_true(span_parse_instant(STR("2026-11-21T10:15:30Z"), &span));
	assert_true(span.low == S(1795256130));
	assert_true(span_parse_instant(STR("2026-11-21T10:15:30.250+01:00"), &span));
	assert_true(span.low == S(1795252530) + 250000);
	assert_false(span_parse_instant(STR("2026-11-21T10:15:30"), &span));
	assert_false(span_parse_instant(STR("2026-11-21T10:15Z"), &span));
	assert_false(span_parse_instant(STR("2026-11-21"), &span));
}

/* In 2026 summer time is from 29 March 01:00 to 25 October 01:00 UTC (zdump Europe/Oslo). */
static void norwegian_time_follows_summer_and_winter(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "2026-01-15T12:00:00", S(1768474800), S(1768474801), PRECISION_SECOND, false },
		{ "2026-07-15T12:00:00", S(1784109600), S(1784109601), PRECISION_SECOND, false },
		{ "2026-03-29T01:59:59", S(1774745999), S(1774746000), PRECISION_SECOND, false },
		{ "2026-03-29T03:00:00", S(1774746000), S(1774746001), PRECISION_SECOND, false },
		/* does not exist: moved on to 03:30 */
		{ "2026-03-29T02:30:00", S(1774747800), S(1774747801), PRECISION_SECOND, false },
		/* comes twice: the first */
		{ "2026-10-25T02:30:00", S(1792888200), S(1792888201), PRECISION_SECOND, false },
		{ "2026-10-25T01:59:59", S(1792886399), S(1792886400), PRECISION_SECOND, false },
		{ "2026-10-25T03:00:00", S(1792893600), S(1792893601), PRECISION_SECOND, false },
		/* days of 23 and of 25 hours */
		{ "2026-03-29", S(1774738800), S(1774738800 + 23 * 3600), PRECISION_DAY, true },
		{ "2026-10-25", S(1792879200), S(1792879200 + 25 * 3600), PRECISION_DAY, true },
		{ "2026", S(1767222000), S(1798758000), PRECISION_YEAR, true },
		/* an offset that is written wins */
		{ "2026-07-15T12:00:00+01:00", S(1784113200), S(1784113201), PRECISION_SECOND,
			true },
	};
	assert_rows(span_parse, rows, COUNT(rows), oslo);
}

static void an_hl7_time_leaves_open_what_it_does_not_say(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "20261121101530+0100", S(1795252530), S(1795252531), PRECISION_SECOND, true },
		{ "20261121101530.25+0000", S(1795256130) + 250000, S(1795256130) + 260000,
			PRECISION_FRACTION, true },
		{ "20261121101530.1234-0000", S(1795256130) + 123400, S(1795256130) + 123500,
			PRECISION_FRACTION, true },
		{ "202611211015", S(1795256100), S(1795256160), PRECISION_MINUTE, false },
		{ "2026112110", S(1795255200), S(1795258800), PRECISION_MINUTE, false },
		{ "20261121", S(1795219200), S(1795305600), PRECISION_DAY, true },
		{ "20261121+0100", S(1795215600), S(1795302000), PRECISION_DAY, true },
		{ "202611", S(1793491200), S(1796083200), PRECISION_MONTH, true },
		{ "2026", S(1767225600), S(1798761600), PRECISION_YEAR, true },
		/* TS of HL7 v2 before 2.6 */
		{ "20261121101530+0100^S", S(1795252530), S(1795252531), PRECISION_SECOND, true },
		{ "20261121101530$M", S(1795256130), S(1795256131), PRECISION_SECOND, false },
		{ "20261121101530.25+0000^D", S(1795219200), S(1795305600), PRECISION_DAY, true },
		{ "20261121+0100^L", S(1793487600), S(1796079600), PRECISION_MONTH, true },
		{ "20261121101530^Y", S(1767225600), S(1798761600), PRECISION_YEAR, true },
		/* ISO 8601's zones, and digits past HL7's four */
		{ "20261121101530Z", S(1795256130), S(1795256131), PRECISION_SECOND, true },
		{ "20261121101530+01:00", S(1795252530), S(1795252531), PRECISION_SECOND, true },
		{ "20261121101530.1234567+00:00", S(1795256130) + 123456, S(1795256130) + 123457,
			PRECISION_FRACTION, true },
		{ "2026^D", S(1767225600), S(1798761600), PRECISION_YEAR, true },
	};
	assert_rows(span_parse_dtm, rows, COUNT(rows), utc);
	static const char *const bad[] = { "", "20", "20261", "2026113", "202613", "20261131",
		"2026112124", "202611211", "20261121106", "2026112110153", "202611211060",
		"20261121101561", "20261121101530.", "20261121101530123", "20261121101530+01",
		"20261121101530+1401", "20261121101530 ", "2026-11-21", "20261121Z",
		"20261121101530+01:0", "20261121101530+1:00", "20261121101530ZZ", "0000",
		"20261121^", "20261121^X", "20261121^d", "20261121D", "20261121+D", "20261121.S",
		"20261121 S", "202611210D", "20261121^S^", "20261131^M", "^D", "D" };
	struct span span;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (span_parse_dtm(str_of(bad[i]), utc, &span))
			fail_msg("accepted: %s", bad[i]);
}

static void zones_are_few(void **state)
{
	(void)state;
	struct zone zone;
	assert_true(zone_parse(STR("Europe/Oslo"), &zone) && zone.oslo);
	assert_true(zone_parse(STR("UTC"), &zone) && !zone.oslo && zone.offset_minutes == 0);
	assert_true(zone_parse(STR("+05:30"), &zone) && zone.offset_minutes == 330);
	assert_true(zone_parse(STR("-14:00"), &zone) && zone.offset_minutes == -840);
	static const char *const bad[] = { "", "utc", "Z", "Europe/Stockholm", "+1:00", "+01:00 ",
		"01:00", "+0100", "+14:01", "+01:60" };
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(zone_parse(str_of(bad[i]), &zone));
}

static void assert_written(instant at, const char *text)
{
	struct buf buf = buf_new(arena, 0, 100);
	instant_write(&buf, at);
	if (!str_is(buf_str(&buf), text))
		fail_msg("%" PRId64 ": %.*s", at, STR_ARG(buf_str(&buf)));
}

static void an_instant_is_written_with_milliseconds(void **state)
{
	(void)state;
	assert_written(0, "1970-01-01T00:00:00.000Z");
	assert_written(S(1795256130) + 123999, "2026-11-21T10:15:30.123Z");
	assert_written(-1, "1969-12-31T23:59:59.999Z");
	assert_written(S(951782400), "2000-02-29T00:00:00.000Z");
	assert_written(S(-62135596800), "0001-01-01T00:00:00.000Z");
	assert_written(INSTANT_MIN, "0001-01-01T00:00:00.000Z");
	assert_written(INSTANT_MAX, "9999-12-31T23:59:59.999Z");
}

/* Every day from 1800 to 2200, and each comes back. */
static void every_day_survives_the_way_there_and_back(void **state)
{
	(void)state;
	const instant day = S(86400);
	for (instant at = S(-5364662400); at < S(7258118400); at += day) {
		struct buf buf = buf_new(arena, 0, 100);
		struct span span;
		instant_write(&buf, at);
		assert_true(span_parse(str_part(buf_str(&buf), 0, 10), utc, &span));
		assert_true(span.low == at && span.high == at + day);
		if (at % (day * 1000) == 0) {
			arena_free(&arena);
			arena = arena_new(1 << 20);
		}
	}
}

static void an_hl7_time_keeps_digits_precision_and_offset(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{ "2026", "2026" },
		{ "202611", "2026-11" },
		{ "20261121", "2026-11-21" },
		{ "20261121+0100", "2026-11-21" },
		{ "202611211015+0100", "2026-11-21T10:15:00+01:00" },
		{ "20261121101530", "2026-11-21T10:15:30+01:00" },
		{ "20260721101530", "2026-07-21T10:15:30+02:00" },
		{ "20261121101530.1200-0330", "2026-11-21T10:15:30.1200-03:30" },
		{ "20261121101530+0000", "2026-11-21T10:15:30+00:00" },
		{ "20261121101530.1234567Z", "2026-11-21T10:15:30.1234567+00:00" },
		{ "20261121101530.12+0000^S", "2026-11-21T10:15:30.12+00:00" },
		{ "20261121101530+0100^D", "2026-11-21" },
		{ "20261121101530+0100^L", "2026-11" },
		/* The same instant as 03:30+02:00, which a clock in Norway shows then. */
		{ "20260329023000", "2026-03-29T02:30:00+01:00" },
		{ "20261025023000", "2026-10-25T02:30:00+02:00" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf buf = buf_new(arena, 0, 100);
		assert_true(dtm_to_fhir(str_of(rows[i][0]), oslo, &buf));
		if (!str_is(buf_str(&buf), rows[i][1]))
			fail_msg("%s: %.*s", rows[i][0], STR_ARG(buf_str(&buf)));
		struct span dtm, fhir;
		assert_true(span_parse_dtm(str_of(rows[i][0]), oslo, &dtm));
		assert_true(span_parse(buf_str(&buf), oslo, &fhir));
		assert_true(dtm.low == fhir.low);
	}
	struct buf buf = buf_new(arena, 0, 100);
	assert_false(dtm_to_fhir(STR("20261131"), oslo, &buf));
	assert_int_equal(buf_str(&buf).length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fhir_time_leaves_open_what_it_does_not_say),
		cmocka_unit_test(what_is_no_fhir_time_is_refused),
		cmocka_unit_test(an_instant_needs_seconds_and_a_zone),
		cmocka_unit_test(norwegian_time_follows_summer_and_winter),
		cmocka_unit_test(an_hl7_time_leaves_open_what_it_does_not_say),
		cmocka_unit_test(zones_are_few),
		cmocka_unit_test(an_instant_is_written_with_milliseconds),
		cmocka_unit_test(every_day_survives_the_way_there_and_back),
		cmocka_unit_test(an_hl7_time_keeps_digits_precision_and_offset),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
