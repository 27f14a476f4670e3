/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_CONDITIONAL_H
#define SERVER_INTERACTION_CONDITIONAL_H

#include "fhir/bundle.h"
#include "server/interaction/upload.h"

/*
 * `PUT Type?identifier=system|value` as an entry of a transaction (FHIR R4 http.html#cond-update, #trules). It goes the way of what the transaction creates, so that it may refer to other entries and
 * they to it, and has its patient as they have. What is there by its condition is asked for before the write, among the caller's own rows of that patient; found, it is read and replaced by its id as a PUT of its own
 * would, by whoever may read it (404 else), else it is stored as new under the identity of the condition. The write holds both to that: where somebody came between, nothing of it is stored, and it is planned once more.
 */
struct conditional;

/* Is the entry one? */
bool conditional_is(const struct bundle *bundle, const struct bundle_entry *from);
/* PARSE: the upload's entry `index` is one; errors are the entry's. */
void conditional_take(struct exchange *exchange, struct upload *upload, size_t index,
	const struct bundle *bundle);
/* VALIDATE: reads condition and If-Match into the entry; errors are the entry's. */
void conditional_validate(struct exchange *exchange, struct upload_entry *entry);

/* STORE: asks for what is there by the conditions, then for the rows as they are; a row that the caller may not read is not asked for. False: there is nothing left to ask. Holds the exchange until the answers are there. */
bool conditionals_look(struct upload *upload);
/* Then, and after each conditionals_moved(): which row each of them is. False: an error was added to an entry and to the exchange, or to the exchange alone. */
bool conditionals_settle(struct upload *upload);
/* After that: is a row replaced, and which? And what it is now; NULL: nothing that the caller may read. */
bool conditional_row(const struct conditional *conditional, struct resource_key *row_out);
const struct store_row *conditional_now(const struct conditional *conditional);
/* Of the write item of a create with the entry's condition and id, makes what it is to be; `grant` is the patient's. */
void conditional_item(
	const struct upload_entry *entry, const struct grant *grant, struct write_item *item);
/* The write was refused: for good, because of one of them? Says why to the entry and the exchange. */
bool conditionals_refuse(struct upload *upload);
/* Or because one turned out to be another row? Then settle and write again. */
bool conditionals_moved(struct upload *upload);

#endif
