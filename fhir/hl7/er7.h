/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_HL7_ER7_H
#define FHIR_HL7_ER7_H

#include "fhir/base/outcome.h"
#include "fhir/base/str.h"

#define ER7_BYTES_MAX    (1024 * 1024)
#define ER7_SEGMENTS_MAX 10000

struct er7_segment {
	char name[4];
	unsigned sequence; /* 1.. among segments of this name in the message */
	struct str text;   /* the whole segment, without its end */
	struct str *fields;
	/* The name is fields[0]; in MSH fields[1] is the separator itself and fields[2] the encoding characters. */
	unsigned field_count;
};

/* A parsed message on an arena: segments in order, fields split; components are split when asked for. Source text is UTF-8. */
struct er7 {
	char field, component, repetition, escape, subcomponent;
	struct er7_segment *segments;
	size_t count;
};

/*
 * Parses a message: delimiters from MSH-1/2; CR, LF or CRLF ends segments; white space before segments is skipped; the charset of MSH-18 (empty with well-formed UTF-8, ASCII,
 * UNICODE UTF-8, UTF-8, 8859/1, 8859/15) is turned into UTF-8 before splitting. At most ER7_BYTES_MAX bytes and ER7_SEGMENTS_MAX segments. Errors say place and cure: then *out has the MSH alone, where that can be read, and else no segment.
 */
bool er7_parse(struct arena *arena, struct str bytes, struct er7 *out, struct outcome *outcome);
/* As er7_parse() of a message whose transport has settled that it is UTF-8 (XML does): MSH-18 tells what it was before. */
bool er7_parse_utf8(struct arena *arena, struct str text, struct er7 *out, struct outcome *outcome);

/* The first segment of that name, or NULL. */
const struct er7_segment *er7_find(const struct er7 *message, const char *name);
/* Field `number` of a segment (1..), or an empty slice. Escapes are still in it. */
struct str er7_field(const struct er7_segment *segment, unsigned number);
/* Repetition `index` (0..) of a field; empty where there is none. *more tells whether another follows. */
struct str er7_repetition(const struct er7 *message, struct str field, unsigned index, bool *more);
/* Component `number` (1..), sub-component `number` (1..). */
struct str er7_component(const struct er7 *message, struct str field, unsigned number);
struct str er7_subcomponent(const struct er7 *message, struct str component, unsigned number);
/* Escape sequences resolved (\F\ \S\ \T\ \R\ \E\ \X..\ \.br\; unknown ones kept); the HL7 null `""` gives an empty slice and sets *null (which may be NULL). */
struct str er7_text(struct arena *arena, const struct er7 *message, struct str field, bool *null);

#endif
