/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_PERMIT_H
#define SERVER_PERMIT_H

#include "server/exchange.h"

/* Takes the newest snapshot of the rules for the exchange and judges the caller by it: tenant and client are of that snapshot. */
bool permit_judge(struct exchange *exchange, struct outcome *outcome);

#endif
