/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_STORE_CHANGE_H
#define STORAGE_STORE_CHANGE_H

#include "storage/store.h"

/* ---- the versions of one reading, newest first, tombstones among them; none where the reading as it is now is not open */
struct store_history {
	struct store_call call;
	const struct grant *grant;
	struct resource_key key;
	int before;    /* versions below this; INT_MAX: all */
	instant since; /* stored at or after it; INSTANT_MIN: all */
	unsigned limit;
	bool found; /* the reading is there, and open */
	struct store_row *rows;
	size_t count;
	unsigned total; /* on all pages; 0 where this one has no rows */
	bool more;      /* also where a page has SEARCH_PAGE_BYTES */
};
void store_history(struct store *store, struct store_history *history);

/* ---- which reading of the part's person has an identity (`text` as in observation.keys); for conditional changes. The part is of a WRITE grant */
struct store_find {
	struct store_call call;
	const struct grant *grant;
	const struct grant_part *part;
	struct str client;       /* for "C" keys */
	enum resource_type type; /* TYPE_NONE: Observation */
	struct str text;
	bool found, deleted;
	int version;
	struct resource_key key;
};
void store_find(struct store *store, struct store_find *find);

#endif
