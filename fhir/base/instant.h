/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BASE_INSTANT_H
#define FHIR_BASE_INSTANT_H

#include "fhir/base/outcome.h"
#include "fhir/base/str.h"

struct arena;
struct buf;

/* Microseconds since 1970-01-01T00:00:00Z. */
typedef int64_t instant;
#define INSTANT_MIN    INT64_MIN /* "-infinity" in the database */
#define INSTANT_MAX    INT64_MAX /* "infinity" */
#define INSTANT_SECOND ((instant)1000000)

enum precision {
	PRECISION_YEAR,
	PRECISION_MONTH,
	PRECISION_DAY,
	PRECISION_MINUTE,
	PRECISION_SECOND,
	PRECISION_FRACTION
};

/* What a written time means: the half-open interval [low, high) it leaves open (FHIR R4 search, date: implicit ranges). */
struct span {
	instant low, high;
	enum precision precision;
	bool zoned;  /* the text had Z or an offset, or is a date only */
	bool unsure; /* without zone, in the hour that its zone's clocks show twice or skip */
	bool loose;  /* of HL7 v2: read, but not as v2.6 writes it (span_parse_dtm) */
};

/*
 * The zone that zone-less times are read in: Norwegian civil time ("Europe/Oslo": CET, CEST from the last Sunday of March 01:00 UTC to the
 * last Sunday of October 01:00 UTC), or a fixed offset. In the hour that comes twice the first (summer time) is meant; a time that
 * does not exist is moved on by an hour.
 */
struct zone {
	bool oslo;
	int offset_minutes;
};

/* "Europe/Oslo", "UTC" or +hh:mm / -hh:mm; false for anything else. */
bool zone_parse(struct str text, struct zone *out);
/* What zone_parse() takes for it; on the arena. */
struct str zone_name(struct arena *arena, struct zone zone);

/* FHIR R4 date or dateTime (also without seconds or zone, as search allows). Dates without zone are in `zone`. False without adding an issue when not well formed or no such day; out untouched. */
bool span_parse(struct str text, struct zone zone, struct span *out);
/* FHIR R4 instant: seconds and zone required. */
bool span_parse_instant(struct str text, struct span *out);
/*
 * HL7 v2 DTM: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]. And what says the same in other words (loose): more digits of a fraction, a zone as Z or +ZZ:ZZ, and the TS of before v2.6,
 * whose second component is a degree of precision (`20261120081500^S`, any component separator): years (Y), months (L) and days (D) are read to it, a clock as it is written.
 */
bool span_parse_dtm(struct str text, struct zone zone, struct span *out);

/* `2026-11-21T10:15:30.123Z`, always milliseconds and Z (R4 instant). */
void instant_write(struct buf *buf, instant at);
/* FHIR dateTime of an HL7 DTM: same digits, precision and offset as written; `zone` fills in where the DTM has none. */
bool dtm_to_fhir(struct str dtm, struct zone zone, struct buf *out);

#endif
