/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_WRITE_CACHES_H
#define STORAGE_WRITE_CACHES_H

#include "authz/seal.h"
#include "fhir/base/arena.h"

/* What this process knows to be committed. Filled after COMMIT only; bounded, forgetful, never wrong. */
struct caches *caches_new(struct arena *arena);
/* Months since 1970-01 (UTC). */
int32_t instant_month(instant at);
/* A context, and that its last_month is this one. */
bool cache_has_context(const struct caches *caches, const struct mac128 *context, int32_t month);
void cache_add_context(struct caches *caches, const struct mac128 *context, int32_t month);
struct locator_key {
	uint64_t person;
	uint32_t tenant;
	int32_t category, month;
	uint16_t bucket;
	int16_t class;
};
bool cache_has_locator(const struct caches *caches, const struct locator_key *key);
void cache_add_locator(struct caches *caches, const struct locator_key *key);
/* A client that re-sent within the last minute. */
bool cache_is_resending(const struct caches *caches, struct str client, instant now);
void cache_add_resending(struct caches *caches, struct str client, instant now);

/* Whom a national id leads to, where that is one person with a subject at the controller, and the version of the rules it was read under: joining persons moves that. */
struct known_subject {
	struct person_key key;
	uint16_t home;
	uint32_t tenant;
	uint64_t person, subject;
	int64_t rules_version;
};
/* NULL: not known under this version. */
const struct known_subject *cache_subject(const struct caches *caches, const struct person_key *key,
	uint32_t tenant, int64_t rules_version);
void cache_add_subject(struct caches *caches, const struct known_subject *known);

#endif
