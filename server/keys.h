/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_KEYS_H
#define SERVER_KEYS_H

#include "authz/token.h"
#include "fhir/base/str.h"

struct config;
struct exchange;
struct fetch;
struct arena;

/*
 * The issuers' keysets, by issuer: discovery document, then its jwks_uri, fetched by the thread of
 * fetch.c at start, every 10 minutes or at half of max-age if that is sooner, and once where a
 * token names an unknown kid. An issuer that is away leaves its last keyset good for 24 hours.
 */
struct keys;

/* For the issuers the configuration names. Starts nothing. */
struct keys *keys_new(const struct config *config);
/* Starts the helper thread and the first fetches. False: no thread; an error is added. */
bool keys_start(struct keys *keys, struct outcome *outcome);
/* Stops the thread; no exchange may wait any more. Sets the pointer to NULL. */
void keys_free(struct keys **keys);

/*
 * The keyset of the issuer, held for the caller (keyset_drop), if it has a key of that name. False
 * otherwise: keys_ask(). Any thread.
 */
bool keys_find(struct keys *keys, struct str issuer, struct str kid, struct keyset **held_out);

/*
 * Has the keyset fetched again for the sake of an unknown kid. True: the exchange is held
 * (exchange_hold is called here) and goes on from its step on its own loop once the fetch has
 * ended, well or badly; call keys_find() again then, and do not ask a second time. False: the
 * issuer is none of ours, or was asked less than keys_retry ago; the kid stays unknown.
 */
bool keys_ask(struct keys *keys, struct str issuer, struct exchange *exchange);

/*
 * The issuer is ours, but nothing usable was ever fetched or the last is older than a day: the
 * caller is told 503, not 401.
 */
bool keys_away(struct keys *keys, struct str issuer);

/* Where the issuer says its doors are; empty where it has not said, or was not read yet. Copies on the arena. */
struct issuer_endpoints {
	struct str jwks, authorization, token;
};
void keys_endpoints(
	struct keys *keys, struct arena *arena, struct str issuer, struct issuer_endpoints *out);

/* Every issuer has a keyset, for /readyz. */
bool keys_ready(struct keys *keys);

#endif
