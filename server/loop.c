/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One core's loop. A turn: what h2o has, what the database has answered, exchanges to resume, then
 * everything that queued meanwhile goes to the database in one go: under load writes group
 * themselves, and a lone one waits for nothing.
 */
#include "server/loop.h"

#include <stdlib.h>
#include <unistd.h>

#include "server/http.h"
#include "server/log.h"
#include "server/loop_drain.h"
#include "server/loop_wire.h"
#include "server/release.h"
#include "server/session.h"
#include "server/spent.h"

#define TICK_MS           200
#define TICK              (TICK_MS * INSTANT_SECOND / 1000)
#define RULES_AGAIN       INSTANT_SECOND
#define HANDSHAKE_MS      5000
#define REQUEST_MS        60000 /* HTTP/1: of the whole request; the sweeper looks at its parts */
#define IDLE_MS           60000
#define STREAMS_MAX       100
#define PRIORITY_NODES    16
#define SERVER_NAME       "maalehub"
#define RULES_ARENA_BYTES ((size_t)1 << 20)

/* ---- the database */

static void note(void *context, const char *text)
{
	const struct loop *loop = context;
	struct arena *arena = arena_new(8192);
	log_line(LEVEL_WARNING, "database", "loop=%u text=%s", loop->index,
		log_quote(arena, str_of(text)));
	arena_free(&arena);
}

static void on_database(h2o_socket_t *watch, const char *fault)
{
	struct server *server = watch->data;
	if (fault == NULL)
		server->db_readable = true;
}

/* h2o closes what it watches, so it gets a descriptor of its own. */
static void open_database(struct loop *loop)
{
	const struct config *config = loop->hub->config;
	const struct db_settings settings = { .conninfo = config->database,
		.connections = { [DB_RESOLVE] = (unsigned)config->database_resolve,
			[DB_READ] = (unsigned)config->database_read,
			[DB_WRITE] = (unsigned)config->database_write,
			[DB_AUDIT] = (unsigned)config->database_audit },
		.statement_timeout = config->database_timeout,
		.note = note,
		.note_context = loop };
	const struct store_settings store = { .queue_max = (unsigned)config->queue_max,
		.group_max = (unsigned)config->group_max };
	loop->db = db_open(&settings);
	loop->store = store_open(loop->db, loop->hub->seal, &store);
	struct server *server = loop->server;
	const int fd = dup(db_fd(loop->db));
	if (fd < 0)
		abort(); /* accept_room() left files for this */
	server->db_watch = h2o_evloop_socket_create(server->evloop, fd, H2O_SOCKET_FLAG_DONT_READ);
	server->db_watch->data = server;
	h2o_socket_read_start(server->db_watch, on_database);
}

/*
 * The first snapshot of the rules, before anybody asks; later ones are loaded by exchanges
 * (rules_load.h).
 */
struct first_rules {
	struct store_rules load;
	struct outcome outcome;
	struct loop *loop;
	struct arena *arena;
};

static void on_first_rules(void *context)
{
	struct first_rules *first = context;
	struct loop *loop = first->loop;
	loop->rules_loading = false;
	if (first->outcome.errors > 0)
		log_outcome(LEVEL_WARNING, "rules_not_loaded", &first->outcome);
	else
		hub_rules_swap(loop->hub, first->load.rules);
	loop->server->rules_at = loop->now + RULES_AGAIN;
	/* Who came meanwhile waits for the same snapshot. */
	struct exchange *waiting = loop->waiting_rules;
	loop->waiting_rules = NULL;
	while (waiting != NULL) {
		struct exchange *next = waiting->next;
		exchange_done(waiting);
		waiting = next;
	}
	struct arena *arena = first->arena;
	arena_free(&arena);
}

static void load_first_rules(struct loop *loop)
{
	struct rules *rules = hub_rules(loop->hub);
	if (rules != NULL) {
		rules_drop(&rules);
		loop->server->rules_at = INSTANT_MAX;
		return;
	}
	struct arena *arena = arena_new(RULES_ARENA_BYTES);
	struct first_rules *first = arena_alloc(arena, sizeof(*first));
	first->arena = arena;
	first->loop = loop;
	first->outcome.arena = arena;
	first->load.call = (struct store_call){
		.arena = arena, .outcome = &first->outcome, .done = on_first_rules, .context = first
	};
	loop->rules_loading = true;
	store_rules(loop->store, &first->load);
}

/* ---- messages from other threads */

/*
 * The library calls a receiver for messages of its own kind only; a wake-up without one just ends
 * the sleep, and the turn runs what was posted.
 */
static void on_wake(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	(void)receiver;
	(void)messages;
}

static void run_posts(struct server *server)
{
	pthread_mutex_lock(&server->posts_lock);
	struct loop_post *post = server->posts;
	server->posts = NULL;
	server->posts_end = &server->posts;
	pthread_mutex_unlock(&server->posts_lock);
	while (post != NULL) {
		/* Once run it may be gone. */
		struct loop_post *next = post->next;
		post->run(post->context);
		post = next;
	}
}

void loop_wake(struct loop *loop)
{
	h2o_multithread_send_message(&loop->server->receiver, NULL);
}

void loop_post(struct loop *loop, struct loop_post *post)
{
	struct server *server = loop->server;
	post->next = NULL;
	pthread_mutex_lock(&server->posts_lock);
	*server->posts_end = post;
	server->posts_end = &post->next;
	pthread_mutex_unlock(&server->posts_lock);
	loop_wake(loop);
}

/* ---- turns */

/* Other certificates hold for the next connection. */
static void take_trust(struct server *server)
{
	if (!trust_take(server->loop->hub, &server->trust))
		return;
	server->accept[DOOR_TLS].ssl_ctx = server->trust.tls;
	mllp_trust(server->mllp, server->trust.mllp);
}

static void tick(struct loop *loop)
{
	struct server *server = loop->server;
	take_trust(server);
	server->sweep_at = loop->now + TICK;
	guard_sweep(server, loop->now);
	mllp_sweep(server->mllp);
	accept_resume(server);
	loop->db_is_ready = db_ready(loop->db);
	release_tick(loop);
	if (loop->db_is_ready && loop->now >= server->rules_at && !loop->rules_loading)
		load_first_rules(loop);
}

static void turn(struct loop *loop)
{
	struct server *server = loop->server;
	const instant until_tick = server->sweep_at - loop->now;
	const bool busy = loop->resume != NULL || loop->spent_count > 0 || server->unsettled;
	int32_t wait =
		busy || until_tick <= 0 ? 0 : (int32_t)(until_tick / (INSTANT_SECOND / 1000)) + 1;
	if (wait > TICK_MS)
		wait = TICK_MS;
	h2o_evloop_run(server->evloop, wait);
	loop->now = hub_now();
	loop->ticked = loop->now;
	metric_add(METRIC_LOOP_TURNS, 1);
	run_posts(server);
	if (server->db_readable) {
		server->db_readable = false;
		db_run(loop->db, loop->now);
	}
	/* An HTTP/1 connection reads its next request only once the answer is known to be written. */
	server->unsettled = loop->resume != NULL;
	exchange_resume(loop);
	if (loop->now >= server->sweep_at || server->sweep_at - loop->now > TICK)
		tick(loop);
	db_flush(loop->db, loop->now);
	spent_free_piece(loop);
}

static void *run(void *context)
{
	struct loop *loop = context;
	loop->now = hub_now();
	open_database(loop);
	while (!loop_drained(loop))
		turn(loop);
	spent_free_all(loop);
	loop_finish(loop);
	return NULL;
}

/* ---- beginning and end */

static void configure(h2o_globalconf_t *conf)
{
	h2o_config_init(conf);
	conf->server_name = h2o_iovec_init(H2O_STRLIT(SERVER_NAME));
	conf->max_request_entity_size = HTTP_ENTITY_MAX;
	conf->handshake_timeout = HANDSHAKE_MS;
	conf->http1.req_timeout = REQUEST_MS;
	conf->http1.upgrade_to_http2 = 1;
	conf->http2.idle_timeout = IDLE_MS;
	conf->http2.max_concurrent_requests_per_connection = STREAMS_MAX;
	conf->http2.max_streams_for_priority = PRIORITY_NODES;
}

static void serve(struct server *server, const struct loop_doors *doors)
{
	trust_take(server->loop->hub, &server->trust);
	for (int door = 0; door < DOORS; door++)
		server->accept[door] = (h2o_accept_ctx_t){ .ctx = &server->context,
			.hosts = server->conf.hosts,
			.ssl_ctx = door == DOOR_TLS ? server->trust.tls : NULL };
	if (doors->tls_fd >= 0)
		accept_start(server, DOOR_TLS, doors->tls_fd);
	if (doors->development_fd >= 0)
		accept_start(server, DOOR_DEVELOPMENT, doors->development_fd);
	if (doors->mllp_fd >= 0)
		server->mllp = mllp_open(
			server, doors->mllp_fd, server->trust.mllp, doors->mllp_connections_max);
}

struct loop *loop_new(struct hub *hub, unsigned index, const struct loop_doors *doors)
{
	struct arena *arena = arena_new(SIZE_MAX);
	struct loop *loop = arena_alloc(arena, sizeof(*loop));
	struct server *server = arena_alloc(arena, sizeof(*server));
	*loop = (struct loop){ .hub = hub, .index = index, .now = hub_now(), .server = server };
	loop->ticked = loop->now;
	server->loop = loop;
	server->arena = arena;
	server->count_max = doors->connections_max;
	server->lines.at = loop->now;
	server->rules_at = index == 0 ? 0 : INSTANT_MAX;
	server->posts_end = &server->posts;
	pthread_mutex_init(&server->posts_lock, NULL);
	const struct address_limits limits = { .connections =
						       (unsigned)hub->config->address_connections,
		.rate = (unsigned)hub->config->address_rate };
	server->addresses = addresses_new(arena, &limits);
	configure(&server->conf);
	http_register(server, h2o_config_register_host(
				      &server->conf, h2o_iovec_init(H2O_STRLIT("default")), 65535));
	server->evloop = h2o_evloop_create();
	h2o_context_init(&server->context, server->evloop, &server->conf);
	h2o_multithread_register_receiver(server->context.queue, &server->receiver, on_wake);
	serve(server, doors);
	return loop;
}

bool loop_start(struct loop *loop)
{
	return pthread_create(&loop->server->thread, NULL, run, loop) == 0;
}

void loop_join(struct loop *loop)
{
	pthread_join(loop->server->thread, NULL);
}

void loop_free(struct loop **loop_io)
{
	if (*loop_io == NULL)
		return;
	struct server *server = (*loop_io)->server;
	sessions_free(&(*loop_io)->sessions);
	/*
	 * The library asserts that a context has no connections left; after a grace that ran out it
	 * may.
	 */
	if (server->connections == NULL && mllp_count(server->mllp) == 0) {
		h2o_multithread_unregister_receiver(server->context.queue, &server->receiver);
		h2o_context_dispose(&server->context);
		h2o_config_dispose(&server->conf);
		h2o_evloop_destroy(server->evloop);
	}
	pthread_mutex_destroy(&server->posts_lock);
	trust_drop(&server->trust);
	struct arena *arena = server->arena;
	*loop_io = NULL;
	arena_free(&arena);
}
