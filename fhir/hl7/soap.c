/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/hl7/soap.h"

#include "fhir/base/xml.h"

#define SPACE_SOAP    "http://www.w3.org/2003/05/soap-envelope"
#define SPACE_OLDER   "http://schemas.xmlsoap.org/soap/envelope/"
#define SPACE_WSA     "http://www.w3.org/2005/08/addressing"
#define SPACE_PCD     "urn:ihe:pcd:dec:2010"
#define ROLE_NEXT     SPACE_SOAP "/role/next"
#define ROLE_ULTIMATE SPACE_SOAP "/role/ultimateReceiver"
#define ANONYMOUS     SPACE_WSA "/anonymous"
#define ACTION_2010   "urn:ihe:pcd:2010:CommunicatePCDData"
#define ACTION_2009   "urn:ihe:pcd:2009:CommunicatePCDData"
#define ID_MAX        1000

static bool fail(struct soap *out, enum soap_fault fault, struct outcome *outcome, const char *text)
{
	out->fault = fault;
	return outcome_fail(outcome, OUTCOME_STRUCTURE, (struct str){ 0 }, "%s", text);
}

/* xs:boolean; anything else is taken for true, which fails closed. */
static bool is_true(struct str text)
{
	const struct str word = str_trim(text);
	return !str_is(word, "0") && !str_is(word, "false");
}

/* Is the block for us (SOAP 1.2 part 1 section 2.2), and must we know it? */
static bool must_understand(const struct xml *block)
{
	bool demanded, has_role;
	const struct str must = xml_attribute(block, SPACE_SOAP, "mustUnderstand", &demanded);
	const struct str role = str_trim(xml_attribute(block, SPACE_SOAP, "role", &has_role));
	const bool ours = !has_role || role.length == 0 || str_is(role, ROLE_NEXT) ||
			  str_is(role, ROLE_ULTIMATE);
	return demanded && is_true(must) && ours;
}

/* The names of WS-Addressing 1.0 core section 3.2 that may stand in a request. */
static bool is_addressing(const struct xml *block)
{
	static const char *const names[] = { "To", "From", "ReplyTo", "FaultTo", "Action",
		"MessageID", "RelatesTo" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (xml_is(block, SPACE_WSA, names[i]))
			return true;
	return false;
}

static bool take_action(struct str action, struct soap *out, struct outcome *outcome)
{
	out->is_2009 = str_is(action, ACTION_2009);
	if (out->is_2009 || str_is(action, ACTION_2010))
		return true;
	return fail(out, SOAP_ACTION_NOT_SUPPORTED, outcome,
		"wsa:Action must be " ACTION_2010 " (or the same with 2009)");
}

/* The answer goes back the way the question came. */
static bool check_reply(const struct xml *block, struct soap *out, struct outcome *outcome)
{
	xml_each(part, block)
	{
		if (xml_is(part, SPACE_WSA, "Address") && !str_is(str_trim(part->text), ANONYMOUS))
			return fail(out, SOAP_SENDER, outcome,
				"wsa:ReplyTo and wsa:FaultTo may only be anonymous: the answer "
				"comes in the response");
	}
	return true;
}

static bool take_block(const struct xml *block, struct soap *out, struct outcome *outcome)
{
	const struct str text = str_trim(block->text);
	if (!is_addressing(block))
		return !must_understand(block) ||
		       fail(out, SOAP_MUST_UNDERSTAND, outcome,
			       "a header block that must be understood is not: only "
			       "WS-Addressing is; the caller is known by the token of the request");
	if (str_is(block->name, "MessageID")) {
		if (out->message_id.length > 0 || text.length > ID_MAX)
			return fail(out, SOAP_SENDER, outcome,
				"wsa:MessageID stands twice or is too long");
		out->message_id = text;
	}
	if (str_is(block->name, "Action"))
		return take_action(text, out, outcome);
	if (str_is(block->name, "ReplyTo") || str_is(block->name, "FaultTo"))
		return check_reply(block, out, outcome);
	return true;
}

/* The first refusal counts, but the MessageID is looked for in all of them, so that a fault can name it. */
static bool take_header(const struct xml *header, struct soap *out, struct outcome *outcome)
{
	bool good = true;
	xml_each(block, header)
	{
		if (good)
			good = take_block(block, out, outcome);
		else if (xml_is(block, SPACE_WSA, "MessageID") && out->message_id.length == 0 &&
			 str_trim(block->text).length <= ID_MAX)
			out->message_id = str_trim(block->text);
	}
	return good;
}

static bool take_body(const struct xml *body, struct soap *out, struct outcome *outcome)
{
	const struct xml *const operation = body->first;
	if (body->child_count != 1 || !xml_is(operation, SPACE_PCD, "CommunicatePCDData"))
		return fail(out, SOAP_SENDER, outcome,
			"the Body holds one CommunicatePCDData of the namespace " SPACE_PCD);
	if (operation->child_count > 0)
		return fail(out, SOAP_SENDER, outcome,
			"CommunicatePCDData holds the HL7 message as text, without elements");
	out->message = operation->text;
	return true;
}

static bool take_envelope(const struct xml *envelope, struct soap *out, struct outcome *outcome)
{
	const struct xml *body = envelope->first;
	if (!str_is(envelope->name, "Envelope"))
		return fail(out, SOAP_SENDER, outcome, "the document is no SOAP Envelope");
	out->is_older = str_is(envelope->space, SPACE_OLDER);
	if (!str_is(envelope->space, SPACE_SOAP))
		return fail(out, SOAP_VERSION_MISMATCH, outcome,
			"the Envelope is not of SOAP 1.2 (" SPACE_SOAP ")");
	const struct xml *header = NULL;
	if (body != NULL && xml_is(body, SPACE_SOAP, "Header")) {
		header = body;
		body = body->next;
	}
	if (body == NULL || !xml_is(body, SPACE_SOAP, "Body") || body->next != NULL)
		return fail(out, SOAP_SENDER, outcome,
			"the Envelope holds an optional Header and then a Body");
	return (header == NULL || take_header(header, out, outcome)) &&
	       take_body(body, out, outcome);
}

bool soap_read(struct arena *arena, struct str bytes, struct soap *out, struct outcome *outcome)
{
	*out = (struct soap){ .fault = SOAP_SENDER };
	const struct xml *const envelope = xml_parse(arena, bytes, outcome);
	return envelope != NULL && take_envelope(envelope, out, outcome);
}

/* ---- answers */

static void open_envelope(struct buf *buf, const struct soap *soap, const char *action)
{
	buf_add_text(buf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			  "<env:Envelope xmlns:env=\"" SPACE_SOAP "\" xmlns:wsa=\"" SPACE_WSA
			  "\"><env:Header><wsa:Action>");
	buf_add_text(buf, action);
	buf_add_text(buf, "</wsa:Action>");
	if (soap != NULL && soap->message_id.length > 0) {
		buf_add_text(buf, "<wsa:RelatesTo>");
		xml_write_text(buf, soap->message_id);
		buf_add_text(buf, "</wsa:RelatesTo>");
	}
}

static void close_envelope(struct buf *buf)
{
	buf_add_text(buf, "</env:Body></env:Envelope>\n");
}

void soap_write_response(struct buf *buf, const struct soap *soap, struct str ack)
{
	open_envelope(buf, soap, soap->is_2009 ? ACTION_2009 "Response" : ACTION_2010 "Response");
	buf_add_text(
		buf, "</env:Header><env:Body><CommunicatePCDDataResponse xmlns=\"" SPACE_PCD "\">");
	xml_write_text(buf, ack);
	buf_add_text(buf, "</CommunicatePCDDataResponse>");
	close_envelope(buf);
}

static const char *code_of(enum soap_fault fault)
{
	switch (fault) {
	case SOAP_SENDER:
	case SOAP_ACTION_NOT_SUPPORTED:
		return "env:Sender";
	case SOAP_RECEIVER:
		return "env:Receiver";
	case SOAP_MUST_UNDERSTAND:
		return "env:MustUnderstand";
	case SOAP_VERSION_MISMATCH:
		return "env:VersionMismatch";
	}
	return "env:Receiver";
}

int soap_status(enum soap_fault fault)
{
	return fault == SOAP_SENDER || fault == SOAP_ACTION_NOT_SUPPORTED ? 400 : 500;
}

static void write_reason(struct buf *buf, const struct outcome *outcome)
{
	const char *separator = "";
	buf_add_text(buf, "<env:Reason><env:Text xml:lang=\"en\">");
	for (const struct issue *issue = outcome->first; issue != NULL; issue = issue->next) {
		buf_add_text(buf, separator);
		xml_write_text(
			buf, issue->kind == OUTCOME_FAULT ? STR("internal error") : issue->text);
		separator = "; ";
	}
	buf_add_text(buf, "</env:Text></env:Reason>");
}

/* SOAP 1.2 part 1 appendix A: who speaks 1.1 is told in 1.1 what is spoken here. */
static void write_older_fault(struct buf *buf, const struct outcome *outcome)
{
	buf_add_text(buf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			  "<env:Envelope xmlns:env=\"" SPACE_OLDER "\"><env:Header>"
			  "<now:Upgrade xmlns:now=\"" SPACE_SOAP
			  "\"><now:SupportedEnvelope qname=\"now:Envelope\"/></now:Upgrade>"
			  "</env:Header><env:Body><env:Fault><faultcode>env:VersionMismatch"
			  "</faultcode><faultstring>");
	if (outcome->first != NULL)
		xml_write_text(buf, outcome->first->text);
	buf_add_text(buf, "</faultstring></env:Fault>");
	close_envelope(buf);
}

void soap_write_fault(struct buf *buf, const struct soap *soap, enum soap_fault fault,
	const struct outcome *outcome)
{
	if (soap != NULL && soap->is_older && fault == SOAP_VERSION_MISMATCH) {
		write_older_fault(buf, outcome);
		return;
	}
	/* WS-Addressing 1.0 SOAP binding section 6 and WS-Addressing 1.0 metadata: the action of faults. */
	open_envelope(buf, soap, SPACE_WSA "/fault");
	/* SOAP 1.2 part 1 section 5.4.7. */
	if (fault == SOAP_VERSION_MISMATCH)
		buf_add_text(buf, "<env:Upgrade><env:SupportedEnvelope qname=\"env:Envelope\"/>"
				  "</env:Upgrade>");
	buf_add_text(buf, "</env:Header><env:Body><env:Fault><env:Code><env:Value>");
	buf_add_text(buf, code_of(fault));
	buf_add_text(buf, "</env:Value>");
	if (fault == SOAP_ACTION_NOT_SUPPORTED)
		buf_add_text(buf, "<env:Subcode><env:Value>wsa:ActionNotSupported</env:Value>"
				  "</env:Subcode>");
	buf_add_text(buf, "</env:Code>");
	write_reason(buf, outcome);
	buf_add_text(buf, "</env:Fault>");
	close_envelope(buf);
}

/* IHE PCD TF-2 appendix J.1 describes the service; document/literal, one part, no faults declared. */
void soap_write_wsdl(struct buf *buf, struct str url)
{
	buf_add_text(buf,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<wsdl:definitions xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\""
		" xmlns:soap12=\"http://schemas.xmlsoap.org/wsdl/soap12/\""
		" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\""
		" xmlns:wsam=\"http://www.w3.org/2007/05/addressing/metadata\""
		" xmlns:pcd=\"" SPACE_PCD "\" targetNamespace=\"" SPACE_PCD "\""
		" name=\"DeviceObservationConsumer\">\n"
		" <wsdl:types>\n"
		"  <xs:schema elementFormDefault=\"qualified\" targetNamespace=\"" SPACE_PCD "\">\n"
		"   <xs:element name=\"CommunicatePCDData\" type=\"xs:string\"/>\n"
		"   <xs:element name=\"CommunicatePCDDataResponse\" type=\"xs:string\"/>\n"
		"  </xs:schema>\n"
		" </wsdl:types>\n");
	buf_add_text(buf,
		" <wsdl:message name=\"Message\">"
		"<wsdl:part name=\"body\" element=\"pcd:CommunicatePCDData\"/></wsdl:message>\n"
		" <wsdl:message name=\"Response\">"
		"<wsdl:part name=\"body\" element=\"pcd:CommunicatePCDDataResponse\"/>"
		"</wsdl:message>\n"
		" <wsdl:portType name=\"DeviceObservationConsumer_PortType\">\n"
		"  <wsdl:operation name=\"CommunicatePCDData\">\n"
		"   <wsdl:input message=\"pcd:Message\" wsam:Action=\"" ACTION_2010 "\"/>\n"
		"   <wsdl:output message=\"pcd:Response\" wsam:Action=\"" ACTION_2010
		"Response\"/>\n"
		"  </wsdl:operation>\n"
		" </wsdl:portType>\n");
	buf_add_text(buf, " <wsdl:binding name=\"DeviceObservationConsumer_Binding_Soap12\""
			  " type=\"pcd:DeviceObservationConsumer_PortType\">\n"
			  "  <soap12:binding style=\"document\""
			  " transport=\"http://schemas.xmlsoap.org/soap/http\"/>\n"
			  "  <wsdl:operation name=\"CommunicatePCDData\">\n"
			  "   <soap12:operation soapAction=\"" ACTION_2010
			  "\" soapActionRequired=\"false\"/>\n"
			  "   <wsdl:input><soap12:body use=\"literal\"/></wsdl:input>\n"
			  "   <wsdl:output><soap12:body use=\"literal\"/></wsdl:output>\n"
			  "  </wsdl:operation>\n"
			  " </wsdl:binding>\n"
			  " <wsdl:service name=\"DeviceObservationConsumer_Service\">\n"
			  "  <wsdl:port name=\"DeviceObservationConsumer_Port_Soap12\""
			  " binding=\"pcd:DeviceObservationConsumer_Binding_Soap12\">\n"
			  "   <soap12:address location=\"");
	xml_write_text(buf, url);
	buf_add_text(buf, "\"/>\n"
			  "  </wsdl:port>\n"
			  " </wsdl:service>\n"
			  "</wsdl:definitions>\n");
}
