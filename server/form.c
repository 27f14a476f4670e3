/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/form.h"

#include "fhir/base/arena.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool form_decode(struct arena *arena, struct str text, struct str *out)
{
	char *bytes = arena_alloc(arena, text.length);
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] != '%') {
			bytes[length++] = text.at[i] == '+' ? ' ' : text.at[i];
			continue;
		}
		if (i + 2 >= text.length || hex_digit(text.at[i + 1]) < 0 ||
			hex_digit(text.at[i + 2]) < 0)
			return false;
		bytes[length++] =
			(char)(hex_digit(text.at[i + 1]) << 4 | hex_digit(text.at[i + 2]));
		i += 2;
	}
	const struct str decoded = { bytes, length };
	if (!str_is_utf8(decoded))
		return false;
	*out = decoded;
	return true;
}

enum form_part form_next(
	struct arena *arena, struct str *rest, struct str *name_out, struct str *value_out)
{
	while (rest->length > 0) {
		const struct str part = str_cut(*rest, '&', rest);
		if (part.length == 0)
			continue;
		struct str value;
		const struct str name = str_cut(part, '=', &value);
		if (!form_decode(arena, name, name_out) || !form_decode(arena, value, value_out))
			return FORM_BAD;
		return FORM_PART;
	}
	return FORM_END;
}
