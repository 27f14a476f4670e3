/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_CLAIMS_H
#define AUTHZ_CLAIMS_H

#include "authz/principal.h"
#include "fhir/base/json.h"
#include "fhir/base/outcome.h"

/* What token.c, attest.c and dpop.c read claims with; for this folder only. */

#define CLAIM_TEXT_MAX 256 /* bytes: these texts are logged and shown to citizens */

/* A key id as we look it up: 1 to 128 of A-Z a-z 0-9 _ - . */
bool kid_is_valid(struct str kid);

/*
 * At most CLAIM_TEXT_MAX bytes, without control characters, line separators or marks that turn
 * the direction of writing.
 */
bool claim_is_shown(struct str text);

/*
 * A text member that claim_is_shown(); empty where there is none. False where it is anything
 * else.
 */
bool claim_text(const struct json *object, const char *name, struct str *out);
/* As claim_text, and it must be there and not empty. */
bool claim_needed(const struct json *object, const char *name, struct str *out);

/*
 * NumericDate (RFC 7519 section 2), seconds with or without a fraction, before the year 10000.
 * False for anything else, an exponent too.
 */
bool claim_time(const struct json *member, instant *out);

/* What the attest is checked against. */
struct attest_ask {
	struct str pid, hpr, orgnr_child;
	uint32_t orgnr;
	instant now, leeway, age_max;
	enum national_policy national;
};

/*
 * The attest (norway.md section 2) from its claim: object, array of one, or JSON text. False
 * adds SUPPRESSED.
 */
bool attest_read(struct arena *arena, const struct json *claim, const struct attest_ask *ask,
	struct attest *out, struct outcome *outcome);

/*
 * Nine digits (with a correct control digit where real numbers are asked for: NHN's test
 * organisations have wrong ones).
 */
bool orgnr_read(struct str text, enum national_policy policy, uint32_t *out);

#endif
