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
	/* Numbers that this sender writes where it has no reading (sentinel.h), or empty: rows with them are held. */
	struct str sentinels;
	bool released; /* an operator has looked at the message: `sentinels` are readings */
	instant now;
};

/* What becomes of a message. What pcd01_read() says holds unless a later step adds an error to a message that was to be stored: then it is refused. */
enum pcd01_tier {
	PCD01_REFUSED,     /* nothing is kept: the sender has to mend it */
	PCD01_QUARANTINED, /* no reading is stored, but the message is kept as it came, for the operator; the outcome has an error that says so */
	PCD01_WARNED,      /* stored; each thing left out, held or doubted is a warning */
	PCD01_ACCEPTED     /* stored */
};

/* When the sender wants an acknowledgement of a kind: HL7 table 0155 in MSH-15 and MSH-16. Words that are not of the table stand for ACK_ALWAYS. */
enum ack_condition { ACK_UNSAID, ACK_ALWAYS, ACK_NEVER, ACK_ON_ERROR, ACK_ON_SUCCESS };

/* What a message says, ready for the same journey as a FHIR upload. */
struct pcd01 {
	enum pcd01_tier tier;
	/* Why the message, or `held` of its rows, wait for the operator: static words without anything of the message; empty where nothing does. */
	struct str reason;
	/* Rows with a sentinel; with PCD01_WARNED the rest of the message is stored. */
	unsigned held;
	struct str control_id; /* MSH-10, unescaped */
	struct str sender,
		receiver; /* MSH-3..4 and MSH-5..6 as written, for the swap in the acknowledgement */
	enum ack_condition accept_ack, application_ack; /* MSH-15, MSH-16 */
	struct national_id patient;
	/* FHIR R4 Observation as JSON text each, in the order of their first OBX; read again by observation_read(). */
	struct str *observations;
	struct hl7_place *places; /* the OBX an observation came from */
	bool *corrections; /* OBX-11 C or A, D, W: the sender says that this replaces what it sent before */
	size_t count;
	/* FHIR R4 Device as JSON text each, of the devices the message says more of than which they are, and the OBX of each. */
	struct str *devices;
	struct hl7_place *device_places;
	size_t device_count;
	/* Each OBX and what became of it, for explain.c (rows.h); NULL when the message was refused before its rows were read. */
	const struct row *rows;
	size_t row_count;
};

/* Of a message that could not be split, or that could: whom the acknowledgement is for and what it answers; empty where there is no MSH. */
void pcd01_head(struct arena *arena, const struct er7 *message, struct pcd01 *out);

/*
 * Turns an ORU^R01 of profile IHE PCD-01 into Observations: containment by OBX-4, inherited times and devices, groups (blood pressure) as components, facets as components,
 * MDC codes by number with LOINC beside them from mdc.tbl, MDC units to UCUM, exact decimals. Sources: IHE PCD TF-2; HL7 PHD IG; v2-to-FHIR. Rows that cannot be used are
 * warnings with their place; a message that cannot be attributed or read is an error. `out->control_id`, sender and what acknowledgement it wants are filled as soon as MSH can be read, also when false is returned.
 * False for PCD01_REFUSED and PCD01_QUARANTINED; of the latter `out->patient` is filled where PID-3 names one (else digits is empty).
 */
bool pcd01_read(struct arena *arena, const struct er7 *message, const struct pcd01_policy *policy,
	struct pcd01 *out, struct outcome *outcome);

#endif
