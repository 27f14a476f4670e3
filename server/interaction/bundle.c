/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* POST /fhir: a Bundle of readings as batch, collection or transaction. One entry, one result; a transaction is stored whole or not at all. */
#include "fhir/bundle.h"

#include "fhir/envelope.h"
#include "server/inner.h"
#include "server/interaction/changes.h"
#include "server/interaction/conditional.h"
#include "server/interaction/interactions.h"
#include "server/interaction/links.h"
#include "server/interaction/one.h"
#include "server/interaction/upload.h"
#include "server/loop.h"
#include "server/respond.h"
#include "server/turn.h"

/* The smallest value takes two bytes of a text; a reading has about 60 values in 850. */
#define BYTES_A_NODE 6
#define NODES_FEW    10000

/* Between looks at the clock. */
#define PARSE_BYTES  16384
#define READ_AT_ONCE 64 /* entries */

#define AT_ONCE 8 /* inner requests under way */

/* Of the answers of inner requests together: a few bytes of a Bundle could ask for a page of megabytes thousands of times. */
#define ANSWERS_MAX ((size_t)32 << 20)

struct bundle_work {
	struct json_parser *parser;
	struct bundle bundle;
	size_t taken;           /* entries that were looked at */
	struct inner **inners;  /* of entries that are requests of their own; else NULL */
	size_t tried;           /* entries whose reading was rehearsed, or need not be */
	bool writes;            /* a transaction that does not only read */
	struct outcome failure; /* of a transaction whose reads were rehearsed */
	size_t asked;           /* entries whose inner request has begun */
	size_t summed;          /* entries whose answer is in the next */
	size_t answers;         /* bytes */
	struct json *json;      /* the whole of it, once parsed */
	bool read;              /* entries and links are there */
	bool stored;            /* the creates are done */
	struct buf answer;      /* as far as it is written */
	size_t told;            /* entries in it */
	struct upload *upload;
};

static void refuse(struct upload_entry *entry, const char *text)
{
	outcome_fail(&entry->outcome, OUTCOME_NOT_SUPPORTED, entry->expression, "%s", text);
}

/* JSON Patch comes as a Binary (FHIR R4 http.html#patch). */
static bool take_patch(struct exchange *exchange, const struct bundle_entry *from,
	struct inner *inner, struct upload_entry *entry)
{
	if (!str_is(from->type, "Binary") ||
		!str_from_base64(
			exchange->arena, json_text(from->resource, "data"), &inner->body)) {
		refuse(entry, "PATCH needs a Binary whose data is the patch in base64");
		return false;
	}
	inner->content_type = json_text(from->resource, "contentType");
	return true;
}

/* An entry that is a request of its own: all but what creates. */
static void take_inner(struct exchange *exchange, struct bundle_work *work, size_t index)
{
	const struct bundle_entry *from = &work->bundle.entries[index];
	struct upload_entry *entry = &work->upload->entries[index];
	struct inner *inner = arena_alloc(exchange->arena, sizeof(*inner));
	inner->method = from->method;
	inner->url = from->url;
	inner->if_match = json_text(json_get(from->json, "request"), "ifMatch");
	inner->if_none_match = json_text(json_get(from->json, "request"), "ifNoneMatch");
	struct span since;
	if (span_parse_instant(
		    json_text(json_get(from->json, "request"), "ifModifiedSince"), &since))
		inner->modified_since = since.low;
	if (str_is(from->method, "POST")) {
		outcome_fail(&entry->outcome, OUTCOME_NOT_SUPPORTED,
			str_format(exchange->arena, "Bundle.entry[%zu].request.url", index),
			"entry.request must be POST and the type of the resource");
		return;
	}
	if (str_is(from->method, "PUT") &&
		!links_update(work->upload->links, index, &work->bundle.entries[index].resource))
		return;
	if (work->bundle.type == BUNDLE_TRANSACTION && !str_is(from->method, "GET")) {
		if (work->upload->changes == NULL)
			work->upload->changes =
				changes_new(exchange, work->upload, work->bundle.count);
		changes_take(work->upload->changes, index, from);
		return;
	}
	if (str_is(from->method, "PATCH") && !take_patch(exchange, from, inner, entry))
		return;
	if (str_is(from->method, "PUT")) {
		inner->body = from->resource->raw;
		inner->content_type = STR("application/fhir+json");
	}
	if (work->inners == NULL)
		work->inners =
			arena_array(exchange->arena, work->bundle.count, sizeof(struct inner *));
	work->inners[index] = inner;
}

static bool creates(const struct bundle *bundle, const struct bundle_entry *from)
{
	return bundle->type == BUNDLE_COLLECTION ||
	       (str_is(from->method, "POST") && str_equal(from->url, from->type));
}

/* PMD (norway.md 3.1): Patients in a Bundle are ignored, patients are known by subject.identifier alone. */
static void ignore_patient(struct upload_entry *entry)
{
	entry->ignored = true;
	outcome_at(&entry->outcome, SEVERITY_INFORMATION, OUTCOME_NOTED, (struct hl7_place){ 0 },
		"Patient is ignored; the patient is who Observation.subject.identifier names");
}

static void take_entry(struct exchange *exchange, struct bundle_work *work, size_t index)
{
	const struct bundle *bundle = &work->bundle;
	struct upload_entry *entry = &work->upload->entries[index];
	const struct bundle_entry *from = &bundle->entries[index];
	entry->expression = str_format(exchange->arena, "Bundle.entry[%zu].resource", index);
	if (str_is(from->type, "Patient")) {
		ignore_patient(entry);
		return;
	}
	if (!bundle_entry_check(exchange->arena, bundle, index, &entry->outcome))
		return;
	const bool conditional = conditional_is(bundle, from);
	if (!conditional && !creates(bundle, from)) {
		take_inner(exchange, work, index);
		return;
	}
	if (envelope_type(from->type) == TYPE_NONE) {
		refuse(entry, "only Observation, Device and Provenance can be stored");
		return;
	}
	entry->resource = from->resource;
	if (conditional)
		conditional_take(exchange, work->upload, index, bundle);
	else
		entry->if_none_exist = from->if_none_exist;
	links_take(work->upload->links, index);
}

/* Gives way where the turn is over. */
static bool gives_way(struct exchange *exchange, struct turn turn)
{
	if (!turn_is_over(turn))
		return false;
	exchange_yield(exchange);
	return true;
}

/*
 * FHIR R4 bundle.html, request.url: relative to where the Bundle goes. The specification's own examples begin it with a slash, clients write it out with our base, and end it as our paths may.
 */
static struct str url_relative(struct str url, struct str base)
{
	if (str_starts(url, base))
		url = str_part(url, base.length, url.length);
	else if (str_starts(url, STR("/fhir/")))
		url = str_part(url, 6, url.length);
	else if (url.length > 1 && url.at[0] == '/')
		url = str_part(url, 1, url.length);
	if (url.length > 1 && url.at[url.length - 1] == '/' && str_index(url, '?') == url.length)
		url = str_part(url, 0, url.length - 1);
	return url;
}

static void make_urls_relative(struct exchange *exchange, struct bundle *bundle, size_t from)
{
	const struct str base = str_format(exchange->arena, "%.*s/", STR_ARG(base_url(exchange)));
	for (size_t i = from; i < bundle->count; i++)
		bundle->entries[i].url = url_relative(bundle->entries[i].url, base);
}

/* The entries, some at a time. False: gave way, or an error was added. */
static bool read_entries(struct exchange *exchange, struct bundle *bundle, struct turn turn)
{
	while (bundle->unread != NULL) {
		const size_t from = bundle->count;
		bundle_read_entries(bundle, READ_AT_ONCE);
		make_urls_relative(exchange, bundle, from);
		if (gives_way(exchange, turn))
			return false;
	}
	return bundle_end(exchange->arena, bundle, &exchange->outcome);
}

/* The next piece of it: the text, the entries, what is kept of each, their links. False: gave way, or an error was added. */
static bool parse_text(struct exchange *exchange, struct bundle_work *work, struct turn turn)
{
	while (work->json == NULL) {
		if (json_parser_run(work->parser, PARSE_BYTES, &work->json, &exchange->outcome) &&
			work->json == NULL)
			return false;
		if (gives_way(exchange, turn))
			return false;
	}
	if (work->bundle.entries == NULL) {
		if (!bundle_begin(exchange->arena, work->json, &work->bundle, &exchange->outcome))
			return false;
		if (gives_way(exchange, turn))
			return false;
	}
	struct upload *upload = work->upload;
	if (upload == NULL) {
		if (!read_entries(exchange, &work->bundle, turn))
			return false;
		work->upload = upload = upload_new(exchange, work->bundle.count);
		upload->whole = work->bundle.type == BUNDLE_TRANSACTION;
		if (gives_way(exchange, turn))
			return false;
	}
	upload->links = links_new(exchange, &work->bundle, upload);
	work->read = true;
	return true;
}

/* Parsed in slices, then looked through in slices. */
static void parse(struct exchange *exchange)
{
	const struct str body = exchange->request.body;
	const struct turn turn = turn_begin(exchange);
	struct bundle_work *work = exchange->work;
	if (work == NULL) {
		work = arena_alloc(exchange->arena, sizeof(*work));
		work->parser = json_parser_new(
			exchange->arena, body, body.length / BYTES_A_NODE + NODES_FEW);
		exchange->work = work;
	}
	if (!work->read && !parse_text(exchange, work, turn))
		return;
	while (work->taken < work->bundle.count) {
		take_entry(exchange, work, work->taken++);
		if (gives_way(exchange, turn))
			return;
	}
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

/* None is under way when this is asked. */
static bool answers_are_full(struct bundle_work *work)
{
	for (; work->summed < work->asked; work->summed++)
		if (work->inners[work->summed] != NULL)
			work->answers += work->inners[work->summed]->answer.length;
	return work->answers > ANSWERS_MAX;
}

static void leave_out(struct bundle_work *work, size_t index)
{
	struct upload_entry *entry = &work->upload->entries[index];
	work->inners[index] = NULL;
	outcome_fail(&entry->outcome, OUTCOME_TOO_LARGE, entry->expression,
		"nothing was done: the answers of the entries before fill %zu MiB; ask for this in "
		"a Bundle of its own",
		ANSWERS_MAX >> 20);
}

/* ---- the reads of a transaction: FHIR R4 has all of it fail with one of them, so each is tried before anything is written */

/* `Type/id`, and what stands behind: what the transaction does to that resource. NULL: nothing, or it names none. */
static const struct change *change_of(
	struct exchange *exchange, const struct bundle_work *work, struct str url, struct str *rest)
{
	struct resource_key key;
	const struct str type = str_cut(url, '/', rest);
	const size_t slash = str_index(*rest, '/'), query = str_index(*rest, '?');
	const size_t end = slash < query ? slash : query;
	const struct str id = str_part(*rest, 0, end);
	*rest = str_part(*rest, slash < query ? slash : rest->length, rest->length);
	if (work->upload->changes == NULL || envelope_type(type) == TYPE_NONE ||
		!seal_resource_open(exchange->loop->hub->seal, id, envelope_type(type), &key))
		return NULL;
	return changes_of(work->upload->changes, &key);
}

/* The version that stands behind Type/id; 0: none, -1: none there could be. */
static int version_of(struct str rest)
{
	struct str query;
	if (!str_starts(rest, STR("/_history/")))
		return 0;
	return one_version(str_cut(str_part(rest, strlen("/_history/"), rest.length), '?', &query));
}

/* Type/id/_history in place of Type/id, with what is asked of either. */
static struct str history_of(struct exchange *exchange, struct str url)
{
	struct str query;
	const struct str place = str_cut(url, '?', &query);
	return str_format(exchange->arena, "%.*s/_history?%.*s", STR_ARG(place), STR_ARG(query));
}

/*
 * What the transaction itself changes is there when it is read, what it deletes is not (FHIR R4 http.html#trules: GET comes last). So a version that is to come is rehearsed by the one that is
 * there, which asks at least whether the caller may read it. False: it needs no rehearsal, for it fails.
 */
static bool foresee(struct exchange *exchange, struct bundle_work *work, size_t index)
{
	struct str rest;
	struct inner *inner = work->inners[index];
	const struct change *change = change_of(exchange, work, inner->url, &rest);
	if (change == NULL)
		return true;
	const int version = version_of(rest);
	const bool now = rest.length == 0 || rest.at[0] == '?';
	inner->refusal = (struct outcome){ .arena = exchange->arena };
	if (change->kind == CHANGE_DELETE && now)
		return outcome_fail(&inner->refusal, OUTCOME_GONE, (struct str){ 0 },
			"the transaction deletes what this entry reads");
	if (change->kind == CHANGE_DELETE || !change->now.found)
		return true;
	/* Of what is deleted now the history is there, and open to the same callers. */
	const struct str whole = str_part(inner->url, 0, inner->url.length - rest.length);
	const bool will_be = version != 0 && version == change_version(change);
	if (change->now.row.deleted && (now || will_be))
		inner->instead = history_of(exchange, whole);
	else if (will_be)
		inner->instead = whole;
	return true;
}

/* What failed fails all. */
static void fail_whole(struct exchange *exchange, const struct bundle_work *work)
{
	for (size_t i = 0; i < work->bundle.count; i++) {
		const struct upload_entry *entry = &work->upload->entries[i];
		const struct inner *inner = work->inners == NULL ? NULL : work->inners[i];
		const struct outcome *refusal = inner == NULL ? &entry->outcome : &inner->refusal;
		for (const struct issue *issue = refusal->first; issue != NULL; issue = issue->next)
			if (issue->severity == SEVERITY_ERROR)
				outcome_fail(&exchange->outcome, issue->kind,
					str_format(exchange->arena, "Bundle.entry[%zu].request", i),
					"%.*s", STR_ARG(issue->text));
	}
}

/* All of a transaction is answered, or none of it is done. */
static void bound_answers(struct exchange *exchange, const struct bundle_work *work)
{
	size_t bytes = 0;
	for (size_t i = 0; i < work->bundle.count; i++)
		bytes += work->inners[i] == NULL ? 0 : work->inners[i]->bytes;
	if (bytes > ANSWERS_MAX && exchange->outcome.errors == 0)
		outcome_fail(&exchange->outcome, OUTCOME_TOO_LARGE, (struct str){ 0 },
			"nothing was done: the answers of the transaction's reads are more than "
			"%zu MiB; "
			"ask for them in Bundles of their own",
			ANSWERS_MAX >> 20);
}

static bool is_written(const struct upload *upload)
{
	for (size_t i = 0; i < upload->count; i++)
		if (upload->entries[i].resource != NULL)
			return true;
	return upload->changes != NULL;
}

/* True: wait. A transaction that only reads needs none: nothing is there to be undone. */
static bool rehearse(struct exchange *exchange, struct bundle_work *work)
{
	unsigned begun = 0;
	if (work->inners == NULL || work->tried > work->bundle.count)
		return false;
	work->writes = is_written(work->upload);
	for (; work->writes && work->tried < work->bundle.count && begun < AT_ONCE; work->tried++) {
		struct inner *inner = work->inners[work->tried];
		if (inner == NULL || !foresee(exchange, work, work->tried))
			continue;
		inner->rehearsal = true;
		inner_begin(exchange, inner);
		begun++;
	}
	if (begun > 0) {
		exchange_yield(exchange);
		return true;
	}
	work->tried = work->bundle.count + 1; /* once */
	if (!work->writes)
		return false;
	fail_whole(exchange, work);
	bound_answers(exchange, work);
	return false;
}

/* The versions that are there of what is changed: by them one sees which will be. True: wait. */
static bool look_at_changes(struct exchange *exchange, const struct bundle_work *work)
{
	struct changes *changes = work->upload->changes;
	if (work->inners == NULL || changes == NULL || !changes_read(changes))
		return false;
	exchange_yield(exchange);
	return true;
}

/*
 * It failed after its reads were rehearsed: that they would have been answered is something learnt, so they are made after all, and written down; their answers go nowhere. False: there
 * were none.
 */
static bool keep_failure(struct exchange *exchange, struct bundle_work *work)
{
	if (work->inners == NULL || !work->writes)
		return false;
	work->failure = exchange->outcome;
	exchange->outcome = (struct outcome){ .arena = exchange->arena };
	return true;
}

static void end_reads(struct exchange *exchange, struct bundle_work *work)
{
	if (work->failure.errors > 0)
		exchange->outcome = work->failure;
	else if (work->upload->whole && work->inners != NULL && !work->writes)
		fail_whole(exchange, work);
}

/* Of a failed transaction: was it rehearsed, and nothing written down of it? */
static bool is_learnt(const struct inner *inner)
{
	return inner->status != 0 && inner->refusal.errors == 0;
}

/* The next few of the entries that are requests of their own. False: none are left. */
static bool ask_inner(struct exchange *exchange, struct bundle_work *work)
{
	unsigned begun = 0;
	const bool full = work->inners != NULL && answers_are_full(work);
	for (; work->inners != NULL && work->asked < work->bundle.count && begun < AT_ONCE;
		work->asked++) {
		struct inner *inner = work->inners[work->asked];
		if (inner == NULL || (work->failure.errors > 0 && !is_learnt(inner)))
			continue;
		inner->rehearsal = false;
		if (full) {
			leave_out(work, work->asked);
			continue;
		}
		inner_begin(exchange, inner);
		begun++;
	}
	return begun > 0;
}

/* What creates is stored first; then the others, each an exchange of its own. */
static void store(struct exchange *exchange)
{
	struct bundle_work *work = exchange->work;
	if (!work->stored) {
		if (work->upload->whole &&
			(look_at_changes(exchange, work) || rehearse(exchange, work)))
			return;
		if (exchange->outcome.errors == 0)
			upload_store(exchange, work->upload);
		if (exchange->yielded)
			return;
		if (exchange->outcome.errors > 0 && !keep_failure(exchange, work))
			return;
		work->stored = true;
	}
	if (ask_inner(exchange, work))
		exchange_yield(exchange);
	else
		end_reads(exchange, work);
}

static void audit(struct exchange *exchange)
{
	if (exchange->work != NULL && upload_of(exchange) != NULL)
		upload_audit(exchange, upload_of(exchange));
}

/* An OperationOutcome is told; anything else is the resource. */
static void inner_result(const struct inner *inner, struct bundle_result *out)
{
	out->status = inner->status;
	out->location = inner->location;
	out->etag = inner->etag;
	out->modified = inner->modified;
	if (str_starts(inner->answer, STR("{\"resourceType\":\"OperationOutcome\"")))
		out->told = inner->answer;
	else if (!str_is(inner->method, "HEAD"))
		out->resource = inner->answer;
}

/* With return=representation, what an entry made comes with its result (FHIR R4 http.html#ops); who stores may have what was sent. */
static void represent(
	struct exchange *exchange, const struct upload_entry *entry, struct bundle_result *out)
{
	const struct write_item *written = entry->written;
	const bool is_new = written->fate == WRITE_CREATED || written->fate == WRITE_VERSIONED ||
			    written->fate == WRITE_BESIDE || written->fate == WRITE_UPDATED;
	if (!is_new || entry->observation.body.length == 0 ||
		!prefer_is_representation(exchange->request.prefer))
		return;
	const struct resource resource = { written->key.type, upload_id(exchange, entry),
		written->version, written->updated, entry->observation.body };
	struct buf buf = buf_new(exchange->arena, resource.body.length + 256, RESPONSE_MAX);
	presentation_render(&buf, exchange->arena, &exchange->presentation, &resource);
	out->resource = buf_str(&buf);
}

/* With return=OperationOutcome each result has one, also where there is nothing to say. */
static void tell_all_is_well(
	struct exchange *exchange, const struct upload_entry *entry, struct bundle_result *out)
{
	if (entry->outcome.first != NULL ||
		prefer_return_of(exchange->request.prefer) != RETURN_OUTCOME)
		return;
	struct buf buf = buf_new(exchange->arena, 256, RESPONSE_MAX);
	outcome_render(&buf, &entry->outcome);
	out->told = buf_str(&buf);
}

static void result_of(struct exchange *exchange, struct upload_entry *entry,
	const struct bundle_entry *from, const struct inner *inner, struct bundle_result *out)
{
	/* FHIR R4 bdl-7: of entries that were sent with one fullUrl the first is told by it, the others by their place alone. */
	if (!from->repeats)
		out->full_url = from->full_url;
	if (inner != NULL) {
		inner_result(inner, out);
		return;
	}
	if (entry->written == NULL) {
		out->status = entry->outcome.errors > 0
				      ? outcome_status(outcome_first(&entry->outcome))
				      : 200;
		out->outcome = &entry->outcome;
		return;
	}
	upload_explain(entry);
	out->status = upload_status(entry);
	if (entry->written->mode != WRITE_DELETE)
		out->location = str_format(exchange->arena, "%s/%.*s/_history/%d",
			resource_type_name(entry->written->key.type),
			STR_ARG(upload_id(exchange, entry)), entry->written->version);
	out->etag = str_format(exchange->arena, "W/\"%d\"", entry->written->version);
	out->modified = entry->written->updated;
	out->outcome = &entry->outcome;
	represent(exchange, entry, out);
	tell_all_is_well(exchange, entry, out);
}

/* Of thousands of entries, in slices. */
static void respond(struct exchange *exchange)
{
	struct bundle_work *work = exchange->work;
	const size_t count = work->bundle.count;
	const struct turn turn = turn_begin(exchange);
	if (work->answer.at == NULL) {
		work->answer = buf_new(exchange->arena, 256 + 256 * count, RESPONSE_MAX);
		bundle_results_begin(&work->answer, work->bundle.type);
	}
	while (work->told < count) {
		const size_t i = work->told;
		struct bundle_result result = { 0 };
		result_of(exchange, &work->upload->entries[i], &work->bundle.entries[i],
			work->inners == NULL ? NULL : work->inners[i], &result);
		bundle_results_add(&work->answer, i, &result);
		work->told++;
		/* A slice that is over before it has done anything would come again for ever. */
		if (work->told < count && gives_way(exchange, turn))
			return;
	}
	bundle_results_end(&work->answer, count);
	if (work->answer.full) {
		outcome_fail(&exchange->outcome, OUTCOME_TOO_LARGE, (struct str){ 0 },
			"the answer is larger than %zu MiB; what the Bundle stores is stored",
			RESPONSE_MAX >> 20);
		return;
	}
	respond_with(exchange, 200, MEDIA_FHIR, buf_str(&work->answer));
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
