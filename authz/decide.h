/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_DECIDE_H
#define AUTHZ_DECIDE_H

#include "authz/principal.h"
#include "authz/rules.h"
#include "authz/seal.h"
#include "fhir/base/outcome.h"

/*
 * One of the persons a national id leads to (usually one), with the pseudonymous subjects
 * controllers hold of it.
 */
struct person {
	uint64_t id;
	uint16_t home; /* its bucket */
};
struct subject {
	uint32_t tenant;
	uint64_t id;
	uint64_t person;
	uint16_t bucket;
};
/*
 * A patient's objection (sperre). tenant 0: all controllers; actor_orgnr 0: everybody; canon 0:
 * everything.
 */
struct block {
	uint64_t person;
	uint32_t tenant, actor_orgnr, canon;
	instant valid_from, valid_to;
};
/* What RESOLVE brought. Sorted by (home, id), (tenant, id). */
struct patient {
	bool known;
	struct person_key key; /* of the identifier asked with; zero for a read by id */
	struct person *persons;
	size_t person_count;
	struct subject *subjects;
	size_t subject_count;
	struct block *blocks;
	size_t block_count;
	/*
	 * Who attest.patients are: their persons, where RESOLVE was asked for them too. Only an
	 * ask by FHIR id needs it; without it an attest that names patients refuses such an
	 * ask.
	 */
	struct person *attested;
	size_t attested_count;
	int64_t rules_version;
};

/*
 * What texts of refusals begin with, for WWW-Authenticate and for clients (RFC 6750 section
 * 3.1, norway.md 2.4).
 */
#define DECIDE_SCOPE  "insufficient_scope"
#define DECIDE_ATTEST "insufficient_authorization_details"

/* What is asked. */
enum ask_action { ASK_READ, ASK_WRITE, ASK_LOCATE, ASK_LOG, ASK_TENANT };
struct ask {
	enum ask_action action;
	const struct principal *principal;
	const struct rules *rules;
	const struct patient *patient;
	/*
	 * Digits empty where the patient is named by a FHIR id; those of a Patient id may be known
	 * from attest.patients.
	 */
	struct national_id patient_id;
	uint32_t only_tenant; /* a read by id asks one controller; 0: all */
	instant now;
};

/*
 * One controller's part of a grant: which rows of which subject. Every storage statement
 * carries these.
 */
struct grant_part {
	uint32_t tenant;
	uint32_t orgnr;           /* the tenant's organisation number; 0 of ASK_LOG */
	uint64_t subject, person; /* 0: of all its patients (ASK_TENANT) ... */
	uint16_t bucket;          /* ... in all buckets */
	unsigned classes; /* bit mask 1 << enum reading_class of rows that are open for all codes */
	uint32_t *canons; /* leading codes that are open besides, by rules limited to a code ... */
	unsigned *canon_classes; /* ... and in which classes */
	size_t canon_count;
	uint32_t *blocked_canons; /* never these */
	size_t blocked_count;
	/* For the log: on which rules it stands; empty for the own controller. */
	uint32_t *rule_ids;
	size_t rule_count;
};

/*
 * Proof that an ask was allowed. No storage function that touches patients works without one,
 * and only decide() makes one: the members are readable, the constructor is private. Lives on
 * the arena of the exchange.
 */
struct grant {
	enum ask_action action;
	uint32_t own_tenant; /* the caller's */
	enum purpose purpose;
	bool break_glass; /* a block was overridden */
	struct grant_part *parts;
	size_t count;
	bool blocked; /* something was left out because of a block; never told to the caller */
};

/*
 * May this caller use this door at all: scope, purpose kind, registered client and
 * organisation. Before any body byte is parsed. A citizen's token names no organisation:
 * *tenant_out is NULL then.
 */
struct permit_ask {
	const struct principal *principal;
	const struct rules *rules;
	unsigned scope;     /* one bit */
	unsigned kinds;     /* bits 1 << enum principal_kind that may use the route */
	bool attest_needed; /* of practitioners */
};
bool decide_permit(const struct permit_ask *ask, const struct tenant **tenant_out,
	const struct client **client_out, struct outcome *outcome);

/*
 * Decides. READ: own controller's rows, and those of every controller with a rule for (reader,
 * class, purpose, time); blocks taken away unless overridden by BTG with a reason; the
 * attest's patients must hold the patient asked for (ATT-4). An allowed ask that opens nothing
 * gives a grant with no parts (the answer is then an empty result, as for an unknown patient).
 * BTG opens what rules for BTG, TREAT and ETREAT open; it is refused where it opens nothing
 * that TREAT and ETREAT would not (no block in its way, no rule for BTG alone).
 * WRITE: the caller's own tenant only, which must be a controller; one part per subject it
 * holds of the patient (none for an unknown one), blocks are not asked.
 * LOCATE: as READ, by category. LOG: the citizen's own persons only; one part per person,
 * tenant = only_tenant (0: all), subject 0.
 * TENANT: a machine of a controller looks through that controller's own rows, no patient named;
 * one part, subject 0. It opens the search alone: whose rows were found is asked for as READ each,
 * so that a patient's block holds as if the patient had been named. A practitioner is refused: an
 * attest is about a patient.
 * A machine token reads its own tenant's rows alone. NULL adds FORBIDDEN or SUPPRESSED, or
 * BUSY where the rules are older than RESOLVE saw.
 */
const struct grant *decide(struct arena *arena, const struct ask *ask, struct outcome *outcome);

#endif
