/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * How many readings a second one store commits: with_cluster.sh bench_write SECONDS READINGS OPEN CONNECTIONS [PATIENTS]
 * OPEN requests of READINGS readings (of PATIENTS patients each, a log row a patient) are always under way. 100,000 patients of 20 controllers; five
 * codes, every fifth reading a blood pressure with two components; two keys each; bodies of about 900 bytes. BENCH_SQL in the environment is run before.
 * Not run by the tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/storage/bed.h"

#define PERSONS 100000u
#define TENANTS 20u

static struct bench {
	struct hub hub;
	size_t readings, patients;
	uint64_t made;
	unsigned open;
	uint64_t answered, refused, fates[4];
} bench;

static const char *const codes[5] = { "8867-4", "2708-6", "8310-5", "29463-7", "85354-9" };

static struct coding loinc(const char *code)
{
	return (struct coding){ STR("http://loinc.org"), str_of(code) };
}

static struct concept concept_one(struct arena *arena, struct coding coding)
{
	return concept_parse(arena, concept_of(arena, coding));
}

static struct observation_value value_of(struct arena *arena, uint64_t number)
{
	const double value = 60 + (double)(number % 40);
	return (struct observation_value){ true, value - 0.5, value + 0.5,
		concept_one(
			arena, (struct coding){ STR("http://unitsofmeasure.org"), STR("/min") }) };
}

static struct str body_of(struct arena *arena, const char *code, uint64_t number)
{
	return str_format(arena,
		"{\"resourceType\":\"Observation\",\"meta\":{},\"identifier\":[{\"system\":\"urn:"
		"ietf:rfc:3986\",\"value\":\"urn:uuid:0b4b1f1e-7d0c-4b6e-9d0a-%012llx\"}],"
		"\"status\":\"final\","
		"\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/"
		"observation-category\",\"code\":\"vital-signs\",\"display\":\"Vital Signs\"}]}],"
		"\"code\":{\"coding\":[{\"system\":\"http://"
		"loinc.org\",\"code\":\"%s\",\"display\":\"Heart "
		"rate\"}]},\"subject\":{\"type\":\"Patient\",\"identifier\":{\"system\":\"urn:oid:"
		"2.16.578.1.12.4.1.4.1\",\"value\":\"%011llu\"}},"
		"\"effectiveDateTime\":\"2026-11-20T08:00:%02llu+01:00\",\"performer\":[{\"type\":"
		"\"Organization\",\"identifier\":{\"system\":\"urn:oid:2.16.578.1.12.4.1.4.101\","
		"\"value\":\"983658776\"}}],"
		"\"valueQuantity\":{\"value\":%llu,\"unit\":\"/min\",\"system\":\"http://"
		"unitsofmeasure.org\",\"code\":\"/"
		"min\"},\"device\":{\"identifier\":{\"system\":\"http://komlink.nhn.no/devices/"
		"serial\",\"value\":\"SN-%06llu\"}}}",
		(unsigned long long)number, code, (unsigned long long)number % PERSONS,
		(unsigned long long)number % 60, 60 + (unsigned long long)number % 40,
		(unsigned long long)number % PERSONS);
}

static struct observation *observation_make(struct arena *arena, uint64_t number, instant now)
{
	struct observation *observation = arena_alloc(arena, sizeof(*observation));
	const char *code = codes[number % 5];
	const instant time = now - (instant)(number % 86400) * INSTANT_SECOND;
	observation->type = TYPE_OBSERVATION;
	observation->status = STATUS_FINAL;
	observation->class = CLASS_HEALTH;
	observation->canon = loinc(code);
	observation->code = concept_one(arena, observation->canon);
	observation->category =
		concept_one(arena, (struct coding){ STR(SYSTEM_CATEGORY), STR("vital-signs") });
	observation->time = (struct span){ .low = time, .high = time + INSTANT_SECOND };
	observation->value = value_of(arena, number);
	if (number % 5 == 4) {
		observation->value.present = false;
		observation->term_count = 2;
		observation->terms = arena_array(arena, 2, sizeof(struct observation_term));
		for (unsigned i = 0; i < 2; i++) {
			observation->terms[i].code =
				concept_one(arena, loinc(i == 0 ? "8480-6" : "8462-4"));
			observation->terms[i].value = value_of(arena, number + i);
		}
	}
	observation->keys = arena_array(arena, 2, sizeof(struct str));
	observation->key_count = 2;
	observation->keys[0] = str_format(arena,
		"Iurn:ietf:rfc:3986\x1f"
		"0b4b1f1e-7d0c-4b6e-%llx",
		(unsigned long long)number);
	observation->keys[1] = str_format(
		arena, "DSN-%llu\x1f%s\x1f%lld", (unsigned long long)number, code, (long long)time);
	observation->has_device_key = true;
	observation->content = str_format(arena, "%s\x1f%lld\x1f%llu", code, (long long)time,
		(unsigned long long)number % 40);
	observation->body = body_of(arena, code, number);
	return observation;
}

struct request {
	struct arena *arena;
	struct outcome outcome;
	struct grant grant;
	struct grant_part *parts;
	struct log_row *log;
	struct store_write write;
};

static void answered(void *context)
{
	struct request *request = context;
	bench.open--;
	if (request->outcome.errors > 0) {
		if (bench.refused++ == 0)
			fprintf(stderr, "refused: %.*s\n", STR_ARG(request->outcome.first->text));
	} else {
		bench.answered += request->write.count;
		for (size_t i = 0; i < request->write.count; i++)
			bench.fates[request->write.items[i].fate]++;
	}
	arena_free(&request->arena);
}

static void patient_make(struct request *request, size_t i, uint64_t number)
{
	struct arena *arena = request->arena;
	const uint64_t person = 1 + (number * 2654435761u) % PERSONS;
	request->parts[i] = (struct grant_part){ .tenant = request->grant.own_tenant,
		.person = person,
		.subject = person + 1000000,
		.bucket = (uint16_t)(person * 40503u) };
	request->log[i] = (struct log_row){ .person = person,
		.bucket = request->parts[i].bucket,
		.tenant = request->grant.own_tenant,
		.actor_orgnr = 983658776,
		.op = LOG_CREATE,
		.type = TYPE_OBSERVATION,
		.outcome = LOG_PERMIT,
		.classes = 2,
		.corr = request->write.corr,
		.context = STR("{\"client\":\"bench\",\"orgnr\":\"983658776\",\"scope\":"
			       "\"observation.write\"}"),
		.body = str_format(arena,
			"{\"codes\":[\"http://loinc.org|8867-4\"],\"count\":1,\"jti\":\"%016llx\"}",
			(unsigned long long)number) };
}

static void send_one(instant now)
{
	struct arena *arena = arena_new((size_t)1 << 26);
	struct request *request = arena_alloc(arena, sizeof(*request));
	request->arena = arena;
	request->outcome.arena = arena;
	request->grant = (struct grant){ .action = ASK_WRITE,
		.own_tenant = 1 + (uint32_t)(bench.made / bench.readings % TENANTS) };
	request->parts = arena_array(arena, bench.patients, sizeof(struct grant_part));
	request->log = arena_array(arena, bench.patients, sizeof(struct log_row));
	request->write = (struct store_write){
		.call = { arena, &request->outcome, answered, request, NULL, 0 },
		.grant = &request->grant,
		.items = arena_array(arena, bench.readings, sizeof(struct write_item)),
		.count = bench.readings,
		.corr = store_corr(bench.hub.store),
		.door = DOOR_FHIR,
		.client = STR("bench"),
		.log = request->log,
		.log_count = bench.patients,
	};
	for (size_t i = 0; i < bench.patients; i++)
		patient_make(request, i, bench.made + i);
	for (size_t i = 0; i < bench.readings; i++) {
		request->write.items[i] = (struct write_item){ .observation = observation_make(
								       arena, bench.made++, now),
			.part = &request->parts[i % bench.patients],
			.client = request->write.client };
	}
	bench.open++;
	store_write(bench.hub.store, &request->write);
}

static double cpu_seconds(void)
{
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

int main(int count, char **arguments)
{
	if (count < 5) {
		fprintf(stderr, "bench_write SECONDS READINGS OPEN CONNECTIONS [PATIENTS]\n");
		return 2;
	}
	const unsigned seconds = (unsigned)strtoul(arguments[1], NULL, 10),
		       open = (unsigned)strtoul(arguments[3], NULL, 10);
	bench.readings = strtoul(arguments[2], NULL, 10);
	bench.patients = count > 5 ? strtoul(arguments[5], NULL, 10) : bench.readings;
	bed_make("bench_write");
	if (getenv("BENCH_SQL") != NULL)
		bed_number("%s", getenv("BENCH_SQL"));
	hub_open(&bench.hub, (unsigned)strtoul(arguments[4], NULL, 10));
	hub_until_ready(&bench.hub);
	bed_number("CHECKPOINT");
	const instant start = bed_now(), end = start + seconds * INSTANT_SECOND;
	const double cpu = cpu_seconds();
	instant now = start;
	while (now < end || bench.open > 0) {
		while (now < end && bench.open < open)
			send_one(now);
		hub_turn(&bench.hub, 50);
		now = bed_now();
	}
	const double taken = (double)(now - start) / 1e6;
	printf("%zu readings, %u open, %s connections: %.0f readings/s (%.0f requests/s), hub's "
	       "CPU %.1f us a reading; refused %llu; created %llu, known %llu\n",
		bench.readings, open, arguments[4], (double)bench.answered / taken,
		(double)bench.answered / (double)bench.readings / taken,
		(cpu_seconds() - cpu) * 1e6 / (double)bench.answered,
		(unsigned long long)bench.refused, (unsigned long long)bench.fates[WRITE_CREATED],
		(unsigned long long)bench.fates[WRITE_KNOWN]);
	hub_close(&bench.hub);
	return 0;
}
