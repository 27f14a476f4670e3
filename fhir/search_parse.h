/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_SEARCH_PARSE_H
#define FHIR_SEARCH_PARSE_H

#include "fhir/search.h"

/* What the files of the search parser share. */

/* One name=value of the query, decoded. */
struct search_pair {
	struct str name, value;
	const struct search_parameter *parameter;
	enum search_modifier modifier;
	struct str target; /* :Type */
};

struct search_parsing {
	struct arena *arena;
	const struct search_policy *policy;
	struct search *out;
	struct outcome *outcome;
	enum resource_type type;
};

/* Adds "the value of search parameter `name` is not `form`" and returns false. */
bool search_fail_value(struct search_parsing *parsing, const char *name, const char *form);

/* Where the first bare `byte` stands at or behind `from`, or the length; FHIR R4 search 3.1.1.3: `\` escapes `,` `|` `$` and itself. */
size_t search_bare(struct str text, size_t from, char byte);
/* The values of a list, still escaped: NULL with an error when one is empty, wrongly escaped, or there are too many. */
struct str *search_split(
	struct search_parsing *parsing, const struct search_pair *pair, size_t *count);
/* A token, by its four forms; false when it has none of them. */
bool search_read_token(struct arena *arena, struct str text, struct search_token *out);
/* The prefix of a value, eq where it has none. False for letters that are none. */
bool search_take_prefix(struct str *text, enum search_prefix *out);

/* The values of a condition; false adds an error. */
bool search_read_condition(struct search_parsing *parsing, const struct search_pair *pair,
	struct search_condition *out);

#endif
