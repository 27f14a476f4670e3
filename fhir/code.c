/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The code tables as one switch over (system, number): the compiler sorts the rows and refuses a code that stands
 * twice. A number only says which row to compare with; the code's own text decides.
 */
#include "fhir/code.h"

/* The systems of the tables; their number is the top of a row's key, which leaves 60 bits: any SNOMED CT id. */
enum table { TABLE_NONE, TABLE_LOINC, TABLE_SNOMED, TABLE_NPU, TABLE_MDC };

#define KEY(table, number) ((uint64_t)(table) << 60 | (uint64_t)(number))
#define DIGITS_MAX         18

/* Where a code leads. */
enum lead {
#define LEAD(name, table, key, code, class, words) LEAD_##name,
#define SAME(table, key, code, name)
#include "fhir/code.tbl"
#undef LEAD
#undef SAME
	LEADS
};

static const struct {
	enum table table;
	enum reading_class class;
	const char *code, *words;
} leads[LEADS] = {
#define LEAD(name, table, key, code, class, words) \
	[LEAD_##name] = { TABLE_##table, class, code, words },
#define SAME(table, key, code, name)
#include "fhir/code.tbl"
#undef LEAD
#undef SAME
};

/* Any row of the tables: its own code, where it leads, and for MDC what mdc.tbl says of it. */
struct row {
	const char *code;
	enum lead lead;    /* LEADS for MDC */
	const char *loinc; /* codes separated by ';', the first leads; or empty */
	enum reading_class class;
	const char *words;
};

enum {
#define LEAD(name, table, key, code, class, words)           ROW_##table##_##key,
#define SAME(table, key, code, name)                         ROW_##table##_##key,
#define MDC(number, refid, loinc, ucum, category, class, no) ROW_MDC_##number,
#include "fhir/code.tbl"
#include "fhir/hl7/mdc.tbl"
#undef LEAD
#undef SAME
#undef MDC
	ROWS
};

static const struct row rows[ROWS] = {
#define LEAD(name, table, key, code, class, words)           { code, LEAD_##name, "", class, words },
#define SAME(table, key, code, name)                         { code, LEAD_##name, "", 0, "" },
#define MDC(number, refid, loinc, ucum, category, class, no) { #number, LEADS, loinc, class, no },
#include "fhir/code.tbl"
#include "fhir/hl7/mdc.tbl"
#undef LEAD
#undef SAME
#undef MDC
};

static struct str system_text(enum table table)
{
	switch (table) {
	case TABLE_LOINC:
		return STR(SYSTEM_LOINC);
	case TABLE_SNOMED:
		return STR(SYSTEM_SNOMED);
	case TABLE_NPU:
		return STR(SYSTEM_NPU);
	case TABLE_MDC:
		return STR(SYSTEM_MDC);
	case TABLE_NONE:
		break;
	}
	return STR("");
}

static enum table table_of(struct str system)
{
	for (enum table table = TABLE_LOINC; table <= TABLE_MDC; table++)
		if (str_equal(system, system_text(table)))
			return table;
	return TABLE_NONE;
}

/* The digits of a code as a number, without NPU's letters and LOINC's hyphen. 0 where they are none. */
static uint64_t number_of(enum table table, struct str code)
{
	uint64_t number = 0;
	size_t at = table == TABLE_NPU ? 3 : 0;
	if (code.length <= at || code.length - at > DIGITS_MAX)
		return 0;
	for (; at < code.length; at++) {
		if (code.at[at] == '-' && table == TABLE_LOINC)
			continue;
		if (code.at[at] < '0' || code.at[at] > '9')
			return 0;
		number = number * 10 + (uint64_t)(code.at[at] - '0');
	}
	return number;
}

static const struct row *row_find(enum table table, struct str code)
{
	const struct row *row = NULL;
	switch (KEY(table, number_of(table, code))) {
#define CASE(table, key)                          \
	case KEY(TABLE_##table, key):             \
		row = &rows[ROW_##table##_##key]; \
		break;
#define LEAD(name, table, key, code, class, words)           CASE(table, key)
#define SAME(table, key, code, name)                         CASE(table, key)
#define MDC(number, refid, loinc, ucum, category, class, no) CASE(MDC, number)
#include "fhir/code.tbl"
#include "fhir/hl7/mdc.tbl"
#undef LEAD
#undef SAME
#undef MDC
#undef CASE
	default:
		return NULL;
	}
	return str_is(code, row->code) ? row : NULL;
}

static struct code_facts facts_of_lead(enum lead lead)
{
	const struct str system = system_text(leads[lead].table);
	return (struct code_facts){ { system, str_of(leads[lead].code) }, leads[lead].class,
		leads[lead].words };
}

/* An MDC row keeps its own class and words; its leading code is that of its first LOINC code. */
static struct code_facts facts_of_mdc(const struct row *row)
{
	struct str rest;
	const struct coding loinc = { STR(SYSTEM_LOINC), str_cut(str_of(row->loinc), ';', &rest) };
	struct code_facts facts = { loinc, row->class, row->words };
	if (loinc.code.length == 0) {
		facts.canon = (struct coding){ STR(SYSTEM_MDC), str_of(row->code) };
		return facts;
	}
	const struct row *same = row_find(TABLE_LOINC, loinc.code);
	if (same != NULL)
		facts.canon = facts_of_lead(same->lead).canon;
	return facts;
}

bool code_find(struct coding coding, struct code_facts *out)
{
	const enum table table = table_of(coding.system);
	if (table == TABLE_NONE)
		return false;
	const struct row *row = row_find(table, coding.code);
	if (row == NULL)
		return false;
	*out = row->lead == LEADS ? facts_of_mdc(row) : facts_of_lead(row->lead);
	return true;
}

/* A fall that somebody also calls a pulse stays a fall. */
static enum reading_class guarded(enum reading_class a, enum reading_class b)
{
	if (a == CLASS_WELFARE || b == CLASS_WELFARE)
		return CLASS_WELFARE;
	return a == CLASS_HEALTH ? b : a;
}

/* An MDC code may need the unit to tell what it is (steps or metres); a LOINC code beside it has told already, wherever it stands. */
struct coding code_canon(const struct coding *codings, size_t count, enum reading_class *class_out)
{
	struct coding canon = { STR(""), STR("") };
	struct code_facts facts;
	bool known = false;
	*class_out = CLASS_HEALTH;
	for (size_t i = 0; i < count; i++) {
		if (!code_find(codings[i], &facts))
			continue;
		if (!known || (str_is(facts.canon.system, SYSTEM_LOINC) &&
				      !str_is(canon.system, SYSTEM_LOINC)))
			canon = facts.canon;
		*class_out = guarded(*class_out, facts.class);
		known = true;
	}
	return known || count == 0 ? canon : codings[0];
}
