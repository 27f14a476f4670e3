/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BASE_DECIMAL_H
#define FHIR_BASE_DECIMAL_H

#include "fhir/base/str.h"

/* FHIR R4 decimal: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?, at most 18 digits and zeros behind them, exponent within +-250 (R4's own example has 1.000000000000000000e-245). */
bool decimal_is_valid(struct str text);

/*
 * The interval the written precision leaves open: 120 is [119.5, 120.5), 70.50 is [70.495, 70.505), 1.2e2 is [115, 125), and 1e2 is [95, 105) as the source has it.
 * Source: FHIR R4 search, number: implicit ranges. False when not a decimal.
 */
bool decimal_range(struct str text, double *low, double *high);
bool decimal_value(struct str text, double *out);

/*
 * The number without its spelling: no leading or trailing zeros, no exponent where at most 30 digits do without, "-0" is "0". Two texts
 * of one number give equal bytes: 70.50, 70.5 and 7.05e1. For digests only. False when not a decimal.
 */
bool decimal_canonical(struct arena *arena, struct str text, struct str *out);

#endif
