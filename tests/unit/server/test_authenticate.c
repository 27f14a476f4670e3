/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The step alone: real tokens and proofs, fake keys and a fake replay check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "server/dev.h"
#include "server/keys.h"
#include "server/loop.h"
#include "server/replay.h"
#include "server/session.h"
#include "server/steps.h"
#include "tests/unit/authz/forge.h"

#define NOW ((instant)FORGE_NOW * INSTANT_SECOND)
#define URL "https://hub.example/fhir/Observation"

static struct arena *arena;
static struct jose_key *issuer_key, *client_key, *other_key;
static struct keyset *issuer_keys;
static struct config config;
static struct hub hub;
static struct loop loop;
static struct route route;
static struct exchange *exchange;

/* ---- fakes */

static struct keyset *known;
static bool away, ask_answer;
static unsigned finds, asks, holds, yields;
static enum replay_answer replay_answer;

bool keys_find(struct keys *keys, struct str issuer, struct str kid, struct keyset **held_out)
{
	(void)keys;
	finds++;
	if (known == NULL || !str_is(issuer, FORGE_ISSUER) || keyset_find(known, kid) == NULL)
		return false;
	*held_out = keyset_hold(known);
	return true;
}

bool keys_ask(struct keys *keys, struct str issuer, struct exchange *asking)
{
	(void)keys;
	(void)issuer;
	(void)asking;
	asks++;
	return ask_answer;
}

bool keys_away(struct keys *keys, struct str issuer)
{
	(void)keys;
	(void)issuer;
	return away;
}

enum replay_answer replay_check(
	struct replay *replay, struct str jkt, struct str jti, instant until, instant now)
{
	(void)replay;
	assert_true(jkt.length == 43 && jti.length > 0 && until > now);
	return replay_answer;
}

static struct session *development;

struct session *dev_find(const struct dev *dev, struct str name)
{
	(void)dev;
	return str_is(name, "doctor") ? development : NULL;
}

void exchange_yield(struct exchange *waiting)
{
	waiting->yielded = true;
	yields++;
}

void exchange_hold(struct exchange *waiting)
{
	(void)waiting;
	holds++;
}

/* ---- the bed */

static struct keyset *keyset_of(struct arena *scratch, const struct jose_key *key)
{
	struct outcome faults = { .arena = scratch };
	struct str jwk = jose_key_to_jwk(scratch, key);
	jwk.length--;
	return keyset_parse(
		str_format(scratch, "{\"keys\":[%.*s,\"kid\":\"key-1\",\"alg\":\"ES256\"}]}",
			STR_ARG(jwk)),
		&faults);
}

static int group_begin(void **state)
{
	(void)state;
	issuer_key = jose_key_generate(JOSE_ES256);
	client_key = jose_key_generate(JOSE_ES256);
	other_key = jose_key_generate(JOSE_ES256);
	hub.seal = seal_new(STR("a secret of the tests, thirty-two bytes or more"));
	hub.config = &config;
	loop.hub = &hub;
	config = (struct config){
		.issuer = FORGE_ISSUER,
		.citizen_issuer = "",
		.audience = FORGE_AUDIENCE,
		.public_url = "https://hub.example",
		.scope_read = "nhn:pmd/observation.read",
		.scope_write = "nhn:pmd/observation.write",
		.scope_locator_read = "nhn:pmd/pil.read",
		.scope_log_read = "nhn:pmd/accesslog.read",
		.leeway = 5 * INSTANT_SECOND,
		.attest_age_max = 3600 * INSTANT_SECOND,
		.dpop_back = 15 * INSTANT_SECOND,
		.dpop_ahead = 5 * INSTANT_SECOND,
		.environment = ENVIRONMENT_TEST,
	};
	struct arena *scratch = arena_new(1 << 20);
	issuer_keys = keyset_of(scratch, issuer_key);
	arena_free(&scratch);
	return issuer_keys == NULL;
}

static int group_end(void **state)
{
	(void)state;
	keyset_drop(&issuer_keys);
	jose_key_free(&issuer_key);
	jose_key_free(&client_key);
	jose_key_free(&other_key);
	struct seal *seal = (struct seal *)(uintptr_t)hub.seal;
	seal_free(&seal);
	return 0;
}

/* A new request of the same client on the same loop. */
static void request(void)
{
	if (exchange != NULL)
		session_drop(&exchange->session);
	exchange = arena_alloc(arena, sizeof(*exchange));
	exchange->arena = arena;
	exchange->loop = &loop;
	exchange->route = &route;
	exchange->outcome.arena = arena;
	exchange->request.method = STR("GET");
	exchange->request.path = STR("/fhir/Observation");
}

static int begin(void **state)
{
	(void)state;
	arena = arena_new(64 << 20);
	exchange = NULL;
	loop.now = NOW;
	loop.sessions = NULL;
	route = (struct route){ .kinds = 1 << PRINCIPAL_PRACTITIONER };
	known = issuer_keys;
	away = ask_answer = false;
	finds = asks = holds = yields = 0;
	replay_answer = REPLAY_FRESH;
	config.bearer = false;
	development = NULL;
	request();
	return 0;
}

static int end(void **state)
{
	(void)state;
	session_drop(&exchange->session);
	sessions_free(&loop.sessions);
	arena_free(&arena);
	return 0;
}

static struct forge token_forge(void)
{
	struct forge forge = forge_access_token();
	forge_set(&forge, FORGE_PAYLOAD, "cnf",
		str_format(arena, "{\"jkt\":\"%.*s\"}", STR_ARG(jose_thumbprint(arena, client_key)))
			.at);
	return forge;
}

static struct str token(void)
{
	const struct forge forge = token_forge();
	return forge_sign(arena, &forge, JOSE_ES256, issuer_key);
}

static struct str proof_by(const struct jose_key *key, struct str of, const char *method)
{
	static unsigned number;
	uint8_t digest[32];
	seal_sha256(of, digest);
	const struct str ath =
		str_to_base64url(arena, (struct str){ (const char *)digest, sizeof(digest) });
	struct forge forge = { 0 };
	forge_add(&forge, FORGE_HEADER, "typ", "\"dpop+jwt\"");
	forge_add(&forge, FORGE_HEADER, "alg", "\"ES256\"");
	forge_add(&forge, FORGE_HEADER, "jwk", str_copy(arena, jose_key_to_jwk(arena, key)).at);
	forge_add(&forge, FORGE_PAYLOAD, "jti", str_format(arena, "\"p%u\"", ++number).at);
	forge_add(&forge, FORGE_PAYLOAD, "htm", str_format(arena, "\"%s\"", method).at);
	forge_add(&forge, FORGE_PAYLOAD, "htu", "\"" URL "\"");
	forge_add(&forge, FORGE_PAYLOAD, "iat",
		str_format(arena, "%lld", (long long)(loop.now / INSTANT_SECOND)).at);
	forge_add(&forge, FORGE_PAYLOAD, "ath", str_format(arena, "\"%.*s\"", STR_ARG(ath)).at);
	return forge_sign(arena, &forge, JOSE_ES256, key);
}

static void send(const char *scheme, struct str sent, struct str proof)
{
	exchange->request.authorization = str_format(arena, "%s %.*s", scheme, STR_ARG(sent));
	exchange->request.authorization_count = 1;
	exchange->request.dpop = proof;
	exchange->request.dpop_count = proof.length > 0;
}

static void send_good(void)
{
	const struct str sent = token();
	send("DPoP", sent, proof_by(client_key, sent, "GET"));
}

static void is_refused(enum outcome_kind kind, const char *challenge)
{
	assert_false(exchange->authenticated);
	assert_int_equal(exchange->outcome.errors, 1);
	assert_int_equal(exchange->outcome.first->kind, kind);
	if (challenge == NULL)
		assert_null(exchange->challenge);
	else
		assert_string_equal(exchange->challenge, challenge);
}

static void is_taken(void)
{
	if (exchange->outcome.errors > 0)
		fail_msg("refused: %.*s", STR_ARG(exchange->outcome.first->text));
	assert_true(exchange->authenticated);
	assert_non_null(exchange->session);
}

/* ---- cases */

static void a_bound_token_with_its_proof(void **state)
{
	(void)state;
	send_good();
	step_authenticate(exchange);
	is_taken();
	assert_true(str_is(exchange->principal.pid, FORGE_DOCTOR));
	assert_null(exchange->challenge);
}

static void an_open_route_asks_nobody(void **state)
{
	(void)state;
	route.kinds = 0;
	step_authenticate(exchange);
	assert_false(exchange->authenticated);
	assert_int_equal(exchange->outcome.errors, 0);
}

static void without_a_token_there_is_no_error_code(void **state)
{
	(void)state;
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, NULL);
}

static void two_authorizations_are_none(void **state)
{
	(void)state;
	send_good();
	exchange->request.authorization_count = 2;
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_token");
}

static void another_scheme(void **state)
{
	(void)state;
	send("Basic", STR("eDp5"), (struct str){ 0 });
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_token");
}

static void a_bound_token_by_bearer(void **state)
{
	(void)state;
	config.bearer = true;
	send("Bearer", token(), (struct str){ 0 });
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_token");
}

static void an_unbound_token_only_where_bearer_is_allowed(void **state)
{
	(void)state;
	struct forge forge = token_forge();
	forge_set(&forge, FORGE_PAYLOAD, "cnf", NULL);
	const struct str unbound = forge_sign(arena, &forge, JOSE_ES256, issuer_key);
	send("Bearer", unbound, (struct str){ 0 });
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_token");
	config.bearer = true;
	request();
	send("Bearer", unbound, (struct str){ 0 });
	step_authenticate(exchange);
	is_taken();
	request();
	send("DPoP", unbound, proof_by(client_key, unbound, "GET"));
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_token");
}

static void proofs_that_prove_nothing(void **state)
{
	(void)state;
	const struct str sent = token();
	const struct str proofs[] = { { 0 }, proof_by(other_key, sent, "GET"),
		proof_by(client_key, STR("another"), "GET"), proof_by(client_key, sent, "POST") };
	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++) {
		request();
		send("DPoP", sent, proofs[i]);
		step_authenticate(exchange);
		is_refused(OUTCOME_UNAUTHENTICATED, "invalid_dpop_proof");
	}
	request();
	send_good();
	exchange->request.dpop_count = 2;
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_dpop_proof");
}

static void a_proof_that_was_seen(void **state)
{
	(void)state;
	replay_answer = REPLAY_SEEN;
	send_good();
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_dpop_proof");
}

static void a_full_replay_check_refuses(void **state)
{
	(void)state;
	replay_answer = REPLAY_FULL;
	send_good();
	step_authenticate(exchange);
	is_refused(OUTCOME_BUSY, NULL);
}

static void an_unknown_key_is_fetched_once(void **state)
{
	(void)state;
	known = NULL;
	ask_answer = true;
	send_good();
	step_authenticate(exchange);
	assert_int_equal(exchange->outcome.errors, 0);
	assert_true(exchange->yielded);
	known = issuer_keys;
	exchange->yielded = false;
	step_authenticate(exchange);
	is_taken();
	assert_int_equal(asks, 1);
}

static void a_key_that_stays_unknown_is_refused(void **state)
{
	(void)state;
	known = NULL;
	ask_answer = true;
	send_good();
	step_authenticate(exchange);
	exchange->yielded = false;
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_token");
	assert_false(exchange->yielded);
	assert_int_equal(asks, 1);
}

static void an_issuer_that_is_away_is_not_the_callers_fault(void **state)
{
	(void)state;
	known = NULL;
	away = true;
	send_good();
	step_authenticate(exchange);
	assert_int_equal(exchange->outcome.first->kind, OUTCOME_BUSY);
}

static void a_token_is_verified_once_and_its_proof_each_time(void **state)
{
	(void)state;
	const struct str sent = token();
	send("DPoP", sent, proof_by(client_key, sent, "GET"));
	step_authenticate(exchange);
	is_taken();
	const struct session *first = exchange->session;
	request();
	send("DPoP", sent, proof_by(client_key, sent, "GET"));
	step_authenticate(exchange);
	is_taken();
	assert_ptr_equal(exchange->session, first);
	request();
	send("DPoP", sent, proof_by(other_key, sent, "GET"));
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_dpop_proof");
}

static void a_session_ends_with_its_minute(void **state)
{
	(void)state;
	const struct str sent = token();
	send("DPoP", sent, proof_by(client_key, sent, "GET"));
	step_authenticate(exchange);
	is_taken();
	struct session *first = session_hold(exchange->session);
	loop.now += 60 * INSTANT_SECOND;
	request();
	send("DPoP", sent, proof_by(client_key, sent, "GET"));
	step_authenticate(exchange);
	is_taken();
	assert_ptr_not_equal(exchange->session, first);
	session_drop(&first);
}

static void a_session_ends_with_the_issuers_keys(void **state)
{
	(void)state;
	const struct str sent = token();
	send("DPoP", sent, proof_by(client_key, sent, "GET"));
	step_authenticate(exchange);
	is_taken();
	struct keyset *rolled = keyset_of(arena, other_key);
	known = rolled;
	request();
	send("DPoP", sent, proof_by(client_key, sent, "GET"));
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_token");
	known = issuer_keys;
	keyset_drop(&rolled);
}

static void a_token_with_a_bad_proof_is_not_remembered(void **state)
{
	(void)state;
	const struct str sent = token();
	send("DPoP", sent, proof_by(other_key, sent, "GET"));
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, "invalid_dpop_proof");
	uint8_t digest[32];
	seal_sha256(sent, digest);
	assert_null(sessions_find(loop.sessions, digest, loop.now));
}

static void an_old_attest_is_another_refusal(void **state)
{
	(void)state;
	loop.now += 3601 * INSTANT_SECOND;
	struct forge forge = token_forge();
	forge_set(&forge, FORGE_PAYLOAD, "exp",
		str_format(arena, "%lld", (long long)(loop.now / INSTANT_SECOND + 600)).at);
	const struct str sent = forge_sign(arena, &forge, JOSE_ES256, issuer_key);
	send("DPoP", sent, proof_by(client_key, sent, "GET"));
	step_authenticate(exchange);
	is_refused(OUTCOME_SUPPRESSED, "insufficient_authorization_details");
}

static void the_logs_context_names_the_doctor_but_not_the_number(void **state)
{
	(void)state;
	send_good();
	step_authenticate(exchange);
	is_taken();
	const struct str context = exchange->session->context;
	assert_null(memmem(context.at, context.length, FORGE_DOCTOR, 11));
	assert_non_null(memmem(context.at, context.length, FORGE_PARENT, 9));
	assert_non_null(memmem(context.at, context.length, "\"sealed\":\"", 10));
	assert_non_null(memmem(context.at, context.length, "\"purpose\":\"TREAT\"", 17));
}

static void the_development_door_takes_names_it_knows(void **state)
{
	(void)state;
	struct principal principal = { .kind = PRINCIPAL_PRACTITIONER, .name = STR("Lege") };
	development = session_new(hub.seal, &principal);
	development->lasting = true;
	exchange->request.development = true;
	exchange->request.dev_principal = STR("nobody");
	step_authenticate(exchange);
	is_refused(OUTCOME_UNAUTHENTICATED, NULL);
	struct dev *dev = arena_alloc(arena, 1);
	hub.dev = dev;
	request();
	exchange->request.development = true;
	exchange->request.dev_principal = STR("doctor");
	step_authenticate(exchange);
	is_taken();
	hub.dev = NULL;
	session_drop(&exchange->session);
	development->lasting = false;
	session_drop(&development);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(a_bound_token_with_its_proof),
		CASE(an_open_route_asks_nobody),
		CASE(without_a_token_there_is_no_error_code),
		CASE(two_authorizations_are_none),
		CASE(another_scheme),
		CASE(a_bound_token_by_bearer),
		CASE(an_unbound_token_only_where_bearer_is_allowed),
		CASE(proofs_that_prove_nothing),
		CASE(a_proof_that_was_seen),
		CASE(a_full_replay_check_refuses),
		CASE(an_unknown_key_is_fetched_once),
		CASE(a_key_that_stays_unknown_is_refused),
		CASE(an_issuer_that_is_away_is_not_the_callers_fault),
		CASE(a_token_is_verified_once_and_its_proof_each_time),
		CASE(a_session_ends_with_its_minute),
		CASE(a_session_ends_with_the_issuers_keys),
		CASE(a_token_with_a_bad_proof_is_not_remembered),
		CASE(an_old_attest_is_another_refusal),
		CASE(the_logs_context_names_the_doctor_but_not_the_number),
		CASE(the_development_door_takes_names_it_knows),
	};
	return cmocka_run_group_tests(tests, group_begin, group_end);
}
