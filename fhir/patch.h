/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_PATCH_H
#define FHIR_PATCH_H

#include "fhir/base/json.h"
#include "fhir/resource.h"

/* Operations in one patch. */
#define PATCH_OPERATIONS_MAX 100

/*
 * Applies a JSON Patch (RFC 6902: add, remove, replace, move, copy, test; pointers of RFC 6901) to a resource of this type, all of it or nothing. Every `path` and `from` must lie within what fhir/patch.tbl opens
 * of the type. What is not touched keeps its bytes, so decimals their text; an array or object that the patch emptied is taken away, because FHIR has no empty ones.
 *
 * *out is the patched resource on the arena, still to be validated. False adds an error that names the operation: INVALID where the patch is no JSON Patch, BUSINESS_RULE where it may not be, leads nowhere, or a
 * test does not hold.
 */
bool patch_apply(struct arena *arena, enum resource_type type, const struct json *resource,
	const struct json *operations, struct str *out, struct outcome *outcome);

/* The paths that may be patched of a type, parted by ", "; for error texts and the CapabilityStatement. */
struct str patch_paths(struct arena *arena, enum resource_type type);

#endif
