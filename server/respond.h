/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_RESPOND_H
#define SERVER_RESPOND_H

#include "fhir/base/buf.h"
#include "server/exchange.h"

/* The greatest answer the hub makes: a page of 200 readings of 1 MiB never comes near a client. */
#define RESPONSE_MAX ((size_t)256 << 20)

#define MEDIA_FHIR  "application/fhir+json; charset=utf-8"
#define MEDIA_JSON  "application/json; charset=utf-8"
#define MEDIA_PATCH "application/json-patch+json"
#define MEDIA_TEXT  "text/plain; charset=utf-8"

/* How the answer of a create may look (RFC 7240; FHIR R4 http.html#ops). */
enum prefer_return { RETURN_REPRESENTATION, RETURN_MINIMAL, RETURN_OUTCOME };
enum prefer_return prefer_return_of(struct str prefer);
/* Is return=representation asked for in so many words? A Bundle's results have no resources unasked. */
bool prefer_is_representation(struct str prefer);
/* handling=lenient: what a search does not know is ignored, and said (FHIR R4 search 3.1.1.2). */
bool prefer_is_lenient(struct str prefer);

/* Does the Accept header (empty: anything) allow what this style of route answers with? RFC 9110 12.5.1; a range with q=0, or of another fhirVersion than 4.0, does not count. */
bool accept_allows(struct str accept, enum route_style style);
/* Content-Type without its parameters, compared without case; charset, where given, must be UTF-8, and fhirVersion 4.0. */
bool media_is(struct str content_type, const char *media);

/* {public_url}/fhir, or the development door's own. On the arena. */
struct str base_url(struct exchange *exchange);
/* {public_url}, or the development door's own: without /fhir. On the arena. */
struct str root_url(struct exchange *exchange);

/* How a DPoP proof, or a client's assertion, may be signed. */
#define DPOP_ALGS "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512"

/* Sets status, Content-Type and body of the response. `body` lives as long as the exchange; other headers are the caller's to set in exchange->response. */
void respond_with(struct exchange *exchange, int status, const char *content_type, struct str body);

/*
 * Answers with the exchange's outcome, which has errors, in the style of the route: OperationOutcome, ACK, SOAP Fault, JSON or text (where there is none: FHIR's below /fhir, else JSON). The status is that of the first error;
 * 401 and 403 get WWW-Authenticate, 429 and 503 Retry-After. The text of a fault of ours goes to the log and not to the caller.
 */
void respond_error(struct exchange *exchange);

#endif
