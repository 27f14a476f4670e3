/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_UNIT_FHIR_QUOTED_H
#define TESTS_UNIT_FHIR_QUOTED_H

#include "fhir/base/arena.h"
#include "fhir/base/str.h"

/* JSON that a test writes with ' for ", as it is; on the arena. */
static inline struct str quoted(struct arena *arena, struct str text)
{
	char *out = arena_alloc(arena, text.length + 1);
	for (size_t i = 0; i < text.length; i++)
		out[i] = text.at[i] == '\'' ? '"' : text.at[i];
	return (struct str){ out, text.length };
}

#endif
