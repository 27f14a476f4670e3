/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * POST /pcd01: an HL7 v2 message of profile IHE PCD-01, stored whole or not at all. AA leaves after the commit. What is wrong with a message is told in its acknowledgement
 * under HTTP 200; what is wrong with the caller or with us keeps its HTTP status, so that transports know when to try again.
 */
#include "server/interaction/pcd01.h"

#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "fhir/hl7/ack.h"
#include "server/interaction/aside.h"
#include "server/interaction/interactions.h"
#include "server/loop.h"
#include "server/respond.h"
#include "server/session.h"

#define NODES_MAX 100000
/* Of text, JSON and what the store needs for a row, each of which may become an Observation; measured: 15 KiB for a plain one. */
#define SEGMENT_MEMORY ((size_t)24 << 10)
#define PARSED_AT_ONCE 256
#define ACK_MAX        ((size_t)1 << 20)

static const char *media_of(const struct exchange *exchange)
{
	static const char *const media[] = { "x-application/hl7-v2+er7; charset=utf-8",
		"application/hl7-v2; charset=utf-8" };
	for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++) {
		const struct str type = str_cut(str_of(media[i]), ';', &(struct str){ 0 });
		const struct str sent =
			str_trim(str_cut(exchange->request.content_type, ';', &(struct str){ 0 }));
		if (str_equal_nocase(sent, type))
			return media[i];
	}
	return MEDIA_TEXT;
}

/* An upload's entries are the message's Observations, then its Devices. */
static struct str text_of(const struct pcd01 *message, size_t entry)
{
	return entry < message->count ? message->observations[entry]
				      : message->devices[entry - message->count];
}

static struct hl7_place place_of(const struct pcd01 *message, size_t entry)
{
	return entry < message->count ? message->places[entry]
				      : message->device_places[entry - message->count];
}

static bool read_message(
	struct exchange *exchange, struct pcd01_work *work, struct str bytes, bool is_utf8)
{
	const struct config *config = exchange->loop->hub->config;
	const struct client *client = exchange->client;
	const struct pcd01_policy policy = {
		.national = national_policy_of(config),
		.zone = client->zone_known ? client->zone : config->zone_parsed,
		.zone_known = client->zone_known,
		.production = config->environment == ENVIRONMENT_PRODUCTION,
		.sentinels = client->sentinels,
		.released = exchange->request.release != NULL,
		.now = exchange->loop->now,
	};
	struct er7 er7;
	const bool split = is_utf8 ? er7_parse_utf8(exchange->arena, bytes, &er7, &work->said)
				   : er7_parse(exchange->arena, bytes, &er7, &work->said);
	if (!split) {
		pcd01_head(exchange->arena, &er7, &work->message);
		return false;
	}
	arena_allow(exchange->arena, er7.count * SEGMENT_MEMORY);
	return pcd01_read(exchange->arena, &er7, &policy, &work->message, &work->said);
}

void pcd01_parse(struct exchange *exchange, struct pcd01_work *work, struct str bytes, bool is_utf8)
{
	work->has_message = true;
	work->bytes = bytes;
	work->said.arena = exchange->arena;
	const bool good = read_message(exchange, work, bytes, is_utf8);
	const struct pcd01 *message = &work->message;
	work->keep = aside_keep(exchange, message, bytes, is_utf8);
	work->is_aside = message->tier == PCD01_QUARANTINED;
	if (work->is_aside)
		return;
	outcome_merge(&exchange->outcome, &work->said, (struct str){ 0 });
	if (!good)
		return;
	struct upload *upload = upload_new(exchange, message->count + message->device_count);
	upload->whole = true;
	upload->door = DOOR_PCD01;
	upload->raw = bytes;
	upload->keep = work->keep;
	if (exchange->client->zone_known)
		upload->zone = exchange->client->zone;
	for (size_t i = 0; i < upload->count; i++) {
		struct upload_entry *entry = &upload->entries[i];
		const bool is_device = i >= message->count;
		entry->expression = is_device ? STR("Device") : STR("Observation");
		entry->correction = !is_device && message->corrections[i];
	}
	work->upload = upload;
}

/* A message whose bytes are at fault is not read, but for whom to answer. */
static void read_fault(struct exchange *exchange, struct pcd01_work *work)
{
	struct outcome aside = { .arena = exchange->arena };
	struct er7 er7;
	const struct pcd01_policy policy = { .now = exchange->loop->now };
	struct str whole = exchange->request.body;
	while (whole.length > 0 && whole.at[whole.length - 1] != '\r')
		whole.length--;
	if (er7_parse(exchange->arena, whole, &er7, &aside))
		pcd01_read(exchange->arena, &er7, &policy, &work->message, &aside);
	outcome_at(&exchange->outcome, SEVERITY_ERROR, exchange->request.fault_kind,
		(struct hl7_place){ 0 }, "%s", exchange->request.fault);
}

static void parse(struct exchange *exchange)
{
	struct pcd01_work *work = arena_alloc(exchange->arena, sizeof(*work));
	exchange->work = work;
	if (exchange->request.fault != NULL) {
		read_fault(exchange, work);
		return;
	}
	const struct store_release *release = exchange->request.release;
	pcd01_parse(exchange, work, exchange->request.body,
		release != NULL && release->form == KEEP_UTF8);
}

/* The Observations as JSON, some at a time, so that others have their turn; true when all are. */
static bool parse_observations(struct exchange *exchange, struct pcd01_work *work)
{
	for (size_t turn = 0; work->parsed < work->upload->count; turn++, work->parsed++) {
		struct upload_entry *entry = &work->upload->entries[work->parsed];
		if (turn == PARSED_AT_ONCE) {
			exchange_yield(exchange);
			return false;
		}
		entry->resource = json_parse(exchange->arena, text_of(&work->message, work->parsed),
			NODES_MAX, &entry->outcome);
		if (entry->resource == NULL) {
			outcome_at(&exchange->outcome, SEVERITY_ERROR, OUTCOME_TOO_LARGE,
				place_of(&work->message, work->parsed),
				"The message needs more memory than one may have; split it");
			return false;
		}
	}
	return true;
}

/* What is wrong with an Observation stands in the message where its OBX stood. */
void pcd01_validate(struct exchange *exchange)
{
	struct pcd01_work *work = exchange->work;
	if (work->is_aside || !parse_observations(exchange, work))
		return;
	upload_validate(exchange, work->upload);
	if (exchange->yielded)
		return;
	for (size_t i = 0; i < work->upload->count; i++)
		for (struct issue *issue = work->upload->entries[i].outcome.first; issue != NULL;
			issue = issue->next)
			issue->place = place_of(&work->message, i);
}

void pcd01_who(struct exchange *exchange)
{
	struct pcd01_work *work = exchange->work;
	if (work->is_aside)
		aside_who(exchange, work);
	else
		upload_who(exchange, work->upload);
}

void pcd01_decide(struct exchange *exchange)
{
	struct pcd01_work *work = exchange->work;
	if (work->is_aside)
		aside_decide(exchange, work);
	else
		upload_decide(exchange, work->upload);
}

void pcd01_store(struct exchange *exchange)
{
	struct pcd01_work *work = exchange->work;
	if (work->is_aside)
		aside_store(exchange, work);
	else
		upload_store(exchange, work->upload);
}

void pcd01_audit(struct exchange *exchange)
{
	struct pcd01_work *work = exchange->work;
	if (work != NULL && work->upload != NULL)
		upload_audit(exchange, work->upload);
}

struct str pcd01_acknowledge(struct exchange *exchange, const struct outcome *outcome)
{
	static const struct pcd01 unread = { 0 };
	const struct pcd01_work *work = exchange->work;
	const struct hub *hub = exchange->loop->hub;
	const struct ack ack = {
		.request = work == NULL ? &unread : &work->message,
		.control_id = str_format(exchange->arena, "%llu",
			(unsigned long long)store_corr(exchange->loop->store)),
		.now = exchange->loop->now,
		.production = hub->config->environment == ENVIRONMENT_PRODUCTION,
	};
	struct buf buf = buf_new(exchange->arena, 1024, ACK_MAX);
	exchange->response.unwanted = ack_mode(ack.request, outcome->errors == 0) == ACK_MODE_NONE;
	ack_render(&buf, &ack, outcome);
	return buf_str(&buf);
}

bool pcd01_told_by_http(int status)
{
	return status >= 500 || status == 401 || status == 403 || status == 413 || status == 415 ||
	       status == 429;
}

void pcd01_refuse(struct exchange *exchange, const struct outcome *outcome, int status)
{
	respond_with(exchange, pcd01_told_by_http(status) ? status : 200, media_of(exchange),
		pcd01_acknowledge(exchange, outcome));
}

const struct outcome *pcd01_note(struct exchange *exchange)
{
	struct pcd01_work *work = exchange->work;
	struct upload *upload = work->upload;
	if (work->is_aside) {
		aside_tell(exchange, work);
		return &work->told;
	}
	aside_tell_part(exchange, work);
	for (size_t i = 0; i < upload->count; i++) {
		struct upload_entry *entry = &upload->entries[i];
		if (entry->written->fate == WRITE_BESIDE)
			outcome_at(&exchange->outcome, SEVERITY_WARNING, OUTCOME_CONFLICT,
				place_of(&work->message, i),
				"another value with the same device, code and time is stored; "
				"both are kept");
		if (entry->written->fate == WRITE_GONE)
			outcome_at(&exchange->outcome, SEVERITY_WARNING, OUTCOME_GONE,
				place_of(&work->message, i),
				"this measurement was deleted here; it was not stored again");
		if (entry->written->fate == WRITE_CREATED &&
			entry->observation.status == STATUS_ENTERED_IN_ERROR)
			outcome_at(&exchange->outcome, SEVERITY_WARNING, OUTCOME_NOT_FOUND,
				place_of(&work->message, i),
				"nothing was stored of this device, code and time that could be "
				"taken back; send OBX-3, OBX-14 and OBX-18 as they were");
		for (struct issue *issue = entry->outcome.first; issue != NULL; issue = issue->next)
			outcome_at(&exchange->outcome, issue->severity, issue->kind, issue->place,
				"%.*s", STR_ARG(issue->text));
	}
	return &exchange->outcome;
}

static void respond(struct exchange *exchange)
{
	respond_with(exchange, 200, media_of(exchange),
		pcd01_acknowledge(exchange, pcd01_note(exchange)));
}

const struct interaction interaction_pcd01 = {
	.name = "pcd01",
	.parse = parse,
	.validate = pcd01_validate,
	.who = pcd01_who,
	.decide = pcd01_decide,
	.store = pcd01_store,
	.audit = pcd01_audit,
	.respond = respond,
};
