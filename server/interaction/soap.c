/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * POST /pcd01/soap: PCD-01 as IHE PCD TF-2 appendix J has it. Once there is an HL7 message, what is wrong with it is told in its acknowledgement under HTTP 200; all else is a Fault.
 * GET /pcd01/soap: the service's description.
 */
#include "fhir/base/buf.h"
#include "server/interaction/interactions.h"
#include "server/interaction/pcd01.h"
#include "server/loop.h"
#include "server/respond.h"

#define MEDIA_SOAP   "application/soap+xml; charset=utf-8"
#define MEDIA_OLDER  "text/xml; charset=utf-8"
#define MEDIA_WSDL   "text/xml; charset=utf-8"
#define ENVELOPE_MAX ((size_t)8 << 20)

static void parse(struct exchange *exchange)
{
	struct pcd01_work *work = arena_alloc(exchange->arena, sizeof(*work));
	work->soap = arena_alloc(exchange->arena, sizeof(*work->soap));
	exchange->work = work;
	if (soap_read(exchange->arena, exchange->request.body, work->soap, &exchange->outcome))
		pcd01_parse(exchange, work, work->soap->message, true);
}

static void answer(struct exchange *exchange, const struct outcome *outcome)
{
	const struct pcd01_work *work = exchange->work;
	struct buf buf = buf_new(exchange->arena, 1024, ENVELOPE_MAX);
	soap_write_response(&buf, work->soap, pcd01_acknowledge(exchange, outcome));
	respond_with(exchange, 200, MEDIA_SOAP, buf_str(&buf));
}

static void respond(struct exchange *exchange)
{
	answer(exchange, pcd01_note(exchange));
}

void soap_refuse(struct exchange *exchange, const struct outcome *outcome, int status)
{
	const struct pcd01_work *work = exchange->work;
	const bool told_by_http = pcd01_told_by_http(status);
	if (work != NULL && work->has_message && !told_by_http) {
		answer(exchange, outcome);
		return;
	}
	enum soap_fault fault = status >= 500 ? SOAP_RECEIVER : SOAP_SENDER;
	/* What soap_read() has refused is told as it says; the status then is that of the fault. */
	if (work != NULL && !work->has_message && !told_by_http) {
		fault = work->soap->fault;
		status = soap_status(fault);
	}
	struct buf buf = buf_new(exchange->arena, 1024, ENVELOPE_MAX);
	soap_write_fault(&buf, work == NULL ? NULL : work->soap, fault, outcome);
	const bool older = work != NULL && work->soap->is_older;
	respond_with(exchange, status, older ? MEDIA_OLDER : MEDIA_SOAP, buf_str(&buf));
}

const struct interaction interaction_soap = {
	.name = "soap",
	.parse = parse,
	.validate = pcd01_validate,
	.who = pcd01_who,
	.decide = pcd01_decide,
	.store = pcd01_store,
	.audit = pcd01_audit,
	.respond = respond,
};

static void describe(struct exchange *exchange)
{
	const struct str base = base_url(exchange);
	const struct str root = str_part(base, 0, base.length - strlen("/fhir"));
	struct buf buf = buf_new(exchange->arena, 4096, ENVELOPE_MAX);
	soap_write_wsdl(&buf, str_format(exchange->arena, "%.*s/pcd01/soap", STR_ARG(root)));
	respond_with(exchange, 200, MEDIA_WSDL, buf_str(&buf));
}

const struct interaction interaction_wsdl = {
	.name = "wsdl",
	.respond = describe,
};
