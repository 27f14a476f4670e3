/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Frames out of a stream: the field's oddities, the limits, and a thousand ways to split the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/hl7/mllp.h"

#define FRAME(message) "\x0b" message "\x1c\r"
#define SPLITS         1000

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(512 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* A stream in pieces, which may end anywhere; `sizes` gives the next one's. The words of what came out are joined by commas. */
struct pieces {
	struct mllp mllp;
	struct str stream;
	size_t begin, end;
	struct buf said;
};

static void feed(struct pieces *pieces, size_t more)
{
	static const char *const words[] = { [MLLP_MORE] = "",
		[MLLP_MESSAGE] = "message ",
		[MLLP_TOO_LONG] = "too long ",
		[MLLP_UNFRAMED] = "unframed" };
	enum mllp_event event;
	const size_t left = pieces->stream.length - pieces->end;
	pieces->end += more < left ? more : left;
	do {
		struct str message;
		size_t consumed;
		event = mllp_next(&pieces->mllp,
			str_part(pieces->stream, pieces->begin, pieces->end - pieces->begin),
			&message, &consumed);
		pieces->begin += consumed;
		assert_true(pieces->begin <= pieces->end);
		if (event == MLLP_MORE)
			break;
		buf_add_text(&pieces->said, words[event]);
		buf_add(&pieces->said, message);
		buf_add_byte(&pieces->said, ',');
	} while (event != MLLP_UNFRAMED);
}

static struct pieces pieces_of(struct str stream)
{
	return (struct pieces){ .stream = stream, .said = buf_new(arena, 64, SIZE_MAX) };
}

static void check(struct str stream, const char *wanted)
{
	struct pieces whole = pieces_of(stream), bytes = pieces_of(stream);
	feed(&whole, stream.length);
	for (size_t i = 0; i < stream.length && bytes.mllp.state != MLLP_BROKEN; i++)
		feed(&bytes, 1);
	if (!str_is(buf_str(&whole.said), wanted))
		fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(buf_str(&whole.said)), wanted);
	assert_true(str_equal(buf_str(&whole.said), buf_str(&bytes.said)));
}
#define CHECK(literal, wanted) check((struct str){ literal, sizeof(literal) - 1 }, wanted)

static void frames_come_out(void **state)
{
	(void)state;
	CHECK("", "");
	CHECK(FRAME("MSH|1\r"), "message MSH|1\r,");
	CHECK(FRAME("MSH|1\r") FRAME("MSH|2\r"), "message MSH|1\r,message MSH|2\r,");
	CHECK("\x0b", "");
	CHECK("\x0bMSH|1\r", "");
	CHECK("\x0bMSH|1\r\x1c", "");
	CHECK(FRAME(""), "message ,");
}

static void what_senders_put_between_is_passed_by(void **state)
{
	(void)state;
	CHECK("\0\0\0" FRAME("a") "\0\0" FRAME("b"), "message a,message b,");
	CHECK(FRAME("a") "\r\n" FRAME("b") "\n \t", "message a,message b,");
	CHECK(FRAME("a") "\x1c\r" FRAME("b"), "message a,message b,");
}

/* Only both bytes end a frame, and in it any byte may stand: what it means is for the parser of HL7 to say. */
static void half_an_end_is_content(void **state)
{
	(void)state;
	CHECK(FRAME("a\x1c"
		    "b"),
		"message a\x1c"
		"b,");
	CHECK(FRAME("a\x1c"), "message a\x1c,");
	CHECK(FRAME("a\x0b"
		    "b"),
		"message a\x0b"
		"b,");
}

static void a_stream_without_frames_is_told_at_once(void **state)
{
	(void)state;
	CHECK("MSH|^~\\&|B40\r", "unframed,");
	CHECK(FRAME("a") "GET / HTTP/1.1\r\n", "message a,unframed,");
	struct pieces pieces = pieces_of(STR("MSH|" FRAME("a")));
	feed(&pieces, 1);
	feed(&pieces, 100);
	assert_true(str_is(buf_str(&pieces.said), "unframed,unframed,"));
}

static struct str repeated(char byte, size_t count, const char *after)
{
	char *text = arena_alloc(arena, count + strlen(after) + 1);
	text[0] = '\x0b';
	memset(text + 1, byte, count);
	memcpy(text + 1 + count, after, strlen(after));
	return (struct str){ text, count + strlen(after) + 1 };
}

static void the_longest_message_and_one_byte_more(void **state)
{
	(void)state;
	struct pieces fits = pieces_of(repeated('x', MLLP_MESSAGE_MAX, "\x1c\r"));
	feed(&fits, SIZE_MAX);
	assert_int_equal(buf_str(&fits.said).length, MLLP_MESSAGE_MAX + strlen("message ,"));
	static const size_t sizes[] = { SIZE_MAX, 1000, 65536, MLLP_MESSAGE_MAX + 2 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pieces over =
			pieces_of(repeated('x', MLLP_MESSAGE_MAX + 1, "\x1c\r" FRAME("next")));
		while (over.end < over.stream.length)
			feed(&over, sizes[i]);
		const struct str said = buf_str(&over.said);
		assert_true(str_starts(said, STR("too long xxx")));
		assert_true(str_ends(said, STR("x,message next,")));
		assert_int_equal(said.length, MLLP_HEAD + strlen("too long ,message next,"));
	}
}

static void nothing_is_passed_by_for_ever(void **state)
{
	(void)state;
	char *nothing = arena_alloc(arena, MLLP_FILLER_MAX + 1);
	check((struct str){ nothing, MLLP_FILLER_MAX }, "");
	check((struct str){ nothing, MLLP_FILLER_MAX + 1 }, "unframed,");
	struct pieces endless =
		pieces_of(repeated('x', MLLP_MESSAGE_MAX + MLLP_SKIPPED_MAX + 2, ""));
	while (endless.end < endless.stream.length)
		feed(&endless, 1 << 20);
	assert_true(str_ends(buf_str(&endless.said), STR("x,unframed,")));
	assert_int_equal(endless.mllp.state, MLLP_BROKEN);
}

/* A long stream of everything above; random, but the same in every run. */
static struct str stream_of_all(unsigned *seed)
{
	static const char *const parts[] = { FRAME("MSH|^~\\&|a\rPID|1\r"), FRAME(""), "\r\n", "\r",
		" ", "\x1c\r", FRAME("x\x1cy\x0bz\r\n"), FRAME("\x1c\x1c"),
		FRAME("blodtrykk \xc3\xa5\r") };
	struct buf buf = buf_new(arena, 4096, SIZE_MAX);
	while (buf.length < 2000) {
		const unsigned part =
			(unsigned)rand_r(seed) % (sizeof(parts) / sizeof(parts[0]) + 1);
		if (part == sizeof(parts) / sizeof(parts[0]))
			buf_add_byte(&buf, '\0');
		else
			buf_add_text(&buf, parts[part]);
	}
	return buf_str(&buf);
}

static void a_thousand_splits_give_the_same(void **state)
{
	(void)state;
	unsigned seed = 20261128;
	const struct str stream = stream_of_all(&seed);
	struct pieces whole = pieces_of(stream);
	feed(&whole, stream.length);
	assert_true(buf_str(&whole.said).length > 100);
	for (unsigned i = 0; i < SPLITS; i++) {
		struct pieces pieces = pieces_of(stream);
		const unsigned most = 1 + i % 200;
		while (pieces.end < stream.length)
			feed(&pieces, 1 + (unsigned)rand_r(&seed) % most);
		assert_true(str_equal(buf_str(&pieces.said), buf_str(&whole.said)));
	}
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 16, 100);
	mllp_write(&buf, STR("MSH|\r"));
	check(buf_str(&buf), "message MSH|\r,");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_come_out, begin, end),
		cmocka_unit_test_setup_teardown(what_senders_put_between_is_passed_by, begin, end),
		cmocka_unit_test_setup_teardown(half_an_end_is_content, begin, end),
		cmocka_unit_test_setup_teardown(
			a_stream_without_frames_is_told_at_once, begin, end),
		cmocka_unit_test_setup_teardown(the_longest_message_and_one_byte_more, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_passed_by_for_ever, begin, end),
		cmocka_unit_test_setup_teardown(a_thousand_splits_give_the_same, begin, end),
		cmocka_unit_test_setup_teardown(what_is_written_is_read, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
