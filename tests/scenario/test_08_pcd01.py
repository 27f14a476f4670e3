# SPDX-License-Identifier: AGPL-3.0-or-later
"""PCD-01: messages of measuring hubs become the same Observations that FHIR senders make, and are acknowledged."""
import re

import pytest

from hub import ER7, FNR, ROOT, SOLVIK, bundle, found, ids, observation, person, results, side_by_side

DATA = ROOT / "tests/data"
SAMPLES = ROOT.parent / "shared/samples/pcd01"
MDC, LOINC = "urn:iso:std:iso:11073:10101", "http://loinc.org"
EUI64 = "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"


def message(name, line):
    """A message of tests/data for this patient."""
    text = (DATA / f"pcd01-{name}.hl7").read_text()
    return re.sub(r"PID\|\|\|\d{11}", f"PID|||{line}", text)


def segments(answer):
    """The acknowledgement as {name: [fields of each]}; fields[1] is the first."""
    out = {}
    assert answer.text.endswith("\r")
    for line in answer.text.strip("\r").split("\r"):
        fields = line.split("|")
        if fields[0] == "MSH":
            fields.insert(1, "|")
        out.setdefault(fields[0], []).append(fields)
    return out


def acknowledged(answer, code="AA", control=None):
    assert answer.status_code == 200, answer.text
    whole = segments(answer)
    assert whole["MSA"][0][1] == code, answer.text
    if control:
        assert whole["MSA"][0][2] == control
    return whole


def stored(hub):
    return hub.sql("select (select count(*) from hub.observation), (select count(*) from hub.upload), (select count(*) from hub.person)")[0]


def codes(resource):
    return {(one["system"], one["code"]) for one in resource["code"]["coding"]}


def by_code(resources, code):
    return next(one for one in resources if (LOINC, code) in codes(one))


# ---- what becomes of a message


@pytest.mark.parametrize("name,loinc,mdc,value,unit,ucum", [
    ("weight", "29463-7", "188736", "82.4", "kg", "kg"), ("temperature", "8310-5", "188424", "37.9", "°C", "Cel"), ("glucose", "15074-8", "160184", "7.8", "mmol/L", "mmol/L"),
    ("pulse-oximeter", "59408-5", "150456", "95", "%", "%"), ("pulse-oximeter", "8867-4", "149530", "78", "beats/min", "/min"), ("blood-pressure", "8867-4", "149546", "71", "beats/min", "/min"),
])
def test_measurements(vendor, reader, name, loinc, mdc, value, unit, ucum):
    line = person()
    acknowledged(vendor.pcd01(message(name, line)))
    answer = reader.search(line)
    resource = by_code(found(answer), loinc)
    assert (MDC, mdc) in codes(resource)
    quantity = resource["valueQuantity"]
    assert (str(quantity["value"]), quantity["unit"], quantity["system"], quantity["code"]) == (value, unit, "http://unitsofmeasure.org", ucum)
    assert resource["status"] == "final" and resource["effectiveDateTime"] == "2026-11-20T08:00:12+01:00"
    assert resource["subject"]["identifier"] == {"system": FNR, "value": line}
    device = resource["device"]["identifier"]
    assert device["system"] == EUI64 and re.fullmatch("[1-5][12]-22-33-44-55-66-77-88", device["value"])


def test_a_blood_pressure_is_one_observation(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(message("blood-pressure", line)))
    panel = by_code(found(reader.search(line)), "85354-9")
    parts = {next(one["code"] for one in component["code"]["coding"] if one["system"] == LOINC): component["valueQuantity"] for component in panel["component"]}
    assert {code: (quantity["value"], quantity["code"]) for code, quantity in parts.items()} == {"8480-6": (134, "mm[Hg]"), "8462-4": (86, "mm[Hg]"), "8478-0": (102, "mm[Hg]")}
    assert "valueQuantity" not in panel
    # found by LOINC and by MDC
    assert len(found(reader.search(line, code=f"{MDC}|150020"))) == len(found(reader.search(line, code="85354-9"))) == 1


def test_decimals_stay_as_written(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(message("weight", line).replace("|82.40|", "|82.500|")))
    assert '"value":82.500,' in reader.search(line).text.replace(" ", "")


def test_the_raw_message_is_kept(hub, vendor):
    line = person()
    text = message("blood-pressure", line)
    before = stored(hub)[1]
    acknowledged(vendor.pcd01(text))
    assert stored(hub)[1] == before + 1
    pack, body, client, readings = hub.sql("select u.pack, u.body, u.client, (select count(*) from hub.observation o where o.upload_id = u.upload_id) from hub.upload u order by u.recv desc limit 1")[0]
    assert client == "solvik-dho" and readings == 2
    body, raw = bytes(body), text.encode()
    if pack == 0:
        assert body == raw
    else:  # LZ4 behind the length of what was packed, seven bits a byte
        length, shift = 0, 0
        for byte in body:
            length, shift = length | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        assert length == len(raw)


def test_it_is_logged(hub, vendor):
    line = person()
    acknowledged(vendor.pcd01(message("blood-pressure", line)))
    entry, = hub.entries(line)
    assert (entry["event"], entry["outcome"], entry["count"], entry["dataController"]["orgnr"]) == ("create", "permit", 2, str(SOLVIK))
    assert {one["text"] for one in entry["what"]} == {"Blodtrykk", "Puls"}


def test_the_samples_go_in_with_only_the_patient_replaced(vendor, reader):
    if not SAMPLES.is_dir():
        pytest.skip("../shared/samples/pcd01 is not there")
    expected = {"01": {"85354-9": ["120", "80", "100"]}, "03": {"85354-9": ["140", "100"]}, "05": {"59408-5": ["80.5"]}, "10": {}}
    for number, wanted in expected.items():
        line = person()
        raw, = SAMPLES.glob(f"{number}-*.hl7")
        text, count = re.subn(rb"(PID\|\|\|)[^|\r]*", lambda match: match[1] + f"{line}^^^&2.16.578.1.12.4.1.4.1&ISO^NNN".encode(), raw.read_bytes())
        assert count == 1
        answer = vendor.pcd01(text)
        acknowledged(answer, "AA", "MSGID1234")
        resources = found(reader.search(line, _count="50"))
        assert resources, number
        for loinc, values in wanted.items():
            resource = by_code(resources, loinc)
            quantities = [one["valueQuantity"] for one in resource.get("component", [resource])]
            assert [str(one["value"]) for one in quantities] == values, (number, quantities)
        # a re-send is known
        before = {(one["id"], one["meta"]["versionId"]) for one in resources}
        acknowledged(vendor.pcd01(text), "AA", "MSGID1234")
        if number != "03":  # which holds two values of one code at one time, and takes turns
            assert {(one["id"], one["meta"]["versionId"]) for one in found(reader.search(line, _count="50"))} == before
        assert len(found(reader.search(line, _count="50"))) == len(resources)


# ---- the same reading by either road


def pulse(line, value="78", device="21-22-33-44-55-66-77-88"):
    return observation(line, value=value, at="2026-11-20T08:00:12+01:00", device=None) | {"device": {"identifier": {"system": EUI64, "value": device}}}


def oxygen(line):
    return observation(line, code="59408-5", value="95", unit="%", at="2026-11-20T07:00:12Z", device=None) | {"device": {"identifier": {"system": EUI64, "value": "2122334455667788"}}}


def test_by_pcd01_and_then_by_fhir(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(message("pulse-oximeter", line)))
    first = set(ids(reader.search(line)))
    answers = [vendor.upload(pulse(line)), vendor.upload(oxygen(line))]
    assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
    assert {answer.headers["location"].split("/")[-3] for answer in answers} == first
    assert set(ids(reader.search(line))) == first


def test_by_fhir_and_then_by_pcd01(hub, vendor, reader):
    line = person()
    assert results(vendor.upload(bundle(pulse(line), oxygen(line)))) == [201, 201]
    first = set(ids(reader.search(line)))
    acknowledged(vendor.pcd01(message("pulse-oximeter", line)))
    assert set(ids(reader.search(line))) == first
    assert {one["meta"]["versionId"] for one in found(reader.search(line))} == {"1"}
    # what came first stays as it came; both sources are kept
    assert "unit" in found(reader.search(line, code="8867-4"))[0]["valueQuantity"] and found(reader.search(line, code="8867-4"))[0]["valueQuantity"]["unit"] == "/min"
    assert hub.sql("select count(*) from hub.obs_source")[0][0] >= 2


def test_a_blood_pressure_by_either_road(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(message("blood-pressure", line)))

    def part(code, value):
        return {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}

    fhir = observation(line, code="85354-9", at="2026-11-20T08:00:12+01:00", device=None, valueQuantity=None, component=[part("8462-4", 86), part("8478-0", 102), part("8480-6", 134)])
    fhir["device"] = {"identifier": {"system": EUI64, "value": "11:22:33:44:55:66:77:88"}}
    answer = vendor.upload(fhir)
    assert answer.status_code == 200 and answer.headers["etag"] == 'W/"1"', answer.text
    assert len(found(reader.search(line, code="85354-9"))) == 1


def test_64_at_once_by_both_roads_leave_one(hub, reader):
    line = person()
    text = re.sub(r"OBX\|2\|[^\r\n]*[\r\n]+", "", message("pulse-oximeter", line))  # the pulse alone

    def send(caller, i):
        if i % 2:
            return caller.upload(pulse(line)).status_code in (200, 201)
        return "MSA|AA|" in caller.pcd01(text).text

    assert all(side_by_side(hub, "solvik-dho", 8, send, range(64)))
    assert len(found(reader.search(line))) == 1
    assert {one["meta"]["versionId"] for one in found(reader.search(line))} == {"1"}


def test_corrections(vendor, reader):
    line = person()
    text = message("weight", line)
    acknowledged(vendor.pcd01(text))
    row = next(row for row in re.split("[\r\n]+", text) if row.startswith("OBX|2|"))
    fixed = text.replace(row, row.replace("|82.40|", "|81.4|").replace("|||||R", "|||||C"))
    acknowledged(vendor.pcd01(fixed))
    resource, = found(reader.search(line))
    assert (resource["valueQuantity"]["value"], resource["status"], resource["meta"]["versionId"]) == (81.4, "corrected", "2")
    acknowledged(vendor.pcd01(fixed))
    assert found(reader.search(line))[0]["meta"]["versionId"] == "2"


# ---- the acknowledgement


def test_the_acknowledgement(hub, vendor):
    line = person()
    answer = vendor.pcd01(message("weight", line))
    assert answer.headers["content-type"] == "x-application/hl7-v2+er7; charset=utf-8"
    whole = acknowledged(answer, "AA", "G-DATA-WT")
    head = whole["MSH"][0]
    assert head[3:7] == ["Maalehub^1.2.3^ISO", "", "HjemmeHub^AC1D2E3F40516273^EUI-64", "Leverandør"]  # sender and receiver change places
    assert re.fullmatch(r"\d{14}\+0000", head[7]) and head[9] == "ACK^R01^ACK" and head[10] and head[11] == "T" and head[12] == "2.6" and head[18] == "UNICODE UTF-8"
    assert "ERR" not in whole and line not in answer.text


@pytest.mark.parametrize("kind", ["x-application/hl7-v2+er7", "application/hl7-v2", "text/plain", "text/plain; charset=utf-8"])
def test_media_types(vendor, kind):
    answer = vendor.post("/pcd01", headers={"Content-Type": kind}, content=message("weight", person()).encode())
    acknowledged(answer)
    assert answer.headers["content-type"].split(";")[0] == kind.split(";")[0]


@pytest.mark.parametrize("kind", ["application/fhir+json", "application/xml", "", "text/html"])
def test_other_media_types(hub, vendor, kind):
    before = stored(hub)
    assert vendor.post("/pcd01", headers={"Content-Type": kind}, content=message("weight", person()).encode()).status_code == 415
    assert stored(hub) == before


@pytest.mark.parametrize("accept,application,code", [("AL", "AL", "AA"), ("NE", "AL", "AA"), ("AL", "NE", "CA"), ("", "", "AA")])
def test_acknowledgement_modes(vendor, accept, application, code):
    text = message("weight", person()).replace("|NE|AL|", f"|{accept}|{application}|")
    acknowledged(vendor.pcd01(text), code)
    wrong = text.replace("|2.6|", "|2.3|")
    acknowledged(vendor.pcd01(wrong), code[0] + "R")


def test_line_ends_and_character_sets(vendor, reader):
    for end in ("\r", "\n", "\r\n"):
        line = person()
        text = re.sub("[\r\n]+", end, message("weight", line))
        acknowledged(vendor.pcd01(text))
        assert len(found(reader.search(line))) == 1
    line = person()
    acknowledged(vendor.pcd01(message("weight", line).replace("UNICODE UTF-8", "8859/1").encode("latin-1")), "AA")


# ---- what is wrong


WEIGHT = (DATA / "pcd01-weight.hl7").read_text()
OBX2 = next(row for row in re.split("[\r\n]+", WEIGHT) if row.startswith("OBX|2|"))
WRONG = {
    "empty": (lambda t: "", "AE", "MSH^1"), "text": (lambda t: "hello", "AE", "MSH^1"), "header only": (lambda t: t.split("\r")[0].split("\n")[0], "AE", None),
    "another version": (lambda t: t.replace("|2.6|", "|2.3|"), "AR", "MSH^1^12"), "another type": (lambda t: t.replace("ORU^R01^ORU_R01", "ADT^A01^ADT_A01"), "AR", "MSH^1^9"),
    
    "no control id": (lambda t: t.replace("|G-DATA-WT|", "||"), "AE", "MSH^1^10"), "unknown character set": (lambda t: t.replace("UNICODE UTF-8", "ISO IR87"), None, "MSH^1^18"),
    "no patient": (lambda t: re.sub(r"PID[^\r\n]*[\r\n]+", "", t), "AE", "PID"), "patient without number": (lambda t: re.sub(r"PID\|\|\|\d+", "PID|||", t), "AE", "PID^1^3"),
    "wrong control digits": (lambda t: re.sub(r"PID\|\|\|\d+", "PID|||12345678901", t), "AE", "PID^1^3"), "local number": (lambda t: re.sub(r"PID\|\|\|[^|]*", "PID|||789567^^^Imaginary Hospital^PI", t), "AE", "PID^1^3"),
    "no rows": (lambda t: re.sub(r"OBX[^\r\n]*[\r\n]*", "", t), "AE", "OBX"), "nothing usable": (lambda t: t.replace("188736^MDC_MASS_BODY_ACTUAL^MDC", ""), None, "OBX"),
    "future": (lambda t: t.replace("20261120080012", "20990101000000"), "AE", None), "time without zone of an unknown clock": (lambda t: t.replace("MSH|", "MSH|", 1).replace("20261120081500+0100", "when"), "AE", "MSH^1^7"),
    "time that is none": (lambda t: t.replace("20261120080012+0100", "20261340080012+0100"), None, "OBX"), "not utf-8": (lambda t: t.encode() + b"\xff\xfe", "AE", "MSH^1^18"),
    "two patients": (lambda t: t + "\r" + "\r".join(row for row in re.split("[\r\n]+", t) if row[:3] in ("PID", "OBR", "OBX")), None, "PID"),
    "odd delimiters": (lambda t: t.replace("MSH|^~\\&|", "MSH||||||"), "AE", None), "nul": (lambda t: t.replace("Leverandør", "Lever\0andør"), "AE", None),
}


@pytest.mark.parametrize("change,code,where", WRONG.values(), ids=WRONG.keys())
def test_messages_that_are_wrong(hub, vendor, change, code, where):
    line = person()
    before = stored(hub)
    answer = vendor.pcd01(change(message("weight", line)))
    whole = segments(answer)
    assert answer.status_code == 200 and whole["MSA"][0][1] in ("AE", "AR"), answer.text
    assert code is None or whole["MSA"][0][1] == code, answer.text
    errors = [fields for fields in whole["ERR"] if fields[4] == "E"]
    assert errors and all(fields[3].split("^")[0].isdigit() and fields[8] for fields in errors), answer.text
    assert where is None or any(fields[2].startswith(where) for fields in errors), answer.text
    assert line not in answer.text and "12345678901" not in answer.text
    assert stored(hub) == before


def test_another_event_is_kept_for_the_operator(hub, vendor):
    before = stored(hub)
    whole = acknowledged(vendor.pcd01(message("weight", person()).replace("ORU^R01^ORU_R01", "ORU^R40^ORU_R40")), "AE")
    assert [(fields[2], fields[3].split("^")[0], fields[4]) for fields in whole["ERR"]] == [("MSH^1^9^1^2", "201", "E")] and "kept for the operator" in whole["ERR"][0][8]
    assert stored(hub)[:2] == before[:2]


def test_what_cannot_be_used_is_told(vendor, reader):
    line = person()
    text = message("pulse-oximeter", line).replace("150456^MDC_PULS_OXIM_SAT_O2^MDC", "999999^MDC_NOBODY_KNOWS^MDC").replace("|78|", "|seventy|")
    whole = acknowledged(vendor.pcd01(text))
    warned = {fields[2].split("^")[0] + "^" + fields[2].split("^")[1]: fields for fields in whole["ERR"]}
    assert set(warned) == {"OBX^2", "OBX^3"} and all(fields[4] == "W" for fields in warned.values())
    assert "seventy" not in str(whole["ERR"])


def test_refusals_of_the_caller_keep_their_status(hub, doctor):
    """So that transports know when to try again."""
    line = person()
    answer = doctor.pcd01(message("weight", line))
    assert answer.status_code == 403
    assert doctor.plain("POST", "/pcd01", headers=list(ER7.items()), content=message("weight", line).encode()).status_code == 401
    assert hub.entries(line) == []


def test_too_large(vendor):
    head, rest = message("weight", person()).split("OBX|2|")
    rows = "\r".join(f"OBX|{n}|NM|188736^MDC_MASS_BODY_ACTUAL^MDC|1.0.0.{n}|82.4|263875^MDC_DIM_KILO_G^MDC|||||R|||20261120080012+0100" for n in range(2, 11000))
    answer = vendor.pcd01(head + rows)
    assert answer.status_code == 413 and ("10000" in answer.text or str(1 << 20) in answer.text), answer.text[:300]
