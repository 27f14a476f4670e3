/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_REPLAY_H
#define SERVER_REPLAY_H

#include "fhir/base/instant.h"
#include "fhir/base/str.h"

/*
 * The DPoP proofs this process has seen (RFC 9449 section 11.1): one bounded set, sharded, asked by
 * every loop. It remembers SHA-256(jkt "|" jti) until the proof would be too old anyway. Proofs
 * from before the process started are refused by dpop_ask.not_before, so that a restart forgets
 * none but those that were ahead of the clock (tools/operating.md).
 */
struct replay;

enum replay_answer {
	REPLAY_FRESH, /* not seen before; remembered now */
	REPLAY_SEEN,  /* refuse with 401 */
	REPLAY_FULL   /* cannot be remembered: refuse with 503 (OUTCOME_BUSY) */
};

/* At most `capacity` proofs at a time. */
struct replay *replay_new(size_t capacity);
void replay_free(struct replay **replay);

/*
 * `until`: from when on the proof would be refused for its age, that is iat + dpop_back. Any
 * thread.
 */
enum replay_answer replay_check(
	struct replay *replay, struct str jkt, struct str jti, instant until, instant now);

#endif
