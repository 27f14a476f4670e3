/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/conditional.h"

#include <stdlib.h>

#include "fhir/envelope.h"
#include "server/conditions.h"
#include "server/interaction/changes.h"
#include "server/interaction/condition.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "storage/store_change.h"

#define MOVES_MAX 5 /* other writers come between */

struct conditional {
	struct upload_entry *entry;
	struct str type; /* as the URL has it */
	struct str query, if_match, if_none_match;
	int expected; /* If-Match: 0 for any version */
	struct store_find find;
	bool found; /* `row` is there, or its tombstone: met by the condition, or by another identity of the resource */
	struct resource_key row;
	bool looked;           /* `now` was asked for, where the caller may read at all */
	struct store_read now; /* found: the caller may read it */
};

struct conditionals {
	struct conditional *list;
	size_t count;
	unsigned moves;
	bool asked;
};

bool conditional_is(const struct bundle *bundle, const struct bundle_entry *from)
{
	struct str query;
	const enum resource_type type = envelope_type(str_cut(from->url, '?', &query));
	return bundle->type == BUNDLE_TRANSACTION && str_is(from->method, "PUT") &&
	       query.at != NULL && (type == TYPE_OBSERVATION || type == TYPE_DEVICE);
}

void conditional_take(
	struct exchange *exchange, struct upload *upload, size_t index, const struct bundle *bundle)
{
	const struct bundle_entry *from = &bundle->entries[index];
	const struct json *request = json_get(from->json, "request");
	struct conditionals *all = upload->conditionals;
	if (all == NULL) {
		all = upload->conditionals = arena_alloc(exchange->arena, sizeof(*all));
		all->list = arena_array(exchange->arena, bundle->count, sizeof(all->list[0]));
	}
	struct conditional *one = &all->list[all->count++];
	one->entry = &upload->entries[index];
	one->type = str_cut(from->url, '?', &one->query);
	one->if_match = json_text(request, "ifMatch");
	one->if_none_match = json_text(request, "ifNoneMatch");
	one->entry->conditional = one;
}

/* ---- VALIDATE */

/* Ids are the hub's to give (FHIR R4 http.html#cond-update lets a server refuse one that does not match). */
static void check_body(const struct conditional *one, const struct upload_entry *entry)
{
	struct arena *arena = entry->outcome.arena;
	struct outcome *outcome = &one->entry->outcome;
	if (json_text(entry->resource, "id").length > 0)
		outcome_fail(outcome, OUTCOME_NOT_SUPPORTED,
			str_format(arena, "%.*s.id", STR_ARG(entry->expression)),
			"ids are given by the hub; leave id out of a conditional update");
	if (!str_equal(json_text(entry->resource, "resourceType"), one->type))
		outcome_fail(outcome, OUTCOME_INVALID,
			str_format(arena, "%.*s.resourceType", STR_ARG(entry->expression)),
			"%.*s is expected here", STR_ARG(one->type));
}

void conditional_validate(struct exchange *exchange, struct upload_entry *entry)
{
	struct conditional *one = entry->conditional;
	struct outcome said = { .arena = exchange->arena };
	condition_identifier(
		exchange, envelope_type(one->type), one->query, NULL, &entry->condition, &said);
	outcome_merge(&entry->outcome, &said, upload_request_place(entry, "url"));
	said = (struct outcome){ .arena = exchange->arena };
	condition_if_match(one->if_match, &one->expected, &said);
	outcome_merge(&entry->outcome, &said, upload_request_place(entry, "ifMatch"));
	check_body(one, entry);
}

/* ---- STORE */

static const struct grant *grant_of(const struct upload *upload, const struct conditional *one)
{
	return upload->grants[one->entry->patient];
}

static void find(const struct upload *upload, struct conditional *one)
{
	struct exchange *exchange = upload->exchange;
	const struct grant *grant = grant_of(upload, one);
	one->find = (struct store_find){
		.call = exchange_call(exchange),
		.grant = grant,
		.part = &grant->parts[0],
		.client = exchange->principal.client_id,
		.type = one->entry->observation.type,
		.text = one->entry->condition,
	};
	exchange_hold(exchange);
	store_find(exchange->loop->store, &one->find);
}

/* As of a PUT of its own: who may not read a row may not replace it. True: it is asked for. */
static bool look_at(const struct upload *upload, struct conditional *one)
{
	struct exchange *exchange = upload->exchange;
	const struct observation *observation = &one->entry->observation;
	const bool by_id = observation->subject.digits[0] == '\0';
	struct outcome refusal = { .arena = exchange->arena };
	const struct grant *reading =
		resolve_decide(exchange, ASK_READ, &exchange->resolve.items[one->entry->patient],
			by_id ? NULL : &observation->subject, exchange->tenant->id, &refusal);
	one->looked = true;
	if (reading == NULL || reading->count == 0)
		return false;
	one->now = (struct store_read){
		.call = exchange_call(exchange), .grant = reading, .key = one->row
	};
	exchange_hold(exchange);
	store_read(exchange->loop->store, &one->now);
	return true;
}

bool conditionals_look(struct upload *upload)
{
	struct conditionals *all = upload->conditionals;
	bool waits = false;
	for (size_t i = 0; all != NULL && i < all->count; i++) {
		struct conditional *one = &all->list[i];
		if (!all->asked) {
			find(upload, one);
			waits = true;
			continue;
		}
		if (!one->found && one->find.found) {
			one->found = true;
			one->row = one->find.key;
		}
		if (one->found && !one->looked)
			waits = look_at(upload, one) || waits;
	}
	if (all != NULL)
		all->asked = true;
	return waits;
}

/* What the conditions of the request itself say of the row that is there. False: an error was added to the entry. */
static bool check_now(const struct conditional *one)
{
	struct upload_entry *entry = one->entry;
	struct outcome *outcome = &entry->outcome;
	const struct store_row *row = &one->now.row;
	const struct str match = upload_request_place(entry, "ifMatch");
	if (!one->found)
		return one->if_match.length == 0 ||
		       outcome_fail(outcome, OUTCOME_STALE, match,
			       "nothing meets the condition, so no version can be matched; leave "
			       "ifMatch out to create it");
	if (!one->now.found)
		return outcome_fail(outcome, OUTCOME_NOT_FOUND, entry->expression,
			"there is no such %s, or it is not for you",
			resource_type_name(entry->observation.type));
	return condition_is_expected(one->expected, row->version, match, outcome) &&
	       (row->deleted || condition_is_unnamed(one->if_none_match, row->version,
					upload_request_place(entry, "ifNoneMatch"), outcome));
}

static int by_identity(const void *a, const void *b)
{
	const struct upload_entry *one = (*(struct conditional *const *)a)->entry;
	const struct upload_entry *two = (*(struct conditional *const *)b)->entry;
	if (one->patient != two->patient)
		return one->patient < two->patient ? -1 : 1;
	if (one->observation.type != two->observation.type)
		return one->observation.type < two->observation.type ? -1 : 1;
	return str_compare(one->condition, two->condition);
}

/* Those that replace no row stand last, and are no two of them one. */
static int by_row(const void *a, const void *b)
{
	const struct conditional *one = *(struct conditional *const *)a;
	const struct conditional *two = *(struct conditional *const *)b;
	if (one->found != two->found)
		return one->found ? -1 : 1;
	if (one->found)
		return (one->row.id > two->row.id) - (one->row.id < two->row.id);
	return (one > two) - (one < two);
}

struct sorted {
	struct conditional **list;
	size_t count;
	int (*order)(const void *, const void *);
};

/* In an order, with those refused that are equal by it. */
static struct sorted sort(const struct upload *upload, int (*order)(const void *, const void *))
{
	const struct conditionals *all = upload->conditionals;
	struct sorted sorted = { arena_array(upload->exchange->arena, all->count,
					 sizeof(struct conditional *)),
		all->count, order };
	for (size_t i = 0; i < all->count; i++)
		sorted.list[i] = &all->list[i];
	qsort(sorted.list, sorted.count, sizeof(sorted.list[0]), order);
	for (size_t i = 1; i < sorted.count; i++)
		if (order(&sorted.list[i - 1], &sorted.list[i]) == 0)
			changes_refuse_twice(sorted.list[i]->entry);
	return sorted;
}

static void refuse_met(const struct sorted *sorted, const struct conditional *wanted)
{
	struct conditional **met = bsearch(
		&wanted, sorted->list, sorted->count, sizeof(sorted->list[0]), sorted->order);
	if (met != NULL)
		changes_refuse_twice((*met)->entry);
}

/* What is created beside them has one of their identities: stored first or last, it would be another thing (FHIR R4 http.html#trules: the order of entries does not count). */
static void check_created(const struct upload *upload, const struct sorted *sorted)
{
	for (size_t i = 0; i < upload->count; i++) {
		const struct upload_entry *entry = &upload->entries[i];
		if (entry->conditional != NULL || !upload_is_sound(entry))
			continue;
		struct upload_entry as = { .patient = entry->patient,
			.condition = entry->condition };
		as.observation.type = entry->observation.type;
		refuse_met(sorted, &(struct conditional){ .entry = &as });
		for (size_t k = 0; k < entry->observation.key_count; k++) {
			as.condition = entry->observation.keys[k];
			refuse_met(sorted, &(struct conditional){ .entry = &as });
		}
	}
}

/* Which of two changes of one resource would come first is nobody's to say (FHIR R4 http.html#trules). */
static void check_twice(const struct upload *upload)
{
	const struct sorted identities = sort(upload, by_identity);
	check_created(upload, &identities);
	const struct sorted rows = sort(upload, by_row);
	for (size_t i = 0; i < changes_count(upload->changes); i++)
		refuse_met(&rows, &(struct conditional){
					  .found = true, .row = *changes_row(upload->changes, i) });
}

/* Errors of the entries refuse all. */
static bool tell(struct upload *upload)
{
	const struct conditionals *all = upload->conditionals;
	bool good = true;
	for (size_t i = 0; i < all->count; i++) {
		const struct outcome *outcome = &all->list[i].entry->outcome;
		if (outcome->errors == 0)
			continue;
		good = false;
		outcome_merge(&upload->exchange->outcome, outcome, (struct str){ 0 });
	}
	return good;
}

bool conditionals_settle(struct upload *upload)
{
	const struct conditionals *all = upload->conditionals;
	if (all == NULL)
		return true;
	for (size_t i = 0; i < all->count; i++)
		check_now(&all->list[i]);
	check_twice(upload);
	return tell(upload);
}

bool conditional_row(const struct conditional *one, struct resource_key *row_out)
{
	*row_out = one->row;
	return one->found;
}

const struct store_row *conditional_now(const struct conditional *one)
{
	return one->now.found ? &one->now.row : NULL;
}

void conditional_item(
	const struct upload_entry *entry, const struct grant *grant, struct write_item *item)
{
	const struct conditional *one = entry->conditional;
	const struct store_row *now = &one->now.row;
	if (!one->found) {
		item->expect = item->id;
		return;
	}
	item->mode = WRITE_UPDATE;
	/* The row has it already, unless it was met by another identity. */
	if (one->find.found)
		item->condition = (struct str){ 0 };
	item->key = one->row;
	item->part = change_part(
		grant, &one->row); /* a person may have several subjects at a controller */
	item->expected = one->if_none_match.length > 0 ? now->version : one->expected;
	if (!now->deleted && str_equal(now->body, entry->observation.body))
		item->same = now->version;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *one = a, *two = b;
	return (*one > *two) - (*one < *two);
}

/* The rows that the write was to make or change, sorted. */
static uint64_t *rows_of_write(const struct upload *upload)
{
	const size_t count = upload->write.count;
	uint64_t *ids = arena_array(upload->exchange->arena, count, sizeof(*ids));
	for (size_t i = 0; i < count; i++) {
		const struct write_item *item = &upload->write.items[i];
		ids[i] = item->mode == WRITE_CREATE ? item->id : item->key.id;
	}
	qsort(ids, count, sizeof(*ids), by_number);
	return ids;
}

/* What an entry whose write was refused is told; false where it may be tried again, or was not at fault. */
static bool refuse(const struct upload *upload, struct upload_entry *entry, const uint64_t *ids)
{
	const struct write_item *item = entry->written;
	const bool matches = entry->conditional->if_match.length > 0;
	const struct str match = upload_request_place(entry, matches ? "ifMatch" : "ifNoneMatch");
	if (change_tell_fate(item, entry->expression, match, &entry->outcome))
		return true;
	if (item->fate == WRITE_GONE)
		outcome_fail(&entry->outcome, OUTCOME_CONFLICT, entry->expression,
			"somebody changed it meanwhile; send the transaction again");
	else if (item->fate == WRITE_MOVED &&
		 bsearch(&item->key.id, ids, upload->write.count, sizeof(*ids), by_number) != NULL)
		changes_refuse_twice(entry);
	else
		return false;
	return true;
}

bool conditionals_refuse(struct upload *upload)
{
	const struct conditionals *all = upload->conditionals;
	const uint64_t *ids = all == NULL ? NULL : rows_of_write(upload);
	bool refused = false;
	for (size_t i = 0; all != NULL && i < all->count; i++)
		refused = refuse(upload, all->list[i].entry, ids) || refused;
	if (refused)
		tell(upload);
	return refused;
}

bool conditionals_moved(struct upload *upload)
{
	struct conditionals *all = upload->conditionals;
	bool moved = false;
	for (size_t i = 0; all != NULL && i < all->count; i++) {
		struct conditional *one = &all->list[i];
		const struct write_item *item = one->entry->written;
		if (item->mode != WRITE_CREATE || item->fate != WRITE_MOVED)
			continue;
		/* What somebody stored meanwhile, or what is there by another identity of the resource. */
		one->found = moved = true;
		one->looked = false;
		one->now = (struct store_read){ 0 };
		one->row = (struct resource_key){ one->entry->observation.type, item->part->bucket,
			item->part->tenant, item->part->subject, item->key.id };
	}
	return moved && ++all->moves <= MOVES_MAX;
}
