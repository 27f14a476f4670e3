/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every time that parses leaves open a span; an HL7 time and the FHIR time made of it begin at the same instant. */
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/instant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_written(struct arena *arena, instant at)
{
	struct buf buf = buf_new(arena, 32, 64);
	struct span span;
	instant_write(&buf, at);
	require(buf.length == 24 && span_parse_instant(buf_str(&buf), &span));
	require(span.low <= at && at - span.low < 86400 * INSTANT_SECOND);
}

static void check_dtm(struct arena *arena, struct str text, struct zone zone)
{
	struct buf buf = buf_new(arena, 32, text.length + 64); /* fractions may be of any length */
	struct span dtm, fhir;
	const bool good = span_parse_dtm(text, zone, &dtm);
	require(good == dtm_to_fhir(text, zone, &buf));
	if (!good)
		return;
	require(dtm.low < dtm.high);
	require(span_parse(buf_str(&buf), zone, &fhir));
	/* A FHIR date has no offset, so that of an HL7 date moves it. */
	if (buf.length > 10)
		require(fhir.low == dtm.low);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(1 << 20);
	const struct str text = { (const char *)data, size };
	const struct zone zones[] = { { .oslo = true }, { .offset_minutes = -150 } };
	struct span span;
	struct zone zone;
	for (size_t i = 0; i < 2; i++) {
		if (span_parse(text, zones[i], &span)) {
			require(span.low < span.high);
			if (span.precision >= PRECISION_MINUTE &&
				span.low > -62135596800 * INSTANT_SECOND &&
				span.high < 253402300800 * INSTANT_SECOND)
				check_written(arena, span.low);
		}
		check_dtm(arena, text, zones[i]);
	}
	if (span_parse_instant(text, &span))
		require(span.zoned && span.precision >= PRECISION_SECOND);
	if (zone_parse(text, &zone))
		require(zone.oslo || abs(zone.offset_minutes) <= 14 * 60);
	arena_free(&arena);
	return 0;
}
