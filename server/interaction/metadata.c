/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* GET /fhir/metadata: what the hub does, made of the tables that decide what it does. */
#include "fhir/base/json.h"
#include "fhir/bundle.h"
#include "fhir/hl7/er7.h"
#include "fhir/patch.h"
#include "fhir/profile.h"
#include "fhir/search.h"
#include "server/interaction/interactions.h"
#include "server/interaction/unreliable.h"
#include "server/loop.h"
#include "server/respond.h"

#define METADATA_MAX ((size_t)1 << 20)
#define VERSION      "0.1.0"

static bool has_route(const struct interaction *interaction)
{
	size_t count;
	const struct route *routes = routes_all(&count);
	for (size_t i = 0; i < count; i++)
		if (routes[i].interaction == interaction)
			return true;
	return false;
}

static size_t body_max_of(const struct interaction *interaction)
{
	size_t count;
	const struct route *routes = routes_all(&count);
	for (size_t i = 0; i < count; i++)
		if (routes[i].interaction == interaction)
			return routes[i].body_max;
	return 0;
}

/* An interaction's code, where a route has it (http://hl7.org/fhir/restful-interaction). */
static void write_code(struct buf *buf, const struct interaction *interaction, const char *code,
	const char *documentation)
{
	if (!has_route(interaction))
		return;
	json_write_comma(buf);
	buf_add_byte(buf, '{');
	json_write_member(buf, "code", str_of(code));
	json_write_member(buf, "documentation", str_of(documentation));
	buf_add_byte(buf, '}');
}

static void write_parameters(struct buf *buf, enum resource_type type)
{
	size_t count;
	const struct search_parameter *parameters = search_parameters(&count);
	buf_add_text(buf, ",\"searchParam\":[");
	for (size_t i = 0; i < count; i++) {
		const bool result = parameters[i].kind < SEARCH_KIND_ID;
		if (result || !search_parameter_is_of(&parameters[i], type))
			continue; /* results are no filters: told in the documentation */
		json_write_comma(buf);
		buf_add_byte(buf, '{');
		json_write_member(buf, "name", str_of(parameters[i].name));
		json_write_member(buf, "definition", str_of(parameters[i].definition));
		json_write_member(buf, "type", str_of(parameters[i].type));
		json_write_member(buf, "documentation", str_of(parameters[i].text));
		buf_add_byte(buf, '}');
	}
	buf_add_byte(buf, ']');
}

/* What its searches may bring with them, where they can. */
static void write_includes(
	struct buf *buf, enum resource_type type, enum include_direction direction)
{
	size_t count;
	const struct include *includes = includes_all(&count);
	buf_add_format(buf, ",\"%s\":[",
		direction == INCLUDE_FORWARD ? "searchInclude" : "searchRevInclude");
	for (size_t i = 0; i < count; i++) {
		if (includes[i].searched != type || includes[i].direction != direction)
			continue;
		json_write_comma(buf);
		buf_add_format(buf, "\"%s:%s\"", resource_type_name(includes[i].source),
			includes[i].parameter);
	}
	buf_add_byte(buf, ']');
}

static void write_profiles(struct buf *buf)
{
	size_t count;
	const char *const *urls = profile_urls(&count);
	buf_add_text(buf, ",\"supportedProfile\":[");
	for (size_t i = 0; i < count; i++) {
		json_write_comma(buf);
		json_write_string(buf, str_of(urls[i]));
	}
	buf_add_byte(buf, ']');
}

static void write_observation(struct exchange *exchange, struct buf *buf)
{
	buf_add_text(buf, "{\"type\":\"Observation\",\"interaction\":[");
	write_code(buf, &interaction_create, "create",
		"Prefer return=representation (default), minimal or OperationOutcome. A re-send is "
		"answered 200 with the id it has.");
	write_code(buf, &interaction_read, "read",
		"Absent and not for you are one answer; what was deleted is 410 for those who "
		"could "
		"read it.");
	write_code(
		buf, &interaction_vread, "vread", "Open where the reading as it is now is open.");
	write_code(buf, &interaction_history, "history-instance",
		"Newest first, deletions among them; _since, _count 0 to 200 (20).");
	write_code(buf, &interaction_history_type, "history-type",
		"Of a controller's readings, by that controller's own system; _since, _count.");
	write_code(buf, &interaction_update, "update",
		"By the data controller alone; If-Match is held to (412). The hub gives ids: PUT "
		"of one "
		"that is not there is 404. By identifier=system|value: stored or replaced.");
	write_code(buf, &interaction_patch, "patch",
		str_format(exchange->arena, "JSON Patch of %.*s.",
			STR_ARG(patch_paths(exchange->arena, TYPE_OBSERVATION)))
			.at);
	write_code(buf, &interaction_delete, "delete",
		"Logical: versions stay in the history, and a re-send does not bring it back.");
	write_code(buf, &interaction_search_post, "search-type",
		"POST _search with patient.identifier in the body; GET with patient=<id>. _count 1 "
		"to 200 (20; 0: the total alone), _sort by date, _lastUpdated, code and "
		"value-quantity (-date is the default), _total. Unknown parameters are refused, or "
		"ignored and told by Prefer: handling=lenient.");
	buf_add_format(buf,
		"],\"versioning\":\"versioned-update\",\"readHistory\":%s,"
		"\"updateCreate\":false,\"conditionalCreate\":true,"
		"\"conditionalRead\":\"full-support\",\"conditionalUpdate\":%s,"
		"\"conditionalDelete\":\"not-supported\",\"referencePolicy\":[\"logical\"]",
		has_route(&interaction_vread) ? "true" : "false",
		has_route(&interaction_update_conditional) ? "true" : "false");
	write_includes(buf, TYPE_OBSERVATION, INCLUDE_FORWARD);
	write_includes(buf, TYPE_OBSERVATION, INCLUDE_REVERSE);
	write_parameters(buf, TYPE_OBSERVATION);
	write_profiles(buf);
	buf_add_text(buf, ",\"operation\":[{\"name\":\"validate\",\"definition\":"
			  "\"http://hl7.org/fhir/OperationDefinition/Resource-validate\","
			  "\"documentation\":\"Also of Device, Provenance and Bundle. Nothing is "
			  "stored.\"}");
	if (has_route(&interaction_mark_unreliable))
		buf_add_text(buf, ",{\"name\":\"mark-unreliable\",\"definition\":"
				  "\"urn:maalehub:operation:mark-unreliable\",\"documentation\":"
				  "\"Parameters: "
				  "reason, author (valueString). A new version with the "
				  "tag " UNRELIABLE_SYSTEM "|" UNRELIABLE_CODE
				  " and a note with who, why and when; searches leave it out "
				  "by _tag:not.\"}");
	if (has_route(&interaction_lastn_post))
		buf_add_text(buf, ",{\"name\":\"lastn\",\"definition\":"
				  "\"http://hl7.org/fhir/OperationDefinition/Observation-lastn\","
				  "\"documentation\":\"Of one patient, max 1 to 100 (1), over "
				  "equivalent codes; not entered-in-error, unless status asks.\"}");
	buf_add_byte(buf, ']');
	buf_add_byte(buf, '}');
}

/* What a type's routes are in FHIR's words; GET and POST of a search are one. */
static void write_routes(struct buf *buf, enum resource_type type)
{
	static const struct {
		const struct interaction *interaction;
		const char *code;
	} codes[] = {
		{ &interaction_create, "create" },
		{ &interaction_read, "read" },
		{ &interaction_organization_read, "read" },
		{ &interaction_vread, "vread" },
		{ &interaction_update, "update" },
		{ &interaction_delete, "delete" },
		{ &interaction_history, "history-instance" },
		{ &interaction_search_post, "search-type" },
		{ &interaction_organization_post, "search-type" },
	};
	size_t count;
	const struct route *routes = routes_all(&count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < sizeof(codes) / sizeof(codes[0]); j++)
			if (routes[i].interaction == codes[j].interaction &&
				route_type(&routes[i]) == type)
				write_code(buf, codes[j].interaction, codes[j].code, "");
}

/* A type that comes in Bundles and is read by routes of its own. */
static void write_stored(struct buf *buf, enum resource_type type)
{
	buf_add_text(buf, ",{");
	json_write_member(buf, "type", str_of(resource_type_name(type)));
	buf_add_text(buf,
		",\"documentation\":\"Comes in Bundles, a Device also alone. A Provenance is never "
		"changed: it says what was.\",\"interaction\":[");
	write_routes(buf, type);
	buf_add_byte(buf, ']');
	buf_add_format(buf,
		",\"versioning\":\"%s\",\"readHistory\":true,"
		"\"conditionalRead\":\"full-support\"",
		type == TYPE_DEVICE ? "versioned-update" : "versioned");
	if (type == TYPE_DEVICE)
		buf_add_text(buf, ",\"updateCreate\":false,\"conditionalCreate\":true,"
				  "\"conditionalUpdate\":true,"
				  "\"conditionalDelete\":\"not-supported\"");
	write_parameters(buf, type);
	buf_add_text(buf, ",\"operation\":[{\"name\":\"validate\",\"definition\":"
			  "\"http://hl7.org/fhir/OperationDefinition/Resource-validate\"}]}");
}

static void write_organization(struct buf *buf)
{
	buf_add_text(buf, ",{\"type\":\"Organization\",\"interaction\":[");
	write_routes(buf, TYPE_ORGANIZATION);
	buf_add_text(buf, "],\"searchParam\":[{\"name\":\"_id\",\"type\":\"token\"},{\"name\":"
			  "\"identifier\",\"type\":\"token\"},{\"name\":\"name\",\"type\":"
			  "\"string\"}]}");
}

static void write_patient(struct buf *buf)
{
	buf_add_text(buf, ",{\"type\":\"Patient\",\"interaction\":[");
	write_code(buf, &interaction_patient_create, "create",
		"Makes it a patient of the caller's controller, whom readings may refer to by id. "
		"The national identifier is kept, and nothing else.");
	write_code(buf, &interaction_patient_read, "read",
		"The stub; the number comes back to whom the attest names it.");
	write_code(buf, &interaction_patient_find, "search-type",
		"POST _search with identifier=system|value: the id of any valid national id, known "
		"here or not; by _id also GET. There is nothing else to a Patient.");
	buf_add_text(buf, "],\"searchParam\":[{\"name\":\"_id\",\"definition\":"
			  "\"http://hl7.org/fhir/SearchParameter/Resource-id\",\"type\":"
			  "\"token\"},{\"name\":\"identifier\",\"definition\":"
			  "\"http://hl7.org/fhir/SearchParameter/Patient-identifier\","
			  "\"type\":\"token\"}],\"operation\":[{\"name\":\"everything\","
			  "\"definition\":\"http://hl7.org/fhir/OperationDefinition/"
			  "Patient-everything\"}]}");
}

static void write_limits(struct exchange *exchange, struct buf *buf)
{
	const struct str text = str_format(exchange->arena,
		"Measurements that patients take at home. Limits: Bundle %zu bytes and %d entries; "
		"one resource %zu bytes; HL7 message %zu bytes and %d segments; body of _search "
		"%zu bytes. Times without zone are read in %s. Norwegian national identifiers "
		"travel in bodies only. Every look is written in the access log before the answer "
		"leaves.",
		body_max_of(&interaction_bundle), BUNDLE_ENTRIES_MAX,
		body_max_of(&interaction_create), body_max_of(&interaction_pcd01), ER7_SEGMENTS_MAX,
		body_max_of(&interaction_search_post), exchange->loop->hub->config->zone);
	json_write_member(buf, "documentation", text);
}

static void write_head(struct exchange *exchange, struct buf *buf)
{
	buf_add_text(buf, "{\"resourceType\":\"CapabilityStatement\",\"status\":\"active\","
			  "\"date\":\"");
	instant_write(buf, exchange->loop->hub->started);
	buf_add_text(buf, "\",\"kind\":\"instance\",\"fhirVersion\":\"4.0.1\","
			  "\"format\":[\"application/fhir+json\",\"json\"],"
			  "\"patchFormat\":[\"" MEDIA_PATCH "\"],"
			  "\"software\":{\"name\":\"maalehub\",\"version\":\"" VERSION "\"},"
			  "\"implementation\":{\"description\":\"maalehub\"");
	json_write_member(buf, "url", base_url(exchange));
	buf_add_text(buf, "},\"rest\":[{\"mode\":\"server\"");
}

/* What was asked for of it, tagged as a part. */
static struct str part_of(struct exchange *exchange, struct str whole)
{
	struct buf buf = buf_new(exchange->arena, whole.length + 256, METADATA_MAX);
	const struct json *json =
		json_parse(exchange->arena, whole, whole.length, &exchange->outcome);
	buf_add_text(&buf, "{\"resourceType\":\"CapabilityStatement\",\"meta\":{\"tag\":"
			   "[" PRESENTATION_SUBSETTED "]}");
	presentation_members(&buf, &exchange->presentation, TYPE_CAPABILITY_STATEMENT, json);
	buf_add_byte(&buf, '}');
	return buf_str(&buf);
}

static void parse(struct exchange *exchange)
{
	presentation_check_one(&exchange->presentation, &exchange->outcome);
}

static void respond(struct exchange *exchange)
{
	struct buf buf = buf_new(exchange->arena, 8192, METADATA_MAX);
	write_head(exchange, &buf);
	write_limits(exchange, &buf);
	buf_add_text(&buf, ",\"security\":{\"cors\":false,\"service\":[{\"coding\":[{\"system\":"
			   "\"http://terminology.hl7.org/CodeSystem/"
			   "restful-security-service\",\"code\":\"OAuth\"}]}],\"description\":"
			   "\"HelseID access tokens "
			   "bound to a DPoP key (RFC 9449); practitioners need the attest of the "
			   "trust framework to read\"},\"resource\":[");
	write_observation(exchange, &buf);
	if (has_route(&interaction_patient_find))
		write_patient(&buf);
	write_stored(&buf, TYPE_DEVICE);
	write_stored(&buf, TYPE_PROVENANCE);
	write_organization(&buf);
	buf_add_text(&buf, "],\"interaction\":[");
	write_code(&buf, &interaction_bundle, "batch",
		"collection is taken as batch; Patient entries are ignored");
	write_code(&buf, &interaction_bundle, "transaction",
		"stored whole or not at all, whatever the order of its entries; changes by id, "
		"puts also by an identifier");
	buf_add_text(&buf, "],\"compartment\":[\"http://hl7.org/fhir/CompartmentDefinition/"
			   "patient\"]}]}");
	const bool whole = presentation_is_plain(&exchange->presentation);
	respond_with(exchange, 200, MEDIA_FHIR,
		whole ? buf_str(&buf) : part_of(exchange, buf_str(&buf)));
}

/* mode=full, normative and terminology are asked for by some clients; there is one statement. */
static const char *const parameters[] = { "mode", NULL };

const struct interaction interaction_metadata = {
	.name = "metadata",
	.parameters = parameters,
	.parse = parse,
	.respond = respond,
};
