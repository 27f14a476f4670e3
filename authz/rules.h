/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_RULES_H
#define AUTHZ_RULES_H

#include "authz/principal.h"
#include "fhir/code.h"

/* A data controller, or an organisation that only reads. */
struct tenant {
	uint32_t id;
	uint32_t orgnr;
	bool active;
	bool controller; /* may hold data */
	struct str name;
};

/* A registered client (vendor system, EPJ): what it may do for which organisation. */
struct client {
	struct str id;
	uint32_t orgnr;  /* orgnr_parent its tokens must have */
	unsigned scopes; /* bits of enum scope it may use at most */
	bool active;
	bool zone_known; /* PCD-01 times without zone are read in `zone` */
	struct zone zone;
	struct str name;
	/* Numbers that its devices have instead of a reading: fhir/hl7/sentinel.h. */
	struct str sentinels;
};

/* Whose client certificates are which client: one certificate, or all those of an organisation. */
struct sender {
	uint8_t thumbprint[32]; /* SHA-256; zeroes where the organisation counts */
	uint32_t orgnr;         /* 0 where the one certificate counts */
	struct str client;
};

/* What one controller lets another organisation read. */
struct rule {
	uint32_t id;
	uint32_t tenant; /* whose data */
	uint32_t reader; /* tenant id of the reader */
	enum reading_class class;
	enum purpose purpose;
	/* The code_id of the leading code it is limited to; 0: all codes of the class. */
	uint32_t canon;
	instant valid_from, valid_to;
};

/*
 * All of it: an immutable snapshot of the database, atomically reference counted, swapped whole
 * when hub.rules_version moved.
 */
struct rules {
	int64_t version;
	struct tenant *tenants; /* sorted by orgnr */
	size_t tenant_count;
	struct client *clients; /* sorted by id */
	size_t client_count;
	struct sender *senders; /* sorted by thumbprint, then orgnr */
	size_t sender_count;
	struct rule *rules; /* sorted by reader, then tenant */
	size_t rule_count;
	uint32_t *tenants_by_id; /* places in tenants; rules_sort makes it */
	struct arena *arena;     /* owns all of it */
	int references;          /* atomic */
};

struct rules *rules_hold(struct rules *rules);
/* The last reader frees the arena. */
void rules_drop(struct rules **rules);
/* Sorts the arrays and makes the index, on the arena; call once after filling. */
void rules_sort(struct rules *rules);
const struct tenant *rules_tenant_by_orgnr(const struct rules *rules, uint32_t orgnr);
const struct tenant *rules_tenant(const struct rules *rules, uint32_t id);
/* The rules by which `reader` reads from `tenant`: *count of them in a row. */
const struct rule *rules_between(
	const struct rules *rules, uint32_t reader, uint32_t tenant, size_t *count);
const struct client *rules_client(const struct rules *rules, struct str id);
/* The sender of a certificate: by its thumbprint, else by the organisation it is for (0: none). */
const struct sender *rules_sender(
	const struct rules *rules, const uint8_t thumbprint[static 32], uint32_t orgnr);

#endif
