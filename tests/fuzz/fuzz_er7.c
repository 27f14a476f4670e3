/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A message that parses is well-formed UTF-8, its fields joined again are its segments, and every part of it lies inside. */
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/hl7/er7.h"

#define PARTS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_inside(struct str part, struct str whole)
{
	require(part.at == NULL
			? part.length == 0
			: part.at >= whole.at && part.at + part.length <= whole.at + whole.length);
}

static void check_field(struct arena *arena, const struct er7 *message, struct str field)
{
	bool more = true, null;
	for (unsigned i = 0; i < PARTS; i++) {
		const bool expected = more;
		const struct str repetition = er7_repetition(message, field, i, &more);
		require(expected || !more);
		check_inside(repetition, field);
		const struct str component = er7_component(message, repetition, i);
		check_inside(component, repetition);
		check_inside(er7_subcomponent(message, component, i), component);
		const struct str text = er7_text(arena, message, component, &null);
		require(str_is_utf8(text) && text.length <= component.length);
	}
}

static void check_segment(
	struct arena *arena, const struct er7 *message, const struct er7_segment *segment)
{
	size_t length = 0;
	require(segment->sequence > 0 && segment->field_count > 0);
	require(str_is(segment->fields[0], segment->name));
	for (unsigned i = 0; i < segment->field_count; i++) {
		check_inside(segment->fields[i], segment->text);
		check_field(arena, message, segment->fields[i]);
		length += segment->fields[i].length + 1;
	}
	/* In MSH the separator is a field and stands for itself. */
	const size_t joined = length - 1 - (strcmp(segment->name, "MSH") == 0 ? 2 : 0);
	require(joined == segment->text.length || segment->text.length == 3);
	require(er7_field(segment, segment->field_count).length == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(64 << 20);
	struct outcome outcome = { .arena = arena };
	struct er7 message = { 0 };
	const bool good =
		er7_parse(arena, (struct str){ (const char *)data, size }, &message, &outcome);
	require(good == (outcome.errors == 0));
	for (size_t i = 0; i < message.count; i++)
		check_segment(arena, &message, &message.segments[i]);
	if (good)
		require(er7_find(&message, "MSH") == &message.segments[0]);
	arena_free(&arena);
	return 0;
}
