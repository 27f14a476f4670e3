/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_DEV_H
#define SERVER_DEV_H

#include "authz/seal.h"
#include "server/config.h"

struct session;

/* The principals of the development door, read once at start from the claims in the configuration by the code that judges tokens. */
struct dev;

/* NULL adds an error that names the principal. `now`: the age of an attest with a toa is judged at start. */
struct dev *dev_new(
	const struct config *config, const struct seal *seal, instant now, struct outcome *outcome);
void dev_free(struct dev **dev);
/* The session of a principal (the configuration's dev_principal when name is empty), or NULL. Shared by all loops. */
struct session *dev_find(const struct dev *dev, struct str name);

#endif
