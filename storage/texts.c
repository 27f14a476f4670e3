/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/texts.h"

/* Numbers are given in order, so pages of them fill up one after the other. */
#define PAGE_TEXTS 1024
#define PAGES      4096
#define TEXT_ARENA ((size_t)64 << 20)

struct texts {
	struct arena *arena;
	struct str *pages[PAGES];
};

struct texts *texts_new(void)
{
	struct arena *arena = arena_new(TEXT_ARENA);
	struct texts *texts = arena_alloc(arena, sizeof(*texts));
	texts->arena = arena;
	return texts;
}

void texts_close(struct texts *texts)
{
	struct arena *arena = texts->arena;
	arena_free(&arena);
}

bool text_find(const struct store *store, int32_t code, struct str *out)
{
	if (code <= 0) {
		*out = STR("");
		return true;
	}
	const struct texts *texts = store->texts;
	const uint32_t page = (uint32_t)code / PAGE_TEXTS;
	if (page >= PAGES || texts->pages[page] == NULL)
		return false;
	*out = texts->pages[page][code % PAGE_TEXTS];
	return out->at != NULL;
}

static void remember(struct texts *texts, int32_t code, struct str text)
{
	const uint32_t page = (uint32_t)code / PAGE_TEXTS;
	/* Full: those that are not kept are asked for each time. */
	if (code <= 0 || page >= PAGES || arena_used(texts->arena) > TEXT_ARENA / 8 * 7)
		return;
	if (texts->pages[page] == NULL)
		texts->pages[page] = arena_array(texts->arena, PAGE_TEXTS, sizeof(struct str));
	struct str *slot = &texts->pages[page][code % PAGE_TEXTS];
	if (slot->at == NULL)
		*slot = str_copy(texts->arena, text);
}

void texts_came(void *context, const struct db_rows *rows)
{
	struct store *store = context;
	for (unsigned i = 0; i < db_row_count(rows); i++)
		remember(store->texts, (int32_t)db_get_int(rows, i, 0), db_get_bytes(rows, i, 1));
}
