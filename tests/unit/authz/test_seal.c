/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The expected bytes were computed by another program (Python's hmac and cryptography) from the
 * rules in seal.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "authz/seal.h"
#include "fhir/base/arena.h"

#define PATIENT "17912099997" /* synthetic: month + 80 */

static struct arena *arena;
static struct seal *seal;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	seal = seal_new(STR("0123456789abcdef0123456789abcdef"));
	return seal == NULL;
}

static int end(void **state)
{
	(void)state;
	seal_free(&seal);
	assert_null(seal);
	seal_free(&seal);
	arena_free(&arena);
	return 0;
}

static void assert_hex(const void *bytes, size_t length, const char *hex)
{
	const struct str is = str_hex(arena, bytes, length);
	if (!str_is(is, hex))
		fail_msg("%.*s instead of %s", STR_ARG(is), hex);
}

static void assert_mac(struct mac128 mac, const char *hex)
{
	assert_hex(mac.bytes, sizeof(mac.bytes), hex);
}

static void needs_a_long_secret(void **state)
{
	(void)state;
	assert_null(seal_new(STR("")));
	assert_null(seal_new(STR("0123456789abcdef0123456789abcde")));
	struct seal *longer = seal_new(STR("0123456789abcdef0123456789abcdef0"));
	assert_non_null(longer);
	const struct person_key one = seal_person(seal, PATIENT);
	const struct person_key other = seal_person(longer, PATIENT);
	assert_memory_not_equal(one.mac.bytes, other.mac.bytes, sizeof(one.mac.bytes));
	/* Where a text stands in a table is of the secret too. */
	assert_true(str_hash(seal_table_key(seal), STR(PATIENT)) !=
		    str_hash(seal_table_key(longer), STR(PATIENT)));
	seal_free(&longer);
}

static void digests_are_those_of_the_standard(void **state)
{
	(void)state;
	uint8_t out[32];
	/* FIPS 180-4's "abc", and nothing at all. */
	seal_sha256(STR("abc"), out);
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	seal_sha256((struct str){ NULL, 0 }, out);
	assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	/* RFC 4231 cases 2 and 6 (a key longer than a block). */
	seal_hmac(STR("Jefe"), STR("what do ya want for nothing?"), out);
	assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	char key[131];
	memset(key, 0xaa, sizeof(key));
	seal_hmac((struct str){ key, sizeof(key) },
		STR("Test Using Larger Than Block-Size Key - Hash Key First"), out);
	assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void persons_and_readings_have_keys(void **state)
{
	(void)state;
	const struct person_key key = seal_person(seal, PATIENT);
	assert_int_equal(key.bucket, 61136);
	assert_mac(key.mac, "3e8b2bef01ea75c59743b4b8dd000000");
	assert_mac(seal_reading_key(
			   seal, 7, 123456789012, STR("client-1"), STR("urn:device:1|8867-4|2026")),
		"f295e91746c9a94d9e4224ff7d7e6a85");
	assert_mac(seal_content(seal, STR("70.5")), "6ae4341e05a6828bb488588eb8bc26eb");
	assert_mac(seal_context(seal, STR("70.5")), "7d0350d5bf75c9236187ba1b897bcc6a");
}

/*
 * No two askings share bytes: not by moving a letter between client and text, not by another
 * tenant or person.
 */
static void reading_keys_are_framed(void **state)
{
	(void)state;
	const struct mac128 keys[] = {
		seal_reading_key(seal, 1, 1, STR("ab"), STR("c")),
		seal_reading_key(seal, 1, 1, STR("a"), STR("bc")),
		seal_reading_key(seal, 1, 1, STR(""), STR("abc")),
		seal_reading_key(seal, 2, 1, STR("ab"), STR("c")),
		seal_reading_key(seal, 1, 2, STR("ab"), STR("c")),
	};
	for (size_t i = 0; i < 5; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(&keys[i], &keys[j], sizeof(keys[i]));
}

/* Between the ends lie the keys of this identifier or device, whoever was measured, and no others of that tenant. */
static bool is_between(uint32_t tenant, struct str group, struct mac128 key)
{
	struct mac128 low, high;
	seal_reading_group(seal, tenant, group, &low, &high);
	return memcmp(&low, &key, sizeof(key)) <= 0 && memcmp(&key, &high, sizeof(key)) <= 0;
}

static void readings_are_found_by_identifier_and_device(void **state)
{
	(void)state;
	const struct str none = STR(""),
			 one = STR("I\x1furn:a\x1f"
				   "1"),
			 device = STR("D\x1furn:a\x1f"
				      "1");
	const struct mac128 key = seal_reading_key(seal, 7, 1, none, one);
	const struct mac128 other = seal_reading_key(seal, 7, 2, none, one);
	assert_true(is_between(7, one, key));
	assert_true(is_between(7, one, seal_reading_key(seal, 7, 2, none, one)));
	assert_true(is_between(7, one,
		seal_reading_key(seal, 7, 2, none,
			STR("BI\x1furn:a\x1f"
			    "1\x1f"
			    "00ff"))));
	assert_false(is_between(8, one, key));
	assert_false(is_between(7, one, seal_reading_key(seal, 8, 1, none, one)));
	assert_false(is_between(7, device, key));
	assert_false(is_between(7, one,
		seal_reading_key(seal, 7, 1, none,
			STR("I\x1furn:a\x1f"
			    "12"))));
	assert_memory_not_equal(&key, &other, sizeof(key));
	const struct mac128 by_device = seal_reading_key(seal, 7, 1, none,
		STR("D\x1furn:a\x1f"
		    "1\x1f"
		    "8867-4\x1f"
		    "17\x1f"));
	assert_true(is_between(7, device, by_device));
	assert_true(is_between(7, device,
		seal_reading_key(seal, 7, 3, none,
			STR("BD\x1furn:a\x1f"
			    "1\x1f"
			    "8867-4\x1f"
			    "18\x1f\x1f"
			    "00ff"))));
	assert_false(is_between(7, one, by_device));
	/* Content alone is nobody's group. */
	assert_false(is_between(7, STR("C"), seal_reading_key(seal, 7, 1, none, STR("C"))));
}

/* In a table twice their number, the readings of one device take nearly as many places as random ones (here 6448 of 8192 on average), not one. */
static void keys_of_one_device_are_spread(void **state)
{
	(void)state;
	enum { READINGS = 8192, SLOTS = 16384 };
	static bool taken[SLOTS];
	char text[64];
	size_t places = 0;
	for (unsigned i = 0; i < READINGS; i++) {
		const int length = snprintf(text, sizeof(text),
			"D\x1furn:a\x1f"
			"1\x1f"
			"8867-4\x1f"
			"%u\x1f",
			i);
		const struct mac128 key =
			seal_reading_key(seal, 7, 1, STR(""), (struct str){ text, (size_t)length });
		bool *place = &taken[seal_reading_key_hash(&key) % SLOTS];
		places += !*place;
		*place = true;
	}
	assert_in_range(places, READINGS * 3 / 4, READINGS);
}

static const struct resource_key reading = {
	.type = TYPE_OBSERVATION,
	.bucket = 0xbeef,
	.tenant = 0xabcde,
	.subject = 0x123456789a,
	.id = 0x2aaabbbbcccc,
};

static void assert_round_trip(struct resource_key key)
{
	char id[27];
	struct resource_key back = { 0 };
	seal_resource_id(seal, &key, id);
	assert_int_equal(strlen(id), 26);
	assert_true(seal_resource_open(seal, str_of(id), key.type, &back));
	assert_int_equal(back.type, key.type);
	assert_int_equal(back.bucket, key.bucket);
	assert_int_equal(back.tenant, key.tenant);
	assert_int_equal(back.subject, key.subject);
	assert_int_equal(back.id, key.id);
	for (enum resource_type type = TYPE_NONE; type <= TYPE_LOCATOR; type++)
		assert_true(
			seal_resource_open(seal, str_of(id), type, &back) == (type == key.type));
}

static void resource_ids_open_again(void **state)
{
	(void)state;
	char id[27];
	seal_resource_id(seal, &reading, id);
	assert_string_equal(id, "2g2t0f72uvjgt2a1p7hij82ncg");
	assert_round_trip(reading);
	assert_round_trip((struct resource_key){ .type = TYPE_DEVICE });
	assert_round_trip((struct resource_key){ TYPE_LOCATOR, UINT16_MAX, (1u << 20) - 1,
		(UINT64_C(1) << 40) - 1, (UINT64_C(1) << 46) - 1 });
	/* One bit in each member comes back in that member. */
	for (unsigned bit = 0; bit < 46; bit++)
		assert_round_trip(
			(struct resource_key){ TYPE_OBSERVATION, (uint16_t)(1u << bit % 16),
				1u << bit % 20, UINT64_C(1) << bit % 40, UINT64_C(1) << bit });
}

static void other_texts_are_no_ids(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "2", "2g2t0f72uvjgt2a1p7hij82nc",
		"2g2t0f72uvjgt2a1p7hij82ncg0", "2G2T0F72UVJGT2A1P7HIJ82NCG",
		"2g2t0f72uvjgt2a1p7hij82nch" /* bits past the block */,
		"2g2t0f72uvjgt2a1p7hij82ncw",
		"2g2t0f72uvjgt2a1p7hij82nc=", "2g2t0f72-vjgt2a1p7hij82ncg",
		"2g2t0f72uvjgt2a1p7hij82nc " };
	struct resource_key key = reading;
	struct person_key person;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(seal_resource_open(seal, str_of(texts[i]), TYPE_OBSERVATION, &key));
		assert_false(seal_patient_open(seal, str_of(texts[i]), &person));
	}
	assert_memory_equal(&key, &reading, sizeof(key)); /* untouched */
	struct seal *other = seal_new(STR("another secret of more than 32 bytes"));
	const bool opens = seal_resource_open(
		other, STR("2g2t0f72uvjgt2a1p7hij82ncg"), TYPE_OBSERVATION, &key);
	assert_true(!opens || key.id != reading.id);
	seal_free(&other);
}

static void patient_ids_open_again(void **state)
{
	(void)state;
	char id[27];
	struct person_key back;
	struct resource_key key;
	const struct person_key person = seal_person(seal, PATIENT);
	seal_patient_id(seal, &person, id);
	assert_string_equal(id, "evniail9opq49b4su1i1gbc7vs");
	assert_true(seal_patient_open(seal, str_of(id), &back));
	assert_int_equal(back.bucket, person.bucket);
	assert_memory_equal(&back.mac, &person.mac, sizeof(back.mac));
	assert_false(seal_resource_open(seal, str_of(id), TYPE_OBSERVATION, &key));
	assert_false(seal_patient_open(seal, STR("2g2t0f72uvjgt2a1p7hij82ncg"), &back));
	/* The same with one of the two zero bits set. */
	assert_false(seal_patient_open(seal, STR("msab10rvflf0tan24jl7kb6ai4"), &back));
}

static void tokens_open_for_whom_they_are(void **state)
{
	(void)state;
	struct str plain = { 0 };
	const struct str token = seal_token(arena, seal, STR("page 2"), STR("client-1"));
	const struct str again = seal_token(arena, seal, STR("page 2"), STR("client-1"));
	assert_false(str_equal(token, again));
	assert_true(seal_token_open(arena, seal, token, STR("client-1"), &plain));
	assert_true(str_is(plain, "page 2"));
	assert_true(seal_token_open(arena, seal,
		STR("dHdlbHZlIGJ5dGVzpe7d0dsT4f0OFlIaup1HXhW2euFMig"), STR("client-1"), &plain));
	assert_true(str_is(plain, "page 2"));
	assert_false(seal_token_open(arena, seal, token, STR("client-2"), &plain));
	assert_false(seal_token_open(arena, seal, token, STR(""), &plain));
	const struct str empty = seal_token(arena, seal, STR(""), STR(""));
	assert_true(seal_token_open(arena, seal, empty, STR(""), &plain));
	assert_int_equal(plain.length, 0);
}

/* Any letter changed, any letter less: nothing opens. */
static void changed_tokens_do_not_open(void **state)
{
	(void)state;
	struct str plain;
	const struct str token = seal_token(arena, seal, STR("page 2"), STR("client-1"));
	for (size_t i = 0; i < token.length; i++) {
		char *copy = (char *)(uintptr_t)str_copy(arena, token).at;
		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		assert_false(seal_token_open(
			arena, seal, (struct str){ copy, token.length }, STR("client-1"), &plain));
		assert_false(seal_token_open(
			arena, seal, str_part(token, 0, i), STR("client-1"), &plain));
	}
	assert_false(seal_token_open(arena, seal, STR("!"), STR("client-1"), &plain));
}

static void national_ids_are_stored_encrypted(void **state)
{
	(void)state;
	struct str plain;
	const struct str sealed = seal_encrypt(arena, seal, STR(PATIENT));
	assert_int_equal(sealed.length, 12 + 11 + 16);
	assert_true(seal_decrypt(arena, seal, sealed, &plain));
	assert_true(str_is(plain, PATIENT));
	static const uint8_t stored[] = { 0x74, 0x77, 0x65, 0x6c, 0x76, 0x65, 0x20, 0x62, 0x79,
		0x74, 0x65, 0x73, 0xaa, 0xec, 0x38, 0xb0, 0xe1, 0xe7, 0x82, 0xa4, 0x64, 0x28, 0x56,
		0x59, 0xcb, 0x46, 0xf3, 0xd6, 0xa2, 0x20, 0x8b, 0x08, 0xe0, 0x93, 0xda, 0xcc, 0xfb,
		0x80, 0x4a };
	const struct str known = { (const char *)stored, sizeof(stored) };
	assert_true(seal_decrypt(arena, seal, known, &plain));
	assert_true(str_is(plain, PATIENT));
	for (size_t i = 0; i < sizeof(stored); i++)
		assert_false(seal_decrypt(arena, seal, str_part(known, 0, i), &plain));
	/* A page token is not a stored number: the keys differ. */
	struct str raw;
	const struct str token = seal_token(arena, seal, STR(PATIENT), STR(""));
	assert_true(str_from_base64url(arena, token, &raw));
	assert_false(seal_decrypt(arena, seal, raw, &plain));
}

static void comparing_and_chance(void **state)
{
	(void)state;
	uint8_t a[32] = { 0 }, b[32] = { 0 };
	assert_true(seal_equal(a, b, sizeof(a)));
	b[31] = 1;
	assert_false(seal_equal(a, b, sizeof(a)));
	assert_true(seal_equal(a, b, 31));
	seal_random(a, sizeof(a));
	seal_random(b, sizeof(b));
	assert_false(seal_equal(a, b, sizeof(a)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(needs_a_long_secret, begin, end),
		cmocka_unit_test_setup_teardown(digests_are_those_of_the_standard, begin, end),
		cmocka_unit_test_setup_teardown(persons_and_readings_have_keys, begin, end),
		cmocka_unit_test_setup_teardown(
			readings_are_found_by_identifier_and_device, begin, end),
		cmocka_unit_test_setup_teardown(keys_of_one_device_are_spread, begin, end),
		cmocka_unit_test_setup_teardown(reading_keys_are_framed, begin, end),
		cmocka_unit_test_setup_teardown(resource_ids_open_again, begin, end),
		cmocka_unit_test_setup_teardown(other_texts_are_no_ids, begin, end),
		cmocka_unit_test_setup_teardown(patient_ids_open_again, begin, end),
		cmocka_unit_test_setup_teardown(tokens_open_for_whom_they_are, begin, end),
		cmocka_unit_test_setup_teardown(changed_tokens_do_not_open, begin, end),
		cmocka_unit_test_setup_teardown(national_ids_are_stored_encrypted, begin, end),
		cmocka_unit_test_setup_teardown(comparing_and_chance, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
