/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/mdc.h"

static const struct mdc rows[] = {
#define MDC(code, refid, loinc, ucum, category, class, text) \
	{ code, refid, loinc, ucum, category, class, text },
#include "fhir/hl7/mdc.tbl"
#undef MDC
};

static const struct {
	const char *loinc, *system, *code;
} alsos[] = {
#define MDC(code, refid, loinc, ucum, category, class, text)
#define ALSO(loinc, system, code) { loinc, SYSTEM_##system, code },
#include "fhir/hl7/mdc.tbl"
#undef MDC
};

static const struct {
	uint32_t panel, member;
} panels[] = {
#define MDC(code, refid, loinc, ucum, category, class, text)
#define PANEL(panel, member) { panel, member },
#include "fhir/hl7/mdc.tbl"
#undef MDC
};

static const struct {
	uint32_t code;
	const char *unit;
	double low, high;
} limits[] = {
#define MDC(code, refid, loinc, ucum, category, class, text)
#define LIMIT(code, unit, low, high) { code, unit, low, high },
#include "fhir/hl7/mdc.tbl"
#undef MDC
};

static const struct mdc_unit units[] = {
#define UNIT(code, refid, ucum, text) { code, refid, ucum, text },
#include "fhir/hl7/unit.tbl"
#undef UNIT
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct mdc *mdc_find(uint32_t code)
{
	size_t low = 0, high = COUNT(rows);
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (rows[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low < COUNT(rows) && rows[low].code == code ? &rows[low] : NULL;
}

const struct mdc *mdc_find_refid(struct str refid)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (str_is(refid, rows[i].refid))
			return &rows[i];
	return NULL;
}

bool mdc_is(const struct mdc *row, const char *category)
{
	return row != NULL && strcmp(row->category, category) == 0;
}

uint32_t mdc_panel_of(uint32_t code)
{
	for (size_t i = 0; i < COUNT(panels); i++)
		if (panels[i].member == code)
			return panels[i].panel;
	return 0;
}

_Static_assert(COUNT(panels) <= 32, "mdc_panel_bit has 32 bits");

uint32_t mdc_panel_bit(uint32_t code)
{
	for (size_t i = 0; i < COUNT(panels); i++)
		if (panels[i].member == code)
			return UINT32_C(1) << i;
	return 0;
}

bool mdc_is_panel(uint32_t code)
{
	for (size_t i = 0; i < COUNT(panels); i++)
		if (panels[i].panel == code)
			return true;
	return false;
}

static unsigned count_parts(struct str list)
{
	unsigned count = 1;
	for (size_t i = 0; i < list.length; i++)
		count += list.at[i] == ';';
	return list.length == 0 ? 0 : count;
}

static struct str part(struct str list, unsigned index)
{
	struct str rest = list, item = { 0 };
	for (unsigned i = 0; i <= index; i++)
		item = str_cut(rest, ';', &rest);
	return item;
}

static bool same_kind(struct str a, struct str b)
{
	struct str canon_a, canon_b;
	double factor, offset;
	return ucum_canonical(a, &canon_a, &factor, &offset) &&
	       ucum_canonical(b, &canon_b, &factor, &offset) && str_equal(canon_a, canon_b);
}

/* Position of the unit among the row's units: the same code first, else one of the same kind. */
static bool find_unit(struct str list, struct str unit, unsigned *index_out)
{
	const unsigned count = count_parts(list);
	for (unsigned i = 0; i < count; i++) {
		if (str_equal(part(list, i), unit)) {
			*index_out = i;
			return true;
		}
	}
	for (unsigned i = 0; i < count; i++) {
		if (same_kind(part(list, i), unit)) {
			*index_out = i;
			return true;
		}
	}
	return false;
}

enum mdc_fit mdc_loinc(const struct mdc *row, struct str unit, struct str *loinc_out)
{
	const struct str loinc = str_of(row->loinc), ucum = str_of(row->ucum);
	const unsigned count = count_parts(loinc);
	const bool pairs = count > 1 && count == count_parts(ucum);
	*loinc_out = pairs ? (struct str){ 0 } : loinc;
	if (unit.length == 0 || ucum.length == 0)
		return MDC_FITS;
	unsigned index = 0;
	if (!find_unit(ucum, unit, &index)) {
		*loinc_out = (struct str){ 0 };
		return MDC_UNIT_WRONG;
	}
	if (pairs)
		*loinc_out = part(loinc, index);
	return MDC_FITS;
}

bool mdc_loinc_refuses(struct str loinc, struct str unit)
{
	bool refuses = false;
	for (size_t i = 0; loinc.length > 0 && i < COUNT(rows); i++) {
		if (rows[i].loinc[0] == '\0' || strchr(rows[i].loinc, ';') == NULL)
			continue;
		const struct str list = str_of(rows[i].loinc), ucum = str_of(rows[i].ucum);
		const unsigned count = count_parts(list);
		for (unsigned at = 0; count == count_parts(ucum) && at < count; at++) {
			if (!str_equal(part(list, at), loinc))
				continue;
			if (str_equal(part(ucum, at), unit) || same_kind(part(ucum, at), unit))
				return false;
			refuses = true;
		}
	}
	return refuses;
}

bool mdc_also(struct str loinc, unsigned index, struct coding *out)
{
	for (size_t i = 0; i < COUNT(alsos); i++) {
		if (!str_is(loinc, alsos[i].loinc) || index-- > 0)
			continue;
		*out = (struct coding){ str_of(alsos[i].system), str_of(alsos[i].code) };
		return true;
	}
	return false;
}

bool mdc_is_unlikely(uint32_t code, struct str unit, double value)
{
	for (size_t i = 0; i < COUNT(limits); i++)
		if (limits[i].code == code && str_is(unit, limits[i].unit))
			return value < limits[i].low || value > limits[i].high;
	return false;
}

const struct mdc_unit *mdc_unit_find(uint32_t code)
{
	for (size_t i = 0; i < COUNT(units); i++)
		if (units[i].code == code)
			return &units[i];
	return NULL;
}

const struct mdc_unit *mdc_unit_find_refid(struct str refid)
{
	for (size_t i = 0; i < COUNT(units); i++)
		if (str_is(refid, units[i].refid))
			return &units[i];
	return NULL;
}

const struct mdc_unit *mdc_unit_find_ucum(struct str ucum)
{
	for (size_t i = 0; i < COUNT(units); i++)
		if (str_is(ucum, units[i].ucum))
			return &units[i];
	return NULL;
}
