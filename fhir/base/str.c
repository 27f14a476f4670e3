/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/base/str.h"

#include <stdio.h>

#include "fhir/base/arena.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_equal_nocase(struct str a, struct str b)
{
	if (a.length != b.length)
		return false;
	for (size_t i = 0; i < a.length; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	return true;
}

bool str_starts(struct str s, struct str prefix)
{
	return s.length >= prefix.length && str_equal(str_part(s, 0, prefix.length), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.length >= suffix.length &&
	       str_equal(str_part(s, s.length - suffix.length, suffix.length), suffix);
}

int str_compare(struct str a, struct str b)
{
	const size_t shared = a.length < b.length ? a.length : b.length;
	const int difference = shared == 0 ? 0 : memcmp(a.at, b.at, shared);
	if (difference != 0)
		return difference;
	return (a.length > b.length) - (a.length < b.length);
}

size_t str_index(struct str s, char byte)
{
	const char *found = s.length == 0 ? NULL : memchr(s.at, byte, s.length);
	return found == NULL ? s.length : (size_t)(found - s.at);
}

struct str str_cut(struct str s, char byte, struct str *rest_out)
{
	const size_t at = str_index(s, byte);
	*rest_out = (struct str){ NULL, 0 };
	if (at < s.length)
		*rest_out = (struct str){ s.at + at + 1, s.length - at - 1 };
	return (struct str){ s.at, at };
}

bool str_is_listed(struct str s, const char *list)
{
	struct str rest = str_of(list);
	while (rest.at != NULL)
		if (str_equal(str_cut(rest, '|', &rest), s))
			return true;
	return false;
}

struct str str_part(struct str s, size_t from, size_t length)
{
	if (s.at == NULL)
		return s;
	if (from > s.length)
		from = s.length;
	if (length > s.length - from)
		length = s.length - from;
	return (struct str){ s.at + from, length };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.length > 0 && is_blank(s.at[0])) {
		s.at++;
		s.length--;
	}
	while (s.length > 0 && is_blank(s.at[s.length - 1]))
		s.length--;
	return s;
}

struct str str_unquote(struct str s)
{
	s = str_trim(s);
	const bool quoted = s.length >= 2 && s.at[0] == '"';
	return quoted ? str_part(s, 1, s.length - 2) : s;
}

bool str_is_digits(struct str s)
{
	for (size_t i = 0; i < s.length; i++)
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
	return s.length > 0;
}

bool str_to_u64(struct str s, uint64_t *out)
{
	if (!str_is_digits(s))
		return false;
	uint64_t number = 0;
	for (size_t i = 0; i < s.length; i++) {
		const uint64_t digit = (uint64_t)(s.at[i] - '0');
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, digit, &number))
			return false;
	}
	*out = number;
	return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
	const bool negative = s.length > 0 && s.at[0] == '-';
	uint64_t number;
	if (!str_to_u64(negative ? str_part(s, 1, s.length) : s, &number))
		return false;
	if (number > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return false;
	if (!negative)
		*out = (int64_t)number;
	else
		*out = number > (uint64_t)INT64_MAX ? INT64_MIN : -(int64_t)number;
	return true;
}

struct str str_copy(struct arena *arena, struct str s)
{
	char *at = arena_bytes(arena, s.length + 1);
	if (s.length > 0)
		memcpy(at, s.at, s.length);
	at[s.length] = '\0';
	return (struct str){ at, s.length };
}

struct str str_format_list(struct arena *arena, const char *format, va_list values)
{
	char few[256];
	va_list again;
	va_copy(again, values);
	const int written = vsnprintf(few, sizeof(few), format, values);
	const size_t length = written < 0 ? 0 : (size_t)written;
	char *at = arena_alloc(arena, length + 1);
	if (length < sizeof(few))
		memcpy(at, few, length);
	else
		vsnprintf(at, length + 1, format, again);
	va_end(again);
	return (struct str){ at, length };
}

struct str str_format(struct arena *arena, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	const struct str text = str_format_list(arena, format, values);
	va_end(values);
	return text;
}

/* Eight bytes without the high bit and without a NUL among them? Subtracting one from each byte borrows only where one is 0. */
static bool is_plain(uint64_t word)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	return ((word | (word - ones)) & highs) == 0;
}

static bool is_tail(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the well-formed sequence at `at`, of at most `left` bytes; 0 when there is none. RFC 3629 section 4. */
static size_t sequence(const unsigned char *at, size_t left)
{
	const unsigned char first = at[0];
	if (first < 0x80)
		return first == 0 ? 0 : 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (left < length)
		return 0;
	unsigned char low = 0x80, high = 0xbf;
	if (first == 0xe0)
		low = 0xa0; /* overlong */
	else if (first == 0xed)
		high = 0x9f; /* surrogates */
	else if (first == 0xf0)
		low = 0x90; /* overlong */
	else if (first == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (!is_tail(at[i]))
			return 0;
	return length;
}

size_t str_utf8_prefix(struct str s)
{
	const unsigned char *bytes = (const unsigned char *)s.at;
	size_t at = 0;
	while (at < s.length) {
		uint64_t word;
		while (s.length - at >= sizeof(word)) {
			memcpy(&word, bytes + at, sizeof(word));
			if (!is_plain(word))
				break;
			at += sizeof(word);
		}
		if (at == s.length)
			break;
		const size_t length = sequence(bytes + at, s.length - at);
		if (length == 0)
			return at;
		at += length;
	}
	return at;
}

bool str_is_utf8(struct str s)
{
	return str_utf8_prefix(s) == s.length;
}

struct str str_hex(struct arena *arena, const void *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;
	char *at = arena_alloc(arena, 2 * length + 1);
	for (size_t i = 0; i < length; i++) {
		at[2 * i] = digits[from[i] >> 4];
		at[2 * i + 1] = digits[from[i] & 15];
	}
	return (struct str){ at, 2 * length };
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of a letter, or 64. `high` are the letters of 62 and 63. */
static uint32_t letter_bits(char letter, const char *high)
{
	if (letter >= 'A' && letter <= 'Z')
		return (uint32_t)(letter - 'A');
	if (letter >= 'a' && letter <= 'z')
		return (uint32_t)(letter - 'a') + 26;
	if (letter >= '0' && letter <= '9')
		return (uint32_t)(letter - '0') + 52;
	return letter == high[0] ? 62 : letter == high[1] ? 63 : 64;
}

/* Decodes letters without padding. One letter left over, or bits set past the last byte, are not canonical (RFC 4648 3.5). */
static bool decode(struct arena *arena, struct str text, const char *high, struct str *out)
{
	if (text.length % 4 == 1)
		return false;
	char *at = arena_alloc(arena, text.length / 4 * 3 + 4);
	size_t length = 0;
	uint32_t bits = 0;
	unsigned held = 0;
	for (size_t i = 0; i < text.length; i++) {
		const uint32_t six = letter_bits(text.at[i], high);
		if (six > 63)
			return false;
		bits = (bits << 6 | six) & 0xffffff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			at[length++] = (char)(bits >> held & 0xff);
		}
	}
	if ((bits & ((1u << held) - 1)) != 0)
		return false;
	*out = (struct str){ at, length };
	return true;
}

static struct str encode(struct arena *arena, struct str bytes, const char *letters, bool padded)
{
	const unsigned char *from = (const unsigned char *)bytes.at;
	char *at = arena_alloc(arena, bytes.length / 3 * 4 + 5);
	size_t length = 0;
	for (size_t i = 0; i < bytes.length; i += 3) {
		const size_t left = bytes.length - i < 3 ? bytes.length - i : 3;
		uint32_t bits = (uint32_t)from[i] << 16;
		if (left > 1)
			bits |= (uint32_t)from[i + 1] << 8;
		if (left > 2)
			bits |= from[i + 2];
		for (size_t letter = 0; letter <= left; letter++)
			at[length++] = letters[bits >> (18 - 6 * letter) & 63];
		for (size_t pad = left; padded && pad < 3; pad++)
			at[length++] = '=';
	}
	return (struct str){ at, length };
}

bool str_from_base64url(struct arena *arena, struct str text, struct str *out)
{
	return decode(arena, text, "-_", out);
}

struct str str_to_base64url(struct arena *arena, struct str bytes)
{
	return encode(arena, bytes, alphabet_url, false);
}

bool str_from_base64(struct arena *arena, struct str text, struct str *out)
{
	if (text.length % 4 != 0)
		return false;
	for (int i = 0; i < 2 && text.length > 0 && text.at[text.length - 1] == '='; i++)
		text.length--;
	return decode(arena, text, "+/", out);
}

struct str str_to_base64(struct arena *arena, struct str bytes)
{
	return encode(arena, bytes, alphabet, true);
}

size_t str_hidden(struct str s, size_t at)
{
	const unsigned char *bytes = (const unsigned char *)s.at + at;
	const size_t left = s.length - at;
	if (bytes[0] < 0x20 || bytes[0] == 0x7f)
		return 1;
	if (bytes[0] == 0xc2 && left >= 2)
		return bytes[1] < 0xa0 ? 2 : 0;
	if (bytes[0] != 0xe2 || left < 3)
		return 0;
	const bool turns = (bytes[1] == 0x80 && bytes[2] >= 0xa8 && bytes[2] <= 0xae) ||
			   (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9);
	return turns ? 3 : 0;
}

/* ---- SipHash-2-4 */

static uint64_t rotated(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_rounds(uint64_t v[static 4], unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotated(v[1], 13) ^ v[0];
		v[3] = rotated(v[3], 16) ^ v[2];
		v[0] = rotated(v[0], 32) + v[3];
		v[2] += v[1];
		v[3] = rotated(v[3], 21) ^ v[0];
		v[1] = rotated(v[1], 17) ^ v[2];
		v[2] = rotated(v[2], 32);
	}
}

static void sip_word(uint64_t v[static 4], uint64_t word)
{
	v[3] ^= word;
	sip_rounds(v, 2);
	v[0] ^= word;
}

uint64_t str_hash(struct str_key key, struct str text)
{
	uint64_t v[4] = { key.low ^ UINT64_C(0x736f6d6570736575),
		key.high ^ UINT64_C(0x646f72616e646f6d), key.low ^ UINT64_C(0x6c7967656e657261),
		key.high ^ UINT64_C(0x7465646279746573) };
	size_t at = 0;
	uint64_t word;
	for (; text.length - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, text.at + at, sizeof(word));
		sip_word(v, word);
	}
	word = 0;
	if (at < text.length)
		memcpy(&word, text.at + at, text.length - at);
	sip_word(v, word | (uint64_t)text.length << 56);
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
