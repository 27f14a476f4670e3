/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BASE_JSON_H
#define FHIR_BASE_JSON_H

#include "fhir/base/outcome.h"
#include "fhir/base/str.h"

struct buf;

/*
 * A parsed JSON text on an arena (doorway: yajl). Strict: UTF-8 well formed, no duplicate member names, no U+0000, no lone
 * surrogate, depth and node limits. Numbers stay the text they were. `raw` is the exact slice of the source a value
 * stood in, so a resource can be kept byte for byte; the source must outlive the tree.
 */
enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	bool truth;         /* JSON_BOOL */
	unsigned count;     /* members or elements */
	struct str key;     /* member name, unescaped; empty in an array */
	struct str text;    /* JSON_STRING unescaped, JSON_NUMBER as written */
	struct str raw;     /* the value's bytes in the source, quotes included */
	struct json *first; /* members or elements, in source order */
	struct json *last;
	struct json *next;
};

/* R4 nests no deeper than this in practice; FHIR's own examples stay under 20. */
#define JSON_DEPTH_MAX   48
#define JSON_MEMBERS_MAX 256

/* Parses the whole of `text`; at most `nodes_max` values. Errors are STRUCTURE (or TOO_LARGE) with line and column in the text. */
struct json *json_parse(
	struct arena *arena, struct str text, size_t nodes_max, struct outcome *outcome);

/*
 * The same in slices, for texts that take longer than others should wait. json_parser_run() goes on for about `bytes`; true when it is over: *out is the tree, or NULL where an
 * error was added. The text must stay until then.
 */
struct json_parser;
struct json_parser *json_parser_new(struct arena *arena, struct str text, size_t nodes_max);
bool json_parser_run(
	struct json_parser *parser, size_t bytes, struct json **out, struct outcome *outcome);

/* The member, or NULL where there is none (or `json` is NULL or no object). */
const struct json *json_get(const struct json *json, const char *name);
/* The text of a string member, or an empty slice. */
struct str json_text(const struct json *json, const char *name);
/* Element `index` of an array, or NULL. */
const struct json *json_at(const struct json *json, size_t index);

#define json_each(item, parent)                                                                 \
	for (const struct json *item = (parent) == NULL ? NULL : (parent)->first; item != NULL; \
		item = item->next)

/* Writes `s` as a JSON string with quotes; control characters escaped, the rest as UTF-8. Not well-formed UTF-8 is replaced by U+FFFD. */
void json_write_string(struct buf *buf, struct str s);
/* Writes `"name":` */
void json_write_name(struct buf *buf, const char *name);
/* Writes `"name":"value"`, preceded by a comma unless the last byte is '{', '[' or the buffer is empty. Nothing when value is empty. */
void json_write_member(struct buf *buf, const char *name, struct str value);
/* A comma, unless the buffer is empty or ends in '{', '[', ',' or ':'. */
void json_write_comma(struct buf *buf);
/* The whole value again, without white space; numbers as they were. */
void json_write(struct buf *buf, const struct json *json);

#endif
