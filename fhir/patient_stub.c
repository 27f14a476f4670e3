/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/patient_stub.h"

#include "fhir/base/json.h"

void patient_stub_write(struct buf *buf, const struct presentation *presentation, struct str id,
	const struct national_id *known)
{
	const bool whole = presentation_keeps(presentation, TYPE_PATIENT, STR("identifier"));
	buf_add_text(buf, "{\"resourceType\":\"Patient\"");
	json_write_member(buf, "id", id);
	if (!presentation_is_plain(presentation))
		buf_add_text(buf, ",\"meta\":{\"tag\":[" PRESENTATION_SUBSETTED "]}");
	if (known != NULL && whole)
		buf_add_format(buf, ",\"identifier\":[{\"system\":\"%s\",\"value\":\"%s\"}]",
			national_system(known->kind), known->digits);
	buf_add_byte(buf, '}');
}
