/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_LINK_TEXT_H
#define SERVER_INTERACTION_LINK_TEXT_H

#include "fhir/bundle.h"

/* The text of links: which References a resource holds, which entry a URL names, bytes put in place of others. Knows nothing of patients and stores. */

struct links;
struct link_walk {
	struct links *links;
	size_t from; /* the entry that is walked */
	bool known;  /* ids that are not known yet are of no use to it */
};

/* A Reference that was found. */
struct link_place {
	const struct json *reference; /* its `reference`, a string */
	bool has_identifier;
	bool is_device; /* of the element `device`, or of what the whole is about */
	bool is_target; /* of the element `target` of the resource itself */
};

/*
 * Asks `rewrite` about every Reference of the resource that has a `reference`; where it answers true, *out stands in the place of that string (JSON, and what may follow it in the object).
 * True when anything was rewritten: *text_out is the resource anew, on the arena.
 */
bool link_rewrite(struct arena *arena, const struct json *resource,
	bool (*rewrite)(void *context, const struct link_place *place, struct str *out),
	void *context, struct str *text_out);

/* Which entry is meant. FHIR R4 bundle.html#references: the fullUrl as it stands, or a relative reference to the same server as the referring entry's own fullUrl. LINK_MANY where several entries have that fullUrl and differ. */
#define LINK_MANY SIZE_MAX
struct link_urls;
struct link_urls *link_urls_new(struct arena *arena, const struct bundle *bundle);
bool link_urls_find(
	const struct link_urls *urls, struct str reference, size_t from, size_t *number_out);

/* The identity text of an identifier, as struct observation.keys of that type has it; false where it is none. */
bool link_key(struct arena *arena, enum resource_type type, struct str system, struct str value,
	struct str *out);

/* Which entry has an identity: the first of those that do. Made once for a Bundle, or each look-up would read all its entries. */
struct link_keys;
struct link_keys *link_keys_new(struct arena *arena, const struct bundle *bundle);
bool link_keys_find(
	const struct link_keys *keys, enum resource_type type, struct str key, size_t *number_out);

/*
 * Places: LINK_NONCE characters that no sender can guess, and the five digits of a target's number, stand for its id of 26 characters. They are looked for once, whatever their number, and
 * written as often as ids change. `nonce` and the bytes live as long as the spots; the bytes are the arena's own.
 */
#define LINK_NONCE 21
struct link_spots;
struct link_spots *link_spots_new(struct arena *arena, const char *nonce, size_t targets);
void link_spots_add(struct link_spots *spots, struct str bytes);
/* Writes what `id_of` says into each place; NULL leaves it as it is. */
void link_spots_put(const struct link_spots *spots,
	const char *(*id_of)(void *context, size_t target), void *context);

#endif
