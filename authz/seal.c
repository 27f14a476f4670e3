/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every reading passes here about five times, so the keyed digests start from SHA-256 states
 * in which the key block
 * is already absorbed, and the id cipher from a key schedule made once. OpenSSL 3 offers both
 * only through the calls
 * it deprecates: the EVP ones allocate a context each time (about 1 us) and their contexts are
 * not to be shared by
 * threads. The low-level states are plain values: constant after seal_new(), copied onto the
 * stack for each use.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "authz/seal.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/aes.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "fhir/base/arena.h"

#define GROUP_BYTES  8 /* of a reading's key: the rest tells its readings apart */
#define DIGEST_BYTES 32
#define NONCE_BYTES  12
#define TAG_BYTES    16
#define MAC_BYTES    13 /* of a person's: 104 bits */
#define BLOCK_BYTES  16
#define ID_LETTERS   26
#define MASTER_MIN   32

#define TENANT_BITS  20
#define SUBJECT_BITS 40
#define ID_BITS      46

/* HMAC-SHA-256 (RFC 2104) after its two key blocks. */
struct mac_state {
	SHA256_CTX inner, outer;
};

struct seal {
	struct mac_state person, bucket, reading, content, context, log;
	AES_KEY id_in, id_out;
	EVP_CIPHER *gcm;
	uint8_t token_key[DIGEST_BYTES], storage_key[DIGEST_BYTES], table_key[DIGEST_BYTES];
};

static void mac_start(struct mac_state *state, struct str key)
{
	uint8_t block[SHA256_CBLOCK] = { 0 };
	if (key.length > sizeof(block))
		SHA256((const uint8_t *)key.at, key.length, block);
	else if (key.length > 0)
		memcpy(block, key.at, key.length);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36;
	SHA256_Init(&state->inner);
	SHA256_Update(&state->inner, block, sizeof(block));
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&state->outer);
	SHA256_Update(&state->outer, block, sizeof(block));
	OPENSSL_cleanse(block, sizeof(block));
}

static void mac_end(const struct mac_state *state, SHA256_CTX *inner, uint8_t out[DIGEST_BYTES])
{
	SHA256_CTX outer = state->outer;
	SHA256_Final(out, inner);
	SHA256_Update(&outer, out, DIGEST_BYTES);
	SHA256_Final(out, &outer);
}

static void mac_of(const struct mac_state *state, struct str bytes, uint8_t out[DIGEST_BYTES])
{
	SHA256_CTX inner = state->inner;
	SHA256_Update(&inner, bytes.at, bytes.length);
	mac_end(state, &inner, out);
}

static struct mac128 mac128_of(const struct mac_state *state, struct str bytes)
{
	uint8_t digest[DIGEST_BYTES];
	struct mac128 mac;
	mac_of(state, bytes, digest);
	memcpy(mac.bytes, digest, sizeof(mac.bytes));
	return mac;
}

/* HKDF-Expand for one block (RFC 5869 section 2.3): the label and the octet 1. */
static void derive(const struct mac_state *extracted, const char *label, uint8_t out[DIGEST_BYTES])
{
	const uint8_t counter = 1;
	SHA256_CTX inner = extracted->inner;
	SHA256_Update(&inner, label, strlen(label));
	SHA256_Update(&inner, &counter, 1);
	mac_end(extracted, &inner, out);
}

static void mac_derive(
	struct mac_state *state, const struct mac_state *extracted, const char *label)
{
	uint8_t key[DIGEST_BYTES];
	derive(extracted, label, key);
	mac_start(state, (struct str){ (const char *)key, sizeof(key) });
	OPENSSL_cleanse(key, sizeof(key));
}

static void id_derive(struct seal *seal, const struct mac_state *extracted)
{
	uint8_t key[DIGEST_BYTES];
	derive(extracted, "id", key);
	AES_set_encrypt_key(key, 256, &seal->id_in);
	AES_set_decrypt_key(key, 256, &seal->id_out);
	OPENSSL_cleanse(key, sizeof(key));
}

struct seal *seal_new(struct str master)
{
	if (master.length < MASTER_MIN)
		return NULL;
	struct seal *seal = OPENSSL_zalloc(sizeof(*seal));
	EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (seal == NULL || gcm == NULL)
		abort(); /* out of memory, or an OpenSSL without AES */
	seal->gcm = gcm;
	/* HKDF-Extract (RFC 5869 section 2.2): the salt tells our keys from another program's. */
	struct mac_state salt, extracted;
	uint8_t digest[DIGEST_BYTES];
	mac_start(&salt, STR("maalehub seal 1"));
	mac_of(&salt, master, digest);
	mac_start(&extracted, (struct str){ (const char *)digest, sizeof(digest) });
	mac_derive(&seal->person, &extracted, "person");
	mac_derive(&seal->bucket, &extracted, "bucket");
	mac_derive(&seal->reading, &extracted, "reading");
	mac_derive(&seal->content, &extracted, "content");
	mac_derive(&seal->context, &extracted, "context");
	mac_derive(&seal->log, &extracted, "log");
	id_derive(seal, &extracted);
	derive(&extracted, "token", seal->token_key);
	derive(&extracted, "storage", seal->storage_key);
	derive(&extracted, "table", seal->table_key);
	OPENSSL_cleanse(digest, sizeof(digest));
	OPENSSL_cleanse(&extracted, sizeof(extracted));
	return seal;
}

void seal_free(struct seal **seal)
{
	if (*seal == NULL)
		return;
	EVP_CIPHER_free((*seal)->gcm);
	OPENSSL_clear_free(*seal, sizeof(**seal));
	*seal = NULL;
}

struct person_key seal_person(const struct seal *seal, const char digits[static 11])
{
	const struct str text = { digits, 11 };
	uint8_t digest[DIGEST_BYTES];
	struct person_key key = { 0 };
	mac_of(&seal->bucket, text, digest);
	key.bucket = (uint16_t)(digest[0] << 8 | digest[1]);
	mac_of(&seal->person, text, digest);
	memcpy(key.mac.bytes, digest, MAC_BYTES);
	return key;
}

static void put(uint8_t *at, uint64_t number, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
}

/* Fixed widths and the client's length go first, so that no two askings give the same bytes. */
static struct mac128 reading_mac(const struct seal *seal, uint32_t tenant, uint64_t person,
	struct str client, struct str text)
{
	uint8_t head[16], digest[DIGEST_BYTES];
	put(head, tenant, 4);
	put(head + 4, person, 8);
	put(head + 12, client.length, 4);
	SHA256_CTX inner = seal->reading.inner;
	SHA256_Update(&inner, head, sizeof(head));
	SHA256_Update(&inner, client.at, client.length);
	SHA256_Update(&inner, text.at, text.length);
	mac_end(&seal->reading, &inner, digest);
	struct mac128 mac;
	memcpy(mac.bytes, digest, sizeof(mac.bytes));
	return mac;
}

/* What readings can be looked for by: the identifier, the device. Empty for content alone. */
static struct str group_of(struct str text)
{
	if (text.length > 0 &&
		text.at[0] == 'B') /* beside another: its own key, the other's group */
		text = str_part(text, 1, text.length);
	if (text.length == 0 || (text.at[0] != 'I' && text.at[0] != 'D'))
		return STR("");
	size_t end = 0;
	for (unsigned parts = 0; end < text.length; end++)
		if (text.at[end] == '\x1f' && ++parts == 3)
			break;
	return str_part(text, 0, end);
}

struct mac128 seal_reading_key(const struct seal *seal, uint32_t tenant, uint64_t person,
	struct str client, struct str text)
{
	struct mac128 mac = reading_mac(seal, tenant, person, client, text);
	const struct str group = group_of(text);
	if (group.length > 0) {
		const struct mac128 of_group = reading_mac(seal, tenant, 0, STR(""), group);
		memcpy(mac.bytes, of_group.bytes, GROUP_BYTES);
	}
	return mac;
}

size_t seal_reading_key_hash(const struct mac128 *key)
{
	uint64_t halves[2];
	memcpy(halves, key->bytes, sizeof(halves));
	return (size_t)(halves[0] ^ halves[1]);
}

void seal_reading_group(const struct seal *seal, uint32_t tenant, struct str group,
	struct mac128 *low, struct mac128 *high)
{
	const struct mac128 of_group = reading_mac(seal, tenant, 0, STR(""), group);
	memset(low->bytes, 0, sizeof(low->bytes));
	memset(high->bytes, 0xff, sizeof(high->bytes));
	memcpy(low->bytes, of_group.bytes, GROUP_BYTES);
	memcpy(high->bytes, of_group.bytes, GROUP_BYTES);
}

struct str_key seal_table_key(const struct seal *seal)
{
	struct str_key key;
	memcpy(&key, seal->table_key, sizeof(key));
	return key;
}

struct mac128 seal_content(const struct seal *seal, struct str content)
{
	return mac128_of(&seal->content, content);
}

struct mac128 seal_context(const struct seal *seal, struct str body)
{
	return mac128_of(&seal->context, body);
}

struct mac128 seal_log(const struct seal *seal, struct str bytes)
{
	return mac128_of(&seal->log, bytes);
}

/*
 * base32hex without padding (RFC 4648 section 7), small letters: 26 of 5 bits, the last two
 * bits zero.
 */
static const char letters[] = "0123456789abcdefghijklmnopqrstuv";

static void block_write(const uint8_t block[BLOCK_BYTES], char out[ID_LETTERS + 1])
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t length = 0;
	for (size_t i = 0; i < BLOCK_BYTES; i++) {
		bits = (bits << 8 | block[i]) & 0xffff;
		held += 8;
		while (held >= 5) {
			held -= 5;
			out[length++] = letters[bits >> held & 31];
		}
	}
	out[length++] = letters[bits << (5 - held) & 31];
	out[length] = '\0';
}

static int letter_value(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	return letter >= 'a' && letter <= 'v' ? letter - 'a' + 10 : -1;
}

static bool block_read(struct str text, uint8_t block[BLOCK_BYTES])
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t length = 0;
	if (text.length != ID_LETTERS)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		const int value = letter_value(text.at[i]);
		if (value < 0)
			return false;
		bits = (bits << 5 | (uint32_t)value) & 0xffff;
		held += 5;
		if (held >= 8) {
			held -= 8;
			block[length++] = (uint8_t)(bits >> held);
		}
	}
	return (bits & ((1u << held) - 1)) == 0;
}

/*
 * The block as two big-endian halves: type 6, bucket 16, tenant 20, subject 40 (22 above, 18
 * below), id 46.
 */
void seal_resource_id(const struct seal *seal, const struct resource_key *key, char out[static 27])
{
	assert(key->tenant >> TENANT_BITS == 0 && key->subject >> SUBJECT_BITS == 0 &&
		key->id >> ID_BITS == 0);
	const uint64_t high = (uint64_t)key->type << 58 | (uint64_t)key->bucket << 42 |
			      (uint64_t)key->tenant << 22 | key->subject >> 18;
	const uint64_t low = key->subject << ID_BITS | key->id;
	uint8_t block[BLOCK_BYTES];
	put(block, high, 8);
	put(block + 8, low, 8);
	AES_encrypt(block, block, &seal->id_in);
	block_write(block, out);
}

static uint64_t get(const uint8_t *at)
{
	uint64_t number = 0;
	for (size_t i = 0; i < 8; i++)
		number = number << 8 | at[i];
	return number;
}

static bool block_open(const struct seal *seal, struct str text, uint8_t block[BLOCK_BYTES])
{
	if (!block_read(text, block))
		return false;
	AES_decrypt(block, block, &seal->id_out);
	return true;
}

bool seal_resource_open(
	const struct seal *seal, struct str text, enum resource_type type, struct resource_key *out)
{
	uint8_t block[BLOCK_BYTES];
	if (!block_open(seal, text, block))
		return false;
	const uint64_t high = get(block), low = get(block + 8);
	if (high >> 58 != (uint64_t)type)
		return false;
	*out = (struct resource_key){
		.type = type,
		.bucket = (uint16_t)(high >> 42),
		.tenant = (uint32_t)(high >> 22) & ((1u << TENANT_BITS) - 1),
		.subject = (high & ((1u << 22) - 1)) << 18 | low >> ID_BITS,
		.id = low & ((UINT64_C(1) << ID_BITS) - 1),
	};
	return true;
}

/* Type 6, bucket 16, two zero bits, MAC 104: the first three bytes are type and bucket. */
void seal_patient_id(const struct seal *seal, const struct person_key *person, char out[static 27])
{
	uint8_t block[BLOCK_BYTES];
	put(block, (uint64_t)TYPE_PATIENT << 18 | (uint64_t)person->bucket << 2, 3);
	memcpy(block + 3, person->mac.bytes, MAC_BYTES);
	AES_encrypt(block, block, &seal->id_in);
	block_write(block, out);
}

bool seal_patient_open(const struct seal *seal, struct str text, struct person_key *out)
{
	uint8_t block[BLOCK_BYTES];
	if (!block_open(seal, text, block))
		return false;
	const uint32_t head = (uint32_t)block[0] << 16 | (uint32_t)block[1] << 8 | block[2];
	if (head >> 18 != TYPE_PATIENT || (head & 3) != 0)
		return false;
	*out = (struct person_key){ .bucket = (uint16_t)(head >> 2) };
	memcpy(out->mac.bytes, block + 3, MAC_BYTES);
	return true;
}

/*
 * AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D 8.2.2: good for 2^32 messages a key):
 * nonce, ciphertext, tag.
 */
static struct str close_box(struct arena *arena, const struct seal *seal, const uint8_t *key,
	struct str plain, struct str bound)
{
	assert(plain.length <= INT32_MAX && bound.length <= INT32_MAX);
	uint8_t *at = arena_alloc(arena, NONCE_BYTES + plain.length + TAG_BYTES);
	uint8_t *body = at + NONCE_BYTES;
	int length;
	seal_random(at, NONCE_BYTES);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	const bool made = context != NULL &&
			  EVP_EncryptInit_ex2(context, seal->gcm, key, at, NULL) == 1 &&
			  EVP_EncryptUpdate(context, NULL, &length, (const uint8_t *)bound.at,
				  (int)bound.length) == 1 &&
			  EVP_EncryptUpdate(context, body, &length, (const uint8_t *)plain.at,
				  (int)plain.length) == 1 &&
			  EVP_EncryptFinal_ex(context, body + plain.length, &length) == 1 &&
			  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES,
				  body + plain.length) == 1;
	EVP_CIPHER_CTX_free(context);
	if (!made)
		abort(); /* only without memory; an unsealed answer must not leave */
	return (struct str){ (const char *)at, NONCE_BYTES + plain.length + TAG_BYTES };
}

static bool open_box(const struct seal *seal, const uint8_t *key, struct str sealed,
	struct str bound, uint8_t *plain)
{
	const uint8_t *at = (const uint8_t *)sealed.at;
	const size_t length = sealed.length - NONCE_BYTES - TAG_BYTES;
	uint8_t tag[TAG_BYTES];
	int written;
	memcpy(tag, at + NONCE_BYTES + length, sizeof(tag));
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	const bool opened =
		context != NULL && EVP_DecryptInit_ex2(context, seal->gcm, key, at, NULL) == 1 &&
		EVP_DecryptUpdate(context, NULL, &written, (const uint8_t *)bound.at,
			(int)bound.length) == 1 &&
		EVP_DecryptUpdate(context, plain, &written, at + NONCE_BYTES, (int)length) == 1 &&
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
		EVP_DecryptFinal_ex(context, plain + length, &written) == 1;
	EVP_CIPHER_CTX_free(context);
	if (!opened)
		ERR_clear_error(); /* or the TLS of this thread would take it for its own */
	return opened;
}

static bool box_plain(struct arena *arena, const struct seal *seal, const uint8_t *key,
	struct str sealed, struct str bound, struct str *plain)
{
	if (sealed.length < NONCE_BYTES + TAG_BYTES || sealed.length > INT32_MAX)
		return false;
	const size_t length = sealed.length - NONCE_BYTES - TAG_BYTES;
	uint8_t *at = arena_alloc(arena, length + 1);
	if (!open_box(seal, key, sealed, bound, at)) {
		OPENSSL_cleanse(at, length);
		return false;
	}
	*plain = (struct str){ (const char *)at, length };
	return true;
}

struct str seal_token(
	struct arena *arena, const struct seal *seal, struct str plain, struct str bound)
{
	return str_to_base64url(arena, close_box(arena, seal, seal->token_key, plain, bound));
}

bool seal_token_open(struct arena *arena, const struct seal *seal, struct str token,
	struct str bound, struct str *plain)
{
	struct str sealed;
	return str_from_base64url(arena, token, &sealed) &&
	       box_plain(arena, seal, seal->token_key, sealed, bound, plain);
}

struct str seal_encrypt(struct arena *arena, const struct seal *seal, struct str plain)
{
	return close_box(arena, seal, seal->storage_key, plain, (struct str){ "", 0 });
}

bool seal_decrypt(
	struct arena *arena, const struct seal *seal, struct str sealed, struct str *plain)
{
	return box_plain(arena, seal, seal->storage_key, sealed, (struct str){ "", 0 }, plain);
}

void seal_sha256(struct str bytes, uint8_t out[static 32])
{
	SHA256_CTX state;
	SHA256_Init(&state);
	SHA256_Update(&state, bytes.at, bytes.length);
	SHA256_Final(out, &state);
}

void seal_hmac(struct str key, struct str bytes, uint8_t out[static 32])
{
	struct mac_state state;
	mac_start(&state, key);
	mac_of(&state, bytes, out);
	OPENSSL_cleanse(&state, sizeof(state));
}

void seal_random(void *out, size_t length)
{
	if (length > INT32_MAX || RAND_bytes(out, (int)length) != 1)
		abort(); /* without chance there is no secret */
}

bool seal_equal(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}
