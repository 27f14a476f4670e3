/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "authz/rules.h"

#include <assert.h>
#include <stdlib.h>

#include "fhir/base/arena.h"

struct rules *rules_hold(struct rules *rules)
{
	__atomic_add_fetch(&rules->references, 1, __ATOMIC_RELAXED);
	return rules;
}

void rules_drop(struct rules **rules)
{
	if (*rules == NULL)
		return;
	const int left = __atomic_sub_fetch(&(*rules)->references, 1, __ATOMIC_ACQ_REL);
	assert(left >= 0);
	if (left == 0) {
		struct arena *arena = (*rules)->arena; /* holds *rules too */
		arena_free(&arena);
	}
	*rules = NULL;
}

static int three_way(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int tenant_compare(const void *a, const void *b)
{
	const struct tenant *left = a, *right = b;
	return three_way(left->orgnr, right->orgnr);
}

static int client_compare(const void *a, const void *b)
{
	const struct client *left = a, *right = b;
	return str_compare(left->id, right->id);
}

static int rule_compare(const void *a, const void *b)
{
	const struct rule *left = a, *right = b;
	const int by_reader = three_way(left->reader, right->reader);
	return by_reader != 0 ? by_reader : three_way(left->tenant, right->tenant);
}

static int sender_compare(const void *a, const void *b)
{
	const struct sender *left = a, *right = b;
	const int order = memcmp(left->thumbprint, right->thumbprint, sizeof(left->thumbprint));
	return order != 0 ? order : three_way(left->orgnr, right->orgnr);
}

static void sort(void *at, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	if (count > 1)
		qsort(at, count, size, compare);
}

static int place_compare(const void *a, const void *b, void *context)
{
	const struct tenant *tenants = context;
	const uint32_t *left = a, *right = b;
	return three_way(tenants[*left].id, tenants[*right].id);
}

void rules_sort(struct rules *rules)
{
	sort(rules->tenants, rules->tenant_count, sizeof(*rules->tenants), tenant_compare);
	sort(rules->clients, rules->client_count, sizeof(*rules->clients), client_compare);
	sort(rules->senders, rules->sender_count, sizeof(*rules->senders), sender_compare);
	sort(rules->rules, rules->rule_count, sizeof(*rules->rules), rule_compare);
	rules->tenants_by_id =
		arena_array(rules->arena, rules->tenant_count, sizeof(*rules->tenants_by_id));
	for (uint32_t i = 0; i < rules->tenant_count; i++)
		rules->tenants_by_id[i] = i;
	qsort_r(rules->tenants_by_id, rules->tenant_count, sizeof(*rules->tenants_by_id),
		place_compare, rules->tenants);
}

const struct tenant *rules_tenant_by_orgnr(const struct rules *rules, uint32_t orgnr)
{
	const struct tenant wanted = { .orgnr = orgnr };
	if (rules->tenant_count == 0)
		return NULL;
	return bsearch(
		&wanted, rules->tenants, rules->tenant_count, sizeof(wanted), tenant_compare);
}

const struct tenant *rules_tenant(const struct rules *rules, uint32_t id)
{
	size_t low = 0, high = rules->tenant_count;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct tenant *tenant = &rules->tenants[rules->tenants_by_id[middle]];
		if (tenant->id == id)
			return tenant;
		if (tenant->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct rule *rules_between(
	const struct rules *rules, uint32_t reader, uint32_t tenant, size_t *count)
{
	const struct rule wanted = { .reader = reader, .tenant = tenant };
	size_t low = 0, high = rules->rule_count;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (rule_compare(&rules->rules[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (high < rules->rule_count && rule_compare(&rules->rules[high], &wanted) == 0)
		high++;
	*count = high - low;
	return *count == 0 ? NULL : &rules->rules[low];
}

const struct client *rules_client(const struct rules *rules, struct str id)
{
	const struct client wanted = { .id = id };
	if (rules->client_count == 0)
		return NULL;
	return bsearch(
		&wanted, rules->clients, rules->client_count, sizeof(wanted), client_compare);
}

static const struct sender *sender_find(const struct rules *rules, const struct sender *wanted)
{
	if (rules->sender_count == 0)
		return NULL;
	return bsearch(
		wanted, rules->senders, rules->sender_count, sizeof(*wanted), sender_compare);
}

const struct sender *rules_sender(
	const struct rules *rules, const uint8_t thumbprint[static 32], uint32_t orgnr)
{
	struct sender wanted = { 0 };
	memcpy(wanted.thumbprint, thumbprint, sizeof(wanted.thumbprint));
	const struct sender *sender = sender_find(rules, &wanted);
	if (sender != NULL || orgnr == 0)
		return sender;
	return sender_find(rules, &(struct sender){ .orgnr = orgnr });
}
