/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A concept as one text: `system|code` per coding, joined by LF. A backslash goes before `\`, `|` and LF inside a part. */
#include "fhir/concept.h"

#include "fhir/base/arena.h"
#include "fhir/code.h"

static bool is_special(char byte)
{
	return byte == '\\' || byte == '|' || byte == '\n';
}

/* Writes a part at `to`, which has room for twice its length; gives what follows. */
static char *write_part(char *to, struct str part)
{
	for (size_t i = 0; i < part.length; i++) {
		if (is_special(part.at[i]))
			*to++ = '\\';
		*to++ = part.at[i];
	}
	return to;
}

static void write_text(struct arena *arena, struct concept *concept)
{
	size_t room = 1;
	for (size_t i = 0; i < concept->count; i++)
		room += 2 *
			(concept->codings[i].system.length + concept->codings[i].code.length + 1);
	char *text = arena_alloc(arena, room), *to = text;
	for (size_t i = 0; i < concept->count; i++) {
		if (i > 0)
			*to++ = '\n';
		to = write_part(to, concept->codings[i].system);
		*to++ = '|';
		to = write_part(to, concept->codings[i].code);
	}
	concept->text = (struct str){ text, (size_t)(to - text) };
}

/* The codings of one CodeableConcept, behind those that are there. A coding without code names nothing. */
static void add_codings(const struct json *json, struct concept *concept)
{
	json_each(item, json_get(json, "coding"))
	{
		const struct coding coding = { json_text(item, "system"), json_text(item, "code") };
		if (coding.code.length > 0)
		concept->codings[concept->count++] = coding;
	}
}

static size_t coding_count(const struct json *json)
{
	const struct json *codings = json_get(json, "coding");
	return codings == NULL ? 0 : codings->count;
}

struct concept concept_read(struct arena *arena, const struct json *json)
{
	struct concept concept = { STR(""), NULL, 0 };
	const bool list = json != NULL && json->type == JSON_ARRAY;
	size_t most = list ? 0 : coding_count(json);
	json_each(item, list ? json : NULL) most += coding_count(item);
	if (most == 0)
	return concept;
	concept.codings = arena_array(arena, most, sizeof(*concept.codings));
	if (!list)
		add_codings(json, &concept);
	json_each(item, list ? json : NULL) add_codings(item, &concept);
	if (concept.count > 0)
		write_text(arena, &concept);
	return concept;
}

bool concept_check(const struct concept *concept, struct str expression, struct outcome *outcome)
{
	return concept->text.length <= CONCEPT_TEXT_MAX ||
	       outcome_fail(outcome, OUTCOME_TOO_LARGE, expression,
		       "the codings are %zu bytes together, systems and codes; %d can be stored",
		       concept->text.length, CONCEPT_TEXT_MAX);
}

/* Without the scheme and the slash at the end, which is what senders get wrong. */
static struct str bare_system(struct str system)
{
	static const char *const schemes[] = { "http://", "https://", "urn:oid:" };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const struct str scheme = str_of(schemes[i]);
		if (str_equal_nocase(str_part(system, 0, scheme.length), scheme)) {
			system = str_part(system, scheme.length, system.length);
			break;
		}
	}
	if (str_ends(system, STR("/")))
		system.length--;
	return system;
}

struct str concept_system_meant(struct str system)
{
	static const struct {
		const char *bare, *meant;
	} known[] = { { "loinc.org", SYSTEM_LOINC }, { "www.loinc.org", SYSTEM_LOINC },
		{ "2.16.840.1.113883.6.1", SYSTEM_LOINC }, { "LOINC", SYSTEM_LOINC },
		{ "LN", SYSTEM_LOINC }, { "snomed.info/sct", SYSTEM_SNOMED },
		{ "www.snomed.info/sct", SYSTEM_SNOMED },
		{ "2.16.840.1.113883.6.96", SYSTEM_SNOMED }, { "SNOMED CT", SYSTEM_SNOMED },
		{ "SNOMED", SYSTEM_SNOMED }, { "SCT", SYSTEM_SNOMED }, { "MDC", SYSTEM_MDC },
		{ SYSTEM_MDC, SYSTEM_MDC }, { "2.16.840.1.113883.6.24", SYSTEM_MDC },
		{ "unitsofmeasure.org", SYSTEM_UCUM }, { "UCUM", SYSTEM_UCUM },
		{ "2.16.840.1.113883.6.8", SYSTEM_UCUM },
		{ "2.16.578.1.12.4.1.1.7280", SYSTEM_NPU }, { "NPU", SYSTEM_NPU } };
	const struct str bare = bare_system(system);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct str meant = str_of(known[i].meant);
		if (str_equal(system, meant))
			return (struct str){ 0 };
		if (str_equal_nocase(bare, str_of(known[i].bare)))
			return meant;
	}
	return (struct str){ 0 };
}

struct str concept_of(struct arena *arena, struct coding coding)
{
	struct concept concept = { .codings = &coding, .count = 1 };
	write_text(arena, &concept);
	return concept.text;
}

/* Where the part that begins at `from` ends: at a bare `|` or LF, or the end. */
static size_t part_end(struct str text, size_t from)
{
	size_t at = from;
	while (at < text.length && text.at[at] != '|' && text.at[at] != '\n')
		at += text.at[at] == '\\' && at + 1 < text.length ? 2 : 1;
	return at;
}

static struct str unescaped(struct arena *arena, struct str part)
{
	if (part.length == 0 || memchr(part.at, '\\', part.length) == NULL)
		return part;
	char *to = arena_alloc(arena, part.length);
	size_t length = 0;
	for (size_t i = 0; i < part.length; i++) {
		if (part.at[i] == '\\' && i + 1 < part.length)
			i++;
		to[length++] = part.at[i];
	}
	return (struct str){ to, length };
}

struct concept concept_parse(struct arena *arena, struct str text)
{
	struct concept concept = { text, NULL, 0 };
	if (text.length == 0)
	return concept;
	size_t most = 1;
	for (size_t at = part_end(text, 0); at < text.length; at = part_end(text, at + 1))
		most += text.at[at] == '\n';
	concept.codings = arena_array(arena, most, sizeof(*concept.codings));
	for (size_t from = 0; from < text.length;) {
		const size_t bar = part_end(text, from);
		const size_t code = bar < text.length && text.at[bar] == '|' ? bar + 1 : bar;
		const size_t end = part_end(text, code);
		concept.codings[concept.count++] = (struct coding){
			unescaped(arena, str_part(text, from, bar - from)),
			unescaped(arena, str_part(text, code, end - code)),
		};
		from = end + 1;
	}
	return concept;
}
