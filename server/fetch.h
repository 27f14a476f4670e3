/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_FETCH_H
#define SERVER_FETCH_H

#include "fhir/base/instant.h"
#include "fhir/base/outcome.h"
#include "fhir/base/str.h"

/*
 * Small documents from elsewhere (doorway: libcurl), on one helper thread: https only (plain http
 * to a loopback address where the fetcher was made so), no redirects, at most 256 kB behind 64 of headers, 2 s to
 * connect and 5 s in all.
 */
struct fetch;

#define FETCH_BODY_MAX ((size_t)256 << 10)

struct fetch_answer {
	int status; /* 0: no answer; `fault` says why */
	const char *fault;
	struct str body;  /* valid during the callback */
	unsigned max_age; /* Cache-Control: max-age in seconds; 0: not said */
};

struct fetch_settings {
	const char *ca_file; /* empty: the system's */
	bool loopback_http;  /* http://127.0.0.1, [::1] and localhost are taken too */
	/* Called on the helper thread, at least once a second and after fetch_wake(). */
	void (*tick)(void *context);
	void *context;
};

struct fetch *fetch_new(const struct fetch_settings *settings);
bool fetch_start(struct fetch *fetch, struct outcome *outcome);
/*
 * Stops the thread; requests under way are dropped without their callback. Sets the pointer to
 * NULL.
 */
void fetch_free(struct fetch **fetch);
/* Any thread. */
void fetch_wake(struct fetch *fetch);
/* From `tick` or `done` only. `done` is called on the helper thread, later, exactly once. */
void fetch_get(struct fetch *fetch, struct str url,
	void (*done)(void *context, const struct fetch_answer *answer), void *context);

#endif
