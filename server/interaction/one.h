/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_ONE_H
#define SERVER_INTERACTION_ONE_H

#include "server/context.h"
#include "server/exchange.h"

/*
 * One resource that is named by its id. What is absent and what is not for the caller are one answer by one road: both resolve, both write a row, neither touches a clinical
 * table; and an id that leads to nobody costs as much.
 */
struct one {
	bool opened; /* the id is one of ours, or looks it */
	struct resource_key key;
	size_t item; /* of exchange->resolve.items */
};

/* Opens an id as one of this type. */
void one_open(struct exchange *exchange, struct one *one, enum resource_type type, struct str id);
/* The version that stands in a URL behind _history/: as ETag and versionId write it, without leading zeros (FHIR R4 http.html#vread). -1: none there could be. */
int one_version(struct str text);
/* Asks RESOLVE for whom it is about, by `item` (from resolve_items). */
void one_who(struct one *one, struct resolve_item *items, size_t item);
/* What the caller may read of it: a grant for its controller, or NULL. A refusal is not told, it would say that the id is there. */
const struct grant *one_decide(struct exchange *exchange, const struct one *one);

/* Its log row, filled but for what was released: under the reading's controller where RESOLVE knows the patient, else nobody's under the caller's own. */
struct log_row *one_row(struct exchange *exchange, const struct one *one, enum log_op op);
/* Adds to `detail` that these rows left, as `bytes`, by this grant. */
void one_released(struct exchange *exchange, const struct grant *grant,
	const struct store_row *rows, size_t count, struct str bytes, struct log_detail *detail);

/* The texts of 404 and 410, one for every interaction on one resource. */
void one_absent(struct exchange *exchange, struct outcome *outcome);
void one_gone(struct exchange *exchange, struct outcome *outcome);

/* Gives the response its ETag, W/"version", and Last-Modified. */
void one_tell(struct exchange *exchange, int version, instant updated);
/* The bytes of a row for this caller: as stored, or as the parameters of form ask. */
struct str one_render(struct exchange *exchange, const struct store_row *row);

#endif
