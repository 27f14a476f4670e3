/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Membership in value sets: rows of valueset.tbl, or what the code tables say. */
#include "fhir/valueset.h"

#define SAME  STR("urn:maalehub:same:")
#define CLASS STR("urn:maalehub:class:")
#define R4    STR("http://hl7.org/fhir/ValueSet/")

static const struct {
	const char *url, *system, *codes;
} rows[] = {
#define VALUESET(url, system, codes) { url, system, codes },
#include "fhir/valueset.tbl"
#undef VALUESET
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const urls[] = {
#define VALUESET(url, system, codes) url,
#include "fhir/valueset.tbl"
#undef VALUESET
};

/* The URL without its version. False where the version is none of ours. */
static bool take_version(struct str *url)
{
	struct str version;
	const struct str bare = str_cut(*url, '|', &version);
	*url = bare;
	return version.at == NULL || (str_starts(bare, R4) && str_is(version, "4.0.1"));
}

/* What `code` stands for in the first system that has it. */
static bool find_thing(struct str code, struct code_facts *out)
{
	static const char *const systems[] = { SYSTEM_LOINC, SYSTEM_SNOMED, SYSTEM_NPU,
		SYSTEM_MDC };
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		if (code_find((struct coding){ str_of(systems[i]), code }, out))
			return true;
	return false;
}

static enum reading_class class_of(struct str name)
{
	if (str_is(name, "health"))
		return CLASS_HEALTH;
	if (str_is(name, "welfare"))
		return CLASS_WELFARE;
	return str_is(name, "administrative") ? CLASS_ADMINISTRATIVE : 0;
}

/* What stands behind the prefix of a family. False where `url` is not of it. */
static bool family(struct str url, struct str prefix, struct str *rest)
{
	if (!str_starts(url, prefix))
		return false;
	*rest = str_part(url, prefix.length, url.length);
	return true;
}

bool valueset_known(struct str url)
{
	struct str rest;
	struct code_facts facts;
	if (!take_version(&url))
		return false;
	if (family(url, SAME, &rest))
		return find_thing(rest, &facts);
	if (family(url, CLASS, &rest))
		return class_of(rest) != 0;
	for (size_t i = 0; i < ROWS; i++)
		if (str_is(url, rows[i].url))
			return true;
	return false;
}

static bool is_same(struct str name, struct coding coding)
{
	struct code_facts thing, facts;
	return find_thing(name, &thing) && code_find(coding, &facts) &&
	       str_equal(thing.canon.code, facts.canon.code) &&
	       str_equal(thing.canon.system, facts.canon.system);
}

bool valueset_contains(struct str url, struct str system, struct str code)
{
	struct str rest;
	struct code_facts facts;
	const struct coding coding = { system, code };
	if (code.length == 0 || !take_version(&url))
		return false;
	if (family(url, SAME, &rest))
		return is_same(rest, coding);
	if (family(url, CLASS, &rest))
		return code_find(coding, &facts) && facts.class == class_of(rest);
	for (size_t i = 0; i < ROWS; i++)
		if (str_is(url, rows[i].url) && str_is(system, rows[i].system) &&
			str_is_listed(code, rows[i].codes))
			return true;
	return false;
}

const char *const *valueset_urls(size_t *count)
{
	*count = ROWS;
	return urls;
}
