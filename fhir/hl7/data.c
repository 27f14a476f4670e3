/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The long types of OBX-5: ED, a document, and NA, a waveform. */
#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "fhir/hl7/values.h"

#define BYTES_MAX (2 * (size_t)ER7_BYTES_MAX)

static bool refuse(struct reading *reading, const struct row *row, const char *text)
{
	row_lose(reading, row, OBX_VALUE, OUTCOME_VALUE, text);
	return false;
}

/* ---- ED */

/* The text without white space, which base64 and hexadecimal are often broken by. */
static struct str without_gaps(struct arena *arena, struct str text)
{
	char *const copy = arena_alloc(arena, text.length + 1);
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)text.at[i] > ' ')
			copy[length++] = text.at[i];
	return (struct str){ copy, length };
}

static int hex_digit(char byte)
{
	static const char digits[] = "0123456789abcdef";
	const char lower = byte >= 'A' && byte <= 'F' ? (char)(byte - 'A' + 'a') : byte;
	const char *const at = memchr(digits, lower, sizeof(digits) - 1);
	return at == NULL ? -1 : (int)(at - digits);
}

static bool from_hex(struct arena *arena, struct str text, struct str *out)
{
	char *const bytes = arena_alloc(arena, text.length / 2 + 1);
	if (text.length % 2 != 0)
		return false;
	for (size_t i = 0; i < text.length; i += 2) {
		const int high = hex_digit(text.at[i]), low = hex_digit(text.at[i + 1]);
		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (char)(high * 16 + low);
	}
	*out = (struct str){ bytes, text.length / 2 };
	return true;
}

/* HL7 table 0299: Base64, Hex, A (as it is). FHIR has base64 only. */
static bool read_data(
	struct reading *reading, struct str encoding, struct str field, struct str *out)
{
	struct arena *const arena = reading->arena;
	const struct str text = er7_text(arena, reading->message, field, NULL);
	struct str bytes;
	if (str_equal_nocase(encoding, STR("Base64"))) {
		*out = without_gaps(arena, text);
		return out->length > 0 && str_from_base64(arena, *out, &bytes);
	}
	if (str_equal_nocase(encoding, STR("Hex"))) {
		if (!from_hex(arena, without_gaps(arena, text), &bytes))
			return false;
		*out = str_to_base64(arena, bytes);
		return bytes.length > 0;
	}
	*out = str_to_base64(arena, text);
	return str_is(encoding, "A") && text.length > 0;
}

static bool is_token(struct str text)
{
	for (size_t i = 0; i < text.length; i++) {
		const char byte = text.at[i];
		const bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
		if (!is_letter && !(byte >= '0' && byte <= '9') && memchr("-.+_", byte, 4) == NULL)
			return false;
	}
	return text.length > 0;
}

static void add_lower(struct buf *buf, struct str text)
{
	for (size_t i = 0; i < text.length; i++) {
		const char byte = text.at[i];
		buf_add_byte(buf, byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte);
	}
}

/* ED.2 and ED.3 (HL7 tables 0191 and 0291) are the two halves of a media type. */
static void write_type(struct reading *reading, struct str field, struct buf *buf)
{
	const struct str type = clean_component(reading, field, 2);
	const struct str subtype = clean_component(reading, field, 3);
	if (!is_token(type) || !is_token(subtype)) {
		/* att-1: data has a type; this one says that nothing more is known. */
		buf_add_text(buf, "\"contentType\":\"application/octet-stream\",");
		return;
	}
	buf_add_text(buf, "\"contentType\":\"");
	add_lower(buf, type);
	buf_add_byte(buf, '/');
	add_lower(buf, subtype);
	buf_add_text(buf, "\",");
}

bool data_read_ed(struct reading *reading, const struct row *row, struct buf *buf)
{
	const struct str field = row_field(row, OBX_VALUE);
	struct str data;
	if (!read_data(reading, clean_component(reading, field, 4),
		    er7_component(reading->message, field, 5), &data))
		return refuse(reading, row,
			"OBX-5 is not a document: send ^type^subtype^Base64^data; the value is "
			"left "
			"out");
	/* R4 has no valueAttachment; this is R5's, as HL7 names it for R4. */
	buf_add_text(buf, "{\"url\":\"" EXTENSION_VALUE "\",\"valueAttachment\":{");
	write_type(reading, field, buf);
	buf_add_text(buf, "\"data\":\"");
	buf_add(buf, data);
	buf_add_text(buf, "\"}}");
	return true;
}

/* ---- NA */

/* Sample period in ms by the sampling rate, else from OBR-7 and OBR-8: N values are spread evenly (IHE PCD TF-2 3.1). */
static void write_period(
	struct reading *reading, const struct row *row, uint64_t samples, struct buf *buf)
{
	const struct group *const group = &reading->groups[row->group];
	struct span start, end;
	if (row->rate > 0) {
		buf_add_format(buf, ",\"period\":%.9g", 1000.0 / row->rate);
		return;
	}
	if (row_field(row, OBX_TIME).length == 0 && group->start.length > 0 &&
		group->end.length > 0 &&
		span_parse_dtm(group->start, reading->policy->zone, &start) &&
		span_parse_dtm(group->end, reading->policy->zone, &end) && end.low > start.low) {
		const double period = (double)(end.low - start.low) / 1000.0 / (double)samples;
		buf_add_format(buf, ",\"period\":%.9g", period);
		return;
	}
	buf_add_text(buf, ",\"_period\":{\"extension\":[{\"url\":"
			  "\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\","
			  "\"valueCode\":\"unknown\"}]}");
}

/* The samples of an array: HL7 v2.6 2.A.46, a row a repetition, each moment's samples beside each other as in SampledData. */
struct samples {
	struct buf data;
	uint64_t rows, columns, good;
};

static bool read_row(struct reading *reading, struct str text, struct samples *out)
{
	struct str rest = text, number;
	uint64_t columns = 0;
	while (rest.at != NULL) {
		const struct str item = str_trim(str_cut(rest, reading->message->component, &rest));
		const bool ok = values_number(reading->arena, item, &number);
		if (out->data.length > 0)
			buf_add_byte(&out->data, ' ');
		buf_add(&out->data, ok ? number : STR("E"));
		out->good += ok;
		columns++;
	}
	const bool fits = out->rows == 0 || columns == out->columns;
	out->columns = columns;
	out->rows++;
	return fits;
}

/* PCD-01 gives numbers without scaling, so factor 1 and origin 0. */
bool data_read_na(
	struct reading *reading, const struct row *row, struct finding *out, struct buf *buf)
{
	const struct str field = row_field(row, OBX_VALUE);
	struct samples samples = { .data = buf_new(reading->arena, field.length + 16, BYTES_MAX) };
	struct str text = { 0 }, rest = field;
	while (rest.at != NULL)
		if (!read_row(
			    reading, str_cut(rest, reading->message->repetition, &rest), &samples))
			return refuse(reading, row,
				"The rows of the array are of different lengths; the value is left "
				"out");
	if (samples.good == 0 || samples.data.full)
		return refuse(reading, row, "The array holds no numbers; the value is left out");
	out->unit = values_unit(reading, row, &text);
	buf_add_text(buf, "\"valueSampledData\":{\"origin\":");
	values_write_quantity(buf, (struct str){ 0 }, STR("0"), text, out->unit);
	const bool is_table = samples.rows > 1;
	write_period(reading, row, is_table ? samples.rows : samples.columns, buf);
	buf_add_format(
		buf, ",\"dimensions\":%llu", (unsigned long long)(is_table ? samples.columns : 1));
	json_write_member(buf, "data", buf_str(&samples.data));
	buf_add_byte(buf, '}');
	return true;
}
