/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Searches of a controller over all its patients: as the rows came, by date through its codes, or by identifier; each a walk along an index that the tenant leads. Of what is no reading: as it came.
 * The grant opens all of them; what a patient's block takes away is for the caller, who asks about each patient found.
 */
#include "fhir/identity.h"
#include "storage/search_bind.h"

bool search_is_of_tenant(const struct store_search *search)
{
	return search->grant->action == ASK_TENANT;
}

void search_tenant_shape(const struct finding *finding, struct search_shape *shape)
{
	const struct search *search = finding->search->search;
	const bool by_recv = search->sort_count == 1 && search->sorts[0].key == SEARCH_KEY_UPDATED;
	const bool by_key = finding->key_count > 0;
	if (finding->search->history) {
		*shape = (struct search_shape){ .source = SOURCE_TENANT_HISTORY };
		return;
	}
	shape->canons = shape->time_long = false;
	shape->ascending = by_recv ? !search->sorts[0].descending : search->ascending;
	shape->sorts = NULL;
	shape->sort_count = 0;
	shape->code = finding->narrow.code_count > 0;
	shape->ids_code = shape->code && (by_recv || by_key);
	if (search->type != TYPE_OBSERVATION) {
		shape->source = SOURCE_TENANT_TYPE;
	} else if (by_key) {
		shape->source = by_recv ? SOURCE_TENANT_KEY_RECV : SOURCE_TENANT_KEY;
	} else if (by_recv) {
		shape->source = SOURCE_TENANT_RECV;
	} else if (finding_is_one_coding(finding)) {
		shape->source = SOURCE_TENANT_CODE;
		shape->code = false;
	} else {
		shape->source = SOURCE_TENANT_WALK;
	}
}

/* Every value is an identifier that is a key: with system and value. */
static bool is_keyed(const struct search_condition *condition)
{
	if (strcmp(condition->parameter->name, "identifier") != 0 ||
		condition->modifier != SEARCH_MODIFIER_NONE)
		return false;
	for (size_t i = 0; i < condition->count; i++) {
		const struct search_token *token = &condition->values[i].token;
		if (token->any_system || token->any_code || token->system.length == 0 ||
			token->code.length == 0)
			return false;
	}
	return true;
}

/* The first such condition leads to the rows; fhir/match.h tells whether they hold, that one too. */
void search_tenant_keys(const struct seal *seal, struct finding *finding)
{
	const struct search *search = finding->search->search;
	struct arena *arena = finding->search->call.arena;
	const uint32_t tenant = finding->search->grant->own_tenant;
	size_t at = 0;
	if (search->type != TYPE_OBSERVATION)
		return; /* their keys are of a patient each */
	while (at < search->condition_count && !is_keyed(&search->conditions[at]))
		at++;
	if (at == search->condition_count)
		return;
	const struct search_condition *condition = &search->conditions[at];
	finding->key_lows = arena_array(arena, condition->count, sizeof(*finding->key_lows));
	finding->key_highs = arena_array(arena, condition->count, sizeof(*finding->key_highs));
	for (size_t i = 0; i < condition->count; i++) {
		const struct search_token *token = &condition->values[i].token;
		struct str text;
		if (!identity_of_identifier(arena, token->system, token->code, &text))
			continue;
		seal_reading_group(seal, tenant, text, &finding->key_lows[finding->key_count],
			&finding->key_highs[finding->key_count]);
		finding->key_count++;
	}
}

void search_tenant_row(const struct store_search *search, const struct db_rows *rows, unsigned row,
	struct store_row *out)
{
	out->key.bucket = (uint16_t)db_get_int(rows, row, 9);
	out->key.subject = (uint64_t)db_get_int(rows, row, 10);
	const unsigned canon = search->history ? 12 : 11;
	out->canon = out->canon_now = (uint32_t)db_get_int(rows, row, canon);
	if (!search->history)
		return;
	out->deleted = db_get_bool(rows, row, 13);
	out->canon_now = (uint32_t)db_get_int(rows, row, 14);
}
