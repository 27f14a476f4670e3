/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_MLLP_H
#define FHIR_HL7_MLLP_H

#include "fhir/base/buf.h"
#include "fhir/base/str.h"

/*
 * The Minimal Lower Layer Protocol (HL7 v2 implementation guide appendix C, release 1): 0x0B, the message, 0x1C 0x0D. Pure: bytes in, messages out, and however the bytes are split the
 * same messages come out. Nothing is copied; the caller keeps what is not consumed yet in front of what comes next.
 */
#define MLLP_MESSAGE_MAX ((size_t)1 << 20)
/* Of a message that is too long, so much is given, for its MSH. */
#define MLLP_HEAD ((size_t)4 << 10)
/* Between two frames: NUL, blanks, line ends and ends of frames are passed by, so many; of a frame that is too long, so much is. */
#define MLLP_FILLER_MAX  ((size_t)64 << 10)
#define MLLP_SKIPPED_MAX ((size_t)16 << 20)

enum mllp_event {
	MLLP_MORE,    /* nothing more without more bytes */
	MLLP_MESSAGE, /* the content of a whole frame */
	MLLP_TOO_LONG, /* the head of a frame longer than MLLP_MESSAGE_MAX; its rest will be passed by */
	MLLP_UNFRAMED /* a byte where a start byte should be, or no end of what is passed by: the stream cannot be told apart any more */
};

/* Where in the stream the framer is; begins as zeroes. */
struct mllp {
	enum { MLLP_BETWEEN, MLLP_INSIDE, MLLP_SKIPPING, MLLP_BROKEN } state;
	size_t seen;   /* bytes of the frame in which there is no end */
	size_t passed; /* bytes passed by */
};

/*
 * The next event in `input`, all bytes received and not consumed. *consumed_out of them are done with once *message_out, which lies in them, is. Call again with the rest until MLLP_MORE.
 * Time is that of the bytes, however small the pieces they come in.
 */
enum mllp_event mllp_next(
	struct mllp *mllp, struct str input, struct str *message_out, size_t *consumed_out);
/* Has a frame begun and not ended? */
bool mllp_is_inside(const struct mllp *mllp);

/* A frame around `message`. */
void mllp_write(struct buf *buf, struct str message);

#endif
