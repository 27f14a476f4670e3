/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "fhir/base/arena.h"
#include "server/tls_private.h"
#include "server/tls_revoked.h"

#define WATCH_INDEX             0 /* of SSL_CTX's application data */
#define CHAIN_MAX               4
#define SUBJECT_BYTES           ((size_t)64 << 10)
#define ORGANIZATION_IDENTIFIER "2.5.4.97"
#define SERIAL_NUMBER           "2.5.4.5"

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

bool tls_fail(struct outcome *outcome, const char *path, const char *what)
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
		return tls_fail(outcome, certificate_path, "is no certificate chain in PEM");
	if (SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1)
		return tls_fail(outcome, key_path, "is no private key in PEM");
	if (SSL_CTX_check_private_key(context) != 1)
		return tls_fail(outcome, key_path, "is not the certificate's key");
	return true;
}

/* A key under a passphrase is refused; asking at the terminal would stop a running hub. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)context;
	return 0;
}

static SSL_CTX *context_new(const struct tls_files *files, struct outcome *outcome)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(context, ciphers) != 1) {
		SSL_CTX_free(context);
		tls_fail(outcome, files->certificate, "TLS cannot be set up");
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
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	if (!load(context, files->certificate, files->key, outcome)) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

struct ssl_ctx_st *tls_new(const struct tls_files *files, struct outcome *outcome)
{
	SSL_CTX *context = context_new(files, outcome);
	if (context != NULL)
		SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	return context;
}

/* ---- the client's certificate */

/* An attribute of the subject, if it stands there once. */
static struct str attribute(struct arena *arena, const X509_NAME *subject, const char *oid)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	const int at = X509_NAME_get_index_by_OBJ(subject, object, -1);
	const bool once = at >= 0 && X509_NAME_get_index_by_OBJ(subject, object, at) < 0;
	ASN1_OBJECT_free(object);
	unsigned char *text = NULL;
	const int length =
		once ? ASN1_STRING_to_UTF8(
			       &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)))
		     : -1;
	if (length < 0)
		return (struct str){ 0 };
	const struct str copy = str_copy(arena, (struct str){ (const char *)text, (size_t)length });
	OPENSSL_free(text);
	return copy;
}

instant tls_instant(const ASN1_TIME *time)
{
	int days, seconds;
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	const bool good = ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
	ASN1_TIME_free(epoch);
	return good ? (days * (instant)86400 + seconds) * INSTANT_SECOND : 0;
}

/* False: it cannot be named, and is nobody's. */
static bool read_peer(const X509 *peer, struct certificate *out)
{
	struct arena *arena = arena_new(SUBJECT_BYTES);
	const X509_NAME *subject = X509_get_subject_name(peer);
	unsigned length = sizeof(out->thumbprint);
	*out = (struct certificate){
		.orgnr = certificate_orgnr(attribute(arena, subject, ORGANIZATION_IDENTIFIER),
			attribute(arena, subject, SERIAL_NUMBER)),
		.begins = tls_instant(X509_get0_notBefore(peer)),
		.expires = tls_instant(X509_get0_notAfter(peer)),
	};
	arena_free(&arena);
	return X509_digest(peer, EVP_sha256(), out->thumbprint, &length) == 1;
}

bool tls_read_certificate(const char *path, struct certificate *out, struct outcome *outcome)
{
	BIO *file = BIO_new_file(path, "r");
	X509 *certificate = file == NULL ? NULL : PEM_read_bio_X509(file, NULL, NULL, NULL);
	const bool good = certificate != NULL && read_peer(certificate, out);
	X509_free(certificate);
	BIO_free(file);
	return good || tls_fail(outcome, path, "is no certificate in PEM");
}

static const struct tls_watch *watch_of(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), WATCH_INDEX);
}

/* libh2o 2.2.5 tells nobody the SSL of a socket; the BIO it makes for one knows the socket. */
static void on_handshake(const SSL *ssl, int where, int result)
{
	(void)result;
	if ((where & SSL_CB_HANDSHAKE_DONE) == 0)
		return;
	X509 *peer = SSL_get1_peer_certificate(ssl);
	struct certificate certificate;
	if (peer != NULL && read_peer(peer, &certificate))
		watch_of(ssl)->seen(BIO_get_data(SSL_get_rbio(ssl)), &certificate);
	X509_free(peer);
}

/* Changes nothing of what the library has found. */
static int on_verify(int good, X509_STORE_CTX *store)
{
	if (good)
		return good;
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const int fault = X509_STORE_CTX_get_error(store);
	watch_of(ssl)->refused(BIO_get_data(SSL_get_rbio(ssl)), fault == X509_V_ERR_CERT_REVOKED,
		X509_verify_cert_error_string(fault));
	return good;
}

static bool ask_for_certificate(SSL_CTX *context, const char *ca_path, struct outcome *outcome)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca_path);
	if (names == NULL || SSL_CTX_load_verify_file(context, ca_path) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return tls_fail(outcome, ca_path, "holds no certificates in PEM");
	}
	SSL_CTX_set_client_CA_list(context, names);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
	SSL_CTX_set_verify_depth(context, CHAIN_MAX);
	return true;
}

struct ssl_ctx_st *tls_new_mutual(const struct tls_files *files, const struct tls_watch *watch,
	instant *until_out, struct outcome *outcome)
{
	SSL_CTX *context = context_new(files, outcome);
	*until_out = INSTANT_MAX;
	if (context == NULL)
		return NULL;
	if (!ask_for_certificate(context, files->ca, outcome) ||
		(files->revoked[0] != '\0' && !tls_take_revoked(context, files->revoked, files->ca,
						      until_out, outcome)) ||
		SSL_CTX_set_ex_data(context, WATCH_INDEX, (void *)(uintptr_t)watch) != 1) {
		SSL_CTX_free(context);
		return NULL;
	}
	SSL_CTX_set_info_callback(context, on_handshake);
	return context;
}

void tls_hold(struct ssl_ctx_st *context)
{
	if (context != NULL)
		SSL_CTX_up_ref(context);
}

void tls_free(struct ssl_ctx_st **context)
{
	SSL_CTX_free(*context);
	*context = NULL;
}
