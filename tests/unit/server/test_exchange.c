/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The engine alone: the steps are fakes that do what a case tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "server/exchange.h"
#include "server/loop.h"
#include "server/session.h"
#include "server/spent.h"
#include "server/steps.h"

/* What a step does each time it is run; a step runs at most four times here. */
enum deed { GOES, FAILS, HOLDS, HOLDS_TWICE, YIELDS, HOLDS_AND_YIELDS, LOSES_WIRE };

static enum deed deeds[STEP_END][4];
static unsigned runs[STEP_END];
static enum step trail[64];
static size_t trail_length;
static struct loop loop;
static unsigned answers, sessions_dropped;
static bool answer_ends_wire;

void session_drop(struct session **session)
{
	sessions_dropped++;
	*session = NULL;
}

static void play(struct exchange *exchange, enum step step)
{
	assert_int_equal(exchange->step, step);
	assert_true(trail_length < 64);
	trail[trail_length++] = step;
	switch (deeds[step][runs[step]++ & 3]) {
	case GOES:
		return;
	case FAILS:
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, (struct str){ 0 }, "no");
		return;
	case HOLDS:
		exchange_hold(exchange);
		return;
	case HOLDS_TWICE:
		exchange_hold(exchange);
		exchange_hold(exchange);
		return;
	case YIELDS:
		exchange->phase++;
		exchange_yield(exchange);
		return;
	case HOLDS_AND_YIELDS:
		exchange->phase++;
		exchange_hold(exchange);
		exchange_yield(exchange);
		return;
	case LOSES_WIRE:
		exchange_wire_gone(exchange);
		return;
	}
}

#define STEP(name, function)                     \
	void function(struct exchange *exchange) \
	{                                        \
		play(exchange, STEP_##name);     \
	}
#include "server/steps.tbl"
#undef STEP

static void answer(struct exchange *exchange)
{
	answers++;
	if (answer_ends_wire)
		exchange_wire_gone(exchange);
}

static const struct door door = { .name = "test", .answer = answer };
static int wire;

/* What step_respond does, in a word. */
static void answer_if_wired(struct exchange *exchange)
{
	if (exchange->wire != NULL)
		exchange->door->answer(exchange);
}

static int begin(void **state)
{
	(void)state;
	memset(deeds, 0, sizeof(deeds));
	memset(runs, 0, sizeof(runs));
	trail_length = 0;
	loop = (struct loop){ 0 };
	answers = sessions_dropped = 0;
	answer_ends_wire = false;
	return 0;
}

static struct exchange *start(void)
{
	return exchange_new(&loop, &door, &wire, 1 << 20);
}

static void trail_is(const enum step *steps, size_t count)
{
	assert_int_equal(trail_length, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(trail[i], steps[i]);
}
#define TRAIL(...)                                   \
	trail_is((const enum step[]){ __VA_ARGS__ }, \
		sizeof((const enum step[]){ __VA_ARGS__ }) / sizeof(enum step))

static void all_steps_in_order(void **state)
{
	(void)state;
	struct exchange *exchange = start();
	exchange_run(exchange);
	TRAIL(STEP_AUTHENTICATE, STEP_PERMIT, STEP_PARSE, STEP_VALIDATE, STEP_RESOLVE, STEP_DECIDE,
		STEP_STORE, STEP_AUDIT, STEP_RESPOND);
	assert_int_equal(loop.live, 1);
	exchange_wire_gone(exchange);
	assert_int_equal(loop.live, 0);
	assert_int_equal(sessions_dropped, 1);
}

static void an_error_skips_to_audit(void **state)
{
	(void)state;
	deeds[STEP_PARSE][0] = FAILS;
	struct exchange *exchange = start();
	exchange_run(exchange);
	TRAIL(STEP_AUTHENTICATE, STEP_PERMIT, STEP_PARSE, STEP_AUDIT, STEP_RESPOND);
	exchange_wire_gone(exchange);
}

static void what_the_door_refused_is_audited_too(void **state)
{
	(void)state;
	struct exchange *exchange = start();
	outcome_fail(&exchange->outcome, OUTCOME_NOT_FOUND, (struct str){ 0 }, "no route");
	exchange_run(exchange);
	TRAIL(STEP_AUDIT, STEP_RESPOND);
	exchange_wire_gone(exchange);
}

static void an_error_in_audit_goes_on_to_respond(void **state)
{
	(void)state;
	deeds[STEP_AUDIT][0] = FAILS;
	struct exchange *exchange = start();
	exchange_run(exchange);
	assert_int_equal(trail[trail_length - 1], STEP_RESPOND);
	assert_int_equal(runs[STEP_AUDIT], 1);
	exchange_wire_gone(exchange);
}

static void a_step_that_waits_is_left_when_its_work_is_back(void **state)
{
	(void)state;
	deeds[STEP_STORE][0] = HOLDS;
	struct exchange *exchange = start();
	exchange_run(exchange);
	assert_int_equal(trail[trail_length - 1], STEP_STORE);
	exchange_resume(&loop);
	assert_int_equal(trail[trail_length - 1], STEP_STORE); /* not before it is done */
	exchange_done(exchange);
	assert_int_equal(trail[trail_length - 1], STEP_STORE); /* never from within */
	exchange_resume(&loop);
	assert_int_equal(trail[trail_length - 1], STEP_RESPOND);
	assert_int_equal(runs[STEP_STORE], 1);
	exchange_wire_gone(exchange);
	assert_int_equal(loop.live, 0);
}

static void two_pieces_of_work_are_both_awaited(void **state)
{
	(void)state;
	deeds[STEP_STORE][0] = HOLDS_TWICE;
	struct exchange *exchange = start();
	exchange_run(exchange);
	exchange_done(exchange);
	exchange_resume(&loop);
	assert_int_equal(trail[trail_length - 1], STEP_STORE);
	exchange_done(exchange);
	exchange_resume(&loop);
	assert_int_equal(trail[trail_length - 1], STEP_RESPOND);
	exchange_wire_gone(exchange);
	assert_int_equal(loop.live, 0);
}

static void a_step_that_yields_is_run_again_next_turn(void **state)
{
	(void)state;
	deeds[STEP_VALIDATE][0] = deeds[STEP_VALIDATE][1] = YIELDS;
	struct exchange *exchange = start();
	exchange_run(exchange);
	assert_int_equal(runs[STEP_VALIDATE], 1);
	exchange_resume(&loop);
	assert_int_equal(runs[STEP_VALIDATE], 2); /* one slice a turn, however short the turn */
	assert_int_equal(exchange->phase, 2);
	exchange_resume(&loop);
	assert_int_equal(runs[STEP_VALIDATE], 3);
	assert_int_equal(trail[trail_length - 1], STEP_RESPOND);
	assert_int_equal(exchange->phase, 0);
	exchange_wire_gone(exchange);
	assert_int_equal(loop.live, 0);
}

static void a_step_may_wait_and_be_run_again(void **state)
{
	(void)state;
	deeds[STEP_RESOLVE][0] = HOLDS_AND_YIELDS;
	struct exchange *exchange = start();
	exchange_run(exchange);
	exchange_resume(&loop);
	assert_int_equal(runs[STEP_RESOLVE], 1);
	exchange_done(exchange);
	exchange_resume(&loop);
	assert_int_equal(runs[STEP_RESOLVE], 2);
	assert_int_equal(trail[trail_length - 1], STEP_RESPOND);
	exchange_wire_gone(exchange);
}

static void work_that_failed_skips_to_audit(void **state)
{
	(void)state;
	deeds[STEP_RESOLVE][0] = HOLDS_AND_YIELDS;
	struct exchange *exchange = start();
	exchange_run(exchange);
	outcome_fail(&exchange->outcome, OUTCOME_BUSY, (struct str){ 0 }, "away");
	exchange_done(exchange);
	exchange_resume(&loop);
	assert_int_equal(runs[STEP_RESOLVE], 1);
	TRAIL(STEP_AUTHENTICATE, STEP_PERMIT, STEP_PARSE, STEP_VALIDATE, STEP_RESOLVE, STEP_AUDIT,
		STEP_RESPOND);
	exchange_wire_gone(exchange);
}

static void the_journey_goes_on_without_a_client(void **state)
{
	(void)state;
	deeds[STEP_STORE][0] = HOLDS;
	struct exchange *exchange = start();
	exchange_run(exchange);
	exchange_wire_gone(exchange);
	assert_int_equal(loop.live, 1);
	exchange_done(exchange);
	exchange_resume(&loop);
	assert_int_equal(trail[trail_length - 1], STEP_RESPOND);
	assert_int_equal(runs[STEP_AUDIT], 1);
	assert_int_equal(loop.live, 0);
}

static void a_client_may_leave_within_a_step(void **state)
{
	(void)state;
	deeds[STEP_RESPOND][0] = LOSES_WIRE;
	exchange_run(start());
	assert_int_equal(loop.live, 0);
}

static void many_are_resumed_in_order(void **state)
{
	(void)state;
	deeds[STEP_STORE][0] = deeds[STEP_STORE][1] = deeds[STEP_STORE][2] = HOLDS;
	struct exchange *three[3];
	for (size_t i = 0; i < 3; i++) {
		three[i] = start();
		exchange_run(three[i]);
	}
	for (size_t i = 0; i < 3; i++)
		exchange_done(three[i]);
	assert_ptr_equal(loop.resume, three[2]);
	exchange_resume(&loop);
	assert_null(loop.resume);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(three[i]->step, STEP_END);
		exchange_wire_gone(three[i]);
	}
	assert_int_equal(loop.live, 0);
}

static void an_answer_may_end_the_wire(void **state)
{
	(void)state;
	answer_ends_wire = true;
	struct exchange *exchange = start();
	exchange_hold(exchange); /* as exchange_run() does before it lets a step answer */
	answer_if_wired(exchange);
	assert_int_equal(answers, 1);
	assert_null(exchange->wire);
	answer_if_wired(exchange);
	assert_int_equal(answers, 1);
	exchange->waiting = exchange->yielded = true;
	exchange_done(exchange);
	exchange->step = STEP_END;
	exchange_resume(&loop);
	assert_int_equal(loop.live, 0);
}

/* The loop sleeps only while nothing waits to be freed: small arenas go at once, large ones a piece a turn, and no more than LOOP_SPENT of them wait. */
static void large_memory_is_freed_by_and_by(void **state)
{
	(void)state;
	struct arena *arena = arena_new((size_t)64 << 20);
	arena_alloc(arena, 100);
	spent_add(&loop, arena);
	assert_int_equal(loop.spent_count, 0);
	for (unsigned i = 0; i < LOOP_SPENT + 2; i++) {
		arena = arena_new((size_t)64 << 20);
		for (int piece = 0; piece < 5; piece++)
			arena_alloc(arena, (size_t)1 << 20);
		spent_add(&loop, arena);
	}
	assert_int_equal(loop.spent_count, LOOP_SPENT);
	unsigned turns = 0;
	for (; loop.spent_count > 0 && turns < 1000; turns++)
		spent_free_piece(&loop);
	assert_int_equal(loop.spent_count, 0);
	assert_in_range(turns, 2 * LOOP_SPENT, 4 * LOOP_SPENT);
	spent_free_piece(&loop);
	spent_free_all(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_steps_in_order, begin),
		cmocka_unit_test_setup(an_error_skips_to_audit, begin),
		cmocka_unit_test_setup(what_the_door_refused_is_audited_too, begin),
		cmocka_unit_test_setup(an_error_in_audit_goes_on_to_respond, begin),
		cmocka_unit_test_setup(a_step_that_waits_is_left_when_its_work_is_back, begin),
		cmocka_unit_test_setup(two_pieces_of_work_are_both_awaited, begin),
		cmocka_unit_test_setup(a_step_that_yields_is_run_again_next_turn, begin),
		cmocka_unit_test_setup(a_step_may_wait_and_be_run_again, begin),
		cmocka_unit_test_setup(work_that_failed_skips_to_audit, begin),
		cmocka_unit_test_setup(the_journey_goes_on_without_a_client, begin),
		cmocka_unit_test_setup(a_client_may_leave_within_a_step, begin),
		cmocka_unit_test_setup(many_are_resumed_in_order, begin),
		cmocka_unit_test_setup(an_answer_may_end_the_wire, begin),
		cmocka_unit_test_setup(large_memory_is_freed_by_and_by, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
