/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tests/unit/authz/forge.h"

#include <assert.h>

#include "authz/seal.h"
#include "fhir/base/buf.h"

void forge_add(struct forge *forge, enum forge_part part, const char *name, const char *value)
{
	struct forge_list *list = &forge->parts[part];
	assert(list->count < sizeof(list->members) / sizeof(list->members[0]));
	list->members[list->count++] = (struct forge_member){ name, value };
}

void forge_set(struct forge *forge, enum forge_part part, const char *name, const char *value)
{
	struct forge_list *list = &forge->parts[part];
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->members[i].name, name) == 0) {
			list->members[i].value = value;
			return;
		}
	}
	forge_add(forge, part, name, value);
}

struct str forge_text(struct arena *arena, const struct forge *forge, enum forge_part part)
{
	const struct forge_list *list = &forge->parts[part];
	struct buf buf = buf_new(arena, 256, 1 << 20);
	buf_add_byte(&buf, '{');
	for (size_t i = 0; i < list->count; i++) {
		if (list->members[i].value == NULL)
			continue;
		if (buf.length > 1)
			buf_add_byte(&buf, ',');
		buf_add_format(&buf, "\"%s\":%s", list->members[i].name, list->members[i].value);
	}
	buf_add_byte(&buf, '}');
	return buf_str(&buf);
}

struct str forge_sign(struct arena *arena, const struct forge *forge, enum jose_alg alg,
	const struct jose_key *key)
{
	return jws_sign(arena, forge_text(arena, forge, FORGE_HEADER),
		forge_text(arena, forge, FORGE_PAYLOAD), alg, key);
}

struct str forge_join(
	struct arena *arena, struct str header, struct str payload, struct str signature)
{
	const struct str a = str_to_base64url(arena, header);
	const struct str b = str_to_base64url(arena, payload);
	const struct str c = str_to_base64url(arena, signature);
	return str_format(arena, "%.*s.%.*s.%.*s", STR_ARG(a), STR_ARG(b), STR_ARG(c));
}

struct str forge_hs256(struct arena *arena, const struct forge *forge, struct str secret)
{
	const struct str header = forge_text(arena, forge, FORGE_HEADER);
	const struct str payload = forge_text(arena, forge, FORGE_PAYLOAD);
	struct str input = forge_join(arena, header, payload, STR(""));
	uint8_t digest[32];
	input.length--; /* its last dot */
	seal_hmac(secret, input, digest);
	return forge_join(
		arena, header, payload, (struct str){ (const char *)digest, sizeof(digest) });
}

const char *const forge_attest =
	"{\"type\":\"nhn:tillitsrammeverk:parameters\",\"toa\":1763649999,\"practitioner\":{"
	"\"identifier\":{\"id\":\"" FORGE_DOCTOR "\",\"system\":\"urn:oid:2.16.578.1.12.4.1.4.2\"},"
	"\"hpr_nr\":{\"id\":\"181000001\",\"system\":\"urn:oid:2.16.578.1.12.4.1.4.4\"},"
	"\"authorization\":{\"code\":\"LE\",\"system\":\"urn:oid:2.16.578.1.12.4.1.1.9060\","
	"\"text\":\"Lege\"},"
	"\"legal_entity\":{\"id\":\"" FORGE_PARENT
	"\",\"system\":\"urn:oid:2.16.578.1.12.4.1.4.101\","
	"\"name\":\"Sykehuset\"},"
	"\"point_of_care\":{\"id\":\"" FORGE_CHILD
	"\",\"system\":\"urn:oid:2.16.578.1.12.4.1.4.101\","
	"\"name\":\"Medisinsk klinikk\"},"
	"\"department\":{\"id\":\"705592\",\"system\":\"urn:oid:2.16.578.1.12.4.1.4.102\","
	"\"name\":\"Poliklinikk\"}},"
	"\"care_relationship\":{"
	"\"healthcare_service\":{\"code\":\"S03\",\"system\":\"urn:oid:2.16.578.1.12.4.1.1.8655\"},"
	"\"purpose_of_use\":{\"code\":\"TREAT\",\"system\":\"urn:oid:2.16.840.1.113883.1.11."
	"20448\"},"
	"\"purpose_of_use_details\":{\"code\":\"BEHANDLER\","
	"\"system\":\"urn:AuditEventHL7Norway/CodeSystem/carerelation\"},"
	"\"decision_ref\":{\"id\":\"d1c0\",\"description\":\"Utskrivning i dag\","
	"\"user_selected\":true}},"
	"\"patients\":[{\"identifier\":{\"id\":\"" FORGE_PATIENT "\","
	"\"system\":\"urn:oid:2.16.578.1.12.4.1.4.1\"}}]}";

struct forge forge_access_token(void)
{
	static const struct forge_member header[] = { { "alg", "\"ES256\"" },
		{ "kid", "\"key-1\"" }, { "typ", "\"at+jwt\"" } };
	static const struct forge_member payload[] = {
		{ "iss", "\"" FORGE_ISSUER "\"" },
		{ "aud", "\"" FORGE_AUDIENCE "\"" },
		{ "exp", "1763650300" },
		{ "nbf", "1763649990" },
		{ "iat", "1763649990" },
		{ "jti", "\"token-1\"" },
		{ "client_id", "\"client-1\"" },
		{ "scope", "[\"nhn:pmd/observation.read\",\"nhn:pmd/pil.read\"]" },
		{ "cnf", "{\"jkt\":\"" FORGE_JKT "\"}" },
		{ "name", "\"Line Danser\"" },
		{ "helseid://claims/identity/pid", "\"" FORGE_DOCTOR "\"" },
		{ "helseid://claims/identity/security_level", "\"4\"" },
		{ "helseid://claims/identity/assurance_level", "\"high\"" },
		{ "helseid://claims/hpr/hpr_number", "\"181000001\"" },
		{ "helseid://claims/client/client_name", "\"EPJ\"" },
		{ "helseid://claims/client/claims/orgnr_parent", "\"" FORGE_PARENT "\"" },
		{ "helseid://claims/client/claims/orgnr_child", "\"" FORGE_CHILD "\"" },
		{ "helseid://claims/client/claims/orgnr_supplier", "\"994598759\"" },
	};
	struct forge forge = { 0 };
	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
		forge_add(&forge, FORGE_HEADER, header[i].name, header[i].value);
	for (size_t i = 0; i < sizeof(payload) / sizeof(payload[0]); i++)
		forge_add(&forge, FORGE_PAYLOAD, payload[i].name, payload[i].value);
	forge_add(&forge, FORGE_PAYLOAD, FORGE_ATTEST, forge_attest);
	return forge;
}
