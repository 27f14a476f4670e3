/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "fhir/base/arena.h"

/* One byte more than the room, because vsnprintf ends what it writes with a NUL. */
static void grow(struct buf *buf, size_t room)
{
	char *at = arena_bytes(buf->arena, room + 1);
	if (buf->length > 0)
		memcpy(at, buf->at, buf->length);
	buf->at = at;
	buf->room = room;
}

/* Room for `length` more bytes, or false and full. */
static bool reserve(struct buf *buf, size_t length)
{
	if (buf->full || length > buf->limit - buf->length) {
		buf->full = true;
		return false;
	}
	if (buf->at != NULL && length <= buf->room - buf->length)
		return true;
	size_t room = buf->room < 64 ? 64 : buf->room;
	while (room - buf->length < length && room <= buf->limit / 2)
		room *= 2;
	if (room - buf->length < length || room > buf->limit)
		room = buf->limit;
	grow(buf, room);
	return true;
}

struct buf buf_new(struct arena *arena, size_t first, size_t limit)
{
	struct buf buf = { .arena = arena, .limit = limit };
	if (first > limit)
		first = limit;
	if (first > 0)
		grow(&buf, first);
	return buf;
}

void buf_add(struct buf *buf, struct str s)
{
	if (reserve(buf, s.length) && s.length > 0) {
		memcpy(buf->at + buf->length, s.at, s.length);
		buf->length += s.length;
	}
}

void buf_add_byte(struct buf *buf, char byte)
{
	if (reserve(buf, 1))
		buf->at[buf->length++] = byte;
}

void buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, str_of(text));
}

static void add_digits(struct buf *buf, uint64_t number, bool negative)
{
	char digits[21];
	size_t from = sizeof(digits);
	do {
		digits[--from] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	if (negative)
		digits[--from] = '-';
	buf_add(buf, (struct str){ digits + from, sizeof(digits) - from });
}

void buf_add_u64(struct buf *buf, uint64_t number)
{
	add_digits(buf, number, false);
}

void buf_add_i64(struct buf *buf, int64_t number)
{
	add_digits(buf, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, number < 0);
}

void buf_add_format(struct buf *buf, const char *format, ...)
{
	if (!reserve(buf, 0))
		return;
	va_list values, again;
	va_start(values, format);
	va_copy(again, values);
	const size_t left = buf->room - buf->length;
	const int length = vsnprintf(buf->at + buf->length, left + 1, format, values);
	va_end(values);
	bool fits = length >= 0 && (size_t)length <= left;
	if (length < 0) {
		buf->full = true; /* only an impossible format or a text past INT_MAX */
	} else if (!fits && reserve(buf, (size_t)length)) {
		vsnprintf(buf->at + buf->length, (size_t)length + 1, format, again);
		fits = true;
	}
	va_end(again);
	if (fits)
		buf->length += (size_t)length;
}

char *buf_add_room(struct buf *buf, size_t length)
{
	if (!reserve(buf, length))
		return NULL;
	char *at = buf->at + buf->length;
	buf->length += length;
	return at;
}

/* The NUL behind it is for those who hand it to a library. */
struct str buf_str(const struct buf *buf)
{
	if (buf->at != NULL)
		buf->at[buf->length] = '\0';
	return (struct str){ buf->at, buf->length };
}
