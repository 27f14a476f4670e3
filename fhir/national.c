/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * National identifiers by their digits alone: control digits and a possible date. Sex and century are never
 * read from a number; those issued from 2032 do not hold them (Skatteetaten, "Nytt fødselsnummer fra 2032").
 */
#include "fhir/national.h"

#define DIGITS 11

/* The marks that make a number synthetic: added to the month by Skatteetaten, NHN and NAV. */
static const int synthetic_months[] = { 80, 65, 40 };

static int number_at(const char *digits, size_t at)
{
	return (digits[at] - '0') * 10 + (digits[at + 1] - '0');
}

/* Weighted sum of digits and weights, modulo 11. */
static int rest(const char *digits, const int *weights, size_t count)
{
	int sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (digits[i] - '0') * weights[i];
	return sum % 11;
}

/*
 * Until 2032 both rests are 0. Numbers issued from 2032-01-01 have a first rest of 0, 1, 2 or 3, also those
 * of people born earlier, so both rules hold side by side. A help number keeps the old rule.
 */
static bool control_digits_fit(const char *digits, enum national_kind kind)
{
	static const int first[] = { 3, 7, 6, 1, 8, 9, 4, 5, 2, 1 };
	static const int second[] = { 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1 };
	const int highest = kind == NATIONAL_FHN ? 0 : 3;
	return rest(digits, first, 10) <= highest && rest(digits, second, DIGITS) == 0;
}

/* The month without its synthetic mark. */
static int plain_month(int month, bool *synthetic)
{
	for (size_t i = 0; i < sizeof(synthetic_months) / sizeof(*synthetic_months); i++) {
		const int plain = month - synthetic_months[i];
		if (plain >= 1 && plain <= 12) {
			*synthetic = true;
			return plain;
		}
	}
	*synthetic = false;
	return month;
}

/* A day that some year of these two digits has; Skatteetaten lets 29 February stand in every fourth. */
static bool is_date(int day, int month, int year)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	if (month < 1 || month > 12 || day < 1)
		return false;
	const int leap = month == 2 && year % 4 == 0 ? 1 : 0;
	return day <= days[month - 1] + leap;
}

/* What the digits are, or why they are nothing; a help number has no date and no synthetic form. */
static const char *judge(const char *digits, enum national_policy policy, enum national_kind *kind)
{
	if (digits[0] >= '8') {
		*kind = NATIONAL_FHN;
		return control_digits_fit(digits, *kind) ? NULL : "its control digits are wrong";
	}
	*kind = digits[0] >= '4' ? NATIONAL_DNR : NATIONAL_FNR;
	if (!control_digits_fit(digits, *kind))
		return "its control digits are wrong";
	bool synthetic;
	const int month = plain_month(number_at(digits, 2), &synthetic);
	const int day = number_at(digits, 0) - (*kind == NATIONAL_DNR ? 40 : 0);
	if (!is_date(day, month, number_at(digits, 4)))
		return "it holds no possible date";
	if (synthetic && policy == NATIONAL_REAL)
		return "it is synthetic, and this hub takes real ones";
	if (!synthetic && policy == NATIONAL_SYNTHETIC)
		return "it is not synthetic, and this hub takes synthetic ones";
	return NULL;
}

/* The system without urn:oid: */
static struct str bare(struct str system)
{
	static const size_t prefix = sizeof("urn:oid:") - 1;
	if (str_starts(system, STR("urn:oid:")))
		return str_part(system, prefix, system.length - prefix);
	return system;
}

bool national_is_system(struct str system)
{
	const struct str oid = bare(system), stem = STR("2.16.578.1.12.4.1.4.");
	return oid.length == stem.length + 1 && str_starts(oid, stem) &&
	       oid.at[oid.length - 1] >= '1' && oid.at[oid.length - 1] <= '3';
}

const char *national_system(enum national_kind kind)
{
	switch (kind) {
	case NATIONAL_FNR:
		return OID_FNR;
	case NATIONAL_DNR:
		return OID_DNR;
	case NATIONAL_FHN:
		return OID_FHN;
	}
	return "";
}

bool national_id_parse(struct str system, struct str value, enum national_policy policy,
	struct str expression, struct national_id *out, struct outcome *outcome)
{
	if (!national_is_system(system))
		return outcome_fail(outcome, OUTCOME_UNKNOWN_PATIENT_ID, expression,
			"the identifier's system is none of %s (fødselsnummer), %s (D-number) "
			"and %s (help number)",
			OID_FNR, OID_DNR, OID_FHN);
	if (value.length != DIGITS || !str_is_digits(value))
		return outcome_fail(outcome, OUTCOME_UNKNOWN_PATIENT_ID, expression,
			"the national identifier is not 11 digits");
	struct national_id id = { 0 };
	memcpy(id.digits, value.at, DIGITS);
	const char *why = judge(id.digits, policy, &id.kind);
	if (why != NULL)
		return outcome_fail(outcome, OUTCOME_UNKNOWN_PATIENT_ID, expression,
			"the national identifier is not valid: %s", why);
	*out = id;
	return true;
}

bool orgnr_is_valid(struct str value)
{
	static const int weights[] = { 3, 2, 7, 6, 5, 4, 3, 2, 1 };
	return value.length == 9 && str_is_digits(value) && rest(value.at, weights, 9) == 0;
}
