/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "authz/principal.h"

#include <assert.h>

static const char *const codes[] = {
	[PURPOSE_NONE] = "",
	[PURPOSE_TREAT] = "TREAT",
	[PURPOSE_ETREAT] = "ETREAT",
	[PURPOSE_COC] = "COC",
	[PURPOSE_BTG] = "BTG",
};

const char *purpose_code(enum purpose purpose)
{
	assert(purpose <= PURPOSE_BTG);
	return codes[purpose];
}

bool purpose_parse(struct str code, enum purpose *out)
{
	for (enum purpose purpose = PURPOSE_TREAT; purpose <= PURPOSE_BTG; purpose++) {
		if (str_is(code, codes[purpose])) {
			*out = purpose;
			return true;
		}
	}
	return false;
}
