/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Feeds every file of a folder to a fuzz target, whole and cut short at every byte, so that what a fuzzer once found
 * is tried in each build. `replay_NAME FOLDER`; a folder without files is a failure.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX   (1 << 20)
#define PREFIX_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From memory of its exact size: a sanitizer then sees a read past the end. */
static void feed(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);
	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static bool replay(const char *path)
{
	static uint8_t data[FILE_MAX];
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return false;
	const size_t size = fread(data, 1, sizeof(data), file);
	const bool whole = ferror(file) == 0 && size < sizeof(data);
	fclose(file);
	for (size_t cut = 0; whole && cut < size && cut < PREFIX_MAX; cut++)
		feed(data, cut);
	if (whole)
		feed(data, size);
	return whole;
}

int main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	if (folder == NULL) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 1;
	}
	unsigned files = 0, failures = 0;
	for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
		char path[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		files++;
		if (!replay(path)) {
			fprintf(stderr, "%s: cannot be read, or too large\n", path);
			failures++;
		}
	}
	closedir(folder);
	printf("%u files\n", files);
	return files > 0 && failures == 0 ? 0 : 1;
}
