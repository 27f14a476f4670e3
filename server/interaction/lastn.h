/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_LASTN_H
#define SERVER_INTERACTION_LASTN_H

#include "server/interaction/searching.h"

/* Takes `max` off a query into the work (1 where it is absent), and what is left of it for search_parse(). False adds an error: twice, or not 1 to 100. */
bool lastn_take(struct exchange *exchange, struct str query, struct search_work *work,
	struct str *rest_out);
/* Can $lastn be asked so? False adds an error. Where no status is asked for, entered-in-error is left out; where no _count is, a page is as long as it can be. */
bool lastn_check(struct exchange *exchange, struct search_work *work);

#endif
