/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "authz/seal.h"
#include "storage/pack.h"

#pragma GCC diagnostic ignored "-Woverlength-strings"
static const char dictionary_1[] =
#include "storage/pack_1.inc"
	;
static const char dictionary_2[] =
#include "storage/pack_2.inc"
	;
static const char dictionary_3[] =
#include "storage/pack_3.inc"
	;
static const char dictionary_4[] =
#include "storage/pack_4.inc"
	;

/* As the FHIR door stores it, and as the PCD-01 door does. */
static const char fhir_body[] =
	"{\"resourceType\":\"Observation\",\"meta\":{},\"identifier\":[{\"system\":\"urn:ietf:rfc:"
	"3986\",\"value\":\"urn:uuid:0b4b1f1e-7d0c-4b6e-9d0a-3f5d8d3f6a11\"}],\"status\":\"final\","
	"\"category\":[{\"coding\":["
	"{\"system\":\"http://terminology.hl7.org/CodeSystem/"
	"observation-category\",\"code\":\"vital-signs\",\"display\":\"Vital "
	"Signs\"}]}],\"code\":{\"coding\":[{\"system\":\"http://"
	"loinc.org\",\"code\":\"8867-4\",\"display\":\"Heart rate\"},"
	"{\"system\":\"http://snomed.info/sct\",\"code\":\"364075005\",\"display\":\"Heart "
	"rate\"}]},\"subject\":{\"type\":\"Patient\",\"identifier\":{\"system\":\"urn:oid:2.16.578."
	"1.12.4.1.4.1\",\"value\":\"12834710097\"}},"
	"\"effectiveDateTime\":\"2026-11-20T08:00:12+01:00\",\"performer\":[{\"type\":"
	"\"Organization\",\"identifier\":{\"system\":\"urn:oid:2.16.578.1.12.4.1.4.101\",\"value\":"
	"\"983658776\"}}],"
	"\"valueQuantity\":{\"value\":72,\"unit\":\"/min\",\"system\":\"http://"
	"unitsofmeasure.org\",\"code\":\"/min\"},\"device\":{\"identifier\":{\"system\":\"http://"
	"komlink.nhn.no/devices/serial\",\"value\":\"SN-48213\"}}}";
static const char pcd01_body[] =
	"{\"resourceType\":\"Observation\",\"meta\":{},\"extension\":[{\"url\":\"http://hl7.org/"
	"fhir/StructureDefinition/"
	"observation-gatewayDevice\",\"valueReference\":{\"identifier\":{\"system\":\"urn:oid:1.2."
	"840.10004.1.1.1.0.0.1.0.0.1.2680\","
	"\"value\":\"AC-1D-2E-3F-40-51-62-73\"}}}],\"status\":\"final\",\"category\":[{\"coding\":["
	"{\"system\":\"http://terminology.hl7.org/CodeSystem/"
	"observation-category\",\"code\":\"vital-signs\"}]},{\"coding\":[{\"system\":"
	"\"http://hl7.org/fhir/uv/phd/CodeSystem/"
	"PhdObservationCategories\",\"code\":\"phd\"}]}],\"code\":{\"coding\":[{\"system\":\"http:/"
	"/loinc.org\",\"code\":\"29463-7\"},{\"system\":\"urn:iso:std:iso:11073:10101\",\"code\":"
	"\"188736\","
	"\"display\":\"MDC_MASS_BODY_ACTUAL\"}]},\"subject\":{\"type\":\"Patient\",\"identifier\":{"
	"\"system\":\"urn:oid:2.16.578.1.12.4.1.4.1\",\"value\":\"12834710097\"}},"
	"\"effectiveDateTime\":\"2026-11-20T08:00:12+01:00\","
	"\"valueQuantity\":{\"value\":81.2,\"unit\":\"kg\",\"system\":\"http://"
	"unitsofmeasure.org\",\"code\":\"kg\"},\"device\":{\"identifier\":{\"system\":\"urn:oid:1."
	"2.840.10004.1.1.1.0.0.1.0.0.1.2680\",\"value\":\"11-22-33-44-55-66-77-88\"}}}";

#define BODY(array) ((struct str){ array, sizeof(array) - 1 })

static struct arena *arena;

/* Stored bodies point into the dictionary: a single byte changed would lose them. A new one gets a new number. */
static void test_immutable(void **state)
{
	(void)state;
	uint8_t digest[32];
	seal_sha256((struct str){ dictionary_1, sizeof(dictionary_1) - 1 }, digest);
	assert_true(str_is(str_hex(arena, digest, sizeof(digest)),
		"39602fde60e5ff86f07b574baace9ade18d0f187ec709af3d872d3f5685c5fbd"));
	seal_sha256((struct str){ dictionary_2, sizeof(dictionary_2) - 1 }, digest);
	assert_true(str_is(str_hex(arena, digest, sizeof(digest)),
		"a82548393f543b8c2c04275ac26ee5b3535ef24ea15f5c2d61b82d07b47cba60"));
	seal_sha256((struct str){ dictionary_3, sizeof(dictionary_3) - 1 }, digest);
	assert_true(str_is(str_hex(arena, digest, sizeof(digest)),
		"7857424010da5d399f6c1cd18b403be452e9cb06505818933ea79551a6d4e31f"));
	seal_sha256((struct str){ dictionary_4, sizeof(dictionary_4) - 1 }, digest);
	assert_true(str_is(str_hex(arena, digest, sizeof(digest)),
		"dbd652cf952334b046060b63852bffa3b13c1eed5e40efb6d84d10b40ad681b2"));
}

/* As a hub with dictionary 3 stored it. */
static void test_older(void **state)
{
	(void)state;
	static const char hex[] =
		"9f070fe706130fa4062dff1530623462316631652d376430632d346236652d396430612d33663564"
		"3864336636613131c806c90f9103b8bf31323833343731303039379c030faf305430383a30303a31"
		"329c035c8f3833363538373736a403a1c0534e2d3438323133227d7d7d";
	char packed[sizeof(hex) / 2];
	for (size_t i = 0; i < sizeof(packed); i++) {
		const char byte[3] = { hex[2 * i], hex[2 * i + 1] };
		packed[i] = (char)strtol(byte, NULL, 16);
	}
	struct str out;
	assert_true(pack_open(arena, 3, (struct str){ packed, sizeof(packed) }, &out));
	assert_true(str_equal(out, BODY(fhir_body)));
}

static size_t packed_length(struct str body)
{
	struct str packed, back;
	const int number = pack_bytes(arena, body, &packed);
	assert_true(pack_open(arena, number, packed, &back));
	assert_true(str_equal(back, body));
	return packed.length;
}

static void test_bodies(void **state)
{
	(void)state;
	const size_t fhir = packed_length(BODY(fhir_body)), pcd01 = packed_length(BODY(pcd01_body));
	print_message("a body of %zu bytes packs to %zu, one of %zu to %zu\n",
		sizeof(fhir_body) - 1, fhir, sizeof(pcd01_body) - 1, pcd01);
	assert_true(fhir < 150);
	assert_true(pcd01 < 150);
}

static void test_others(void **state)
{
	(void)state;
	assert_int_equal(packed_length(STR("")), 0);
	assert_int_equal(packed_length(STR("short")), 5);
	char noise[4096];
	seal_random(noise, sizeof(noise));
	struct str packed;
	assert_int_equal(pack_bytes(arena, (struct str){ noise, sizeof(noise) }, &packed), 0);
	assert_int_equal(packed.length, sizeof(noise));
	const size_t size = 1 << 20;
	char *large = arena_alloc(arena, size);
	for (size_t i = 0; i < size; i++)
		large[i] = noise[i % 97];
	assert_true(packed_length((struct str){ large, size }) < size / 50);
}

/* Damaged bytes never give a body, and never touch what is not theirs (the sanitizers watch). */
static void test_damaged(void **state)
{
	(void)state;
	struct str packed, out;
	const int number = pack_bytes(arena, BODY(fhir_body), &packed);
	assert_int_equal(number, 4);
	assert_false(pack_open(arena, 2, packed, &out));
	assert_false(pack_open(arena, -1, packed, &out));
	assert_false(pack_open(arena, number, STR(""), &out));
	assert_false(pack_open(arena, number, STR("\xff\xff\xff\xff\xff\xff"), &out));
	for (size_t length = 0; length < packed.length; length++)
		assert_false(pack_open(arena, number, str_part(packed, 0, length), &out));
	for (size_t i = 0; i < packed.length; i++) {
		struct str copy = str_copy(arena, packed);
		((char *)(uintptr_t)copy.at)[i] ^= 0x41;
		if (pack_open(arena, number, copy, &out))
			assert_true(out.length > 0);
	}
}

int main(void)
{
	arena = arena_new((size_t)1 << 26);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_immutable),
		cmocka_unit_test(test_older),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_damaged),
	};
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
