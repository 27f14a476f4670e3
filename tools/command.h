/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include "authz/seal.h"
#include "fhir/base/outcome.h"
#include "server/config.h"
#include "storage/admin.h"

/* What every command of the operator's tool gets. */
struct command_line {
	struct arena *arena;
	const char *config_path;
	const struct config *config; /* NULL for a command that needs nothing */
	const char *takes;           /* of the command's row */
	int argc;                    /* words after the command's own */
	char **argv;
	struct outcome *outcome;
	int status; /* exit status where it tells more than 0 for done and 1 for not */
};

enum command_needs { NEEDS_NOTHING, NEEDS_CONFIGURATION };

/* A row of commands.tbl: `maalehub NOUN VERB` (verb empty: one word), what it takes, what it does. True on success. */
struct command {
	const char *noun, *verb, *takes, *text;
	enum command_needs needs;
	bool (*run)(struct command_line *line);
};

#define COMMAND(noun, verb, takes, text, needs, function) bool function(struct command_line *line);
#include "tools/commands.tbl"
#undef COMMAND

/* Are all words and options those that the command takes, each once and with its value? False adds an issue; no word is repeated in it, for it may be a national id. */
bool command_words_are_good(struct command_line *line);
/* The value of --NAME among the words, or NULL. */
const char *command_option(const struct command_line *line, const char *name);
/* Is --NAME there (an option without value)? */
bool command_flag(const struct command_line *line, const char *name);
/* Word `index` that is no option nor an option's value, or NULL. */
const char *command_word(const struct command_line *line, int index);
/* The first word, a number that the command `list` shows, at most `most`; false adds an issue. */
bool command_number(struct command_line *line, const char *list, uint64_t most, uint64_t *out);
/* Nine digits of an organisation; false adds an issue that names `what`. */
bool command_orgnr(struct command_line *line, const char *text, const char *what, uint32_t *out);
/* The operator's connection, as `user` (NULL: hub_admin). */
struct admin *command_admin(struct command_line *line, const char *user);
/* What the hub's secret does; the caller frees it. NULL adds an error. */
struct seal *command_seal(struct command_line *line);
/* A national id from the next line of standard input, checked: it stands in no process list or history. False adds an error without it. */
bool command_national(struct command_line *line, struct national_id *out);
/* Are these digits a national id? */
bool command_is_national(struct str digits);
/* May the value of an option be kept (in a log, in the shell's history)? Not with a national id in it: false adds an issue that names the option alone. */
bool command_text_is_good(struct command_line *line, const char *option, const char *text);
/* Who is at the terminal, as far as the machine can tell. */
struct str command_operator(struct arena *arena);
/* Others' bytes move no cursor of the operator's terminal: controls of ASCII, and those from U+0080 to U+009F, in UTF-8 or alone, become dots. How many bytes the one at `at` is printed for. */
size_t command_print_byte(struct str text, bool utf8, size_t at);
void command_print(struct str text);

#endif
