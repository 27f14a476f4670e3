/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_UNIT_AUTHZ_FORGE_H
#define TESTS_UNIT_AUTHZ_FORGE_H

#include "authz/jose.h"

/* Makes tokens and proofs member by member, right or wrong. Values are JSON as written. */
enum forge_part { FORGE_HEADER, FORGE_PAYLOAD };

struct forge {
	struct forge_list {
		struct forge_member {
			const char *name, *value;
		} members[40];
		size_t count;
	} parts[2];
};

/* Replaces a member or adds it; NULL takes it away. */
void forge_set(struct forge *forge, enum forge_part part, const char *name, const char *value);
/* Adds it, even where there is one of that name. */
void forge_add(struct forge *forge, enum forge_part part, const char *name, const char *value);
struct str forge_text(struct arena *arena, const struct forge *forge, enum forge_part part);
/* Signs what stands there; the header's alg is not looked at. */
struct str forge_sign(struct arena *arena, const struct forge *forge, enum jose_alg alg,
	const struct jose_key *key);
/* Three parts from any bytes. */
struct str forge_join(
	struct arena *arena, struct str header, struct str payload, struct str signature);
/* HS256, which jose.h does not know. */
struct str forge_hs256(struct arena *arena, const struct forge *forge, struct str secret);

/*
 * People and organisations of the tests; the numbers are synthetic, the organisations' are
 * public.
 */
#define FORGE_NOW      INT64_C(1763650000)
#define FORGE_ISSUER   "https://helseid-sts.test.nhn.no"
#define FORGE_AUDIENCE "nhn:pmd"
#define FORGE_DOCTOR   "57912075186"
#define FORGE_PATIENT  "17912099997"
#define FORGE_OTHER    "15507600333"
#define FORGE_PARENT   "993467049"
#define FORGE_CHILD    "874716782"
#define FORGE_JKT      "G1CXxoRSFeAjOsbRwHLQacnqbhHhy1qdqvYdVvjRYF4"
#define FORGE_ATTEST   "nhn:tillitsrammeverk:parameters"

/* A doctor's access token, signed with a key of kid "key-1" and ES256 in the header. */
struct forge forge_access_token(void);
/* Its attest, with `toa` a second old and the patient named. */
extern const char *const forge_attest;

#endif
