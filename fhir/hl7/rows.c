/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/rows.h"

#include "fhir/base/arena.h"

#include <stdlib.h>

struct hl7_place row_place(const struct row *row, unsigned field)
{
	return (struct hl7_place){ "OBX", row->segment->sequence, field, 0 };
}

void row_warn(struct reading *reading, const struct row *row, unsigned field,
	enum outcome_kind kind, const char *text)
{
	outcome_at(reading->outcome, SEVERITY_WARNING, kind, row_place(row, field), "%s", text);
}

void row_lose(struct reading *reading, const struct row *row, unsigned field,
	enum outcome_kind kind, const char *text)
{
	const struct hl7_place place = row_place(row, field);
	row_warn(reading, row, field, kind, text);
	if (reading->lost.sequence > 0 && reading->lost.sequence <= place.sequence)
		return;
	reading->lost = place;
	reading->lost_kind = kind;
}

static struct str without_null(struct str field)
{
	const struct str text = str_trim(field);
	return str_is(text, "\"\"") ? (struct str){ 0 } : text;
}

struct str row_field(const struct row *row, unsigned number)
{
	const struct str own = without_null(er7_field(row->segment, number));
	if (own.length > 0)
		return own;
	return number == OBX_DEVICE     ? row->party.device
	       : number == OBX_OBSERVER ? row->party.observer
					: own;
}

/* FHIR R4 string: no control characters but tab, CR and LF. */
static struct str without_controls(struct arena *arena, struct str text)
{
	size_t at = 0;
	while (at < text.length && (unsigned char)text.at[at] >= ' ' && text.at[at] != 0x7f)
		at++;
	if (at == text.length)
		return text;
	char *const copy = arena_alloc(arena, text.length);
	for (size_t i = 0; i < text.length; i++) {
		const unsigned char byte = (unsigned char)text.at[i];
		const bool kept = (byte >= ' ' && byte != 0x7f) || byte == '\t' || byte == '\n';
		copy[i] = kept ? text.at[i] : ' ';
	}
	return (struct str){ copy, text.length };
}

struct str clean_component(struct reading *reading, struct str field, unsigned number)
{
	const struct str part =
		number == 0 ? field : er7_component(reading->message, field, number);
	const struct str text = er7_text(reading->arena, reading->message, str_trim(part), NULL);
	return str_trim(without_controls(reading->arena, text));
}

struct str clean_lines(struct reading *reading, struct str field)
{
	struct buf text = buf_new(reading->arena, 64, 4 * (size_t)ER7_BYTES_MAX);
	struct str rest = field;
	while (rest.length > 0) {
		const struct str line = without_null(clean_component(
			reading, str_cut(rest, reading->message->repetition, &rest), 0));
		if (text.length > 0 && line.length > 0)
			buf_add_byte(&text, '\n');
		buf_add(&text, line);
	}
	return text.full ? (struct str){ 0 } : buf_str(&text);
}

/* OBX-4: up to six numbers, MDS.VMD.CHAN.METRIC.FACET.SUBFACET; trailing zeros name the level that the row describes (IHE PCD TF-2 B.8.3). */
static bool read_path(struct str text, struct row *row)
{
	unsigned levels = 0;
	struct str rest = text;
	while (rest.at != NULL) {
		const struct str number = str_cut(rest, '.', &rest);
		uint64_t value;
		if (levels == LEVELS_MAX || !str_to_u64(number, &value) || value > UINT32_MAX)
			return false;
		row->path[levels++] = (unsigned)value;
	}
	row->depth = levels;
	while (row->depth > 0 && row->path[row->depth - 1] == 0)
		row->depth--;
	return true;
}

/* The triplet at `first` (1 or 4) of OBX-3. */
struct triplet {
	struct str code, text, system;
};

static struct triplet read_triplet(struct reading *reading, struct str field, unsigned first)
{
	return (struct triplet){ clean_component(reading, field, first),
		clean_component(reading, field, first + 1),
		clean_component(reading, field, first + 2) };
}

static bool take_mdc(struct row *row, struct triplet triplet)
{
	uint64_t number;
	const bool named = str_is(triplet.system, "MDC");
	if (!str_to_u64(triplet.code, &number) || number == 0 || number > UINT32_MAX)
		return false;
	/* Without a coding system only a number we know is taken for MDC. */
	if (!named && (triplet.system.length > 0 || mdc_find((uint32_t)number) == NULL))
		return false;
	row->code = (uint32_t)number;
	row->refid = triplet.text;
	row->fact = mdc_find(row->code);
	return true;
}

static bool take_other(struct reading *reading, struct row *row, struct triplet triplet)
{
	const struct str system = coded_system(reading, triplet.system);
	if (system.length == 0 || str_is(system, SYSTEM_MDC) || !coded_is_code(triplet.code))
		return false;
	row->other = (struct coding){ system, triplet.code };
	row->refid = triplet.text;
	return true;
}

/* The number decides; a REFID that belongs to another number of the table makes the translation doubtful. */
static void check_refid(struct reading *reading, struct row *row)
{
	if (row->refid.length == 0 || (row->fact != NULL && str_is(row->refid, row->fact->refid)))
		return;
	const struct mdc *const named = mdc_find_refid(row->refid);
	if (named == NULL || named == row->fact)
		return;
	row->doubtful = true;
	outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_CODE_INVALID,
		row_place(row, OBX_CODE),
		"%s is the name of code %u, not of %u; the number decides, no LOINC code is given",
		named->refid, named->code, row->code);
}

static void read_code(struct reading *reading, struct row *row)
{
	const struct str field = row_field(row, OBX_CODE);
	const struct triplet first = read_triplet(reading, field, 1);
	const struct triplet second = read_triplet(reading, field, 4);
	if (take_mdc(row, first) || take_mdc(row, second))
		check_refid(reading, row);
	else if (!take_other(reading, row, first))
		take_other(reading, row, second);
}

/* Order by group, path, place in the message: rows of one path stand together, prefixes before what they begin. */
static int compare_paths(const struct row *a, const struct row *b)
{
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	for (unsigned i = 0; i < LEVELS_MAX; i++) {
		if (i == a->depth || i == b->depth)
			return (a->depth > b->depth) - (a->depth < b->depth);
		if (a->path[i] != b->path[i])
			return a->path[i] < b->path[i] ? -1 : 1;
	}
	return 0;
}

static int compare_rows(const void *left, const void *right)
{
	const struct row *const a = *(struct row *const *)left, *const b =
									*(struct row *const *)right;
	const int order = compare_paths(a, b);
	return order != 0 ? order : (a > b) - (a < b);
}

/*
 * The row whose path is `wanted`'s: the last one before `wanted` in the message where a sender uses a path again, else the first behind it.
 */
static struct row *find_path(
	struct row **sorted, size_t count, const struct row *wanted, const struct row *child)
{
	size_t low = 0, high = count;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = compare_paths(sorted[middle], wanted);
		if (order < 0 || (order == 0 && sorted[middle] < child))
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0 && compare_paths(sorted[low - 1], wanted) == 0)
		return sorted[low - 1];
	return low < count && compare_paths(sorted[low], wanted) == 0 ? sorted[low] : NULL;
}

static void find_parents(struct reading *reading)
{
	struct row **const sorted = arena_array(reading->arena, reading->count, sizeof(*sorted));
	for (size_t i = 0; i < reading->count; i++)
		sorted[i] = &reading->rows[i];
	qsort(sorted, reading->count, sizeof(*sorted), compare_rows);
	for (size_t i = 0; i + 1 < reading->count; i++) {
		if (sorted[i]->depth > 0 && compare_paths(sorted[i], sorted[i + 1]) == 0)
			row_warn(reading, sorted[i + 1], OBX_PATH, OUTCOME_VALUE,
				"OBX-4 stands twice under one OBR");
	}
	for (size_t i = 0; i < reading->count; i++) {
		struct row wanted = reading->rows[i];
		const struct row *found = NULL;
		while (found == NULL && wanted.depth > 1) {
			wanted.depth--;
			while (wanted.depth > 0 && wanted.path[wanted.depth - 1] == 0)
				wanted.depth--;
			if (wanted.depth > 0)
				found = find_path(
					sorted, reading->count, &wanted, &reading->rows[i]);
		}
		reading->rows[i].parent =
			found == NULL ? ROW_NONE : (size_t)(found - reading->rows);
	}
}

static void add_group(struct reading *reading, const struct er7_segment *segment)
{
	reading->groups[reading->group_count++] = (struct group){ .segment = segment,
		.start = without_null(er7_field(segment, 7)),
		.end = without_null(er7_field(segment, 8)) };
}

static void add_row(struct reading *reading, const struct er7_segment *segment)
{
	struct row *const row = &reading->rows[reading->count];
	*row = (struct row){ .segment = segment,
		.group = (unsigned)(reading->group_count - 1),
		.parent = ROW_NONE,
		.root = reading->count,
		.first_part = ROW_NONE,
		.last_part = ROW_NONE,
		.next_part = ROW_NONE };
	reading->count++;
	read_code(reading, row);
	if (!read_path(row_field(row, OBX_PATH), row)) {
		row->depth = 0;
		row_warn(reading, row, OBX_PATH, OUTCOME_VALUE,
			"OBX-4 is not MDS.VMD.CHAN.METRIC in numbers; the row stands alone");
	}
	if (row_field(row, 1).length == 0)
		row_warn(reading, row, 1, OUTCOME_REQUIRED, "OBX-1 is missing");
}

enum prt_field { PRT_ROLE = 4, PRT_PERSON = 5, PRT_DEVICE = 10 };

/* IHE PCD TF-2 3.1 has PRT behind OBR and OBX, as HL7 v2.7 does, which takes OBX-16 and OBX-18 back for it. The first of a kind counts. */
static void add_party(
	struct reading *reading, const struct er7_segment *segment, struct party *party)
{
	const struct str device = without_null(er7_field(segment, PRT_DEVICE));
	const struct str person = without_null(er7_field(segment, PRT_PERSON));
	const bool is_observer =
		str_is(clean_component(reading, er7_field(segment, PRT_ROLE), 1), "RO");
	const bool has_device = device.length > 0 && party->device.length == 0;
	const bool has_observer = is_observer && person.length > 0 && party->observer.length == 0;
	if (has_device)
		party->device = device;
	if (has_observer)
		party->observer = person;
	if (!has_device && !has_observer)
		outcome_at(reading->outcome, SEVERITY_WARNING, OUTCOME_BUSINESS_RULE,
			(struct hl7_place){ "PRT", segment->sequence, PRT_ROLE, 0 },
			"PRT names no device (PRT-10) and no responsible observer (RO, PRT-5) that "
			"is "
			"not named before; it is left out");
}

/* Who answers for an OBR answers for its rows. */
static void hand_down_observers(struct reading *reading)
{
	for (size_t i = 0; i < reading->count; i++) {
		struct row *const row = &reading->rows[i];
		if (row->party.observer.length == 0)
			row->party.observer = reading->groups[row->group].party.observer;
	}
}

/* Segments that may stand between an OBR or OBX and its NTE. */
static bool stands_between(const struct er7_segment *segment)
{
	return strcmp(segment->name, "TQ1") == 0 || strcmp(segment->name, "TQ2") == 0 ||
	       strcmp(segment->name, "CTD") == 0 || segment->name[0] == 'Z';
}

void rows_collect(struct reading *reading)
{
	const struct er7 *const message = reading->message;
	size_t obrs = 1, obxs = 0;
	for (size_t i = 0; i < message->count; i++) {
		obrs += strcmp(message->segments[i].name, "OBR") == 0;
		obxs += strcmp(message->segments[i].name, "OBX") == 0;
	}
	reading->rows = arena_array(reading->arena, obxs, sizeof(struct row));
	reading->groups = arena_array(reading->arena, obrs, sizeof(struct group));
	reading->group_count = 1;
	struct notes *noted = NULL; /* of what an NTE is */
	struct party *party = NULL; /* the same of a PRT */
	for (size_t i = 0; i < message->count; i++) {
		const struct er7_segment *const segment = &message->segments[i];
		if (strcmp(segment->name, "NTE") == 0 && noted != NULL) {
			noted->first = noted->count++ == 0 ? i : noted->first;
			continue;
		}
		if (strcmp(segment->name, "PRT") == 0 && party != NULL) {
			add_party(reading, segment, party);
			continue;
		}
		if (stands_between(segment))
			continue;
		noted = NULL;
		party = NULL;
		if (strcmp(segment->name, "OBR") == 0) {
			add_group(reading, segment);
			noted = &reading->groups[reading->group_count - 1].notes;
			party = &reading->groups[reading->group_count - 1].party;
		} else if (strcmp(segment->name, "OBX") == 0) {
			add_row(reading, segment);
			noted = &reading->rows[reading->count - 1].notes;
			party = &reading->rows[reading->count - 1].party;
		}
	}
	hand_down_observers(reading);
	find_parents(reading);
}
