/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/resource.h"

#include <assert.h>
#include <stdlib.h>

#include "fhir/base/json.h"
#include "fhir/national.h"
#include "fhir/primitive.h"

#define ID_LENGTH 26

static const char *const names[] = {
	[TYPE_NONE] = "",
	[TYPE_OBSERVATION] = "Observation",
	[TYPE_PATIENT] = "Patient",
	[TYPE_DEVICE] = "Device",
	[TYPE_BUNDLE] = "Bundle",
	[TYPE_AUDIT_EVENT] = "AuditEvent",
	[TYPE_LOCATOR] = "Locator",
	[TYPE_PROVENANCE] = "Provenance",
	[TYPE_ORGANIZATION] = "Organization",
	[TYPE_CAPABILITY_STATEMENT] = "CapabilityStatement",
};

const char *resource_type_name(enum resource_type type)
{
	return names[type];
}

static int by_name(const void *name, const void *row)
{
	return str_compare(*(const struct str *)name, str_of(*(const char *const *)row));
}

bool resource_name_is_known(struct str name)
{
	static const char *const known[] = {
#define NAME(type) #type,
#include "fhir/resource.tbl"
	};
	return bsearch(&name, known, sizeof(known) / sizeof(known[0]), sizeof(known[0]), by_name) !=
	       NULL;
}

/* What stands behind `base` and a slash, or all of it. */
static struct str without_base(struct str reference, struct str base)
{
	return base.length > 0 && str_starts(reference, base) && reference.length > base.length &&
			       reference.at[base.length] == '/'
		       ? str_part(reference, base.length + 1, reference.length)
		       : reference;
}

bool resource_is_of_device(const struct json *subject, struct str base)
{
	const struct str reference = without_base(json_text(subject, "reference"), base);
	return str_is(json_text(subject, "type"), "Device") ||
	       str_starts(reference, STR("Device/"));
}

/* The systems end in 1, 2 and 3. */
static int rank_of(const struct json *identifier)
{
	const struct str system = json_text(identifier, "system");
	const bool old = str_is(json_text(identifier, "use"), "old");
	return system.at[system.length - 1] + (old ? 10 : 0);
}

const struct json *resource_patient_identifier(const struct json *patient)
{
	const struct json *best = NULL;
	bool several = false;
	json_each(one, json_get(patient, "identifier"))
	{
		if (!national_is_system(json_text(one, "system")))
			continue;
		const int order = best == NULL ? -1 : rank_of(one) - rank_of(best);
		if (order == 0)
			several = several ||
				  !str_equal(json_text(one, "value"), json_text(best, "value"));
		if (order < 0) {
			best = one;
			several = false;
		}
	}
	return several ? NULL : best;
}

const struct json *resource_contained_patient(const struct json *contained, struct str reference)
{
	if (reference.length < 2 || reference.at[0] != '#')
		return NULL;
	const struct str id = str_part(reference, 1, reference.length);
	json_each(one, contained)
	{
		if (str_is(json_text(one, "resourceType"), "Patient") &&
			str_equal(json_text(one, "id"), id))
			return resource_patient_identifier(one);
	}
	return NULL;
}

struct str resource_patient_id(struct str reference, struct str base)
{
	const struct str prefix = STR("Patient/");
	reference = without_base(reference, base);
	if (!str_starts(reference, prefix))
		return (struct str){ 0 };
	const struct str id = str_part(reference, prefix.length, reference.length);
	return id.length == ID_LENGTH && primitive_is_valid(PRIMITIVE_id, id) ? id
									      : (struct str){ 0 };
}

/* The member of this name, or what stands beside it as `_name`. */
static bool is_named(struct str key, struct str name)
{
	if (key.length > 0 && key.at[0] == '_')
		key = str_part(key, 1, key.length);
	return str_equal(key, name);
}

/* Names need no escapes: they were found in the element table. */
static void add_member(struct buf *buf, const struct json *item)
{
	buf_add_byte(buf, '"');
	buf_add(buf, item->key);
	buf_add(buf, STR("\":"));
	buf_add(buf, item->raw);
}

static void add_meta(struct buf *buf, const struct json *meta)
{
	bool first = true;
	json_each(item, meta)
	{
		if (is_named(item->key, STR("versionId")) ||
			is_named(item->key, STR("lastUpdated")))
			continue;
		if (!first)
			buf_add_byte(buf, ',');
		first = false;
		add_member(buf, item);
	}
}

struct str resource_body(struct arena *arena, const struct json *json)
{
	const size_t most = json->raw.length + sizeof("{\"resourceType\":\"\",\"meta\":{}}");
	struct buf buf = buf_new(arena, most, most);
	buf_add(&buf, STR("{\"resourceType\":\""));
	buf_add(&buf, json_text(json, "resourceType"));
	buf_add(&buf, STR("\",\"meta\":{"));
	add_meta(&buf, json_get(json, "meta"));
	buf_add_byte(&buf, '}');
	json_each(item, json)
	{
		const bool ours = is_named(item->key, STR("resourceType")) ||
				  is_named(item->key, STR("id")) ||
				  is_named(item->key, STR("meta"));
		if (ours)
			continue;
		buf_add_byte(&buf, ',');
		add_member(&buf, item);
	}
	buf_add_byte(&buf, '}');
	return buf_str(&buf);
}

void resource_render(struct buf *buf, const struct resource *resource)
{
	const struct str open = STR("{\"resourceType\":\""), meta = STR("\",\"meta\":{");
	const struct str name = str_of(names[resource->type]), body = resource->body;
	const size_t rest = open.length + name.length + meta.length;
	assert(body.length > rest && str_starts(body, open) &&
		str_starts(str_part(body, open.length, body.length), name) &&
		str_starts(str_part(body, open.length + name.length, body.length), meta));
	buf_add(buf, open);
	buf_add(buf, name);
	buf_add(buf, STR("\",\"id\":\""));
	buf_add(buf, resource->id);
	buf_add(buf, meta);
	buf_add(buf, STR("\"versionId\":\""));
	buf_add_i64(buf, resource->version);
	buf_add(buf, STR("\",\"lastUpdated\":\""));
	instant_write(buf, resource->updated);
	buf_add_byte(buf, '"');
	if (body.at[rest] != '}')
		buf_add_byte(buf, ',');
	buf_add(buf, str_part(body, rest, body.length));
}
