/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include "authz/sender.h"
#include "fhir/base/outcome.h"

struct ssl_ctx_st;

/* PEM: the door's chain and key; of the door that asks for certificates, the CAs that vouch for them, and their lists of revoked ones (empty: none are read). */
struct tls_files {
	const char *certificate, *key, *ca, *revoked;
};

/*
 * The TLS door's context (doorway: OpenSSL), shared by all loops: TLS 1.2 with forward secrecy and
 * AEAD, and TLS 1.3; ALPN h2 and http/1.1; no renegotiation, compression, tickets or early data.
 * NULL adds an error for what is wrong with the files.
 */
struct ssl_ctx_st *tls_new(const struct tls_files *files, struct outcome *outcome);
/* The certificate of a PEM file, as a connection would show it. False adds an error. */
bool tls_read_certificate(const char *path, struct certificate *out, struct outcome *outcome);

/* Who is told of a client's certificate: when a handshake is done, and why one fails by it (text of the library's, for good). `socket` is the one under the connection. */
struct tls_watch {
	void (*seen)(void *socket, const struct certificate *certificate);
	void (*refused)(void *socket, bool revoked, const char *why);
};

/*
 * The same for a door that asks every client for a certificate which one of those in `ca_path` vouches
 * for (an issuing CA may stand there without its root); without ALPN. `watch` outlives it. *until_out: when
 * the first of its lists of revoked certificates ends; INSTANT_MAX: never, or there is none.
 */
struct ssl_ctx_st *tls_new_mutual(const struct tls_files *files, const struct tls_watch *watch,
	instant *until_out, struct outcome *outcome);
/* One owner more (NULL: nothing). */
void tls_hold(struct ssl_ctx_st *context);
void tls_free(struct ssl_ctx_st **context);

#endif
