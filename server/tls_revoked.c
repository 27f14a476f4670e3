/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/tls_revoked.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "server/tls_private.h"

/* Has one of the CAs signed it? */
static bool is_signed(X509_CRL *list, STACK_OF(X509_INFO) * authorities)
{
	for (int i = 0; i < sk_X509_INFO_num(authorities); i++) {
		X509 *authority = sk_X509_INFO_value(authorities, i)->x509;
		if (authority != NULL &&
			X509_NAME_cmp(
				X509_get_subject_name(authority), X509_CRL_get_issuer(list)) == 0 &&
			X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1)
			return true;
	}
	ERR_clear_error();
	return false;
}

/* Between its thisUpdate and its nextUpdate? */
static bool is_current(const X509_CRL *list)
{
	const ASN1_TIME *until = X509_CRL_get0_nextUpdate(list);
	return X509_cmp_current_time(X509_CRL_get0_lastUpdate(list)) < 0 &&
	       (until == NULL || X509_cmp_current_time(until) > 0);
}

static bool take(SSL_CTX *context, const char *path, STACK_OF(X509_INFO) * lists,
	STACK_OF(X509_INFO) * authorities, instant *until_out, struct outcome *outcome)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	unsigned taken = 0;
	*until_out = INSTANT_MAX;
	for (int i = 0; i < sk_X509_INFO_num(lists); i++) {
		X509_CRL *list = sk_X509_INFO_value(lists, i)->crl;
		if (list == NULL)
			continue;
		if (!is_signed(list, authorities))
			return tls_fail(outcome, path, "has a list that no CA of mllp_ca signed");
		if (!is_current(list))
			return tls_fail(outcome, path, "has a list that is out of date");
		if (X509_STORE_add_crl(store, list) != 1)
			return tls_fail(outcome, path, "has a list that cannot be taken");
		const ASN1_TIME *until = X509_CRL_get0_nextUpdate(list);
		const instant end = until == NULL ? INSTANT_MAX : tls_instant(until);
		if (end < *until_out)
			*until_out = end;
		taken++;
	}
	return taken > 0 || tls_fail(outcome, path, "holds no certificate revocation list in PEM");
}

static STACK_OF(X509_INFO) * read_file(const char *path)
{
	BIO *file = BIO_new_file(path, "r");
	STACK_OF(X509_INFO) *items =
		file == NULL ? NULL : PEM_X509_INFO_read_bio(file, NULL, NULL, NULL);
	BIO_free(file);
	return items;
}

bool tls_take_revoked(struct ssl_ctx_st *context, const char *path, const char *ca_path,
	instant *until_out, struct outcome *outcome)
{
	STACK_OF(X509_INFO) *lists = read_file(path);
	STACK_OF(X509_INFO) *authorities = read_file(ca_path);
	const bool good = lists == NULL
				  ? tls_fail(outcome, path, "cannot be read")
				  : take(context, path, lists, authorities, until_out, outcome);
	sk_X509_INFO_pop_free(lists, X509_INFO_free);
	sk_X509_INFO_pop_free(authorities, X509_INFO_free);
	/* The client's own certificate alone: of a CA without its root there is no list to ask. */
	if (good)
		X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_CRL_CHECK);
	return good;
}
