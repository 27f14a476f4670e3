/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/sentinel.h"

#include "fhir/base/decimal.h"

struct item {
	uint64_t code; /* 0: every code */
	char sign;     /* '<', '>' or '=' */
	double number;
};

static bool is_gap(char byte)
{
	return byte == ' ' || byte == ',' || byte == '\t';
}

/* Cuts the next item off; an empty slice where there is none. */
static struct str next(struct str *rest)
{
	size_t start = 0;
	while (start < rest->length && is_gap(rest->at[start]))
		start++;
	size_t end = start;
	while (end < rest->length && !is_gap(rest->at[end]))
		end++;
	const struct str item = str_part(*rest, start, end - start);
	*rest = str_part(*rest, end, rest->length);
	return item;
}

static bool read_item(struct str text, struct item *out)
{
	struct str number = text;
	*out = (struct item){ .sign = '=' };
	if (str_index(text, ':') < text.length) {
		const struct str code = str_cut(text, ':', &number);
		if (!str_to_u64(code, &out->code) || out->code == 0 || out->code > UINT32_MAX)
			return false;
	}
	if (number.length > 0 && (number.at[0] == '<' || number.at[0] == '>')) {
		out->sign = number.at[0];
		number = str_part(number, 1, number.length);
	}
	return decimal_is_valid(number) && decimal_value(number, &out->number);
}

bool sentinel_is_list(struct str list)
{
	struct str rest = list;
	unsigned count = 0;
	struct item item;
	for (struct str text = next(&rest); text.length > 0; text = next(&rest))
		if (++count > SENTINELS_MAX || !read_item(text, &item))
			return false;
	return true;
}

static bool is_meant(const struct item *item, uint32_t code, double value)
{
	if (item->code != 0 && item->code != code)
		return false;
	switch (item->sign) {
	case '<':
		return value < item->number;
	case '>':
		return value > item->number;
	default:
		return !(value < item->number) && !(value > item->number);
	}
}

bool sentinel_in(struct str list, uint32_t code, double value)
{
	struct str rest = list;
	struct item item;
	for (struct str text = next(&rest); text.length > 0; text = next(&rest))
		if (read_item(text, &item) && is_meant(&item, code, value))
			return true;
	return false;
}
