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
	struct everything
		*everything; /* $everything: how far it is, type by type (everything_store.c) */
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
 * The token of the page after this one: the search, whose, the place it begins behind and the total, sealed and bound to who may use it. And back: the query to be
 * parsed again, and where to go on. False adds an error: not ours, not for this caller, or too old.
 */
struct str page_token(struct exchange *exchange, const struct search_work *work);
bool page_open(struct exchange *exchange, struct str token, struct search_work *work,
	struct str *query_out);
/* The search's filters and its patient's FHIR id, as a query. Never a national id. */
struct str page_query(struct exchange *exchange, const struct search_work *work);

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
/* Its own address, and that of the page behind it or nothing. */
struct str search_self(struct exchange *exchange, const struct search_work *work);
struct str search_next(struct exchange *exchange, const struct search_work *work);

/* What a search for an ask is, but for being started. */
struct store_search search_run(
	struct exchange *exchange, const struct search_work *work, const struct search_ask *ask);

/* everything.c: the Patient it is of, as GET Patient/{id} would show it; and the filters of a search in the words of $everything. */
void everything_stub(struct exchange *exchange, const struct search_work *work,
	struct resource *resource_out, struct str *rendered_out);
struct str everything_query(struct exchange *exchange, const struct search_work *work);
/*
 * everything_store.c: the types of $everything, one after the other, so that each resource stands on one page. Takes a list of types and false where it is none; the list again as _type=, or nothing where
 * all were asked for; the first of them. What a page token says of it, and back: false where it says nothing of the kind. STORE: yields until the page has its rows, from each type as far as there is
 * room, and the Organizations of the controllers that no page before this one showed anything of. The total of what was counted; false where it is not known.
 */
struct everything *everything_new(struct arena *arena);
bool everything_take_types(struct everything *everything, struct str list);
struct str everything_types(struct arena *arena, const struct everything *everything);
enum resource_type everything_type(const struct everything *everything);
bool everything_has(const struct everything *everything, enum resource_type type);
struct str everything_state(struct arena *arena, const struct everything *everything);
struct everything *everything_restore(struct arena *arena, struct str state);
void everything_store(struct exchange *exchange, struct search_work *work);
bool everything_total(const struct everything *everything, uint64_t *total_out);
/* lastn.c: takes `max` off a query. False adds an error. */
bool lastn_take(struct exchange *exchange, struct str query, struct search_work *work,
	struct str *rest_out);
/* Whether $lastn can be asked so, and what it leaves out by itself. */
bool lastn_check(struct exchange *exchange, struct search_work *work);

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
