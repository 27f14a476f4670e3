/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/values.h"

#include "fhir/base/arena.h"
#include "fhir/base/json.h"

#define REPORT_BYTES_MAX (4 * (size_t)ER7_BYTES_MAX)
#define GROUP_NOTES_MAX  4000

/* One Observation in the making. */
struct report {
	struct reading *reading;
	struct row *carrier;
	struct finding own; /* of the carrier's row */
	struct str code;    /* `"code":{..}` */
	struct buf components;
	double seconds; /* of a duration facet */
	bool test;
	bool all_gone;  /* each member of the panel is taken back or cancelled */
	bool withdrawn; /* taken back without repeating the value */
	bool has_own; /* the carrier's own value is the Observation's: it is no panel, or one without members */
	unsigned usable_parts, withdrawn_parts;
	unsigned by_status[STATUS_UNKNOWN + 1]; /* of the members that are kept */
	bool correction;
};

static bool is_usable(const struct finding *finding)
{
	return finding->value.length > 0 || finding->bits.length > 0 ||
	       finding->attachment.length > 0 || finding->absent != NULL;
}

static void write_range(struct reading *reading, const struct row *row, struct buf *buf)
{
	const struct str text = clean_component(reading, row_field(row, OBX_RANGE), 0);
	if (text.length == 0)
		return;
	buf_add_text(buf, ",\"referenceRange\":[{\"text\":");
	json_write_string(buf, text);
	buf_add_text(buf, "}]");
}

/* What an Observation and a component have in common: value or reason, interpretation. */
static void write_finding(const struct finding *finding, struct buf *buf)
{
	if (finding->value.length > 0) {
		buf_add_byte(buf, ',');
		buf_add(buf, finding->value);
	} else if (finding->absent != NULL) {
		buf_add_format(buf,
			",\"dataAbsentReason\":{\"coding\":[{\"system\":"
			"\"http://terminology.hl7.org/CodeSystem/data-absent-reason\","
			"\"code\":\"%s\"}]}",
			finding->absent);
	}
	if (finding->flags.length > 0) {
		buf_add_text(buf, ",\"interpretation\":[");
		buf_add(buf, finding->flags);
		buf_add_byte(buf, ']');
	}
}

/* Does a coding of `part` stand in `whole`? Both are as coded.c writes them. */
static bool share_coding(struct str part, struct str whole)
{
	static const char open[] = "{\"system\":", code[] = ",\"code\":\"";
	const char *const end = part.at + part.length;
	const char *at = memmem(part.at, part.length, open, strlen(open));
	while (at != NULL) {
		const char *close = memmem(at, (size_t)(end - at), code, strlen(code));
		if (close == NULL)
			return false;
		close += strlen(code);
		close = memchr(close, '"', (size_t)(end - close));
		if (close == NULL)
			return false;
		if (memmem(whole.at, whole.length, at, (size_t)(close - at) + 1) != NULL)
			return true;
		at = memmem(close, (size_t)(end - close), open, strlen(open));
	}
	return false;
}

/* obs-7: what a value is of cannot be said a second time by a component. */
static bool repeats_code(struct report *report, const struct row *row, struct str code)
{
	if (report->own.value.length == 0 || !share_coding(code, report->code))
		return false;
	row_lose(report->reading, row, OBX_CODE, OUTCOME_STRUCTURE,
		"The row has the code of the row above it, which has a value; it is left out");
	return true;
}

static void write_component(
	struct report *report, const struct row *row, const struct finding *finding)
{
	struct buf code = buf_new(report->reading->arena, 256, REPORT_BYTES_MAX);
	coded_write_row(report->reading, row, finding->unit, &code);
	if (code.full || repeats_code(report, row, buf_str(&code)))
		return;
	struct buf *const buf = &report->components;
	if (finding->value.length > 0 || finding->attachment.length > 0 ||
		finding->absent != NULL) {
		json_write_comma(buf);
		buf_add_byte(buf, '{');
		if (finding->attachment.length > 0) {
			buf_add_text(buf, "\"extension\":[");
			buf_add(buf, finding->attachment);
			buf_add_text(buf, "],");
		}
		buf_add(buf, buf_str(&code));
		write_finding(finding, buf);
		write_range(report->reading, row, buf);
		buf_add_byte(buf, '}');
	}
	if (finding->bits.length > 0) {
		json_write_comma(buf);
		buf_add(buf, finding->bits);
	}
}

/* How long the measurement took is told by the time, as in the HL7 PHD IG, where there is something it took that long to measure. */
static bool take_duration(
	struct report *report, const struct row *part, const struct finding *finding)
{
	const bool has_value = report->own.value.length > 0 || report->own.bits.length > 0;
	if (!mdc_is(part->fact, "duration") || !finding->has_seconds || !has_value)
		return false;
	report->seconds = finding->seconds;
	return true;
}

static bool is_member(const struct report *report, const struct row *part)
{
	return report->carrier->panel != 0 && mdc_panel_of(part->code) == report->carrier->panel;
}

/* A member of a panel has a status of its own; what the sender takes back or cancels is left out of the whole, unless all of it is. */
static void add_member(struct report *report, const struct row *part, const struct finding *finding)
{
	const bool withdrawn = finding->status == STATUS_ENTERED_IN_ERROR;
	const bool cancelled = finding->status == STATUS_CANCELLED && finding->absent == NULL;
	report->correction = report->correction || finding->correction;
	if ((withdrawn || cancelled) && !report->all_gone) {
		row_lose(report->reading, part, OBX_STATUS, OUTCOME_BUSINESS_RULE,
			"OBX-11 says that this part of the panel does not hold; it is left out");
		report->withdrawn_parts += withdrawn;
		return;
	}
	report->by_status[finding->status]++;
	write_component(report, part, finding);
	report->usable_parts++;
}

/* A member that is taken back without its value. */
static void add_gone(struct report *report, const struct row *part, const struct finding *finding)
{
	report->correction = true;
	report->withdrawn_parts++;
	if (report->all_gone)
		report->by_status[finding->status]++;
	else
		row_lose(report->reading, part, OBX_STATUS, OUTCOME_BUSINESS_RULE,
			"OBX-11 says that this part of the panel does not hold; it is left out");
}

static bool are_all_gone(const struct report *report)
{
	const struct reading *const reading = report->reading;
	bool any = false;
	for (size_t i = report->carrier->first_part; i != ROW_NONE;
		i = reading->rows[i].next_part) {
		if (!is_member(report, &reading->rows[i]))
			continue;
		any = true;
		if (!flags_withdraw(reading, &reading->rows[i]) &&
			flags_letter(reading, &reading->rows[i]) != 'X')
			return false;
	}
	return any;
}

static void add_parts(struct report *report)
{
	struct reading *const reading = report->reading;
	report->all_gone = are_all_gone(report);
	for (size_t i = report->carrier->first_part; i != ROW_NONE;
		i = reading->rows[i].next_part) {
		const struct row *const part = &reading->rows[i];
		const struct finding finding = values_read(reading, part);
		const bool gone = is_member(report, part) && flags_withdraw(reading, part);
		if (!is_usable(&finding) && gone) {
			add_gone(report, part, &finding);
			continue;
		}
		if (!is_usable(&finding)) {
			if (!values_present(part))
				row_lose(reading, part, OBX_VALUE, OUTCOME_REQUIRED,
					"OBX-5 is missing; the row is left out");
			continue;
		}
		report->test = report->test || finding.test;
		if (take_duration(report, part, &finding))
			continue;
		if (is_member(report, part)) {
			add_member(report, part, &finding);
			continue;
		}
		write_component(report, part, &finding);
		report->usable_parts += report->carrier->panel == 0;
	}
}

/* The panel's status: what its own row says of the whole, else the least certain word of any member. */
static enum observation_status panel_status(const struct report *report)
{
	static const enum observation_status order[] = { STATUS_PRELIMINARY, STATUS_UNKNOWN,
		STATUS_CORRECTED, STATUS_AMENDED };
	const bool has_row = report->carrier->code == report->carrier->panel;
	const enum observation_status own = report->own.status;
	if (has_row && own != STATUS_FINAL && own != STATUS_CANCELLED && own != STATUS_UNKNOWN)
		return own;
	if (report->all_gone)
		return report->by_status[STATUS_ENTERED_IN_ERROR] > 0 ? STATUS_ENTERED_IN_ERROR
								      : STATUS_CANCELLED;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (report->by_status[order[i]] > 0)
			return order[i];
	return report->withdrawn_parts > 0 ? STATUS_CORRECTED : STATUS_FINAL;
}

/* The row whose OBX-14 dates a panel: its own, else the first part that has one. */
static struct row *dated_row(struct reading *reading, struct row *carrier)
{
	if (carrier->panel == 0 || row_field(carrier, OBX_TIME).length > 0)
		return carrier;
	for (size_t i = carrier->first_part; i != ROW_NONE; i = reading->rows[i].next_part)
		if (row_field(&reading->rows[i], OBX_TIME).length > 0)
			return &reading->rows[i];
	return carrier;
}

static bool find_time(struct reading *reading, struct row *carrier)
{
	if (carrier->start.length > 0)
		return true;
	struct row *const dated = dated_row(reading, carrier);
	if (!times_find(reading, dated))
		return false;
	carrier->start = dated->start;
	carrier->low = dated->low;
	carrier->inherits_interval = dated->inherits_interval;
	return true;
}

/* One Observation has one time; a part that says another one is told of. */
static void check_part_times(struct reading *reading, const struct row *carrier)
{
	for (size_t i = carrier->first_part; i != ROW_NONE; i = reading->rows[i].next_part) {
		const struct row *const part = &reading->rows[i];
		const struct str own = row_field(part, OBX_TIME);
		struct span span;
		if (own.length > 0 && !str_equal(own, carrier->start) &&
			(!span_parse_dtm(own, reading->policy->zone, &span) ||
				span.low != carrier->low))
			row_warn(reading, part, OBX_TIME, OUTCOME_BUSINESS_RULE,
				"The row's time is not that of the row it belongs to, which is "
				"taken");
	}
}

/* OBX-11 where it says more than the status: R and F are both final. Of a panel without a row of its own, that of its first member. */
static char letter_of(const struct report *report)
{
	const struct row *const carrier = report->carrier;
	const struct reading *const reading = report->reading;
	const bool is_member_s = carrier->panel != 0 && !report->has_own;
	const size_t part = carrier->first_part;
	const struct row *const row =
		is_member_s && part != ROW_NONE ? &reading->rows[part] : carrier;
	const char letter = flags_letter(reading, row);
	return letter != '\0' && memchr("RSUVBXDW", letter, 8) != NULL ? letter : '\0';
}

/* HL7 v2-to-FHIR: the code of v2 beside the status it became. */
static void write_status(
	const struct report *report, enum observation_status status, struct buf *buf)
{
	const char letter = letter_of(report);
	buf_add_format(buf, ",\"status\":\"%s\"", observation_status_code(status));
	if (letter != '\0')
		buf_add_format(buf,
			",\"_status\":{\"extension\":[{\"url\":"
			"\"http://hl7.org/fhir/StructureDefinition/alternate-codes\","
			"\"valueCodeableConcept\":{\"coding\":[{\"system\":"
			"\"http://terminology.hl7.org/CodeSystem/v2-0085\",\"code\":\"%c\"}]}}]}",
			letter);
}

static void write_extensions(const struct report *report, struct buf *buf)
{
	const bool has_document = report->has_own && report->own.attachment.length > 0;
	if (report->reading->gateway.length == 0 && !has_document)
		return;
	buf_add_text(buf, ",\"extension\":[");
	if (report->reading->gateway.length > 0) {
		buf_add_text(buf, "{\"url\":"
				  "\"http://hl7.org/fhir/StructureDefinition/"
				  "observation-gatewayDevice\","
				  "\"valueReference\":{\"identifier\":");
		buf_add(buf, report->reading->gateway);
		buf_add_text(buf, "}}");
	}
	if (has_document) {
		json_write_comma(buf);
		buf_add(buf, report->own.attachment);
	}
	buf_add_byte(buf, ']');
}

static void write_categories(const struct mdc *fact, struct buf *buf)
{
	static const char *const sent[] = { "vital-signs", "laboratory", "activity", "procedure" };
	buf_add_text(buf, ",\"category\":[");
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		if (mdc_is(fact, sent[i]))
			buf_add_format(buf,
				"{\"coding\":[{\"system\":\"" SYSTEM_CATEGORY
				"\",\"code\":\"%s\"}]},",
				sent[i]);
	/* R4 has no category for what a device tells of itself. */
	if (mdc_is(fact, "device"))
		buf_add_text(buf, "{\"coding\":[{\"system\":\"urn:maalehub:category\","
				  "\"code\":\"device\"}]},");
	buf_add_text(buf, "{\"coding\":[{\"system\":"
			  "\"http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories\","
			  "\"code\":\"phd\"}]}],");
}

/* OBX-21 of the row the Observation is made of: a panel that has no row of its own has none. */
static void write_instance(const struct report *report, struct buf *buf)
{
	const struct row *const carrier = report->carrier;
	const bool is_implied = carrier->panel != 0 && carrier->panel != carrier->code;
	struct buf identifier = buf_new(report->reading->arena, 0, 64 * 1024);
	if (is_implied ||
		!coded_write_instance(
			report->reading, row_field(carrier, OBX_INSTANCE), &identifier) ||
		identifier.full)
		return;
	buf_add_text(buf, ",\"identifier\":[");
	buf_add(buf, buf_str(&identifier));
	buf_add_byte(buf, ']');
}

static void write_head(const struct report *report, enum observation_status status, struct buf *buf)
{
	const struct row *const carrier = report->carrier;
	buf_add_text(buf, "{\"resourceType\":\"Observation\"");
	if (report->test)
		buf_add_text(buf, ",\"meta\":{\"security\":[{\"system\":"
				  "\"http://terminology.hl7.org/CodeSystem/v3-ActReason\","
				  "\"code\":\"HTEST\"}]}");
	write_extensions(report, buf);
	write_instance(report, buf);
	write_status(report, status, buf);
	write_categories(carrier->panel != 0 ? mdc_find(carrier->panel) : carrier->fact, buf);
}

static void write_subject(const struct national_id *patient, struct buf *buf)
{
	buf_add_format(buf,
		",\"subject\":{\"type\":\"Patient\",\"identifier\":"
		"{\"system\":\"%s\",\"value\":\"%s\"}},",
		national_system(patient->kind), patient->digits);
}

/* FHIR has room for one method and one site. */
static struct str first_of(struct reading *reading, const struct row *row, unsigned field)
{
	bool more;
	const struct str text = row_field(row, field);
	const struct str first = er7_repetition(reading->message, text, 0, &more);
	if (more)
		row_warn(reading, row, field, OUTCOME_VALUE,
			"The field stands more than once; the first is kept");
	return first;
}

/* OBX-17: a code where the system is known, else the words. */
static void write_method(struct reading *reading, const struct row *row, struct buf *buf)
{
	const struct str first = first_of(reading, row, OBX_METHOD);
	struct buf concept = buf_new(reading->arena, first.length > 0 ? 128 : 0, 64 * 1024);
	/* `AMEAS^MDC` is seen: the word alone, and the system where its text should be. */
	const struct str word = clean_component(reading, first, 1);
	if (str_is(clean_component(reading, first, 2), "MDC") && word.length > 0) {
		buf_add_byte(&concept, '{');
		json_write_member(&concept, "text", word);
		buf_add_byte(&concept, '}');
	} else if (!coded_write(reading, first, &concept)) {
		return;
	}
	if (concept.full)
		return;
	buf_add_text(buf, ",\"method\":");
	buf_add(buf, buf_str(&concept));
}

static void write_site(struct reading *reading, const struct row *row, struct buf *buf)
{
	const struct str first = first_of(reading, row, OBX_SITE);
	struct buf concept = buf_new(reading->arena, first.length > 0 ? 128 : 0, 64 * 1024);
	if (!coded_write(reading, first, &concept) || concept.full)
		return;
	buf_add_text(buf, ",\"bodySite\":");
	buf_add(buf, buf_str(&concept));
}

/* OBX-16: who answers for the reading; each repetition is somebody. */
static void write_performers(struct reading *reading, const struct row *row, struct buf *buf)
{
	struct str rest = row_field(row, OBX_OBSERVER);
	struct buf list = buf_new(reading->arena, rest.length > 0 ? 128 : 0, REPORT_BYTES_MAX);
	while (rest.length > 0) {
		const struct str one = str_cut(rest, reading->message->repetition, &rest);
		struct buf performer = buf_new(reading->arena, 128, REPORT_BYTES_MAX);
		if (!coded_write_person(reading, one, &performer))
			continue;
		json_write_comma(&list);
		buf_add(&list, buf_str(&performer));
	}
	if (list.length == 0 || list.full)
		return;
	buf_add_text(buf, "\"performer\":[");
	buf_add(buf, buf_str(&list));
	buf_add_text(buf, "],");
}

static void write_device(struct reading *reading, const struct row *row, struct buf *buf)
{
	struct buf identifier = buf_new(reading->arena, 128, 64 * 1024);
	if (!coded_write_device(reading, device_find(reading, row), &identifier) || identifier.full)
		return;
	buf_add_text(buf, ",\"device\":{\"identifier\":");
	buf_add(buf, buf_str(&identifier));
	buf_add_byte(buf, '}');
}

/* OBX-17 and OBX-20 of a panel stand on the members' rows as often as on the panel's. */
static const struct row *row_with(const struct report *report, unsigned field)
{
	const struct row *const carrier = report->carrier;
	if (carrier->panel == 0 || row_field(carrier, field).length > 0)
		return carrier;
	const struct reading *const reading = report->reading;
	for (size_t i = carrier->first_part; i != ROW_NONE; i = reading->rows[i].next_part)
		if (row_field(&reading->rows[i], field).length > 0)
			return &reading->rows[i];
	return carrier;
}

/* The row whose OBX-16, 17 or 20 the Observation has; a part that says another loses it, for a component has none of them. */
static const struct row *row_for(const struct report *report, unsigned field)
{
	const struct row *const with = row_with(report, field);
	const struct reading *const reading = report->reading;
	for (size_t i = report->carrier->first_part; i != ROW_NONE;
		i = reading->rows[i].next_part) {
		const struct row *const part = &reading->rows[i];
		const struct str own = row_field(part, field);
		if (own.length > 0 && !str_equal(own, row_field(with, field)))
			row_warn(report->reading, part, field, OUTCOME_BUSINESS_RULE,
				"A part of a panel has another one than the panel; the panel's is "
				"kept");
	}
	return with;
}

/* NTE-3. */
static void add_notes(struct reading *reading, struct notes notes, struct buf *buf)
{
	for (size_t i = 0; i < notes.count; i++) {
		const struct er7_segment *const note = &reading->message->segments[notes.first + i];
		const struct str text = clean_lines(reading, str_trim(er7_field(note, 3)));
		if (text.length == 0)
			continue;
		json_write_comma(buf);
		buf_add_byte(buf, '{');
		json_write_member(buf, "text", text);
		buf_add_byte(buf, '}');
	}
}

/* What stands behind the OBR is of each of its readings; a long text would be stored as often. */
static void add_group_notes(struct reading *reading, struct group *group, struct buf *buf)
{
	struct buf notes = buf_new(reading->arena, 0, GROUP_NOTES_MAX);
	add_notes(reading, group->notes, &notes);
	if (notes.full) {
		outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_TOO_LARGE,
			(struct hl7_place){ "OBR", group->segment->sequence, 0, 0 },
			"The notes behind this OBR are longer than 4000 bytes; they are left out "
			"of "
			"its readings");
		group->notes = (struct notes){ 0 };
		return;
	}
	buf_add(buf, buf_str(&notes));
}

/* Of the OBR, the row and its parts. */
static void write_notes(const struct report *report, struct buf *buf)
{
	struct reading *const reading = report->reading;
	struct buf notes = buf_new(reading->arena, 0, REPORT_BYTES_MAX);
	add_group_notes(reading, &reading->groups[report->carrier->group], &notes);
	add_notes(reading, report->carrier->notes, &notes);
	for (size_t i = report->carrier->first_part; i != ROW_NONE; i = reading->rows[i].next_part)
		if (&reading->rows[i] != report->carrier)
			add_notes(reading, reading->rows[i].notes, &notes);
	if (notes.length == 0)
		return;
	buf_add_text(buf, ",\"note\":[");
	buf_add(buf, buf_str(&notes));
	buf_add_byte(buf, ']');
}

static struct str write_report(struct report *report, enum observation_status status)
{
	struct reading *const reading = report->reading;
	const struct row *const carrier = report->carrier;
	const bool has_own = report->has_own;
	struct buf buf = buf_new(reading->arena, 1280, REPORT_BYTES_MAX);
	write_head(report, status, &buf);
	buf_add(&buf, report->code);
	write_subject(reading->patient, &buf);
	write_performers(reading, row_for(report, OBX_OBSERVER), &buf);
	times_write(reading, carrier, report->seconds, &buf);
	if (has_own)
		write_finding(&report->own, &buf);
	write_site(reading, row_for(report, OBX_SITE), &buf);
	write_method(reading, row_for(report, OBX_METHOD), &buf);
	write_device(reading, carrier, &buf);
	if (has_own)
		write_range(reading, carrier, &buf);
	write_notes(report, &buf);
	if (report->components.length > 0) {
		buf_add_text(&buf, ",\"component\":[");
		buf_add(&buf, buf_str(&report->components));
		buf_add_byte(&buf, ']');
	}
	buf_add_byte(&buf, '}');
	return buf.full || report->components.full ? (struct str){ 0 } : buf_str(&buf);
}

/* A row without value, parts or reason: part of the tree, or a metric that says nothing. */
static void note_empty(const struct report *report)
{
	const struct row *const carrier = report->carrier;
	if (carrier->depth >= 4 && carrier->panel == 0 && !values_present(carrier) &&
		carrier->first_part == ROW_NONE)
		row_lose(report->reading, carrier, OBX_VALUE, OUTCOME_REQUIRED,
			"OBX-5 is missing; the row is left out");
}

static struct str render_code(struct report *report)
{
	const struct row *const carrier = report->carrier;
	struct buf buf = buf_new(report->reading->arena, 256, REPORT_BYTES_MAX);
	if (carrier->panel != 0 && carrier->panel != carrier->code)
		coded_write_panel(carrier->panel, &buf);
	else
		coded_write_row(report->reading, carrier, report->own.unit, &buf);
	return buf_str(&buf);
}

struct str report_render(struct reading *reading, struct row *carrier, bool *correction_out)
{
	const struct str nothing = { 0 };
	struct report report = { .reading = reading,
		.carrier = carrier,
		.components = buf_new(reading->arena, 0, REPORT_BYTES_MAX) };
	const bool implied = carrier->panel != 0 && carrier->panel != carrier->code;
	const bool says_more = carrier->first_part != ROW_NONE ||
			       flags_withdraw(reading, carrier) ||
			       row_field(carrier, OBX_FLAGS).length > 0;
	if (!implied && (values_present(carrier) || says_more))
		report.own = values_read(reading, carrier);
	report.code = render_code(&report);
	report.test = report.own.test;
	report.correction = report.own.correction;
	add_parts(&report);
	report.withdrawn = implied ? report.all_gone && report.withdrawn_parts > 0
				   : flags_withdraw(reading, carrier);
	if (!is_usable(&report.own) && report.usable_parts == 0 && !report.withdrawn) {
		note_empty(&report);
		return nothing;
	}
	if (!find_time(reading, carrier) || groups_are_control(reading, carrier))
		return nothing;
	report.has_own = !implied && (carrier->panel == 0 || report.usable_parts == 0);
	if (!report.has_own && report.own.value.length > 0)
		row_lose(reading, carrier, OBX_VALUE, OUTCOME_BUSINESS_RULE,
			"The row has rows below it that say its value; its own is left out");
	check_part_times(reading, carrier);
	if (report.own.bits.length > 0) {
		json_write_comma(&report.components);
		buf_add(&report.components, report.own.bits);
	}
	const enum observation_status status =
		report.has_own ? report.own.status : panel_status(&report);
	if (status == STATUS_CANCELLED && report.own.absent == NULL)
		row_warn(reading, carrier, OBX_STATUS, OUTCOME_BUSINESS_RULE,
			"OBX-11 is X beside a value; it is stored as cancelled");
	*correction_out = report.correction;
	return write_report(&report, status);
}
