# SPDX-License-Identifier: AGPL-3.0-or-later
"""What must never happen, 7: a value altered. What came in goes out byte for byte, but for id, versionId and lastUpdated."""
import json
import re

import pytest

from hub import FHIR_JSON, found, observation, person

BODY = """{ "resourceType" : "Observation",
  "meta": {"profile" : [ "http://hl7.no/fhir/StructureDefinition/pmd-observation" ],\t"tag":[{"system":"urn:x","code":"\\u00e6"}], "source":"urn:vendor:1"},
  "text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">Vekt &lt; 71&#160;kg</div>"},
  "extension": [{"url":"http://vendor.example/ext","valueDecimal":1.10},{"url":"http://vendor.example/nested","extension":[{"url":"a","valueString":"Ålesund \\u2013 \\ud83d\\ude00 ok"}]}],
  "status":"final",
  "category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vitale målinger"}]}],
  "code" : {"coding":[{"system":"http://loinc.org","code":"29463-7"}],"text":"Vekt, morgen"},
  "subject":{"identifier":{"system":"urn:oid:2.16.578.1.12.4.1.4.1","value":"@LINE@"},"display":"Ola \\"Prøve\\" Nordmann"},
  "effectiveDateTime":"2026-11-20T08:00:11.120+01:00",  "issued" : "2026-11-20T07:00:30.5Z",
  "valueQuantity":{ "value" : 70.50 , "unit":"kilo", "system":"http://unitsofmeasure.org","code":"kg",
     "extension":[{"url":"http://vendor.example/raw","valueString":"0070.500"}]},
  "_status":{"extension":[{"url":"http://vendor.example/why","valueCode":"ok"}]},
  "interpretation":[{"text":"over\\tnormal"}],
  "note":[{"text":"linje 1\\nlinje 2","time":"2026-11-20"}],
  "referenceRange":[{"low":{"value":50.0,"unit":"kg"},"high":{"value":9.00E1,"unit":"kg"}}],
  "component":[{"code":{"text":"fett"},"valueQuantity":{"value":0.00,"unit":"%"}},{"code":{"text":"vann"},"valueQuantity":{"value":-0.0,"unit":"%"}},{"code":{"text":"rest"},"valueInteger":7}]
}"""


def send(vendor, text):
    answer = vendor.post("/fhir/Observation", headers=FHIR_JSON, content=text.encode())
    assert answer.status_code == 201, answer.text
    return answer


def members(text):
    """The members of an object as {name: the value's bytes as they stand}, in order."""
    decoder, out, at = json.JSONDecoder(), {}, text.index("{") + 1
    while True:
        at = re.compile(r"[\s,]*").match(text, at).end()
        if text[at] == "}":
            return out
        name, at = json.decoder.scanstring(text, at + 1)
        at = re.compile(r"\s*:\s*").match(text, at).end()
        end = decoder.raw_decode(text, at)[1]
        out[name], at = text[at:end], end


def test_bytes_come_back(vendor, reader):
    line = person()
    text = BODY.replace("@LINE@", line)
    made = send(vendor, text)
    place = made.json()["id"]
    read = reader.get(f"/fhir/Observation/{place}")
    assert read.text == made.text
    sent, back = members(text), members(read.text)
    assert back.pop("id") == f'"{place}"'
    assert list(back) == list(sent) or [name for name in back if name not in ("resourceType", "meta")] == [name for name in sent if name not in ("resourceType", "meta")]
    assert {name: value for name, value in back.items() if name != "meta"} == {name: value for name, value in sent.items() if name != "meta"}
    meta, sent_meta = members(back["meta"]), members(sent["meta"])
    assert meta.pop("versionId") == '"1"' and meta.pop("lastUpdated")
    assert meta == sent_meta
    assert len(json.loads(read.text)) == len(sent) + 1
    # the same by a search
    inside = reader.search(line).text
    assert all(value in inside for name, value in sent.items() if name != "meta")


@pytest.mark.parametrize("number", ["70.50", "70", "70.0", "0.00", "-0.0", "-5", "1E3", "1.50e-2", "0.000000000000000001", "123456789012345678", "99999999999999999.9", "6.02E+23"])
def test_numbers_stay_the_text_they_were(vendor, reader, number):
    line = person()
    made = send(vendor, json.dumps(observation(line)).replace('"value": 72.0', f'"value": {number}'))
    assert f'"value": {number},' in reader.get(f"/fhir/Observation/{made.json()['id']}").text


@pytest.mark.parametrize("time", ["2026", "2026-11", "2026-11-20", "2026-11-20T08:00:11Z", "2026-11-20T08:00:11+00:00", "2026-11-20T08:00:11-00:00", "2026-11-20T08:00:11.000+01:00", "2026-11-20T08:00:11.123456789+14:00", "2024-02-29T23:59:60Z"])
def test_times_stay_the_text_they_were(vendor, reader, time):
    line = person()
    answer = vendor.upload(observation(line, at=time))
    if answer.status_code == 400 and time.endswith(":60Z"):
        return  # R4 allows a leap second, a hub may refuse one: but it does not alter it
    assert answer.status_code == 201, answer.text
    assert found(reader.search(line))[0]["effectiveDateTime"] == time


def test_what_the_sender_called_it_gives_way_to_the_hubs_id(vendor, reader):
    line = person()
    sent = {"resourceType": "Observation", "id": "mine", "meta": {"versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z", "profile": ["http://x.example/p"]}, **{k: v for k, v in observation(line).items() if k != "resourceType"}}
    made = send(vendor, json.dumps(sent)).json()
    assert made["id"] != "mine" and made["meta"]["versionId"] == "1" and made["meta"]["profile"] == ["http://x.example/p"] and not made["meta"]["lastUpdated"].startswith("1999")


def test_many_odd_texts(vendor, reader):
    line = person()
    texts = ["æøåÆØÅ", "\u0301a", "日本語", "😀👍🏽", "\u200f\u202eabc", "\u00a0", "\\", '"', "</script>", "\u2028", "a" * 5000, "%s%n", "'; drop table hub.observation; --", "{{7*7}}"]
    sent = observation(line, note=[{"text": text} for text in texts])
    send(vendor, json.dumps(sent, ensure_ascii=False))
    assert [note["text"] for note in found(reader.search(line))[0]["note"]] == texts


def test_large_ones_too(vendor, reader):
    line = person()
    sent = observation(line, valueQuantity=None, valueSampledData={"origin": {"value": 0}, "period": 10, "dimensions": 1, "data": " ".join(str(i * 7 % 1000) for i in range(150000))})
    send(vendor, json.dumps(sent))
    assert found(reader.search(line))[0]["valueSampledData"] == sent["valueSampledData"]


def test_versions_are_kept(hub, vendor, reader):
    line = person()
    send(vendor, json.dumps(observation(line)).replace("72.0", "72.10"))
    before = hub.sql("select count(*) from hub.observation_history")[0][0]
    assert vendor.post("/fhir/Observation", headers=FHIR_JSON, content=json.dumps(observation(line, status="corrected")).replace("72.0", "72.20")).status_code == 200
    assert '"value": 72.20' in reader.search(line).text and hub.sql("select count(*) from hub.observation_history")[0][0] == before + 1
