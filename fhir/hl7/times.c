/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/rows.h"

#define DAY (24 * 3600 * INSTANT_SECOND)
/* 1900-01-01T00:00:00Z */
#define YEAR_1900 (-2208988800 * INSTANT_SECOND)

static bool read_time(const struct reading *reading, struct str text, struct hl7_place place,
	enum severity severity, struct span *out)
{
	if (!span_parse_dtm(text, reading->policy->zone, out)) {
		outcome_at(reading->outcome, severity, OUTCOME_VALUE, place,
			"%s-%u is not a time of the form YYYYMMDDHHMMSS+ZZZZ", place.segment,
			place.field);
		return false;
	}
	if (!out->zoned && !reading->policy->zone_known) {
		outcome_at(reading->outcome, severity, OUTCOME_VALUE, place,
			"%s-%u has no time zone and none is agreed with this sender; add +ZZZZ",
			place.segment, place.field);
		return false;
	}
	if (out->loose)
		outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_VALUE, place,
			"%s-%u is not written as HL7 v2.6 has it (YYYYMMDDHHMMSS.SSSS+ZZZZ), but "
			"is read; where a "
			"degree of precision stands behind it, Y, L or D, as that much of a date",
			place.segment, place.field);
	if (out->unsure)
		outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_BUSINESS_RULE, place,
			"%s-%u has no time zone and lies in the hour that clocks show twice or "
			"skip; in October the first is meant, in March it is moved on by an hour",
			place.segment, place.field);
	return true;
}

/* OBR-7 and OBR-8 are a half-open interval; a row without a time of its own spans it (IHE PCD TF-2 3.1, OBR-7 and OBR-8). */
static bool ends_later(const struct reading *reading, const struct group *group, instant low)
{
	if (group->end.length == 0)
		return false;
	const struct hl7_place place = { "OBR", group->segment->sequence, 8, 0 };
	struct span end;
	if (!read_time(reading, group->end, place, SEVERITY_WARNING, &end))
		return false;
	if (end.low < low)
		outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_VALUE, place,
			"OBR-8 is before OBR-7; it is left out");
	return end.low > low;
}

static bool is_plausible(struct reading *reading, const struct row *row, instant low)
{
	if (low <= reading->policy->now + DAY && low >= YEAR_1900)
		return true;
	row_lose(reading, row, OBX_TIME, OUTCOME_BUSINESS_RULE,
		"The time lies more than 24 hours ahead or before 1900: set the device's clock; "
		"the row is left out");
	return false;
}

bool times_find(struct reading *reading, struct row *row)
{
	const struct row *source = row;
	while (row_field(source, OBX_TIME).length == 0 && source->parent != ROW_NONE)
		source = &reading->rows[source->parent];
	const struct group *const group = &reading->groups[row->group];
	const struct str own = row_field(source, OBX_TIME);
	const struct str text = own.length > 0 ? own : group->start;
	struct hl7_place place = row_place(source, OBX_TIME);
	if (own.length == 0 && group->segment != NULL)
		place = (struct hl7_place){ "OBR", group->segment->sequence, 7, 0 };
	if (text.length == 0) {
		row_lose(reading, row, OBX_TIME, OUTCOME_REQUIRED,
			"Neither OBX-14 nor OBR-7 gives a time; the row is left out");
		return false;
	}
	struct span span;
	if (!read_time(reading, text, place, SEVERITY_ERROR, &span) ||
		!is_plausible(reading, row, span.low))
		return false;
	row->start = text;
	row->low = span.low;
	row->inherits_interval = own.length == 0 && ends_later(reading, group, span.low);
	return true;
}

static void write_time(const struct reading *reading, struct str dtm, struct buf *buf)
{
	buf_add_byte(buf, '"');
	dtm_to_fhir(dtm, reading->policy->zone, buf);
	buf_add_byte(buf, '"');
}

void times_write(struct reading *reading, const struct row *row, double seconds, struct buf *buf)
{
	const struct group *const group = &reading->groups[row->group];
	if (seconds <= 0 && !row->inherits_interval) {
		buf_add_text(buf, "\"effectiveDateTime\":");
		write_time(reading, row->start, buf);
		return;
	}
	buf_add_text(buf, "\"effectivePeriod\":{\"start\":");
	write_time(reading, row->start, buf);
	buf_add_text(buf, ",\"end\":");
	if (seconds > 0) {
		buf_add_byte(buf, '"');
		instant_write(buf, row->low + (instant)(seconds * (double)INSTANT_SECOND));
		buf_add_byte(buf, '"');
	} else {
		write_time(reading, group->end, buf);
	}
	buf_add_byte(buf, '}');
}

static struct str device_of_group(const struct reading *reading, const struct row *row)
{
	bool more;
	return str_trim(er7_repetition(
		reading->message, reading->groups[row->group].party.device, 0, &more));
}

struct str device_find(const struct reading *reading, const struct row *row)
{
	for (;;) {
		const struct str field = row_field(row, OBX_DEVICE);
		bool more;
		/* IHE PCD TF-2 B.8.13: the lowest level comes first. */
		if (field.length > 0)
			return str_trim(er7_repetition(reading->message, field, 0, &more));
		if (row->parent == ROW_NONE)
			return device_of_group(reading, row);
		row = &reading->rows[row->parent];
	}
}
