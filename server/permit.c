/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The caller against the route's row, before a byte of the body is parsed. */
#include "server/permit.h"

#include "server/loop.h"
#include "server/resolve.h"
#include "server/rules_load.h"
#include "server/session.h"
#include "server/steps.h"

enum { PHASE_SNAPSHOT, PHASE_VERSION, PHASE_NEWEST };

/* By these rules, the certificate is whose? Judged anew with each snapshot: what is revoked is gone for the next message. */
static bool known_sender(
	struct exchange *exchange, const struct rules *rules, struct outcome *outcome)
{
	const struct certificate *certificate = exchange->request.certificate;
	struct principal principal;
	certificate_principal(exchange->arena, certificate, &exchange->principal);
	principal = exchange->principal;
	if (!certificate_find(certificate, rules, &principal, outcome))
		return false;
	struct loop *loop = exchange->loop;
	struct session *session = sessions_certificate(
		&loop->sessions, loop->hub->seal, certificate, &principal, loop->now);
	session_drop(&exchange->session);
	exchange->session = session;
	exchange->principal = session->principal;
	return true;
}

/* Its sender must still be a client of the controller that keeps the message. */
static bool known_release(
	struct exchange *exchange, const struct rules *rules, struct outcome *outcome)
{
	const struct store_release *release = exchange->request.release;
	const struct client *client = rules_client(rules, release->client);
	const struct tenant *tenant =
		client == NULL ? NULL : rules_tenant_by_orgnr(rules, client->orgnr);
	if (tenant == NULL || tenant->id != release->tenant)
		return outcome_fail(outcome, OUTCOME_FORBIDDEN, (struct str){ 0 },
			"who sent the message is no client of its controller any more");
	exchange->principal.client_name = client->name;
	exchange->principal.orgnr = client->orgnr;
	struct session *session = session_new(exchange->loop->hub->seal, &exchange->principal);
	session_drop(&exchange->session);
	exchange->session = session;
	exchange->principal = session->principal;
	return true;
}

static bool registered(
	struct exchange *exchange, const struct rules *rules, struct outcome *outcome)
{
	const struct route *route = exchange->route;
	if (exchange->request.release != NULL && !known_release(exchange, rules, outcome))
		return false;
	if (exchange->request.certificate != NULL && !known_sender(exchange, rules, outcome))
		return false;
	const struct permit_ask ask = {
		.principal = &exchange->principal,
		.rules = rules,
		.scope = route->scope,
		.kinds = route->kinds,
		.attest_needed = route->attest,
	};
	return decide_permit(&ask, &exchange->tenant, &exchange->client, outcome);
}

/* Who is refused keeps the snapshot that let them in, if there was one: the tenant that AUDIT names stands in it. */
bool permit_judge(struct exchange *exchange, struct outcome *outcome)
{
	struct rules *newest = hub_rules(exchange->loop->hub);
	if (newest == NULL)
		return outcome_fail(outcome, OUTCOME_BUSY, (struct str){ 0 },
			"the hub has not read its rules yet; try again");
	const bool good = registered(exchange, newest, outcome);
	if (good || exchange->rules == NULL) {
		rules_drop(&exchange->rules);
		exchange->rules = newest;
	} else {
		rules_drop(&newest);
	}
	return good;
}

/* The texts of decide_permit() begin with the error code, where it has one: RFC 6750 3.1, norway.md 1.7. */
static const char *challenge_of(const struct outcome *outcome)
{
	static const char *const codes[] = { DECIDE_SCOPE, DECIDE_ATTEST };
	if (outcome->first != NULL)
		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
			if (str_starts(outcome->first->text, str_of(codes[i])))
				return codes[i];
	return NULL;
}

/* Could a newer snapshot judge otherwise? It could not, where the token itself lacks what is needed. */
static bool may_be_stale(const struct exchange *exchange, const struct outcome *outcome)
{
	const struct route *route = exchange->route;
	const struct principal *principal = &exchange->principal;
	return exchange->phase == PHASE_SNAPSHOT && outcome_first(outcome) == OUTCOME_FORBIDDEN &&
	       (principal->scopes & route->scope) != 0 &&
	       (1u << principal->kind & route->kinds) != 0;
}

/* Who was registered a moment ago is let in: asks RESOLVE for the rules' version, by way of a row that is nobody's. */
static void ask_version(struct exchange *exchange)
{
	resolve_items(exchange, 1)->by_row = true;
	exchange->resolve.call = exchange_call(exchange);
	exchange->phase = PHASE_VERSION;
	exchange_hold(exchange);
	exchange_yield(exchange);
	store_resolve(exchange->loop->store, &exchange->resolve);
}

/* True where there are newer rules, which the exchange then waits for. */
static bool load_newer(struct exchange *exchange)
{
	const int64_t version = exchange->resolve.items[0].patient.rules_version;
	exchange->resolve = (struct store_resolve){ 0 };
	exchange->phase = PHASE_NEWEST;
	if (version <= exchange->rules->version)
		return false;
	rules_load(exchange);
	exchange_yield(exchange);
	return true;
}

void step_permit(struct exchange *exchange)
{
	if (exchange->route->kinds == 0 ||
		(exchange->phase == PHASE_VERSION && load_newer(exchange)))
		return;
	struct outcome outcome = { .arena = exchange->arena };
	if (permit_judge(exchange, &outcome))
		return;
	if (may_be_stale(exchange, &outcome)) {
		ask_version(exchange);
		return;
	}
	exchange->challenge = challenge_of(&outcome);
	outcome_merge(&exchange->outcome, &outcome, (struct str){ 0 });
}
