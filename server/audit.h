/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_AUDIT_H
#define SERVER_AUDIT_H

#include "server/context.h"
#include "server/exchange.h"

/*
 * A new row of the access log for AUDIT to write, filled with who looks and this request; the caller fills in the patient, the controller, what it is about and what became
 * of it. Valid until the next row.
 */
struct log_row *audit_row(struct exchange *exchange, enum log_op op, enum resource_type type);

/*
 * Where a write's rows were made before its fates were known, an interaction makes them anew when they are: this moves the bodies of the `count` rows made since to `rows`, one for one in the same order,
 * and leaves AUDIT none of them to write.
 */
void audit_reword(struct exchange *exchange, struct log_row *rows, size_t count);

/* What every row's detail says of the request. */
struct log_detail audit_detail(const struct exchange *exchange);

/* The correlation id of the request, taken at first use. False adds BUSY: there is none yet. */
bool audit_correlate(struct exchange *exchange, struct outcome *outcome);

/* Why something was refused, in a word for the log: the FHIR issue code of the first error (outcome.tbl). NULL without errors. Never its text, which may repeat what was sent. */
const char *audit_reason(const struct outcome *outcome);

/* Is this a refusal worth a row: something that was decided, not the database being away? */
bool audit_is_refusal(const struct outcome *outcome);

#endif
