/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* XML that parses is a bounded tree of UTF-8; an envelope that is taken gives a message, and the answer to it is read back as it was written. */
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/base/xml.h"
#include "fhir/hl7/soap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static unsigned check_tree(const struct xml *element, unsigned depth)
{
	unsigned count = 1, children = 0;
	require(depth <= XML_DEPTH_MAX && element->name.length > 0);
	require(str_is_utf8(element->text) && str_is_utf8(element->name));
	require(element->attribute_count <= XML_ATTRIBUTES_MAX);
	xml_each(child, element)
	{
		count += check_tree(child, depth + 1);
		children++;
	}
	require(children == element->child_count);
	return count;
}

static void check_answer(struct arena *arena, const struct soap *soap)
{
	struct outcome outcome = { .arena = arena };
	struct buf buf = buf_new(arena, 1024, 64 << 20);
	soap_write_response(&buf, soap, soap->message);
	const struct xml *envelope = xml_parse(arena, buf_str(&buf), &outcome);
	/* What cannot be read back is too large, as escapes make it longer. */
	require(envelope != NULL || outcome_first(&outcome) == OUTCOME_TOO_LARGE);
	require(envelope == NULL || str_equal(envelope->last->first->text, soap->message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(256 << 20);
	const struct str text = { (const char *)data, size };
	struct outcome outcome = { .arena = arena };
	const struct xml *tree = xml_parse(arena, text, &outcome);
	require((tree == NULL) == (outcome.errors > 0));
	if (tree != NULL)
		require(check_tree(tree, 1) <= XML_ELEMENTS_MAX);
	struct outcome said = { .arena = arena };
	struct soap soap;
	const bool good = soap_read(arena, text, &soap, &said);
	require(good == (said.errors == 0));
	if (good)
		check_answer(arena, &soap);
	struct buf fault = buf_new(arena, 1024, 64 << 20);
	if (!good)
		soap_write_fault(&fault, &soap, soap.fault, &said);
	require(good || xml_parse(arena, buf_str(&fault), &outcome) != NULL);
	arena_free(&arena);
	return 0;
}
