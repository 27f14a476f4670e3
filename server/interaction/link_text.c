/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/interaction/link_text.h"

#include <stdint.h>
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/envelope.h"
#include "fhir/identity.h"

#define ID_LENGTH 26

/* ---- the References of a resource */

struct edit {
	struct str from, to; /* a slice of the resource, and what stands there instead */
	struct edit *next;
};

struct walk {
	struct arena *arena;
	bool (*rewrite)(void *context, const struct link_place *place, struct str *out);
	void *context;
	struct edit *first, *last;
	size_t growth;
};

static void visit(struct walk *walk, const struct json *json, struct str name, unsigned depth);

static void visit_reference(
	struct walk *walk, const struct json *object, struct str name, unsigned depth)
{
	const struct json *reference = json_get(object, "reference");
	if (reference == NULL || reference->type != JSON_STRING)
		return;
	const struct link_place place = {
		.reference = reference,
		.has_identifier = json_get(object, "identifier") != NULL,
		.is_device = str_is(name, "device") || (depth == 1 && str_is(name, "subject")),
		.is_target = depth == 2 && str_is(name, "target"),
	};
	struct str text;
	if (!walk->rewrite(walk->context, &place, &text))
		return;
	struct edit *edit = arena_alloc(walk->arena, sizeof(*edit));
	*edit = (struct edit){ .from = reference->raw, .to = text };
	if (walk->last == NULL)
		walk->first = edit;
	else
		walk->last->next = edit;
	walk->last = edit;
	walk->growth += text.length;
}

static void visit(struct walk *walk, const struct json *json, struct str name, unsigned depth)
{
	if (json->type == JSON_OBJECT)
		visit_reference(walk, json, name, depth);
	json_each(item, json)
	{
		if (item->type == JSON_OBJECT || item->type == JSON_ARRAY)
			visit(walk, item, json->type == JSON_OBJECT ? item->key : name, depth + 1);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct edit *one = *(const struct edit *const *)a;
	const struct edit *two = *(const struct edit *const *)b;
	return (one->from.at > two->from.at) - (one->from.at < two->from.at);
}

/* The edits in the order of the bytes: an object's own reference may stand behind what is nested in it. */
static struct str apply(struct walk *walk, struct str raw)
{
	size_t count = 0;
	for (const struct edit *edit = walk->first; edit != NULL; edit = edit->next)
		count++;
	struct edit **edits = arena_array(walk->arena, count, sizeof(*edits));
	size_t at = 0;
	for (struct edit *edit = walk->first; edit != NULL; edit = edit->next)
		edits[at++] = edit;
	qsort(edits, count, sizeof(*edits), by_place);
	const size_t most = raw.length + walk->growth + 1;
	struct buf buf = buf_new(walk->arena, most, most);
	size_t from = 0;
	for (size_t i = 0; i < count; i++) {
		const size_t place = (size_t)(edits[i]->from.at - raw.at);
		buf_add(&buf, str_part(raw, from, place - from));
		buf_add(&buf, edits[i]->to);
		from = place + edits[i]->from.length;
	}
	buf_add(&buf, str_part(raw, from, raw.length));
	return buf_str(&buf);
}

bool link_rewrite(struct arena *arena, const struct json *resource,
	bool (*rewrite)(void *context, const struct link_place *place, struct str *out),
	void *context, struct str *text_out)
{
	struct walk walk = { .arena = arena, .rewrite = rewrite, .context = context };
	visit(&walk, resource, (struct str){ 0 }, 0);
	if (walk.first == NULL)
		return false;
	*text_out = apply(&walk, resource->raw);
	return true;
}

/* ---- URLs of entries */

struct url {
	struct str text;
	size_t number; /* LINK_MANY: entries that differ have it */
};

struct link_urls {
	struct arena *arena;
	const struct bundle *bundle;
	struct url *urls; /* by text */
	size_t count;
};

static int by_text(const void *a, const void *b)
{
	return str_compare(((const struct url *)a)->text, ((const struct url *)b)->text);
}

static int by_text_and_number(const void *a, const void *b)
{
	const struct url *one = a, *two = b;
	const int order = by_text(one, two);
	return order != 0 ? order : (one->number > two->number) - (one->number < two->number);
}

/* FHIR R4 bdl-7. An entry that stands twice is harmless; which of two that differ is meant nobody knows. */
static void join_equal(struct link_urls *urls)
{
	const struct bundle_entry *entries = urls->bundle->entries, *first = NULL;
	size_t kept = 0;
	for (size_t i = 0; i < urls->count; i++) {
		const struct url *url = &urls->urls[i];
		const struct bundle_entry *entry = &entries[url->number];
		if (kept == 0 || !str_equal(urls->urls[kept - 1].text, url->text)) {
			first = entry;
			urls->urls[kept++] = *url;
		} else if (entry->resource == NULL || first->resource == NULL ||
			   !str_equal(entry->resource->raw, first->resource->raw)) {
			urls->urls[kept - 1].number = LINK_MANY;
		}
	}
	urls->count = kept;
}

struct link_urls *link_urls_new(struct arena *arena, const struct bundle *bundle)
{
	struct link_urls *urls = arena_alloc(arena, sizeof(*urls));
	urls->arena = arena;
	urls->bundle = bundle;
	urls->urls = arena_array(arena, bundle->count, sizeof(*urls->urls));
	for (size_t i = 0; i < bundle->count; i++)
		if (bundle->entries[i].full_url.length > 0)
			urls->urls[urls->count++] = (struct url){ bundle->entries[i].full_url, i };
	if (urls->count > 1)
		qsort(urls->urls, urls->count, sizeof(*urls->urls), by_text_and_number);
	join_equal(urls);
	return urls;
}

static bool find(const struct link_urls *urls, struct str text, size_t *number_out)
{
	const struct url wanted = { .text = text };
	const struct url *found = urls->count == 0 ? NULL
						   : bsearch(&wanted, urls->urls, urls->count,
							     sizeof(*urls->urls), by_text);
	if (found != NULL)
		*number_out = found->number;
	return found != NULL;
}

/* What stands in front of Type/id in a RESTful URL, with the slash; empty for others. */
static struct str base_of(struct str url)
{
	if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
		return (struct str){ 0 };
	unsigned slashes = 0;
	size_t at = url.length;
	while (at > 0 && slashes < 2)
		slashes += url.at[--at] == '/' ? 1 : 0;
	return str_part(url, 0, at + 1);
}

bool link_urls_find(
	const struct link_urls *urls, struct str reference, size_t from, size_t *number_out)
{
	if (find(urls, reference, number_out))
		return true;
	const struct str base = base_of(urls->bundle->entries[from].full_url);
	if (base.length == 0 || str_index(reference, ':') < reference.length)
		return false;
	const struct str whole =
		str_format(urls->arena, "%.*s%.*s", STR_ARG(base), STR_ARG(reference));
	return find(urls, whole, number_out);
}

bool link_key(struct arena *arena, enum resource_type type, struct str system, struct str value,
	struct str *out)
{
	if (type == TYPE_OBSERVATION)
		return identity_of_identifier(arena, system, value, out);
	return envelope_key(arena, type, system, value, out);
}

/* ---- identities of entries */

struct entry_key {
	struct str text;
	enum resource_type type;
	size_t number;
};

struct link_keys {
	struct entry_key *keys; /* by type and text, then by number */
	size_t count;
};

static int by_key(const void *a, const void *b)
{
	const struct entry_key *one = a, *two = b;
	if (one->type != two->type)
		return one->type < two->type ? -1 : 1;
	const int order = str_compare(one->text, two->text);
	return order != 0 ? order : (one->number > two->number) - (one->number < two->number);
}

static void add_keys(struct arena *arena, const struct bundle_entry *entry, size_t number,
	struct link_keys *keys)
{
	struct entry_key key = { .type = envelope_type(entry->type), .number = number };
	if (key.type == TYPE_NONE)
		return;
	json_each(identifier, json_get(entry->resource, "identifier"))
	{
		if (link_key(arena, key.type, json_text(identifier, "system"),
			    json_text(identifier, "value"), &key.text))
			keys->keys[keys->count++] = key;
	}
}

struct link_keys *link_keys_new(struct arena *arena, const struct bundle *bundle)
{
	struct link_keys *keys = arena_alloc(arena, sizeof(*keys));
	size_t most = 0;
	for (size_t i = 0; i < bundle->count; i++) {
		const struct json *list = json_get(bundle->entries[i].resource, "identifier");
		most += list == NULL ? 0 : list->count;
	}
	keys->keys = arena_array(arena, most, sizeof(*keys->keys));
	for (size_t i = 0; i < bundle->count; i++)
		add_keys(arena, &bundle->entries[i], i, keys);
	if (keys->count > 1)
		qsort(keys->keys, keys->count, sizeof(*keys->keys), by_key);
	return keys;
}

bool link_keys_find(
	const struct link_keys *keys, enum resource_type type, struct str key, size_t *number_out)
{
	const struct entry_key wanted = { .text = key, .type = type };
	size_t low = 0, high = keys->count; /* the first that is not before it */
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (by_key(&keys->keys[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == keys->count || keys->keys[low].type != type ||
		!str_equal(keys->keys[low].text, key))
		return false;
	*number_out = keys->keys[low].number;
	return true;
}

/* ---- places */

struct spot {
	char *at;
	size_t target;
	struct spot *next;
};

struct link_spots {
	struct arena *arena;
	const char *nonce;
	size_t targets;
	struct spot *first;
};

struct link_spots *link_spots_new(struct arena *arena, const char *nonce, size_t targets)
{
	struct link_spots *spots = arena_alloc(arena, sizeof(*spots));
	*spots = (struct link_spots){ .arena = arena, .nonce = nonce, .targets = targets };
	return spots;
}

void link_spots_add(struct link_spots *spots, struct str bytes)
{
	size_t from = 0;
	while (from + ID_LENGTH <= bytes.length) {
		const char *found =
			memmem(bytes.at + from, bytes.length - from, spots->nonce, LINK_NONCE);
		if (found == NULL)
			return;
		from = (size_t)(found - bytes.at) + ID_LENGTH;
		size_t target = 0;
		for (size_t i = LINK_NONCE; i < ID_LENGTH && from <= bytes.length; i++)
			target = 10 * target + (size_t)(found[i] - '0');
		if (from > bytes.length || target >= spots->targets)
			continue;
		struct spot *spot = arena_alloc(spots->arena, sizeof(*spot));
		*spot = (struct spot){ (char *)(uintptr_t)found, target, spots->first };
		spots->first = spot;
	}
}

void link_spots_put(const struct link_spots *spots,
	const char *(*id_of)(void *context, size_t target), void *context)
{
	for (const struct spot *spot = spots->first; spot != NULL; spot = spot->next) {
		const char *id = id_of(context, spot->target);
		if (id != NULL)
			memcpy(spot->at, id, ID_LENGTH);
	}
}
