/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_JOSE_KEY_H
#define AUTHZ_JOSE_KEY_H

#include <openssl/evp.h>

#include "authz/jose.h"

/* Inside of the doorway: for authz/jose*.c only. */
enum jose_kind { JOSE_RSA, JOSE_P256, JOSE_P384, JOSE_P521 };

struct jose_key {
	EVP_PKEY *pkey;
	enum jose_kind kind;
	size_t coordinate; /* bytes of one, and of each half of a signature; 0 for RSA */
	bool is_private;
};

/* The digest of an algorithm, and what keys it asks for. */
const EVP_MD *jose_alg_digest(enum jose_alg alg);
bool jose_alg_is_pss(enum jose_alg alg);
bool jose_alg_is_rsa(enum jose_alg alg);

#endif
