/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* POST /fhir: a Bundle of readings as batch, collection or transaction. One entry, one result; a transaction is stored whole or not at all. */
#include "fhir/bundle.h"

#include "server/interaction/interactions.h"
#include "server/interaction/upload.h"
#include "server/loop.h"
#include "server/respond.h"

/* The smallest value takes two bytes of a text; a reading has about 60 values in 850. */
#define BYTES_A_NODE 6
#define NODES_FEW    10000

struct bundle_work {
	struct bundle bundle;
	struct upload *upload;
};

static void refuse(struct upload_entry *entry, const char *text)
{
	outcome_fail(&entry->outcome, OUTCOME_NOT_SUPPORTED, entry->expression, "%s", text);
}

/* What a batch or transaction asks of the entry; only creating is done here. */
static bool asks_create(const struct bundle_entry *from, struct upload_entry *entry)
{
	if (str_is(from->method, "POST") && str_is(from->url, "Observation"))
		return true;
	refuse(entry, str_is(from->method, "PUT")
			      ? "PUT is not supported yet; POST the corrected Observation with "
				"status corrected and its identifier"
			      : "entry.request must be POST Observation");
	return false;
}

/* PMD (norway.md 3.1): Patients in a Bundle are ignored, patients are known by subject.identifier alone. */
static void ignore_patient(struct upload_entry *entry)
{
	entry->ignored = true;
	outcome_at(&entry->outcome, SEVERITY_INFORMATION, OUTCOME_NOTED, (struct hl7_place){ 0 },
		"Patient is ignored; the patient is who Observation.subject.identifier names");
}

static void take_entry(struct exchange *exchange, const struct bundle *bundle, size_t index,
	struct upload_entry *entry)
{
	const struct bundle_entry *from = &bundle->entries[index];
	if (str_is(from->type, "Patient")) {
		ignore_patient(entry);
		return;
	}
	if (!bundle_entry_check(exchange->arena, bundle, index, &entry->outcome))
		return;
	if (bundle->type != BUNDLE_COLLECTION && !asks_create(from, entry))
		return;
	if (!str_is(from->type, "Observation")) {
		refuse(entry, "only Observation can be stored");
		return;
	}
	entry->resource = from->resource;
	entry->if_none_exist = from->if_none_exist;
}

static void parse(struct exchange *exchange)
{
	const struct str body = exchange->request.body;
	const struct json *json = json_parse(
		exchange->arena, body, body.length / BYTES_A_NODE + NODES_FEW, &exchange->outcome);
	struct bundle_work *work = arena_alloc(exchange->arena, sizeof(*work));
	if (json == NULL || !bundle_read(exchange->arena, json, &work->bundle, &exchange->outcome))
		return;
	work->upload = upload_new(exchange, work->bundle.count);
	work->upload->whole = work->bundle.type == BUNDLE_TRANSACTION;
	for (size_t i = 0; i < work->bundle.count; i++) {
		struct upload_entry *entry = &work->upload->entries[i];
		entry->expression = str_format(exchange->arena, "Bundle.entry[%zu].resource", i);
		take_entry(exchange, &work->bundle, i, entry);
	}
	exchange->work = work;
}

static struct upload *upload_of(struct exchange *exchange)
{
	struct bundle_work *work = exchange->work;
	return work->upload;
}

static void validate(struct exchange *exchange)
{
	upload_validate(exchange, upload_of(exchange));
}

static void who(struct exchange *exchange)
{
	upload_who(exchange, upload_of(exchange));
}

static void decide_write(struct exchange *exchange)
{
	upload_decide(exchange, upload_of(exchange));
}

static void store(struct exchange *exchange)
{
	upload_store(exchange, upload_of(exchange));
}

static void audit(struct exchange *exchange)
{
	if (exchange->work != NULL)
		upload_audit(exchange, upload_of(exchange));
}

static void result_of(struct exchange *exchange, struct upload_entry *entry,
	const struct bundle_entry *from, struct bundle_result *out)
{
	out->full_url = from->full_url;
	if (entry->written == NULL) {
		out->status = entry->outcome.errors > 0
				      ? outcome_status(outcome_first(&entry->outcome))
				      : 200;
		out->outcome = &entry->outcome;
		return;
	}
	upload_explain(entry);
	out->status = upload_status(entry);
	out->location = str_format(exchange->arena, "Observation/%.*s/_history/%d",
		STR_ARG(upload_id(exchange, entry)), entry->written->version);
	out->etag = str_format(exchange->arena, "W/\"%d\"", entry->written->version);
	out->modified = entry->written->updated;
	out->outcome = &entry->outcome;
}

static void respond(struct exchange *exchange)
{
	const struct bundle_work *work = exchange->work;
	const size_t count = work->bundle.count;
	struct bundle_result *results = arena_array(exchange->arena, count, sizeof(results[0]));
	for (size_t i = 0; i < count; i++)
		result_of(
			exchange, &work->upload->entries[i], &work->bundle.entries[i], &results[i]);
	struct buf buf = buf_new(exchange->arena, 256 + 256 * count, RESPONSE_MAX);
	bundle_render_results(&buf, work->bundle.type, results, count);
	respond_with(exchange, 200, MEDIA_FHIR, buf_str(&buf));
}

const struct interaction interaction_bundle = {
	.name = "bundle",
	.parse = parse,
	.validate = validate,
	.who = who,
	.decide = decide_write,
	.store = store,
	.audit = audit,
	.respond = respond,
};
