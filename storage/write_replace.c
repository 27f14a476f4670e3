/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A transaction that deletes a reading and stores another with its identity (FHIR R4 http.html#trules: DELETE comes before POST). Elsewhere what was deleted keeps its identities, so that a
 * gateway which repeats itself brings nothing back; here the controller says what stands in its place. The identities go over to the new reading, and the deleted one keeps
 * keys of its contents, as a reading beside another one has: who sends one of these again is still told that it was deleted.
 */
#include "storage/write_rows.h"

#include <stdlib.h>

static const struct reading *deletion(const struct group *group, const struct reading *reading)
{
	for (size_t i = 0; i < group->count; i++) {
		const struct reading *other = group->readings[i];
		if (other->job == reading->job && other->item->mode == WRITE_DELETE &&
			other->state == READING_DONE && other->hit.id == reading->hit.id)
			return other;
	}
	return NULL;
}

bool is_replacing(const struct group *group, const struct reading *reading)
{
	return reading->hit.gone && reading->replaced != reading->hit.id &&
	       deletion(group, reading) != NULL;
}

struct renamed {
	struct mac128 *taken, *guards, *spares;
	size_t count;
};

/* The contents it had before the last: more keys of the deleted row. */
static void add_guards(
	struct group *group, const struct reading *reading, struct mac128 *guards, size_t count)
{
	int64_t *ids = arena_array(group->arena, count, sizeof(*ids));
	int32_t *buckets = arena_array(group->arena, count, sizeof(*buckets));
	for (size_t i = 0; i < count; i++) {
		ids[i] = (int64_t)reading->hit.id;
		buckets[i] = reading->item->part->bucket;
	}
	struct db_params *params = db_params(group->arena, 4);
	db_int4(params, (int32_t)reading->item->part->tenant);
	db_int8s(params, ids, count);
	db_int4s(params, buckets, count);
	db_uuids(params, guards, count);
	db_add(group->flight, SQL_WRITE_KEYS, params, NULL, NULL);
}

static struct renamed renamed_of(
	struct group *group, const struct reading *reading, const struct mac128 *content)
{
	const size_t room = reading->key_count + 1;
	struct renamed renamed = { arena_array(group->arena, room, sizeof(struct mac128)),
		arena_array(group->arena, room, sizeof(struct mac128)),
		arena_array(group->arena, room, sizeof(struct mac128)), 0 };
	renamed.count = reading_taken_keys(
		group->store, reading, content, renamed.taken, renamed.guards, renamed.spares);
	return renamed;
}

void rows_replace(struct group *group, struct reading *reading)
{
	const struct str digests = deletion(group, reading)->digests;
	const struct grant_part *part = reading->item->part;
	struct mac128 content;
	reading->replaced = reading->hit.id;
	for (size_t at = 0; at + sizeof(content) <= digests.length; at += sizeof(content)) {
		memcpy(content.bytes, digests.at + at, sizeof(content.bytes));
		const struct renamed renamed = renamed_of(group, reading, &content);
		if (at > 0) {
			add_guards(group, reading, renamed.guards, renamed.count);
			continue;
		}
		struct db_params *params = db_params(group->arena, 6);
		db_int4(params, part->bucket);
		db_int4(params, (int32_t)part->tenant);
		db_int8(params, (int64_t)reading->hit.id);
		db_uuids(params, renamed.taken, renamed.count);
		db_uuids(params, renamed.guards, renamed.count);
		db_uuids(params, renamed.spares, renamed.count);
		db_add(group->flight, SQL_WRITE_REPLACE, params, NULL, NULL);
	}
	reading->state = READING_NEW;
}
