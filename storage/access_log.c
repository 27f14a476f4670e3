/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/access_log.h"

/* RFC 9162 section 2.1.1: the hash of a leaf begins with 0x00. */
#define LEAF         0x00
#define LEAF_VERSION 0x01

static uint8_t *put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	return at + bytes;
}

/* HMAC under the row's salt, of a letter that says what it is and of the bytes. */
static uint8_t *commit(
	uint8_t *at, const uint8_t salt[static 16], const uint8_t *bytes, size_t length)
{
	seal_hmac((struct str){ (const char *)salt, 16 },
		(struct str){ (const char *)bytes, length }, at);
	return at + 32;
}

void log_leaf(const struct log_row *row, instant at, uint64_t id, const struct mac128 *context,
	const uint8_t salt[static 16], uint8_t out[static 32])
{
	uint8_t person[1 + 8 + 2] = { 'P' };
	put(put(person + 1, row->person, 8), row->bucket, 2);
	uint8_t body[1 + 32] = { 'B' };
	seal_sha256(row->body, body + 1);

	uint8_t leaf[2 + 8 * 3 + 4 * 2 + 2 * 4 + 16 + 32 * 2] = { LEAF, LEAF_VERSION };
	uint8_t *end = leaf + 2;
	end = put(end, (uint64_t)at, 8);
	end = put(end, id, 8);
	end = put(end, row->corr, 8);
	end = put(end, row->tenant, 4);
	end = put(end, row->actor_orgnr, 4);
	end = put(end, row->op, 2);
	end = put(end, row->type, 2);
	end = put(end, row->outcome, 2);
	end = put(end, row->classes, 2);
	memcpy(end, context->bytes, sizeof(context->bytes));
	end = commit(end + sizeof(context->bytes), salt, person, sizeof(person));
	end = commit(end, salt, body, sizeof(body));
	seal_sha256((struct str){ (const char *)leaf, (size_t)(end - leaf) }, out);
}
