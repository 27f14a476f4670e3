/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_HEAD_H
#define SERVER_HEAD_H

#include "fhir/base/str.h"

/*
 * The head of an HTTP/1 request, which libh2o 2.2.5 reads too kindly: of two lengths or two hosts it takes one, beside Transfer-Encoding it overlooks a length, and a folded line it drops. A proxy before the hub that
 * takes the other has one caller's bytes read as the next one's request (RFC 9112 sections 3.2, 5.1, 5.2, 6.1 and 6.3).
 *
 * `input` begins with the request line; what stands behind the empty line is not looked at. NULL: sound; else what is wrong, for the client: the request is refused, and its connection closed.
 */
const char *head_fault(struct str input);

#endif
