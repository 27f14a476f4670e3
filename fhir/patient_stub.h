/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_PATIENT_STUB_H
#define FHIR_PATIENT_STUB_H

#include "fhir/national.h"
#include "fhir/presentation.h"

/*
 * The Patient that the hub shows: its id and, where the caller named it, its national identifier; there is no more to tell. Without what _summary or _elements leaves out,
 * and then tagged SUBSETTED. `known` may be NULL.
 */
void patient_stub_write(struct buf *buf, const struct presentation *presentation, struct str id,
	const struct national_id *known);

#endif
