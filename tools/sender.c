/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* maalehub sender: whose client certificates are which client. */
#include <stdio.h>

#include "fhir/base/arena.h"
#include "fhir/base/buf.h"
#include "server/tls.h"
#include "tools/command.h"

#define THUMBPRINT_DIGITS 64

/* SHA-256 as tools print it, with or without colons, in either case; as the database takes it. */
static bool parse_thumbprint(struct command_line *line, const char *text, struct str *out)
{
	struct buf digits = buf_new(line->arena, THUMBPRINT_DIGITS, 1024);
	for (const char *at = text; *at != '\0'; at++) {
		const char *found = strchr("0123456789abcdefABCDEF", *at);
		if (found != NULL)
			buf_add_byte(&digits, (char)(*at >= 'A' && *at <= 'F' ? *at + 32 : *at));
		else if (*at != ':')
			digits.full = true;
	}
	*out = buf_str(&digits);
	return (!digits.full && out->length == THUMBPRINT_DIGITS) ||
	       outcome_fail(line->outcome, OUTCOME_VALUE, STR("--thumbprint"),
		       "a SHA-256 thumbprint has 64 hexadecimal digits (openssl x509 -fingerprint "
		       "-sha256)");
}

static bool parse_sender(struct command_line *line, struct sender_row *out)
{
	const char *file = command_option(line, "certificate"),
		   *thumbprint = command_option(line, "thumbprint"),
		   *orgnr = command_option(line, "orgnr");
	if ((file != NULL) + (thumbprint != NULL) + (orgnr != NULL) != 1)
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR(""),
			"one of --certificate FILE, --thumbprint SHA256 and --orgnr ORGNR says "
			"which "
			"certificates");
	if (orgnr != NULL)
		return command_orgnr(line, orgnr, "--orgnr", &out->orgnr);
	if (thumbprint != NULL)
		return parse_thumbprint(line, thumbprint, &out->thumbprint);
	struct certificate certificate;
	if (!tls_read_certificate(file, &certificate, line->outcome))
		return false;
	out->thumbprint =
		str_hex(line->arena, certificate.thumbprint, sizeof(certificate.thumbprint));
	return true;
}

bool command_sender_add(struct command_line *line)
{
	const char *client = command_word(line, 0);
	if (client == NULL)
		return outcome_fail(line->outcome, OUTCOME_REQUIRED, STR(""),
			"CLIENT_ID is missing: sender add CLIENT_ID --certificate FILE");
	struct sender_row sender = { .client = str_of(client) };
	if (!parse_sender(line, &sender))
		return false;
	struct admin *admin = command_admin(line, NULL);
	const bool done = admin != NULL && admin_sender_add(admin, &sender, line->outcome);
	if (done)
		printf("sender %u\n", sender.id);
	if (admin != NULL)
		admin_close(&admin);
	return done;
}

bool command_sender_list(struct command_line *line)
{
	struct admin *admin = command_admin(line, NULL);
	struct sender_row *senders;
	size_t count;
	if (admin == NULL)
		return false;
	const bool done = admin_senders(admin, &senders, &count, line->outcome);
	if (done)
		printf("%-6s  %-36s  %-8s  %s\n", "sender", "client", "state", "certificates");
	for (size_t i = 0; done && i < count; i++) {
		printf("%-6u  %-36.*s  %-8s  ", senders[i].id, STR_ARG(senders[i].client),
			senders[i].revoked ? "revoked" : "in force");
		if (senders[i].orgnr != 0)
			printf("those of %u\n", senders[i].orgnr);
		else
			printf("%.*s\n", STR_ARG(senders[i].thumbprint));
	}
	admin_close(&admin);
	return done;
}

bool command_sender_revoke(struct command_line *line)
{
	uint64_t number;
	if (!command_number(line, "sender list", UINT32_MAX, &number))
		return false;
	struct admin *admin = command_admin(line, NULL);
	if (admin == NULL)
		return false;
	const bool done = admin_sender_revoke(admin, (uint32_t)number, line->outcome);
	admin_close(&admin);
	return done;
}
