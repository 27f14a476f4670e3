/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/include.h"

#include <assert.h>

#include "fhir/base/buf.h"
#include "fhir/match_value.h"
#include "fhir/primitive.h"

#define NAMES_MAX 4096

static const struct include includes[] = {
#define INCLUDE(searched, direction, source, parameter, target) \
	{ TYPE_##searched, INCLUDE_##direction, TYPE_##source, parameter, TYPE_##target },
#include "fhir/include.tbl"
#undef INCLUDE
};
#define INCLUDES (sizeof(includes) / sizeof(*includes))

const struct include *includes_all(size_t *count)
{
	*count = INCLUDES;
	return includes;
}

bool include_is_asked(const struct include *include, enum resource_type searched,
	enum include_direction direction, struct str text)
{
	struct str parameter, target;
	if (include->searched != searched || include->direction != direction)
		return false;
	if (str_is(text, "*"))
		return true;
	const struct str source = str_cut(text, ':', &parameter);
	parameter = str_cut(parameter, ':', &target);
	return str_is(source, resource_type_name(include->source)) &&
	       (str_is(parameter, "*") || str_is(parameter, include->parameter)) &&
	       (target.at == NULL || str_is(target, resource_type_name(include->target)));
}

struct str include_names(
	struct arena *arena, enum resource_type searched, enum include_direction direction)
{
	struct buf buf = buf_new(arena, 256, NAMES_MAX);
	for (size_t i = 0; i < INCLUDES; i++)
		if (includes[i].searched == searched && includes[i].direction == direction)
			buf_add_format(&buf, "%s%s:%s[:%s]", buf.length == 0 ? "" : ", ",
				resource_type_name(includes[i].source), includes[i].parameter,
				resource_type_name(includes[i].target));
	return buf_str(&buf);
}

const struct search_parameter *include_parameter(const struct include *include)
{
	const struct search_parameter *parameter =
		search_parameter_find(include->source, str_of(include->parameter));
	assert(parameter != NULL);
	return parameter;
}

/* The paths that rows name are single members. */
const struct json *include_next(
	const struct include *include, const struct json *resource, const struct json *after)
{
	if (after != NULL)
		return after->key.length == 0 ? after->next : NULL;
	const struct json *member = json_get(resource, include_parameter(include)->path);
	return member != NULL && member->type == JSON_ARRAY ? member->first : member;
}

struct str include_id(const struct json *reference, enum resource_type type, struct str base)
{
	struct str id;
	const struct str text = match_relative(json_text(reference, "reference"), base);
	const struct str name = str_cut(text, '/', &id);
	return str_is(name, resource_type_name(type)) && primitive_is_valid(PRIMITIVE_id, id)
		       ? id
		       : (struct str){ 0 };
}
