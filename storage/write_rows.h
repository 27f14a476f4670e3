/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_WRITE_ROWS_H
#define STORAGE_WRITE_ROWS_H

#include "storage/write_private.h"

/* A group's readings and log rows as statements of its flight. All are for rows of one tenant, whose SET LOCAL stands before. */

/* write_rows.c */
void rows_new(struct group *group, struct reading **readings, size_t count);
void rows_probe(struct group *group, struct reading **readings, size_t count);
void rows_known(struct group *group, struct reading **readings, size_t count);
void rows_asking(struct group *group, struct reading **readings, size_t count);
void rows_version(struct group *group, struct reading *reading);
void rows_version_terms(struct group *group, struct reading *reading);
/* Components of readings that were just stored or changed. */
void rows_terms(struct group *group, struct reading **readings, size_t count);
void rows_locator(struct group *group, struct reading **readings, size_t count);
void rows_uploads(struct group *group, uint32_t tenant);

/* write_change.c: an UPDATE or DELETE, whose answer makes it DONE or REFUSED; and, when it is DONE, its keys and components. */
void rows_change(struct group *group, struct reading *reading);
void rows_change_more(struct group *group, struct reading *reading);
/* Is a change of the group refused? */
bool group_is_refused(const struct group *group);

struct locator_key locator_key(const struct reading *reading, instant at);
/* The locator tells of measurements; their devices come with them. */
bool is_located(const struct reading *reading);

/* write_replace.c: is the row that the probe found for the reading deleted by its own write? Then its identities go over to the reading. */
bool is_replacing(struct group *group, const struct reading *reading);
void rows_replace(struct group *group, struct reading *reading);

/* write_quarantine.c: what the tenant's jobs keep aside, or are done with */
void rows_quarantine(struct group *group, uint32_t tenant);

/* write_log.c */
void log_collect(struct group *group);
void log_contexts(struct group *group);
void log_lines(struct group *group, const struct log_line *lines, size_t count);

#endif
