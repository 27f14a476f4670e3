/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the operator does to persons: joins and blocks. National ids come in, only their MACs and ciphertexts go to the database. */
#include "fhir/base/arena.h"
#include "fhir/observation.h"
#include "storage/db_admin.h"

/* A person as the statements name it. */
struct person_place {
	bool known;
	const char *home, *person;
};

/* The MAC as PostgreSQL reads a uuid: 32 hexadecimal digits. */
static void coordinates(struct admin *admin, const struct person_key *key, const char *values[2])
{
	values[0] = admin_number(admin, key->bucket);
	values[1] = str_hex(admin->arena, key->mac.bytes, sizeof(key->mac.bytes)).at;
}

static bool person_find(struct admin *admin, const struct person_key *key, struct person_place *out,
	struct outcome *outcome)
{
	const char *values[2];
	coordinates(admin, key, values);
	PGresult *rows = admin_sql(admin, SQL_ADMIN_PERSON, values, outcome);
	if (rows == NULL)
		return false;
	out->known = PQntuples(rows) == 1;
	if (out->known) {
		out->home = admin_field(admin, rows, 0, 0).at;
		out->person = admin_field(admin, rows, 0, 1).at;
	}
	PQclear(rows);
	return true;
}

/* As person_find, but an unknown one is made. */
static bool person_take(struct admin *admin, const struct seal *seal, const char digits[static 11],
	struct person_place *out, struct outcome *outcome)
{
	const struct person_key key = seal_person(seal, digits);
	if (!person_find(admin, &key, out, outcome))
		return false;
	if (out->known)
		return true;
	const struct str sealed = seal_encrypt(admin->arena, seal, (struct str){ digits, 11 });
	const char *values[3] = { NULL, NULL, str_hex(admin->arena, sealed.at, sealed.length).at };
	coordinates(admin, &key, values);
	return admin_run(admin, SQL_ADMIN_PERSON_NEW, values, NULL, outcome) &&
	       person_find(admin, &key, out, outcome) &&
	       (out->known ||
		       outcome_fail(outcome, OUTCOME_FAULT, STR(""), "the person was not made"));
}

/* Another national id of the person at `place`. */
static bool alias_add(struct admin *admin, const struct person_key *key,
	const struct person_place *place, struct outcome *outcome)
{
	const char *values[4] = { NULL, NULL, place->home, place->person };
	unsigned count = 0;
	coordinates(admin, key, values);
	if (!admin_run(admin, SQL_ADMIN_ALIAS_NEW, values, &count, outcome))
		return false;
	return count == 1 || outcome_fail(outcome, OUTCOME_CONFLICT, STR(""),
				     "the national id became known meanwhile; try again");
}

static bool join(struct admin *admin, const struct seal *seal, const char a[static 11],
	const char b[static 11], struct outcome *outcome)
{
	const struct person_key keys[2] = { seal_person(seal, a), seal_person(seal, b) };
	struct person_place first = { 0 }, second = { 0 };
	if (!person_find(admin, &keys[0], &first, outcome) ||
		!person_find(admin, &keys[1], &second, outcome))
		return false;
	if (second.known && !first.known)
		return alias_add(admin, &keys[0], &second, outcome);
	if (!first.known && !person_take(admin, seal, a, &first, outcome))
		return false;
	if (!second.known)
		return alias_add(admin, &keys[1], &first, outcome);
	if (strcmp(first.home, second.home) == 0 && strcmp(first.person, second.person) == 0)
		return true;
	const char *values[] = { first.home, first.person, second.home, second.person };
	/* The hubs remember whom a national id leads to, as long as the version stands. */
	return admin_run(admin, SQL_ADMIN_LINK, values, NULL, outcome) &&
	       admin_run(admin, SQL_ADMIN_VERSION, NULL, NULL, outcome);
}

bool admin_person_join(struct admin *admin, const struct seal *seal, const char a[static 11],
	const char b[static 11], struct outcome *outcome)
{
	if (memcmp(a, b, 11) == 0)
		return outcome_fail(
			outcome, OUTCOME_VALUE, STR(""), "both national ids are the same");
	if (!admin_begin(admin, outcome))
		return false;
	return admin_end(admin, join(admin, seal, a, b, outcome), outcome);
}

static bool block_insert(struct admin *admin, const struct person_place *place,
	struct block_row *block, struct outcome *outcome)
{
	const char *canon = "0";
	if (block->code.code.length > 0 && !admin_canon(admin, block->code, &canon, outcome))
		return false;
	const char *values[] = { place->home, place->person,
		admin_number(admin, block->tenant_orgnr), admin_number(admin, block->actor_orgnr),
		canon };
	PGresult *rows = admin_sql(admin, SQL_ADMIN_BLOCK_ADD, values, outcome);
	if (rows == NULL)
		return false;
	const bool good = PQntuples(rows) == 1;
	if (good)
		block->id = (uint64_t)admin_field_number(rows, 0, 0);
	PQclear(rows);
	return good || outcome_fail(outcome, OUTCOME_NOT_FOUND, STR(""),
			       "no tenant has the controller's orgnr");
}

bool admin_block_add(struct admin *admin, const struct seal *seal, struct block_row *block,
	struct outcome *outcome)
{
	struct person_place place = { 0 };
	if (!admin_begin(admin, outcome))
		return false;
	const bool good = person_take(admin, seal, block->digits, &place, outcome) &&
			  block_insert(admin, &place, block, outcome) &&
			  admin_run(admin, SQL_ADMIN_VERSION, NULL, NULL, outcome);
	return admin_end(admin, good, outcome);
}

bool admin_block_end(struct admin *admin, uint64_t id, struct outcome *outcome)
{
	const char *values[] = { admin_number(admin, (int64_t)id) };
	unsigned count = 0;
	if (!admin_begin(admin, outcome))
		return false;
	bool good = admin_run(admin, SQL_ADMIN_BLOCK_END, values, &count, outcome);
	if (good && count == 0)
		good = outcome_fail(outcome, OUTCOME_NOT_FOUND, STR(""),
			"no block with this number is in force");
	good = good && admin_run(admin, SQL_ADMIN_VERSION, NULL, NULL, outcome);
	return admin_end(admin, good, outcome);
}

bool admin_blocks(struct admin *admin, const struct person_key *key, struct block_row **out,
	size_t *count, struct outcome *outcome)
{
	const char *values[2];
	coordinates(admin, key, values);
	PGresult *rows = admin_sql(admin, SQL_ADMIN_BLOCKS, values, outcome);
	if (rows == NULL)
		return false;
	*count = (size_t)PQntuples(rows);
	*out = arena_array(admin->arena, *count, sizeof(**out));
	for (int i = 0; i < (int)*count; i++) {
		const struct concept code =
			concept_parse(admin->arena, admin_field(admin, rows, i, 3));
		(*out)[i] = (struct block_row){
			.id = (uint64_t)admin_field_number(rows, i, 0),
			.tenant_orgnr = (uint32_t)admin_field_number(rows, i, 1),
			.actor_orgnr = (uint32_t)admin_field_number(rows, i, 2),
			.code = code.count > 0 ? code.codings[0]
					       : (struct coding){ { NULL, 0 }, { NULL, 0 } },
			.since = admin_field(admin, rows, i, 4),
			.until = admin_field(admin, rows, i, 5),
		};
	}
	PQclear(rows);
	return true;
}
