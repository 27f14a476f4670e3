/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A proof is taken once, as long as it could be taken at all; and memory has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "fhir/base/str.h"
#include "server/replay.h"

#define NOW    ((instant)1800000000 * INSTANT_SECOND)
#define KEY    STR("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
#define LASTS  (15 * INSTANT_SECOND)
#define RACERS 4
#define PROOFS 2000

static enum replay_answer numbered(struct replay *replay, int number, instant until, instant now)
{
	char jti[32];
	const int length = snprintf(jti, sizeof(jti), "jti-%d", number);
	return replay_check(replay, KEY, (struct str){ jti, (size_t)length }, until, now);
}

static void a_proof_is_taken_once(void **state)
{
	(void)state;
	struct replay *replay = replay_new(1000);
	assert_int_equal(replay_check(replay, KEY, STR("a"), NOW + LASTS, NOW), REPLAY_FRESH);
	assert_int_equal(replay_check(replay, KEY, STR("a"), NOW + LASTS, NOW), REPLAY_SEEN);
	assert_int_equal(replay_check(replay, KEY, STR("b"), NOW + LASTS, NOW), REPLAY_FRESH);
	/* of another key it is another proof, however the two texts are cut */
	assert_int_equal(
		replay_check(replay, STR("other"), STR("a"), NOW + LASTS, NOW), REPLAY_FRESH);
	/* up to and in the second in which its age ends */
	assert_int_equal(
		replay_check(replay, KEY, STR("a"), NOW + LASTS, NOW + LASTS), REPLAY_SEEN);
	replay_free(&replay);
	assert_null(replay);
}

static void what_is_too_old_is_forgotten(void **state)
{
	(void)state;
	struct replay *replay = replay_new(1000);
	int fresh = 0;
	for (int i = 0; i < 5000; i++)
		fresh += numbered(replay, i, NOW + LASTS, NOW) == REPLAY_FRESH;
	/* sixteen shards fill unevenly, so not the whole capacity */
	assert_in_range(fresh, 800, 1016);
	assert_int_equal(numbered(replay, 9999, NOW + LASTS, NOW), REPLAY_FULL);
	const instant later = NOW + LASTS + 2 * INSTANT_SECOND;
	int again = 0;
	for (int i = 0; i < 5000; i++)
		again += numbered(replay, i, later + LASTS, later) == REPLAY_FRESH;
	assert_in_range(again, 800, 1016);
	/* a leap of the clock past the whole wheel */
	const instant next_year = NOW + 365 * 86400 * INSTANT_SECOND;
	assert_int_equal(numbered(replay, 1, next_year + LASTS, next_year), REPLAY_FRESH);
	replay_free(&replay);
}

static void what_cannot_be_remembered_is_not_taken(void **state)
{
	(void)state;
	struct replay *replay = replay_new(1000);
	const instant far = NOW + 3600 * INSTANT_SECOND;
	assert_int_equal(replay_check(replay, KEY, STR("a"), far, NOW), REPLAY_FULL);
	char jti[2000];
	memset(jti, 'x', sizeof(jti));
	assert_int_equal(
		replay_check(replay, KEY, (struct str){ jti, sizeof(jti) }, NOW + LASTS, NOW),
		REPLAY_FULL);
	/* of a proof that is past its age when it comes */
	assert_int_equal(
		replay_check(replay, KEY, STR("old"), NOW - INSTANT_SECOND, NOW), REPLAY_FRESH);
	assert_int_equal(
		replay_check(replay, KEY, STR("old"), NOW - INSTANT_SECOND, NOW), REPLAY_SEEN);
	replay_free(&replay);
}

static struct replay *shared;
static atomic_int taken;

static void *race(void *context)
{
	(void)context;
	for (int i = 0; i < PROOFS; i++)
		if (numbered(shared, i, NOW + LASTS, NOW) == REPLAY_FRESH)
			atomic_fetch_add(&taken, 1);
	return NULL;
}

static void one_of_many_at_once_is_taken(void **state)
{
	(void)state;
	shared = replay_new(100000);
	pthread_t racers[RACERS];
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&racers[i], NULL, race, NULL), 0);
	for (int i = 0; i < RACERS; i++)
		pthread_join(racers[i], NULL);
	assert_int_equal(taken, PROOFS);
	replay_free(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proof_is_taken_once),
		cmocka_unit_test(what_is_too_old_is_forgotten),
		cmocka_unit_test(what_cannot_be_remembered_is_not_taken),
		cmocka_unit_test(one_of_many_at_once_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
