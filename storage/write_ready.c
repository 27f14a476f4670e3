/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Makes a write ready before it joins a group: everything that can be computed without the database is, once, on the exchange's arena.
 */
#include "storage/codes.h"
#include "storage/pack.h"
#include "storage/write_private.h"

#include <inttypes.h>

static struct str key_client(const struct write_item *item, struct str text)
{
	return identity_client(item->client, text);
}

static struct mac128 key_of(const struct store *store, const struct write_item *item,
	struct str client, struct str text)
{
	return seal_reading_key(store->seal, item->part->tenant, item->part->person, client, text);
}

static void add_key(struct reading *reading, struct mac128 key)
{
	for (size_t i = 0; i < reading->key_count; i++) {
		if (memcmp(&reading->keys[i], &key, sizeof(key)) == 0)
			return;
	}
	if (reading->key_count == 0 || memcmp(&key, &reading->least, sizeof(key)) < 0)
		reading->least = key;
	reading->keys[reading->key_count++] = key;
}

static void reading_ready(
	struct store *store, struct arena *arena, struct reading *reading, struct write_item *item)
{
	const struct observation *observation = item->observation;
	reading->item = item;
	if (observation == NULL)
		return;
	reading->digest = seal_content(store->seal, observation->content);
	reading->pack = (int16_t)pack_bytes(arena, observation->body, &reading->body);
	/* Two more than it has: the condition, and the key of a second reading beside another. */
	reading->keys = arena_array(arena, observation->key_count + 2, sizeof(*reading->keys));
	reading->key_hit =
		arena_array(arena, observation->key_count + 2, sizeof(*reading->key_hit));
	if (item->condition.length > 0)
		add_key(reading, key_of(store, item, (struct str){ 0 }, item->condition));
	for (size_t i = 0; i < observation->key_count; i++)
		add_key(reading, key_of(store, item, key_client(item, observation->keys[i]),
					 observation->keys[i]));
	reading->term_codes =
		arena_array(arena, observation->term_count, sizeof(*reading->term_codes));
	reading->term_units =
		arena_array(arena, observation->term_count, sizeof(*reading->term_units));
}

/* Did the probe find the key of this text? */
static bool is_taken(struct store *store, const struct reading *reading, struct str text)
{
	const struct mac128 key =
		key_of(store, reading->item, key_client(reading->item, text), text);
	size_t at = 0;
	while (at < reading->key_count && memcmp(&reading->keys[at], &key, sizeof(key)) != 0)
		at++;
	return at < reading->key_count && reading->key_hit[at];
}

/* The identity that is taken: the device's, or the first of the others. */
static struct str taken_key(struct store *store, const struct reading *reading)
{
	const struct observation *observation = reading->item->observation;
	struct str text = STR("");
	for (size_t i = 0; i < observation->key_count; i++) {
		const struct str one = observation->keys[i];
		if ((text.length == 0 || one.at[0] == 'D') && is_taken(store, reading, one))
			text = one;
	}
	return text;
}

static struct mac128 content_key(struct store *store, const struct reading *reading,
	struct str text, const struct mac128 *content)
{
	struct arena *arena = reading->job->call->arena;
	const struct str digest = str_hex(arena, content->bytes, sizeof(content->bytes));
	const struct str both = str_format(arena, "B%.*s\x1f%.*s", STR_ARG(text), STR_ARG(digest));
	return key_of(store, reading->item, key_client(reading->item, text), both);
}

static struct mac128 beside_key(struct store *store, const struct reading *reading, struct str text)
{
	return content_key(store, reading, text, &reading->digest);
}

struct mac128 reading_beside_key(struct store *store, const struct reading *reading)
{
	return beside_key(store, reading, taken_key(store, reading));
}

/*
 * Same identity, another value, and a clock of minutes or one request with both: a device may well measure twice within a minute, and two things at once. The
 * second reading keeps the keys that nobody has, and instead of the others gets one made of the device's identity (or the first key that is taken) and of its
 * own content; so its re-send finds it again. And one for each identifier that is taken, so that who looks for the identifier finds both.
 */
void reading_set_beside(struct store *store, struct reading *reading)
{
	const struct observation *observation = reading->item->observation;
	struct mac128 *keys = arena_array(reading->job->call->arena,
		reading->key_count + observation->key_count + 1, sizeof(*keys));
	size_t count = 0;
	for (size_t i = 0; i < reading->key_count; i++) {
		if (!reading->key_hit[i])
			keys[count++] = reading->keys[i];
	}
	keys[count++] = reading_beside_key(store, reading);
	for (size_t i = 0; i < observation->key_count; i++) {
		const struct str text = observation->keys[i];
		if (text.at[0] == 'I' && is_taken(store, reading, text))
			keys[count++] = beside_key(store, reading, text);
	}
	reading->key_count = 0;
	for (size_t i = 0; i < count; i++)
		add_key(reading, keys[i]);
	memset(reading->key_hit, 0, reading->key_count * sizeof(*reading->key_hit));
	reading->beside = true;
}

/* A key that is like no other: nobody sends a text that begins so. */
static struct mac128 spare_key(
	struct store *store, const struct reading *reading, struct str text, uint64_t id)
{
	const struct str unlike =
		str_format(reading->job->call->arena, "R%" PRIu64 "\x1f%.*s", id, STR_ARG(text));
	return key_of(store, reading->item, (struct str){ 0 }, unlike);
}

size_t reading_taken_keys(struct store *store, const struct reading *reading,
	const struct mac128 *content, struct mac128 *taken, struct mac128 *guards,
	struct mac128 *spares)
{
	const struct write_item *item = reading->item;
	const struct observation *observation = item->observation;
	size_t count = 0;
	for (size_t i = 0; i <= observation->key_count; i++) {
		const bool asked = i == observation->key_count;
		const struct str text = asked ? item->condition : observation->keys[i];
		if (text.length == 0 || !is_taken(store, reading, text))
			continue;
		taken[count] = key_of(store, item, key_client(item, text), text);
		guards[count] = content_key(store, reading, text, content);
		spares[count] = spare_key(store, reading, text, reading->hit.id);
		count++;
	}
	return count;
}

/* Numbers of a reading's concepts; the worst of their states. */
static enum code_state reading_codes(struct store *store, struct reading *reading)
{
	const struct observation *observation = reading->item->observation;
	const enum reading_class class = observation->class;
	enum code_state states[3] = {
		codes_id(store, &(struct code_want){ observation->code, observation->canon, class },
			&reading->code),
		codes_id(store,
			&(struct code_want){
				.concept = observation->category, .class = CLASS_HEALTH },
			&reading->category),
		codes_id(store,
			&(struct code_want){
				.concept = observation->value.unit, .class = CLASS_HEALTH },
			&reading->unit),
	};
	enum code_state worst = CODE_READY;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		worst = states[i] > worst ? states[i] : worst;
	for (size_t i = 0; i < observation->term_count; i++) {
		const struct observation_term *term = &observation->terms[i];
		struct code_want want = { .concept = term->code, .class = CLASS_HEALTH };
		if (term->code.count > 0)
			want.canon = code_canon(term->code.codings, term->code.count, &want.class);
		const enum code_state code = codes_id(store, &want, &reading->term_codes[i]);
		const enum code_state unit = codes_id(store,
			&(struct code_want){ .concept = term->value.unit, .class = CLASS_HEALTH },
			&reading->term_units[i]);
		worst = code > worst ? code : worst;
		worst = unit > worst ? unit : worst;
	}
	return worst;
}

bool job_codes(struct store *store, struct job *job)
{
	job->codes_missing = false;
	for (size_t i = 0; i < job->reading_count; i++) {
		if (job->readings[i].item->observation == NULL)
			continue;
		const enum code_state state = reading_codes(store, &job->readings[i]);
		if (state == CODE_REFUSED)
			return outcome_fail(job->call->outcome, OUTCOME_BUSINESS_RULE,
				(struct str){ 0 },
				"Reading %zu has a list of codings that cannot be stored", i + 1);
		if (state == CODE_PENDING)
			job->codes_missing = true;
	}
	return true;
}

/* A change is of a row of the part's own subject. */
static bool is_of_part(const struct write_item *item)
{
	const struct resource_key *key = &item->key;
	return item->mode == WRITE_CREATE ||
	       (key->tenant == item->part->tenant && key->bucket == item->part->bucket &&
		       key->subject == item->part->subject);
}

/* What the caller must never get wrong: only a write grant opens a write, and only for its own controller. */
static bool is_granted(const struct store_write *write)
{
	if (write->grant == NULL || write->grant->action != ASK_WRITE)
		return false;
	/* The log row names the controller whose rows are bound together. */
	if (write->keep.what != KEEP_NOT &&
		(write->log_count == 0 || write->log[0].tenant != write->grant->own_tenant))
		return false;
	for (size_t i = 0; i < write->count; i++) {
		const struct write_item *item = &write->items[i];
		if (item->part == NULL || item->part->tenant != write->grant->own_tenant ||
			!is_of_part(item))
			return false;
	}
	return true;
}

bool store_prepare(struct store *store, struct store_write *write, size_t count)
{
	struct arena *arena = write->call.arena;
	if (write->readings == NULL)
		write->readings = arena_array(arena, write->count, sizeof(*write->readings));
	for (; count > 0 && write->prepared < write->count; count--, write->prepared++)
		reading_ready(store, arena, &write->readings[write->prepared],
			&write->items[write->prepared]);
	return write->prepared == write->count;
}

bool job_ready(struct store *store, struct job *job)
{
	struct arena *arena = job->call->arena;
	job->contexts = arena_array(arena, job->log_count, sizeof(*job->contexts));
	/* Rows of one request mostly have one context, and then the same bytes. */
	for (size_t i = 0; i < job->log_count; i++) {
		const bool same = i > 0 && job->log[i].context.at == job->log[i - 1].context.at &&
				  job->log[i].context.length == job->log[i - 1].context.length;
		job->contexts[i] = same ? job->contexts[i - 1]
					: seal_context(store->seal, job->log[i].context);
	}
	job->tenant = job->log_count > 0 ? job->log[0].tenant : 0;
	if (job->write == NULL)
		return true;
	if (!is_granted(job->write))
		return outcome_fail(job->call->outcome, OUTCOME_FORBIDDEN, (struct str){ 0 },
			"Nothing allows this write");
	job->tenant = job->write->grant->own_tenant;
	job->reading_count = job->write->count;
	store_prepare(store, job->write, job->reading_count);
	job->readings = job->write->readings;
	for (size_t i = 0; i < job->reading_count; i++)
		job->readings[i].job = job;
	return job_codes(store, job);
}
