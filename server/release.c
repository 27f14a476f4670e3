/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/release.h"

#include "fhir/base/arena.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/metrics.h"

#define LOOK_EVERY     (2 * INSTANT_SECOND)
#define ROUND_BYTES    ((size_t)8 << 20)
#define ARENA_BASE     ((size_t)32 << 20)
#define ARENA_PER_BYTE ((size_t)16)

/* One round: one message taken, sent down the journey and done with. Lives on its own arena. */
struct release {
	struct arena *arena;
	struct loop *loop;
	struct outcome outcome;
	struct store_release taken;
	struct loop_post post;
};

static void begin(struct loop *loop);

static void end(struct release *release, instant next)
{
	struct arena *arena = release->arena;
	release->loop->releasing = false;
	release->loop->release_at = next;
	arena_free(&arena);
}

static void answer(struct exchange *exchange)
{
	struct release *release = exchange->wire;
	struct loop *loop = release->loop;
	char number[KEEP_NUMBER];
	keep_number(&release->taken.digest, number);
	if (exchange->outcome.errors == 0) {
		const bool aside = exchange->response.is_aside;
		metric_add(aside ? METRIC_QUARANTINE_REFUSED : METRIC_QUARANTINE_RELEASED, 1);
		log_line(
			LEVEL_INFO, aside ? "release_held_again" : "released", "number=%s", number);
	} else {
		metric_add(METRIC_QUARANTINE_REFUSED, 1);
		log_line(LEVEL_WARNING, "release_refused", "number=%s", number);
		log_outcome(LEVEL_WARNING, "release_refused", &exchange->outcome);
	}
	exchange_wire_gone(exchange);
	end(release, loop->now);
	if (!loop->draining)
		begin(loop);
}

static const struct door release_door = {
	.name = "release", .acknowledges = true, .answer = answer
};

static void send(void *context)
{
	struct release *release = context;
	const struct store_release *taken = &release->taken;
	struct exchange *exchange = exchange_new(release->loop, &release_door, release,
		ARENA_BASE + ARENA_PER_BYTE * taken->body.length);
	struct request *request = &exchange->request;
	request->method = STR("POST");
	request->path = STR("/pcd01");
	request->content_type = STR("x-application/hl7-v2+er7");
	request->body = str_copy(exchange->arena, taken->body);
	request->release = taken;
	struct str segments[ROUTE_SEGMENTS];
	exchange->route = route_find(exchange->arena, request->method, request->path, segments,
		&exchange->response.allow, &exchange->outcome);
	exchange_run(exchange);
}

static void taken(void *context)
{
	struct release *release = context;
	struct loop *loop = release->loop;
	if (release->outcome.errors > 0)
		log_outcome(LEVEL_WARNING, "release_not_taken", &release->outcome);
	if (release->outcome.errors > 0 || !release->taken.found) {
		end(release, loop->now + LOOK_EVERY);
		return;
	}
	/* Not from inside of the database's callback. */
	release->post = (struct loop_post){ .run = send, .context = release };
	loop_post(loop, &release->post);
}

static void begin(struct loop *loop)
{
	struct arena *arena = arena_new(ROUND_BYTES);
	struct release *release = arena_alloc(arena, sizeof(*release));
	release->arena = arena;
	release->loop = loop;
	release->outcome.arena = arena;
	release->taken.call = (struct store_call){
		.arena = arena, .outcome = &release->outcome, .done = taken, .context = release
	};
	loop->releasing = true;
	store_release(loop->store, &release->taken);
}

void release_tick(struct loop *loop)
{
	if (loop->index == 0 && !loop->releasing && !loop->draining && loop->hub->open &&
		loop->db_is_ready && loop->now >= loop->release_at)
		begin(loop);
}
