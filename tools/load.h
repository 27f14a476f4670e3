/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TOOLS_LOAD_H
#define TOOLS_LOAD_H

#include "authz/jose.h"
#include "fhir/base/buf.h"

/*
 * maalehub-load: requests of one kind over HTTP/2, a fixed number open at a time, for a fixed time; one thread. tools/bench drives it.
 */
enum load_kind { LOAD_BUNDLE, LOAD_CREATE, LOAD_READ, LOAD_SEARCH };

struct load {
	enum load_kind kind;
	struct str base, host, port; /* base: scheme://host:port */
	bool tls;
	const char *ca;
	unsigned connections, open; /* open requests on each connection */
	double seconds;
	uint64_t requests_max; /* 0: by time alone */
	unsigned bundle_size, people;
	unsigned note;             /* bytes of a note in each reading */
	uint64_t seed;             /* readings of two runs with other seeds differ */
	struct str token;          /* access token, or empty (development door) */
	struct jose_key *key;      /* its DPoP key */
	struct str jwk, principal; /* X-Dev-Principal, or empty */
	struct str *ids;           /* FHIR ids to read */
	size_t id_count;
	const char *ids_out; /* created ids are written here */
};

/* What one request is; text on `arena`, which is the connection's and reset per request. */
struct load_request {
	const char *method;
	struct str path, content_type, body, proof;
};

/* Makes request `number`: a Bundle or an Observation nobody has sent, or a read, or a search, patients and ids taken in turn. */
void load_request(
	const struct load *load, struct arena *arena, uint64_t number, struct load_request *out);

/* The n-th synthetic fødselsnummer (month + 80) of the load, eleven digits and NUL. */
void load_person(uint64_t number, char out[static 12]);

/* What was measured. */
struct load_result {
	uint64_t requests, failed, bytes;
	double seconds, cpu_seconds;
	uint32_t *micros; /* of each good answer, in order of arrival */
	size_t micros_count, micros_room;
	int first_bad_status;
	char first_bad_body[512];
	struct buf ids;
};

/* Runs the load. False when the server cannot be reached or no request was answered. */
bool load_run(const struct load *load, struct load_result *result);

#endif
