/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * $everything looks for one type after the other, each by the same grant as a search for it. A page is filled from the next type where one has no more, and its token says how far it came: so each resource
 * stands on one page, whatever refers to it.
 */
#include "server/interaction/everything.h"

#include "fhir/base/buf.h"
#include "server/interaction/including.h"
#include "server/interaction/organization.h"
#include "server/loop.h"
#include "server/respond.h"

/* A body is at most so long (server/routes.tbl): where less is left of the page's bytes, nothing more goes on it. */
#define BODY_BYTES ((size_t)1 << 20)
#define STATE_MAX  ((size_t)4 << 10)

struct everything {
	unsigned types;          /* 1 << type of what was asked for */
	struct str others;       /* types of R4 that were asked for, and that nobody has here */
	enum resource_type type; /* whose rows are looked for; TYPE_NONE: all were */
	bool is_behind;          /* from work->after or work->next; else from the first of them */
	bool uncounted;
	uint64_t total;
	size_t bytes;      /* of the page's rows */
	uint32_t *tenants; /* whose Organization has been shown */
	size_t tenant_count;
};

/* The rows, in their order; and what comes with them. */
static const enum resource_type order[] = { TYPE_OBSERVATION, TYPE_DEVICE, TYPE_PROVENANCE,
	TYPE_PATIENT, TYPE_ORGANIZATION };
#define TYPES (sizeof(order) / sizeof(order[0]))
#define ROWS  ((size_t)3)

static unsigned types_of(size_t count)
{
	unsigned types = 0;
	for (size_t i = 0; i < count; i++)
		types |= 1u << order[i];
	return types;
}

bool everything_has(const struct everything *everything, enum resource_type type)
{
	return (everything->types >> type & 1) != 0;
}

enum resource_type everything_type(const struct everything *everything)
{
	size_t i = 0;
	while (i < ROWS && !everything_has(everything, order[i]))
		i++;
	return i < ROWS ? order[i] : TYPE_NONE;
}

static enum resource_type type_after(const struct everything *everything)
{
	size_t i = 0;
	while (i < ROWS && order[i] != everything->type)
		i++;
	for (i++; i < ROWS; i++)
		if (everything_has(everything, order[i]))
			return order[i];
	return TYPE_NONE;
}

struct everything *everything_new(struct arena *arena)
{
	struct everything *everything = arena_alloc(arena, sizeof(*everything));
	everything->types = types_of(TYPES);
	everything->type = everything_type(everything);
	return everything;
}

bool everything_take_types(struct arena *arena, struct everything *everything, struct str list)
{
	struct buf others = buf_new(arena, 64, STATE_MAX);
	everything->types = 0;
	if (list.length == 0)
		return false;
	while (list.at != NULL) {
		const struct str name = str_cut(list, ',', &list);
		size_t i = 0;
		while (i < TYPES && !str_is(name, resource_type_name(order[i])))
			i++;
		if (i < TYPES)
			everything->types |= 1u << order[i];
		else if (resource_name_is_known(name))
			buf_add_format(
				&others, "%s%.*s", others.length == 0 ? "" : ",", STR_ARG(name));
		else
			return false;
	}
	everything->others = buf_str(&others);
	everything->type = everything_type(everything);
	return true;
}

struct str everything_types(struct arena *arena, const struct everything *everything)
{
	struct buf buf = buf_new(arena, 64, 2 * STATE_MAX);
	for (size_t i = 0; i < TYPES && everything->types != types_of(TYPES); i++)
		if (everything_has(everything, order[i]))
			buf_add_format(&buf, "%s%s", buf.length == 0 ? "_type=" : ",",
				resource_type_name(order[i]));
	if (everything->types != types_of(TYPES) && everything->others.length > 0)
		buf_add_format(&buf, "%s%.*s", buf.length == 0 ? "_type=" : ",",
			STR_ARG(everything->others));
	return buf_str(&buf);
}

/* ---- from page to page */

struct str everything_state(struct arena *arena, const struct everything *everything)
{
	if (everything == NULL)
		return STR("");
	struct buf buf = buf_new(arena, 64, STATE_MAX);
	buf_add_format(&buf, "%u %d %d", everything->types, (int)everything->type,
		(int)everything->is_behind);
	for (size_t i = 0; i < everything->tenant_count; i++)
		buf_add_format(&buf, " %u", everything->tenants[i]);
	return buf_str(&buf);
}

struct everything *everything_restore(struct arena *arena, struct str state)
{
	struct everything *everything = arena_alloc(arena, sizeof(*everything));
	uint64_t types, type, is_behind, tenant;
	if (!str_to_u64(str_cut(state, ' ', &state), &types) ||
		!str_to_u64(str_cut(state, ' ', &state), &type) ||
		!str_to_u64(str_cut(state, ' ', &state), &is_behind))
		return NULL;
	everything->types = (unsigned)types;
	everything->type = (enum resource_type)type;
	everything->is_behind = is_behind != 0;
	everything->tenants = arena_array(arena, state.length, sizeof(everything->tenants[0]));
	while (state.length > 0 && str_to_u64(str_cut(state, ' ', &state), &tenant))
		everything->tenants[everything->tenant_count++] = (uint32_t)tenant;
	return everything;
}

/* ---- the rows of a page */

/* What is on the page already leaves no room: then it is only looked whether there is more. */
static unsigned room(const struct search_work *work)
{
	return work->everything->bytes > SEARCH_PAGE_BYTES - BODY_BYTES
		       ? 0
		       : work->search.count - (unsigned)work->row_count;
}

/*
 * The dates are of readings, and of what a message says of them: a Device has none, and a Provenance that was sent has that of its writing (storage/search_sql.c leaves them be).
 */
static void ask(struct exchange *exchange, struct search_work *work)
{
	const struct everything *everything = work->everything;
	struct search *search = arena_alloc(exchange->arena, sizeof(*search));
	*search = work->search;
	search->type = everything->type;
	if (search->type == TYPE_DEVICE)
		search->date_count = 0;
	struct store_search *run = &work->asks[0].run;
	*run = search_run(exchange, work, &work->asks[0]);
	run->search = search;
	run->has_after = everything->is_behind;
	run->limit = room(work);
	run->bytes = SEARCH_PAGE_BYTES - everything->bytes;
	exchange_hold(exchange);
	exchange_yield(exchange);
	store_search(exchange->loop->store, run);
}

static void take(struct exchange *exchange, struct search_work *work)
{
	struct everything *everything = work->everything;
	const struct store_search *run = &work->asks[0].run;
	if (work->rows == NULL)
		work->rows =
			arena_array(exchange->arena, work->search.count, sizeof(work->rows[0]));
	for (size_t i = 0; i < run->count; i++) {
		everything->bytes += run->rows[i].body.length;
		work->rows[work->row_count++] = run->rows[i];
	}
	everything->total += run->total;
	everything->uncounted = everything->uncounted || (run->counted && !run->total_known);
	work->more = run->more;
	work->next = run->next;
	everything->is_behind = run->more && run->limit > 0;
	if (!run->more)
		everything->type = type_after(everything);
}

bool everything_total(const struct everything *everything, uint64_t *total_out)
{
	*total_out = everything->total;
	return !everything->uncounted;
}

/* ---- the controllers */

static bool is_shown(const struct everything *everything, uint32_t tenant)
{
	for (size_t i = 0; i < everything->tenant_count; i++)
		if (everything->tenants[i] == tenant)
			return true;
	return false;
}

static void show(struct exchange *exchange, struct search_work *work, uint32_t id)
{
	const struct tenant *tenant = rules_tenant(exchange->rules, id);
	if (tenant == NULL)
		return;
	struct search_included *included = &work->included[work->included_count++];
	included->resource = (struct resource){ .type = TYPE_ORGANIZATION,
		.id = organization_id(exchange->arena, tenant) };
	included->rendered = organization_render(exchange, tenant, &exchange->presentation);
}

/* A controller is told of where something of it is shown, and nowhere else. */
static void add_organizations(struct exchange *exchange, struct search_work *work)
{
	struct everything *everything = work->everything;
	if (!everything_has(everything, TYPE_ORGANIZATION) || work->row_count == 0)
		return;
	const size_t most = everything->tenant_count + work->row_count;
	uint32_t *tenants = arena_array(exchange->arena, most, sizeof(tenants[0]));
	if (everything->tenant_count > 0)
		memcpy(tenants, everything->tenants, everything->tenant_count * sizeof(tenants[0]));
	everything->tenants = tenants;
	work->included = arena_array(exchange->arena, work->row_count, sizeof(work->included[0]));
	for (size_t i = 0; i < work->row_count; i++) {
		const uint32_t tenant = work->rows[i].key.tenant;
		if (is_shown(everything, tenant))
			continue;
		everything->tenants[everything->tenant_count++] = tenant;
		show(exchange, work, tenant);
	}
}

void everything_store(struct exchange *exchange, struct search_work *work)
{
	const struct everything *everything = work->everything;
	const bool open =
		work->count > 0 && work->asks[0].grant != NULL && work->asks[0].grant->count > 0;
	if (work->stored)
		take(exchange, work);
	work->stored = work->merged = true;
	if (exchange->outcome.errors > 0 || !open)
		return;
	if (everything->type != TYPE_NONE && !work->more)
		ask(exchange, work);
	else
		add_organizations(exchange, work);
}
