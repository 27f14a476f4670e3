/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/session.h"

#include <assert.h>

#include "fhir/base/arena.h"
#include "server/context.h"

#define SESSION_LIMIT     ((size_t)64 << 10)
#define CERTIFICATE_LASTS (60 * INSTANT_SECOND)
#define SLOTS             512 /* a power of two; two sessions each, of about 16 KiB */

static void copy_text(struct arena *arena, struct str *text)
{
	*text = str_copy(arena, *text);
}

static void copy_code(struct arena *arena, struct attest_code *code)
{
	copy_text(arena, &code->code);
	copy_text(arena, &code->system);
	copy_text(arena, &code->text);
}

static void copy_attest(struct arena *arena, struct attest *attest)
{
	copy_code(arena, &attest->purpose_details);
	copy_code(arena, &attest->service);
	copy_code(arena, &attest->authorization);
	struct str *const texts[] = { &attest->legal_entity, &attest->legal_entity_name,
		&attest->point_of_care, &attest->point_of_care_name, &attest->department,
		&attest->department_name, &attest->decision_ref, &attest->decision_text };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		copy_text(arena, texts[i]);
	struct national_id *patients =
		arena_array(arena, attest->patient_count, sizeof(attest->patients[0]));
	for (size_t i = 0; i < attest->patient_count; i++)
		patients[i] = attest->patients[i];
	attest->patients = patients;
}

static void copy_principal(struct arena *arena, struct principal *principal)
{
	struct str *const texts[] = { &principal->client_id, &principal->client_name,
		&principal->jti, &principal->issuer, &principal->orgnr_child,
		&principal->orgnr_supplier, &principal->pid, &principal->hpr, &principal->name,
		&principal->security_level, &principal->jkt };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		copy_text(arena, texts[i]);
	copy_attest(arena, &principal->attest);
}

struct session *session_new(const struct seal *seal, const struct principal *principal)
{
	struct arena *arena = arena_new(SESSION_LIMIT);
	struct session *session = arena_alloc(arena, sizeof(*session));
	session->arena = arena;
	session->principal = *principal;
	copy_principal(arena, &session->principal);
	session->context = context_render(arena, seal, &session->principal);
	session->references = 1;
	return session;
}

void session_bind(struct session *session, const uint8_t token[static 32], struct str kid,
	struct keyset *keys, instant until)
{
	memcpy(session->token, token, sizeof(session->token));
	session->kid = str_copy(session->arena, kid);
	session->keys = keys == NULL ? NULL : keyset_hold(keys);
	session->until = until;
}

struct session *session_hold(struct session *session)
{
	if (!session->lasting)
		session->references++;
	return session;
}

void session_drop(struct session **session)
{
	struct session *old = *session;
	*session = NULL;
	if (old == NULL || old->lasting)
		return;
	assert(old->references > 0);
	if (--old->references > 0)
		return;
	if (old->keys != NULL)
		keyset_drop(&old->keys);
	struct arena *arena = old->arena;
	arena_free(&arena);
}

struct sessions {
	struct arena *arena;
	struct session *slots[SLOTS][2];
};

struct sessions *sessions_new(void)
{
	struct arena *arena = arena_new(sizeof(struct sessions) + 64);
	struct sessions *sessions = arena_alloc(arena, sizeof(*sessions));
	sessions->arena = arena;
	return sessions;
}

void sessions_free(struct sessions **sessions)
{
	if (*sessions == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		for (size_t way = 0; way < 2; way++)
			session_drop(&(*sessions)->slots[i][way]);
	struct arena *arena = (*sessions)->arena;
	*sessions = NULL;
	arena_free(&arena);
}

static struct session **slot_of(struct sessions *sessions, const uint8_t token[static 32])
{
	return sessions->slots[(token[0] | (unsigned)token[1] << 8) & (SLOTS - 1)];
}

struct session *sessions_find(
	struct sessions *sessions, const uint8_t token[static 32], instant now)
{
	struct session **slot = slot_of(sessions, token);
	for (size_t way = 0; way < 2; way++) {
		if (slot[way] == NULL || !seal_equal(slot[way]->token, token, 32))
			continue;
		if (now < slot[way]->until)
			return session_hold(slot[way]);
		session_drop(&slot[way]);
	}
	return NULL;
}

void sessions_put(struct sessions *sessions, struct session *session)
{
	struct session **slot = slot_of(sessions, session->token);
	session_drop(&slot[1]);
	slot[1] = slot[0];
	slot[0] = session_hold(session);
}

/* By both, because the certificate may have been registered for another client. */
struct session *sessions_certificate(struct sessions **sessions, const struct seal *seal,
	const struct certificate *certificate, const struct principal *principal, instant now)
{
	uint8_t parts[2][32], digest[32];
	memcpy(parts[0], certificate->thumbprint, sizeof(parts[0]));
	seal_sha256(principal->client_id, parts[1]);
	seal_sha256((struct str){ (const char *)parts, sizeof(parts) }, digest);
	if (*sessions == NULL)
		*sessions = sessions_new();
	struct session *session = sessions_find(*sessions, digest, now);
	if (session != NULL)
		return session;
	session = session_new(seal, principal);
	session_bind(session, digest, (struct str){ 0 }, NULL, now + CERTIFICATE_LASTS);
	sessions_put(*sessions, session);
	return session;
}

enum national_policy national_policy_of(const struct config *config)
{
	return config->environment == ENVIRONMENT_PRODUCTION ? NATIONAL_REAL : NATIONAL_SYNTHETIC;
}

struct issuer_policy issuer_policy_of(
	const struct config *config, enum issuer_kind kind, const struct keyset *keys)
{
	const bool citizen = kind == ISSUER_CITIZEN;
	return (struct issuer_policy){
		.issuer = str_of(citizen ? config->citizen_issuer : config->issuer),
		.kind = kind,
		.keys = keys,
		.audience = str_of(config->audience),
		/* In the order of enum scope's bits. */
		.scope_names = { str_of(config->scope_read), str_of(config->scope_write),
			str_of(config->scope_locator_read), str_of(config->scope_log_read) },
		.leeway = config->leeway,
		.attest_age_max = config->attest_age_max,
		.bearer_allowed = config->bearer,
		.national = national_policy_of(config),
	};
}
