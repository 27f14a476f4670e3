/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/head.h"

#define POST "POST /fhir HTTP/1.1\r\n"

static void what_two_would_read_differently_is_told(void **state)
{
	(void)state;
	static const char *const bad[] = { POST "Host: a\r\nHost: b\r\n\r\n",
		POST "Host: a\nX: a\r\n\r\n", POST "Host: a\r\n\n",
		"POST / HTTP/1.1\nHost: a\r\n\r\n",
		POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		POST "CONTENT-LENGTH: 1\r\ncontent-length: 1\r\n\r\n",
		POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: 1\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		POST "Host: a\r\nX: y\r\n Content-Length: 1\r\n\r\n",
		POST "Host: a\r\n\tTransfer-Encoding: chunked\r\n\r\n",
		POST "Host: a\r\nContent-Length : 1\r\n\r\n",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (head_fault(str_of(bad[i])) == NULL)
			fail_msg("taken: %s", bad[i]);
}

static void what_is_sound_passes(void **state)
{
	(void)state;
	static const char *const good[] = { "", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\n",
		POST "Host: a\r\nContent-Length: 1\r\n\r\n",
		POST "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n",
		/* the body is no head, nor is a name that only begins so */
		POST "Host: a\r\nContent-Length: 9\r\n\r\nHost: b\r\nContent-Length: 3\r\n",
		POST "Host: a\r\nHost-Name: b\r\nX: host: c\r\nY:  d : e \r\n\r\n" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (head_fault(str_of(good[i])) != NULL)
			fail_msg("refused: %s", good[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_two_would_read_differently_is_told),
		cmocka_unit_test(what_is_sound_passes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
