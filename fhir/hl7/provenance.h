/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_PROVENANCE_H
#define FHIR_HL7_PROVENANCE_H

#include "fhir/base/instant.h"
#include "fhir/base/json.h"
#include "fhir/base/str.h"

#define SYSTEM_UPLOAD "urn:maalehub:upload"
#define SYSTEM_CLIENT "urn:maalehub:client"

/* How one version of a reading came about: a message, kept as it came, was turned into it. */
struct provenance {
	struct str target; /* `Observation/{id}` */
	int version;       /* of it */
	instant recorded;  /* when that version was stored */
	uint64_t upload;   /* the number the message is kept under: the request's correlation id */
	struct str client; /* who sent it */
	uint32_t tenant_orgnr;          /* whose it is; 0: not told */
	const struct json *observation; /* that version, for its device, gateway and labels */
};

/*
 * The Provenance (FHIR R4) of a reading that a message made, as a body to be stored or sent (struct observation.body), on the arena. Nothing is kept of it: it is worked out of the reading and of
 * what is known of its message, whenever it is asked for, and so cannot disagree with either.
 */
struct str provenance_render(struct arena *arena, const struct provenance *provenance);

#endif
