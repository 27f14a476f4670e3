/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The Provenance of a reading that came by PCD-01. */
#include "fhir/hl7/provenance.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/national.h"

#define PROVENANCE_MAX \
	((size_t)2 << 20) /* an identifier of a device is as long as its message may be */
#define OPERATION   "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
#define PARTICIPANT "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
/* R4's own list has no word for who passed the bytes on. */
#define TRANSMITTER "http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type"
#define GATEWAY     "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"

/* How guarded the reading is, its Provenance is. */
static void write_meta(struct buf *buf, const struct json *observation)
{
	const struct json *security = json_get(json_get(observation, "meta"), "security");
	buf_add_text(buf, "\"meta\":{");
	if (security != NULL) {
		buf_add_text(buf, "\"security\":");
		buf_add(buf, security->raw);
	}
	buf_add_byte(buf, '}');
}

static void write_agent(struct buf *buf, const char *system, const char *code)
{
	json_write_comma(buf);
	buf_add_format(buf,
		"{\"type\":{\"coding\":[{\"system\":\"%s\",\"code\":\"%s\"}]},\"who\":{", system,
		code);
}

/* A reference of the reading to a device, by its identifier. */
static void write_device(struct buf *buf, const char *code, const struct json *reference)
{
	const struct json *identifier = json_get(reference, "identifier");
	if (identifier == NULL)
		return;
	write_agent(buf, PARTICIPANT, code);
	buf_add_text(buf, "\"type\":\"Device\",\"identifier\":");
	buf_add(buf, identifier->raw);
	buf_add_text(buf, "}}");
}

static const struct json *find_gateway(const struct json *observation)
{
	json_each(extension, json_get(observation, "extension"))
	{
		if (str_is(json_text(extension, "url"), GATEWAY))
			return json_get(extension, "valueReference");
	}
	return NULL;
}

static void write_named(struct buf *buf, const char *type, const char *system, struct str value)
{
	if (type != NULL)
		buf_add_format(buf, "\"type\":\"%s\",", type);
	buf_add_format(buf, "\"identifier\":{\"system\":\"%s\"", system);
	json_write_member(buf, "value", value);
	buf_add_text(buf, "}}}");
}

/* Who measured, who put it together, who sent it, and who answers for it. */
static void write_agents(struct arena *arena, struct buf *buf, const struct provenance *provenance)
{
	buf_add_text(buf, ",\"agent\":[");
	write_device(buf, "performer", json_get(provenance->observation, "device"));
	write_device(buf, "assembler", find_gateway(provenance->observation));
	write_agent(buf, TRANSMITTER, "transmitter");
	write_named(buf, NULL, SYSTEM_CLIENT, provenance->client);
	if (provenance->tenant_orgnr != 0) {
		write_agent(buf, PARTICIPANT, "custodian");
		write_named(buf, "Organization", OID_ORGNR,
			str_format(arena, "%09u", provenance->tenant_orgnr));
	}
	buf_add_byte(buf, ']');
}

struct str provenance_render(struct arena *arena, const struct provenance *provenance)
{
	struct buf buf = buf_new(arena, 1024, PROVENANCE_MAX);
	buf_add_text(&buf, "{\"resourceType\":\"Provenance\",");
	write_meta(&buf, provenance->observation);
	buf_add_text(&buf, ",\"target\":[{");
	json_write_member(&buf, "reference", provenance->target);
	buf_add_text(&buf, "}],\"recorded\":\"");
	instant_write(&buf, provenance->recorded);
	buf_add_format(&buf,
		"\",\"activity\":{\"coding\":[{\"system\":\"" OPERATION "\",\"code\":\"%s\"}]}",
		provenance->version == 1 ? "CREATE" : "UPDATE");
	write_agents(arena, &buf, provenance);
	buf_add_format(&buf,
		",\"entity\":[{\"role\":\"source\",\"what\":{\"identifier\":{\"system\":"
		"\"" SYSTEM_UPLOAD
		"\",\"value\":\"%llu\"},\"display\":\"HL7 v2.6 ORU^R01 (IHE PCD-01)\"}}]}",
		(unsigned long long)provenance->upload);
	return buf.full ? (struct str){ 0 } : buf_str(&buf);
}
