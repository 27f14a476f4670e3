/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/explain.h"

#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "fhir/hl7/ack.h"
#include "fhir/hl7/values.h"

#define NODES_MAX 100000
#define VALUE_MAX 40 /* of OBX-5 in the tree */

static const struct {
	const char *segment;
	unsigned field;
	const char *name, *rule;
} rules[] = {
#define RULE(segment, field, name, rule) { segment, field, name, rule },
#include "fhir/hl7/rule.tbl"
#undef RULE
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

/* A message on its way through the hub. */
struct explain {
	struct arena *arena;
	struct buf *buf;
	const struct pcd01_policy *policy;
	struct outcome outcome;
	struct er7 message;
	struct pcd01 read;
	const struct json **resources; /* of each Observation */
	struct observation *observations;
	size_t *first_child, *next_sibling; /* of each row, in message order; ROW_NONE ends */
};

/* Foreign text for a terminal: no control characters, neither C0 nor C1 (U+0080..U+009F, which some take for escape sequences). */
static void add_plain(struct buf *buf, struct str text, size_t most)
{
	/* Not in the middle of a character. */
	const size_t length = str_utf8_prefix(str_part(text, 0, most));
	for (size_t i = 0; i < length; i++) {
		const unsigned char byte = (unsigned char)text.at[i];
		const unsigned char next = i + 1 < text.length ? (unsigned char)text.at[i + 1] : 0;
		if (byte == 0xc2 && next < 0xa0) {
			buf_add_byte(buf, ' ');
			i++;
			continue;
		}
		buf_add_byte(buf, byte < ' ' || byte == 0x7f ? ' ' : text.at[i]);
	}
	if (length < text.length)
		buf_add_text(buf, "..");
}

static void add_all(struct buf *buf, struct str text)
{
	add_plain(buf, text, SIZE_MAX);
}

/* ---- the tree of rows */

static void link_rows(struct explain *explain)
{
	const size_t count = explain->read.row_count;
	explain->first_child = arena_array(explain->arena, count + 1, sizeof(size_t));
	explain->next_sibling = arena_array(explain->arena, count + 1, sizeof(size_t));
	for (size_t i = 0; i <= count; i++)
		explain->first_child[i] = ROW_NONE;
	for (size_t i = count; i > 0; i--) {
		const size_t parent = explain->read.rows[i - 1].parent;
		size_t *const head = &explain->first_child[parent == ROW_NONE ? count : parent];
		explain->next_sibling[i - 1] = *head;
		*head = i - 1;
	}
}

static void write_code(struct explain *explain, const struct row *row)
{
	struct buf *const buf = explain->buf;
	if (row->code != 0)
		buf_add_format(buf, "%u ", row->code);
	else if (row->other.code.length > 0)
		add_all(buf, row->other.code);
	if (row->fact != NULL)
		buf_add_format(buf, "%s (%s)", row->fact->refid, row->fact->text_no);
	else
		add_all(buf, row->refid);
	if (row->code == 0 && row->other.code.length == 0 && row->refid.length == 0)
		buf_add_text(buf, "no code");
}

static void write_sent_value(struct explain *explain, const struct row *row)
{
	const struct str value = row_field(row, OBX_VALUE), unit = row_field(row, OBX_UNIT);
	const struct str name = er7_component(&explain->message, unit, 2);
	if (value.length == 0)
		return;
	buf_add_text(explain->buf, " = ");
	add_plain(explain->buf, value, VALUE_MAX);
	if (unit.length == 0)
		return;
	buf_add_byte(explain->buf, ' ');
	add_plain(explain->buf, name.length > 0 ? name : er7_component(&explain->message, unit, 1),
		VALUE_MAX);
}

static void write_fate(struct explain *explain, const struct row *row)
{
	struct buf *const buf = explain->buf;
	const struct row *const root = row->root == ROW_NONE ? row : &explain->read.rows[row->root];
	switch (row->fate) {
	case ROW_SILENT:
		buf_add_text(buf, "device, clock or tree");
		return;
	case ROW_LEFT:
		buf_add_text(buf, "left out");
		return;
	case ROW_CARRIER:
	case ROW_PART:
		break;
	}
	if (root->observation == 0)
		buf_add_text(buf, values_present(row) ? "left out" : "no value of its own");
	else
		buf_add_format(buf, "%sObservation %zu", row->fate == ROW_PART ? "part of " : "",
			root->observation);
}

/* At most LEVELS_MAX deep, as paths are. */
static void write_row(struct explain *explain, size_t index, unsigned depth)
{
	const struct row *const row = &explain->read.rows[index];
	struct buf *const buf = explain->buf;
	buf_add_format(buf, "  OBX %-4u %*s", row->segment->sequence, (int)(2 * depth), "");
	add_plain(buf, row_field(row, OBX_PATH), VALUE_MAX);
	buf_add_text(buf, row_field(row, OBX_PATH).length > 0 ? "  " : "(no OBX-4)  ");
	write_code(explain, row);
	write_sent_value(explain, row);
	buf_add_text(buf, "  -> ");
	write_fate(explain, row);
	buf_add_byte(buf, '\n');
	for (size_t at = explain->first_child[index]; at != ROW_NONE;
		at = explain->next_sibling[at])
		write_row(explain, at, depth + 1);
}

static void write_tree(struct explain *explain)
{
	const size_t count = explain->read.row_count;
	if (explain->read.rows == NULL)
		return;
	link_rows(explain);
	buf_add_text(explain->buf, "\nRows, as OBX-4 orders them\n");
	unsigned group = UINT32_MAX;
	for (size_t at = explain->first_child[count]; at != ROW_NONE;
		at = explain->next_sibling[at]) {
		if (explain->read.rows[at].group != group) {
			group = explain->read.rows[at].group;
			buf_add_format(
				explain->buf, group == 0 ? "  (no OBR)\n" : "  OBR %u\n", group);
		}
		write_row(explain, at, 0);
	}
}

/* ---- the Observations */

static const char *system_name(struct str system)
{
	return str_is(system, SYSTEM_LOINC)    ? "LOINC"
	       : str_is(system, SYSTEM_MDC)    ? "MDC"
	       : str_is(system, SYSTEM_SNOMED) ? "SNOMED CT"
	       : str_is(system, SYSTEM_NPU)    ? "NPU"
					       : NULL;
}

static void write_coding(struct buf *buf, struct coding coding)
{
	const char *const name = system_name(coding.system);
	add_all(buf, name == NULL ? coding.system : str_of(name));
	buf_add_byte(buf, ' ');
	add_all(buf, coding.code);
}

/* Our words for a concept, else its first code. */
static void write_name(struct buf *buf, const struct json *concept)
{
	const struct json *const codings = json_get(concept, "coding");
	const struct json *const first = json_at(codings, 0);
	struct code_facts facts;
	json_each(coding, codings)
	{
		if (!code_find((struct coding){ json_text(coding, "system"),
				       json_text(coding, "code") },
			    &facts) ||
			facts.text_no[0] == '\0')
			continue;
		buf_add_text(buf, facts.text_no);
		return;
	}
	if (first != NULL)
		write_coding(buf,
			(struct coding){ json_text(first, "system"), json_text(first, "code") });
	else
		add_all(buf, json_text(concept, "text"));
}

static void write_quantity(struct buf *buf, const struct json *quantity)
{
	const struct json *const value = json_get(quantity, "value");
	const struct str code = json_text(quantity, "code");
	const struct str unit = code.length > 0 ? code : json_text(quantity, "unit");
	add_all(buf, json_text(quantity, "comparator"));
	add_all(buf, value == NULL ? STR("?") : value->text);
	if (unit.length > 0)
		buf_add_byte(buf, ' ');
	add_all(buf, unit);
}

/* A document in the place of a value. */
static void write_document(struct buf *buf, const struct json *extension)
{
	const struct json *const document = json_get(extension, "valueAttachment");
	const struct str type = json_text(document, "contentType");
	if (document == NULL)
		return;
	add_all(buf, type.length > 0 ? type : STR("document"));
	buf_add_format(buf, ", about %zu bytes", json_text(document, "data").length / 4 * 3);
}

/* The value of an Observation or component, or why it has none. */
static void write_value(struct buf *buf, const struct json *of)
{
	json_each(extension, json_get(of, "extension"))
	{
		write_document(buf, extension);
	}
	json_each(member, of)
	{
		if (str_is(member->key, "valueQuantity"))
			write_quantity(buf, member);
		else if (str_is(member->key, "valueCodeableConcept"))
			write_name(buf, member);
		else if (str_starts(member->key, STR("value")))
			add_plain(buf, member->type == JSON_STRING ? member->text : member->raw,
				2 * VALUE_MAX);
		else if (str_is(member->key, "dataAbsentReason")) {
			buf_add_text(buf, "none: ");
			add_all(buf, json_text(json_at(json_get(member, "coding"), 0), "code"));
		}
	}
}

static bool has_value(const struct json *of)
{
	json_each(member, of)
	{
		if (str_starts(member->key, STR("value")) ||
			str_is(member->key, "dataAbsentReason"))
			return true;
	}
	json_each(extension, json_get(of, "extension"))
	{
		if (json_get(extension, "valueAttachment") != NULL)
			return true;
	}
	return false;
}

static void write_label(struct buf *buf, const char *label)
{
	buf_add_format(buf, "     %-10s ", label);
}

static void write_time(struct buf *buf, const struct json *resource)
{
	const struct json *const period = json_get(resource, "effectivePeriod");
	write_label(buf, "time");
	if (period == NULL) {
		add_all(buf, json_text(resource, "effectiveDateTime"));
	} else {
		add_all(buf, json_text(period, "start"));
		buf_add_text(buf, " to ");
		add_all(buf, json_text(period, "end"));
	}
	buf_add_byte(buf, '\n');
}

static void write_device(struct buf *buf, const struct json *resource)
{
	const struct json *const identifier = json_get(json_get(resource, "device"), "identifier");
	write_label(buf, "device");
	add_all(buf, identifier == NULL ? STR("not named") : json_text(identifier, "value"));
	if (json_text(identifier, "system").length > 0)
		buf_add_byte(buf, ' ');
	add_all(buf, json_text(identifier, "system"));
	buf_add_byte(buf, '\n');
}

/* Who answers for the reading, and what its sender calls it. */
static void write_observers(struct buf *buf, const struct json *resource)
{
	json_each(performer, json_get(resource, "performer"))
	{
		const struct json *const identifier = json_get(performer, "identifier");
		const struct str name = json_text(performer, "display");
		write_label(buf, "performer");
		add_all(buf, name.length > 0 ? name : json_text(identifier, "value"));
		if (json_text(performer, "type").length > 0)
			buf_add_format(buf, " (%.*s)", STR_ARG(json_text(performer, "type")));
		buf_add_byte(buf, '\n');
	}
	json_each(identifier, json_get(resource, "identifier"))
	{
		write_label(buf, "identifier");
		add_all(buf, json_text(identifier, "value"));
		buf_add_text(buf, json_text(identifier, "system").length > 0
					  ? "\n"
					  : "; kept, and no key: only a UUID is one of its own\n");
	}
}

static struct str gateway_of(const struct json *resource)
{
	json_each(extension, json_get(resource, "extension"))
	{
		const struct json *const reference = json_get(extension, "valueReference");
		if (reference != NULL)
			return json_text(json_get(reference, "identifier"), "value");
	}
	return STR("not named (no EUI-64 in MSH-3)");
}

/* What the Provenance of each will say (openapi/pcd01.md). */
static void write_provenance(struct explain *explain)
{
	struct buf *const buf = explain->buf;
	if (explain->read.count == 0)
		return;
	buf_add_text(buf, "\nProvenance of each\n");
	write_label(buf, "source");
	buf_add_text(buf, "the message as it came, by the number the hub keeps it under\n");
	write_label(buf, "gateway");
	add_all(buf, gateway_of(explain->resources[0]));
	buf_add_byte(buf, '\n');
	write_label(buf, "agents");
	buf_add_text(buf, "the device, the gateway, the client that sends, the data controller\n");
}

/* What the hub does with another value under the same keys. */
static const char *next_value(const struct observation *observation, bool correction)
{
	if (correction)
		return "this one replaces what stands there\n";
	if (observation->minute_clock)
		return "the clock shows minutes, so another value at that minute is kept beside "
		       "this one\n";
	return "another value at that time is a new version\n";
}

/* Which keys the hub would know the same reading by, and what that means for the sender. */
static void write_identity(struct buf *buf, const struct observation *observation, bool correction)
{
	write_label(buf, "re-send");
	if (!observation->has_device_key) {
		buf_add_text(buf,
			"known by its whole content only, since no device with a system "
			"(EUI-64 in OBX-18) is named; another value is another reading\n");
		return;
	}
	buf_add_text(buf, "known by device, ");
	write_coding(buf, observation->canon);
	buf_add_text(buf, observation->time_is_period ? ", start and duration; " : " and start; ");
	buf_add_text(buf, next_value(observation, correction));
}

static void write_codes(struct buf *buf, const struct json *resource)
{
	const char *separator = "";
	write_label(buf, "code");
	json_each(coding, json_get(json_get(resource, "code"), "coding"))
	{
		buf_add_text(buf, separator);
		write_coding(buf,
			(struct coding){ json_text(coding, "system"), json_text(coding, "code") });
		separator = ", ";
	}
	buf_add_byte(buf, '\n');
}

static void write_observation(struct explain *explain, size_t index)
{
	static const char *const classes[] = { "", "health", "welfare", "administrative" };
	struct buf *const buf = explain->buf;
	const struct json *const resource = explain->resources[index];
	const struct observation *const observation = &explain->observations[index];
	const struct hl7_place place = explain->read.places[index];
	buf_add_format(buf, "  %zu  ", index + 1);
	write_name(buf, json_get(resource, "code"));
	buf_add_format(buf, "  (%s %u)\n", place.segment, place.sequence);
	write_codes(buf, resource);
	if (has_value(resource)) {
		write_label(buf, "value");
		write_value(buf, resource);
		buf_add_byte(buf, '\n');
	}
	json_each(component, json_get(resource, "component"))
	{
		write_label(buf, "part");
		write_name(buf, json_get(component, "code"));
		buf_add_text(buf, ": ");
		write_value(buf, component);
		buf_add_byte(buf, '\n');
	}
	write_label(buf, "status");
	buf_add_format(buf, "%s, class %s%s\n", observation_status_code(observation->status),
		classes[observation->class],
		explain->read.corrections[index] ? "; replaces what was sent before" : "");
	write_time(buf, resource);
	write_device(buf, resource);
	write_observers(buf, resource);
	write_identity(buf, observation, explain->read.corrections[index]);
}

/* ---- the Devices */

static void write_devices(struct explain *explain)
{
	static const char *const members[] = { "manufacturer", "modelNumber", "serialNumber" };
	struct buf *const buf = explain->buf;
	for (size_t i = 0; i < explain->read.device_count; i++) {
		struct outcome said = { .arena = explain->arena };
		const struct json *const device =
			json_parse(explain->arena, explain->read.devices[i], NODES_MAX, &said);
		const struct hl7_place place = explain->read.device_places[i];
		buf_add_format(buf, "%s  %zu  ", i == 0 ? "\nDevices\n" : "", i + 1);
		write_name(buf, json_get(device, "type"));
		buf_add_format(buf, "  (%s %u)\n", place.segment, place.sequence);
		write_label(buf, "known by");
		add_all(buf, json_text(json_at(json_get(device, "identifier"), 0), "value"));
		buf_add_byte(buf, '\n');
		for (size_t at = 0; at < sizeof(members) / sizeof(members[0]); at++) {
			const struct str text = json_text(device, members[at]);
			if (text.length == 0)
				continue;
			write_label(buf, "");
			buf_add_format(buf, "%s ", members[at]);
			add_all(buf, text);
			buf_add_byte(buf, '\n');
		}
	}
}

/* ---- the issues */

static const char *severity_name(enum severity severity)
{
	switch (severity) {
	case SEVERITY_ERROR:
		return "error";
	case SEVERITY_WARNING:
		return "warning";
	case SEVERITY_INFORMATION:
		return "note";
	}
	return "error";
}

/* The row of the field, else that of its segment; RULES where the issue has no place. */
static size_t find_rule(struct hl7_place place)
{
	size_t found = RULES;
	for (size_t i = 0; i < RULES; i++) {
		if (strcmp(rules[i].segment, place.segment) != 0)
			continue;
		if (rules[i].field == place.field)
			return i;
		if (rules[i].field == 0)
			found = i;
	}
	return found;
}

static void write_place(struct buf *buf, struct hl7_place place)
{
	if (place.segment[0] == '\0')
		return;
	buf_add_format(buf, " %s %u", place.segment, place.sequence);
	if (place.field > 0)
		buf_add_format(buf, ", %s-%u", place.segment, place.field);
	if (place.component > 0)
		buf_add_format(buf, ".%u", place.component);
}

static void write_issue(struct buf *buf, const struct issue *issue)
{
	const size_t rule = find_rule(issue->place);
	buf_add_format(buf, "  %s", severity_name(issue->severity));
	write_place(buf, issue->place);
	if (rule < RULES && rules[rule].field == issue->place.field)
		buf_add_format(buf, " (%s)", rules[rule].name);
	buf_add_text(buf, ": ");
	if (issue->expression.length > 0) {
		add_all(buf, issue->expression);
		buf_add_text(buf, ": ");
	}
	add_all(buf, issue->text);
	if (issue->expression.length > 0)
		buf_add_text(
			buf, "\n    rule: FHIR R4 Observation, which every reading is kept as");
	else if (rule < RULES)
		buf_add_format(buf, "\n    rule: %s", rules[rule].rule);
	buf_add_byte(buf, '\n');
}

static void write_issues(struct explain *explain)
{
	const struct outcome *const outcome = &explain->outcome;
	if (outcome->first == NULL)
		return;
	buf_add_text(explain->buf, "\nErrors and warnings\n");
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next)
		write_issue(explain->buf, issue);
	if (outcome->errors + outcome->warnings > outcome->kept)
		buf_add_format(explain->buf, "  and %u more\n",
			outcome->errors + outcome->warnings - outcome->kept);
}

/* ---- the whole */

static void write_answer(struct explain *explain)
{
	struct buf ack_text = buf_new(explain->arena, 1024, explain->buf->limit);
	const struct ack ack = { &explain->read, STR("1"), explain->policy->now,
		explain->policy->production };
	ack_render(&ack_text, &ack, &explain->outcome);
	buf_add_text(explain->buf, "\nThe answer, once everything is stored\n");
	struct str rest = buf_str(&ack_text);
	while (rest.length > 0) {
		buf_add_text(explain->buf, "  ");
		add_all(explain->buf, str_cut(rest, '\r', &rest));
		buf_add_byte(explain->buf, '\n');
	}
}

/* As the server does it before it stores: each Observation is read by the rules of a FHIR upload. */
static void read_observations(struct explain *explain)
{
	const size_t count = explain->read.count;
	const struct observation_policy policy = {
		.national = explain->policy->national,
		.zone = explain->policy->zone,
		.now = explain->policy->now,
		.made_here = true,
	};
	explain->resources = arena_array(explain->arena, count, sizeof(struct json *));
	explain->observations = arena_array(explain->arena, count, sizeof(struct observation));
	for (size_t i = 0; i < count; i++) {
		struct outcome said = { .arena = explain->arena };
		explain->resources[i] =
			json_parse(explain->arena, explain->read.observations[i], NODES_MAX, &said);
		if (explain->resources[i] != NULL)
			observation_read(explain->arena, explain->resources[i], STR("Observation"),
				&policy, &explain->observations[i], &said);
		for (struct issue *issue = said.first; issue != NULL; issue = issue->next)
			issue->place = explain->read.places[i];
		outcome_merge(&explain->outcome, &said, (struct str){ 0 });
	}
}

static enum pcd01_tier write_verdict(struct explain *explain)
{
	struct buf *const buf = explain->buf;
	const struct outcome *const outcome = &explain->outcome;
	const struct pcd01 *const read = &explain->read;
	const char *const few = outcome->warnings == 1 ? "" : "s";
	if (read->tier == PCD01_QUARANTINED) {
		buf_add_format(buf,
			"QUARANTINED: no reading would be stored; the message would be kept as it "
			"came, for the operator of the hub (%.*s)\n",
			STR_ARG(read->reason));
		return PCD01_QUARANTINED;
	}
	if (outcome->errors > 0) {
		buf_add_format(buf,
			"REFUSED: nothing of the message would be stored (%u error%s)\n",
			outcome->errors, outcome->errors == 1 ? "" : "s");
		return PCD01_REFUSED;
	}
	buf_add_format(buf, "ACCEPTED%s: %zu Observation%s for a patient with a %s",
		outcome->warnings > 0 ? " WITH WARNINGS" : "", read->count,
		read->count == 1 ? "" : "s",
		read->patient.kind == NATIONAL_FNR   ? "fødselsnummer"
		: read->patient.kind == NATIONAL_DNR ? "D-number"
						     : "shared help number");
	if (outcome->warnings > 0)
		buf_add_format(buf, " (%u warning%s)", outcome->warnings, few);
	buf_add_byte(buf, '\n');
	if (read->held > 0)
		buf_add_format(buf, "%u row%s would be kept for the operator of the hub (%.*s)\n",
			read->held, read->held == 1 ? "" : "s", STR_ARG(read->reason));
	return outcome->warnings > 0 ? PCD01_WARNED : PCD01_ACCEPTED;
}

enum pcd01_tier explain_write(struct buf *buf, struct str bytes, const struct pcd01_policy *policy)
{
	struct explain explain = { .arena = buf->arena,
		.buf = buf,
		.policy = policy,
		.outcome = { .arena = buf->arena } };
	if (!er7_parse(buf->arena, bytes, &explain.message, &explain.outcome))
		pcd01_head(buf->arena, &explain.message, &explain.read);
	else if (pcd01_read(buf->arena, &explain.message, policy, &explain.read, &explain.outcome))
		read_observations(&explain);
	const enum pcd01_tier tier = write_verdict(&explain);
	write_tree(&explain);
	const bool stored = tier == PCD01_ACCEPTED || tier == PCD01_WARNED;
	const size_t count = stored ? explain.read.count : 0;
	if (count > 0)
		buf_add_text(buf, "\nObservations\n");
	for (size_t i = 0; i < count; i++)
		write_observation(&explain, i);
	if (stored)
		write_devices(&explain);
	write_provenance(&explain);
	write_issues(&explain);
	write_answer(&explain);
	return tier;
}
