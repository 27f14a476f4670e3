/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/values.h"

#include "fhir/base/arena.h"
#include "fhir/base/decimal.h"
#include "fhir/base/json.h"
#include "fhir/hl7/sentinel.h"

#define NAME_PARTS 23 /* of XCN */

bool values_present(const struct row *row)
{
	return row_field(row, OBX_VALUE).length > 0;
}

static bool is_coded(struct str type)
{
	return str_is(type, "CWE") || str_is(type, "CNE") || str_is(type, "CE") ||
	       str_is(type, "CF");
}

uint32_t values_code(struct reading *reading, const struct row *row)
{
	const struct str type = row_field(row, OBX_TYPE), field = row_field(row, OBX_VALUE);
	uint64_t number;
	if ((type.length > 0 && !is_coded(type)) ||
		!str_to_u64(clean_component(reading, field, 1), &number) || number > UINT32_MAX)
		return 0;
	const struct str system = clean_component(reading, field, 3);
	return system.length == 0 || str_is(system, "MDC") ? (uint32_t)number : 0;
}

/* HL7 NM as a FHIR decimal: no plus sign, no leading zeros, a digit on both sides of the point. Digits behind the point are precision and stay. */
bool values_number(struct arena *arena, struct str text, struct str *out)
{
	const bool negative = text.length > 0 && text.at[0] == '-';
	const bool is_signed = negative || (text.length > 0 && text.at[0] == '+');
	struct str rest = str_part(text, is_signed ? 1 : 0, text.length);
	struct str fraction;
	struct str whole = str_cut(rest, '.', &fraction);
	if ((whole.length > 0 && !str_is_digits(whole)) ||
		(fraction.length > 0 && !str_is_digits(fraction)) ||
		whole.length + fraction.length == 0)
		return false;
	while (whole.length > 1 && whole.at[0] == '0')
		whole = str_part(whole, 1, whole.length);
	const struct str number = str_format(arena, "%s%.*s%s%.*s", negative ? "-" : "",
		STR_ARG(whole.length == 0 ? STR("0") : whole), fraction.length > 0 ? "." : "",
		STR_ARG(fraction));
	if (!decimal_is_valid(number))
		return false;
	*out = number;
	return true;
}

/* As in OBX-3, the number decides; but whoever names another unit may have meant that. */
static void check_unit_name(struct reading *reading, const struct row *row,
	const struct mdc_unit *unit, struct str words)
{
	const struct mdc_unit *const named = mdc_unit_find_refid(words);
	if (named == NULL || strcmp(named->ucum, unit->ucum) == 0)
		return;
	outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_CODE_INVALID,
		row_place(row, OBX_UNIT),
		"%s is the name of unit %u, not of %u; the number decides", named->refid,
		named->code, unit->code);
}

/* OBX-6: an MDC unit by its number, or UCUM; in either triplet. */
struct str values_unit(struct reading *reading, const struct row *row, struct str *text_out)
{
	const struct str field = row_field(row, OBX_UNIT);
	for (unsigned first = 1; first <= 4; first += 3) {
		const struct str code = clean_component(reading, field, first);
		const struct str system = clean_component(reading, field, first + 2);
		const struct mdc_unit *unit = NULL;
		uint64_t number;
		if ((str_is(system, "MDC") || system.length == 0) && str_to_u64(code, &number) &&
			number <= UINT32_MAX)
			unit = mdc_unit_find((uint32_t)number);
		else if (str_is(system, "UCUM") || system.length == 0)
			unit = mdc_unit_find_ucum(code);
		if (unit != NULL) {
			check_unit_name(
				reading, row, unit, clean_component(reading, field, first + 1));
			*text_out = str_of(unit->text);
			return str_of(unit->ucum);
		}
		if (str_is(system, "UCUM") && coded_is_code(code)) {
			const struct str words = clean_component(reading, field, first + 1);
			*text_out = words.length > 0 ? words : code;
			return code;
		}
	}
	const struct str words = clean_component(reading, field, 2);
	*text_out = words.length > 0 ? words : clean_component(reading, field, 1);
	if (field.length > 0)
		row_warn(reading, row, OBX_UNIT, OUTCOME_CODE_INVALID,
			"The unit is neither UCUM nor a known MDC unit; it is kept as text");
	return (struct str){ 0 };
}

void values_write_quantity(
	struct buf *buf, struct str comparator, struct str number, struct str text, struct str code)
{
	buf_add_text(buf, "{\"value\":");
	buf_add(buf, number);
	json_write_member(buf, "comparator", comparator);
	json_write_member(buf, "unit", text);
	if (code.length > 0) {
		json_write_member(buf, "system", STR(SYSTEM_UCUM));
		json_write_member(buf, "code", code);
	}
	buf_add_byte(buf, '}');
}

/* A value being read: what is common to all of OBX-2's types. */
struct work {
	struct reading *reading;
	const struct row *row;
	struct finding *out;
	struct buf buf;
};

static void refuse(struct work *work, const char *text)
{
	row_warn(work->reading, work->row, OBX_VALUE, OUTCOME_VALUE, text);
}

static void lose(struct work *work, const char *text)
{
	row_lose(work->reading, work->row, OBX_VALUE, OUTCOME_VALUE, text);
}

static void keep(struct work *work)
{
	work->out->value = buf_str(&work->buf);
}

/* <, <=, >, >= at the start; *rest_out is what follows. */
static struct str cut_comparator(struct str text, struct str *rest_out)
{
	const size_t first = text.length > 0 && (text.at[0] == '<' || text.at[0] == '>');
	const size_t length = first + (first == 1 && text.length > 1 && text.at[1] == '=');
	*rest_out = str_trim(str_part(text, length, text.length));
	return str_part(text, 0, length);
}

/*
 * ISO/IEEE 11073-20601 FLOAT special values. In PCD-01 they are said by OBX-8; devices send the bare number, or its name.
 */
static const char *special_value(struct str text)
{
	static const struct {
		const char *text, *reason;
	} known[] = { { "8388607", "not-a-number" }, { "NaN", "not-a-number" },
		{ "8388606", "positive-infinity" }, { "INF", "positive-infinity" },
		{ "+INF", "positive-infinity" }, { "8388610", "negative-infinity" },
		{ "-8388606", "negative-infinity" }, { "-INF", "negative-infinity" },
		{ "8388608", "error" }, { "-8388608", "error" }, { "8388609", "error" },
		{ "-8388607", "error" }, { "NRES", "error" }, { "PINF", "positive-infinity" },
		{ "NINF", "negative-infinity" }, { "+INFINITY", "positive-infinity" },
		{ "INFINITY", "positive-infinity" }, { "-INFINITY", "negative-infinity" } };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_equal_nocase(text, str_of(known[i].text)))
			return known[i].reason;
	return NULL;
}

/*
 * SFLOAT special values, as the bare number: 2047 may well be a count of steps, so only where the table says that the metric cannot be that.
 */
static const char *short_special(double value)
{
	static const struct {
		int number;
		const char *reason;
	} known[] = { { 2047, "not-a-number" }, { 2046, "positive-infinity" },
		{ -2046, "negative-infinity" }, { 2050, "negative-infinity" }, { 2048, "error" },
		{ -2048, "error" }, { 2049, "error" }, { -2047, "error" } };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!(value < known[i].number) && !(value > known[i].number))
			return known[i].reason;
	return NULL;
}

static void note_seconds(struct work *work, double value)
{
	static const struct {
		const char *unit;
		double seconds;
	} known[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "ms", 0.001 } };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		/* Nothing a patient measures takes longer than a year. */
		if (str_is(work->out->unit, known[i].unit) && value > 0 &&
			value * known[i].seconds < 366.0 * 24 * 3600) {
			work->out->has_seconds = true;
			work->out->seconds = value * known[i].seconds;
		}
	}
}

/* A number that this sender writes where its device had no reading. */
static bool is_held(struct work *work, struct str number)
{
	struct reading *const reading = work->reading;
	double value;
	if (reading->policy->sentinels.length == 0 || reading->policy->released ||
		!decimal_value(number, &value) ||
		!sentinel_in(reading->policy->sentinels, work->row->code, value))
		return false;
	row_warn(reading, work->row, OBX_VALUE, OUTCOME_HELD_VALUE,
		"This sender writes that value where there is no reading; the row is held for the "
		"operator of the hub");
	if (reading->held++ == 0)
		reading->held_row = work->row;
	return true;
}

static void take_quantity(struct work *work, struct str comparator, struct str number)
{
	struct reading *const reading = work->reading;
	struct str text = { 0 };
	double value = 0;
	work->out->unit = values_unit(reading, work->row, &text);
	const bool is_known = decimal_value(number, &value);
	const bool is_unlikely =
		is_known && mdc_is_unlikely(work->row->code, work->out->unit, value);
	const char *const special = is_unlikely ? short_special(value) : NULL;
	if (special != NULL) {
		work->out->absent = special;
		refuse(work, "The number is a special value of ISO/IEEE 11073, not a reading");
		return;
	}
	buf_add_text(&work->buf, "\"valueQuantity\":");
	values_write_quantity(&work->buf, comparator, number, text, work->out->unit);
	keep(work);
	if (!is_known)
		return;
	note_seconds(work, value);
	if (is_unlikely)
		row_warn(reading, work->row, OBX_VALUE, OUTCOME_BUSINESS_RULE,
			"The value is unlikely in this unit; it is stored as sent");
}

static void take_nm(struct work *work, struct str field)
{
	const struct str text = clean_component(work->reading, field, 0);
	struct str rest, number;
	const struct str comparator = cut_comparator(text, &rest);
	const char *const special = special_value(text);
	if (special != NULL) {
		work->out->absent = special;
		refuse(work, "The number is a special value of ISO/IEEE 11073, not a reading");
		return;
	}
	if (!values_number(work->reading->arena, rest, &number)) {
		lose(work, "OBX-5 is not a number with a decimal point; the value is left out");
		return;
	}
	if (is_held(work, number))
		return;
	if (comparator.length > 0)
		refuse(work, "A number with a comparator is of type SN, not NM");
	take_quantity(work, comparator, number);
}

/* SN with two numbers: first, sign between, second. False when it is none of the forms of HL7 v2.6 2.A.70. */
static bool take_pair(struct work *work, struct str first, struct str sign, struct str second)
{
	struct str text = { 0 };
	const bool is_range = str_is(sign, "-");
	if (!is_range && !str_is(sign, ":") && !str_is(sign, "/"))
		return false;
	/* rng-2: a range that runs backwards is none. */
	double low = 0, high = 0;
	if (is_range &&
		(!decimal_value(first, &low) || !decimal_value(second, &high) || low > high))
		return false;
	work->out->unit = values_unit(work->reading, work->row, &text);
	const struct str none = { 0 };
	buf_add_text(&work->buf,
		is_range ? "\"valueRange\":{\"low\":" : "\"valueRatio\":{\"numerator\":");
	values_write_quantity(&work->buf, none, first, text, work->out->unit);
	buf_add_text(&work->buf, is_range ? ",\"high\":" : ",\"denominator\":");
	values_write_quantity(&work->buf, none, second, text, work->out->unit);
	buf_add_byte(&work->buf, '}');
	keep(work);
	return true;
}

/* A text has no unit in FHIR: where OBX-6 has one, it stands behind the value. */
static struct str with_unit(struct work *work, struct str text)
{
	struct str words = { 0 };
	if (row_field(work->row, OBX_UNIT).length == 0)
		return text;
	work->out->unit = values_unit(work->reading, work->row, &words);
	if (words.length == 0 || str_is(words, "1"))
		return text;
	return str_format(work->reading->arena, "%.*s %.*s", STR_ARG(text), STR_ARG(words));
}

static void take_text(struct work *work, struct str text)
{
	if (text.length == 0) {
		lose(work, "OBX-5 has no text; the value is left out");
		return;
	}
	json_write_member(&work->buf, "valueString", with_unit(work, text));
	keep(work);
}

static void take_sn(struct work *work, struct str field)
{
	struct reading *const reading = work->reading;
	struct str comparator = clean_component(reading, field, 1);
	const struct str left = clean_component(reading, field, 2);
	const struct str sign = clean_component(reading, field, 3);
	const struct str right = clean_component(reading, field, 4);
	struct str first, second, rest;
	if (str_is(comparator, "="))
		comparator = (struct str){ 0 };
	if (left.length == 0 && sign.length == 0 && right.length == 0) {
		const struct str before = cut_comparator(comparator, &rest);
		if (values_number(reading->arena, rest, &first)) {
			refuse(work,
				"The number of an SN stands behind a component separator: >^33.3");
			take_quantity(work, before, first);
			return;
		}
	}
	const bool plain = cut_comparator(comparator, &rest).length == comparator.length;
	const bool has_first = plain && values_number(reading->arena, left, &first);
	if (has_first && sign.length == 0 && right.length == 0) {
		take_quantity(work, comparator, first);
		return;
	}
	if (has_first && comparator.length == 0 && values_number(reading->arena, right, &second) &&
		take_pair(work, first, sign, second))
		return;
	take_text(work, str_trim(str_format(reading->arena, "%.*s%.*s%.*s%.*s", STR_ARG(comparator),
				STR_ARG(left), STR_ARG(sign), STR_ARG(right))));
}

/* A person's name (PN, XPN, XCN; IHE PCD TF-2 B.8.5 has them): what its components say, in their order. */
static void take_name(struct work *work, struct str field)
{
	struct buf text = buf_new(work->reading->arena, 64, ER7_BYTES_MAX);
	for (unsigned i = 1; i <= NAME_PARTS; i++) {
		const struct str part = clean_component(work->reading, field, i);
		if (part.length > 0 && text.length > 0)
			buf_add_byte(&text, ' ');
		buf_add(&text, part);
	}
	take_text(work, buf_str(&text));
}

/* HL7 v2.6 2.A.50, NR: low and high. */
static void take_nr(struct work *work, struct str field)
{
	struct reading *const reading = work->reading;
	struct str low, high;
	if (!values_number(reading->arena, clean_component(reading, field, 1), &low) ||
		!values_number(reading->arena, clean_component(reading, field, 2), &high) ||
		!take_pair(work, low, STR("-"), high))
		lose(work, "OBX-5 is not a range of two numbers, low^high; the value is left out");
}

/* `1^sensor-strip-insertion(3)`: bit 3 is set (IHE PCD TF-2 B.8.5, BITS enumerations). */
static bool read_bit(
	struct work *work, struct str item, struct str *number_out, struct str *name_out)
{
	const struct str state = clean_component(work->reading, item, 1);
	const struct str words = clean_component(work->reading, item, 2);
	struct str number;
	const struct str name = str_cut(words, '(', &number);
	if ((!str_is(state, "0") && !str_is(state, "1")) || !str_ends(number, STR(")")))
		return false;
	number = str_part(number, 0, number.length - 1);
	if (!str_is_digits(number) || number.length > 2)
		return false;
	*number_out = number;
	*name_out = str_trim(name);
	return true;
}

static void add_bit(struct work *work, struct str item)
{
	struct str number, name;
	if (!read_bit(work, item, &number, &name)) {
		lose(work, "One of the bits is not of the form 1^name(number); it is left out");
		return;
	}
	struct buf *const buf = &work->buf;
	json_write_comma(buf);
	/* HL7 PHD IG, BITS enumerations. */
	buf_add_text(buf, "{\"code\":{\"coding\":[{\"system\":"
			  "\"http://terminology.hl7.org/CodeSystem/ASN1ToHL7\"");
	json_write_member(buf, "code",
		str_format(work->reading->arena, "%u.%.*s", work->row->code, STR_ARG(number)));
	json_write_member(buf, "display", name);
	const bool set = str_is(clean_component(work->reading, item, 1), "1");
	buf_add_format(buf, "}]},\"valueBoolean\":%s}", set ? "true" : "false");
}

/* As in OBX-3, the number decides; a name of another number may mean that it is the wrong one. */
static void check_name(struct work *work, struct str cwe)
{
	for (unsigned first = 1; first <= 4; first += 3) {
		const struct str code = clean_component(work->reading, cwe, first);
		const struct mdc *const named =
			mdc_find_refid(clean_component(work->reading, cwe, first + 1));
		uint64_t number;
		if (named == NULL || named->code == 0 || !str_to_u64(code, &number) ||
			number == named->code ||
			!str_is(clean_component(work->reading, cwe, first + 2), "MDC"))
			continue;
		outcome_at(work->reading->outcome, SEVERITY_WARNING, OUTCOME_CODE_INVALID,
			row_place(work->row, OBX_VALUE),
			"%s is the name of code %u, not of %.*s; the number decides", named->refid,
			named->code, STR_ARG(code));
	}
}

static void take_coded(struct work *work, struct str field)
{
	struct str number, name, rest;
	const struct str first = str_cut(field, work->reading->message->repetition, &rest);
	if (work->row->code != 0 && read_bit(work, first, &number, &name)) {
		rest = field;
		while (rest.at != NULL)
			add_bit(work, str_cut(rest, work->reading->message->repetition, &rest));
		work->out->bits = buf_str(&work->buf);
		return;
	}
	if (rest.at != NULL)
		refuse(work, "OBX-5 has several coded values; the first is kept");
	check_name(work, first);
	json_write_name(&work->buf, "valueCodeableConcept");
	if (coded_write(work->reading, first, &work->buf))
		keep(work);
	else
		lose(work, "OBX-5 has no code and no text; the value is left out");
}

static bool write_dtm(struct work *work, const char *name, struct str dtm)
{
	const struct pcd01_policy *const policy = work->reading->policy;
	struct span span;
	if (!span_parse_dtm(dtm, policy->zone, &span) || (!span.zoned && !policy->zone_known))
		return false;
	json_write_comma(&work->buf);
	json_write_name(&work->buf, name);
	buf_add_byte(&work->buf, '"');
	dtm_to_fhir(dtm, policy->zone, &work->buf);
	buf_add_byte(&work->buf, '"');
	return true;
}

static void take_dtm(struct work *work, struct str field)
{
	struct span span;
	const bool is_clock = mdc_is(work->row->fact, "device");
	if (write_dtm(work, "valueDateTime", field))
		keep(work);
	else if (is_clock && span_parse_dtm(field, work->reading->policy->zone, &span))
		/* A device's clock without zone is what its display shows: kept as that. */
		take_text(work, clean_component(work->reading, field, 0));
	else
		lose(work, "OBX-5 is not a time with a zone; the value is left out");
}

/* per-1: a period that ends before it starts is none. */
static bool runs_backwards(const struct work *work, struct str start, struct str end)
{
	struct span first, last;
	return span_parse_dtm(start, work->reading->policy->zone, &first) &&
	       span_parse_dtm(end, work->reading->policy->zone, &last) && last.high <= first.low;
}

static void take_dr(struct work *work, struct str field)
{
	const struct str start = clean_component(work->reading, field, 1);
	const struct str end = clean_component(work->reading, field, 2);
	buf_add_text(&work->buf, "\"valuePeriod\":{");
	const bool has_start = start.length > 0, has_end = end.length > 0;
	if ((!has_start && !has_end) || runs_backwards(work, start, end) ||
		(has_start && !write_dtm(work, "start", start)) ||
		(has_end && !write_dtm(work, "end", end))) {
		lose(work, "OBX-5 is not a period with zones; the value is left out");
		return;
	}
	buf_add_byte(&work->buf, '}');
	keep(work);
}

/* FHIR R4 time has seconds and no zone. */
static void take_tm(struct work *work, struct str field)
{
	struct str fraction;
	const struct str whole = str_cut(field, '.', &fraction);
	if (whole.length != 6 || !str_is_digits(whole) ||
		(fraction.at != NULL && !str_is_digits(fraction)) ||
		memcmp(whole.at, "235959", 6) > 0 || whole.at[2] > '5' || whole.at[4] > '5') {
		take_text(work, clean_component(work->reading, field, 0));
		return;
	}
	buf_add_format(&work->buf, "\"valueTime\":\"%.2s:%.2s:%.2s%s%.*s\"", whole.at, whole.at + 2,
		whole.at + 4, fraction.at != NULL ? "." : "", STR_ARG(fraction));
	keep(work);
}

/* Without OBX-2 the value tells its type: a number, a triplet, else text. */
static struct str guess_type(struct work *work, struct str field)
{
	struct str number;
	row_warn(work->reading, work->row, OBX_TYPE, OUTCOME_REQUIRED,
		"OBX-2 is missing; the type is taken from the value");
	if (values_number(work->reading->arena, field, &number))
		return STR("NM");
	const bool has_parts = str_index(field, work->reading->message->component) < field.length;
	return has_parts ? STR("CWE") : STR("ST");
}

static void take_ed(struct work *work, struct str field)
{
	(void)field;
	if (data_read_ed(work->reading, work->row, &work->buf))
		work->out->attachment = buf_str(&work->buf);
}

static void take_na(struct work *work, struct str field)
{
	(void)field;
	if (data_read_na(work->reading, work->row, work->out, &work->buf))
		keep(work);
}

static void take_value(struct work *work, struct str field)
{
	static const struct {
		const char *type;
		void (*take)(struct work *work, struct str field);
	} known[] = { { "NM", take_nm }, { "SI", take_nm }, { "NR", take_nr }, { "SN", take_sn },
		{ "NA", take_na }, { "CWE", take_coded }, { "CNE", take_coded },
		{ "CE", take_coded }, { "CF", take_coded }, { "DTM", take_dtm }, { "TS", take_dtm },
		{ "DT", take_dtm }, { "DR", take_dr }, { "TM", take_tm }, { "ED", take_ed },
		{ "PN", take_name }, { "XPN", take_name }, { "XCN", take_name } };
	struct str type = row_field(work->row, OBX_TYPE);
	if (type.length == 0)
		type = guess_type(work, field);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (str_is(type, known[i].type)) {
			known[i].take(work, field);
			return;
		}
	}
	if (str_is(type, "ST") || str_is(type, "TX") || str_is(type, "FT") || str_is(type, "IS"))
		take_text(work, clean_lines(work->reading, field));
	else
		row_lose(work->reading, work->row, OBX_TYPE, OUTCOME_CODE_INVALID,
			"A value of this type is not supported; it is left out");
}

struct finding values_read(struct reading *reading, const struct row *row)
{
	struct finding out = { 0 };
	flags_read(reading, row, &out);
	const struct str field = row_field(row, OBX_VALUE);
	if (field.length > 0 && out.absent != NULL) {
		row_lose(reading, row, OBX_VALUE, OUTCOME_BUSINESS_RULE,
			"OBX-8 says that the value is not valid; it is left out");
		return out;
	}
	if (field.length > 0) {
		struct work work = { reading, row, &out,
			buf_new(reading->arena, 192, 3 * (size_t)ER7_BYTES_MAX) };
		take_value(&work, field);
		if (work.buf.full)
			out.value = out.bits = out.attachment = (struct str){ 0 };
	}
	return out;
}
