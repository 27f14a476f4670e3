/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include "authz/token.h"
#include "server/config.h"
#include "server/exchange.h"

/* What all loops share: made by main before the threads start; the pointers that change are swapped whole (atomic). */
struct hub {
	const struct config *config;
	const struct seal *seal;
	struct replay *replay;		   /* DPoP proofs seen */
	struct keys *keys;		   /* issuers' keysets, refreshed by the fetch thread */
	_Atomic(struct rules *) rules;	   /* newest snapshot; take it with hub_rules() */
	instant started;
};

/* Everything one core owns. */
struct loop {
	struct hub *hub;
	unsigned index;
	instant now;			   /* set once a turn */
	struct db *db;
	struct store *store;
	struct exchange *resume;	   /* to be run after the callbacks of this turn */
	struct exchange *waiting_rules;	   /* parked until a newer snapshot is loaded */
	bool rules_loading;
	bool draining;
	unsigned live;			   /* exchanges */
	struct server *server;		   /* h2o's side: loop.c, http.c, guard.c */
};

/* The newest rules, held for the caller (rules_drop). */
struct rules *hub_rules(struct hub *hub);
/* Puts a newer snapshot in place (keeps the one with the higher version) and drops the other. */
void hub_rules_swap(struct hub *hub, struct rules *rules);

#endif
