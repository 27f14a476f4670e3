/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdio.h>

#include "fhir/base/instant.h"
#include "fhir/base/outcome.h"
#include "fhir/base/str.h"
#include "server/networks.h"

/* Values of the settings that are a choice, in the order of config.tbl. */
enum environment { ENVIRONMENT_PRODUCTION, ENVIRONMENT_TEST, ENVIRONMENT_DEVELOPMENT };

/* A principal of the development door: the claims a token would have had. */
struct config_principal {
	struct config_principal *next;
	struct str name, claims; /* claims: a JSON object, checked */
};

/*
 * The configuration: one member for each row of config.tbl, under the row's name. TEXT and PATH are
 * never NULL (empty: not set), SECONDS are microseconds, CHOICE is the number of the word. Read
 * once, never changed; lives on the arena of config_read().
 */
struct config {
#define TEXT                               const char *
#define PATH                               const char *
#define NUMBER(min, max)                   int64_t
#define SECONDS(min, max)                  instant
#define FLAG                               bool
#define CHOICE(words)                      unsigned
#define SETTING(name, type, default, text) type name;
#include "server/config.tbl"
#undef SETTING
#undef CHOICE
#undef FLAG
#undef SECONDS
#undef NUMBER
#undef PATH
#undef TEXT
	struct config_principal *principals;
	struct zone zone_parsed;    /* `zone` */
	struct networks operations; /* `operations_from` */
};

/*
 * Reads `text`, which stood in the file `name`: lines `name = value`, empty lines, and comments
 * from # at the start of a line. NULL adds an error for each fault: unknown key (with the nearest
 * known one), said twice, malformed, out of range, or at odds with another setting; each text
 * begins name:line.
 */
const struct config *config_read(
	struct arena *arena, const char *name, struct str text, struct outcome *outcome);

/* config_read() of a file of at most 1 MiB. */
const struct config *config_load(struct arena *arena, const char *path, struct outcome *outcome);

/*
 * The bytes of secret_file: at least 32, in a plain file that neither group nor others may read.
 * Empty slice adds an error.
 */
struct str config_secret(struct arena *arena, const struct config *config, struct outcome *outcome);

/* The development principal of that name, or NULL. */
const struct config_principal *config_principal(const struct config *config, struct str name);

/* Every key with its default and text, as a configuration file that says nothing. */
void config_print(FILE *out);

/* host:port, [v6]:port. False when not of that shape. */
bool config_address(
	struct arena *arena, struct str text, const char **host_out, const char **port_out);

/*
 * localhost, 127.0.0.0/8 or ::1, with or without brackets: a name that only this machine answers
 * to.
 */
bool config_is_loopback(struct str host);

#endif
