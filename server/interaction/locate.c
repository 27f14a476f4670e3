/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * POST /pil/v1/search: which controllers hold data of a patient, by category and month, no closer (norway.md 6.5). What is blocked or
 * not shared looks like what is not there.
 */
#include "fhir/base/json.h"
#include "fhir/national.h"
#include "fhir/observation.h"
#include "server/audit.h"
#include "server/interaction/interactions.h"
#include "server/interaction/patient.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"
#include "server/session.h"

#define NODES_MAX      1000
#define CATEGORIES_MAX 50
#define DOMAIN         "urn:no:dho:observation"

struct locate_work {
	struct national_id patient;
	const struct json *categories; /* NULL: all */
	struct store_locate run;
	struct locator_entry *entries; /* those asked for, one for each controller and category */
	struct str *names;             /* their categories' codes */
	size_t count;
};

static void check_members(struct exchange *exchange, const struct json *json)
{
	json_each(member, json)
	{
		if (!str_is(member->key, "patient") && !str_is(member->key, "category"))
			outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, member->key,
				"only patient and category are known here");
	}
	const struct json *categories = json_get(json, "category");
	if (categories == NULL)
		return;
	if (categories->type != JSON_ARRAY || categories->count == 0 ||
		categories->count > CATEGORIES_MAX)
		outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("category"),
			"category must be a list of 1 to %d codes", CATEGORIES_MAX);
	json_each(category, categories)
	{
		if (category->type != JSON_STRING || category->text.length == 0)
			outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("category"),
				"a category must be a code");
	}
}

static void parse(struct exchange *exchange)
{
	const struct json *json =
		json_parse(exchange->arena, exchange->request.body, NODES_MAX, &exchange->outcome);
	if (json == NULL)
		return;
	struct locate_work *work = arena_alloc(exchange->arena, sizeof(*work));
	if (json->type != JSON_OBJECT) {
		outcome_fail(&exchange->outcome, OUTCOME_STRUCTURE, (struct str){ 0 },
			"a JSON object is expected here");
		return;
	}
	check_members(exchange, json);
	const struct json *patient = json_get(json, "patient");
	national_id_parse(json_text(patient, "system"), json_text(patient, "value"),
		national_policy_of(exchange->loop->hub->config), STR("patient"), &work->patient,
		&exchange->outcome);
	work->categories = json_get(json, "category");
	if (exchange->outcome.errors == 0)
		exchange->work = work;
}

static void who(struct exchange *exchange)
{
	const struct locate_work *work = exchange->work;
	resolve_by_digits(
		exchange, resolve_items(exchange, 1), work->patient.digits, RESOLVE_CREATE);
}

static void decide_locate(struct exchange *exchange)
{
	const struct locate_work *work = exchange->work;
	exchange->grant = resolve_decide(exchange, ASK_LOCATE, &exchange->resolve.items[0],
		&work->patient, 0, &exchange->outcome);
}

static void store(struct exchange *exchange)
{
	struct locate_work *work = exchange->work;
	if (exchange->grant->count == 0)
		return;
	work->run = (struct store_locate){
		.call = exchange_call(exchange),
		.grant = exchange->grant,
	};
	exchange_hold(exchange);
	store_locate(exchange->loop->store, &work->run);
}

/* The code a category goes by: HL7's where it has one, else its first. */
static struct str category_name(struct arena *arena, struct str text)
{
	const struct concept concept = concept_parse(arena, text);
	for (size_t i = 0; i < concept.count; i++)
		if (str_is(concept.codings[i].system, SYSTEM_CATEGORY))
	return concept.codings[i].code;
	return concept.count > 0 ? concept.codings[0].code : STR("unclassified");
}

static bool is_wanted(const struct json *categories, struct str name)
{
	if (categories == NULL)
		return true;
	json_each(category, categories)
	{
		if (str_equal(category->text, name))
			return true;
	}
	return false;
}

/* Rows of joined persons, or of categories with one code in common, are one entry with the newest month. */
static void add_entry(struct locate_work *work, const struct locator_entry *entry, struct str name)
{
	size_t at = 0;
	while (at < work->count &&
		(work->entries[at].tenant != entry->tenant || !str_equal(work->names[at], name)))
		at++;
	if (at == work->count) {
		work->entries[at] = *entry;
		work->names[at] = name;
		work->count++;
	} else if (entry->month > work->entries[at].month) {
		work->entries[at].month = entry->month;
	}
}

static void choose(struct exchange *exchange, struct locate_work *work)
{
	const size_t count = work->run.count;
	work->entries = arena_array(exchange->arena, count, sizeof(work->entries[0]));
	work->names = arena_array(exchange->arena, count, sizeof(work->names[0]));
	for (size_t i = 0; i < count; i++) {
		const struct locator_entry *entry = &work->run.entries[i];
		const struct str name = category_name(exchange->arena, entry->category);
		if (is_wanted(work->categories, name))
			add_entry(work, entry, name);
	}
}

static void row_for(struct exchange *exchange, uint32_t tenant, const struct grant_part *part)
{
	const struct locate_work *work = exchange->work;
	const struct patient *patient = &exchange->resolve.items[0].patient;
	struct log_detail detail = audit_detail(exchange);
	detail.counted = true;
	for (size_t i = 0; i < work->count; i++)
		detail.count += work->entries[i].tenant == tenant;
	detail.reason = audit_reason(&exchange->outcome);
	struct log_row *row = audit_row(exchange, LOG_LOCATE, TYPE_LOCATOR);
	row->tenant = tenant;
	if (part != NULL) {
		row->person = part->person;
		row->bucket = part->bucket;
		detail.rules = part->rule_ids;
		detail.rule_count = part->rule_count;
		detail.break_glass = exchange->grant->break_glass;
	} else if (patient->person_count > 0) {
		row->person = patient->persons[0].id;
		row->bucket = patient->persons[0].home;
	}
	row->outcome = exchange->outcome.errors > 0 ? LOG_DENY : LOG_PERMIT;
	row->body = detail_render(exchange->arena, &detail);
}

static void audit_permitted(struct exchange *exchange)
{
	const struct grant *grant = exchange->grant;
	for (size_t i = 0; i < grant->count; i++)
		if (i == 0 || grant->parts[i].tenant != grant->parts[i - 1].tenant)
			row_for(exchange, grant->parts[i].tenant, &grant->parts[i]);
	if (grant->count == 0)
		row_for(exchange, exchange->tenant->id, NULL);
}

static void audit(struct exchange *exchange)
{
	struct locate_work *work = exchange->work;
	if (work == NULL || (exchange->outcome.errors > 0 && !audit_is_refusal(&exchange->outcome)))
		return;
	if (exchange->outcome.errors == 0) {
		choose(exchange, work);
		audit_permitted(exchange);
		return;
	}
	const struct patient *patient = &exchange->resolve.items[0].patient;
	for (size_t i = 0; i < patient->subject_count; i++)
		if (i == 0 || patient->subjects[i].tenant != patient->subjects[i - 1].tenant)
			row_for(exchange, patient->subjects[i].tenant, NULL);
	if (patient->subject_count == 0)
		row_for(exchange, exchange->tenant->id, NULL);
}

static void write_entry(struct exchange *exchange, struct buf *buf,
	const struct locator_entry *entry, struct str name)
{
	const struct locate_work *work = exchange->work;
	const struct tenant *tenant = rules_tenant(exchange->rules, entry->tenant);
	const struct str patient = patient_id_of(exchange, &work->patient);
	uint8_t digest[32];
	seal_sha256(str_format(exchange->arena, "%.*s|%u|%.*s", STR_ARG(patient), tenant->orgnr,
			    STR_ARG(name)),
		digest);
	json_write_comma(buf);
	buf_add_byte(buf, '{');
	json_write_member(buf, "id", str_hex(exchange->arena, digest, sizeof(digest)));
	buf_add_format(buf, ",\"dataController\":{\"system\":\"" OID_ORGNR "\",\"value\":\"%09u\"",
		tenant->orgnr);
	json_write_member(buf, "display", tenant->name);
	buf_add_text(buf, "},\"serviceDomain\":\"" DOMAIN "\"");
	json_write_member(buf, "category", name);
	buf_add_text(buf, ",\"kind\":\"local\"");
	json_write_member(buf, "endpoint", base_url(exchange));
	buf_add_format(buf, ",\"mostRecent\":\"%04d-%02d\"}", 1970 + entry->month / 12,
		1 + entry->month % 12);
}

static void respond(struct exchange *exchange)
{
	const struct locate_work *work = exchange->work;
	struct buf buf = buf_new(exchange->arena, 128 + 400 * work->count, RESPONSE_MAX);
	buf_add_text(&buf, "{\"entries\":[");
	for (size_t i = 0; i < work->count; i++)
		if (rules_tenant(exchange->rules, work->entries[i].tenant) != NULL)
			write_entry(exchange, &buf, &work->entries[i], work->names[i]);
	buf_add_text(&buf, "]}\n");
	respond_with(exchange, 200, MEDIA_JSON, buf_str(&buf));
}

const struct interaction interaction_locate = {
	.name = "locate",
	.parse = parse,
	.who = who,
	.decide = decide_locate,
	.store = store,
	.audit = audit,
	.respond = respond,
};
