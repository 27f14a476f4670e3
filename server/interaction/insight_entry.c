/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/insight_entry.h"

#include "fhir/base/json.h"
#include "fhir/observation.h"

#define NODES_MAX 5000

struct words {
	const char *code, *text;
};

static const char *text_of(const struct words *words, size_t count, struct str code)
{
	for (size_t i = 0; i < count; i++)
		if (str_is(code, words[i].code))
			return words[i].text;
	return NULL;
}

/* Nothing came of it: it was here before, or had been deleted here. */
static bool is_repeated(const struct json *body)
{
	const struct json *count = json_get(body, "count");
	return json_get(body, "seenBefore") != NULL && count != NULL && str_is(count->raw, "0");
}

static void write_event(struct buf *buf, enum log_op op, const struct json *body)
{
	static const struct words events[] = {
		[LOG_READ] = { "read", "Lest" },
		[LOG_SEARCH] = { "search", "Søkt og lest" },
		[LOG_CREATE] = { "create", "Registrert" },
		[LOG_LOCATE] = { "locate", "Slått opp hvor det finnes opplysninger" },
		[LOG_INSIGHT] = { "insight", "Innsyn i denne loggen" },
		[LOG_UPDATE] = { "update", "Endret" },
		[LOG_DELETE] = { "delete", "Slettet" },
	};
	static const char *const repeated[sizeof(events) / sizeof(events[0])] = {
		[LOG_CREATE] = "Sendt på nytt; ingenting nytt ble registrert",
		[LOG_UPDATE] = "Sendt på nytt; ingenting ble endret",
		[LOG_DELETE] = "Sendt på nytt; det var slettet fra før",
	};
	if ((size_t)op >= sizeof(events) / sizeof(events[0]) || events[op].code == NULL)
		return;
	json_write_member(buf, "event", str_of(events[op].code));
	json_write_member(buf, "eventText",
		is_repeated(body) ? str_of(repeated[op]) : str_of(events[op].text));
}

/* {"orgnr":..., "name":...} with the name the rules know where the token gave none. */
static void write_unit(struct buf *buf, const struct rules *rules, const struct json *unit)
{
	uint64_t orgnr = 0;
	struct str name = json_text(unit, "name");
	const struct tenant *tenant = NULL;
	if (str_to_u64(json_text(unit, "orgnr"), &orgnr) && orgnr <= UINT32_MAX)
		tenant = rules_tenant_by_orgnr(rules, (uint32_t)orgnr);
	if (name.length == 0 && tenant != NULL)
		name = tenant->name;
	buf_add_byte(buf, '{');
	json_write_member(buf, "orgnr", json_text(unit, "orgnr"));
	json_write_member(buf, "name", name);
	buf_add_byte(buf, '}');
}

static void write_actor(struct buf *buf, const struct rules *rules, const struct json *actor)
{
	static const char *const plain[] = { "kind", "name", "hpr", "authorization", "department",
		"client" };
	static const char *const units[] = { "legalEntity", "pointOfCare" };
	json_write_comma(buf);
	buf_add_text(buf, "\"actor\":{");
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		const struct json *member = json_get(actor, plain[i]);
		if (member == NULL)
			continue;
		json_write_comma(buf);
		json_write_name(buf, plain[i]);
		buf_add(buf, member->raw);
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		const struct json *unit = json_get(actor, units[i]);
		if (unit == NULL)
			continue;
		json_write_comma(buf);
		json_write_name(buf, units[i]);
		write_unit(buf, rules, unit);
	}
	buf_add_byte(buf, '}');
}

static void write_basis(struct buf *buf, const struct json *basis)
{
	static const struct words purposes[] = {
		{ "TREAT", "Helsehjelp" },
		{ "ETREAT", "Akutt helsehjelp" },
		{ "COC", "Saksbehandling og samordning av helse- og omsorgstjenester" },
		{ "BTG", "Nødvendig helsehjelp, vanlige tilgangsregler er satt til side" },
	};
	const char *text = text_of(
		purposes, sizeof(purposes) / sizeof(purposes[0]), json_text(basis, "purpose"));
	json_write_comma(buf);
	buf_add_text(buf, "\"basis\":{");
	json_each(member, basis)
	{
		json_write_comma(buf);
		json_write_string(buf, member->key);
		buf_add_byte(buf, ':');
		buf_add(buf, member->raw);
	}
	json_write_member(buf, "purposeText", str_of(text));
	buf_add_byte(buf, '}');
}

/* Whose data it was. A look into the log itself is nobody's but the hub's. */
static void write_controller(struct buf *buf, const struct rules *rules, uint32_t id)
{
	const struct tenant *tenant = rules_tenant(rules, id);
	json_write_comma(buf);
	buf_add_text(buf, "\"dataController\":{\"orgnr\":");
	if (tenant == NULL) {
		buf_add_text(buf, "null}");
		return;
	}
	buf_add_format(buf, "\"%09u\"", tenant->orgnr);
	json_write_member(buf, "name", tenant->name);
	buf_add_byte(buf, '}');
}

static void write_what(
	struct arena *arena, struct buf *buf, const struct json *item, enum resource_type type)
{
	const struct concept concept = concept_parse(arena, json_text(item, "code"));
	enum reading_class class;
	struct code_facts facts;
	json_write_comma(buf);
	buf_add_byte(buf, '{');
	json_write_member(buf, "type", str_of(resource_type_name(type)));
	if (concept.count > 0) {
		const struct coding canon = code_canon(concept.codings, concept.count, &class);
		json_write_member(buf, "system", canon.system);
		json_write_member(buf, "code", canon.code);
		if (code_find(canon, &facts))
			json_write_member(buf, "text", str_of(facts.text_no));
	}
	json_each(member, item)
	{
		if (str_is(member->key, "code"))
			continue;
		json_write_comma(buf);
		json_write_string(buf, member->key);
		buf_add_byte(buf, ':');
		buf_add(buf, member->raw);
	}
	buf_add_byte(buf, '}');
}

static void write_outcome(struct buf *buf, const struct log_entry *entry, const struct json *body)
{
	static const struct words reasons[] = {
		{ "not-shared", "Virksomheten har ikke tilgang til opplysningene" },
		{ "forbidden", "Virksomheten har ikke tilgang til opplysningene" },
		{ "suppressed", "Grunnlaget for tilgang manglet eller gjaldt en annen" },
		{ "business-rule", "Opplysningene kunne ikke registreres slik de var sendt" },
	};
	const struct str reason = json_text(body, "reason");
	json_write_member(buf, "outcome", entry->outcome == LOG_DENY ? STR("deny") : STR("permit"));
	json_write_member(buf, "reason", reason);
	json_write_member(buf, "reasonText",
		str_of(text_of(reasons, sizeof(reasons) / sizeof(reasons[0]), reason)));
}

static void write_body(
	struct arena *arena, struct buf *buf, const struct json *body, enum resource_type type)
{
	static const char *const plain[] = { "count", "seenBefore", "digest", "query",
		"breakGlass" };
	json_write_comma(buf);
	buf_add_text(buf, "\"what\":[");
	json_each(item, json_get(body, "what")) write_what(arena, buf, item, type);
	buf_add_byte(buf, ']');
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		const struct json *member = json_get(body, plain[i]);
		if (member == NULL)
			continue;
		json_write_comma(buf);
		json_write_name(buf, plain[i]);
		buf_add(buf, member->raw);
	}
}

/* The session's, and in rows from before it stood there, the row's own. */
static void write_token(struct buf *buf, const struct json *context, const struct json *body)
{
	const struct str own = json_text(body, "jti");
	json_write_member(buf, "tokenJti", own.length > 0 ? own : json_text(context, "jti"));
}

void insight_members(struct arena *arena, struct buf *buf, const struct rules *rules,
	const struct log_entry *entry)
{
	struct outcome outcome = { .arena = arena };
	const struct json *context = json_parse(arena, entry->context, NODES_MAX, &outcome);
	const struct json *body = json_parse(arena, entry->body, NODES_MAX, &outcome);
	buf_add_format(buf, "\"id\":\"%llu\",\"time\":\"", (unsigned long long)entry->id);
	instant_write(buf, entry->at);
	buf_add_byte(buf, '"');
	write_event(buf, entry->op, body);
	write_actor(buf, rules, json_get(context, "actor"));
	write_controller(buf, rules, entry->tenant);
	write_basis(buf, json_get(context, "basis"));
	write_body(arena, buf, body, entry->type);
	write_token(buf, context, body);
	write_outcome(buf, entry, body);
	buf_add_format(buf, ",\"correlationId\":\"%llu\"", (unsigned long long)entry->corr);
}

void insight_entry(struct arena *arena, struct buf *buf, const struct rules *rules,
	const struct log_entry *entry)
{
	buf_add_byte(buf, '{');
	insight_members(arena, buf, rules, entry);
	buf_add_byte(buf, '}');
}
