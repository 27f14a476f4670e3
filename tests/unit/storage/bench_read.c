/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * How many look-ups a second one store does, without HTTP and without the log: with_cluster.sh bench_read SECONDS OPEN CONNECTIONS [SUBJECTS]
 * OPEN calls are always under way. SUBJECTS (default 2,500) of 20 controllers have 200 readings each, one of them 50,000 (a glucose sensor). Not run by the tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "storage/pack.h"
#include "tests/unit/storage/bed.h"

#define TENANTS  20u
#define READINGS 200u
#define SENSOR   50000u

static struct bench {
	struct hub hub;
	unsigned subjects, open;
	uint64_t turn, answered, failed, rows;
	instant now;
	int32_t code;
	bool sensor; /* all of the one subject with many */
} bench;

static const char body[] =
	"{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\",\"category\":[{"
	"\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/"
	"observation-category\",\"code\":\"vital-signs\",\"display\":\"Vital "
	"Signs\"}]}],\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"8867-4\","
	"\"display\":\"Heart "
	"rate\"}]},\"subject\":{\"type\":\"Patient\",\"identifier\":{\"system\":\"urn:oid:2.16.578."
	"1.12.4.1.4.1\",\"value\":\"13916900216\"}},"
	"\"effectiveDateTime\":\"2026-11-20T08:00:12+01:00\",\"valueQuantity\":{\"value\":70.5,"
	"\"unit\":\"/min\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"/min\"}}";

static void load(void)
{
	struct arena *arena = arena_new((size_t)1 << 20);
	struct str packed;
	const int pack = pack_bytes(arena, str_of(body), &packed);
	const struct str hex = str_hex(arena, packed.at, packed.length);
	bed_number("CREATE FUNCTION public.time_of(i int8) RETURNS timestamptz LANGUAGE sql AS "
		   "'SELECT now() - i * interval ''7 minutes'''");
	for (unsigned i = 0; i < 5; i++) {
		bed_number("INSERT INTO hub.code (canon, class, concept) VALUES (0, 1, "
			   "'http://loinc.org|code-%u')",
			i);
		bed_number("INSERT INTO hub.coding SELECT code_id, 'http://loinc.org', 'code-%u' "
			   "FROM hub.code WHERE concept = 'http://loinc.org|code-%u'",
			i, i);
	}
	bed_number("CREATE TABLE public.body AS SELECT %d::int2 AS pack, decode('%.*s', 'hex') AS "
		   "body",
		pack, STR_ARG(hex));
	const unsigned subjects = bench.subjects;
	bed_number("INSERT INTO hub.observation (id, time_low, time_high, recv, "
		   "subject_id, upload_id, bucket, tenant_id, code, category, version, "
		   "type, class, status, pack, digest, body) "
		   "SELECT i, public.time_of(i / %u), public.time_of(i / %u) + "
		   "interval '1 second', now(), i %% %u, 1, (i %% %u * 7919 %% "
		   "65536)::int4, (1 + i %% %u %% %u)::int4, "
		   "(1 + i / %u %% 5)::int4, 0, 1, 1, 1, 3, b.pack, "
		   "'00000000-0000-0000-0000-000000000000', b.body FROM "
		   "generate_series(0, %llu - 1) i, public.body b",
		subjects, subjects, subjects, subjects, subjects, TENANTS, subjects,
		(unsigned long long)subjects * READINGS);
	bed_number("INSERT INTO hub.observation SELECT 1000000000 + i, public.time_of(i), "
		   "public.time_of(i) + interval '1 second', NULL, NULL, now(), 999999, 1, 9, 1, 1 "
		   "+ i %% 5, 0, NULL, 1, 1, 1, 3, b.pack, "
		   "'00000000-0000-0000-0000-000000000000', b.body FROM generate_series(0, %u - 1) "
		   "i, public.body b",
		SENSOR);
	bed_number("INSERT INTO hub.alias SELECT lpad(to_hex(i), 32, '0')::uuid, i, (i * 7919 %% "
		   "65536)::int4, (i * 7919 %% 65536)::int4 FROM generate_series(0, %u - 1) i",
		subjects);
	bed_number("INSERT INTO hub.subject SELECT i, i, (i * 7919 %% 65536)::int4, (1 + i %% "
		   "%u)::int4 FROM generate_series(0, %u - 1) i",
		TENANTS, subjects);
	bed_number("VACUUM ANALYZE");
	bed_number("CHECKPOINT");
	arena_free(&arena);
}

/* ---- calls; each has an arena that is thrown away with it, as an exchange does */

struct call {
	struct arena *arena;
	struct outcome outcome;
	struct grant grant;
	struct grant_part part;
	union {
		struct store_call call;
		struct store_read read;
		struct store_search search;
		struct store_resolve resolve;
	} as;
	struct search asked;
	struct resolve_item item;
};

static void answered(void *context)
{
	struct call *call = context;
	struct arena *arena = call->arena;
	bench.open--;
	bench.answered++;
	bench.failed += call->outcome.errors > 0;
	arena_free(&arena);
}

static void searched(void *context)
{
	bench.rows += ((struct call *)context)->as.search.count;
	answered(context);
}

static void was_read(void *context)
{
	bench.rows += ((struct call *)context)->as.read.found;
	answered(context);
}

static void resolved(void *context)
{
	bench.rows += ((struct call *)context)->item.patient.subject_count;
	answered(context);
}

static struct call *call_new(void (*done)(void *context))
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct call *call = arena_alloc(arena, sizeof(*call));
	call->arena = arena;
	call->outcome.arena = arena;
	const unsigned subject = (unsigned)(bench.turn++ * 2654435761u % bench.subjects);
	call->part = (struct grant_part){ .tenant = 1 + subject % TENANTS,
		.subject = subject,
		.person = subject,
		.bucket = (uint16_t)(subject * 7919u),
		.classes = 1u << CLASS_HEALTH };
	if (bench.sensor)
		call->part = (struct grant_part){
			.tenant = 1, .subject = 999999, .bucket = 9, .classes = 1u << CLASS_HEALTH
		};
	call->grant = (struct grant){
		.action = ASK_READ, .own_tenant = 1, .parts = &call->part, .count = 1
	};
	call->as.call = (struct store_call){
		.arena = arena, .outcome = &call->outcome, .done = done, .context = call
	};
	return call;
}

static void ask_id(void)
{
	struct call *call = call_new(was_read);
	call->as.read.grant = &call->grant;
	call->as.read.key = (struct resource_key){ TYPE_OBSERVATION, call->part.bucket,
		call->part.tenant, call->part.subject,
		call->part.subject + bench.turn % READINGS * bench.subjects };
	store_read(bench.hub.store, &call->as.read);
}

static struct call *search_new(void)
{
	struct call *call = call_new(searched);
	call->as.search.grant = &call->grant;
	call->as.search.search = &call->asked;
	call->as.search.limit = 20;
	return call;
}

static void ask_newest(void)
{
	store_search(bench.hub.store, &search_new()->as.search);
}

static void with_code(struct call *call)
{
	call->asked.codes = arena_alloc(call->arena, sizeof(*call->asked.codes));
	call->asked.codes->values = arena_alloc(call->arena, sizeof(*call->asked.codes->values));
	*call->asked.codes->values =
		(struct search_token){ .system = STR("http://loinc.org"), .code = STR("code-1") };
	call->asked.codes->count = call->asked.code_count = 1;
}

static void with_date(struct call *call)
{
	call->asked.dates = arena_alloc(call->arena, sizeof(*call->asked.dates));
	call->asked.dates->values = arena_alloc(call->arena, sizeof(*call->asked.dates->values));
	const instant from = bench.now - (instant)7 * 86400 * INSTANT_SECOND;
	*call->asked.dates->values = (struct search_date){ .prefix = PREFIX_GE,
		.span = { .low = from, .high = from + INSTANT_SECOND } };
	call->asked.dates->count = call->asked.date_count = 1;
}

static void ask_code(void)
{
	struct call *call = search_new();
	with_code(call);
	store_search(bench.hub.store, &call->as.search);
}

static void ask_code_date(void)
{
	struct call *call = search_new();
	with_code(call);
	with_date(call);
	store_search(bench.hub.store, &call->as.search);
}

static void ask_resolve(void)
{
	struct call *call = call_new(resolved);
	call->as.resolve.items = &call->item;
	call->as.resolve.count = 1;
	call->item.key.bucket = call->part.bucket;
	for (unsigned i = 0; i < 8; i++)
		call->item.key.mac.bytes[15 - i] = (uint8_t)(call->part.subject >> 8 * i);
	store_resolve(bench.hub.store, &call->as.resolve);
}

/* Processor time of a role's backends so far, in microseconds: what a figure means while others use the machine. */
static double backend_time(void)
{
	double ticks = 0;
	for (unsigned i = 0; i < 8; i++) {
		const int64_t pid = bed_number("SELECT pid FROM pg_stat_activity WHERE datname = "
					       "'bench_read' AND usename IN ('hub_read', "
					       "'hub_resolve') ORDER BY pid OFFSET %u LIMIT 1",
			i);
		char path[64];
		unsigned long user = 0, kernel = 0;
		snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
		FILE *file = pid == 0 ? NULL : fopen(path, "r");
		char line[512] = "";
		if (file != NULL && fgets(line, sizeof(line), file) != NULL) {
			const char *at = strrchr(line, ')');
			for (unsigned field = 2; at != NULL && field < 14; field++)
				at = strchr(at + 1, ' ');
			char *rest = NULL;
			user = at == NULL ? 0 : strtoul(at, &rest, 10);
			kernel = rest == NULL ? 0 : strtoul(rest, NULL, 10);
		}
		if (file != NULL)
			fclose(file);
		ticks += (double)(user + kernel);
	}
	return ticks * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static double own_time(void)
{
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void measure(const char *name, void (*ask)(void), unsigned seconds, unsigned open)
{
	instant start = bed_now();
	bench.answered = bench.failed = bench.rows = 0;
	const double backends = backend_time(), own = own_time();
	for (instant now = start; now - start < (instant)seconds * INSTANT_SECOND || bench.open > 0;
		now = bed_now()) {
		while (now - start < (instant)seconds * INSTANT_SECOND && bench.open < open) {
			bench.open++;
			ask();
		}
		hub_turn(&bench.hub, 50);
	}
	const double taken = (double)(bed_now() - start) / INSTANT_SECOND;
	const double answered = (double)bench.answered;
	printf("%-24s %9.0f /s  %5.1f rows each, %llu failed; %.1f us of the database, %.1f us of "
	       "the store each\n",
		name, answered / taken, (double)bench.rows / answered,
		(unsigned long long)bench.failed, (backend_time() - backends) / answered,
		(own_time() - own) / answered);
	fflush(stdout);
}

int main(int count, char **words)
{
	const unsigned seconds = count > 1 ? (unsigned)strtoul(words[1], NULL, 10) : 3;
	const unsigned open = count > 2 ? (unsigned)strtoul(words[2], NULL, 10) : 256;
	const unsigned connections = count > 3 ? (unsigned)strtoul(words[3], NULL, 10) : 2;
	bench.subjects = count > 4 ? (unsigned)strtoul(words[4], NULL, 10) : 2500;
	bench.now = bed_now();
	bed_make("bench_read");
	load();
	hub_open_with(&bench.hub, (const unsigned[DB_ROLES]){ connections, connections, 1, 1 });
	hub_until_ready(&bench.hub);
	printf("%u subjects of %u readings, %u open, %u connections\n", bench.subjects, READINGS,
		open, connections);
	measure("resolve", ask_resolve, seconds, open);
	measure("by id", ask_id, seconds, open);
	measure("newest 20", ask_newest, seconds, open);
	measure("code, newest 20", ask_code, seconds, open);
	measure("code and date, newest 20", ask_code_date, seconds, open);
	bench.sensor = true;
	measure("sensor: newest 20", ask_newest, seconds, open);
	measure("sensor: code and date", ask_code_date, seconds, open);
	hub_close(&bench.hub);
	return bench.failed > 0;
}
