/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_SEAL_H
#define AUTHZ_SEAL_H

#include "fhir/base/instant.h"
#include "fhir/base/str.h"
#include "fhir/national.h"
#include "fhir/resource.h"

/*
 * What the hub's own secret does (doorway: OpenSSL): person MACs and buckets, measurement
 * keys, sealed ids and page tokens, log commitments, encryption of national ids.
 * All keys are derived from one master secret by HKDF-SHA-256 with a label each. Immutable
 * after seal_new; shared between threads.
 */
struct seal;

struct mac128 {
	uint8_t bytes[16];
};

/* From a master secret of at least 32 bytes; NULL when shorter. */
struct seal *seal_new(struct str master);
void seal_free(struct seal **seal);

/*
 * A person's two coordinates, from the eleven digits alone. mac: 104 bits, last three bytes
 * zero.
 */
struct person_key {
	uint16_t bucket;
	struct mac128 mac;
};
struct person_key seal_person(const struct seal *seal, const char digits[static 11]);

/*
 * The key of a measurement: HMAC of tenant, person, (for "C" keys: the client) and the identity
 * text (struct observation.keys). The first half of an "I" or "D" key is of the tenant and of the
 * identifier or device alone, so that a controller finds its readings of one without the person.
 */
struct mac128 seal_reading_key(const struct seal *seal, uint32_t tenant, uint64_t person,
	struct str client, struct str text);
/*
 * For tables of such keys: of both halves, since the first alone is the same for all readings of
 * one device.
 */
size_t seal_reading_key_hash(const struct mac128 *key);
/*
 * Between which keys a controller's readings of one group lie: "I" or "D", then U+001F and the
 * system, U+001F and the value, as the identity text has them.
 */
void seal_reading_group(const struct seal *seal, uint32_t tenant, struct str group,
	struct mac128 *low, struct mac128 *high);
/* The key of str_hash() for the hub's tables of foreign texts. */
struct str_key seal_table_key(const struct seal *seal);
/* Digest of clinical content, keyed. */
struct mac128 seal_content(const struct seal *seal, struct str content);
/* Digest that interns a session's who-and-why (log_ctx). */
struct mac128 seal_context(const struct seal *seal, struct str body);
/* What a row of the access log is vouched for with (storage/access_log.h). */
struct mac128 seal_log(const struct seal *seal, struct str bytes);

/*
 * The FHIR id of a stored resource, 26 characters and NUL (design: ARCHITECTURE.md, Ids).
 * subject < 2^40, id < 2^46, tenant < 2^20.
 */
struct resource_key {
	enum resource_type type;
	uint16_t bucket;
	uint32_t tenant;
	uint64_t subject, id;
};
void seal_resource_id(const struct seal *seal, const struct resource_key *key, char out[static 27]);
/*
 * False when the text is no id of that type. A forged one decodes to coordinates where nothing
 * is.
 */
bool seal_resource_open(const struct seal *seal, struct str text, enum resource_type type,
	struct resource_key *out);
void seal_patient_id(const struct seal *seal, const struct person_key *person, char out[static 27]);
bool seal_patient_open(const struct seal *seal, struct str text, struct person_key *out);

/*
 * AES-256-GCM with a random nonce, base64url. `bound` is authenticated, not contained (who may
 * use the token).
 */
struct str seal_token(
	struct arena *arena, const struct seal *seal, struct str plain, struct str bound);
bool seal_token_open(struct arena *arena, const struct seal *seal, struct str token,
	struct str bound, struct str *plain);

/* A national id (or a staff member's) encrypted for storage: nonce, ciphertext, tag. */
struct str seal_encrypt(struct arena *arena, const struct seal *seal, struct str plain);
bool seal_decrypt(
	struct arena *arena, const struct seal *seal, struct str sealed, struct str *plain);

/* Plain SHA-256, and HMAC-SHA-256 under a caller's key (log leaves, ath). */
void seal_sha256(struct str bytes, uint8_t out[static 32]);
void seal_hmac(struct str key, struct str bytes, uint8_t out[static 32]);
void seal_random(void *out, size_t length);
/* Equal, in time that does not depend on the bytes. */
bool seal_equal(const void *a, const void *b, size_t length);

#endif
