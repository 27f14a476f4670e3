/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_PAGE_H
#define SERVER_INTERACTION_PAGE_H

#include "server/interaction/searching.h"

/*
 * The value of _page for the page behind this one, on the arena: the search, whose it is, where it goes on and the total, sealed and bound to the caller's organisation, client, person and purpose, and to
 * the operation and type. It holds for an hour.
 */
struct str page_token(struct exchange *exchange, const struct search_work *work);
/* And back: fills in where to go on and gives the query, to be parsed again. False adds an error to the exchange's outcome: not ours, not this caller's, or too old. */
bool page_open(struct exchange *exchange, struct str token, struct search_work *work,
	struct str *query_out);
/* The search's filters and its patient's FHIR id, as a query. Never a national id. */
struct str page_query(struct exchange *exchange, const struct search_work *work);

#endif
