/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The Devices that a message describes: its MDS and VMD rows with what stands below them, and the gateway's own. */
#include <assert.h>

#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "fhir/hl7/values.h"

#define DEVICES_MAX  32 /* of one message; a gateway has a handful */
#define DEVICE_BYTES (64 * (size_t)1024)
#define GATEWAY_TYPE 531981 /* MDC_MOC_VMS_MDS_AHD */

/* Where the Device has it: HL7 PHD IG, mapping of System-Model and Production-Specification. */
enum part { PART_ELEMENT, PART_VERSION, PART_PROPERTY };

#define PARTS 8
static const struct {
	uint32_t code;
	enum part part;
	const char *element;
} parts[PARTS] = {
	{ 531970, PART_ELEMENT, "manufacturer" },
	{ 531969, PART_ELEMENT, "modelNumber" },
	{ 531972, PART_ELEMENT, "serialNumber" },
	{ 531973, PART_ELEMENT, "partNumber" },
	{ 531974, PART_VERSION, NULL },
	{ 531975, PART_VERSION, NULL },
	{ 531976, PART_VERSION, NULL },
	{ 531977, PART_VERSION, NULL },
};

/* A Device in the making. */
struct device {
	size_t owner; /* its row, or ROW_NONE: the gateway */
	struct str identifier;
	struct buf elements, versions, properties;
	struct str said[PARTS]; /* of `parts`: the first one counts */
	struct hl7_place place;
};

static bool is_told(const struct row *row)
{
	const bool is_clock = mdc_is(row->fact, "time");
	return (is_clock || mdc_is(row->fact, "device-info")) && values_present(row);
}

static size_t owner_of(const struct reading *reading, const struct row *row)
{
	size_t at = row->parent;
	while (at != ROW_NONE && !mdc_is(reading->rows[at].fact, "device-type"))
		at = reading->rows[at].parent;
	return at;
}

static void write_concept(uint32_t code, struct buf *buf)
{
	const struct mdc *const fact = mdc_find(code);
	buf_add_format(buf,
		"{\"coding\":[{\"system\":\"" SYSTEM_MDC "\",\"code\":\"%u\",\"display\":\"%s\"}]",
		code, fact->refid);
	json_write_member(buf, "text", str_of(fact->text_no));
	buf_add_byte(buf, '}');
}

static void add_version(struct device *device, const struct row *row, struct str text)
{
	json_write_comma(&device->versions);
	buf_add_text(&device->versions, "{\"type\":");
	write_concept(row->code, &device->versions);
	json_write_member(&device->versions, "value", text);
	buf_add_byte(&device->versions, '}');
}

/* A quantity, a code, or the words as they were sent (bits). */
static void add_property(
	struct reading *reading, struct device *device, const struct row *row, struct str text)
{
	struct buf *const buf = &device->properties;
	const struct str type = row_field(row, OBX_TYPE), field = row_field(row, OBX_VALUE);
	struct str number, words = { 0 };
	bool more;
	json_write_comma(buf);
	buf_add_text(buf, "{\"type\":");
	write_concept(row->code, buf);
	if (str_is(type, "NM") && values_number(reading->arena, text, &number)) {
		const struct str unit = values_unit(reading, row, &words);
		buf_add_text(buf, ",\"valueQuantity\":[");
		values_write_quantity(buf, (struct str){ 0 }, number, words, unit);
		buf_add_text(buf, "]}");
		return;
	}
	const struct str first = er7_repetition(reading->message, field, 0, &more);
	buf_add_text(buf, ",\"valueCode\":[");
	if (more || !str_is(type, "CWE") || !coded_write(reading, first, buf)) {
		buf_add_byte(buf, '{');
		json_write_member(buf, "text", text);
		buf_add_byte(buf, '}');
	}
	buf_add_text(buf, "]}");
}

static void add_row(struct reading *reading, struct device *device, const struct row *row)
{
	const struct str text = clean_component(reading, row_field(row, OBX_VALUE), 0);
	if (text.length == 0)
		return;
	for (size_t i = 0; i < PARTS; i++) {
		if (parts[i].code != row->code)
			continue;
		if (device->said[i].length > 0) {
			if (!str_equal(device->said[i], text))
				row_warn(reading, row, OBX_VALUE, OUTCOME_BUSINESS_RULE,
					"The device has said this before in other words, which "
					"count; these are left out of it");
			return;
		}
		device->said[i] = text;
		if (parts[i].part == PART_VERSION)
			add_version(device, row, text);
		else
			json_write_member(&device->elements, parts[i].element, text);
		return;
	}
	add_property(reading, device, row, text);
}

/* A device that several messages can name: an identifier with a system. */
static struct str identify(struct reading *reading, size_t owner)
{
	if (owner == ROW_NONE)
		return reading->gateway;
	struct buf buf = buf_new(reading->arena, 128, DEVICE_BYTES);
	const bool named =
		coded_write_device(reading, device_find(reading, &reading->rows[owner]), &buf);
	const struct str text = buf_str(&buf);
	return named && !buf.full && str_starts(text, STR("{\"system\":")) ? text
									   : (struct str){ 0 };
}

static struct device *find_device(
	struct reading *reading, struct device *devices, size_t *count, const struct row *row)
{
	const size_t owner = owner_of(reading, row);
	for (size_t i = 0; i < *count; i++)
		if (devices[i].owner == owner)
			return &devices[i];
	if (*count == DEVICES_MAX)
		return NULL;
	const struct str identifier = identify(reading, owner);
	for (size_t i = 0; i < *count; i++)
		if (str_equal(devices[i].identifier, identifier))
			return &devices[i];
	devices[*count] = (struct device){ .owner = owner,
		.identifier = identifier,
		.elements = buf_new(reading->arena, 0, DEVICE_BYTES),
		.versions = buf_new(reading->arena, 0, DEVICE_BYTES),
		.properties = buf_new(reading->arena, 0, DEVICE_BYTES),
		.place = row_place(owner == ROW_NONE ? row : &reading->rows[owner], 0) };
	return &devices[(*count)++];
}

static void add_list(struct buf *buf, const char *name, const struct buf *items)
{
	if (items->length == 0)
		return;
	buf_add_format(buf, ",\"%s\":[", name);
	buf_add(buf, buf_str(items));
	buf_add_byte(buf, ']');
}

static struct str render(struct reading *reading, const struct device *device)
{
	struct buf buf = buf_new(reading->arena, 1024, 4 * DEVICE_BYTES);
	const uint32_t type =
		device->owner == ROW_NONE ? GATEWAY_TYPE : reading->rows[device->owner].code;
	buf_add_text(&buf, "{\"resourceType\":\"Device\",\"identifier\":[");
	buf_add(&buf, device->identifier);
	buf_add_byte(&buf, ']');
	if (device->elements.length > 0) {
		buf_add_byte(&buf, ',');
		buf_add(&buf, buf_str(&device->elements));
	}
	buf_add_text(&buf, ",\"type\":");
	write_concept(type, &buf);
	add_list(&buf, "version", &device->versions);
	add_list(&buf, "property", &device->properties);
	buf_add_format(&buf,
		",\"patient\":{\"type\":\"Patient\",\"identifier\":{\"system\":\"%s\",\"value\":"
		"\"%s\"}}}",
		national_system(reading->patient->kind), reading->patient->digits);
	const bool full = buf.full || device->elements.full || device->versions.full ||
			  device->properties.full;
	return full ? (struct str){ 0 } : buf_str(&buf);
}

static_assert(DEVICES_MAX == 32 && DEVICE_BYTES == 64 << 10, "the sentences below name them");

/* Once a message: the readings are stored with their device's identifier all the same. */
static void warn_beyond(struct reading *reading, const struct row *row, bool *told)
{
	if (!*told)
		row_warn(reading, row, OBX_VALUE, OUTCOME_BUSINESS_RULE,
			"A message tells of 32 devices at most; what it says of this one and those "
			"behind it is left out of their Devices");
	*told = true;
}

static void warn_unnamed(struct reading *reading, const struct device *device)
{
	struct hl7_place place = device->place;
	place.field = OBX_DEVICE;
	outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_REQUIRED, place,
		"The device has no identifier with a system, so what the message says of it "
		"becomes "
		"no Device");
}

static void warn_full(struct reading *reading, const struct device *device)
{
	outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_TOO_LARGE, device->place,
		"What the message says of this device is more than the hub keeps (64 KiB); it "
		"becomes no Device");
}

void devices_render(struct reading *reading, struct pcd01 *out)
{
	struct device devices[DEVICES_MAX];
	size_t count = 0;
	bool beyond = false;
	for (size_t i = 0; i < reading->count; i++) {
		const struct row *const row = &reading->rows[i];
		if (!is_told(row))
			continue;
		struct device *const device = find_device(reading, devices, &count, row);
		if (device == NULL)
			warn_beyond(reading, row, &beyond);
		else if (device->identifier.length > 0)
			add_row(reading, device, row);
	}
	out->devices = arena_array(reading->arena, count, sizeof(struct str));
	out->device_places = arena_array(reading->arena, count, sizeof(struct hl7_place));
	for (size_t i = 0; i < count; i++) {
		if (devices[i].identifier.length == 0) {
			warn_unnamed(reading, &devices[i]);
			continue;
		}
		const struct str text = render(reading, &devices[i]);
		if (text.length == 0) {
			warn_full(reading, &devices[i]);
			continue;
		}
		out->device_places[out->device_count] = devices[i].place;
		out->devices[out->device_count++] = text;
	}
}
