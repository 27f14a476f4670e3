/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Readings as columns: one array a parameter. Every function is for readings of one tenant; SET LOCAL stands before.
 */
#include "storage/write_rows.h"
#include "storage/pack.h"

#include <math.h>
#include <stdlib.h>

/* hub.term.kind */
#define TERM_COMPONENT 2

struct reading_columns {
	int64_t *id, *subject, *upload;
	int32_t *bucket, *code, *unit, *category;
	int16_t *type, *class, *status, *pack;
	instant *time_low, *time_high;
	double *val_low, *val_high;
	struct mac128 *digest;
	struct str *body;
};

static struct reading_columns columns_new(struct arena *arena, size_t count)
{
	return (struct reading_columns){
		.id = arena_array(arena, count, sizeof(int64_t)),
		.subject = arena_array(arena, count, sizeof(int64_t)),
		.upload = arena_array(arena, count, sizeof(int64_t)),
		.bucket = arena_array(arena, count, sizeof(int32_t)),
		.code = arena_array(arena, count, sizeof(int32_t)),
		.unit = arena_array(arena, count, sizeof(int32_t)),
		.category = arena_array(arena, count, sizeof(int32_t)),
		.type = arena_array(arena, count, sizeof(int16_t)),
		.class = arena_array(arena, count, sizeof(int16_t)),
		.status = arena_array(arena, count, sizeof(int16_t)),
		.pack = arena_array(arena, count, sizeof(int16_t)),
		.time_low = arena_array(arena, count, sizeof(instant)),
		.time_high = arena_array(arena, count, sizeof(instant)),
		.val_low = arena_array(arena, count, sizeof(double)),
		.val_high = arena_array(arena, count, sizeof(double)),
		.digest = arena_array(arena, count, sizeof(struct mac128)),
		.body = arena_array(arena, count, sizeof(struct str)),
	};
}

static double value_or_null(const struct observation_value *value, double number)
{
	return value->present ? number : NAN;
}

static void column_set(struct reading_columns *columns, size_t i, const struct reading *reading)
{
	const struct observation *observation = reading->item->observation;
	columns->id[i] = (int64_t)reading->id;
	columns->subject[i] = (int64_t)reading->item->part->subject;
	columns->upload[i] = (int64_t)reading->job->write->corr;
	columns->bucket[i] = reading->item->part->bucket;
	columns->code[i] = reading->code;
	columns->unit[i] = reading->unit;
	columns->category[i] = reading->category;
	columns->type[i] = (int16_t)observation->type;
	columns->class[i] = (int16_t)observation->class;
	columns->status[i] = (int16_t)observation->status;
	columns->pack[i] = reading->pack;
	columns->time_low[i] = observation->time.low;
	columns->time_high[i] = observation->time.high;
	columns->val_low[i] = value_or_null(&observation->value, observation->value.low);
	columns->val_high[i] = value_or_null(&observation->value, observation->value.high);
	columns->digest[i] = reading->digest;
	columns->body[i] = reading->body;
}

/* $1..$18 of write_new and write_observation. */
static void add_readings(
	struct db_params *params, struct group *group, struct reading **readings, size_t count)
{
	struct reading_columns columns = columns_new(group->arena, count);
	for (size_t i = 0; i < count; i++)
		column_set(&columns, i, readings[i]);
	db_int4(params, (int32_t)readings[0]->item->part->tenant);
	db_int8s(params, columns.id, count);
	db_int4s(params, columns.bucket, count);
	db_int8s(params, columns.subject, count);
	db_times(params, columns.time_low, count);
	db_times(params, columns.time_high, count);
	db_float8s(params, columns.val_low, count);
	db_float8s(params, columns.val_high, count);
	db_int4s(params, columns.code, count);
	db_int4s(params, columns.unit, count);
	db_int2s(params, columns.type, count);
	db_int2s(params, columns.class, count);
	db_int2s(params, columns.status, count);
	db_int4s(params, columns.category, count);
	db_int2s(params, columns.pack, count);
	db_uuids(params, columns.digest, count);
	db_byteas(params, columns.body, count);
	db_int8s(params, columns.upload, count);
}

struct key_line {
	struct mac128 key;
	const struct reading *reading;
	int64_t id;
	int32_t bucket;
};

static int by_bucket_and_key(const void *a, const void *b)
{
	const struct key_line *one = a, *two = b;
	if (one->bucket != two->bucket)
		return one->bucket < two->bucket ? -1 : 1;
	return memcmp(&one->key, &two->key, sizeof(one->key));
}

struct key_lines {
	struct key_line *lines;
	size_t count;
};

/* All keys of the readings, or those that are missing where the reading is; in the order in which locks must be taken. */
static struct key_lines key_lines(struct group *group, struct reading **readings, size_t count)
{
	size_t room = 0;
	for (size_t i = 0; i < count; i++)
		room += readings[i]->key_count;
	struct key_lines all = { arena_array(group->arena, room, sizeof(struct key_line)), 0 };
	for (size_t i = 0; i < count; i++) {
		const struct reading *reading = readings[i];
		const bool known =
			reading->state == READING_KNOWN || reading->state == READING_CHANGED;
		for (size_t k = 0; k < reading->key_count; k++) {
			if (known && reading->key_hit[k])
				continue;
			all.lines[all.count++] = (struct key_line){
				.key = reading->keys[k],
				.reading = reading,
				.id = (int64_t)(known ? reading->hit.id : reading->id),
				.bucket = reading->item->part->bucket,
			};
		}
	}
	qsort(all.lines, all.count, sizeof(*all.lines), by_bucket_and_key);
	return all;
}

static void add_keys(struct db_params *params, struct group *group, const struct key_lines *keys)
{
	int64_t *ids = arena_array(group->arena, keys->count, sizeof(*ids));
	int32_t *buckets = arena_array(group->arena, keys->count, sizeof(*buckets));
	struct mac128 *macs = arena_array(group->arena, keys->count, sizeof(*macs));
	for (size_t i = 0; i < keys->count; i++) {
		ids[i] = keys->lines[i].id;
		buckets[i] = keys->lines[i].bucket;
		macs[i] = keys->lines[i].key;
	}
	db_int8s(params, ids, keys->count);
	db_int4s(params, buckets, keys->count);
	db_uuids(params, macs, keys->count);
}

struct term_columns {
	int64_t *id, *subject;
	int32_t *bucket, *code, *unit;
	int16_t *kind;
	instant *time_low;
	double *val_low, *val_high;
};

static size_t terms_of(struct reading *const *readings, size_t count)
{
	size_t terms = 0;
	for (size_t i = 0; i < count; i++)
		terms += readings[i]->item->observation->term_count;
	return terms;
}

static void term_set(
	struct term_columns *columns, size_t at, const struct reading *reading, size_t t)
{
	const struct observation *observation = reading->item->observation;
	const struct observation_term *term = &observation->terms[t];
	const bool known = reading->state == READING_CHANGED || reading->state == READING_DONE;
	columns->id[at] = (int64_t)(known ? reading->hit.id : reading->id);
	columns->bucket[at] = reading->item->part->bucket;
	columns->subject[at] = (int64_t)reading->item->part->subject;
	columns->time_low[at] = observation->time.low;
	columns->val_low[at] = value_or_null(&term->value, term->value.low);
	columns->val_high[at] = value_or_null(&term->value, term->value.high);
	columns->code[at] = reading->term_codes[t];
	columns->unit[at] = reading->term_units[t];
	columns->kind[at] = TERM_COMPONENT;
}

/* $2..$10 of write_new_terms. */
static void add_terms(
	struct db_params *params, struct group *group, struct reading **readings, size_t count)
{
	const size_t terms = terms_of(readings, count);
	struct term_columns columns = {
		.id = arena_array(group->arena, terms, sizeof(int64_t)),
		.subject = arena_array(group->arena, terms, sizeof(int64_t)),
		.bucket = arena_array(group->arena, terms, sizeof(int32_t)),
		.code = arena_array(group->arena, terms, sizeof(int32_t)),
		.unit = arena_array(group->arena, terms, sizeof(int32_t)),
		.kind = arena_array(group->arena, terms, sizeof(int16_t)),
		.time_low = arena_array(group->arena, terms, sizeof(instant)),
		.val_low = arena_array(group->arena, terms, sizeof(double)),
		.val_high = arena_array(group->arena, terms, sizeof(double)),
	};
	size_t at = 0;
	for (size_t i = 0; i < count; i++) {
		for (size_t t = 0; t < readings[i]->item->observation->term_count; t++)
			term_set(&columns, at++, readings[i], t);
	}
	db_int8s(params, columns.id, terms);
	db_int4s(params, columns.bucket, terms);
	db_int8s(params, columns.subject, terms);
	db_times(params, columns.time_low, terms);
	db_float8s(params, columns.val_low, terms);
	db_float8s(params, columns.val_high, terms);
	db_int4s(params, columns.code, terms);
	db_int4s(params, columns.unit, terms);
	db_int2s(params, columns.kind, terms);
}

void rows_terms(struct group *group, struct reading **readings, size_t count)
{
	if (terms_of(readings, count) == 0)
		return;
	struct db_params *params = db_params(group->arena, 10);
	db_int4(params, (int32_t)readings[0]->item->part->tenant);
	add_terms(params, group, readings, count);
	db_add(group->flight, SQL_WRITE_NEW_TERMS, params, NULL, NULL);
}

/* The readings of one statement, to which the database gives one time of receipt. */
struct sent_readings {
	struct group *group;
	struct reading **readings;
	size_t count;
};

/* The readings are copied: `pick` lends its list. */
static struct sent_readings *sent_new(
	struct group *group, struct reading *const *readings, size_t count)
{
	struct sent_readings *sent = arena_alloc(group->arena, sizeof(*sent));
	*sent = (struct sent_readings){ group, arena_array(group->arena, count, sizeof(*readings)),
		count };
	if (count > 0)
		memcpy(sent->readings, readings, count * sizeof(*readings));
	return sent;
}

static void received(const struct sent_readings *sent, instant at)
{
	for (size_t i = 0; i < sent->count; i++)
		sent->readings[i]->received = at;
}

static void inserted(void *context, const struct db_rows *rows)
{
	if (db_row_count(rows) == 1)
		received(context, db_get_time(rows, 0, 0));
}

void rows_new(struct group *group, struct reading **readings, size_t count)
{
	struct db_params *params = db_params(group->arena, 18);
	add_readings(params, group, readings, count);
	db_add(group->flight, SQL_WRITE_NEW, params, inserted, sent_new(group, readings, count));

	const struct key_lines keys = key_lines(group, readings, count);
	params = db_params(group->arena, 4);
	db_int4(params, (int32_t)readings[0]->item->part->tenant);
	add_keys(params, group, &keys);
	db_add(group->flight, SQL_WRITE_NEW_KEYS, params, NULL, NULL);
	rows_terms(group, readings, count);
}

/* ---- the probe and what follows from it */

/* True when the key is one of the sender's identifiers: these stand before the one of device or content. */
static bool hit_key(struct reading *reading, struct mac128 key)
{
	for (size_t i = 0; i < reading->key_count; i++) {
		if (memcmp(&reading->keys[i], &key, sizeof(key)) != 0)
			continue;
		reading->key_hit[i] = true;
		return i + 1 < reading->key_count;
	}
	return false;
}

/* The condition of a create is its first key. */
static bool is_condition(const struct reading *reading, struct mac128 key)
{
	return reading->item->condition.length > 0 &&
	       memcmp(&reading->keys[0], &key, sizeof(key)) == 0;
}

/*
 * Of several hits the one that the condition names counts; then the one with our content, deleted or not, for what was deleted stays so though its identity may have gone over to another; then
 * what was not deleted, then the one with our identifier, then the oldest.
 */
static bool is_better(const struct hit *hit, const struct hit *than)
{
	if (than->id == 0 || hit->asked != than->asked)
		return than->id == 0 || hit->asked;
	if (hit->same != than->same)
		return hit->same;
	if (hit->gone != than->gone)
		return than->gone;
	if (hit->named != than->named)
		return hit->named;
	return hit->id < than->id;
}

static void probed(void *context, const struct db_rows *rows)
{
	const struct sent_readings *sent = context;
	struct group *group = sent->group;
	for (unsigned i = 0; i < db_row_count(rows); i++) {
		if (db_get_int(rows, i, 0) == 0)
			received(sent, db_get_time(rows, i, 5));
		struct reading *reading = group_reading(group, (uint64_t)db_get_int(rows, i, 0));
		if (reading == NULL)
			continue;
		const bool named = hit_key(reading, db_get_uuid(rows, i, 1));
		const bool equal = db_get_bool(rows, i, 4);
		const struct hit hit = {
			.id = (uint64_t)db_get_int(rows, i, 2),
			.version = (int)db_get_int(rows, i, 3),
			.equal = equal,
			.named = named,
			.same = equal || db_get_bool(rows, i, 7),
			.recv = db_get_time(rows, i, 5),
			.upload = (uint64_t)db_get_int(rows, i, 6),
			.gone = db_get_bool(rows, i, 8),
			.asked = is_condition(reading, db_get_uuid(rows, i, 1)),
		};
		if (is_better(&hit, &reading->hit))
			reading->hit = hit;
	}
}

void rows_probe(struct group *group, struct reading **readings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		readings[i]->hit = (struct hit){ 0 };
		memset(readings[i]->key_hit, 0,
			readings[i]->key_count * sizeof(*readings[i]->key_hit));
	}
	struct db_params *params = db_params(group->arena, 31);
	add_readings(params, group, readings, count);
	const struct key_lines keys = key_lines(group, readings, count);
	add_keys(params, group, &keys);
	struct mac128 *digests = arena_array(group->arena, keys.count, sizeof(*digests));
	for (size_t i = 0; i < keys.count; i++)
		digests[i] = keys.lines[i].reading->digest;
	db_uuids(params, digests, keys.count);
	add_terms(params, group, readings, count);
	db_add(group->flight, SQL_WRITE_OBSERVATION, params, probed,
		sent_new(group, readings, count));
}

static int by_bucket_and_hit(const void *a, const void *b)
{
	const struct reading *one = *(struct reading *const *)a, *two = *(struct reading *const *)b;
	const int bucket = (int)one->item->part->bucket - (int)two->item->part->bucket;
	return bucket != 0 ? bucket : (one->hit.id > two->hit.id) - (one->hit.id < two->hit.id);
}

/* Keys and sources that a reading which is there did not have. */
void rows_known(struct group *group, struct reading **readings, size_t count)
{
	const struct key_lines keys = key_lines(group, readings, count);
	const int32_t tenant = (int32_t)readings[0]->item->part->tenant;
	if (keys.count > 0) {
		struct db_params *params = db_params(group->arena, 4);
		db_int4(params, tenant);
		add_keys(params, group, &keys);
		db_add(group->flight, SQL_WRITE_KEYS, params, NULL, NULL);
	}
	qsort(readings, count, sizeof(*readings), by_bucket_and_hit);
	int64_t *ids = arena_array(group->arena, count, sizeof(*ids));
	int64_t *uploads = arena_array(group->arena, count, sizeof(*uploads));
	int32_t *buckets = arena_array(group->arena, count, sizeof(*buckets));
	size_t sources = 0;
	for (size_t i = 0; i < count; i++) {
		if (readings[i]->state != READING_KNOWN ||
			readings[i]->hit.upload == readings[i]->job->write->corr)
			continue;
		ids[sources] = (int64_t)readings[i]->hit.id;
		uploads[sources] = (int64_t)readings[i]->job->write->corr;
		buckets[sources++] = readings[i]->item->part->bucket;
	}
	if (sources == 0)
		return;
	struct db_params *params = db_params(group->arena, 5);
	db_int4(params, tenant);
	db_time(params, group->at);
	db_int8s(params, ids, sources);
	db_int8s(params, uploads, sources);
	db_int4s(params, buckets, sources);
	db_add(group->flight, SQL_WRITE_SOURCE, params, NULL, NULL);
}

/* A row says that the reading was kept beside another before. */
static void asked(void *context, const struct db_rows *rows)
{
	struct group *group = context;
	for (unsigned i = 0; i < db_row_count(rows); i++) {
		struct reading *reading = group_reading(group, (uint64_t)db_get_int(rows, i, 0));
		if (reading != NULL)
			reading->asked = true;
	}
}

void rows_asking(struct group *group, struct reading **readings, size_t count)
{
	int64_t *ids = arena_array(group->arena, count, sizeof(*ids));
	int32_t *buckets = arena_array(group->arena, count, sizeof(*buckets));
	struct mac128 *keys = arena_array(group->arena, count, sizeof(*keys));
	for (size_t i = 0; i < count; i++) {
		ids[i] = (int64_t)readings[i]->id;
		buckets[i] = readings[i]->item->part->bucket;
		keys[i] = reading_beside_key(group->store, readings[i]);
	}
	struct db_params *params = db_params(group->arena, 4);
	db_int4(params, (int32_t)readings[0]->item->part->tenant);
	db_int8s(params, ids, count);
	db_int4s(params, buckets, count);
	db_uuids(params, keys, count);
	db_add(group->flight, SQL_WRITE_BESIDE, params, asked, group);
}

static void versioned(void *context, const struct db_rows *rows)
{
	struct reading *reading = context;
	if (db_row_count(rows) == 1) {
		reading->state = READING_CHANGED;
		reading->received = db_get_time(rows, 0, 1);
	}
	reading->terms_due = reading->state == READING_CHANGED;
}

static struct db_params *version_params(struct group *group, const struct reading *reading)
{
	const struct observation *observation = reading->item->observation;
	struct db_params *params = db_params(group->arena, 17);
	db_int4(params, reading->item->part->bucket);
	db_int4(params, (int32_t)reading->item->part->tenant);
	db_int8(params, (int64_t)reading->hit.id);
	db_int4(params, reading->hit.version);
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
	return params;
}

/* One reading: the old version goes to the history, the new one takes its place. */
void rows_version(struct group *group, struct reading *reading)
{
	const struct grant_part *part = reading->item->part;
	struct db_params *params = db_params(group->arena, 4);
	db_int4(params, part->bucket);
	db_int4(params, (int32_t)part->tenant);
	db_int8(params, (int64_t)reading->hit.id);
	db_int4(params, reading->hit.version);
	db_add(group->flight, SQL_WRITE_HISTORY, params, NULL, NULL);
	db_add(group->flight, SQL_WRITE_VERSION, version_params(group, reading), versioned,
		reading);
}

/* Its components follow when the version is known to be ours. */
void rows_version_terms(struct group *group, struct reading *reading)
{
	const struct grant_part *part = reading->item->part;
	struct db_params *params = db_params(group->arena, 4);
	db_int4(params, part->bucket);
	db_int4(params, (int32_t)part->tenant);
	db_int8(params, (int64_t)part->subject);
	db_int8(params, (int64_t)reading->hit.id);
	db_add(group->flight, SQL_WRITE_TERMS_GONE, params, NULL, NULL);
	rows_terms(group, &reading, 1);
	reading->terms_due = false;
}

/* ---- the locator and the messages as they came */

static int by_locator_key(const void *a, const void *b)
{
	const struct locator_key *one = a, *two = b;
	if (one->bucket != two->bucket)
		return one->bucket < two->bucket ? -1 : 1;
	if (one->person != two->person)
		return one->person < two->person ? -1 : 1;
	if (one->category != two->category)
		return one->category < two->category ? -1 : 1;
	if (one->class != two->class)
		return one->class < two->class ? -1 : 1;
	return (one->month > two->month) - (one->month < two->month);
}

void rows_locator(struct group *group, struct reading **readings, size_t count)
{
	const struct caches *caches = group->store->writer->caches;
	struct locator_key *keys = arena_array(group->arena, count, sizeof(*keys));
	size_t fresh = 0;
	for (size_t i = 0; i < count; i++) {
		keys[fresh] = locator_key(readings[i], group->at);
		fresh += is_located(readings[i]) && !cache_has_locator(caches, &keys[fresh]);
	}
	if (fresh == 0)
		return;
	qsort(keys, fresh, sizeof(*keys), by_locator_key);
	int64_t *persons = arena_array(group->arena, fresh, sizeof(*persons));
	int32_t *buckets = arena_array(group->arena, fresh, sizeof(*buckets));
	int32_t *categories = arena_array(group->arena, fresh, sizeof(*categories));
	int16_t *classes = arena_array(group->arena, fresh, sizeof(*classes));
	int32_t *months = arena_array(group->arena, fresh, sizeof(*months));
	for (size_t i = 0; i < fresh; i++) {
		persons[i] = (int64_t)keys[i].person;
		buckets[i] = keys[i].bucket;
		categories[i] = keys[i].category;
		classes[i] = keys[i].class;
		months[i] = keys[i].month;
	}
	struct db_params *params = db_params(group->arena, 6);
	db_int4(params, (int32_t)readings[0]->item->part->tenant);
	db_int8s(params, persons, fresh);
	db_int4s(params, buckets, fresh);
	db_int4s(params, categories, fresh);
	db_int2s(params, classes, fresh);
	db_int4s(params, months, fresh);
	db_add(group->flight, SQL_WRITE_LOCATOR, params, NULL, NULL);
}

/* The raw messages of the tenant's jobs; the bucket is that of a message's first reading. */
void rows_uploads(struct group *group, uint32_t tenant)
{
	for (const struct job *job = group->jobs; job != NULL; job = job->next) {
		if (job->tenant != tenant || job->reading_count == 0 || job->write->raw.length == 0)
			continue;
		const int64_t upload = (int64_t)job->write->corr;
		const int32_t bucket = job->readings[0].item->part->bucket;
		const int16_t door = (int16_t)job->write->door;
		struct str body;
		const int16_t pack = (int16_t)pack_bytes(group->arena, job->write->raw, &body);
		struct db_params *params = db_params(group->arena, 8);
		db_int4(params, (int32_t)tenant);
		db_time(params, group->at);
		db_int8s(params, &upload, 1);
		db_int4s(params, &bucket, 1);
		db_int2s(params, &door, 1);
		db_int2s(params, &pack, 1);
		db_texts(params, &job->write->client, 1);
		db_byteas(params, &body, 1);
		db_add(group->flight, SQL_WRITE_UPLOAD, params, NULL, NULL);
	}
}
