/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_PATIENT_H
#define SERVER_INTERACTION_PATIENT_H

#include "server/exchange.h"

/* The number of a patient where the attest names it; else NULL: it comes back to nobody else. */
const struct national_id *patient_named(
	const struct exchange *exchange, const struct person_key *key);
/* The stub of a Patient, on the arena; without its number where that is NULL. */
struct str patient_render(
	struct exchange *exchange, struct str id, const struct national_id *number);

#endif
