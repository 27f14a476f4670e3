/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_SEARCH_NARROW_H
#define STORAGE_SEARCH_NARROW_H

#include "fhir/search.h"

/*
 * What columns and hub.term can say of the conditions that fhir/match.h decides: bounds that every reading of a match keeps, so that fewer are looked at. Always wider
 * than the question, never narrower: a condition with a modifier, a quantity without a unit, `ne`, and a token of any code of a system bound nothing.
 */
struct search_narrow {
	/* The range that the reading's value was written with (val_low, val_high, in the canonical unit) meets [value_from, value_to]; it has a value. */
	bool by_value;
	double value_from, value_to;
	/* A component, or with parts_own the reading, has a code of `parts`, OR-ed; where part_values is set, with a value that meets [part_from, part_to]. */
	struct search_tokens parts;
	bool parts_own, part_values;
	double part_from, part_to;
	/* Occurrences of code, those of the search first: a composite's code is asked of the index too. */
	struct search_tokens *codes;
	size_t code_count;
};

/* On the arena. */
struct search_narrow search_narrow_of(struct arena *arena, const struct search *search);
/* Leaves the codes alone: they lead along an index. */
void search_narrow_codes(struct search_narrow *narrow);

#endif
