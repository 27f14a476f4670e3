/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/found.h"

#include "fhir/hl7/provenance.h"
#include "storage/pack.h"
#include "storage/texts.h"

/* Codes that are asked for at once; more wait for the next round. */
#define ASK_MAX 256
/* The tree of one resource; a body has at most 1 MiB. */
#define TREE_ARENA ((size_t)64 << 20)
#define TREE_NODES 200000
/* What a Provenance says besides what it has of its reading. */
#define PROVENANCE_LEAST 1024

/* A number in network order, off the front of `bytes`; false where they are too few. */
static bool take_number(struct str *bytes, size_t length, uint64_t *out)
{
	if (bytes->length < length)
		return false;
	*out = 0;
	for (size_t i = 0; i < length; i++)
		*out = *out << 8 | (unsigned char)bytes->at[i];
	*bytes = str_part(*bytes, length, bytes->length);
	return true;
}

static bool take_text(struct str *bytes, struct str *out)
{
	uint64_t length;
	if (!take_number(bytes, 4, &length) || length > bytes->length)
		return false;
	*out = str_part(*bytes, 0, length);
	*bytes = str_part(*bytes, length, bytes->length);
	return true;
}

/* The bytes of a row's body; of a Provenance those of the reading it is worked out of, which is more. */
static size_t body_length(int16_t pack, struct str bytes)
{
	uint64_t number;
	struct str client;
	if (pack != PACK_MESSAGE)
		return pack_length(pack, bytes);
	if (!take_number(&bytes, 8, &number) || !take_number(&bytes, 2, &number) ||
		!take_text(&bytes, &client))
		return 0;
	return PROVENANCE_LEAST + pack_length((int)number, bytes);
}

static struct found *found_new(struct founds *founds)
{
	if (founds->count == founds->room) {
		const size_t room = founds->room == 0 ? 32 : founds->room * 2;
		struct found *rows = arena_array(founds->arena, room, sizeof(*rows));
		if (founds->count > 0)
			memcpy(rows, founds->rows, founds->count * sizeof(*rows));
		founds->rows = rows;
		founds->room = room;
	}
	return &founds->rows[founds->count++];
}

void found_add(struct founds *founds, enum resource_type type, const struct grant_part *part,
	const struct db_rows *rows)
{
	const unsigned count = db_row_count(rows);
	size_t bytes = 0;
	founds->cut = false;
	for (unsigned i = 0; i < count && !arena_full(founds->arena); i++) {
		const int16_t pack = (int16_t)db_get_int(rows, i, 6);
		bytes += body_length(pack, db_get_bytes(rows, i, 7));
		founds->cut = founds->budget > 0 && i > 0 && bytes > founds->budget;
		if (founds->cut)
			return;
		struct found *found = found_new(founds);
		found->row.key = (struct resource_key){ .type = type,
			.bucket = part->bucket,
			.tenant = part->tenant,
			.subject = part->subject,
			.id = (uint64_t)db_get_int(rows, i, 0) };
		found->row.version = (int)db_get_int(rows, i, 1);
		found->row.time_low = db_get_time(rows, i, 2);
		found->row.updated = db_get_time(rows, i, 3);
		found->row.class = (enum reading_class)db_get_int(rows, i, 4);
		found->orgnr = part->orgnr;
		found->code = (int32_t)db_get_int(rows, i, 5);
		found->pack = pack;
		found->packed = str_copy(founds->arena, db_get_bytes(rows, i, 7));
	}
}

bool found_texts(struct batch *batch, const struct founds *founds)
{
	int32_t codes[ASK_MAX];
	size_t count = 0;
	for (size_t i = 0; i < founds->count && count < ASK_MAX; i++) {
		struct str text;
		if (!text_find(batch->store, founds->rows[i].code, &text))
			codes[count++] = founds->rows[i].code;
	}
	if (count == 0)
		return false;
	struct db_params *params = db_params(batch->arena, 1);
	db_int4s(params, codes, count);
	db_add(batch->flight, SQL_CODE_TEXT, params, texts_came, batch->store);
	return true;
}

size_t found_bytes(const struct found *found)
{
	return body_length(found->pack, found->packed);
}

/* ---- Provenances of messages */

static bool message_read(const struct store *store, struct arena *arena, const struct found *found,
	struct provenance *out)
{
	struct outcome outcome = { .arena = arena };
	struct resource_key target = found->row.key;
	struct str rest = found->packed, body;
	uint64_t pack;
	char id[27];
	target.type = TYPE_OBSERVATION;
	seal_resource_id(store->seal, &target, id);
	*out = (struct provenance){ .target = str_format(arena, "Observation/%s", id),
		.version = found->row.version,
		.recorded = found->row.updated,
		.tenant_orgnr = found->orgnr };
	if (!take_number(&rest, 8, &out->upload) || !take_number(&rest, 2, &pack) ||
		!take_text(&rest, &out->client) || !pack_open(arena, (int)pack, rest, &body))
		return false;
	out->observation = json_parse(arena, body, TREE_NODES, &outcome);
	return out->observation != NULL;
}

bool found_body(
	const struct store *store, struct arena *arena, const struct found *found, struct str *out)
{
	if (found->pack != PACK_MESSAGE)
		return pack_open(arena, found->pack, found->packed, out);
	struct arena *scratch = arena_new(TREE_ARENA);
	struct provenance provenance;
	*out = (struct str){ 0 };
	if (message_read(store, scratch, found, &provenance))
		*out = str_copy(arena, provenance_render(scratch, &provenance));
	arena_free(&scratch);
	return out->length > 0;
}

bool found_row(const struct store *store, struct arena *arena, const struct found *found,
	struct store_row *out)
{
	*out = found->row;
	if (text_find(store, found->code, &out->code))
		out->code = str_copy(arena, out->code);
	return found_body(store, arena, found, &out->body);
}

const struct grant_part *part_of(const struct grant *grant, const struct resource_key *key)
{
	for (size_t i = 0; i < grant->count; i++) {
		const struct grant_part *part = &grant->parts[i];
		if (part->tenant == key->tenant && part->subject == key->subject &&
			part->bucket == key->bucket)
			return part;
	}
	return NULL;
}

bool part_limits_codes(const struct grant_part *part)
{
	return part->canon_count > 0 || part->blocked_count > 0;
}

unsigned part_mask(const struct grant_part *part)
{
	unsigned mask = part->classes;
	for (size_t i = 0; i < part->canon_count; i++)
		mask |= part->canon_classes[i];
	return mask;
}

void part_classes(struct db_params *params, struct arena *arena, const struct grant_part *part)
{
	(void)arena;
	db_int4(params, (int32_t)part->classes);
}

static void numbers(
	struct db_params *params, struct arena *arena, const uint32_t *values, size_t count)
{
	int32_t *copy = arena_array(arena, count, sizeof(*copy));
	for (size_t i = 0; i < count; i++)
		copy[i] = (int32_t)values[i];
	db_int4s(params, copy, count);
}

void part_canons(struct db_params *params, struct arena *arena, const struct grant_part *part)
{
	numbers(params, arena, part->canons, part->canon_count);
}

void part_canon_classes(
	struct db_params *params, struct arena *arena, const struct grant_part *part)
{
	numbers(params, arena, part->canon_classes, part->canon_count);
}

void part_blocked(struct db_params *params, struct arena *arena, const struct grant_part *part)
{
	numbers(params, arena, part->blocked_canons, part->blocked_count);
}
