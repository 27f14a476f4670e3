/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The bodies of the load: PMD-shaped Observations of invented people, each reading new. */
#include "tools/load.h"

#include <stdio.h>
#include <time.h>

#include "authz/seal.h"

static int control(const char *digits, const int *weights, int count)
{
	int sum = 0;
	for (int i = 0; i < count; i++)
		sum += (digits[i] - '0') * weights[i];
	return sum % 11 == 0 ? 0 : 11 - sum % 11;
}

void load_person(uint64_t number, char out[static 12])
{
	static const int first[] = { 3, 7, 6, 1, 8, 9, 4, 5, 2 },
			 second[] = { 5, 4, 3, 2, 7, 6, 5, 4, 3, 2 };
	/* 27 days x 12 months x 90 years, then individual numbers; those without control digits are stepped over. */
	const unsigned day = 1 + number % 27, month = 81 + number / 27 % 12,
		       year = (unsigned)(number / 324 % 90);
	for (unsigned individual = (unsigned)(number / 29160 * 7 % 1000);;
		individual = (individual + 1) % 1000) {
		snprintf(out, 12, "%02u%02u%02u%03u", day % 100, month % 100, year % 100,
			individual % 1000);
		const int k1 = control(out, first, 9);
		if (k1 == 10)
			continue;
		out[9] = (char)('0' + k1);
		const int k2 = control(out, second, 10);
		if (k2 == 10)
			continue;
		out[10] = (char)('0' + k2);
		out[11] = '\0';
		return;
	}
}

static const struct {
	const char *loinc, *snomed, *text, *unit, *ucum;
	unsigned low, range, decimals;
} kinds[] = {
	{ "8867-4", "364075005", "Puls", "slag/min", "/min", 55, 60, 0 },
	{ "2708-6", "431314004", "Oksygenmetning", "%", "%", 88, 12, 0 },
	{ "29463-7", "27113001", "Kroppsvekt", "kg", "kg", 550, 500, 1 },
	{ "8310-5", "276885007", "Kroppstemperatur", "C", "Cel", 360, 35, 1 },
};

static void add_header(struct buf *out, const char *person, const char *loinc, const char *snomed,
	const char *text)
{
	buf_add_text(out, "{\"resourceType\":\"Observation\",\"status\":\"final\",\"category\":[{"
			  "\"coding\":[{\"system\":"
			  "\"http://terminology.hl7.org/CodeSystem/"
			  "observation-category\",\"code\":\"vital-signs\"}]}],\"code\":{"
			  "\"coding\":[{\"system\":"
			  "\"http://loinc.org\",\"code\":\"");
	buf_add_format(out,
		"%s\"},{\"system\":\"http://snomed.info/sct\",\"code\":\"%s\"}],\"text\":\"%s\"},",
		loinc, snomed, text);
	buf_add_format(out,
		"\"subject\":{\"identifier\":{\"system\":\"urn:oid:2.16.578.1.12.4.1.4.1\","
		"\"value\":\"%s\"}},",
		person);
}

static void add_component(struct buf *out, const char *loinc, unsigned value)
{
	buf_add_format(out,
		"{\"code\":{\"coding\":[{\"system\":\"http://"
		"loinc.org\",\"code\":\"%s\"}]},\"valueQuantity\":{\"value\":%u,",
		loinc, value);
	buf_add_text(out,
		"\"unit\":\"mmHg\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"mm[Hg]\"}}");
}

/* One reading nobody has sent: its time comes from the running number, at :11 seconds, within the last years. */
static void add_observation(const struct load *load, struct buf *out, uint64_t number)
{
	char person[12], when[32];
	const unsigned turn = (unsigned)(number / load->people), kind = (unsigned)(number % 5);
	const time_t at =
		1600000011 + (time_t)(load->seed % 1000000) * 60 + (time_t)(turn % 2000000) * 60;
	struct tm parts;
	load_person(number % load->people, person);
	gmtime_r(&at, &parts);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S+00:00", &parts);
	if (kind == 4)
		add_header(out, person, "85354-9", "75367002", "Blodtrykk");
	else
		add_header(out, person, kinds[kind].loinc, kinds[kind].snomed, kinds[kind].text);
	buf_add_format(out,
		"\"effectiveDateTime\":\"%s\",\"performer\":[{\"type\":\"Organization\","
		"\"identifier\":{\"system\":",
		when);
	buf_add_text(out, "\"urn:oid:2.16.578.1.12.4.1.4.101\",\"value\":\"310000019\"}}],"
			  "\"device\":{\"identifier\":{\"system\":"
			  "\"http://hjemmemaling.example/serial\",");
	buf_add_format(out, "\"value\":\"SN-%06u\"},\"display\":\"Hjemmemaaler\"},",
		(unsigned)(number % load->people));
	buf_add_format(out,
		"\"identifier\":[{\"system\":\"http://hjemmemaling.example/"
		"id\",\"value\":\"%llx-%llu\"}],",
		(unsigned long long)load->seed, (unsigned long long)number);
	if (load->note > 0) {
		buf_add_text(out, "\"note\":[{\"text\":\"");
		for (unsigned i = 0; i < load->note; i++)
			buf_add_byte(out, 'a' + (char)((number + i) % 26));
		buf_add_text(out, "\"}],");
	}
	if (kind == 4) {
		buf_add_text(out, "\"component\":[");
		add_component(out, "8480-6", 100 + turn % 60);
		buf_add_byte(out, ',');
		add_component(out, "8462-4", 60 + turn % 40);
		buf_add_text(out, "]}");
		return;
	}
	const unsigned value = kinds[kind].low + (turn * 7 + (unsigned)number) % kinds[kind].range;
	if (kinds[kind].decimals == 1)
		buf_add_format(out, "\"valueQuantity\":{\"value\":%u.%u,", value / 10, value % 10);
	else
		buf_add_format(out, "\"valueQuantity\":{\"value\":%u,", value);
	buf_add_format(out,
		"\"unit\":\"%s\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"%s\"}}",
		kinds[kind].unit, kinds[kind].ucum);
}

static struct str make_bundle(const struct load *load, struct arena *arena, uint64_t number)
{
	struct buf out = buf_new(arena, (size_t)load->bundle_size * (1200 + load->note), 16 << 20);
	buf_add_text(&out, "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[");
	for (unsigned i = 0; i < load->bundle_size; i++) {
		const uint64_t reading = number * load->bundle_size + i;
		json_write_comma(&out);
		buf_add_format(&out,
			"{\"fullUrl\":\"urn:uuid:00000000-0000-4000-8000-%012llx\",\"resource\":",
			(unsigned long long)(reading & 0xffffffffffff));
		add_observation(load, &out, reading);
		buf_add_text(&out, ",\"request\":{\"method\":\"POST\",\"url\":\"Observation\"}}");
	}
	buf_add_text(&out, "]}");
	return buf_str(&out);
}

static struct str make_proof(
	const struct load *load, struct arena *arena, const char *method, struct str path)
{
	struct timespec now;
	uint8_t random[16], digest[32];
	clock_gettime(CLOCK_REALTIME, &now);
	seal_random(random, sizeof(random));
	seal_sha256(load->token, digest);
	struct str header = str_format(
		arena, "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%.*s}", STR_ARG(load->jwk));
	struct str ath =
		str_to_base64url(arena, (struct str){ (const char *)digest, sizeof(digest) });
	struct str payload = str_format(arena,
		"{\"htm\":\"%s\",\"htu\":\"%.*s%.*s\",\"iat\":%lld,\"jti\":\"%.*s\",\"ath\":\"%.*"
		"s\"}",
		method, STR_ARG(load->base), STR_ARG(path), (long long)now.tv_sec,
		STR_ARG(str_hex(arena, random, sizeof(random))), STR_ARG(ath));
	return jws_sign(arena, header, payload, JOSE_ES256, load->key);
}

void load_request(
	const struct load *load, struct arena *arena, uint64_t number, struct load_request *out)
{
	char person[12];
	*out = (struct load_request){
		.method = "POST", .path = STR("/fhir"), .content_type = STR("application/fhir+json")
	};
	switch (load->kind) {
	case LOAD_BUNDLE:
		out->body = make_bundle(load, arena, number);
		break;
	case LOAD_CREATE: {
		struct buf body = buf_new(arena, 1536, 1 << 16);
		out->path = STR("/fhir/Observation");
		add_observation(load, &body, number);
		out->body = buf_str(&body);
		break;
	}
	case LOAD_READ:
		out->method = "GET";
		out->content_type = STR("");
		out->path = str_format(arena, "/fhir/Observation/%.*s",
			STR_ARG(load->ids[number * 7919 % load->id_count]));
		break;
	case LOAD_SEARCH:
		load_person(number * 7919 % load->people, person);
		out->path = STR("/fhir/Observation/_search");
		out->content_type = STR("application/x-www-form-urlencoded");
		out->body = str_format(arena,
			"patient.identifier=urn:oid:2.16.578.1.12.4.1.4.1%%7C%s&_count=20", person);
		break;
	}
	if (load->token.length > 0)
		out->proof = make_proof(load, arena, out->method, out->path);
}
