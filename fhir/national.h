/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_NATIONAL_H
#define FHIR_NATIONAL_H

#include "fhir/base/outcome.h"
#include "fhir/base/str.h"

/* Norwegian identifier systems (HL7 Norway no-basis; Volven 8116). */
#define OID_FNR   "urn:oid:2.16.578.1.12.4.1.4.1"
#define OID_DNR   "urn:oid:2.16.578.1.12.4.1.4.2"
#define OID_FHN   "urn:oid:2.16.578.1.12.4.1.4.3"
#define OID_HPR   "urn:oid:2.16.578.1.12.4.1.4.4"
#define OID_ORGNR "urn:oid:2.16.578.1.12.4.1.4.101"
#define OID_RESH  "urn:oid:2.16.578.1.12.4.1.4.102"

enum national_kind { NATIONAL_FNR, NATIONAL_DNR, NATIONAL_FHN };

/* Which numbers an installation takes: production takes real ones, a test installation synthetic ones (month +80, +65, +40). */
enum national_policy { NATIONAL_REAL, NATIONAL_SYNTHETIC, NATIONAL_BOTH };

/* A national identifier that was checked. The digits alone identify: the three series do not overlap. */
struct national_id {
	enum national_kind kind;
	char digits[12]; /* 11 digits and NUL */
};

/*
 * Checks an identifier: `system` is one of the three (with or without "urn:oid:"), `value` eleven digits with correct control digits, by the rule of
 * today or the one for numbers issued from 2032 (Skatteetaten), a possible date (D-number: day + 40), and allowed by `policy`. A value of
 * another series than `system` says is taken for what its digits are. False adds UNKNOWN_PATIENT_ID at `expression`, never with the value in it.
 */
bool national_id_parse(struct str system, struct str value, enum national_policy policy,
	struct str expression, struct national_id *out, struct outcome *outcome);

/* The identifier system (with urn:oid:) of a kind. */
const char *national_system(enum national_kind kind);

/* Is `system` one of the three, written with or without urn:oid: ? */
bool national_is_system(struct str system);

/* Nine digits with a correct control digit (Enhetsregisteret). */
bool orgnr_is_valid(struct str value);

#endif
