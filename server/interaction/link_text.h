/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_LINK_TEXT_H
#define SERVER_INTERACTION_LINK_TEXT_H

#include "fhir/bundle.h"

/* The text of links: which References a resource holds, which entry a URL names, bytes put in place of others. Knows nothing of patients and stores. */

struct links;
struct link_walk {
	struct links *links;
	size_t from; /* the entry that is walked */
};

/* A Reference that was found. */
struct link_place {
	const struct json *reference; /* its `reference`, a string */
	bool has_identifier;
	bool is_device; /* of the element `device` */
	bool is_target; /* of the element `target` of the resource itself */
};

/*
 * Asks `rewrite` about every Reference of the resource that has a `reference`; where it answers true, *out stands in the place of that string (JSON, and what may follow it in the object).
 * True when anything was rewritten: *text_out is the resource anew, on the arena.
 */
bool link_rewrite(struct arena *arena, const struct json *resource,
	bool (*rewrite)(void *context, const struct link_place *place, struct str *out),
	void *context, struct str *text_out);

/* Which entry is meant. FHIR R4 bundle.html#references: the fullUrl as it stands, or a relative reference to the same server as the referring entry's own fullUrl. */
struct link_urls;
struct link_urls *link_urls_new(struct arena *arena, const struct bundle *bundle);
bool link_urls_find(
	const struct link_urls *urls, struct str reference, size_t from, size_t *number_out);

/* The identity text of an identifier, as struct observation.keys of that type has it; false where it is none. */
bool link_key(struct arena *arena, enum resource_type type, struct str system, struct str value,
	struct str *out);

/* Writes `id` over each `place` in bytes that are the arena's own; both are 26 characters. */
void link_put(struct str bytes, const char place[static 27], const char id[static 27]);

#endif
