/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_CONTEXT_H
#define SERVER_CONTEXT_H

#include "authz/principal.h"
#include "authz/seal.h"
#include "fhir/base/buf.h"
#include "fhir/base/instant.h"
#include "fhir/observation.h"

/*
 * What the access log says, as JSON (norway.md 5.7). The context is who looked and on what basis:
 * {"actor":{...},"basis":{...},"sealed":"...","jti":"..."}; sealed is the staff member's national id, encrypted, for follow-up; jti is the token's. It stands once per session, which is
 * one token's, so no row says it again.
 */
struct str context_render(
	struct arena *arena, const struct seal *seal, const struct principal *principal);

/* Which data a row is about: readings of one code. */
struct log_code {
	struct str code; /* concept text */
	unsigned count;
	instant from, to; /* INSTANT_MIN: the readings have no time */
};

/* The codes of a row, added up; at most LOG_CODES, the rest under an empty code. */
#define LOG_CODES 32
struct log_codes {
	struct log_code *codes;
	size_t count;
};
void log_codes_add(struct arena *arena, struct log_codes *codes, struct str code, instant at);

/* What is a row's own. Empty members are left out. */
struct log_detail {
	const struct log_codes *codes;
	unsigned count;
	bool counted; /* say count even when it is 0 */
	/* Beside `count`: what was sent and not stored, because it was here, or deleted here. */
	unsigned known;
	struct str digest;  /* SHA-256 of what was released, hexadecimal */
	struct str query;   /* canonical filters of a search */
	const char *reason; /* of a refusal */
	struct str request_id;
	const uint32_t *rules;
	size_t rule_count;
	bool break_glass;
};
struct str detail_render(struct arena *arena, const struct log_detail *detail);

#endif
