/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/bundle.h"

/* By what each version came to be: version 1 was posted, later ones were put or deleted (FHIR R4 http.html#history). */
static void render_request(struct buf *buf, const struct bundle_version *version)
{
	const char *type = resource_type_name(version->type);
	buf_add_text(buf, "\"request\":{\"method\":\"");
	if (version->version == 1) {
		buf_add_format(buf, "POST\",\"url\":\"%s", type);
	} else {
		buf_add_format(
			buf, "%s\",\"url\":\"%s/", version->deleted ? "DELETE" : "PUT", type);
		buf_add(buf, version->id);
	}
	buf_add_text(buf, "\"}");
}

static void render_version(struct buf *buf, struct str base, const struct bundle_version *version)
{
	const int updated = version->deleted ? 204 : 200;
	buf_add_text(buf, "{\"fullUrl\":\"");
	buf_add(buf, base);
	buf_add_format(buf, "/%s/", resource_type_name(version->type));
	buf_add(buf, version->id);
	buf_add_text(buf, "\",");
	if (!version->deleted) {
		buf_add_text(buf, "\"resource\":");
		buf_add(buf, version->rendered);
		buf_add_byte(buf, ',');
	}
	render_request(buf, version);
	buf_add_format(buf,
		",\"response\":{\"status\":\"%s\",\"etag\":\"W/\\\"%d\\\"\",\"lastModified\":\"",
		http_status_text(version->version == 1 ? 201 : updated), version->version);
	instant_write(buf, version->updated);
	buf_add_text(buf, "\"}}");
}

void bundle_render_history(struct buf *buf, const struct bundle_history *history)
{
	buf_add_text(buf, "{\"resourceType\":\"Bundle\",\"type\":\"history\"");
	if (!history->without_total) {
		buf_add_text(buf, ",\"total\":");
		buf_add_u64(buf, history->total);
	}
	buf_add_text(buf, ",\"link\":[{\"relation\":\"self\"");
	json_write_member(buf, "url", history->self);
	if (history->next.length > 0) {
		buf_add_text(buf, "},{\"relation\":\"next\"");
		json_write_member(buf, "url", history->next);
	}
	buf_add_text(buf, "}]");
	if (history->count > 0)
		buf_add_text(buf, ",\"entry\":[");
	for (size_t i = 0; i < history->count; i++) {
		if (i > 0)
			buf_add_byte(buf, ',');
		render_version(buf, history->base, &history->versions[i]);
	}
	if (history->count > 0)
		buf_add_byte(buf, ']');
	buf_add_byte(buf, '}');
}
