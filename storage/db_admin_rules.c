/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Tenants, clients, senders and rules. Every change moves hub.rules_version in its transaction, so that it holds for the next request. */
#include "fhir/base/arena.h"
#include "fhir/hl7/sentinel.h"
#include "fhir/observation.h"
#include "storage/db_admin.h"

/* A change of one row; `absent` is the error when it touched none. */
static bool change(struct admin *admin, enum sql statement, const char *const *values,
	const char *absent, struct outcome *outcome)
{
	unsigned count = 0;
	if (!admin_begin(admin, outcome))
		return false;
	bool good = admin_run(admin, statement, values, &count, outcome);
	if (good && count == 0)
		good = outcome_fail(outcome, OUTCOME_NOT_FOUND, STR(""), "%s", absent);
	good = good && admin_run(admin, SQL_ADMIN_VERSION, NULL, NULL, outcome);
	return admin_end(admin, good, outcome);
}

bool admin_tenant_add(struct admin *admin, uint32_t orgnr, struct str name, bool controller,
	struct outcome *outcome)
{
	const char *values[] = { admin_number(admin, orgnr), admin_string(admin, name),
		controller ? "true" : "false" };
	return change(admin, SQL_ADMIN_TENANT_ADD, values,
		"an organisation with this number is registered already (tenant list)", outcome);
}

static bool check_reading(struct str zone, struct str sentinels, struct outcome *outcome)
{
	struct zone parsed;
	if (zone.length > 0 && !zone_parse(zone, &parsed))
		return outcome_fail(outcome, OUTCOME_VALUE, STR("zone"),
			"a zone is Europe/Oslo, UTC or an offset such as +01:00");
	if (!sentinel_is_list(sentinels))
		return outcome_fail(outcome, OUTCOME_VALUE, STR("sentinels"),
			"sentinels are at most %d items [CODE:][<|>]NUMBER, for instance "
			"-1,150456:>100",
			SENTINELS_MAX);
	return true;
}

bool admin_client_set(
	struct admin *admin, struct str id, const struct client_change *to, struct outcome *outcome)
{
	const struct str none = { 0 };
	if (!check_reading(to->zone == NULL ? none : *to->zone,
		    to->sentinels == NULL ? none : *to->sentinels, outcome))
		return false;
	const char *values[] = { admin_string(admin, id),
		to->zone == NULL ? NULL : admin_string(admin, *to->zone),
		to->sentinels == NULL ? NULL : admin_string(admin, *to->sentinels),
		to->scopes == NULL ? NULL : admin_number(admin, *to->scopes) };
	return change(admin, SQL_ADMIN_CLIENT_SET, values, "there is no such client", outcome);
}

bool admin_client_add(struct admin *admin, const struct client_row *client, struct outcome *outcome)
{
	if (!check_reading(client->zone, client->sentinels, outcome))
		return false;
	const char *values[] = { admin_string(admin, client->id),
		admin_number(admin, client->orgnr), admin_number(admin, client->scopes),
		client->zone.length == 0 ? NULL : admin_string(admin, client->zone),
		admin_string(admin, client->name), admin_string(admin, client->sentinels) };
	return change(admin, SQL_ADMIN_CLIENT_ADD, values,
		"no organisation has this number (tenant list), or a client of this id is "
		"registered already (client list)",
		outcome);
}

bool admin_sender_add(struct admin *admin, struct sender_row *sender, struct outcome *outcome)
{
	const bool one = sender->thumbprint.length > 0;
	const char *values[] = { admin_string(admin, sender->client),
		one ? NULL : admin_number(admin, sender->orgnr),
		one ? admin_string(admin, sender->thumbprint) : NULL };
	if (!admin_begin(admin, outcome))
		return false;
	PGresult *rows = admin_sql(admin, SQL_ADMIN_SENDER_ADD, values, outcome);
	bool good = rows != NULL && PQntuples(rows) == 1;
	if (good)
		sender->id = (uint32_t)admin_field_number(rows, 0, 0);
	else if (rows != NULL)
		outcome_fail(outcome, OUTCOME_NOT_FOUND, STR(""),
			"there is no such client, or the certificate is registered already");
	PQclear(rows);
	good = good && admin_run(admin, SQL_ADMIN_VERSION, NULL, NULL, outcome);
	return admin_end(admin, good, outcome);
}

bool admin_sender_revoke(struct admin *admin, uint32_t id, struct outcome *outcome)
{
	const char *values[] = { admin_number(admin, id) };
	return change(admin, SQL_ADMIN_SENDER_REVOKE, values,
		"no sender with this number is registered", outcome);
}

bool admin_senders(
	struct admin *admin, struct sender_row **out, size_t *count, struct outcome *outcome)
{
	PGresult *rows = admin_sql(admin, SQL_ADMIN_SENDERS, NULL, outcome);
	if (rows == NULL)
		return false;
	*count = (size_t)PQntuples(rows);
	*out = arena_array(admin->arena, *count, sizeof(**out));
	for (int i = 0; i < (int)*count; i++)
		(*out)[i] = (struct sender_row){
			.id = (uint32_t)admin_field_number(rows, i, 0),
			.client = admin_field(admin, rows, i, 1),
			.orgnr = (uint32_t)admin_field_number(rows, i, 2),
			.thumbprint = admin_field(admin, rows, i, 3),
			.revoked = admin_field_number(rows, i, 4) != 0,
		};
	PQclear(rows);
	return true;
}

bool admin_canon(struct admin *admin, struct coding code, const char **out, struct outcome *outcome)
{
	enum reading_class class;
	const struct coding canon = code_canon(&code, 1, &class);
	const struct str concept = concept_of(admin->arena, canon);
	if (concept.length > CONCEPT_TEXT_MAX)
		return outcome_fail(
			outcome, OUTCOME_TOO_LARGE, STR("code"), "the code is too long");
	const char *text = admin_string(admin, concept);
	const char *values[] = { admin_number(admin, class), text,
		admin_string(admin, canon.system), admin_string(admin, canon.code) };
	if (!admin_run(admin, SQL_ADMIN_CODE_ADD, values, NULL, outcome))
		return false;
	PGresult *rows = admin_sql(admin, SQL_ADMIN_CODE, &text, outcome);
	const bool good = rows != NULL && PQntuples(rows) == 1;
	if (good)
		*out = admin_field(admin, rows, 0, 0).at;
	PQclear(rows);
	return good;
}

/* 0 and the infinities mean: not given. */
static const char *moment(struct admin *admin, instant at)
{
	return at == 0 || at == INSTANT_MIN || at == INSTANT_MAX ? NULL : admin_number(admin, at);
}

static bool rule_insert(struct admin *admin, struct rule_row *rule, struct outcome *outcome)
{
	const char *canon = "0";
	if (rule->code.code.length > 0 && !admin_canon(admin, rule->code, &canon, outcome))
		return false;
	const char *values[] = { admin_number(admin, rule->tenant_orgnr),
		admin_number(admin, rule->reader_orgnr), admin_number(admin, rule->class),
		admin_number(admin, rule->purpose), canon, moment(admin, rule->valid_from),
		moment(admin, rule->valid_to) };
	PGresult *rows = admin_sql(admin, SQL_ADMIN_RULE_ADD, values, outcome);
	if (rows == NULL)
		return false;
	const bool good = PQntuples(rows) == 1;
	if (good)
		rule->id = (uint32_t)admin_field_number(rows, 0, 0);
	PQclear(rows);
	return good ||
	       outcome_fail(outcome, OUTCOME_NOT_FOUND, STR(""),
		       "the controller is no tenant that holds data, or the reader is no tenant");
}

bool admin_rule_add(struct admin *admin, struct rule_row *rule, struct outcome *outcome)
{
	if (!admin_begin(admin, outcome))
		return false;
	const bool good = rule_insert(admin, rule, outcome) &&
			  admin_run(admin, SQL_ADMIN_VERSION, NULL, NULL, outcome);
	return admin_end(admin, good, outcome);
}

bool admin_rule_revoke(struct admin *admin, uint32_t id, struct outcome *outcome)
{
	const char *values[] = { admin_number(admin, id) };
	return change(admin, SQL_ADMIN_RULE_REVOKE, values, "no rule with this number is in force",
		outcome);
}

bool admin_tenants(struct admin *admin, struct tenant **out, size_t *count, struct outcome *outcome)
{
	PGresult *rows = admin_sql(admin, SQL_ADMIN_TENANTS, NULL, outcome);
	if (rows == NULL)
		return false;
	*count = (size_t)PQntuples(rows);
	*out = arena_array(admin->arena, *count, sizeof(**out));
	for (int i = 0; i < (int)*count; i++)
		(*out)[i] = (struct tenant){
			.id = (uint32_t)admin_field_number(rows, i, 0),
			.orgnr = (uint32_t)admin_field_number(rows, i, 1),
			.name = admin_field(admin, rows, i, 2),
			.controller = admin_field_number(rows, i, 3) != 0,
			.active = admin_field_number(rows, i, 4) == 1,
		};
	PQclear(rows);
	return true;
}

bool admin_clients(
	struct admin *admin, struct client_row **out, size_t *count, struct outcome *outcome)
{
	PGresult *rows = admin_sql(admin, SQL_ADMIN_CLIENTS, NULL, outcome);
	if (rows == NULL)
		return false;
	*count = (size_t)PQntuples(rows);
	*out = arena_array(admin->arena, *count, sizeof(**out));
	for (int i = 0; i < (int)*count; i++)
		(*out)[i] = (struct client_row){
			.id = admin_field(admin, rows, i, 0),
			.orgnr = (uint32_t)admin_field_number(rows, i, 1),
			.scopes = (unsigned)admin_field_number(rows, i, 2),
			.zone = admin_field(admin, rows, i, 3),
			.sentinels = admin_field(admin, rows, i, 5),
			.name = admin_field(admin, rows, i, 4),
		};
	PQclear(rows);
	return true;
}

static instant moment_field(const PGresult *rows, int row, int column, instant infinite)
{
	return PQgetisnull(rows, row, column) ? infinite : admin_field_number(rows, row, column);
}

bool admin_rules(struct admin *admin, struct rule_row **out, size_t *count, struct outcome *outcome)
{
	PGresult *rows = admin_sql(admin, SQL_ADMIN_RULES, NULL, outcome);
	if (rows == NULL)
		return false;
	*count = (size_t)PQntuples(rows);
	*out = arena_array(admin->arena, *count, sizeof(**out));
	for (int i = 0; i < (int)*count; i++) {
		const struct concept code =
			concept_parse(admin->arena, admin_field(admin, rows, i, 5));
		(*out)[i] = (struct rule_row){
			.id = (uint32_t)admin_field_number(rows, i, 0),
			.tenant_orgnr = (uint32_t)admin_field_number(rows, i, 1),
			.reader_orgnr = (uint32_t)admin_field_number(rows, i, 2),
			.class = (enum reading_class)admin_field_number(rows, i, 3),
			.purpose = (enum purpose)admin_field_number(rows, i, 4),
			.code = code.count > 0 ? code.codings[0]
					       : (struct coding){ { NULL, 0 }, { NULL, 0 } },
			.valid_from = moment_field(rows, i, 6, INSTANT_MIN),
			.valid_to = moment_field(rows, i, 7, INSTANT_MAX),
			.revoked = admin_field_number(rows, i, 8) != 0,
		};
	}
	PQclear(rows);
	return true;
}
