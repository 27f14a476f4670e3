/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_ASIDE_H
#define SERVER_INTERACTION_ASIDE_H

#include "server/interaction/pcd01.h"

/*
 * A message of which nothing becomes a reading and which is kept for the operator all the same (PCD01_QUARANTINED): it goes the way of an upload, to the patient's controller, with a row
 * in the access log, and is answered as an error that says so.
 */

/* What becomes of the message's bytes besides its readings, if anything: its rows are held, all or some, or it is one that was released. */
struct store_keep aside_keep(const struct exchange *exchange, const struct pcd01 *message,
	struct str bytes, bool is_utf8);

/* RESOLVE: asks for the message's patient, and makes one that is not known where the sender is a controller; for nobody where the message names none. */
void aside_who(struct exchange *exchange, struct pcd01_work *work);
/* DECIDE: work->grant, or a refusal in the exchange's outcome. */
void aside_decide(struct exchange *exchange, struct pcd01_work *work);
/* STORE: keeps the bytes and the log row in one write; yields until it is committed. */
void aside_store(struct exchange *exchange, struct pcd01_work *work);
/* RESPOND: fills work->told with what pcd01_read() said, and the number the message is kept under; marks the response and counts it (METRIC_QUARANTINE_KEPT). */
void aside_tell(struct exchange *exchange, struct pcd01_work *work);
/* The same number in the warnings of a message of which only some rows are held. */
void aside_tell_part(struct exchange *exchange, const struct pcd01_work *work);

#endif
