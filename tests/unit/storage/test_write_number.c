/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The ids of a group's readings: of the lease in their order, or brought along; and which of them turned out to be another row than others of their write took them for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/write_private.h"

#include "fhir/base/arena.h"

#define COUNT 6
#define FIRST 1000

struct bed {
	struct arena *arena;
	struct write_item items[COUNT];
	struct reading readings[COUNT], *list[COUNT];
	struct group group;
};

static int begin(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 20);
	struct bed *bed = arena_alloc(arena, sizeof(*bed));
	bed->arena = arena;
	for (unsigned i = 0; i < COUNT; i++) {
		bed->items[i].mode = WRITE_CREATE;
		bed->readings[i].item = &bed->items[i];
		bed->readings[i].state = READING_ADDED;
		bed->list[i] = &bed->readings[i];
	}
	bed->group = (struct group){
		.arena = arena, .readings = bed->list, .count = COUNT, .first_id = FIRST
	};
	*state = bed;
	return 0;
}

static int end(void **state)
{
	struct arena *arena = ((struct bed *)*state)->arena; /* the bed lies on it */
	arena_free(&arena);
	return 0;
}

static void the_next_of_the_lease(void **state)
{
	struct bed *bed = *state;
	group_number(&bed->group);
	assert_int_equal(bed->group.named_count, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(bed->readings[i].id, FIRST + i);
		assert_ptr_equal(group_reading(&bed->group, FIRST + i), &bed->readings[i]);
	}
	assert_null(group_reading(&bed->group, FIRST - 1));
	assert_null(group_reading(&bed->group, FIRST + COUNT));
	assert_null(group_reading(&bed->group, 0));
}

static void brought_along(void **state)
{
	struct bed *bed = *state;
	/* In no order, before and behind the lease; the others keep the places that they have. */
	bed->items[1].id = 70;
	bed->items[2].id = 5000;
	bed->items[4].id = 20;
	group_number(&bed->group);
	assert_int_equal(bed->group.named_count, 3);
	const uint64_t ids[COUNT] = { FIRST, 70, 5000, FIRST + 3, 20, FIRST + 5 };
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(bed->readings[i].id, ids[i]);
		assert_ptr_equal(group_reading(&bed->group, ids[i]), &bed->readings[i]);
	}
	assert_null(group_reading(&bed->group, 71));
	assert_null(group_reading(&bed->group, 4999));
	/* A group that is tried again with fewer forgets those of before. */
	bed->items[1].id = bed->items[2].id = bed->items[4].id = 0;
	group_number(&bed->group);
	assert_null(group_reading(&bed->group, 70));
	assert_ptr_equal(group_reading(&bed->group, FIRST + 1), &bed->readings[1]);
}

static void another_row_than_was_thought(void **state)
{
	struct bed *bed = *state;
	group_number(&bed->group);
	assert_false(group_moved(&bed->group));
	/* As was thought: one that is new, one that is there. */
	bed->items[0].expect = FIRST;
	bed->readings[1].state = READING_KNOWN;
	bed->readings[1].hit.id = 7;
	bed->items[1].expect = 7;
	assert_false(group_moved(&bed->group));
	/* It was to be new and is there; it was to be there and is new; and another one is there. */
	bed->readings[2].state = READING_KNOWN;
	bed->readings[2].hit.id = 8;
	bed->items[2].expect = FIRST + 2;
	bed->items[3].expect = 9;
	bed->readings[4].state = READING_CHANGED;
	bed->readings[4].hit.id = 10;
	bed->items[4].expect = 11;
	/* A change is named by its id: it cannot be another. */
	bed->items[5].mode = WRITE_UPDATE;
	bed->items[5].expect = 12;
	assert_true(group_moved(&bed->group));
	const uint64_t became[COUNT] = { 0, 0, 8, FIRST + 3, 10, 0 };
	for (unsigned i = 0; i < COUNT; i++) {
		const bool moved = became[i] != 0;
		assert_int_equal(bed->readings[i].state == READING_REFUSED, moved);
		assert_int_equal(bed->readings[i].fate == WRITE_MOVED, moved);
		assert_int_equal(bed->items[i].key.id, became[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_next_of_the_lease, begin, end),
		cmocka_unit_test_setup_teardown(brought_along, begin, end),
		cmocka_unit_test_setup_teardown(another_row_than_was_thought, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
