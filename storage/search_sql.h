/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_SEARCH_SQL_H
#define STORAGE_SEARCH_SQL_H

#include "fhir/search.h"
#include "storage/db.h"

/*
 * The one place where statements are put together: whitelisted fragments (storage/sql/search), chosen by the kinds of condition a search has. Values are parameters, always;
 * nothing of a request ever comes near a text. Each combination is a shape with a number.
 */
enum search_slot {
#define VALUE(name) SEARCH_SLOT_##name,
#include "storage/search_params.tbl"
#undef VALUE
	SEARCH_SLOTS
};

struct search_shape {
	enum search_source {
		SOURCE_NEWEST, /* the readings of a subject in order */
		SOURCE_CODE,   /* those of the concepts with one coding */
		SOURCE_WALK,   /* those of the subject's codes that meet conditions */
		SOURCE_IDS,    /* named ones */
		SOURCE_TYPE,   /* those of a subject that are no readings */
		SOURCE_LAST,   /* the newest of each code of a subject ($lastn) */
		/* of a controller's, no patient named: */
		SOURCE_TENANT_RECV,     /* as they came */
		SOURCE_TENANT_TYPE,     /* the same of what is no reading */
		SOURCE_TENANT_CODE,     /* of the concepts with one coding */
		SOURCE_TENANT_WALK,     /* of its codes that meet conditions */
		SOURCE_TENANT_KEY,      /* by identifier */
		SOURCE_TENANT_KEY_RECV, /* the same, as they came */
		SOURCE_TENANT_HISTORY   /* every version */
	} source;
	bool ids_code; /* SOURCE_IDS, TENANT_RECV, TENANT_TYPE, TENANT_KEY*: with conditions on the code */
	bool code;   /* SOURCE_WALK, ids_code: tokens */
	bool canons; /* the part of the grant opens or closes single codes */
	bool category, time, time_long, dates, ascending, updated;
	bool value, parts; /* bounds of what fhir/match.h decides (search_narrow.h) */
	/* Of Provenances: those of readings that a message made, too; all of the subject's, or of named readings. */
	enum search_messages { MESSAGES_NONE, MESSAGES_NEWEST, MESSAGES_IDS } messages;
	/* More than the date; then a page after the first has `after`. */
	const struct search_sort *sorts;
	size_t sort_count;
	bool after;
	bool counting; /* how many there are, without order and page */
};

/* Numbers are dense enough to index an array; those that sort by keys, count, have bounds or ask for Provenances are too many and too rare to be prepared. */
#define SEARCH_SHAPES     6656 /* 13 sources, 9 flags */
#define SEARCH_SHAPE_RARE DB_SHAPE_ONCE
uint32_t search_shape_number(const struct search_shape *shape);

/* Its text, and which value each $n is. */
struct search_text {
	const char *text;
	unsigned count;
	enum search_slot values[SEARCH_SLOTS];
};
const struct search_text *search_text_new(struct arena *arena, const struct search_shape *shape);

#endif
