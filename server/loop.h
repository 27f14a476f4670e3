/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include <pthread.h>

#include "authz/token.h"
#include "server/config.h"
#include "server/exchange.h"
#include "server/trust.h"

/* What all loops share: made by main before the threads start; the rules are swapped whole. */
struct hub {
	const struct config *config;
	const struct seal *seal;
	struct replay *replay; /* DPoP proofs seen */
	struct keys *keys;     /* issuers' keysets, refreshed by the fetch thread */
	instant started;
	struct loop **loops;
	unsigned loop_count;
	_Atomic bool open;     /* the isolation assertion has held: requests are served */
	_Atomic bool stopping; /* SIGTERM came */
	/* A reader must not find the snapshot gone between look and hold. */
	pthread_mutex_t rules_lock;
	struct rules *rules; /* newest snapshot; take it with hub_rules() */
	pthread_mutex_t trust_lock;
	struct trust trust; /* newest; loops take it with trust_take() */
	_Atomic unsigned trust_version;
	struct dev *dev; /* development principals (dev.h); NULL without that door */
};

/*
 * A message to a loop from another thread. Its owner keeps it until `run` is called, on the loop's
 * thread.
 */
struct loop_post {
	void (*run)(void *context);
	void *context;
	struct loop_post *next; /* the loop's */
};

/* Everything one core owns. */
#define LOOP_SPENT 16

struct loop {
	struct hub *hub;
	unsigned index;
	instant now; /* set once a turn */
	struct db *db;
	struct store *store;
	struct exchange *resume;        /* to be run after the callbacks of this turn */
	struct exchange *waiting_rules; /* parked until a newer snapshot is loaded */
	bool rules_loading;
	struct sessions *sessions; /* verified tokens (session.h); NULL until the first */
	bool draining;
	bool releasing;                  /* release.c is at work */
	instant release_at;              /* when it looks again */
	unsigned live;                   /* exchanges */
	struct arena *spent[LOOP_SPENT]; /* being freed (spent.h) */
	unsigned spent_count;
	_Atomic instant ticked;   /* when the last turn began: /livez asks its age */
	_Atomic bool db_is_ready; /* as seen in the last turn */
	_Atomic unsigned connections;
	struct server *server; /* h2o's side: server/loop_wire.h */
};

/* The newest rules, held for the caller (rules_drop), or NULL while there are none. */
struct rules *hub_rules(struct hub *hub);
/* Puts a newer snapshot in place (keeps the one with the higher version) and drops the other. */
void hub_rules_swap(struct hub *hub, struct rules *rules);
/* The time of day. Steps use loop->now. */
instant hub_now(void);
/* The oldest tick of all loops. */
instant hub_ticked(struct hub *hub);
/*
 * Nothing stands in the way of serving: asserted, rules loaded, every loop's database ready, not
 * stopping. *why_out: a word.
 */
bool hub_ready(struct hub *hub, const char **why_out);

/* What a loop serves on: bound sockets (accept.h), -1 where there is no such door. */
struct loop_doors {
	int tls_fd, development_fd, mllp_fd;
	unsigned connections_max, mllp_connections_max;
};

/* Made by main, one for each core; connects and listens once started. */
struct loop *loop_new(struct hub *hub, unsigned index, const struct loop_doors *doors);
/* Starts its thread. False: none to be had. */
bool loop_start(struct loop *loop);
/*
 * Waits for its thread, which ends after hub->stopping was set and the grace was used or not
 * needed.
 */
void loop_join(struct loop *loop);
void loop_free(struct loop **loop);
/* Has the loop look around now instead of at its next tick. Any thread. */
void loop_wake(struct loop *loop);

/* Has `post` run by the loop, soon. Any thread. */
void loop_post(struct loop *loop, struct loop_post *post);

#endif
