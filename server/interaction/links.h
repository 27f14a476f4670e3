/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_LINKS_H
#define SERVER_INTERACTION_LINKS_H

#include "fhir/bundle.h"
#include "server/interaction/upload.h"

/*
 * References between the entries of a Bundle (FHIR R4 http.html#trules): by fullUrl, in any order and in circles, or to what is stored by a condition, `Type?identifier=system|value`.
 * What they are rewritten to is known only when the ids are; until then a place of 26 bytes, which no sender can guess, stands in for each id. A Patient is known at once, by its number.
 * A Bundle without such references pays one look at its members and nothing more.
 */
struct links;

struct links *links_new(
	struct exchange *exchange, const struct bundle *bundle, struct upload *upload);

/* Does any entry refer to another, or to what is stored? */
bool links_are_there(const struct links *links);

/* PARSE: rewrites the references of entry `index`, whose resource is taken; errors are the entry's. */
void links_take(struct links *links, size_t index);
/* PARSE: the same of entry `index` that updates by id: *resource_io is its resource anew. It may refer to a Patient and to what is updated by id, whose ids are known; false, with an error of the entry's, where it refers to what the Bundle creates. */
bool links_update(struct links *links, size_t index, const struct json **resource_io);

/* Before RESOLVE: Devices, Provenances and Observations whose subject is a Device are of the patient whom what they are tied to is about; an entry for which there is none, or more than one, is refused. */
void links_subjects(struct links *links);

/* After DECIDE: an entry that refers to a refused one is refused, too. */
void links_decide(struct links *links);

/* STORE: asks for what is there of all that is referred to. False: there is nothing to ask. Holds the exchange until the answers are there. */
bool links_find(struct links *links);
/* Then, and after each links_moved(): gives ids and puts them where they belong. False: an error was added to the exchange's outcome. */
bool links_settle(struct links *links);
/* What the entry's write item is to carry. */
void links_item(const struct links *links, size_t index, struct write_item *item);
/* A write was refused: was it because something is another row than was thought? Then links_settle() and write again. */
bool links_moved(struct links *links);

#endif
