/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BASE_XML_H
#define FHIR_BASE_XML_H

#include "fhir/base/outcome.h"
#include "fhir/base/str.h"

struct buf;

/*
 * A parsed XML document on an arena (doorway: libxml2). Strict: well formed with namespaces, UTF-8, no DOCTYPE, no entities but the five of XML, no processing instructions (SOAP 1.2 part 1
 * section 5 allows neither), nothing is ever fetched, and depth and number of elements and attributes are bounded. Comments are left out.
 */
struct xml_attribute {
	struct str space, name, value;
};

struct xml {
	struct str space, name; /* namespace, local name */
	struct str text;        /* all character data of this element itself */
	struct xml_attribute *attributes;
	unsigned attribute_count;
	unsigned child_count;
	struct xml *first, *last, *next; /* child elements in order; the next sibling */
};

#define XML_DEPTH_MAX      32
#define XML_ELEMENTS_MAX   1000
#define XML_ATTRIBUTES_MAX 64

/* Parses the whole of `text`. Errors are STRUCTURE (or TOO_LARGE), never with foreign text in them. */
const struct xml *xml_parse(struct arena *arena, struct str text, struct outcome *outcome);

bool xml_is(const struct xml *element, const char *space, const char *name);
/* The value of an attribute, or an empty slice; *found (may be NULL) tells whether there is one. */
struct str xml_attribute(
	const struct xml *element, const char *space, const char *name, bool *found);

#define xml_each(item, parent) \
	for (const struct xml *item = (parent)->first; item != NULL; item = item->next)

/* Writes text as element content or attribute value: markup escaped, CR as a character reference, what XML 1.0 cannot hold as U+FFFD. */
void xml_write_text(struct buf *buf, struct str text);

#endif
