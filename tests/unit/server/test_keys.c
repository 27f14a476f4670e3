/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* keys.c and fetch.c against an issuer of our own on a loopback port, with a clock that the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fhir/base/arena.h"
#include "server/config.h"
#include "server/keys.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/metrics.h"

#define HOUR     (3600 * INSTANT_SECOND)
#define PATIENCE 400 /* of 10 ms */

enum conduct { WELL, BROKEN, OTHER_ISSUER, REDIRECT, HUGE_BODY, NO_KEYS, SOMEBODY_AT, HUGE_HEAD };

/* ---- what keys.c calls */

static _Atomic instant now;
static atomic_int resumed;

instant hub_now(void)
{
	return now;
}

void loop_post(struct loop *loop, struct loop_post *post)
{
	(void)loop;
	post->run(post->context);
}

void exchange_hold(struct exchange *exchange)
{
	exchange->pending++;
}

void exchange_done(void *exchange)
{
	((struct exchange *)exchange)->pending--;
	atomic_fetch_add(&resumed, 1);
}

void metric_add(enum metric metric, uint64_t amount)
{
	(void)metric;
	(void)amount;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
	(void)level;
	(void)event;
	(void)format;
}

const char *log_quote(struct arena *arena, struct str value)
{
	return str_copy(arena, value).at;
}

/* ---- the issuer */

static struct {
	int fd;
	char url[64];
	char jwk[2][1024]; /* public keys k0 and k1 */
	_Atomic enum conduct conduct;
	atomic_int generation; /* which key it shows */
	atomic_int asked;      /* requests it got */
	atomic_bool stopping;
	pthread_t thread;
} issuer;

/* Lines without end, as far as a test goes: 200 KiB. */
static void send_head(int client)
{
	char line[1024];
	const int length = snprintf(line, sizeof(line), "Cache-Control: x=%0900d\r\n", 1);
	for (int i = 0; i < 220; i++)
		if (send(client, line, (size_t)length, MSG_NOSIGNAL) < 0)
			return;
}

static void answer(int client, const char *status, const char *body)
{
	char head[256];
	const int first = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n", status);
	ssize_t sent = send(client, head, (size_t)first, MSG_NOSIGNAL);
	if (issuer.conduct == HUGE_HEAD)
		send_head(client);
	const int length = snprintf(head, sizeof(head),
		"Content-Length: %zu\r\nLocation: %s/jwks\r\n"
		"Cache-Control: public, max-age=3600\r\nConnection: close\r\n\r\n",
		strlen(body), issuer.url);
	sent += send(client, head, (size_t)length, MSG_NOSIGNAL);
	sent += send(client, body, strlen(body), MSG_NOSIGNAL);
	(void)sent;
}

static void answer_one(int client)
{
	static char huge[400000];
	char request[4096] = "", body[4096];
	if (recv(client, request, sizeof(request) - 1, 0) <= 0)
		return;
	atomic_fetch_add(&issuer.asked, 1);
	const enum conduct conduct = issuer.conduct;
	const bool discovery = strstr(request, "GET /.well-known/openid-configuration ") != NULL;
	if (conduct == BROKEN) {
		answer(client, "500 No", "{}");
	} else if (conduct == REDIRECT) {
		answer(client, "302 Elsewhere", "");
	} else if (discovery) {
		snprintf(body, sizeof(body),
			"{\"issuer\":\"%s%s\",\"jwks_uri\":\"http://%s%s/jwks\"}", issuer.url,
			conduct == OTHER_ISSUER ? "/other" : "",
			conduct == SOMEBODY_AT ? "localhost:1@" : "",
			issuer.url + strlen("http://"));
		answer(client, "200 OK", body);
	} else if (conduct == HUGE_BODY) {
		memset(huge, ' ', sizeof(huge) - 1);
		answer(client, "200 OK", huge);
	} else {
		snprintf(body, sizeof(body), "{\"keys\":[%s]}",
			conduct == NO_KEYS ? "" : issuer.jwk[issuer.generation]);
		answer(client, "200 OK", body);
	}
}

static void *serve(void *context)
{
	(void)context;
	while (!issuer.stopping) {
		const int client = accept(issuer.fd, NULL, NULL);
		if (client < 0)
			continue;
		answer_one(client);
		shutdown(client, SHUT_WR);
		close(client);
	}
	return NULL;
}

static void make_key(int number)
{
	struct arena *arena = arena_new(1 << 20);
	struct jose_key *key = jose_key_generate(JOSE_ES256);
	const struct str jwk = jose_key_to_jwk(arena, key);
	snprintf(issuer.jwk[number], sizeof(issuer.jwk[number]),
		"{\"kid\":\"k%d\",\"alg\":\"ES256\",\"use\":\"sig\",%.*s", number,
		STR_ARG(str_part(jwk, 1, jwk.length)));
	jose_key_free(&key);
	arena_free(&arena);
}

static int open_issuer(void **state)
{
	(void)state;
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(at);
	issuer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(issuer.fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
		listen(issuer.fd, 16) != 0 ||
		getsockname(issuer.fd, (struct sockaddr *)&at, &length) != 0)
		return -1;
	snprintf(issuer.url, sizeof(issuer.url), "http://127.0.0.1:%u", ntohs(at.sin_port));
	make_key(0);
	make_key(1);
	return pthread_create(&issuer.thread, NULL, serve, NULL);
}

static int close_issuer(void **state)
{
	(void)state;
	issuer.stopping = true;
	shutdown(issuer.fd, SHUT_RDWR);
	pthread_join(issuer.thread, NULL);
	close(issuer.fd);
	return 0;
}

/* ---- tests */

static struct arena *arena;
static struct config config;
static struct keys *keys;
static struct exchange exchange;

static void start(enum conduct conduct)
{
	struct outcome outcome = { .arena = arena };
	issuer.conduct = conduct;
	issuer.generation = 0;
	issuer.asked = 0;
	keys = keys_new(&config);
	assert_true(keys_start(keys, &outcome));
}

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	now = 1000 * HOUR;
	resumed = 0;
	config = (struct config){ .issuer = issuer.url,
		.citizen_issuer = "",
		.issuer_ca = "",
		.environment = ENVIRONMENT_TEST,
		.keys_retry = 30 * INSTANT_SECOND };
	exchange = (struct exchange){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	keys_free(&keys);
	arena_free(&arena);
	return 0;
}

static bool has(const char *kid)
{
	struct keyset *held = NULL;
	if (!keys_find(keys, str_of(issuer.url), str_of(kid), &held))
		return false;
	assert_non_null(keyset_find(held, str_of(kid)));
	keyset_drop(&held);
	return true;
}

static bool comes(const char *kid)
{
	for (int i = 0; i < PATIENCE && !has(kid); i++)
		usleep(10000);
	return has(kid);
}

static bool ask(void)
{
	return keys_ask(keys, str_of(issuer.url), &exchange);
}

/* Waits until an exchange that asked goes on. */
static void goes_on(int times)
{
	for (int i = 0; i < PATIENCE && resumed < times; i++)
		usleep(10000);
	assert_int_equal(resumed, times);
	assert_int_equal(exchange.pending, 0);
}

static void keys_come_by_themselves(void **state)
{
	(void)state;
	start(WELL);
	assert_true(comes("k0"));
	assert_false(has("k1"));
	assert_true(keys_ready(keys));
	assert_false(keys_away(keys, str_of(issuer.url)));
	struct keyset *held = NULL;
	assert_false(keys_find(keys, STR("https://other.example"), STR("k0"), &held));
	assert_false(keys_away(keys, STR("https://other.example")));
	assert_false(keys_ask(keys, STR("https://other.example"), &exchange));
}

static void an_unknown_kid_has_them_fetched_once(void **state)
{
	(void)state;
	start(WELL);
	assert_true(comes("k0"));
	issuer.generation = 1;
	assert_true(ask());
	goes_on(1);
	assert_true(has("k1"));
	assert_false(has("k0"));
	/* whoever makes up a kid now, nobody is asked for half a minute */
	const int asked = issuer.asked;
	for (int i = 0; i < 1000; i++)
		assert_false(ask());
	assert_int_equal(exchange.pending, 0);
	assert_int_equal(issuer.asked, asked);
	now += 31 * INSTANT_SECOND;
	assert_true(ask());
	goes_on(2);
}

/* Or new keys would be strangers until the clock has caught up. */
static void a_clock_that_is_set_back_asks_anew(void **state)
{
	(void)state;
	start(WELL);
	assert_true(comes("k0"));
	assert_true(ask());
	goes_on(1);
	assert_false(ask());
	issuer.generation = 1;
	now -= HOUR;
	assert_true(ask());
	goes_on(2);
	assert_true(has("k1"));
}

/* Or a key that is taken back would be good for as long. */
static void a_clock_that_is_set_back_refreshes_unasked(void **state)
{
	(void)state;
	start(WELL);
	assert_true(comes("k0"));
	issuer.generation = 1;
	now -= HOUR;
	assert_true(comes("k1"));
	assert_false(has("k0"));
}

static void an_issuer_that_is_away_leaves_its_keys_for_a_day(void **state)
{
	(void)state;
	start(WELL);
	assert_true(comes("k0"));
	issuer.conduct = BROKEN;
	now += HOUR;
	assert_true(ask());
	goes_on(1);
	assert_true(has("k0"));
	now += 22 * HOUR;
	assert_true(has("k0"));
	now += 2 * HOUR;
	assert_false(has("k0"));
	assert_true(keys_away(keys, str_of(issuer.url)));
	assert_false(keys_ready(keys));
	issuer.conduct = WELL;
	assert_true(comes("k0"));
}

static void refreshed_at_half_of_max_age_at_most_ten_minutes(void **state)
{
	(void)state;
	start(WELL);
	assert_true(comes("k0"));
	issuer.generation = 1;
	now += 9 * 60 * INSTANT_SECOND;
	usleep(700000);
	assert_false(has("k1"));
	now += 2 * 60 * INSTANT_SECOND;
	assert_true(comes("k1"));
}

/* Nothing is taken from an issuer that does `conduct`, and who waits for it goes on. */
static void nothing_from(enum conduct conduct)
{
	start(conduct);
	for (int i = 0; i < PATIENCE && issuer.asked == 0; i++)
		usleep(10000);
	now += 60 * INSTANT_SECOND;
	assert_true(ask());
	goes_on(1);
	assert_false(has("k0"));
	assert_true(keys_away(keys, str_of(issuer.url)));
	assert_false(keys_ready(keys));
}

static void errors_give_no_keys(void **state)
{
	(void)state;
	nothing_from(BROKEN);
}

static void another_issuers_document_gives_no_keys(void **state)
{
	(void)state;
	nothing_from(OTHER_ISSUER);
}

static void redirects_are_not_followed(void **state)
{
	(void)state;
	nothing_from(REDIRECT);
}

static void huge_documents_give_no_keys(void **state)
{
	(void)state;
	nothing_from(HUGE_BODY);
}

static void heads_without_end_give_no_keys(void **state)
{
	(void)state;
	nothing_from(HUGE_HEAD);
}

static void an_empty_set_gives_no_keys(void **state)
{
	(void)state;
	nothing_from(NO_KEYS);
}

/* By its text http://localhost:1@host/ is on this machine; libcurl would go to the host. */
static void nobody_stands_before_the_host(void **state)
{
	(void)state;
	nothing_from(SOMEBODY_AT);
}

/* In production the very same issuer is not even connected to: it is not https. */
static void plain_http_is_not_fetched_in_production(void **state)
{
	(void)state;
	config.environment = ENVIRONMENT_PRODUCTION;
	start(WELL);
	assert_true(ask());
	goes_on(1);
	assert_false(has("k0"));
	assert_int_equal(issuer.asked, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_come_by_themselves),
		TEST(an_unknown_kid_has_them_fetched_once),
		TEST(a_clock_that_is_set_back_asks_anew),
		TEST(a_clock_that_is_set_back_refreshes_unasked),
		TEST(an_issuer_that_is_away_leaves_its_keys_for_a_day),
		TEST(refreshed_at_half_of_max_age_at_most_ten_minutes),
		TEST(errors_give_no_keys),
		TEST(another_issuers_document_gives_no_keys),
		TEST(redirects_are_not_followed),
		TEST(huge_documents_give_no_keys),
		TEST(heads_without_end_give_no_keys),
		TEST(an_empty_set_gives_no_keys),
		TEST(nobody_stands_before_the_host),
		TEST(plain_http_is_not_fetched_in_production),
	};
	return cmocka_run_group_tests(tests, open_issuer, close_issuer);
}
