/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_MIGRATIONS_H
#define STORAGE_MIGRATIONS_H

#include <stddef.h>

/* A file of storage/migrations, cut into its statements. The array is made at build (tools/build/migrations2c.py). */
struct migration {
	unsigned number;
	const char *name;
	const char *checksum; /* SHA-256 of the file, hexadecimal */
	const char *const *statements;
	size_t count;
};

/* In order of number, from 1. */
extern const struct migration migrations[];
extern const size_t migration_count;

/* Run at every `maalehub migrate`: before makes the table hub.migration, after the partitions of the access log. */
extern const struct migration migration_before, migration_after;

#endif
