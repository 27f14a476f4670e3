/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_FORM_H
#define FHIR_FORM_H

#include "fhir/base/buf.h"

/*
 * A name or value of application/x-www-form-urlencoded, strictly: two hexadecimal digits behind every '%', no bare blank or control byte, and what
 * comes out is UTF-8 without U+0000. False where it is not; *out on the arena.
 */
bool form_decode(struct arena *arena, struct str text, struct str *out);

/* The text so encoded that form_decode() gives it back; letters, digits and -._~:,| stand as they are. */
void form_encode(struct buf *buf, struct str text);

/* A time whose '+' nobody encoded, so that a blank stands before the hours of its zone (HAPI's client sends _since so): with the '+'. Anything else as it is. */
struct str form_time(struct arena *arena, struct str text);

#endif
