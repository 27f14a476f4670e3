/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who may ask and who fetches are different threads; a lock stands between them that nobody keeps
 * while fetching. A keyset is immutable and replaced whole.
 */
#include "server/keys.h"

#include <pthread.h>

#include "fhir/base/arena.h"
#include "server/config.h"
#include "server/fetch.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/metrics.h"

#define ISSUERS_MAX       2
#define REFRESH_AFTER     (600 * INSTANT_SECOND)
#define REFRESH_AT_LEAST  (30 * INSTANT_SECOND)
#define STALE_AFTER       (24 * 3600 * INSTANT_SECOND)
#define FIRST_TRIES_EVERY (2 * INSTANT_SECOND)
#define DOCUMENT_NODES    ((size_t)5000)
#define ENDPOINT_MAX      ((size_t)512)
#define DISCOVERY_PATH    "/.well-known/openid-configuration"

struct waiter {
	struct loop_post post;
	struct exchange *exchange;
	struct waiter *next;
};

struct issuer {
	struct keys *keys;
	struct str name;
	struct keyset *keyset;
	uint8_t digest[32]; /* of the text the keyset was read from */
	instant fetched_at; /* 0: never */
	instant next_at;    /* when to refresh unasked */
	instant asked_at;   /* when an unknown kid last had it fetched */
	bool wanted, busy;
	struct waiter *waiters;
	/* as the discovery document has them, one behind the other; empty where it has none */
	char endpoints[3][ENDPOINT_MAX];
};

struct keys {
	struct arena *arena;
	instant retry, refresh_most; /* longer waits none: the clock was set back */
	struct fetch *fetch;
	pthread_mutex_t lock;
	struct issuer issuers[ISSUERS_MAX];
	size_t count;
};

static struct issuer *find_issuer(struct keys *keys, struct str name)
{
	for (size_t i = 0; i < keys->count; i++)
		if (str_equal(keys->issuers[i].name, name))
			return &keys->issuers[i];
	return NULL;
}

/* Under the lock. */
static bool is_usable(const struct issuer *issuer, instant now)
{
	return issuer->keyset != NULL && now - issuer->fetched_at < STALE_AFTER;
}

static void wake(void *context)
{
	struct waiter *waiter = context;
	exchange_done(waiter->exchange);
}

/* A round of fetching is over, well (`keyset`, or NULL for the one there is) or badly. */
static void finish(struct issuer *issuer, bool well, struct keyset *keyset, instant next_in)
{
	struct keys *keys = issuer->keys;
	const instant now = hub_now();
	struct keyset *old = NULL;
	pthread_mutex_lock(&keys->lock);
	issuer->busy = false;
	issuer->next_at = now + next_in;
	if (well)
		issuer->fetched_at = now;
	if (keyset != NULL) {
		old = issuer->keyset;
		issuer->keyset = keyset;
	}
	struct waiter *waiter = issuer->waiters;
	issuer->waiters = NULL;
	pthread_mutex_unlock(&keys->lock);
	metric_add(well ? METRIC_KEYS_FETCHED : METRIC_KEYS_FAILED, 1);
	if (old != NULL)
		keyset_drop(&old);
	while (waiter != NULL) {
		/* Once posted it may be gone. */
		struct waiter *next = waiter->next;
		loop_post(waiter->exchange->loop, &waiter->post);
		waiter = next;
	}
}

static void fail(struct issuer *issuer, const char *what, const char *why)
{
	struct keys *keys = issuer->keys;
	pthread_mutex_lock(&keys->lock);
	const bool usable = is_usable(issuer, hub_now());
	pthread_mutex_unlock(&keys->lock);
	struct arena *arena = arena_new(8192);
	log_line(usable ? LEVEL_WARNING : LEVEL_ERROR, "keys_not_fetched",
		"issuer=%s what=%s why=%s", log_quote(arena, issuer->name), what,
		log_quote(arena, str_of(why)));
	arena_free(&arena);
	finish(issuer, false, NULL,
		usable || keys->retry < FIRST_TRIES_EVERY ? keys->retry : FIRST_TRIES_EVERY);
}

/* Half of what the issuer promises, at least half a minute, at most ten. */
static instant refresh_in(unsigned max_age)
{
	instant after = REFRESH_AFTER;
	if (max_age != 0 && max_age * INSTANT_SECOND / 2 < after)
		after = max_age * INSTANT_SECOND / 2;
	return after < REFRESH_AT_LEAST ? REFRESH_AT_LEAST : after;
}

static void on_keys(void *context, const struct fetch_answer *answer)
{
	struct issuer *issuer = context;
	if (answer->status != 200) {
		fail(issuer, "jwks", answer->fault != NULL ? answer->fault : "status is not 200");
		return;
	}
	uint8_t digest[32];
	seal_sha256(answer->body, digest);
	/*
	 * The same text again: keep the set, and with it what was verified by it. Only this thread
	 * writes the two.
	 */
	if (issuer->keyset != NULL && seal_equal(digest, issuer->digest, sizeof(digest))) {
		finish(issuer, true, NULL, refresh_in(answer->max_age));
		return;
	}
	struct arena *arena = arena_new(64 * FETCH_BODY_MAX);
	struct outcome outcome = { .arena = arena };
	struct keyset *keyset = keyset_parse(answer->body, &outcome);
	if (keyset == NULL) {
		fail(issuer, "jwks", "holds no key that can be used");
	} else {
		memcpy(issuer->digest, digest, sizeof(digest));
		log_line(LEVEL_INFO, "keys_fetched", "issuer=%s keys=%zu",
			log_quote(arena, issuer->name), keyset->count);
		finish(issuer, true, keyset, refresh_in(answer->max_age));
	}
	arena_free(&arena);
}

/* A URL that does not fit is none. */
static void keep_endpoints(struct issuer *issuer, const struct json *document)
{
	static const char *const names[] = { "jwks_uri", "authorization_endpoint",
		"token_endpoint" };
	pthread_mutex_lock(&issuer->keys->lock);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct str url = json_text(document, names[i]);
		memset(issuer->endpoints[i], 0, ENDPOINT_MAX);
		if (url.length < ENDPOINT_MAX && url.length > 0)
			memcpy(issuer->endpoints[i], url.at, url.length);
	}
	pthread_mutex_unlock(&issuer->keys->lock);
}

void keys_endpoints(
	struct keys *keys, struct arena *arena, struct str name, struct issuer_endpoints *out)
{
	struct issuer *issuer = keys == NULL ? NULL : find_issuer(keys, name);
	*out = (struct issuer_endpoints){ 0 };
	if (issuer == NULL)
		return;
	pthread_mutex_lock(&keys->lock);
	out->jwks = str_copy(arena, str_of(issuer->endpoints[0]));
	out->authorization = str_copy(arena, str_of(issuer->endpoints[1]));
	out->token = str_copy(arena, str_of(issuer->endpoints[2]));
	pthread_mutex_unlock(&keys->lock);
}

/* OpenID Connect Discovery 1.0 section 4.3: the document's issuer must be the one asked. */
static void on_discovery(void *context, const struct fetch_answer *answer)
{
	struct issuer *issuer = context;
	if (answer->status != 200) {
		fail(issuer, "discovery",
			answer->fault != NULL ? answer->fault : "status is not 200");
		return;
	}
	struct arena *arena = arena_new(64 * FETCH_BODY_MAX);
	struct outcome outcome = { .arena = arena };
	const struct json *document = json_parse(arena, answer->body, DOCUMENT_NODES, &outcome);
	const struct str url = json_text(document, "jwks_uri");
	if (document == NULL) {
		fail(issuer, "discovery", "is not JSON");
	} else if (!str_equal(json_text(document, "issuer"), issuer->name)) {
		fail(issuer, "discovery", "names another issuer");
	} else if (url.length == 0) {
		fail(issuer, "discovery", "names no jwks_uri");
	} else {
		keep_endpoints(issuer, document);
		fetch_get(issuer->keys->fetch, url, on_keys, issuer);
	}
	arena_free(&arena);
}

static void tick(void *context)
{
	struct keys *keys = context;
	const instant now = hub_now();
	for (size_t i = 0; i < keys->count; i++) {
		struct issuer *issuer = &keys->issuers[i];
		pthread_mutex_lock(&keys->lock);
		const bool due =
			!issuer->busy && (issuer->wanted || now >= issuer->next_at ||
						 now < issuer->next_at - keys->refresh_most);
		if (due) {
			issuer->busy = true;
			issuer->wanted = false;
		}
		pthread_mutex_unlock(&keys->lock);
		if (!due)
			continue;
		char text[1024];
		struct str base = issuer->name;
		if (str_ends(base, STR("/")))
			base.length--;
		const int length =
			snprintf(text, sizeof(text), "%.*s" DISCOVERY_PATH, STR_ARG(base));
		if (length < 0 || (size_t)length >= sizeof(text))
			fail(issuer, "discovery", "its URL is too long");
		else
			fetch_get(keys->fetch, str_of(text), on_discovery, issuer);
	}
}

static void add_issuer(struct keys *keys, const char *name)
{
	if (name[0] == '\0')
		return;
	struct issuer *issuer = &keys->issuers[keys->count++];
	issuer->keys = keys;
	issuer->name = str_of(name);
}

struct keys *keys_new(const struct config *config)
{
	struct arena *arena = arena_new(1 << 20);
	struct keys *keys = arena_alloc(arena, sizeof(*keys));
	keys->arena = arena;
	keys->retry = config->keys_retry;
	keys->refresh_most = keys->retry > REFRESH_AFTER ? keys->retry : REFRESH_AFTER;
	pthread_mutex_init(&keys->lock, NULL);
	add_issuer(keys, config->issuer);
	add_issuer(keys, config->citizen_issuer);
	const struct fetch_settings settings = { .ca_file = config->issuer_ca,
		.loopback_http = config->environment != ENVIRONMENT_PRODUCTION,
		.tick = tick,
		.context = keys };
	keys->fetch = fetch_new(&settings);
	return keys;
}

bool keys_start(struct keys *keys, struct outcome *outcome)
{
	return keys->count == 0 || fetch_start(keys->fetch, outcome);
}

void keys_free(struct keys **keys_io)
{
	struct keys *keys = *keys_io;
	if (keys == NULL)
		return;
	fetch_free(&keys->fetch);
	for (size_t i = 0; i < keys->count; i++)
		keyset_drop(&keys->issuers[i].keyset);
	pthread_mutex_destroy(&keys->lock);
	struct arena *arena = keys->arena;
	*keys_io = NULL;
	arena_free(&arena);
}

bool keys_find(struct keys *keys, struct str issuer_name, struct str kid, struct keyset **held_out)
{
	struct issuer *issuer = find_issuer(keys, issuer_name);
	if (issuer == NULL)
		return false;
	pthread_mutex_lock(&keys->lock);
	const bool found = is_usable(issuer, hub_now()) && keyset_find(issuer->keyset, kid) != NULL;
	if (found)
		*held_out = keyset_hold(issuer->keyset);
	pthread_mutex_unlock(&keys->lock);
	return found;
}

bool keys_ask(struct keys *keys, struct str issuer_name, struct exchange *exchange)
{
	struct issuer *issuer = find_issuer(keys, issuer_name);
	if (issuer == NULL)
		return false;
	const instant now = hub_now();
	pthread_mutex_lock(&keys->lock);
	const bool under_way = issuer->busy || issuer->wanted;
	/* Asked in the future: the clock was set back. */
	const bool taken =
		under_way || now < issuer->asked_at || now - issuer->asked_at >= keys->retry;
	if (taken) {
		struct waiter *waiter = arena_alloc(exchange->arena, sizeof(*waiter));
		waiter->post = (struct loop_post){ .run = wake, .context = waiter };
		waiter->exchange = exchange;
		waiter->next = issuer->waiters;
		issuer->waiters = waiter;
		exchange_hold(exchange);
		if (!under_way) {
			issuer->wanted = true;
			issuer->asked_at = now;
		}
	}
	pthread_mutex_unlock(&keys->lock);
	if (taken && !under_way)
		fetch_wake(keys->fetch);
	return taken;
}

bool keys_away(struct keys *keys, struct str issuer_name)
{
	struct issuer *issuer = find_issuer(keys, issuer_name);
	if (issuer == NULL)
		return false;
	pthread_mutex_lock(&keys->lock);
	const bool usable = is_usable(issuer, hub_now());
	pthread_mutex_unlock(&keys->lock);
	return !usable;
}

bool keys_ready(struct keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys_away(keys, keys->issuers[i].name))
			return false;
	return true;
}
