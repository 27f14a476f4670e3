/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BUNDLE_H
#define FHIR_BUNDLE_H

#include "fhir/base/buf.h"
#include "fhir/base/json.h"
#include "fhir/resource.h"

#define BUNDLE_ENTRIES_MAX 5000
#define BUNDLE_BYTES_MAX   (16 * 1024 * 1024)

enum bundle_type { BUNDLE_BATCH, BUNDLE_TRANSACTION, BUNDLE_COLLECTION };

/* One entry as sent. `method` is empty in a collection. */
struct bundle_entry {
	struct str full_url;
	bool repeats; /* an entry before it has the same fullUrl */
	struct str method, url, if_none_exist;
	const struct json *resource; /* NULL where the entry has none */
	struct str type;             /* resource.resourceType */
	const struct json *json;     /* the whole entry */
};

struct bundle {
	enum bundle_type type;
	struct bundle_entry *entries;
	size_t count;
	/* The first entry that is not read yet, of one that is read in parts. */
	const struct json *unread;
};

/* Checks a Bundle: type batch, transaction or collection, at most BUNDLE_ENTRIES_MAX entries (TOO_LARGE names the limit). Faults of single entries are left to their entry. */
bool bundle_read(
	struct arena *arena, const struct json *json, struct bundle *out, struct outcome *outcome);
/* The same in parts, for a long one: the Bundle alone, its entries some at a time until `unread` is NULL, and what holds among them (a transaction has no fullUrl twice, FHIR R4 bdl-7). */
bool bundle_begin(
	struct arena *arena, const struct json *json, struct bundle *out, struct outcome *outcome);
void bundle_read_entries(struct bundle *bundle, size_t most);
bool bundle_end(struct arena *arena, struct bundle *bundle, struct outcome *outcome);

/* The faults of one entry, at Bundle.entry[index]: unknown elements, in a batch or transaction no request, a request without method or, but for POST (a warning), url, no resource where the method needs one. The resource itself is left to its reader. */
bool bundle_entry_check(
	struct arena *arena, const struct bundle *bundle, size_t index, struct outcome *outcome);

/* One entry of an answer to a batch, transaction or collection (batch-response; transaction-response for a transaction). */
struct bundle_result {
	struct str full_url; /* echoed as the request had it (PMD profile); left out when empty */
	int status;          /* HTTP status; rendered as "201 Created" */
	struct str location; /* "Observation/<id>/_history/<v>", or empty */
	struct str etag;     /* W/"1", or empty */
	instant modified;    /* 0: left out */
	const struct outcome *outcome; /* rendered as response.outcome when it holds issues */
	struct str resource;           /* JSON of entry.resource, or empty */
	struct str told; /* JSON of response.outcome in place of `outcome`, or empty */
};

void bundle_render_results(
	struct buf *buf, enum bundle_type type, const struct bundle_result *results, size_t count);
/* The same in parts, for a long one: the beginning, each result by its index from 0, the end. */
void bundle_results_begin(struct buf *buf, enum bundle_type type);
void bundle_results_add(struct buf *buf, size_t index, const struct bundle_result *result);
void bundle_results_end(struct buf *buf, size_t count);

/* A page of a searchset: `self` and `next` are absolute URLs, `next` empty on the last page; `issues`, when not empty (it may be NULL), becomes an OperationOutcome entry of mode outcome. */
struct bundle_page {
	struct str base, self, next;
	const struct resource *resources;
	const struct str *rendered; /* what resource_render() made of each, or NULL */
	size_t count;
	size_t included; /* how many of them, the last ones, are of mode include; the others match */
	const struct outcome *issues;
	bool has_total;
	uint64_t total; /* of all pages */
};
void bundle_render_search(struct buf *buf, const struct bundle_page *page);

/* A page of the versions of resources, newest first. `rendered` is empty where the version is a deletion. */
struct bundle_version {
	enum resource_type type;
	struct str id;
	int version;
	instant updated;
	bool deleted;
	struct str rendered;
};
struct bundle_history {
	struct str base, self, next; /* next empty on the last page */
	const struct bundle_version *versions;
	size_t count;
	unsigned total;     /* on all pages */
	bool without_total; /* nobody has counted */
};
void bundle_render_history(struct buf *buf, const struct bundle_history *history);

/* OperationOutcome of an outcome; an empty one says "All OK" (information). */
void outcome_render(struct buf *buf, const struct outcome *outcome);
/* The same for an answer that is nothing else: its first text stands in `diagnostics` too, for HAPI's client shows its user that and no details. */
void outcome_render_refusal(struct buf *buf, const struct outcome *outcome);

/* "201 Created" and so on. */
const char *http_status_text(int status);

#endif
