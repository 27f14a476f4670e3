/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the settings must be together. Production takes nothing that is there for tests. */
#include "server/config.h"

#include "server/config_private.h"

static void refuse(struct config_reader *reader, enum setting_index index, const char *text)
{
	outcome_fail(reader->outcome, OUTCOME_INVALID, STR(""), "%s:%u: %s", reader->file,
		reader->lines[index], text);
}

static bool is_set(const char *value)
{
	return value[0] != '\0';
}

/* The host of scheme://host[:port][/...], or an empty slice when that is not its shape; an @ before the host is not. */
static struct str url_host(struct str url, struct str scheme)
{
	if (!str_starts(url, scheme))
		return (struct str){ 0 };
	struct str rest;
	const struct str authority = str_cut(str_part(url, scheme.length, url.length), '/', &rest);
	if (str_index(authority, '@') < authority.length)
		return (struct str){ 0 };
	if (authority.length > 0 && authority.at[0] == '[')
		return str_part(authority, 0, str_index(authority, ']') + 1);
	return str_cut(authority, ':', &rest);
}

/* An issuer is https; plain http is for a test issuer on this very machine. */
static void check_issuer(struct config_reader *reader, enum setting_index index, const char *value)
{
	const struct str url = str_of(value);
	if (!is_set(value) || url_host(url, STR("https://")).length > 0)
		return;
	const struct str host = url_host(url, STR("http://"));
	if (host.length == 0)
		refuse(reader, index, "an issuer is an https URL");
	else if (reader->config->environment == ENVIRONMENT_PRODUCTION)
		refuse(reader, index, "production takes https issuers only");
	else if (!config_is_loopback(host))
		refuse(reader, index, "an http issuer must be on a loopback address");
}

static void check_doors(struct config_reader *reader)
{
	const struct config *config = reader->config;
	const char *host, *port;
	if (!is_set(config->listen) && !is_set(config->dev_listen))
		refuse(reader, SETTING_listen, "no door: neither listen nor dev_listen is set");
	if (is_set(config->listen)) {
		if (!config_address(reader->arena, str_of(config->listen), &host, &port))
			refuse(reader, SETTING_listen, "listen is host:port");
		if (!is_set(config->tls_certificate) || !is_set(config->tls_key))
			refuse(reader, SETTING_tls_certificate,
				"listen needs tls_certificate and tls_key");
		if (!is_set(config->public_url))
			refuse(reader, SETTING_public_url,
				"listen needs public_url: DPoP proofs are made for it");
	}
	if (!is_set(config->dev_listen))
		return;
	if (config->environment != ENVIRONMENT_DEVELOPMENT)
		refuse(reader, SETTING_dev_listen,
			"the development door needs environment = development");
	if (!config_address(reader->arena, str_of(config->dev_listen), &host, &port))
		refuse(reader, SETTING_dev_listen, "dev_listen is host:port");
	else if (!config_is_loopback(str_of(host)))
		refuse(reader, SETTING_dev_listen,
			"the development door opens on a loopback address only");
}

static void check_mllp(struct config_reader *reader)
{
	const struct config *config = reader->config;
	const char *host, *port;
	if (!is_set(config->mllp_listen))
		return;
	if (!config_address(reader->arena, str_of(config->mllp_listen), &host, &port))
		refuse(reader, SETTING_mllp_listen, "mllp_listen is host:port");
	if (!is_set(config->tls_certificate) || !is_set(config->tls_key))
		refuse(reader, SETTING_mllp_listen,
			"mllp_listen needs tls_certificate and tls_key");
	if (!is_set(config->mllp_ca))
		refuse(reader, SETTING_mllp_listen,
			"mllp_listen needs mllp_ca: who may not show a certificate of it is "
			"nobody");
}

static void check_trust(struct config_reader *reader)
{
	const struct config *config = reader->config;
	check_issuer(reader, SETTING_issuer, config->issuer);
	check_issuer(reader, SETTING_citizen_issuer, config->citizen_issuer);
	if (is_set(config->issuer) &&
		str_equal(str_of(config->issuer), str_of(config->citizen_issuer)))
		refuse(reader, SETTING_citizen_issuer,
			"staff and citizens need issuers of their own: the issuer says who is who");
	if (!is_set(config->issuer) && config->environment != ENVIRONMENT_DEVELOPMENT)
		refuse(reader, SETTING_issuer, "issuer must be set");
	if (!is_set(config->audience))
		refuse(reader, SETTING_audience, "audience must be set");
	if (config->bearer && config->environment == ENVIRONMENT_PRODUCTION)
		refuse(reader, SETTING_bearer, "production takes DPoP-bound tokens only");
	if (config->identifier_in_url && config->environment != ENVIRONMENT_DEVELOPMENT)
		refuse(reader, SETTING_identifier_in_url,
			"national ids in URLs need environment = development");
}

static void check_principals(struct config_reader *reader)
{
	const struct config *config = reader->config;
	if (config->principals != NULL && config->environment != ENVIRONMENT_DEVELOPMENT)
		refuse(reader, SETTING_environment,
			"principal.NAME needs environment = development");
	if (is_set(config->dev_principal) &&
		config_principal(config, str_of(config->dev_principal)) == NULL)
		refuse(reader, SETTING_dev_principal,
			"dev_principal names no principal.NAME of this file");
}

static void check_public_url(struct config_reader *reader)
{
	const struct config *config = reader->config;
	const struct str url = str_of(config->public_url);
	if (url.length == 0)
		return;
	if (url_host(url, STR("https://")).length == 0 &&
		(config->environment != ENVIRONMENT_DEVELOPMENT ||
			url_host(url, STR("http://")).length == 0))
		refuse(reader, SETTING_public_url, "public_url is https://host[:port]");
	if (str_ends(url, STR("/")))
		refuse(reader, SETTING_public_url, "public_url has no slash at its end");
}

bool config_address(
	struct arena *arena, struct str text, const char **host_out, const char **port_out)
{
	size_t colon = text.length;
	while (colon > 0 && text.at[colon - 1] != ':')
		colon--;
	if (colon < 2)
		return false;
	struct str host = str_part(text, 0, colon - 1);
	const struct str port = str_part(text, colon, text.length);
	uint64_t number;
	if (!str_to_u64(port, &number) || number > 65535)
		return false;
	if (host.at[0] == '[') {
		if (!str_ends(host, STR("]")) || host.length < 4)
			return false;
		host = str_part(host, 1, host.length - 2);
	} else if (str_index(host, ':') != host.length) {
		return false;
	}
	*host_out = str_copy(arena, host).at;
	*port_out = str_copy(arena, port).at;
	return true;
}

/* 127.a.b.c and nothing behind it: 127.0.0.1.example.org is somebody else's. */
static bool is_loopback_v4(struct str host)
{
	struct str rest = host;
	for (int i = 0; i < 4; i++) {
		uint64_t number;
		if (rest.at == NULL || !str_to_u64(str_cut(rest, '.', &rest), &number) ||
			number > 255 || (i == 0 && number != 127))
			return false;
	}
	return rest.at == NULL;
}

bool config_is_loopback(struct str host)
{
	return str_equal_nocase(host, STR("localhost")) || str_is(host, "::1") ||
	       str_is(host, "[::1]") || is_loopback_v4(host);
}

void config_check(struct config_reader *reader)
{
	struct config *config = reader->config;
	if (!zone_parse(str_of(config->zone), &config->zone_parsed))
		refuse(reader, SETTING_zone, "zone is Europe/Oslo, UTC or +hh:mm");
	if (!networks_parse(reader->arena, str_of(config->operations_from), &config->operations))
		refuse(reader, SETTING_operations_from,
			"operations_from is a list of addresses, networks such as 10.0.0.0/8 and "
			"the word loopback");
	if (!is_set(config->database))
		refuse(reader, SETTING_database, "database must be set");
	if (!is_set(config->secret_file))
		refuse(reader, SETTING_secret_file, "secret_file must be set");
	check_doors(reader);
	check_mllp(reader);
	check_trust(reader);
	check_principals(reader);
	check_public_url(reader);
}
