/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/values.h"

#include "fhir/base/json.h"

/* OBX-8, HL7 PHD IG and IHE PCD TF-2 table of measurement status. */
enum flag_kind { FLAG_INTERPRETATION, FLAG_STATUS, FLAG_ABSENT, FLAG_BUSY, FLAG_TEST };

static const struct flag {
	const char *name;
	enum flag_kind kind;
	const char *code;
} flags[] = {
	{ "N", FLAG_INTERPRETATION, "N" },
	{ "L", FLAG_INTERPRETATION, "L" },
	{ "H", FLAG_INTERPRETATION, "H" },
	{ "LL", FLAG_INTERPRETATION, "LL" },
	{ "HH", FLAG_INTERPRETATION, "HH" },
	{ "A", FLAG_INTERPRETATION, "A" },
	{ "AA", FLAG_INTERPRETATION, "AA" },
	{ "<", FLAG_INTERPRETATION, "<" },
	{ ">", FLAG_INTERPRETATION, ">" },
	{ "QUES", FLAG_STATUS, "questionable" },
	{ "CAL", FLAG_STATUS, "calibration-ongoing" },
	{ "EARLY", FLAG_STATUS, "early-indication" },
	{ "VALID", FLAG_STATUS, "validated-data" },
	{ "ALACT", FLAG_STATUS, "in-alarm" },
	{ "ALINH", FLAG_STATUS, "alarm-inhibited" },
	{ "BUSY", FLAG_BUSY, "msmt-ongoing" },
	{ "TEST", FLAG_TEST, NULL },
	{ "DEMO", FLAG_TEST, NULL },
	{ "INV", FLAG_ABSENT, "error" },
	{ "NAV", FLAG_ABSENT, "not-performed" },
	{ "NI", FLAG_ABSENT, "unknown" },
	{ "NA", FLAG_ABSENT, "not-applicable" },
	{ "OFF", FLAG_ABSENT, "not-performed" },
	{ "MSK", FLAG_ABSENT, "masked" },
	{ "OTH", FLAG_ABSENT, "unknown" },
	{ "NAN", FLAG_ABSENT, "not-a-number" },
	{ "PINF", FLAG_ABSENT, "positive-infinity" },
	{ "NINF", FLAG_ABSENT, "negative-infinity" },
};

static void add_flag(struct buf *buf, const char *system, const char *code)
{
	json_write_comma(buf);
	buf_add_format(buf, "{\"coding\":[{\"system\":\"%s\",\"code\":\"%s\"}]}", system, code);
}

static void apply_flag(
	const struct flag *flag, bool has_value, struct finding *out, struct buf *buf)
{
	switch (flag->kind) {
	case FLAG_INTERPRETATION:
		add_flag(buf, "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
			flag->code);
		break;
	case FLAG_BUSY:
		if (!has_value) {
			out->absent = "temp-unknown";
			break;
		}
		add_flag(buf, "http://terminology.hl7.org/CodeSystem/measurement-status",
			flag->code);
		break;
	case FLAG_STATUS:
		add_flag(buf, "http://terminology.hl7.org/CodeSystem/measurement-status",
			flag->code);
		out->early = out->early || strcmp(flag->code, "early-indication") == 0;
		break;
	case FLAG_ABSENT:
		out->absent = flag->code;
		break;
	case FLAG_TEST:
		out->test = true;
		break;
	}
}

static void read_flags(struct reading *reading, const struct row *row, struct finding *out)
{
	struct str rest = row_field(row, OBX_FLAGS);
	struct buf buf = buf_new(reading->arena, rest.length > 0 ? 128 : 0, 64 * 1024);
	const bool has_value = values_present(row);
	while (rest.length > 0) {
		const struct str name = clean_component(
			reading, str_cut(rest, reading->message->repetition, &rest), 1);
		const struct flag *found = NULL;
		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && found == NULL; i++)
			found = str_is(name, flags[i].name) ? &flags[i] : NULL;
		if (found != NULL) {
			apply_flag(found, has_value, out, &buf);
		} else if (name.length > 0) {
			json_write_comma(&buf);
			buf_add_byte(&buf, '{');
			json_write_member(&buf, "text", name);
			buf_add_byte(&buf, '}');
		}
	}
	if (!buf.full)
		out->flags = buf_str(&buf);
}

char flags_letter(const struct reading *reading, const struct row *row)
{
	static const char letters[] = "ABCDFPRSUVWX", small[] = "abcdfprsuvwx";
	const struct str text =
		str_trim(er7_component(reading->message, row_field(row, OBX_STATUS), 1));
	const char *const at = text.length == 1 ? memchr(small, text.at[0], sizeof(small)) : NULL;
	if (at != NULL)
		return letters[at - small];
	return text.length == 1 && memchr(letters, text.at[0], sizeof(letters)) != NULL ? text.at[0]
											: '\0';
}

/* HL7 table 0085 to http://hl7.org/fhir/observation-status; v2-to-FHIR leaves R, S, U and V open: an unverified reading of a device is as final as it will ever be. */
static void read_status(struct reading *reading, const struct row *row, struct finding *out)
{
	static const struct {
		char letter;
		enum observation_status status;
		bool correction;
	} known[] = { { 'R', STATUS_FINAL, false }, { 'F', STATUS_FINAL, false },
		{ 'U', STATUS_FINAL, false }, { 'V', STATUS_FINAL, false },
		{ 'P', STATUS_PRELIMINARY, false }, { 'S', STATUS_PRELIMINARY, false },
		{ 'C', STATUS_CORRECTED, true }, { 'A', STATUS_AMENDED, true },
		{ 'B', STATUS_AMENDED, true }, { 'D', STATUS_ENTERED_IN_ERROR, true },
		{ 'W', STATUS_ENTERED_IN_ERROR, true }, { 'X', STATUS_CANCELLED, false } };
	const char letter = flags_letter(reading, row);
	out->status = STATUS_UNKNOWN;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (letter == known[i].letter) {
			out->letter = letter;
			out->status = known[i].status;
			out->correction = known[i].correction;
		}
	}
	if (out->status == STATUS_UNKNOWN && row_field(row, OBX_STATUS).length == 0)
		row_warn(reading, row, OBX_STATUS, OUTCOME_REQUIRED,
			"OBX-11 is missing; the status is unknown");
	else if (out->status == STATUS_UNKNOWN)
		row_warn(reading, row, OBX_STATUS, OUTCOME_CODE_INVALID,
			"OBX-11 has a status that is not supported; the status is unknown");
	if (out->early && out->status == STATUS_FINAL)
		out->status = STATUS_PRELIMINARY;
}

bool flags_withdraw(const struct reading *reading, const struct row *row)
{
	const char letter = flags_letter(reading, row);
	return letter == 'D' || letter == 'W';
}

void flags_read(struct reading *reading, const struct row *row, struct finding *out)
{
	read_flags(reading, row, out);
	read_status(reading, row, out);
}
