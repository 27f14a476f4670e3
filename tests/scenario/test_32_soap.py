# SPDX-License-Identifier: AGPL-3.0-or-later
"""PCD-01 over SOAP 1.2 (IHE PCD TF-2 appendix J): the same message by another road, and nothing that XML could bring along."""
import re
import xml.etree.ElementTree as tree

import httpx
import pytest

from hub import ROOT, found, person

ENV, WSA, PCD = "http://www.w3.org/2003/05/soap-envelope", "http://www.w3.org/2005/08/addressing", "urn:ihe:pcd:dec:2010"
SOAP = {"Content-Type": "application/soap+xml; charset=utf-8"}
ACTION = "urn:ihe:pcd:2010:CommunicatePCDData"
LAUGHS = "<!DOCTYPE lolz [<!ENTITY a 'ha'>" + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefghi", "bcdefghij")) + "]>"


def message(line, name="weight"):
    text = re.sub(r"PID\|\|\|\d{11}", f"PID|||{line}", (ROOT / f"tests/data/pcd01-{name}.hl7").read_text())
    return re.sub("[\r\n]+", "\r", text)


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#xD;\n")


def envelope(text, header=f"<wsa:Action s:mustUnderstand='true'>\n{ACTION}\n</wsa:Action><wsa:MessageID>urn:uuid:77</wsa:MessageID>", before=""):
    return (f'<?xml version="1.0" encoding="UTF-8"?>{before}<s:Envelope xmlns:s="{ENV}" xmlns:wsa="{WSA}"><s:Header>{header}</s:Header>'
            f'<s:Body><CommunicatePCDData xmlns="{PCD}">{text}</CommunicatePCDData></s:Body></s:Envelope>')


def send(caller, text, **headers):
    return caller.post("/pcd01/soap", headers={**SOAP, **headers}, content=text.encode())


def acknowledged(answer, code="AA"):
    """The acknowledgement inside the response."""
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/soap+xml"), answer.text
    whole = tree.fromstring(answer.content)
    text = whole.find(f"{{{ENV}}}Body/{{{PCD}}}CommunicatePCDDataResponse").text
    assert f"\rMSA|{code}|" in text, text
    return whole, text


def fault(answer, status, code):
    assert answer.status_code == status and answer.headers["content-type"].startswith("application/soap+xml"), answer.text
    whole = tree.fromstring(answer.content)
    body = whole.find(f"{{{ENV}}}Body/{{{ENV}}}Fault")
    assert body.find(f"{{{ENV}}}Code/{{{ENV}}}Value").text == f"env:{code}", answer.text
    return body.find(f"{{{ENV}}}Reason/{{{ENV}}}Text").text


def stored(hub):
    return hub.sql("select (select count(*) from hub.observation), (select count(*) from hub.upload)")[0]


def test_a_message_by_soap_is_the_message_by_http(hub, vendor, reader):
    line = person()
    whole, ack = acknowledged(send(vendor, envelope(escaped(message(line)))))
    assert whole.find(f"{{{ENV}}}Header/{{{WSA}}}RelatesTo").text == "urn:uuid:77"
    assert whole.find(f"{{{ENV}}}Header/{{{WSA}}}Action").text == ACTION + "Response"
    assert ack.startswith("MSH|^~\\&|") and ack.endswith("\r") and line not in ack
    before = stored(hub)
    assert "MSA|AA|" in vendor.pcd01(message(line)).text
    assert stored(hub)[0] == before[0] and len(found(reader.search(line))) == 1
    resource, = found(reader.search(line))
    assert resource["valueQuantity"]["value"] == 82.4


def test_actions_headers_and_ways_to_write_it(vendor, reader):
    line = person()
    text = escaped(message(line))
    whole, _ = acknowledged(send(vendor, envelope(text, header="<wsa:Action>urn:ihe:pcd:2009:CommunicatePCDData</wsa:Action>")))
    assert whole.find(f"{{{ENV}}}Header/{{{WSA}}}Action").text == "urn:ihe:pcd:2009:CommunicatePCDDataResponse"
    acknowledged(send(vendor, envelope(text, header="")))
    acknowledged(send(vendor, envelope(f"\n  <![CDATA[{message(line)}]]>\n")))
    acknowledged(send(vendor, envelope(text), **{"Content-Type": f'application/soap+xml; action="{ACTION}"'}))
    latin = message(line).replace("UNICODE UTF-8", "8859/1")
    acknowledged(send(vendor, envelope(escaped(latin))))
    assert len(found(reader.search(line))) == 1


def test_what_is_wrong_with_the_message_is_acknowledged(hub, vendor):
    before = stored(hub)
    _, ack = acknowledged(send(vendor, envelope(escaped(message(person()).replace("|2.6|", "|2.3|")))), "AR")
    assert "ERR||MSH^1^12" in ack
    _, ack = acknowledged(send(vendor, envelope(escaped(message("12345678901")))), "AE")
    assert "ERR||PID^1^3" in ack
    acknowledged(send(vendor, envelope("hello")), "AE")
    assert stored(hub) == before


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in [
    ("no xml", "MSH|^~\\&|"), ("broken", envelope("x")[:-3]), ("no envelope", "<a/>"), ("empty body", f'<s:Envelope xmlns:s="{ENV}"><s:Body/></s:Envelope>'),
    ("doctype", envelope("x", before="<!DOCTYPE x>")), ("laughs", envelope("&j;", before=LAUGHS)),
    ("xxe", envelope("&x;", before="<!DOCTYPE x [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>")),
    ("parameter entity", envelope("x", before="<!DOCTYPE x [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/x'>%p;]>")), ("entity", envelope("&nbsp;")),
    ("instruction", envelope("x", before="<?xml-stylesheet href='x'?>")), ("elements", envelope("<x/>")), ("utf-16", envelope("x").replace("UTF-8", "UTF-16")),
    ("another action", envelope("x", header="<wsa:Action>urn:other</wsa:Action>")),
    ("elsewhere", envelope("x", header="<wsa:ReplyTo><wsa:Address>http://127.0.0.1:9/</wsa:Address></wsa:ReplyTo>")),
]])
def test_what_is_no_message_is_a_fault(hub, vendor, text):
    before = stored(hub)
    reason = fault(send(vendor, text), 400, "Sender")
    assert "root:" not in reason and stored(hub) == before


def test_faults_of_their_own(hub, vendor, doctor):
    security = "<w:Security xmlns:w='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd' s:mustUnderstand='true'/>"
    assert "token" in fault(send(vendor, envelope("x", header=security)), 500, "MustUnderstand")
    fault(send(vendor, '<e:Envelope xmlns:e="urn:of-a-version-to-come"><e:Body/></e:Envelope>'), 500, "VersionMismatch")
    fault(send(vendor, envelope("x"), **{"Content-Type": "application/xml"}), 415, "Sender")
    fault(send(doctor, envelope(escaped(message(person())))), 403, "Sender")
    fault(vendor.plain("POST", "/pcd01/soap", headers=SOAP.items(), content=b"<a/>"), 401, "Sender")
    deep = send(vendor, envelope("<a>" * 5000))
    assert "elements" in fault(deep, 413, "Sender")


def test_soap_1_1_is_told_so_in_its_own_words(hub, vendor):
    """SOAP 1.2 part 1 appendix A: the fault is one that a client of 1.1 can read, and names the version that is spoken."""
    older, before = "http://schemas.xmlsoap.org/soap/envelope/", stored(hub)
    answer = send(vendor, envelope(escaped(message(person()))).replace(ENV, older), **{"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{ACTION}"'})
    assert answer.status_code == 500 and answer.headers["content-type"].startswith("text/xml"), answer.text
    whole = tree.fromstring(answer.content)
    assert whole.tag == f"{{{older}}}Envelope" and whole.find(f"{{{older}}}Body/{{{older}}}Fault/faultcode").text == "env:VersionMismatch"
    assert whole.find(f"{{{older}}}Header/{{{ENV}}}Upgrade/{{{ENV}}}SupportedEnvelope") is not None
    assert "SOAP 1.2" in whole.find(f"{{{older}}}Body/{{{older}}}Fault/faultstring").text
    assert stored(hub) == before
    # SOAP 1.2 under the media type of 1.1 is SOAP 1.2 all the same
    acknowledged(send(vendor, envelope(escaped(message(person()))), **{"Content-Type": "text/xml"}))


def test_size(hub, vendor):
    before = stored(hub)
    fault(send(vendor, envelope("x" * (2 << 20))), 413, "Sender")
    # the envelope has room for it, the message has not
    answer = send(vendor, envelope("MSH|^~\\&amp;|" + "x" * ((1 << 20) + 1)))
    assert answer.status_code == 413 and stored(hub) == before


def test_the_description(hub):
    for door in (hub.dev_url, hub.url):
        answer = httpx.get(f"{door}/pcd01/soap?wsdl", verify=hub.trusted())
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/xml")
        whole = tree.fromstring(answer.content)
        address = whole.find(".//{http://schemas.xmlsoap.org/wsdl/soap12/}address").get("location")
        assert address == f"{door}/pcd01/soap" and whole.get("targetNamespace") == PCD
