/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who is meant, in one round trip; and the newest rules before anything is decided. */
#include "server/resolve.h"

#include "server/loop.h"
#include "server/permit.h"
#include "server/rules_load.h"
#include "server/steps.h"

#define LOADS_MAX 3 /* the rules may move again while they are loaded */

enum { PHASE_WHO, PHASE_RESOLVED };

struct resolve_item *resolve_items(struct exchange *exchange, size_t count)
{
	exchange->resolve.items =
		arena_array(exchange->arena, count, sizeof(exchange->resolve.items[0]));
	exchange->resolve.count = count;
	return exchange->resolve.items;
}

void resolve_by_digits(struct exchange *exchange, struct resolve_item *item,
	const char digits[static 11], enum resolve_unknown unknown)
{
	const struct seal *seal = exchange->loop->hub->seal;
	item->key = seal_person(seal, digits);
	item->create_person = unknown == RESOLVE_CREATE;
	item->digits = item->create_person ? digits : NULL;
}

/* Of whom the attest speaks: the persons its numbers lead to. */
static void fill_attested(struct exchange *exchange, struct patient *patient)
{
	const struct store_resolve *resolve = &exchange->resolve;
	size_t count = 0;
	for (size_t i = exchange->asked; i < resolve->count; i++)
		count += resolve->items[i].patient.person_count;
	patient->attested = arena_array(exchange->arena, count, sizeof(patient->attested[0]));
	patient->attested_count = 0;
	for (size_t i = exchange->asked; i < resolve->count; i++)
		for (size_t j = 0; j < resolve->items[i].patient.person_count; j++)
			patient->attested[patient->attested_count++] =
				resolve->items[i].patient.persons[j];
}

/* The digits behind a key, where the attest gives them: a Patient id is made of the number's MAC. */
static struct national_id attested_id(
	const struct exchange *exchange, const struct resolve_item *item)
{
	for (size_t i = exchange->asked; i < exchange->resolve.count && !item->by_row; i++) {
		const struct resolve_item *other = &exchange->resolve.items[i];
		if (other->key.bucket == item->key.bucket &&
			seal_equal(&other->key.mac, &item->key.mac, sizeof(item->key.mac)))
			return exchange->principal.attest.patients[i - exchange->asked];
	}
	return (struct national_id){ 0 };
}

const struct grant *resolve_decide(struct exchange *exchange, enum ask_action action,
	struct resolve_item *item, const struct national_id *asked, uint32_t only_tenant,
	struct outcome *outcome)
{
	if (exchange->resolve.count > exchange->asked)
		fill_attested(exchange, &item->patient);
	const struct ask ask = {
		.action = action,
		.principal = &exchange->principal,
		.rules = exchange->rules,
		.patient = &item->patient,
		.patient_id = asked != NULL ? *asked : attested_id(exchange, item),
		.only_tenant = only_tenant,
		.now = exchange->loop->now,
	};
	return decide(exchange->arena, &ask, outcome);
}

/* The patients the attest names, so that one asked for by FHIR id, or by another of its numbers, is found to be among them. */
static void add_attested(struct exchange *exchange)
{
	const struct attest *attest = &exchange->principal.attest;
	struct store_resolve *resolve = &exchange->resolve;
	exchange->asked = resolve->count;
	if (!exchange->route->attest || attest->patient_count == 0)
		return;
	const struct resolve_item *asked = resolve->items;
	struct resolve_item *items =
		resolve_items(exchange, exchange->asked + attest->patient_count);
	memcpy(items, asked, exchange->asked * sizeof(items[0]));
	for (size_t i = 0; i < attest->patient_count; i++)
		resolve_by_digits(exchange, &items[exchange->asked + i], attest->patients[i].digits,
			RESOLVE_LEAVE);
}

/* Known persons need no look into the database, if what is decided about them is a write. */
static bool is_remembered(struct exchange *exchange)
{
	const int64_t version = exchange->rules->version;
	exchange->remembered = 0;
	if (exchange->afresh)
		return false;
	const size_t count = store_remember(exchange->loop->store, &exchange->resolve, version);
	if (count > 0)
		exchange->remembered = version;
	return count == exchange->resolve.count;
}

/* Only a patient whom the database may not know needs it. */
static void seal_digits(struct exchange *exchange)
{
	for (size_t i = 0; i < exchange->resolve.count; i++) {
		struct resolve_item *item = &exchange->resolve.items[i];
		if (item->digits != NULL && !item->remembered)
			item->sealed_id = seal_encrypt(exchange->arena, exchange->loop->hub->seal,
				(struct str){ item->digits, 11 });
	}
}

static void ask(struct exchange *exchange)
{
	const struct interaction *interaction = exchange->route->interaction;
	if (interaction->who == NULL)
		return;
	interaction->who(exchange);
	if (exchange->outcome.errors > 0 || exchange->resolve.count == 0)
		return;
	add_attested(exchange);
	exchange->resolve.call = exchange_call(exchange);
	if (is_remembered(exchange))
		return;
	seal_digits(exchange);
	exchange->phase = PHASE_RESOLVED;
	exchange_hold(exchange);
	exchange_yield(exchange);
	store_resolve(exchange->loop->store, &exchange->resolve);
}

static int64_t newest_version(const struct exchange *exchange)
{
	int64_t version = 0;
	for (size_t i = 0; i < exchange->resolve.count; i++)
		if (exchange->resolve.items[i].patient.rules_version > version)
			version = exchange->resolve.items[i].patient.rules_version;
	return version;
}

void step_resolve(struct exchange *exchange)
{
	if (exchange->phase == PHASE_WHO) {
		ask(exchange);
		return;
	}
	const int64_t version = newest_version(exchange);
	if (exchange->rules->version >= version)
		return;
	if (!permit_judge(exchange, &exchange->outcome) || exchange->rules->version >= version)
		return;
	if (exchange->phase > PHASE_RESOLVED + LOADS_MAX) {
		outcome_fail(&exchange->outcome, OUTCOME_BUSY, (struct str){ 0 },
			"the rules changed and cannot be read at present; try again");
		return;
	}
	exchange->phase++;
	rules_load(exchange);
	exchange_yield(exchange);
}

void resolve_afresh(struct exchange *exchange)
{
	exchange->afresh = true;
	exchange->step = STEP_RESOLVE;
	exchange->phase = PHASE_WHO;
	exchange_yield(exchange);
}
