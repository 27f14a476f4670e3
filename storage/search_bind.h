/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_SEARCH_BIND_H
#define STORAGE_SEARCH_BIND_H

#include "storage/found.h"
#include "storage/search_narrow.h"
#include "storage/search_sql.h"
#include "storage/search_time.h"

/* A search's conditions as columns: the values of a token parameter, and dates that are no simple bounds. */
struct token_columns {
	size_t count;
	int32_t *occurrences;
	int16_t *kinds; /* 0 system and code, 1 code of any system, 2 any code of the system */
	struct str *systems, *codes;
	int32_t occurrence_count;
};
struct date_columns {
	size_t count;
	int32_t *occurrences;
	int16_t *prefixes;
	instant *lows, *highs;
};

/* A search on its way. */
struct finding {
	struct store_search *search;
	struct search_time time;
	struct search_narrow narrow; /* of rows that are looked at */
	struct token_columns codes, categories, parts;
	struct date_columns dates;
	struct mac128 *key_lows, *key_highs; /* of identifiers, where no patient is named */
	size_t key_count;
	/* Of Provenances: the readings they are of, where they are named. */
	struct resource_key *targets;
	size_t target_count;
	bool by_target; /* they are, if by ids that lead nowhere */
	bool has_after; /* where this slice begins */
	struct store_place after;
	unsigned slice;       /* rows of it */
	bool scanning;        /* each row must be looked at */
	struct founds founds; /* its rows */
	struct founds kept;   /* those of the page */
	bool cut;             /* a part has more rows, left out for their bytes */
	struct store_row end; /* then rows behind this one are not all there */
	bool full;            /* the page has its bytes */
	size_t kept_bytes;
	size_t scanned; /* looked at so far */
	size_t scanned_bytes;
	uint64_t matches; /* the total so far */
	bool exhausted;   /* nothing is behind this slice */
	bool damaged;     /* a stored body cannot be read */
};
/* One statement of it. */
struct part_finding {
	struct finding *finding;
	const struct grant_part *part;
	int64_t *ids;
	size_t id_count;
};

/* What a row without value counts as, so that it comes last. */
double store_value_key(double value, bool descending);
/* The same of one without codings. */
struct str store_code_key(struct str code, bool descending);
struct finding *finding_new(struct store_search *search);
/* The usual condition on the code: exactly one coding. */
bool finding_is_one_coding(const struct finding *finding);
/* Adds the parameters of a statement in the order of its text. */
void search_bind(struct db_params *params, struct arena *arena, const struct search_text *text,
	const struct part_finding *part);

/*
 * search_tenant.c: a search over all patients of a controller (ASK_TENANT). Its shape; the ends of the keys of the identifiers it asks for, if it does;
 * and whose the row is, from its last columns.
 */
bool search_is_of_tenant(const struct store_search *search);
void search_tenant_shape(const struct finding *finding, struct search_shape *shape);
void search_tenant_keys(const struct seal *seal, struct finding *finding);
void search_tenant_row(const struct store_search *search, const struct db_rows *rows, unsigned row,
	struct store_row *out);

/* search_target.c: fills in `targets` of a search for Provenances. */
void search_find_targets(const struct seal *seal, struct finding *finding);

/* lastn.c: what a row is grouped by whose code is words alone: the same for the same words, whatever their case and spaces, and like no code's number. */
uint64_t last_words(const struct found *found);
/* lastn.c: keeps the newest of each leading code, behind the place of the page before, and no more than a page of them. */
void last_cut(struct finding *finding);

#endif
