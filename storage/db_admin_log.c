/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The access log by the operator's tool: read as hub_audit, bound to a controller or an actor; each look written as hub_write, a row as the hub itself writes one. */
#include "storage/admin_log.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/json.h"
#include "storage/db_admin.h"
#include "storage/write_caches.h"

#define CONTEXT_MAX ((size_t)64 << 10)

/* {1,2,3}: an array as a parameter. */
static const char *persons_array(
	struct arena *arena, const struct person_row *persons, size_t count, bool buckets)
{
	struct buf buf = buf_new(arena, 32 + 20 * count, 64 + 24 * count);
	buf_add_byte(&buf, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_byte(&buf, ',');
		buf_add_u64(&buf, buckets ? persons[i].bucket : persons[i].person);
	}
	buf_add_text(&buf, "}");
	buf_add_byte(&buf, '\0');
	return buf.at;
}

/* ---- reading */

static PGresult *ask_rows(struct admin *audit, const struct log_ask *ask,
	const struct log_slice *slice, struct outcome *outcome)
{
	const struct log_found *after = slice->after;
	const char *tenant = admin_number(audit, ask->tenant == NULL ? 0 : ask->tenant->id),
		   *actor = admin_number(audit, ask->actor);
	const char *values[8] = { admin_number(audit, after == NULL ? ask->to : after->entry.at),
		admin_number(audit, after == NULL ? 0 : (int64_t)after->entry.id),
		admin_number(audit, ask->from), admin_number(audit, slice->limit) };
	if (ask->persons != NULL) {
		values[4] = tenant;
		values[5] = actor;
		values[6] = persons_array(audit->arena, ask->persons, ask->person_count, true);
		values[7] = persons_array(audit->arena, ask->persons, ask->person_count, false);
		return admin_sql(audit, SQL_ADMIN_LOG_PERSON, values, outcome);
	}
	values[4] = ask->tenant != NULL ? tenant : actor;
	values[5] = actor;
	return admin_sql(audit, ask->tenant != NULL ? SQL_ADMIN_LOG_TENANT : SQL_ADMIN_LOG_ACTOR,
		values, outcome);
}

static struct mac128 mac_field(struct admin *admin, const PGresult *rows, int row, int column)
{
	const struct str bytes = admin_field_bytes(admin, rows, row, column);
	struct mac128 mac = { { 0 } };
	if (bytes.length == sizeof(mac.bytes))
		memcpy(mac.bytes, bytes.at, sizeof(mac.bytes));
	return mac;
}

/* Do leaf, salt and digest hold what stands there now? */
static bool is_sound(const struct seal *seal, const struct log_found *found,
	const struct mac128 *context, struct str salted)
{
	const struct log_entry *entry = &found->entry;
	const struct log_row row = { .person = found->person.person,
		.bucket = found->person.bucket,
		.tenant = entry->tenant,
		.actor_orgnr = entry->actor_orgnr,
		.op = entry->op,
		.type = entry->type,
		.outcome = entry->outcome,
		.classes = entry->classes,
		.corr = entry->corr,
		.body = entry->body };
	const uint8_t *salt = (const uint8_t *)salted.at;
	uint8_t leaf[32];
	log_leaf(&row, entry->at, entry->id, context, salt, leaf);
	const struct mac128 digest = seal_context(seal, entry->context);
	return memcmp(leaf, found->leaf, sizeof(leaf)) == 0 &&
	       log_salt_holds(seal, &row, entry->at, entry->id, context, salt) &&
	       memcmp(&digest, context, sizeof(digest)) == 0;
}

static struct log_found read_row(
	struct admin *audit, const struct seal *seal, const PGresult *rows, int row)
{
	const struct str salted = admin_field_bytes(audit, rows, row, 11),
			 leaf = admin_field_bytes(audit, rows, row, 12);
	const struct mac128 context = mac_field(audit, rows, row, 13);
	struct log_found found = {
		.entry = {
			.at = admin_field_number(rows, row, 0),
			.id = (uint64_t)admin_field_number(rows, row, 1),
			.corr = (uint64_t)admin_field_number(rows, row, 2),
			.tenant = (uint32_t)admin_field_number(rows, row, 3),
			.actor_orgnr = (uint32_t)admin_field_number(rows, row, 4),
			.op = (enum log_op)admin_field_number(rows, row, 5),
			.type = (enum resource_type)admin_field_number(rows, row, 6),
			.outcome = (enum log_outcome)admin_field_number(rows, row, 7),
			.classes = (unsigned)admin_field_number(rows, row, 8),
			.context = admin_field_bytes(audit, rows, row, 14),
		},
		.person = { .person = (uint64_t)admin_field_number(rows, row, 9),
			.bucket = (uint16_t)admin_field_number(rows, row, 10) },
	};
	if (leaf.length == sizeof(found.leaf))
		memcpy(found.leaf, leaf.at, sizeof(found.leaf));
	found.sound = salted.length >= LOG_SALT_BYTES &&
		      log_body_open(audit->arena, salted, &found.entry.body) &&
		      is_sound(seal, &found, &context, salted);
	return found;
}

/* A page walks the index from where it begins; or all of the period would be sorted for each. */
static bool keep_order(struct admin *audit, struct outcome *outcome)
{
	PGresult *result = admin_text(audit, "SET LOCAL enable_sort = off", 0, NULL, outcome);
	const bool good = result != NULL;
	PQclear(result);
	return good;
}

bool admin_log(struct admin *audit, const struct seal *seal, const struct log_ask *ask,
	struct log_slice *slice, struct outcome *outcome)
{
	struct admin here = { .arena = slice->arena, .connection = audit->connection };
	if (!admin_begin(&here, outcome))
		return false;
	const bool bound = ask->tenant != NULL
				   ? admin_bind(&here, "tenant", ask->tenant->id, outcome)
				   : admin_bind(&here, "actor", ask->actor, outcome);
	PGresult *rows =
		bound && keep_order(&here, outcome) ? ask_rows(&here, ask, slice, outcome) : NULL;
	slice->count = rows == NULL ? 0 : (size_t)PQntuples(rows);
	slice->rows = arena_array(slice->arena, slice->count, sizeof(*slice->rows));
	for (int i = 0; i < (int)slice->count; i++)
		slice->rows[i] = read_row(&here, seal, rows, i);
	bool good = rows != NULL;
	PQclear(rows);
	if (good && arena_full(slice->arena))
		good = outcome_fail(
			outcome, OUTCOME_TOO_LARGE, STR(""), "the rows are too large to be read");
	return admin_end(&here, good, outcome);
}

/* ---- who is meant */

bool admin_persons(struct admin *admin, const struct person_key *key, struct person_row **out,
	size_t *count, struct outcome *outcome)
{
	const char *values[] = { admin_number(admin, key->bucket),
		str_hex(admin->arena, key->mac.bytes, sizeof(key->mac.bytes)).at };
	PGresult *rows = admin_sql(admin, SQL_ADMIN_PERSONS, values, outcome);
	if (rows == NULL)
		return false;
	*count = (size_t)PQntuples(rows);
	*out = arena_array(admin->arena, *count, sizeof(**out));
	for (int i = 0; i < (int)*count; i++)
		(*out)[i] = (struct person_row){
			.bucket = (uint16_t)admin_field_number(rows, i, 0),
			.person = (uint64_t)admin_field_number(rows, i, 1),
		};
	PQclear(rows);
	return true;
}

bool admin_log_patients(struct admin *admin, const struct log_slice *slice, struct person_key **out,
	struct outcome *outcome)
{
	struct admin here = { .arena = slice->arena, .connection = admin->connection };
	struct person_row *persons = arena_array(slice->arena, slice->count, sizeof(*persons));
	for (size_t i = 0; i < slice->count; i++)
		persons[i] = slice->rows[i].person;
	const char *values[] = { persons_array(slice->arena, persons, slice->count, true),
		persons_array(slice->arena, persons, slice->count, false) };
	PGresult *rows = admin_sql(&here, SQL_ADMIN_PATIENTS, values, outcome);
	if (rows == NULL)
		return false;
	const bool good = (size_t)PQntuples(rows) == slice->count;
	*out = arena_array(slice->arena, slice->count, sizeof(**out));
	for (int i = 0; good && i < (int)slice->count; i++)
		(*out)[i] = (struct person_key){ .bucket = persons[i].bucket,
			.mac = mac_field(&here, rows, i, 0) };
	PQclear(rows);
	return good || outcome_fail(outcome, OUTCOME_FAULT, STR(""),
			       "the patients of the rows could not be told");
}

/* ---- the look itself */

/* Who and why, as server/context.c has it of a caller; the citizen reads it. */
static struct str look_context(struct arena *arena, const struct log_look *look)
{
	struct buf buf = buf_new(arena, 512, CONTEXT_MAX);
	buf_add_text(&buf, "{\"actor\":{\"kind\":\"operator\"");
	json_write_member(&buf, "name", look->who);
	buf_add_format(
		&buf, ",\"legalEntity\":{\"orgnr\":\"%09u\"}},\"basis\":{", look->tenant->orgnr);
	json_write_member(&buf, "why", look->why);
	buf_add_text(&buf, "}}");
	return buf_str(&buf);
}

static struct str look_body(struct arena *arena, const struct log_look *look)
{
	struct buf buf = buf_new(arena, 512, CONTEXT_MAX);
	buf_add_byte(&buf, '{');
	json_write_member(&buf, "query", look->query);
	buf_add_byte(&buf, '}');
	return buf_str(&buf);
}

static bool lease(struct admin *writer, uint64_t *id, struct outcome *outcome)
{
	PGresult *rows = admin_sql(writer, SQL_LEASE, NULL, outcome);
	if (rows == NULL)
		return false;
	*id = (uint64_t)admin_field_number(rows, 0, 0);
	PQclear(rows);
	return true;
}

static const char *hex(struct admin *writer, const void *bytes, size_t length)
{
	return str_hex(writer->arena, bytes, length).at;
}

static bool insert(struct admin *writer, const struct seal *seal, struct log_row *row, instant now,
	struct outcome *outcome)
{
	const struct mac128 context = seal_context(seal, row->context);
	uint8_t salt[LOG_SALT_BYTES], leaf[32];
	uint64_t id;
	if (!lease(writer, &id, outcome))
		return false;
	row->corr = id + 1;
	seal_random(salt, sizeof(salt));
	log_salt(seal, row, now, id, &context, salt);
	log_leaf(row, now, id, &context, salt, leaf);
	const struct str body = log_body(writer->arena, salt, row->body);
	const char *ctx = hex(writer, context.bytes, sizeof(context.bytes));
	const char *who[] = { ctx, admin_number(writer, instant_month(now)),
		hex(writer, row->context.at, row->context.length) };
	const char *values[] = { admin_number(writer, now), admin_number(writer, row->tenant),
		admin_number(writer, (int64_t)id), admin_number(writer, (int64_t)row->person),
		admin_number(writer, (int64_t)row->corr), admin_number(writer, row->bucket),
		admin_number(writer, row->actor_orgnr), admin_number(writer, row->op),
		admin_number(writer, row->type), ctx, hex(writer, leaf, sizeof(leaf)),
		hex(writer, body.at, body.length) };
	return admin_run(writer, SQL_ADMIN_LOG_CONTEXT, who, NULL, outcome) &&
	       admin_run(writer, SQL_ADMIN_LOG_NOTE, values, NULL, outcome);
}

bool admin_log_note(struct admin *writer, const struct seal *seal, const struct log_look *look,
	instant now, struct outcome *outcome)
{
	struct log_row row = { .person = look->person.person,
		.bucket = look->person.bucket,
		.tenant = look->tenant->id,
		.actor_orgnr = look->tenant->orgnr,
		.op = LOG_INSIGHT,
		.type = TYPE_AUDIT_EVENT,
		.context = look_context(writer->arena, look),
		.body = look_body(writer->arena, look) };
	if (!admin_begin(writer, outcome))
		return false;
	const bool good = admin_bind(writer, "tenant", look->tenant->id, outcome) &&
			  insert(writer, seal, &row, now, outcome);
	return admin_end(writer, good, outcome);
}
