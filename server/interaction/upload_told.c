/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What an upload's entry is told of what became of it. */
#include "server/interaction/upload.h"

#include "server/interaction/change.h"
#include "server/loop.h"

void upload_explain(struct upload_entry *entry)
{
	const char *rest = NULL;
	const char *const what = entry->observation.type == TYPE_OBSERVATION
					 ? "measurement"
					 : resource_type_name(entry->observation.type);
	switch (entry->written->fate) {
	case WRITE_CREATED:
		return;
	case WRITE_KNOWN:
		rest = "; it was not stored again";
		break;
	case WRITE_VERSIONED:
		rest = " with another value; this is a new version";
		break;
	case WRITE_GONE:
		outcome_warn(&entry->outcome, OUTCOME_GONE, entry->expression,
			"this %s was deleted here; it was not stored again", what);
		return;
	case WRITE_BESIDE:
		outcome_warn(&entry->outcome, OUTCOME_CONFLICT, entry->expression,
			"another value with the same device, code and time is stored; both are "
			"kept");
		return;
	case WRITE_UPDATED:
	case WRITE_UNCHANGED:
	case WRITE_DELETED:
	case WRITE_CONFLICT:
	case WRITE_CLASH:
	case WRITE_MOVED:
		return; /* never of what is told */
	}
	outcome_at(&entry->outcome, SEVERITY_INFORMATION, OUTCOME_DUPLICATE,
		(struct hl7_place){ 0 }, "this %s was stored before%s", what, rest);
}

int upload_status(const struct upload_entry *entry)
{
	if (entry->written->mode != WRITE_CREATE)
		return change_status(entry->written);
	switch (entry->written->fate) {
	case WRITE_CREATED:
	case WRITE_BESIDE:
		return 201;
	case WRITE_KNOWN:
	case WRITE_VERSIONED:
	case WRITE_UPDATED:
	case WRITE_UNCHANGED:
	case WRITE_DELETED:
	case WRITE_GONE:
		return 200;
	case WRITE_CONFLICT:
	case WRITE_CLASH:
	case WRITE_MOVED:
		break;
	}
	return 500;
}

struct str upload_id(struct exchange *exchange, const struct upload_entry *entry)
{
	char *id = arena_alloc(exchange->arena, 27);
	seal_resource_id(exchange->loop->hub->seal, &entry->written->key, id);
	return str_of(id);
}
