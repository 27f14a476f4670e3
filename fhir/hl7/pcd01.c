/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/pcd01.h"

#include "fhir/base/arena.h"
#include "fhir/hl7/rows.h"

/* IHE PCD TF-2 3.1: the profile is told by the OID in MSH-21.3 alone. */
#define PCD01_OID        "1.3.6.1.4.1.19376.1.6.1.1.1"
#define CONTROL_ID_MAX   200
#define SENDER_BYTES_MAX 2000
#define IDENTIFIERS_MAX  50

static const struct hl7_place at_patient = { "PID", 1, 3, 0 };

static bool fail_at(
	struct outcome *outcome, enum outcome_kind kind, struct hl7_place place, const char *text)
{
	outcome_at(outcome, SEVERITY_ERROR, kind, place, "%s", text);
	return false;
}

static struct hl7_place at_msh(unsigned field, unsigned component)
{
	return (struct hl7_place){ "MSH", 1, field, component };
}

/* A field as it is to stand in a message with the usual delimiters. */
static void add_recoded(struct buf *buf, const struct er7 *message, struct str field)
{
	static const char usual[] = "|^~\\&";
	static const char *const escapes[] = { "\\F\\", "\\S\\", "\\R\\", "\\E\\", "\\T\\" };
	const char ours[] = { message->field, message->component, message->repetition,
		message->escape, message->subcomponent };
	for (size_t i = 0; i < field.length; i++) {
		const char byte = field.at[i];
		const char *const delimiter = memchr(ours, byte, sizeof(ours));
		const char *const clash = memchr(usual, byte, sizeof(usual) - 1);
		if (delimiter != NULL)
			buf_add_byte(buf, usual[delimiter - ours]);
		else if (clash != NULL)
			buf_add_text(buf, escapes[clash - usual]);
		else
			buf_add_byte(buf, (unsigned char)byte < ' ' ? ' ' : byte);
	}
}

/* Two neighbouring fields, `application|facility`. */
static struct str read_pair(struct arena *arena, const struct er7 *message,
	const struct er7_segment *msh, unsigned first)
{
	struct buf buf = buf_new(arena, 64, SENDER_BYTES_MAX);
	add_recoded(&buf, message, str_trim(er7_field(msh, first)));
	buf_add_byte(&buf, '|');
	add_recoded(&buf, message, str_trim(er7_field(msh, first + 1)));
	return buf.full ? STR("|") : buf_str(&buf);
}

static enum ack_condition read_condition(const struct er7_segment *msh, unsigned field)
{
	static const struct {
		const char *word;
		enum ack_condition condition;
	} words[] = { { "", ACK_UNSAID }, { "AL", ACK_ALWAYS }, { "NE", ACK_NEVER },
		{ "ER", ACK_ON_ERROR }, { "SU", ACK_ON_SUCCESS } };
	const struct str text = str_trim(er7_field(msh, field));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(text, words[i].word))
			return words[i].condition;
	return ACK_ALWAYS;
}

static void read_control_id(struct arena *arena, const struct er7 *message,
	const struct er7_segment *msh, struct pcd01 *out)
{
	const struct str text = er7_text(arena, message, str_trim(er7_field(msh, 10)), NULL);
	out->control_id = text.length > CONTROL_ID_MAX ? (struct str){ 0 } : text;
}

static struct str msh_text(
	struct reading *reading, const struct er7_segment *msh, unsigned field, unsigned component)
{
	return clean_component(reading, er7_field(msh, field), component);
}

/* HL7 table 0003: a letter and two digits. */
static bool is_event(struct str text)
{
	return text.length == 3 && text.at[0] >= 'A' && text.at[0] <= 'Z' &&
	       str_is_digits(str_part(text, 1, 2));
}

static bool check_event(struct reading *reading, const struct er7_segment *msh)
{
	const struct str event = msh_text(reading, msh, 9, 2);
	if (!str_is(msh_text(reading, msh, 9, 1), "ORU"))
		return fail_at(reading->outcome, OUTCOME_MESSAGE_TYPE, at_msh(9, 1),
			"Only messages of type ORU^R01 are taken here");
	if (!is_event(event))
		return fail_at(reading->outcome, OUTCOME_EVENT, at_msh(9, 2),
			"MSH-9.2 names no event; that of PCD-01 is R01");
	return true;
}

static bool check_processing(struct reading *reading, const struct er7_segment *msh)
{
	struct outcome *const outcome = reading->outcome;
	if (!str_is(msh_text(reading, msh, 12, 1), "2.6"))
		return fail_at(
			outcome, OUTCOME_VERSION, at_msh(12, 1), "MSH-12 must be 2.6 (IHE PCD-01)");
	const struct str processing = msh_text(reading, msh, 11, 1);
	const bool is_trial = str_is(processing, "T") || str_is(processing, "D");
	if (!str_is(processing, "P") && !is_trial)
		return fail_at(
			outcome, OUTCOME_PROCESSING_ID, at_msh(11, 1), "MSH-11 must be P, T or D");
	if (is_trial && reading->policy->production)
		return fail_at(outcome, OUTCOME_PROCESSING_ID, at_msh(11, 1),
			"Messages for training or debugging are not taken in production");
	return true;
}

static void check_profile(struct reading *reading, const struct er7_segment *msh)
{
	const struct str field = er7_field(msh, 21);
	bool more = true;
	for (unsigned i = 0; more && i < IDENTIFIERS_MAX; i++) {
		const struct str profile = er7_repetition(reading->message, field, i, &more);
		if (str_is(clean_component(reading, profile, 3), PCD01_OID))
			return;
	}
	outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_CODE_INVALID, at_msh(21, 3),
		"MSH-21 does not name IHE PCD-01 (%s); the message is read as such", PCD01_OID);
}

static bool check_msh(
	struct reading *reading, const struct er7_segment *msh, const struct pcd01 *out)
{
	struct outcome *const outcome = reading->outcome;
	const struct str made = str_trim(er7_field(msh, 7));
	struct span span;
	if (!check_processing(reading, msh) || !check_event(reading, msh))
		return false;
	if (out->control_id.length == 0)
		return fail_at(outcome, OUTCOME_REQUIRED, at_msh(10, 0),
			"MSH-10 is missing or longer than 200 signs");
	if (made.length > 0 && !span_parse_dtm(made, reading->policy->zone, &span))
		return fail_at(outcome, OUTCOME_VALUE, at_msh(7, 0),
			"MSH-7 is not a time of the form YYYYMMDDHHMMSS+ZZZZ");
	if (made.length == 0)
		outcome_at(outcome, SEVERITY_WARNING, OUTCOME_REQUIRED, at_msh(7, 0),
			"MSH-7 is missing");
	if (str_trim(er7_field(msh, 14)).length > 0 || er7_find(reading->message, "DSC") != NULL)
		return fail_at(outcome, OUTCOME_NOT_SUPPORTED, at_msh(14, 0),
			"Continued messages are not supported; send it in one");
	check_profile(reading, msh);
	return true;
}

/* How far an identifier of PID-3 says that it is a national one. */
enum claim { CLAIM_NONE, CLAIM_BY_DIGITS, CLAIM_BY_SYSTEM };

/* The assigning authority's OID stands in CX-4.2, or alone in CX-4.1 (the Nordic habit). */
static struct str read_authority(struct reading *reading, struct str identifier)
{
	const struct str authority = er7_component(reading->message, identifier, 4);
	const struct str first = str_trim(er7_subcomponent(reading->message, authority, 1));
	const struct str second = str_trim(er7_subcomponent(reading->message, authority, 2));
	return national_is_system(second) || coded_is_oid(second) ? second : first;
}

/* Issues go to `said`, so that an identifier that is not national may be passed over in silence. */
static enum claim read_identifier(struct reading *reading, struct str identifier,
	struct national_id *out, struct outcome *said)
{
	const struct str value = clean_component(reading, identifier, 1);
	const struct str authority = read_authority(reading, identifier);
	const enum national_policy policy = reading->policy->national;
	if (national_is_system(authority))
		return national_id_parse(authority, value, policy, (struct str){ 0 }, out, said)
			       ? CLAIM_BY_SYSTEM
			       : CLAIM_NONE;
	/* Whoever names an authority by its OID says that the number is not a national one, whatever its digits. */
	if (coded_is_oid(authority))
		return CLAIM_NONE;
	struct outcome ignored = { .arena = reading->arena };
	if (value.length == 11 && str_is_digits(value) &&
		national_id_parse(STR(OID_FNR), value, policy, (struct str){ 0 }, out, &ignored))
		return CLAIM_BY_DIGITS;
	return CLAIM_NONE;
}

/* Tells why none of the identifiers will do, in our own words at the right place: those of national.c name no field. */
static bool refuse_patient(struct outcome *outcome, const struct outcome *said)
{
	if (said->errors > 0) {
		outcome_at(outcome, SEVERITY_ERROR, OUTCOME_UNKNOWN_PATIENT_ID, at_patient, "%.*s",
			STR_ARG(said->first->text));
		return false;
	}
	return fail_at(outcome, OUTCOME_UNKNOWN_PATIENT_ID, at_patient,
		"PID-3 has no national identifier; its assigning authority is "
		"&2.16.578.1.12.4.1.4.1&ISO (or .2 D-number, .3 shared help number)");
}

/*
 * The patient: an identifier with a national authority, of these a national identity number before a D-number before a help number (one person may have had several);
 * else eleven digits that are one by themselves.
 */
static bool read_patient(
	struct reading *reading, const struct er7_segment *pid, struct national_id *out)
{
	struct outcome said = { .arena = reading->arena };
	enum claim best = CLAIM_NONE;
	bool more = true, unlike = false;
	for (unsigned i = 0; more && i < IDENTIFIERS_MAX; i++) {
		const struct str identifier =
			er7_repetition(reading->message, er7_field(pid, 3), i, &more);
		struct national_id found;
		const enum claim claim = read_identifier(reading, identifier, &found, &said);
		const bool is_better = claim > best || (claim == best && found.kind < out->kind);
		if (claim == CLAIM_NONE || (claim <= best && !is_better)) {
			unlike = unlike ||
				 (claim == best && claim != CLAIM_NONE && found.kind == out->kind &&
					 strcmp(found.digits, out->digits) != 0);
			continue;
		}
		best = claim;
		unlike = false;
		*out = found;
	}
	if (best == CLAIM_NONE)
		return refuse_patient(reading->outcome, &said);
	if (unlike)
		return fail_at(reading->outcome, OUTCOME_UNKNOWN_PATIENT_ID, at_patient,
			"PID-3 names more than one person");
	if (best == CLAIM_BY_DIGITS)
		outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_CODE_INVALID, at_patient,
			"The identifier is taken for a national one by its digits; name the "
			"authority &2.16.578.1.12.4.1.4.1&ISO in PID-3.4");
	return true;
}

static bool find_patient(struct reading *reading, struct national_id *out)
{
	const struct er7_segment *const pid = er7_find(reading->message, "PID");
	if (pid == NULL)
		return fail_at(reading->outcome, OUTCOME_REQUIRED,
			(struct hl7_place){ "PID", 1, 0, 0 }, "The message has no PID segment");
	for (size_t i = 0; i < reading->message->count; i++)
		if (strcmp(reading->message->segments[i].name, "PID") == 0 &&
			reading->message->segments[i].sequence > 1)
			return fail_at(reading->outcome, OUTCOME_NOT_SUPPORTED,
				(struct hl7_place){ "PID", 2, 0, 0 },
				"A message is about one patient; send one for each");
	return read_patient(reading, pid, out);
}

/* MSH-3 is an HD, which is what an EI has behind its first component. */
static struct str read_gateway(struct reading *reading, const struct er7_segment *msh)
{
	struct buf buf = buf_new(reading->arena, 128, SENDER_BYTES_MAX);
	const struct str identifier = str_format(
		reading->arena, "%c%.*s", reading->message->component, STR_ARG(er7_field(msh, 3)));
	if (!coded_write_device(reading, identifier, &buf) || buf.full ||
		!coded_is_eui64(buf_str(&buf)))
		return (struct str){ 0 };
	return buf_str(&buf);
}

/* An Observation stands where its first row does, which in a panel may be a member before the panel's own row. */
static size_t first_row(const struct row *carrier, size_t index)
{
	const size_t part = carrier->first_part;
	return part != ROW_NONE && part < index ? part : index;
}

static bool render_all(struct reading *reading, struct pcd01 *out)
{
	const size_t count = reading->count;
	struct str *const texts = arena_array(reading->arena, count, sizeof(struct str));
	bool *const corrections = arena_array(reading->arena, count, sizeof(bool));
	for (size_t i = 0; i < count; i++) {
		struct row *const row = &reading->rows[i];
		if (row->fate != ROW_CARRIER || row->root != i)
			continue;
		const size_t first = first_row(row, i);
		texts[first] = report_render(reading, row, &corrections[first]);
		if (arena_full(reading->arena))
			return fail_at(reading->outcome, OUTCOME_TOO_LARGE, at_msh(0, 0),
				"The message says more than is taken at once; split it");
	}
	out->observations = arena_array(reading->arena, count, sizeof(struct str));
	out->places = arena_array(reading->arena, count, sizeof(struct hl7_place));
	out->corrections = arena_array(reading->arena, count, sizeof(bool));
	for (size_t i = 0; i < count; i++) {
		if (texts[i].length == 0)
			continue;
		out->observations[out->count] = texts[i];
		out->places[out->count] = row_place(&reading->rows[i], 0);
		out->corrections[out->count] = corrections[i];
		out->count++;
		reading->rows[reading->rows[i].root].observation = out->count;
	}
	return true;
}

/* A message of which every usable row is held. */
static void hold_rows(struct reading *reading, struct pcd01 *out)
{
	out->tier = PCD01_QUARANTINED;
	fail_at(reading->outcome, OUTCOME_HELD_VALUE, row_place(reading->held_row, OBX_VALUE),
		"All readings of the message have values that this sender writes where there is "
		"none; the message is kept for the operator of the hub");
}

/* A message of no use: its error is of the kind, and stands at the place, of what left the first row out; warnings that left nothing out do not count. */
static bool refuse_rows(struct reading *reading)
{
	const struct hl7_place nowhere = { "OBX", 1, OBX_VALUE, 0 };
	const bool named = reading->lost.sequence > 0;
	return fail_at(reading->outcome, named ? reading->lost_kind : OUTCOME_REQUIRED,
		named ? reading->lost : nowhere,
		"No row of the message is a reading that can be stored; mend what the warnings "
		"name, or send OBX rows with code, value and time");
}

static bool read_rows(struct reading *reading, struct pcd01 *out)
{
	const struct hl7_place at_obx = { "OBX", 1, 0, 0 };
	const unsigned errors = reading->outcome->errors;
	rows_collect(reading);
	if (reading->count == 0)
		return fail_at(reading->outcome, OUTCOME_REQUIRED, at_obx,
			"The message has no OBX segment");
	out->rows = reading->rows;
	out->row_count = reading->count;
	groups_form(reading);
	if (!render_all(reading, out) || reading->outcome->errors > errors)
		return false;
	devices_render(reading, out);
	out->held = reading->held;
	if (out->held > 0)
		out->reason = STR("values that this sender writes where there is no reading");
	if (out->count == 0 && out->held > 0) {
		hold_rows(reading, out);
		return false;
	}
	if (out->count == 0)
		return refuse_rows(reading);
	return true;
}

/*
 * An alert (R40), a waveform (W01) or another event with measurements of somebody: no readings are made of it, but what it says may matter. Whose it is is noted where it can be read.
 */
static void hold_event(struct reading *reading, struct pcd01 *out)
{
	struct outcome aside = { .arena = reading->arena };
	struct reading quiet = *reading;
	quiet.outcome = &aside;
	if (!find_patient(&quiet, &out->patient))
		out->patient = (struct national_id){ 0 };
	out->tier = PCD01_QUARANTINED;
	out->reason = STR("an event other than R01");
	fail_at(reading->outcome, OUTCOME_HELD_EVENT, at_msh(9, 2),
		"No readings are made of this event, PCD-01 is R01 (alerts and waveforms are "
		"others); the message is kept for the operator of the hub");
}

void pcd01_head(struct arena *arena, const struct er7 *message, struct pcd01 *out)
{
	*out = (struct pcd01){ .tier = PCD01_REFUSED };
	const struct er7_segment *const msh = er7_find(message, "MSH");
	if (msh == NULL)
		return;
	out->sender = read_pair(arena, message, msh, 3);
	out->receiver = read_pair(arena, message, msh, 5);
	out->accept_ack = read_condition(msh, 15);
	out->application_ack = read_condition(msh, 16);
	read_control_id(arena, message, msh, out);
}

bool pcd01_read(struct arena *arena, const struct er7 *message, const struct pcd01_policy *policy,
	struct pcd01 *out, struct outcome *outcome)
{
	pcd01_head(arena, message, out);
	const struct er7_segment *const msh = er7_find(message, "MSH");
	if (msh == NULL)
		return fail_at(outcome, OUTCOME_STRUCTURE, at_msh(0, 0), "The message has no MSH");
	struct reading reading = { .arena = arena,
		.message = message,
		.policy = policy,
		.outcome = outcome,
		.patient = &out->patient };
	if (!check_msh(&reading, msh, out))
		return false;
	if (!str_is(msh_text(&reading, msh, 9, 2), "R01")) {
		hold_event(&reading, out);
		return false;
	}
	if (!find_patient(&reading, &out->patient))
		return false;
	reading.gateway = read_gateway(&reading, msh);
	if (!read_rows(&reading, out)) {
		out->count = out->device_count = 0;
		return false;
	}
	out->tier = outcome->warnings > 0 ? PCD01_WARNED : PCD01_ACCEPTED;
	return true;
}
