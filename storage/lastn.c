/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * $lastn: the statement gives the newest of each code of each part of the grant; here those of codes that mean one thing, of all controllers, become one group.
 */
#include <stdlib.h>

#include "fhir/base/json.h"
#include "storage/pack.h"
#include "storage/search_bind.h"

/* The tree of one resource; a body has at most 1 MiB. */
#define TREE_ARENA ((size_t)64 << 20)
#define TREE_NODES 200000
/* No code has such a number. */
#define OF_WORDS ((uint64_t)1 << 63)

/* Words without differences of case (ASCII and Latin-1's letters: all of Norwegian's) and spaces. Accents stay: they are other words. */
static struct str plain_words(struct arena *arena, struct str text)
{
	char *to = arena_bytes(arena, text.length + 1);
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++) {
		unsigned char byte = (unsigned char)text.at[i];
		const bool latin = i > 0 && (unsigned char)text.at[i - 1] == 0xc3;
		if (byte <= ' ') {
			if (length > 0 && to[length - 1] != ' ')
				to[length++] = ' ';
			continue;
		}
		if ((byte >= 'A' && byte <= 'Z') ||
			(latin && byte >= 0x80 && byte <= 0x9e && byte != 0x97))
			byte = (unsigned char)(byte + 0x20);
		to[length++] = (char)byte;
	}
	if (length > 0 && to[length - 1] == ' ')
		length--;
	return (struct str){ to, length };
}

uint64_t last_words(const struct found *found)
{
	struct arena *arena = arena_new(TREE_ARENA);
	struct outcome outcome = { .arena = arena };
	uint8_t digest[32] = { 0 };
	struct str body;
	const struct json *json = NULL;
	if (pack_open(arena, found->pack, found->packed, &body))
		json = json_parse(arena, body, TREE_NODES, &outcome);
	seal_sha256(plain_words(arena, json_text(json_get(json, "code"), "text")), digest);
	uint64_t number;
	memcpy(&number, digest, sizeof(number));
	arena_free(&arena);
	return number | OF_WORDS;
}

/* By leading code; within it newest first. */
static int order(const struct store_place *one, const struct store_place *two)
{
	if (one->canon != two->canon)
		return one->canon < two->canon ? -1 : 1;
	if (one->time_low != two->time_low)
		return one->time_low > two->time_low ? -1 : 1;
	return (one->id < two->id) - (one->id > two->id);
}

static int in_order(const void *a, const void *b)
{
	const struct store_place one = store_place_of(&((const struct found *)a)->row);
	const struct store_place two = store_place_of(&((const struct found *)b)->row);
	return order(&one, &two);
}

static bool is_before(const struct store_search *search, const struct found *found)
{
	const struct store_place place = store_place_of(&found->row);
	return search->has_after && order(&place, &search->after) <= 0;
}

void last_cut(struct finding *finding)
{
	struct store_search *search = finding->search;
	struct founds *founds = &finding->founds;
	size_t kept = 0, of_code = 0, bytes = 0;
	if (founds->count > 1)
		qsort(founds->rows, founds->count, sizeof(*founds->rows), in_order);
	search->more = false;
	uint64_t canon = 0;
	for (size_t i = 0; i < founds->count; i++) {
		const struct found *found = &founds->rows[i];
		of_code = i > 0 && found->row.canon == canon ? of_code + 1 : 1;
		canon = found->row.canon;
		if (of_code > search->last || is_before(search, found))
			continue;
		bytes += found_bytes(found);
		if (kept == search->limit || (kept > 0 && bytes > SEARCH_PAGE_BYTES)) {
			search->more = true;
			break;
		}
		founds->rows[kept++] = *found;
	}
	founds->count = kept;
	finding->kept = *founds;
	if (search->more && kept > 0)
		search->next = store_place_of(&founds->rows[kept - 1].row);
}
