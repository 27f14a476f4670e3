/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tools/load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "fhir/base/arena.h"

static struct str read_file(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		fprintf(stderr, "maalehub-load: cannot read %s\n", path);
		exit(2);
	}
	struct buf text = buf_new(arena, 1 << 16, 1 << 30);
	char piece[65536];
	for (size_t n = fread(piece, 1, sizeof(piece), file); n > 0;
		n = fread(piece, 1, sizeof(piece), file))
		buf_add(&text, (struct str){ piece, n });
	fclose(file);
	return buf_str(&text);
}

static int by_size(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double percentile(const struct load_result *result, double share)
{
	return result->micros_count == 0
		       ? 0
		       : result->micros[(size_t)(share * (double)(result->micros_count - 1))] /
				 1000.0;
}

static void report(const struct load *load, struct load_result *result)
{
	qsort(result->micros, result->micros_count, sizeof(*result->micros), by_size);
	const unsigned readings = load->kind == LOAD_BUNDLE ? load->bundle_size : 1;
	printf("{\"requests\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"rate\":%.1f,\"readings_"
	       "rate\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"load_cpu_us_per_request\":%.1f,\"first_bad_status\":%d}\n",
		(unsigned long long)result->requests, (unsigned long long)result->failed,
		result->seconds, (double)result->requests / result->seconds,
		(double)result->requests * readings / result->seconds, percentile(result, 0.50),
		percentile(result, 0.99),
		result->requests == 0 ? 0 : result->cpu_seconds * 1e6 / (double)result->requests,
		result->first_bad_status);
	if (result->failed > 0)
		fprintf(stderr, "maalehub-load: first bad answer: HTTP %d %.400s\n",
			result->first_bad_status, result->first_bad_body);
	if (load->ids_out != NULL) {
		FILE *file = fopen(load->ids_out, "we");
		if (file != NULL) {
			fwrite(result->ids.at, 1, result->ids.length, file);
			fclose(file);
		}
	}
}

static void usage(void)
{
	fputs("maalehub-load --kind bundle|create|read|search --url BASE [--connections 1] [--open "
	      "16] [--seconds 10] [--requests N]\n"
	      "              [--people 1000] [--size 100] [--note 0] [--seed N] [--ca FILE] "
	      "[--token FILE "
	      "--key FILE] [--principal NAME]\n"
	      "              [--ids FILE] [--ids-out FILE]\n"
	      "Requests of one kind over HTTP/2 (h2c for http://), a fixed number open at a time; "
	      "prints one line of JSON.\n",
		stderr);
	exit(2);
}

static void split_base(struct load *load, struct arena *arena)
{
	struct str rest = load->base, port;
	load->tls = str_starts(rest, STR("https://"));
	rest = str_part(rest, load->tls ? 8 : 7, rest.length);
	load->host = str_copy(arena, str_cut(rest, ':', &port));
	load->port = str_copy(arena, port);
	if (load->port.length == 0)
		usage();
}

static void read_ids(struct load *load, struct arena *arena, const char *path)
{
	struct str rest = read_file(arena, path);
	load->ids = arena_array(arena, rest.length / 20 + 1, sizeof(*load->ids));
	while (rest.length > 0) {
		struct str line = str_cut(rest, '\n', &rest);
		if (line.length > 0)
			load->ids[load->id_count++] = line;
	}
}

static void read_key(struct load *load, struct arena *arena, const char *path)
{
	struct outcome outcome = { .arena = arena };
	load->key = jose_key_from_pem(read_file(arena, path), &outcome);
	if (load->key == NULL)
		usage();
	load->jwk = jose_key_to_jwk(arena, load->key);
}

static bool take(struct load *load, struct arena *arena, const char *name, const char *value)
{
	static const char *const kinds[] = { "bundle", "create", "read", "search" };
	if (strcmp(name, "kind") == 0) {
		for (unsigned i = 0; i < 4; i++)
			if (strcmp(value, kinds[i]) == 0)
				load->kind = (enum load_kind)i;
	} else if (strcmp(name, "url") == 0)
		load->base = str_of(value);
	else if (strcmp(name, "connections") == 0)
		load->connections = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "open") == 0)
		load->open = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "seconds") == 0)
		load->seconds = strtod(value, NULL);
	else if (strcmp(name, "requests") == 0)
		load->requests_max = strtoull(value, NULL, 10);
	else if (strcmp(name, "people") == 0)
		load->people = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "size") == 0)
		load->bundle_size = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "note") == 0)
		load->note = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "seed") == 0)
		load->seed = strtoull(value, NULL, 10);
	else if (strcmp(name, "ca") == 0)
		load->ca = value;
	else if (strcmp(name, "token") == 0)
		load->token = str_trim(read_file(arena, value));
	else if (strcmp(name, "key") == 0)
		read_key(load, arena, value);
	else if (strcmp(name, "principal") == 0)
		load->principal = str_of(value);
	else if (strcmp(name, "ids") == 0)
		read_ids(load, arena, value);
	else if (strcmp(name, "ids-out") == 0)
		load->ids_out = value;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_new((size_t)2 << 30);
	struct load load = {
		.connections = 1, .open = 16, .seconds = 10, .people = 1000, .bundle_size = 100
	};

	for (int i = 1; i < argc; i += 2)
		if (i + 1 >= argc || argv[i][0] != '-' || argv[i][1] != '-' ||
			!take(&load, arena, argv[i] + 2, argv[i + 1]))
			usage();
	if (load.base.length == 0 || load.people == 0 || load.connections == 0 || load.open == 0 ||
		(load.kind == LOAD_READ && load.id_count == 0) ||
		(load.token.length > 0 && load.key == NULL))
		usage();
	split_base(&load, arena);
	struct load_result result = { .ids = buf_new(arena, 1 << 16, (size_t)1 << 30) };
	if (!load_run(&load, &result))
		return 1;
	report(&load, &result);
	return result.failed == 0 ? 0 : 1;
}
