/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The XML doorway and SOAP upon it: what is taken, and what is refused before it can do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fhir/base/arena.h"
#include "fhir/base/xml.h"
#include "fhir/hl7/er7.h"
#include "fhir/hl7/soap.h"

#define OPEN                                                                           \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                 \
	"<soapenv:Envelope xmlns:soapenv=\"http://www.w3.org/2003/05/soap-envelope\" " \
	"xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">"
#define HEADER(blocks) "<soapenv:Header>" blocks "</soapenv:Header>"
#define BODY(inside)   "<soapenv:Body>" inside "</soapenv:Body>"
#define COMMUNICATE(hl7) \
	"<C:CommunicatePCDData xmlns:C=\"urn:ihe:pcd:dec:2010\">" hl7 "</C:CommunicatePCDData>"
#define CLOSE "</soapenv:Envelope>"
#define ACTION                                          \
	"<wsa:Action soapenv:mustUnderstand=\"true\"> " \
	"urn:ihe:pcd:2010:CommunicatePCDData\n</wsa:Action>"

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(256 << 20);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const struct xml *parsed(const char *text)
{
	outcome = (struct outcome){ .arena = arena };
	return xml_parse(arena, str_of(text), &outcome);
}

static void is_text(struct str got, const char *wanted)
{
	if (!str_is(got, wanted))
		fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(got), wanted);
}

static void trees_are_read(void **state)
{
	(void)state;
	const struct xml *root =
		parsed("<a xmlns='urn:1' xmlns:p=\"urn:2\" x='1&amp;2' p:x='3'>\n"
		       "<!-- not said --><p:b>t&#xD;\n<![CDATA[<&amp;>]]>&lt;</p:b>"
		       "<b/>tail</a>");
	assert_non_null(root);
	assert_true(xml_is(root, "urn:1", "a") && root->child_count == 2);
	is_text(xml_attribute(root, "", "x", NULL), "1&2");
	is_text(xml_attribute(root, "urn:2", "x", NULL), "3");
	bool found = true;
	xml_attribute(root, "urn:2", "y", &found);
	assert_false(found);
	is_text(root->text, "\ntail");
	assert_true(xml_is(root->first, "urn:2", "b") && xml_is(root->last, "urn:1", "b"));
	is_text(root->first->text, "t\r\n<&amp;><");
	assert_non_null(parsed("\xef\xbb\xbf<?xml version='1.0'?><a>\xc3\xb8</a>"));
	assert_non_null(parsed("<?xml version=\"1.0\" encoding = 'utf-8' ?><a/>"));
}

static void harm_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "x", "<a>", "<a></b>", "<a/><b/>",
		"<a x='1' x='2'/>", "<p:a/>", "<a>&nbsp;</a>", "<a>\x01</a>", "<a>&#0;</a>",
		"<a>&#xFFFE;</a>", "<!DOCTYPE a><a/>",
		"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
		"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
		"<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;'>]><a>&c;</a>",
		"<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/x'> %p;]><a/>",
		"<a><?php echo 1 ?></a>", "<?xml-stylesheet href='x'?><a/>", "<a>\xc3\x28</a>",
		"<?xml version='1.0' encoding='UTF-16'?><a/>",
		"<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
		"<?xml version='1.0' encoding=?><a/>", "<a>]]></a>", "\xff\xfe<\0a\0/\0>\0" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parsed(bad[i]) != NULL)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(outcome.errors, 1);
		assert_true(outcome_first(&outcome) == OUTCOME_STRUCTURE);
	}
}

static struct str repeated(const char *part, size_t times, const char *rest)
{
	struct buf buf = buf_new(arena, 1024, 64 << 20);
	for (size_t i = 0; i < times; i++)
		buf_add_text(&buf, part);
	buf_add_text(&buf, rest);
	return buf_str(&buf);
}

static bool too_large(struct str text)
{
	outcome = (struct outcome){ .arena = arena };
	return xml_parse(arena, text, &outcome) == NULL &&
	       outcome_first(&outcome) == OUTCOME_TOO_LARGE;
}

/* What libxml2 would compare each with each: it is counted before. What only looks like attributes is none. */
static void tags_are_counted_first(void **state)
{
	(void)state;
	struct buf names = buf_new(arena, 4096, 1 << 20);
	for (int i = 0; i < 3 * XML_ATTRIBUTES_MAX; i++)
		buf_add_format(&names, " xmlns:x%d='u'", i);
	const struct str many = buf_str(&names);
	assert_true(too_large(str_format(arena, "<a%.*s/>", STR_ARG(many))));
	assert_true(too_large(str_format(arena, "<!-- > --><a><b c='>'%.*s/></a>", STR_ARG(many))));
	assert_true(too_large(str_format(arena, "<a><![CDATA[<]]><b %.*s/></a>", STR_ARG(many))));
	outcome = (struct outcome){ .arena = arena };
	const struct str sound =
		str_format(arena, "<a x=\"%.*s\"><!-- < %.*s --><![CDATA[<%.*s]]>%.*s</a>",
			STR_ARG(many), STR_ARG(many), STR_ARG(many), STR_ARG(many));
	assert_non_null(xml_parse(arena, sound, &outcome));
}

static void size_is_bounded(void **state)
{
	(void)state;
	assert_true(too_large(repeated("<a>", XML_DEPTH_MAX + 1, "")));
	assert_true(too_large(repeated("<a>", 1000000, "")));
	assert_true(too_large(
		str_format(arena, "<r>%.*s", STR_ARG(repeated("<a/>", XML_ELEMENTS_MAX, "</r>")))));
	assert_true(too_large(str_format(
		arena, "<r>%.*s", STR_ARG(repeated("0123456789abcdef", 300000, "</r>")))));
	struct buf wide = buf_new(arena, 4096, 1 << 20);
	buf_add_text(&wide, "<a");
	for (int i = 0; i <= XML_ATTRIBUTES_MAX; i++)
		buf_add_format(&wide, " x%d=''", i);
	buf_add_text(&wide, "/>");
	assert_true(too_large(buf_str(&wide)));
}

/* What is written is read back as it was. */
static void text_goes_round(void **state)
{
	(void)state;
	const struct str text = STR("a\r\n\t<b>&\"'\xc3\xb8]]>|^~\\&\r");
	struct buf buf = buf_new(arena, 256, 4096);
	buf_add_text(&buf, "<a>");
	xml_write_text(&buf, text);
	buf_add_text(&buf, "</a>");
	const struct xml *root = xml_parse(arena, buf_str(&buf), &outcome);
	assert_non_null(root);
	assert_true(str_equal(root->text, text));
	struct buf odd = buf_new(arena, 256, 4096);
	xml_write_text(&odd, STR("\x01\xef\xbf\xbf!"));
	is_text(buf_str(&odd), "\xef\xbf\xbd\xef\xbf\xbd!");
}

static struct soap soap;

static bool taken(const char *text)
{
	outcome = (struct outcome){ .arena = arena };
	return soap_read(arena, str_of(text), &soap, &outcome);
}

static void messages_are_taken_out(void **state)
{
	(void)state;
	assert_true(taken(OPEN HEADER(ACTION
		"<wsa:MessageID soapenv:mustUnderstand='1'>\n urn:uuid:1 </wsa:MessageID>"
		"<wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous"
		"</wsa:Address></wsa:ReplyTo><wsa:To>http://hub</wsa:To><x:y xmlns:x='urn:x'/>")
			BODY(COMMUNICATE("\nMSH|^~\\&amp;|A&#xD;PID|")) CLOSE));
	is_text(soap.message, "\nMSH|^~\\&|A\rPID|");
	is_text(soap.message_id, "urn:uuid:1");
	assert_false(soap.is_2009);
	assert_true(taken(OPEN BODY(COMMUNICATE("<![CDATA[MSH|^~\\&|A]]>")) CLOSE));
	is_text(soap.message, "MSH|^~\\&|A");
	assert_true(
		taken(OPEN HEADER("<wsa:Action>urn:ihe:pcd:2009:CommunicatePCDData</wsa:Action>")
				BODY(COMMUNICATE("M")) CLOSE));
	assert_true(soap.is_2009);
	/* Not for us, and not demanded. */
	assert_true(taken(OPEN HEADER(
		"<x:s xmlns:x='urn:x' soapenv:mustUnderstand='true' soapenv:role='urn:other'/>"
		"<x:s xmlns:x='urn:x' soapenv:mustUnderstand='false'/>") BODY(COMMUNICATE("M"))
			CLOSE));
}

static void others_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum soap_fault fault;
	} bad[] = {
		{ "<a/>", SOAP_SENDER },
		{ "<!DOCTYPE x><a/>", SOAP_SENDER },
		{ "<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'/>",
			SOAP_VERSION_MISMATCH },
		{ OPEN CLOSE, SOAP_SENDER },
		{ OPEN HEADER("") CLOSE, SOAP_SENDER },
		{ OPEN BODY("") CLOSE, SOAP_SENDER },
		{ OPEN BODY("<CommunicatePCDData>M</CommunicatePCDData>") CLOSE, SOAP_SENDER },
		{ OPEN BODY(COMMUNICATE("<x/>M")) CLOSE, SOAP_SENDER },
		{ OPEN BODY(COMMUNICATE("M") COMMUNICATE("M")) CLOSE, SOAP_SENDER },
		{ OPEN BODY(COMMUNICATE("M")) HEADER("") CLOSE, SOAP_SENDER },
		{ OPEN BODY(COMMUNICATE("M")) BODY("") CLOSE, SOAP_SENDER },
		{ OPEN HEADER("<wsa:Action>urn:other</wsa:Action>") BODY(COMMUNICATE("M")) CLOSE,
			SOAP_ACTION_NOT_SUPPORTED },
		{ OPEN HEADER("<wsa:MessageID>1</wsa:MessageID><wsa:MessageID>2</wsa:MessageID>")
				BODY(COMMUNICATE("M")) CLOSE,
			SOAP_SENDER },
		{ OPEN HEADER("<wsa:ReplyTo><wsa:Address>http://elsewhere</wsa:Address>"
			      "</wsa:ReplyTo>") BODY(COMMUNICATE("M")) CLOSE,
			SOAP_SENDER },
		{ OPEN HEADER("<w:Security xmlns:w='urn:w' soapenv:mustUnderstand=' 1 '/>")
				BODY(COMMUNICATE("M")) CLOSE,
			SOAP_MUST_UNDERSTAND },
		{ OPEN HEADER("<wsa:Other soapenv:mustUnderstand='maybe'/>") BODY(COMMUNICATE("M"))
				CLOSE,
			SOAP_MUST_UNDERSTAND },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (taken(bad[i].text) || soap.fault != bad[i].fault)
			fail_msg("case %zu: fault %d", i, soap.fault);
		assert_int_equal(outcome.errors, 1);
	}
	assert_false(taken(OPEN HEADER("<w:S xmlns:w='urn:w' soapenv:mustUnderstand='1'/>"
				       "<wsa:MessageID>late</wsa:MessageID>") BODY("") CLOSE));
	is_text(soap.message_id, "late");
}

static struct str inside(struct str text, const char *space, const char *name)
{
	const struct xml *envelope = xml_parse(arena, text, &outcome);
	assert_non_null(envelope);
	const struct xml *body = envelope->last;
	assert_true(str_is(body->name, "Body") && body->child_count == 1);
	if (!xml_is(body->first, space, name))
		fail_msg("%.*s", STR_ARG(text));
	return body->first->text;
}

static void answers_are_envelopes(void **state)
{
	(void)state;
	struct buf buf = buf_new(arena, 1024, 1 << 20);
	soap = (struct soap){ .message_id = STR("urn:<1>"), .is_2009 = true };
	soap_write_response(&buf, &soap, STR("MSH|^~\\&|\rMSA|AA|<1>\r"));
	is_text(inside(buf_str(&buf), "urn:ihe:pcd:dec:2010", "CommunicatePCDDataResponse"),
		"MSH|^~\\&|\rMSA|AA|<1>\r");
	assert_non_null(memmem(buf.at, buf.length, ":2009:CommunicatePCDDataResponse<", 33));
	assert_non_null(memmem(buf.at, buf.length, "RelatesTo>urn:&lt;1&gt;<", 24));
	for (enum soap_fault fault = SOAP_SENDER; fault <= SOAP_ACTION_NOT_SUPPORTED; fault++) {
		struct buf told = buf_new(arena, 1024, 1 << 20);
		outcome = (struct outcome){ .arena = arena };
		outcome_fail(&outcome, OUTCOME_FAULT, STR(""), "a secret of ours");
		soap_write_fault(&told, NULL, fault, &outcome);
		inside(buf_str(&told), "http://www.w3.org/2003/05/soap-envelope", "Fault");
		assert_null(memmem(told.at, told.length, "secret", 6));
		assert_int_equal(soap_status(fault),
			fault == SOAP_SENDER || fault == SOAP_ACTION_NOT_SUPPORTED ? 400 : 500);
	}
	struct buf wsdl = buf_new(arena, 4096, 1 << 20);
	soap_write_wsdl(&wsdl, STR("https://hub.example/pcd01/soap?a&b"));
	assert_non_null(xml_parse(arena, buf_str(&wsdl), &outcome));
	assert_non_null(memmem(wsdl.at, wsdl.length, "soap?a&amp;b\"", 13));
}

/* XML has made it UTF-8; what MSH-18 says is of the message before. */
static void the_character_set_is_settled(void **state)
{
	(void)state;
	const struct str text = STR("MSH|^~\\&|\xc3\x98||||||ORU^R01|1|P|2.6||||||8859/1\rPID|x");
	struct er7 message;
	assert_true(er7_parse_utf8(arena, text, &message, &outcome));
	is_text(er7_field(er7_find(&message, "MSH"), 3), "\xc3\x98");
	assert_true(er7_parse(arena, text, &message, &outcome));
	is_text(er7_field(er7_find(&message, "MSH"), 3), "\xc3\x83\xc2\x98");
	assert_false(er7_parse_utf8(arena, STR("MSH|^~\\&|\xd8|"), &message, &outcome));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(trees_are_read, begin, end),
		cmocka_unit_test_setup_teardown(harm_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(tags_are_counted_first, begin, end),
		cmocka_unit_test_setup_teardown(size_is_bounded, begin, end),
		cmocka_unit_test_setup_teardown(text_goes_round, begin, end),
		cmocka_unit_test_setup_teardown(messages_are_taken_out, begin, end),
		cmocka_unit_test_setup_teardown(others_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(answers_are_envelopes, begin, end),
		cmocka_unit_test_setup_teardown(the_character_set_is_settled, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
