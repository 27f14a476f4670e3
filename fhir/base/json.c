/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The doorway of yajl, which is lenient: what it lets pass and we do not (RFC 8259 leaves it open, I-JSON, RFC 7493,
 * does not) is checked here. The text is fed as it lies, so that yajl's strings and numbers point into it; only a string
 * with escapes is copied, and what stands across two slices. Everything, yajl's own state too, lives on the arena.
 */
#include "fhir/base/json.h"

#include <stdint.h>
#include <yajl/yajl_parse.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

/* A number longer than this, or with a greater exponent, is no finite double and no measurement. */
#define NUMBER_LENGTH_MAX   100
#define NUMBER_EXPONENT_MAX 250

/* Objects of so few members are searched, larger ones ask a filter first. */
#define FEW_MEMBERS  16
#define FILTER_WORDS 16

#define NODES_AT_ONCE 64

/* Of a text in slices: yajl reads a token that goes on in the next slice from its beginning again, and so would read 16 MiB a thousand times. */
#define TOKEN_MAX ((size_t)2 << 20)

/* An array or object that is still open. */
struct level {
	struct json *parent;
	uint64_t *seen; /* hashes of member names, one bit each; made when first needed */
};

struct json_parser {
	struct arena *arena;
	struct str text;
	size_t fed; /* where the slice under way begins */
	yajl_handle parser;
	struct json *root;
	struct json *spare; /* nodes taken from the arena and not yet used */
	size_t spares;
	size_t nodes_left;
	size_t end; /* of the token before this one */
	uint64_t seed;
	struct str key;
	bool completing; /* the text is at its end; yajl sees a blank of its own */
	const char *refusal;
	enum outcome_kind refusal_kind;
	unsigned depth;
	struct level levels[JSON_DEPTH_MAX];
};

/* yajl stops when a callback returns 0. */
static int refuse(struct json_parser *tree, enum outcome_kind kind, const char *why)
{
	tree->refusal = why;
	tree->refusal_kind = kind;
	return 0;
}

/* ---- yajl's memory: pieces of the arena that remember their size */

union piece {
	size_t size;
	max_align_t align;
};

static void *memory_take(void *arena, size_t size)
{
	union piece *piece = arena_alloc(arena, sizeof(*piece) + size);
	piece->size = size;
	return piece + 1;
}

static void *memory_grow(void *arena, void *old, size_t size)
{
	void *grown = memory_take(arena, size);
	if (old != NULL) {
		const size_t had = ((union piece *)old)[-1].size;
		memcpy(grown, old, had < size ? had : size);
	}
	return grown;
}

static void memory_leave(void *arena, void *old)
{
	(void)arena;
	(void)old;
}

/* ---- the tree */

static struct json *node_new(struct json_parser *tree, enum json_type type)
{
	if (tree->nodes_left == 0) {
		refuse(tree, OUTCOME_TOO_LARGE, "too many values");
		return NULL;
	}
	if (tree->spares == 0) {
		if (arena_full(tree->arena)) {
			refuse(tree, OUTCOME_TOO_LARGE, "too large");
			return NULL;
		}
		tree->spares = tree->text.length / 16 < NODES_AT_ONCE ? 8 : NODES_AT_ONCE;
		tree->spare = arena_array(tree->arena, tree->spares, sizeof(*tree->spare));
	}
	tree->nodes_left--;
	tree->spares--;
	struct json *node = tree->spare++;
	node->type = type;
	node->key = tree->key;
	tree->key = (struct str){ NULL, 0 };
	return node;
}

static void append(struct json_parser *tree, struct json *node)
{
	if (tree->depth == 0) {
		tree->root = node;
		return;
	}
	struct json *parent = tree->levels[tree->depth - 1].parent;
	if (parent->last == NULL)
		parent->first = node;
	else
		parent->last->next = node;
	parent->last = node;
	parent->count++;
}

/* A value that stands in text[from, to). */
static struct json *scalar(struct json_parser *tree, enum json_type type, size_t from, size_t to)
{
	struct json *node = node_new(tree, type);
	if (node == NULL)
		return NULL;
	node->raw = (struct str){ tree->text.at + from, to - from };
	tree->end = to;
	append(tree, node);
	return node;
}

static size_t position(const struct json_parser *tree)
{
	return tree->fed + yajl_get_bytes_consumed(tree->parser);
}

/* Does it stand in the text, and not in a copy of yajl's? */
static bool is_in_text(const struct json_parser *tree, const void *at)
{
	const uintptr_t start = (uintptr_t)tree->text.at, here = (uintptr_t)at;
	return here > start && here - start < tree->text.length;
}

static int on_null(void *context)
{
	struct json_parser *tree = context;
	const size_t to = position(tree);
	return scalar(tree, JSON_NULL, to - strlen("null"), to) != NULL;
}

static int on_bool(void *context, int truth)
{
	struct json_parser *tree = context;
	const size_t to = position(tree);
	struct json *node = scalar(tree, JSON_BOOL, to - strlen(truth != 0 ? "true" : "false"), to);
	if (node == NULL)
		return 0;
	node->truth = truth != 0;
	return 1;
}

static bool number_is_bounded(struct str number)
{
	if (number.length > NUMBER_LENGTH_MAX)
		return false;
	size_t at = 0;
	while (at < number.length && (number.at[at] | 0x20) != 'e')
		at++;
	unsigned exponent = 0;
	for (at++; at < number.length && exponent <= NUMBER_EXPONENT_MAX; at++)
		if (number.at[at] >= '0' && number.at[at] <= '9')
			exponent = exponent * 10 + (unsigned)(number.at[at] - '0');
	return exponent <= NUMBER_EXPONENT_MAX;
}

static int on_number(void *context, const char *at, size_t length)
{
	struct json_parser *tree = context;
	/* A number that ends the text is only known to have ended with yajl's blank, and comes as a copy; so does one across two slices. */
	size_t from = position(tree) - length;
	if (tree->completing)
		from = tree->text.length - length;
	else if (at == tree->text.at || is_in_text(tree, at))
		from = (size_t)(at - tree->text.at);
	struct json *node = scalar(tree, JSON_NUMBER, from, from + length);
	if (node == NULL)
		return 0;
	node->text = node->raw;
	if (!number_is_bounded(node->text))
		return refuse(tree, OUTCOME_STRUCTURE, "a number out of range");
	return 1;
}

static unsigned hex4(const char *digits)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++) {
		const char c = digits[i];
		value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

/*
 * Are the \u escapes of a string all characters? yajl has checked their form, and then makes '?' of a lone surrogate
 * and something of a high one before anything but a low one. RFC 7493 section 2.1 forbids both, and U+0000 we do.
 */
static bool escapes_are_sound(struct str raw)
{
	const char *end = raw.at + raw.length;
	const char *at = memchr(raw.at, '\\', raw.length);
	while (at != NULL) {
		if (at[1] != 'u') {
			at += 2;
		} else {
			const unsigned unit = hex4(at + 2);
			at += 6;
			if (unit == 0 || (unit & 0xfc00) == 0xdc00)
				return false;
			if ((unit & 0xfc00) == 0xd800) {
				if (end - at < 6 || at[0] != '\\' || at[1] != 'u' ||
					(hex4(at + 2) & 0xfc00) != 0xdc00)
					return false;
				at += 6;
			}
		}
		at = memchr(at, '\\', (size_t)(end - at));
	}
	return true;
}

/* The bytes a string stood in, quotes included, and what it says: a part of the text, or a copy where it had escapes. */
static bool take_string(struct json_parser *tree, const unsigned char *at, size_t length,
	struct str *raw, struct str *said)
{
	if (is_in_text(tree, at)) {
		*said = (struct str){ (const char *)at, length };
		*raw = (struct str){ said->at - 1, length + 2 };
		return true;
	}
	size_t from = tree->end;
	while (tree->text.at[from] != '"')
		from++; /* only blanks, a comma or a colon stand between two tokens */
	*raw = (struct str){ tree->text.at + from, position(tree) - from };
	if (!escapes_are_sound(*raw))
		return refuse(tree, OUTCOME_STRUCTURE,
			"an escape that is no character (U+0000 or a lone surrogate)");
	if (arena_full(tree->arena))
		return refuse(tree, OUTCOME_TOO_LARGE, "too large");
	*said = str_copy(tree->arena, (struct str){ (const char *)at, length });
	return true;
}

static int on_string(void *context, const unsigned char *at, size_t length)
{
	struct json_parser *tree = context;
	struct str raw, said;
	if (!take_string(tree, at, length, &raw, &said))
		return 0;
	const size_t from = (size_t)(raw.at - tree->text.at);
	struct json *node = scalar(tree, JSON_STRING, from, from + raw.length);
	if (node == NULL)
		return 0;
	node->text = said;
	return 1;
}

static const struct json *member(const struct json *json, struct str name)
{
	for (const struct json *item = json->first; item != NULL; item = item->next)
		if (item->key.length == name.length &&
			memcmp(item->key.at, name.at, name.length) == 0)
			return item;
	return NULL;
}

static uint64_t hash(uint64_t seed, struct str key)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t mixed = seed ^ key.length;
	for (size_t at = 0; at < key.length; at += sizeof(uint64_t)) {
		const size_t left = key.length - at;
		uint64_t word = 0;
		memcpy(&word, key.at + at, left < sizeof(word) ? left : sizeof(word));
		mixed = (mixed ^ word) * odd;
		mixed ^= mixed >> 32;
	}
	return mixed;
}

/* Sets the key's bit in the filter. True when it was set already. */
static bool filter_add(struct json_parser *tree, uint64_t *seen, struct str key)
{
	const uint64_t bit = hash(tree->seed, key) % (FILTER_WORDS * 64);
	const uint64_t mask = UINT64_C(1) << bit % 64;
	const bool was_set = (seen[bit / 64] & mask) != 0;
	seen[bit / 64] |= mask;
	return was_set;
}

/*
 * Has the object a member of this name? A Bloom filter of 1,024 bits answers no for most names of a large object. Its
 * seed is only as secret as addresses are; who guesses it makes us search 256 members per name, no more.
 */
static bool has_member(struct json_parser *tree, struct level *level, struct str key)
{
	const struct json *parent = level->parent;
	if (parent->count < FEW_MEMBERS)
		return member(parent, key) != NULL;
	if (parent->count == FEW_MEMBERS) {
		const size_t size = FILTER_WORDS * sizeof(*level->seen);
		if (level->seen == NULL)
			level->seen = arena_alloc(tree->arena, size);
		memset(level->seen, 0, size);
		json_each(item, parent) filter_add(tree, level->seen, item->key);
	}
	return filter_add(tree, level->seen, key) && member(parent, key) != NULL;
}

static int on_key(void *context, const unsigned char *at, size_t length)
{
	struct json_parser *tree = context;
	struct level *level = &tree->levels[tree->depth - 1];
	struct str raw, said;
	if (!take_string(tree, at, length, &raw, &said))
		return 0;
	tree->end = (size_t)(raw.at - tree->text.at) + raw.length;
	if (level->parent->count >= JSON_MEMBERS_MAX)
		return refuse(tree, OUTCOME_STRUCTURE, "an object of too many members");
	if (has_member(tree, level, said))
		return refuse(tree, OUTCOME_STRUCTURE, "a member name that is there already");
	tree->key = said;
	return 1;
}

static int open_level(struct json_parser *tree, enum json_type type)
{
	if (tree->depth == JSON_DEPTH_MAX)
		return refuse(tree, OUTCOME_STRUCTURE, "nested too deep");
	const size_t to = position(tree);
	struct json *node = scalar(tree, type, to - 1, to);
	if (node == NULL)
		return 0;
	tree->levels[tree->depth++].parent = node;
	return 1;
}

static int on_open_object(void *context)
{
	return open_level(context, JSON_OBJECT);
}

static int on_open_array(void *context)
{
	return open_level(context, JSON_ARRAY);
}

static int on_close(void *context)
{
	struct json_parser *tree = context;
	struct json *node = tree->levels[--tree->depth].parent;
	tree->end = position(tree);
	node->raw.length = (size_t)(tree->text.at + tree->end - node->raw.at);
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_open_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close,
	.yajl_start_array = on_open_array,
	.yajl_end_array = on_close,
};

/* Adds the error with the line and the column (in characters, from 1) of text[at]. */
static struct json *fail_at(struct json_parser *tree, size_t at, enum outcome_kind kind,
	struct str why, struct outcome *outcome)
{
	size_t line = 1, column = 1;
	for (size_t i = 0; i < at && i < tree->text.length; i++) {
		if (tree->text.at[i] == '\n') {
			line++;
			column = 1;
		} else if ((tree->text.at[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	outcome_fail(outcome, kind, (struct str){ NULL, 0 }, "JSON, line %zu, column %zu: %.*s",
		line, column, STR_ARG(why));
	return NULL;
}

static void begin(struct json_parser *tree, struct arena *arena, struct str text, size_t nodes_max)
{
	*tree = (struct json_parser){ .arena = arena, .text = text, .nodes_left = nodes_max };
	if (text.at == NULL)
		tree->text = STR("");
	tree->seed = ((uintptr_t)arena ^ (uintptr_t)text.at) * UINT64_C(0xd6e8feb86659fd93);
	yajl_alloc_funcs memory = { memory_take, memory_grow, memory_leave, arena };
	tree->parser = yajl_alloc(&callbacks, &memory, tree);
	yajl_config(tree->parser, yajl_dont_validate_strings, 1);
}

/* The slice from tree->fed of about `bytes`, ending between two characters. */
static struct str slice_of(const struct json_parser *tree, size_t bytes)
{
	struct str slice = str_part(tree->text, tree->fed, tree->text.length);
	if (bytes >= slice.length)
		return slice;
	while (bytes < slice.length && (slice.at[bytes] & 0xc0) == 0x80)
		bytes++;
	return str_part(slice, 0, bytes);
}

/* The parser is the arena's: there is nothing of it to free. */
static bool end(struct json_parser *tree, yajl_status status, struct str slice, struct json **out,
	struct outcome *outcome)
{
	const unsigned char *bytes = (const unsigned char *)slice.at;
	const size_t at = tree->completing ? tree->text.length : position(tree);
	*out = NULL;
	if (status == yajl_status_client_canceled) {
		fail_at(tree, at, tree->refusal_kind, str_of(tree->refusal), outcome);
	} else if (status != yajl_status_ok) {
		const char *why =
			(const char *)yajl_get_error(tree->parser, 0, bytes, slice.length);
		fail_at(tree, at, OUTCOME_STRUCTURE,
			str_starts(tree->text, STR("\xef\xbb\xbf"))
				? STR("a byte order mark stands before the text; JSON has none")
				: str_trim(str_of(why)),
			outcome);
	} else if (arena_full(tree->arena)) {
		fail_at(tree, at, OUTCOME_TOO_LARGE, STR("too large"), outcome);
	} else {
		*out = tree->root;
	}
	return true;
}

bool json_parser_run(
	struct json_parser *tree, size_t bytes, struct json **out, struct outcome *outcome)
{
	const struct str slice = slice_of(tree, bytes);
	const size_t sound = str_utf8_prefix(slice);
	if (sound < slice.length) {
		*out = fail_at(tree, tree->fed + sound, OUTCOME_STRUCTURE,
			STR("not well-formed UTF-8, or U+0000"), outcome);
		return true;
	}
	yajl_status status =
		yajl_parse(tree->parser, (const unsigned char *)slice.at, slice.length);
	if (status != yajl_status_ok)
		return end(tree, status, slice, out, outcome);
	tree->fed += slice.length;
	if (tree->fed < tree->text.length) {
		if (tree->fed - tree->end <= TOKEN_MAX)
			return false;
		*out = fail_at(tree, tree->end, OUTCOME_TOO_LARGE,
			STR("a text, or a gap, of more than 2 MiB"), outcome);
		return true;
	}
	tree->completing = true;
	status = yajl_complete_parse(tree->parser);
	return end(tree, status, slice, out, outcome);
}

struct json_parser *json_parser_new(struct arena *arena, struct str text, size_t nodes_max)
{
	struct json_parser *tree = arena_alloc(arena, sizeof(*tree));
	begin(tree, arena, text, nodes_max);
	return tree;
}

struct json *json_parse(
	struct arena *arena, struct str text, size_t nodes_max, struct outcome *outcome)
{
	struct json_parser tree;
	struct json *root;
	begin(&tree, arena, text, nodes_max);
	json_parser_run(&tree, SIZE_MAX, &root, outcome);
	return root;
}

/* ---- reading */

const struct json *json_get(const struct json *json, const char *name)
{
	if (json == NULL || json->type != JSON_OBJECT)
		return NULL;
	return member(json, str_of(name));
}

struct str json_text(const struct json *json, const char *name)
{
	const struct json *found = json_get(json, name);
	if (found == NULL || found->type != JSON_STRING)
		return (struct str){ NULL, 0 };
	return found->text;
}

const struct json *json_at(const struct json *json, size_t index)
{
	if (json == NULL || json->type != JSON_ARRAY)
		return NULL;
	json_each(item, json)
	{
		if (index-- == 0)
			return item;
	}
	return NULL;
}

/* ---- writing */

static bool is_escaped(char c)
{
	return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

static void write_escape(struct buf *buf, char c)
{
	static const char letters[] = "btn\0fr"; /* U+0008 to U+000D, but for U+000B */
	const unsigned char code = (unsigned char)c;
	if (c == '"' || c == '\\') {
		buf_add_byte(buf, '\\');
		buf_add_byte(buf, c);
	} else if (code >= 8 && code <= 13 && letters[code - 8] != '\0') {
		buf_add_byte(buf, '\\');
		buf_add_byte(buf, letters[code - 8]);
	} else {
		buf_add_format(buf, "\\u%04x", code);
	}
}

/* Well-formed UTF-8. */
static void write_sound(struct buf *buf, struct str s)
{
	size_t from = 0;
	for (size_t at = 0; at < s.length; at++) {
		if (!is_escaped(s.at[at]))
			continue;
		buf_add(buf, str_part(s, from, at - from));
		write_escape(buf, s.at[at]);
		from = at + 1;
	}
	buf_add(buf, str_part(s, from, s.length - from));
}

void json_write_string(struct buf *buf, struct str s)
{
	buf_add_byte(buf, '"');
	while (s.length > 0) {
		const size_t sound = str_utf8_prefix(s);
		write_sound(buf, str_part(s, 0, sound));
		if (sound == s.length)
			break;
		buf_add_text(buf, "\xef\xbf\xbd");
		s = str_part(s, sound + 1, s.length);
	}
	buf_add_byte(buf, '"');
}

void json_write_name(struct buf *buf, const char *name)
{
	buf_add_byte(buf, '"');
	buf_add_text(buf, name);
	buf_add(buf, STR("\":"));
}

void json_write_comma(struct buf *buf)
{
	const struct str written = buf_str(buf);
	if (written.length > 0 && memchr("{[,:", written.at[written.length - 1], 4) == NULL)
		buf_add_byte(buf, ',');
}

void json_write_member(struct buf *buf, const char *name, struct str value)
{
	if (value.length == 0)
		return;
	json_write_comma(buf);
	json_write_name(buf, name);
	json_write_string(buf, value);
}

static void write_items(struct buf *buf, const struct json *json)
{
	bool first = true;
	json_each(item, json)
	{
		if (!first)
			buf_add_byte(buf, ',');
		first = false;
		if (json->type == JSON_OBJECT) {
			json_write_string(buf, item->key);
			buf_add_byte(buf, ':');
		}
		json_write(buf, item);
	}
}

/* Calls itself as deep as json_parse() let the text be nested. */
void json_write(struct buf *buf, const struct json *json)
{
	switch (json->type) {
	case JSON_NULL:
		buf_add_text(buf, "null");
		return;
	case JSON_BOOL:
		buf_add_text(buf, json->truth ? "true" : "false");
		return;
	case JSON_NUMBER:
		buf_add(buf, json->text);
		return;
	case JSON_STRING:
		json_write_string(buf, json->text);
		return;
	case JSON_ARRAY:
		buf_add_byte(buf, '[');
		write_items(buf, json);
		buf_add_byte(buf, ']');
		return;
	case JSON_OBJECT:
		buf_add_byte(buf, '{');
		write_items(buf, json);
		buf_add_byte(buf, '}');
		return;
	}
}
