/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/conditions.h"

#include <limits.h>

/* W/"3", "3" or 3. Weak and strong are one here: a version is never two byte sequences to one caller. */
static bool version_of(struct str tag, int *out)
{
	uint64_t number;
	if (str_starts(tag, STR("W/")))
		tag = str_part(tag, 2, tag.length);
	if (tag.length >= 2 && tag.at[0] == '"' && tag.at[tag.length - 1] == '"')
		tag = str_part(tag, 1, tag.length - 2);
	/* As our ETags write it: no leading zero, which would be another tag. */
	if (!str_to_u64(tag, &number) || tag.at[0] == '0' || number > INT_MAX)
		return false;
	*out = (int)number;
	return true;
}

bool condition_if_match(struct str header, int *version_out, struct outcome *outcome)
{
	const struct str tag = str_trim(header);
	*version_out = 0;
	/* A header without a version is no header left out: who sent it meant to overwrite nothing. */
	if (header.at == NULL || str_is(tag, "*") || version_of(tag, version_out))
		return true;
	return outcome_fail(outcome, OUTCOME_INVALID, STR("If-Match"),
		"If-Match must be one version as its ETag has it: W/\"1\"");
}

bool condition_none_match(struct str header, int version)
{
	for (struct str rest = header; rest.length > 0;) {
		const struct str tag = str_trim(str_cut(rest, ',', &rest));
		int named;
		if (str_is(tag, "*") || (version_of(tag, &named) && named == version))
			return true;
	}
	return false;
}

bool condition_is_expected(int expected, int version, struct str place, struct outcome *outcome)
{
	return expected == 0 || expected == version ||
	       outcome_fail(outcome, OUTCOME_STALE, place,
		       "If-Match asks for version %d, but version %d is there; read it and decide "
		       "again",
		       expected, version);
}

bool condition_is_unnamed(
	struct str none_match, int version, struct str place, struct outcome *outcome)
{
	return !condition_none_match(none_match, version) ||
	       outcome_fail(outcome, OUTCOME_STALE, place,
		       "version %d is there, which If-None-Match rules out", version);
}

static bool digits(struct str text, size_t from, size_t length, int *out)
{
	uint64_t number;
	if (!str_to_u64(str_part(text, from, length), &number))
		return false;
	*out = (int)number;
	return true;
}

static bool month_of(struct str name, int *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (int month = 0; month < 12; month++) {
		if (str_equal(name, (struct str){ months + 3 * month, 3 })) {
			*out = month + 1;
			return true;
		}
	}
	return false;
}

struct moment {
	int day, month, year, hour, minute, second;
};

/* Days since 1970-01-01 of the proleptic Gregorian calendar, and the time of the day. */
static bool instant_of(const struct moment *at, instant *out)
{
	if (at->day < 1 || at->day > 31 || at->hour > 23 || at->minute > 59 || at->second > 60 ||
		at->year < 1900)
		return false;
	const int64_t shifted = at->month <= 2 ? at->year - 1 : at->year;
	const int64_t of_year =
		(153 * (at->month + (at->month > 2 ? -3 : 9)) + 2) / 5 + at->day - 1;
	const int64_t days =
		shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719468;
	*out = (((days * 24 + at->hour) * 60 + at->minute) * 60 + at->second) * INSTANT_SECOND;
	return true;
}

/* 08:49:37 */
static bool clock_of(struct str text, struct moment *out)
{
	return text.length == 8 && text.at[2] == ':' && text.at[5] == ':' &&
	       digits(text, 0, 2, &out->hour) && digits(text, 3, 2, &out->minute) &&
	       digits(text, 6, 2, &out->second);
}

/* 06 Nov 1994, or 06-Nov-94 as RFC 850 has it, whose years are those from 50 years back (counted from when this was written: no clock here). */
static bool day_of(struct str text, struct moment *out)
{
	const bool is_short = text.length == 9;
	const char between = is_short ? '-' : ' ';
	if ((!is_short && text.length != 11) || text.at[2] != between || text.at[6] != between ||
		!digits(text, 0, 2, &out->day) || !month_of(str_part(text, 3, 3), &out->month) ||
		!digits(text, 7, text.length - 7, &out->year))
		return false;
	if (is_short)
		out->year += out->year > 76 ? 1900 : 2000;
	return true;
}

/* Sun Nov  6 08:49:37 1994 */
static bool asctime_of(struct str text, struct moment *out)
{
	return text.length == 24 && text.at[3] == ' ' && text.at[7] == ' ' && text.at[10] == ' ' &&
	       text.at[19] == ' ' && month_of(str_part(text, 4, 3), &out->month) &&
	       digits(str_trim(str_part(text, 8, 2)), 0, 2, &out->day) &&
	       clock_of(str_part(text, 11, 8), out) && digits(text, 20, 4, &out->year);
}

bool condition_date(struct str text, instant *out)
{
	struct moment at = { 0 };
	struct str rest;
	str_cut(text, ',', &rest); /* the day's name counts for nothing */
	if (rest.length == 0)
		return asctime_of(text, &at) && instant_of(&at, out);
	if (!str_starts(rest, STR(" ")) || !str_ends(rest, STR(" GMT")) || rest.length < 23)
		return false;
	return day_of(str_part(rest, 1, rest.length - 14), &at) &&
	       rest.at[rest.length - 13] == ' ' &&
	       clock_of(str_part(rest, rest.length - 12, 8), &at) && instant_of(&at, out);
}

bool condition_unchanged(struct str none_match, struct str modified_since, instant since,
	int version, instant updated)
{
	if (none_match.length > 0)
		return condition_none_match(none_match, version);
	if (since != 0)
		return updated <= since;
	return modified_since.length > 0 && condition_date(modified_since, &since) &&
	       updated / INSTANT_SECOND <= since / INSTANT_SECOND;
}
