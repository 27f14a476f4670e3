/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/search_parameter.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

#define HAS(modifier) (1u << SEARCH_MODIFIER_##modifier)

/* The sets of modifiers that search.tbl names. */
enum {
	NO_MODIFIERS = 0,
	OF_TOKEN = HAS(MISSING) | HAS(NOT) | HAS(IN) | HAS(NOT_IN) | HAS(TEXT),
	OF_IDENTIFIER = HAS(MISSING) | HAS(NOT) | HAS(TEXT) | HAS(OF_TYPE),
	OF_STATUS = HAS(MISSING) | HAS(NOT),
	OF_STRING = HAS(MISSING) | HAS(EXACT) | HAS(CONTAINS),
	OF_REFERENCE = HAS(MISSING) | HAS(IDENTIFIER) | HAS(TYPE),
	OF_PATIENT = HAS(IDENTIFIER) | HAS(TYPE),
	OF_OTHERS = HAS(MISSING)
};

static const struct search_parameter parameters[] = {
#define SEARCH(resource, name, kind, type, definition, path, columns, modifiers, text) \
	{ TYPE_##resource, name, SEARCH_KIND_##kind, type, definition, path,           \
		SEARCH_COLUMNS_##columns, modifiers, { { SEARCH_KIND_COUNT, "" } }, text },
#define COMPOSITE(resource, name, definition, path, kind1, path1, kind2, path2, text)  \
	{ TYPE_##resource, name, SEARCH_KIND_COMPOSITE, "composite", definition, path, \
		SEARCH_COLUMNS_NONE, NO_MODIFIERS,                                     \
		{ { SEARCH_KIND_##kind1, path1 }, { SEARCH_KIND_##kind2, path2 } }, text },
#include "fhir/search.tbl"
#undef SEARCH
#undef COMPOSITE
};

#define PARAMETERS (sizeof(parameters) / sizeof(*parameters))

static const char *const modifiers[SEARCH_MODIFIERS] = {
#define MODIFIER(name, text) [SEARCH_MODIFIER_##name] = text,
#include "fhir/search_modifier.tbl"
#undef MODIFIER
};

const struct search_parameter *search_parameters(size_t *count)
{
	*count = PARAMETERS;
	return parameters;
}

bool search_parameter_is_of(const struct search_parameter *parameter, enum resource_type resource)
{
	return parameter->resource == TYPE_NONE || parameter->resource == resource;
}

const struct search_parameter *search_parameter_find(enum resource_type resource, struct str name)
{
	for (size_t i = 0; i < PARAMETERS; i++)
		if (search_parameter_is_of(&parameters[i], resource) &&
			str_is(name, parameters[i].name))
			return &parameters[i];
	return NULL;
}

const char *search_modifier_name(enum search_modifier modifier)
{
	return modifiers[modifier];
}

struct str search_parameter_names(struct arena *arena, enum resource_type resource)
{
	struct buf buf = buf_new(arena, 256, 4096);
	for (size_t i = 0; i < PARAMETERS; i++) {
		if (!search_parameter_is_of(&parameters[i], resource))
			continue;
		buf_add_text(&buf, buf.length == 0 ? "" : ", ");
		buf_add_text(&buf, parameters[i].name);
	}
	return buf_str(&buf);
}
