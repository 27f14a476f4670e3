/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef AUTHZ_SENDER_H
#define AUTHZ_SENDER_H

#include "authz/principal.h"
#include "authz/rules.h"
#include "fhir/base/outcome.h"

/*
 * Callers known by the certificate of their TLS connection, which the door has verified against its CA file; a token never comes with it. Which sender of which controller a
 * certificate is stands in the rules (`maalehub sender`): what the CA vouches for is the name, not the right to send.
 */
struct certificate {
	uint8_t thumbprint[32]; /* SHA-256 of the DER, as x5t#S256 of RFC 8705 */
	uint32_t orgnr;         /* of the subject, by certificate_orgnr() */
	instant begins;         /* notBefore */
	instant expires;        /* notAfter */
};

/*
 * The organisation a Norwegian enterprise certificate (virksomhetssertifikat) is for: organizationIdentifier (2.5.4.97) `NTRNO-123456789` (ETSI EN 319 412-1 section 5.1.4), or
 * serialNumber (2.5.4.5) of nine digits. Either may be empty. 0: neither is of that shape, or they differ.
 */
uint32_t certificate_orgnr(struct str organization_identifier, struct str serial_number);

/* What the caller may be before the rules are asked: a system that writes and no more, named by its certificate. On the arena. */
void certificate_principal(
	struct arena *arena, const struct certificate *certificate, struct principal *out);

/*
 * Who the rules say it is: fills in client and organisation. A certificate registered itself comes before its organisation's. False adds FORBIDDEN, with the thumbprint to register.
 * Slices point into the rules.
 */
bool certificate_find(const struct certificate *certificate, const struct rules *rules,
	struct principal *principal, struct outcome *outcome);

#endif
