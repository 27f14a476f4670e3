/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_EXPLAIN_H
#define FHIR_HL7_EXPLAIN_H

#include "fhir/base/buf.h"
#include "fhir/hl7/pcd01.h"

/*
 * Writes what the hub makes of a message and why, for people: verdict, the tree of rows by OBX-4, the Observations and what a re-send of each is known by, every issue with its place and
 * the rule behind it, the acknowledgement. Names no patient and holds no control characters but LF, whatever the message holds. What needs the database (whether the caller may write,
 * what was sent before) is not looked at.
 */
enum pcd01_tier explain_write(struct buf *buf, struct str bytes, const struct pcd01_policy *policy);

#endif
