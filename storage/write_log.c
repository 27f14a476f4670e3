/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/write_rows.h"

#include <stdlib.h>

static int by_tenant_and_bucket(const void *a, const void *b)
{
	const struct log_line *one = a, *two = b;
	if (one->row->tenant != two->row->tenant)
		return one->row->tenant < two->row->tenant ? -1 : 1;
	return (one->row->bucket > two->row->bucket) - (one->row->bucket < two->row->bucket);
}

/* Gathers the log rows of the group's jobs, with a salt each. Ids come later. */
void log_collect(struct group *group)
{
	size_t count = 0;
	for (const struct job *job = group->jobs; job != NULL; job = job->next)
		count += job->log_count;
	group->lines = arena_array(group->arena, count, sizeof(*group->lines));
	group->line_count = 0;
	uint8_t *salts = arena_alloc(group->arena, 16 * count);
	if (count > 0)
		seal_random(salts, 16 * count);
	for (const struct job *job = group->jobs; job != NULL; job = job->next) {
		for (size_t i = 0; i < job->log_count; i++) {
			struct log_line *line = &group->lines[group->line_count];
			line->row = &job->log[i];
			line->context = job->contexts[i];
			memcpy(line->salt, salts + 16 * group->line_count, sizeof(line->salt));
			group->line_count++;
		}
	}
	qsort(group->lines, group->line_count, sizeof(*group->lines), by_tenant_and_bucket);
}

static int by_context(const void *a, const void *b)
{
	const struct log_line *one = *(struct log_line *const *)a,
			      *two = *(struct log_line *const *)b;
	return memcmp(&one->context, &two->context, sizeof(one->context));
}

/* The contexts nobody has committed yet this month, as far as this process knows: ordered, so that two hubs take them in one order. */
void log_contexts(struct group *group)
{
	const struct caches *caches = group->store->writer->caches;
	const int32_t month = instant_month(group->at);
	struct log_line **lines = arena_array(group->arena, group->line_count, sizeof(*lines));
	size_t count = 0;
	for (size_t i = 0; i < group->line_count; i++) {
		if (!cache_has_context(caches, &group->lines[i].context, month))
			lines[count++] = &group->lines[i];
	}
	if (count == 0)
		return;
	qsort(lines, count, sizeof(*lines), by_context);
	struct mac128 *contexts = arena_array(group->arena, count, sizeof(*contexts));
	struct str *bodies = arena_array(group->arena, count, sizeof(*bodies));
	size_t distinct = 0;
	for (size_t i = 0; i < count; i++) {
		if (distinct > 0 &&
			memcmp(&contexts[distinct - 1], &lines[i]->context, sizeof(*contexts)) == 0)
			continue;
		contexts[distinct] = lines[i]->context;
		bodies[distinct++] = lines[i]->row->context;
	}
	struct db_params *params = db_params(group->arena, 3);
	db_uuids(params, contexts, distinct);
	db_int4(params, month);
	db_byteas(params, bodies, distinct);
	db_add(group->flight, SQL_LOG_CTX_NEW, params, NULL, NULL);
}

struct log_columns {
	int64_t *id, *person, *corr;
	int32_t *bucket, *actor;
	int16_t *op, *type, *outcome, *classes;
	struct mac128 *context;
	struct str *leaf, *body;
};

static struct log_columns columns_new(struct arena *arena, size_t count)
{
	return (struct log_columns){
		.id = arena_array(arena, count, sizeof(int64_t)),
		.person = arena_array(arena, count, sizeof(int64_t)),
		.corr = arena_array(arena, count, sizeof(int64_t)),
		.bucket = arena_array(arena, count, sizeof(int32_t)),
		.actor = arena_array(arena, count, sizeof(int32_t)),
		.op = arena_array(arena, count, sizeof(int16_t)),
		.type = arena_array(arena, count, sizeof(int16_t)),
		.outcome = arena_array(arena, count, sizeof(int16_t)),
		.classes = arena_array(arena, count, sizeof(int16_t)),
		.context = arena_array(arena, count, sizeof(struct mac128)),
		.leaf = arena_array(arena, count, sizeof(struct str)),
		.body = arena_array(arena, count, sizeof(struct str)),
	};
}

static void column_set(
	struct group *group, struct log_columns *columns, size_t i, const struct log_line *line)
{
	const struct log_row *row = line->row;
	columns->id[i] = (int64_t)line->id;
	columns->person[i] = (int64_t)row->person;
	columns->corr[i] = (int64_t)row->corr;
	columns->bucket[i] = row->bucket;
	columns->actor[i] = (int32_t)row->actor_orgnr;
	columns->op[i] = (int16_t)row->op;
	columns->type[i] = (int16_t)row->type;
	columns->outcome[i] = (int16_t)row->outcome;
	columns->classes[i] = (int16_t)row->classes;
	columns->context[i] = line->context;
	uint8_t salt[LOG_SALT_BYTES], *leaf = arena_alloc(group->arena, 32);
	memcpy(salt, line->salt, sizeof(salt));
	log_salt(group->store->seal, row, group->at, line->id, &line->context, salt);
	log_leaf(row, group->at, line->id, &line->context, salt, leaf);
	columns->leaf[i] = (struct str){ (const char *)leaf, 32 };
	columns->body[i] = log_body(group->arena, salt, row->body);
}

/* The rows of one tenant; SET LOCAL stands before. */
void log_lines(struct group *group, const struct log_line *lines, size_t count)
{
	struct log_columns columns = columns_new(group->arena, count);
	for (size_t i = 0; i < count; i++)
		column_set(group, &columns, i, &lines[i]);
	struct db_params *params = db_params(group->arena, 14);
	db_time(params, group->at);
	db_int4(params, (int32_t)lines[0].row->tenant);
	db_int8s(params, columns.id, count);
	db_int8s(params, columns.person, count);
	db_int8s(params, columns.corr, count);
	db_int4s(params, columns.bucket, count);
	db_int4s(params, columns.actor, count);
	db_int2s(params, columns.op, count);
	db_int2s(params, columns.type, count);
	db_int2s(params, columns.outcome, count);
	db_int2s(params, columns.classes, count);
	db_uuids(params, columns.context, count);
	db_byteas(params, columns.leaf, count);
	db_byteas(params, columns.body, count);
	db_add(group->flight, SQL_LOG_INSERT, params, NULL, NULL);
}
