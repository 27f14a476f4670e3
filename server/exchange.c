/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The journey's engine. Nothing here knows what a step does; steps know nothing of each other but the
 * exchange they share.
 */
#include "server/exchange.h"

#include <assert.h>

#include "server/loop.h"
#include "server/session.h"
#include "server/spent.h"
#include "server/steps.h"

static void (*const steps[])(struct exchange *exchange) = {
#define STEP(name, function) [STEP_##name] = function,
#include "server/steps.tbl"
#undef STEP
};

struct exchange *exchange_new(
	struct loop *loop, const struct door *door, void *wire, size_t arena_limit)
{
	struct arena *arena = arena_new(arena_limit);
	struct exchange *exchange = arena_alloc(arena, sizeof(*exchange));
	exchange->arena = arena;
	exchange->loop = loop;
	exchange->door = door;
	exchange->wire = wire;
	exchange->outcome.arena = arena;
	exchange->began = loop->now;
	exchange->owners = 1;
	loop->live++;
	return exchange;
}

static void release(struct exchange *exchange)
{
	assert(exchange->owners > 0);
	if (--exchange->owners > 0)
		return;
	session_drop(&exchange->session);
	rules_drop(&exchange->rules);
	struct loop *loop = exchange->loop;
	loop->live--;
	spent_add(loop, exchange->arena);
}

/* The caller's ownership goes over to the list. */
static void resume_later(struct exchange *exchange)
{
	exchange->next = exchange->loop->resume;
	exchange->loop->resume = exchange;
}

void exchange_begin(struct exchange *exchange)
{
	exchange->owners++;
	resume_later(exchange);
}

void exchange_hold(struct exchange *exchange)
{
	exchange->owners++;
	exchange->pending++;
}

void exchange_done(void *context)
{
	struct exchange *exchange = context;
	assert(exchange->pending > 0 && exchange->waiting);
	if (--exchange->pending == 0)
		resume_later(exchange);
	else
		release(exchange);
}

struct store_call exchange_call(struct exchange *exchange)
{
	return (struct store_call){ .arena = exchange->arena,
		.outcome = &exchange->outcome,
		.done = exchange_done,
		.context = exchange };
}

void exchange_yield(struct exchange *exchange)
{
	exchange->yielded = true;
}

void exchange_wire_gone(struct exchange *exchange)
{
	assert(exchange->wire != NULL);
	exchange->wire = NULL;
	release(exchange);
}

static void advance(struct exchange *exchange)
{
	exchange->step++;
	exchange->phase = 0;
}

/* Parks the exchange if its step waits or gave way; true when it did. */
static bool park(struct exchange *exchange)
{
	if (exchange->pending == 0 && !exchange->yielded)
		return false;
	exchange->waiting = true;
	if (exchange->pending == 0) {
		exchange->owners++;
		resume_later(exchange);
	}
	return true;
}

void exchange_run(struct exchange *exchange)
{
	exchange->owners++; /* or the door's answer could free it under us */
	if (exchange->waiting && !exchange->yielded)
		advance(exchange);
	exchange->waiting = false;
	while (exchange->step != STEP_END) {
		if (exchange->outcome.errors > 0 && exchange->step < STEP_AUDIT) {
			exchange->step = STEP_AUDIT;
			exchange->phase = 0;
		}
		exchange->yielded = false;
		steps[exchange->step](exchange);
		if (park(exchange))
			break;
		advance(exchange);
	}
	release(exchange);
}

void exchange_resume(struct loop *loop)
{
	struct exchange *list = NULL;
	while (loop->resume != NULL) {
		struct exchange *first = loop->resume;
		loop->resume = first->next;
		first->next = list;
		list = first;
	}
	while (list != NULL) {
		struct exchange *next = list->next;
		list->next = NULL;
		exchange_run(list);
		release(list);
		list = next;
	}
}
