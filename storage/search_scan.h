/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_SEARCH_SCAN_H
#define STORAGE_SEARCH_SCAN_H

#include "storage/search_bind.h"

/*
 * Slices of a search: the rows that its statements gave, merged in order, are looked at one by one. Without conditions for fhir/match.h there is one slice, the
 * page itself; with them slices follow each other until the page is full (and one more matches, so that "more" is true), nothing is left, or the bound is reached.
 */
#define SCAN_SLICE    250u /* rows of one slice: a few ms of work */
#define SCAN_MOST     5000u /* rows looked at for a page; then it is short, and its next link goes on */
#define SCAN_MOST_ALL 20000u             /* rows looked at for a total */
#define SCAN_BYTES    ((size_t)64 << 20) /* bytes of either */

/* A new slice: its rows go on `arena`. */
void slice_begin(struct finding *finding, struct arena *arena);
void slice_add(struct finding *finding, const struct grant_part *part, const struct db_rows *rows);
/* All parts are in: keeps what matches. */
void slice_take(const struct store *store, struct finding *finding);
bool slice_goes_on(const struct finding *finding);
/* Fills in whether there is more, where the next page begins, and the total. */
void page_end(struct finding *finding);

#endif
