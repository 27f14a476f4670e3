/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Profiles: which rows of profile.tbl a reading is held to, and how. */
#include "fhir/profile.h"

#include "fhir/base/arena.h"
#include "fhir/valueset.h"

#define VITAL_UNITS STR("http://hl7.org/fhir/ValueSet/ucum-vitals-common")
#define VKP_SITES                          \
	STR("http://hl7.no/fhir/ValueSet/" \
	    "no-domain-vitalsignsobservation-bloodpressure-bodysitevalueset")
#define VKP_METHODS                        \
	STR("http://hl7.no/fhir/ValueSet/" \
	    "no-domain-vitalsignsobservation-bloodpressure-measurementmethodvalueSet")
#define DAY_LENGTH (sizeof("YYYY-MM-DD") - 1)

enum parent { VITAL = 1, VKP = 2, VKP_VITAL = VITAL | VKP };
enum wants { NO_VALUE = 1, VALUE = 2, MEMBERS = 4, SITE = 8 };

enum profile_number {
#define PROFILE(name, url, parent, system, code, units, wants) PROFILE_##name,
#define PART(name, system, code, units)
#include "fhir/profile.tbl"
#undef PROFILE
#undef PART
	PROFILES
};

static const struct profile {
	const char *name, *url;
	enum parent parent;
	const char *system, *code, *units;
	unsigned wants;
} profiles[PROFILES] = {
#define PROFILE(name, url, parent, system, code, units, wants) \
	{ #name, url, parent, system, code, units, wants },
#define PART(name, system, code, units)
#include "fhir/profile.tbl"
#undef PROFILE
#undef PART
};

static const struct part {
	enum profile_number profile;
	const char *system, *code, *units;
} parts[] = {
#define PROFILE(name, url, parent, system, code, units, wants)
#define PART(name, system, code, units) { PROFILE_##name, system, code, units },
#include "fhir/profile.tbl"
#undef PROFILE
#undef PART
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* One reading held to one profile. */
struct check {
	const struct profiling *reading;
	const struct profile *profile;
	bool claimed;
};

/* ---- which */

/* Is `url` that of the profile? R4's are exact; of VKP's the end counts. */
static bool is_url(const struct profile *profile, struct str url)
{
	const struct str name = str_of(profile->url);
	if ((profile->parent & VKP) == 0)
		return str_equal(url, name);
	if (!str_starts(url, STR("http://hl7.no/")) && !str_starts(url, STR("http://ehelse.no/")))
		return false;
	return url.length > name.length && url.at[url.length - name.length - 1] == '/' &&
	       str_equal_nocase(str_part(url, url.length - name.length, name.length), name);
}

static const struct profile *profile_find(struct str url)
{
	struct str version;
	const struct str bare = str_cut(url, '|', &version);
	for (size_t i = 0; i < PROFILES; i++)
		if (is_url(&profiles[i], bare))
			return &profiles[i];
	return NULL;
}

bool profile_known(struct str url)
{
	return profile_find(url) != NULL;
}

const char *const *profile_urls(size_t *count)
{
	static const char *const urls[] = {
#define PROFILE(name, url, parent, system, code, units, wants) url,
#define PART(name, system, code, units)
#include "fhir/profile.tbl"
#undef PROFILE
#undef PART
	};
	*count = PROFILE_vkp; /* R4's stand before it */
	return urls;
}

static bool has_coding(const struct concept *concept, const char *system, const char *code)
{
	for (size_t i = 0; i < concept->count; i++)
		if (str_is(concept->codings[i].code, code) &&
			str_is(concept->codings[i].system, system))
			return true;
	return false;
}

static bool is_vital_category(const struct observation *observation)
{
	return has_coding(&observation->category, SYSTEM_CATEGORY, "vital-signs");
}

/* R4's profile of what the reading is by its leading code, which MDC, SNOMED CT and others lead to as well. */
static const struct profile *profile_of_code(const struct observation *observation)
{
	if (observation->canon.code.length == 0 ||
		!str_is(observation->canon.system, SYSTEM_LOINC) || !is_vital_category(observation))
		return NULL;
	for (size_t i = 0; i < PROFILES; i++)
		if (profiles[i].parent == VITAL &&
			str_is(observation->canon.code, profiles[i].code))
			return &profiles[i];
	return NULL;
}

/* ---- issues */

static void tell(const struct check *check, const char *where, const char *text)
{
	const struct profiling *reading = check->reading;
	const struct str at =
		str_format(reading->arena, "%.*s%s", STR_ARG(reading->expression), where);
	if (check->claimed && (check->profile->parent & VKP) == 0)
		outcome_fail(reading->outcome, OUTCOME_PROFILE, at, "%s (profile %s)", text,
			check->profile->name);
	else
		outcome_warn(reading->outcome, OUTCOME_PROFILE, at, "%s (profile %s)", text,
			check->profile->name);
}

static void tell_code(
	const struct check *check, const char *where, const char *what, const char *code)
{
	tell(check, where, str_format(check->reading->arena, "%s%s is wanted", what, code).at);
}

/* ---- rules */

static bool has(const struct check *check, enum element row)
{
	return check->reading->fields->at[row - FIRST_OBSERVATION] != NULL;
}

static bool has_value(const struct check *check)
{
	for (enum element row = OBSERVATION_valueQuantity; row <= OBSERVATION_valuePeriod; row++)
		if (has(check, row))
			return true;
	return false;
}

static void check_quantity(const struct check *check, const struct json *quantity,
	const char *where, const char *units)
{
	if (json_get(quantity, "value") == NULL)
		tell(check, where, "a value is wanted");
	if (check->claimed && json_text(quantity, "unit").length == 0)
		tell(check, where, "a unit is wanted");
	struct str code = json_text(quantity, "code");
	if (!check->claimed) /* {beats}/min is /min */
		code = ucum_plain(check->reading->arena, code);
	if (!str_is(json_text(quantity, "system"), SYSTEM_UCUM) || !str_is_listed(code, units))
		tell_code(check, where, "a unit of UCUM among ", units);
}

/*
 * R4 vitalsigns binds component.value[x] to the common units as required, and its own example of a saturation with an oxygen flow in L/min breaks that; HL7's validator takes the binding for extensible.
 * So it is a warning, and only of what claims a profile.
 */
static void check_component_unit(
	const struct check *check, const struct json *quantity, const char *where)
{
	const struct profiling *reading = check->reading;
	if (!check->claimed || quantity == NULL ||
		valueset_contains(
			VITAL_UNITS, json_text(quantity, "system"), json_text(quantity, "code")))
		return;
	outcome_warn(reading->outcome, OUTCOME_PROFILE,
		str_format(reading->arena, "%.*s%s.valueQuantity", STR_ARG(reading->expression),
			where),
		"a unit of UCUM among the common ones of vital signs is wanted (profile %s)",
		check->profile->name);
}

static void check_component(const struct check *check, const struct json *component, size_t index)
{
	const char *where = str_format(check->reading->arena, ".component[%zu]", index).at;
	bool value = json_get(component, "dataAbsentReason") != NULL;
	json_each(item, component) value = value || str_starts(item->key, STR("value"));
	if (!value)
		tell(check, where, "a value or a dataAbsentReason is wanted (vs-3)");
	check_component_unit(check, json_get(component, "valueQuantity"), where);
}

static void check_components(const struct check *check)
{
	size_t index = 0;
	json_each(component, FIELD(check->reading->fields, OBSERVATION, component))
	{
		check_component(check, component, index);
		index++;
	}
}

/* vs-1: a dateTime to the day at least, or a Period. */
static void check_time(const struct check *check)
{
	const struct json *time = FIELD(check->reading->fields, OBSERVATION, effectiveDateTime);
	if (time != NULL && time->text.length < DAY_LENGTH)
		tell(check, ".effectiveDateTime", "a day is wanted (vs-1)");
	else if (time == NULL && !has(check, OBSERVATION_effectivePeriod))
		tell(check, "", "effectiveDateTime or effectivePeriod is wanted");
}

static void check_vital(const struct check *check)
{
	if (!is_vital_category(check->reading->observation))
		tell(check, ".category", "the category vital-signs is wanted");
	check_time(check);
	if (!has(check, OBSERVATION_component) && !has(check, OBSERVATION_hasMember) &&
		!has(check, OBSERVATION_dataAbsentReason) && !has_value(check))
		tell(check, "", "a value or a dataAbsentReason is wanted (vs-2)");
	check_components(check);
}

/* HL7 Norway: who performed it is named by a Norwegian identifier, an organisation by its number or RESH. */
static void check_performer(const struct check *check, const struct json *performer, size_t index)
{
	const struct json *identifier = json_get(performer, "identifier");
	const struct str system = json_text(identifier, "system");
	const char *where = str_format(check->reading->arena, ".performer[%zu]", index).at;
	const bool organisation = str_is(json_text(performer, "type"), "Organization");
	const bool right = organisation
				   ? str_is(system, OID_ORGNR) || str_is(system, OID_RESH)
				   : national_is_system(system) || str_is(system, OID_HPR) ||
					     str_is(system, OID_ORGNR) || str_is(system, OID_RESH);
	if (!right)
		tell(check, where, "an identifier of a Norwegian person or organisation is wanted");
}

static void check_concept_in(
	const struct check *check, const struct json *concept, const char *where, struct str set)
{
	if (concept == NULL)
		return;
	json_each(coding, json_get(concept, "coding"))
	{
		if (valueset_contains(set, json_text(coding, "system"), json_text(coding, "code")))
			return;
	}
	tell(check, where, "a code of HL7 Norway's value set is wanted");
}

static void check_vkp(const struct check *check)
{
	const struct fields *fields = check->reading->fields;
	size_t index = 0;
	json_each(performer, FIELD(fields, OBSERVATION, performer))
	{
		check_performer(check, performer, index);
		index++;
	}
	if ((check->profile->wants & SITE) == 0)
		return;
	check_concept_in(check, FIELD(fields, OBSERVATION, bodySite), ".bodySite", VKP_SITES);
	check_concept_in(check, FIELD(fields, OBSERVATION, method), ".method", VKP_METHODS);
}

static void check_part(const struct check *check, const struct part *part)
{
	const struct observation *observation = check->reading->observation;
	size_t index = 0, found = 0;
	json_each(component, FIELD(check->reading->fields, OBSERVATION, component))
	{
		const struct json *quantity = json_get(component, "valueQuantity");
		if (has_coding(&observation->terms[index].code, part->system, part->code)) {
			found++;
			if (quantity != NULL)
				check_quantity(check, quantity,
					str_format(check->reading->arena,
						".component[%zu].valueQuantity", index)
						.at,
					part->units);
		}
		index++;
	}
	if (found != 1)
		tell_code(check, ".component", "one component of code ", part->code);
}

static void check_own(const struct check *check)
{
	const struct profile *profile = check->profile;
	const struct json *quantity = FIELD(check->reading->fields, OBSERVATION, valueQuantity);
	if (profile->code[0] != '\0' &&
		!has_coding(&check->reading->observation->code, profile->system, profile->code))
		tell_code(check, ".code", "the code ", profile->code);
	if (quantity != NULL && profile->units[0] != '\0')
		check_quantity(check, quantity, ".valueQuantity", profile->units);
	if (quantity == NULL && (profile->wants & VALUE) != 0)
		tell(check, "", "a valueQuantity is wanted");
	if ((profile->wants & NO_VALUE) != 0 && has_value(check))
		tell(check, "", "no value of its own is wanted");
	if ((profile->wants & MEMBERS) != 0 && !has(check, OBSERVATION_hasMember))
		tell(check, "", "hasMember is wanted");
	for (size_t i = 0; i < PARTS; i++)
		if (&profiles[parts[i].profile] == profile)
			check_part(check, &parts[i]);
}

/* ---- the reading */

/* `*done` are the parents that were spoken of, so that two claimed profiles do not tell one thing twice. */
static void check_profile(const struct check *check, unsigned *done)
{
	if ((check->profile->parent & VITAL & ~*done) != 0)
		check_vital(check);
	if ((check->profile->parent & VKP & ~*done) != 0)
		check_vkp(check);
	*done |= check->profile->parent;
	check_own(check);
}

static void check_url(const struct profiling *reading, struct str url, unsigned *done)
{
	const struct check check = { reading, profile_find(url), true };
	if (check.profile != NULL)
		check_profile(&check, done);
}

void profile_check(const struct profiling *reading)
{
	unsigned done = 0;
	if (reading->also.length > 0)
		check_url(reading, reading->also, &done);
	json_each(url, json_get(FIELD(reading->fields, OBSERVATION, meta), "profile"))
	{
		if (url->type == JSON_STRING && !str_equal(url->text, reading->also))
			check_url(reading, url->text, &done);
	}
	if (done != 0 || reading->only_claimed)
		return;
	const struct check check = { reading, profile_of_code(reading->observation), false };
	if (check.profile != NULL)
		check_profile(&check, &done);
}
