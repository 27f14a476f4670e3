/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "authz/sender.h"

#include "fhir/base/arena.h"

#define NATIONAL_TRADE_REGISTER "NTRNO-"

static uint32_t orgnr_of(struct str digits)
{
	uint64_t number;
	return orgnr_is_valid(digits) && str_to_u64(digits, &number) ? (uint32_t)number : 0;
}

uint32_t certificate_orgnr(struct str organization_identifier, struct str serial_number)
{
	const size_t prefix = strlen(NATIONAL_TRADE_REGISTER);
	uint32_t first = 0;
	if (str_starts(organization_identifier, STR(NATIONAL_TRADE_REGISTER)))
		first = orgnr_of(
			str_part(organization_identifier, prefix, organization_identifier.length));
	const uint32_t second = orgnr_of(serial_number);
	if (first != 0 && second != 0 && first != second)
		return 0;
	return first != 0 ? first : second;
}

void certificate_principal(
	struct arena *arena, const struct certificate *certificate, struct principal *out)
{
	const struct str thumbprint =
		str_hex(arena, certificate->thumbprint, sizeof(certificate->thumbprint));
	*out = (struct principal){
		.kind = PRINCIPAL_SYSTEM,
		.scopes = SCOPE_OBSERVATION_WRITE,
		.client_id = str_format(arena, "certificate:%.*s", STR_ARG(thumbprint)),
		.expires = certificate->expires,
	};
}

bool certificate_find(const struct certificate *certificate, const struct rules *rules,
	struct principal *principal, struct outcome *outcome)
{
	const struct sender *sender =
		rules_sender(rules, certificate->thumbprint, certificate->orgnr);
	const struct client *client = sender == NULL ? NULL : rules_client(rules, sender->client);
	if (client == NULL) {
		const struct str thumbprint = str_hex(
			outcome->arena, certificate->thumbprint, sizeof(certificate->thumbprint));
		return outcome_fail(outcome, OUTCOME_FORBIDDEN, STR(""),
			"No sender is registered for this client certificate, or it was revoked; "
			"its SHA-256 thumbprint is %.*s; the hub's operator registers it by that",
			STR_ARG(thumbprint));
	}
	principal->client_id = client->id;
	principal->client_name = client->name;
	principal->orgnr = client->orgnr;
	return true;
}
