/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/form.h"

#include "fhir/form.h"

enum form_part form_next(
	struct arena *arena, struct str *rest, struct str *name_out, struct str *value_out)
{
	while (rest->length > 0) {
		const struct str part = str_cut(*rest, '&', rest);
		if (part.length == 0)
			continue;
		struct str value;
		const struct str name = str_cut(part, '=', &value);
		if (!form_decode(arena, name, name_out) || !form_decode(arena, value, value_out))
			return FORM_BAD;
		return FORM_PART;
	}
	return FORM_END;
}
