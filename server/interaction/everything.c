/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Patient/{id}/$everything (FHIR R4 patient-operations), and POST Patient/$everything with the patient's identifier in the body: all the caller may see of one
 * patient, in pages. It is a search by other names, of one type after the other (everything_store.c): _since is _lastUpdated=ge, start and end are date=ge and date=le.
 */
#include "server/interaction/everything.h"

#include "fhir/form.h"
#include "server/form.h"
#include "server/interaction/interactions.h"
#include "server/interaction/patient.h"
#include "server/loop.h"
#include "server/respond.h"

#define NOWHERE   ((struct str){ 0 })
#define QUERY_MAX ((size_t)16 << 10)
#define TYPES     "Observation, Device, Provenance, Patient and Organization"

/* What each parameter is to the search. */
static const struct everything_name {
	const char *name, *search, *prefix;
} names[] = {
	{ "_since", "_lastUpdated", "ge" },
	{ "start", "date", "ge" },
	{ "end", "date", "le" },
	{ "_count", "_count", "" },
	{ "_page", "_page", "" },
	{ "identifier", "patient.identifier", "" },
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static void add(struct buf *buf, const char *name, const char *prefix, struct str value)
{
	if (buf->length > 0)
		buf_add_byte(buf, '&');
	buf_add_format(buf, "%s=%s", name, prefix);
	form_encode(buf, value);
}

struct asking {
	struct exchange *exchange;
	enum search_place place;
	struct buf query; /* as one of Observation */
	struct everything *everything;
	bool typed; /* _type was given */
};

static bool take_types(struct asking *asking, struct str value)
{
	if (asking->typed)
		return outcome_fail(&asking->exchange->outcome, OUTCOME_INVALID, STR("_type"),
			"_type is given once, its types parted by commas");
	asking->typed = true;
	struct exchange *exchange = asking->exchange;
	return everything_take_types(exchange->arena, asking->everything, value) ||
	       outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("_type"),
		       "_type is no list of resource types, parted by commas; here are " TYPES);
}

static bool take(struct asking *asking, struct str name, struct str value)
{
	struct exchange *exchange = asking->exchange;
	struct buf *buf = &asking->query;
	const enum search_place place = asking->place;
	if (presentation_is(name))
		return true;
	if (str_is(name, "_type"))
		return take_types(asking, value);
	for (size_t i = 0; i < NAMES; i++) {
		const bool by_identifier = str_is(name, "identifier");
		if (!str_is(name, names[i].name) || (by_identifier && place == SEARCH_URL))
			continue;
		add(buf, names[i].search, names[i].prefix, value);
		return true;
	}
	return outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
		"unknown parameter '%.*s'; $everything takes _since, start, end, _count, _type%s",
		(int)(name.length > 64 ? 64 : name.length), name.at,
		place == SEARCH_URL ? "; POST Patient/$everything takes identifier in its body"
				    : ", identifier");
}

/* As a query of Observation; false adds an error. */
static bool translate(struct asking *asking, struct str text)
{
	struct exchange *exchange = asking->exchange;
	struct str rest = text, name, value;
	enum form_part part;
	while ((part = form_next(exchange->arena, &rest, &name, &value)) == FORM_PART)
		if (!take(asking, name, value))
			return false;
	return part == FORM_END ||
	       outcome_fail(&exchange->outcome, OUTCOME_INVALID, NOWHERE,
		       "the parameters are not application/x-www-form-urlencoded");
}

struct str everything_query(struct exchange *exchange, const struct search_work *work)
{
	struct str filters = work->search.canonical;
	struct buf buf = buf_new(exchange->arena, filters.length + 16, QUERY_MAX);
	if (work->everything != NULL)
		buf_add(&buf, everything_types(exchange->arena, work->everything));
	while (filters.length > 0) {
		const struct str part = str_cut(filters, '&', &filters);
		for (size_t i = 0; i < NAMES; i++) {
			const struct str from = str_format(
				exchange->arena, "%s=%s", names[i].search, names[i].prefix);
			if (!str_starts(part, from))
				continue;
			buf_add_format(&buf, "%s%s=", buf.length > 0 ? "&" : "", names[i].name);
			buf_add(&buf, str_part(part, from.length, part.length));
			break;
		}
	}
	return buf_str(&buf);
}

static bool is_page(struct str query)
{
	return str_starts(query, STR("_page="));
}

static struct asking asking_new(struct exchange *exchange, enum search_place place)
{
	return (struct asking){ .exchange = exchange,
		.place = place,
		.query = buf_new(exchange->arena, 512, QUERY_MAX),
		.everything = everything_new(exchange->arena) };
}

/* The search; the Patient stands on its first page. What its types are, a later page knows from the first. */
static struct search_work *begin(const struct asking *asking)
{
	struct search_work *work = search_read(
		asking->exchange, buf_str(&asking->query), asking->place, OPERATION_EVERYTHING);
	if (work == NULL)
		return NULL;
	if (work->has_after && asking->typed)
		outcome_fail(&asking->exchange->outcome, OUTCOME_INVALID, STR("_type"),
			"a page goes on with the types it began with; leave _type out");
	if (work->has_after)
		return work;
	work->everything = asking->everything;
	work->with_patient = everything_has(work->everything, TYPE_PATIENT) && work->possible &&
			     !work->search.count_only;
	if (everything_has(work->everything, TYPE_ORGANIZATION) &&
		everything_type(work->everything) == TYPE_NONE)
		outcome_warn(&asking->exchange->outcome, OUTCOME_NOT_SUPPORTED, STR("_type"),
			"Organizations come with what they are the controllers of: name "
			"Observation, Device or Provenance too");
	return work;
}

/* Of the patient of the path, whatever is posted: an identifier beside it would be another one. */
static void parse_one(struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	struct asking asking = asking_new(exchange, SEARCH_URL);
	struct person_key person;
	if (!patient_open(exchange, &person))
		return;
	if (!translate(&asking, str_is(request->method, "POST") ? request->body : request->query))
		return;
	if (!is_page(buf_str(&asking.query)))
		add(&asking.query, "patient", "", exchange->request.segment);
	const struct search_work *work = begin(&asking);
	/* A page goes on with the patient it began with. */
	if (work != NULL && work->possible &&
		!(person.bucket == work->patient.bucket &&
			seal_equal(&person.mac, &work->patient.mac, sizeof(person.mac))))
		outcome_fail(&exchange->outcome, OUTCOME_VALUE, STR("_page"),
			"this page is of another patient");
}

static void parse_post(struct exchange *exchange)
{
	struct asking asking = asking_new(exchange, SEARCH_BODY);
	if (!translate(&asking, exchange->request.body))
		return;
	const struct search_work *work = begin(&asking);
	if (work != NULL && !work->named)
		outcome_fail(&exchange->outcome, OUTCOME_REQUIRED, NOWHERE,
			"identifier=system|value is required");
}

void everything_stub(struct exchange *exchange, const struct search_work *work,
	struct resource *resource_out, struct str *rendered_out)
{
	const struct search *search = &work->search;
	*resource_out = (struct resource){ .type = TYPE_PATIENT,
		.id = patient_id(exchange, &work->patient) };
	*rendered_out = patient_render(exchange, &exchange->presentation, resource_out->id,
		search->has_identifier ? &search->identifier : NULL);
}

const struct interaction interaction_everything_one = {
	.name = "everything_one",
	.parse = parse_one,
	SEARCH_STEPS,
};

const struct interaction interaction_everything_post = {
	.name = "everything_post",
	.parse = parse_post,
	SEARCH_STEPS,
};
