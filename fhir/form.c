/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/form.h"

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
	char *to = arena_alloc(arena, text.length);
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++) {
		char c = text.at[i];
		if ((unsigned char)c <= ' ' || c == 0x7f)
			return false;
		if (c == '+')
			c = ' ';
		if (text.at[i] == '%') {
			if (text.length - i < 3)
				return false;
			const int high = hex_digit(text.at[i + 1]), low = hex_digit(text.at[i + 2]);
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		to[length++] = c;
	}
	*out = (struct str){ to, length };
	return str_is_utf8(*out);
}

void form_encode(struct buf *buf, struct str text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.length; i++) {
		const unsigned char c = (unsigned char)text.at[i];
		const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				   (c >= '0' && c <= '9') ||
				   (c > 0 && c < 0x7f && strchr("-._~:,|", c));
		if (plain) {
			buf_add_byte(buf, (char)c);
		} else {
			buf_add_byte(buf, '%');
			buf_add_byte(buf, hex[c >> 4]);
			buf_add_byte(buf, hex[c & 15]);
		}
	}
}

struct str form_time(struct arena *arena, struct str text)
{
	const size_t zone = sizeof(" 01:00") - 1;
	const size_t at = text.length < zone ? text.length : text.length - zone;
	if (at == text.length || str_index(text, ' ') != at)
		return text;
	return str_format(arena, "%.*s+%.*s", STR_ARG(str_part(text, 0, at)),
		STR_ARG(str_part(text, at + 1, zone)));
}
