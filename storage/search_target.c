/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Provenances by what they are of: the ids of readings lead to those that messages made, without a walk through all a patient has. */
#include "storage/search_bind.h"

void search_find_targets(const struct seal *seal, struct finding *finding)
{
	const struct search_condition *condition = search_targets(finding->search->search);
	if (condition == NULL)
		return;
	finding->targets = arena_array(
		finding->search->call.arena, condition->count, sizeof(*finding->targets));
	finding->by_target = true;
	for (size_t i = 0; i < condition->count; i++)
		finding->target_count += seal_resource_open(seal, condition->values[i].reference.id,
			TYPE_OBSERVATION, &finding->targets[finding->target_count]);
}
