/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/access_log.h"

#include "storage/pack.h"

/* RFC 9162 section 2.1.1: the hash of a leaf begins with 0x00. */
#define LEAF         0x00
#define LEAF_VERSION 0x01
#define SALT_RANDOM  8 /* bytes of a salt; the others vouch for the row */

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

#define HEAD_BYTES (2 + 8 * 3 + 4 * 2 + 2 * 4 + 16)

/* What a leaf says without a salt. */
static uint8_t *put_head(uint8_t *at, const struct log_row *row, instant when, uint64_t id,
	const struct mac128 *context)
{
	*at++ = LEAF;
	*at++ = LEAF_VERSION;
	at = put(at, (uint64_t)when, 8);
	at = put(at, id, 8);
	at = put(at, row->corr, 8);
	at = put(at, row->tenant, 4);
	at = put(at, row->actor_orgnr, 4);
	at = put(at, row->op, 2);
	at = put(at, row->type, 2);
	at = put(at, row->outcome, 2);
	at = put(at, row->classes, 2);
	memcpy(at, context->bytes, sizeof(context->bytes));
	return at + sizeof(context->bytes);
}

static uint8_t *put_person(uint8_t *at, const struct log_row *row)
{
	*at++ = 'P';
	return put(put(at, row->person, 8), row->bucket, 2);
}

static uint8_t *put_body(uint8_t *at, const struct log_row *row)
{
	*at++ = 'B';
	seal_sha256(row->body, at);
	return at + 32;
}

void log_leaf(const struct log_row *row, instant at, uint64_t id, const struct mac128 *context,
	const uint8_t salt[static 16], uint8_t out[static 32])
{
	uint8_t person[1 + 8 + 2], body[1 + 32], leaf[HEAD_BYTES + 32 * 2];
	put_person(person, row);
	put_body(body, row);
	uint8_t *end = put_head(leaf, row, at, id, context);
	end = commit(end, salt, person, sizeof(person));
	end = commit(end, salt, body, sizeof(body));
	seal_sha256((struct str){ (const char *)leaf, (size_t)(end - leaf) }, out);
}

void log_salt(const struct seal *seal, const struct log_row *row, instant at, uint64_t id,
	const struct mac128 *context, uint8_t salt[static LOG_SALT_BYTES])
{
	uint8_t whole[HEAD_BYTES + SALT_RANDOM + 1 + 8 + 2 + 1 + 32];
	uint8_t *end = put_head(whole, row, at, id, context);
	memcpy(end, salt, SALT_RANDOM);
	end = put_body(put_person(end + SALT_RANDOM, row), row);
	const struct mac128 mac =
		seal_log(seal, (struct str){ (const char *)whole, (size_t)(end - whole) });
	memcpy(salt + SALT_RANDOM, mac.bytes, LOG_SALT_BYTES - SALT_RANDOM);
}

bool log_salt_holds(const struct seal *seal, const struct log_row *row, instant at, uint64_t id,
	const struct mac128 *context, const uint8_t salt[static LOG_SALT_BYTES])
{
	uint8_t made[LOG_SALT_BYTES];
	memcpy(made, salt, SALT_RANDOM);
	log_salt(seal, row, at, id, context, made);
	return seal_equal(made, salt, sizeof(made));
}

struct str log_body(struct arena *arena, const uint8_t salt[static LOG_SALT_BYTES], struct str body)
{
	struct str packed;
	const int number = pack_log_bytes(arena, body, &packed);
	const size_t head = LOG_SALT_BYTES + (number > 0 ? 1 : 0);
	char *column = arena_bytes(arena, head + packed.length);
	memcpy(column, salt, LOG_SALT_BYTES);
	if (number > 0)
		column[LOG_SALT_BYTES] = (char)number;
	if (packed.length > 0)
		memcpy(column + head, packed.at, packed.length);
	return (struct str){ column, head + packed.length };
}

bool log_body_open(struct arena *arena, struct str column, struct str *body_out)
{
	const struct str body = str_part(column, LOG_SALT_BYTES, column.length);
	if (body.length == 0 || body.at[0] == '{') {
		*body_out = str_copy(arena, body);
		return true;
	}
	return pack_open(
		arena, (unsigned char)body.at[0], str_part(body, 1, body.length), body_out);
}
