/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A body in chunks (RFC 9112 section 7.1), read by its grammar. libh2o's own reader takes the digits it finds at the beginning of a chunk's line and passes over whatever stands behind
 * them, up to the next LF: `0x2` is 0 to it, and the end of the body. A proxy that reads 2 there would have what follows taken for the next request. The library calls this function through its PLT, so that the
 * executable's definition wins, as in guard.c.
 */
#include "server/guard.h"

#include <dlfcn.h>
#include <sys/types.h>

#define PUBLIC     __attribute__((visibility("default")))
#define DIGITS_MAX 16

/* The library's struct, of which it sets consume_trailer and nothing else: what we keep in it is ours. */
struct guard_chunks {
	size_t left; /* of the chunk */
	char consume_trailer;
	char digits; /* of the size; then whether a trailer's name has begun */
	char state;
};

enum {
	IN_SIZE, /* must be 0: as the library makes it */
	BEHIND_SIZE,
	IN_EXTENSION,
	END_OF_SIZE,
	IN_DATA,
	BEHIND_DATA,
	END_OF_DATA,
	IN_TRAILER_NAME,
	IN_TRAILER,
	END_OF_TRAILER,
	END_OF_BODY,
	DONE
};

PUBLIC ssize_t phr_decode_chunked(struct guard_chunks *chunks, char *bytes, size_t *length);

static int digit_of(unsigned char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool is_shown(unsigned char byte)
{
	return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

static bool go_on(struct guard_chunks *chunks, bool good, int state)
{
	chunks->state = (char)state;
	return good;
}

static bool take_size(struct guard_chunks *chunks, unsigned char byte)
{
	const int digit = chunks->state == IN_SIZE ? digit_of(byte) : -1;
	if (digit >= 0) {
		chunks->left = chunks->left << 4 | (unsigned)digit;
		return ++chunks->digits <= DIGITS_MAX;
	}
	if (byte == ';')
		return go_on(chunks, chunks->digits > 0, IN_EXTENSION);
	if (byte == ' ' || byte == '\t')
		return go_on(chunks, chunks->digits > 0, BEHIND_SIZE);
	return go_on(chunks, byte == '\r' && chunks->digits > 0 && chunks->state == IN_SIZE,
		END_OF_SIZE);
}

static bool take_line(struct guard_chunks *chunks, unsigned char byte, int end)
{
	return byte == '\r' ? go_on(chunks, true, end) : is_shown(byte);
}

/* A byte that is none of a chunk's data. */
static bool take(struct guard_chunks *chunks, unsigned char byte)
{
	switch (chunks->state) {
	case IN_SIZE:
	case BEHIND_SIZE:
		return take_size(chunks, byte);
	case IN_EXTENSION:
		return take_line(chunks, byte, END_OF_SIZE);
	case END_OF_SIZE:
		chunks->digits = 0;
		return go_on(chunks, byte == '\n', chunks->left > 0 ? IN_DATA : IN_TRAILER_NAME);
	case BEHIND_DATA:
		return go_on(chunks, byte == '\r', END_OF_DATA);
	case END_OF_DATA:
		return go_on(chunks, byte == '\n', IN_SIZE);
	case IN_TRAILER_NAME:
		if (byte == '\r')
			return go_on(chunks, chunks->digits == 0, END_OF_BODY);
		if (byte == ':')
			return go_on(chunks, chunks->digits > 0, IN_TRAILER);
		chunks->digits = 1;
		return byte > ' ' && byte < 0x7f;
	case IN_TRAILER:
		return take_line(chunks, byte, END_OF_TRAILER);
	case END_OF_TRAILER:
		chunks->digits = 0;
		return go_on(chunks, byte == '\n', IN_TRAILER_NAME);
	case END_OF_BODY:
		return go_on(chunks, byte == '\n', DONE);
	}
	return false;
}

/* As the library's: the data moves together at the beginning, *length becomes theirs; what follows the body comes behind it, and how much that is is the answer. -1: broken; -2: more is to come. */
ssize_t phr_decode_chunked(struct guard_chunks *chunks, char *bytes, size_t *length)
{
	const size_t end = *length;
	size_t from = 0, to = 0;
	bool good = true;
	while (good && from < end && chunks->state != DONE) {
		if (chunks->state != IN_DATA) {
			good = take(chunks, (unsigned char)bytes[from++]);
			continue;
		}
		const size_t part = chunks->left < end - from ? chunks->left : end - from;
		memmove(bytes + to, bytes + from, part);
		from += part;
		to += part;
		chunks->left -= part;
		if (chunks->left == 0)
			chunks->state = BEHIND_DATA;
	}
	*length = to;
	if (!good)
		return -1;
	if (chunks->state != DONE)
		return -2;
	memmove(bytes + to, bytes + from, end - from);
	return (ssize_t)(end - from);
}

bool guard_reads_chunks(void)
{
	ssize_t (*ours)(struct guard_chunks *, char *, size_t *) = phr_decode_chunked;
	const void *found = dlsym(RTLD_DEFAULT, "phr_decode_chunked");
	return memcmp(&found, &ours, sizeof(found)) == 0;
}
