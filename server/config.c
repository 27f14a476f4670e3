/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Reads the configuration. A key that is not in config.tbl, or a value half understood, is an
 * error: nothing is guessed.
 */
#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "server/config_private.h"

#define FILE_MAX_BYTES       ((size_t)1 << 20)
#define SECRET_MIN_BYTES     ((size_t)32)
#define SECRET_MAX_BYTES     ((size_t)4096)
#define NAME_MAX_BYTES       ((size_t)64)
#define PRINCIPAL_NODES_MAX  ((size_t)1000)
#define PRINCIPAL_PREFIX     "principal."
#define PRINCIPAL_PREFIX_LEN (sizeof(PRINCIPAL_PREFIX) - 1)

enum setting_kind { KIND_TEXT, KIND_NUMBER, KIND_SECONDS, KIND_FLAG, KIND_CHOICE };

struct setting {
	const char *name;
	enum setting_kind kind;
	int64_t min, max;
	const char *words;
	const char *preset, *text;
	size_t offset;
};

static const struct setting settings[SETTINGS] = {
#define TEXT              KIND_TEXT, 0, 0, NULL
#define PATH              KIND_TEXT, 0, 0, NULL
#define NUMBER(min, max)  KIND_NUMBER, min, max, NULL
#define SECONDS(min, max) KIND_SECONDS, min, max, NULL
#define FLAG              KIND_FLAG, 0, 0, "no yes"
#define CHOICE(words)     KIND_CHOICE, 0, 0, words
#define SETTING(name, type, default, text) \
	{ #name, type, default, text, offsetof(struct config, name) },
#include "server/config.tbl"
#undef SETTING
#undef CHOICE
#undef FLAG
#undef SECONDS
#undef NUMBER
#undef PATH
#undef TEXT
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must change to make one of the other (Levenshtein). */
static size_t distance(struct str a, struct str b)
{
	size_t row[NAME_MAX_BYTES + 1];
	for (size_t j = 0; j <= b.length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.length; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.length; j++) {
			const size_t above = row[j];
			const size_t changed = diagonal + (a.at[i - 1] == b.at[j - 1] ? 0 : 1);
			row[j] = least(changed, least(above, row[j - 1]) + 1);
			diagonal = above;
		}
	}
	return row[b.length];
}

static const char *nearest(struct str name)
{
	const char *best = settings[0].name;
	size_t best_distance = SIZE_MAX;
	name = str_part(name, 0, NAME_MAX_BYTES);
	for (size_t i = 0; i < SETTINGS; i++) {
		const size_t apart = distance(name, str_of(settings[i].name));
		if (apart < best_distance) {
			best_distance = apart;
			best = settings[i].name;
		}
	}
	return best;
}

/* The number of a word in a list divided by spaces. */
static bool word_index(const char *words, struct str word, unsigned *out)
{
	struct str rest = str_of(words);
	for (unsigned i = 0; rest.at != NULL; i++) {
		if (str_equal(str_cut(rest, ' ', &rest), word)) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* Puts a value in its member. The text says what would have been right, or is NULL. */
static const char *assign(
	struct config_reader *reader, const struct setting *setting, struct str value)
{
	char *member = (char *)reader->config + setting->offset;
	int64_t number;
	unsigned choice;
	switch (setting->kind) {
	case KIND_TEXT: {
		const char *text = str_copy(reader->arena, value).at;
		memcpy(member, &text, sizeof(text));
		return NULL;
	}
	case KIND_NUMBER:
	case KIND_SECONDS:
		if (!str_to_i64(value, &number) || number < setting->min || number > setting->max)
			return str_format(reader->arena,
				"must be a whole number%s from %lld to %lld",
				setting->kind == KIND_SECONDS ? " of seconds" : "",
				(long long)setting->min, (long long)setting->max)
				.at;
		if (setting->kind == KIND_SECONDS)
			number *= INSTANT_SECOND;
		memcpy(member, &number, sizeof(number));
		return NULL;
	case KIND_FLAG:
	case KIND_CHOICE:
		if (!word_index(setting->words, value, &choice))
			return str_format(reader->arena, "must be one of: %s", setting->words).at;
		if (setting->kind == KIND_FLAG) {
			const bool flag = choice == 1;
			memcpy(member, &flag, sizeof(flag));
		} else {
			memcpy(member, &choice, sizeof(choice));
		}
		return NULL;
	}
	return "is of no kind";
}

static bool complain(struct config_reader *reader, unsigned line, const char *text)
{
	return outcome_fail(
		reader->outcome, OUTCOME_INVALID, STR(""), "%s:%u: %s", reader->file, line, text);
}

static bool is_name(struct str name)
{
	for (size_t i = 0; i < name.length; i++) {
		const char byte = name.at[i];
		if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
			    (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' ||
			    byte == '.'))
			return false;
	}
	return name.length > 0 && name.length <= NAME_MAX_BYTES;
}

static bool is_plain(struct str value)
{
	for (size_t i = 0; i < value.length; i++)
		if ((unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f)
			return false;
	return str_is_utf8(value);
}

static void read_principal(
	struct config_reader *reader, unsigned line, struct str name, struct str value)
{
	if (!is_name(name)) {
		complain(reader, line, "principal.NAME needs a name");
		return;
	}
	if (config_principal(reader->config, name) != NULL) {
		complain(reader, line, "this principal is named twice");
		return;
	}
	struct outcome inner = { .arena = reader->arena };
	const struct json *claims = json_parse(reader->arena, value, PRINCIPAL_NODES_MAX, &inner);
	if (claims == NULL || claims->type != JSON_OBJECT) {
		complain(reader, line, "the claims of a principal are one JSON object on one line");
		return;
	}
	struct config_principal *principal = arena_alloc(reader->arena, sizeof(*principal));
	principal->name = str_copy(reader->arena, name);
	principal->claims = str_copy(reader->arena, value);
	principal->next = reader->config->principals;
	reader->config->principals = principal;
}

static void read_setting(
	struct config_reader *reader, unsigned line, struct str name, struct str value)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		if (!str_is(name, settings[i].name))
			continue;
		if (reader->lines[i] != 0) {
			complain(reader, line,
				str_format(reader->arena, "\"%s\" was said in line %u already",
					settings[i].name, reader->lines[i])
					.at);
			return;
		}
		reader->lines[i] = line;
		const char *fault = assign(reader, &settings[i], value);
		if (fault != NULL)
			complain(reader, line,
				str_format(reader->arena, "\"%s\" %s", settings[i].name, fault).at);
		return;
	}
	complain(reader, line,
		str_format(reader->arena,
			"there is no setting \"%.*s\"; the nearest is \"%s\" (maalehubd --settings "
			"prints all)",
			STR_ARG(str_part(name, 0, NAME_MAX_BYTES)), nearest(name))
			.at);
}

static void read_line(struct config_reader *reader, unsigned line, struct str text)
{
	text = str_trim(text);
	if (text.length == 0 || text.at[0] == '#')
		return;
	struct str value;
	const struct str name = str_trim(str_cut(text, '=', &value));
	if (value.at == NULL || !is_name(name)) {
		complain(reader, line, "a line is name = value, or a comment after #");
		return;
	}
	value = str_trim(value);
	if (!is_plain(value)) {
		complain(reader, line, "the value is not plain text");
		return;
	}
	if (str_starts(name, STR(PRINCIPAL_PREFIX)))
		read_principal(
			reader, line, str_part(name, PRINCIPAL_PREFIX_LEN, name.length), value);
	else
		read_setting(reader, line, name, value);
}

const struct config *config_read(
	struct arena *arena, const char *name, struct str text, struct outcome *outcome)
{
	struct config_reader reader = { .arena = arena, .file = name, .outcome = outcome };
	reader.config = arena_alloc(arena, sizeof(*reader.config));
	const unsigned before = outcome->errors;
	for (size_t i = 0; i < SETTINGS; i++)
		if (assign(&reader, &settings[i], str_of(settings[i].preset)) != NULL)
			abort(); /* config.tbl contradicts itself; its test shows it */
	struct str rest = text;
	for (unsigned line = 1; rest.at != NULL && rest.length > 0; line++)
		read_line(&reader, line, str_cut(rest, '\n', &rest));
	if (outcome->errors == before)
		config_check(&reader);
	return outcome->errors == before ? reader.config : NULL;
}

/*
 * The whole file, at most `limit` bytes; `secret` ones must be ours alone. Empty slice adds an
 * error.
 */
static struct str slurp(
	struct arena *arena, const char *path, size_t limit, bool secret, struct outcome *outcome)
{
	const struct str none = { 0 };
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat state;
	if (fd < 0 || fstat(fd, &state) != 0) {
		outcome_fail(outcome, OUTCOME_INVALID, STR(""), "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return none;
	}
	const char *fault = NULL;
	if (!S_ISREG(state.st_mode))
		fault = "is no plain file";
	else if (secret && (state.st_mode & 077) != 0)
		fault = "may be read by others than its owner (chmod 600 it)";
	else if ((size_t)state.st_size > limit)
		fault = "is too large";
	char *at = arena_alloc(arena, fault == NULL ? (size_t)state.st_size + 1 : 1);
	size_t length = 0;
	ssize_t got = 1;
	while (fault == NULL && got > 0 && length < (size_t)state.st_size) {
		got = read(fd, at + length, (size_t)state.st_size - length);
		if (got > 0)
			length += (size_t)got;
		else if (got < 0)
			fault = strerror(errno);
	}
	close(fd);
	if (fault == NULL)
		return (struct str){ at, length };
	outcome_fail(outcome, OUTCOME_INVALID, STR(""), "%s: %s", path, fault);
	return none;
}

const struct config *config_load(struct arena *arena, const char *path, struct outcome *outcome)
{
	const struct str text = slurp(arena, path, FILE_MAX_BYTES, false, outcome);
	return text.at == NULL ? NULL : config_read(arena, path, text, outcome);
}

struct str config_secret(struct arena *arena, const struct config *config, struct outcome *outcome)
{
	const struct str secret =
		slurp(arena, config->secret_file, SECRET_MAX_BYTES, true, outcome);
	if (secret.at == NULL || secret.length >= SECRET_MIN_BYTES)
		return secret;
	outcome_fail(outcome, OUTCOME_INVALID, STR(""),
		"%s: holds %zu bytes; at least %zu are needed", config->secret_file, secret.length,
		SECRET_MIN_BYTES);
	return (struct str){ 0 };
}

const struct config_principal *config_principal(const struct config *config, struct str name)
{
	const struct config_principal *principal = config->principals;
	while (principal != NULL && !str_equal(principal->name, name))
		principal = principal->next;
	return principal;
}

void config_print(FILE *out)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *setting = &settings[i];
		fprintf(out, "# %s", setting->text);
		if (setting->kind == KIND_NUMBER || setting->kind == KIND_SECONDS)
			fprintf(out, " (%lld to %lld%s)", (long long)setting->min,
				(long long)setting->max,
				setting->kind == KIND_SECONDS ? " seconds" : "");
		else if (setting->words != NULL)
			fprintf(out, " (one of: %s)", setting->words);
		fprintf(out, "\n%s = %s\n\n", setting->name, setting->preset);
	}
	fprintf(out,
		"# the claims a development principal's token would have had, as one line of JSON\n"
		"# principal.NAME = {...}\n");
}
