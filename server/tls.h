/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include "authz/sender.h"
#include "fhir/base/outcome.h"

struct ssl_ctx_st;

/*
 * The TLS door's context (doorway: OpenSSL), shared by all loops: TLS 1.2 with forward secrecy and
 * AEAD, and TLS 1.3; ALPN h2 and http/1.1; no renegotiation, compression, tickets or early data.
 * NULL adds an error for what is wrong with the files.
 */
struct ssl_ctx_st *tls_new(
	const char *certificate_path, const char *key_path, struct outcome *outcome);
/* The certificate of a PEM file, as a connection would show it. False adds an error. */
bool tls_read_certificate(const char *path, struct certificate *out, struct outcome *outcome);

/* Who is told of a client's certificate when a handshake is done; `socket` is the one under the connection. */
struct tls_watch {
	void (*seen)(void *socket, const struct certificate *certificate);
};

/*
 * The same for a door that asks every client for a certificate which one of those in `ca_path` vouches
 * for (an issuing CA may stand there without its root); without ALPN. `watch` outlives it.
 */
struct ssl_ctx_st *tls_new_mutual(const char *certificate_path, const char *key_path,
	const char *ca_path, const struct tls_watch *watch, struct outcome *outcome);
void tls_free(struct ssl_ctx_st **context);

#endif
