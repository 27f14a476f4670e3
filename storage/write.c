/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Takes writes and log rows in. A tenant has a home lane, one connection each, because tenants in a group cost more than rows; in every lane one group is
 * under way, and whatever queued meanwhile is the next one: no timer, so a lone write waits for nothing.
 */
#include "storage/codes.h"
#include "storage/write_rows.h"

/* A group numbers all its rows from one lease. */
#define JOB_ROWS_MAX (LEASE_IDS / 2)
#define BACKLOG      400u /* rows waiting behind a group under way, from which on another lane helps */

void job_append(struct job_queue *queue, struct job *job)
{
	job->next = NULL;
	if (queue->last == NULL)
		queue->first = job;
	else
		queue->last->next = job;
	queue->last = job;
	queue->count++;
}

void job_remove(struct job_queue *queue, struct job *before, struct job *job)
{
	if (before == NULL)
		queue->first = job->next;
	else
		before->next = job->next;
	if (queue->last == job)
		queue->last = before;
	queue->count--;
	job->next = NULL;
}

void job_fail(struct job *job, enum outcome_kind kind, const char *text)
{
	call_fail(job->call, kind, text);
}

void lane_return(struct lane *lane, struct job *jobs)
{
	struct job_queue all = { 0 };
	while (jobs != NULL) {
		struct job *next = jobs->next;
		job_append(&all, jobs);
		jobs = next;
	}
	if (all.first == NULL)
		return;
	all.last->next = lane->queue.first;
	lane->queue.first = all.first;
	if (lane->queue.last == NULL)
		lane->queue.last = all.last;
	lane->queue.count += all.count;
}

static struct lane *lane_of(struct store *store, const struct job *job)
{
	return &store->writer->lanes[job->tenant % store->writer->lane_count];
}

static void job_take_in(struct store *store, struct job *job)
{
	struct writer *writer = store->writer;
	job->call->since = store->now;
	const size_t readings = job->write == NULL ? 0 : job->write->count;
	if (readings + job->log_count > JOB_ROWS_MAX) {
		outcome_fail(job->call->outcome, OUTCOME_TOO_LARGE, (struct str){ 0 },
			"More than %u readings in one request; split it", JOB_ROWS_MAX);
		queue_answer(store, job->call);
		return;
	}
	if (!job_ready(store, job)) {
		queue_answer(store, job->call);
		return;
	}
	struct job_queue *queue =
		job->codes_missing ? &writer->waiting : &lane_of(store, job)->queue;
	if (queue->count >= store->settings.queue_max)
		queue_refuse(store, job->call);
	else
		job_append(queue, job);
}

void store_write(struct store *store, struct store_write *write)
{
	struct job *job = arena_alloc(write->call.arena, sizeof(*job));
	job->call = &write->call;
	job->write = write;
	job->log = write->log;
	job->log_count = write->log_count;
	job_take_in(store, job);
}

void store_log(struct store *store, struct store_log *log)
{
	struct job *job = arena_alloc(log->call.arena, sizeof(*job));
	job->call = &log->call;
	job->log = log->rows;
	job->log_count = log->count;
	job_take_in(store, job);
}

/* Codes have come: those who waited for them go to their lanes. */
static void admit_waiting(struct store *store)
{
	struct job_queue waiting = store->writer->waiting;
	store->writer->waiting = (struct job_queue){ 0 };
	for (struct job *job = waiting.first, *next; job != NULL; job = next) {
		next = job->next;
		if (!job_codes(store, job))
			queue_answer(store, job->call);
		else
			job_append(job->codes_missing ? &store->writer->waiting
						      : &lane_of(store, job)->queue,
				job);
	}
}

static void refuse_old(struct store *store, struct job_queue *queue, instant age)
{
	while (queue->first != NULL && store->now - queue->first->call->since >= age) {
		struct job *job = queue->first;
		job_remove(queue, NULL, job);
		queue_refuse(store, job->call);
	}
}

/* Rows of the jobs in front of a queue, counted no further than `most`. */
static size_t rows_waiting(const struct job_queue *queue, size_t most)
{
	size_t rows = 0;
	for (const struct job *job = queue->first; job != NULL && rows < most; job = job->next)
		rows += job->reading_count + job->log_count;
	return rows;
}

bool job_is_long(const struct job *job)
{
	return job->reading_count >= LONG_GROUP;
}

/*
 * A lane with nothing to do takes some off one that is under way and has a backlog, oldest first. Small backlogs stay: they make the next group larger; but not behind a long
 * group, the first minutes of an onboarding for instance. What takes long itself stays where it is, so that not every lane is held up.
 */
static void lane_help(struct writer *writer, struct lane *idle)
{
	for (unsigned i = 0; i < writer->lane_count; i++) {
		struct lane *busy = &writer->lanes[i];
		const bool slow = busy->group.flight != NULL && busy->group.count >= LONG_GROUP;
		if (busy->group.flight == NULL ||
			(!slow && rows_waiting(&busy->queue, BACKLOG) < BACKLOG))
			continue;
		const unsigned kept = slow ? 0 : 1;
		for (size_t rows = 0; rows < BACKLOG / 2 && busy->queue.count > kept;) {
			struct job *job = busy->queue.first;
			if (slow && job_is_long(job))
				break;
			job_remove(&busy->queue, NULL, job);
			rows += job->reading_count + job->log_count;
			job_append(&idle->queue, job);
		}
		return;
	}
}

void write_dispatch(struct store *store, instant now)
{
	(void)now;
	struct writer *writer = store->writer;
	const unsigned turn = codes_turn(store);
	if (writer->waiting.first != NULL && turn != writer->codes_turn)
		admit_waiting(store);
	writer->codes_turn = turn;
	refuse_old(store, &writer->waiting, QUEUE_AGE);
	for (unsigned i = 0; i < writer->lane_count; i++) {
		refuse_old(store, &writer->lanes[i].queue, QUEUE_AGE);
		group_start(&writer->lanes[i].group);
	}
	for (unsigned i = 0; i < writer->lane_count; i++) {
		struct lane *lane = &writer->lanes[i];
		if (lane->group.flight != NULL || lane->queue.first != NULL)
			continue;
		lane_help(writer, lane);
		group_start(&lane->group);
	}
}

struct writer *writer_new(struct store *store)
{
	struct writer *writer = arena_alloc(store->arena, sizeof(*writer));
	writer->store = store;
	writer->lane_count = db_lanes(store->db, DB_WRITE);
	if (writer->lane_count == 0)
		writer->lane_count = 1; /* its calls are refused by age */
	writer->lanes = arena_array(store->arena, writer->lane_count, sizeof(*writer->lanes));
	for (unsigned i = 0; i < writer->lane_count; i++) {
		writer->lanes[i].group.store = store;
		writer->lanes[i].group.lane = &writer->lanes[i];
		writer->lanes[i].group.number = i;
	}
	writer->caches = caches_new(store->arena);
	return writer;
}

void writer_close(struct writer *writer)
{
	refuse_old(writer->store, &writer->waiting, 0);
	for (unsigned i = 0; i < writer->lane_count; i++)
		refuse_old(writer->store, &writer->lanes[i].queue, 0);
}

/* ---- the probe of /readyz: a log row that is rolled back */

struct probe {
	struct store *store;
	struct store_probe *call;
	struct db_flight *flight;
};

void store_probe(struct store *store, struct store_probe *probe)
{
	queue_call(store, KIND_PROBE, &probe->call);
}

static void probe_synced(void *context, const struct db_end *end)
{
	struct probe *probe = context;
	if (end->status != DB_LOST)
		db_land(probe->flight);
	if (end->status == DB_OK)
		call_done(&probe->call->call);
	else
		call_end(probe->store, &probe->call->call, end);
}

/* The statements' own Sync, so that the ROLLBACK behind it runs even after an error. */
static void probe_inserted(void *context, const struct db_end *end)
{
	struct probe *probe = context;
	if (end->status == DB_LOST) {
		call_end(probe->store, &probe->call->call, end);
		return;
	}
	if (end->status == DB_FAILED) {
		store_note(probe->store, end);
		outcome_fail(probe->call->call.outcome,
			db_is_transient(end->sqlstate) ? OUTCOME_BUSY : OUTCOME_FAULT,
			(struct str){ 0 }, "The access log takes no rows");
	}
	db_rollback(probe->flight);
	db_sync(probe->flight, probe_synced, probe);
}

void probe_dispatch(struct store *store, instant now)
{
	if (store->queues[KIND_PROBE].first == NULL)
		return;
	struct db_flight *flight = db_flight(store->db, DB_WRITE, DB_ANY_LANE);
	if (flight == NULL)
		return;
	struct store_probe *call = (struct store_probe *)queue_take(store, KIND_PROBE);
	struct probe *probe = arena_alloc(call->call.arena, sizeof(*probe));
	*probe = (struct probe){ store, call, flight };
	/* Tenant 0 is nobody's. */
	struct log_line line = { .row = arena_alloc(call->call.arena, sizeof(struct log_row)) };
	struct group group = {
		.store = store, .flight = flight, .arena = call->call.arena, .at = now
	};
	db_begin(flight);
	db_set_local(flight, DB_TENANT, 0);
	log_lines(&group, &line, 1);
	db_sync(flight, probe_inserted, probe);
}
