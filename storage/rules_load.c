/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The snapshot of tenants, clients, senders and rules. The version is read first: what is changed while the rest is read can only make the snapshot newer than it says,
 * and the next RESOLVE then loads it again.
 */
#include "storage/store_private.h"

/* Some 430 municipalities and trusts with a thousand rules each stay far below. */
#define RULES_ARENA ((size_t)256 << 20)

static void version_came(void *context, const struct db_rows *rows)
{
	struct rules *rules = context;
	if (db_row_count(rows) == 1)
		rules->version = db_get_int(rows, 0, 0);
}

static void tenants_came(void *context, const struct db_rows *rows)
{
	struct rules *rules = context;
	rules->tenant_count = db_row_count(rows);
	rules->tenants = arena_array(rules->arena, rules->tenant_count, sizeof(*rules->tenants));
	for (unsigned i = 0; i < rules->tenant_count; i++)
		rules->tenants[i] = (struct tenant){
			.id = (uint32_t)db_get_int(rows, i, 0),
			.orgnr = (uint32_t)db_get_int(rows, i, 1),
			.controller = db_get_bool(rows, i, 2),
			.active = db_get_int(rows, i, 3) == 1,
			.name = str_copy(rules->arena, db_get_bytes(rows, i, 4)),
		};
}

static void clients_came(void *context, const struct db_rows *rows)
{
	struct rules *rules = context;
	rules->client_count = db_row_count(rows);
	rules->clients = arena_array(rules->arena, rules->client_count, sizeof(*rules->clients));
	for (unsigned i = 0; i < rules->client_count; i++) {
		struct client *client = &rules->clients[i];
		*client = (struct client){
			.id = str_copy(rules->arena, db_get_bytes(rows, i, 0)),
			.orgnr = (uint32_t)db_get_int(rows, i, 1),
			.scopes = (unsigned)db_get_int(rows, i, 2),
			.active = db_get_int(rows, i, 3) == 1,
			.name = str_copy(rules->arena, db_get_bytes(rows, i, 5)),
			.sentinels = str_copy(rules->arena, db_get_bytes(rows, i, 6)),
		};
		client->zone_known = !db_is_null(rows, i, 4) &&
				     zone_parse(db_get_bytes(rows, i, 4), &client->zone);
	}
}

static void senders_came(void *context, const struct db_rows *rows)
{
	struct rules *rules = context;
	rules->sender_count = db_row_count(rows);
	rules->senders = arena_array(rules->arena, rules->sender_count, sizeof(*rules->senders));
	for (unsigned i = 0; i < rules->sender_count; i++) {
		struct sender *sender = &rules->senders[i];
		const struct str thumbprint = db_get_bytes(rows, i, 2);
		sender->client = str_copy(rules->arena, db_get_bytes(rows, i, 0));
		sender->orgnr = (uint32_t)db_get_int(rows, i, 1);
		if (thumbprint.length == sizeof(sender->thumbprint))
			memcpy(sender->thumbprint, thumbprint.at, sizeof(sender->thumbprint));
	}
}

static void rules_came(void *context, const struct db_rows *rows)
{
	struct rules *rules = context;
	rules->rule_count = db_row_count(rows);
	rules->rules = arena_array(rules->arena, rules->rule_count, sizeof(*rules->rules));
	for (unsigned i = 0; i < rules->rule_count; i++)
		rules->rules[i] = (struct rule){
			.id = (uint32_t)db_get_int(rows, i, 0),
			.tenant = (uint32_t)db_get_int(rows, i, 1),
			.reader = (uint32_t)db_get_int(rows, i, 2),
			.class = (enum reading_class)db_get_int(rows, i, 3),
			.purpose = (enum purpose)db_get_int(rows, i, 4),
			.canon = (uint32_t)db_get_int(rows, i, 5),
			.valid_from = db_get_time(rows, i, 6),
			.valid_to = db_get_time(rows, i, 7),
		};
}

/* A snapshot on its way; stands on its arena. */
struct load {
	struct store *store;
	struct db_flight *flight;
	struct rules *rules;
	struct store_call *calls; /* all that waited are answered by it */
};

static void load_synced(void *context, const struct db_end *end)
{
	/* A copy: dropping the last reference frees the original. */
	struct load load = *(struct load *)context;
	if (end->status != DB_LOST)
		db_land(load.flight);
	if (end->status == DB_OK)
		rules_sort(load.rules);
	while (load.calls != NULL) {
		struct store_call *call = load.calls;
		load.calls = call->next;
		if (end->status == DB_OK) {
			((struct store_rules *)call)->rules = rules_hold(load.rules);
			call_done(call);
		} else {
			call_end(load.store, call, end);
		}
	}
	rules_drop(&load.rules);
}

static void load_start(struct store *store, struct db_flight *flight)
{
	struct arena *arena = arena_new(RULES_ARENA);
	struct rules *rules = arena_alloc(arena, sizeof(*rules));
	rules->arena = arena;
	rules->references = 1;
	struct load *load = arena_alloc(arena, sizeof(*load));
	*load = (struct load){ .store = store, .flight = flight, .rules = rules };
	for (struct store_call *call = queue_take(store, KIND_RULES); call != NULL;
		call = queue_take(store, KIND_RULES)) {
		call->next = load->calls;
		load->calls = call;
	}
	db_add(flight, SQL_RESOLVE_VERSION, NULL, version_came, rules);
	db_add(flight, SQL_RULES_TENANTS, NULL, tenants_came, rules);
	db_add(flight, SQL_RULES_CLIENTS, NULL, clients_came, rules);
	db_add(flight, SQL_RULES_SENDERS, NULL, senders_came, rules);
	db_add(flight, SQL_RULES_RULES, NULL, rules_came, rules);
	db_sync(flight, load_synced, load);
}

void rules_dispatch(struct store *store, instant now)
{
	(void)now;
	if (store->queues[KIND_RULES].first == NULL)
		return;
	struct db_flight *flight = db_flight(store->db, DB_RESOLVE, DB_ANY_LANE);
	if (flight != NULL)
		load_start(store, flight);
}

void store_rules(struct store *store, struct store_rules *load)
{
	queue_call(store, KIND_RULES, &load->call);
}
