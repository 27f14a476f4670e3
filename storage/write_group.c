/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One group's way to its COMMIT.
 *
 * Plain: fresh readings go by INSERTs and the key constraint decides; BEGIN .. Sync COMMIT Sync in one flight. On 23505 the whole group runs again as a probe:
 * phase 0 inserts what is unknown and reports what is there; later phases bring new versions and second readings, until nothing is left; then COMMIT. 40P01 is
 * tried again as it was. After any other error each exchange runs alone, so that only the culprit is refused. Nothing is answered before COMMIT's tag is in.
 */
#include "storage/write_rows.h"

#include <stdlib.h>

#define GROUP_ARENA ((size_t)1 << 30)
#define PHASES_MAX  80u
#define CLASHES_MAX 5u
#define RULES_MOVED "22012" /* division_by_zero: write_rules.sql */

/* ---- one attempt */

static int by_tenant_bucket_key(const void *a, const void *b)
{
	const struct reading *one = *(struct reading *const *)a, *two = *(struct reading *const *)b;
	const struct grant_part *first = one->item->part, *second = two->item->part;
	const bool change = reading_is_change(one);
	if (first->tenant != second->tenant)
		return first->tenant < second->tenant ? -1 : 1;
	if (change != reading_is_change(two))
		return change ? -1 : 1;
	if (first->bucket != second->bucket)
		return first->bucket < second->bucket ? -1 : 1;
	if (change)
		return (one->item->key.id > two->item->key.id) -
		       (one->item->key.id < two->item->key.id);
	return memcmp(&one->least, &two->least, sizeof(one->least));
}

/* Readings in the order of the locks they take, and numbers for them and the log rows. False while there are no numbers. */
static bool arrange(struct group *group)
{
	size_t count = 0;
	for (const struct job *job = group->jobs; job != NULL; job = job->next)
		count += job->reading_count;
	group->readings = arena_array(group->arena, count, sizeof(struct reading *));
	group->count = 0;
	for (const struct job *job = group->jobs; job != NULL; job = job->next) {
		for (size_t i = 0; i < job->reading_count; i++)
			group->readings[group->count++] = &job->readings[i];
	}
	qsort(group->readings, group->count, sizeof(struct reading *), by_tenant_bucket_key);
	log_collect(group);
	if (group->count + group->line_count == 0)
		return true;
	group->first_id = store_ids(group->store, (unsigned)(group->count + group->line_count));
	group_number(group);
	for (size_t i = 0; i < group->line_count; i++)
		group->lines[i].id = group->first_id + group->count + i;
	return group->first_id != 0;
}

static uint32_t tenant_of(const struct reading *reading)
{
	return reading->item->part->tenant;
}

/* The readings of one tenant that are in a state, and whose turn it is, on a list of their own. */
static size_t pick(
	const struct group *group, uint32_t tenant, enum reading_state state, struct reading **out)
{
	size_t count = 0;
	for (size_t i = 0; i < group->count; i++) {
		struct reading *reading = group->readings[i];
		if (tenant_of(reading) == tenant && reading->state == state &&
			reading->round <= group->phases)
			out[count++] = reading;
	}
	return count;
}

static size_t readings_end(const struct group *group, size_t from, uint32_t tenant)
{
	while (from < group->count && tenant_of(group->readings[from]) == tenant)
		from++;
	return from;
}

static size_t lines_end(const struct group *group, size_t from, uint32_t tenant)
{
	while (from < group->line_count && group->lines[from].row->tenant == tenant)
		from++;
	return from;
}

/* The rows of one tenant that every attempt begins with. */
static void send_tenant(
	struct group *group, uint32_t tenant, struct reading **readings, size_t count)
{
	if (count == 0)
		return;
	struct reading **now = arena_array(group->arena, 2 * count, sizeof(struct reading *));
	struct reading **there = now + count; /* all but tombstones in the making */
	size_t ready = 0, there_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (reading_is_change(readings[i]))
			rows_change(group, readings[i]);
		else if (readings[i]->round == 0)
			now[ready++] = readings[i];
		if (readings[i]->item->observation != NULL)
			there[there_count++] = readings[i];
	}
	if (ready > 0 && group->mode == GROUP_PLAIN)
		rows_new(group, now, ready);
	else if (ready > 0)
		rows_probe(group, now, ready);
	if (there_count > 0)
		rows_locator(group, there, there_count);
	rows_uploads(group, tenant);
}

static void committed(void *context, const struct db_end *end);
static void probed(void *context, const struct db_end *end);

/* More is to come of all that is in it. Which life of the database each job began in is read before its COMMIT is sent, so that a death after that is seen. */
static bool is_unhurried(const struct group *group)
{
	bool all = true;
	for (const struct job *job = group->jobs; job != NULL; job = job->next) {
		if (job->write != NULL && job->write->life == 0)
			job->write->life = db_life(group->store->db);
		all = all && job->write != NULL && job->write->more;
	}
	return all;
}

static void send_attempt(struct group *group)
{
	group->phases = 0;
	group->committing = false;
	group->deleted = NULL;
	group->unhurried = is_unhurried(group);
	group->at = group->store->now;
	bool changes = false;
	for (size_t i = 0; i < group->count; i++) {
		const bool change = reading_is_change(group->readings[i]);
		changes = changes || change;
		group->readings[i]->state = change ? READING_DUE : READING_NEW;
		group->readings[i]->hit = (struct hit){ 0 };
		group->readings[i]->asked = false;
		group->readings[i]->replaced = 0;
		const struct write_item *item = group->readings[i]->item;
		const bool elsewhere = item->expect != 0 && item->expect != item->id;
		if ((group->readings[i]->round > 0 || elsewhere) && !change)
			group->mode = GROUP_PROBE;
	}
	db_begin(group->flight);
	if (group->unhurried)
		db_unhurried(group->flight);
	group_rules(group);
	log_contexts(group);
	size_t reading = 0, line = 0;
	while (reading < group->count || line < group->line_count) {
		uint32_t tenant =
			reading < group->count ? tenant_of(group->readings[reading]) : UINT32_MAX;
		if (line < group->line_count && group->lines[line].row->tenant < tenant)
			tenant = group->lines[line].row->tenant;
		const size_t readings = readings_end(group, reading, tenant);
		const size_t lines = lines_end(group, line, tenant);
		db_set_local(group->flight, DB_TENANT, tenant);
		send_tenant(group, tenant, &group->readings[reading], readings - reading);
		if (lines > line && group->mode == GROUP_PLAIN && !changes)
			log_lines(group, &group->lines[line], lines - line);
		rows_quarantine(group, tenant);
		reading = readings;
		line = lines;
	}
	if (group->mode == GROUP_PLAIN && !changes) {
		group->committing = true;
		db_commit_sync(group->flight, committed, group);
	} else {
		db_sync(group->flight, probed, group);
	}
}

/* ---- how it ends */

static void finish(struct group *group)
{
	group->flight = NULL;
	group->readings = NULL;
	group->lines = NULL;
	group->count = group->line_count = 0;
	arena_free(&group->arena);
}

static void attempt(struct group *group)
{
	if (arrange(group)) {
		send_attempt(group);
		return;
	}
	/* No ids yet: they are on the way. */
	struct job *jobs = group->jobs, *rest = group->rest;
	group->jobs = group->rest = NULL;
	lane_return(group->lane, rest);
	lane_return(group->lane, jobs);
	struct db_flight *flight = group->flight;
	finish(group);
	db_land(flight);
}

/* The next of those that are tried alone, or the end. */
static void next(struct group *group)
{
	if (group->rest == NULL) {
		struct db_flight *flight = group->flight;
		finish(group);
		db_land(flight);
		return;
	}
	group->jobs = group->rest;
	group->rest = group->rest->next;
	group->jobs->next = NULL;
	group->alone = true;
	group->deadlocks = group->clashes = 0;
	attempt(group);
}

static void fail_jobs(struct group *group, enum outcome_kind kind, const char *text)
{
	struct job *job = group->jobs;
	group->jobs = NULL;
	while (job != NULL) {
		struct job *after = job->next; /* the answer may free the job */
		job_fail(job, kind, text);
		job = after;
	}
}

static void lost(struct group *group)
{
	struct job *rest = group->rest, *jobs = group->committing ? NULL : group->jobs;
	group->rest = NULL;
	lane_return(group->lane, rest);
	lane_return(group->lane, jobs);
	if (group->committing)
		fail_jobs(group, OUTCOME_TIMEOUT,
			"The database was lost during the commit: whether this was stored is "
			"unknown, send it again");
	group->jobs = NULL;
	finish(group);
}

/* Of a group that was rolled back: those that are `out` are told and leave it, the others go on. */
static void part_with(
	struct group *group, bool (*is_out)(const struct job *), void (*tell)(struct job *))
{
	struct job_queue out = { 0 }, others = { 0 };
	for (struct job *job = group->jobs, *after; job != NULL; job = after) {
		after = job->next;
		job_append(is_out(job) ? &out : &others, job);
	}
	group->jobs = others.first;
	for (struct job *job = out.first, *after; job != NULL; job = after) {
		after = job->next; /* the answer may free the job */
		tell(job);
		call_done(job->call);
	}
	if (group->jobs != NULL)
		attempt(group);
	else
		next(group);
}

/* The rules moved: who relied on what was remembered asks anew. */
static bool is_stale(const struct job *job)
{
	return job->write != NULL && job->write->rules_version != 0;
}

static void tell_stale(struct job *job)
{
	job->write->stale = true;
}

static bool is_refused(const struct job *job)
{
	for (size_t i = 0; i < job->reading_count; i++) {
		if (job->readings[i].state == READING_REFUSED)
			return true;
	}
	return false;
}

static void tell_refused(struct job *job)
{
	job->write->refused = true;
	for (size_t i = 0; i < job->reading_count; i++) {
		const struct reading *reading = &job->readings[i];
		if (reading->state != READING_REFUSED)
			continue;
		reading->item->fate = reading->fate;
		reading->item->version = reading->hit.version;
	}
}

/* Rolled back because of changes that cannot be made. */
static void refused(void *context, const struct db_end *end)
{
	struct group *group = context;
	if (end->status == DB_LOST)
		lost(group);
	else
		part_with(group, is_refused, tell_refused);
}

/* The transaction was rolled back. */
static void failed(struct group *group)
{
	const char *state = group->sqlstate;
	if (strcmp(state, "23505") == 0 &&
		(group->mode == GROUP_PLAIN || group->clashes++ < CLASHES_MAX)) {
		group->mode = GROUP_PROBE;
		attempt(group);
	} else if (strcmp(state, "40P01") == 0 && group->deadlocks++ < (group->alone ? 3u : 1u)) {
		attempt(group);
	} else if (strcmp(state, RULES_MOVED) == 0 && group_rules_version(group) != 0) {
		part_with(group, is_stale, tell_stale);
	} else if (db_is_transient(state)) {
		/* Trying each alone would make it worse. */
		fail_jobs(group, OUTCOME_BUSY, "The database is busy; nothing was stored");
		next(group);
	} else if (group->jobs->next != NULL) {
		group->rest = group->jobs;
		next(group);
	} else {
		fail_jobs(
			group, OUTCOME_FAULT, "The database refused the rows; nothing was stored");
		next(group);
	}
}

static void keep_error(struct group *group, const struct db_end *end)
{
	const char *state = end->sqlstate[0] == '\0' ? "25P02" : end->sqlstate;
	memcpy(group->sqlstate, state, sizeof(group->sqlstate));
	if (strcmp(state, "23505") != 0 && strcmp(state, "40P01") != 0 &&
		strcmp(state, RULES_MOVED) != 0)
		store_note(group->store, end);
}

static void rolled_back(void *context, const struct db_end *end)
{
	struct group *group = context;
	if (end->status == DB_LOST)
		lost(group);
	else
		failed(group);
}

static void answer_reading(const struct reading *reading)
{
	struct write_item *item = reading->item;
	const bool kept = reading->state == READING_KNOWN || reading->state == READING_GONE;
	const bool there = kept || reading->state == READING_CHANGED;
	if (reading_is_change(reading)) {
		item->fate = reading->fate;
		item->version = reading->hit.version;
		item->updated = reading->hit.recv;
		return;
	}
	item->key = (struct resource_key){
		.type = item->observation->type,
		.bucket = item->part->bucket,
		.tenant = item->part->tenant,
		.subject = item->part->subject,
		.id = there ? reading->hit.id : reading->id,
	};
	item->version = there ? reading->hit.version : 1;
	item->updated = kept ? reading->hit.recv : reading->received;
	item->fate = reading->beside ? WRITE_BESIDE : WRITE_CREATED;
	if (kept)
		item->fate = reading->state == READING_KNOWN ? WRITE_KNOWN : WRITE_GONE;
	if (reading->state == READING_CHANGED) {
		item->fate = WRITE_VERSIONED;
		item->version++;
	}
}

/* Only what lasts: what a commit that did not wait has left is asked for again. */
static void remember(struct group *group)
{
	const bool lasts = !group->unhurried;
	struct caches *caches = group->store->writer->caches;
	for (size_t i = 0; i < group->line_count && lasts; i++)
		cache_add_context(caches, &group->lines[i].context, instant_month(group->at));
	for (size_t i = 0; i < group->count; i++) {
		const struct reading *reading = group->readings[i];
		if (reading->item->observation == NULL)
			continue;
		const struct locator_key key = locator_key(reading, group->at);
		if (is_located(reading) && lasts)
			cache_add_locator(caches, &key);
		if (reading->state == READING_KNOWN)
			cache_add_resending(caches, reading->job->write->client, group->at);
	}
}

/* The log rows of a group whose fates had to be asked for: they go out when these are known, in the words of this attempt, whatever an attempt before it found. */
static void send_lines(struct group *group)
{
	for (size_t i = 0; i < group->count; i++)
		answer_reading(group->readings[i]);
	for (const struct job *job = group->jobs; job != NULL; job = job->next) {
		if (job->write != NULL && job->write->settled != NULL)
			job->write->settled(job->write->settled_context);
	}
	for (size_t line = 0, end; line < group->line_count; line = end) {
		const uint32_t tenant = group->lines[line].row->tenant;
		end = lines_end(group, line, tenant);
		db_set_local(group->flight, DB_TENANT, tenant);
		log_lines(group, &group->lines[line], end - line);
	}
}

static void tell_life(const struct group *group, struct store_write *write)
{
	const uint64_t life = db_flight_life(group->flight);
	write->torn = life > write->life;
	if (write->torn)
		write->life = life; /* what comes after it hangs on this one */
}

static void committed(void *context, const struct db_end *end)
{
	struct group *group = context;
	if (end->status == DB_LOST) {
		lost(group);
		return;
	}
	if (end->status != DB_OK || !end->committed) {
		keep_error(group, end);
		failed(group);
		return;
	}
	remember(group);
	for (size_t i = 0; i < group->count; i++)
		answer_reading(group->readings[i]);
	struct job *job = group->jobs;
	group->jobs = NULL;
	while (job != NULL) {
		struct job *after = job->next;
		if (job->write != NULL)
			tell_life(group, job->write);
		call_done(job->call);
		job = after;
	}
	next(group);
}

/* ---- the probe's phases */

/* Of those that bring a new version of one row, one a phase. */
static void change(struct group *group, struct reading *reading)
{
	if (group->changing == NULL)
		group->changing = places_new(group->arena, group->count);
	const bool first = places_take(group->changing, reading->hit.id, reading);
	reading->state = first ? READING_CHANGING : READING_NEW;
}

/*
 * What becomes of a reading whose identity is there (architecture.md section 5, identity of a measurement). Two of one request that say different things are
 * two measurements (a pulse by ECG and one by oximeter, at one second): neither replaces the other, whatever the clock.
 */
static void judge(struct group *group, struct reading *reading)
{
	const struct write_item *item = reading->item;
	if (reading->hit.id == 0)
		reading->state = READING_ADDED;
	else if (is_replacing(group, reading))
		reading->state = READING_REPLACING;
	else if (reading->hit.gone)
		reading->state = READING_GONE;
	else if (reading->hit.asked || reading->hit.equal ||
		 (reading->hit.same && !item->correction))
		reading->state = READING_KNOWN;
	else if (item->correction || reading->beside)
		change(group, reading);
	else if (item->observation->minute_clock || reading->shared)
		reading_set_beside(group->store, reading);
	else
		reading->state = READING_ASKING;
}

/* Whoever was kept beside another before is sent alone now: it is found by its own content, and replaces nobody. */
static void judge_asked(struct group *group, struct reading *reading)
{
	reading->state = READING_NEW;
	if (reading->asked)
		reading_set_beside(group->store, reading);
	else
		change(group, reading);
}

static bool is_left(const struct reading *reading)
{
	return reading->state == READING_NEW || reading->state == READING_ASKING ||
	       reading->state == READING_CHANGING || reading->state == READING_REPLACING;
}

/* Is anything left for another phase? */
static bool settle(struct group *group)
{
	bool left = false;
	group->changing = NULL;
	for (size_t i = 0; i < group->count; i++) {
		struct reading *reading = group->readings[i];
		if (reading->state == READING_CHANGING)
			reading->state = READING_NEW; /* somebody was first: ask again */
		else if (reading->state == READING_ASKING)
			judge_asked(group, reading);
		else if (reading->state == READING_NEW && reading->round <= group->phases)
			judge(group, reading);
	}
	for (size_t i = 0; i < group->count; i++)
		left = left || is_left(group->readings[i]);
	return left;
}

static void send_asking(struct group *group, struct reading **asking, size_t count)
{
	if (count > 0)
		rows_asking(group, asking, count);
}

/* Identities are freed before the readings that take them are inserted, by the same flight. */
static void send_replacing(struct group *group, uint32_t tenant)
{
	bool bound = false;
	for (size_t i = 0; i < group->count; i++) {
		struct reading *reading = group->readings[i];
		if (tenant_of(reading) != tenant || reading->state != READING_REPLACING)
			continue;
		if (!bound)
			db_set_local(group->flight, DB_TENANT, tenant);
		bound = true;
		rows_replace(group, reading);
	}
}

/* Changes that are made, and whose keys and components are still to follow. */
static size_t pick_due(const struct group *group, uint32_t tenant, struct reading **out)
{
	size_t count = 0;
	for (size_t i = 0; i < group->count; i++) {
		struct reading *reading = group->readings[i];
		if (tenant_of(reading) == tenant && reading->state == READING_DONE &&
			reading->terms_due)
			out[count++] = reading;
	}
	return count;
}

/* Statements of a phase for one tenant, if there are any. */
static void send_phase(struct group *group, uint32_t tenant, bool last)
{
	send_replacing(group, tenant);
	struct reading **changed =
		arena_array(group->arena, group->count, sizeof(struct reading *));
	struct reading **some = arena_array(group->arena, group->count, sizeof(struct reading *));
	struct reading **done = arena_array(group->arena, group->count, sizeof(struct reading *));
	const size_t changed_count = pick(group, tenant, READING_CHANGED, changed);
	size_t count = pick(group, tenant, last ? READING_KNOWN : READING_CHANGING, some);
	struct reading **fresh = some + count;
	const size_t fresh_count = last ? 0 : pick(group, tenant, READING_NEW, fresh);
	struct reading **asking = fresh + fresh_count;
	const size_t asking_count = pick(group, tenant, READING_ASKING, asking);
	const size_t done_count = pick_due(group, tenant, done);
	if (changed_count + count + fresh_count + asking_count + done_count == 0)
		return;
	db_set_local(group->flight, DB_TENANT, tenant);
	for (size_t i = 0; i < done_count; i++)
		rows_change_more(group, done[i]);
	for (size_t i = 0; i < changed_count; i++) {
		if (changed[i]->terms_due)
			rows_version_terms(group, changed[i]);
	}
	for (size_t i = 0; i < count && !last; i++)
		rows_version(group, some[i]);
	send_asking(group, asking, asking_count);
	if (fresh_count > 0)
		rows_probe(group, fresh, fresh_count);
	if (!last)
		return;
	memcpy(some + count, changed, changed_count * sizeof(*some));
	count += changed_count;
	if (count > 0)
		rows_known(group, some, count);
}

static void send_phases(struct group *group, bool last)
{
	group->phases++;
	for (size_t i = 0; i < group->count;) {
		const uint32_t tenant = tenant_of(group->readings[i]);
		send_phase(group, tenant, last);
		i = readings_end(group, i, tenant);
	}
}

static void probed(void *context, const struct db_end *end)
{
	struct group *group = context;
	if (end->status == DB_LOST) {
		lost(group);
		return;
	}
	if (end->status == DB_FAILED || group->phases > PHASES_MAX) {
		keep_error(group, end);
		db_rollback(group->flight);
		db_sync(group->flight, rolled_back, group);
		return;
	}
	if (group_is_refused(group)) {
		db_rollback(group->flight);
		db_sync(group->flight, refused, group);
		return;
	}
	const bool left = settle(group);
	if (!left && group_moved(group)) {
		db_rollback(group->flight);
		db_sync(group->flight, refused, group);
		return;
	}
	send_phases(group, !left);
	if (left) {
		db_sync(group->flight, probed, group);
		return;
	}
	send_lines(group);
	group->committing = true;
	db_commit_sync(group->flight, committed, group);
}

void group_start(struct group *group)
{
	struct store *store = group->store;
	if (group->flight != NULL || group->lane->queue.first == NULL ||
		(store->lease.spare == 0 && store->lease.next == store->lease.end))
		return;
	struct db_flight *flight = db_flight(store->db, DB_WRITE, group->number);
	if (flight == NULL)
		return;
	group->flight = flight;
	group->arena = arena_new(GROUP_ARENA);
	group->alone = false;
	group->deadlocks = group->clashes = 0;
	group->mode = GROUP_PLAIN;
	group_gather(group);
	for (const struct job *job = group->jobs; job != NULL; job = job->next) {
		if (job->write != NULL &&
			cache_is_resending(store->writer->caches, job->write->client, store->now))
			group->mode = GROUP_PROBE;
	}
	if (group->jobs != NULL) {
		attempt(group);
		return;
	}
	finish(group);
	db_land(flight);
}
