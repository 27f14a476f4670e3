/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/codes.h"

#include <stdlib.h>

#include "fhir/code.h"

/* A table of texts; when ENTRIES_FULL are in it and nobody waits it starts afresh. */
#define ENTRIES      16384u
#define ENTRIES_FULL 8192u
#define ENTRIES_HARD 12288u
#define CODES_ARENA  ((size_t)64 << 20)
/* Looked up or made in one flight. */
#define BATCH 256u
/* A refused code is not tried again before. */
#define REFUSED_FOR (60 * INSTANT_SECOND)

enum entry_state { ENTRY_EMPTY, ENTRY_READY, ENTRY_WANTED, ENTRY_SENT, ENTRY_REFUSED };

struct entry {
	enum entry_state state;
	uint64_t hash;
	struct str text, canon; /* canon empty: itself */
	enum reading_class class;
	struct concept concept; /* codings of it, on the arena */
	int32_t id;
	instant refused_at;
};

struct codes {
	struct store *store;
	struct str_key key;
	struct arena *arena; /* of the texts */
	struct entry *entries;
	unsigned count, wanted, turn;
	struct db_flight *flight;
	struct arena *batch_arena;
	struct entry **batch; /* being looked up or made; by (has a canon, text) */
	size_t batch_count;
	instant failed_at; /* for a reason that passes */
	bool one_by_one;   /* a batch was refused: find the culprit */
};

static struct entry *find(const struct codes *codes, struct str text, uint64_t hash)
{
	size_t at = hash % ENTRIES;
	while (codes->entries[at].state != ENTRY_EMPTY &&
		(codes->entries[at].hash != hash || !str_equal(codes->entries[at].text, text)))
		at = (at + 1) % ENTRIES;
	return &codes->entries[at];
}

static struct entry *find_text(const struct codes *codes, struct str text)
{
	struct entry *entry = find(codes, text, str_hash(codes->key, text));
	return entry->state == ENTRY_EMPTY ? NULL : entry;
}

static void start_afresh(struct codes *codes)
{
	arena_free(&codes->arena);
	codes->arena = arena_new(CODES_ARENA);
	codes->entries = arena_array(codes->arena, ENTRIES, sizeof(struct entry));
	codes->count = 0;
	codes->wanted = 0;
}

/* Room for a concept and its leading one; makes some where nobody waits, so it may move the arena. */
static bool make_room(struct codes *codes)
{
	if (codes->count >= ENTRIES_FULL && codes->wanted == 0 && codes->flight == NULL)
		start_afresh(codes);
	return codes->count + 2 <= ENTRIES_HARD;
}

/* A new entry that waits for its number. */
static struct entry *entry_new(struct codes *codes, const struct code_want *want)
{
	const uint64_t hash = str_hash(codes->key, want->concept.text);
	struct entry *entry = find(codes, want->concept.text, hash);
	codes->count++;
	codes->wanted++;
	entry->state = ENTRY_WANTED;
	entry->hash = hash;
	entry->text = str_copy(codes->arena, want->concept.text);
	entry->concept = concept_parse(codes->arena, entry->text);
	entry->class = want->class;
	return entry;
}

/*
 * The concept of its leading coding alone. A list of codings has one number wherever it stands, so that of a category is found as carefully as that of a code:
 * else a list first seen as a category would later, as a code, be known to no rule and no block.
 */
static struct str canon_of(
	struct codes *codes, const struct code_want *want, const struct entry *entry)
{
	enum reading_class class;
	if (want->canon.code.length > 0)
		return concept_of(codes->arena, want->canon);
	if (entry->concept.count == 0)
		return (struct str){ 0 };
	return concept_of(
		codes->arena, code_canon(entry->concept.codings, entry->concept.count, &class));
}

/* NULL where there is no room. */
static struct entry *entry_for(struct codes *codes, const struct code_want *want)
{
	struct entry *entry = find_text(codes, want->concept.text);
	if (entry != NULL || !make_room(codes))
		return entry;
	entry = entry_new(codes, want);
	const struct str canon = canon_of(codes, want, entry);
	if (str_equal(canon, want->concept.text) || canon.length > CONCEPT_TEXT_MAX)
		return entry;
	/* The leading coding has a concept of its own, which must be there first. */
	entry->canon = canon;
	if (canon.length > 0 && find_text(codes, canon) == NULL)
		entry_new(codes,
			&(struct code_want){ .concept = { .text = canon }, .class = want->class });
	return entry;
}

enum code_state codes_id(struct store *store, const struct code_want *want, int32_t *id_out)
{
	struct codes *codes = store->codes;
	*id_out = 0;
	if (want->concept.text.length == 0)
		return CODE_READY;
	if (want->concept.text.length > CONCEPT_TEXT_MAX || !str_is_utf8(want->concept.text))
		return CODE_REFUSED;
	struct entry *entry = entry_for(codes, want);
	if (entry == NULL)
		return CODE_PENDING;
	if (entry->state == ENTRY_REFUSED && store->now - entry->refused_at > REFUSED_FOR) {
		entry->state = ENTRY_WANTED;
		codes->wanted++;
	}
	*id_out = entry->id;
	if (entry->state == ENTRY_READY)
		return CODE_READY;
	return entry->state == ENTRY_REFUSED ? CODE_REFUSED : CODE_PENDING;
}

unsigned codes_turn(const struct store *store)
{
	return store->codes->turn;
}

/* ---- the flight: look up; make what is missing; look up */

static void found(void *context, const struct db_rows *rows)
{
	struct codes *codes = context;
	for (unsigned i = 0; i < db_row_count(rows); i++) {
		struct entry *entry = find_text(codes, db_get_bytes(rows, i, 0));
		if (entry == NULL || entry->state == ENTRY_READY)
			continue;
		entry->id = (int32_t)db_get_int(rows, i, 1);
		entry->state = ENTRY_READY;
	}
}

/* Those of the batch that have no number yet; SENT ones go back to WANTED when the flight is over. */
static size_t missing(const struct codes *codes)
{
	size_t count = 0;
	for (size_t i = 0; i < codes->batch_count; i++)
		count += codes->batch[i]->state == ENTRY_SENT;
	return count;
}

static void flight_over(struct codes *codes, enum entry_state left)
{
	for (size_t i = 0; i < codes->batch_count; i++) {
		struct entry *entry = codes->batch[i];
		if (entry->state != ENTRY_SENT)
			continue;
		entry->state = left;
		entry->refused_at = codes->store->now;
		codes->wanted += left == ENTRY_WANTED;
	}
	codes->flight = NULL;
	codes->batch_count = 0;
	arena_free(&codes->batch_arena);
	codes->turn++;
}

/* Lost or refused: false. A deadlock is tried again, so is what passes, after a rest; another refusal one by one, so that one code is refused alone. */
static bool still_good(struct codes *codes, const struct db_end *end)
{
	if (end->status == DB_OK)
		return true;
	if (end->status == DB_LOST) {
		flight_over(codes, ENTRY_WANTED);
		return false;
	}
	store_note(codes->store, end);
	const bool again = strcmp(end->sqlstate, "40P01") == 0;
	struct db_flight *flight = codes->flight;
	if (db_is_transient(end->sqlstate)) {
		codes->failed_at = codes->store->now;
		flight_over(codes, ENTRY_WANTED);
		db_land(flight);
		return false;
	}
	const bool culprit = codes->batch_count == 1 && !again;
	codes->one_by_one = !again;
	flight_over(codes, culprit ? ENTRY_REFUSED : ENTRY_WANTED);
	db_land(flight);
	return false;
}

static void looked_up_again(void *context, const struct db_end *end)
{
	struct codes *codes = context;
	if (!still_good(codes, end))
		return;
	struct db_flight *flight = codes->flight;
	flight_over(codes, ENTRY_REFUSED);
	if (codes->wanted == 0)
		codes->one_by_one = false;
	db_land(flight);
}

static void look_up(struct codes *codes, void (*synced)(void *context, const struct db_end *end))
{
	struct str *texts = arena_array(codes->batch_arena, codes->batch_count, sizeof(*texts));
	for (size_t i = 0; i < codes->batch_count; i++)
		texts[i] = codes->batch[i]->text;
	struct db_params *params = db_params(codes->batch_arena, 1);
	db_texts(params, texts, codes->batch_count);
	db_add(codes->flight, SQL_CODE_FIND, params, found, codes);
	db_sync(codes->flight, synced, codes);
}

static void made(void *context, const struct db_end *end)
{
	struct codes *codes = context;
	if (still_good(codes, end))
		look_up(codes, looked_up_again);
}

static void make(struct codes *codes, const struct entry *entry)
{
	const struct concept *concept = &entry->concept;
	struct str *systems = arena_array(codes->batch_arena, concept->count, sizeof(*systems));
	struct str *values = arena_array(codes->batch_arena, concept->count, sizeof(*values));
	for (size_t i = 0; i < concept->count; i++) {
		systems[i] = concept->codings[i].system;
		values[i] = concept->codings[i].code;
	}
	struct db_params *params = db_params(codes->batch_arena, 5);
	db_text(params, entry->text);
	db_text(params, entry->canon);
	db_int2(params, (int16_t)entry->class);
	db_texts(params, systems, concept->count);
	db_texts(params, values, concept->count);
	db_add(codes->flight, SQL_CODE_NEW, params, NULL, NULL);
}

static void looked_up(void *context, const struct db_end *end)
{
	struct codes *codes = context;
	if (!still_good(codes, end))
		return;
	if (missing(codes) == 0) {
		looked_up_again(codes, end);
		return;
	}
	db_begin(codes->flight);
	for (size_t i = 0; i < codes->batch_count; i++) {
		if (codes->batch[i]->state == ENTRY_SENT)
			make(codes, codes->batch[i]);
	}
	db_commit_sync(codes->flight, made, codes);
}

/* Leading concepts first, then by text: the others name them, and two hubs take locks in one order. */
static int by_canon_and_text(const void *a, const void *b)
{
	const struct entry *one = *(struct entry *const *)a, *two = *(struct entry *const *)b;
	const int canons = (one->canon.length > 0) - (two->canon.length > 0);
	return canons != 0 ? canons : str_compare(one->text, two->text);
}

static bool is_wanted(const struct codes *codes, const struct entry *entry)
{
	if (entry->state != ENTRY_WANTED)
		return false;
	/* Not before its leading concept is there, unless they go together. */
	const struct entry *canon =
		entry->canon.length == 0 ? NULL : find_text(codes, entry->canon);
	return canon == NULL || canon->state == ENTRY_READY || canon->state == ENTRY_REFUSED ||
	       !codes->one_by_one;
}

void codes_dispatch(struct store *store, instant now)
{
	(void)now;
	struct codes *codes = store->codes;
	if (codes->wanted == 0 || codes->flight != NULL ||
		store_is_resting(store, codes->failed_at))
		return;
	struct db_flight *flight = db_flight(store->db, DB_WRITE, DB_ANY_LANE);
	if (flight == NULL)
		return;
	codes->flight = flight;
	codes->batch_arena = arena_new(CODES_ARENA);
	codes->batch = arena_array(codes->batch_arena, BATCH, sizeof(struct entry *));
	const size_t limit = codes->one_by_one ? 1 : BATCH;
	/* Leading concepts first: a batch that is cut short has them. */
	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ENTRIES && codes->batch_count < limit; i++) {
			struct entry *entry = &codes->entries[i];
			if (!is_wanted(codes, entry) || (entry->canon.length > 0) != (pass == 1))
				continue;
			entry->state = ENTRY_SENT;
			codes->wanted--;
			codes->batch[codes->batch_count++] = entry;
		}
	}
	qsort(codes->batch, codes->batch_count, sizeof(struct entry *), by_canon_and_text);
	look_up(codes, looked_up);
}

struct codes *codes_new(struct store *store)
{
	struct codes *codes = arena_alloc(store->arena, sizeof(*codes));
	codes->store = store;
	codes->key = seal_table_key(store->seal);
	start_afresh(codes);
	return codes;
}

void codes_close(struct codes *codes)
{
	arena_free(&codes->arena);
	arena_free(&codes->batch_arena);
}
