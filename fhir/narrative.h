/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_NARRATIVE_H
#define FHIR_NARRATIVE_H

#include "fhir/base/str.h"

/*
 * Is the XHTML of a narrative what R4 lets it be (txt-1): one well-formed div of basic formatting, without scripts, forms, event attributes or links that run code? An EPJ
 * may show it as it stands. Past the bounds of base/xml.h it is taken unread.
 */
bool narrative_is_basic(struct arena *arena, struct str div);

/* Does it say anything: a word or an image (txt-2)? */
bool narrative_says(struct str div);

#endif
