/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_VALUES_H
#define FHIR_HL7_VALUES_H

#include "fhir/hl7/rows.h"

/* What a row says: OBX-5 by OBX-2 with its unit, OBX-8 and OBX-11. Inside of pcd01, see rows.h. */

/* What a row's OBX-5, 6, 8 and 11 come to. */
struct finding {
	struct str value;      /* `"valueQuantity":{..}` or another choice; empty: none */
	struct str attachment; /* `{"url":..,"valueAttachment":{..}}` of an ED; empty: none */
	struct str bits;       /* components of a bit string, `{..},{..}`; empty: none */
	struct str unit;       /* UCUM code of the value, or empty */
	const char *absent;    /* code of data-absent-reason, or NULL */
	struct str flags;      /* CodeableConcepts of interpretation, `{..},{..}` */
	bool early, test;      /* OBX-8 EARLY; TEST or DEMO */
	enum observation_status status;
	char letter; /* OBX-11 as sent; 0: none, or none of table 0085 */
	bool correction;
	bool has_seconds; /* the value is a time in seconds, as for a duration */
	double seconds;
};

/* values.c */
struct finding values_read(struct reading *reading, const struct row *row);
/* OBX-6 as UCUM, and its words; empty and a warning where it is neither UCUM nor a unit of MDC we know. */
struct str values_unit(struct reading *reading, const struct row *row, struct str *text_out);
/* A Quantity; comparator, words and code may be empty. */
void values_write_quantity(struct buf *buf, struct str comparator, struct str number,
	struct str text, struct str code);
/* HL7 NM as a FHIR decimal with the same digits. */
bool values_number(struct arena *arena, struct str text, struct str *out);
/* Has the row an OBX-5? */
bool values_present(const struct row *row);
/* The MDC number in a coded value, or 0. */
uint32_t values_code(struct reading *reading, const struct row *row);

/* ED and NA, which are long (data.c): the Attachment of an ED; `"valueSampledData":{..}` of an NA. False after a warning. */
bool data_read_ed(struct reading *reading, const struct row *row, struct buf *buf);
bool data_read_na(
	struct reading *reading, const struct row *row, struct finding *out, struct buf *buf);

/* flags.c: OBX-8 and OBX-11. */
void flags_read(struct reading *reading, const struct row *row, struct finding *out);

/* The letter of OBX-11 as a capital, whatever blanks stand around it and words behind it (`f`, `F^Final`); NUL where it is none. */
char flags_letter(const struct reading *reading, const struct row *row);
/* Does OBX-11 take the row back (D, W)? */
bool flags_withdraw(const struct reading *reading, const struct row *row);

#endif
