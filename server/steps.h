/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_STEPS_H
#define SERVER_STEPS_H

#include "server/exchange.h"

/* The functions of steps.tbl. Each is called by exchange_run() alone. */
#define STEP(name, function) void function(struct exchange *exchange);
#include "server/steps.tbl"
#undef STEP

#endif
