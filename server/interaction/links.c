/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/links.h"

#include <stdlib.h>

#include "fhir/base/json.h"
#include "fhir/envelope.h"
#include "fhir/primitive.h"
#include "server/form.h"
#include "server/interaction/condition.h"
#include "server/interaction/conditional.h"
#include "server/interaction/link_text.h"
#include "server/interaction/patient.h"
#include "server/loop.h"
#include "server/session.h"
#include "storage/store_change.h"

#define PASSES    4 /* a Device of a Device of an Observation, and its Provenance */
#define MOVES_MAX 5

/* What is referred to: entry i of the Bundle is target i, what is stored already comes behind. */
struct target {
	bool wanted;
	enum resource_type type;
	struct str key; /* of a condition: identity text; empty for an entry */
	size_t by;      /* of a condition: the entry that asks, and whose patient it is of */
	uint64_t id;    /* the row it is; 0: not known */
	struct resource_key row; /* of a condition */
	char sealed[27];         /* the id as references have it */
	struct store_find *finds;
	size_t find_count;
	struct link *links; /* those that lead here, by next_here */
};

/* One reference: who refers to what, and by which element. */
struct link {
	size_t from, to;
	bool is_target; /* Provenance.target */
	struct link *next, *next_here;
};

struct links {
	struct exchange *exchange;
	const struct bundle *bundle;
	struct upload *upload;
	struct link_urls *urls; /* NULL until somebody asks */
	struct link_keys *keys; /* the same */
	char nonce[LINK_NONCE + 1];
	struct link_spots *spots; /* where ids belong; NULL until they are known */
	struct target *targets;
	size_t target_count, target_room;
	struct link *first, *last;
	unsigned moves;
};

struct links *links_new(
	struct exchange *exchange, const struct bundle *bundle, struct upload *upload)
{
	struct links *links = arena_alloc(exchange->arena, sizeof(*links));
	links->exchange = exchange;
	links->bundle = bundle;
	links->upload = upload;
	return links;
}

/* ---- PARSE: what is referred to */

/* The first reference of a Bundle makes room for what they lead to. */
static void targets_begin(struct links *links)
{
	if (links->targets != NULL)
		return;
	uint8_t random[LINK_NONCE / 2 + 1];
	seal_random(random, sizeof(random));
	const struct str nonce = str_hex(links->exchange->arena, random, sizeof(random));
	memcpy(links->nonce, nonce.at, LINK_NONCE);
	links->target_room = 2 * links->bundle->count + 16;
	links->targets =
		arena_array(links->exchange->arena, links->target_room, sizeof(*links->targets));
	links->target_count = links->bundle->count;
}

static struct target *want(struct links *links, size_t number, enum resource_type type)
{
	struct target *target = &links->targets[number];
	target->wanted = true;
	target->type = type;
	return target;
}

/* What stands in the bytes for the target's id until that is known. */
static struct str place_of(const struct links *links, size_t number)
{
	return str_format(links->exchange->arena, "%s%05zu", links->nonce, number);
}

static void add_link(struct links *links, size_t from, size_t to, bool is_target)
{
	struct link *link = arena_alloc(links->exchange->arena, sizeof(*link));
	*link = (struct link){ .from = from,
		.to = to,
		.is_target = is_target,
		.next_here = links->targets[to].links };
	links->targets[to].links = link;
	if (links->last == NULL)
		links->first = link;
	else
		links->last->next = link;
	links->last = link;
}

static bool refuse(struct links *links, size_t index, const char *text)
{
	struct upload_entry *entry = &links->upload->entries[index];
	return outcome_fail(&entry->outcome, OUTCOME_BUSINESS_RULE, entry->expression, "%s", text);
}

/* The patient's own id, and the number beside it, by which alone the hub knows who it is. */
static struct str patient_text(struct links *links, const struct national_id *patient)
{
	struct exchange *exchange = links->exchange;
	const struct str id = patient_id_of(exchange, patient);
	return str_format(exchange->arena,
		"\"Patient/%.*s\",\"identifier\":{\"system\":\"%s\",\"value\":\"%s\"}", STR_ARG(id),
		national_system(patient->kind), patient->digits);
}

static bool patient_of(struct links *links, struct str system, struct str value, struct str *out)
{
	struct outcome aside = { .arena = links->exchange->arena };
	struct national_id patient;
	if (!national_id_parse(system, value,
		    national_policy_of(links->exchange->loop->hub->config), (struct str){ 0 },
		    &patient, &aside))
		return false;
	*out = patient_text(links, &patient);
	return true;
}

static bool patient_entry(struct links *links, const struct json *resource, struct str *out)
{
	const struct json *identifier = resource_patient_identifier(resource);
	return patient_of(
		links, json_text(identifier, "system"), json_text(identifier, "value"), out);
}

/* Without an identifier of its own, the reference to a Device gets one of the Device's: it says which device it is to those who know readings by their device. */
static struct str device_identifier(struct arena *arena, const struct json *device)
{
	json_each(identifier, json_get(device, "identifier"))
	{
		struct str key;
		if (identifier->raw.length > 0 &&
			envelope_key(arena, TYPE_DEVICE, json_text(identifier, "system"),
				json_text(identifier, "value"), &key))
			return identifier->raw;
	}
	return (struct str){ 0 };
}

static struct str entry_text(struct links *links, size_t number, const struct link_place *place)
{
	const struct bundle_entry *to = &links->bundle->entries[number];
	struct arena *arena = links->exchange->arena;
	const struct target *target = want(links, number, envelope_type(to->type));
	const struct str text = str_format(arena, "\"%s/%.*s\"", resource_type_name(target->type),
		STR_ARG(place_of(links, number)));
	const struct str identifier =
		place->is_device && !place->has_identifier && target->type == TYPE_DEVICE
			? device_identifier(arena, to->resource)
			: (struct str){ 0 };
	if (identifier.length == 0)
		return text;
	return str_format(arena, "%.*s,\"identifier\":%.*s", STR_ARG(text), STR_ARG(identifier));
}

/* The id of an entry that updates by id is in its URL. */
static bool updated_entry(struct links *links, size_t number, struct str *out)
{
	const struct bundle_entry *to = &links->bundle->entries[number];
	struct str id;
	const struct str type = str_cut(to->url, '/', &id);
	if (!str_is(to->method, "PUT") || envelope_type(type) == TYPE_NONE ||
		!primitive_is_valid(PRIMITIVE_id, id))
		return false;
	*out = str_format(links->exchange->arena, "\"%.*s\"", STR_ARG(to->url));
	return true;
}

/* A reference to another entry. */
static bool to_entry(const struct link_walk *walk, size_t number, const struct link_place *place,
	struct str *out)
{
	struct links *links = walk->links;
	const size_t from = walk->from;
	const struct bundle_entry *to = &links->bundle->entries[number];
	if (str_is(to->type, "Patient")) {
		if (patient_entry(links, to->resource, out))
			return true;
		return refuse(links, from,
			"refers to a Patient entry that has no national identifier, an invalid "
			"one, or two different ones of a kind");
	}
	if (updated_entry(links, number, out))
		return true;
	const bool stored = to->method.length == 0 || str_is(to->method, "POST") ||
			    conditional_is(links->bundle, to);
	if (envelope_type(to->type) == TYPE_NONE || !stored)
		return refuse(links, from, "refers to an entry that is not stored here");
	if (walk->known)
		return refuse(links, from,
			"an update refers to an entry that this Bundle creates, whose id is not "
			"known "
			"yet; send the update after it, with its id");
	targets_begin(links);
	*out = entry_text(links, number, place);
	add_link(links, from, number, place->is_target);
	return true;
}

/* `Type?identifier=system|value`. */
static bool to_condition(const struct link_walk *walk, struct str text,
	const struct link_place *place, struct str *out)
{
	struct links *links = walk->links;
	const size_t from = walk->from;
	struct arena *arena = links->exchange->arena;
	struct str rest, name, value, system, code;
	const struct str type_name = str_cut(text, '?', &rest);
	const bool one = form_next(arena, &rest, &name, &value) == FORM_PART && rest.length == 0 &&
			 str_is(name, "identifier");
	if (!one || !condition_token(arena, value, &system, &code))
		return refuse(links, from,
			"a conditional reference may only be Type?identifier=system|value");
	if (str_is(type_name, "Patient"))
		return patient_of(links, system, code, out) ||
		       refuse(links, from, "a conditional reference names no national identifier");
	const enum resource_type type = envelope_type(type_name);
	struct str key;
	if (type == TYPE_NONE || !link_key(arena, type, system, code, &key))
		return refuse(links, from,
			"a conditional reference may lead to a Patient, Observation or Device");
	targets_begin(links);
	if (links->keys == NULL)
		links->keys = link_keys_new(arena, links->bundle);
	size_t entry;
	if (link_keys_find(links->keys, type, key, &entry))
		return to_entry(walk, entry, place, out);
	if (links->target_count == links->target_room)
		return refuse(links, from, "too many conditional references");
	struct target *target = want(links, links->target_count, type);
	target->key = key;
	target->by = from;
	*out = str_format(arena, "\"%.*s/%.*s\"", STR_ARG(type_name),
		STR_ARG(place_of(links, links->target_count)));
	add_link(links, from, links->target_count++, place->is_target);
	return true;
}

/* Does it name what is meant by a condition, `Type?...`? */
static bool is_condition(struct str text)
{
	return !str_starts(text, STR("urn:")) && str_index(text, '?') < text.length &&
	       str_index(text, ':') > str_index(text, '?');
}

/* What stands in the place of a reference; false where it stays, or an error was added. */
static bool rewrite(void *context, const struct link_place *place, struct str *out)
{
	struct link_walk *walk = context;
	struct links *links = walk->links;
	const struct str text = place->reference->text;
	const bool urn = str_starts(text, STR("urn:"));
	if (text.length == 0 || text.at[0] == '#')
		return false;
	if (is_condition(text) && walk->known)
		return refuse(links, walk->from,
			"an update may not hold a conditional reference; send it with the id");
	if (is_condition(text))
		return to_condition(walk, text, place, out);
	if (links->urls == NULL)
		links->urls = link_urls_new(links->exchange->arena, links->bundle);
	size_t number;
	const bool found = link_urls_find(links->urls, text, walk->from, &number);
	if (found && number == LINK_MANY)
		return refuse(links, walk->from,
			"refers to a fullUrl that several entries have, and they differ");
	if (found)
		return to_entry(walk, number, place, out);
	if (urn)
		refuse(links, walk->from,
			"refers by urn to what no entry of the Bundle has as its fullUrl");
	return false;
}

bool links_are_there(const struct links *links)
{
	return links->first != NULL;
}

void links_take(struct links *links, size_t index)
{
	struct upload_entry *entry = &links->upload->entries[index];
	struct arena *arena = links->exchange->arena;
	struct link_walk walk = { links, index, false };
	struct str text;
	if (entry->resource->raw.length > UPLOAD_RESOURCE_MAX)
		return; /* VALIDATE refuses it */
	if (!link_rewrite(arena, entry->resource, rewrite, &walk, &text) ||
		entry->outcome.errors > 0)
		return;
	entry->resource = json_parse(arena, text, text.length, &entry->outcome);
}

bool links_update(struct links *links, size_t index, const struct json **resource_io)
{
	struct upload_entry *entry = &links->upload->entries[index];
	struct arena *arena = links->exchange->arena;
	struct link_walk walk = { links, index, true };
	struct str text;
	if ((*resource_io)->raw.length <= UPLOAD_RESOURCE_MAX &&
		link_rewrite(arena, *resource_io, rewrite, &walk, &text) &&
		entry->outcome.errors == 0)
		*resource_io = json_parse(arena, text, text.length, &entry->outcome);
	return entry->outcome.errors == 0;
}

/* ---- whose Devices, Provenances and Observations of Devices are */

static bool has_subject(const struct upload_entry *entry)
{
	return upload_names_patient(&entry->observation);
}

static bool is_taken(const struct upload_entry *entry)
{
	return entry->resource != NULL && entry->outcome.errors == 0;
}

static bool same_patient(
	const struct exchange *exchange, const struct observation *a, const struct observation *b)
{
	struct person_key one, two;
	if (a->patient.length == 0 && b->patient.length == 0)
		return memcmp(a->subject.digits, b->subject.digits, 11) == 0;
	return upload_patient_key(exchange, a, &one) && upload_patient_key(exchange, b, &two) &&
	       one.bucket == two.bucket && seal_equal(&one.mac, &two.mac, sizeof(one.mac));
}

/* `to` is of the same patient as `from`; another one is an error of `to`'s. */
static bool give_subject(struct links *links, size_t from, size_t to)
{
	const struct upload_entry *giver = &links->upload->entries[from];
	struct upload_entry *taker = &links->upload->entries[to];
	if (!has_subject(giver) || !is_taken(giver) || !is_taken(taker))
		return false;
	if (!has_subject(taker)) {
		taker->observation.subject = giver->observation.subject;
		taker->observation.patient = giver->observation.patient;
		return true;
	}
	if (!same_patient(links->exchange, &taker->observation, &giver->observation))
		refuse(links, to,
			"is tied to resources of more than one patient; one is needed for each");
	return false;
}

static bool subjects_pass(struct links *links)
{
	bool more = false;
	for (const struct link *link = links->first; link != NULL; link = link->next) {
		if (link->to >= links->bundle->count)
			continue;
		const struct upload_entry *from = &links->upload->entries[link->from];
		const struct upload_entry *to = &links->upload->entries[link->to];
		const bool to_device = links->targets[link->to].type == TYPE_DEVICE;
		if (from->observation.type == TYPE_PROVENANCE ? link->is_target
							      : to_device && !has_subject(from))
			more = give_subject(links, link->to, link->from) || more;
		else if (to_device || !has_subject(to))
			more = give_subject(links, link->from, link->to) || more;
	}
	return more;
}

/* Who may see a Provenance may see what it is of: code and class of its targets, or where they differ none, and the class that opens least. */
static void mark_provenance(struct links *links, const struct link *link)
{
	struct observation *of = &links->upload->entries[link->from].observation;
	if (link->to >= links->bundle->count)
		return;
	const struct observation *target = &links->upload->entries[link->to].observation;
	if (of->category.count == 0) {
		of->code = target->code;
		of->canon = target->canon;
		of->class = target->class;
		of->category.count = 1; /* seen; taken back below */
	} else if (!str_equal(of->code.text, target->code.text)) {
		of->code = (struct concept){ STR(""), NULL, 0 };
		of->canon = (struct coding){ 0 };
		if (of->class != target->class)
			of->class = CLASS_ADMINISTRATIVE;
	}
}

static void mark_provenances(struct links *links)
{
	for (const struct link *link = links->first; link != NULL; link = link->next)
		if (link->is_target)
			mark_provenance(links, link);
	for (const struct link *link = links->first; link != NULL; link = link->next)
		if (link->is_target)
			links->upload->entries[link->from].observation.category.count = 0;
}

static const char *nobodys(enum resource_type type)
{
	if (type == TYPE_DEVICE)
		return "patient.identifier is missing, and no Observation of the Bundle refers to "
		       "this Device: it is nobody's";
	if (type == TYPE_OBSERVATION)
		return "the subject is a Device, and neither it nor an Observation of a patient in "
		       "the Bundle that refers to either says whose it is: it is nobody's";
	return "none of the targets is an Observation of the Bundle: it is of nobody";
}

void links_subjects(struct links *links)
{
	for (int pass = 0; pass < PASSES && subjects_pass(links); pass++)
		;
	mark_provenances(links);
	for (size_t i = 0; i < links->bundle->count; i++) {
		const struct upload_entry *entry = &links->upload->entries[i];
		if (!is_taken(entry) || has_subject(entry))
			continue;
		refuse(links, i, nobodys(entry->observation.type));
	}
}

/* Each refused entry is looked at once, and with it the links that lead to it: a long chain costs no more than its links. */
void links_decide(struct links *links)
{
	const size_t count = links->targets == NULL ? 0 : links->bundle->count;
	size_t *refused = arena_array(links->exchange->arena, count, sizeof(*refused));
	size_t waiting = 0;
	for (size_t i = 0; i < count; i++)
		if (links->targets[i].links != NULL && !is_taken(&links->upload->entries[i]))
			refused[waiting++] = i;
	while (waiting > 0) {
		const size_t to = refused[--waiting];
		for (const struct link *link = links->targets[to].links; link != NULL;
			link = link->next_here) {
			if (!is_taken(&links->upload->entries[link->from]))
				continue;
			refuse(links, link->from, "refers to an entry that was refused");
			refused[waiting++] = link->from;
		}
	}
}

/* ---- STORE */

static const struct grant_part *part_of(const struct links *links, size_t entry)
{
	const struct upload *upload = links->upload;
	return &upload->grants[upload->entries[entry].patient]->parts[0];
}

static size_t entry_of(const struct links *links, size_t number)
{
	return number < links->bundle->count ? number : links->targets[number].by;
}

static void find(struct links *links, size_t number, struct str text, struct store_find *call)
{
	struct exchange *exchange = links->exchange;
	const size_t entry = entry_of(links, number);
	*call = (struct store_find){
		.call = { .arena = exchange->arena,
			.outcome = &exchange->outcome,
			.done = exchange_done,
			.context = exchange },
		.grant = links->upload->grants[links->upload->entries[entry].patient],
		.part = part_of(links, entry),
		.client = exchange->principal.client_id,
		.type = links->targets[number].type,
		.text = text,
	};
	exchange_hold(exchange);
	store_find(exchange->loop->store, call);
}

static void find_target(struct links *links, size_t number)
{
	struct target *target = &links->targets[number];
	struct arena *arena = links->exchange->arena;
	if (number >= links->bundle->count) {
		target->find_count = 1;
		target->finds = arena_alloc(arena, sizeof(*target->finds));
		find(links, number, target->key, target->finds);
		return;
	}
	const struct upload_entry *entry = &links->upload->entries[number];
	const struct observation *observation = &entry->observation;
	/* A conditional update asks for its row itself. */
	target->find_count = entry->conditional == NULL ? observation->key_count : 0;
	target->finds = arena_array(arena, target->find_count + 1, sizeof(*target->finds));
	for (size_t i = 0; i < target->find_count; i++)
		find(links, number, observation->keys[i], &target->finds[i]);
}

static bool is_due(const struct links *links, size_t number)
{
	return links->targets[number].wanted &&
	       is_taken(&links->upload->entries[entry_of(links, number)]);
}

bool links_find(struct links *links)
{
	bool asked = false;
	for (size_t i = 0; i < links->target_count; i++) {
		if (!is_due(links, i) || links->targets[i].finds != NULL)
			continue;
		find_target(links, i);
		asked = true;
	}
	return asked;
}

/* A transaction fails with it (FHIR R4 http.html#trules), of a batch the entry that asked. */
static bool condition_fails(struct links *links, const struct target *target)
{
	struct upload_entry *entry = &links->upload->entries[target->by];
	outcome_fail(&entry->outcome, OUTCOME_STALE, entry->expression,
		"a conditional reference leads to nothing that is stored for this patient");
	if (!links->upload->whole) {
		links_decide(links);
		return true;
	}
	outcome_merge(&links->exchange->outcome, &entry->outcome, (struct str){ 0 });
	return false;
}

/* The row it is, as far as is known, or the id that it gets. */
static bool settle_id(struct links *links, struct target *target, size_t number)
{
	const struct upload_entry *entry =
		number < links->bundle->count ? &links->upload->entries[number] : NULL;
	if (entry != NULL && entry->conditional != NULL) {
		const bool there = conditional_row(entry->conditional, &target->row);
		target->id = there ? target->row.id : entry->fresh;
		return true;
	}
	if (target->id != 0)
		return true;
	for (size_t i = 0; i < target->find_count && target->id == 0; i++) {
		if (!target->finds[i].found || target->finds[i].deleted)
			continue;
		target->id = target->finds[i].key.id;
		target->row = target->finds[i].key;
	}
	if (entry == NULL)
		return target->id != 0 || condition_fails(links, target);
	if (target->id == 0)
		target->id = entry->fresh;
	return true;
}

static void seal_target(struct links *links, struct target *target, size_t number, char id[27])
{
	struct resource_key key = target->row;
	if (number < links->bundle->count && key.id != target->id) { /* a new row, or moved */
		const struct grant_part *part = part_of(links, number);
		key = (struct resource_key){ target->type, part->bucket, part->tenant,
			part->subject, target->id };
	}
	key.type = target->type;
	seal_resource_id(links->exchange->loop->hub->seal, &key, id);
}

/* Where ids belong in the bytes of those who refer: looked for once, for what is moved later stands in the same places. */
static void find_spots(struct links *links)
{
	if (links->spots != NULL)
		return;
	links->spots = link_spots_new(links->exchange->arena, links->nonce, links->target_count);
	size_t last = SIZE_MAX;
	for (const struct link *link = links->first; link != NULL; link = link->next) {
		const struct upload_entry *entry = &links->upload->entries[link->from];
		if (link->from == last || !is_taken(entry)) /* an entry's links stand together */
			continue;
		last = link->from;
		link_spots_add(links->spots, entry->observation.body);
		link_spots_add(links->spots, entry->observation.content);
		for (size_t i = 0; i < entry->observation.key_count; i++)
			link_spots_add(links->spots, entry->observation.keys[i]);
	}
}

static const char *sealed_of(void *context, size_t number)
{
	const struct links *links = context;
	return is_due(links, number) ? links->targets[number].sealed : NULL;
}

bool links_settle(struct links *links)
{
	for (size_t i = 0; i < links->target_count; i++)
		if (is_due(links, i) && !settle_id(links, &links->targets[i], i))
			return false;
	for (size_t i = 0; i < links->target_count; i++)
		if (is_due(links, i))
			seal_target(links, &links->targets[i], i, links->targets[i].sealed);
	if (links->first != NULL) {
		find_spots(links);
		link_spots_put(links->spots, sealed_of, links);
	}
	return true;
}

void links_item(const struct links *links, size_t index, struct write_item *item)
{
	if (links->targets == NULL || !links->targets[index].wanted)
		return;
	item->expect = links->targets[index].id;
}

bool links_moved(struct links *links)
{
	bool moved = false;
	for (size_t i = 0; links->targets != NULL && i < links->bundle->count; i++) {
		const struct write_item *item = links->upload->entries[i].written;
		if (!links->targets[i].wanted || item == NULL || item->fate != WRITE_MOVED)
			continue;
		links->targets[i].id = item->key.id;
		moved = true;
	}
	return moved && ++links->moves <= MOVES_MAX;
}
