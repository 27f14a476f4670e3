/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "authz/claims.h"

#define KID_MAX     128
#define SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static bool is_kid_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

bool kid_is_valid(struct str kid)
{
	for (size_t i = 0; i < kid.length; i++)
		if (!is_kid_letter(kid.at[i]))
			return false;
	return kid.length > 0 && kid.length <= KID_MAX;
}

bool claim_is_shown(struct str text)
{
	if (text.length > CLAIM_TEXT_MAX)
		return false;
	for (size_t i = 0; i < text.length; i++)
		if (str_hidden(text, i) > 0)
			return false;
	return true;
}

bool claim_text(const struct json *object, const char *name, struct str *out)
{
	const struct json *member = json_get(object, name);
	if (member == NULL) {
		*out = (struct str){ 0 };
		return true;
	}
	if (member->type != JSON_STRING || !claim_is_shown(member->text))
		return false;
	*out = member->text;
	return true;
}

bool claim_needed(const struct json *object, const char *name, struct str *out)
{
	return claim_text(object, name, out) && out->length > 0;
}

/* What stands behind the point, as far as an instant goes; nothing where there is no point. */
static bool fraction_read(struct str digits, instant *out)
{
	instant unit = INSTANT_SECOND;
	*out = 0;
	if (digits.at == NULL)
		return true;
	if (!str_is_digits(digits))
		return false;
	for (size_t i = 0; i < digits.length && unit > 1; i++) {
		unit /= 10;
		*out += unit * (digits.at[i] - '0');
	}
	return true;
}

bool claim_time(const struct json *member, instant *out)
{
	uint64_t seconds;
	instant parts;
	struct str fraction;
	if (member == NULL || member->type != JSON_NUMBER ||
		!str_to_u64(str_cut(member->text, '.', &fraction), &seconds) ||
		seconds > SECONDS_MAX || !fraction_read(fraction, &parts))
		return false;
	*out = (instant)seconds * INSTANT_SECOND + parts;
	return true;
}

bool orgnr_read(struct str text, enum national_policy policy, uint32_t *out)
{
	uint64_t number;
	if (text.length != 9 || !str_to_u64(text, &number) || number == 0)
		return false;
	if (policy == NATIONAL_REAL && !orgnr_is_valid(text))
		return false;
	*out = (uint32_t)number;
	return true;
}
