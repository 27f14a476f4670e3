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

static void help(FILE *out)
{
	fputs("maalehub [--config FILE] COMMAND ...\n\n"
	      "The operator's tool of the measurement hub. FILE is the hub's configuration "
	      "(default: $MAALEHUB_CONFIG,\n"
	      "else /etc/maalehub/hub.conf); `maalehubd --settings` tells its keys. Commands:\n\n",
		out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %s%s%s %s\n      %s\n", commands[i].noun,
			commands[i].verb[0] == '\0' ? "" : " ", commands[i].verb, commands[i].takes,
			commands[i].text);
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
	struct command_line line = {
		.arena = arena, .config_path = path, .argc = argc, .argv = argv, .outcome = &outcome
	};
	bool done = false;
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
	if (argc > 2 && strcmp(argv[1], "--config") == 0) {
		path = argv[2];
		at = 3;
	}
	if (at >= argc || strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "help") == 0) {
		help(at >= argc ? stderr : stdout);
		return at >= argc ? 2 : 0;
	}
	const struct command *command = find(argc - at, argv + at, &used);
	if (command == NULL) {
		fprintf(stderr, "maalehub: no command `%s%s%s` (maalehub --help lists them)\n",
			argv[at], at + 1 < argc ? " " : "", at + 1 < argc ? argv[at + 1] : "");
		return 2;
	}
	return run(command, path, argc - at - used, argv + at + used);
}
