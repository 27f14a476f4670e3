/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_CODE_H
#define FHIR_CODE_H

#include "fhir/base/str.h"

#define SYSTEM_LOINC    "http://loinc.org"
#define SYSTEM_SNOMED   "http://snomed.info/sct"
#define SYSTEM_MDC      "urn:iso:std:iso:11073:10101"
#define SYSTEM_NPU      "urn:oid:2.16.578.1.12.4.1.1.7280"
#define SYSTEM_UCUM     "http://unitsofmeasure.org"
#define SYSTEM_CATEGORY "http://terminology.hl7.org/CodeSystem/observation-category"

/* What a rule opens; a rule for one class never opens another (architecture.md section 5). Numbers are stored. */
enum reading_class { CLASS_HEALTH = 1, CLASS_WELFARE = 2, CLASS_ADMINISTRATIVE = 3 };

struct coding {
	struct str system, code;
};

/* What the tables know of a coding. */
struct code_facts {
	/* The leading code of the same thing: LOINC before SNOMED CT, NPU and MDC. */
	struct coding canon;
	enum reading_class class;
	const char *text_no; /* Norwegian words for the citizen's log: "Blodtrykk" */
};

/* Looks a coding up in code.tbl and hl7/mdc.tbl. False where neither knows it (out untouched). */
bool code_find(struct coding coding, struct code_facts *out);

/*
 * The leading coding of a concept: the canon of the first coding that leads to LOINC, else of the first that a table knows, else the first coding as it is. Readings of the same thing
 * by PCD-01 (MDC) and FHIR (LOINC, SNOMED CT, NPU) have equal leading codings. class_out: welfare where any of the codings is of that class, else the first
 * class that is not health, CLASS_HEALTH where no table knows.
 */
struct coding code_canon(const struct coding *codings, size_t count, enum reading_class *class_out);

/* UCUM units of one dimension: *factor and *offset bring a value to the canonical unit (value * factor + offset). False for an unknown unit. */
bool ucum_canonical(struct str unit, struct str *canonical, double *factor, double *offset);

/* The unit without annotations ({beats}/min is /min, {score} is 1) and in one spelling (1/min is /min): for identity, never for sending. */
struct str ucum_plain(struct arena *arena, struct str unit);

#endif
