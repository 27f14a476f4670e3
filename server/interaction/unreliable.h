/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_UNRELIABLE_H
#define SERVER_INTERACTION_UNRELIABLE_H

#include "server/exchange.h"

struct json;

/* The tag that marks a measurement as not to be relied on; searches leave it out by _tag:not=system|code. */
#define UNRELIABLE_SYSTEM "urn:maalehub:codesystem:measurement-quality"
#define UNRELIABLE_CODE   "unreliable"

/*
 * The JSON Patch that marks a reading as unreliable: the tag (once), and a note with why (`reason` of the Parameters), who (the token's person by HPR number, else its organisation; never a national id; beside it
 * `author`, where given) and when. `now` is the reading as it is read. NULL adds an error: Parameters that are none, without a reason, or with eleven digits in a row.
 */
const struct json *unreliable_patch(struct exchange *exchange, const struct json *now,
	const struct json *parameters, struct outcome *outcome);

#endif
