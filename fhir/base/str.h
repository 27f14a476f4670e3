/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BASE_STR_H
#define FHIR_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

/* A slice of bytes, not NUL-terminated. Foreign text is always a struct str; a char * is ours and ends in NUL. */
struct str {
	const char *at;
	size_t length;
};

/* A slice of a string literal. */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })

/* For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).length, (s).at

static inline struct str str_of(const char *text)
{
	return (struct str){ text, text == NULL ? 0 : strlen(text) };
}

static inline bool str_equal(struct str a, struct str b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* Is `s` the NUL-terminated `text`? */
static inline bool str_is(struct str s, const char *text)
{
	return str_equal(s, str_of(text));
}

/* Equal but for the case of ASCII letters. */
bool str_equal_nocase(struct str a, struct str b);

bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* <0, 0, >0 like memcmp, shorter first. */
int str_compare(struct str a, struct str b);

/* Position of the first `byte`, or s.length. */
size_t str_index(struct str s, char byte);

/* The part before the first `byte`; *rest_out is what follows it, or an empty slice with at == NULL where there is none. */
struct str str_cut(struct str s, char byte, struct str *rest_out);

/* True where `s` is one of the words of `list`, which are parted by `|` (as the tables write them). */
bool str_is_listed(struct str s, const char *list);

/* From `from`, at most `length` bytes; clipped to the slice. */
struct str str_part(struct str s, size_t from, size_t length);

/* Without white space (space, tab, CR, LF) at both ends. */
struct str str_trim(struct str s);
/* str_trim(), and without the double quotes around it, as HTTP writes the value of a parameter; nothing is unescaped. */
struct str str_unquote(struct str s);

/* Decimal digits only, the whole slice, without overflow. Output untouched on false. */
bool str_to_u64(struct str s, uint64_t *out);
/* As str_to_u64, with an optional leading minus sign. */
bool str_to_i64(struct str s, int64_t *out);

/* All bytes ASCII digits, and at least one. */
bool str_is_digits(struct str s);

/* A copy on the arena, followed by a NUL that length does not count. */
struct str str_copy(struct arena *arena, struct str s);

/* printf on the arena. */
struct str str_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

struct str str_format_list(struct arena *arena, const char *format, va_list values)
	__attribute__((format(printf, 2, 0)));

/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF) without U+0000? */
bool str_is_utf8(struct str s);
/* How many bytes from the start are so; s.length when all are. */
size_t str_utf8_prefix(struct str s);

/* Of well-formed UTF-8: the bytes of the sign at `at` where a terminal or an editor would obey it instead of showing it: C0, DEL, C1, and what breaks or turns lines (U+2028 to U+202E, U+2066 to U+2069). 0: any other. */
size_t str_hidden(struct str s, size_t at);

/* 2 * length lower-case hexadecimal digits on the arena. */
struct str str_hex(struct arena *arena, const void *bytes, size_t length);

/* Strict base64url without padding (RFC 4648 section 5, RFC 7515 section 2): *out on the arena, false when not canonical. */
bool str_from_base64url(struct arena *arena, struct str text, struct str *out);
struct str str_to_base64url(struct arena *arena, struct str bytes);
/* Standard base64 with padding (RFC 4648 section 4). */
bool str_from_base64(struct arena *arena, struct str text, struct str *out);
struct str str_to_base64(struct arena *arena, struct str bytes);

/*
 * SipHash-2-4 (Aumasson and Bernstein 2012), for tables of foreign texts: whoever sends them and does not know the key cannot make
 * many of them meet. The same on every machine of little-endian byte order.
 */
struct str_key {
	uint64_t low, high;
};
uint64_t str_hash(struct str_key key, struct str text);

#endif
