/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_TLS_REVOKED_H
#define SERVER_TLS_REVOKED_H

#include "fhir/base/instant.h"
#include "fhir/base/outcome.h"

struct ssl_ctx_st;

/*
 * Takes the certificate revocation lists (PEM) of a file into a context whose CAs are those of the file `ca_path`: from then on a client's certificate is refused that its CA's list
 * names, that no list is there for, or whose list is older than its nextUpdate. A list that no CA of `ca_path` has signed, or that is out of date, is an error, for nothing would come
 * of it but refusals. *until_out: when the first of them ends.
 */
bool tls_take_revoked(struct ssl_ctx_st *context, const char *path, const char *ca_path,
	instant *until_out, struct outcome *outcome);

#endif
