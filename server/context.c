/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/context.h"

#include "fhir/base/arena.h"
#include "fhir/base/json.h"

#define CONTEXT_LIMIT ((size_t)32 << 10)
/* Room for all codes and the longest query, each byte escaped: what was asked and by which token is never cut off. */
#define DETAIL_LIMIT ((size_t)1 << 20)
/* Longer ones cannot be stored (hub.code). */
#define CODE_MAX CONCEPT_TEXT_MAX

static void write_code(struct buf *buf, const char *name, const struct attest_code *code)
{
	if (code->code.length == 0)
		return;
	json_write_comma(buf);
	json_write_name(buf, name);
	buf_add_byte(buf, '{');
	json_write_member(buf, "code", code->code);
	json_write_member(buf, "system", code->system);
	json_write_member(buf, "text", code->text);
	buf_add_byte(buf, '}');
}

static void write_unit(
	struct buf *buf, const char *name, const char *key, struct str id, struct str text)
{
	if (id.length == 0 && text.length == 0)
		return;
	json_write_comma(buf);
	json_write_name(buf, name);
	buf_add_byte(buf, '{');
	json_write_member(buf, key, id);
	json_write_member(buf, "name", text);
	buf_add_byte(buf, '}');
}

static const char *kind_word(enum principal_kind kind)
{
	switch (kind) {
	case PRINCIPAL_SYSTEM:
		return "system";
	case PRINCIPAL_PRACTITIONER:
		return "practitioner";
	case PRINCIPAL_CITIZEN:
		return "citizen";
	}
	return "";
}

static void write_client(struct buf *buf, const struct principal *principal)
{
	json_write_comma(buf);
	json_write_name(buf, "client");
	buf_add_byte(buf, '{');
	json_write_member(buf, "id", principal->client_id);
	json_write_member(buf, "name", principal->client_name);
	json_write_member(buf, "supplierOrgnr", principal->orgnr_supplier);
	buf_add_byte(buf, '}');
}

static void write_actor(struct buf *buf, struct arena *arena, const struct principal *principal)
{
	const struct attest *attest = &principal->attest;
	buf_add_text(buf, "\"actor\":{");
	json_write_member(buf, "kind", str_of(kind_word(principal->kind)));
	if (principal->kind == PRINCIPAL_CITIZEN) {
		buf_add_byte(buf, '}');
		return;
	}
	json_write_member(buf, "name", principal->name);
	json_write_member(buf, "hpr", principal->hpr);
	write_code(buf, "authorization", &attest->authorization);
	write_unit(buf, "legalEntity", "orgnr", str_format(arena, "%09u", principal->orgnr),
		attest->legal_entity_name);
	const bool attested = attest->point_of_care.length > 0;
	write_unit(buf, "pointOfCare", "orgnr",
		attested ? attest->point_of_care : principal->orgnr_child,
		attest->point_of_care_name);
	write_unit(buf, "department", "id", attest->department, attest->department_name);
	write_client(buf, principal);
	buf_add_byte(buf, '}');
}

static void write_basis(struct buf *buf, const struct attest *attest)
{
	buf_add_text(buf, ",\"basis\":{");
	if (attest->present) {
		json_write_member(buf, "purpose", str_of(purpose_code(attest->purpose)));
		write_code(buf, "details", &attest->purpose_details);
		write_code(buf, "service", &attest->service);
		json_write_member(buf, "decisionRef", attest->decision_ref);
		buf_add_text(buf, attest->user_selected ? ",\"userSelected\":true"
							: ",\"userSelected\":false");
		if (attest->toa != 0) {
			buf_add_text(buf, ",\"toa\":");
			buf_add_i64(buf, attest->toa / INSTANT_SECOND);
		}
		if (attest->purpose == PURPOSE_BTG)
			json_write_member(buf, "breakGlassReason", attest->decision_text);
	}
	buf_add_byte(buf, '}');
}

struct str context_render(
	struct arena *arena, const struct seal *seal, const struct principal *principal)
{
	struct buf buf = buf_new(arena, 1024, CONTEXT_LIMIT);
	buf_add_byte(&buf, '{');
	write_actor(&buf, arena, principal);
	write_basis(&buf, &principal->attest);
	if (principal->kind != PRINCIPAL_CITIZEN && principal->pid.length > 0) {
		const struct str sealed = seal_encrypt(arena, seal, principal->pid);
		json_write_member(&buf, "sealed", str_to_base64url(arena, sealed));
	}
	json_write_member(&buf, "jti", principal->jti);
	buf_add_byte(&buf, '}');
	return buf_str(&buf);
}

void log_codes_add(struct arena *arena, struct log_codes *codes, struct str code, instant at)
{
	if (codes->codes == NULL)
		codes->codes = arena_array(arena, LOG_CODES + 1, sizeof(codes->codes[0]));
	if (code.length > CODE_MAX)
		code = (struct str){ 0 };
	size_t at_row = 0;
	while (at_row < codes->count && !str_equal(codes->codes[at_row].code, code))
		at_row++;
	if (at_row == codes->count && at_row >= LOG_CODES)
		at_row = LOG_CODES; /* everything else, without a code */
	struct log_code *row = &codes->codes[at_row];
	if (at_row == codes->count) {
		row->code = at_row < LOG_CODES ? code : (struct str){ 0 };
		row->from = row->to = at;
		codes->count++;
	}
	row->count++;
	if (at == INSTANT_MIN)
		return;
	if (row->from == INSTANT_MIN || at < row->from)
		row->from = at;
	if (at > row->to)
		row->to = at;
}

static void write_time(struct buf *buf, const char *name, instant at)
{
	json_write_comma(buf);
	json_write_name(buf, name);
	buf_add_byte(buf, '"');
	instant_write(buf, at);
	buf_add_byte(buf, '"');
}

static void write_codes(struct buf *buf, const struct log_codes *codes)
{
	buf_add_text(buf, "\"what\":[");
	for (size_t i = 0; i < codes->count; i++) {
		const struct log_code *row = &codes->codes[i];
		json_write_comma(buf);
		buf_add_byte(buf, '{');
		json_write_member(buf, "code", row->code);
		json_write_comma(buf);
		buf_add_text(buf, "\"count\":");
		buf_add_u64(buf, row->count);
		if (row->from != INSTANT_MIN)
			write_time(buf, "from", row->from);
		if (row->to != row->from)
			write_time(buf, "to", row->to);
		buf_add_byte(buf, '}');
	}
	buf_add_byte(buf, ']');
}

static void write_rules(struct buf *buf, const struct log_detail *detail)
{
	json_write_comma(buf);
	buf_add_text(buf, "\"rules\":[");
	for (size_t i = 0; i < detail->rule_count; i++) {
		json_write_comma(buf);
		buf_add_u64(buf, detail->rules[i]);
	}
	buf_add_byte(buf, ']');
}

struct str detail_render(struct arena *arena, const struct log_detail *detail)
{
	struct buf buf = buf_new(arena, 256, DETAIL_LIMIT);
	buf_add_byte(&buf, '{');
	if (detail->codes != NULL && detail->codes->count > 0)
		write_codes(&buf, detail->codes);
	if (detail->counted) {
		json_write_comma(&buf);
		buf_add_text(&buf, "\"count\":");
		buf_add_u64(&buf, detail->count);
	}
	if (detail->known > 0)
		buf_add_format(&buf, ",\"seenBefore\":%u", detail->known);
	json_write_member(&buf, "digest", detail->digest);
	json_write_member(&buf, "query", detail->query);
	json_write_member(&buf, "reason", str_of(detail->reason));
	if (detail->break_glass) {
		json_write_comma(&buf);
		buf_add_text(&buf, "\"breakGlass\":true");
	}
	if (detail->rule_count > 0)
		write_rules(&buf, detail);
	json_write_member(&buf, "request", detail->request_id);
	buf_add_byte(&buf, '}');
	return buf_str(&buf);
}
