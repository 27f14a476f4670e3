/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INNER_H
#define SERVER_INNER_H

#include "server/exchange.h"

/*
 * A request inside of another: an entry of a batch, or what a transaction reads when it is done. It is an exchange of its own, by the same caller, with its own permission, decision, log rows
 * and outcome; only the token is not looked at again.
 */
struct inner {
	/* asked; slices that live as long as the outer exchange */
	struct str method, url; /* as Bundle.entry.request has it, relative to the base */
	struct str body, content_type, if_match, if_none_match;
	instant modified_since; /* 0: none */
	/* Only whether it would fail is asked: what it finds goes nowhere and is no look, so it is not written down either; a refusal is. */
	bool rehearsal;
	struct str instead; /* the url to rehearse in place of its own, or empty */
	/* answered, on the outer exchange's arena */
	int status;             /* 0: not yet */
	struct outcome refusal; /* its errors */
	size_t bytes;           /* of the answer, also of one that goes nowhere */
	struct str answer, location, etag;
	instant modified;
	/* its own */
	struct exchange *outer;
};

/* Begins it in the next turn of the loop, and holds the outer exchange until it has answered. */
void inner_begin(struct exchange *outer, struct inner *inner);

#endif
