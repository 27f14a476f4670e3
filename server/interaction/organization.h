/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_ORGANIZATION_H
#define SERVER_INTERACTION_ORGANIZATION_H

#include "server/exchange.h"

/* The organisation of that number, as its FHIR id or identifier has it; NULL where the hub has none that is active. */
const struct tenant *organization_find(const struct rules *rules, struct str id);
/* Its FHIR id, and the resource as the caller wants it. On the arena. */
struct str organization_id(struct arena *arena, const struct tenant *tenant);
struct str organization_render(struct exchange *exchange, const struct tenant *tenant,
	const struct presentation *presentation);

#endif
