/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_ROWS_H
#define FHIR_HL7_ROWS_H

#include "fhir/hl7/coded.h"
#include "fhir/hl7/mdc.h"
#include "fhir/hl7/pcd01.h"
#include "fhir/observation.h"

/* The inside of pcd01: OBX rows, how they hang together, and what each says. Only the files of hl7/ that turn a message into Observations include it. */

#define LEVELS_MAX 6
#define ROW_NONE   SIZE_MAX

/* Fields of OBX, HL7 v2.6 7.4.2. */
enum obx_field {
	OBX_TYPE = 2,
	OBX_CODE = 3,
	OBX_PATH = 4,
	OBX_VALUE = 5,
	OBX_UNIT = 6,
	OBX_RANGE = 7,
	OBX_FLAGS = 8,
	OBX_STATUS = 11,
	OBX_TIME = 14,
	OBX_OBSERVER = 16,
	OBX_METHOD = 17,
	OBX_DEVICE = 18,
	OBX_SITE = 20,
	OBX_INSTANCE = 21
};

/* What becomes of a row. */
enum row_fate {
	ROW_SILENT,  /* tells of the device, its clock or the tree: no Observation, no warning */
	ROW_LEFT,    /* cannot be used; a warning says why */
	ROW_CARRIER, /* an Observation of its own */
	ROW_PART     /* a component of its root's Observation */
};

/* NTE segments behind an OBX or OBR, as indices into the message. */
struct notes {
	size_t first, count;
};

/* What PRT segments behind an OBX or OBR say, as OBX-18 and OBX-16 would. */
struct party {
	struct str device, observer;
};

struct row {
	const struct er7_segment *segment;
	unsigned group; /* index into reading.groups */

	unsigned path[LEVELS_MAX]; /* OBX-4 */
	/* Without trailing zeros: 1 MDS, 2 VMD, 3 channel, 4 metric, 5.. facet; 0: none or unreadable. */
	unsigned depth;
	size_t parent; /* the row with the longest prefix of the path, or ROW_NONE */

	uint32_t code;          /* MDC number; 0 where OBX-3 has none */
	struct coding other;    /* the code where it is not MDC, else empty */
	struct str refid;       /* its text as sent */
	const struct mdc *fact; /* NULL: not in mdc.tbl */
	bool doubtful;          /* the REFID belongs to another number of mdc.tbl: no translation */

	enum row_fate fate;
	size_t root;    /* the carrier whose part it is; itself for a carrier */
	uint32_t panel; /* carrier of a panel: the panel's code */
	size_t first_part, last_part, next_part; /* of a carrier, in message order; of a part */

	struct str start; /* DTM as written, own or inherited; empty: none */
	instant low;
	bool inherits_interval; /* the time is OBR-7 and OBR-8 ends it */
	double rate; /* of an array: samples a second, as a row below it says; 0: not said */

	struct notes notes;
	struct party party;

	size_t observation; /* of a carrier: number (1..) of the Observation made of it; 0: none */
};

/* An OBR and what its rows inherit. The first group has no OBR: rows before any. */
struct group {
	const struct er7_segment *segment;
	struct str start, end;
	struct notes notes;
	struct party party;
};

/* The time of a glucose or INR reading whose sample was a control solution. */
struct control {
	unsigned group;
	instant low;
};

struct reading {
	struct arena *arena;
	const struct er7 *message;
	const struct pcd01_policy *policy;
	struct outcome *outcome;
	const struct national_id *patient;
	struct str gateway; /* identifier object of MSH-3 where that is an EUI-64, else empty */
	struct row *rows;
	size_t count;
	struct group *groups;
	size_t group_count;
	struct control *controls;
	size_t control_count;
	unsigned held;              /* rows with a sentinel of this sender */
	const struct row *held_row; /* the first of them */
	/* The first row that something was left out of, and what for; sequence 0: none. */
	struct hl7_place lost;
	enum outcome_kind lost_kind;
};

/* rows.c: collects OBR and OBX, reads codes and paths, finds parents. O(n log n). */
void rows_collect(struct reading *reading);
struct hl7_place row_place(const struct row *row, unsigned field);
void row_warn(struct reading *reading, const struct row *row, unsigned field,
	enum outcome_kind kind, const char *text);
/* The same where the row, or its value, is left out for it: kept in reading->lost, however many warnings there are. */
void row_lose(struct reading *reading, const struct row *row, unsigned field,
	enum outcome_kind kind, const char *text);
/* Field `number` of the row, trimmed; the HL7 null is empty. OBX-16 and OBX-18 are those of a PRT where the row has none. */
struct str row_field(const struct row *row, unsigned number);
/* Component `number` of a field, unescaped, trimmed, without control characters. */
struct str clean_component(struct reading *reading, struct str field, unsigned number);

/* A text: its repetitions are its lines; each as clean_component() gives it, empty ones left out. */
struct str clean_lines(struct reading *reading, struct str field);

/* times.c: the row's start from OBX-14, its ancestors or OBR-7, checked. False after an error or a warning; then the row has none. */
bool times_find(struct reading *reading, struct row *row);
/* Writes effectiveDateTime, or effectivePeriod where the OBR gives an interval or `seconds` > 0 a duration. */
void times_write(struct reading *reading, const struct row *row, double seconds, struct buf *buf);
/* OBX-18 of the row or its nearest ancestor, else that of the OBR's PRT; empty where none has one. */
struct str device_find(const struct reading *reading, const struct row *row);

/* groups.c: gives each row its fate: carriers, panels, facets. O(n log n). */
void groups_form(struct reading *reading);
/* Was the sample of this laboratory row a control solution? Then a warning is added. */
bool groups_are_control(struct reading *reading, const struct row *carrier);

/* devices.c: out->devices. O(n). */
void devices_render(struct reading *reading, struct pcd01 *out);

/* report.c: the Observation of a carrier and its parts; an empty slice when nothing usable is left (said by warnings). */
struct str report_render(struct reading *reading, struct row *carrier, bool *correction_out);

#endif
