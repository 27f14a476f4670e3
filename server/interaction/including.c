/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * _include and _revinclude. A reference is a word of whoever wrote it, and opens nothing: what it leads to is looked for once more by the grant of the patient whose row holds it, in the same
 * statements as a search. So it is there or not by the same rules, blocks and tombstones, and what is not there is left out in silence, as it is of every page.
 */
#include "server/interaction/including.h"

#include "fhir/match.h"
#include "server/interaction/organization.h"
#include "server/interaction/patient.h"
#include "server/loop.h"
#include "server/respond.h"
#include "server/turn.h"

#define NOWHERE ((struct str){ 0 })

/* The tree of one resource; a body has at most 1 MiB. */
#define TREE_ARENA ((size_t)64 << 20)
#define TREE_NODES 200000
/* Searches that wait for the database at once; and pages of one that looks at resources one by one. */
#define RUNS_AT_ONCE 16
#define ROUNDS_MAX   4

/* A stored resource that a row of the page refers to. */
struct reference {
	struct resource_key key;
	const struct search_ask *ask;
	bool is_asked; /* it is in a run */
};

/* A search for resources of one type by one grant. */
struct run {
	struct store_search run;
	struct search search;
	unsigned rounds;
	struct run *next;
};

struct search_including {
	bool collected;
	size_t row;                     /* whose references are read next */
	const struct search_ask **asks; /* of each row */
	struct reference *references;
	size_t reference_count;
	struct run *first, **last;     /* to be started, in order */
	struct run *out[RUNS_AT_ONCE]; /* started */
	unsigned out_count;
	size_t bytes;
	bool full; /* nothing more is taken */
	bool cut;  /* something was left out */
};

bool include_is_wanted(const struct search_work *work)
{
	return work->search.include_count > 0 && !work->search.count_only;
}

static bool is_reverse(const struct include *include)
{
	return include->direction == INCLUDE_REVERSE;
}

bool include_check(struct exchange *exchange, const struct search_work *work)
{
	const struct search *search = &work->search;
	/* FHIR R4 search 3.1.1.5.8. */
	if (search->include_count > 0 && exchange->presentation.summary == SUMMARY_TEXT)
		return outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, STR("_summary"),
			"_summary=text does not go with _include and _revinclude");
	for (size_t i = 0; i < search->include_count && work->whole; i++)
		if (is_reverse(search->includes[i]) &&
			search->includes[i]->source == TYPE_OBSERVATION)
			return outcome_fail(&exchange->outcome, OUTCOME_TOO_COSTLY,
				STR("_revinclude"),
				"_revinclude of Observation is of one patient: name one, or leave "
				"it "
				"out");
	return true;
}

/* ---- what comes with the page */

static bool same_key(const struct resource_key *a, const struct resource_key *b)
{
	return a->type == b->type && a->bucket == b->bucket && a->tenant == b->tenant &&
	       a->subject == b->subject && a->id == b->id;
}

static bool is_match(const struct search_work *work, const struct resource_key *key)
{
	for (size_t i = 0; i < work->row_count; i++)
		if (same_key(&work->rows[i].key, key))
			return true;
	return false;
}

static bool is_included(const struct search_work *work, enum resource_type type, struct str id)
{
	for (size_t i = 0; i < work->included_count; i++)
		if (work->included[i].resource.type == type &&
			str_equal(work->included[i].resource.id, id))
			return true;
	return false;
}

/* A place for one more, or NULL: then the page is cut. */
static struct search_included *place(struct search_work *work)
{
	if (work->included_count == INCLUDED_MAX) {
		work->including->full = work->including->cut = true;
		return NULL;
	}
	return &work->included[work->included_count++];
}

/* _elements are those of the type that is searched for; a Device, say, comes whole. */
static struct presentation presentation_of(
	const struct exchange *exchange, const struct search_work *work, enum resource_type type)
{
	struct presentation presentation = exchange->presentation;
	if (type != work->search.type)
		presentation.element_count = 0;
	return presentation;
}

static void include_patient(
	struct exchange *exchange, struct search_work *work, const struct person_key *key)
{
	const struct search *search = &work->search;
	const struct national_id *number = patient_named(exchange, key);
	if (number == NULL && search->has_identifier && work->patient.bucket == key->bucket &&
		seal_equal(&work->patient.mac, &key->mac, sizeof(key->mac)))
		number = &search->identifier;
	const struct presentation presentation = presentation_of(exchange, work, TYPE_PATIENT);
	const struct str id = patient_id(exchange, key);
	struct search_included *included = is_included(work, TYPE_PATIENT, id) ? NULL : place(work);
	if (included == NULL)
		return;
	included->resource = (struct resource){ .type = TYPE_PATIENT, .id = id };
	included->rendered = patient_render(exchange, &presentation, id, number);
}

static void include_organization(
	struct exchange *exchange, struct search_work *work, const struct tenant *tenant)
{
	const struct presentation presentation = presentation_of(exchange, work, TYPE_ORGANIZATION);
	const struct str id = organization_id(exchange->arena, tenant);
	struct search_included *included =
		is_included(work, TYPE_ORGANIZATION, id) ? NULL : place(work);
	if (included == NULL)
		return;
	included->resource = (struct resource){ .type = TYPE_ORGANIZATION, .id = id };
	included->rendered = organization_render(exchange, tenant, &presentation);
}

/* The tree of a stored resource on an arena of its own, which is the caller's to free. NULL adds an error. */
static const struct json *tree_of(
	struct exchange *exchange, const struct store_row *row, struct arena **arena_out)
{
	*arena_out = arena_new(TREE_ARENA);
	struct outcome outcome = { .arena = *arena_out };
	const struct json *json = json_parse(*arena_out, row->body, TREE_NODES, &outcome);
	if (json == NULL)
		outcome_fail(
			&exchange->outcome, OUTCOME_FAULT, NOWHERE, "a stored reading is damaged");
	return json;
}

static struct match_policy policy_of(struct exchange *exchange)
{
	return (struct match_policy){ exchange->loop->hub->config->zone_parsed,
		base_url(exchange) };
}

/* _security says how guarded a thing may be that the caller gets: it holds for what is included, too. */
static bool is_unguarded(
	struct exchange *exchange, const struct search_work *work, const struct store_row *row)
{
	const struct search *search = &work->search;
	const struct match_policy policy = policy_of(exchange);
	bool open = true;
	for (size_t i = 0; i < search->condition_count && open; i++) {
		const struct search_condition *condition = &search->conditions[i];
		if (strcmp(condition->parameter->name, "_security") != 0)
			continue;
		struct arena *arena;
		const struct match_resource resource = { tree_of(exchange, row, &arena),
			row->updated };
		open = resource.json != NULL &&
		       match_condition(arena, condition, &policy, &resource);
		arena_free(&arena);
	}
	return open;
}

static void include_row(
	struct exchange *exchange, struct search_work *work, const struct store_row *row)
{
	struct search_including *including = work->including;
	if (including->full)
		return; /* and the page says so */
	char *text = arena_alloc(exchange->arena, 27);
	seal_resource_id(exchange->loop->hub->seal, &row->key, text);
	const struct str id = { text, 26 };
	if (is_match(work, &row->key) || is_included(work, row->key.type, id) ||
		!is_unguarded(exchange, work, row))
		return;
	if (including->bytes + row->body.length > INCLUDED_BYTES) {
		including->full = including->cut = true;
		return;
	}
	struct search_included *included = place(work);
	if (included == NULL)
		return;
	including->bytes += row->body.length;
	included->row = *row;
	included->is_row = true;
	included->resource =
		(struct resource){ row->key.type, id, row->version, row->updated, row->body };
	const struct presentation presentation = presentation_of(exchange, work, row->key.type);
	struct buf buf = buf_new(exchange->arena, row->body.length + 256, RESPONSE_MAX);
	presentation_render(&buf, exchange->arena, &presentation, &included->resource);
	included->rendered = buf_str(&buf);
}

/* ---- references of the page */

static void refer_to_row(
	struct search_work *work, const struct search_ask *ask, const struct resource_key *key)
{
	struct search_including *including = work->including;
	if (is_match(work, key))
		return;
	for (size_t i = 0; i < including->reference_count; i++)
		if (same_key(&including->references[i].key, key))
			return;
	if (including->reference_count + work->included_count >= INCLUDED_MAX) {
		including->cut = true;
		return;
	}
	including->references[including->reference_count++] =
		(struct reference){ *key, ask, false };
}

static void refer_to_patient(struct exchange *exchange, struct search_work *work,
	const struct json *reference, struct str base)
{
	const struct seal *seal = exchange->loop->hub->seal;
	const struct json *identifier = json_get(reference, "identifier");
	struct outcome unread = { .arena = exchange->arena };
	struct person_key key;
	struct national_id number;
	if (seal_patient_open(seal, include_id(reference, TYPE_PATIENT, base), &key)) {
		include_patient(exchange, work, &key);
	} else if (national_id_parse(json_text(identifier, "system"),
			   json_text(identifier, "value"), NATIONAL_BOTH, NOWHERE, &number,
			   &unread)) {
		key = seal_person(seal, number.digits);
		include_patient(exchange, work, &key);
	}
}

static void refer_to_organization(struct exchange *exchange, struct search_work *work,
	const struct json *reference, struct str base)
{
	const struct json *identifier = json_get(reference, "identifier");
	struct str id = include_id(reference, TYPE_ORGANIZATION, base);
	if (str_is(json_text(identifier, "system"), OID_ORGNR))
		id = json_text(identifier, "value");
	const struct tenant *tenant = organization_find(exchange->rules, id);
	if (tenant != NULL)
		include_organization(exchange, work, tenant);
}

static void refer(struct exchange *exchange, struct search_work *work, const struct search_ask *ask,
	enum resource_type target, const struct json *reference)
{
	const struct str base = base_url(exchange);
	struct resource_key key;
	if (target == TYPE_PATIENT)
		refer_to_patient(exchange, work, reference, base);
	else if (target == TYPE_ORGANIZATION)
		refer_to_organization(exchange, work, reference, base);
	else if (seal_resource_open(exchange->loop->hub->seal, include_id(reference, target, base),
			 target, &key))
		refer_to_row(work, ask, &key);
}

static void collect_row(struct exchange *exchange, struct search_work *work, size_t row)
{
	struct arena *arena;
	const struct json *json = tree_of(exchange, &work->rows[row], &arena);
	for (size_t i = 0; i < work->search.include_count && json != NULL; i++) {
		const struct include *include = work->search.includes[i];
		const struct json *reference = NULL;
		while (!is_reverse(include) &&
			(reference = include_next(include, json, reference)) != NULL)
			refer(exchange, work, work->including->asks[row], include->target,
				reference);
	}
	arena_free(&arena);
}

/* ---- searches */

static struct run *run_new(struct exchange *exchange, struct search_work *work,
	const struct search_ask *ask, enum resource_type type, size_t room)
{
	struct search_including *including = work->including;
	struct run *run = arena_alloc(exchange->arena, sizeof(*run));
	run->search.type = type;
	run->search.count = INCLUDED_MAX;
	run->run = (struct store_search){
		.grant = ask->grant,
		.search = &run->search,
		.ids = arena_array(exchange->arena, room, sizeof(run->run.ids[0])),
		.policy = policy_of(exchange),
		.limit = INCLUDED_MAX,
	};
	*including->last = run;
	including->last = &run->next;
	return run;
}

/* Those of one grant and type together. */
static void run_references(struct exchange *exchange, struct search_work *work)
{
	struct reference *all = work->including->references;
	const size_t count = work->including->reference_count;
	for (size_t i = 0; i < count; i++) {
		if (all[i].is_asked)
			continue;
		struct run *run = run_new(exchange, work, all[i].ask, all[i].key.type, count - i);
		for (size_t j = i; j < count; j++) {
			if (all[j].is_asked || all[j].ask != all[i].ask ||
				all[j].key.type != all[i].key.type)
				continue;
			all[j].is_asked = true;
			run->run.ids[run->run.id_count++] = all[j].key;
		}
		run->search.id_count = run->run.id_count;
	}
}

/* The search that ?target=Observation/a,Observation/b is, a and b being the ask's rows of the page. */
static void run_reverse(struct exchange *exchange, struct search_work *work,
	const struct search_ask *ask, const struct include *include)
{
	const struct search_including *including = work->including;
	size_t rows = 0;
	for (size_t i = 0; i < work->row_count; i++)
		rows += including->asks[i] == ask;
	if (rows == 0)
		return;
	struct search_condition *condition = arena_alloc(exchange->arena, sizeof(*condition));
	condition->parameter = include_parameter(include);
	condition->values = arena_array(exchange->arena, rows, sizeof(condition->values[0]));
	for (size_t i = 0; i < work->row_count; i++) {
		if (including->asks[i] != ask)
			continue;
		char *id = arena_alloc(exchange->arena, 27);
		seal_resource_id(exchange->loop->hub->seal, &work->rows[i].key, id);
		struct search_reference *reference =
			&condition->values[condition->count++].reference;
		reference->type = str_of(resource_type_name(include->target));
		reference->id = (struct str){ id, 26 };
	}
	struct run *run = run_new(exchange, work, ask, include->source, 0);
	run->search.conditions = condition;
	run->search.condition_count = 1;
}

static void make_runs(struct exchange *exchange, struct search_work *work)
{
	run_references(exchange, work);
	for (size_t i = 0; i < work->search.include_count; i++)
		for (size_t at = 0; at < work->count && is_reverse(work->search.includes[i]); at++)
			run_reverse(exchange, work, &work->asks[at], work->search.includes[i]);
}

static void start(struct exchange *exchange, struct search_including *including)
{
	struct run *run = including->first;
	for (; including->out_count < RUNS_AT_ONCE && run != NULL; run = run->next)
		including->out[including->out_count++] = run;
	including->first = run;
	if (run == NULL)
		including->last = &including->first;
	for (unsigned i = 0; i < including->out_count; i++) {
		struct store_search *search = &including->out[i]->run;
		including->out[i]->next = NULL;
		search->bytes = INCLUDED_BYTES / including->out_count;
		search->call = exchange_call(exchange);
		exchange_hold(exchange);
		exchange_yield(exchange);
		store_search(exchange->loop->store, search);
	}
}

/* One with more behind it goes on; one that looks at resources one by one only so often. */
static void go_on(struct search_including *including, struct run *run)
{
	if (!run->run.more)
		return;
	if (match_is_needed(&run->search) && ++run->rounds == ROUNDS_MAX) {
		including->cut = true;
		return;
	}
	run->run.has_after = true;
	run->run.after = run->run.next;
	*including->last = run;
	including->last = &run->next;
}

static void take_answers(struct exchange *exchange, struct search_work *work)
{
	struct search_including *including = work->including;
	for (unsigned i = 0; i < including->out_count; i++) {
		struct run *run = including->out[i];
		for (size_t row = 0; row < run->run.count; row++)
			include_row(exchange, work, &run->run.rows[row]);
		go_on(including, run);
	}
	including->out_count = 0;
}

/* ---- STORE */

static void begin(struct exchange *exchange, struct search_work *work)
{
	struct arena *arena = exchange->arena;
	struct search_including *including = arena_alloc(arena, sizeof(*including));
	search_merge(exchange, work);
	including->last = &including->first;
	including->references = arena_array(arena, INCLUDED_MAX, sizeof(including->references[0]));
	including->asks = arena_array(arena, work->row_count, sizeof(including->asks[0]));
	for (size_t i = 0; i < work->row_count; i++)
		for (size_t at = 0; at < work->count && including->asks[i] == NULL; at++)
			if (work->asks[at].grant != NULL &&
				search_row_is_of(work->asks[at].grant, &work->rows[i]))
				including->asks[i] = &work->asks[at];
	work->included = arena_array(arena, INCLUDED_MAX, sizeof(work->included[0]));
	work->including = including;
}

void include_store(struct exchange *exchange, struct search_work *work)
{
	if (work->including == NULL)
		begin(exchange, work);
	struct search_including *including = work->including;
	const struct turn turn = turn_begin(exchange);
	while (including->row < work->row_count) {
		collect_row(exchange, work, including->row++);
		if (turn_is_over(turn)) {
			exchange_yield(exchange);
			return;
		}
	}
	if (!including->collected)
		make_runs(exchange, work);
	including->collected = true;
	take_answers(exchange, work);
	including->cut = including->cut || (including->full && including->first != NULL);
	if (exchange->outcome.errors == 0 && !including->full)
		start(exchange, including);
	if (including->out_count == 0 && including->cut)
		outcome_warn(&exchange->outcome, OUTCOME_TOO_COSTLY, NOWHERE,
			"not all that was to be included is here: a page brings at most %d, and "
			"_revinclude looks at a limited number; ask for fewer matches by _count, "
			"or "
			"search for the rest",
			INCLUDED_MAX);
}
