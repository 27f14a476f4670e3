/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "fhir/base/arena.h"
#include "server/networks.h"

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static bool has(const char *list, const char *peer)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct networks networks;
	assert_true(networks_parse(arena, str_of(list), &networks));
	if (inet_pton(AF_INET, peer, &v4.sin_addr) == 1)
		return networks_have(&networks, (struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, peer, &v6.sin6_addr), 1);
	return networks_have(&networks, (struct sockaddr *)&v6);
}

static void who_stands_there_is_let_in(void **state)
{
	(void)state;
	assert_true(has("loopback", "127.0.0.1") && has("loopback", "127.9.9.9"));
	assert_true(has("loopback", "::1") && has("loopback", "::ffff:127.0.0.1"));
	assert_true(has("10.1.2.3", "10.1.2.3") && has("10.1.2.3", "::ffff:10.1.2.3"));
	assert_true(has("192.0.2.0/24, 2001:db8::/33", "192.0.2.255"));
	assert_true(has("192.0.2.0/24, 2001:db8::/33", "2001:db8:7fff::1"));
	assert_true(has("10.0.0.0/9 loopback", "10.127.0.1"));
	assert_true(has("0.0.0.0/0", "198.51.100.1") && has("::/0", "198.51.100.1"));
}

static void others_are_not(void **state)
{
	(void)state;
	assert_false(has("", "127.0.0.1"));
	assert_false(has("loopback", "128.0.0.1") || has("loopback", "126.255.255.255"));
	assert_false(has("loopback", "::2") || has("loopback", "::"));
	assert_false(has("10.1.2.3", "10.1.2.2") || has("10.1.2.3", "::10.1.2.3"));
	assert_false(has("192.0.2.0/24, 2001:db8::/33", "192.0.3.0"));
	assert_false(has("192.0.2.0/24, 2001:db8::/33", "2001:db8:8000::1"));
	assert_false(has("10.0.0.0/9", "10.128.0.1"));
	assert_false(has("0.0.0.0/0", "2001:db8::1"));
	struct networks all;
	assert_true(networks_parse(arena, STR("0.0.0.0/0 ::/0"), &all));
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	assert_false(networks_have(&all, (struct sockaddr *)&local));
}

static void what_is_no_list_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = { "localhost", "10.0.0", "10.0.0.1/8", "10.0.0.0/33",
		"10.0.0.0/", "10.0.0.0/x", "2001:db8::1/64", "::/129", "/8", "10.0.0.1;10.0.0.2",
		"example.org", "10.0.0.1/32/32", "loopback/8", "-1", "::1::2" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct networks networks = { .count = 7 };
		if (networks_parse(arena, str_of(wrong[i]), &networks) || networks.count != 7)
			fail_msg("%s was taken", wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_stands_there_is_let_in),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(what_is_no_list_is_refused),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
