/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_ACK_H
#define FHIR_HL7_ACK_H

#include "fhir/base/buf.h"
#include "fhir/base/instant.h"
#include "fhir/hl7/pcd01.h"

/* Whether the message was stored decides the letter: AA/CA, or what the first error's row in outcome.tbl says. */
struct ack {
	/* May be empty but for zeroes: then the acknowledgement has no MSA-2 to echo. */
	const struct pcd01 *request;
	struct str control_id; /* MSH-10 of the acknowledgement, ours */
	instant now;
	bool production;
};

/*
 * The acknowledgement that a message wants once it is stored, or once it is refused (HL7 v2.6 2.9.2 and 2.9.3). We answer once: both acknowledgements of the enhanced mode are known at the
 * same time, so who wants both gets that of the application.
 */
enum ack_mode { ACK_MODE_ORIGINAL, ACK_MODE_APPLICATION, ACK_MODE_COMMIT, ACK_MODE_NONE };
enum ack_mode ack_mode(const struct pcd01 *request, bool stored);

/*
 * Writes ACK^R01^ACK with MSH, MSA and one ERR per issue (ERR-2 location, ERR-3 table 0357, ERR-4 severity, ERR-7 diagnostic, ERR-8 text), UTF-8, segments ending in CR.
 * MSH-15/16 of the request decide between AA/AE/AR and CA/CE/CR. Where it wants none, it gets the one of the original mode: whether to send it is for the door to say (ack_mode()), and over
 * HTTP an answer is due.
 */
void ack_render(struct buf *buf, const struct ack *ack, const struct outcome *outcome);

#endif
