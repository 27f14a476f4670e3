/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/trust.h"

#include "fhir/base/buf.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/tls.h"
#include "server/wire_mllp.h"

#define ARENA_BYTES ((size_t)1 << 20)

static struct tls_files files_of(const struct config *config)
{
	return (struct tls_files){ .certificate = config->tls_certificate,
		.key = config->tls_key,
		.ca = config->mllp_ca,
		.revoked = config->mllp_crl };
}

bool trust_load(const struct config *config, struct trust *out, struct outcome *outcome)
{
	const struct tls_files files = files_of(config);
	struct trust trust = { 0 };
	bool good = true;
	if (config->listen[0] != '\0') {
		trust.tls = tls_new(&files, outcome);
		good = trust.tls != NULL;
	}
	if (good && config->mllp_listen[0] != '\0') {
		trust.mllp = tls_new_mutual(&files, &mllp_watch, &trust.until, outcome);
		good = trust.mllp != NULL;
	}
	if (!good) {
		trust_drop(&trust);
		return false;
	}
	*out = trust;
	return true;
}

void trust_drop(struct trust *trust)
{
	tls_free(&trust->tls);
	tls_free(&trust->mllp);
}

void trust_swap(struct hub *hub, struct trust *fresh)
{
	pthread_mutex_lock(&hub->trust_lock);
	struct trust old = hub->trust;
	hub->trust = *fresh;
	hub->trust.version = old.version + 1;
	hub->trust_version = hub->trust.version;
	pthread_mutex_unlock(&hub->trust_lock);
	trust_drop(&old);
}

bool trust_take(struct hub *hub, struct trust *held)
{
	if (hub->trust_version == held->version)
		return false;
	struct trust old = *held;
	pthread_mutex_lock(&hub->trust_lock);
	*held = hub->trust;
	tls_hold(held->tls);
	tls_hold(held->mllp);
	pthread_mutex_unlock(&hub->trust_lock);
	trust_drop(&old);
	return true;
}

/* "none", or the file's name. */
static const char *name_of(struct arena *arena, const char *path)
{
	return path[0] == '\0' ? "none" : log_quote(arena, str_of(path));
}

static const char *time_of(struct arena *arena, instant at)
{
	struct buf buf = buf_new(arena, 32, 64);
	if (at == INSTANT_MAX || at == 0)
		return "none";
	instant_write(&buf, at);
	buf_add_byte(&buf, '\0');
	return buf.at;
}

static void say(struct arena *arena, const struct config *config, const struct trust *trust,
	const struct certificate *own)
{
	log_line(LEVEL_INFO, "reloaded",
		"tls_certificate=%s sha256=%s expires=%s mllp_ca=%s mllp_crl=%s crl_until=%s",
		name_of(arena, config->tls_certificate),
		str_hex(arena, own->thumbprint, sizeof(own->thumbprint)).at,
		time_of(arena, own->expires), name_of(arena, config->mllp_ca),
		name_of(arena, config->mllp_crl), time_of(arena, trust->until));
}

/* One that has expired, or is not valid yet, starts a hub, whose operator sees it at once; it does not take the place of one that is good. */
static bool is_current(
	const struct config *config, struct certificate *own, instant now, struct outcome *outcome)
{
	if (!tls_read_certificate(config->tls_certificate, own, outcome))
		return false;
	if (own->begins > now)
		return outcome_fail(outcome, OUTCOME_INVALID, STR(""),
			"%s: the certificate is not valid before %s", config->tls_certificate,
			time_of(outcome->arena, own->begins));
	return own->expires > now ||
	       outcome_fail(outcome, OUTCOME_INVALID, STR(""), "%s: the certificate has expired",
		       config->tls_certificate);
}

void trust_reload(struct hub *hub)
{
	struct arena *arena = arena_new(ARENA_BYTES);
	struct outcome outcome = { .arena = arena };
	const struct config *config = hub->config;
	struct certificate own;
	struct trust fresh;
	if (config->tls_certificate[0] == '\0') {
		log_line(LEVEL_INFO, "nothing_to_reload", "no door has TLS");
	} else if (!is_current(config, &own, hub_now(), &outcome) ||
		   !trust_load(config, &fresh, &outcome)) {
		log_outcome(LEVEL_ERROR, "not_reloaded", &outcome);
		log_line(LEVEL_WARNING, "kept", "certificates and lists stay what they were");
	} else {
		say(arena, config, &fresh, &own);
		trust_swap(hub, &fresh);
	}
	arena_free(&arena);
}
