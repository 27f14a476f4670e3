/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BASE_BUF_H
#define FHIR_BASE_BUF_H

#include "fhir/base/str.h"

/*
 * Growing output on an arena, born with its maximum. Adding past the maximum adds nothing more and sets `full`;
 * check it once at the end.
 */
struct buf {
	struct arena *arena;
	char *at;
	size_t length;
	size_t room;
	size_t limit;
	bool full;
};

/* An empty buffer of at most `limit` bytes with room for `first` at once. */
struct buf buf_new(struct arena *arena, size_t first, size_t limit);
void buf_add(struct buf *buf, struct str s);
void buf_add_byte(struct buf *buf, char byte);
/* A NUL-terminated text of ours. */
void buf_add_text(struct buf *buf, const char *text);
void buf_add_u64(struct buf *buf, uint64_t number);
void buf_add_i64(struct buf *buf, int64_t number);
void buf_add_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `length` bytes to be filled by the caller, or NULL when that would pass the maximum. */
char *buf_add_room(struct buf *buf, size_t length);
/* What stands in the buffer; valid until the next add. */
struct str buf_str(const struct buf *buf);

#endif
