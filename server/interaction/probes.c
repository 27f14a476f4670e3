/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* GET /livez, for anybody; /readyz and /metrics, for those who run the hub (operations_from). */
#include "server/interaction/interactions.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/respond.h"

#define STALLED     (10 * INSTANT_SECOND)
#define METRICS_MAX ((size_t)4 << 20)

static void respond_live(struct exchange *exchange)
{
	const bool alive = exchange->loop->now - hub_ticked(exchange->loop->hub) < STALLED;
	respond_with(exchange, alive ? 200 : 503, MEDIA_TEXT,
		alive ? STR("ok\n") : STR("a loop has stalled\n"));
}

const struct interaction interaction_livez = {
	.name = "livez",
	.respond = respond_live,
};

/* Ready is who could write the log: an insert, rolled back. */
static void store_ready(struct exchange *exchange)
{
	struct loop *loop = exchange->loop;
	const char *why;
	/* Not as of the last tick: whoever queues behind a connection that is gone waits for seconds. */
	loop->db_is_ready = db_ready(loop->db);
	if (!hub_ready(loop->hub, &why)) {
		outcome_fail(&exchange->outcome, OUTCOME_BUSY, (struct str){ 0 }, "%s", why);
		return;
	}
	struct store_probe *probe = arena_alloc(exchange->arena, sizeof(*probe));
	probe->call = exchange_call(exchange);
	exchange_hold(exchange);
	store_probe(loop->store, probe);
}

static void respond_ready(struct exchange *exchange)
{
	respond_with(exchange, 200, MEDIA_TEXT, STR("ok\n"));
}

const struct interaction interaction_readyz = {
	.name = "readyz",
	.store = store_ready,
	.respond = respond_ready,
};

static void respond_metrics(struct exchange *exchange)
{
	struct buf buf = buf_new(exchange->arena, (size_t)16 << 10, METRICS_MAX);
	metrics_render(&buf, exchange->loop->hub, exchange->loop->now);
	respond_with(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&buf));
}

const struct interaction interaction_metrics = {
	.name = "metrics",
	.respond = respond_metrics,
};
