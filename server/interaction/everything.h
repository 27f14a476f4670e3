/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_EVERYTHING_H
#define SERVER_INTERACTION_EVERYTHING_H

#include "server/interaction/searching.h"

/*
 * Patient/$everything (FHIR R4 patient-operations): how far one is, type by type, and so from page to page. Its rows come by the types' order, each resource on one page. All of it lives on the arena it
 * was made on.
 */
struct everything;

/* One of all types, before its first row. */
struct everything *everything_new(struct arena *arena);
/* Narrows it to the value of _type, names of R4 parted by commas; of others than the five there is nothing. False, without an error of its own: a name is none, or there is no name. */
bool everything_take_types(struct arena *arena, struct everything *everything, struct str list);
/* The same back, as `_type=...`; empty where it is of all types. */
struct str everything_types(struct arena *arena, const struct everything *everything);
/* The first type with rows that it is of. */
enum resource_type everything_type(const struct everything *everything);
/* Is it of this type? */
bool everything_has(const struct everything *everything, enum resource_type type);

/* Where it stands, for a page token; empty for NULL, which every other search has. */
struct str everything_state(struct arena *arena, const struct everything *everything);
/* And back; NULL where the text is no such state. */
struct everything *everything_restore(struct arena *arena, struct str state);

/*
 * STORE: yields until the page has its rows, from each type as far as there is room, and the Organizations of those controllers that nothing was shown of before. Errors go to the exchange's outcome.
 */
void everything_store(struct exchange *exchange, struct search_work *work);
/* How many rows there are of the types counted so far; false where one of them could not be counted. */
bool everything_total(const struct everything *everything, uint64_t *total_out);

/* The Patient it is of, as GET Patient/{id} would show it. */
void everything_stub(struct exchange *exchange, const struct search_work *work,
	struct resource *resource_out, struct str *rendered_out);
/* The query that asks for the same again: the search's filters in the words of $everything. */
struct str everything_query(struct exchange *exchange, const struct search_work *work);

#endif
