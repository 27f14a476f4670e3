/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_SEARCH_SQL_H
#define STORAGE_SEARCH_SQL_H

#include "fhir/base/str.h"

/*
 * The one place where statements are put together: whitelisted fragments (storage/sql/search), chosen by the kinds of condition a search has. Values are parameters, always;
 * nothing of a request ever comes near a text. Each combination is a shape with a number.
 */
enum search_value {
#define VALUE(name) SEARCH_VALUE_##name,
#include "storage/search_params.tbl"
#undef VALUE
	SEARCH_VALUES
};

struct search_shape {
	enum search_source {
		SOURCE_NEWEST, /* the readings of a subject in order */
		SOURCE_CODE,   /* those of the concepts with one coding */
		SOURCE_WALK,   /* those of the subject's codes that meet conditions */
		SOURCE_IDS     /* named ones */
	} source;
	bool ids_code; /* SOURCE_IDS: with conditions on the code */
	bool code;     /* SOURCE_WALK, ids_code: tokens */
	bool canons;   /* the part of the grant opens or closes single codes */
	bool category, time, time_long, dates, ascending;
};

/* Numbers are dense enough to index an array. */
#define SEARCH_SHAPES 1024 /* 4 sources, 8 flags */
uint32_t search_shape_number(const struct search_shape *shape);

/* Its text, and which value each $n is. */
struct search_text {
	const char *text;
	unsigned count;
	enum search_value values[SEARCH_VALUES];
};
const struct search_text *search_text_new(struct arena *arena, const struct search_shape *shape);

#endif
