/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_ACCESS_LOG_H
#define STORAGE_ACCESS_LOG_H

#include "authz/seal.h"
#include "fhir/base/instant.h"

/* Numbers are stored. */
enum log_op {
	LOG_READ = 1,
	LOG_SEARCH = 2,
	LOG_CREATE = 3,
	LOG_LOCATE = 4,
	LOG_INSIGHT = 5,
	LOG_UPDATE = 6,
	LOG_DELETE = 7
};
enum log_outcome { LOG_PERMIT = 0, LOG_DENY = 1 };

/*
 * One row: one patient, one controller, one request. `context` (who and on what basis, JSON) is interned once per session; `body` (which data, outcome in words, jti; JSON) is the row's own.
 * Neither holds a national id in the clear.
 */
struct log_row {
	uint64_t person;
	uint16_t bucket;
	uint32_t tenant;      /* the data controller */
	uint32_t actor_orgnr; /* legal entity of who looked; 0 for the citizen */
	enum log_op op;
	enum resource_type type;
	enum log_outcome outcome;
	unsigned classes; /* bit mask of what was touched */
	uint64_t corr;
	struct str context, body;
};

/* A row as read back. */
struct log_entry {
	instant at;
	uint64_t id, corr;
	uint32_t tenant, actor_orgnr;
	enum log_op op;
	enum resource_type type;
	enum log_outcome outcome;
	unsigned classes;
	struct str context, body; /* JSON */
};

#define LOG_SALT_BYTES 16

/*
 * The leaf of a row (RFC 9162 shape: SHA-256 of 0x00 and the content): computed from the row alone and known at commit. Person and contents stand in it as HMACs under
 * `salt`, which is kept with the body: erasing the row leaves the tree provable and the person unrecoverable. Fixed from version 1 on.
 */
void log_leaf(const struct log_row *row, instant at, uint64_t id, const struct mac128 *context,
	const uint8_t salt[static 16], uint8_t out[static 32]);

/*
 * A salt that vouches for its row: of its sixteen bytes the first eight are the caller's, random, the others are made of them and of the row by the hub's secret. A leaf takes no
 * secret, so whoever writes to the database could change a row and work its leaf out anew; the salt of what then stands there he cannot.
 */
void log_salt(const struct seal *seal, const struct log_row *row, instant at, uint64_t id,
	const struct mac128 *context, uint8_t salt[static LOG_SALT_BYTES]);
bool log_salt_holds(const struct seal *seal, const struct log_row *row, instant at, uint64_t id,
	const struct mac128 *context, const uint8_t salt[static LOG_SALT_BYTES]);

/*
 * The column `body`: the salt, then the row's body as it is, or a byte with the number of a dictionary (storage/pack.h) and the body packed. JSON begins with '{', which is no
 * such number. And back; false where it is damaged. The leaf commits to the body as it was, so packing changes nothing of it.
 */
struct str log_body(
	struct arena *arena, const uint8_t salt[static LOG_SALT_BYTES], struct str body);
bool log_body_open(struct arena *arena, struct str column, struct str *body_out);

#endif
