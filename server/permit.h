/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_PERMIT_H
#define SERVER_PERMIT_H

#include "server/exchange.h"

/*
 * May the caller use this route, by the newest rules? True: the exchange holds that snapshot, and its tenant and client are of it. False adds FORBIDDEN or SUPPRESSED, or BUSY where no rules have been read yet; the
 * exchange then keeps the snapshot it had, if any, in which the tenant that AUDIT names stands.
 */
bool permit_judge(struct exchange *exchange, struct outcome *outcome);

#endif
