/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_PRINCIPAL_H
#define AUTHZ_PRINCIPAL_H

#include "fhir/base/instant.h"
#include "fhir/base/str.h"
#include "fhir/national.h"

enum principal_kind { PRINCIPAL_SYSTEM, PRINCIPAL_PRACTITIONER, PRINCIPAL_CITIZEN };

/* v3-ActReason as the trust framework uses it. Numbers are stored. */
enum purpose {
	PURPOSE_NONE = 0,
	PURPOSE_TREAT = 1,
	PURPOSE_ETREAT = 2,
	PURPOSE_COC = 3,
	PURPOSE_BTG = 4
};

/* Scopes as bits; the names are settings (norway.md 1.4). */
enum scope {
	SCOPE_OBSERVATION_READ = 1,
	SCOPE_OBSERVATION_WRITE = 2,
	SCOPE_LOCATOR_READ = 4,
	SCOPE_LOG_READ = 8
};

struct attest_code {
	struct str code, system, text;
};

/* The trust framework's attest (norway.md section 2), checked against the token. */
struct attest {
	bool present;
	enum purpose purpose;
	struct attest_code purpose_details, service, authorization;
	struct str legal_entity, legal_entity_name, point_of_care, point_of_care_name, department,
		department_name;
	struct str decision_ref, decision_text;
	bool user_selected;
	instant toa;                  /* 0 where the attest has none */
	struct national_id *patients; /* patients[].identifier, where given */
	size_t patient_count;
};

/* Who is calling. Made by token_read(), or by certificate_principal() (sender.h); points into the arena of the exchange. */
struct principal {
	enum principal_kind kind;
	unsigned scopes; /* bits of enum scope */
	struct str client_id, client_name, jti, issuer;
	uint32_t orgnr; /* orgnr_parent: the legal entity; 0 for a citizen */
	struct str orgnr_child, orgnr_supplier;
	struct str pid; /* 11 digits of the person, or empty */
	struct str hpr, name, security_level;
	struct attest attest;
	instant expires;
	struct str jkt; /* cnf.jkt, or empty for a bearer token */
};

const char *purpose_code(enum purpose purpose);
bool purpose_parse(struct str code, enum purpose *out);

#endif
