/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/head.h"

/* The next line without its end; *bare_out where that lacks the CR, which the library does not mind. */
static struct str next_line(struct str *rest, bool *bare_out)
{
	const size_t end = str_index(*rest, '\n');
	struct str line = str_part(*rest, 0, end);
	const bool returns = line.length > 0 && line.at[line.length - 1] == '\r';
	*bare_out = *bare_out || (end < rest->length && !returns);
	*rest = str_part(*rest, end + 1, rest->length);
	line.length -= returns;
	return line;
}

const char *head_fault(struct str input)
{
	unsigned hosts = 0, lengths = 0, codings = 0;
	struct str rest = input;
	bool bare = false;
	const bool old = str_ends(next_line(&rest, &bare), STR(" HTTP/1.0"));
	while (rest.length > 0) {
		struct str value;
		const struct str line = next_line(&rest, &bare);
		if (bare)
			return "a line ends without CR";
		if (line.length == 0)
			break;
		if (line.at[0] == ' ' || line.at[0] == '\t')
			return "a header line begins with a blank; fold none";
		const struct str name = str_cut(line, ':', &value);
		if (name.length > 0 && name.at[name.length - 1] <= ' ')
			return "a blank stands before the colon of a header";
		hosts += str_equal_nocase(name, STR("host"));
		lengths += str_equal_nocase(name, STR("content-length"));
		codings += str_equal_nocase(name, STR("transfer-encoding"));
	}
	if (hosts > 1)
		return "more than one Host";
	if (lengths > 1)
		return "more than one Content-Length";
	if (codings > 1 || (codings == 1 && lengths == 1))
		return "Transfer-Encoding stands alone, without Content-Length";
	if (codings == 1 && old)
		return "HTTP/1.0 has no Transfer-Encoding";
	return NULL;
}
