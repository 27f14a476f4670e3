/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_PATIENT_H
#define SERVER_INTERACTION_PATIENT_H

#include "server/exchange.h"

/* The number of a patient where the attest names it; else NULL: it comes back to nobody else. */
const struct national_id *patient_named(
	const struct exchange *exchange, const struct person_key *key);
/* The person of the path's Patient id. False adds an error: it is none of ours. Every valid number has one, so this tells of nobody. */
bool patient_open(struct exchange *exchange, struct person_key *out);
/* The id by which a person is a Patient here, whether known or not; on the arena. */
struct str patient_id(struct exchange *exchange, const struct person_key *key);
/* The same of a number. */
struct str patient_id_of(struct exchange *exchange, const struct national_id *number);
/* The stub of a Patient as it is asked for (patient_stub_write()), on the arena. */
struct str patient_render(struct exchange *exchange, const struct presentation *presentation,
	struct str id, const struct national_id *number);
/* AUDIT of a look at a Patient that succeeded: one row about the person who is asked for, and about nobody where the hub does not know that person. None after an error, nor where the id was none. */
void patient_audit(struct exchange *exchange, enum log_op op);

#endif
