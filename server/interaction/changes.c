/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/changes.h"

#include "fhir/base/json.h"
#include "fhir/envelope.h"
#include "server/respond.h"
#include "server/turn.h"

#define NODES_MAX 100000

struct planned {
	size_t index; /* of the upload's entries */
	struct change *change;
	struct write_item item;
	const struct write_item *written; /* in the store's list */
};

struct changes {
	struct exchange *exchange;
	struct upload *upload;
	struct planned *list;
	size_t count;
	size_t validated; /* VALIDATE goes on here */
	bool read;
};

struct changes *changes_new(struct exchange *exchange, struct upload *upload, size_t most)
{
	struct changes *changes = arena_alloc(exchange->arena, sizeof(*changes));
	changes->exchange = exchange;
	changes->upload = upload;
	changes->list = arena_array(exchange->arena, most, sizeof(changes->list[0]));
	return changes;
}

static struct upload_entry *entry_of(const struct changes *changes, const struct planned *planned)
{
	return &changes->upload->entries[planned->index];
}

/* JSON Patch comes as a Binary (FHIR R4 http.html#patch). */
static const struct json *patch_of(
	struct exchange *exchange, const struct bundle_entry *from, struct outcome *outcome)
{
	struct str text;
	if (!str_is(from->type, "Binary") ||
		!str_is(json_text(from->resource, "contentType"), MEDIA_PATCH) ||
		!str_from_base64(exchange->arena, json_text(from->resource, "data"), &text)) {
		outcome_fail(outcome, OUTCOME_NOT_SUPPORTED, (struct str){ 0 },
			"PATCH needs a Binary of " MEDIA_PATCH " whose data is the "
			"patch "
			"in base64");
		return NULL;
	}
	return json_parse(exchange->arena, text, NODES_MAX, outcome);
}

static bool kind_of(struct str method, enum change_kind *out)
{
	static const struct {
		const char *method;
		enum change_kind kind;
	} kinds[] = { { "PUT", CHANGE_UPDATE }, { "PATCH", CHANGE_PATCH },
		{ "DELETE", CHANGE_DELETE } };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (str_is(method, kinds[i].method)) {
			*out = kinds[i].kind;
			return true;
		}
	}
	return false;
}

/* As the routes have it: a Provenance is what it was, and of a Device a whole new version is sent. */
static bool may_change(const struct change *change)
{
	return change->type == TYPE_OBSERVATION ||
	       (change->type == TYPE_DEVICE && change->kind != CHANGE_PATCH);
}

/* FHIR R4 http.html#trules: which of them would come first is nobody's to say. */
static bool names_twice(const struct changes *changes, struct str id)
{
	for (size_t i = 0; i < changes->count; i++)
		if (str_equal(changes->list[i].change->id, id))
			return true;
	return false;
}

void changes_refuse_twice(struct upload_entry *entry)
{
	outcome_fail(&entry->outcome, OUTCOME_INVALID, entry->expression,
		"two entries of a transaction are one resource; make them one, or send two "
		"Bundles");
}

void changes_take(struct changes *changes, size_t index, const struct bundle_entry *from)
{
	struct exchange *exchange = changes->exchange;
	struct upload_entry *entry = &changes->upload->entries[index];
	struct change *change = change_new(exchange, 1);
	struct str id;
	const struct str type = str_cut(from->url, '/', &id);
	change->type = envelope_type(type);
	change->id = id;
	change->if_match = json_text(json_get(from->json, "request"), "ifMatch");
	change->if_none_match = json_text(json_get(from->json, "request"), "ifNoneMatch");
	change->expression = entry->expression;
	if (!kind_of(from->method, &change->kind)) {
		outcome_fail(&entry->outcome, OUTCOME_NOT_SUPPORTED, entry->expression,
			"a transaction takes GET, POST, PUT, PATCH and DELETE");
		return;
	}
	if (!may_change(change) || id.length == 0 || str_index(id, '?') < id.length) {
		outcome_fail(&entry->outcome, OUTCOME_NOT_SUPPORTED, entry->expression,
			"a transaction changes an Observation by its id (Observation/{id}), "
			"replaces or deletes a Device, or puts either by a condition "
			"(Observation?identifier=system|value)");
		return;
	}
	if (names_twice(changes, id)) {
		changes_refuse_twice(entry);
		return;
	}
	if (change->kind == CHANGE_UPDATE)
		change->body = from->resource;
	if (change->kind == CHANGE_PATCH)
		change->body = patch_of(exchange, from, &entry->outcome);
	if (entry->outcome.errors == 0)
		changes->list[changes->count++] =
			(struct planned){ .index = index, .change = change };
}

/* ---- VALIDATE to DECIDE */

void changes_validate(struct changes *changes)
{
	const struct turn turn = turn_begin(changes->exchange);
	while (changes->validated < changes->count) {
		change_validate(changes->exchange, changes->list[changes->validated++].change);
		if (changes->validated < changes->count && turn_is_over(turn)) {
			exchange_yield(changes->exchange);
			return;
		}
	}
}

const struct change *changes_of(const struct changes *changes, const struct resource_key *key)
{
	for (size_t i = 0; i < changes->count; i++) {
		const struct change *change = changes->list[i].change;
		const struct resource_key *row = &change->one.key;
		if (change->one.opened && row->id == key->id && row->tenant == key->tenant &&
			row->bucket == key->bucket)
			return change;
	}
	return NULL;
}

size_t changes_count(const struct changes *changes)
{
	return changes == NULL ? 0 : changes->count;
}

const struct resource_key *changes_row(const struct changes *changes, size_t number)
{
	return &changes->list[number].change->one.key;
}

size_t changes_items(const struct changes *changes)
{
	size_t count = 0;
	for (size_t i = 0; i < changes->count; i++)
		count += change_items(changes->list[i].change);
	return count;
}

void changes_who(struct changes *changes, struct resolve_item *items, size_t first)
{
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = changes->list[i].change;
		change_who(changes->exchange, change, items, first);
		first += change->items;
	}
}

/* What stands in the way of one is told by its entry, and refuses all. */
static bool tell(struct changes *changes)
{
	struct exchange *exchange = changes->exchange;
	bool good = true;
	for (size_t i = 0; i < changes->count; i++) {
		const struct change *change = changes->list[i].change;
		if (change->outcome.errors == 0)
			continue;
		good = false;
		outcome_merge(&entry_of(changes, &changes->list[i])->outcome, &change->outcome,
			(struct str){ 0 });
		outcome_merge(&exchange->outcome, &change->outcome, (struct str){ 0 });
	}
	return good;
}

void changes_decide(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		change_decide(changes->exchange, changes->list[i].change);
}

/* ---- STORE */

bool changes_read(struct changes *changes)
{
	bool waits = false;
	if (changes->read)
		return false;
	changes->read = true;
	for (size_t i = 0; i < changes->count; i++)
		waits = change_read(changes->exchange, changes->list[i].change) || waits;
	return waits;
}

bool changes_plan(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		change_plan(changes->exchange, changes->list[i].change, &changes->list[i].item);
	return tell(changes) && changes->exchange->outcome.errors == 0;
}

size_t changes_fill(struct changes *changes, struct write_item *items, size_t count,
	const struct grant **grant_out)
{
	for (size_t i = 0; i < changes->count; i++) {
		struct planned *planned = &changes->list[i];
		*grant_out = planned->change->writing;
		items[count] = planned->item;
		planned->written = &items[count];
		entry_of(changes, planned)->written = &items[count++];
	}
	return count;
}

bool changes_refuse(struct changes *changes)
{
	bool refused = false;
	for (size_t i = 0; i < changes->count; i++) {
		struct planned *planned = &changes->list[i];
		const enum write_fate fate = planned->written->fate;
		if (fate != WRITE_CONFLICT && fate != WRITE_CLASH && fate != WRITE_GONE)
			continue;
		refused = true;
		if (change_settle(planned->change, planned->written, true))
			outcome_fail(&planned->change->outcome, OUTCOME_CONFLICT,
				planned->change->expression,
				"somebody changed it meanwhile; send the transaction again");
	}
	tell(changes);
	return refused;
}

/* Who was right and is refused for the others' sake. */
static void drag_down(struct changes *changes)
{
	if (changes->exchange->outcome.errors == 0)
		return;
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = changes->list[i].change;
		if (change->outcome.errors == 0)
			outcome_fail(&change->outcome, OUTCOME_CONFLICT, change->expression,
				"refused because of other entries; mend those and send all again");
	}
}

void changes_log(struct changes *changes)
{
	drag_down(changes);
	for (size_t i = 0; i < changes->count; i++) {
		const struct planned *planned = &changes->list[i];
		planned->change->unchanged =
			planned->written != NULL && planned->written->fate == WRITE_UNCHANGED;
		change_log(changes->exchange, planned->change);
	}
}
