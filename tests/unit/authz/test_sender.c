/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Whose certificate it is: the organisation of its subject, and who the rules say it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/sender.h"
#include "fhir/base/arena.h"

#define SOLVIK 310000019u
#define VENDOR 310000043u

static struct rules *rules_of_two(void)
{
	struct arena *arena = arena_new(1 << 20);
	struct rules *rules = arena_alloc(arena, sizeof(*rules));
	rules->arena = arena;
	rules->references = 1;
	rules->clients = arena_array(arena, 2, sizeof(*rules->clients));
	rules->client_count = 2;
	rules->clients[0] =
		(struct client){ .id = STR("solvik-dho"), .orgnr = SOLVIK, .active = true };
	rules->clients[1] = (struct client){ .id = STR("vendor"), .orgnr = VENDOR, .active = true };
	rules->senders = arena_array(arena, 3, sizeof(*rules->senders));
	rules->sender_count = 3;
	rules->senders[0] = (struct sender){ .orgnr = VENDOR, .client = STR("vendor") };
	rules->senders[1] = (struct sender){ .thumbprint = { 9, 1 }, .client = STR("solvik-dho") };
	rules->senders[2] = (struct sender){ .thumbprint = { 3 }, .client = STR("gone") };
	rules_sort(rules);
	return rules;
}

static void the_subject_names_the_organisation(void **state)
{
	(void)state;
	static const struct {
		const char *identifier, *serial;
		uint32_t orgnr;
	} cases[] = {
		{ "NTRNO-310000019", "", SOLVIK },
		{ "", "310000019", SOLVIK },
		{ "NTRNO-310000019", "310000019", SOLVIK },
		{ "NTRNO-310000019", "310000043", 0 },
		{ "NTRNO-310000018", "", 0 },
		{ "NTRNO-310000018", "310000043", VENDOR },
		{ "NTRNO-3100000190", "", 0 },
		{ "NTRSE-310000019", "", 0 },
		{ "310000019", "", 0 },
		{ "", "NTRNO-310000019", 0 },
		{ "", "UN:NO-9578-310000019", 0 },
		{ "", "31000001", 0 },
		{ "", "", 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			certificate_orgnr(str_of(cases[i].identifier), str_of(cases[i].serial)),
			cases[i].orgnr);
	assert_int_equal(certificate_orgnr((struct str){ 0 }, (struct str){ 0 }), 0);
}

/* NULL: refused. */
static void is_client(const struct certificate *certificate, const char *wanted)
{
	struct rules *rules = rules_of_two();
	struct outcome outcome = { .arena = rules->arena };
	struct principal principal;
	certificate_principal(rules->arena, certificate, &principal);
	assert_int_equal(principal.kind, PRINCIPAL_SYSTEM);
	assert_int_equal(principal.scopes, SCOPE_OBSERVATION_WRITE);
	assert_true(str_starts(principal.client_id, STR("certificate:")));
	const bool found = certificate_find(certificate, rules, &principal, &outcome);
	assert_int_equal(found, wanted != NULL);
	assert_int_equal(outcome.errors, wanted == NULL);
	if (wanted != NULL) {
		assert_true(str_is(principal.client_id, wanted));
		assert_int_equal(principal.orgnr, rules_client(rules, principal.client_id)->orgnr);
	} else {
		assert_int_equal(outcome_first(&outcome), OUTCOME_FORBIDDEN);
		assert_int_equal(principal.orgnr, 0);
	}
	rules_drop(&rules);
}

static void the_rules_say_who_it_is(void **state)
{
	(void)state;
	is_client(&(struct certificate){ .thumbprint = { 9, 1 } }, "solvik-dho");
	is_client(&(struct certificate){ .thumbprint = { 9, 2 } }, NULL);
	is_client(&(struct certificate){ .thumbprint = { 7 }, .orgnr = VENDOR }, "vendor");
	is_client(&(struct certificate){ .thumbprint = { 7 }, .orgnr = SOLVIK }, NULL);
	/* Its own registration comes first. */
	is_client(&(struct certificate){ .thumbprint = { 9, 1 }, .orgnr = VENDOR }, "solvik-dho");
	/* Registered for a client that is no more. */
	is_client(&(struct certificate){ .thumbprint = { 3 } }, NULL);
	/* No organisation is not everybody's. */
	is_client(&(struct certificate){ .thumbprint = { 0 } }, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_subject_names_the_organisation),
		cmocka_unit_test(the_rules_say_who_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
