/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One thread around curl_multi_poll(): a first fetch costs 22 ms of CPU for certificates and
 * handshake, which no event loop may spend.
 */
#include "server/fetch.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "server/config.h"

#define CONNECT_MS 2000L
#define TOTAL_MS   5000L
#define TICK_MS    500
#define HEAD_MAX   ((size_t)64 << 10) /* of all header lines of an answer */

struct job {
	struct fetch *fetch;
	struct arena *arena;
	CURL *easy;
	struct buf body;
	struct str cache_control;
	size_t head; /* bytes of header lines */
	char fault[CURL_ERROR_SIZE];
	void (*done)(void *context, const struct fetch_answer *answer);
	void *context;
	struct job *previous, *next;
};

struct fetch {
	struct arena *arena;
	struct fetch_settings settings;
	CURLM *multi;
	struct job *jobs;
	pthread_t thread;
	bool running;
	atomic_bool stopping;
};

static size_t take_body(char *at, size_t size, size_t count, void *context)
{
	struct job *job = context;
	buf_add(&job->body, (struct str){ at, size * count });
	return job->body.full ? 0 : size * count;
}

static size_t take_header(char *at, size_t size, size_t count, void *context)
{
	struct job *job = context;
	struct str value;
	const struct str line = { at, size * count };
	job->head += line.length;
	if (job->head > HEAD_MAX)
		return 0;
	const struct str name = str_cut(line, ':', &value);
	if (value.at != NULL && str_equal_nocase(name, STR("cache-control")))
		job->cache_control = str_copy(job->arena, str_trim(value));
	return size * count;
}

/* RFC 9111 section 5.2.2.1. */
static unsigned max_age(struct str cache_control)
{
	struct str rest = cache_control;
	while (rest.at != NULL) {
		struct str value;
		const struct str name = str_cut(str_trim(str_cut(rest, ',', &rest)), '=', &value);
		uint64_t seconds;
		if (str_equal_nocase(name, STR("max-age")) && value.at != NULL &&
			str_to_u64(value, &seconds))
			return seconds > 86400 ? 86400 : (unsigned)seconds;
	}
	return 0;
}

static void job_end(struct job *job)
{
	if (job->previous != NULL)
		job->previous->next = job->next;
	else
		job->fetch->jobs = job->next;
	if (job->next != NULL)
		job->next->previous = job->previous;
	curl_multi_remove_handle(job->fetch->multi, job->easy);
	curl_easy_cleanup(job->easy);
	struct arena *arena = job->arena;
	arena_free(&arena);
}

static void job_done(struct job *job, CURLcode code)
{
	struct fetch_answer answer = { .body = buf_str(&job->body),
		.max_age = max_age(job->cache_control) };
	if (code == CURLE_OK) {
		long status = 0;
		curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
		answer.status = (int)status;
	} else {
		answer.fault = job->fault[0] != '\0' ? job->fault : curl_easy_strerror(code);
	}
	job->done(job->context, &answer);
	job_end(job);
}

static void reap(struct fetch *fetch)
{
	int left;
	CURLMsg *message = curl_multi_info_read(fetch->multi, &left);
	while (message != NULL) {
		struct job *job = NULL;
		const CURLcode code = message->data.result;
		if (message->msg == CURLMSG_DONE)
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&job);
		if (job != NULL)
			job_done(job, code);
		message = curl_multi_info_read(fetch->multi, &left);
	}
}

static void *run(void *context)
{
	struct fetch *fetch = context;
	while (!atomic_load(&fetch->stopping)) {
		fetch->settings.tick(fetch->settings.context);
		int running;
		curl_multi_perform(fetch->multi, &running);
		reap(fetch);
		curl_multi_poll(fetch->multi, NULL, 0, TICK_MS, NULL);
	}
	return NULL;
}

static bool goes_where_allowed(const struct fetch *fetch, CURLU *url)
{
	char *scheme = NULL, *host = NULL;
	bool allowed = false;
	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		allowed = str_is(str_of(scheme), "https") ||
			  (str_is(str_of(scheme), "http") && fetch->settings.loopback_http &&
				  config_is_loopback(str_of(host)));
	curl_free(scheme);
	curl_free(host);
	return allowed;
}

/*
 * http only where this is allowed, and only to this machine. The host is the one that libcurl
 * would go to: http://localhost:1@elsewhere/ is elsewhere, so nobody stands before an @.
 */
static bool is_allowed(const struct fetch *fetch, const char *text)
{
	CURLU *url = curl_url();
	if (url == NULL)
		abort(); /* as running out of memory */
	const bool allowed =
		curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK &&
		goes_where_allowed(fetch, url);
	curl_url_cleanup(url);
	return allowed;
}

static void prepare(struct job *job, const char *url)
{
	CURL *easy = job->easy;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
		job->fetch->settings.loopback_http ? "https,http" : "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TOTAL_MS);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)FETCH_BODY_MAX);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, job);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, job);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job->fault);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)job);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "maalehubd");
	if (job->fetch->settings.ca_file[0] != '\0')
		curl_easy_setopt(easy, CURLOPT_CAINFO, job->fetch->settings.ca_file);
}

struct fetch *fetch_new(const struct fetch_settings *settings)
{
	struct arena *arena = arena_new(SIZE_MAX);
	struct fetch *fetch = arena_alloc(arena, sizeof(*fetch));
	fetch->arena = arena;
	fetch->settings = *settings;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
	fetch->multi = curl_multi_init();
	if (fetch->multi == NULL)
		abort(); /* as running out of memory */
	return fetch;
}

bool fetch_start(struct fetch *fetch, struct outcome *outcome)
{
	fetch->running = pthread_create(&fetch->thread, NULL, run, fetch) == 0;
	if (!fetch->running)
		return outcome_fail(outcome, OUTCOME_FAULT, STR(""), "no thread for fetching keys");
	return true;
}

void fetch_free(struct fetch **fetch_io)
{
	struct fetch *fetch = *fetch_io;
	if (fetch == NULL)
		return;
	atomic_store(&fetch->stopping, true);
	if (fetch->running) {
		curl_multi_wakeup(fetch->multi);
		pthread_join(fetch->thread, NULL);
	}
	while (fetch->jobs != NULL)
		job_end(fetch->jobs);
	curl_multi_cleanup(fetch->multi);
	struct arena *arena = fetch->arena;
	*fetch_io = NULL;
	arena_free(&arena);
}

void fetch_wake(struct fetch *fetch)
{
	curl_multi_wakeup(fetch->multi);
}

void fetch_get(struct fetch *fetch, struct str url,
	void (*done)(void *context, const struct fetch_answer *answer), void *context)
{
	struct arena *arena = arena_new(4 * FETCH_BODY_MAX);
	const char *text = str_copy(arena, url).at;
	if (!is_allowed(fetch, text)) {
		const struct fetch_answer refused = { .fault = "the URL is not https" };
		arena_free(&arena);
		done(context, &refused);
		return;
	}
	struct job *job = arena_alloc(arena, sizeof(*job));
	*job = (struct job){ .fetch = fetch, .arena = arena, .done = done, .context = context };
	job->body = buf_new(arena, 4096, FETCH_BODY_MAX);
	job->easy = curl_easy_init();
	if (job->easy == NULL)
		abort(); /* as running out of memory */
	prepare(job, text);
	job->next = fetch->jobs;
	if (job->next != NULL)
		job->next->previous = job;
	fetch->jobs = job;
	curl_multi_add_handle(fetch->multi, job->easy);
}
