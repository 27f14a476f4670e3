/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Written times to instants and back. Norwegian civil time is computed by the rule that has held since 1996 and not
 * read from a time-zone file, so the result is the same on every machine; a zone-less time before 1996 may be an hour off.
 */
#include "fhir/base/instant.h"

#include <stdlib.h>

#include "fhir/base/buf.h"

#define MINUTE (60 * INSTANT_SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* A time as it stands written: the fields, how many of them there are, and the offset if there is one. */
struct written {
	int year, month, day, hour, minute, second;
	instant fraction, fraction_unit; /* microseconds; the unit of its last digit, at least 1 */
	struct str fraction_digits;
	bool has_hour;
	bool has_minute;
	bool has_offset;
	bool is_loose; /* not as HL7 v2.6 writes it */
	int offset_minutes;
	enum precision precision;
};

/* Days since 1970-01-01 in the Gregorian calendar; years are counted from March so that the leap day comes last. */
static int64_t days_of(int64_t year, int month, int day)
{
	year -= month <= 2;
	const int64_t era = (year >= 0 ? year : year - 399) / 400;
	const int64_t year_of_era = year - era * 400;
	const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

struct date {
	int year, month, day;
};

/* The inverse of days_of. */
static struct date date_of(int64_t days)
{
	days += 719468;
	const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	const int64_t day_of_era = days - era * 146097;
	const int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	const int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const int month_from_march = (int)((5 * day_of_year + 2) / 153);
	struct date date = { .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1) };
	date.month = month_from_march + (month_from_march < 10 ? 3 : -9);
	date.year = (int)(year_of_era + era * 400) + (date.month <= 2);
	return date;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

/* 01:00 UTC on the last Sunday of a month of 31 days (Directive 2000/84/EC, articles 2 and 3). */
static instant change_of(int year, int month)
{
	const int64_t last = days_of(year, month, 31);
	const int64_t weekday =
		((last + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; Sunday is 0 */
	return (last - weekday) * DAY + HOUR;
}

/* Minutes that civil time `local` (an instant, read as if it were UTC) of `year` is ahead of UTC. */
static int offset_of(struct zone zone, instant local, int year)
{
	if (!zone.oslo)
		return zone.offset_minutes;
	const instant if_summer = local - 2 * HOUR;
	const bool summer = if_summer >= change_of(year, 3) && if_summer < change_of(year, 10);
	return summer ? 120 : 60;
}

/* Does civil time show the hour of `local` twice, or not at all? Both change between 02:00 and 03:00. */
static bool is_unsure(struct zone zone, instant local, int year)
{
	const instant march = change_of(year, 3) + HOUR, october = change_of(year, 10) + HOUR;
	return zone.oslo && ((local >= march && local < march + HOUR) ||
				    (local >= october && local < october + HOUR));
}

static instant to_utc(struct zone zone, instant local, int year)
{
	return local - offset_of(zone, local, year) * MINUTE;
}

/* Exactly `count` digits at *at. */
static bool take_number(struct str text, size_t *at, size_t count, int *out)
{
	const struct str digits = str_part(text, *at, count);
	uint64_t number;
	if (digits.length != count || !str_to_u64(digits, &number))
		return false;
	*at += count;
	*out = (int)number;
	return true;
}

static bool take_byte(struct str text, size_t *at, char byte)
{
	if (*at >= text.length || text.at[*at] != byte)
		return false;
	++*at;
	return true;
}

static bool is_digit_at(struct str text, size_t at)
{
	return at < text.length && text.at[at] >= '0' && text.at[at] <= '9';
}

/* Digits behind a decimal point; those past the microsecond are read and dropped. */
static bool take_fraction(struct str text, size_t *at, struct written *out)
{
	const size_t from = *at;
	instant unit = INSTANT_SECOND;
	for (; is_digit_at(text, *at); ++*at) {
		if (unit == 1)
			continue;
		unit /= 10;
		out->fraction += (text.at[*at] - '0') * unit;
	}
	out->fraction_unit = unit;
	out->fraction_digits = str_part(text, from, *at - from);
	out->precision = PRECISION_FRACTION;
	return *at > from;
}

/* hh:mm or hhmm behind the sign. FHIR R4 dateTime: at most 14:00. */
static bool take_offset(struct str text, size_t *at, bool colon, struct written *out)
{
	int hours, minutes;
	const bool west = text.at[(*at)++] == '-';
	if (!take_number(text, at, 2, &hours) || (colon && !take_byte(text, at, ':')) ||
		!take_number(text, at, 2, &minutes))
		return false;
	if (minutes > 59 || hours * 60 + minutes > 14 * 60)
		return false;
	out->has_offset = true;
	out->offset_minutes = west ? -(hours * 60 + minutes) : hours * 60 + minutes;
	return true;
}

static bool is_sign_at(struct str text, size_t at)
{
	return at < text.length && (text.at[at] == '+' || text.at[at] == '-');
}

/* A leap second, :60, is the second after it (FHIR R4 allows it; POSIX time has no place for it). */
static bool is_possible(const struct written *time)
{
	return time->year >= 1 && time->month >= 1 && time->month <= 12 && time->day >= 1 &&
	       time->day <= days_in_month(time->year, time->month) && time->hour <= 23 &&
	       time->minute <= 59 && time->second <= 60;
}

/* hh:mm[:ss[.f+]][Z|+hh:mm] */
static bool take_time(struct str text, size_t *at, struct written *out)
{
	if (!take_number(text, at, 2, &out->hour) || !take_byte(text, at, ':') ||
		!take_number(text, at, 2, &out->minute))
		return false;
	out->has_hour = out->has_minute = true;
	out->precision = PRECISION_MINUTE;
	if (take_byte(text, at, ':')) {
		if (!take_number(text, at, 2, &out->second))
			return false;
		out->precision = PRECISION_SECOND;
		if (take_byte(text, at, '.') && !take_fraction(text, at, out))
			return false;
	}
	if (take_byte(text, at, 'Z')) {
		out->has_offset = true;
		return true;
	}
	return !is_sign_at(text, *at) || take_offset(text, at, true, out);
}

/* FHIR R4: YYYY[-MM[-DD[Thh:mm[:ss[.f+]][zone]]]] */
static bool parse_fhir(struct str text, struct written *out)
{
	*out = (struct written){ .month = 1, .day = 1, .precision = PRECISION_YEAR };
	size_t at = 0;
	if (!take_number(text, &at, 4, &out->year))
		return false;
	if (take_byte(text, &at, '-')) {
		if (!take_number(text, &at, 2, &out->month))
			return false;
		out->precision = PRECISION_MONTH;
		if (take_byte(text, &at, '-')) {
			if (!take_number(text, &at, 2, &out->day))
				return false;
			out->precision = PRECISION_DAY;
		}
	}
	if (out->precision == PRECISION_DAY && take_byte(text, &at, 'T') &&
		!take_time(text, &at, out))
		return false;
	return at == text.length && is_possible(out);
}

/* HH[MM[SS[.S[S[S[S]]]]]] */
static bool take_dtm_time(struct str text, size_t *at, struct written *out)
{
	if (!take_number(text, at, 2, &out->hour))
		return false;
	out->has_hour = true;
	out->precision = PRECISION_MINUTE;
	if (!is_digit_at(text, *at))
		return true;
	if (!take_number(text, at, 2, &out->minute))
		return false;
	out->has_minute = true;
	if (!is_digit_at(text, *at))
		return true;
	if (!take_number(text, at, 2, &out->second))
		return false;
	out->precision = PRECISION_SECOND;
	if (!take_byte(text, at, '.'))
		return true;
	const size_t before = *at;
	const bool taken = take_fraction(text, at, out);
	out->is_loose = *at - before > 4;
	return taken;
}

/* +ZZZZ; +ZZ:ZZ and, behind a clock, Z, as ISO 8601 has them, say the same. */
static bool take_dtm_zone(struct str text, size_t *at, struct written *out)
{
	if (out->has_hour && take_byte(text, at, 'Z')) {
		out->has_offset = out->is_loose = true;
		return true;
	}
	if (!is_sign_at(text, *at))
		return true;
	const bool colon = *at + 3 < text.length && text.at[*at + 3] == ':';
	out->is_loose = out->is_loose || colon;
	return take_offset(text, at, colon, out);
}

/* HL7 v2.5 2.A.77, TS: what is known of a time whose digits may say more. Takes the degree from *text. */
static char cut_degree(struct str *text)
{
	static const char letters[] = "YLDHMS", separators[] = "^&~\\|!\"#$%'()*,/:;<=>?@[]_`{}";
	if (text->length < 2)
		return '\0';
	const char letter = text->at[text->length - 1], separator = text->at[text->length - 2];
	if (memchr(letters, letter, sizeof(letters) - 1) == NULL ||
		memchr(separators, separator, sizeof(separators) - 1) == NULL)
		return '\0';
	text->length -= 2;
	return letter;
}

/* A day that is known is a day, whatever clock stands behind it. */
static void apply_degree(struct written *time, char degree)
{
	time->is_loose = time->is_loose || degree != '\0';
	const enum precision known = degree == 'Y'   ? PRECISION_YEAR
				     : degree == 'L' ? PRECISION_MONTH
				     : degree == 'D' ? PRECISION_DAY
						     : PRECISION_FRACTION;
	if (known >= time->precision)
		return;
	*time = (struct written){ .year = time->year,
		.month = known >= PRECISION_MONTH ? time->month : 1,
		.day = known >= PRECISION_DAY ? time->day : 1,
		.has_offset = time->has_offset,
		.offset_minutes = time->offset_minutes,
		.is_loose = true,
		.precision = known };
}

/* HL7 v2.6 2.A.22: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ] */
static bool parse_dtm(struct str text, struct written *out)
{
	*out = (struct written){ .month = 1, .day = 1, .precision = PRECISION_YEAR };
	size_t at = 0;
	const char degree = cut_degree(&text);
	if (!take_number(text, &at, 4, &out->year))
		return false;
	if (is_digit_at(text, at)) {
		if (!take_number(text, &at, 2, &out->month))
			return false;
		out->precision = PRECISION_MONTH;
		if (is_digit_at(text, at)) {
			if (!take_number(text, &at, 2, &out->day))
				return false;
			out->precision = PRECISION_DAY;
		}
	}
	if (out->precision == PRECISION_DAY && is_digit_at(text, at) &&
		!take_dtm_time(text, &at, out))
		return false;
	if (!take_dtm_zone(text, &at, out))
		return false;
	if (at != text.length || !is_possible(out))
		return false;
	apply_degree(out, degree);
	return true;
}

/* The time as if its fields were UTC. */
static instant local_of(const struct written *time)
{
	return days_of(time->year, time->month, time->day) * DAY + time->hour * HOUR +
	       time->minute * MINUTE + time->second * INSTANT_SECOND + time->fraction;
}

/* Midnight at the start of the day, month or year after the written one, as if UTC. */
static instant next_local(const struct written *time)
{
	switch (time->precision) {
	case PRECISION_YEAR:
		return days_of(time->year + 1, 1, 1) * DAY;
	case PRECISION_MONTH:
		return days_of(time->year + time->month / 12, time->month % 12 + 1, 1) * DAY;
	case PRECISION_DAY:
		return local_of(time) + DAY;
	case PRECISION_MINUTE:
		return local_of(time) + (time->has_minute ? MINUTE : HOUR);
	case PRECISION_SECOND:
		return local_of(time) + INSTANT_SECOND;
	case PRECISION_FRACTION:
		return local_of(time) + time->fraction_unit;
	}
	abort();
}

static struct span span_of(const struct written *time, struct zone zone)
{
	if (time->has_offset)
		zone = (struct zone){ .offset_minutes = time->offset_minutes };
	struct span span = {
		.precision = time->precision,
		.zoned = time->has_offset || !time->has_hour,
		.loose = time->is_loose,
	};
	const instant low = local_of(time), high = next_local(time);
	span.unsure = !span.zoned && is_unsure(zone, low, time->year);
	span.low = to_utc(zone, low, time->year);
	if (time->has_hour)
		span.high = span.low + (high - low);
	else
		span.high = to_utc(zone, high, date_of(high / DAY).year);
	return span;
}

bool zone_parse(struct str text, struct zone *out)
{
	struct written offset = { 0 };
	size_t at = 0;
	if (str_is(text, "Europe/Oslo")) {
		*out = (struct zone){ .oslo = true };
		return true;
	}
	const bool utc = str_is(text, "UTC");
	if (!utc && (!is_sign_at(text, 0) || !take_offset(text, &at, true, &offset) ||
			    at != text.length))
		return false;
	*out = (struct zone){ .offset_minutes = offset.offset_minutes };
	return true;
}

struct str zone_name(struct arena *arena, struct zone zone)
{
	const int minutes = abs(zone.offset_minutes);
	if (zone.oslo)
		return STR("Europe/Oslo");
	if (minutes == 0)
		return STR("UTC");
	return str_format(arena, "%c%02d:%02d", zone.offset_minutes < 0 ? '-' : '+', minutes / 60,
		minutes % 60);
}

bool span_parse(struct str text, struct zone zone, struct span *out)
{
	struct written time;
	if (!parse_fhir(text, &time))
		return false;
	*out = span_of(&time, zone);
	return true;
}

bool span_parse_instant(struct str text, struct span *out)
{
	struct written time;
	if (!parse_fhir(text, &time) || !time.has_offset || time.precision < PRECISION_SECOND)
		return false;
	*out = span_of(&time, (struct zone){ 0 });
	return true;
}

bool span_parse_dtm(struct str text, struct zone zone, struct span *out)
{
	struct written time;
	if (!parse_dtm(text, &time))
		return false;
	*out = span_of(&time, zone);
	return true;
}

static void write_digits(struct buf *buf, int64_t number, size_t count)
{
	char *at = buf_add_room(buf, count);
	while (at != NULL && count > 0) {
		at[--count] = (char)('0' + number % 10);
		number /= 10;
	}
}

static void write_day(struct buf *buf, struct date date, enum precision precision)
{
	write_digits(buf, date.year, 4);
	if (precision >= PRECISION_MONTH) {
		buf_add_byte(buf, '-');
		write_digits(buf, date.month, 2);
	}
	if (precision >= PRECISION_DAY) {
		buf_add_byte(buf, '-');
		write_digits(buf, date.day, 2);
	}
}

static void write_clock(struct buf *buf, int64_t seconds)
{
	buf_add_byte(buf, 'T');
	write_digits(buf, seconds / 3600, 2);
	buf_add_byte(buf, ':');
	write_digits(buf, seconds / 60 % 60, 2);
	buf_add_byte(buf, ':');
	write_digits(buf, seconds % 60, 2);
}

void instant_write(struct buf *buf, instant at)
{
	/* An R4 instant has four digits of year: what lies outside is written as the first or last that has. */
	const instant first = days_of(1, 1, 1) * DAY, last = days_of(10000, 1, 1) * DAY - 1;
	if (at < first)
		at = first;
	else if (at > last)
		at = last;
	instant in_day = at % DAY;
	if (in_day < 0)
		in_day += DAY;
	write_day(buf, date_of((at - in_day) / DAY), PRECISION_DAY);
	write_clock(buf, in_day / INSTANT_SECOND);
	buf_add_byte(buf, '.');
	write_digits(buf, in_day % INSTANT_SECOND / 1000, 3);
	buf_add_byte(buf, 'Z');
}

static void write_offset(struct buf *buf, int minutes)
{
	buf_add_byte(buf, minutes < 0 ? '-' : '+');
	const int size = abs(minutes);
	write_digits(buf, size / 60, 2);
	buf_add_byte(buf, ':');
	write_digits(buf, size % 60, 2);
}

bool dtm_to_fhir(struct str dtm, struct zone zone, struct buf *out)
{
	struct written time;
	if (!parse_dtm(dtm, &time))
		return false;
	write_day(out, (struct date){ time.year, time.month, time.day }, time.precision);
	if (!time.has_hour)
		return true; /* FHIR R4: a date has no zone */
	/* FHIR R4 dateTime: seconds must be there and may be zero-filled. */
	buf_add_byte(out, 'T');
	write_digits(out, time.hour, 2);
	buf_add_byte(out, ':');
	write_digits(out, time.minute, 2);
	buf_add_byte(out, ':');
	write_digits(out, time.second, 2);
	if (time.fraction_digits.length > 0) {
		buf_add_byte(out, '.');
		buf_add(out, time.fraction_digits);
	}
	write_offset(out, time.has_offset ? time.offset_minutes
					  : offset_of(zone, local_of(&time), time.year));
	return true;
}
