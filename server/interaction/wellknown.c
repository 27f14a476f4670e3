/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Where a client that knows nothing but our address finds the rest: SMART App Launch 2.2 (.well-known/smart-configuration) and RFC 9728 (.well-known/oauth-protected-resource).
 * The issuer is not ours, so its endpoints are repeated as its discovery document has them; while that could not be read yet they are left out.
 */
#include "fhir/base/json.h"
#include "server/interaction/interactions.h"
#include "server/keys.h"
#include "server/loop.h"
#include "server/respond.h"

#define DOCUMENT_MAX ((size_t)64 << 10)

static void begin_list(struct buf *buf, const char *name)
{
	json_write_comma(buf);
	json_write_name(buf, name);
	buf_add_byte(buf, '[');
}

static void add_text(struct buf *buf, struct str text)
{
	if (text.length == 0)
		return;
	json_write_comma(buf);
	json_write_string(buf, text);
}

static void add_words(struct buf *buf, const char *name, struct str words)
{
	begin_list(buf, name);
	while (words.length > 0)
		add_text(buf, str_cut(words, ' ', &words));
	buf_add_byte(buf, ']');
}

static void add_scopes(struct buf *buf, const struct config *config)
{
	begin_list(buf, "scopes_supported");
	add_text(buf, str_of(config->scope_read));
	add_text(buf, str_of(config->scope_write));
	add_text(buf, str_of(config->scope_locator_read));
	if (config->citizen_issuer[0] != '\0')
		add_text(buf, str_of(config->scope_log_read));
	buf_add_byte(buf, ']');
}

static void respond_smart(struct exchange *exchange)
{
	const struct config *config = exchange->loop->hub->config;
	struct buf buf = buf_new(exchange->arena, 2048, DOCUMENT_MAX);
	struct issuer_endpoints endpoints = { 0 };
	keys_endpoints(
		exchange->loop->hub->keys, exchange->arena, str_of(config->issuer), &endpoints);
	buf_add_byte(&buf, '{');
	json_write_member(&buf, "issuer", str_of(config->issuer));
	json_write_member(&buf, "jwks_uri", endpoints.jwks);
	json_write_member(&buf, "authorization_endpoint", endpoints.authorization);
	json_write_member(&buf, "token_endpoint", endpoints.token);
	add_words(&buf, "grant_types_supported", STR("authorization_code client_credentials"));
	add_words(&buf, "token_endpoint_auth_methods_supported", STR("private_key_jwt"));
	add_words(&buf, "token_endpoint_auth_signing_alg_values_supported", STR(DPOP_ALGS));
	add_words(&buf, "code_challenge_methods_supported", STR("S256"));
	add_words(&buf, "dpop_signing_alg_values_supported", STR(DPOP_ALGS));
	add_scopes(&buf, config);
	add_words(&buf, "capabilities", STR("client-confidential-asymmetric"));
	buf_add_byte(&buf, '}');
	respond_with(exchange, 200, MEDIA_JSON, buf_str(&buf));
}

/* The attest (norway.md 1.7): HelseID's draft of authorization details metadata. */
static void respond_resource(struct exchange *exchange)
{
	const struct config *config = exchange->loop->hub->config;
	struct buf buf = buf_new(exchange->arena, 2048, DOCUMENT_MAX);
	const struct str root = root_url(exchange);
	buf_add_byte(&buf, '{');
	json_write_member(&buf, "resource", root);
	json_write_member(&buf, "resource_name", STR("maalehub"));
	begin_list(&buf, "authorization_servers");
	add_text(&buf, str_of(config->issuer));
	if (!str_is(str_of(config->issuer), config->citizen_issuer))
		add_text(&buf, str_of(config->citizen_issuer));
	buf_add_byte(&buf, ']');
	add_scopes(&buf, config);
	add_words(&buf, "bearer_methods_supported", STR("header"));
	json_write_comma(&buf);
	json_write_name(&buf, "dpop_bound_access_tokens_required");
	buf_add_text(&buf, config->bearer ? "false" : "true");
	add_words(&buf, "dpop_signing_alg_values_supported", STR(DPOP_ALGS));
	json_write_comma(&buf);
	buf_add_text(&buf, "\"authorization_details_types_required\":{\"allOf\":["
			   "\"helseid_authorization\",\"nhn:tillitsrammeverk:parameters\"]}");
	json_write_member(&buf, "resource_documentation",
		str_format(exchange->arena, "%.*s/openapi.json", STR_ARG(root)));
	buf_add_byte(&buf, '}');
	respond_with(exchange, 200, MEDIA_JSON, buf_str(&buf));
}

const struct interaction interaction_smart = {
	.name = "smart",
	.respond = respond_smart,
};

const struct interaction interaction_protected_resource = {
	.name = "protected_resource",
	.respond = respond_resource,
};
