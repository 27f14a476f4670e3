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
	if (!str_to_u64(tag, &number) || number == 0 || number > INT_MAX)
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

/* Sun, 06 Nov 1994 08:49:37 GMT */
bool condition_date(struct str text, instant *out)
{
	int day, month, year, hour, minute, second;
	if (text.length != 29 || !str_ends(text, STR(" GMT")) || text.at[3] != ',' ||
		!digits(text, 5, 2, &day) || !month_of(str_part(text, 8, 3), &month) ||
		!digits(text, 12, 4, &year) || !digits(text, 17, 2, &hour) ||
		!digits(text, 20, 2, &minute) || !digits(text, 23, 2, &second))
		return false;
	if (day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 || year < 1900)
		return false;
	/* Days since 1970-01-01 of the proleptic Gregorian calendar. */
	const int64_t shifted = month <= 2 ? year - 1 : year;
	const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	const int64_t days =
		shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719468;
	*out = (((days * 24 + hour) * 60 + minute) * 60 + second) * INSTANT_SECOND;
	return true;
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
