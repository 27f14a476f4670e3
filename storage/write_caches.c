/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Tables in which a new entry takes the place of the one that stood there: bounded without any care, and what they forget is only written once more.
 */
#include "storage/write_rows.h"

#define CONTEXTS  4096u
#define LOCATORS  131072u
#define RESENDERS 1024u
#define SUBJECTS  32768u /* sets of so many ways: */
#define WAYS      4u
/* How long a client that re-sent is expected to do it again. */
#define RESEND_FOR (60 * INSTANT_SECOND)

struct caches {
	struct known_context {
		struct mac128 context;
		int32_t month;
	} contexts[CONTEXTS];
	struct locator_key locators[LOCATORS];
	struct resender {
		uint64_t hash;
		instant at;
	} resenders[RESENDERS];
	struct known_subject subjects[SUBJECTS][WAYS];
};

struct caches *caches_new(struct arena *arena)
{
	return arena_alloc(arena, sizeof(struct caches));
}

/* splitmix64's finish: spreads what is already distinct. */
static uint64_t mixed(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

/* A context is an HMAC: any of its bytes are as good as a hash. */
static size_t context_slot(const struct mac128 *context)
{
	uint32_t slot;
	memcpy(&slot, context->bytes, sizeof(slot));
	return slot % CONTEXTS;
}

bool cache_has_context(const struct caches *caches, const struct mac128 *context, int32_t month)
{
	const struct known_context *have = &caches->contexts[context_slot(context)];
	return have->month == month && memcmp(&have->context, context, sizeof(*context)) == 0;
}

void cache_add_context(struct caches *caches, const struct mac128 *context, int32_t month)
{
	caches->contexts[context_slot(context)] = (struct known_context){ *context, month };
}

static size_t locator_slot(const struct locator_key *key)
{
	return (mixed(key->person) ^ mixed((uint64_t)key->tenant << 32 | (uint32_t)key->category) ^
		       mixed((uint64_t)(uint32_t)key->month << 16 | (uint16_t)key->class)) %
	       LOCATORS;
}

/* Proleptic Gregorian: days_from_civil turned round. */
int32_t instant_month(instant at)
{
	const int64_t day = 86400 * INSTANT_SECOND;
	const int64_t days = (at - (at % day + day) % day) / day + 719468;
	const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	const int64_t of_era = days - era * 146097;
	const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	const int64_t shifted = (5 * of_year + 2) / 153; /* 0 is March */
	return (int32_t)((year + era * 400 - 1970) * 12 + shifted + 2);
}

bool is_located(const struct reading *reading)
{
	return reading->item->observation->type == TYPE_OBSERVATION;
}

struct locator_key locator_key(const struct reading *reading, instant at)
{
	const struct observation *observation = reading->item->observation;
	const instant time = observation->time.low == INSTANT_MIN ? at : observation->time.low;
	return (struct locator_key){
		.person = reading->item->part->person,
		.tenant = reading->item->part->tenant,
		.category = reading->category,
		.month = instant_month(time),
		.bucket = reading->item->part->bucket,
		.class = (int16_t)observation->class,
	};
}

bool cache_has_locator(const struct caches *caches, const struct locator_key *key)
{
	const struct locator_key *have = &caches->locators[locator_slot(key)];
	return have->person == key->person && have->tenant == key->tenant &&
	       have->category == key->category && have->month == key->month &&
	       have->class == key->class;
}

void cache_add_locator(struct caches *caches, const struct locator_key *key)
{
	caches->locators[locator_slot(key)] = *key;
}

static uint64_t client_hash(struct str client)
{
	uint64_t hash = client.length + 1;
	for (size_t i = 0; i < client.length; i++)
		hash = mixed(hash ^ (unsigned char)client.at[i]);
	return hash;
}

bool cache_is_resending(const struct caches *caches, struct str client, instant now)
{
	const uint64_t hash = client_hash(client);
	const struct resender *have = &caches->resenders[hash % RESENDERS];
	return have->hash == hash && now - have->at < RESEND_FOR;
}

void cache_add_resending(struct caches *caches, struct str client, instant now)
{
	const uint64_t hash = client_hash(client);
	caches->resenders[hash % RESENDERS] = (struct resender){ hash, now };
}

/* A MAC is as good as a hash. */
static size_t subject_slot(const struct person_key *key, uint32_t tenant)
{
	uint64_t slot;
	memcpy(&slot, key->mac.bytes, sizeof(slot));
	return mixed(slot ^ tenant) % SUBJECTS;
}

static bool is_of(const struct known_subject *known, const struct person_key *key, uint32_t tenant)
{
	return known->subject != 0 && known->tenant == tenant && known->key.bucket == key->bucket &&
	       memcmp(&known->key.mac, &key->mac, sizeof(key->mac)) == 0;
}

const struct known_subject *cache_subject(const struct caches *caches, const struct person_key *key,
	uint32_t tenant, int64_t rules_version)
{
	const struct known_subject *set = caches->subjects[subject_slot(key, tenant)];
	for (unsigned way = 0; way < WAYS; way++) {
		if (is_of(&set[way], key, tenant))
			return set[way].rules_version == rules_version ? &set[way] : NULL;
	}
	return NULL;
}

/* In front; behind, the oldest goes. */
void cache_add_subject(struct caches *caches, const struct known_subject *known)
{
	struct known_subject *set = caches->subjects[subject_slot(&known->key, known->tenant)];
	unsigned way = 0;
	while (way < WAYS - 1 && !is_of(&set[way], &known->key, known->tenant))
		way++;
	memmove(&set[1], &set[0], way * sizeof(set[0]));
	set[0] = *known;
}
