/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/ack.h"

#include "fhir/base/arena.h"

/* Text as it may stand in a field with the usual delimiters. */
static void add_escaped(struct buf *buf, struct str text)
{
	static const char usual[] = "|^~\\&";
	static const char *const escapes[] = { "\\F\\", "\\S\\", "\\R\\", "\\E\\", "\\T\\" };
	for (size_t i = 0; i < text.length; i++) {
		const char byte = text.at[i];
		const char *const clash = memchr(usual, byte, sizeof(usual) - 1);
		if (clash != NULL)
			buf_add_text(buf, escapes[clash - usual]);
		else
			buf_add_byte(buf, (unsigned char)byte < ' ' ? ' ' : byte);
	}
}

/* HL7 DTM in UTC, from the FHIR instant `2026-11-21T10:15:30.123Z`. */
static void add_time(struct buf *buf, instant now)
{
	struct buf text = buf_new(buf->arena, 32, 64);
	instant_write(&text, now);
	const struct str written = str_part(buf_str(&text), 0, 19);
	for (size_t i = 0; i < written.length; i++)
		if (written.at[i] >= '0' && written.at[i] <= '9')
			buf_add_byte(buf, written.at[i]);
	buf_add_text(buf, "+0000");
}

static void add_pair(struct buf *buf, struct str pair)
{
	buf_add(buf, pair.length > 0 ? pair : STR("|"));
}

/* MSH-15 and MSH-16 are NE: nobody acknowledges an acknowledgement. */
static void add_msh(struct buf *buf, const struct ack *ack)
{
	buf_add_text(buf, "MSH|^~\\&|");
	add_pair(buf, ack->request->receiver);
	buf_add_byte(buf, '|');
	add_pair(buf, ack->request->sender);
	buf_add_byte(buf, '|');
	add_time(buf, ack->now);
	buf_add_text(buf, "||ACK^R01^ACK|");
	add_escaped(buf, ack->control_id);
	buf_add_text(buf, ack->production ? "|P|2.6|||NE|NE" : "|T|2.6|||NE|NE");
	buf_add_text(
		buf, "||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO\r");
}

static bool is_wanted(enum ack_condition condition, bool stored)
{
	switch (condition) {
	case ACK_UNSAID:
	case ACK_NEVER:
		return false;
	case ACK_ALWAYS:
		return true;
	case ACK_ON_ERROR:
		return !stored;
	case ACK_ON_SUCCESS:
		return stored;
	}
	return true;
}

enum ack_mode ack_mode(const struct pcd01 *request, bool stored)
{
	if (request->accept_ack == ACK_UNSAID && request->application_ack == ACK_UNSAID)
		return ACK_MODE_ORIGINAL;
	if (is_wanted(request->application_ack, stored))
		return ACK_MODE_APPLICATION;
	return is_wanted(request->accept_ack, stored) ? ACK_MODE_COMMIT : ACK_MODE_NONE;
}

/* HL7 table 0008: the second letter tells what became of the message, the first which acknowledgement this is. */
static void add_msa(struct buf *buf, const struct ack *ack, const struct outcome *outcome)
{
	const char *const word = outcome->errors == 0 ? "AA" : outcome_ack(outcome_first(outcome));
	const enum ack_mode mode = ack_mode(ack->request, outcome->errors == 0);
	buf_add_text(buf, "MSA|");
	buf_add_byte(buf, mode == ACK_MODE_COMMIT ? 'C' : word[0]);
	buf_add_byte(buf, word[1]);
	buf_add_byte(buf, '|');
	add_escaped(buf, ack->request->control_id);
	buf_add_byte(buf, '\r');
}

static void add_place(struct buf *buf, struct hl7_place place)
{
	if (place.segment[0] == '\0')
		return;
	buf_add_format(buf, "%s^%u", place.segment, place.sequence);
	if (place.field > 0)
		buf_add_format(buf, "^%u", place.field);
	/* ERL-4 is the repetition; ERL-5 the component. */
	if (place.field > 0 && place.component > 0)
		buf_add_format(buf, "^1^%u", place.component);
}

/* HL7 table 0357. */
static const char *condition_text(int code)
{
	static const struct {
		int code;
		const char *text;
	} known[] = { { 0, "Message accepted" }, { 100, "Segment sequence error" },
		{ 101, "Required field missing" }, { 102, "Data type error" },
		{ 103, "Table value not found" }, { 200, "Unsupported message type" },
		{ 201, "Unsupported event code" }, { 202, "Unsupported processing id" },
		{ 203, "Unsupported version id" }, { 204, "Unknown key identifier" },
		{ 205, "Duplicate key identifier" }, { 206, "Application record locked" } };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].code == code)
			return known[i].text;
	return "Application internal error";
}

static char severity_letter(enum severity severity)
{
	switch (severity) {
	case SEVERITY_ERROR:
		return 'E';
	case SEVERITY_WARNING:
		return 'W';
	case SEVERITY_INFORMATION:
		return 'I';
	}
	return 'E';
}

/* The table has nothing for a rule that is not HL7's; 207 would blame the hub for what it tells of a message that it has stored. */
static int condition_code(const struct issue *issue, bool stored)
{
	const int code = outcome_hl7_code(issue->kind);
	return stored && code == 207 ? 0 : code;
}

static void add_err(struct buf *buf, const struct issue *issue, bool stored)
{
	const int code = condition_code(issue, stored);
	buf_add_text(buf, "ERR||");
	add_place(buf, issue->place);
	buf_add_format(buf, "|%d^%s^HL70357|%c|||", code, condition_text(code),
		severity_letter(issue->severity));
	add_escaped(buf, issue->expression);
	buf_add_byte(buf, '|');
	/* What went wrong inside is for the log, not for the sender. */
	add_escaped(buf, issue->kind == OUTCOME_FAULT ? STR("Internal error") : issue->text);
	buf_add_byte(buf, '\r');
}

void ack_render(struct buf *buf, const struct ack *ack, const struct outcome *outcome)
{
	add_msh(buf, ack);
	add_msa(buf, ack, outcome);
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next)
		add_err(buf, issue, outcome->errors == 0);
}
