/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_UCUM_PARSE_H
#define FHIR_UCUM_PARSE_H

#include "fhir/base/str.h"

/* Base units of ucum_atom.tbl. */
#define UCUM_BASES 9

/* A unit as a factor and powers of the base units; two with equal powers are of one dimension. */
struct ucum_unit {
	double factor;
	int power[UCUM_BASES];
};

/*
 * Reads a unit expression (UCUM 2.1 section 2, case-sensitive): prefixes, exponents, '.' and '/', brackets, whole numbers; annotations count as nothing. False for what is
 * none, for atoms that the table lacks, and for units with an offset (Cel, [degF]).
 */
bool ucum_parse(struct str unit, struct ucum_unit *out);

#endif
