/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_INCLUDING_H
#define SERVER_INTERACTION_INCLUDING_H

#include "server/interaction/searching.h"

/* At most so many come with a page, and so many bytes of what is stored; where there are more, the page says so. */
#define INCLUDED_MAX   SEARCH_COUNT_MAX
#define INCLUDED_BYTES (SEARCH_PAGE_BYTES / 2)

/* One resource that comes with the page. */
struct search_included {
	struct resource resource;
	struct str rendered;
	struct store_row row;
	bool is_row; /* else a Patient's stub or an Organization, which hold nothing of a controller's */
};

/* Does the search want anything with its page? */
bool include_is_wanted(const struct search_work *work);
/* Can it be asked so? False adds an error. */
bool include_check(struct exchange *exchange, const struct search_work *work);
/*
 * STORE, from when the rows of the page are known (search_merge): brings what the page's rows refer to, and what refers to them, into work->included. Each is looked for by the grant that its row
 * came by, so that it is decided about as a match is. Yields until it has all.
 */
void include_store(struct exchange *exchange, struct search_work *work);

#endif
