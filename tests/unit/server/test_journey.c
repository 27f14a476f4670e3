/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A whole journey with a fake store, a fake caller and an interaction of the test's: what is answered when, and what is never reached. Work that is out
 * comes back when the case says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "server/audit.h"
#include "server/body.h"
#include "server/interaction/interactions.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/resolve.h"
#include "server/respond.h"
#include "server/session.h"
#include "server/steps.h"

#define OWN    UINT32_C(993467049)
#define DIGITS "17912099997"

static struct config config;
static struct hub hub;
static struct loop loop;
static struct session session;
static struct route route;
static int wire;

/* What happened. */
static unsigned parses, decisions, responses, answers, loads, lines;
static int status;
static int64_t decided_by; /* version of the rules */
static bool known;         /* AUTHENTICATE lets the caller in */

/* ---- the fake store: calls wait until they are given back */

static struct store_call *out[8];
static size_t out_count;
static int64_t database_version;
static bool rules_fail, log_fails;
static uint64_t corr;
static struct rules *in_database;
static unsigned rows_written;

static void go_out(struct store_call *call)
{
	assert_true(out_count < 8);
	out[out_count++] = call;
}

/* Everything that is out comes back, and what waits for it goes on. */
static void come_back(void)
{
	const size_t count = out_count;
	struct store_call *back[8];
	memcpy(back, out, sizeof(back));
	out_count = 0;
	for (size_t i = 0; i < count; i++)
		back[i]->done(back[i]->context);
	exchange_resume(&loop);
}

void store_resolve(struct store *store, struct store_resolve *resolve)
{
	(void)store;
	for (size_t i = 0; i < resolve->count; i++) {
		struct patient *patient = &resolve->items[i].patient;
		patient->persons = arena_alloc(resolve->call.arena, sizeof(struct person));
		patient->persons[0] = (struct person){ .id = 7, .home = 3 };
		patient->person_count = 1;
		patient->rules_version = database_version;
	}
	go_out(&resolve->call);
}

/* Who is remembered, and the versions of the rules it was asked for. */
static int64_t remembers;

size_t store_remember(struct store *store, struct store_resolve *resolve, int64_t rules_version)
{
	(void)store;
	for (size_t i = 0; i < resolve->count && rules_version == remembers; i++)
		resolve->items[i].patient.rules_version = rules_version;
	return rules_version == remembers ? resolve->count : 0;
}

void store_rules(struct store *store, struct store_rules *load)
{
	(void)store;
	loads++;
	if (rules_fail)
		outcome_fail(load->call.outcome, OUTCOME_BUSY, (struct str){ 0 }, "away");
	else
		load->rules = rules_hold(in_database);
	go_out(&load->call);
}

void store_log(struct store *store, struct store_log *log)
{
	(void)store;
	if (log_fails)
		outcome_fail(log->call.outcome, OUTCOME_FAULT, (struct str){ 0 }, "no insert");
	else
		rows_written += (unsigned)log->count;
	go_out(&log->call);
}

uint64_t store_corr(struct store *store)
{
	(void)store;
	return corr;
}

struct rules *hub_rules(struct hub *of)
{
	return of->rules == NULL ? NULL : rules_hold(of->rules);
}

void hub_rules_swap(struct hub *of, struct rules *rules)
{
	rules_drop(&of->rules);
	of->rules = rules;
}

/* ---- other fakes */

struct session *session_new(const struct seal *seal, const struct principal *principal)
{
	(void)seal;
	session.principal = *principal;
	return &session;
}

struct session *sessions_certificate(struct sessions **sessions, const struct seal *seal,
	const struct certificate *certificate, const struct principal *principal, instant now)
{
	(void)sessions, (void)seal, (void)certificate, (void)now;
	session.principal = *principal;
	return &session;
}

void session_drop(struct session **dropped)
{
	*dropped = NULL;
}

void step_authenticate(struct exchange *exchange)
{
	if (!known) {
		outcome_fail(
			&exchange->outcome, OUTCOME_UNAUTHENTICATED, (struct str){ 0 }, "who?");
		return;
	}
	exchange->session = &session;
	exchange->principal = session.principal;
	exchange->authenticated = true;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
	(void)level;
	(void)event;
	(void)format;
	lines++;
}

void log_outcome(enum log_level level, const char *event, const struct outcome *outcome)
{
	(void)level;
	(void)event;
	(void)outcome;
	lines++;
}

const char *log_quote(struct arena *arena, struct str value)
{
	return str_copy(arena, value).at;
}

void pcd01_refuse(struct exchange *exchange, const struct outcome *outcome, int refused)
{
	(void)exchange;
	(void)outcome;
	(void)refused;
	fail_msg("not an HL7 route");
}

void soap_refuse(struct exchange *exchange, const struct outcome *outcome, int refused)
{
	(void)exchange;
	(void)outcome;
	(void)refused;
	fail_msg("not a SOAP route");
}

/* ---- the interaction: a read of one patient */

static void parse(struct exchange *exchange)
{
	(void)exchange;
	parses++;
}

static void who(struct exchange *exchange)
{
	resolve_items(exchange, 1);
}

static void decide_read(struct exchange *exchange)
{
	decisions++;
	decided_by = exchange->rules->version;
}

/* A write whose memory turned out to be older than the rules. */
static bool wants_afresh;

static void store_once(struct exchange *exchange)
{
	if (wants_afresh && exchange->remembered != 0)
		resolve_afresh(exchange);
}

/* Rows are of a tenant, of refusals too. */
static uint32_t audited_for;

static void audit(struct exchange *exchange)
{
	audited_for = exchange->tenant == NULL ? 0 : exchange->tenant->id;
	if (decisions > 0)
		audit_row(exchange, LOG_READ, TYPE_OBSERVATION);
}

/* How many turns the answer takes. */
static unsigned respond_turns;

static void respond(struct exchange *exchange)
{
	if (++responses < respond_turns)
		exchange_yield(exchange);
	else
		respond_with(exchange, 200, MEDIA_FHIR, STR("{}"));
}

static const struct interaction reading = {
	.name = "reading",
	.parse = parse,
	.who = who,
	.decide = decide_read,
	.store = store_once,
	.audit = audit,
	.respond = respond,
};

static void answer(struct exchange *exchange)
{
	answers++;
	status = exchange->response.status;
}

static const struct door door = { .name = "test", .answer = answer };

/* ---- the bed */

static struct rules *rules_of(int64_t version, bool registered)
{
	struct arena *arena = arena_new(1 << 16);
	struct rules *rules = arena_alloc(arena, sizeof(*rules));
	rules->arena = arena;
	rules->version = version;
	rules->references = 1;
	rules->tenants = arena_alloc(arena, sizeof(struct tenant));
	rules->tenants[0] = (struct tenant){
		.id = 1, .orgnr = OWN, .active = true, .controller = true, .name = STR("Solvik")
	};
	rules->tenant_count = 1;
	rules->clients = arena_alloc(arena, sizeof(struct client));
	rules->clients[0] = (struct client){
		.id = STR("epj"), .orgnr = OWN, .scopes = SCOPE_OBSERVATION_READ, .active = true
	};
	rules->client_count = registered ? 1 : 0;
	rules_sort(rules);
	return rules;
}

static int begin(void **state)
{
	(void)state;
	parses = decisions = responses = answers = loads = lines = rows_written = 0;
	status = 0;
	out_count = 0;
	rules_fail = log_fails = false;
	corr = 11;
	known = true;
	decided_by = 0;
	database_version = 1;
	remembers = 0;
	wants_afresh = false;
	respond_turns = 1;
	hub = (struct hub){ .config = &config, .rules = rules_of(1, true) };
	in_database = rules_of(2, true);
	loop = (struct loop){ .hub = &hub, .now = 100 * INSTANT_SECOND };
	session = (struct session){ .lasting = true, .context = STR("{}") };
	session.principal = (struct principal){ .kind = PRINCIPAL_SYSTEM,
		.scopes = SCOPE_OBSERVATION_READ,
		.client_id = STR("epj"),
		.orgnr = OWN };
	route = (struct route){ "GET", "/fhir/Observation/{id}", &reading, STYLE_FHIR,
		SCOPE_OBSERVATION_READ, 1 << PRINCIPAL_SYSTEM, false, 0 };
	return 0;
}

static int end(void **state)
{
	(void)state;
	rules_drop(&hub.rules);
	rules_drop(&in_database);
	return 0;
}

static struct exchange *start(void)
{
	struct exchange *exchange = exchange_new(&loop, &door, &wire, 1 << 20);
	exchange->route = &route;
	exchange_run(exchange);
	return exchange;
}

static void leave(struct exchange *exchange)
{
	exchange_wire_gone(exchange);
	assert_int_equal(loop.live, 0);
}

/* ---- cases */

static void no_answer_before_its_log_row_is_committed(void **state)
{
	(void)state;
	struct exchange *exchange = start();
	come_back(); /* RESOLVE */
	assert_int_equal(decisions, 1);
	assert_int_equal(rows_written, 1);
	assert_int_equal(answers, 0);
	assert_int_equal(responses, 0);
	come_back(); /* the log */
	assert_int_equal(responses, 1);
	assert_int_equal(status, 200);
	leave(exchange);
}

static void nothing_leaves_when_the_log_fails(void **state)
{
	(void)state;
	log_fails = true;
	struct exchange *exchange = start();
	come_back();
	come_back();
	assert_int_equal(responses, 0);
	assert_int_equal(status, 503);
	assert_true(exchange->response.retry_after > 0);
	leave(exchange);
}

static void nothing_leaves_without_a_correlation_id(void **state)
{
	(void)state;
	corr = 0;
	struct exchange *exchange = start();
	come_back();
	assert_int_equal(responses, 0);
	assert_int_equal(status, 503);
	leave(exchange);
}

static void who_is_remembered_is_not_asked_for(void **state)
{
	(void)state;
	remembers = 1;
	struct exchange *exchange = start();
	assert_int_equal(decisions, 1);
	assert_int_equal(exchange->remembered, 1);
	assert_int_equal(out_count, 1); /* the log */
	come_back();
	assert_int_equal(status, 200);
	leave(exchange);
}

static void memory_that_fails_is_not_asked_again(void **state)
{
	(void)state;
	remembers = 1;
	wants_afresh = true;
	database_version = 2;
	struct exchange *exchange = start();
	assert_int_equal(decisions, 1);
	exchange_resume(&loop); /* back at RESOLVE */
	assert_int_equal(exchange->remembered, 0);
	come_back(); /* RESOLVE: newer rules */
	come_back(); /* the rules */
	assert_int_equal(decisions, 2);
	assert_int_equal(decided_by, 2);
	come_back(); /* the log */
	assert_int_equal(status, 200);
	assert_int_equal(rows_written, 1);
	leave(exchange);
}

static void no_parser_before_the_caller_is_known(void **state)
{
	(void)state;
	known = false;
	struct exchange *exchange = start();
	assert_int_equal(status, 401);
	assert_int_equal(parses, 0);
	assert_int_equal(rows_written, 0);
	assert_int_equal(lines, 1); /* the security log */
	assert_true(exchange->response.authenticate.length > 0);
	leave(exchange);
}

static void no_parser_before_the_caller_is_permitted(void **state)
{
	(void)state;
	session.principal.scopes = SCOPE_OBSERVATION_WRITE;
	struct exchange *exchange = start();
	assert_int_equal(status, 403);
	assert_int_equal(parses, 0);
	assert_int_equal(loads, 0);
	assert_non_null(memmem(exchange->response.authenticate.at,
		exchange->response.authenticate.length, "insufficient_scope", 18));
	leave(exchange);
}

static void newer_rules_are_read_before_the_decision(void **state)
{
	(void)state;
	database_version = 2;
	struct exchange *exchange = start();
	come_back(); /* RESOLVE: the rules have moved */
	assert_int_equal(decisions, 0);
	assert_int_equal(loads, 1);
	come_back();
	assert_int_equal(decisions, 1);
	assert_int_equal(decided_by, 2);
	come_back();
	assert_int_equal(status, 200);
	leave(exchange);
}

static void rules_are_loaded_once_for_all_who_wait(void **state)
{
	(void)state;
	database_version = 2;
	struct exchange *first = start(), *second = start(), *third = start();
	come_back();
	assert_int_equal(loads, 1);
	come_back();
	assert_int_equal(decisions, 3);
	assert_int_equal(decided_by, 2);
	come_back();
	assert_int_equal(responses, 3);
	exchange_wire_gone(first);
	exchange_wire_gone(second);
	leave(third);
}

/* By the newer rules; and the tenant the refusal is written down for stands in the older ones. */
static void who_is_struck_off_meanwhile_is_refused(void **state)
{
	(void)state;
	database_version = 2;
	rules_drop(&in_database);
	in_database = rules_of(2, false);
	struct exchange *exchange = start();
	come_back();
	come_back();
	assert_int_equal(decisions, 0);
	assert_int_equal(status, 403);
	assert_int_equal(audited_for, 1);
	leave(exchange);
}

static void rules_that_cannot_be_read_decide_nothing(void **state)
{
	(void)state;
	database_version = 2;
	rules_fail = true;
	struct exchange *exchange = start();
	for (int i = 0; i < 10; i++)
		come_back();
	assert_int_equal(decisions, 0);
	assert_int_equal(status, 503);
	assert_true(loads < 10);
	leave(exchange);
}

static void who_was_registered_a_moment_ago_is_let_in(void **state)
{
	(void)state;
	rules_drop(&hub.rules);
	hub.rules = rules_of(1, false);
	database_version = 2;
	struct exchange *exchange = start();
	assert_int_equal(answers, 0);
	come_back(); /* the version */
	assert_int_equal(loads, 1);
	assert_int_equal(parses, 0);
	come_back(); /* the rules */
	assert_int_equal(parses, 1);
	come_back();
	assert_int_equal(decided_by, 2);
	come_back();
	assert_int_equal(status, 200);
	leave(exchange);
}

static void strangers_do_not_make_the_hub_load_its_rules(void **state)
{
	(void)state;
	session.principal.client_id = STR("stranger");
	struct exchange *exchange = start();
	come_back();
	assert_int_equal(status, 403);
	assert_int_equal(loads, 0);
	assert_int_equal(parses, 0);
	leave(exchange);
}

static void another_media_type_is_not_parsed(void **state)
{
	(void)state;
	route.method = "POST";
	route.path = "/fhir/Observation";
	route.body_max = 10;
	struct exchange *exchange = exchange_new(&loop, &door, &wire, 1 << 20);
	exchange->route = &route;
	exchange->request.content_type = STR("text/xml");
	exchange_run(exchange);
	assert_int_equal(status, 415);
	exchange_wire_gone(exchange);
	exchange = exchange_new(&loop, &door, &wire, 1 << 20);
	exchange->route = &route;
	exchange->request.content_type = STR("application/json");
	exchange->request.accept = STR("text/html");
	exchange_run(exchange);
	assert_int_equal(status, 406);
	exchange_wire_gone(exchange);
	exchange = exchange_new(&loop, &door, &wire, 1 << 20);
	exchange->route = &route;
	exchange->request.content_type = STR("application/json");
	exchange->request.body = STR("more than ten bytes");
	exchange_run(exchange);
	assert_int_equal(status, 413);
	assert_int_equal(parses, 0);
	leave(exchange);
}

/* An exchange whose body of `length` bytes still lies at the wire, after its first turn. */
static struct exchange *start_long(char *at, size_t length)
{
	memset(at, 'x', length);
	struct exchange *exchange = exchange_new(&loop, &door, &wire, (size_t)4 << 20);
	exchange->route = &route;
	exchange->request.content_type = STR("application/json");
	exchange->request.at_wire = (struct str){ at, length };
	exchange_run(exchange);
	return exchange;
}

static void a_long_body_is_taken_in_slices(void **state)
{
	(void)state;
	const size_t length = 2 * BODY_AT_ONCE + 100;
	char *at = malloc(length);
	assert_non_null(at);
	struct exchange *exchange = start_long(at, length);
	for (int turns = 1; turns < 3; turns++) {
		assert_int_equal(parses, 0);
		assert_int_equal(exchange->request.body.length, (size_t)turns * BODY_AT_ONCE);
		exchange_resume(&loop);
	}
	assert_int_equal(parses, 1);
	assert_int_equal(exchange->request.body.length, length);
	assert_memory_equal(exchange->request.body.at, at, length);
	free(at);
	come_back();
	come_back();
	assert_int_equal(status, 200);
	leave(exchange);
}

static void who_hangs_up_is_read_no_further(void **state)
{
	(void)state;
	const size_t length = 3 * BODY_AT_ONCE;
	char *at = malloc(length);
	assert_non_null(at);
	struct exchange *exchange = start_long(at, length);
	exchange_wire_gone(exchange);
	free(at);
	for (int turns = 0; turns < 4; turns++)
		exchange_resume(&loop);
	assert_int_equal(parses, 0);
	assert_int_equal(answers, 0);
	assert_int_equal(loop.live, 0);
}

static void a_long_answer_is_written_in_slices(void **state)
{
	(void)state;
	respond_turns = 3;
	struct exchange *exchange = start();
	come_back();
	come_back();
	for (unsigned turns = 1; turns < 3; turns++) {
		assert_int_equal(responses, turns);
		assert_int_equal(answers, 0);
		exchange_resume(&loop);
	}
	assert_int_equal(responses, 3);
	assert_int_equal(answers, 1);
	assert_int_equal(status, 200);
	leave(exchange);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(no_answer_before_its_log_row_is_committed),
		CASE(nothing_leaves_when_the_log_fails),
		CASE(nothing_leaves_without_a_correlation_id),
		CASE(who_is_remembered_is_not_asked_for),
		CASE(memory_that_fails_is_not_asked_again),
		CASE(no_parser_before_the_caller_is_known),
		CASE(no_parser_before_the_caller_is_permitted),
		CASE(newer_rules_are_read_before_the_decision),
		CASE(rules_are_loaded_once_for_all_who_wait),
		CASE(who_is_struck_off_meanwhile_is_refused),
		CASE(rules_that_cannot_be_read_decide_nothing),
		CASE(who_was_registered_a_moment_ago_is_let_in),
		CASE(strangers_do_not_make_the_hub_load_its_rules),
		CASE(another_media_type_is_not_parsed),
		CASE(a_long_body_is_taken_in_slices),
		CASE(who_hangs_up_is_read_no_further),
		CASE(a_long_answer_is_written_in_slices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
