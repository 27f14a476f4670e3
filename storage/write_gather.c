/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Which exchanges go together: no key twice among them, so that a plain INSERT of fresh readings never meets itself.
 */
#include "storage/write_private.h"

/* Exchanges that wait because a key of theirs is in the group already: looked past so many. */
#define SKIP_MAX 32u
/* Readings of one request with one key, one after the other. */
#define ROUNDS_MAX 60u

struct key_slot {
	struct mac128 key;
	const struct job *job;   /* NULL: empty */
	struct reading *reading; /* the last with this key */
};

struct key_set {
	struct key_slot *slots;
	size_t mask;
};

static struct key_slot *slot_of(const struct key_set *set, const struct mac128 *key)
{
	size_t at = seal_reading_key_hash(key) & set->mask;
	while (set->slots[at].job != NULL && memcmp(&set->slots[at].key, key, sizeof(*key)) != 0)
		at = (at + 1) & set->mask;
	return &set->slots[at];
}

static size_t keys_of(const struct job *job)
{
	size_t count = 0;
	for (size_t i = 0; i < job->reading_count; i++)
		count += job->readings[i].key_count + reading_is_change(&job->readings[i]);
	return count;
}

/* The row that is changed, as a key among keys. */
static struct mac128 row_key(const struct reading *reading)
{
	const struct resource_key *key = &reading->item->key;
	const uint64_t words[2] = { key->id * 0x9e3779b97f4a7c15u,
		(uint64_t)key->tenant << 16 | key->bucket };
	struct mac128 as_key;
	memcpy(as_key.bytes, words, sizeof(as_key.bytes));
	return as_key;
}

static struct key_set key_set_new(struct arena *arena, size_t keys)
{
	size_t size = 64;
	while (size < keys * 2)
		size *= 2;
	return (struct key_set){ arena_array(arena, size, sizeof(struct key_slot)), size - 1 };
}

/* One group asks for one version of the rules. */
static bool is_of_other_rules(int64_t *version, const struct job *job)
{
	const int64_t wanted = job->write == NULL ? 0 : job->write->rules_version;
	if (wanted == 0 || wanted == *version)
		return false;
	if (*version != 0)
		return true;
	*version = wanted;
	return false;
}

/*
 * Two exchanges with one key, or that change one row, do not go together: the later one waits for the next group. So nobody is told of a conflict with what is not committed.
 */
static bool is_clashing(const struct key_set *set, const struct job *job)
{
	for (size_t i = 0; i < job->reading_count; i++) {
		const struct reading *reading = &job->readings[i];
		for (size_t k = 0; k < reading->key_count; k++) {
			if (slot_of(set, &reading->keys[k])->job != NULL)
				return true;
		}
		if (!reading_is_change(reading))
			continue;
		const struct mac128 row = row_key(reading);
		if (slot_of(set, &row)->job != NULL)
			return true;
	}
	return false;
}

/* Readings of one exchange with one key go one after the other. False when there are too many. */
static bool enter_keys(struct key_set *set, struct job *job)
{
	for (size_t i = 0; i < job->reading_count; i++) {
		struct reading *reading = &job->readings[i];
		reading->round = 0;
		for (size_t k = 0; k < reading->key_count; k++) {
			const struct key_slot *slot = slot_of(set, &reading->keys[k]);
			if (slot->job != job)
				continue;
			reading->shared = slot->reading->shared = true;
			if (slot->reading->round + 1 > reading->round)
				reading->round = slot->reading->round + 1;
		}
		for (size_t k = 0; k < reading->key_count; k++)
			*slot_of(set, &reading->keys[k]) =
				(struct key_slot){ reading->keys[k], job, reading };
		if (reading->round > ROUNDS_MAX)
			return false;
		if (!reading_is_change(reading))
			continue;
		const struct mac128 row = row_key(reading);
		*slot_of(set, &row) = (struct key_slot){ row, job, reading };
	}
	return true;
}

void group_gather(struct group *group)
{
	struct job_queue *queue = &group->lane->queue;
	const unsigned limit = group->store->settings.group_max;
	size_t keys = 0, rows = 0;
	for (const struct job *job = queue->first; job != NULL && rows < limit; job = job->next) {
		keys += keys_of(job);
		rows += job->reading_count + job->log_count;
	}
	/* Those looked past are not in the sum; their keys come into the set instead of others', never beside them. */
	struct key_set set = key_set_new(group->arena, keys * 2);
	struct job_queue taken = { 0 };
	unsigned skipped = 0;
	int64_t version = 0;
	rows = keys = 0;
	for (struct job *job = queue->first, *before = NULL, *next;
		job != NULL && skipped < SKIP_MAX; job = next) {
		next = job->next;
		const size_t more = job->reading_count + job->log_count;
		if (taken.first != NULL &&
			(rows + more > limit || keys + keys_of(job) > set.mask / 2))
			break;
		const bool apart =
			taken.first != NULL && job_is_long(job) != job_is_long(taken.first);
		if (apart || is_clashing(&set, job) || is_of_other_rules(&version, job)) {
			before = job;
			skipped++;
			continue;
		}
		job_remove(queue, before, job);
		if (!enter_keys(&set, job)) {
			outcome_fail(job->call->outcome, OUTCOME_BUSINESS_RULE, (struct str){ 0 },
				"More than %u readings of one measurement in one request; split it",
				ROUNDS_MAX);
			queue_answer(group->store, job->call);
			continue;
		}
		rows += more;
		keys += keys_of(job);
		job_append(&taken, job);
	}
	group->jobs = taken.first;
}

int64_t group_rules_version(const struct group *group)
{
	int64_t version = 0;
	for (const struct job *job = group->jobs; job != NULL; job = job->next) {
		if (job->write != NULL && job->write->rules_version != 0)
			version = job->write->rules_version;
	}
	return version;
}

void group_rules(struct group *group)
{
	const int64_t version = group_rules_version(group);
	if (version == 0)
		return;
	struct db_params *params = db_params(group->arena, 1);
	db_int8(params, version);
	db_add(group->flight, SQL_WRITE_RULES, params, NULL, NULL);
}
