/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * libh2o decodes as many fields as a block holds: an indexed field is one byte on the wire and
 * forty in memory, so that 25 MB made 2.8 GB. Counting needs no table, only the lengths.
 */
#include "server/guard.h"

/*
 * RFC 7541 section 5.1: an integer behind a prefix of `bits`. Moves *at on; false where the block
 * ends first or the number is absurd.
 */
static bool take_integer(const uint8_t **at, const uint8_t *end, unsigned bits, size_t *out)
{
	const size_t mask = ((size_t)1 << bits) - 1;
	size_t value = *(*at)++ & mask;
	if (value == mask) {
		unsigned shift = 0;
		uint8_t byte = 0x80;
		while ((byte & 0x80) != 0) {
			if (*at == end || shift > 21)
				return false;
			byte = *(*at)++;
			value += (size_t)(byte & 0x7f) << shift;
			shift += 7;
		}
	}
	*out = value;
	return true;
}

static bool skip_string(const uint8_t **at, const uint8_t *end)
{
	size_t length;
	if (*at == end || !take_integer(at, end, 7, &length) || length > (size_t)(end - *at))
		return false;
	*at += length;
	return true;
}

/* One representation (RFC 7541 section 6). A change of the table's size is none. */
static bool skip_field(const uint8_t **at, const uint8_t *end, bool *field_out)
{
	const uint8_t first = **at;
	size_t index;
	*field_out = true;
	if ((first & 0x80) != 0)
		return take_integer(at, end, 7, &index);
	if ((first & 0xe0) == 0x20) {
		*field_out = false;
		return take_integer(at, end, 5, &index);
	}
	if (!take_integer(at, end, (first & 0x40) != 0 ? 6 : 4, &index))
		return false;
	return (index != 0 || skip_string(at, end)) && skip_string(at, end);
}

size_t guard_count_fields(const uint8_t *at, size_t length, size_t limit)
{
	const uint8_t *const end = at + length;
	size_t count = 0;
	size_t resizes = 0;
	while (at != end && count <= limit) {
		bool field;
		/* What is malformed the library refuses by itself. */
		if (!skip_field(&at, end, &field))
			break;
		if (field)
			count++;
		else if (++resizes > limit)
			return resizes;
	}
	return count;
}
