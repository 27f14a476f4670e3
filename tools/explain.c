/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* `maalehub pcd01 explain`: what the hub makes of a message, on a machine without a hub. */
#include "fhir/hl7/explain.h"
#include "fhir/hl7/sentinel.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "fhir/base/arena.h"
#include "tools/command.h"

#define MEMORY_MAX ((size_t)512 << 20)
#define TEXT_MAX   ((size_t)64 << 20)
#define NOT_READ   3

static bool read_file(struct command_line *line, const char *path, struct str *out)
{
	FILE *const file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	/* A byte more than a message may have, so that the parser says that it is too long. */
	const size_t most = ER7_BYTES_MAX + 1;
	if (file == NULL)
		return outcome_fail(line->outcome, OUTCOME_NOT_FOUND, STR(""),
			"%s cannot be opened: %s", path, strerror(errno));
	char *const bytes = arena_alloc(line->arena, most);
	*out = (struct str){ bytes, fread(bytes, 1, most, file) };
	const bool failed = ferror(file) != 0;
	if (file != stdin)
		fclose(file);
	if (failed)
		return outcome_fail(
			line->outcome, OUTCOME_NOT_FOUND, STR(""), "%s cannot be read", path);
	return true;
}

/* As a hub would have it: in production real patients, else synthetic ones; a zone only where one is agreed. */
static bool read_policy(struct command_line *line, struct pcd01_policy *out)
{
	const char *const zone = command_option(line, "zone");
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	*out = (struct pcd01_policy){ .zone = { .oslo = true }, .zone_known = zone != NULL };
	out->production = command_flag(line, "production");
	out->national = out->production ? NATIONAL_REAL : NATIONAL_SYNTHETIC;
	out->now = now.tv_sec * INSTANT_SECOND + now.tv_nsec / 1000;
	const char *const sentinels = command_option(line, "sentinels");
	out->sentinels = str_of(sentinels == NULL ? "" : sentinels);
	if (!sentinel_is_list(out->sentinels))
		return outcome_fail(line->outcome, OUTCOME_VALUE, STR(""),
			"--sentinels is a list of [CODE:][<|>]NUMBER");
	if (zone != NULL && !zone_parse(str_of(zone), &out->zone))
		return outcome_fail(line->outcome, OUTCOME_VALUE, STR(""),
			"--zone is Europe/Oslo, UTC, +hh:mm or -hh:mm");
	return true;
}

static int exit_code(enum pcd01_tier tier)
{
	switch (tier) {
	case PCD01_ACCEPTED:
		return 0;
	case PCD01_WARNED:
		return 1;
	case PCD01_QUARANTINED:
		return 4;
	case PCD01_REFUSED:
		break;
	}
	return 2;
}

static bool explain(struct command_line *line, struct str bytes, const struct pcd01_policy *policy)
{
	struct arena *arena = arena_new(MEMORY_MAX);
	struct buf text = buf_new(arena, 64 * 1024, TEXT_MAX);
	line->status = exit_code(explain_write(&text, bytes, policy));
	const bool whole = !text.full && !arena_full(arena);
	const bool written = whole && fwrite(text.at, 1, text.length, stdout) == text.length &&
			     fflush(stdout) == 0;
	arena_free(&arena);
	if (!written)
		line->status = NOT_READ;
	if (!whole)
		return outcome_fail(line->outcome, OUTCOME_TOO_LARGE, STR(""),
			"the message says more than can be explained");
	return written;
}

bool command_pcd01_explain(struct command_line *line)
{
	const char *const path = command_word(line, 0);
	struct pcd01_policy policy;
	struct str bytes;
	line->status = NOT_READ;
	if (path == NULL)
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR(""),
			"FILE is missing (maalehub --help)");
	if (!read_policy(line, &policy) || !read_file(line, path, &bytes))
		return false;
	return explain(line, bytes, &policy);
}
