/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tests/unit/storage/bed.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "storage/admin.h"

static char conninfo[512];
static PGconn *superuser;

static void die(const char *what, const char *text)
{
	fprintf(stderr, "%s: %s\n", what, text);
	exit(1);
}

static PGconn *connected(const char *database)
{
	char text[512];
	snprintf(text, sizeof(text), "host=%s port=%s user=%s dbname=%s", getenv("PGHOST"),
		getenv("PGPORT"), getenv("PGUSER"), database);
	PGconn *connection = PQconnectdb(text);
	if (PQstatus(connection) != CONNECTION_OK)
		die("connect", PQerrorMessage(connection));
	return connection;
}

static void run(PGconn *connection, const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		die(sql, PQerrorMessage(connection));
	PQclear(result);
}

static void migrate(void)
{
	struct arena *arena = arena_new((size_t)1 << 24);
	struct outcome outcome = { .arena = arena };
	unsigned applied = 0;
	struct admin *admin = admin_open(arena, conninfo, getenv("PGUSER"), &outcome);
	if (admin == NULL || !admin_migrate(admin, &applied, &outcome))
		die("migrate", outcome.first == NULL ? "?" : outcome.first->text.at);
	admin_close(&admin);
	arena_free(&arena);
}

void bed_make(const char *name)
{
	char sql[128];
	if (getenv("PGHOST") == NULL)
		die("bed", "run by with_cluster.sh");
	PGconn *connection = connected("postgres");
	snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", name);
	run(connection, sql);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
	run(connection, sql);
	PQfinish(connection);
	snprintf(conninfo, sizeof(conninfo), "host=%s port=%s dbname=%s", getenv("PGHOST"),
		getenv("PGPORT"), name);
	migrate();
	if (superuser != NULL)
		PQfinish(superuser);
	superuser = connected(name);
}

const char *bed_conninfo(void)
{
	return conninfo;
}

int64_t bed_number(const char *format, ...)
{
	char sql[1024];
	va_list values;
	va_start(values, format);
	vsnprintf(sql, sizeof(sql), format, values);
	va_end(values);
	PGresult *result = PQexec(superuser, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		die(sql, PQerrorMessage(superuser));
	const int64_t number =
		PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
	PQclear(result);
	return number;
}

instant bed_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INSTANT_SECOND + now.tv_nsec / 1000;
}

static void note(void *context, const char *text)
{
	(void)context;
	if (getenv("BED_NOTES") != NULL)
		fprintf(stderr, "# %s\n", text);
}

void hub_open_with(struct hub *hub, const unsigned connections[DB_ROLES])
{
	struct db_settings settings = {
		.conninfo = conninfo,
		.statement_timeout = 20 * INSTANT_SECOND,
		.note = note,
	};
	memcpy(settings.connections, connections, sizeof(settings.connections));
	hub->seal = seal_new(STR("a master secret for tests, 32 bytes and more"));
	hub->db = db_open(&settings);
	hub->store = store_open(hub->db, hub->seal,
		&(struct store_settings){ .queue_max = 10000, .group_max = 1024 });
}

void hub_open(struct hub *hub, unsigned writers)
{
	hub_open_with(hub, (const unsigned[DB_ROLES]){ 1, 1, writers, 1 });
}

void hub_close(struct hub *hub)
{
	db_close(&hub->db);
	store_close(&hub->store);
	seal_free(&hub->seal);
}

void hub_turn(struct hub *hub, int ms)
{
	db_flush(hub->db, bed_now());
	struct pollfd poller = { .fd = db_fd(hub->db), .events = POLLIN };
	poll(&poller, 1, ms);
	db_run(hub->db, bed_now());
}

bool hub_until(struct hub *hub, const unsigned *count, unsigned least)
{
	const instant end = bed_now() + 20 * INSTANT_SECOND;
	while (*count < least && bed_now() < end)
		hub_turn(hub, 50);
	return *count >= least;
}

void hub_until_ready(struct hub *hub)
{
	const instant end = bed_now() + 20 * INSTANT_SECOND;
	while ((!db_ready(hub->db) || store_corr(hub->store) == 0) && bed_now() < end)
		hub_turn(hub, 50);
	if (!db_ready(hub->db))
		die("hub", "not ready");
}

/* ---- readings */

static const struct coding heart_rate[] = { { { "http://loinc.org", 16 }, { "8867-4", 6 } } };
static const struct coding vital_signs[] = {
	{ { "http://terminology.hl7.org/CodeSystem/observation-category", 58 },
		{ "vital-signs", 11 } }
};
static const struct coding per_minute[] = { { { "http://unitsofmeasure.org", 25 },
	{ "/min", 4 } } };

static struct concept concept_from(struct arena *arena, const struct coding *coding)
{
	return concept_parse(arena, concept_of(arena, *coding));
}

static const struct observation *observation_new(
	struct arena *arena, const struct reading_plan *plan)
{
	struct observation *observation = arena_alloc(arena, sizeof(*observation));
	observation->type = TYPE_OBSERVATION;
	observation->status = STATUS_FINAL;
	observation->class = CLASS_HEALTH;
	observation->code = concept_from(arena, heart_rate);
	observation->canon = heart_rate[0];
	observation->category = concept_from(arena, vital_signs);
	observation->time = (struct span){ .low = plan->time, .high = plan->time + INSTANT_SECOND };
	observation->minute_clock = plan->minute_clock;
	observation->value = (struct observation_value){ true, plan->value - 0.5, plan->value + 0.5,
		concept_from(arena, per_minute) };
	observation->keys = arena_array(arena, 2, sizeof(struct str));
	if (plan->identifier != NULL)
		observation->keys[observation->key_count++] =
			str_format(arena, "I%s", plan->identifier);
	if (plan->device != NULL)
		observation->keys[observation->key_count++] =
			str_format(arena, "D%s\x1f%lld", plan->device, (long long)plan->time);
	observation->has_device_key = plan->device != NULL;
	observation->content =
		str_format(arena, "8867-4\x1f%lld\x1f%g", (long long)plan->time, plan->value);
	observation->body = str_format(arena,
		"{\"resourceType\":\"Observation\",\"meta\":{},\"status\":\"final\",\"code\":{"
		"\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"8867-4\"}]},"
		"\"valueQuantity\":{\"value\":%g,\"unit\":\"/min\",\"system\":\"http://"
		"unitsofmeasure.org\",\"code\":\"/min\"}}",
		plan->value);
	return observation;
}

static void upload_done(void *context)
{
	struct upload *upload = context;
	(*upload->done)++;
}

struct upload *upload_new(
	struct hub *hub, const struct reading_plan *plans, size_t count, unsigned *done)
{
	struct arena *arena = arena_new((size_t)1 << 24);
	struct upload *upload = arena_alloc(arena, sizeof(*upload));
	upload->arena = arena;
	upload->done = done;
	upload->outcome.arena = arena;
	upload->part = (struct grant_part){
		.tenant = plans[0].tenant,
		.subject = plans[0].person + 1000,
		.person = plans[0].person,
		.bucket = (uint16_t)(plans[0].person * 7919),
		.classes = 1u << CLASS_HEALTH,
	};
	upload->grant = (struct grant){ .action = ASK_WRITE,
		.own_tenant = plans[0].tenant,
		.parts = &upload->part,
		.count = 1 };
	upload->write = (struct store_write){
		.call = { arena, &upload->outcome, upload_done, upload, NULL, 0 },
		.grant = &upload->grant,
		.items = arena_array(arena, count, sizeof(struct write_item)),
		.count = count,
		.corr = store_corr(hub->store),
		.door = DOOR_FHIR,
		.client = STR("bed"),
		.log = &upload->log,
		.log_count = 1,
	};
	for (size_t i = 0; i < count; i++) {
		upload->write.items[i].observation = observation_new(arena, &plans[i]);
		upload->write.items[i].part = &upload->part;
		upload->write.items[i].client = upload->write.client;
		upload->write.items[i].correction = plans[i].correction;
	}
	upload->log = (struct log_row){
		.person = upload->part.person,
		.bucket = upload->part.bucket,
		.tenant = upload->part.tenant,
		.actor_orgnr = 999999999,
		.op = LOG_CREATE,
		.type = TYPE_OBSERVATION,
		.outcome = LOG_PERMIT,
		.classes = 1u << CLASS_HEALTH,
		.corr = upload->write.corr,
		.context = STR("{\"client\":\"bed\"}"),
		.body = STR("{\"count\":1}"),
	};
	return upload;
}

void upload_free(struct upload **upload)
{
	struct arena *arena = (*upload)->arena;
	*upload = NULL;
	arena_free(&arena);
}
