/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_TLS_PRIVATE_H
#define SERVER_TLS_PRIVATE_H

#include <openssl/asn1.h>

#include "fhir/base/instant.h"
#include "fhir/base/outcome.h"

/* What the files server/tls*.c share; nothing else includes this. */

/* Adds an error about a file, with what OpenSSL says. Gives false. */
bool tls_fail(struct outcome *outcome, const char *path, const char *what);
/* 0 where it is no time. */
instant tls_instant(const ASN1_TIME *time);

#endif
