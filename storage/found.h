/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_FOUND_H
#define STORAGE_FOUND_H

#include "storage/batch.h"

/*
 * Rows of readings as the statements give them: id, version, time_low, recv, class, code, pack, body. Unpacked only once it is known that they are kept.
 * PACK_MESSAGE is no packed body: the row is a reading that a message made, asked for as its Provenance, and its bytes are the message's number (8), the pack of the reading's own body (2), the
 * length of the sender's name (4), the name, and that body.
 */
#define PACK_MESSAGE (-1)
struct found {
	struct store_row row; /* without code and body */
	int32_t code;
	int16_t pack;
	struct str packed;
	uint32_t orgnr; /* the controller's */
};
struct founds {
	struct arena *arena;
	struct found *rows;
	size_t count, room;
	size_t budget; /* bytes of bodies of one found_add(), past its first row; 0: all there are */
	bool cut;      /* the last one left rows out, for that; they stand behind those it took */
};

/* Copies the rows of one part of a grant behind those that are there, as far as the budget goes. */
void found_add(struct founds *founds, enum resource_type type, const struct grant_part *part,
	const struct db_rows *rows);
/* Asks for the texts of those codes that are not known yet; false when there are none to ask for. */
bool found_texts(struct batch *batch, const struct founds *founds);
/* Bytes of its body. */
size_t found_bytes(const struct found *found);
/* The resource's body; false when its bytes are damaged. */
bool found_body(
	const struct store *store, struct arena *arena, const struct found *found, struct str *out);
/* The row as the caller gets it; false when its bytes are damaged. */
bool found_row(const struct store *store, struct arena *arena, const struct found *found,
	struct store_row *out);

/* The part of a grant that a row is of, or NULL: then it is as one that is not there. */
const struct grant_part *part_of(const struct grant *grant, const struct resource_key *key);

/* $1.. of read_id (6) and of its kin (9 and more, the rest for the caller to add). */
struct db_params *read_params(struct arena *arena, const struct grant_part *part,
	const struct resource_key *key, unsigned count);

/* The same for an id that no part opens: the caller's own controller has no such subject, and no class is open. */
struct db_params *read_params_nobody(struct arena *arena, const struct grant *grant,
	const struct resource_key *key, unsigned count);

/* Which rows of a part are open, as parameters: classes, then canons with their classes, then what is blocked. */
bool part_limits_codes(const struct grant_part *part); /* else classes alone decide */
/* All classes some of whose rows are open: what row-level security is told. */
unsigned part_mask(const struct grant_part *part);
void part_classes(struct db_params *params, struct arena *arena, const struct grant_part *part);
void part_canons(struct db_params *params, struct arena *arena, const struct grant_part *part);
void part_canon_classes(
	struct db_params *params, struct arena *arena, const struct grant_part *part);
void part_blocked(struct db_params *params, struct arena *arena, const struct grant_part *part);

#endif
