/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* RFC 9325 (BCP 195): ECDHE with AEAD only. */
static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
			      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
			      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/* Lists of RFC 7301: a length before each name. */
static const unsigned char protocol_h2[] = "\x02h2";
static const unsigned char protocol_http1[] = "\x08http/1.1";

static bool offers(const unsigned char *in, unsigned int in_length, const unsigned char *name)
{
	for (unsigned int at = 0; at < in_length; at += 1u + in[at])
		if (in[at] == name[0] && at + 1u + in[at] <= in_length &&
			memcmp(in + at, name, 1u + name[0]) == 0)
			return true;
	return false;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
	const unsigned char *in, unsigned int in_length, void *context)
{
	(void)ssl;
	(void)context;
	const unsigned char *chosen = NULL;
	if (offers(in, in_length, protocol_h2))
		chosen = protocol_h2;
	else if (offers(in, in_length, protocol_http1))
		chosen = protocol_http1;
	else
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen + 1;
	*out_length = chosen[0];
	return SSL_TLSEXT_ERR_OK;
}

static bool fail(struct outcome *outcome, const char *path, const char *what)
{
	char text[256];
	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return outcome_fail(outcome, OUTCOME_INVALID, STR(""), "%s: %s (%s)", path, what, text);
}

static bool load(SSL_CTX *context, const char *certificate_path, const char *key_path,
	struct outcome *outcome)
{
	if (SSL_CTX_use_certificate_chain_file(context, certificate_path) != 1)
		return fail(outcome, certificate_path, "is no certificate chain in PEM");
	if (SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1)
		return fail(outcome, key_path, "is no private key in PEM");
	if (SSL_CTX_check_private_key(context) != 1)
		return fail(outcome, key_path, "is not the certificate's key");
	return true;
}

struct ssl_ctx_st *tls_new(
	const char *certificate_path, const char *key_path, struct outcome *outcome)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(context, ciphers) != 1) {
		SSL_CTX_free(context);
		fail(outcome, certificate_path, "TLS cannot be set up");
		return NULL;
	}
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_PRIORITIZE_CHACHA);
	/*
	 * A resumption secret that outlives the process would undo forward secrecy; a handshake
	 * costs 0.7 ms.
	 */
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	if (!load(context, certificate_path, key_path, outcome)) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

void tls_free(struct ssl_ctx_st **context)
{
	SSL_CTX_free(*context);
	*context = NULL;
}
