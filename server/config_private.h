/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_CONFIG_PRIVATE_H
#define SERVER_CONFIG_PRIVATE_H

#include "server/config.h"

/* Which row of config.tbl. */
enum setting_index {
#define SETTING(name, type, default, text) SETTING_##name,
#include "server/config.tbl"
#undef SETTING
	SETTINGS
};

/* Where what stood, for the texts of errors. */
struct config_reader {
	struct arena *arena;
	const char *file;
	unsigned lines[SETTINGS]; /* 0: not said */
	struct config *config;
	struct outcome *outcome;
};

/*
 * What no single line shows: settings that need or exclude each other. Adds an error for each
 * fault.
 */
void config_check(struct config_reader *reader);

#endif
