/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A search's rows: one for each controller whose readings were open to it, with what left; where none was, or nobody there holds
 * the patient, one under the caller's own controller. A refusal: one for each controller that holds the patient.
 */
#include "server/audit.h"
#include "server/interaction/everything.h"
#include "server/interaction/including.h"
#include "server/respond.h"

bool search_row_is_of(const struct grant *grant, const struct store_row *row)
{
	for (size_t i = 0; i < grant->count; i++)
		if (grant->parts[i].tenant == row->key.tenant &&
			grant->parts[i].bucket == row->key.bucket &&
			grant->parts[i].subject == row->key.subject)
			return true;
	return false;
}

/* What leaves of one patient's of one controller, as it is gathered. */
struct leaving {
	const struct grant *grant;
	uint32_t tenant;
	struct arena *arena;
	struct log_codes *codes;
	struct buf sent;
	unsigned count, classes;
};

static void leaves(struct leaving *leaving, const struct store_row *row, struct str rendered)
{
	if (row->key.tenant != leaving->tenant || !search_row_is_of(leaving->grant, row))
		return;
	leaving->count++;
	leaving->classes |= 1u << row->class;
	log_codes_add(leaving->arena, leaving->codes, row->code, row->time_low);
	buf_add(&leaving->sent, rendered);
}

/* Codes, count, and the digest of its resources as they are sent: what matches, and what comes with it. */
static unsigned describe(struct exchange *exchange, const struct search_work *work,
	const struct grant *grant, uint32_t tenant, struct log_detail *detail)
{
	struct leaving leaving = { .grant = grant,
		.tenant = tenant,
		.arena = exchange->arena,
		.codes = arena_alloc(exchange->arena, sizeof(*leaving.codes)),
		.sent = buf_new(exchange->arena, work->rendered_bytes, RESPONSE_MAX) };
	for (size_t i = 0; i < work->row_count; i++)
		leaves(&leaving, &work->rows[i], work->rendered[i]);
	for (size_t i = 0; i < work->included_count; i++)
		if (work->included[i].is_row)
			leaves(&leaving, &work->included[i].row, work->included[i].rendered);
	detail->count = leaving.count;
	if (detail->count > 0) {
		uint8_t digest[32];
		seal_sha256(buf_str(&leaving.sent), digest);
		detail->digest = str_hex(exchange->arena, digest, sizeof(digest));
	}
	detail->codes = leaving.codes;
	return leaving.classes;
}

/* What was asked, without the patient, whom the row is of. */
static struct str query_of(const struct exchange *exchange, const struct search_work *work)
{
	const struct str filters = work->search.canonical;
	struct str types;
	switch (work->operation) {
	case OPERATION_LASTN:
		return str_format(exchange->arena, "$lastn?max=%u%s%.*s", work->last,
			filters.length > 0 ? "&" : "", STR_ARG(filters));
	case OPERATION_EVERYTHING:
		types = everything_types(exchange->arena, work->everything);
		return str_format(exchange->arena, "$everything?%.*s%s%.*s", STR_ARG(types),
			types.length > 0 && filters.length > 0 ? "&" : "", STR_ARG(filters));
	case OPERATION_HISTORY:
		return str_format(exchange->arena, "_history?%.*s", STR_ARG(filters));
	case OPERATION_SEARCH:
		break;
	}
	return filters;
}

static struct log_detail detail_of(struct exchange *exchange, const struct search_work *work)
{
	struct log_detail detail = audit_detail(exchange);
	detail.query = query_of(exchange, work);
	detail.counted = true;
	return detail;
}

/* What was looked for. */
static enum resource_type type_of(const struct search_work *work)
{
	return work->everything != NULL ? everything_type(work->everything) : work->search.type;
}

static void permitted(struct exchange *exchange, const struct search_work *work,
	const struct grant *grant, const struct grant_part *part)
{
	struct log_detail detail = detail_of(exchange, work);
	const unsigned classes = describe(exchange, work, grant, part->tenant, &detail);
	detail.rules = part->rule_ids;
	detail.rule_count = part->rule_count;
	detail.break_glass = grant->break_glass;
	struct log_row *row = audit_row(exchange, LOG_SEARCH, type_of(work));
	row->person = part->person;
	row->bucket = part->bucket;
	row->tenant = part->tenant;
	row->classes = classes;
	row->body = detail_render(exchange->arena, &detail);
}

/* Nothing left: a row under the caller's own controller, or of a refusal (`reason`) under another. */
static void nothing(struct exchange *exchange, const struct search_work *work,
	const struct patient *patient, uint32_t tenant, const char *reason)
{
	struct log_detail detail = detail_of(exchange, work);
	detail.reason = reason;
	struct log_row *row = audit_row(exchange, LOG_SEARCH, type_of(work));
	if (patient->person_count > 0) {
		row->person = patient->persons[0].id;
		row->bucket = patient->persons[0].home;
	}
	row->tenant = tenant;
	row->outcome = reason == NULL ? LOG_PERMIT : LOG_DENY;
	row->body = detail_render(exchange->arena, &detail);
}

/* Persons that were joined may be several subjects of one controller: one row all the same. */
static bool is_first_of_tenant(const struct grant *grant, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (grant->parts[i].tenant == grant->parts[index].tenant)
			return false;
	return true;
}

static void refused(struct exchange *exchange, const struct search_work *work,
	const struct patient *patient, const char *reason)
{
	uint32_t last = 0; /* subjects are sorted by tenant */
	for (size_t i = 0; i < patient->subject_count; i++) {
		if (patient->subjects[i].tenant == last)
			continue;
		last = patient->subjects[i].tenant;
		nothing(exchange, work, patient, last, reason);
	}
	if (last == 0)
		nothing(exchange, work, patient, exchange->tenant->id, reason);
}

static void row_of_ask(
	struct exchange *exchange, const struct search_work *work, const struct search_ask *ask)
{
	const struct patient *patient = &exchange->resolve.items[ask->item].patient;
	const struct grant *grant = ask->grant;
	if (exchange->outcome.errors > 0) {
		refused(exchange, work, patient, audit_reason(&exchange->outcome));
	} else if (grant == NULL && patient->person_count > 0) {
		nothing(exchange, work, patient, ask->only_tenant, ask->reason);
	} else if (grant == NULL || grant->count == 0) {
		nothing(exchange, work, patient, exchange->tenant->id, NULL);
	} else {
		for (size_t part = 0; part < grant->count; part++)
			if (is_first_of_tenant(grant, part))
				permitted(exchange, work, grant, &grant->parts[part]);
	}
}

void search_audit(struct exchange *exchange, const struct search_work *work)
{
	size_t rows = 0;
	for (size_t i = 0; i < work->count; i++) {
		/* Without a patient: only of those who are on the page. */
		if (work->whole && work->asks[i].grant == NULL)
			continue;
		row_of_ask(exchange, work, &work->asks[i]);
		rows++;
	}
	/* An id that leads to nobody costs what one costs that leads to somebody. */
	if (rows == 0 && exchange->outcome.errors == 0)
		nothing(exchange, work, &(struct patient){ 0 }, exchange->tenant->id, NULL);
}
