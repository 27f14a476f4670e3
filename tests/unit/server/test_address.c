/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "server/address.h"

#define NOW ((instant)1800000000 * INSTANT_SECOND)

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(64 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct addresses *limited(unsigned connections, unsigned rate)
{
	const struct address_limits limits = { .connections = connections, .rate = rate };
	return addresses_new(arena, &limits);
}

static enum address_answer enter(
	struct addresses *addresses, const char *text, instant now, struct address **out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_enter(addresses, (struct sockaddr *)&v4, now, out);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return address_enter(addresses, (struct sockaddr *)&v6, now, out);
}

static void an_address_holds_so_many(void **state)
{
	(void)state;
	struct addresses *addresses = limited(3, 100);
	struct address *at;
	for (int i = 0; i < 3; i++)
		assert_int_equal(enter(addresses, "10.0.0.1", NOW, &at), ADDRESS_TAKEN);
	struct address *other;
	assert_int_equal(enter(addresses, "10.0.0.1", NOW, &other), ADDRESS_TOO_MANY);
	assert_int_equal(enter(addresses, "10.0.0.2", NOW, &other), ADDRESS_TAKEN);
	address_leave(at);
	assert_int_equal(enter(addresses, "10.0.0.1", NOW, &at), ADDRESS_TAKEN);
	assert_int_equal(enter(addresses, "10.0.0.1", NOW, &at), ADDRESS_TOO_MANY);
}

static void an_address_makes_so_many_a_second(void **state)
{
	(void)state;
	struct addresses *addresses = limited(1000, 10);
	struct address *at;
	for (int i = 0; i < 20; i++)
		assert_int_equal(enter(addresses, "10.0.0.1", NOW, &at), ADDRESS_TAKEN);
	assert_int_equal(enter(addresses, "10.0.0.1", NOW, &at), ADDRESS_TOO_FAST);
	const instant later = NOW + INSTANT_SECOND / 2;
	for (int i = 0; i < 5; i++)
		assert_int_equal(enter(addresses, "10.0.0.1", later, &at), ADDRESS_TAKEN);
	assert_int_equal(enter(addresses, "10.0.0.1", later, &at), ADDRESS_TOO_FAST);
	/* a killed connection weighs as many new ones */
	const instant much_later = NOW + 60 * INSTANT_SECOND;
	assert_int_equal(enter(addresses, "10.0.0.1", much_later, &at), ADDRESS_TAKEN);
	address_charge(at, 20);
	assert_int_equal(enter(addresses, "10.0.0.1", much_later, &at), ADDRESS_TOO_FAST);
}

/* Or all behind one address would be refused until the clock has caught up. */
static void a_clock_that_is_set_back_costs_a_second(void **state)
{
	(void)state;
	struct addresses *addresses = limited(1000, 10);
	const instant back = NOW - 3600 * INSTANT_SECOND;
	struct address *at;
	for (int i = 0; i < 20; i++)
		assert_int_equal(enter(addresses, "10.0.0.1", NOW, &at), ADDRESS_TAKEN);
	assert_int_equal(enter(addresses, "10.0.0.1", back, &at), ADDRESS_TOO_FAST);
	for (int i = 0; i < 10; i++)
		assert_int_equal(
			enter(addresses, "10.0.0.1", back + INSTANT_SECOND, &at), ADDRESS_TAKEN);
	assert_int_equal(
		enter(addresses, "10.0.0.1", back + INSTANT_SECOND, &at), ADDRESS_TOO_FAST);
}

static void an_ipv6_client_is_its_network(void **state)
{
	(void)state;
	struct addresses *addresses = limited(1, 100);
	struct address *at;
	assert_int_equal(enter(addresses, "2001:db8:1:2::1", NOW, &at), ADDRESS_TAKEN);
	assert_int_equal(enter(addresses, "2001:db8:1:2:ffff::9", NOW, &at), ADDRESS_TOO_MANY);
	assert_int_equal(enter(addresses, "2001:db8:1:3::1", NOW, &at), ADDRESS_TAKEN);
}

static void the_quiet_are_forgotten(void **state)
{
	(void)state;
	struct addresses *addresses = limited(10, 100);
	size_t used = 0;
	for (unsigned round = 0; round < 4; round++) {
		const instant now = NOW + round * 60 * INSTANT_SECOND;
		for (unsigned i = 0; i < 50000; i++) {
			struct sockaddr_in v4 = { .sin_family = AF_INET,
				.sin_addr.s_addr = htonl(0x0a000000 + round * 50000 + i) };
			struct address *at;
			assert_int_equal(address_enter(addresses, (struct sockaddr *)&v4, now, &at),
				ADDRESS_TAKEN);
			address_leave(at);
		}
		if (round == 1)
			used = arena_used(arena);
	}
	/* from the second round on their room is used again */
	assert_true(arena_used(arena) < used + used / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_address_holds_so_many, begin, end),
		cmocka_unit_test_setup_teardown(an_address_makes_so_many_a_second, begin, end),
		cmocka_unit_test_setup_teardown(
			a_clock_that_is_set_back_costs_a_second, begin, end),
		cmocka_unit_test_setup_teardown(an_ipv6_client_is_its_network, begin, end),
		cmocka_unit_test_setup_teardown(the_quiet_are_forgotten, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
