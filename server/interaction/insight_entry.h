/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_INSIGHT_ENTRY_H
#define SERVER_INTERACTION_INSIGHT_ENTRY_H

#include "authz/rules.h"
#include "fhir/base/buf.h"
#include "storage/access_log.h"

/*
 * A row of the log as the citizen reads it: names instead of numbers, Norwegian words beside the codes. Nothing of the sealed national id of
 * the one who looked comes near it: only the members named here are written.
 * Members alone, without braces.
 */
void insight_members(struct arena *arena, struct buf *buf, const struct rules *rules,
	const struct log_entry *entry);
/* The same as one object. */
void insight_entry(struct arena *arena, struct buf *buf, const struct rules *rules,
	const struct log_entry *entry);

#endif
