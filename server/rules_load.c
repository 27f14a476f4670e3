/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/rules_load.h"

#include "server/log.h"
#include "server/loop.h"

/* On the arena of the exchange that began it, which waits like the others. */
struct rules_loading {
	struct store_rules load;
	struct outcome outcome;
	struct loop *loop;
};

static void loaded(void *context)
{
	struct rules_loading *loading = context;
	struct loop *loop = loading->loop;
	loop->rules_loading = false;
	if (loading->outcome.errors > 0)
		log_outcome(LEVEL_WARNING, "rules_not_loaded", &loading->outcome);
	else
		hub_rules_swap(loop->hub, loading->load.rules);
	struct exchange *list = loop->waiting_rules;
	loop->waiting_rules = NULL;
	while (list != NULL) {
		struct exchange *next = list->next;
		exchange_done(list);
		list = next;
	}
}

void rules_load(struct exchange *exchange)
{
	struct loop *loop = exchange->loop;
	exchange_hold(exchange);
	exchange->next = loop->waiting_rules;
	loop->waiting_rules = exchange;
	if (loop->rules_loading)
		return;
	loop->rules_loading = true;
	struct rules_loading *loading = arena_alloc(exchange->arena, sizeof(*loading));
	loading->loop = loop;
	loading->outcome.arena = exchange->arena;
	loading->load.call = (struct store_call){
		.arena = exchange->arena,
		.outcome = &loading->outcome,
		.done = loaded,
		.context = loading,
	};
	store_rules(loop->store, &loading->load);
}
