# SPDX-License-Identifier: AGPL-3.0-or-later
"""What later messages do to what earlier ones said: readings taken back, corrected, sent again."""
import os
import pathlib
import re
import time

import pytest

from hub import found, person
from test_08_pcd01 import acknowledged, message

PULSE = "149546^MDC_PULS_RATE_NON_INV^MDC"
HEAD = ("MSH|^~\\&|HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|Maalehub^1.2.3^ISO||20261120081500+0100||ORU^R01^ORU_R01|W1|P|2.6|||NE|AL||UNICODE UTF-8|||"
        "IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO\r"
        "PID|||{line}^^^&2.16.578.1.12.4.1.4.1&ISO^NI\rOBR|1|||528457^MDC_DEV_SPEC_PROFILE_GENERIC^MDC|||20261120080000+0100\r")
MDS = "OBX|1||528457^MDC_DEV_SPEC_PROFILE_GENERIC^MDC|1.0.0.0|||||||X|||||||^^1122334455667788^EUI-64\r"


def pulse(line, value="70", status="R", device=True, at="20261120080012+0100"):
    return HEAD.format(line=line) + (MDS if device else "") + f"OBX|2|NM|{PULSE}|1.0.0.1|{value}|264864^MDC_DIM_BEAT_PER_MIN^MDC|||||{status}|||{at}\r"


def pressure(line, values=("128", "81"), status="R"):
    rows = "".join(f"OBX|{3 + i}|NM|{code}^^MDC|1.0.1.{1 + i}|{value}|266016^MDC_DIM_MMHG^MDC|||||{status}|||20261120080012+0100\r"
                   for i, (code, value) in enumerate(zip(("150021", "150022"), values, strict=True)))
    return HEAD.format(line=line) + MDS + f"OBX|2||150020^MDC_PRESS_BLD_NONINV^MDC|1.0.1|||||||{status}|||20261120080012+0100\r" + rows


def only(reader, line):
    resource, = found(reader.search(line))
    return resource["status"], resource["meta"]["versionId"]


def history(hub):
    return hub.sql("select count(*) from hub.observation_history")[0][0]


@pytest.mark.parametrize("value", ["70", ""], ids=["repeated", "empty"])
@pytest.mark.parametrize("letter", ["D", "W"])
def test_a_reading_is_taken_back(hub, vendor, reader, letter, value):
    line, before = person(), history(hub)
    assert "ERR|" not in vendor.pcd01(pulse(line)).text and only(reader, line) == ("final", "1")
    answer = vendor.pcd01(pulse(line, value, letter))
    acknowledged(answer)
    assert "ERR|" not in answer.text and only(reader, line) == ("entered-in-error", "2")
    assert history(hub) == before + 1, "what was taken back is kept"
    for text in (pulse(line), pulse(line, value, letter)):  # the queue of a hub that was away
        acknowledged(vendor.pcd01(text))
        assert only(reader, line) == ("entered-in-error", "2")
    acknowledged(vendor.pcd01(pulse(line, "72", "C")))
    assert only(reader, line) == ("corrected", "3"), "and is put right"


@pytest.mark.parametrize("values", [("128", "81"), ("", "")], ids=["repeated", "empty"])
def test_a_panel_is_taken_back(hub, vendor, reader, values):
    line = person()
    acknowledged(vendor.pcd01(pressure(line)))
    answer = vendor.pcd01(pressure(line, values, "D"))
    assert "ERR|" not in answer.text and only(reader, line) == ("entered-in-error", "2")


def test_without_a_device_the_content_tells_which(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(pulse(line, device=False)))
    answer = vendor.pcd01(pulse(line, status="D", device=False))
    assert "ERR|" not in answer.text and only(reader, line) == ("entered-in-error", "2")
    acknowledged(vendor.pcd01(pulse(line, device=False)))
    assert only(reader, line) == ("entered-in-error", "2")


def test_what_was_never_sent_cannot_be_taken_back(vendor, reader):
    line = person()
    whole = acknowledged(vendor.pcd01(pulse(line, status="D")))
    assert [(fields[2], fields[4]) for fields in whole["ERR"]] == [("OBX^2", "W")] and "nothing was stored" in whole["ERR"][0][8]
    assert only(reader, line) == ("entered-in-error", "1")
    acknowledged(vendor.pcd01(pulse(line, at="20261120080013+0100")))
    assert {one["status"] for one in found(reader.search(line))} == {"entered-in-error", "final"}


def test_a_correction_is_a_version_and_the_letter_is_kept(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(pulse(line)))
    resource, = found(reader.search(line))
    assert resource["_status"]["extension"][0]["valueCodeableConcept"]["coding"] == [{"system": "http://terminology.hl7.org/CodeSystem/v2-0085", "code": "R"}]
    for version, (letter, value, status) in enumerate([("C", "71", "corrected"), ("A", "72", "amended")], 2):
        acknowledged(vendor.pcd01(pulse(line, value, letter)))
        resource, = found(reader.search(line))
        assert (resource["status"], resource["meta"]["versionId"], resource["valueQuantity"]["value"]) == (status, str(version), int(value))
    assert "_status" not in resource


def test_a_document_is_kept_and_another_is_another_version(vendor, reader):
    line = person()

    def ecg(data):
        return HEAD.format(line=line) + MDS + f"OBX|2|ED|131328^MDC_ECG_ELEC_POTL^MDC|1.0.0.1|^Application^PDF^Base64^{data}||||||F|||20261120080012+0100\r"
    for data, version in (("JVBERi0xLjQ=", "1"), ("JVBERi0xLjQ=", "1"), ("JVBERi0xLjU=", "2")):
        assert "ERR|" not in vendor.pcd01(ecg(data)).text
        resource, = found(reader.search(line))
        document = next(one["valueAttachment"] for one in resource["extension"] if "valueAttachment" in one)
        assert document == {"contentType": "application/pdf", "data": data} and resource["meta"]["versionId"] == version


def test_what_a_device_tells_of_itself_is_of_another_class(hub, vendor, doctor, reader):
    """The device's clock beside the hub's and its battery: the hospital's rule for health does not open them."""
    line = person()
    text = HEAD.format(line=line) + MDS + ("OBX|2|DTM|67975^MDC_ATTR_TIME_ABS^MDC|1.0.0.2|20261120075957+0100||||||R|||20261120080005+0100\r"
                                           "OBX|3|NM|67996^MDC_ATTR_VAL_BATT_CHARGE^MDC|1.0.0.3|17|262688^MDC_DIM_PERCENT^MDC|||||R|||20261120080012+0100\r")
    assert "ERR|" not in vendor.pcd01(text).text
    clock, = found(reader.search(line, code="67975"))
    assert (clock["valueDateTime"], clock["effectiveDateTime"]) == ("2026-11-20T07:59:57+01:00", "2026-11-20T08:00:05+01:00")
    assert {code["code"] for one in clock["category"] for code in one["coding"]} == {"device", "phd"}
    assert len(found(reader.search(line, category="device"))) == 2
    assert found(doctor.search(line)) == []


def test_norwegian_codes_find_it(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(message("glucose", line)))
    for code in ("http://snomed.info/sct|434912009", "urn:oid:2.16.578.1.12.4.1.1.7280|NPU02187", "15074-8", "160184"):
        assert len(found(reader.search(line, code=code))) == 1, code
    assert not re.search(r"NPU02187", str(found(reader.search(line, code="2339-0"))))


def agreed_by_now(vendor, value, code):
    """The hub reads a client's settings anew when it sees that something of the rules has changed: with the next message that is resolved."""
    for _ in range(100):
        acknowledged(vendor.pcd01(pulse(person())))
        if f"MSA|{code}|" in vendor.pcd01(pulse(person(), value)).text:
            return
        time.sleep(0.05)
    raise AssertionError(f"never {code}")


def test_what_a_sender_writes_for_no_reading_is_agreed(hub, vendor, reader):
    """A row with a sentinel is kept aside, the rest is stored; without the agreement the number is a reading like any other."""
    line = person()
    spo2 = "OBX|3|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.0.0.2|96|262688^MDC_DIM_PERCENT^MDC|||||R|||20261120080012+0100\r"
    acknowledged(vendor.pcd01(pulse(line, "127") + spo2))
    assert len(found(reader.search(line))) == 2
    hub.maalehub("client", "set", "solvik-dho", "--sentinels", "-1,149546:127")
    try:
        agreed_by_now(vendor, "127", "AE")
        line = person()
        whole = acknowledged(vendor.pcd01(pulse(line, "127") + spo2))
        assert [(fields[2], fields[4]) for fields in whole["ERR"]] == [("OBX^2^5", "W")] and "held for the operator" in whole["ERR"][0][8]
        resource, = found(reader.search(line))
        assert resource["valueQuantity"]["value"] == 96
        line = person()
        answer = vendor.pcd01(pulse(line, "127"))
        whole = acknowledged(answer, "AE")
        assert ("OBX^2^5", "E") in [(fields[2], fields[4]) for fields in whole["ERR"]] and found(reader.search(line)) == []
        # it was a reading after all, says the operator
        hub.maalehub("quarantine", "release", re.search(r"under (Q-\w+)", answer.text)[1], "--why", "a fast heart")
        for _ in range(200):
            if found(reader.search(line)):
                break
            time.sleep(0.1)
        assert found(reader.search(line))[0]["valueQuantity"]["value"] == 127
        assert "149546:127" in hub.maalehub("client", "list")
    finally:
        hub.maalehub("client", "set", "solvik-dho", "--sentinels", "")
    agreed_by_now(vendor, "127", "AA")
    assert hub.maalehub("client", "set", "solvik-dho", "--sentinels", "what", check=False).returncode != 0
    line = person()
    acknowledged(vendor.pcd01(pulse(line, "127")))
    assert len(found(reader.search(line))) == 1


def test_the_message_grows_and_so_does_the_time(hub, vendor):
    """A message of 9,990 readings is stored in time proportional to its length."""
    def took(rows):
        text = HEAD.format(line=person()) + MDS + "".join(
            f"OBX|{2 + i}|NM|149546^^MDC|1.0.{i // 50 + 1}.{i % 50 + 1}|70|264864^^MDC|||||R|||202611{1 + i // 2000:02d}{i // 60 % 24:02d}{i % 60:02d}{i // 1440 % 60:02d}+0100\r" for i in range(rows))
        assert len(text) < 1 << 20
        began = time.monotonic()
        answer = vendor.pcd01(text)
        acknowledged(answer)
        assert "ERR|" not in answer.text
        return time.monotonic() - began

    def spent():
        """Seconds of the processor that the hub has used: the machine may be busy with other things."""
        fields = pathlib.Path(f"/proc/{hub.processes['hub'].pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    took(999)  # codes, persons and pages are there
    began = spent()
    few = min(took(999) for _ in range(20))
    between = spent()
    many = min(took(9990) for _ in range(2))
    each, long = between - began, spent() - between
    print(f"999 rows {few * 1000:.0f} ms, 9990 rows {many * 1000:.0f} ms: {many / few:.1f} times for ten times the rows; "
          f"the hub's own for as many rows: {each * 1000:.0f} ms in twenty messages, {long * 1000:.0f} ms in two")
    assert long < 4 * each


def test_what_a_device_says_of_itself_is_a_device(hub, vendor):
    """Made once, known when it is told again, a new version when it says something else."""
    line = person()

    def told(version):
        return HEAD.format(line=line) + MDS + "".join(
            f"OBX|{n}|ST|{code}^{name}^MDC|1.0.0.{n}|{value}||||||R\r" for n, code, name, value in (
                (2, 531970, "MDC_ID_MODEL_MANUFACTURER", "Trykk AS"), (3, 531969, "MDC_ID_MODEL_NUMBER", "T-100"), (4, 531972, "MDC_ID_PROD_SPEC_SERIAL", "SN 4711"),
                (5, 531976, "MDC_ID_PROD_SPEC_FW", version))) + f"OBX|6|NM|{PULSE}|1.0.0.6|70|264864^MDC_DIM_BEAT_PER_MIN^MDC|||||R|||20261120080012+0100\r"

    def devices():
        return hub.sql("select count(*), coalesce(max(o.version), 0) from hub.observation o where o.type = 3 and o.subject_id in (select max(subject_id) from hub.observation)")[0]

    for version, wanted in (("2.1.0", (1, 1)), ("2.1.0", (1, 1)), ("2.2.0", (1, 2)), ("2.1.0", (1, 3))):
        answer = vendor.pcd01(told(version))
        acknowledged(answer)
        assert "ERR|" not in answer.text and devices() == wanted, (version, answer.text)


def flat(line, values=("128", "81"), status="R", part="R"):
    """Systolic and diastolic of one channel, without the row of their panel; `part` is what OBX-11 says of the systolic one."""
    rows = [f"OBX|{2 + i}|NM|{code}^^MDC|1.0.1.{1 + i}|{value}|266016^MDC_DIM_MMHG^MDC|||||{letter}|||20261120080012+0100\r"
            for i, (code, value, letter) in enumerate(zip(("150021", "150022"), values, (part, status), strict=True)) if letter]
    return HEAD.format(line=line) + MDS + "".join(rows)


@pytest.mark.parametrize("value", ["128", ""], ids=["repeated", "empty"])
def test_a_panel_is_taken_back_by_one_of_its_parts(vendor, reader, value):
    line = person()
    assert "ERR|" not in vendor.pcd01(flat(line)).text and only(reader, line) == ("final", "1")
    answer = vendor.pcd01(flat(line, (value, ""), status="", part="D"))
    acknowledged(answer)
    assert "ERR|" not in answer.text and only(reader, line) == ("entered-in-error", "2")


def test_a_part_is_taken_out_by_sending_the_panel_again(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(flat(line)))
    acknowledged(vendor.pcd01(flat(line, ("", "81"), status="C", part="D")))
    resource, = found(reader.search(line))
    assert (resource["status"], resource["meta"]["versionId"]) == ("corrected", "2")
    assert [part["valueQuantity"]["value"] for part in resource["component"]] == [81]


OBSERVER = "565501872^Hansen^Kari^^^^^^&2.16.578.1.12.4.1.4.4&ISO"
INSTANCE = "6A2F41B0-77DD-4A5E-9B7C-0F0E0D0C0B0A"


def named(line, observer="", instance="", **rest):
    return pulse(line, **rest).rstrip("\r") + f"||{observer}|||||{instance}\r"


def test_who_answers_for_it_and_what_its_sender_calls_it(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(named(line, OBSERVER, INSTANCE)))
    resource, = found(reader.search(line))
    assert resource["performer"] == [{"type": "Practitioner", "identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.4", "value": "565501872"}, "display": "Kari Hansen"}]
    assert resource["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:" + INSTANCE.lower()}]
    assert found(reader.search(line, identifier="urn:ietf:rfc:3986|urn:uuid:" + INSTANCE.lower())) == [resource]


@pytest.mark.parametrize("device", [True, False], ids=["device", "content"])
def test_neither_tells_a_reading_from_another(vendor, reader, device):
    line = person()
    acknowledged(vendor.pcd01(pulse(line, device=device)))
    for observer, instance in [(OBSERVER, ""), ("^Olsen^Per", "17^Hub^AC1D2E3F40516273^EUI-64"), ("", INSTANCE)]:
        acknowledged(vendor.pcd01(named(line, observer, instance, device=device)))
        assert only(reader, line) == ("final", "1")


def test_a_number_that_is_counted_up_is_used_again(vendor, reader):
    """A gateway whose counter begins anew: two readings under one OBX-21."""
    line = person()
    for minute, value in (("20261120080012+0100", "70"), ("20261120090012+0100", "90")):
        acknowledged(vendor.pcd01(named(line, "", "1^Hub^AC1D2E3F40516273^EUI-64", value=value, at=minute)))
    both = found(reader.search(line))
    assert sorted(one["valueQuantity"]["value"] for one in both) == [70, 90] and {one["meta"]["versionId"] for one in both} == {"1"}
    assert both[0]["identifier"] == [{"value": "1", "assigner": {"display": "AC1D2E3F40516273"}}]
