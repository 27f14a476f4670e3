/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/er7.h"

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

/* No profile we read has more; a row beyond it is no message of ours. */
#define FIELDS_MAX   400
#define BYTE_ESCAPES 64

static bool fail_at(
	struct outcome *outcome, enum outcome_kind kind, struct hl7_place place, const char *text)
{
	outcome_at(outcome, SEVERITY_ERROR, kind, place, "%s", text);
	return false;
}

static const struct hl7_place at_msh = { "MSH", 1, 0, 0 };
static const struct hl7_place at_encoding = { "MSH", 1, 2, 0 };
static const struct hl7_place at_charset = { "MSH", 1, 18, 0 };

static bool is_letter(char byte)
{
	return byte >= 'A' && byte <= 'Z';
}

static bool is_name_byte(char byte)
{
	return is_letter(byte) || (byte >= '0' && byte <= '9');
}

/* Does a segment of a message with this field separator begin here? */
static bool begins_segment(struct str text, char field)
{
	return text.length >= 4 && is_letter(text.at[0]) && is_name_byte(text.at[1]) &&
	       is_name_byte(text.at[2]) && text.at[3] == field;
}

static bool is_delimiter(char byte)
{
	const bool alphanumeric = is_name_byte(byte) || (byte >= 'a' && byte <= 'z');
	return byte > ' ' && byte < 0x7f && !alphanumeric && byte != '"' && byte != '.';
}

/* HL7 v2.6 2.5.4: MSH-1 and MSH-2 say the delimiters; a fifth is the truncation character of v2.7. */
static bool read_delimiters(struct str text, struct er7 *out, struct outcome *outcome)
{
	if (text.length < 8 || memcmp(text.at, "MSH", 3) != 0) {
		if (begins_segment(text, '|') && (text.at[1] == 'H' && text.at[2] == 'S'))
			return fail_at(outcome, OUTCOME_NOT_SUPPORTED, at_msh,
				"Batches are not supported; send each message by itself");
		return fail_at(outcome, OUTCOME_STRUCTURE, at_msh,
			"Not an HL7 message: it must begin with MSH|^~\\&|");
	}
	out->field = text.at[3];
	const struct str encoding = str_part(text, 4, str_index(str_part(text, 4, 16), out->field));
	if (str_starts(encoding, STR("^~\\&amp;")))
		return fail_at(outcome, OUTCOME_STRUCTURE, at_encoding,
			"The message is escaped for XML twice; MSH-2 must read ^~\\&");
	if (!is_delimiter(out->field) || encoding.length < 4 || encoding.length > 5)
		return fail_at(outcome, OUTCOME_STRUCTURE, at_encoding,
			"MSH-1 and MSH-2 must give the delimiters, for instance MSH|^~\\&|");
	for (size_t i = 0; i < encoding.length; i++)
		if (!is_delimiter(encoding.at[i]) || encoding.at[i] == out->field ||
			str_index(encoding, encoding.at[i]) != i)
			return fail_at(outcome, OUTCOME_STRUCTURE, at_encoding,
				"The delimiters in MSH-1 and MSH-2 must be different signs");
	out->component = encoding.at[0];
	out->repetition = encoding.at[1];
	out->escape = encoding.at[2];
	out->subcomponent = encoding.at[3];
	return true;
}

/*
 * Cuts the first segment off. With CR as segment end (HL7 v2.6 2.5.3) a LF may stand inside a field, unless a segment begins right behind it: messages pass through
 * tools that mix the two.
 */
static struct str cut_segment(struct str *rest, bool ends_in_cr, char field)
{
	size_t end = 0;
	for (; end < rest->length; end++) {
		const char byte = rest->at[end];
		if (byte == '\r')
			break;
		if (byte == '\n' &&
			(!ends_in_cr || begins_segment(str_part(*rest, end + 1, 4), field)))
			break;
	}
	const struct str segment = str_part(*rest, 0, end);
	*rest = str_part(*rest, end + 1, rest->length);
	return segment;
}

static bool first_end_is_cr(struct str text)
{
	const size_t cr = str_index(text, '\r');
	return cr < text.length && cr < str_index(text, '\n');
}

enum charset { CHARSET_UTF8, CHARSET_ASCII, CHARSET_LATIN1, CHARSET_LATIN9, CHARSET_UNKNOWN };

#define CHARSET_NAME_MAX 16

/* HL7 table 0211, the sets in use here; senders also write the names that IANA has for them, with any punctuation. Bytes that begin with "MSH" and are "UNICODE" are UTF-8. */
static enum charset charset_of(struct str name)
{
	static const struct {
		const char *name;
		enum charset charset;
	} known[] = { { "", CHARSET_UTF8 }, { "UNICODEUTF8", CHARSET_UTF8 },
		{ "UTF8", CHARSET_UTF8 }, { "UNICODE", CHARSET_UTF8 }, { "ASCII", CHARSET_ASCII },
		{ "USASCII", CHARSET_ASCII }, { "88591", CHARSET_LATIN1 },
		{ "ISO88591", CHARSET_LATIN1 }, { "885915", CHARSET_LATIN9 },
		{ "ISO885915", CHARSET_LATIN9 } };
	char plain[CHARSET_NAME_MAX];
	size_t length = 0;
	for (size_t i = 0; i < name.length; i++) {
		const char byte = name.at[i];
		const bool is_lower = byte >= 'a' && byte <= 'z';
		if (byte == ' ' || byte == '-' || byte == '/' || byte == '_')
			continue;
		if (length == sizeof(plain))
			return CHARSET_UNKNOWN;
		plain[length++] = is_lower ? (char)(byte - 'a' + 'A') : byte;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_is((struct str){ plain, length }, known[i].name))
			return known[i].charset;
	return CHARSET_UNKNOWN;
}

/* ISO 8859-15 is ISO 8859-1 but for eight bytes. */
static uint32_t latin_point(unsigned char byte, enum charset charset)
{
	static const struct {
		unsigned char byte;
		uint32_t point;
	} moved[] = { { 0xa4, 0x20ac }, { 0xa6, 0x160 }, { 0xa8, 0x161 }, { 0xb4, 0x17d },
		{ 0xb8, 0x17e }, { 0xbc, 0x152 }, { 0xbd, 0x153 }, { 0xbe, 0x178 } };
	for (size_t i = 0; charset == CHARSET_LATIN9 && i < sizeof(moved) / sizeof(moved[0]); i++)
		if (moved[i].byte == byte)
			return moved[i].point;
	return byte;
}

static void add_point(struct buf *buf, uint32_t point)
{
	if (point < 0x80) {
		buf_add_byte(buf, (char)point);
	} else if (point < 0x800) {
		buf_add_byte(buf, (char)(0xc0 | (point >> 6)));
		buf_add_byte(buf, (char)(0x80 | (point & 0x3f)));
	} else {
		buf_add_byte(buf, (char)(0xe0 | (point >> 12)));
		buf_add_byte(buf, (char)(0x80 | ((point >> 6) & 0x3f)));
		buf_add_byte(buf, (char)(0x80 | (point & 0x3f)));
	}
}

static struct str latin_to_utf8(struct arena *arena, struct str text, enum charset charset)
{
	struct buf buf = buf_new(arena, text.length + 64, 3 * (size_t)ER7_BYTES_MAX);
	for (size_t i = 0; i < text.length; i++)
		add_point(&buf, latin_point((unsigned char)text.at[i], charset));
	return buf_str(&buf);
}

static bool is_ascii(struct str text)
{
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)text.at[i] >= 0x80)
			return false;
	return true;
}

/* Field `number` (3..) of an MSH segment that is not split yet. The delimiters are ASCII in each charset we know. */
static struct str raw_msh_field(struct str segment, char field, unsigned number)
{
	struct str rest = segment, item = { 0 };
	for (unsigned i = 0; i < number; i++)
		item = str_cut(rest, field, &rest);
	return str_trim(item);
}

static bool to_utf8(
	struct arena *arena, const struct er7 *message, struct str *text, struct outcome *outcome)
{
	struct str rest = *text;
	const struct str msh = cut_segment(&rest, first_end_is_cr(*text), message->field);
	const enum charset charset = charset_of(raw_msh_field(msh, message->field, 18));
	if (charset == CHARSET_UNKNOWN)
		return fail_at(outcome, OUTCOME_CODE_INVALID, at_charset,
			"MSH-18 must be one of UNICODE UTF-8, ASCII, 8859/1, 8859/15, or empty");
	if (charset == CHARSET_LATIN1 || charset == CHARSET_LATIN9)
		*text = latin_to_utf8(arena, *text, charset);
	if (charset == CHARSET_ASCII && !is_ascii(*text))
		return fail_at(outcome, OUTCOME_VALUE, at_charset,
			"The message has bytes that are not ASCII; name its character set in "
			"MSH-18");
	if (!str_is_utf8(*text))
		return fail_at(outcome, OUTCOME_VALUE, at_charset,
			"The message is not well-formed UTF-8; name its character set in MSH-18");
	return true;
}

/* Counts segments by name, for ERR-2. Open addressing; a slot holds index + 1 of the latest segment of that name. */
struct names {
	uint32_t *slots;
	size_t mask;
};

static struct names names_new(struct arena *arena, size_t segments)
{
	size_t size = 16;
	while (size < 2 * segments)
		size *= 2;
	return (struct names){ arena_array(arena, size, sizeof(uint32_t)), size - 1 };
}

static unsigned next_sequence(struct names *names, const struct er7_segment *segments, size_t index)
{
	const char *const name = segments[index].name;
	size_t slot = ((size_t)name[0] * 36 + (size_t)name[1]) * 36 + (size_t)name[2];
	for (;; slot++) {
		uint32_t *const held = &names->slots[slot & names->mask];
		const unsigned before = *held == 0 ? 0 : segments[*held - 1].sequence;
		if (*held != 0 && memcmp(segments[*held - 1].name, name, 3) != 0)
			continue;
		*held = (uint32_t)(index + 1);
		return before + 1;
	}
}

static bool split_fields(struct arena *arena, const struct er7 *message,
	struct er7_segment *segment, struct outcome *outcome)
{
	const bool is_msh = memcmp(segment->name, "MSH", 3) == 0;
	unsigned count = is_msh ? 2 : 1;
	for (size_t i = 0; i < segment->text.length; i++)
		count += segment->text.at[i] == message->field;
	const struct hl7_place place = { { segment->name[0], segment->name[1], segment->name[2] },
		segment->sequence, 0, 0 };
	if (count > FIELDS_MAX)
		return fail_at(
			outcome, OUTCOME_STRUCTURE, place, "The segment has too many fields");
	segment->fields = arena_array(arena, count, sizeof(struct str));
	struct str rest = segment->text;
	for (unsigned i = 0; rest.at != NULL && i < count; i++) {
		if (is_msh && i == 1) {
			segment->fields[i] = str_part(segment->text, 3, 1);
			continue;
		}
		segment->fields[i] = str_cut(rest, message->field, &rest);
	}
	segment->field_count = count;
	return true;
}

static bool add_segment(struct arena *arena, struct er7 *message, struct names *names,
	struct str text, struct outcome *outcome)
{
	if (message->count == ER7_SEGMENTS_MAX || arena_full(arena)) {
		outcome_at(outcome, SEVERITY_ERROR, OUTCOME_TOO_LARGE, at_msh,
			"The message has more than %d segments or is too large; split it",
			ER7_SEGMENTS_MAX);
		return false;
	}
	const bool is_bare = text.length == 3 && is_letter(text.at[0]) &&
			     is_name_byte(text.at[1]) && is_name_byte(text.at[2]);
	if (!is_bare && !begins_segment(text, message->field)) {
		const struct er7_segment *const last = &message->segments[message->count - 1];
		struct hl7_place place = { .sequence = last->sequence };
		memcpy(place.segment, last->name, sizeof(place.segment));
		return fail_at(outcome, OUTCOME_STRUCTURE, place,
			"The line behind this segment has no name: begin each segment with its "
			"three "
			"signs and the field separator, and write a line end inside a field as "
			"\\.br\\");
	}
	struct er7_segment *const segment = &message->segments[message->count];
	memcpy(segment->name, text.at, 3);
	segment->text = text;
	segment->sequence = next_sequence(names, message->segments, message->count);
	message->count++;
	if (segment->sequence == 2 && memcmp(segment->name, "MSH", 3) == 0)
		return fail_at(outcome, OUTCOME_NOT_SUPPORTED, (struct hl7_place){ "MSH", 2, 0, 0 },
			"A second message begins here; send each message by itself");
	return split_fields(arena, message, segment, outcome);
}

static size_t count_lines(struct str text)
{
	size_t count = 1;
	for (size_t i = 0; i < text.length; i++)
		count += text.at[i] == '\r' || text.at[i] == '\n';
	return count < ER7_SEGMENTS_MAX ? count : ER7_SEGMENTS_MAX;
}

/* White space and a byte order mark before MSH come from editors and XML. */
static struct str skip_lead(struct str bytes)
{
	struct str text = str_trim(bytes);
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_trim(str_part(text, 3, text.length));
	return text;
}

/* The text with a question mark for each byte that is not ASCII, or no sign to be seen. */
static struct str as_ascii(struct arena *arena, struct str text)
{
	char *const at = arena_alloc(arena, text.length + 1);
	for (size_t i = 0; i < text.length; i++)
		at[i] = text.at[i] >= ' ' && text.at[i] < 0x7f ? text.at[i] : '?';
	return (struct str){ at, text.length };
}

/* Of a message that cannot be split, its MSH: the acknowledgement is to say which message it was. */
static void keep_head(struct arena *arena, struct str text, struct er7 *message)
{
	struct outcome aside = { .arena = arena };
	struct str rest = text;
	const struct str line = cut_segment(&rest, first_end_is_cr(text), message->field);
	struct er7_segment *const msh = arena_alloc(arena, sizeof(*msh));
	*msh = (struct er7_segment){ .name = "MSH",
		.sequence = 1,
		.text = str_is_utf8(line) ? line : as_ascii(arena, line) };
	message->segments = msh;
	message->count = split_fields(arena, message, msh, &aside);
}

/* Segments are written one below the other, and set in, where a template makes them. */
static struct str without_indent(struct str line, char field)
{
	const struct str text = str_trim(line);
	return begins_segment(text, field)
		       ? str_part(line, (size_t)(text.at - line.at), line.length)
		       : line;
}

static bool split(
	struct arena *arena, struct str text, struct er7 *message, struct outcome *outcome)
{
	const size_t room = count_lines(text);
	message->segments = arena_array(arena, room, sizeof(struct er7_segment));
	struct names names = names_new(arena, room);
	const bool ends_in_cr = first_end_is_cr(text);
	while (text.length > 0) {
		const struct str line = cut_segment(&text, ends_in_cr, message->field);
		/* A LF behind a CR belongs to the end of the segment before. */
		const struct str segment = line.length > 0 && line.at[0] == '\n'
						   ? str_part(line, 1, line.length)
						   : line;
		if (str_trim(segment).length == 0)
			continue;
		if (!add_segment(arena, message, &names, without_indent(segment, message->field),
			    outcome))
			return false;
	}
	return true;
}

static bool parse(struct arena *arena, struct str bytes, bool is_utf8, struct er7 *out,
	struct outcome *outcome)
{
	*out = (struct er7){ 0 };
	if (bytes.length > ER7_BYTES_MAX) {
		outcome_at(outcome, SEVERITY_ERROR, OUTCOME_TOO_LARGE, at_msh,
			"The message is larger than %d bytes; split it", ER7_BYTES_MAX);
		return false;
	}
	struct str text = skip_lead(bytes);
	if (!read_delimiters(text, out, outcome))
		return false;
	bool good = is_utf8 || to_utf8(arena, out, &text, outcome);
	if (is_utf8 && !str_is_utf8(text))
		good = fail_at(
			outcome, OUTCOME_VALUE, at_charset, "The message is not well-formed UTF-8");
	if (good && split(arena, text, out, outcome))
		return true;
	keep_head(arena, text, out);
	return false;
}

bool er7_parse(struct arena *arena, struct str bytes, struct er7 *out, struct outcome *outcome)
{
	return parse(arena, bytes, false, out, outcome);
}

bool er7_parse_utf8(struct arena *arena, struct str text, struct er7 *out, struct outcome *outcome)
{
	return parse(arena, text, true, out, outcome);
}

const struct er7_segment *er7_find(const struct er7 *message, const char *name)
{
	for (size_t i = 0; i < message->count; i++)
		if (strcmp(message->segments[i].name, name) == 0)
			return &message->segments[i];
	return NULL;
}

struct str er7_field(const struct er7_segment *segment, unsigned number)
{
	return number < segment->field_count ? segment->fields[number] : (struct str){ 0 };
}

static struct str nth(struct str text, char delimiter, unsigned index, bool *more)
{
	struct str rest = text, item = { 0 };
	for (unsigned i = 0; i <= index; i++) {
		item = rest.at == NULL ? (struct str){ 0 } : str_cut(rest, delimiter, &rest);
		if (item.at == NULL)
			break;
	}
	*more = item.at != NULL && rest.at != NULL;
	return item;
}

struct str er7_repetition(const struct er7 *message, struct str field, unsigned index, bool *more)
{
	return nth(field, message->repetition, index, more);
}

struct str er7_component(const struct er7 *message, struct str field, unsigned number)
{
	bool more;
	return number == 0 ? (struct str){ 0 } : nth(field, message->component, number - 1, &more);
}

struct str er7_subcomponent(const struct er7 *message, struct str component, unsigned number)
{
	bool more;
	return number == 0 ? (struct str){ 0 }
			   : nth(component, message->subcomponent, number - 1, &more);
}

static int hex_digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	return -1;
}

/* \Xhh..\: bytes. Taken only where they are text of their own; else the escape stays as it is. */
static bool add_bytes(struct buf *buf, struct str digits)
{
	char bytes[BYTE_ESCAPES];
	if (digits.length == 0 || digits.length % 2 != 0 || digits.length / 2 > sizeof(bytes))
		return false;
	for (size_t i = 0; i < digits.length; i += 2) {
		const int high = hex_digit(digits.at[i]), low = hex_digit(digits.at[i + 1]);
		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (char)(high * 16 + low);
	}
	const struct str text = { bytes, digits.length / 2 };
	if (!str_is_utf8(text))
		return false;
	buf_add(buf, text);
	return true;
}

/* HL7 v2.6 2.7: what stands between two escape characters. False: not known here. */
static bool add_escape(struct buf *buf, const struct er7 *message, struct str name)
{
	if (str_equal_nocase(name, STR(".br"))) {
		buf_add_byte(buf, '\n');
		return true;
	}
	if (name.length > 1 && (name.at[0] == 'X' || name.at[0] == 'x'))
		return add_bytes(buf, str_part(name, 1, name.length));
	const struct {
		char name, byte;
	} known[] = { { 'F', message->field }, { 'S', message->component },
		{ 'T', message->subcomponent }, { 'R', message->repetition },
		{ 'E', message->escape } };
	for (size_t i = 0; name.length == 1 && i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].name == name.at[0]) {
			buf_add_byte(buf, known[i].byte);
			return true;
		}
	}
	return false;
}

struct str er7_text(struct arena *arena, const struct er7 *message, struct str field, bool *null)
{
	const bool is_null = str_is(field, "\"\"");
	if (null != NULL)
		*null = is_null;
	if (is_null)
		return (struct str){ 0 };
	if (str_index(field, message->escape) == field.length)
		return field;
	struct buf buf = buf_new(arena, field.length, field.length);
	struct str rest = field;
	while (rest.length > 0) {
		const size_t start = str_index(rest, message->escape);
		buf_add(&buf, str_part(rest, 0, start));
		rest = str_part(rest, start, rest.length);
		const size_t end = str_index(str_part(rest, 1, rest.length), message->escape) + 1;
		if (rest.length == 0)
			break;
		if (end < rest.length && add_escape(&buf, message, str_part(rest, 1, end - 1))) {
			rest = str_part(rest, end + 1, rest.length);
			continue;
		}
		/* Not an escape we know: the sign itself stays and the text behind it is looked at again. */
		buf_add(&buf, str_part(rest, 0, 1));
		rest = str_part(rest, 1, rest.length);
	}
	return buf_str(&buf);
}
