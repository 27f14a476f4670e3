/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/pack.h"

#include <lz4.h>

/* Shorter bytes are stored as they are. */
#define PACK_LEAST 32u
/* No stored body is larger. */
#define PACK_MOST ((size_t)64 << 20)

/*
 * Immutable: stored bodies point into them. tests/unit/storage/test_pack.c holds their digests. To make another, add a file and a row, and say what is packed with it.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"
static const char dictionary_1[] =
#include "storage/pack_1.inc"
	;
static const char dictionary_2[] =
#include "storage/pack_2.inc"
	;
/* dictionary_1 behind whole readings as PMD's senders write them without displays */
static const char dictionary_3[] =
#include "storage/pack_3.inc"
	;
/* What stands between the values of readings as senders write them (several orders of members, with displays and without) and as the PCD-01 door makes them; no sender's own words. What is met most stands last, where LZ4 finds it first. */
static const char dictionary_4[] =
#include "storage/pack_4.inc"
	;
#pragma GCC diagnostic pop

static const struct dictionary {
	const char *at;
	size_t length;
} dictionaries[] = {
	{ NULL, 0 },
	{ dictionary_1, sizeof(dictionary_1) - 1 },
	{ dictionary_2, sizeof(dictionary_2) - 1 },
	{ dictionary_3, sizeof(dictionary_3) - 1 },
	{ dictionary_4, sizeof(dictionary_4) - 1 },
};
#define DICTIONARIES ((int)(sizeof(dictionaries) / sizeof(dictionaries[0])))

/* What each kind of bytes is packed with. */
#define FOR_RESOURCES 4
#define FOR_LOG       2

static size_t length_write(char *at, size_t length)
{
	size_t count = 0;
	for (; length >= 0x80; length >>= 7)
		at[count++] = (char)(length | 0x80);
	at[count++] = (char)length;
	return count;
}

/* How many bytes it took; 0 when it is none. */
static size_t length_read(struct str packed, size_t *out)
{
	size_t length = 0;
	for (size_t i = 0; i < packed.length && i < 5; i++) {
		const unsigned char byte = (unsigned char)packed.at[i];
		length |= (size_t)(byte & 0x7f) << 7 * i;
		if (byte < 0x80) {
			*out = length;
			return i + 1;
		}
	}
	return 0;
}

static int pack_with(int number, struct arena *arena, struct str bytes, struct str *out)
{
	*out = bytes;
	if (bytes.length < PACK_LEAST || bytes.length > PACK_MOST)
		return 0;
	/* Each dictionary is hashed once a thread, for all bodies. */
	static _Thread_local LZ4_stream_t primed[DICTIONARIES], stream;
	static _Thread_local bool ready[DICTIONARIES];
	if (!ready[number]) {
		LZ4_initStream(&primed[number], sizeof(primed[number]));
		LZ4_loadDict(
			&primed[number], dictionaries[number].at, (int)dictionaries[number].length);
		ready[number] = true;
	}
	stream = primed[number];
	/* It pays only when it is shorter: no room for more. */
	char *packed = arena_bytes(arena, bytes.length);
	const size_t head = length_write(packed, bytes.length);
	const int length = LZ4_compress_fast_continue(
		&stream, bytes.at, packed + head, (int)bytes.length, (int)(bytes.length - head), 1);
	if (length <= 0)
		return 0;
	*out = (struct str){ packed, head + (size_t)length };
	return number;
}

int pack_bytes(struct arena *arena, struct str bytes, struct str *out)
{
	return pack_with(FOR_RESOURCES, arena, bytes, out);
}

int pack_log_bytes(struct arena *arena, struct str bytes, struct str *out)
{
	return pack_with(FOR_LOG, arena, bytes, out);
}

size_t pack_length(int number, struct str packed)
{
	size_t length;
	if (number == 0)
		return packed.length;
	return length_read(packed, &length) == 0 || length > PACK_MOST ? 0 : length;
}

bool pack_open(struct arena *arena, int number, struct str packed, struct str *out)
{
	if (number < 0 || number >= DICTIONARIES)
		return false;
	if (number == 0) {
		*out = packed;
		return true;
	}
	size_t length;
	const size_t head = length_read(packed, &length);
	if (head == 0 || length > PACK_MOST || packed.length - head > PACK_MOST)
		return false;
	char *bytes = arena_bytes(arena, length + 1);
	const int got =
		LZ4_decompress_safe_usingDict(packed.at + head, bytes, (int)(packed.length - head),
			(int)length, dictionaries[number].at, (int)dictionaries[number].length);
	if (got < 0 || (size_t)got != length)
		return false;
	bytes[length] = '\0';
	*out = (struct str){ bytes, length };
	return true;
}
