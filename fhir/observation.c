/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An Observation, judged and indexed. First the structure (element.c), then what the hub needs of it, every issue
 * at once; only of a resource without errors are identity and stored body made.
 */
#include "fhir/observation.h"

#include <math.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "fhir/base/decimal.h"
#include "fhir/concept.h"
#include "fhir/element.h"
#include "fhir/hl7/mdc.h"
#include "fhir/identity.h"
#include "fhir/period.h"
#include "fhir/profile.h"
#include "fhir/resource.h"

#define HOUR       (3600 * INSTANT_SECOND)
#define FUTURE_MAX (24 * HOUR)
#define YEAR_1900  (INT64_C(-2208988800) * INSTANT_SECOND)
#define SECONDS_AT (sizeof("YYYY-MM-DDThh:mm") - 1)

/* What one reading needs while it is read. */
struct reading {
	struct arena *arena;
	struct str expression;
	const struct observation_policy *policy;
	struct fields fields;
	struct moment moment;
	struct observation *out;
	struct outcome *outcome;
};

static const char *const status_codes[] = {
	[STATUS_REGISTERED] = "registered",
	[STATUS_PRELIMINARY] = "preliminary",
	[STATUS_FINAL] = "final",
	[STATUS_AMENDED] = "amended",
	[STATUS_CORRECTED] = "corrected",
	[STATUS_CANCELLED] = "cancelled",
	[STATUS_ENTERED_IN_ERROR] = "entered-in-error",
	[STATUS_UNKNOWN] = "unknown",
};

const char *observation_status_code(enum observation_status status)
{
	return status_codes[status];
}

static enum observation_status status_of(const struct json *json)
{
	for (int status = STATUS_REGISTERED; status <= STATUS_UNKNOWN; status++)
		if (json != NULL && str_is(json->text, status_codes[status]))
			return (enum observation_status)status;
	return STATUS_UNKNOWN;
}

/* The expression with `rest` behind it. */
static struct str at(const struct reading *reading, struct str rest)
{
	const struct str base = reading->expression;
	char *text = arena_alloc(reading->arena, base.length + rest.length + 1);
	memcpy(text, base.at, base.length);
	memcpy(text + base.length, rest.at, rest.length);
	return (struct str){ text, base.length + rest.length };
}

/* ---- who */

static void read_subject(struct reading *reading)
{
	const struct json *subject = FIELD(&reading->fields, OBSERVATION, subject);
	const struct json *identifier = json_get(subject, "identifier");
	if (subject != NULL && subject->type != JSON_OBJECT)
		return; /* the structure check has said so */
	if (!national_is_system(json_text(identifier, "system")) &&
		resource_is_of_device(subject, reading->policy->base))
		return; /* whose it is, the caller knows or refuses */
	const struct str type = json_text(subject, "type");
	if (type.length > 0 && !str_is(type, "Patient"))
		outcome_fail(reading->outcome, OUTCOME_NOT_SUPPORTED,
			at(reading, STR(".subject.type")), "the subject is not a Patient");
	const bool own = identifier != NULL;
	if (!own)
		identifier =
			resource_contained_patient(FIELD(&reading->fields, OBSERVATION, contained),
				json_text(subject, "reference"));
	if (identifier == NULL)
		reading->out->patient =
			resource_patient_id(json_text(subject, "reference"), reading->policy->base);
	if (identifier == NULL && reading->out->patient.length == 0) {
		const char *text =
			json_get(subject, "reference") == NULL
				? "subject.identifier with a national identifier is required"
				: "subject.reference does not say who it is; "
				  "send subject.identifier with a national identifier";
		outcome_fail(reading->outcome, OUTCOME_UNKNOWN_PATIENT_ID,
			at(reading, STR(".subject")), "%s", text);
		return;
	}
	if (identifier != NULL)
		national_id_parse(json_text(identifier, "system"), json_text(identifier, "value"),
			reading->policy->national,
			at(reading, own ? STR(".subject.identifier") : STR(".subject")),
			&reading->out->subject, reading->outcome);
}

static bool is_orgnr_system(struct str system)
{
	const struct str whole = STR(OID_ORGNR), bare = STR("2.16.578.1.12.4.1.4.101");
	return str_equal(system, whole) || str_equal(system, bare);
}

static void read_organisations(struct reading *reading)
{
	const struct json *performers = FIELD(&reading->fields, OBSERVATION, performer);
	struct observation *out = reading->out;
	if (performers == NULL)
		return;
	out->organisations =
		arena_array(reading->arena, performers->count, sizeof(*out->organisations));
	json_each(performer, performers)
	{
		const struct json *identifier = json_get(performer, "identifier");
		const struct str system = json_text(identifier, "system");
		const struct str value = json_text(identifier, "value");
		if (value.length == 0)
			continue;
		if (is_orgnr_system(system))
			out->organisations[out->organisation_count++] = value;
	}
}

/* ---- when */

/* A clock of minutes, or of days: the seconds are absent, or written 00. */
static bool is_minute_clock(struct str text)
{
	if (text.length <= SECONDS_AT || text.at[SECONDS_AT] != ':')
		return true;
	const struct str seconds = str_part(text, SECONDS_AT + 1, 3);
	return str_starts(seconds, STR("00")) && !str_ends(seconds, STR("."));
}

static bool parse_time(const struct reading *reading, const struct json *json, struct span *out)
{
	return json != NULL && json->type == JSON_STRING &&
	       span_parse(json->text, reading->policy->zone, out);
}

static void check_time(struct reading *reading, struct str where)
{
	const instant start = reading->moment.start;
	if (start == INSTANT_MIN)
		return;
	if (start > reading->policy->now + FUTURE_MAX)
		outcome_fail(reading->outcome, OUTCOME_BUSINESS_RULE, at(reading, where),
			"the time is more than 24 hours ahead of the hub's clock");
	else if (start < YEAR_1900)
		outcome_fail(reading->outcome, OUTCOME_BUSINESS_RULE, at(reading, where),
			"the time is before 1900");
}

static void read_point(struct reading *reading, const struct json *json, struct str where)
{
	struct span span;
	if (!parse_time(reading, json, &span))
		return; /* the structure check has said so */
	reading->out->time = span;
	reading->out->minute_clock = is_minute_clock(json->text);
	reading->moment.start = span.low;
	check_time(reading, where);
}

/* An open end lasts for ever, an open start was always: so that a search by date finds it. */
static void read_period(struct reading *reading, const struct json *period)
{
	struct observation *out = reading->out;
	struct span end;
	const struct json *from = json_get(period, "start");
	const bool ends = parse_time(reading, json_get(period, "end"), &end);
	if (!period_span(period, reading->policy->zone, &out->time))
		return;
	out->time_is_period = true;
	out->minute_clock = out->time.low == INSTANT_MIN || is_minute_clock(from->text);
	reading->moment.start = out->time.low;
	reading->moment.end = ends ? end.low : INSTANT_MIN;
	check_time(reading, STR(".effectivePeriod.start"));
}

/* Its outer limits are what a search by date asks about; a Timing by the habits of a day alone has none. */
static void read_timing(struct reading *reading, const struct json *timing)
{
	struct observation *out = reading->out;
	if (!timing_span(timing, reading->policy->zone, &out->time)) {
		outcome_warn(reading->outcome, OUTCOME_VALUE, at(reading, STR(".effectiveTiming")),
			"neither an event nor a boundsPeriod: a search by date does not find it");
		return;
	}
	out->time_is_period = true;
	reading->moment.start = out->time.low;
	reading->moment.end = out->time.high == INSTANT_MAX ? INSTANT_MIN : out->time.high;
	check_time(reading, STR(".effectiveTiming"));
}

static void read_time(struct reading *reading)
{
	const struct fields *fields = &reading->fields;
	const struct json *date_time = FIELD(fields, OBSERVATION, effectiveDateTime);
	const struct json *point = FIELD(fields, OBSERVATION, effectiveInstant);
	const struct json *period = FIELD(fields, OBSERVATION, effectivePeriod);
	const struct json *timing = FIELD(fields, OBSERVATION, effectiveTiming);
	reading->out->time = (struct span){ .low = INSTANT_MIN, .high = INSTANT_MIN };
	reading->out->minute_clock = true;
	reading->moment = (struct moment){ INSTANT_MIN, INSTANT_MIN };
	if (date_time != NULL)
		read_point(reading, date_time, STR(".effectiveDateTime"));
	else if (point != NULL)
		read_point(reading, point, STR(".effectiveInstant"));
	else if (period != NULL)
		read_period(reading, period);
	else if (timing != NULL)
		read_timing(reading, timing);
	else
		outcome_warn(reading->outcome, OUTCOME_VALUE, reading->expression,
			"no effective time: a search by date does not find it");
}

/* ---- what */

/* The implicit range of a written number in the canonical unit; false where there is no number. */
static bool read_range(
	const struct json *number, double factor, double offset, double *low, double *high)
{
	if (number == NULL || number->type != JSON_NUMBER ||
		!decimal_range(number->text, low, high))
		return false;
	*low = *low * factor + offset;
	*high = *high * factor + offset;
	return true;
}

/* The canonical unit of a quantity's code, else the code as written, else nothing. */
static struct concept read_unit(struct arena *arena, const struct json *quantity, double *factor,
	double *offset, bool *unknown)
{
	struct str system = json_text(quantity, "system"), code = json_text(quantity, "code");
	*factor = 1;
	*offset = 0;
	if (code.length == 0 && system.length == 0)
		code = json_text(quantity, "unit");
	const bool ucum = str_is(system, SYSTEM_UCUM);
	const bool known =
		(ucum || system.length == 0) && ucum_canonical(code, &code, factor, offset);
	*unknown = ucum && !known && code.length > 0;
	if (known)
		system = STR(SYSTEM_UCUM);
	if (system.length == 0 || code.length == 0)
		return (struct concept){ STR(""), NULL, 0 };
	struct coding *coding = arena_alloc(arena, sizeof(*coding));
	*coding = (struct coding){ system, code };
	return (struct concept){ concept_of(arena, *coding), coding, 1 };
}

/* FHIR R4 Quantity.comparator: how the true value lies to the written one. */
static void widen(struct str comparator, struct observation_value *value)
{
	if (str_starts(comparator, STR("<")))
		value->low = -INFINITY;
	else if (str_starts(comparator, STR(">")))
		value->high = INFINITY;
}

/* *unknown: the unit says UCUM, and is none that the hub knows. */
static struct observation_value read_quantity(
	struct arena *arena, const struct json *quantity, bool *unknown)
{
	struct observation_value value = { .unit = { STR(""), NULL, 0 } };
	double factor, offset;
	const struct concept unit = read_unit(arena, quantity, &factor, &offset, unknown);
	value.present =
		read_range(json_get(quantity, "value"), factor, offset, &value.low, &value.high);
	if (!value.present)
		return value;
	value.unit = unit;
	widen(json_text(quantity, "comparator"), &value);
	return value;
}

/* From the low end of the one to the high end of the other; both in one unit, or it is not searchable. */
static struct observation_value read_value_range(struct arena *arena, const struct json *range)
{
	bool unknown;
	const struct observation_value low = read_quantity(arena, json_get(range, "low"), &unknown);
	const struct observation_value high =
		read_quantity(arena, json_get(range, "high"), &unknown);
	struct observation_value value = low.present ? low : high;
	if (low.present && high.present && !str_equal(low.unit.text, high.unit.text))
		return (struct observation_value){ .unit = { STR(""), NULL, 0 } };
	value.low = low.present ? low.low : -INFINITY;
	value.high = high.present ? high.high : INFINITY;
	return value;
}

static struct observation_value read_value(struct arena *arena, const struct json *quantity,
	const struct json *integer, const struct json *range, bool *unknown)
{
	*unknown = false;
	struct observation_value value = { .unit = { STR(""), NULL, 0 } };
	if (quantity != NULL)
		return read_quantity(arena, quantity, unknown);
	if (range != NULL)
		return read_value_range(arena, range);
	value.present = read_range(integer, 1, 0, &value.low, &value.high);
	return value;
}

/* A code, or a unit, whose system is written in another way than all others write it is found by nobody. */
static void warn_of_system(const struct reading *reading, struct str system, struct str where)
{
	const struct str meant = concept_system_meant(system);
	if (meant.length > 0)
		outcome_warn(reading->outcome, OUTCOME_VALUE, at(reading, where),
			"the system %.*s is written %.*s; a search by that does not find this code",
			STR_ARG(system), STR_ARG(meant));
}

static void warn_of_systems(
	const struct reading *reading, const struct concept *concept, struct str where)
{
	for (size_t i = 0; i < concept->count; i++)
		warn_of_system(reading, concept->codings[i].system, where);
}

static void read_codes(struct reading *reading)
{
	struct observation *out = reading->out;
	const struct json *code = FIELD(&reading->fields, OBSERVATION, code);
	out->status = status_of(FIELD(&reading->fields, OBSERVATION, status));
	out->code = concept_read(reading->arena, code);
	out->category =
		concept_read(reading->arena, FIELD(&reading->fields, OBSERVATION, category));
	out->canon = code_canon(out->code.codings, out->code.count, &out->class);
	concept_check(&out->code, at(reading, STR(".code")), reading->outcome);
	warn_of_systems(reading, &out->code, STR(".code.coding"));
	concept_check(&out->category, at(reading, STR(".category")), reading->outcome);
	if (code == NULL || code->type != JSON_OBJECT || code->count == 0 || out->code.count > 0)
		return;
	if (json_text(code, "text").length == 0)
		outcome_fail(reading->outcome, OUTCOME_REQUIRED, at(reading, STR(".code.coding")),
			"code has neither a coding with a code nor a text");
	else
		outcome_warn(reading->outcome, OUTCOME_VALUE, at(reading, STR(".code.coding")),
			"no coding: a search by code does not find it");
}

static void tell_unit(const struct reading *reading, struct str where)
{
	if (!reading->policy->made_here)
		outcome_warn(reading->outcome, OUTCOME_VALUE, at(reading, where),
			"the code is no unit of UCUM that is known here; it compares with itself "
			"alone");
}

/* What of one component goes into the term table. */
static void check_term(struct reading *reading, const struct observation_term *term,
	const struct json *quantity, bool unknown)
{
	const size_t index = reading->out->term_count - 1;
	const struct str component = str_format(reading->arena, ".component[%zu]", index);
	const struct str where = at(reading, component);
	concept_check(&term->code, where, reading->outcome);
	concept_check(&term->value.unit, where, reading->outcome);
	warn_of_systems(reading, &term->code, component);
	warn_of_system(reading, json_text(quantity, "system"), component);
	if (unknown)
		tell_unit(reading,
			str_format(reading->arena, ".component[%zu].valueQuantity.code", index));
}

/* mmol/L, mg/dL: no vital sign is one, so the table is not walked for these. */
static bool is_concentration(struct str unit)
{
	return unit.length > 0 && (unit.at[unit.length - 1] | 0x20) == 'l' &&
	       memchr(unit.at, '/', unit.length) != NULL;
}

/* mmol/L under the code of mg/dL, or the other way round: one of both is wrong, by a factor of 18. */
static void check_kind(struct reading *reading)
{
	const struct json *quantity = FIELD(&reading->fields, OBSERVATION, valueQuantity);
	const struct str unit = json_text(quantity, "code");
	if (!is_concentration(unit) || !str_is(json_text(quantity, "system"), SYSTEM_UCUM))
		return;
	for (size_t i = 0; i < reading->out->code.count; i++) {
		const struct coding *coding = &reading->out->code.codings[i];
		if (str_is(coding->system, SYSTEM_LOINC) && mdc_loinc_refuses(coding->code, unit))
			outcome_warn(reading->outcome, OUTCOME_BUSINESS_RULE,
				at(reading, STR(".valueQuantity.code")),
				"the unit is of another kind than LOINC %.*s, which is stored as "
				"sent",
				STR_ARG(coding->code));
	}
}

static void read_values(struct reading *reading)
{
	const struct fields *fields = &reading->fields;
	const struct json *components = FIELD(fields, OBSERVATION, component);
	struct observation *out = reading->out;
	bool unknown;
	out->value = read_value(reading->arena, FIELD(fields, OBSERVATION, valueQuantity),
		FIELD(fields, OBSERVATION, valueInteger), FIELD(fields, OBSERVATION, valueRange),
		&unknown);
	concept_check(&out->value.unit, at(reading, STR(".valueQuantity")), reading->outcome);
	warn_of_system(reading, json_text(FIELD(fields, OBSERVATION, valueQuantity), "system"),
		STR(".valueQuantity.system"));
	if (unknown)
		tell_unit(reading, STR(".valueQuantity.code"));
	check_kind(reading);
	if (components == NULL)
		return;
	out->terms = arena_array(reading->arena, components->count, sizeof(*out->terms));
	json_each(component, components)
	{
		struct observation_term *term = &out->terms[out->term_count++];
		term->code = concept_read(reading->arena, json_get(component, "code"));
		term->value = read_value(reading->arena, json_get(component, "valueQuantity"),
			json_get(component, "valueInteger"), json_get(component, "valueRange"),
			&unknown);
		check_term(reading, term, json_get(component, "valueQuantity"), unknown);
	}
}

/* ---- rules of R4 that tie elements together */

static bool is_value_there(const struct fields *fields)
{
	for (int row = OBSERVATION_valueQuantity; row <= OBSERVATION_valuePeriod; row++)
		if (fields->at[row - FIRST_OBSERVATION] != NULL)
			return true;
	return false;
}

static bool shares_coding(const struct concept *a, const struct concept *b)
{
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			if (str_equal(a->codings[i].code, b->codings[j].code) &&
				str_equal(a->codings[i].system, b->codings[j].system))
				return true;
	return false;
}

/* Invariants within one type are the element check's (element.tbl); this one ties two together. */
static void check_components(struct reading *reading)
{
	if (!is_value_there(&reading->fields))
		return;
	for (size_t i = 0; i < reading->out->term_count; i++)
		if (shares_coding(&reading->out->code, &reading->out->terms[i].code))
			outcome_fail(reading->outcome, OUTCOME_INVARIANT,
				at(reading, str_format(reading->arena, ".component[%zu]", i)),
				"a component of the same code as the Observation, which has a "
				"value itself (obs-7)");
}

/* Only of what is a sound Observation otherwise: rows of a profile say little of one that is not. */
static void check_profiles(struct reading *reading, bool sound)
{
	const struct profiling profiling = {
		.arena = reading->arena,
		.expression = reading->expression,
		.fields = &reading->fields,
		.observation = reading->out,
		.also = reading->policy->profile,
		.only_claimed = reading->policy->made_here,
		.outcome = reading->outcome,
	};
	if (sound)
		profile_check(&profiling);
}

bool observation_read(struct arena *arena, const struct json *json, struct str expression,
	const struct observation_policy *policy, struct observation *out, struct outcome *outcome)
{
	const unsigned errors = outcome->errors;
	if (json == NULL)
		return outcome_fail(outcome, OUTCOME_REQUIRED, expression, "no resource");
	struct observation read = { .type = TYPE_OBSERVATION };
	struct reading reading = {
		.arena = arena,
		.expression = expression,
		.policy = policy,
		.out = &read,
		.outcome = outcome,
	};
	const bool sound = element_check_in(
		policy->zone, KIND_OBSERVATION, json, expression, &reading.fields, outcome);
	if (!sound && !str_is(json_text(json, "resourceType"), "Observation"))
		return false; /* of another resource there is nothing more to say */
	read_subject(&reading);
	read_time(&reading);
	read_codes(&reading);
	read_values(&reading);
	check_components(&reading);
	check_profiles(&reading, sound);
	if (outcome->errors > errors) {
		out->subject = read.subject;
		out->patient = read.patient;
		return false;
	}
	if (arena_full(arena))
		return outcome_fail(outcome, OUTCOME_TOO_LARGE, expression,
			"the request needs more memory than one may have; split it");
	read_organisations(&reading);
	identity_write(arena, &reading.fields, reading.moment, policy->base, &read);
	read.body = resource_body(arena, json);
	if (arena_full(arena))
		return outcome_fail(outcome, OUTCOME_TOO_LARGE, expression,
			"the request needs more memory than one may have; split it");
	*out = read;
	return true;
}
