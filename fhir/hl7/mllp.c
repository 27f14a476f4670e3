/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/mllp.h"

#define START  '\x0b'
#define END    '\x1c'
#define RETURN '\r'

/* Where the frame's end stands at or behind `from`: END and RETURN; input.length where there is none. */
static size_t find_end(struct str input, size_t from)
{
	while (from + 1 < input.length) {
		const char *const end = memchr(input.at + from, END, input.length - 1 - from);
		if (end == NULL)
			break;
		from = (size_t)(end - input.at);
		if (input.at[from + 1] == RETURN)
			return from;
		from++;
	}
	return input.length;
}

static bool is_filler(char byte)
{
	return byte == '\0' || byte == '\r' || byte == '\n' || byte == ' ' || byte == '\t' ||
	       byte == END;
}

static enum mllp_event broken(struct mllp *mllp)
{
	mllp->state = MLLP_BROKEN;
	return MLLP_UNFRAMED;
}

static enum mllp_event between(struct mllp *mllp, struct str input, size_t *consumed_out)
{
	size_t at = 0;
	while (at < input.length && is_filler(input.at[at]))
		at++;
	*consumed_out = at;
	mllp->passed += at;
	if (mllp->passed > MLLP_FILLER_MAX || (at < input.length && input.at[at] != START))
		return broken(mllp);
	if (at == input.length)
		return MLLP_MORE;
	*consumed_out = at + 1;
	*mllp = (struct mllp){ .state = MLLP_INSIDE };
	return MLLP_MORE;
}

static enum mllp_event inside(
	struct mllp *mllp, struct str input, struct str *message_out, size_t *consumed_out)
{
	/* What is longer need not be looked through: it is refused wherever it ends. */
	const struct str part = str_part(input, 0, MLLP_MESSAGE_MAX + 2);
	const size_t end = find_end(part, mllp->seen);
	if (end < part.length) {
		*message_out = str_part(input, 0, end);
		*consumed_out = end + 2;
		*mllp = (struct mllp){ .state = MLLP_BETWEEN };
		return MLLP_MESSAGE;
	}
	if (part.length < MLLP_MESSAGE_MAX + 2) {
		mllp->seen = part.length == 0 ? 0 : part.length - 1;
		return MLLP_MORE;
	}
	*message_out = str_part(input, 0, MLLP_HEAD);
	*consumed_out = MLLP_MESSAGE_MAX;
	*mllp = (struct mllp){ .state = MLLP_SKIPPING };
	return MLLP_TOO_LONG;
}

/* The last byte may be the first of the end. */
static enum mllp_event skipping(struct mllp *mllp, struct str input, size_t *consumed_out)
{
	const size_t end = find_end(input, 0);
	if (end < input.length && mllp->passed + end <= MLLP_SKIPPED_MAX) {
		*consumed_out = end + 2;
		*mllp = (struct mllp){ .state = MLLP_BETWEEN };
		return MLLP_MORE;
	}
	*consumed_out = input.length == 0 ? 0 : input.length - 1;
	mllp->passed += *consumed_out;
	return mllp->passed > MLLP_SKIPPED_MAX ? broken(mllp) : MLLP_MORE;
}

static enum mllp_event step(
	struct mllp *mllp, struct str input, struct str *message_out, size_t *consumed_out)
{
	*consumed_out = 0;
	switch (mllp->state) {
	case MLLP_BETWEEN:
		return between(mllp, input, consumed_out);
	case MLLP_INSIDE:
		return inside(mllp, input, message_out, consumed_out);
	case MLLP_SKIPPING:
		return skipping(mllp, input, consumed_out);
	case MLLP_BROKEN:
		return MLLP_UNFRAMED;
	}
	return MLLP_UNFRAMED;
}

enum mllp_event mllp_next(
	struct mllp *mllp, struct str input, struct str *message_out, size_t *consumed_out)
{
	size_t consumed = 0, once;
	enum mllp_event event;
	*message_out = (struct str){ 0 };
	do {
		event = step(mllp, str_part(input, consumed, input.length), message_out, &once);
		consumed += once;
	} while (event == MLLP_MORE && once > 0);
	*consumed_out = consumed;
	return event;
}

bool mllp_is_inside(const struct mllp *mllp)
{
	return mllp->state == MLLP_INSIDE || mllp->state == MLLP_SKIPPING;
}

void mllp_write(struct buf *buf, struct str message)
{
	buf_add_byte(buf, START);
	buf_add(buf, message);
	buf_add_byte(buf, END);
	buf_add_byte(buf, RETURN);
}
