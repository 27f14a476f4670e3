/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* maalehub log: the access log for those who answer for it, the controller and the organisation whose staff looked. The look is committed before a line of it is shown. */
#include <stdio.h>

#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "server/interaction/insight_entry.h"
#include "server/loop.h"
#include "storage/admin_log.h"
#include "tools/command.h"

#define AT_ONCE     500
#define PAGE_MEMORY ((size_t)256 << 20)
#define NODES_MAX   5000
#define LINE_MAX    ((size_t)4 << 20)
#define DAYS        30
#define DAY         (24 * 3600 * INSTANT_SECOND)

struct reading {
	struct command_line *line;
	struct admin *admin, *audit; /* who is who; the log */
	struct seal *seal;
	struct rules names; /* of the organisations, nothing else of it */
	struct log_ask ask;
	const struct tenant *bound; /* under whom the look is written down */
	const char *hpr;
	bool refused, json;
	size_t shown, unsound;
};

/* ---- what is asked for */

static bool parse_day(struct command_line *line, const char *option, struct span *out)
{
	return span_parse(str_of(command_option(line, option)), line->config->zone_parsed, out) ||
	       outcome_fail(line->outcome, OUTCOME_VALUE, str_format(line->arena, "--%s", option),
		       "a day or an instant: 2026-11-28 or 2026-11-28T08:00:00+01:00");
}

/* To `now` at most: the look itself is no part of what is shown. */
static bool parse_period(struct command_line *line, struct log_ask *ask, instant now)
{
	struct span span;
	ask->to = now;
	if (command_option(line, "to") != NULL) {
		if (!parse_day(line, "to", &span))
			return false;
		ask->to = span.high < now ? span.high : now;
	}
	ask->from = ask->to - DAYS * DAY;
	if (command_option(line, "from") != NULL) {
		if (!parse_day(line, "from", &span))
			return false;
		ask->from = span.low;
	}
	return ask->from < ask->to || outcome_fail(line->outcome, OUTCOME_VALUE, STR("--from"),
					      "the period ends before it begins, or has not begun");
}

static bool load_names(struct reading *reading)
{
	struct rules *names = &reading->names;
	*names = (struct rules){ .arena = reading->line->arena };
	if (!admin_tenants(
		    reading->admin, &names->tenants, &names->tenant_count, reading->line->outcome))
		return false;
	rules_sort(names);
	return true;
}

static const struct tenant *find_tenant(struct reading *reading, uint32_t orgnr, const char *option)
{
	const struct tenant *tenant = rules_tenant_by_orgnr(&reading->names, orgnr);
	if (tenant == NULL)
		outcome_fail(reading->line->outcome, OUTCOME_NOT_FOUND, str_of(option),
			"no organisation has the number %u (tenant list)", orgnr);
	return tenant;
}

static bool parse_whose(struct reading *reading)
{
	struct command_line *line = reading->line;
	const char *tenant = command_option(line, "tenant"), *actor = command_option(line, "actor");
	uint32_t orgnr;
	if (tenant == NULL && actor == NULL)
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR(""),
			"whose log? --tenant ORGNR: a controller's; --actor ORGNR: what an "
			"organisation's own people looked at");
	if (tenant != NULL && !command_orgnr(line, tenant, "--tenant", &orgnr))
		return false;
	if (actor != NULL && !command_orgnr(line, actor, "--actor", &reading->ask.actor))
		return false;
	if (tenant != NULL)
		reading->ask.tenant = find_tenant(reading, orgnr, "--tenant");
	reading->bound = tenant != NULL ? reading->ask.tenant
					: find_tenant(reading, reading->ask.actor, "--actor");
	return reading->bound != NULL;
}

static bool parse_patient(struct reading *reading)
{
	struct command_line *line = reading->line;
	struct national_id id;
	struct person_row *persons = NULL;
	if (!command_flag(line, "patient"))
		return true;
	if (!command_national(line, &id))
		return false;
	const struct person_key key = seal_person(reading->seal, id.digits);
	explicit_bzero(&id, sizeof(id));
	if (!admin_persons(
		    reading->admin, &key, &persons, &reading->ask.person_count, line->outcome))
		return false;
	reading->ask.persons = persons;
	return true;
}

/* ---- that somebody looked */

static void add_filter(struct buf *query, const char *name, const char *value)
{
	if (value != NULL)
		buf_add_format(query, "%s%s=%s", query->length > 0 ? "&" : "", name, value);
}

/* The words of the command line, but for the national id, which is none of them. */
static struct str filters(struct command_line *line)
{
	static const char *const options[] = { "tenant", "actor", "from", "to", "hpr" };
	struct buf query = buf_new(line->arena, 256, 4096);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		add_filter(&query, options[i], command_option(line, options[i]));
	add_filter(&query, "refused", command_flag(line, "refused") ? "true" : NULL);
	return buf_str(&query);
}

static bool note(struct reading *reading, const char *why, instant now)
{
	struct command_line *line = reading->line;
	struct log_look look = { .tenant = reading->bound,
		.who = command_operator(line->arena),
		.why = str_of(why),
		.query = filters(line) };
	if (reading->ask.person_count > 0)
		look.person = reading->ask.persons[0];
	struct admin *writer = command_admin(line, "hub_write");
	const bool done =
		writer != NULL && admin_log_note(writer, reading->seal, &look, now, line->outcome);
	admin_close(&writer);
	return done;
}

/* ---- showing */

/* A line of JSON. What a terminal would obey stands in its texts alone, and is written there as \uXXXX: a code is a word of whoever sent it. */
static void print_escaped(struct str json)
{
	for (size_t i = 0; i < json.length;) {
		const unsigned char *byte = (const unsigned char *)json.at + i;
		const size_t hidden = str_hidden(json, i);
		if (hidden == 1)
			printf("\\u%04x", byte[0]);
		else if (hidden == 2)
			printf("\\u%04x", (byte[0] & 0x1fu) << 6 | (byte[1] & 0x3fu));
		else if (hidden == 3)
			printf("\\u%04x", (byte[0] & 0x0fu) << 12 | (byte[1] & 0x3fu) << 6 |
						  (byte[2] & 0x3fu));
		else
			putchar(byte[0]);
		i += hidden > 0 ? hidden : 1;
	}
	putchar('\n');
}

static void print_json(struct reading *reading, struct arena *arena, const struct log_found *found,
	struct str patient)
{
	struct outcome aside = { .arena = arena };
	const struct json *body = json_parse(arena, found->entry.body, NODES_MAX, &aside);
	const struct json *rules = json_get(body, "rules");
	struct buf buf = buf_new(arena, 2048, LINE_MAX);
	buf_add_byte(&buf, '{');
	insight_members(arena, &buf, &reading->names, &found->entry);
	json_write_member(&buf, "patient", patient);
	if (rules != NULL) {
		json_write_comma(&buf);
		json_write_name(&buf, "rules");
		buf_add(&buf, rules->raw);
	}
	json_write_member(&buf, "requestId", json_text(body, "request"));
	json_write_member(&buf, "leaf", str_hex(arena, found->leaf, sizeof(found->leaf)));
	buf_add_text(&buf, found->sound ? ",\"leafHolds\":true}" : ",\"leafHolds\":false}");
	print_escaped(buf_str(&buf));
}

static void print_who(const struct json *actor)
{
	const struct json *client = json_get(actor, "client");
	const struct str name = json_text(actor, "name"), hpr = json_text(actor, "hpr");
	command_print(name.length > 0 ? name : json_text(actor, "kind"));
	if (hpr.length > 0) {
		fputs(" HPR ", stdout);
		command_print(hpr);
	}
	if (client != NULL) {
		fputs(" by ", stdout);
		command_print(json_text(client, "id"));
	}
}

static void print_codes(const struct json *what)
{
	const char *between = "  ";
	json_each(item, what)
	{
		fputs(between, stdout);
		command_print(json_text(item, "code"));
		between = ", ";
	}
}

/* To the left in `width` columns, and nothing of it to the terminal but signs: a purpose is a word of whoever asked. */
static void print_column(struct str text, size_t width)
{
	command_print(text);
	for (size_t i = text.length; i < width; i++)
		putchar(' ');
	fputs("  ", stdout);
}

/* The names of the columns stand in print_head(). */
static void print_row(struct reading *reading, struct arena *arena, const struct log_found *found,
	struct str patient)
{
	struct outcome aside = { .arena = arena };
	struct buf buf = buf_new(arena, 2048, LINE_MAX);
	buf_add_byte(&buf, '{');
	insight_members(arena, &buf, &reading->names, &found->entry);
	buf_add_byte(&buf, '}');
	const struct json *row = json_parse(arena, buf_str(&buf), NODES_MAX, &aside);
	const struct json *count = json_get(row, "count"), *actor = json_get(row, "actor");
	const struct str owner = json_text(json_get(row, "dataController"), "orgnr"),
			 purpose = json_text(json_get(row, "basis"), "purpose");
	printf("%-24.*s  %-7.*s  %-6.*s  %-9.*s  %09u  ", STR_ARG(json_text(row, "time")),
		STR_ARG(json_text(row, "event")), STR_ARG(json_text(row, "outcome")),
		STR_ARG(owner), found->entry.actor_orgnr);
	print_column(purpose, 6);
	printf("%5.*s  %-26.*s  ", STR_ARG(count == NULL ? STR("") : count->text),
		STR_ARG(patient));
	print_who(actor);
	print_codes(json_get(row, "what"));
	if (!found->sound)
		fputs("  CHANGED AFTER IT WAS WRITTEN", stdout);
	putchar('\n');
}

static void print_head(void)
{
	printf("%-24s  %-7s  %-6s  %-9s  %-9s  %-6s  %5s  %-26s  %s\n", "time (UTC)", "event",
		"result", "owner", "looked", "for", "count", "patient", "who, and what of");
}

static bool is_wanted(
	const struct reading *reading, struct arena *arena, const struct log_found *found)
{
	if (reading->refused && found->entry.outcome != LOG_DENY)
		return false;
	if (reading->hpr == NULL)
		return true;
	struct outcome aside = { .arena = arena };
	const struct json *context = json_parse(arena, found->entry.context, NODES_MAX, &aside);
	return str_is(json_text(json_get(context, "actor"), "hpr"), reading->hpr);
}

static bool show(struct reading *reading, const struct log_slice *slice)
{
	struct person_key *patients;
	if (!admin_log_patients(reading->admin, slice, &patients, reading->line->outcome))
		return false;
	static const struct mac128 nobody;
	for (size_t i = 0; i < slice->count; i++) {
		const struct log_found *found = &slice->rows[i];
		char id[27] = "";
		if (!is_wanted(reading, slice->arena, found))
			continue;
		if (memcmp(&patients[i].mac, &nobody, sizeof(nobody)) != 0)
			seal_patient_id(reading->seal, &patients[i], id);
		if (reading->json)
			print_json(reading, slice->arena, found, str_of(id));
		else
			print_row(reading, slice->arena, found, str_of(id));
		reading->shown++;
		reading->unsound += found->sound ? 0 : 1;
	}
	return true;
}

/* A page at a time: a year of a large controller is millions of rows. */
static bool show_all(struct reading *reading)
{
	struct log_found last;
	struct log_slice slice = { .limit = AT_ONCE };
	bool good;
	do {
		slice.arena = arena_new(PAGE_MEMORY);
		good = admin_log(reading->audit, reading->seal, &reading->ask, &slice,
			       reading->line->outcome) &&
		       show(reading, &slice);
		if (good && slice.count > 0)
			last = slice.rows[slice.count - 1];
		slice.after = &last;
		arena_free(&slice.arena);
	} while (good && slice.count == AT_ONCE);
	return good;
}

static bool run(struct reading *reading, const char *why, instant now)
{
	struct command_line *line = reading->line;
	if (!load_names(reading) || !parse_whose(reading) || !parse_patient(reading))
		return false;
	reading->audit = command_admin(line, "hub_audit");
	if (reading->audit == NULL || !note(reading, why, now))
		return false;
	if (!reading->json)
		print_head();
	/* A patient nobody has heard of: no row can be about them. */
	if (command_flag(line, "patient") && reading->ask.person_count == 0)
		return true;
	if (!show_all(reading))
		return false;
	if (reading->unsound > 0)
		return outcome_fail(line->outcome, OUTCOME_FAULT, STR(""),
			"%zu of %zu rows are not as they were written: somebody has changed them "
			"in the database",
			reading->unsound, reading->shown);
	return true;
}

static bool is_hpr(struct str text)
{
	return text.length >= 7 && text.length <= 9 && str_is_digits(text);
}

bool command_log(struct command_line *line)
{
	const char *why = command_option(line, "why");
	const instant now = hub_now();
	struct reading reading = { .line = line,
		.hpr = command_option(line, "hpr"),
		.refused = command_flag(line, "refused"),
		.json = command_flag(line, "json") };
	if (why == NULL || why[0] == '\0')
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR("--why"),
			"why do you look? it is written into the log with your name");
	if (!command_text_is_good(line, "--why", why))
		return false;
	if (reading.hpr != NULL && !is_hpr(str_of(reading.hpr)))
		return outcome_fail(line->outcome, OUTCOME_VALUE, STR("--hpr"),
			"an HPR number has seven to nine digits");
	if (!parse_period(line, &reading.ask, now))
		return false;
	reading.seal = command_seal(line);
	reading.admin = reading.seal == NULL ? NULL : command_admin(line, NULL);
	const bool done = reading.admin != NULL && run(&reading, why, now);
	admin_close(&reading.audit);
	admin_close(&reading.admin);
	seal_free(&reading.seal);
	return done;
}
