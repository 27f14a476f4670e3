/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_STORE_SEARCH_H
#define STORAGE_STORE_SEARCH_H

#include "authz/decide.h"
#include "fhir/match.h"
#include "storage/store_call.h"

/* A row as reads and searches give it. */
struct store_row {
	struct resource_key key;
	int version;
	instant time_low, updated;
	enum reading_class class;
	double value; /* low end in the canonical unit, of a search; NAN: none */
	/* Leading code, of ASK_TENANT and $lastn alone; of words alone, of $lastn, what is like no code and the same for the same words. */
	uint64_t canon;
	uint32_t canon_now; /* the same of the reading as it is now */
	struct str code;    /* concept text of its code, for the log */
	struct str body;    /* unpacked */
	bool deleted;       /* a tombstone, without body; of history and reads by id alone */
};

/* The place of a row in a search's order: its keys, of which those of the search count, and its id. */
struct store_place {
	instant time_low, updated;
	double value;
	struct str code;
	uint64_t canon;
	int version;
	uint64_t id;
};
/* A page ends early, with more behind it, before its bodies are more than this together; a body that is more by itself is a page. */
#define SEARCH_PAGE_BYTES ((size_t)4 << 20)
#define SEARCH_LAST_WORDS 250 /* as search_last_page.sql has it */
/*
 * Pages by keyset: of what was committed before the first page and keeps its keys, the pages together hold each row once; what is committed meanwhile is on a later page or on none, and
 * never moves another. A row whose key of the order changes meanwhile (a corrected time; by _lastUpdated any new version) may come again or not at all.
 */
struct store_search {
	struct store_call call;
	const struct grant *grant;
	const struct search *search;
	struct match_policy policy; /* for the conditions that no column decides */
	struct resource_key *ids;   /* opened values of _id */
	size_t id_count;
	bool has_after; /* `next` of the page before */
	struct store_place after;
	unsigned limit;
	size_t bytes;    /* of SEARCH_PAGE_BYTES, where searches share a page; 0: all */
	bool counted;    /* the total is wanted too; then not has_after */
	bool count_only; /* and no rows */
	/* $lastn: this many of each leading code, newest first, by ascending canon, words alone by their text (of the newest SEARCH_LAST_WORDS of a part of the grant); no conditions for fhir/match.h, no total. 0: a search. */
	unsigned last;
	bool history; /* of ASK_TENANT: every version, deletions too, by -_lastUpdated */
	/* Of a grant for ASK_TENANT: rows received before this alone (store_horizon). */
	instant horizon;
	/* The answer: at most limit rows in order, over all parts. A page may be short, or empty, and yet have more behind it: where many rows must be looked at for few that match, or they are large. */
	struct store_row *rows;
	size_t count;
	bool words_cut; /* $lastn: a part gave so many of words alone that older ones may be left out */
	bool more;
	struct store_place next; /* the place the next page begins behind; on the call's arena */
	bool total_known;        /* false also where too many rows must be looked at */
	uint64_t total;
	void *state; /* the store's */
};
/* <0, 0, >0 as the search orders them; and the place of a row that it gave. */
int store_row_order(
	const struct search *search, const struct store_row *a, const struct store_row *b);
struct store_place store_place_of(const struct store_row *row);
void store_search(struct store *store, struct store_search *search);

#endif
