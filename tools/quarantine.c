/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* maalehub quarantine: the messages kept aside. They are whole messages of somebody, so without --text nothing is shown that tells of whom, and with it the look is written down. */
#include <stdio.h>

#include "fhir/base/arena.h"
#include "fhir/national.h"
#include "tools/command.h"

#define LOGIN         "hub_quarantine"
#define NUMBER_DIGITS 16
#define PERSON_DIGITS 11

/* Each controller is looked at by itself; `each` says whether to go on. */
struct walk {
	struct command_line *line;
	struct admin *admin;
	struct str number;     /* of the message meant, without Q- */
	struct kept_act *act;  /* what to do with it */
	struct kept_row found; /* the message, and whose it is */
	const struct tenant *tenant;
	bool done;
};

static bool parse_number(struct command_line *line, struct str *out)
{
	const char *word = command_word(line, 0);
	struct str number = str_of(word == NULL ? "" : word);
	if (str_starts(number, STR("Q-")))
		number = str_part(number, 2, number.length);
	bool good = number.length == NUMBER_DIGITS;
	for (size_t i = 0; i < number.length; i++)
		good = good && strchr("0123456789abcdef", number.at[i]) != NULL;
	*out = number;
	return good || outcome_fail(line->outcome, OUTCOME_VALUE, STR(""),
			       "which? a number such as Q-0123456789abcdef (quarantine list)");
}

static bool walk(struct walk *walk, bool (*each)(struct walk *walk, const struct tenant *tenant))
{
	struct command_line *line = walk->line;
	struct tenant *tenants;
	size_t count;
	uint32_t only = 0;
	const char *orgnr = command_option(line, "tenant");
	if (orgnr != NULL && !command_orgnr(line, orgnr, "--tenant", &only))
		return false;
	walk->admin = command_admin(line, LOGIN);
	if (walk->admin == NULL)
		return false;
	bool good = admin_tenants(walk->admin, &tenants, &count, line->outcome);
	for (size_t i = 0; good && !walk->done && i < count; i++)
		if (tenants[i].controller && (only == 0 || tenants[i].orgnr == only))
			good = each(walk, &tenants[i]);
	return good;
}

static bool not_found(const struct walk *walk)
{
	return outcome_fail(walk->line->outcome, OUTCOME_NOT_FOUND, STR(""),
		"no message is kept under Q-%.*s, or it was released before",
		STR_ARG(walk->number));
}

static const char *state_of(const struct kept_row *row)
{
	switch (row->state) {
	case KEPT_WAITING:
		return "kept";
	case KEPT_RELEASING:
		return row->tries < 3 ? "being released" : "release failed";
	case KEPT_RELEASED:
		return "released";
	}
	return "?";
}

static void print_row(const struct kept_row *row, const struct tenant *tenant)
{
	printf("Q-%.*s  %.*s  %-14s  %u  %.*s  %.*s\n", STR_ARG(row->number),
		STR_ARG(row->received), state_of(row), tenant->orgnr, STR_ARG(row->client),
		STR_ARG(row->reason));
}

static bool list_one(struct walk *walk, const struct tenant *tenant)
{
	struct kept_row *rows;
	size_t count;
	if (!admin_kept(walk->admin, tenant, command_flag(walk->line, "all"), &rows, &count,
		    walk->line->outcome))
		return false;
	for (size_t i = 0; i < count; i++)
		print_row(&rows[i], tenant);
	return true;
}

bool command_quarantine_list(struct command_line *line)
{
	struct walk all = { .line = line };
	printf("%-18s  %-20s  %-14s  %-9s  %s\n", "message", "received (UTC)", "state",
		"controller", "client, and why it is kept");
	const bool good = walk(&all, list_one);
	if (all.admin != NULL)
		admin_close(&all.admin);
	return good;
}

/* ---- show */

/* Segments that are there to tell who somebody is. */
static bool is_of_person(struct str segment)
{
	static const char *const names[] = { "PID", "PD1", "NK1", "PV1", "PV2", "NTE", "PRT",
		"UAC" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_starts(segment, str_of(names[i])))
			return true;
	return false;
}

/* What could be a national id is one, wherever it stands. */
static void print_masked(struct str segment)
{
	const bool utf8 = str_is_utf8(segment);
	for (size_t i = 0; i < segment.length;) {
		const struct str next = str_part(segment, i, PERSON_DIGITS);
		if (next.length == PERSON_DIGITS && str_is_digits(next) &&
			command_is_national(next)) {
			fputs("***********", stdout);
			i += PERSON_DIGITS;
			continue;
		}
		i += command_print_byte(segment, utf8, i);
	}
	putchar('\n');
}

static void print_line(struct str segment)
{
	command_print(segment);
	putchar('\n');
}

static void print_message(struct str message, bool whole)
{
	while (message.length > 0) {
		size_t end = 0;
		while (end < message.length && message.at[end] != '\r' && message.at[end] != '\n')
			end++;
		const struct str segment = str_part(message, 0, end);
		message = str_part(message, end + 1, message.length);
		if (segment.length == 0)
			continue;
		if (whole)
			print_line(segment);
		else if (is_of_person(segment))
			printf("%.*s (left out)\n", STR_ARG(str_part(segment, 0, 3)));
		else
			print_masked(segment);
	}
}

static bool show_one(struct walk *walk, const struct tenant *tenant)
{
	walk->done = admin_kept_open(
		walk->admin, tenant, walk->number, &walk->found, walk->line->outcome);
	walk->tenant = tenant;
	return walk->done || walk->line->outcome->errors == 0;
}

static bool print_events(struct walk *walk)
{
	static const char *const deeds[] = { [KEPT_LOOKED] = "looked at whole by",
		[KEPT_LET_GO] = "released by",
		[KEPT_DROPPED] = "dropped by" };
	struct kept_event *events;
	size_t count;
	if (!admin_kept_events(
		    walk->admin, walk->tenant, walk->number, &events, &count, walk->line->outcome))
		return false;
	for (size_t i = 0; i < count; i++)
		printf("%.*s  %s %.*s: %.*s\n", STR_ARG(events[i].at), deeds[events[i].what],
			STR_ARG(events[i].who), STR_ARG(events[i].why));
	return true;
}

/* The look is committed before a line of it is shown. */
static bool note_look(struct walk *walk, const char *why)
{
	const struct kept_act look = { .number = walk->number,
		.who = command_operator(walk->line->arena),
		.why = str_of(why),
		.what = KEPT_LOOKED };
	bool noted = false;
	return admin_kept_do(walk->admin, walk->tenant, &look, &noted, walk->line->outcome) &&
	       (noted || not_found(walk));
}

bool command_quarantine_show(struct command_line *line)
{
	const char *why = command_option(line, "text");
	if (why != NULL && !command_text_is_good(line, "--text", why))
		return false;
	struct walk one = { .line = line };
	if (!parse_number(line, &one.number))
		return false;
	bool good = walk(&one, show_one) && (one.done || not_found(&one));
	good = good && (why == NULL || note_look(&one, why));
	if (good) {
		print_row(&one.found, one.tenant);
		print_message(one.found.body, why != NULL);
		good = print_events(&one);
	}
	if (one.admin != NULL)
		admin_close(&one.admin);
	return good;
}

/* ---- release, drop */

static bool act_one(struct walk *walk, const struct tenant *tenant)
{
	return admin_kept_do(walk->admin, tenant, walk->act, &walk->done, walk->line->outcome);
}

static bool act(struct command_line *line, enum kept_deed what, const char *done)
{
	const char *why = command_option(line, "why");
	struct kept_act deed = { .who = command_operator(line->arena), .what = what };
	struct walk one = { .line = line, .act = &deed };
	if (!parse_number(line, &one.number))
		return false;
	if (why != NULL && !command_text_is_good(line, "--why", why))
		return false;
	if (why == NULL)
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR("--why"),
			"why? it is written down with your name");
	deed.number = one.number;
	deed.why = str_of(why);
	const bool good = walk(&one, act_one) && (one.done || not_found(&one));
	if (good)
		printf("Q-%.*s %s\n", STR_ARG(one.number), done);
	if (one.admin != NULL)
		admin_close(&one.admin);
	return good;
}

bool command_quarantine_release(struct command_line *line)
{
	return act(line, KEPT_LET_GO,
		"is released: the hub takes it in within seconds (quarantine show tells)");
}

bool command_quarantine_drop(struct command_line *line)
{
	return act(line, KEPT_DROPPED, "is gone");
}
