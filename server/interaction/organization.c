/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Organization: the data controllers and readers that the hub knows, from the snapshot of the rules. GET /fhir/Organization/{id}, the id being the organisation number; a search by identifier, name or _id.
 * No patient is in it, so nothing is resolved and nothing written to the access log.
 */
#include "server/interaction/organization.h"

#include "fhir/base/json.h"
#include "fhir/bundle.h"
#include "fhir/form.h"
#include "fhir/national.h"
#include "server/form.h"
#include "server/interaction/interactions.h"
#include "server/loop.h"
#include "server/respond.h"

#define NOWHERE    ((struct str){ 0 })
#define ID_LENGTH  9
#define COUNT_MAX  200
#define VALUES_MAX 50
#define PARAMETERS "identifier, name, name:exact, name:contains, _id, _count and _page"
#define QUERY_MAX  ((size_t)128 << 10)
#define DIGITS_MAX 9 /* of an organisation number; more may be a person's */

/* Values of one parameter, OR-ed; parameters are AND-ed. */
struct condition {
	enum { BY_ID, BY_IDENTIFIER, BY_NAME, BY_NAME_EXACT, BY_NAME_CONTAINS } by;
	struct str value;
	struct condition *next;
};

struct organization_work {
	struct condition *conditions;
	unsigned count;
	uint64_t after;   /* the number of the last one on the page before this, 0 on the first */
	struct buf query; /* the filters again, for links; each with a & before it */
	const struct tenant *found; /* of a read */
};

struct str organization_id(struct arena *arena, const struct tenant *tenant)
{
	return str_format(arena, "%09u", tenant->orgnr);
}

const struct tenant *organization_find(const struct rules *rules, struct str id)
{
	uint64_t orgnr;
	if (id.length != ID_LENGTH || !str_to_u64(id, &orgnr))
		return NULL;
	const struct tenant *tenant = rules_tenant_by_orgnr(rules, (uint32_t)orgnr);
	return tenant != NULL && tenant->active ? tenant : NULL;
}

/* ---- what is asked */

static bool add_condition(struct exchange *exchange, struct organization_work *work,
	struct str name, struct str value)
{
	static const char *const names[] = { "_id", "identifier", "name", "name:exact",
		"name:contains" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!str_is(name, names[i]))
			continue;
		if (value.length == 0)
			return outcome_fail(&exchange->outcome, OUTCOME_INVALID, name,
				"a search parameter without value");
		struct condition *condition = arena_alloc(exchange->arena, sizeof(*condition));
		*condition = (struct condition){ i, value, work->conditions };
		work->conditions = condition;
		return true;
	}
	return outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
		"an unknown search parameter; those of Organization are " PARAMETERS);
}

/* Links tell what was asked for, but for what may be a person's number. */
static void tell(struct organization_work *work, struct str name, struct str value)
{
	size_t digits = 0;
	for (size_t i = 0; i < value.length && digits <= DIGITS_MAX; i++)
		digits = value.at[i] >= '0' && value.at[i] <= '9' ? digits + 1 : 0;
	if (digits > DIGITS_MAX)
		return;
	buf_add_format(&work->query, "&%.*s=", STR_ARG(name));
	form_encode(&work->query, value);
}

static bool take(struct exchange *exchange, struct organization_work *work, struct str name,
	struct str value)
{
	uint64_t count;
	if (presentation_is(name))
		return true;
	if (str_is(name, "_page"))
		return str_to_u64(value, &work->after) ||
		       outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("_page"),
			       "_page is of a next link");
	if (!str_is(name, "_count")) {
		tell(work, name, value);
		return add_condition(exchange, work, name, value);
	}
	if (!str_to_u64(value, &count))
		return outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR("_count"),
			"_count is a whole number");
	tell(work, name, value);
	work->count = count < COUNT_MAX ? (unsigned)count : COUNT_MAX;
	return true;
}

static void read_query(struct exchange *exchange, struct str rest)
{
	struct organization_work *work = arena_alloc(exchange->arena, sizeof(*work));
	struct str name, value;
	enum form_part part;
	work->count = COUNT_MAX;
	work->query = buf_new(exchange->arena, 128, QUERY_MAX);
	while ((part = form_next(exchange->arena, &rest, &name, &value)) == FORM_PART)
		if (!take(exchange, work, name, value))
			return;
	if (part == FORM_BAD)
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, NOWHERE,
			"the query is not application/x-www-form-urlencoded");
	else
		exchange->work = work;
}

static void parse_get(struct exchange *exchange)
{
	read_query(exchange, exchange->request.query);
}

static void parse_post(struct exchange *exchange)
{
	read_query(exchange, exchange->request.body);
}

static void parse_read(struct exchange *exchange)
{
	struct organization_work *work = arena_alloc(exchange->arena, sizeof(*work));
	if (!presentation_check_one(&exchange->presentation, &exchange->outcome))
		return;
	work->found = organization_find(exchange->rules, exchange->request.segment);
	if (work->found == NULL)
		outcome_fail(&exchange->outcome, OUTCOME_NOT_FOUND, NOWHERE,
			"there is no such Organization");
	else
		exchange->work = work;
}

/* ---- what fits */

static bool starts_nocase(struct str text, struct str start)
{
	return text.length >= start.length &&
	       str_equal_nocase(str_part(text, 0, start.length), start);
}

static bool contains_nocase(struct str text, struct str part)
{
	for (size_t i = 0; i + part.length <= text.length; i++)
		if (starts_nocase(str_part(text, i, text.length), part))
			return true;
	return false;
}

static bool fits_identifier(struct arena *arena, const struct tenant *tenant, struct str token)
{
	struct str value;
	const struct str system = str_cut(token, '|', &value);
	if (value.at == NULL)
		return str_equal(token, organization_id(arena, tenant));
	return str_is(system, OID_ORGNR) &&
	       (value.length == 0 || str_equal(value, organization_id(arena, tenant)));
}

static bool fits_value(struct arena *arena, const struct condition *condition,
	const struct tenant *tenant, struct str value)
{
	switch (condition->by) {
	case BY_ID:
		return str_equal(value, organization_id(arena, tenant));
	case BY_IDENTIFIER:
		return fits_identifier(arena, tenant, value);
	case BY_NAME:
		return starts_nocase(tenant->name, value);
	case BY_NAME_EXACT:
		return str_equal(tenant->name, value);
	case BY_NAME_CONTAINS:
		return contains_nocase(tenant->name, value);
	}
	return false;
}

static bool fits(
	struct arena *arena, const struct condition *condition, const struct tenant *tenant)
{
	for (; condition != NULL; condition = condition->next) {
		struct str rest = condition->value;
		bool one = false;
		for (unsigned i = 0; rest.at != NULL && i < VALUES_MAX && !one; i++)
			one = fits_value(arena, condition, tenant, str_cut(rest, ',', &rest));
		if (!one)
			return false;
	}
	return true;
}

/* ---- answers */

struct str organization_render(struct exchange *exchange, const struct tenant *tenant,
	const struct presentation *presentation)
{
	struct arena *arena = exchange->arena;
	const struct str id = organization_id(arena, tenant);
	struct buf body = buf_new(arena, 256, RESPONSE_MAX);
	buf_add_text(&body, "{\"resourceType\":\"Organization\",\"meta\":{},\"identifier\":[{");
	json_write_member(&body, "system", STR(OID_ORGNR));
	json_write_member(&body, "value", id);
	buf_add_text(&body, "}],\"active\":true");
	json_write_member(&body, "name", tenant->name);
	buf_add_byte(&body, '}');
	const struct resource resource = { TYPE_ORGANIZATION, id, 1, exchange->loop->hub->started,
		buf_str(&body) };
	struct buf buf = buf_new(arena, body.length + 256, RESPONSE_MAX);
	presentation_render(&buf, arena, presentation, &resource);
	return buf_str(&buf);
}

static void respond_read(struct exchange *exchange)
{
	const struct organization_work *work = exchange->work;
	respond_with(exchange, 200, MEDIA_FHIR,
		organization_render(exchange, work->found, &exchange->presentation));
}

/* This page, or that behind it. */
static struct str link_of(struct exchange *exchange, uint64_t after)
{
	const struct organization_work *work = exchange->work;
	struct buf asked = buf_new(exchange->arena, work->query.length + 128, QUERY_MAX + 4096);
	buf_add(&asked, buf_str(&work->query));
	if (after != 0)
		buf_add_format(&asked, "&_page=%09llu", (unsigned long long)after);
	presentation_query(&asked, &exchange->presentation);
	const struct str query = buf_str(&asked);
	return str_format(exchange->arena, "%.*s/Organization%s%.*s", STR_ARG(base_url(exchange)),
		query.length > 0 ? "?" : "", STR_ARG(str_part(query, 1, query.length)));
}

static void respond_search(struct exchange *exchange)
{
	const struct organization_work *work = exchange->work;
	const struct rules *rules = exchange->rules;
	struct arena *arena = exchange->arena;
	struct resource *resources = arena_array(arena, work->count, sizeof(*resources));
	struct str *rendered = arena_array(arena, work->count, sizeof(*rendered));
	struct bundle_page page = { .base = base_url(exchange),
		.self = link_of(exchange, work->after),
		.resources = resources,
		.rendered = rendered,
		.has_total = true };
	const bool counting = exchange->presentation.summary == SUMMARY_COUNT || work->count == 0;
	bool more = false;
	uint64_t last = 0;
	for (size_t i = 0; i < rules->tenant_count; i++) {
		const struct tenant *tenant = &rules->tenants[i];
		if (!tenant->active || !fits(arena, work->conditions, tenant))
			continue;
		page.total++;
		if (counting || tenant->orgnr <= work->after)
			continue;
		more = more || page.count == work->count;
		if (page.count == work->count)
			continue;
		last = tenant->orgnr;
		resources[page.count] = (struct resource){ .type = TYPE_ORGANIZATION,
			.id = organization_id(arena, tenant) };
		rendered[page.count++] =
			organization_render(exchange, tenant, &exchange->presentation);
	}
	if (more)
		page.next = link_of(exchange, last);
	struct buf buf = buf_new(arena, 1024 + 512 * page.count, RESPONSE_MAX);
	bundle_render_search(&buf, &page);
	respond_with(exchange, 200, MEDIA_FHIR, buf_str(&buf));
}

const struct interaction interaction_organization_read = {
	.name = "organization_read",
	.parse = parse_read,
	.respond = respond_read,
};

const struct interaction interaction_organization_get = {
	.name = "organization_get",
	.reads_query = true,
	.parse = parse_get,
	.respond = respond_search,
};

const struct interaction interaction_organization_post = {
	.name = "organization_post",
	.reads_query = true,
	.parse = parse_post,
	.respond = respond_search,
};
