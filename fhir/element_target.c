/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a Reference leads to, as far as it can be seen without looking there: by its text, by its type, and by the contained resource it names (FHIR R4 references.html). What cannot be seen
 * (a urn, a URL of another shape, an identifier alone) may be anything.
 */
#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/element_walk.h"
#include "fhir/resource.h"

static struct str of_contained(struct str id, const struct walk *walk)
{
	json_each(item, json_get(walk->root, "contained"))
	{
		if (str_equal(json_text(item, "id"), id))
			return json_text(item, "resourceType");
	}
	return (struct str){ 0 };
}

/* `Type/id`, `Type/id/_history/version`, the same behind a base URL, and `Type?identifier=...`. */
static struct str of_url(struct str url)
{
	struct str type = { 0 }, part = { 0 };
	struct str rest = str_part(url, 0, str_index(url, '#'));
	const size_t query = str_index(rest, '?');
	if (query < rest.length && str_index(rest, '/') > query)
		return str_part(rest, 0, query);
	while (rest.length > 0) {
		const struct str next = str_cut(rest, '/', &rest);
		if (str_is(next, "_history"))
			break;
		type = part;
		part = next;
	}
	return type;
}

static struct str if_known(struct str type)
{
	return resource_name_is_known(type) ? type : (struct str){ 0 };
}

/* The type that the text of a reference shows, or an empty one. */
static struct str of_reference(struct str text, const struct walk *walk)
{
	if (text.length > 1 && text.at[0] == '#')
		return if_known(of_contained(str_part(text, 1, text.length), walk));
	if (str_starts(text, STR("urn:")))
		return (struct str){ 0 };
	return if_known(of_url(text));
}

static struct str of_type(struct str type)
{
	const struct str definitions = STR("http://hl7.org/fhir/StructureDefinition/");
	if (str_starts(type, definitions))
		type = str_part(type, definitions.length, type.length);
	return if_known(type);
}

static void fail(
	struct str type, const char *targets, const struct place *place, const struct walk *walk)
{
	struct buf buf = buf_new(walk->outcome->arena, 128, 512);
	struct str rest = str_of(targets);
	while (rest.at != NULL) {
		buf_add_text(&buf, buf.length > 0 ? ", " : "");
		buf_add(&buf, str_cut(rest, '|', &rest));
	}
	const struct str list = buf_str(&buf);
	outcome_fail(walk->outcome, OUTCOME_VALUE, place_path(place, walk),
		"%.*s refers to a resource of type %.*s; it may refer to: %.*s",
		STR_ARG(place->name), STR_ARG(type), STR_ARG(list));
}

void element_target_check(const char *targets, const struct json *json, const struct place *place,
	const struct walk *walk)
{
	const struct str led = of_reference(json_text(json, "reference"), walk);
	const struct str said = of_type(json_text(json, "type"));
	if (targets != NULL && led.length > 0 && !str_is_listed(led, targets))
		fail(led, targets, place, walk);
	else if (targets != NULL && said.length > 0 && !str_is_listed(said, targets))
		fail(said, targets, place, walk);
	if (led.length > 0 && said.length > 0 && !str_equal(led, said))
		outcome_fail(walk->outcome, OUTCOME_VALUE, place_path(place, walk),
			"%.*s says that it is of type %.*s, and refers to one of type %.*s",
			STR_ARG(place->name), STR_ARG(said), STR_ARG(led));
}
