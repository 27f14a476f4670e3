/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* However a stream is split (the first byte says how), the same messages come out of it. */
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/hl7/mllp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* What a stream came to: each event and its message. */
static struct str run(struct arena *arena, struct str stream, size_t piece)
{
	struct buf buf = buf_new(arena, 64, SIZE_MAX);
	struct mllp mllp = { 0 };
	struct str message;
	size_t begin = 0, end = 0, consumed;
	enum mllp_event event = MLLP_MORE;
	while (event != MLLP_UNFRAMED && end < stream.length) {
		end = end + piece < stream.length ? end + piece : stream.length;
		do {
			const struct str input = str_part(stream, begin, end - begin);
			event = mllp_next(&mllp, input, &message, &consumed);
			require(consumed <= input.length);
			if (event != MLLP_MORE)
				buf_add_format(&buf, "%d:%zu:", event, message.length);
			buf_add(&buf, message);
			begin += consumed;
		} while (event == MLLP_MESSAGE || event == MLLP_TOO_LONG);
	}
	buf_add_format(&buf, "%d", mllp_is_inside(&mllp));
	return buf_str(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct arena *arena = arena_new(256 << 20);
	const struct str stream = { (const char *)data + 1, size - 1 };
	const struct str whole = run(arena, stream, size);
	require(str_equal(whole, run(arena, stream, 1)));
	require(str_equal(whole, run(arena, stream, data[0] + 1u)));
	arena_free(&arena);
	return 0;
}
