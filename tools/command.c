/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The words behind a command, read by what its row in commands.tbl says that it takes: nothing is passed over in silence. */
#include "tools/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fhir/base/arena.h"

enum taken { TAKEN_NOT, TAKEN_FLAG, TAKEN_VALUED };

/* The next word of `takes` without brackets, empty at the end. *last: a bracket closes behind it, or nothing follows. */
static struct str next_word(struct str *rest, bool *last)
{
	struct str word;
	do {
		word = str_cut(*rest, ' ', rest);
	} while (rest->length > 0 && (word.length == 0 || str_is(word, "|")));
	if (word.length > 0 && word.at[0] == '[')
		word = str_part(word, 1, word.length);
	*last = rest->length == 0;
	if (word.length > 0 && word.at[word.length - 1] == ']') {
		word = str_part(word, 0, word.length - 1);
		*last = true;
	}
	return word;
}

/* Does a command that takes that take this option, and has the option a value? *words counts what is no option. */
static enum taken taken(const char *takes, const char *option, int *words)
{
	struct str rest = str_of(takes);
	enum taken found = TAKEN_NOT;
	bool last;
	*words = 0;
	while (rest.length > 0) {
		const struct str word = next_word(&rest, &last);
		if (!str_starts(word, STR("--"))) {
			*words += word.length > 0 ? 1 : 0;
			continue;
		}
		if (str_is(word, option))
			found = last ? TAKEN_FLAG : TAKEN_VALUED;
		if (!last)
			next_word(&rest, &last);
	}
	return found;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] == '-';
}

static bool is_flag(const struct command_line *line, const char *word)
{
	int words;
	return taken(line->takes, word, &words) == TAKEN_FLAG;
}

const char *command_option(const struct command_line *line, const char *name)
{
	for (int i = 0; i + 1 < line->argc; i++) {
		if (!is_option(line->argv[i]) || is_flag(line, line->argv[i]))
			continue;
		if (strcmp(line->argv[i] + 2, name) == 0)
			return line->argv[i + 1];
		i++;
	}
	return NULL;
}

bool command_flag(const struct command_line *line, const char *name)
{
	for (int i = 0; i < line->argc; i++) {
		if (!is_option(line->argv[i]))
			continue;
		if (strcmp(line->argv[i] + 2, name) == 0)
			return true;
		i += is_flag(line, line->argv[i]) ? 0 : 1;
	}
	return false;
}

const char *command_word(const struct command_line *line, int index)
{
	for (int i = 0; i < line->argc; i++) {
		if (is_option(line->argv[i])) {
			i += is_flag(line, line->argv[i]) ? 0 : 1;
			continue;
		}
		if (index-- == 0)
			return line->argv[i];
	}
	return NULL;
}

static bool named_before(const struct command_line *line, int at)
{
	for (int i = 0; i < at; i++)
		if (strcmp(line->argv[i], line->argv[at]) == 0)
			return true;
	return false;
}

/* The option at `at`, and its value: is it one of the command's? */
static bool option_is_good(struct command_line *line, int at)
{
	const char *option = line->argv[at];
	int words;
	const enum taken is = taken(line->takes, option, &words);
	if (is == TAKEN_NOT)
		return outcome_fail(line->outcome, OUTCOME_VALUE, STR(""),
			"this command has no option `%.*s`%s", (int)strcspn(option, "="), option,
			strcmp(option, "--config") == 0 ? "; it stands before the command"
			: strchr(option, '=') != NULL   ? "= (a value is a word of its own)"
							: "");
	if (named_before(line, at))
		return outcome_fail(
			line->outcome, OUTCOME_VALUE, STR(""), "`%s` stands there twice", option);
	if (is == TAKEN_VALUED && (at + 1 == line->argc || is_option(line->argv[at + 1])))
		return outcome_fail(
			line->outcome, OUTCOME_VALUE, STR(""), "`%s` wants a value", option);
	return true;
}

bool command_words_are_good(struct command_line *line)
{
	int words, seen = 0;
	taken(line->takes, "", &words);
	for (int i = 0; i < line->argc; i++) {
		if (!is_option(line->argv[i])) {
			seen++;
			continue;
		}
		if (!option_is_good(line, i))
			return false;
		i += is_flag(line, line->argv[i]) ? 0 : 1;
	}
	/* Not told which: somebody may have put a national id there. */
	return seen <= words ||
	       outcome_fail(line->outcome, OUTCOME_VALUE, STR(""),
		       "the command takes %d word%s and got %d; a name with blanks stands in "
		       "quotes",
		       words, words == 1 ? "" : "s", seen);
}

bool command_number(struct command_line *line, const char *list, uint64_t most, uint64_t *out)
{
	const char *word = command_word(line, 0);
	return (word != NULL && str_to_u64(str_of(word), out) && *out <= most) ||
	       outcome_fail(line->outcome, OUTCOME_VALUE, STR(""),
		       "which? its number (`%s` tells it)", list);
}

bool command_is_national(struct str digits)
{
	struct national_id id;
	struct arena *arena = arena_new(4096);
	struct outcome aside = { .arena = arena };
	const bool is = national_id_parse(
		STR(OID_FNR), digits, NATIONAL_BOTH, (struct str){ 0 }, &id, &aside);
	explicit_bzero(&id, sizeof(id));
	arena_free(&arena);
	return is;
}

bool command_text_is_good(struct command_line *line, const char *option, const char *text)
{
	while (*text != '\0') {
		const size_t other = strcspn(text, "0123456789"),
			     digits = strspn(text + other, "0123456789");
		if (digits == 11 && command_is_national((struct str){ text + other, digits }))
			return outcome_fail(line->outcome, OUTCOME_VALUE, str_of(option),
				"a national id stands in it: it would stay in the log and in the "
				"shell's history. Say it without");
		text += other + digits;
	}
	return true;
}

struct str command_operator(struct arena *arena)
{
	const char *sudo = getenv("SUDO_USER"), *user = getenv("USER");
	return str_format(arena, "%s (uid %u)",
		sudo != NULL   ? sudo
		: user != NULL ? user
			       : "?",
		(unsigned)getuid());
}

size_t command_print_byte(struct str text, bool utf8, size_t at)
{
	const unsigned char byte = (unsigned char)text.at[at];
	const bool obeyed = byte < ' ' || (byte >= 0x7f && byte < 0xa0);
	const size_t hidden = utf8 ? str_hidden(text, at) : obeyed;
	putchar(hidden > 0 ? '.' : byte);
	return hidden > 0 ? hidden : 1;
}

void command_print(struct str text)
{
	const bool utf8 = str_is_utf8(text);
	for (size_t i = 0; i < text.length;)
		i += command_print_byte(text, utf8, i);
}
