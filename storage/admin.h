/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_ADMIN_H
#define STORAGE_ADMIN_H

#include "authz/rules.h"
#include "authz/seal.h"
#include "fhir/base/outcome.h"

/*
 * What the operator's tool does: blocking calls on one connection of its own (libpq by storage/db_admin.c). The hub itself never links to these.
 */
struct admin;

/* Connects as hub_admin (or, for migrate, as who `conninfo` says). NULL adds FAULT. */
struct admin *admin_open(
	struct arena *arena, const char *conninfo, const char *user, struct outcome *outcome);
void admin_close(struct admin **admin);

/* Applies the migrations that are missing, in order, one statement per call, checksummed; makes partitions of the access log three months ahead. *applied counts. A released migration whose text changed is an error. */
bool admin_migrate(struct admin *admin, unsigned *applied, struct outcome *outcome);
/* The isolation assertion: each fault found is an issue; true when there is none. The hub runs it at start and refuses to serve. */
bool admin_assert(struct admin *admin, struct outcome *outcome);

bool admin_tenant_add(struct admin *admin, uint32_t orgnr, struct str name, bool controller,
	struct outcome *outcome);
struct client_row {
	struct str id, name, zone; /* zone empty: none */
	struct str sentinels;      /* fhir/hl7/sentinel.h */
	uint32_t orgnr;
	unsigned scopes;
};
bool admin_client_add(
	struct admin *admin, const struct client_row *client, struct outcome *outcome);
/* How the HL7 messages of a client are read, and what it may do; NULL: as before, an empty zone: none, scopes 0: nothing, from the next request on. */
struct client_change {
	const struct str *zone, *sentinels;
	const unsigned *scopes;
};
bool admin_client_set(struct admin *admin, struct str id, const struct client_change *to,
	struct outcome *outcome);
/* A sender known by a client certificate: either its orgnr or its thumbprint (64 hexadecimal digits) is given. */
struct sender_row {
	uint32_t id, orgnr;
	struct str client, thumbprint;
	bool revoked;
};
/* Fills in the number. */
bool admin_sender_add(struct admin *admin, struct sender_row *sender, struct outcome *outcome);
/* The certificate is refused from the next message on, also on connections that are open. */
bool admin_sender_revoke(struct admin *admin, uint32_t id, struct outcome *outcome);
bool admin_senders(
	struct admin *admin, struct sender_row **out, size_t *count, struct outcome *outcome);
struct rule_row {
	uint32_t id, tenant_orgnr, reader_orgnr;
	enum reading_class class;
	enum purpose purpose;
	struct coding code; /* empty: all */
	instant valid_from, valid_to;
	bool revoked;
};
bool admin_rule_add(struct admin *admin, struct rule_row *rule, struct outcome *outcome);
/* The rule is gone for the next request: valid_to is set and rules_version moves, in one transaction. */
bool admin_rule_revoke(struct admin *admin, uint32_t id, struct outcome *outcome);
bool admin_tenants(
	struct admin *admin, struct tenant **out, size_t *count, struct outcome *outcome);
bool admin_clients(
	struct admin *admin, struct client_row **out, size_t *count, struct outcome *outcome);
bool admin_rules(
	struct admin *admin, struct rule_row **out, size_t *count, struct outcome *outcome);
/*
 * Messages kept aside, for an admin opened as hub_quarantine. One controller's at a time: each call is a transaction bound to it. `number` is that of keep_number() without its Q-.
 */
enum kept_state { KEPT_WAITING = 1, KEPT_RELEASING = 2, KEPT_RELEASED = 3 };
struct kept_row {
	struct str number, received, client, reason;
	enum kept_state state;
	unsigned tries;  /* of the release */
	struct str body; /* of admin_kept_open() alone */
};
struct kept_event {
	struct str at, who, why;
	enum kept_deed { KEPT_LOOKED = 1, KEPT_LET_GO = 2, KEPT_DROPPED = 3 } what;
};
/* Newest first; with those that were released where `all`. */
bool admin_kept(struct admin *admin, const struct tenant *tenant, bool all, struct kept_row **out,
	size_t *count, struct outcome *outcome);
/* One with its message, and what was done with it. False without an error: this controller has none of that number. */
bool admin_kept_open(struct admin *admin, const struct tenant *tenant, struct str number,
	struct kept_row *out, struct outcome *outcome);
bool admin_kept_events(struct admin *admin, const struct tenant *tenant, struct str number,
	struct kept_event **out, size_t *count, struct outcome *outcome);
/* Does it and writes down who and why, in one transaction. *done: there was one to do it with. */
struct kept_act {
	struct str number, who, why;
	enum kept_deed what;
};
bool admin_kept_do(struct admin *admin, const struct tenant *tenant, const struct kept_act *act,
	bool *done, struct outcome *outcome);
/* Joins the persons of two national ids (D-number and fødselsnummer of one person): an alias where one is unknown, links both ways where both are known. */
bool admin_person_join(struct admin *admin, const struct seal *seal, const char a[static 11],
	const char b[static 11], struct outcome *outcome);
/* A patient's block (sperre): all controllers when tenant_orgnr is 0, everybody when actor_orgnr is 0, everything when code is empty. admin_block_add() fills in the number. */
struct block_row {
	uint64_t id;
	const char *digits; /* the patient's national id, 11 digits; not of admin_blocks() */
	uint32_t tenant_orgnr, actor_orgnr;
	struct coding code;
	struct str since, until; /* of admin_blocks() alone; until is empty where it is in force */
};
bool admin_block_add(struct admin *admin, const struct seal *seal, struct block_row *block,
	struct outcome *outcome);
bool admin_block_end(struct admin *admin, uint64_t id, struct outcome *outcome);
/* The blocks of who a national id leads to, ended ones too, by their numbers. */
bool admin_blocks(struct admin *admin, const struct person_key *key, struct block_row **out,
	size_t *count, struct outcome *outcome);

#endif
