/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_PERIOD_H
#define FHIR_PERIOD_H

#include "fhir/base/instant.h"
#include "fhir/base/json.h"

/* What a Period goes over; without one of its ends it goes on for ever that way (INSTANT_MIN, INSTANT_MAX). False where it has neither. Only low and high are told. */
bool period_span(const struct json *period, struct zone zone, struct span *out);

/* The outer limits of a Timing, its events and its boundsPeriod together, whatever it says of what lies between (FHIR R4 search, date). False where it has none. */
bool timing_span(const struct json *timing, struct zone zone, struct span *out);

#endif
