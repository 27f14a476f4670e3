/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Bundles as they are sent (batch, transaction, collection) and as they are answered (responses, searchset). */
#include "fhir/bundle.h"

#include <inttypes.h>
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/element.h"

/* ---- reading */

static bool read_type(const struct json *json, enum bundle_type *out, struct outcome *outcome)
{
	static const char *const names[] = {
		[BUNDLE_BATCH] = "batch",
		[BUNDLE_TRANSACTION] = "transaction",
		[BUNDLE_COLLECTION] = "collection",
	};
	const struct str type = json_text(json, "type");
	for (int i = BUNDLE_BATCH; i <= BUNDLE_COLLECTION; i++) {
		if (str_is(type, names[i])) {
			*out = (enum bundle_type)i;
			return true;
		}
	}
	return outcome_fail(outcome, OUTCOME_NOT_SUPPORTED, STR("Bundle.type"),
		"a Bundle of type batch, transaction or collection is taken here");
}

static struct bundle_entry read_entry(const struct json *json)
{
	const struct json *request = json_get(json, "request");
	const struct json *resource = json_get(json, "resource");
	struct bundle_entry entry = {
		.full_url = json_text(json, "fullUrl"),
		.method = json_text(request, "method"),
		.url = json_text(request, "url"),
		.if_none_exist = json_text(request, "ifNoneExist"),
		.resource = resource != NULL && resource->type == JSON_OBJECT ? resource : NULL,
		.type = json_text(resource, "resourceType"),
		.json = json,
	};
	/* What is posted says by itself where to. */
	if (entry.url.length == 0 && str_is(entry.method, "POST"))
		entry.url = entry.type;
	return entry;
}

static int by_full_url(const void *a, const void *b)
{
	const struct bundle_entry *one = *(struct bundle_entry *const *)a;
	const struct bundle_entry *two = *(struct bundle_entry *const *)b;
	const int order = str_compare(one->full_url, two->full_url);
	return order != 0 ? order : (one > two) - (one < two);
}

/* Which entries have the fullUrl of one before them; false where any does. */
static bool mark_repeated(struct arena *arena, struct bundle *bundle)
{
	struct bundle_entry **entries = arena_array(arena, bundle->count + 1, sizeof(*entries));
	size_t count = 0;
	bool once = true;
	for (size_t i = 0; i < bundle->count; i++)
		if (bundle->entries[i].full_url.length > 0)
			entries[count++] = &bundle->entries[i];
	qsort(entries, count, sizeof(*entries), by_full_url);
	for (size_t i = 1; i < count; i++) {
		entries[i]->repeats = str_equal(entries[i - 1]->full_url, entries[i]->full_url);
		once = once && !entries[i]->repeats;
	}
	return once;
}

static bool find_entries(
	struct arena *arena, const struct json *list, struct bundle *out, struct outcome *outcome)
{
	const size_t count = list == NULL ? 0 : list->count;
	if (count > BUNDLE_ENTRIES_MAX)
		return outcome_fail(outcome, OUTCOME_TOO_LARGE, STR("Bundle.entry"),
			"a Bundle holds at most %d entries; split it", BUNDLE_ENTRIES_MAX);
	out->entries = arena_array(arena, count, sizeof(*out->entries));
	out->unread = list == NULL ? NULL : list->first;
	return true;
}

bool bundle_begin(
	struct arena *arena, const struct json *json, struct bundle *out, struct outcome *outcome)
{
	struct bundle begun = { 0 };
	struct fields fields = { 0 };
	const struct str type = json_text(json, "resourceType");
	/* Else each element of the other type would be an unknown one. */
	if (type.length > 0 && !str_is(type, "Bundle"))
		return outcome_fail(outcome, OUTCOME_INVALID, STR("resourceType"),
			"Bundle is expected here; a resource by itself goes to /fhir and its type");
	if (!element_check(KIND_BUNDLE, json, STR("Bundle"), &fields, outcome) ||
		!read_type(json, &begun.type, outcome) ||
		!find_entries(arena, FIELD(&fields, BUNDLE, entry), &begun, outcome))
		return false;
	*out = begun;
	return true;
}

void bundle_read_entries(struct bundle *bundle, size_t most)
{
	for (size_t i = 0; i < most && bundle->unread != NULL; i++) {
		bundle->entries[bundle->count++] = read_entry(bundle->unread);
		bundle->unread = bundle->unread->next;
	}
}

bool bundle_end(struct arena *arena, struct bundle *bundle, struct outcome *outcome)
{
	return mark_repeated(arena, bundle) || bundle->type != BUNDLE_TRANSACTION ||
	       outcome_fail(outcome, OUTCOME_INVALID, STR("Bundle.entry.fullUrl"),
		       "two entries of a transaction have one fullUrl");
}

bool bundle_read(
	struct arena *arena, const struct json *json, struct bundle *out, struct outcome *outcome)
{
	struct bundle read = { 0 };
	if (!bundle_begin(arena, json, &read, outcome))
		return false;
	bundle_read_entries(&read, SIZE_MAX);
	if (!bundle_end(arena, &read, outcome))
		return false;
	*out = read;
	return true;
}

static void check_request(
	const struct bundle *bundle, size_t index, struct str where, struct outcome *outcome)
{
	const struct bundle_entry *entry = &bundle->entries[index];
	const struct json *request = json_get(entry->json, "request");
	if (request == NULL && bundle->type != BUNDLE_COLLECTION)
		outcome_fail(outcome, OUTCOME_REQUIRED, where,
			"an entry of a batch or transaction needs request.method and request.url");
	if (request == NULL || json_get(request, "url") != NULL)
		return;
	/* transaction().withResources() of HAPI's client leaves it out. */
	const struct str at = str_format(outcome->arena, "%.*s.request.url", STR_ARG(where));
	if (entry->url.length > 0)
		outcome_warn(outcome, OUTCOME_REQUIRED, at,
			"url is required; the type of what is posted was taken for it");
	else
		outcome_fail(outcome, OUTCOME_REQUIRED, at, "url is required");
}

bool bundle_entry_check(
	struct arena *arena, const struct bundle *bundle, size_t index, struct outcome *outcome)
{
	const unsigned errors = outcome->errors;
	const struct bundle_entry *entry = &bundle->entries[index];
	const struct str where = str_format(arena, "Bundle.entry[%zu]", index);
	element_check(KIND_BUNDLE_ENTRY, entry->json, where, NULL, outcome);
	check_request(bundle, index, where, outcome);
	const bool reads = str_is(entry->method, "GET") || str_is(entry->method, "HEAD") ||
			   str_is(entry->method, "DELETE");
	if (entry->resource == NULL && !reads)
		outcome_fail(outcome, OUTCOME_REQUIRED, where, "the entry has no resource");
	return outcome->errors == errors;
}

/* ---- answers */

const char *http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{ 200, "200 OK" },
		{ 201, "201 Created" },
		{ 202, "202 Accepted" },
		{ 204, "204 No Content" },
		{ 304, "304 Not Modified" },
		{ 400, "400 Bad Request" },
		{ 401, "401 Unauthorized" },
		{ 403, "403 Forbidden" },
		{ 404, "404 Not Found" },
		{ 405, "405 Method Not Allowed" },
		{ 406, "406 Not Acceptable" },
		{ 409, "409 Conflict" },
		{ 410, "410 Gone" },
		{ 412, "412 Precondition Failed" },
		{ 413, "413 Content Too Large" },
		{ 415, "415 Unsupported Media Type" },
		{ 422, "422 Unprocessable Content" },
		{ 429, "429 Too Many Requests" },
		{ 500, "500 Internal Server Error" },
		{ 503, "503 Service Unavailable" },
		{ 504, "504 Gateway Timeout" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "500 Internal Server Error";
}

static void render_result(struct buf *buf, const struct bundle_result *result)
{
	buf_add_byte(buf, '{');
	json_write_member(buf, "fullUrl", result->full_url);
	if (result->resource.length > 0) {
		json_write_comma(buf);
		json_write_name(buf, "resource");
		buf_add(buf, result->resource);
	}
	json_write_comma(buf);
	buf_add(buf, STR("\"response\":{"));
	json_write_member(buf, "status", str_of(http_status_text(result->status)));
	json_write_member(buf, "location", result->location);
	json_write_member(buf, "etag", result->etag);
	if (result->modified != 0) {
		buf_add(buf, STR(",\"lastModified\":\""));
		instant_write(buf, result->modified);
		buf_add_byte(buf, '"');
	}
	if (result->told.length > 0) {
		json_write_comma(buf);
		json_write_name(buf, "outcome");
		buf_add(buf, result->told);
	} else if (result->outcome != NULL && result->outcome->first != NULL) {
		buf_add(buf, STR(",\"outcome\":"));
		outcome_render(buf, result->outcome);
	}
	buf_add(buf, STR("}}"));
}

void bundle_results_begin(struct buf *buf, enum bundle_type type)
{
	buf_add(buf, STR("{\"resourceType\":\"Bundle\",\"type\":\""));
	buf_add_text(buf, type == BUNDLE_TRANSACTION ? "transaction-response" : "batch-response");
	buf_add_byte(buf, '"');
}

void bundle_results_add(struct buf *buf, size_t index, const struct bundle_result *result)
{
	buf_add_text(buf, index == 0 ? ",\"entry\":[" : ",");
	render_result(buf, result);
}

void bundle_results_end(struct buf *buf, size_t count)
{
	buf_add_text(buf, count == 0 ? "}" : "]}");
}

void bundle_render_results(
	struct buf *buf, enum bundle_type type, const struct bundle_result *results, size_t count)
{
	bundle_results_begin(buf, type);
	for (size_t i = 0; i < count; i++)
		bundle_results_add(buf, i, &results[i]);
	bundle_results_end(buf, count);
}

static void render_link(struct buf *buf, const char *relation, struct str url)
{
	if (url.length == 0)
		return;
	json_write_comma(buf);
	buf_add_byte(buf, '{');
	json_write_member(buf, "relation", str_of(relation));
	json_write_member(buf, "url", url);
	buf_add_byte(buf, '}');
}

static void render_found(struct buf *buf, const struct bundle_page *page, size_t i)
{
	const struct resource *resource = &page->resources[i];
	buf_add(buf, STR("{\"fullUrl\":\""));
	buf_add(buf, page->base);
	buf_add_byte(buf, '/');
	buf_add_text(buf, resource_type_name(resource->type));
	buf_add_byte(buf, '/');
	buf_add(buf, resource->id);
	buf_add(buf, STR("\",\"resource\":"));
	if (page->rendered != NULL)
		buf_add(buf, page->rendered[i]);
	else
		resource_render(buf, resource);
	buf_add_format(buf, ",\"search\":{\"mode\":\"%s\"}}",
		i + page->included < page->count ? "match" : "include");
}

void bundle_render_search(struct buf *buf, const struct bundle_page *page)
{
	buf_add(buf, STR("{\"resourceType\":\"Bundle\",\"type\":\"searchset\""));
	if (page->has_total)
		buf_add_format(buf, ",\"total\":%" PRIu64, page->total);
	buf_add(buf, STR(",\"link\":["));
	render_link(buf, "self", page->self);
	render_link(buf, "next", page->next);
	buf_add_byte(buf, ']');
	const bool tells = page->issues != NULL && page->issues->first != NULL;
	if (page->count > 0 || tells)
		buf_add(buf, STR(",\"entry\":["));
	for (size_t i = 0; i < page->count; i++) {
		if (i > 0)
			buf_add_byte(buf, ',');
		render_found(buf, page, i);
	}
	if (tells) {
		json_write_comma(buf);
		buf_add(buf, STR("{\"resource\":"));
		outcome_render(buf, page->issues);
		buf_add(buf, STR(",\"search\":{\"mode\":\"outcome\"}}"));
	}
	if (page->count > 0 || tells)
		buf_add_byte(buf, ']');
	buf_add_byte(buf, '}');
}
