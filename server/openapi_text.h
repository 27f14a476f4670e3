/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_OPENAPI_TEXT_H
#define SERVER_OPENAPI_TEXT_H

#include <stddef.h>

/* openapi/hub.json, embedded at build. */
extern const char openapi_text[];
extern const size_t openapi_length;

#endif
