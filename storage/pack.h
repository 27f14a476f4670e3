/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_PACK_H
#define STORAGE_PACK_H

#include "fhir/base/arena.h"
#include "fhir/base/str.h"

/*
 * Packs stored bytes (doorway: liblz4), because PostgreSQL compresses no row below 2 KB. A packed body is a varint of its length, then an LZ4 block made with
 * a numbered dictionary. Dictionaries are compiled in and immutable: a new one gets a new number. Number 0 is the bytes as they are.
 */

/* The number used, and *out on the arena (or `bytes` itself where packing does not pay). */
int pack_bytes(struct arena *arena, struct str bytes, struct str *out);

/* The same for the body of a log row, with a dictionary for its shape. */
int pack_log_bytes(struct arena *arena, struct str bytes, struct str *out);

/* How long the bytes are that pack_open() would give; 0 where it would not. */
size_t pack_length(int number, struct str packed);
/* False where the number is unknown or the bytes are damaged. */
bool pack_open(struct arena *arena, int number, struct str packed, struct str *out);

#endif
