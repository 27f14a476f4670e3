/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/rows.h"

#include "fhir/base/arena.h"
#include "fhir/base/json.h"

#define SYSTEM_EUI64 "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"

struct str coded_system(struct reading *reading, struct str name)
{
	static const struct {
		const char *name, *system;
	} known[] = { { "MDC", SYSTEM_MDC }, { "LN", SYSTEM_LOINC }, { "LOINC", SYSTEM_LOINC },
		{ "SCT", SYSTEM_SNOMED }, { "SNOMED-CT", SYSTEM_SNOMED }, { "NPU", SYSTEM_NPU },
		{ "UCUM", SYSTEM_UCUM } };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_is(name, known[i].name))
			return str_of(known[i].system);
	/* HL70nnn: the tables of HL7 v2 (http://terminology.hl7.org). */
	if (str_starts(name, STR("HL7")) && name.length == 7 && str_is_digits(str_part(name, 3, 4)))
		return str_format(reading->arena, "http://terminology.hl7.org/CodeSystem/v2-%.*s",
			STR_ARG(str_part(name, 3, 4)));
	return (struct str){ 0 };
}

static void add_coding(struct buf *buf, struct str system, struct str code, struct str display)
{
	json_write_comma(buf);
	buf_add_byte(buf, '{');
	json_write_member(buf, "system", system);
	json_write_member(buf, "code", code);
	json_write_member(buf, "display", display);
	buf_add_byte(buf, '}');
}

/* FHIR R4 code: no white space in the codes of the systems we know. */
bool coded_is_code(struct str text)
{
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)text.at[i] <= ' ')
			return false;
	return text.length > 0;
}

/* The name in our table where the number is in it, else what the sender wrote. */
static struct str name_of(struct str system, struct str code, struct str text)
{
	uint64_t number;
	if (!str_is(system, SYSTEM_MDC) || !str_to_u64(code, &number) || number > UINT32_MAX)
		return text;
	const struct mdc *const row = mdc_find((uint32_t)number);
	return row == NULL ? text : str_of(row->refid);
}

/* Norwegian words for the first coding that is a row of mdc.tbl, or an empty slice. */
static struct str words_of(struct str system, struct str code)
{
	struct code_facts facts;
	if (!str_is(system, SYSTEM_MDC) || !code_find((struct coding){ system, code }, &facts))
		return (struct str){ 0 };
	return str_of(facts.text_no);
}

bool coded_write(struct reading *reading, struct str cwe, struct buf *buf)
{
	struct str text = clean_component(reading, cwe, 9), ours = { 0 };
	struct buf codings = buf_new(reading->arena, 128, ER7_BYTES_MAX);
	for (unsigned first = 1; first <= 4; first += 3) {
		const struct str code = clean_component(reading, cwe, first);
		const struct str words = clean_component(reading, cwe, first + 1);
		const struct str system =
			coded_system(reading, clean_component(reading, cwe, first + 2));
		if (ours.length == 0)
			ours = words_of(system, code);
		/* A code of the sender's own has no system that FHIR knows. */
		if (coded_is_code(code))
			add_coding(&codings, system, code, name_of(system, code, words));
		if ((system.length == 0 || !coded_is_code(code)) && text.length == 0)
			text = words.length > 0 ? words : code;
	}
	if (codings.length == 0 && text.length == 0)
		return false;
	buf_add_byte(buf, '{');
	if (codings.length > 0) {
		json_write_name(buf, "coding");
		buf_add_byte(buf, '[');
		buf_add(buf, buf_str(&codings));
		buf_add_byte(buf, ']');
	}
	json_write_member(buf, "text", text.length > 0 ? text : ours);
	buf_add_byte(buf, '}');
	return true;
}

static void add_loincs(struct buf *buf, struct str codes)
{
	struct str rest = codes;
	while (rest.length > 0) {
		const struct str code = str_cut(rest, ';', &rest);
		if (code.length > 0)
			add_coding(buf, STR(SYSTEM_LOINC), code, (struct str){ 0 });
	}
}

/* SNOMED CT and NPU beside the LOINC codes. */
static void add_others(struct buf *buf, struct str loincs)
{
	struct str rest = loincs;
	struct coding coding;
	while (rest.length > 0) {
		const struct str loinc = str_cut(rest, ';', &rest);
		for (unsigned i = 0; mdc_also(loinc, i, &coding); i++)
			add_coding(buf, coding.system, coding.code, (struct str){ 0 });
	}
}

static bool is_also(struct str loincs, struct coding given)
{
	struct str rest = loincs;
	struct coding coding;
	while (rest.length > 0) {
		const struct str loinc = str_cut(rest, ';', &rest);
		for (unsigned i = 0; mdc_also(loinc, i, &coding); i++)
			if (str_equal(coding.system, given.system) &&
				str_equal(coding.code, given.code))
				return true;
	}
	return false;
}

/* OBX-3 may name the thing a second time in another system; not when the name and the number disagree. */
static void add_second(
	struct reading *reading, const struct row *row, struct str given, struct buf *buf)
{
	const struct str field = row_field(row, OBX_CODE);
	for (unsigned first = 1; first <= 4; first += 3) {
		const struct str code = clean_component(reading, field, first);
		const struct str system =
			coded_system(reading, clean_component(reading, field, first + 2));
		const bool is_mdc = str_is(system, SYSTEM_MDC);
		const bool is_given = (str_is(system, SYSTEM_LOINC) && given.length > 0) ||
				      is_also(given, (struct coding){ system, code });
		if (system.length > 0 && !is_mdc && !is_given && coded_is_code(code))
			add_coding(buf, system, code, clean_component(reading, field, first + 1));
	}
}

/* The row's words; where the unit has chosen the LOINC code (steps, not metres), the words of that. None where name and number disagree. */
static struct str row_words(const struct row *row, struct str loinc)
{
	struct str rest;
	struct code_facts facts;
	if (row->fact == NULL || row->doubtful)
		return (struct str){ 0 };
	if (loinc.length > 0 && !str_is(loinc, row->fact->loinc) &&
		code_find((struct coding){ STR(SYSTEM_LOINC), str_cut(loinc, ';', &rest) }, &facts))
		return str_of(facts.text_no);
	return str_of(row->fact->text_no);
}

void coded_write_row(
	struct reading *reading, const struct row *row, struct str unit, struct buf *buf)
{
	struct str loinc = { 0 };
	if (row->fact != NULL && !row->doubtful &&
		mdc_loinc(row->fact, unit, &loinc) == MDC_UNIT_WRONG)
		row_warn(reading, row, OBX_UNIT, OUTCOME_CODE_INVALID,
			"The unit is of another kind than this code's; no LOINC code is given");
	buf_add_text(buf, "\"code\":{\"coding\":[");
	add_loincs(buf, loinc);
	if (row->code != 0) {
		const struct str code = str_format(reading->arena, "%u", row->code);
		const struct str name = row->fact == NULL ? row->refid : str_of(row->fact->refid);
		add_coding(buf, STR(SYSTEM_MDC), code, name);
	}
	add_others(buf, loinc);
	if (!row->doubtful)
		add_second(reading, row, loinc, buf);
	buf_add_byte(buf, ']');
	json_write_member(buf, "text", row_words(row, loinc));
	buf_add_byte(buf, '}');
}

void coded_write_panel(uint32_t panel, struct buf *buf)
{
	const struct mdc *const fact = mdc_find(panel);
	buf_add_text(buf, "\"code\":{\"coding\":[");
	add_loincs(buf, str_of(fact->loinc));
	buf_add_format(buf, "%s{\"system\":\"" SYSTEM_MDC "\",\"code\":\"%u\",\"display\":\"%s\"}",
		fact->loinc[0] == '\0' ? "" : ",", panel, fact->refid);
	add_others(buf, str_of(fact->loinc));
	buf_add_byte(buf, ']');
	json_write_member(buf, "text", str_of(fact->text_no));
	buf_add_byte(buf, '}');
}

/* The sixteen digits of an EUI-64 written with or without dashes or colons; false for anything else. */
static bool read_eui64(struct str text, char digits[static 16])
{
	size_t count = 0;
	for (size_t i = 0; i < text.length; i++) {
		const char byte = text.at[i];
		const char upper = byte >= 'a' && byte <= 'f' ? (char)(byte - 'a' + 'A') : byte;
		if (byte == '-' || byte == ':')
			continue;
		const bool is_hex =
			(upper >= '0' && upper <= '9') || (upper >= 'A' && upper <= 'F');
		if (!is_hex || count == 16)
			return false;
		digits[count++] = upper;
	}
	return count == 16;
}

/* HL7 PHD IG: system identifiers are written in pairs with dashes. */
static struct str dashed(struct arena *arena, const char digits[static 16])
{
	char *const text = arena_alloc(arena, 23);
	for (size_t i = 0, at = 0; i < 16; i += 2) {
		if (i > 0)
			text[at++] = '-';
		text[at++] = digits[i];
		text[at++] = digits[i + 1];
	}
	return (struct str){ text, 23 };
}

static void write_identifier(struct buf *buf, struct str system, struct str value)
{
	buf_add_byte(buf, '{');
	json_write_member(buf, "system", system);
	json_write_member(buf, "value", value);
	buf_add_byte(buf, '}');
}

/* Without the urn:uuid: that some write before it. */
static struct str bare_uuid(struct str text)
{
	const struct str urn = STR("urn:uuid:");
	const bool has =
		text.length > urn.length && str_equal_nocase(str_part(text, 0, urn.length), urn);
	return has ? str_part(text, urn.length, text.length) : text;
}

/*
 * EI is id^namespace^universal id^type, but `X^EUI-64` and `X^^X^EUI-64` are seen as well.
 */
bool coded_write_device(struct reading *reading, struct str ei, struct buf *buf)
{
	struct arena *const arena = reading->arena;
	const struct str id = clean_component(reading, ei, 1),
			 space = clean_component(reading, ei, 2);
	const struct str universal = clean_component(reading, ei, 3);
	const struct str type = clean_component(reading, ei, 4);
	const bool short_form = universal.length == 0 && str_is(space, "EUI-64");
	char digits[16];
	if ((str_is(type, "EUI-64") && read_eui64(universal, digits)) ||
		(short_form && read_eui64(id, digits))) {
		write_identifier(buf, STR(SYSTEM_EUI64), dashed(arena, digits));
		return true;
	}
	if (str_is(type, "ISO") && coded_is_code(universal) && id.length > 0) {
		write_identifier(buf, str_format(arena, "urn:oid:%.*s", STR_ARG(universal)), id);
		return true;
	}
	if (str_is(type, "UUID") && coded_is_code(universal)) {
		write_identifier(buf, STR("urn:ietf:rfc:3986"),
			str_format(arena, "urn:uuid:%.*s", STR_ARG(bare_uuid(universal))));
		return true;
	}
	const struct str value = id.length > 0 ? id : universal;
	if (value.length > 0)
		write_identifier(buf, (struct str){ 0 }, value);
	return value.length > 0;
}

bool coded_is_eui64(struct str identifier)
{
	return str_starts(identifier, STR("{\"system\":\"" SYSTEM_EUI64 "\""));
}

/* ---- persons and instances */

bool coded_is_oid(struct str oid)
{
	const struct str urn = STR("urn:oid:");
	const struct str text = str_starts(oid, urn) ? str_part(oid, urn.length, oid.length) : oid;
	size_t dots = 0;
	for (size_t i = 0; i < text.length; i++) {
		const bool is_dot = text.at[i] == '.';
		const bool is_edge = i == 0 || i + 1 == text.length;
		if ((!is_dot && (text.at[i] < '0' || text.at[i] > '9')) || (is_dot && is_edge))
			return false;
		dots += is_dot;
	}
	return dots > 1;
}

/* The OID of an HD as a FHIR system: its universal id, or its first component alone (the Nordic habit); empty where there is none. */
static struct str authority_system(struct reading *reading, struct str hd)
{
	for (unsigned part = 2; part >= 1; part--) {
		const struct str text = str_trim(er7_subcomponent(reading->message, hd, part));
		if (coded_is_oid(text))
			return str_starts(text, STR("urn:oid:"))
				       ? text
				       : str_format(reading->arena, "urn:oid:%.*s", STR_ARG(text));
	}
	return (struct str){ 0 };
}

/* What kind of one an identifier is of; NULL where it does not tell: a national number may be a nurse's or a relative's. */
static const char *person_type(const struct reading *reading, struct str system, struct str value)
{
	if (national_is_system(system) && str_is(value, reading->patient->digits))
		return "Patient";
	if (str_is(system, OID_HPR))
		return "Practitioner";
	return str_is(system, OID_ORGNR) || str_is(system, OID_RESH) ? "Organization" : NULL;
}

/* XCN.2 is an FN, whose surname comes first. */
static struct str person_name(struct reading *reading, struct str xcn)
{
	const struct str family = er7_component(reading->message, xcn, 2);
	const struct str surname =
		clean_component(reading, er7_subcomponent(reading->message, family, 1), 0);
	const struct str given = clean_component(reading, xcn, 3);
	return str_format(reading->arena, "%.*s%s%.*s", STR_ARG(given),
		given.length > 0 && surname.length > 0 ? " " : "", STR_ARG(surname));
}

bool coded_write_person(struct reading *reading, struct str xcn, struct buf *buf)
{
	const struct str value = clean_component(reading, xcn, 1);
	const struct str name = person_name(reading, xcn);
	const struct str system =
		authority_system(reading, er7_component(reading->message, xcn, 9));
	const char *const type = person_type(reading, system, value);
	if (value.length == 0 && name.length == 0)
		return false;
	buf_add_byte(buf, '{');
	if (type != NULL)
		json_write_member(buf, "type", str_of(type));
	if (value.length > 0) {
		json_write_comma(buf);
		json_write_name(buf, "identifier");
		write_identifier(buf, system, value);
	}
	json_write_member(buf, "display", name);
	buf_add_byte(buf, '}');
	return true;
}

/* RFC 4122: 8-4-4-4-12 hexadecimal digits; in small letters at `out`. */
static bool read_uuid(struct str written, char out[static 36])
{
	const struct str text = bare_uuid(written);
	if (text.length != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		const char byte = text.at[i];
		const char small = byte >= 'A' && byte <= 'F' ? (char)(byte - 'A' + 'a') : byte;
		const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		const bool is_hex =
			(small >= '0' && small <= '9') || (small >= 'a' && small <= 'f');
		if (is_dash ? byte != '-' : !is_hex)
			return false;
		out[i] = small;
	}
	return true;
}

bool coded_write_instance(struct reading *reading, struct str ei, struct buf *buf)
{
	const struct str id = clean_component(reading, ei, 1);
	const struct str universal = clean_component(reading, ei, 3);
	const struct str space = clean_component(reading, ei, 2);
	const struct str authority = universal.length > 0 ? universal : space;
	char uuid[36];
	if (read_uuid(id, uuid) || (id.length == 0 && read_uuid(universal, uuid))) {
		write_identifier(buf, STR("urn:ietf:rfc:3986"),
			str_format(reading->arena, "urn:uuid:%.36s", uuid));
		return true;
	}
	const struct str value = id.length > 0 ? id : universal;
	if (value.length == 0)
		return false;
	buf_add_byte(buf, '{');
	json_write_member(buf, "value", value);
	if (id.length > 0 && authority.length > 0) {
		buf_add_text(buf, ",\"assigner\":{");
		json_write_member(buf, "display", authority);
		buf_add_byte(buf, '}');
	}
	buf_add_byte(buf, '}');
	return true;
}
