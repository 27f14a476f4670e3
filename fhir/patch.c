/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A tree that can be changed, over one that cannot. A node that nothing was changed in is written as its bytes in the source; a change marks it and all that it stands in.
 */
#include "fhir/patch.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/decimal.h"

#define BYTES_MAX ((size_t)2 << 20)
#define NOWHERE   ((struct str){ 0 })

static const struct {
	enum resource_type type;
	const char *path;
} open_paths[] = {
#define PATCH(type, path) { type, path },
#include "fhir/patch.tbl"
#undef PATCH
};
#define OPEN_PATHS (sizeof(open_paths) / sizeof(open_paths[0]))

struct node {
	enum json_type type;
	bool changed;
	struct str key, text, raw;
	struct node *parent, *first, *next;
};

struct patch {
	struct arena *arena;
	enum resource_type type;
	struct node *root;
	size_t number; /* of the operation, from 1 */
	struct outcome *outcome;
};

static struct node *node_new(struct arena *arena, const struct json *json, struct node *parent)
{
	struct node *node = arena_alloc(arena, sizeof(*node));
	node->type = json->type;
	node->key = json->key;
	node->text = json->type == JSON_BOOL ? json->raw : json->text;
	node->raw = json->raw;
	node->parent = parent;
	struct node **last = &node->first;
	json_each(item, json)
	{
		*last = node_new(arena, item, node);
		last = &(*last)->next;
	}
	return node;
}

static struct node *node_copy(struct arena *arena, const struct node *from, struct node *parent)
{
	struct node *node = arena_alloc(arena, sizeof(*node));
	*node = *from;
	node->parent = parent;
	node->first = node->next = NULL;
	struct node **last = &node->first;
	for (const struct node *item = from->first; item != NULL; item = item->next) {
		*last = node_copy(arena, item, node);
		last = &(*last)->next;
	}
	return node;
}

static void node_write(struct buf *buf, const struct node *node)
{
	if (!node->changed) {
		buf_add(buf, node->raw);
		return;
	}
	buf_add_byte(buf, node->type == JSON_OBJECT ? '{' : '[');
	for (const struct node *item = node->first; item != NULL; item = item->next) {
		if (item != node->first)
			buf_add_byte(buf, ',');
		if (node->type == JSON_OBJECT) {
			json_write_string(buf, item->key);
			buf_add_byte(buf, ':');
		}
		node_write(buf, item);
	}
	buf_add_byte(buf, node->type == JSON_OBJECT ? '}' : ']');
}

static void node_touch(struct node *node)
{
	for (; node != NULL; node = node->parent)
		node->changed = true;
}

static bool fail(struct patch *patch, enum outcome_kind kind, const char *text, struct str path)
{
	const struct str part = path.length == 0 ? STR("") : str_part(path, 0, 100);
	return outcome_fail(patch->outcome, kind, NOWHERE, "operation %zu: %s%s%.*s", patch->number,
		text, part.length > 0 ? " " : "", STR_ARG(part));
}

/* ---- pointers */

/* RFC 6901 section 4: ~1 is a slash, ~0 a tilde. */
static bool unescape(struct arena *arena, struct str token, struct str *out)
{
	char *to = arena_alloc(arena, token.length + 1);
	size_t length = 0;
	for (size_t i = 0; i < token.length; i++) {
		to[length] = token.at[i];
		if (token.at[i] == '~') {
			const char next = i + 1 < token.length ? token.at[++i] : 0;
			if (next != '0' && next != '1')
				return false;
			to[length] = next == '0' ? '~' : '/';
		}
		length++;
	}
	*out = (struct str){ to, length };
	return true;
}

/* Digits without a leading zero, below `count`. */
static bool index_of(struct str token, size_t count, size_t *out)
{
	uint64_t number;
	if (!str_to_u64(token, &number) || number >= count ||
		(token.length > 1 && token.at[0] == '0'))
		return false;
	*out = (size_t)number;
	return true;
}

static size_t count_of(const struct node *node)
{
	size_t count = 0;
	for (const struct node *item = node->first; item != NULL; item = item->next)
		count++;
	return count;
}

/* The link that holds a child, so that it can be taken out; NULL where there is none. */
static struct node **child_of(struct node *node, struct str token)
{
	size_t index = 0;
	struct node **link = &node->first;
	if (node->type == JSON_OBJECT) {
		while (*link != NULL && !str_equal((*link)->key, token))
			link = &(*link)->next;
		return *link == NULL ? NULL : link;
	}
	if (node->type != JSON_ARRAY || !index_of(token, count_of(node), &index))
		return NULL;
	while (index-- > 0)
		link = &(*link)->next;
	return link;
}

/* Where a pointer leads: the node it stands in, and its last token. */
static bool walk(struct patch *patch, struct str path, struct node **parent_out, struct str *token)
{
	struct node *node = patch->root;
	struct str rest = str_part(path, 1, path.length);
	for (;;) {
		const struct str part = str_cut(rest, '/', &rest);
		if (!unescape(patch->arena, part, token))
			return fail(patch, OUTCOME_INVALID, "no JSON Pointer:", path);
		if (rest.at == NULL)
			break;
		struct node **link = child_of(node, *token);
		if (link == NULL)
			return fail(patch, OUTCOME_BUSINESS_RULE, "there is nothing at", path);
		node = *link;
	}
	*parent_out = node;
	return true;
}

static struct node **find(struct patch *patch, struct str path)
{
	struct node *parent;
	struct str token;
	if (!walk(patch, path, &parent, &token))
		return NULL;
	struct node **link = child_of(parent, token);
	if (link == NULL)
		fail(patch, OUTCOME_BUSINESS_RULE, "there is nothing at", path);
	return link;
}

struct str patch_paths(struct arena *arena, enum resource_type type)
{
	struct buf buf = buf_new(arena, 128, 1024);
	for (size_t i = 0; i < OPEN_PATHS; i++) {
		if (open_paths[i].type == type)
			buf_add_format(
				&buf, "%s%s", buf.length > 0 ? ", " : "", open_paths[i].path);
	}
	return buf_str(&buf);
}

static bool is_open(enum resource_type type, struct str path)
{
	for (size_t i = 0; i < OPEN_PATHS; i++) {
		const struct str open = str_of(open_paths[i].path);
		if (open_paths[i].type == type && str_starts(path, open) &&
			(path.length == open.length || path.at[open.length] == '/'))
			return true;
	}
	return false;
}

static bool check_open(struct patch *patch, struct str path)
{
	if (path.length > 0 && path.at[0] != '/')
		return fail(patch, OUTCOME_INVALID, "no JSON Pointer:", path);
	if (is_open(patch->type, path))
		return true;
	const struct str open = patch_paths(patch->arena, patch->type);
	const struct str text = str_format(patch->arena,
		"may not be patched; of %s these may: %.*s; a measurement is replaced by PUT",
		resource_type_name(patch->type), STR_ARG(open));
	return outcome_fail(patch->outcome, OUTCOME_BUSINESS_RULE, NOWHERE,
		"operation %zu: %.*s %.*s", patch->number,
		(int)(path.length > 100 ? 100 : path.length), path.at, STR_ARG(text));
}

/* ---- operations */

static void take_out(struct node **link)
{
	struct node *node = *link;
	*link = node->next;
	node->next = NULL;
	node_touch(node->parent);
}

static void put_at(struct node **link, struct node *parent, struct node *value)
{
	value->parent = parent;
	value->next = *link;
	*link = value;
	node_touch(parent);
}

static bool add(struct patch *patch, struct str path, struct node *value)
{
	struct node *parent;
	struct str token;
	if (!walk(patch, path, &parent, &token))
		return false;
	struct node **link = &parent->first;
	if (parent->type == JSON_OBJECT) {
		struct node **old = child_of(parent, token);
		value->key = token;
		if (old != NULL) {
			link = old;
			take_out(old);
		} else {
			while (*link != NULL)
				link = &(*link)->next;
		}
		put_at(link, parent, value);
		return true;
	}
	size_t index = count_of(parent);
	if (parent->type != JSON_ARRAY ||
		(!str_is(token, "-") && !index_of(token, index + 1, &index)))
		return fail(patch, OUTCOME_BUSINESS_RULE, "nothing can be added at", path);
	while (index-- > 0)
		link = &(*link)->next;
	value->key = NOWHERE;
	put_at(link, parent, value);
	return true;
}

static bool replace(struct patch *patch, struct str path, struct node *value)
{
	struct node **link = find(patch, path);
	if (link == NULL)
		return false;
	struct node *old = *link, *parent = old->parent;
	value->key = old->key;
	take_out(link);
	put_at(link, parent, value);
	return true;
}

static bool equal(struct arena *arena, const struct node *a, const struct node *b);

/* RFC 6902 4.6: members in any order, elements in theirs. */
static bool equal_inside(struct arena *arena, const struct node *a, const struct node *b)
{
	if (count_of(a) != count_of(b))
		return false;
	const struct node *other = b->first;
	for (const struct node *item = a->first; item != NULL; item = item->next) {
		if (a->type == JSON_OBJECT) {
			other = b->first;
			while (other != NULL && !str_equal(other->key, item->key))
				other = other->next;
		}
		if (other == NULL || !equal(arena, item, other))
			return false;
		other = other->next;
	}
	return true;
}

static bool equal(struct arena *arena, const struct node *a, const struct node *b)
{
	if (a->type != b->type)
		return false;
	struct str one, two;
	switch (a->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
	case JSON_STRING:
		return str_equal(a->text, b->text);
	case JSON_NUMBER:
		return str_equal(a->text, b->text) ||
		       (decimal_canonical(arena, a->text, &one) &&
			       decimal_canonical(arena, b->text, &two) && str_equal(one, two));
	case JSON_ARRAY:
	case JSON_OBJECT:
		return equal_inside(arena, a, b);
	}
	return false;
}

static bool test(struct patch *patch, struct str path, const struct node *value)
{
	struct node **link = find(patch, path);
	if (link == NULL)
		return false;
	return equal(patch->arena, *link, value) ||
	       fail(patch, OUTCOME_BUSINESS_RULE, "the test does not hold at", path);
}

/* RFC 6902 4.4: not into itself. */
static bool move(struct patch *patch, struct str from, struct str path)
{
	if (str_starts(path, from) && path.length > from.length && path.at[from.length] == '/')
		return fail(patch, OUTCOME_INVALID, "moved into itself:", from);
	struct node **link = find(patch, from);
	if (link == NULL)
		return false;
	struct node *node = *link;
	take_out(link);
	return add(patch, path, node);
}

static bool copy(struct patch *patch, struct str from, struct str path)
{
	struct node **link = find(patch, from);
	return link != NULL && add(patch, path, node_copy(patch->arena, *link, NULL));
}

static bool remove_at(struct patch *patch, struct str path)
{
	struct node **link = find(patch, path);
	if (link == NULL)
		return false;
	take_out(link);
	return true;
}

static bool needs(
	struct patch *patch, const struct json *operation, const char *member, enum json_type type)
{
	const struct json *json = json_get(operation, member);
	return (json != NULL && (type == JSON_NULL || json->type == type)) ||
	       fail(patch, OUTCOME_INVALID,
		       "a member is missing or not of its type:", str_of(member));
}

static bool apply_one(struct patch *patch, const struct json *operation)
{
	const struct str op = json_text(operation, "op"), path = json_text(operation, "path");
	const struct str from = json_text(operation, "from");
	const bool valued = str_is(op, "add") || str_is(op, "replace") || str_is(op, "test");
	const bool moves = str_is(op, "move") || str_is(op, "copy");
	if (operation->type != JSON_OBJECT)
		return fail(patch, OUTCOME_INVALID, "is no object", NOWHERE);
	if (!valued && !moves && !str_is(op, "remove"))
		return fail(patch, OUTCOME_INVALID,
			"op must be add, remove, replace, move, copy or test, not", op);
	if (!needs(patch, operation, "path", JSON_STRING) || !check_open(patch, path))
		return false;
	if (valued && !needs(patch, operation, "value", JSON_NULL))
		return false;
	if (moves && (!needs(patch, operation, "from", JSON_STRING) || !check_open(patch, from)))
		return false;
	if (str_is(op, "move"))
		return move(patch, from, path);
	if (str_is(op, "copy"))
		return copy(patch, from, path);
	if (str_is(op, "remove"))
		return remove_at(patch, path);
	struct node *value = node_new(patch->arena, json_get(operation, "value"), NULL);
	if (str_is(op, "add"))
		return add(patch, path, value);
	return str_is(op, "replace") ? replace(patch, path, value) : test(patch, path, value);
}

/* What a patch emptied, and what that emptied in its turn. */
static void prune(struct node *node)
{
	for (struct node **link = &node->first; *link != NULL;) {
		struct node *item = *link;
		if (item->changed)
			prune(item);
		if (item->changed && item->first == NULL)
			*link = item->next;
		else
			link = &item->next;
	}
}

bool patch_apply(struct arena *arena, enum resource_type type, const struct json *resource,
	const struct json *operations, struct str *out, struct outcome *outcome)
{
	struct patch patch = { .arena = arena, .type = type, .outcome = outcome };
	if (operations->type != JSON_ARRAY || operations->count == 0)
		return outcome_fail(outcome, OUTCOME_INVALID, NOWHERE,
			"a JSON Patch is an array of operations (RFC 6902)");
	if (operations->count > PATCH_OPERATIONS_MAX)
		return outcome_fail(outcome, OUTCOME_TOO_LARGE, NOWHERE,
			"a patch may have at most %d operations", PATCH_OPERATIONS_MAX);
	patch.root = node_new(arena, resource, NULL);
	json_each(operation, operations)
	{
		patch.number++;
		if (!apply_one(&patch, operation))
			return false;
		if (arena_full(arena))
			return outcome_fail(outcome, OUTCOME_TOO_LARGE, NOWHERE,
				"the patched resource needs more memory than one request may have");
	}
	prune(patch.root);
	struct buf buf = buf_new(arena, resource->raw.length + 256, BYTES_MAX);
	node_write(&buf, patch.root);
	if (buf.full)
		return outcome_fail(
			outcome, OUTCOME_TOO_LARGE, NOWHERE, "the patched resource is too large");
	*out = buf_str(&buf);
	return true;
}
