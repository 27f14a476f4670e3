/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_TEXTS_H
#define STORAGE_TEXTS_H

#include "storage/store_private.h"

/* The way back from a concept's number to its text. A number never changes its meaning, so what was seen once is kept; bounded. */

/* False when the number is not known here (yet). Number 0 is the empty text. */
bool text_find(const struct store *store, int32_t code, struct str *out);
/* Remembers the answer of SQL_CODE_TEXT; context is the store. */
void texts_came(void *context, const struct db_rows *rows);

#endif
