/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Rows that are replaced or deleted by their id. One statement locks the row, compares its version, moves it to the history and puts the new one in its place, so that of any
 * number of callers with one If-Match one alone succeeds. What became of it is known at the Sync behind it, before COMMIT: a write with a refused change is rolled back whole.
 */
#include "storage/write_rows.h"

#include <stdlib.h>

static struct db_params *update_params(struct group *group, const struct reading *reading)
{
	const struct write_item *item = reading->item;
	const struct observation *observation = item->observation;
	struct db_params *params = db_params(group->arena, 21);
	db_int4(params, item->part->bucket);
	db_int4(params, (int32_t)item->part->tenant);
	db_int8(params, (int64_t)item->key.id);
	db_int8(params, (int64_t)item->part->subject);
	db_int4(params, item->expected);
	db_time(params, observation->time.low);
	db_time(params, observation->time.high);
	if (observation->value.present) {
		db_float8(params, observation->value.low);
		db_float8(params, observation->value.high);
	} else {
		db_null(params);
		db_null(params);
	}
	db_int8(params, (int64_t)reading->job->write->corr);
	db_int4(params, reading->code);
	db_int4(params, reading->unit);
	db_int2(params, (int16_t)observation->class);
	db_int2(params, (int16_t)observation->status);
	db_int4(params, reading->category);
	db_int2(params, reading->pack);
	db_uuid(params, &reading->digest);
	db_bytea(params, reading->body);
	db_uuids(params, reading->keys, reading->key_count);
	db_int2(params, (int16_t)item->key.type);
	db_int4(params, item->same);
	return params;
}

static struct db_params *delete_params(struct group *group, const struct reading *reading)
{
	const struct write_item *item = reading->item;
	struct db_params *params = db_params(group->arena, 7);
	db_int4(params, item->part->bucket);
	db_int4(params, (int32_t)item->part->tenant);
	db_int8(params, (int64_t)item->key.id);
	db_int8(params, (int64_t)item->part->subject);
	db_int4(params, item->expected);
	db_int8(params, (int64_t)reading->job->write->corr);
	db_int2(params, (int16_t)item->key.type);
	return params;
}

static void refuse(struct reading *reading, enum write_fate fate)
{
	reading->state = READING_REFUSED;
	reading->fate = fate;
}

/* What an UPDATE or DELETE of a row answers: version, deleted?, recv, a key is another's?, new version or 0; a DELETE also the digests. */
static void changed(void *context, const struct db_rows *rows)
{
	struct reading *reading = context;
	const struct write_item *item = reading->item;
	if (db_row_count(rows) == 0) {
		refuse(reading, WRITE_GONE);
		return;
	}
	if (item->mode == WRITE_DELETE)
		reading->digests = str_copy(reading->job->call->arena, db_get_bytes(rows, 0, 5));
	const bool deleted = db_get_bool(rows, 0, 1);
	const int now = (int)db_get_int(rows, 0, 4);
	reading->hit = (struct hit){ .id = item->key.id,
		.version = (int)db_get_int(rows, 0, 0),
		.recv = db_get_time(rows, 0, 2) };
	reading->state = READING_DONE;
	if (now != 0) {
		reading->hit.version = now;
		reading->terms_due = item->mode == WRITE_UPDATE;
		if (item->mode == WRITE_DELETE)
			reading->fate = WRITE_DELETED;
		else
			reading->fate = deleted ? WRITE_CREATED : WRITE_UPDATED;
	} else if (item->expected != 0 && item->expected != reading->hit.version) {
		refuse(reading, WRITE_CONFLICT);
	} else if (db_get_bool(rows, 0, 3)) {
		refuse(reading, WRITE_CLASH);
	} else {
		reading->fate = WRITE_UNCHANGED;
		reading->terms_due = item->condition.length > 0; /* the row may lack its key */
	}
}

void rows_change(struct group *group, struct reading *reading)
{
	const bool update = reading->item->mode == WRITE_UPDATE;
	reading->terms_due = false;
	db_add(group->flight, update ? SQL_WRITE_CHANGE : SQL_WRITE_DELETE,
		update ? update_params(group, reading) : delete_params(group, reading), changed,
		reading);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mac128));
}

void rows_change_more(struct group *group, struct reading *reading)
{
	const struct grant_part *part = reading->item->part;
	struct db_params *params = db_params(group->arena, 4);
	db_int4(params, part->bucket);
	db_int4(params, (int32_t)part->tenant);
	db_int8(params, (int64_t)part->subject);
	db_int8(params, (int64_t)reading->hit.id);
	db_add(group->flight, SQL_WRITE_TERMS_GONE, params, NULL, NULL);
	rows_terms(group, &reading, 1);
	struct mac128 *keys = arena_array(group->arena, reading->key_count, sizeof(*keys));
	memcpy(keys, reading->keys, reading->key_count * sizeof(*keys));
	qsort(keys, reading->key_count, sizeof(*keys), by_bytes);
	params = db_params(group->arena, 4);
	db_int4(params, part->bucket);
	db_int4(params, (int32_t)part->tenant);
	db_int8(params, (int64_t)reading->hit.id);
	db_uuids(params, keys, reading->key_count);
	db_add(group->flight, SQL_WRITE_CHANGE_KEYS, params, NULL, NULL);
	reading->terms_due = false;
}

bool group_is_refused(const struct group *group)
{
	for (size_t i = 0; i < group->count; i++) {
		if (group->readings[i]->state == READING_REFUSED)
			return true;
	}
	return false;
}
