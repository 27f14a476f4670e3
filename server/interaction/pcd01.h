/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_PCD01_H
#define SERVER_INTERACTION_PCD01_H

#include "fhir/hl7/pcd01.h"
#include "fhir/hl7/soap.h"
#include "server/interaction/upload.h"

/* What the roads of a PCD-01 message have in common; they differ in how it comes out of the body and how the acknowledgement goes into the answer. */
struct pcd01_work {
	struct pcd01 message;
	struct upload *upload; /* NULL: the message could not be read */
	size_t parsed;         /* Observations whose JSON is parsed */
	struct soap *soap;     /* NULL: it came as it is */
	bool has_message;      /* there is one to acknowledge */
	bool is_aside;         /* nothing of it is a reading, and it is kept: aside.h */
	struct str bytes;
	struct store_keep keep;
	const struct grant *grant; /* of a message that is kept alone */
	struct outcome said, told; /* what pcd01_read() said of it; what the sender is told */
};

/* PARSE from where the message is known; `is_utf8`: the transport has settled its character set. */
void pcd01_parse(
	struct exchange *exchange, struct pcd01_work *work, struct str bytes, bool is_utf8);
void pcd01_validate(struct exchange *exchange);
void pcd01_who(struct exchange *exchange);
void pcd01_decide(struct exchange *exchange);
void pcd01_store(struct exchange *exchange);
void pcd01_audit(struct exchange *exchange);
/* The acknowledgement of a message that was stored, or of one that was refused with `outcome`. */
struct str pcd01_acknowledge(struct exchange *exchange, const struct outcome *outcome);
/* What is to be told of a message that was stored, or kept aside. */
const struct outcome *pcd01_note(struct exchange *exchange);
/* Is what was refused with this status told by the HTTP status, so that transports know when to try again, and not in an acknowledgement under 200? */
bool pcd01_told_by_http(int status);

#endif
