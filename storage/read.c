/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reads by id. A row that no part of the grant opens is asked for as one that is not there: the same statement, the same time. */
#include <stdlib.h>

#include "storage/found.h"
#include "storage/texts.h"

struct reading {
	struct store_read *read;
	uint32_t tenant;
	const struct grant_part *part;
	struct founds founds, older; /* as it is now; the version that was asked for */
	struct founds message;       /* the Provenance of a reading that a message made */
};

static void come(struct reading *reading, struct founds *founds, const struct db_rows *rows)
{
	if (reading->part == NULL)
		return;
	found_add(founds, reading->read->key.type, reading->part, rows);
	for (size_t i = 0; i < founds->count; i++)
		founds->rows[i].row.deleted = db_get_bool(rows, (unsigned)i, 8);
}

static void read_came(void *context, const struct db_rows *rows)
{
	struct reading *reading = context;
	come(reading, &reading->founds, rows);
}

static void version_came(void *context, const struct db_rows *rows)
{
	struct reading *reading = context;
	come(reading, &reading->older, rows);
}

static void message_came(void *context, const struct db_rows *rows)
{
	struct reading *reading = context;
	come(reading, &reading->message, rows);
}

struct db_params *read_params(struct arena *arena, const struct grant_part *part,
	const struct resource_key *key, unsigned count)
{
	struct db_params *params = db_params(arena, count);
	db_int4(params, part->bucket);
	db_int4(params, (int32_t)part->tenant);
	db_int8(params, (int64_t)part->subject);
	db_int8(params, (int64_t)key->id);
	part_classes(params, arena, part);
	db_int2(params, (int16_t)key->type);
	if (count <= 6)
		return params;
	part_canons(params, arena, part);
	part_canon_classes(params, arena, part);
	part_blocked(params, arena, part);
	return params;
}

struct db_params *read_params_nobody(struct arena *arena, const struct grant *grant,
	const struct resource_key *key, unsigned count)
{
	struct db_params *params = db_params(arena, count);
	db_int4(params, key->bucket);
	db_int4(params, (int32_t)grant->own_tenant);
	db_int8(params, 0);
	db_int8(params, (int64_t)key->id);
	db_int4(params, 0);
	db_int2(params, (int16_t)key->type);
	for (unsigned i = 6; i < count && i < 9; i++)
		db_int4s(params, NULL, 0);
	return params;
}

/* Behind the parameters that read_message shares with the others: the version asked for, or the newest. */
static void add_message(struct batch *batch, struct reading *reading, struct db_params *params)
{
	const int version = reading->read->version;
	db_int4(params, version == 0 ? INT32_MAX : version + 1);
	db_time(params, INSTANT_MIN);
	db_int4(params, 1);
	db_add(batch->flight, SQL_READ_MESSAGE, params, message_came, reading);
}

static bool is_provenance(const struct reading *reading)
{
	return reading->read->key.type == TYPE_PROVENANCE;
}

static void add_row(struct batch *batch, struct reading *reading)
{
	const struct grant_part *part = reading->part;
	const bool codes = part_limits_codes(part);
	batch_bind(batch, part->tenant, part_mask(part));
	db_add(batch->flight, codes ? SQL_READ_ID_CODES : SQL_READ_ID,
		read_params(batch->arena, part, &reading->read->key, codes ? 9 : 6), read_came,
		reading);
	if (is_provenance(reading))
		add_message(
			batch, reading, read_params(batch->arena, part, &reading->read->key, 12));
	if (reading->read->version == 0)
		return;
	struct db_params *params = read_params(batch->arena, part, &reading->read->key, 10);
	db_int4(params, reading->read->version);
	db_add(batch->flight, SQL_READ_VERSION, params, version_came, reading);
}

/* The same statements: what is not open takes the time of what is. */
static void add_nothing(struct batch *batch, struct reading *reading)
{
	const struct store_read *read = reading->read;
	batch_bind(batch, read->grant->own_tenant, 0);
	db_add(batch->flight, SQL_READ_ID,
		read_params_nobody(batch->arena, read->grant, &read->key, 6), read_came, reading);
	if (is_provenance(reading))
		add_message(batch, reading,
			read_params_nobody(batch->arena, read->grant, &read->key, 12));
	if (read->version == 0)
		return;
	struct db_params *params = read_params_nobody(batch->arena, read->grant, &read->key, 10);
	db_int4(params, read->version);
	db_add(batch->flight, SQL_READ_VERSION, params, version_came, reading);
}

static struct reading *reading_new(struct store_read *read)
{
	struct reading *reading = arena_alloc(read->call.arena, sizeof(*reading));
	reading->founds.arena = reading->older.arena = reading->message.arena = read->call.arena;
	reading->read = read;
	reading->part = part_of(read->grant, &read->key);
	reading->tenant = reading->part == NULL ? read->grant->own_tenant : reading->part->tenant;
	return reading;
}

/* Those whose codes the answer tells. */
static const struct founds *told(const struct reading *reading)
{
	if (reading->message.count > 0)
		return &reading->message;
	return reading->older.count > 0 ? &reading->older : &reading->founds;
}

static int by_tenant(const void *a, const void *b)
{
	const struct reading *one = *(struct reading *const *)a;
	const struct reading *two = *(struct reading *const *)b;
	return (one->tenant > two->tenant) - (one->tenant < two->tenant);
}

static void read_add(struct batch *batch)
{
	struct reading *readings[BATCH_MAX];
	size_t count = 0;
	for (unsigned i = batch->first; i < batch->last; i++) {
		struct batch_item *item = &batch->items[i];
		if (item->over)
			continue;
		if (item->round > 0) {
			const struct reading *reading = item->state;
			found_texts(batch, told(reading));
			continue;
		}
		readings[count] = reading_new((struct store_read *)item->call);
		item->state = readings[count++];
	}
	if (count > 1)
		qsort(readings, count, sizeof(readings[0]), by_tenant);
	for (size_t i = 0; i < count; i++) {
		if (readings[i]->part == NULL)
			add_nothing(batch, readings[i]);
		else
			add_row(batch, readings[i]);
	}
}

/* The version that is asked for; NULL where there is none, or the reading itself is not open. */
static struct found *wanted(struct reading *reading)
{
	const int version = reading->read->version;
	if (reading->message.count > 0) {
		struct found *message = reading->message.rows;
		/* A deleted reading's versions stay, as its own do. */
		message->row.deleted = message->row.deleted && version == 0;
		return version == 0 || version == message->row.version ? message : NULL;
	}
	struct found *now = reading->founds.rows;
	if (reading->founds.count == 0)
		return NULL;
	if (version == 0 || version == now->row.version)
		return now;
	return reading->older.count > 0 ? reading->older.rows : NULL;
}

static bool read_again(struct batch *batch, struct batch_item *item)
{
	struct store_read *read = (struct store_read *)item->call;
	const struct found *found = wanted(item->state);
	struct str text;
	read->found = found != NULL;
	if (read->found && item->round == 1 && !text_find(batch->store, found->code, &text))
		return true;
	if (read->found && !found_row(batch->store, read->call.arena, found, &read->row)) {
		call_fail(item->call, OUTCOME_FAULT, "a stored reading is damaged");
		return false;
	}
	call_done(item->call);
	return false;
}

static const struct batch_kind kind = { .queue = KIND_READ,
	.role = DB_READ,
	.transaction = true,
	.add = read_add,
	.again = read_again };

void read_dispatch(struct store *store, instant now)
{
	(void)now;
	batch_dispatch(store, &kind);
}

void store_read(struct store *store, struct store_read *read)
{
	queue_call(store, KIND_READ, &read->call);
}
