/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/upload.h"

#include "fhir/base/json.h"
#include "fhir/envelope.h"
#include "server/audit.h"
#include "server/interaction/changes.h"
#include "server/interaction/condition.h"
#include "server/interaction/conditional.h"
#include "server/interaction/links.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"
#include "server/session.h"
#include "server/turn.h"

#define LOOK_AT 8   /* entries to prepare between looks at the clock */
#define LONG    200 /* entries from which on a batch is written in parts */
#define AT_ONCE 32  /* entries of a part */

struct upload *upload_new(struct exchange *exchange, size_t count)
{
	struct upload *upload = arena_alloc(exchange->arena, sizeof(*upload));
	upload->entries = arena_array(exchange->arena, count, sizeof(upload->entries[0]));
	upload->count = count;
	upload->exchange = exchange;
	upload->zone = exchange->loop->hub->config->zone_parsed;
	upload->base = base_url(exchange);
	upload->door = DOOR_FHIR;
	for (size_t i = 0; i < count; i++) {
		upload->entries[i].outcome.arena = exchange->arena;
		upload->entries[i].patient = UPLOAD_NOBODY;
	}
	return upload;
}

/* ---- VALIDATE */

/* norway.md 9: who performed the measurement must be who the token speaks for. */
static void check_performers(const struct exchange *exchange, const struct observation *observation,
	struct str expression, struct outcome *outcome)
{
	const struct principal *principal = &exchange->principal;
	const struct str own = str_format(exchange->arena, "%09u", principal->orgnr);
	for (size_t i = 0; i < observation->organisation_count; i++) {
		const struct str organisation = observation->organisations[i];
		if (str_equal(organisation, own) ||
			(principal->orgnr_child.length > 0 &&
				str_equal(organisation, principal->orgnr_child)))
			continue;
		outcome_fail(outcome, OUTCOME_BUSINESS_RULE,
			str_format(exchange->arena, "%.*s.performer", STR_ARG(expression)),
			"a performing organisation is another than the one the token is for; leave "
			"it out, or send by a token for it");
	}
}

struct str upload_request_place(const struct upload_entry *entry, const char *element)
{
	const struct str resource = STR(".resource"), place = entry->expression;
	if (!str_ends(place, resource))
		return (struct str){ 0 };
	return str_format(entry->outcome.arena, "%.*s.request.%s",
		STR_ARG(str_part(place, 0, place.length - resource.length)), element);
}

/* A conditional create by an identifier of the resource's own is what every create is; another one becomes an identity of it beside its own. */
static void check_condition(struct exchange *exchange, struct upload_entry *entry)
{
	if (entry->if_none_exist.at == NULL) /* an empty condition is none left out */
		return;
	struct outcome said = { .arena = exchange->arena };
	condition_identifier(exchange, entry->observation.type, entry->if_none_exist,
		entry->resource, &entry->condition, &said);
	/* In a Bundle it stands beside the resource, alone in a header. */
	outcome_merge(&entry->outcome, &said, upload_request_place(entry, "ifNoneExist"));
}

/* Whose a refused reading was to be, if that much can be read: the refusal is written down for a patient whom the hub knows. */
static void find_subject(const struct exchange *exchange, struct upload_entry *entry)
{
	const struct json *subject = json_get(entry->resource, "subject");
	const struct json *identifier = json_get(subject, "identifier");
	if (identifier == NULL)
		identifier = resource_contained_patient(
			json_get(entry->resource, "contained"), json_text(subject, "reference"));
	struct outcome aside = { .arena = exchange->arena };
	national_id_parse(json_text(identifier, "system"), json_text(identifier, "value"),
		national_policy_of(exchange->loop->hub->config), (struct str){ 0 },
		&entry->observation.subject, &aside);
}

bool upload_names_patient(const struct observation *observation)
{
	return observation->subject.digits[0] != '\0' || observation->patient.length > 0;
}

bool upload_patient_key(const struct exchange *exchange, const struct observation *observation,
	struct person_key *out)
{
	const struct seal *seal = exchange->loop->hub->seal;
	if (observation->subject.digits[0] == '\0')
		return seal_patient_open(seal, observation->patient, out);
	*out = seal_person(seal, observation->subject.digits);
	return true;
}

bool upload_refuse_patient(
	const struct observation *observation, struct str expression, struct outcome *outcome)
{
	const char *element = observation->type == TYPE_DEVICE ? "patient" : "subject";
	return outcome_fail(outcome, OUTCOME_UNKNOWN_PATIENT_ID,
		str_format(outcome->arena, "%.*s.%s", STR_ARG(expression), element),
		"%s.reference is not the id of a patient of whom you have stored before; send "
		"%s.identifier with a national identifier",
		element, element);
}

bool upload_require_patient(
	const struct observation *observation, struct str expression, struct outcome *outcome)
{
	if (upload_names_patient(observation))
		return true;
	const bool device = observation->type == TYPE_DEVICE;
	return outcome_fail(outcome, OUTCOME_UNKNOWN_PATIENT_ID,
		str_format(outcome->arena, "%.*s.%s", STR_ARG(expression),
			device ? "patient" : "subject"),
		"%s",
		device ? "patient.identifier with a national identifier is required: a Device is "
			 "kept with its patient"
		       : "the subject is a Device, and nothing here says whose; send it in a "
			 "Bundle "
			 "with a reading of the patient that refers to it or to the Device");
}

/* The id of a Patient is one that a hub with this secret has given. Whether anything is stored of whom it names, DECIDE sees, and tells in the same words. */
static void check_patient(const struct exchange *exchange, struct upload_entry *entry)
{
	struct observation *observation = &entry->observation;
	struct person_key key;
	if (observation->patient.length == 0 || upload_patient_key(exchange, observation, &key))
		return;
	upload_refuse_patient(observation, entry->expression, &entry->outcome);
	observation->patient = (struct str){ 0 };
}

/* The resource of one door, against R4, the hub's needs and the token. */
static bool read_resource(
	struct exchange *exchange, const struct upload *upload, struct upload_entry *entry)
{
	const struct json *json = entry->resource;
	if (upload->door == DOOR_FHIR && json->raw.length > UPLOAD_RESOURCE_MAX)
		return outcome_fail(&entry->outcome, OUTCOME_TOO_LARGE, entry->expression,
			"the resource is %zu bytes; one may be at most %zu", json->raw.length,
			UPLOAD_RESOURCE_MAX);
	const struct observation_policy policy = {
		.national = national_policy_of(exchange->loop->hub->config),
		.zone = upload->zone,
		.base = upload->base,
		.now = exchange->loop->now,
		.made_here = upload->door != DOOR_FHIR || entry->as == UPLOAD_PATCHED,
		.profile = upload->profile,
	};
	if (!envelope_read(exchange->arena, json, entry->expression, &policy, &entry->observation,
		    &entry->outcome)) {
		find_subject(exchange, entry);
		check_patient(exchange, entry);
		return false;
	}
	check_patient(exchange, entry);
	if (entry->as == UPLOAD_SENT)
		check_performers(exchange, &entry->observation, entry->expression, &entry->outcome);
	return entry->outcome.errors == 0;
}

bool upload_read(struct exchange *exchange, const struct json *json, struct str expression,
	enum upload_as as, struct observation *out, struct outcome *outcome)
{
	const struct upload upload = { .door = DOOR_FHIR,
		.zone = exchange->loop->hub->config->zone_parsed,
		.base = base_url(exchange) };
	struct upload_entry entry = { .resource = json, .expression = expression, .as = as };
	entry.outcome.arena = exchange->arena;
	const bool good = read_resource(exchange, &upload, &entry);
	outcome_merge(outcome, &entry.outcome, (struct str){ 0 });
	*out = entry.observation;
	return good;
}

static void check_entry(
	struct exchange *exchange, const struct upload *upload, struct upload_entry *entry)
{
	if (entry->resource == NULL)
		return;
	const bool good = read_resource(exchange, upload, entry);
	if (entry->conditional != NULL)
		conditional_validate(exchange, entry);
	else if (good)
		check_condition(exchange, entry);
}

void upload_validate(struct exchange *exchange, struct upload *upload)
{
	const struct turn turn = turn_begin(exchange);
	while (upload->checked < upload->count) {
		check_entry(exchange, upload, &upload->entries[upload->checked++]);
		if (arena_full(exchange->arena)) {
			outcome_fail(&exchange->outcome, OUTCOME_TOO_LARGE, (struct str){ 0 },
				"the upload needs more memory than one request may have; split it");
			return;
		}
		if (turn_is_over(turn)) { /* an entry may be a megabyte */
			exchange_yield(exchange);
			return;
		}
	}
	if (upload->changes != NULL)
		changes_validate(upload->changes);
}

/* ---- RESOLVE */

/* Open addressing by the digits, or the id: which patient of the upload this is. By a key, or a sender could choose patients who all meet. */
struct people {
	struct str_key key;
	struct str *names;
	size_t *numbers;
	size_t mask, count;
};

static struct people people_new(const struct exchange *exchange, size_t count)
{
	size_t room = 16;
	while (room < 2 * count)
		room *= 2;
	return (struct people){
		.key = seal_table_key(exchange->loop->hub->seal),
		.names = arena_array(exchange->arena, room, sizeof(struct str)),
		.numbers = arena_array(exchange->arena, room, sizeof(size_t)),
		.mask = room - 1,
	};
}

static size_t person_number(struct people *people, struct str name)
{
	size_t at = str_hash(people->key, name) & people->mask;
	while (people->names[at].length > 0 && !str_equal(people->names[at], name))
		at = (at + 1) & people->mask;
	if (people->names[at].length == 0) {
		people->names[at] = name;
		people->numbers[at] = people->count++;
	}
	return people->numbers[at];
}

bool upload_is_sound(const struct upload_entry *entry)
{
	return entry->resource != NULL && entry->outcome.errors == 0;
}

static struct str patient_name(const struct observation *observation)
{
	return observation->subject.digits[0] != '\0'
		       ? (struct str){ observation->subject.digits, 11 }
		       : observation->patient;
}

/* Whom an entry names. By an id alone nobody is made known: the hub keeps numbers, and an id does not hold one. */
static void ask_patient(struct exchange *exchange, const struct upload_entry *entry, bool create,
	struct resolve_item *item)
{
	const struct observation *observation = &entry->observation;
	if (observation->subject.digits[0] == '\0')
		upload_patient_key(exchange, observation, &item->key);
	else
		resolve_by_digits(exchange, item, observation->subject.digits,
			create ? RESOLVE_CREATE : RESOLVE_LEAVE);
	if (create)
		item->create_subject = exchange->tenant->id;
}

/* Only what may be stored makes persons and subjects; a refused entry is logged for a patient whom the hub knows. */
void upload_who(struct exchange *exchange, struct upload *upload)
{
	struct people people = people_new(exchange, upload->count);
	if (upload->links != NULL)
		links_subjects(upload->links);
	for (size_t i = 0; i < upload->count; i++) {
		struct upload_entry *entry = &upload->entries[i];
		if (upload_names_patient(&entry->observation))
			entry->patient = person_number(&people, patient_name(&entry->observation));
	}
	const size_t more = upload->changes == NULL ? 0 : changes_items(upload->changes);
	if (people.count + more == 0)
		return;
	if (upload->conditionals != NULL)
		exchange->afresh = true; /* as changes are */
	struct resolve_item *items = resolve_items(exchange, people.count + more);
	if (more > 0)
		changes_who(upload->changes, items, people.count);
	bool *named = arena_array(exchange->arena, people.count, sizeof(bool));
	const bool writes = exchange->tenant->controller;
	for (size_t i = 0; i < upload->count; i++) {
		struct upload_entry *entry = &upload->entries[i];
		if (entry->patient == UPLOAD_NOBODY)
			continue;
		struct resolve_item *item = &items[entry->patient];
		const bool by_id = entry->observation.subject.digits[0] == '\0';
		const bool create =
			writes && !by_id && upload_is_sound(entry) && !item->create_person;
		if (!named[entry->patient] || create)
			ask_patient(exchange, entry, create, item);
		named[entry->patient] = true;
	}
}

/* ---- DECIDE */

static void decide_patients(struct exchange *exchange, struct upload *upload)
{
	const size_t count = exchange->asked;
	upload->grants = arena_array(exchange->arena, count, sizeof(upload->grants[0]));
	struct outcome *refusals = arena_array(exchange->arena, count, sizeof(refusals[0]));
	for (size_t i = 0; i < upload->count; i++) {
		struct upload_entry *entry = &upload->entries[i];
		if (!upload_is_sound(entry) || entry->patient == UPLOAD_NOBODY || i < upload->from)
			continue;
		const size_t at = entry->patient;
		const bool by_id = entry->observation.subject.digits[0] == '\0';
		if (refusals[at].arena == NULL) {
			refusals[at].arena = exchange->arena;
			upload->grants[at] = resolve_decide(exchange, ASK_WRITE,
				&exchange->resolve.items[at],
				by_id ? NULL : &entry->observation.subject, 0, &refusals[at]);
		}
		if (upload->grants[at] == NULL)
			outcome_merge(&entry->outcome, &refusals[at], (struct str){ 0 });
		else if (upload->grants[at]->count == 0 && by_id)
			upload_refuse_patient(
				&entry->observation, entry->expression, &entry->outcome);
		else if (upload->grants[at]->count == 0)
			outcome_fail(&entry->outcome, OUTCOME_FORBIDDEN, entry->expression,
				"nothing may be stored for this patient");
	}
}

void upload_decide(struct exchange *exchange, struct upload *upload)
{
	decide_patients(exchange, upload);
	if (upload->links != NULL)
		links_decide(upload->links);
	if (upload->changes != NULL)
		changes_decide(upload->changes);
	if (!upload->whole)
		return;
	for (size_t i = 0; i < upload->count; i++)
		if (upload->entries[i].outcome.errors > 0)
			outcome_merge(
				&exchange->outcome, &upload->entries[i].outcome, (struct str){ 0 });
}

/* ---- STORE */

/* A sender of FHIR says in the status that this replaces what was sent before. */
static bool is_correction(const struct upload_entry *entry)
{
	const enum observation_status status = entry->observation.status;
	if (entry->observation.type != TYPE_OBSERVATION)
		return true; /* a Device is what was last said of it */
	return entry->correction || status == STATUS_CORRECTED || status == STATUS_AMENDED ||
	       status == STATUS_ENTERED_IN_ERROR;
}

/* The write items of the sound entries that come next; 0 where there is nothing to store. */
static size_t fill_items(struct exchange *exchange, struct upload *upload)
{
	const size_t most = upload->to - upload->from;
	struct write_item *items = arena_array(exchange->arena, most, sizeof(items[0]));
	size_t count = 0;
	for (size_t i = upload->from; i < upload->to; i++) {
		struct upload_entry *entry = &upload->entries[i];
		if (!upload_is_sound(entry))
			continue;
		const struct grant *grant = upload->grants[entry->patient];
		upload->write.grant = grant;
		items[count] = (struct write_item){
			.observation = &entry->observation,
			.part = &grant->parts[0],
			.client = exchange->principal.client_id,
			.correction = is_correction(entry),
			.condition = entry->condition,
		};
		items[count].id = entry->fresh;
		if (upload->links != NULL)
			links_item(upload->links, i, &items[count]);
		if (entry->conditional != NULL)
			conditional_item(entry, grant, &items[count]);
		entry->written = &items[count++];
	}
	if (upload->changes != NULL)
		count = changes_fill(upload->changes, items, count, &upload->write.grant);
	upload->write.items = items;
	return count;
}

enum { PHASE_STORE, PHASE_FOUND, PHASE_PREPARE, PHASE_STORED };

static void forget(struct upload *upload)
{
	upload->write = (struct store_write){ 0 };
	for (size_t i = upload->from; i < upload->to; i++)
		upload->entries[i].written = NULL;
}

/* What was remembered of the patients was older than the rules, or opened nothing: nothing was stored yet, and the database is asked. */
static void ask_afresh(struct exchange *exchange, struct upload *upload)
{
	forget(upload);
	resolve_afresh(exchange);
}

/* Keys, digests and packed bodies, in slices. False: there is more to do. */
static bool prepare(struct exchange *exchange, struct upload *upload)
{
	const struct turn turn = turn_begin(exchange);
	while (!store_prepare(exchange->loop->store, &upload->write, LOOK_AT)) {
		if (!turn_is_over(turn))
			continue;
		exchange->phase = PHASE_PREPARE;
		exchange_yield(exchange);
		return false;
	}
	return true;
}

bool upload_give_id(struct exchange *exchange, struct upload_entry *entry)
{
	if (entry->fresh == 0)
		entry->fresh = store_corr(exchange->loop->store);
	return entry->fresh != 0 ||
	       outcome_fail(&exchange->outcome, OUTCOME_BUSY, (struct str){ 0 }, "The hub is busy");
}

/* Where one entry hangs on which row another is, each that is new has its id before the write. */
static bool give_ids(struct exchange *exchange, struct upload *upload)
{
	const bool linked = upload->links != NULL && links_are_there(upload->links);
	for (size_t i = 0; (linked || upload->conditionals != NULL) && i < upload->count; i++)
		if (upload_is_sound(&upload->entries[i]) &&
			!upload_give_id(exchange, &upload->entries[i]))
			return false;
	return true;
}

/* What is referred to, or meant by a condition, is asked for, then the ids are put in. False: wait, or an error was added. */
static bool link_up(struct exchange *exchange, struct upload *upload)
{
	if (upload->links == NULL)
		return true;
	if (exchange->outcome.errors > 0)
		return false;
	const bool looks = conditionals_look(upload);
	if ((exchange->phase == PHASE_STORE && links_find(upload->links)) || looks) {
		exchange->phase = PHASE_FOUND;
		exchange_yield(exchange);
		return false;
	}
	return give_ids(exchange, upload) && conditionals_settle(upload) &&
	       links_settle(upload->links);
}

static void begin_write(struct exchange *exchange, struct upload *upload)
{
	struct store_write *write = &upload->write;
	write->call = exchange_call(exchange);
	write->call.outcome = &upload->trouble;
	write->corr = exchange->corr;
	write->door = upload->door;
	write->client = exchange->principal.client_id;
	write->raw = upload->raw;
	write->keep = upload->keep;
	write->rules_version = exchange->remembered;
	write->life = upload->life;
	for (size_t i = upload->to > upload->alone ? upload->to : upload->count;
		i < upload->count && !write->more; i++)
		write->more = upload_is_sound(&upload->entries[i]);
	/* A refusal is told whatever becomes of the rest, so its row waits for the disk. */
	for (size_t i = upload->from; i < upload->to && write->more; i++)
		write->more = upload_is_sound(&upload->entries[i]);
}

static void log_write(struct exchange *exchange, struct upload *upload)
{
	upload_log_patients(exchange, upload, true);
	if (upload->changes != NULL)
		changes_log(upload->changes);
}

/* Some of it was here before: the rows say so. They are the same rows, of the same patients and outcomes. */
static void settled(void *context)
{
	struct upload *upload = context;
	struct exchange *exchange = upload->exchange;
	log_write(exchange, upload);
	audit_reword(exchange, upload->write.log, upload->write.log_count);
}

static void send(struct exchange *exchange, struct upload *upload)
{
	struct store_write *write = &upload->write;
	log_write(exchange, upload);
	write->settled = settled;
	write->settled_context = upload;
	/* Its rows are committed with it, so AUDIT has none left to write. */
	write->log = exchange->log_rows;
	write->log_count = exchange->log_count;
	exchange->log_count = exchange->log_room = 0;
	exchange->phase = PHASE_STORED;
	exchange_hold(exchange);
	exchange_yield(exchange);
	store_write(exchange->loop->store, write);
}

/* Stored whole or not at all: entries refer to each other, or it is no batch. */
static bool is_whole(const struct upload *upload)
{
	return upload->whole || (upload->links != NULL && links_are_there(upload->links));
}

/* What is to be written next: all of it, or a part of a batch whose entries do not refer to each other. */
static void take_part(struct exchange *exchange, struct upload *upload)
{
	const size_t next = upload->to;
	const bool last =
		is_whole(upload) || upload->count < LONG || upload->count - next < 2 * AT_ONCE;
	upload->from = upload->unlogged ? upload->from : next;
	upload->unlogged = false;
	upload->to = last ? upload->count : next + AT_ONCE;
	if (next < upload->alone)
		upload->to = next + 1;
	upload->write = (struct store_write){ 0 };
	upload->trouble = (struct outcome){ .arena = exchange->arena };
}

/* Nothing that waited for the disk came after the parts before this one, or the database died in between: whether they last, nobody knows. */
static void tell_unknown(struct upload *upload, size_t to)
{
	for (size_t i = 0; i < to; i++) {
		struct upload_entry *entry = &upload->entries[i];
		if (entry->written == NULL)
			continue;
		entry->written = NULL;
		outcome_fail(&entry->outcome, OUTCOME_TIMEOUT, entry->expression,
			"The database was lost: whether this was stored is unknown, send it again");
	}
	upload->life = 0;
}

/*
 * Was nothing stored before this write, all of it is refused; else what was stored stays, and the other entries are told. The rows of refusals, which did not go with this write, are AUDIT's then.
 */
static void fail(struct exchange *exchange, struct upload *upload)
{
	if (upload->from == 0) {
		outcome_merge(&exchange->outcome, &upload->trouble, (struct str){ 0 });
		return;
	}
	if (upload->life != 0)
		tell_unknown(upload, upload->from);
	for (size_t i = upload->from; i < upload->count; i++) {
		upload->entries[i].written = NULL;
		outcome_merge(&upload->entries[i].outcome, &upload->trouble, (struct str){ 0 });
	}
	upload->to = upload->count;
	upload->write = (struct store_write){ 0 };
}

/* Nothing of a part went in, entry by entry, and now the next one is refused: it is not for a row. */
static bool is_hopeless(const struct upload *upload)
{
	const size_t before = upload->from > upload->alone ? upload->from : upload->alone;
	if (upload->alone == 0 || upload->to <= upload->alone)
		return false;
	for (size_t i = 0; i < before; i++) {
		if (upload->entries[i].written != NULL)
			return false;
	}
	return true;
}

/*
 * The database refuses a batch, or a part of it, for good, for a row that it does not take. Its entries go by themselves, each to the disk: the one at fault is told so, and no other.
 */
static void go_alone(struct upload *upload)
{
	size_t sound = 0;
	for (size_t i = upload->from; i < upload->to; i++)
		sound += upload_is_sound(&upload->entries[i]) ? 1 : 0;
	for (size_t i = upload->from; i < upload->to; i++) {
		struct upload_entry *entry = &upload->entries[i];
		entry->written = NULL;
		if (sound == 1 && upload_is_sound(entry))
			outcome_merge(&entry->outcome, &upload->trouble, (struct str){ 0 });
	}
	if (sound > 1) {
		upload->alone = upload->to;
		upload->to = upload->from;
		return;
	}
	upload->unlogged = true;
	upload->write = (struct store_write){ 0 };
	if (upload->to == upload->count && upload->life != 0)
		tell_unknown(upload, upload->from);
}

/* Nothing was stored, and of no entry is anything to be told but that the database failed. */
static bool is_lost(const struct upload *upload)
{
	bool any = false;
	for (size_t i = 0; i < upload->count; i++) {
		const struct upload_entry *entry = &upload->entries[i];
		if (entry->resource == NULL && entry->outcome.errors == 0)
			continue; /* not of the upload */
		if (entry->outcome.errors == 0 || outcome_first(&entry->outcome) != OUTCOME_FAULT)
			return false;
		any = true;
	}
	return any;
}

/* The end of a batch whose rows the database did not take: where it took none, that is the answer to all of it. */
static bool end_failed(struct exchange *exchange, const struct upload *upload)
{
	if (upload->to < upload->count)
		return false;
	if (is_lost(upload) && exchange->outcome.errors == 0)
		outcome_merge(&exchange->outcome, &upload->trouble, (struct str){ 0 });
	return true;
}

/* What the store said: stale, or other rows than the references were made for. True: that was all. */
static bool stored(struct exchange *exchange, struct upload *upload)
{
	if (upload->write.stale) {
		ask_afresh(exchange, upload);
		return false;
	}
	if (upload->trouble.errors > 0 && !is_whole(upload) && !is_hopeless(upload) &&
		outcome_first(&upload->trouble) == OUTCOME_FAULT) {
		go_alone(upload);
		return end_failed(exchange, upload);
	}
	if (upload->trouble.errors > 0)
		fail(exchange, upload);
	else if (upload->write.torn)
		tell_unknown(upload, upload->from);
	if (!upload->write.refused) {
		upload->life =
			upload->write.more && upload->trouble.errors == 0 ? upload->write.life : 0;
		return upload->to == upload->count || exchange->outcome.errors > 0;
	}
	if ((upload->changes != NULL && changes_refuse(upload->changes)) ||
		conditionals_refuse(upload)) {
		forget(upload);
		return true;
	}
	const bool moved = conditionals_moved(upload);
	if (!moved && (upload->links == NULL || !links_moved(upload->links)))
		return outcome_fail(&exchange->outcome, OUTCOME_BUSY, (struct str){ 0 },
			"what the Bundle refers to is being changed; send it again");
	forget(upload);
	exchange->phase = PHASE_FOUND;
	exchange_yield(exchange);
	return false;
}

/* True: there is something to prepare and send. */
static bool begin_part(struct exchange *exchange, struct upload *upload)
{
	struct store_write *write = &upload->write;
	if (!link_up(exchange, upload))
		return false;
	if (upload->to == 0 || exchange->phase == PHASE_STORED)
		take_part(exchange, upload);
	write->count = fill_items(exchange, upload);
	while (write->count == 0 && upload->to < upload->count) {
		/* Refused entries alone: their rows are AUDIT's, or go with the next part. */
		const size_t from = upload->from;
		take_part(exchange, upload);
		upload->from = from;
		write->count = fill_items(exchange, upload);
	}
	if (write->count == 0 && exchange->remembered != 0 && upload->from == 0)
		ask_afresh(exchange, upload);
	else if (write->count == 0 && upload->life != 0)
		tell_unknown(upload, upload->count);
	if (write->count == 0 || !audit_correlate(exchange, &exchange->outcome))
		return false;
	begin_write(exchange, upload);
	return true;
}

/* What is to be changed is read and judged before anything is written. False: wait, or an error was added. */
static bool look_first(struct exchange *exchange, struct upload *upload)
{
	if (upload->changes == NULL || exchange->phase != PHASE_STORE)
		return true;
	if (!changes_read(upload->changes))
		return changes_plan(upload->changes);
	exchange_yield(exchange);
	return false;
}

void upload_store(struct exchange *exchange, struct upload *upload)
{
	if (!look_first(exchange, upload))
		return;
	if (exchange->phase == PHASE_STORED &&
		(stored(exchange, upload) || exchange->phase != PHASE_STORED ||
			exchange->outcome.errors > 0))
		return;
	if (exchange->phase != PHASE_PREPARE && !begin_part(exchange, upload))
		return;
	if (prepare(exchange, upload))
		send(exchange, upload);
}

/* Where nothing was sent to the store, the refusals are still to be written down: changes by ids that lead to nobody, too. */
void upload_audit(struct exchange *exchange, struct upload *upload)
{
	const bool nobody = exchange->resolve.count == 0;
	if (upload->write.call.done != NULL || (nobody && upload->changes == NULL))
		return;
	if (exchange->outcome.errors > 0 && !audit_is_refusal(&exchange->outcome))
		return;
	upload->to = upload->count;
	if (!nobody)
		upload_log_patients(exchange, upload, false);
	if (upload->changes != NULL)
		changes_log(upload->changes);
}
