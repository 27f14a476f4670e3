/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/base/decimal.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

#define DIGITS_MAX   18
#define EXPONENT_MAX 250
#define PLAIN_MAX    30

/* A decimal as written: digits * 10^exponent, digits below 10^18. Zeros that end more digits than that are in the exponent: 1.000000000000000000 has 19. */
struct decimal {
	uint64_t digits;
	int exponent;
	int zeros; /* of them */
	bool negative;
	bool one_digit; /* 1e2: an exponent behind a single digit */
};

static bool is_digit(struct str text, size_t at)
{
	return at < text.length && text.at[at] >= '0' && text.at[at] <= '9';
}

/* Takes the digits at *at into the number. False when there are none, or more than 18 that are not zeros at its end. */
static bool take_digits(struct str text, size_t *at, struct decimal *out)
{
	if (!is_digit(text, *at))
		return false;
	for (; is_digit(text, *at); ++*at) {
		const bool full = out->digits >= UINT64_C(100000000000000000);
		if (full && text.at[*at] != '0')
			return false;
		if (full)
			out->zeros++;
		else
			out->digits = out->digits * 10 + (uint64_t)(text.at[*at] - '0');
	}
	return true;
}

/* The written exponent at *at, behind its E. */
static bool take_exponent(struct str text, size_t *at, int *out)
{
	bool negative = false;
	if (*at < text.length && (text.at[*at] == '+' || text.at[*at] == '-'))
		negative = text.at[(*at)++] == '-';
	if (!is_digit(text, *at))
		return false;
	int exponent = 0;
	for (; is_digit(text, *at); ++*at) {
		exponent = exponent * 10 + (text.at[*at] - '0');
		if (exponent > EXPONENT_MAX)
			return false;
	}
	*out = negative ? -exponent : exponent;
	return true;
}

/* FHIR R4 datatypes, decimal: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool parse(struct str text, struct decimal *out)
{
	struct decimal decimal = { 0 };
	size_t at = 0;
	if (text.length > 0 && text.at[0] == '-') {
		decimal.negative = true;
		at = 1;
	}
	if (is_digit(text, at) && text.at[at] == '0' && is_digit(text, at + 1))
		return false;
	if (!take_digits(text, &at, &decimal))
		return false;
	if (at < text.length && text.at[at] == '.') {
		const size_t from = ++at;
		if (!take_digits(text, &at, &decimal) || at - from > EXPONENT_MAX ||
			decimal.zeros > EXPONENT_MAX)
			return false;
		decimal.exponent = -(int)(at - from);
	}
	if (at < text.length && (text.at[at] == 'e' || text.at[at] == 'E')) {
		int exponent;
		at++;
		if (!take_exponent(text, &at, &exponent))
			return false;
		decimal.one_digit = decimal.exponent == 0 && decimal.digits < 10;
		decimal.exponent += exponent;
	}
	if (at != text.length)
		return false;
	decimal.exponent += decimal.zeros;
	if (decimal.exponent > EXPONENT_MAX + DIGITS_MAX)
		return false;
	*out = decimal;
	return true;
}

/*
 * The double nearest to digits * 10^exponent. Exact operands give a correctly rounded quotient or product at once (Clinger
 * 1990); all others go through strtod, whose answer no locale can change because there is no decimal point.
 */
static double nearest(bool negative, uint64_t digits, int exponent)
{
	static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10,
		1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	double value;
	if (digits <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22) {
		value = (double)digits;
		value = exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
	} else {
		char text[40];
		snprintf(text, sizeof(text), "%" PRIu64 "e%d", digits, exponent);
		value = strtod(text, NULL);
	}
	return negative ? -value : value;
}

bool decimal_is_valid(struct str text)
{
	struct decimal decimal;
	return parse(text, &decimal);
}

bool decimal_value(struct str text, double *out)
{
	struct decimal decimal;
	if (!parse(text, &decimal))
		return false;
	*out = decimal.digits == 0 ? 0.0
				   : nearest(decimal.negative, decimal.digits, decimal.exponent);
	return true;
}

bool decimal_range(struct str text, double *low, double *high)
{
	struct decimal decimal;
	if (!parse(text, &decimal))
		return false;
	/* Half a unit of the last digit to both sides, in tenths of that unit; below 10^19, so it fits. */
	uint64_t tenths = decimal.digits * 10;
	int exponent = decimal.exponent - 1;
	if (decimal.one_digit) {
		/* FHIR R4 search, number: 1e2 is [95, 105), as 1.0e2 would be. */
		tenths *= 10;
		exponent--;
	}
	const double outer = nearest(decimal.negative, tenths + 5, exponent);
	const double inner = tenths == 0 ? nearest(!decimal.negative, 5, exponent)
					 : nearest(decimal.negative, tenths - 5, exponent);
	*low = decimal.negative ? outer : inner;
	*high = decimal.negative ? inner : outer;
	/* More digits than a double has leave it alone in its range, not outside of it. */
	if (*low >= *high)
		*high = *low + ((*low < 0 ? -*low : *low) * DBL_EPSILON + 0x1p-1074);
	return true;
}

/* The digits with `point` of them before the decimal point; point may lie outside of them. */
static void write_plain(struct buf *out, struct str digits, int point)
{
	const int count = (int)digits.length;
	if (point <= 0) {
		buf_add_text(out, "0.");
		for (int i = point; i < 0; i++)
			buf_add_byte(out, '0');
		buf_add(out, digits);
		return;
	}
	buf_add(out, str_part(digits, 0, (size_t)point));
	for (int i = count; i < point; i++)
		buf_add_byte(out, '0');
	if (point < count) {
		buf_add_byte(out, '.');
		buf_add(out, str_part(digits, (size_t)point, digits.length));
	}
}

bool decimal_canonical(struct arena *arena, struct str text, struct str *out)
{
	struct decimal decimal;
	if (!parse(text, &decimal))
		return false;
	if (decimal.digits == 0) {
		*out = STR("0");
		return true;
	}
	while (decimal.digits % 10 == 0) {
		decimal.digits /= 10;
		decimal.exponent++;
	}
	char digits[24];
	const int count = snprintf(digits, sizeof(digits), "%" PRIu64, decimal.digits);
	const struct str all = { digits, (size_t)count };
	const int point = count + decimal.exponent;
	const int before = point > 0 ? point : 1;
	const int after = decimal.exponent < 0 ? -decimal.exponent : 0;
	struct buf buf = buf_new(arena, PLAIN_MAX + 4, 64);
	if (decimal.negative)
		buf_add_byte(&buf, '-');
	if (before + after <= PLAIN_MAX)
		write_plain(&buf, all, point);
	else
		buf_add_format(&buf, "%se%d", digits, decimal.exponent);
	*out = buf_str(&buf);
	return true;
}
