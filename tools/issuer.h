/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TOOLS_ISSUER_H
#define TOOLS_ISSUER_H

#include "authz/jose.h"
#include "fhir/base/buf.h"
#include "fhir/base/instant.h"

/*
 * maalehub-issuer: a HelseID look-alike for tests, on loopback only. Two issuers, BASE/staff and BASE/citizen, each with its own keys. The principals
 * whose tokens it gives are the `principal.NAME = {claims}` lines of the hub's configuration.
 */
#define ISSUER_KEYS_MAX 8

struct issuer_key {
	char kid[40];
	enum jose_alg alg;
	struct jose_key *key;
};

struct issuer {
	const char *name;                        /* "staff", "citizen" */
	struct issuer_key keys[ISSUER_KEYS_MAX]; /* newest last; the newest signs */
	unsigned count;
	unsigned serial;
};

struct issuer_site {
	struct arena *arena; /* of the process */
	const char *base;    /* http://127.0.0.1:8090 */
	const char *audience;
	const char *personas; /* file read anew for each token, so that an edit is seen */
	struct issuer issuers[2];
};

/* A new signing key, the newest from now on; the oldest goes when there are ISSUER_KEYS_MAX. */
void issuer_rotate(struct issuer *issuer, enum jose_alg alg);
/* Forgets all keys but the newest: tokens of the old ones are no longer good. */
void issuer_forget(struct issuer *issuer);
/* The key set as JSON. */
void issuer_jwks(const struct issuer *issuer, struct arena *arena, struct buf *out);

/* What a client may ask of /connect/token, by form fields. */
struct token_ask {
	struct str persona; /* a principal's NAME */
	struct str set; /* JSON object: its members replace claims, null removes one (bad tokens) */
	struct str alg, typ, kid;
	struct str lifetime; /* seconds, may be negative */
	struct str proof;    /* DPoP header, or empty: a bearer token */
	instant now;
};

/* The token in compact form, by libjwt where it can (typ JWT, RS*, ES*), by our own signer where it cannot (at+jwt, PS*). False adds why not. */
bool issuer_token(const struct issuer_site *site, const struct issuer *issuer, struct arena *arena,
	const struct token_ask *ask, struct str *out, struct outcome *outcome);

#endif
