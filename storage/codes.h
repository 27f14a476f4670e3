/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_CODES_H
#define STORAGE_CODES_H

#include "storage/store_private.h"

/*
 * Concepts as integers (hub.code): a cache of the store, and behind it rows that are looked up or made outside of any group, so that an
 * unknown code never holds up other writes. A number never changes its meaning.
 */
struct codes;

/* A concept that must have a number. */
struct code_want {
	struct concept concept;
	struct coding canon; /* leading coding; empty: none but itself */
	enum reading_class class;
};

enum code_state { CODE_READY, CODE_PENDING, CODE_REFUSED };

/* CODE_READY: *id_out is the number (0 for an empty concept). CODE_PENDING: on the way, ask again when codes_turn() moved. CODE_REFUSED: the database will not have it, or it is too long. */
enum code_state codes_id(struct store *store, const struct code_want *want, int32_t *id_out);
/* Counts the answers that came. */
unsigned codes_turn(const struct store *store);

#endif
