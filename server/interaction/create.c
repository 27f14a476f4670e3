/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* POST /fhir/Observation, and of a Device that says whose it is. */
#include "fhir/base/json.h"
#include "fhir/bundle.h"
#include "server/interaction/interactions.h"
#include "server/interaction/upload.h"
#include "server/respond.h"

#define NODES_MAX 100000

static void parse(struct exchange *exchange)
{
	const struct json *json =
		json_parse(exchange->arena, exchange->request.body, NODES_MAX, &exchange->outcome);
	if (json == NULL)
		return;
	const char *type = resource_type_name(route_type(exchange->route));
	if (!str_is(json_text(json, "resourceType"), type)) {
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("resourceType"),
			"%s is expected here%s", type,
			str_is(json_text(json, "resourceType"), "Bundle")
				? "; a Bundle goes to /fhir itself"
				: "");
		return;
	}
	struct upload *upload = upload_new(exchange, 1);
	upload->whole = true;
	upload->entries[0].resource = json;
	upload->entries[0].expression = str_of(type);
	upload->entries[0].if_none_exist = exchange->request.if_none_exist;
	exchange->work = upload;
}

static void validate(struct exchange *exchange)
{
	struct upload *upload = exchange->work;
	struct upload_entry *entry = &upload->entries[0];
	upload_validate(exchange, upload);
	/* In a Bundle it is of the patient of the readings that refer to it; here nothing does. */
	if (upload->checked == upload->count && entry->outcome.errors == 0)
		upload_require_patient(&entry->observation, entry->expression, &entry->outcome);
}

static void who(struct exchange *exchange)
{
	upload_who(exchange, exchange->work);
}

static void decide_write(struct exchange *exchange)
{
	upload_decide(exchange, exchange->work);
}

static void store(struct exchange *exchange)
{
	upload_store(exchange, exchange->work);
}

static void audit(struct exchange *exchange)
{
	if (exchange->work != NULL)
		upload_audit(exchange, exchange->work);
}

/* FHIR R4 http.html#create: Location with version, ETag, Last-Modified; the body by Prefer, the resource where nothing is preferred. */
static void respond(struct exchange *exchange)
{
	const struct upload *upload = exchange->work;
	struct upload_entry *entry = &upload->entries[0];
	const struct write_item *written = entry->written;
	const struct str id = upload_id(exchange, entry);
	exchange->response.location =
		str_format(exchange->arena, "%.*s/%s/%.*s/_history/%d", STR_ARG(base_url(exchange)),
			resource_type_name(written->key.type), STR_ARG(id), written->version);
	exchange->response.etag = str_format(exchange->arena, "W/\"%d\"", written->version);
	exchange->response.modified = written->updated;
	upload_explain(entry);
	const int status = upload_status(entry);
	const enum prefer_return prefer = prefer_return_of(exchange->request.prefer);
	struct buf buf =
		buf_new(exchange->arena, entry->observation.body.length + 256, RESPONSE_MAX);
	if (prefer == RETURN_MINIMAL) {
		respond_with(exchange, status, MEDIA_FHIR, (struct str){ 0 });
		return;
	}
	/* What is stored of a re-send may have come by another road in other bytes: the answer then says so instead. */
	if (prefer == RETURN_OUTCOME || written->fate == WRITE_KNOWN ||
		written->fate == WRITE_GONE) {
		outcome_render(&buf, &entry->outcome);
	} else {
		const struct resource resource = { written->key.type, id, written->version,
			written->updated, entry->observation.body };
		presentation_render(&buf, exchange->arena, &exchange->presentation, &resource);
	}
	respond_with(exchange, status, MEDIA_FHIR, buf_str(&buf));
}

const struct interaction interaction_create = {
	.name = "create",
	.parse = parse,
	.validate = validate,
	.who = who,
	.decide = decide_write,
	.store = store,
	.audit = audit,
	.respond = respond,
};
