/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * maalehubd: reads the configuration, refuses to start on anything it does not understand, runs a
 * loop per core, stops gracefully.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "fhir/base/sanitizer.h"
#include "server/accept.h"
#include "server/dev.h"
#include "server/guard.h"
#include "server/keys.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/replay.h"
#include "server/trust.h"
#include "server/wire_mllp.h"
#include "storage/admin.h"

#define VERSION        "0.1.0"
#define ARENA_BYTES    ((size_t)64 << 20)
#define FILES_KEPT     128u /* for logs, curl and the rest; database connections come on top */
#define ASSERT_AS      "hub_resolve" /* any role can ask; this one can do least */
#define ASSERT_TIMEOUT 2             /* seconds between tries */

enum { EXIT_GOOD = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"maalehubd " VERSION ", the hub for measurements patients take at home\n"
	"\n"
	"  maalehubd --config FILE           serve, in the foreground, logging to standard error\n"
	"  maalehubd --config FILE --check   say what is wrong with the configuration, and end\n"
	"  maalehubd --settings              print every setting with its default and what it "
	"does\n"
	"  maalehubd --version\n"
	"\n"
	"SIGHUP reads tls_certificate, tls_key, mllp_ca and mllp_crl again; files that are wrong "
	"change nothing.\n"
	"SIGTERM stops gracefully: requests under way are answered, for as long as `grace` "
	"allows.\n";

struct process {
	struct arena *arena;
	struct outcome outcome;
	struct seal *seal;
	struct replay *replay;
	struct hub hub;
};

/* One instance, so that what is still in use when a grace runs out stays reachable. */
static struct process process;

/* Says what is wrong, for a person at a terminal. */
static int refuse(const struct outcome *outcome)
{
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next)
		fprintf(stderr, "maalehubd: %.*s\n", STR_ARG(issue->text));
	fprintf(stderr, "maalehubd: not started\n");
	return EXIT_REFUSED;
}

/*
 * An exchange's memory comes and goes in blocks of up to 256 KiB (that of a very large one in blocks that are mapped). Left to itself the allocator maps and unmaps the larger ones each
 * time, and the kernel fills every page with zeroes anew: a sixth of what a search costs.
 */
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
}

/* Memory of this process holds national ids and keys: no core dumps, and nobody attaches. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	/* The sanitizer's leak check attaches to its own process. */
	if (!HAS_ASAN)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
}

/* Signals go to the main thread alone, which waits for them. */
static sigset_t block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return set;
}

/* Everything the configuration names and that can be wrong without a database. */
static bool load(const struct config *config)
{
	struct outcome *outcome = &process.outcome;
	struct hub *hub = &process.hub;
	struct str secret = config_secret(process.arena, config, outcome);
	if (secret.at == NULL)
		return false;
	process.seal = seal_new(secret);
	explicit_bzero((char *)(uintptr_t)secret.at, secret.length);
	struct trust trust;
	if (!trust_load(config, &trust, outcome))
		return false;
	pthread_mutex_init(&hub->trust_lock, NULL);
	trust_swap(hub, &trust);
	hub->config = config;
	hub->seal = process.seal;
	hub->started = hub_now();
	pthread_mutex_init(&hub->rules_lock, NULL);
	if (config->dev_listen[0] == '\0')
		return true;
	hub->dev = dev_new(config, process.seal, hub->started, outcome);
	return hub->dev != NULL;
}

/*
 * The isolation assertion (storage/sql/assert.sql). False: a rule of isolation is missing, and the
 * hub must not serve. A database that is away is tried again; until it has answered, hub->open
 * stays false.
 */
static bool assert_isolation(void)
{
	struct arena *arena = arena_new(ARENA_BYTES);
	struct outcome outcome = { .arena = arena };
	bool good = true;
	struct admin *admin = admin_open(arena, process.hub.config->database, ASSERT_AS, &outcome);
	if (admin == NULL) {
		/* Said once in half a minute, tried every two seconds. */
		static unsigned tries;
		if (tries++ % 15 == 0)
			log_outcome(LEVEL_WARNING, "database_away", &outcome);
	} else {
		good = admin_assert(admin, &outcome);
		process.hub.open = good;
		if (!good)
			log_outcome(LEVEL_ERROR, "isolation", &outcome);
		admin_close(&admin);
	}
	arena_free(&arena);
	return good;
}

static int bind_door(const char *address)
{
	return address[0] == '\0' ? -1 : accept_bind(process.arena, address, &process.outcome);
}

static bool is_free(const char *address)
{
	return address[0] == '\0' || accept_is_free(process.arena, address, &process.outcome);
}

static bool make_loops(void)
{
	struct hub *hub = &process.hub;
	const struct config *config = hub->config;
	const unsigned half = ((unsigned)get_nprocs() + 1) / 2;
	const unsigned count = config->threads > 0 ? (unsigned)config->threads : half;
	const unsigned databases = (unsigned)(config->database_audit + config->database_read +
					      config->database_resolve + config->database_write);
	const bool mllp = config->mllp_listen[0] != '\0';
	const unsigned senders = mllp ? (unsigned)config->mllp_connections : 0;
	const unsigned room = accept_room((unsigned)config->connections_max, count,
		FILES_KEPT + count * (databases + senders + 16));
	if (!is_free(config->listen) || !is_free(config->dev_listen) ||
		!is_free(config->mllp_listen))
		return false;
	hub->loops = arena_array(process.arena, count, sizeof(struct loop *));
	for (unsigned i = 0; i < count; i++) {
		const struct loop_doors doors = { .tls_fd = bind_door(config->listen),
			.development_fd = bind_door(config->dev_listen),
			.mllp_fd = bind_door(config->mllp_listen),
			.connections_max = room,
			.mllp_connections_max = senders };
		if (process.outcome.errors > 0)
			return false;
		hub->loops[hub->loop_count++] = loop_new(hub, i, &doors);
	}
	return true;
}

/*
 * iat counts whole seconds: a proof of the second in which we start may have been used at the
 * process before us, and is refused. The doors open with the next second, so that no proof made for
 * this process is.
 */
static void await_second(struct hub *hub)
{
	const instant second = hub_now() / INSTANT_SECOND + 1;
	const struct timespec until = { .tv_sec = (time_t)second };
	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
	hub->started = second * INSTANT_SECOND;
}

static const char *or_none(const char *address)
{
	return address[0] == '\0' ? "none" : address;
}

static bool start(void)
{
	struct hub *hub = &process.hub;
	process.replay = replay_new((size_t)hub->config->replay_max);
	hub->replay = process.replay;
	hub->keys = keys_new(hub->config);
	if (!make_loops() || !keys_start(hub->keys, &process.outcome))
		return false;
	await_second(hub);
	for (unsigned i = 0; i < hub->loop_count; i++)
		if (!loop_start(hub->loops[i]))
			return outcome_fail(
				&process.outcome, OUTCOME_FAULT, STR(""), "no thread for a loop");
	log_line(LEVEL_INFO, "started",
		"version=" VERSION " loops=%u listen=%s dev_listen=%s mllp_listen=%s",
		hub->loop_count, hub->config->listen, or_none(hub->config->dev_listen),
		or_none(hub->config->mllp_listen));
	return true;
}

/* Until a signal says stop, or the assertion that nothing is served. */
static int wait_for_end(const sigset_t *set)
{
	const struct timespec while_away = { .tv_sec = ASSERT_TIMEOUT };
	for (;;) {
		const int number = process.hub.open ? sigwaitinfo(set, NULL)
						    : sigtimedwait(set, NULL, &while_away);
		if (number == SIGTERM || number == SIGINT) {
			log_line(LEVEL_INFO, "stopping", "signal=%d", number);
			return EXIT_GOOD;
		}
		if (number == SIGHUP)
			trust_reload(&process.hub);
		if (!process.hub.open && !assert_isolation())
			return EXIT_REFUSED;
	}
}

static void stop(void)
{
	struct hub *hub = &process.hub;
	hub->stopping = true;
	for (unsigned i = 0; i < hub->loop_count; i++)
		loop_wake(hub->loops[i]);
	unsigned live = 0;
	for (unsigned i = 0; i < hub->loop_count; i++) {
		loop_join(hub->loops[i]);
		live += hub->loops[i]->live;
	}
	log_line(LEVEL_INFO, "stopped", "unfinished=%u", live);
	/* What is unfinished still points at all of it. */
	if (live > 0)
		return;
	keys_free(&hub->keys);
	for (unsigned i = 0; i < hub->loop_count; i++)
		loop_free(&hub->loops[i]);
	hub->loop_count = 0;
	dev_free(&hub->dev);
	rules_drop(&hub->rules);
	replay_free(&process.replay);
	trust_drop(&hub->trust);
	seal_free(&process.seal);
	arena_free(&process.arena);
}

static int serve(const struct config *config)
{
	harden();
	keep_memory();
	const sigset_t set = block_signals();
	log_open((enum log_level)config->log_level);
	if (!guard_open(&process.outcome) || !guard_self_test(&process.outcome))
		return refuse(&process.outcome);
	if (!assert_isolation())
		return EXIT_REFUSED;
	if (!start())
		return refuse(&process.outcome);
	const int status = wait_for_end(&set);
	stop();
	return status;
}

static int run(const char *path, bool check_only)
{
	process.arena = arena_new(ARENA_BYTES);
	process.outcome.arena = process.arena;
	const struct config *config = config_load(process.arena, path, &process.outcome);
	if (config == NULL || !load(config))
		return refuse(&process.outcome);
	if (check_only) {
		fprintf(stderr, "maalehubd: %s is good\n", path);
		return EXIT_GOOD;
	}
	return serve(config);
}

int main(int count, char **words)
{
	const char *path = NULL;
	bool check_only = false;
	for (int i = 1; i < count; i++) {
		if (strcmp(words[i], "--settings") == 0) {
			config_print(stdout);
			return EXIT_GOOD;
		}
		if (strcmp(words[i], "--version") == 0 || strcmp(words[i], "--help") == 0) {
			fputs(words[i][2] == 'v' ? VERSION "\n" : usage, stdout);
			return EXIT_GOOD;
		}
		if (strcmp(words[i], "--check") == 0) {
			check_only = true;
		} else if (strcmp(words[i], "--config") == 0 && i + 1 < count) {
			path = words[++i];
		} else {
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (path == NULL) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return run(path, check_only);
}
