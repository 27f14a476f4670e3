/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_PRESENTATION_H
#define FHIR_PRESENTATION_H

#include "fhir/base/buf.h"
#include "fhir/base/outcome.h"
#include "fhir/resource.h"

/*
 * How a caller wants what it gets: the parameters _format, _pretty, _summary and _elements (FHIR R4 http.html 3.1.0.1.11 and search.html 3.1.1.5.8, 9), parsed once for every
 * interaction. All zero: nothing was asked, and a stored resource leaves as the bytes it is.
 */
#define PRESENTATION_ELEMENTS_MAX 40

struct json;

enum summary { SUMMARY_FALSE, SUMMARY_TRUE, SUMMARY_TEXT, SUMMARY_DATA, SUMMARY_COUNT };
struct presentation {
	bool format; /* a format that is ours was asked for: it wins over Accept */
	bool pretty;
	bool pretty_said, summary_said;
	enum summary summary;
	struct str elements[PRESENTATION_ELEMENTS_MAX];
	size_t element_count;
};

/* FHIR R4 http.html#version-parameter: do the parameters of a media type (`fhirVersion=4.0; charset=utf-8`) name our version, or none? */
bool presentation_is_our_version(struct str parameters);

/* Is it the name of one of these parameters? All others are somebody else's. */
bool presentation_is(struct str name);
/*
 * Takes one of them; name and value are decoded and live as long as *presentation. False adds an error that names the parameter and what it may be: NOT_ACCEPTABLE for a format that is not JSON. _summary and
 * _elements together are refused, and so is _summary or _pretty said twice in two ways.
 */
bool presentation_take(struct arena *arena, struct presentation *presentation, struct str name,
	struct str value, struct outcome *outcome);

/* False adds an error: of one resource there is no count to be asked for. */
bool presentation_check_one(const struct presentation *presentation, struct outcome *outcome);

/* The tag of a resource of which something was left out. */
#define PRESENTATION_SUBSETTED                                                       \
	"{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ObservationValue\"," \
	"\"code\":\"SUBSETTED\"}"

/* Does a stored resource leave as it is? */
bool presentation_is_plain(const struct presentation *presentation);
/* Does a resource of this type keep this member? id and meta it always does. */
bool presentation_keeps(
	const struct presentation *presentation, enum resource_type type, struct str key);
/*
 * The bytes of a resource with what was asked for: resource_render() where that is everything. Else the members that were asked for, the mandatory ones, id and meta, with the tag SUBSETTED; each as its
 * stored bytes. What _summary=true leaves in: fhir/summary.tbl.
 */
void presentation_render(struct buf *buf, struct arena *arena,
	const struct presentation *presentation, const struct resource *resource);
/* Its members alone, but for resourceType and meta, each behind a comma: for a resource that is none of the stored. */
void presentation_members(struct buf *buf, const struct presentation *presentation,
	enum resource_type type, const struct json *json);
/* The parameters again for a link, each with a & before it; nothing where nothing was asked. */
void presentation_query(struct buf *buf, const struct presentation *presentation);
/* JSON with line breaks and two blanks a level; names, texts and numbers as they stand. */
struct str presentation_pretty(struct arena *arena, struct str json);

#endif
