/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_OBSERVATION_H
#define FHIR_OBSERVATION_H

#include "fhir/base/instant.h"
#include "fhir/base/json.h"
#include "fhir/code.h"
#include "fhir/national.h"
#include "fhir/resource.h"

/* A value of a type that R4's value[x] lacks (Attachment): R5's element as HL7 names it for R4. */
#define EXTENSION_VALUE "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.value"

/* http://hl7.org/fhir/observation-status; numbers are stored. */
enum observation_status {
	STATUS_REGISTERED = 1,
	STATUS_PRELIMINARY,
	STATUS_FINAL,
	STATUS_AMENDED,
	STATUS_CORRECTED,
	STATUS_CANCELLED,
	STATUS_ENTERED_IN_ERROR,
	STATUS_UNKNOWN
};

/*
 * The codings of a CodeableConcept (or of all categories together) as one text, `system|code` in source order joined by LF, so that a set of
 * codings is interned as one integer and a search for any of its codings finds it. Bytes `\`, `|` and LF inside a part are escaped by `\`.
 * Empty where there is no coding. At most CONCEPT_TEXT_MAX bytes can be stored: it is a key of the database.
 */
#define CONCEPT_TEXT_MAX 2000
struct concept {
	struct str text;
	struct coding *codings;
	size_t count;
};

/* A value for search: in the canonical unit where the unit is known, else as written. */
struct observation_value {
	bool present;
	double low, high;    /* implicit range of the written precision */
	struct concept unit; /* canonical unit as `http://unitsofmeasure.org|code`, or empty */
};

/* One component: its code and value, for the term table. */
struct observation_term {
	struct concept code;
	struct observation_value value;
};

/*
 * What the hub checks and indexes of a resource it stores, Observation or another (envelope.h says what the members mean there); points into the json and the arena
 * it came from.
 */
struct observation {
	enum resource_type type;
	struct national_id subject;
	/* Where `subject` has no digits: the id of the Patient that is referred to, unopened; else empty. */
	struct str patient;
	enum observation_status status;
	enum reading_class class;
	struct concept code, category;
	struct coding canon; /* leading coding of `code` */
	struct span time;    /* low = high = INSTANT_MIN where the reading has no time */
	bool time_is_period;
	bool minute_clock; /* the start's seconds are absent or written 00 without fraction: a clock of minutes */
	struct observation_value value;
	struct observation_term *terms;
	size_t term_count;
	/* The orgnr of each performer of system ...4.101 (logical references). */
	struct str *organisations;
	size_t organisation_count;

	/*
	 * Identity texts (architecture.md section 5, "Identity of a measurement"); the hub turns each into a key with its own secret.
	 * "I" + system + value for each identifier of the sender; with a device identity "D" + device + canonical code + start (+ duration, +
	 * supplemental types); without one "C" + the clinical content. Equal for a reading by PCD-01 and by FHIR. Parts joined by U+001F.
	 */
	struct str *keys;
	size_t key_count;
	bool has_device_key;

	/*
	 * The clinical content, the same for the same reading by any road: canonical code, start and end, status, value in canonical decimal with
	 * unit, components in code order, dataAbsentReason; where no device and time tell it apart, body site, method, specimen, focus and the device too.
	 * Not narrative, notes, identifiers, performer. Its digest tells a re-send from another value.
	 */
	struct str content;

	/*
	 * The bytes to store: `{"resourceType":"Observation","meta":{` rest of meta without versionId and lastUpdated `}` then `,` and each other member but
	 * id, its value byte for byte as sent, `}`. resource_render() puts id, versionId and lastUpdated in.
	 */
	struct str body;
};

/* What an installation asks of an Observation. */
struct observation_policy {
	enum national_policy national;
	struct zone zone;   /* for times without zone */
	instant now;        /* the start may be at most 24 h after it, and not before 1900 */
	struct str base;    /* of absolute references to what is here, or empty */
	struct str profile; /* to hold it to beside those it claims (profile.h), or empty */
	bool made_here;     /* from a message: nothing is said of profiles it does not claim */
};

/*
 * Checks `json` against R4 (structure, types, cardinalities, required bindings, invariants; unknown elements refused, extensions kept) and against
 * what the hub needs (subject.identifier national, or a reference to a Patient here; code, a supported value), and against profiles (profile.h), collecting every issue under `expression` (for instance "Observation" or
 * "Bundle.entry[3].resource"), and fills *out. False when an error was added: then out->subject and out->patient alone are filled,
 * where they could be read, because refusals are logged for the patient. Warnings alone: true.
 */
bool observation_read(struct arena *arena, const struct json *json, struct str expression,
	const struct observation_policy *policy, struct observation *out, struct outcome *outcome);

/* `http://hl7.org/fhir/observation-status` code of a status. */
const char *observation_status_code(enum observation_status status);

/* Parses a concept text back: `count` codings on the arena (codings NULL when empty). For the log ("which data"). */
struct concept concept_parse(struct arena *arena, struct str text);
/* The text of one coding as a concept of its own has it: `system|code`, escaped. */
struct str concept_of(struct arena *arena, struct coding coding);

#endif
