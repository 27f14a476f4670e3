/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_CONDITIONS_H
#define SERVER_CONDITIONS_H

#include "fhir/base/instant.h"
#include "fhir/base/outcome.h"

/* The conditions of a request (RFC 9110 section 13) on one versioned resource (FHIR R4 http.html#versioning): an ETag is W/"version". */

/*
 * The version that If-Match asks for: 0 where the header is empty or *. W/"3", "3" and 3 are taken. False adds an error (400): a list, or no version of ours, for then nothing could match, and
 * the caller should know why.
 */
bool condition_if_match(struct str header, int *version_out, struct outcome *outcome);

/* Does If-None-Match name this version, or *? */
bool condition_none_match(struct str header, int version);

/* Do they rule out a change of what is there at this version? False adds 412, at the place where the condition stands. `expected`: as condition_if_match() has it. */
bool condition_is_expected(int expected, int version, struct str place, struct outcome *outcome);
bool condition_is_unnamed(
	struct str none_match, int version, struct str place, struct outcome *outcome);

/* A date in one of HTTP's three forms (RFC 9110 5.6.7: each must be taken). False: it is none, and is ignored, as 13.1.3 asks. */
bool condition_date(struct str text, instant *out);

/*
 * Is what was changed at `updated` (version) what the caller has already: 304? If-None-Match stands above If-Modified-Since, which a header gives in whole seconds, and an entry of a Bundle as the
 * instant `since` (0: none).
 */
bool condition_unchanged(struct str none_match, struct str modified_since, instant since,
	int version, instant updated);

#endif
