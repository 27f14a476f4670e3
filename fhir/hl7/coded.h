/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_CODED_H
#define FHIR_HL7_CODED_H

#include "fhir/base/buf.h"

struct reading;
struct row;

/* Codes and identifiers of a message as FHIR JSON. Inside of pcd01, see rows.h. */

/* A CWE as a CodeableConcept; nothing and false when it is empty. */
bool coded_write(struct reading *reading, struct str cwe, struct buf *buf);
/* FHIR system of a coding system name of HL7 table 0396, or empty. */
struct str coded_system(struct reading *reading, struct str name);
/* May the text stand in a code of FHIR: not empty and without white space? */
bool coded_is_code(struct str text);
/* `"code":{..}` of a row, for a value in `unit`. */
void coded_write_row(
	struct reading *reading, const struct row *row, struct str unit, struct buf *buf);
/* `"code":{..}` of a panel that has no row of its own. */
void coded_write_panel(uint32_t panel, struct buf *buf);
/* An identifier object of an EI, dashed EUI-64 or by its universal id; false when it is empty. */
bool coded_write_device(struct reading *reading, struct str ei, struct buf *buf);

/* A reference to who an XCN names, by identifier, words or both; false when it is empty. */
bool coded_write_person(struct reading *reading, struct str xcn, struct buf *buf);
/*
 * The identifier that an EI gives an observation; false when it is empty. A UUID is one all over the world, so it has a system and is a key (identity.h); what other authorities count up is used
 * again by real senders, so it is kept with its authority's name and tells no reading from another.
 */
bool coded_write_instance(struct reading *reading, struct str ei, struct buf *buf);

/* Is it an OID (of an assigning authority), bare or as a URN? */
bool coded_is_oid(struct str oid);
/* Is the identifier object that of an EUI-64? */
bool coded_is_eui64(struct str identifier);

#endif
