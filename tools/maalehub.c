/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* maalehub: the operator's tool. Finds the command in commands.tbl, reads the hub's configuration where the command needs it, runs it and says what went wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fhir/base/arena.h"
#include "server/config.h"
#include "tools/command.h"

static const struct command commands[] = {
#define COMMAND(noun, verb, takes, text, needs, function) \
	{ noun, verb, takes, text, NEEDS_##needs, function },
#include "tools/commands.tbl"
#undef COMMAND
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Exit statuses of a command line that is no command's; 2 means something else to a script that asks `pcd01 explain`. */
#define USAGE         2
#define USAGE_EXPLAIN 3

static void usage(FILE *out, const struct command *command)
{
	fprintf(out, "  %s%s%s %s\n", command->noun, command->verb[0] == '\0' ? "" : " ",
		command->verb, command->takes);
}

static void help(FILE *out)
{
	fputs("maalehub [--config FILE] COMMAND ...\n\n"
	      "The operator's tool of the measurement hub. FILE is the hub's configuration "
	      "(default: $MAALEHUB_CONFIG,\n"
	      "else /etc/maalehub/hub.conf); `maalehubd --settings` tells its keys. Commands:\n\n",
		out);
	for (size_t i = 0; i < COMMANDS; i++) {
		usage(out, &commands[i]);
		fprintf(out, "      %s\n", commands[i].text);
	}
	fputs("\nA new installation: migrate, tenant add for each organisation, client add for "
	      "each system, rule add for what is shared, check.\n"
	      "Changes hold for the next request; nothing has to be restarted.\n",
		out);
}

static const struct command *find(int argc, char **argv, int *used)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *command = &commands[i];
		const bool two = command->verb[0] != '\0';
		if (argc < (two ? 2 : 1) || strcmp(argv[0], command->noun) != 0 ||
			(two && strcmp(argv[1], command->verb) != 0))
			continue;
		*used = two ? 2 : 1;
		return command;
	}
	return NULL;
}

/* Prints the commands of one noun; false: it has none. */
static bool help_noun(FILE *out, const char *noun)
{
	bool any = false;
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].noun, noun) != 0)
			continue;
		usage(out, &commands[i]);
		any = true;
	}
	return any;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* What is no command: its noun's help where that is asked for, else what there is. */
static int not_found(int argc, char **argv)
{
	if (argc == 2 && is_help(argv[1]) && help_noun(stdout, argv[0]))
		return 0;
	fprintf(stderr, "maalehub: no command `%s%s%s` (maalehub --help lists them)\n", argv[0],
		argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	help_noun(stderr, argv[0]);
	return USAGE;
}

static int report(const struct outcome *outcome, bool done)
{
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next)
		fprintf(stderr, "maalehub: %s%.*s%s%.*s\n",
			issue->severity == SEVERITY_WARNING ? "warning: " : "",
			STR_ARG(issue->expression), issue->expression.length > 0 ? ": " : "",
			STR_ARG(issue->text));
	return done ? 0 : 1;
}

static int run(const struct command *command, const char *path, int argc, char **argv)
{
	struct arena *arena = arena_new(64 << 20);
	struct outcome outcome = { .arena = arena };
	struct command_line line = { .arena = arena,
		.config_path = path,
		.argc = argc,
		.argv = argv,
		.outcome = &outcome,
		.takes = command->takes };
	bool done = false;
	if (!command_words_are_good(&line)) {
		report(&outcome, false);
		usage(stderr, command);
		arena_free(&arena);
		return command->needs == NEEDS_NOTHING ? USAGE_EXPLAIN : USAGE;
	}
	if (command->needs == NEEDS_CONFIGURATION)
		line.config = config_load(arena, path, &outcome);
	if (command->needs == NEEDS_NOTHING || line.config != NULL)
		done = command->run(&line) && outcome.errors == 0;
	const int status = report(&outcome, done);
	arena_free(&arena);
	return line.status != 0 ? line.status : status;
}

int main(int argc, char **argv)
{
	const char *path = getenv("MAALEHUB_CONFIG");
	int at = 1, used = 0;

	if (path == NULL)
		path = "/etc/maalehub/hub.conf";
	if (argc > 1 && strcmp(argv[1], "--config") == 0) {
		if (argc == 2) {
			fputs("maalehub: --config wants a file\n", stderr);
			return USAGE;
		}
		path = argv[2];
		at = 3;
	}
	if (at >= argc || is_help(argv[at]) || strcmp(argv[at], "help") == 0) {
		help(at >= argc ? stderr : stdout);
		return at >= argc ? USAGE : 0;
	}
	const struct command *command = find(argc - at, argv + at, &used);
	if (command == NULL)
		return not_found(argc - at, argv + at);
	at += used;
	if (at < argc && is_help(argv[at])) {
		usage(stdout, command);
		printf("      %s\n", command->text);
		return 0;
	}
	return run(command, path, argc - at, argv + at);
}
