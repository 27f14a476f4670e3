/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What all loops share. */
#include "server/loop.h"

#include <time.h>

#include "server/keys.h"

instant hub_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (instant)now.tv_sec * INSTANT_SECOND + now.tv_nsec / 1000;
}

struct rules *hub_rules(struct hub *hub)
{
	pthread_mutex_lock(&hub->rules_lock);
	struct rules *rules = hub->rules == NULL ? NULL : rules_hold(hub->rules);
	pthread_mutex_unlock(&hub->rules_lock);
	return rules;
}

void hub_rules_swap(struct hub *hub, struct rules *rules)
{
	struct rules *old = rules;
	pthread_mutex_lock(&hub->rules_lock);
	if (hub->rules == NULL || rules->version > hub->rules->version) {
		old = hub->rules;
		hub->rules = rules;
	}
	pthread_mutex_unlock(&hub->rules_lock);
	if (old != NULL)
		rules_drop(&old);
}

instant hub_ticked(struct hub *hub)
{
	instant oldest = INSTANT_MAX;
	for (unsigned i = 0; i < hub->loop_count; i++) {
		const instant ticked = hub->loops[i]->ticked;
		if (ticked < oldest)
			oldest = ticked;
	}
	return oldest;
}

bool hub_ready(struct hub *hub, const char **why_out)
{
	*why_out = NULL;
	if (hub->stopping)
		*why_out = "stopping";
	else if (!hub->open)
		*why_out = "isolation not yet checked";
	else if (!keys_ready(hub->keys))
		*why_out = "no keys of an issuer";
	for (unsigned i = 0; i < hub->loop_count && *why_out == NULL; i++)
		if (!hub->loops[i]->db_is_ready)
			*why_out = "database away";
	if (*why_out != NULL)
		return false;
	struct rules *rules = hub_rules(hub);
	if (rules == NULL) {
		*why_out = "rules not yet loaded";
		return false;
	}
	rules_drop(&rules);
	return true;
}
