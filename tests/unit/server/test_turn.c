/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Slices of long work: the first are long, those of an exchange that is long itself are short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/turn.h"

static void the_first_are_long(void **state)
{
	(void)state;
	struct exchange exchange = { 0 }, other = { 0 };
	for (unsigned i = 0; i < TURNS_FEW; i++)
		assert_int_equal(turn_begin(&exchange).most, TURN);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(turn_begin(&exchange).most, TURN_SHORT);
	assert_true(TURN_SHORT < TURN);
	assert_int_equal(turn_begin(&other).most, TURN);
}

static void those_of_a_long_body_are_short(void **state)
{
	(void)state;
	struct exchange exchange = { 0 };
	exchange.request.body.length = TURN_BODY - 1;
	assert_int_equal(turn_begin(&exchange).most, TURN);
	exchange.request.body.length = TURN_BODY;
	assert_int_equal(turn_begin(&exchange).most, TURN_SHORT);
}

static void a_turn_ends(void **state)
{
	(void)state;
	struct exchange exchange = { 0 };
	struct turn turn = turn_begin(&exchange);
	turn.most = INSTANT_SECOND * 3600;
	assert_false(turn_is_over(turn));
	turn.began -= turn.most + 1;
	assert_true(turn_is_over(turn));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_are_long),
		cmocka_unit_test(those_of_a_long_body_are_short),
		cmocka_unit_test(a_turn_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
