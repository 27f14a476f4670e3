/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_RULES_LOAD_H
#define SERVER_RULES_LOAD_H

struct exchange;

/*
 * Has the newest rules loaded, once for all exchanges of the loop that ask meanwhile, and holds the exchange until then. Take
 * the snapshot anew with hub_rules() afterwards: where the database was away it is still the old one.
 */
void rules_load(struct exchange *exchange);

#endif
