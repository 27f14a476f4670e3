/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_HTTP_REFUSAL_H
#define SERVER_HTTP_REFUSAL_H

#include <h2o.h>

/* Makes OperationOutcomes of what the library refuses by itself below that path. */
void http_refusal_register(h2o_pathconf_t *path);

#endif
