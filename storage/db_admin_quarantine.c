/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The operator and the messages kept aside: each look and each deed in a transaction bound to one controller, as the hub's own are. */
#include "fhir/base/arena.h"
#include "storage/db_admin.h"
#include "storage/pack.h"

/* Forced row-level security shows nothing without it. */
static bool begin(struct admin *admin, const struct tenant *tenant, struct outcome *outcome)
{
	if (!admin_begin(admin, outcome))
		return false;
	return admin_bind(admin, "tenant", tenant->id, outcome) || admin_end(admin, false, outcome);
}

/* The message's bytes: what the driver gives is their packed form in hexadecimal. */
static bool read_body(struct admin *admin, const PGresult *rows, int row, struct str *out)
{
	return pack_open(admin->arena, (int)admin_field_number(rows, row, 7),
		admin_field_bytes(admin, rows, row, 8), out);
}

static struct kept_row read_row(struct admin *admin, const PGresult *rows, int row)
{
	return (struct kept_row){
		.number = admin_field(admin, rows, row, 0),
		.received = admin_field(admin, rows, row, 1),
		.client = admin_field(admin, rows, row, 2),
		.state = (enum kept_state)admin_field_number(rows, row, 3),
		.tries = (unsigned)admin_field_number(rows, row, 4),
		.reason = admin_field(admin, rows, row, 5),
	};
}

bool admin_kept(struct admin *admin, const struct tenant *tenant, bool all, struct kept_row **out,
	size_t *count, struct outcome *outcome)
{
	const char *values[] = { all ? "true" : "false", "" };
	if (!begin(admin, tenant, outcome))
		return false;
	PGresult *rows = admin_sql(admin, SQL_ADMIN_QUARANTINE, values, outcome);
	const bool good = rows != NULL;
	*count = good ? (size_t)PQntuples(rows) : 0;
	*out = arena_array(admin->arena, *count, sizeof(**out));
	for (int i = 0; i < (int)*count; i++)
		(*out)[i] = read_row(admin, rows, i);
	PQclear(rows);
	return admin_end(admin, good, outcome);
}

bool admin_kept_open(struct admin *admin, const struct tenant *tenant, struct str number,
	struct kept_row *out, struct outcome *outcome)
{
	const char *values[] = { "true", admin_string(admin, number) };
	if (!begin(admin, tenant, outcome))
		return false;
	PGresult *rows = admin_sql(admin, SQL_ADMIN_QUARANTINE, values, outcome);
	const bool found = rows != NULL && PQntuples(rows) == 1;
	bool good = rows != NULL;
	if (found) {
		*out = read_row(admin, rows, 0);
		good = read_body(admin, rows, 0, &out->body) ||
		       outcome_fail(
			       outcome, OUTCOME_FAULT, STR(""), "the message cannot be unpacked");
	}
	PQclear(rows);
	return admin_end(admin, good, outcome) && found;
}

bool admin_kept_events(struct admin *admin, const struct tenant *tenant, struct str number,
	struct kept_event **out, size_t *count, struct outcome *outcome)
{
	const char *values[] = { admin_string(admin, number) };
	if (!begin(admin, tenant, outcome))
		return false;
	PGresult *rows = admin_sql(admin, SQL_ADMIN_QUARANTINE_EVENTS, values, outcome);
	const bool good = rows != NULL;
	*count = good ? (size_t)PQntuples(rows) : 0;
	*out = arena_array(admin->arena, *count, sizeof(**out));
	for (int i = 0; i < (int)*count; i++)
		(*out)[i] = (struct kept_event){
			.at = admin_field(admin, rows, i, 0),
			.what = (enum kept_deed)admin_field_number(rows, i, 1),
			.who = admin_field(admin, rows, i, 2),
			.why = admin_field(admin, rows, i, 3),
		};
	PQclear(rows);
	return admin_end(admin, good, outcome);
}

/* The event first: it is about a row that may then be gone. */
static bool act_on(
	struct admin *admin, const struct kept_act *act, bool *done, struct outcome *outcome)
{
	const char *number = admin_string(admin, act->number);
	const char *event[] = { number, admin_number(admin, act->what),
		admin_string(admin, act->who), admin_string(admin, act->why) };
	unsigned count = 0;
	if (!admin_run(admin, SQL_ADMIN_QUARANTINE_EVENT, event, &count, outcome))
		return false;
	bool good = true;
	if (count > 0 && act->what == KEPT_LET_GO)
		good = admin_run(admin, SQL_ADMIN_QUARANTINE_RELEASE, &number, &count, outcome);
	else if (count > 0 && act->what == KEPT_DROPPED)
		good = admin_run(admin, SQL_ADMIN_QUARANTINE_DROP, &number, &count, outcome);
	*done = good && count > 0;
	return good;
}

bool admin_kept_do(struct admin *admin, const struct tenant *tenant, const struct kept_act *act,
	bool *done, struct outcome *outcome)
{
	*done = false;
	if (!begin(admin, tenant, outcome))
		return false;
	const bool good = act_on(admin, act, done, outcome);
	/* Nothing was done: nothing is written down. */
	if (good && !*done) {
		admin_end(admin, false, outcome);
		return true;
	}
	return admin_end(admin, good, outcome);
}
