/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_SEARCHING_H
#define SERVER_INTERACTION_SEARCHING_H

#include "fhir/search.h"
#include "server/exchange.h"

/*
 * A search of readings, whichever way it came. One ask for each patient: a search by _id alone may be about several, each of whom is asked for
 * at the one controller that the id names.
 */
struct search_ask {
	size_t item; /* of exchange->resolve.items */
	uint32_t only_tenant;
	const struct grant *grant; /* NULL: refused */
	const char *reason;        /* of a refusal that the caller is not told */
	struct resource_key *ids;
	size_t id_count;
	struct store_search run;
};

/* What the rows of a search are asked for by. */
enum search_operation {
	OPERATION_SEARCH,
	OPERATION_LASTN,
	OPERATION_EVERYTHING,
	OPERATION_HISTORY
};

struct search_work {
	enum search_operation operation;
	unsigned last;  /* $lastn: max, else 0 */
	bool has_count; /* $lastn: _count was given */
	bool with_patient; /* $everything: the stub of the Patient stands on the page, behind its rows */
	/* $everything: how far it is, type by type (everything_store.c). */
	struct everything *everything;
	struct search search;
	instant began; /* when the first page was asked for: what ap is measured from */
	/* No patient is named: a controller among its own (search_tenant.c). One ask for each patient found, once they are. */
	bool whole;
	enum { WHOLE_HORIZON, WHOLE_SEARCH, WHOLE_ROWS, WHOLE_PATIENTS } stage;
	const struct grant *whole_grant;
	struct store_horizon horizon;
	struct store_search whole_run;
	bool has_after; /* it continues a page */
	struct store_place after;
	bool named;                /* by identifier or patient; else by _id, or nobody is */
	struct person_key patient; /* who is named, where the name can be one */
	bool possible;             /* false: the id names nobody there could be */
	struct resource_key *ids;  /* the values of _id that can be ids of ours */
	size_t id_count;
	struct search_ask *asks;
	size_t count;
	struct store_row *rows; /* the page */
	size_t row_count;
	bool stored; /* all rows are there */
	bool merged; /* and these are the page */
	bool more;
	struct store_place next; /* where the next page begins */
	bool has_total;
	uint64_t total;
	struct resource *resources;
	struct str *rendered; /* the bytes of each */
	size_t rendered_bytes;
	/* What comes with the page (including.h); on the page they stand behind its rows. */
	struct search_including *including;
	struct search_included *included;
	size_t included_count;
};

enum search_place { SEARCH_URL, SEARCH_BODY };

/*
 * What the interactions that are searches share (searching.c). The reading of a query sets exchange->work, unless it adds an error; an operation's own parameters are
 * in `work`, and what they mean is its own to check. Where it goes on in pages its query is told by page_query().
 */
struct search_work *search_read(struct exchange *exchange, struct str query,
	enum search_place place, enum search_operation operation);
void search_who(struct exchange *exchange);
void search_decide(struct exchange *exchange);
void search_store(struct exchange *exchange);
/* Makes the page of what its asks found; once. */
void search_merge(struct exchange *exchange, struct search_work *work);
void search_audit_page(struct exchange *exchange);
void search_respond(struct exchange *exchange);
/* Of an interaction that is a search: all but its name and its parse. */
#define SEARCH_STEPS                                                                            \
	.reads_query = true, .who = search_who, .decide = search_decide, .store = search_store, \
	.audit = search_audit_page, .respond = search_respond
/* Its own address, and that of the page behind it or nothing. */
struct str search_self(struct exchange *exchange, const struct search_work *work);
struct str search_next(struct exchange *exchange, const struct search_work *work);

/* What a search for an ask is, but for being started. */
struct store_search search_run(
	struct exchange *exchange, const struct search_work *work, const struct search_ask *ask);

/* Its rows in the access log. */
void search_audit(struct exchange *exchange, const struct search_work *work);
/* Is the row of a patient that this grant is about? */
bool search_row_is_of(const struct grant *grant, const struct store_row *row);

/*
 * The steps of a search that names no patient. It goes RESOLVE, DECIDE, STORE twice: for the rows, which a controller's own system may look for, and for whose
 * they are, so that each patient's blocks hold as if that patient had been named, and each has a row in the log.
 */
void search_tenant_who(struct exchange *exchange, struct search_work *work);
void search_tenant_decide(struct exchange *exchange, struct search_work *work);
void search_tenant_store(struct exchange *exchange, struct search_work *work);

#endif
