/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include "fhir/base/outcome.h"

struct ssl_ctx_st;

/*
 * The TLS door's context (doorway: OpenSSL), shared by all loops: TLS 1.2 with forward secrecy and
 * AEAD, and TLS 1.3; ALPN h2 and http/1.1; no renegotiation, compression, tickets or early data.
 * NULL adds an error for what is wrong with the files.
 */
struct ssl_ctx_st *tls_new(
	const char *certificate_path, const char *key_path, struct outcome *outcome);
void tls_free(struct ssl_ctx_st **context);

#endif
