/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tools/command.h"

#include <stdio.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

static const struct {
	const char *name;
	enum scope scope;
} scopes[] = { { "read", SCOPE_OBSERVATION_READ }, { "write", SCOPE_OBSERVATION_WRITE },
	{ "locator", SCOPE_LOCATOR_READ }, { "log", SCOPE_LOG_READ } };

static const char *const classes[] = { NULL, "health", "welfare", "administrative" };

bool command_orgnr(struct command_line *line, const char *text, const char *what, uint32_t *out)
{
	uint64_t number;
	if (text == NULL)
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR(""),
			"%s is missing (maalehub --help)", what);
	if (!str_to_u64(str_of(text), &number) || strlen(text) != 9 ||
		!orgnr_is_valid(str_of(text)))
		return outcome_fail(line->outcome, OUTCOME_VALUE, STR(""),
			"%s: %s is no organisation number (nine digits, the last one a check "
			"digit)",
			what, text);
	*out = (uint32_t)number;
	return true;
}

struct admin *command_admin(struct command_line *line, const char *user)
{
	return admin_open(line->arena, line->config->database, user == NULL ? "hub_admin" : user,
		line->outcome);
}

static bool finish(struct admin *admin, bool done)
{
	admin_close(&admin);
	return done;
}

struct seal *command_seal(struct command_line *line)
{
	struct str secret = config_secret(line->arena, line->config, line->outcome);
	struct seal *seal = secret.length == 0 ? NULL : seal_new(secret);
	if (secret.length > 0)
		explicit_bzero((char *)(uintptr_t)secret.at, secret.length);
	return seal;
}

bool command_migrate(struct command_line *line)
{
	const char *user = command_option(line, "as");
	struct admin *admin = command_admin(line, user == NULL ? "postgres" : user);
	unsigned applied = 0;
	if (admin == NULL)
		return false;
	const bool done = admin_migrate(admin, &applied, line->outcome);
	if (done)
		printf("database is up to date; %u migration%s applied\n", applied,
			applied == 1 ? "" : "s");
	return finish(admin, done);
}

bool command_check(struct command_line *line)
{
	struct seal *seal = command_seal(line);
	const bool secret = seal != NULL;
	seal_free(&seal);
	struct admin *admin = command_admin(line, NULL);
	if (admin == NULL)
		return false;
	const bool isolated = admin_assert(admin, line->outcome);
	printf("configuration %s: read\nsecret file: %s\nisolation of controllers: %s\n",
		line->config_path, secret ? "good" : "NOT GOOD", isolated ? "holds" : "BROKEN");
	return finish(admin, secret && isolated);
}

bool command_tenant_add(struct command_line *line)
{
	uint32_t orgnr;
	const char *name = command_word(line, 1);
	if (!command_orgnr(line, command_word(line, 0), "ORGNR", &orgnr))
		return false;
	if (name == NULL)
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR(""),
			"NAME is missing: tenant add ORGNR NAME");
	struct admin *admin = command_admin(line, NULL);
	return admin != NULL &&
	       finish(admin, admin_tenant_add(admin, orgnr, str_of(name),
				     !command_flag(line, "reader"), line->outcome));
}

bool command_tenant_list(struct command_line *line)
{
	struct admin *admin = command_admin(line, NULL);
	struct tenant *tenants;
	size_t count;
	if (admin == NULL || !admin_tenants(admin, &tenants, &count, line->outcome))
		return finish(admin, false);
	printf("%-9s  %-10s  %s\n", "orgnr", "kind", "name");
	for (size_t i = 0; i < count; i++)
		printf("%-9u  %-10s  %.*s\n", tenants[i].orgnr,
			tenants[i].controller ? "controller" : "reader", STR_ARG(tenants[i].name));
	return finish(admin, true);
}

static bool parse_scopes(struct command_line *line, const char *text, unsigned *out)
{
	struct str rest = str_of(text);
	*out = 0;
	while (rest.length > 0) {
		struct str name = str_cut(rest, ',', &rest);
		unsigned found = 0;
		for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
			found |= str_is(name, scopes[i].name) ? (unsigned)scopes[i].scope : 0;
		if (found == 0)
			return outcome_fail(line->outcome, OUTCOME_VALUE, STR("--scopes"),
				"`%.*s` is none of read, write, locator, log", STR_ARG(name));
		*out |= found;
	}
	return *out != 0 || outcome_fail(line->outcome, OUTCOME_REQUIRED, STR("--scopes"),
				    "what may it do? read, write, locator, log, joined by commas");
}

bool command_client_add(struct command_line *line)
{
	const char *id = command_word(line, 0), *name = command_word(line, 2),
		   *zone = command_option(line, "zone"), *allowed = command_option(line, "scopes");
	const char *sentinels = command_option(line, "sentinels");
	struct client_row client = { .id = str_of(id),
		.name = str_of(name),
		.zone = str_of(zone == NULL ? "" : zone),
		.sentinels = str_of(sentinels == NULL ? "" : sentinels) };
	struct zone parsed;
	if (!command_orgnr(line, command_word(line, 1), "ORGNR", &client.orgnr))
		return false;
	if (name == NULL)
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR(""),
			"client add CLIENT_ID ORGNR NAME --scopes ...");
	if (!parse_scopes(line, allowed == NULL ? "" : allowed, &client.scopes))
		return false;
	if (zone != NULL && !zone_parse(client.zone, &parsed))
		return outcome_fail(line->outcome, OUTCOME_VALUE, STR("--zone"),
			"`%s` is none of Europe/Oslo, UTC, +hh:mm", zone);
	struct admin *admin = command_admin(line, NULL);
	return admin != NULL && finish(admin, admin_client_add(admin, &client, line->outcome));
}

bool command_client_set(struct command_line *line)
{
	const char *id = command_word(line, 0), *zone = command_option(line, "zone"),
		   *sentinels = command_option(line, "sentinels"),
		   *allowed = command_option(line, "scopes");
	unsigned bits = 0;
	if (id == NULL || (zone == NULL && sentinels == NULL && allowed == NULL))
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR(""),
			"which client, and what is to change? client set CLIENT_ID --scopes, "
			"--zone or --sentinels");
	if (allowed != NULL && allowed[0] != '\0' && !parse_scopes(line, allowed, &bits))
		return false;
	const struct str zone_text = str_of(zone == NULL ? "" : zone),
			 list = str_of(sentinels == NULL ? "" : sentinels);
	const struct client_change to = { .zone = zone == NULL ? NULL : &zone_text,
		.sentinels = sentinels == NULL ? NULL : &list,
		.scopes = allowed == NULL ? NULL : &bits };
	struct admin *admin = command_admin(line, NULL);
	return admin != NULL &&
	       finish(admin, admin_client_set(admin, str_of(id), &to, line->outcome));
}

/* read,write: as --scopes takes them. */
static const char *scopes_text(struct command_line *line, unsigned bits)
{
	struct buf text = buf_new(line->arena, 64, 256);
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if ((bits & scopes[i].scope) != 0)
			buf_add_format(&text, "%s%s", text.length > 0 ? "," : "", scopes[i].name);
	buf_add_text(&text, text.length == 0 ? "nothing" : "");
	buf_add_byte(&text, '\0');
	return text.at;
}

bool command_client_list(struct command_line *line)
{
	struct admin *admin = command_admin(line, NULL);
	struct client_row *clients;
	size_t count;
	if (admin == NULL || !admin_clients(admin, &clients, &count, line->outcome))
		return finish(admin, false);
	printf("%-36s  %-9s  %-24s  %s\n", "client", "orgnr", "may", "name, how its HL7 is read");
	for (size_t i = 0; i < count; i++) {
		printf("%-36.*s  %-9u  %-24s  %.*s", STR_ARG(clients[i].id), clients[i].orgnr,
			scopes_text(line, clients[i].scopes), STR_ARG(clients[i].name));
		printf("%s%.*s", clients[i].zone.length > 0 ? "  zone " : "",
			STR_ARG(clients[i].zone));
		printf("%s%.*s\n", clients[i].sentinels.length > 0 ? "  sentinels " : "",
			STR_ARG(clients[i].sentinels));
	}
	return finish(admin, true);
}

static bool parse_class(struct command_line *line, const char *text, enum reading_class *out)
{
	for (unsigned i = CLASS_HEALTH; i <= CLASS_ADMINISTRATIVE; i++) {
		if (strcmp(text, classes[i]) == 0) {
			*out = (enum reading_class)i;
			return true;
		}
	}
	return outcome_fail(line->outcome, OUTCOME_VALUE, STR("--class"),
		"`%s` is none of health, welfare, administrative", text);
}

/* --code, where it is given. */
static bool parse_code(struct command_line *line, struct coding *out)
{
	const char *code = command_option(line, "code");
	if (code == NULL)
		return true;
	out->system = str_cut(str_of(code), '|', &out->code);
	return out->code.length > 0 ||
	       outcome_fail(line->outcome, OUTCOME_VALUE, STR("--code"),
		       "a code is SYSTEM|CODE, for instance http://loinc.org|8867-4");
}

bool command_rule_add(struct command_line *line)
{
	const char *class = command_option(line, "class"),
		   *purpose = command_option(line, "purpose");
	struct rule_row rule = { .valid_from = INSTANT_MIN, .valid_to = INSTANT_MAX };
	if (!command_orgnr(line, command_option(line, "from"), "--from", &rule.tenant_orgnr) ||
		!command_orgnr(line, command_option(line, "to"), "--to", &rule.reader_orgnr) ||
		!parse_class(line, class == NULL ? "health" : class, &rule.class))
		return false;
	if (!purpose_parse(str_of(purpose == NULL ? "TREAT" : purpose), &rule.purpose))
		return outcome_fail(line->outcome, OUTCOME_VALUE, STR("--purpose"),
			"`%s` is none of TREAT, ETREAT, COC, BTG", purpose);
	if (rule.tenant_orgnr == rule.reader_orgnr)
		return outcome_fail(line->outcome, OUTCOME_VALUE, STR("--to"),
			"%u reads its own data without a rule; --to names another organisation",
			rule.reader_orgnr);
	if (!parse_code(line, &rule.code))
		return false;
	struct admin *admin = command_admin(line, NULL);
	if (admin == NULL || !admin_rule_add(admin, &rule, line->outcome))
		return finish(admin, false);
	printf("rule %u\n", rule.id);
	return finish(admin, true);
}

/* SYSTEM|CODE as --code takes it, or that there is no such limit. */
static const char *code_text(struct command_line *line, struct coding code)
{
	return code.code.length == 0 ? "all codes"
				     : str_format(line->arena, "%.*s|%.*s", STR_ARG(code.system),
					       STR_ARG(code.code))
					       .at;
}

bool command_rule_list(struct command_line *line)
{
	struct admin *admin = command_admin(line, NULL);
	struct rule_row *rules;
	size_t count;
	if (admin == NULL || !admin_rules(admin, &rules, &count, line->outcome))
		return finish(admin, false);
	printf("%-5s  %-9s  %-9s  %-14s  %-7s  %-9s  %s\n", "rule", "data of", "read by", "class",
		"purpose", "state", "codes");
	for (size_t i = 0; i < count; i++)
		printf("%-5u  %-9u  %-9u  %-14s  %-7s  %-9s  %s\n", rules[i].id,
			rules[i].tenant_orgnr, rules[i].reader_orgnr, classes[rules[i].class],
			purpose_code(rules[i].purpose), rules[i].revoked ? "revoked" : "in force",
			code_text(line, rules[i].code));
	return finish(admin, true);
}

bool command_rule_revoke(struct command_line *line)
{
	uint64_t number;
	if (!command_number(line, "rule list", UINT32_MAX, &number))
		return false;
	struct admin *admin = command_admin(line, NULL);
	return admin != NULL &&
	       finish(admin, admin_rule_revoke(admin, (uint32_t)number, line->outcome));
}

bool command_national(struct command_line *line, struct national_id *out)
{
	char text[64];
	if (fgets(text, sizeof(text), stdin) == NULL)
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR(""),
			"a national id is expected on standard input");
	const bool good = national_id_parse(STR(OID_FNR), str_trim(str_of(text)),
		line->config->environment == ENVIRONMENT_PRODUCTION ? NATIONAL_REAL
								    : NATIONAL_SYNTHETIC,
		STR("standard input"), out, line->outcome);
	explicit_bzero(text, sizeof(text));
	return good;
}

bool command_person_join(struct command_line *line)
{
	struct national_id a, b;
	if (!command_national(line, &a) || !command_national(line, &b))
		return false;
	struct seal *seal = command_seal(line);
	struct admin *admin = seal == NULL ? NULL : command_admin(line, NULL);
	const bool done =
		admin != NULL && admin_person_join(admin, seal, a.digits, b.digits, line->outcome);
	seal_free(&seal);
	return finish(admin, done);
}

bool command_block_add(struct command_line *line)
{
	const char *tenant = command_option(line, "tenant"), *actor = command_option(line, "actor");
	struct block_row block = { 0 };
	struct national_id id;
	if ((tenant != NULL && !command_orgnr(line, tenant, "--tenant", &block.tenant_orgnr)) ||
		(actor != NULL && !command_orgnr(line, actor, "--actor", &block.actor_orgnr)) ||
		!parse_code(line, &block.code) || !command_national(line, &id))
		return false;
	block.digits = id.digits;
	struct seal *seal = command_seal(line);
	struct admin *admin = seal == NULL ? NULL : command_admin(line, NULL);
	const bool done = admin != NULL && admin_block_add(admin, seal, &block, line->outcome);
	if (done)
		printf("block %llu\n", (unsigned long long)block.id);
	seal_free(&seal);
	return finish(admin, done);
}

bool command_block_end(struct command_line *line)
{
	uint64_t number;
	if (!command_number(line, "block list", INT64_MAX, &number))
		return false;
	struct admin *admin = command_admin(line, NULL);
	return admin != NULL && finish(admin, admin_block_end(admin, number, line->outcome));
}

/* An organisation, or what 0 stands for. */
static const char *orgnr_text(struct command_line *line, uint32_t orgnr, const char *none)
{
	return orgnr == 0 ? none : str_format(line->arena, "%09u", orgnr).at;
}

bool command_block_list(struct command_line *line)
{
	struct national_id id;
	if (!command_national(line, &id))
		return false;
	struct seal *seal = command_seal(line);
	if (seal == NULL)
		return false;
	const struct person_key key = seal_person(seal, id.digits);
	seal_free(&seal);
	struct admin *admin = command_admin(line, NULL);
	struct block_row *blocks;
	size_t count;
	if (admin == NULL || !admin_blocks(admin, &key, &blocks, &count, line->outcome))
		return finish(admin, false);
	printf("%-5s  %-20s  %-20s  %-15s  %-9s  %s\n", "block", "since (UTC)", "ended", "data of",
		"against", "codes");
	for (size_t i = 0; i < count; i++)
		printf("%-5llu  %-20.*s  %-20.*s  %-15s  %-9s  %s\n",
			(unsigned long long)blocks[i].id, STR_ARG(blocks[i].since),
			STR_ARG(blocks[i].until.length > 0 ? blocks[i].until : STR("in force")),
			orgnr_text(line, blocks[i].tenant_orgnr, "all controllers"),
			orgnr_text(line, blocks[i].actor_orgnr, "everybody"),
			code_text(line, blocks[i].code));
	return finish(admin, true);
}
