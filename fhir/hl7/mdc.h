/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_MDC_H
#define FHIR_HL7_MDC_H

#include "fhir/base/str.h"
#include "fhir/code.h"

/* A row of mdc.tbl. */
struct mdc {
	uint32_t code;
	const char *refid, *loinc, *ucum, *category;
	enum reading_class class;
	const char *text_no;
};

/* A row of unit.tbl. */
struct mdc_unit {
	uint32_t code;
	const char *refid, *ucum, *text;
};

/* The row of a code, or NULL. */
const struct mdc *mdc_find(uint32_t code);
/* The row of a REFID, or NULL. Walks the table. */
const struct mdc *mdc_find_refid(struct str refid);
/* Has the row (NULL: no) this category? */
bool mdc_is(const struct mdc *row, const char *category);

/* The code of the panel that a code is a member of, or 0. */
uint32_t mdc_panel_of(uint32_t code);
/* One bit for each member of any panel; 0 for a code that is none. */
uint32_t mdc_panel_bit(uint32_t code);
/* Do others make components of this code? */
bool mdc_is_panel(uint32_t code);

/* What a LOINC code may be taken for, given the unit of the value. */
enum mdc_fit { MDC_FITS, MDC_UNIT_WRONG };

/*
 * The LOINC codes of a row for a value in UCUM unit `unit` (empty: a value without unit), separated by ';', or an empty slice. MDC_UNIT_WRONG when the row has units
 * and `unit` is of another kind than all of them: then none is given.
 */
enum mdc_fit mdc_loinc(const struct mdc *row, struct str unit, struct str *loinc_out);

/* Does this LOINC code hold for units of another kind than this one alone (15074-8 is glucose in mmol/L, not in mg/dL)? Of codes that the table gives for one unit and not for another. */
bool mdc_loinc_refuses(struct str loinc, struct str unit);

/* The ALSO rows of a LOINC code, `index` 0..: false where there is no such row. */
bool mdc_also(struct str loinc, unsigned index, struct coding *out);

/* Does a LIMIT row call this value unlikely? */
bool mdc_is_unlikely(uint32_t code, struct str unit, double value);

const struct mdc_unit *mdc_unit_find(uint32_t code);
/* The row with this REFID, or NULL. */
const struct mdc_unit *mdc_unit_find_refid(struct str refid);
/* The row with this UCUM code, or NULL. */
const struct mdc_unit *mdc_unit_find_ucum(struct str ucum);

#endif
