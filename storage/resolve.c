/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * RESOLVE: who is meant. All items of all queued exchanges go out as arrays in one flight, with the version of the rules. Whoever is unknown and may be
 * made is made in a second round, and looked up again in it: a race is decided by the unique keys, and both sides then find the same person.
 */
#include <stdlib.h>

#include "storage/batch.h"
#include "storage/write_private.h"

/* An item on its way. `by_row` and the rest are in the item itself. */
struct lookup {
	struct resolve_item *item;
	struct arena *arena; /* of its exchange */
	size_t person_room, subject_room, block_room;
};

/* The lookups of one round: those by national id, those by row. `i` of a result row counts in one of them. */
struct round {
	struct batch *batch;
	struct lookup *by_key, *by_row;
	size_t key_count, row_count;
};

/* One element more behind `count`; the array doubles. */
static void *grown(struct arena *arena, void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room == 0 ? 4 : *room * 2;
	void *larger = arena_array(arena, *room, size);
	if (count > 0)
		memcpy(larger, array, count * size);
	return larger;
}

static void person_add(struct lookup *lookup, struct person person)
{
	struct patient *patient = &lookup->item->patient;
	for (size_t i = 0; i < patient->person_count; i++) {
		if (patient->persons[i].id == person.id && patient->persons[i].home == person.home)
			return;
	}
	patient->persons = grown(lookup->arena, patient->persons, patient->person_count,
		&lookup->person_room, sizeof(person));
	patient->persons[patient->person_count++] = person;
	patient->known = true;
}

static void subjects_came(struct lookup *lookups, size_t count, const struct db_rows *rows)
{
	for (unsigned i = 0; i < db_row_count(rows); i++) {
		const size_t which = (size_t)db_get_int(rows, i, 0) - 1;
		if (which >= count)
			continue;
		struct lookup *lookup = &lookups[which];
		struct patient *patient = &lookup->item->patient;
		const struct person person = { .home = (uint16_t)db_get_int(rows, i, 1),
			.id = (uint64_t)db_get_int(rows, i, 2) };
		person_add(lookup, person);
		if (db_is_null(rows, i, 3))
			continue;
		patient->subjects = grown(lookup->arena, patient->subjects, patient->subject_count,
			&lookup->subject_room, sizeof(*patient->subjects));
		patient->subjects[patient->subject_count++] = (struct subject){
			.tenant = (uint32_t)db_get_int(rows, i, 3),
			.id = (uint64_t)db_get_int(rows, i, 4),
			.person = person.id,
			.bucket = person.home,
		};
	}
}

static void blocks_came(struct lookup *lookups, size_t count, const struct db_rows *rows)
{
	for (unsigned i = 0; i < db_row_count(rows); i++) {
		const size_t which = (size_t)db_get_int(rows, i, 0) - 1;
		if (which >= count)
			continue;
		struct lookup *lookup = &lookups[which];
		struct patient *patient = &lookup->item->patient;
		patient->blocks = grown(lookup->arena, patient->blocks, patient->block_count,
			&lookup->block_room, sizeof(*patient->blocks));
		patient->blocks[patient->block_count++] = (struct block){
			.person = (uint64_t)db_get_int(rows, i, 1),
			.tenant = (uint32_t)db_get_int(rows, i, 2),
			.actor_orgnr = (uint32_t)db_get_int(rows, i, 3),
			.canon = (uint32_t)db_get_int(rows, i, 4),
			.valid_from = db_get_time(rows, i, 5),
			.valid_to = db_get_time(rows, i, 6),
		};
	}
}

static void key_subjects(void *context, const struct db_rows *rows)
{
	struct round *round = context;
	subjects_came(round->by_key, round->key_count, rows);
}

static void key_blocks(void *context, const struct db_rows *rows)
{
	struct round *round = context;
	blocks_came(round->by_key, round->key_count, rows);
}

static void row_subjects(void *context, const struct db_rows *rows)
{
	struct round *round = context;
	subjects_came(round->by_row, round->row_count, rows);
}

static void row_blocks(void *context, const struct db_rows *rows)
{
	struct round *round = context;
	blocks_came(round->by_row, round->row_count, rows);
}

static void version_came(void *context, const struct db_rows *rows)
{
	struct round *round = context;
	const int64_t version = db_row_count(rows) == 1 ? db_get_int(rows, 0, 0) : INT64_MAX;
	for (size_t i = 0; i < round->key_count; i++)
		round->by_key[i].item->patient.rules_version = version;
	for (size_t i = 0; i < round->row_count; i++)
		round->by_row[i].item->patient.rules_version = version;
}

/* ---- what goes out */

static void add_by_key(struct round *round)
{
	struct arena *arena = round->batch->arena;
	const size_t count = round->key_count;
	int32_t *buckets = arena_array(arena, count, sizeof(*buckets));
	struct mac128 *macs = arena_array(arena, count, sizeof(*macs));
	for (size_t i = 0; i < count; i++) {
		buckets[i] = round->by_key[i].item->key.bucket;
		macs[i] = round->by_key[i].item->key.mac;
	}
	struct db_params *params = db_params(arena, 2);
	db_int4s(params, buckets, count);
	db_uuids(params, macs, count);
	db_add(round->batch->flight, SQL_RESOLVE_SUBJECTS, params, key_subjects, round);
	db_add(round->batch->flight, SQL_RESOLVE_BLOCKS, params, key_blocks, round);
}

static void add_by_row(struct round *round)
{
	struct arena *arena = round->batch->arena;
	const size_t count = round->row_count;
	int32_t *buckets = arena_array(arena, count, sizeof(*buckets));
	int32_t *tenants = arena_array(arena, count, sizeof(*tenants));
	int64_t *subjects = arena_array(arena, count, sizeof(*subjects));
	for (size_t i = 0; i < count; i++) {
		const struct resource_key *row = &round->by_row[i].item->row;
		buckets[i] = row->bucket;
		tenants[i] = (int32_t)row->tenant;
		subjects[i] = (int64_t)row->subject;
	}
	struct db_params *params = db_params(arena, 3);
	db_int4s(params, buckets, count);
	db_int4s(params, tenants, count);
	db_int8s(params, subjects, count);
	db_add(round->batch->flight, SQL_RESOLVE_ROW_SUBJECTS, params, row_subjects, round);
	db_add(round->batch->flight, SQL_RESOLVE_ROW_BLOCKS, params, row_blocks, round);
}

static bool has_subject(const struct resolve_item *item)
{
	if (item->create_subject == 0)
		return true;
	for (size_t i = 0; i < item->patient.subject_count; i++) {
		if (item->patient.subjects[i].tenant == item->create_subject)
			return true;
	}
	return false;
}

static bool lacks_person(const struct resolve_item *item)
{
	return !item->by_row && !item->patient.known && item->create_person;
}

/* A subject needs a person that is there or is being made. */
static bool lacks_subject(const struct resolve_item *item)
{
	return !item->by_row && !has_subject(item) && (item->patient.known || item->create_person);
}

static bool lacks(const struct resolve_item *item)
{
	return lacks_person(item) || lacks_subject(item);
}

static int by_key_order(const void *a, const void *b)
{
	const struct resolve_item *one = *(struct resolve_item *const *)a;
	const struct resolve_item *two = *(struct resolve_item *const *)b;
	if (one->key.bucket != two->key.bucket)
		return one->key.bucket < two->key.bucket ? -1 : 1;
	return memcmp(one->key.mac.bytes, two->key.mac.bytes, sizeof(one->key.mac.bytes));
}

/* Items that lack what `lack` tells, ordered: unordered keys deadlock with another hub's. */
static struct resolve_item **lacking(
	struct round *round, bool (*lack)(const struct resolve_item *item), size_t *count)
{
	struct resolve_item **items =
		arena_array(round->batch->arena, round->key_count, sizeof(*items));
	*count = 0;
	for (size_t i = 0; i < round->key_count; i++) {
		if (lack(round->by_key[i].item))
			items[(*count)++] = round->by_key[i].item;
	}
	qsort(items, *count, sizeof(struct resolve_item *), by_key_order);
	return items;
}

static void make_persons(struct round *round)
{
	struct arena *arena = round->batch->arena;
	size_t count;
	struct resolve_item **items = lacking(round, lacks_person, &count);
	if (count == 0)
		return;
	int32_t *buckets = arena_array(arena, count, sizeof(*buckets));
	struct mac128 *macs = arena_array(arena, count, sizeof(*macs));
	struct str *sealed = arena_array(arena, count, sizeof(*sealed));
	for (size_t i = 0; i < count; i++) {
		buckets[i] = items[i]->key.bucket;
		macs[i] = items[i]->key.mac;
		sealed[i] = items[i]->sealed_id;
	}
	struct db_params *params = db_params(arena, 3);
	db_int4s(params, buckets, count);
	db_uuids(params, macs, count);
	db_byteas(params, sealed, count);
	db_add(round->batch->flight, SQL_PERSON_NEW, params, NULL, NULL);
}

static void make_subjects(struct round *round)
{
	struct arena *arena = round->batch->arena;
	size_t count;
	struct resolve_item **items = lacking(round, lacks_subject, &count);
	if (count == 0)
		return;
	int32_t *buckets = arena_array(arena, count, sizeof(*buckets));
	struct mac128 *macs = arena_array(arena, count, sizeof(*macs));
	int32_t *tenants = arena_array(arena, count, sizeof(*tenants));
	for (size_t i = 0; i < count; i++) {
		buckets[i] = items[i]->key.bucket;
		macs[i] = items[i]->key.mac;
		tenants[i] = (int32_t)items[i]->create_subject;
	}
	struct db_params *params = db_params(arena, 3);
	db_int4s(params, buckets, count);
	db_uuids(params, macs, count);
	db_int4s(params, tenants, count);
	db_add(round->batch->flight, SQL_SUBJECT_NEW, params, NULL, NULL);
}

/* Takes the items of the round's calls: in the first round all, later those that lack something. */
static struct round *round_of(struct batch *batch)
{
	struct round *round = arena_alloc(batch->arena, sizeof(*round));
	size_t count = 0;
	for (unsigned i = batch->first; i < batch->last; i++)
		count += ((struct store_resolve *)batch->items[i].call)->count;
	round->batch = batch;
	round->by_key = arena_array(batch->arena, count, sizeof(*round->by_key));
	round->by_row = arena_array(batch->arena, count, sizeof(*round->by_row));
	for (unsigned i = batch->first; i < batch->last; i++) {
		const struct batch_item *work = &batch->items[i];
		struct store_resolve *resolve = (struct store_resolve *)work->call;
		for (size_t j = 0; !work->over && j < resolve->count; j++) {
			struct resolve_item *item = &resolve->items[j];
			if (item->remembered || (work->round > 0 && !lacks(item)))
				continue;
			const struct lookup lookup = { .item = item, .arena = resolve->call.arena };
			if (item->by_row)
				round->by_row[round->row_count++] = lookup;
			else
				round->by_key[round->key_count++] = lookup;
		}
	}
	return round;
}

static void resolve_add(struct batch *batch)
{
	struct round *round = round_of(batch);
	if (batch->items[batch->first].round > 0) {
		make_persons(round);
		make_subjects(round);
	}
	for (size_t i = 0; i < round->key_count; i++)
		round->by_key[i].item->patient =
			(struct patient){ .key = round->by_key[i].item->key };
	for (size_t i = 0; i < round->row_count; i++)
		round->by_row[i].item->patient = (struct patient){ 0 };
	/* First: what is read after it is at least as new, and so may be remembered under it. */
	db_add(batch->flight, SQL_RESOLVE_VERSION, NULL, version_came, round);
	if (round->key_count > 0)
		add_by_key(round);
	if (round->row_count > 0)
		add_by_row(round);
}

/* ---- what came */

static int by_person(const void *a, const void *b)
{
	const struct person *one = a, *two = b;
	if (one->home != two->home)
		return one->home < two->home ? -1 : 1;
	return (one->id > two->id) - (one->id < two->id);
}

static int by_tenant(const void *a, const void *b)
{
	const struct subject *one = a, *two = b;
	if (one->tenant != two->tenant)
		return one->tenant < two->tenant ? -1 : 1;
	return (one->id > two->id) - (one->id < two->id);
}

static void patient_sort(struct patient *patient)
{
	if (patient->person_count > 1)
		qsort(patient->persons, patient->person_count, sizeof(*patient->persons),
			by_person);
	if (patient->subject_count > 1)
		qsort(patient->subjects, patient->subject_count, sizeof(*patient->subjects),
			by_tenant);
}

/* What a later write for the same person need not ask again. */
static void remember(const struct store *store, const struct resolve_item *item)
{
	const struct patient *patient = &item->patient;
	if (item->by_row || item->remembered || item->create_subject == 0 ||
		patient->person_count != 1)
		return;
	for (size_t i = 0; i < patient->subject_count; i++) {
		if (patient->subjects[i].tenant != item->create_subject)
			continue;
		cache_add_subject(
			store->writer->caches, &(struct known_subject){
						       .key = item->key,
						       .home = patient->persons[0].home,
						       .tenant = item->create_subject,
						       .person = patient->persons[0].id,
						       .subject = patient->subjects[i].id,
						       .rules_version = patient->rules_version,
					       });
	}
}

static void fill_known(
	struct arena *arena, struct resolve_item *item, const struct known_subject *known)
{
	struct patient *patient = &item->patient;
	*patient = (struct patient){ .key = item->key, .rules_version = known->rules_version };
	patient->known = true;
	patient->persons = arena_alloc(arena, sizeof(*patient->persons));
	patient->persons[0] = (struct person){ .home = known->home, .id = known->person };
	patient->person_count = 1;
	patient->subjects = arena_alloc(arena, sizeof(*patient->subjects));
	patient->subjects[0] = (struct subject){
		.tenant = known->tenant,
		.id = known->subject,
		.person = known->person,
		.bucket = known->home,
	};
	patient->subject_count = 1;
	item->remembered = true;
}

size_t store_remember(struct store *store, struct store_resolve *resolve, int64_t rules_version)
{
	size_t count = 0;
	for (size_t i = 0; i < resolve->count; i++) {
		struct resolve_item *item = &resolve->items[i];
		if (item->by_row || item->create_subject == 0)
			continue;
		const struct known_subject *known = cache_subject(
			store->writer->caches, &item->key, item->create_subject, rules_version);
		if (known == NULL)
			continue;
		fill_known(resolve->call.arena, item, known);
		count++;
	}
	return count;
}

static bool resolve_again(struct batch *batch, struct batch_item *work)
{
	struct store_resolve *resolve = (struct store_resolve *)work->call;
	bool missing = false;
	for (size_t i = 0; i < resolve->count; i++)
		missing = missing || lacks(&resolve->items[i]);
	if (missing && work->round == 1)
		return true;
	for (size_t i = 0; i < resolve->count; i++)
		patient_sort(&resolve->items[i].patient);
	for (size_t i = 0; i < resolve->count && !missing; i++)
		remember(batch->store, &resolve->items[i]);
	if (missing)
		call_fail(work->call, OUTCOME_FAULT, "a new patient could not be made");
	else
		call_done(work->call);
	return false;
}

static const struct batch_kind kind = {
	.queue = KIND_RESOLVE, .role = DB_RESOLVE, .add = resolve_add, .again = resolve_again
};

void resolve_dispatch(struct store *store, instant now)
{
	(void)now;
	batch_dispatch(store, &kind);
}

void store_resolve(struct store *store, struct store_resolve *resolve)
{
	queue_call(store, KIND_RESOLVE, &resolve->call);
}
