/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_SOAP_H
#define FHIR_HL7_SOAP_H

#include "fhir/base/buf.h"
#include "fhir/base/outcome.h"

/* PCD-01 over SOAP 1.2: IHE PCD TF-2 appendix J, SOAP 1.2 part 1 (section 5), WS-Addressing 1.0. */

/* Whose fault: SOAP 1.2 part 1 section 5.4.6. */
enum soap_fault {
	SOAP_SENDER,
	SOAP_RECEIVER,
	SOAP_MUST_UNDERSTAND,
	SOAP_VERSION_MISMATCH,
	SOAP_ACTION_NOT_SUPPORTED /* a Sender's, with the subcode of WS-Addressing */
};

struct soap {
	struct str message;    /* the HL7 message, UTF-8 whatever MSH-18 says */
	struct str message_id; /* wsa:MessageID, or empty */
	bool is_older;         /* the envelope is of SOAP 1.1: it gets a fault it can read */
	bool is_2009;          /* the action of the year before, which is answered in kind */
	enum soap_fault fault; /* what soap_read() has refused it for */
};

/*
 * Reads CommunicatePCDData out of an envelope. Header blocks that must be understood and are not (WS-Security for one) are refused, as are answers to elsewhere (wsa:ReplyTo that is not
 * anonymous). message_id is filled also when false is returned, where it could be read.
 */
bool soap_read(struct arena *arena, struct str bytes, struct soap *out, struct outcome *outcome);

/* The envelope around an acknowledgement. */
void soap_write_response(struct buf *buf, const struct soap *soap, struct str ack);
/* A Fault with the outcome's texts as its reason; `soap` may be NULL. What went wrong inside is not told. */
void soap_write_fault(struct buf *buf, const struct soap *soap, enum soap_fault fault,
	const struct outcome *outcome);
/* HTTP status of a fault: SOAP 1.2 part 2 section 7.5.2.2. */
int soap_status(enum soap_fault fault);

/* The service's description (WSDL 1.1), for the service at `url`. */
void soap_write_wsdl(struct buf *buf, struct str url);

#endif
