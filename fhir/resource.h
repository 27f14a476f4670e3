/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_RESOURCE_H
#define FHIR_RESOURCE_H

#include "fhir/base/buf.h"
#include "fhir/base/instant.h"

/* One envelope for every resource type; numbers are stored, in FHIR ids and in the log. */
enum resource_type {
	TYPE_NONE = 0,
	TYPE_OBSERVATION = 1,
	TYPE_PATIENT = 2,
	TYPE_DEVICE = 3,
	TYPE_BUNDLE = 4,
	TYPE_AUDIT_EVENT = 5,
	TYPE_LOCATOR = 6,
	TYPE_PROVENANCE = 7,
	TYPE_ORGANIZATION = 8,
	TYPE_CAPABILITY_STATEMENT = 9
};

const char *resource_type_name(enum resource_type type);

/* A resource as it is stored and sent. `id` is the sealed FHIR id. */
struct resource {
	enum resource_type type;
	struct str id;
	int version;
	instant updated;
	struct str body; /* see struct observation.body */
};

struct json;

/* Is it the name of a resource type of R4, whether the hub stores such or not? */
bool resource_name_is_known(struct str name);

/*
 * The bytes of the resource: id, meta.versionId and meta.lastUpdated put into the stored body. Nothing else is touched, so decimals and dates are as sent.
 */
void resource_render(struct buf *buf, const struct resource *resource);

/*
 * The id in a literal reference to a Patient here: `Patient/{id}`, or the same under `base` (no slash at its end; may be empty). Empty where it is none, or none that a hub gives: those
 * have 26 characters. Whether it leads to anybody, the seal knows.
 */
struct str resource_patient_id(struct str reference, struct str base);
/*
 * Who a Patient is: that of its identifiers which is a national one; of several a fødselsnummer before a D-number before a help number, and one whose `use` is old last. NULL where there is none, and where two
 * different ones are of the kind that counts: it could be either person.
 */
const struct json *resource_patient_identifier(const struct json *patient);
/* The same of the Patient among `contained` (NULL: none) that `reference`, as `#id`, names. */
const struct json *resource_contained_patient(const struct json *contained, struct str reference);
/* Is this subject a Device: by its type, or by a reference `Device/...`, relative or under `base`? */
bool resource_is_of_device(const struct json *subject, struct str base);

/* The bytes to store of a checked resource, on the arena (see struct observation.body). */
struct str resource_body(struct arena *arena, const struct json *json);

#endif
