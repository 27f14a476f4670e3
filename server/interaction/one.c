/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/one.h"

#include <limits.h>

#include "server/audit.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"

void one_open(struct exchange *exchange, struct one *one, enum resource_type type, struct str id)
{
	one->opened = seal_resource_open(exchange->loop->hub->seal, id, type, &one->key);
	one->key.type = type;
}

int one_version(struct str text)
{
	uint64_t version;
	const bool possible = str_to_u64(text, &version) && text.at[0] != '0' && version <= INT_MAX;
	return possible ? (int)version : -1;
}

void one_who(struct one *one, struct resolve_item *items, size_t item)
{
	one->item = item;
	items[item].by_row = true;
	items[item].row = one->key;
}

const struct grant *one_decide(struct exchange *exchange, const struct one *one)
{
	if (!one->opened)
		return NULL;
	struct outcome refusal = { .arena = exchange->arena };
	return resolve_decide(exchange, ASK_READ, &exchange->resolve.items[one->item], NULL,
		one->key.tenant, &refusal);
}

struct log_row *one_row(struct exchange *exchange, const struct one *one, enum log_op op)
{
	const struct patient nobody = { 0 };
	const struct patient *patient =
		one->opened ? &exchange->resolve.items[one->item].patient : &nobody;
	const bool known = patient->person_count > 0;
	struct log_row *row = audit_row(exchange, op, one->key.type);
	row->tenant = known ? one->key.tenant : exchange->tenant->id;
	row->person = known ? patient->persons[0].id : 0;
	row->bucket = known ? patient->persons[0].home : 0;
	row->outcome = LOG_PERMIT;
	return row;
}

void one_released(struct exchange *exchange, const struct grant *grant,
	const struct store_row *rows, size_t count, struct str bytes, struct log_detail *detail)
{
	struct log_codes *codes = arena_alloc(exchange->arena, sizeof(*codes));
	for (size_t i = 0; i < count; i++)
		log_codes_add(exchange->arena, codes, rows[i].code, rows[i].time_low);
	uint8_t digest[32];
	seal_sha256(bytes, digest);
	detail->codes = codes;
	detail->count = (unsigned)count;
	detail->digest = str_hex(exchange->arena, digest, sizeof(digest));
	detail->rules = grant->parts[0].rule_ids;
	detail->rule_count = grant->parts[0].rule_count;
	detail->break_glass = grant->break_glass;
}

static const char *type_of(const struct exchange *exchange)
{
	const char *name = resource_type_name(route_type(exchange->route));
	return name[0] == '\0' ? "resource" : name;
}

void one_absent(struct exchange *exchange, struct outcome *outcome)
{
	outcome_fail(outcome, OUTCOME_NOT_FOUND, (struct str){ 0 },
		"there is no such %s, or it is not for you", type_of(exchange));
}

void one_gone(struct exchange *exchange, struct outcome *outcome)
{
	outcome_fail(outcome, OUTCOME_GONE, (struct str){ 0 },
		"this %s was deleted; its _history has it", type_of(exchange));
}

void one_tell(struct exchange *exchange, int version, instant updated)
{
	exchange->response.etag = str_format(exchange->arena, "W/\"%d\"", version);
	exchange->response.modified = updated;
}

struct str one_render(struct exchange *exchange, const struct store_row *row)
{
	char *id = arena_alloc(exchange->arena, 27);
	seal_resource_id(exchange->loop->hub->seal, &row->key, id);
	const struct resource resource = { row->key.type, { id, 26 }, row->version, row->updated,
		row->body };
	struct buf buf = buf_new(exchange->arena, row->body.length + 256, RESPONSE_MAX);
	presentation_render(&buf, exchange->arena, &exchange->presentation, &resource);
	return buf_str(&buf);
}
