/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_PCD01_H
#define FHIR_HL7_PCD01_H

#include "fhir/base/instant.h"
#include "fhir/hl7/er7.h"
#include "fhir/national.h"

struct row;

struct pcd01_policy {
	enum national_policy national;
	struct zone zone; /* of this sender, for times without zone */
	bool zone_known;  /* false: a time without zone in OBX-14/OBR-7 is refused */
	bool production;  /* MSH-11 T and D are refused */
	instant now;
};

/* The answer the sender wants: MSH-15/16 (both empty: original mode). */
enum ack_mode { ACK_ORIGINAL, ACK_APPLICATION, ACK_COMMIT, ACK_NEVER };

/* What a message says, ready for the same journey as a FHIR upload. */
struct pcd01 {
	struct str control_id; /* MSH-10, unescaped */
	struct str sender,
		receiver; /* MSH-3..4 and MSH-5..6 as written, for the swap in the acknowledgement */
	enum ack_mode ack_mode;
	struct national_id patient;
	struct str *
		observations; /* FHIR R4 Observation as JSON text each, in the order of their first OBX; read again by observation_read() */
	struct hl7_place *places; /* the OBX an observation came from */
	bool *corrections; /* OBX-11 C or A, D, W: the sender says that this replaces what it sent before */
	size_t count;
	/* Each OBX and what became of it, for explain.c (rows.h); NULL when the message was refused before its rows were read. */
	const struct row *rows;
	size_t row_count;
};

/*
 * Turns an ORU^R01 of profile IHE PCD-01 into Observations: containment by OBX-4, inherited times and devices, groups (blood pressure) as components, facets as components,
 * MDC codes by number with LOINC beside them from mdc.tbl, MDC units to UCUM, exact decimals. Sources: IHE PCD TF-2; HL7 PHD IG; v2-to-FHIR. Rows that cannot be used are
 * warnings with their place; a message that cannot be attributed or read is an error. `out->control_id`, sender and ack_mode are filled as soon as MSH can be read, also when false is returned.
 */
bool pcd01_read(struct arena *arena, const struct er7 *message, const struct pcd01_policy *policy,
	struct pcd01 *out, struct outcome *outcome);

#endif
