/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A transaction that deletes a reading and stores another with its identity (FHIR R4 http.html#trules: DELETE comes before POST). Elsewhere what was deleted keeps its identities, so that a
 * gateway which repeats itself brings nothing back; here the controller says what stands in its place. The identities go over to the new reading, and the deleted one keeps
 * keys of its contents, as a reading beside another one has: who sends one of these again is still told that it was deleted.
 */
#include "storage/write_rows.h"

#include <stdlib.h>

/* What was deleted is known when the first answers are in, and stays so for the rest of the attempt. */
static void find_deleted(struct group *group)
{
	group->deleted = places_new(group->arena, group->count);
	for (size_t i = 0; i < group->count; i++) {
		struct reading *reading = group->readings[i];
		if (reading->item->mode == WRITE_DELETE && reading->state == READING_DONE)
			places_take(group->deleted, reading->hit.id, reading);
	}
}

/* No row stands twice among the changes of a group (write_gather.c). */
static const struct reading *deletion(struct group *group, const struct reading *reading)
{
	if (group->deleted == NULL)
		find_deleted(group);
	const struct reading *other = places_find(group->deleted, reading->hit.id);
	return other != NULL && other->job == reading->job ? other : NULL;
}

bool is_replacing(struct group *group, const struct reading *reading)
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

static void rename_key(
	struct group *group, const struct reading *reading, const struct renamed *renamed, size_t i)
{
	const struct grant_part *part = reading->item->part;
	struct db_params *params = db_params(group->arena, 6);
	db_int4(params, part->bucket);
	db_int4(params, (int32_t)part->tenant);
	db_int8(params, (int64_t)reading->hit.id);
	db_uuid(params, &renamed->taken[i]);
	db_uuid(params, &renamed->guards[i]);
	db_uuid(params, &renamed->spares[i]);
	db_add(group->flight, SQL_WRITE_REPLACE, params, NULL, NULL);
}

void rows_replace(struct group *group, struct reading *reading)
{
	const struct str digests = deletion(group, reading)->digests;
	struct mac128 content;
	reading->replaced = reading->hit.id;
	for (size_t at = 0; at + sizeof(content) <= digests.length; at += sizeof(content)) {
		memcpy(content.bytes, digests.at + at, sizeof(content.bytes));
		const struct renamed renamed = renamed_of(group, reading, &content);
		if (at > 0) {
			add_guards(group, reading, renamed.guards, renamed.count);
			continue;
		}
		for (size_t i = 0; i < renamed.count; i++)
			rename_key(group, reading, &renamed, i);
	}
	reading->state = READING_NEW;
}
