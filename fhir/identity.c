/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What makes two readings the same one. Texts of parts joined by U+001F, components by U+001E; control characters
 * and backslashes inside a part are escaped, so that no two readings share a text. Display texts never count.
 */
#include "fhir/identity.h"

#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/decimal.h"
#include "fhir/concept.h"
#include "fhir/hl7/mdc.h"
#include "fhir/match_value.h"
#include "fhir/resource.h"

#define PART       '\x1f'
#define COMPONENT  '\x1e'
#define APART      '\x1d'
#define WORDS      '\x02' /* no system has this name */
#define HALF_A_DAY (12 * 3600 * INSTANT_SECOND)
#define TEXT_MAX   ((size_t)16 * 1024 * 1024)

/* IEEE EUI-64 as FHIR and HL7 name it: the urn of the HL7 PHD guide, and the arc it stands in. */
#define SYSTEM_EUI64 "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"
#define ARC_IEEE     "urn:oid:1.2.840.10004."
#define EUI64        "EUI-64"

/* MDC_ATTR_SUPPLEMENTAL_TYPES: the component that says how it was measured (HL7 PHD guide). */
#define MDC_SUPPLEMENTAL "68193"

/* Statuses of a reading before it is taken back. */
static const enum observation_status before[] = { STATUS_FINAL, STATUS_PRELIMINARY,
	STATUS_CORRECTED, STATUS_AMENDED, STATUS_CANCELLED, STATUS_UNKNOWN };

static bool is_clean(struct str part)
{
	for (size_t i = 0; i < part.length; i++)
		if ((unsigned char)part.at[i] < 0x20 || part.at[i] == '\\')
			return false;
	return true;
}

static void add_escaped(struct buf *buf, struct str part)
{
	if (is_clean(part)) {
		buf_add(buf, part);
		return;
	}
	for (size_t i = 0; i < part.length; i++) {
		const unsigned char byte = (unsigned char)part.at[i];
		if (byte < 0x20 || byte == '\\')
			buf_add_format(buf, "\\%02x", byte);
		else
			buf_add_byte(buf, part.at[i]);
	}
}

static void add_part(struct buf *buf, struct str part)
{
	buf_add_byte(buf, PART);
	add_escaped(buf, part);
}

static void add_coding(struct buf *buf, struct coding coding)
{
	add_part(buf, coding.system);
	add_part(buf, coding.code);
}

static void add_moment(struct buf *buf, instant at)
{
	buf_add_byte(buf, PART);
	if (at != INSTANT_MIN)
		buf_add_i64(buf, at);
}

/*
 * What an MDC code that means one thing or another by its unit (steps or metres, mmol/L or mg/dL) stands for here. PCD-01 and some FHIR senders say it by LOINC,
 * others leave it to the unit.
 */
static struct coding by_unit(struct coding canon, struct str unit)
{
	uint64_t number;
	enum reading_class class;
	struct str loinc, rest;
	if (!str_is(canon.system, SYSTEM_MDC) || unit.length == 0 ||
		!str_to_u64(canon.code, &number) || number > UINT32_MAX)
		return canon;
	const struct mdc *row = mdc_find((uint32_t)number);
	if (row == NULL || mdc_loinc(row, unit, &loinc) != MDC_FITS || loinc.length == 0)
		return canon;
	const struct coding coding = { STR(SYSTEM_LOINC), str_cut(loinc, ';', &rest) };
	return code_canon(&coding, 1, &class);
}

/* The unit of a value in UCUM, or empty. */
static struct str unit_of(const struct json *value)
{
	return str_is(json_text(value, "system"), SYSTEM_UCUM) ? json_text(value, "code") : STR("");
}

/* The leading coding of a CodeableConcept for a value in `unit`; its text only where it has none, since then nothing else tells it from another. */
static void add_code(struct arena *arena, struct buf *buf, const struct json *json, struct str unit)
{
	const struct concept concept = concept_read(arena, json);
	enum reading_class class;
	if (concept.count > 0) {
		add_coding(buf, by_unit(code_canon(concept.codings, concept.count, &class), unit));
	} else {
		buf_add_byte(buf, PART);
		buf_add_byte(buf, WORDS);
		add_part(buf, json_text(json, "text"));
	}
}

static void add_concept(struct arena *arena, struct buf *buf, const struct json *json)
{
	add_code(arena, buf, json, STR(""));
}

/* ---- values */

static void add_quantity(struct arena *arena, struct buf *buf, const struct json *json)
{
	struct str number = STR("");
	const struct json *value = json_get(json, "value");
	if (value != NULL)
		decimal_canonical(arena, value->text, &number);
	add_part(buf, json_text(json, "comparator"));
	add_part(buf, number);
	const struct str system = json_text(json, "system");
	struct str unit = json_text(json, "code");
	if (system.length > 0 && unit.length > 0 && !str_is(system, SYSTEM_UCUM)) {
		add_coding(buf, (struct coding){ system, unit });
		return;
	}
	if (unit.length == 0)
		unit = json_text(json, "unit");
	add_part(buf, ucum_plain(arena, unit));
}

static void add_integer(struct arena *arena, struct buf *buf, const struct json *json)
{
	struct str number = STR("");
	decimal_canonical(arena, json->text, &number);
	buf_add_byte(buf, PART);
	add_part(buf, number);
	buf_add_byte(buf, PART);
}

/* A whole structure, without its white space. */
static void add_structure(struct buf *buf, const struct json *json)
{
	buf_add_byte(buf, PART);
	if (json != NULL)
		json_write(buf, json);
}

/* The value of a reading or a component: its type as FHIR names it, and what it says. An integer is a quantity without unit. */
static void add_value(struct arena *arena, struct buf *buf, const struct json *value)
{
	buf_add_byte(buf, PART);
	if (value == NULL)
		return;
	const struct str stem = STR("value");
	const struct str type = str_part(value->key, stem.length, value->key.length);
	if (str_is(type, "Quantity") || str_is(type, "Integer")) {
		buf_add(buf, STR("Quantity"));
		if (value->type == JSON_OBJECT)
			add_quantity(arena, buf, value);
		else
			add_integer(arena, buf, value);
		return;
	}
	buf_add(buf, type);
	if (str_is(type, "CodeableConcept"))
		add_concept(arena, buf, value);
	else if (value->type == JSON_STRING)
		add_part(buf, value->text);
	else
		add_structure(buf, value);
}

static const struct json *value_of(const struct json *component)
{
	json_each(item, component)
	{
		if (str_starts(item->key, STR("value")))
			return item;
	}
	return NULL;
}

static const struct json *value_of_fields(const struct fields *fields)
{
	for (int at = OBSERVATION_valueQuantity; at <= OBSERVATION_valuePeriod; at++)
		if (fields->at[at - FIRST_OBSERVATION] != NULL)
			return fields->at[at - FIRST_OBSERVATION];
	return NULL;
}

/* ---- content */

static int compare(const void *a, const void *b)
{
	return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* A document in the place of a value. */
static void add_attachments(struct buf *buf, const struct json *extensions)
{
	json_each(item, extensions)
	{
		if (str_is(json_text(item, "url"), EXTENSION_VALUE))
			add_structure(buf, item);
	}
}

/* Components in the order of their texts, which begin with the code: senders give them in any order. */
static void add_components(struct arena *arena, struct buf *buf, const struct json *list)
{
	if (list == NULL)
		return;
	struct str *texts = arena_array(arena, list->count, sizeof(*texts));
	size_t count = 0;
	json_each(component, list)
	{
		struct buf text = buf_new(arena, 128, TEXT_MAX);
		add_code(arena, &text, json_get(component, "code"), unit_of(value_of(component)));
		add_value(arena, &text, value_of(component));
		add_attachments(&text, json_get(component, "extension"));
		const struct json *absent = json_get(component, "dataAbsentReason");
		if (absent != NULL)
			add_concept(arena, &text, absent);
		texts[count++] = buf_str(&text);
	}
	qsort(texts, count, sizeof(*texts), compare);
	for (size_t i = 0; i < count; i++) {
		buf_add_byte(buf, COMPONENT);
		buf_add(buf, texts[i]);
	}
}

/* The end of a Period; of a day, a month or a year too, or one would be its own midnight. A point has none. */
static instant end_of(const struct observation *observation, struct moment moment)
{
	const struct span *time = &observation->time;
	const bool days = !observation->time_is_period && time->low != INSTANT_MIN &&
			  time->high - time->low >= HALF_A_DAY;
	return days ? time->high : moment.end;
}

/* What it refers to, as it is named; the words beside it never count. */
static void add_reference(struct buf *buf, const struct json *reference)
{
	const struct json *identifier = json_get(reference, "identifier");
	add_part(buf, json_text(reference, "reference"));
	add_part(buf, json_text(identifier, "system"));
	add_part(buf, json_text(identifier, "value"));
}

/*
 * Where and how it was measured, on whom else, of which sample: of two equal values of one second that no device tells apart, these say that they are two (the left arm and the right). And
 * the device of a reading without time. Only what is there leaves a trace.
 */
static void add_apart(
	struct arena *arena, struct buf *buf, const struct fields *fields, struct str device)
{
	const struct json *concepts[] = { FIELD(fields, OBSERVATION, bodySite),
		FIELD(fields, OBSERVATION, method) };
	for (size_t i = 0; i < sizeof(concepts) / sizeof(concepts[0]); i++) {
		if (concepts[i] == NULL)
			continue;
		buf_add_byte(buf, APART);
		buf_add(buf, concepts[i]->key);
		add_concept(arena, buf, concepts[i]);
	}
	if (FIELD(fields, OBSERVATION, specimen) != NULL) {
		buf_add_byte(buf, APART);
		buf_add(buf, STR("specimen"));
		add_reference(buf, FIELD(fields, OBSERVATION, specimen));
	}
	json_each(item, FIELD(fields, OBSERVATION, focus))
	{
		buf_add_byte(buf, APART);
		buf_add(buf, STR("focus"));
		add_reference(buf, item);
	}
	if (resource_is_of_device(FIELD(fields, OBSERVATION, subject), (struct str){ 0 })) {
		buf_add_byte(buf, APART);
		buf_add(buf, STR("subject"));
		add_reference(buf, FIELD(fields, OBSERVATION, subject));
	}
	if (device.length > 0) {
		buf_add_byte(buf, APART);
		buf_add(buf, device);
	}
}

static struct str content(struct arena *arena, const struct fields *fields, struct moment moment,
	const struct observation *observation, enum observation_status status, struct str device)
{
	struct buf buf = buf_new(arena, 256, TEXT_MAX);
	buf_add_byte(&buf, 'C'); /* of the key; not of the content */
	add_code(arena, &buf, FIELD(fields, OBSERVATION, code), unit_of(value_of_fields(fields)));
	add_moment(&buf, moment.start);
	add_moment(&buf, end_of(observation, moment));
	if (FIELD(fields, OBSERVATION, effectiveTiming) != NULL)
		add_structure(&buf, FIELD(fields, OBSERVATION, effectiveTiming));
	add_part(&buf, str_of(observation_status_code(status)));
	add_value(arena, &buf, value_of_fields(fields));
	add_attachments(&buf, FIELD(fields, OBSERVATION, extension));
	add_structure(&buf, FIELD(fields, OBSERVATION, modifierExtension));
	buf_add_byte(&buf, PART);
	if (FIELD(fields, OBSERVATION, dataAbsentReason) != NULL)
		add_concept(arena, &buf, FIELD(fields, OBSERVATION, dataAbsentReason));
	if (!observation->has_device_key)
		add_apart(arena, &buf, fields, device);
	add_components(arena, &buf, FIELD(fields, OBSERVATION, component));
	return buf_str(&buf);
}

/* ---- the device */

/* 16 hexadecimal digits in upper case at `out`, from any of the ways an EUI-64 is written. */
static bool eui64(struct str value, char out[16])
{
	size_t length = 0;
	if (str_starts(value, STR("0x")) || str_starts(value, STR("0X")))
		value = str_part(value, 2, value.length);
	for (size_t i = 0; i < value.length; i++) {
		char c = value.at[i];
		if (c == '-' || c == ':')
			continue;
		if (c >= 'a' && c <= 'f')
			c = (char)(c - 'a' + 'A');
		if (length == 16 || !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F')))
			return false;
		out[length++] = c;
	}
	return length == 16;
}

static bool is_eui64_system(struct str system)
{
	return system.length == 0 || str_is(system, SYSTEM_EUI64) ||
	       str_starts(system, STR(ARC_IEEE));
}

bool identity_of_device(struct arena *arena, struct str system, struct str value, struct str *out)
{
	char digits[16];
	const bool unique = is_eui64_system(system) && eui64(value, digits);
	if (!unique && (system.length == 0 || value.length == 0))
		return false;
	struct buf buf = buf_new(arena, system.length + value.length + 32, TEXT_MAX);
	add_part(&buf, unique ? STR(EUI64) : system);
	add_part(&buf, unique ? (struct str){ digits, sizeof(digits) } : value);
	*out = buf_str(&buf);
	return true;
}

static bool device_text(struct arena *arena, const struct json *identifier, struct str *out)
{
	return identity_of_device(
		arena, json_text(identifier, "system"), json_text(identifier, "value"), out);
}

static bool is_unique(struct str device)
{
	return str_starts(device, STR("\x1f" EUI64 "\x1f"));
}

static const struct json *contained_device(const struct fields *fields, struct str reference)
{
	if (reference.length < 2 || reference.at[0] != '#')
		return NULL;
	const struct str id = str_part(reference, 1, reference.length);
	json_each(item, FIELD(fields, OBSERVATION, contained))
	{
		if (str_is(json_text(item, "resourceType"), "Device") &&
			str_equal(json_text(item, "id"), id))
			return item;
	}
	return NULL;
}

/* A reference to a Device here or elsewhere tells devices apart, whatever it may be called by others; of `#id` and a `urn:` that leads nowhere nobody knows that they mean the same next time. */
static bool device_by_reference(
	struct arena *arena, struct str reference, struct str base, struct str *out)
{
	if (reference.length == 0 || reference.at[0] == '#' || str_starts(reference, STR("urn:")))
		return false;
	struct buf buf = buf_new(arena, reference.length + 8, TEXT_MAX);
	buf_add_byte(&buf, PART);
	buf_add_byte(&buf, WORDS);
	add_part(&buf, match_relative(reference, base));
	*out = buf_str(&buf);
	return true;
}

/* By the reference's own identifier, else by those of the contained Device it names, an EUI-64 before others; else by what it refers to. */
static bool device_find(
	struct arena *arena, const struct fields *fields, struct str base, struct str *out)
{
	const struct json *device = FIELD(fields, OBSERVATION, device);
	const struct json *subject = FIELD(fields, OBSERVATION, subject);
	/* What is told of a device is that device's, whichever gateway measured it. */
	if (resource_is_of_device(subject, (struct str){ 0 }))
		return device_text(arena, json_get(subject, "identifier"), out);
	if (device == NULL)
		return false;
	if (device_text(arena, json_get(device, "identifier"), out))
		return true;
	const struct json *contained = contained_device(fields, json_text(device, "reference"));
	bool found = false;
	json_each(item, json_get(contained, "identifier"))
	{
		struct str text;
		if (!device_text(arena, item, &text))
			continue;
		if (!found || is_unique(text))
			*out = text;
		found = true;
	}
	return found || device_by_reference(arena, json_text(device, "reference"), base, out);
}

/* ---- keys */

static bool is_supplemental(struct arena *arena, const struct json *component)
{
	const struct concept concept = concept_read(arena, json_get(component, "code"));
	for (size_t i = 0; i < concept.count; i++)
		if (str_is(concept.codings[i].code, MDC_SUPPLEMENTAL) &&
			str_is(concept.codings[i].system, SYSTEM_MDC))
			return true;
	return false;
}

static struct str device_key(
	struct arena *arena, const struct fields *fields, struct str device, struct moment moment)
{
	struct buf buf = buf_new(arena, 160, TEXT_MAX);
	buf_add_byte(&buf, 'D');
	buf_add(&buf, device);
	add_code(arena, &buf, FIELD(fields, OBSERVATION, code), unit_of(value_of_fields(fields)));
	add_moment(&buf, moment.start);
	buf_add_byte(&buf, PART);
	if (moment.end != INSTANT_MIN)
		buf_add_i64(&buf, moment.end - moment.start);
	json_each(component, FIELD(fields, OBSERVATION, component))
	{
		if (is_supplemental(arena, component))
			add_value(arena, &buf, value_of(component));
	}
	return buf_str(&buf);
}

/* An identifier without system is unique to nobody knows whom, and could join two readings: it is no key. */
bool identity_of_identifier(
	struct arena *arena, struct str system, struct str value, struct str *out)
{
	if (system.length == 0 || value.length == 0)
		return false;
	struct buf buf = buf_new(arena, system.length + value.length + 8, TEXT_MAX);
	buf_add_byte(&buf, 'I');
	add_part(&buf, system);
	add_part(&buf, value);
	*out = buf_str(&buf);
	return true;
}

struct str identity_of_value(struct arena *arena, struct str value)
{
	struct buf buf = buf_new(arena, value.length + 8, TEXT_MAX);
	buf_add_byte(&buf, 'V');
	add_part(&buf, value);
	return buf_str(&buf);
}

static bool identifier_key(struct arena *arena, const struct json *identifier, struct str *out)
{
	return identity_of_identifier(
		arena, json_text(identifier, "system"), json_text(identifier, "value"), out);
}

/* Who takes a reading back that names no device finds it by the content it was sent with, whatever its status was. */
static void add_withdrawn(struct arena *arena, const struct fields *fields, struct moment moment,
	struct observation *out, struct str device)
{
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		out->keys[out->key_count++] =
			content(arena, fields, moment, out, before[i], device);
}

void identity_write(struct arena *arena, const struct fields *fields, struct moment moment,
	struct str base, struct observation *out)
{
	const struct json *identifiers = FIELD(fields, OBSERVATION, identifier);
	const size_t most = (identifiers == NULL ? 1 : identifiers->count + 1) +
			    sizeof(before) / sizeof(before[0]);
	out->keys = arena_array(arena, most, sizeof(*out->keys));
	struct str device = STR("");
	const bool has_device = device_find(arena, fields, base, &device);
	out->has_device_key = has_device && moment.start != INSTANT_MIN;
	const struct str key = content(arena, fields, moment, out, out->status, device);
	out->content = str_part(key, 2, key.length);
	json_each(item, identifiers)
	{
		if (identifier_key(arena, item, &out->keys[out->key_count]))
			out->key_count++;
	}
	out->keys[out->key_count++] =
		out->has_device_key ? device_key(arena, fields, device, moment) : key;
	if (!out->has_device_key && out->status == STATUS_ENTERED_IN_ERROR)
		add_withdrawn(arena, fields, moment, out, device);
}
