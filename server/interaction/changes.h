/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_CHANGES_H
#define SERVER_INTERACTION_CHANGES_H

#include "fhir/bundle.h"
#include "server/interaction/change.h"
#include "server/interaction/upload.h"

/*
 * The entries of a transaction that change what is there by its id: PUT, PATCH and DELETE (by a condition: conditional.h). They are read and planned before anything is written, and written with what the transaction creates: one
 * refused change, and nothing of it is stored.
 */
struct changes;

/* Of an upload of `most` entries; lives on the exchange's arena. */
struct changes *changes_new(struct exchange *exchange, struct upload *upload, size_t most);
/* Takes entry `index` in; what cannot be asked is an error of the entry. */
void changes_take(struct changes *changes, size_t index, const struct bundle_entry *from);

/* Refuses an entry that is one resource with another of the transaction. */
void changes_refuse_twice(struct upload_entry *entry);

/* How many there are (of NULL none), and which row each of them is of, once VALIDATE has been. */
size_t changes_count(const struct changes *changes);
const struct resource_key *changes_row(const struct changes *changes, size_t number);
/* What the transaction does to this row, once VALIDATE has been; NULL: nothing. */
const struct change *changes_of(const struct changes *changes, const struct resource_key *key);

/* VALIDATE (in slices: it yields, and is called again), RESOLVE (how many items, and which), DECIDE. Errors are the entries'. */
void changes_validate(struct changes *changes);
size_t changes_items(const struct changes *changes);
void changes_who(struct changes *changes, struct resolve_item *items, size_t first);
void changes_decide(struct changes *changes);

/* STORE: true while the rows are being asked for. */
bool changes_read(struct changes *changes);
/* Makes the write items, once the rows have come; false where an error was added to the entries and the exchange. */
bool changes_plan(struct changes *changes);
/* Puts the items behind `count` others, tells the entries which are theirs, and gives the grant they are written by; how many there are then. */
size_t changes_fill(struct changes *changes, struct write_item *items, size_t count,
	const struct grant **grant_out);
/* The write was refused: was it for one of these? Says why to the entries and the exchange. */
bool changes_refuse(struct changes *changes);
/* A log row for each: of what is about to be committed, or of the refusal of the whole. */
void changes_log(struct changes *changes);

#endif
