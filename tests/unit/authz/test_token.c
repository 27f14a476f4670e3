/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A good token, and some two hundred that are one step from it: each must be refused for what
 * was changed.
 * test_attest.c does the same with the attest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/token.h"
#include "fhir/base/arena.h"
#include "tests/unit/authz/forge.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          ((instant)FORGE_NOW * INSTANT_SECOND)

#define PID       "helseid://claims/identity/pid"
#define LEVEL     "helseid://claims/identity/security_level"
#define ASSURANCE "helseid://claims/identity/assurance_level"
#define HPR       "helseid://claims/hpr/hpr_number"
#define PARENT    "helseid://claims/client/claims/orgnr_parent"
#define CHILD     "helseid://claims/client/claims/orgnr_child"
#define SUPPLIER  "helseid://claims/client/claims/orgnr_supplier"
#define CLIENT    "helseid://claims/client/client_name"

static struct arena *arena;
static struct outcome outcome;
static struct jose_key *curve, *stranger, *rsa;
static struct keyset *keyset;
static struct issuer_policy policy;
static unsigned refusals;

/* key-1: ES256; key-2: RS256 bound; key-3: RSA of no algorithm; key-4: P-256 of no algorithm. */
static int group_begin(void **state)
{
	(void)state;
	struct arena *scratch = arena_new(1 << 20);
	struct outcome faults = { .arena = scratch };
	curve = jose_key_generate(JOSE_ES256);
	stranger = jose_key_generate(JOSE_ES256);
	rsa = jose_key_generate(JOSE_RS256);
	struct str ec = jose_key_to_jwk(scratch, curve), n = jose_key_to_jwk(scratch, rsa);
	ec.length--; /* without the last brace */
	n.length--;
	keyset = keyset_parse(
		str_format(scratch,
			"{\"keys\":[%.*s,\"kid\":\"key-1\",\"alg\":\"ES256\"},"
			"%.*s,\"kid\":\"key-2\",\"alg\":\"RS256\"},%.*s,\"kid\":\"key-3\"},"
			"%.*s,\"kid\":\"key-4\"}]}",
			STR_ARG(ec), STR_ARG(n), STR_ARG(n), STR_ARG(ec)),
		&faults);
	arena_free(&scratch);
	return keyset == NULL;
}

static int group_end(void **state)
{
	(void)state;
	keyset_drop(&keyset);
	jose_key_free(&curve);
	jose_key_free(&stranger);
	jose_key_free(&rsa);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	arena = arena_new(64 << 20);
	outcome = (struct outcome){ .arena = arena };
	policy = (struct issuer_policy){
		.issuer = STR(FORGE_ISSUER),
		.kind = ISSUER_STAFF,
		.keys = keyset,
		.audience = STR(FORGE_AUDIENCE),
		.scope_names = { STR("nhn:pmd/observation.read"), STR("nhn:pmd/observation.write"),
			STR("nhn:pmd/pil.read"), STR("nhn:pmd/accesslog.read") },
		.leeway = 5 * INSTANT_SECOND,
		.attest_age_max = 3600 * INSTANT_SECOND,
		.national = NATIONAL_SYNTHETIC,
	};
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void good(struct str token, struct principal *out)
{
	if (!token_read(arena, token, &policy, NOW, out, &outcome))
		fail_msg("refused: %.*s", STR_ARG(outcome.last->text));
}

static void good_forge(const struct forge *forge, struct principal *out)
{
	good(forge_sign(arena, forge, JOSE_ES256, curve), out);
}

/*
 * Refused with one issue of that kind, whose text quotes nothing of the token, and *out
 * untouched.
 */
static void refused(struct str token, enum outcome_kind kind, const char *what)
{
	struct principal principal = { .orgnr = 7 };
	const unsigned before = outcome.errors;
	if (token_read(arena, token, &policy, NOW, &principal, &outcome))
		fail_msg("believed: %s", what);
	if (outcome.errors != before + 1)
		fail_msg("%u issues: %s", outcome.errors - before, what);
	if (outcome.last->kind != kind)
		fail_msg("another kind (%.*s): %s", STR_ARG(outcome.last->text), what);
	if (memmem(outcome.last->text.at, outcome.last->text.length, FORGE_DOCTOR, 11) != NULL)
		fail_msg("names a person: %s", what);
	assert_int_equal(principal.orgnr, 7);
	refusals++;
	if (outcome.errors % 50 == 0) /* only so many are kept */
		outcome = (struct outcome){ .arena = arena };
}

static void refused_forge(const struct forge *forge, enum outcome_kind kind, const char *what)
{
	refused(forge_sign(arena, forge, JOSE_ES256, curve), kind, what);
}

static void refused_member(enum forge_part part, const char *name, const char *value)
{
	struct forge forge = forge_access_token();
	forge_set(&forge, part, name, value);
	refused_forge(&forge, OUTCOME_UNAUTHENTICATED,
		str_format(arena, "%s = %s", name, value == NULL ? "absent" : value).at);
}

static void a_doctors_token_is_read(void **state)
{
	(void)state;
	struct principal doctor;
	const struct forge forge = forge_access_token();
	good_forge(&forge, &doctor);
	assert_int_equal(doctor.kind, PRINCIPAL_PRACTITIONER);
	assert_int_equal(doctor.scopes, SCOPE_OBSERVATION_READ | SCOPE_LOCATOR_READ);
	assert_true(str_is(doctor.client_id, "client-1"));
	assert_true(str_is(doctor.client_name, "EPJ"));
	assert_true(str_is(doctor.jti, "token-1"));
	assert_true(str_is(doctor.issuer, FORGE_ISSUER));
	assert_int_equal(doctor.orgnr, 993467049);
	assert_true(str_is(doctor.orgnr_child, FORGE_CHILD));
	assert_true(str_is(doctor.orgnr_supplier, "994598759"));
	assert_true(str_is(doctor.pid, FORGE_DOCTOR));
	assert_true(str_is(doctor.hpr, "181000001"));
	assert_true(str_is(doctor.name, "Line Danser"));
	assert_true(str_is(doctor.security_level, "4"));
	assert_true(str_is(doctor.jkt, FORGE_JKT));
	assert_true(doctor.attest.present);
	assert_int_equal(doctor.expires, NOW + 300 * INSTANT_SECOND);
	assert_int_equal(outcome.errors, 0);
}

/* Every spelling that issuers use. */
static void good_spellings(void **state)
{
	(void)state;
	static const struct {
		enum forge_part part;
		const char *name, *value;
	} rows[] = {
		{ FORGE_HEADER, "typ", "\"JWT\"" },
		{ FORGE_HEADER, "kid", "\"key-4\"" },
		{ FORGE_HEADER, "x5t", "\"unknown members do no harm\"" },
		{ FORGE_PAYLOAD, "aud", "[\"nhn:pmd\"]" },
		{ FORGE_PAYLOAD, "scope", "\"nhn:pmd/pil.read nhn:pmd/observation.read\"" },
		{ FORGE_PAYLOAD, "scope",
			"\" nhn:pmd/pil.read  openid nhn:pmd/observation.read \"" },
		{ FORGE_PAYLOAD, "scope",
			"[\"openid\",\"nhn:pmd/pil.read\",\"\",\"nhn:pmd/observation.read\"]" },
		{ FORGE_PAYLOAD, "nbf", NULL },
		{ FORGE_PAYLOAD, "iat", NULL },
		{ FORGE_PAYLOAD, "nbf", "1763650005" },
		{ FORGE_PAYLOAD, "exp", "1763649996" },
		{ FORGE_PAYLOAD, ASSURANCE, NULL },
		{ FORGE_PAYLOAD, LEVEL, NULL },
		{ FORGE_PAYLOAD, ASSURANCE, "\"substantial\"" },
		{ FORGE_PAYLOAD, HPR, NULL },
		{ FORGE_PAYLOAD, "name", "\"Gro \\u00d8stby\"" },
		{ FORGE_PAYLOAD, CHILD, NULL },
		{ FORGE_PAYLOAD, SUPPLIER, NULL },
		{ FORGE_PAYLOAD, CLIENT, NULL },
		{ FORGE_PAYLOAD, "helseid://claims/client/client_tenancy", "\"multi-tenant\"" },
		{ FORGE_PAYLOAD, "helseid://claims/client/claims/client_tenancy", "7" },
		{ FORGE_PAYLOAD, "sub", "{\"unknown\":[]}" },
		{ FORGE_PAYLOAD, FORGE_ATTEST, NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct forge forge = forge_access_token();
		struct principal principal;
		forge_set(&forge, rows[i].part, rows[i].name, rows[i].value);
		good_forge(&forge, &principal);
		assert_int_equal(principal.kind, PRINCIPAL_PRACTITIONER);
		assert_int_equal(principal.scopes, SCOPE_OBSERVATION_READ | SCOPE_LOCATOR_READ);
	}
}

static void all_families_of_signatures_are_taken(void **state)
{
	(void)state;
	static const struct {
		enum jose_alg alg;
		const char *kid;
	} rows[] = { { JOSE_RS256, "\"key-2\"" }, { JOSE_RS256, "\"key-3\"" },
		{ JOSE_RS512, "\"key-3\"" }, { JOSE_PS256, "\"key-3\"" },
		{ JOSE_PS384, "\"key-3\"" } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct forge forge = forge_access_token();
		struct principal principal;
		forge_set(&forge, FORGE_HEADER, "alg",
			str_format(arena, "\"%s\"", jose_alg_name(rows[i].alg)).at);
		forge_set(&forge, FORGE_HEADER, "kid", rows[i].kid);
		good(forge_sign(arena, &forge, rows[i].alg, rsa), &principal);
		/* The same key is bound to RS256 under key-2. */
		forge_set(&forge, FORGE_HEADER, "kid", "\"key-2\"");
		if (rows[i].alg != JOSE_RS256)
			refused(forge_sign(arena, &forge, rows[i].alg, rsa),
				OUTCOME_UNAUTHENTICATED, "another algorithm than the key's");
	}
}

static void a_systems_token_is_read(void **state)
{
	(void)state;
	struct forge forge = forge_access_token();
	struct principal system;
	forge_set(&forge, FORGE_PAYLOAD, PID, NULL);
	forge_set(&forge, FORGE_PAYLOAD, LEVEL, NULL);
	forge_set(&forge, FORGE_PAYLOAD, ASSURANCE, NULL);
	forge_set(&forge, FORGE_PAYLOAD, HPR, NULL);
	forge_set(&forge, FORGE_PAYLOAD, "name", NULL);
	forge_set(&forge, FORGE_PAYLOAD, FORGE_ATTEST, NULL);
	forge_set(&forge, FORGE_PAYLOAD, "scope", "[\"nhn:pmd/observation.write\"]");
	good_forge(&forge, &system);
	assert_int_equal(system.kind, PRINCIPAL_SYSTEM);
	assert_int_equal(system.scopes, SCOPE_OBSERVATION_WRITE);
	assert_int_equal(system.orgnr, 993467049);
	assert_int_equal(system.pid.length, 0);
	assert_false(system.attest.present);
	/* No scope at all is no right, and no error. */
	forge_set(&forge, FORGE_PAYLOAD, "scope", NULL);
	good_forge(&forge, &system);
	assert_int_equal(system.scopes, 0);
	/* The attest names a practitioner; this token has none. */
	forge_set(&forge, FORGE_PAYLOAD, FORGE_ATTEST, forge_attest);
	refused_forge(&forge, OUTCOME_SUPPRESSED, "an attest in a machine's token");
}

static struct forge citizen_token(void)
{
	struct forge forge = forge_access_token();
	forge_set(&forge, FORGE_PAYLOAD, PARENT, NULL);
	forge_set(&forge, FORGE_PAYLOAD, CHILD, NULL);
	forge_set(&forge, FORGE_PAYLOAD, SUPPLIER, NULL);
	forge_set(&forge, FORGE_PAYLOAD, FORGE_ATTEST, NULL);
	forge_set(&forge, FORGE_PAYLOAD, PID, "\"" FORGE_PATIENT "\"");
	forge_set(&forge, FORGE_PAYLOAD, "scope", "\"nhn:pmd/accesslog.read\"");
	return forge;
}

static void a_citizens_token_is_read(void **state)
{
	(void)state;
	static const char *const levels[] = { "\"3\"", "\"4\"" };
	static const char *const others[] = { NULL, "\"\"", "\"2\"", "\"5\"", "3", "\"high\"" };
	struct principal citizen;
	struct forge forge = citizen_token();
	policy.kind = ISSUER_CITIZEN;
	for (size_t i = 0; i < COUNT(levels); i++) {
		forge_set(&forge, FORGE_PAYLOAD, LEVEL, levels[i]);
		good_forge(&forge, &citizen);
		assert_int_equal(citizen.kind, PRINCIPAL_CITIZEN);
		assert_int_equal(citizen.orgnr, 0);
		assert_true(str_is(citizen.pid, FORGE_PATIENT));
		assert_int_equal(citizen.scopes, SCOPE_LOG_READ);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		forge_set(&forge, FORGE_PAYLOAD, LEVEL, others[i]);
		refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "a citizen's level");
	}
	forge = citizen_token();
	forge_set(&forge, FORGE_PAYLOAD, PID, NULL);
	refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "a citizen without pid");
	forge = citizen_token();
	forge_set(&forge, FORGE_PAYLOAD, FORGE_ATTEST, forge_attest);
	refused_forge(&forge, OUTCOME_SUPPRESSED, "a citizen with an attest");
	/* An organisation in a citizen's token gives no organisation. */
	forge = citizen_token();
	forge_set(&forge, FORGE_PAYLOAD, PARENT, "\"" FORGE_PARENT "\"");
	good_forge(&forge, &citizen);
	assert_int_equal(citizen.orgnr, 0);
	/* The issuer's kind decides, not what the token looks like. */
	policy.kind = ISSUER_STAFF;
	forge = citizen_token();
	refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "a citizen's token of a staff issuer");
	policy.kind = (enum issuer_kind)7;
	refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "an issuer of no kind");
}

static void bad_headers_are_refused(void **state)
{
	(void)state;
	static const char *const algs[] = { NULL, "null", "1", "[]", "{}", "\"\"", "\"none\"",
		"\"None\"", "\"NONE\"", "\"nOnE\"", "\"HS256\"", "\"HS384\"", "\"HS512\"",
		"\"RS256\"", "\"RS384\"", "\"RS512\"", "\"PS256\"", "\"PS384\"", "\"PS512\"",
		"\"ES384\"", "\"ES512\"", "\"ES256K\"", "\"EdDSA\"", "\"es256\"", "\"ES256 \"",
		"\"A256KW\"", "\"RSA-OAEP\"", "[\"ES256\"]" };
	static const char *const types[] = { NULL, "null", "1", "\"\"", "\"at+JWT\"", "\"jwt\"",
		"\"dpop+jwt\"", "\"JOSE\"", "\"id_token\"", "\"application/at+jwt\"", "\"JWT \"",
		"\"client-authentication+jwt\"", "\"secevent+jwt\"", "[\"JWT\"]" };
	static const char *const kids[] = { NULL, "null", "1", "\"\"", "\"key-2\"", "\"key-3\"",
		"\"key-5\"", "\"KEY-1\"", "\"key-1 \"", "\"key-1\\n\"", "\"../key-1\"",
		"\"key-1' or '1'='1\"", "\"http://evil.example/jwks\"", "[\"key-1\"]" };
	static const char *const others[] = { "crit", "b64", "zip" };
	for (size_t i = 0; i < COUNT(algs); i++)
		refused_member(FORGE_HEADER, "alg", algs[i]);
	for (size_t i = 0; i < COUNT(types); i++)
		refused_member(FORGE_HEADER, "typ", types[i]);
	for (size_t i = 0; i < COUNT(kids); i++)
		refused_member(FORGE_HEADER, "kid", kids[i]);
	for (size_t i = 0; i < COUNT(others); i++) {
		refused_member(FORGE_HEADER, others[i], "null");
		refused_member(FORGE_HEADER, others[i], "[\"exp\"]");
	}
	refused_member(FORGE_HEADER, "b64", "false");
	refused_member(FORGE_HEADER, "b64", "true");
	refused_member(FORGE_HEADER, "zip", "\"DEF\"");
	/* A key that the token brings itself is not looked at. */
	struct forge forge = forge_access_token();
	const struct str jwk = jose_key_to_jwk(arena, stranger);
	forge_set(&forge, FORGE_HEADER, "jwk", str_copy(arena, jwk).at);
	forge_set(&forge, FORGE_HEADER, "jku", "\"https://evil.example/jwks\"");
	refused(forge_sign(arena, &forge, JOSE_ES256, stranger), OUTCOME_UNAUTHENTICATED,
		"a key of its own");
}

static void bad_claims_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *values[24];
	} rows[] = {
		{ "iss", { NULL, "null", "\"\"", "1", "[\"" FORGE_ISSUER "\"]",
				 "\"" FORGE_ISSUER "/\"", "\"https://helseid-sts.nhn.no\"",
				 "\"http://helseid-sts.test.nhn.no\"",
				 "\"HTTPS://helseid-sts.test.nhn.no\"", "\" " FORGE_ISSUER "\"",
				 "\"" FORGE_ISSUER ".evil.example\"", "\"end\"" } },
		{ "aud",
			{ NULL, "null", "1", "\"\"", "[]", "{}", "\"nhn:pps\"", "\"nhn:pmd \"",
				"\"NHN:PMD\"", "\"nhn:pmd/observation.read\"", "\"nhn\"",
				"\"nhn:pmd nhn:pps\"", "[\"nhn:pps\"]", "[\"nhn:pmd\",\"nhn:pps\"]",
				"[\"nhn:pps\",\"nhn:pmd\"]", "[\"nhn:pmd\",\"nhn:pmd\"]",
				"[[\"nhn:pmd\"]]", "{\"a\":\"nhn:pmd\"}", "[1]", "\"end\"" } },
		{ "exp", { NULL, "null", "\"1763650300\"", "1763649995", "1763649994", "0", "-1",
				 "1763649995.0", "1e12", "253402300800", "99999999999999999999999",
				 "9223372036854775807", "18446744073709551615", "true",
				 "[1763650300]", "\"end\"" } },
		{ "nbf", { "null", "\"1763649990\"", "1763650006", "1763653600", "-1",
				 "1763650005.5", "253402300800", "99999999999999999999", "[]",
				 "\"end\"" } },
		{ "iat", { "null", "\"1763649990\"", "1763650006", "-1", "17636e5",
				 "99999999999999999999", "\"end\"" } },
		{ "jti", { NULL, "null", "1", "\"\"", "[]", "\"a\\u0007\"", "\"end\"" } },
		{ "client_id", { NULL, "null", "1", "\"\"", "[\"client-1\"]", "\"a\\nb\"",
				       "\"a\\u0085\"", "\"end\"" } },
		{ "scope", { "null", "1", "true", "{}", "[1]", "[[\"x\"]]", "[null]", "\"end\"" } },
		{ "cnf", { NULL, "null", "\"x\"", "[]", "{}", "{\"jkt\":1}", "{\"jkt\":\"\"}",
				 "{\"jkt\":\"short\"}", "{\"x5t#S256\":\"" FORGE_JKT "\"}",
				 "{\"jkt\":\"" FORGE_JKT "\",\"x5t#S256\":\"" FORGE_JKT "\"}",
				 "{\"jkt\":\"" FORGE_JKT "A\"}",
				 "{\"jkt\":\"G1CXxoRSFeAjOsbRwHLQacnqbhHhy1qdqvYdVvjRYF=\"}",
				 "{\"jkt\":\"G1CXxoRSFeAjOsbRwHLQacnqbhHhy1qdqvYdVvjRYF5\"}",
				 "{\"jkt\":\"G1CXxoRSFeAjOsbRwHLQacnqbhHhy1qdqvYdVvjRYF+\"}",
				 "\"end\"" } },
		{ PID, { "null", "\"\"", "57912075186", "\"57912075187\"", "\"5791207518\"",
			       "\"579120751866\"", "\" 57912075186\"", "[\"57912075186\"]",
			       "\"80000000179\"" /* a help number */, "\"end\"" } },
		{ "name", { "null", "1", "[]", "\"a\\u0000b\"", "\"a\\u202eb\"", "\"end\"" } },
		{ HPR, { "null", "181000001", "\"18100000a\"", "\"1810000011111\"", "\"-1\"",
			       "\"end\"" } },
		{ CLIENT, { "null", "1", "\"\\u001b[2J\"", "\"end\"" } },
		{ PARENT, { NULL, "null", "\"\"", "993467049", "\"99346704\"", "\"9934670499\"",
				  "\"99346704x\"", "\"000000000\"", "\"NO:ORGNR:993467049:\"",
				  "[\"993467049\"]", "\"end\"" } },
		{ CHILD, { "null", "874716782", "\"87471678\"", "\"x\"", "[]", "\"end\"" } },
		{ SUPPLIER, { "null", "994598759", "\"99459875\"", "\"x\"", "\"end\"" } },
		{ LEVEL, { "null", "4", "[\"4\"]", "\"\\u0001\"", "\"end\"" } },
		{ ASSURANCE, { "null", "1", "[]", "\"end\"" } },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t j = 0;
			rows[i].values[j] == NULL || strcmp(rows[i].values[j], "\"end\"") != 0; j++)
			refused_member(FORGE_PAYLOAD, rows[i].name, rows[i].values[j]);
}

static void staff_log_in_at_the_highest_level(void **state)
{
	(void)state;
	static const struct {
		const char *level, *assurance;
	} rows[] = { { NULL, NULL }, { "\"3\"", NULL }, { NULL, "\"substantial\"" },
		{ "\"3\"", "\"substantial\"" }, { "\"\"", "\"\"" }, { "\"2\"", "\"low\"" },
		{ "\"44\"", "\"HIGH\"" }, { "\" 4\"", "\"high \"" } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct forge forge = forge_access_token();
		forge_set(&forge, FORGE_PAYLOAD, LEVEL, rows[i].level);
		forge_set(&forge, FORGE_PAYLOAD, ASSURANCE, rows[i].assurance);
		refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "a level too low");
	}
}

static void doubled_members_are_refused(void **state)
{
	(void)state;
	static const char *const names[] = { "iss", "aud", "exp", "scope", "cnf", PID, PARENT,
		FORGE_ATTEST };
	for (size_t i = 0; i < COUNT(names); i++) {
		struct forge forge = forge_access_token();
		forge_add(&forge, FORGE_PAYLOAD, names[i], "\"x\"");
		refused_forge(&forge, OUTCOME_UNAUTHENTICATED, names[i]);
	}
	struct forge forge = forge_access_token();
	forge_add(&forge, FORGE_HEADER, "alg", "\"none\"");
	refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "alg twice");
	forge = forge_access_token();
	forge_add(&forge, FORGE_HEADER, "kid", "\"key-1\"");
	refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "kid twice");
}

/*
 * HS256 with what everybody can know of the issuer's key as the secret; libjwt takes the first
 * of these.
 */
static void public_keys_are_no_secrets(void **state)
{
	(void)state;
	static const char *const algs[] = { "\"HS256\"", "\"RS256\"", "\"ES256\"", "\"none\"",
		"\"HS384\"" };
	static const char *const kids[] = { "\"key-1\"", "\"key-2\"", "\"key-3\"", NULL };
	const struct jose_key *const keys[] = { curve, rsa };
	for (size_t i = 0; i < COUNT(keys); i++) {
		const struct str pem = jose_key_to_public_pem(arena, keys[i]);
		const struct str jwk = jose_key_to_jwk(arena, keys[i]);
		struct str base64 = { arena_alloc(arena, pem.length), 0 }, der;
		for (size_t at = 0; at < pem.length; at++)
			if (pem.at[at] != '\n')
				((char *)(uintptr_t)base64.at)[base64.length++] = pem.at[at];
		base64 = str_part(base64, 26, base64.length - 26 - 24); /* between the dashes */
		assert_true(str_from_base64(arena, base64, &der));
		const struct str secrets[] = { pem, str_trim(pem), base64, der, jwk, STR("") };
		for (size_t j = 0; j < COUNT(secrets) * COUNT(algs); j++) {
			struct forge forge = forge_access_token();
			forge_set(&forge, FORGE_HEADER, "alg", algs[j % COUNT(algs)]);
			forge_set(&forge, FORGE_HEADER, "kid", kids[j % COUNT(kids)]);
			refused(forge_hs256(arena, &forge, secrets[j / COUNT(algs)]),
				OUTCOME_UNAUTHENTICATED, "a public key as secret");
		}
	}
}

static void bad_signatures_are_refused(void **state)
{
	(void)state;
	const struct forge forge = forge_access_token();
	const struct str token = forge_sign(arena, &forge, JOSE_ES256, curve);
	const struct str header = forge_text(arena, &forge, FORGE_HEADER);
	const struct str payload = forge_text(arena, &forge, FORGE_PAYLOAD);
	static const char zeros[132];
	static const size_t lengths[] = { 1, 32, 63, 64, 65, 70, 72, 96, 132 };
	refused(forge_sign(arena, &forge, JOSE_ES256, stranger), OUTCOME_UNAUTHENTICATED,
		"another's key");
	for (size_t i = 0; i < COUNT(lengths); i++)
		refused(forge_join(arena, header, payload, (struct str){ zeros, lengths[i] }),
			OUTCOME_UNAUTHENTICATED, "zeros");
	/* A letter changed in each part, and each part left out. */
	for (size_t at = 1; at < token.length; at += 97) {
		char *copy = (char *)(uintptr_t)str_copy(arena, token).at;
		copy[at] = copy[at] == 'x' ? 'y' : 'x';
		refused((struct str){ copy, token.length }, OUTCOME_UNAUTHENTICATED, "a letter");
	}
	struct str rest, signature;
	const struct str first = str_cut(token, '.', &rest);
	const struct str second = str_cut(rest, '.', &signature);
	const struct str texts[] = {
		(struct str){ NULL, 0 },
		first,
		str_part(token, 0, first.length + 1 + second.length),
		str_part(token, 0, first.length + 2 + second.length),
		rest,
		str_format(arena, "%.*s.", STR_ARG(token)),
		str_format(arena, "%.*s=", STR_ARG(token)),
		str_format(arena, "%.*s\n", STR_ARG(token)),
		str_format(arena, " %.*s", STR_ARG(token)),
		str_format(arena, "%.*s.%.*s", STR_ARG(token), STR_ARG(signature)),
		str_format(arena, "%.*s.%.*s.", STR_ARG(first), STR_ARG(second)),
		str_format(arena, ".%.*s.%.*s", STR_ARG(second), STR_ARG(signature)),
		str_format(arena, "%.*s..%.*s", STR_ARG(first), STR_ARG(signature)),
		str_format(arena, "%.*s.%.*s.%.*s", STR_ARG(second), STR_ARG(first),
			STR_ARG(signature)),
		str_format(arena, "{\"payload\":\"%.*s\",\"signatures\":[]}", STR_ARG(second)),
		forge_join(arena, header, token, STR("x")), /* nested */
		forge_join(arena, STR("{\"alg\":\"none\"}"), payload, STR("")),
	};
	for (size_t i = 0; i < COUNT(texts); i++)
		refused(texts[i], OUTCOME_UNAUTHENTICATED, "not three parts");
	assert_true(refusals >= 200);
}

static void a_bearer_token_needs_leave(void **state)
{
	(void)state;
	struct forge forge = forge_access_token();
	struct principal principal;
	forge_set(&forge, FORGE_PAYLOAD, "cnf", NULL);
	refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "a bearer token");
	policy.bearer_allowed = true;
	good_forge(&forge, &principal);
	assert_int_equal(principal.jkt.length, 0);
	/* A binding we cannot check is not no binding. */
	forge_set(&forge, FORGE_PAYLOAD, "cnf", "{\"x5t#S256\":\"x\"}");
	refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "bound in another way");
}

static void texts_are_bounded(void **state)
{
	(void)state;
	char *text = arena_alloc(arena, 300);
	memset(text, 'x', 258);
	text[0] = '"';
	text[257] = '"'; /* 256 letters */
	struct forge forge = forge_access_token();
	struct principal principal;
	forge_set(&forge, FORGE_PAYLOAD, "name", text);
	good_forge(&forge, &principal);
	text[257] = 'x';
	text[258] = '"';
	refused_member(FORGE_PAYLOAD, "name", text);
	refused_member(FORGE_PAYLOAD, "client_id", text);
}

/*
 * A cache may keep the principal until the token or its attest is too old, whichever comes
 * first.
 */
static void the_attest_ends_what_the_token_allows(void **state)
{
	(void)state;
	struct forge forge = forge_access_token();
	struct principal principal;
	forge_set(&forge, FORGE_PAYLOAD, "exp", "1763659999");
	good_forge(&forge, &principal);
	assert_int_equal(principal.expires, NOW + 3599 * INSTANT_SECOND);
	char *timeless = (char *)(uintptr_t)str_copy(arena, str_of(forge_attest)).at;
	memcpy(strstr(timeless, "toa"), "too", 3);
	forge_set(&forge, FORGE_PAYLOAD, FORGE_ATTEST, timeless);
	good_forge(&forge, &principal);
	assert_int_equal(principal.expires, (instant)1763659999 * INSTANT_SECOND);
}

static void the_numbers_of_production_are_checked(void **state)
{
	(void)state;
	struct forge forge = forge_access_token();
	policy.national = NATIONAL_REAL;
	refused_forge(&forge, OUTCOME_UNAUTHENTICATED, "a synthetic person in production");
	policy.national = NATIONAL_BOTH;
	struct principal principal;
	good_forge(&forge, &principal);
}

static void a_peek_finds_issuer_and_key(void **state)
{
	(void)state;
	struct forge forge = forge_access_token();
	struct token_peek peek = { 0 };
	const struct str token = forge_sign(arena, &forge, JOSE_ES256, stranger);
	assert_true(token_peek(arena, token, &peek, &outcome)); /* nothing is believed yet */
	assert_true(str_is(peek.issuer, FORGE_ISSUER));
	assert_true(str_is(peek.kid, "key-1"));
	static const struct {
		enum forge_part part;
		const char *name, *value;
	} rows[] = { { FORGE_HEADER, "kid", NULL }, { FORGE_HEADER, "kid", "\"a/b\"" },
		{ FORGE_PAYLOAD, "iss", NULL }, { FORGE_PAYLOAD, "iss", "\"\"" },
		{ FORGE_PAYLOAD, "iss", "7" }, { FORGE_HEADER, "alg", "\"none\"" } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		forge = forge_access_token();
		forge_set(&forge, rows[i].part, rows[i].name, rows[i].value);
		assert_false(token_peek(
			arena, forge_sign(arena, &forge, JOSE_ES256, curve), &peek, &outcome));
		assert_int_equal(outcome.last->kind, OUTCOME_UNAUTHENTICATED);
	}
}

/* The development door: the same judgement of claims, without signature and times. */
static void claims_alone_are_judged_alike(void **state)
{
	(void)state;
	struct forge forge = forge_access_token();
	struct principal principal;
	static const char *const free_ones[] = { "exp", "nbf", "iat", "cnf", "jti" };
	for (size_t i = 0; i < COUNT(free_ones); i++)
		forge_set(&forge, FORGE_PAYLOAD, free_ones[i], NULL);
	const struct json *claims =
		json_parse(arena, forge_text(arena, &forge, FORGE_PAYLOAD), 1000, &outcome);
	assert_true(token_claims(arena, claims, &policy, NOW, &principal, &outcome));
	assert_int_equal(principal.kind, PRINCIPAL_PRACTITIONER);
	/* The attest's age still counts. */
	assert_int_equal(principal.expires, NOW + 3599 * INSTANT_SECOND);
	static const char *const needed[] = { "iss", "aud", "client_id", PARENT };
	for (size_t i = 0; i < COUNT(needed); i++) {
		forge = forge_access_token();
		forge_set(&forge, FORGE_PAYLOAD, needed[i], NULL);
		claims =
			json_parse(arena, forge_text(arena, &forge, FORGE_PAYLOAD), 1000, &outcome);
		assert_false(token_claims(arena, claims, &policy, NOW, &principal, &outcome));
	}
	assert_false(token_claims(arena, NULL, &policy, NOW, &principal, &outcome));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_doctors_token_is_read, begin, end),
		cmocka_unit_test_setup_teardown(good_spellings, begin, end),
		cmocka_unit_test_setup_teardown(all_families_of_signatures_are_taken, begin, end),
		cmocka_unit_test_setup_teardown(a_systems_token_is_read, begin, end),
		cmocka_unit_test_setup_teardown(a_citizens_token_is_read, begin, end),
		cmocka_unit_test_setup_teardown(bad_headers_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(bad_claims_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(staff_log_in_at_the_highest_level, begin, end),
		cmocka_unit_test_setup_teardown(doubled_members_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(public_keys_are_no_secrets, begin, end),
		cmocka_unit_test_setup_teardown(bad_signatures_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_bearer_token_needs_leave, begin, end),
		cmocka_unit_test_setup_teardown(texts_are_bounded, begin, end),
		cmocka_unit_test_setup_teardown(the_attest_ends_what_the_token_allows, begin, end),
		cmocka_unit_test_setup_teardown(the_numbers_of_production_are_checked, begin, end),
		cmocka_unit_test_setup_teardown(a_peek_finds_issuer_and_key, begin, end),
		cmocka_unit_test_setup_teardown(claims_alone_are_judged_alike, begin, end),
	};
	return cmocka_run_group_tests(tests, group_begin, group_end);
}
