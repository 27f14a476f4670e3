/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_TRUST_H
#define SERVER_TRUST_H

#include "fhir/base/instant.h"
#include "fhir/base/outcome.h"

struct config;
struct hub;
struct ssl_ctx_st;

/* What the doors show and whom they believe, from the files that the configuration names; NULL where there is no such door. Immutable, counted, swapped whole. */
struct trust {
	struct ssl_ctx_st *tls, *mllp;
	instant until;    /* when the first list of revoked certificates ends */
	unsigned version; /* 0: none yet */
};

/* Reads the files. False adds an error for each that is wrong, and nothing is to be dropped. */
bool trust_load(const struct config *config, struct trust *out, struct outcome *outcome);
void trust_drop(struct trust *trust);

/* Puts it in place for all loops; they take it within a tick. */
void trust_swap(struct hub *hub, struct trust *fresh);
/* For a loop: holds the newest instead of *held. True where it was another. */
bool trust_take(struct hub *hub, struct trust *held);

/* SIGHUP: reads the files again and says in the log what was taken, or why all was kept as it was. */
void trust_reload(struct hub *hub);

#endif
