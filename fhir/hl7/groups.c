/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/values.h"

#include "fhir/base/arena.h"
#include "fhir/base/decimal.h"

#include <stdlib.h>

static void note_control(struct reading *reading, struct row *row)
{
	row_lose(reading, row, OBX_VALUE, OUTCOME_BUSINESS_RULE,
		"The sample was a control solution; the row and the laboratory rows of the same "
		"time are left out");
	if (times_find(reading, row))
		reading->controls[reading->control_count++] =
			(struct control){ row->group, row->low };
}

/* How often the array above was sampled; monitors give the row the number 0, so its name counts. */
static bool take_rate(struct reading *reading, const struct row *row)
{
	const struct str name = clean_component(reading, row_field(row, OBX_CODE), 2);
	if (row->fact != NULL || row->parent == ROW_NONE || !str_is(name, "MDC_ATTR_SAMP_RATE"))
		return false;
	struct row *const array = &reading->rows[row->parent];
	struct str number, words;
	double rate;
	if (!str_is(row_field(array, OBX_TYPE), "NA") ||
		!values_number(reading->arena, row_field(row, OBX_VALUE), &number) ||
		!decimal_value(number, &rate) || rate <= 0)
		return false;
	const struct str unit = values_unit(reading, row, &words);
	if (!str_is(unit, "/s") && !str_is(unit, "Hz"))
		return false;
	array->rate = rate;
	return true;
}

/* What the row is by itself, without its place in the tree. */
static enum row_fate fate_of(struct reading *reading, struct row *row)
{
	const bool has_value = values_present(row);
	if (mdc_is(row->fact, "time") || mdc_is(row->fact, "device-info") ||
		take_rate(reading, row))
		return ROW_SILENT;
	if (mdc_is(row->fact, "device-type")) {
		if (has_value)
			row_lose(reading, row, OBX_VALUE, OUTCOME_BUSINESS_RULE,
				"A device's own row has no value; it is left out");
		return ROW_SILENT;
	}
	if (row->code == 0 && row->other.code.length == 0) {
		if (!has_value)
			return ROW_SILENT;
		row_lose(reading, row, OBX_CODE, OUTCOME_CODE_INVALID,
			"OBX-3 has no code of MDC, LOINC or SNOMED CT; the row is left out");
		return ROW_LEFT;
	}
	if (mdc_is(row->fact, "control")) {
		row_lose(reading, row, OBX_CODE, OUTCOME_BUSINESS_RULE,
			"A control solution is no reading of a patient; the row is left out");
		return ROW_LEFT;
	}
	if (has_value && mdc_is(mdc_find(values_code(reading, row)), "control")) {
		note_control(reading, row);
		return ROW_LEFT;
	}
	if (has_value && row->code != 0 && row->fact == NULL)
		outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_CODE_INVALID,
			row_place(row, OBX_CODE),
			row->code < 0x10000
				? "%u has no partition and is no context-free MDC code; it is "
				  "stored under it"
				: "MDC code %u is not known here; the row is stored under it",
			row->code);
	return ROW_CARRIER;
}

/* Do rows below this one say something of it, instead of being metrics of their own? */
static bool is_metric(const struct row *row)
{
	return row->depth >= 4 || mdc_is_panel(row->code);
}

/* The panel row above a member, or the member itself. */
static size_t find_panel(const struct reading *reading, size_t index)
{
	const uint32_t panel = mdc_panel_of(reading->rows[index].code);
	for (size_t at = reading->rows[index].parent; at != ROW_NONE; at = reading->rows[at].parent)
		if (reading->rows[at].code == panel && reading->rows[at].fate == ROW_CARRIER)
			return at;
	return index;
}

/* The carrier a row belongs to by its path; ROW_NONE where the row above it is not kept. */
static size_t find_root(const struct reading *reading, size_t index)
{
	for (;;) {
		const struct row *const row = &reading->rows[index];
		if (mdc_panel_of(row->code) != 0)
			return find_panel(reading, index);
		if (row->parent == ROW_NONE || !is_metric(&reading->rows[row->parent]))
			return index;
		index = row->parent;
		if (reading->rows[index].fate != ROW_CARRIER)
			return ROW_NONE;
	}
}

/* A panel member without a panel row, and what makes it one with others: channel, panel, time. */
struct member {
	struct row *row;
	size_t scope;
	uint32_t panel;
};

static int compare_keys(const struct member *a, const struct member *b)
{
	if (a->row->group != b->row->group)
		return a->row->group < b->row->group ? -1 : 1;
	if (a->scope != b->scope)
		return a->scope < b->scope ? -1 : 1;
	if (a->panel != b->panel)
		return a->panel < b->panel ? -1 : 1;
	return (a->row->low > b->row->low) - (a->row->low < b->row->low);
}

static int compare_members(const void *left, const void *right)
{
	const struct member *const a = left, *const b = right;
	const int order = compare_keys(a, b);
	return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static size_t find_scope(const struct reading *reading, const struct row *row, uint32_t panel)
{
	size_t at = row->parent;
	while (at != ROW_NONE && mdc_panel_of(reading->rows[at].code) == panel)
		at = reading->rows[at].parent;
	return at;
}

static size_t collect_members(struct reading *reading, struct member *members)
{
	size_t count = 0;
	for (size_t i = 0; i < reading->count; i++) {
		struct row *const row = &reading->rows[i];
		const uint32_t panel = mdc_panel_of(row->code);
		if (panel == 0 || row->fate != ROW_CARRIER || row->root != i)
			continue;
		if (!times_find(reading, row)) {
			row->fate = ROW_LEFT;
			continue;
		}
		members[count++] = (struct member){ row, find_scope(reading, row, panel), panel };
	}
	return count;
}

/*
 * The members of one channel and time make a panel when none comes twice, or when all come equally often and in turn. Anything else cannot be paired without guessing.
 * Returns the length of a round, or 0.
 */
static size_t find_round(const struct member *members, size_t count)
{
	uint32_t first = 0, round = 0;
	size_t length = 0;
	for (size_t i = 0; i < count; i++) {
		const uint32_t bit = mdc_panel_bit(members[i].row->code);
		if ((round & bit) != 0) {
			first = first == 0 ? round : first;
			length = length == 0 ? i : length;
			if (round != first)
				return 0;
			round = 0;
		}
		round |= bit;
	}
	if (first != 0 && round != first)
		return 0;
	return length == 0 ? count : length;
}

static void form_run(struct reading *reading, struct member *members, size_t count)
{
	const size_t round = find_round(members, count);
	if (round == 0)
		row_warn(reading, members[0].row, OBX_CODE, OUTCOME_STRUCTURE,
			"Rows of one panel, channel and time cannot be paired; each is kept by "
			"itself");
	/* Taken back alone, a member takes its panel back: what is left is no reading of the whole, and the panel is what was stored. */
	if (count == 1 && flags_withdraw(reading, members[0].row))
		members[0].row->panel = members[0].panel;
	if (round < 2)
		return;
	for (size_t i = 0; i < count; i++) {
		struct row *const carrier = members[i - i % round].row;
		members[i].row->root = (size_t)(carrier - reading->rows);
		carrier->panel = members[i].panel;
		if (members[i].row != carrier)
			members[i].row->fate = ROW_PART;
	}
}

static void form_panels(struct reading *reading)
{
	struct member *const members =
		arena_array(reading->arena, reading->count, sizeof(struct member));
	const size_t count = collect_members(reading, members);
	qsort(members, count, sizeof(struct member), compare_members);
	for (size_t start = 0, end; start < count; start = end) {
		for (end = start + 1; end < count; end++)
			if (compare_keys(&members[start], &members[end]) != 0)
				break;
		form_run(reading, &members[start], end - start);
	}
}

static void add_part(struct reading *reading, struct row *carrier, size_t index)
{
	if (carrier->last_part == ROW_NONE)
		carrier->first_part = index;
	else
		reading->rows[carrier->last_part].next_part = index;
	carrier->last_part = index;
}

static void list_parts(struct reading *reading)
{
	for (size_t i = 0; i < reading->count; i++) {
		struct row *const row = &reading->rows[i];
		if (row->fate != ROW_CARRIER && row->fate != ROW_PART)
			continue;
		/* A facet's root may itself have become part of a panel. */
		row->root = reading->rows[row->root].root;
		if (row->root == i) {
			if (row->panel != 0 && row->panel != row->code)
				add_part(reading, row, i);
			continue;
		}
		row->fate = ROW_PART;
		add_part(reading, &reading->rows[row->root], i);
	}
}

static int compare_controls(const void *left, const void *right)
{
	const struct control *const a = left, *const b = right;
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return (a->low > b->low) - (a->low < b->low);
}

bool groups_are_control(struct reading *reading, const struct row *carrier)
{
	const struct control key = { carrier->group, carrier->low };
	if (!mdc_is(carrier->fact, "laboratory") || reading->control_count == 0 ||
		bsearch(&key, reading->controls, reading->control_count, sizeof(key),
			compare_controls) == NULL)
		return false;
	row_lose(reading, carrier, OBX_VALUE, OUTCOME_BUSINESS_RULE,
		"The sample was a control solution; the row is left out");
	return true;
}

void groups_form(struct reading *reading)
{
	reading->controls = arena_array(reading->arena, reading->count, sizeof(struct control));
	for (size_t i = 0; i < reading->count; i++)
		reading->rows[i].fate = fate_of(reading, &reading->rows[i]);
	qsort(reading->controls, reading->control_count, sizeof(struct control), compare_controls);
	for (size_t i = 0; i < reading->count; i++) {
		struct row *const row = &reading->rows[i];
		if (row->fate == ROW_CARRIER) {
			row->root = find_root(reading, i);
			row->panel = mdc_is_panel(row->code) ? row->code : 0;
		}
	}
	for (size_t i = 0; i < reading->count; i++)
		if (reading->rows[i].root == ROW_NONE)
			reading->rows[i].fate = ROW_SILENT;
	form_panels(reading);
	list_parts(reading);
}
