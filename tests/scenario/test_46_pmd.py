# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pasientens måledata: the calls that NHN documents, as a vendor of PMD sends them, and the shapes it documents for the answers.

Bundles as in its examples (collection, with an identifier, a timestamp and the municipality as a tag) and as in the draft of its profiles (batch, every
entry with fullUrl); reads as POST _search with patient.identifier in the body.
"""
import json
import re
import uuid

import pytest

from hub import FHIR_JSON, FNR, ROOT, SOLVIK, found, observation, person

import people

MUNICIPALITY = "https://register.geonorge.no/sosi-kodelister/inndelinger/inndelingsbase/kommunenummer"
LIST = [("8867-4", "364075005", "72", "/min"), ("2708-6", "431314004", "97", "%"), ("15074-8", "434912009", "5.6", "mmol/L"), ("8310-5", "276885007", "37.2", "Cel"),
        ("29463-7", "27113001", "70.5", "kg"), ("9279-1", "86290005", "14", "/min"), ("74465-6", None, "3", "{score}")]


def measured(who, loinc="8867-4", sct="364075005", value="72", unit="/min", at="2026-11-20T09:12:44.120+01:00"):
    """As PMD's examples have it: logical references only, an instant, several codings, status registered."""
    resource = json.loads((ROOT / "tests/data/observation-pmd.json").read_text())
    resource["code"]["coding"] = [{"system": "http://loinc.org", "code": loinc}] + ([{"system": "http://snomed.info/sct", "code": sct}] if sct else [])
    resource["subject"]["identifier"]["value"] = resource["performer"][0]["identifier"]["value"] = who
    resource["performer"][1]["identifier"]["value"] = str(SOLVIK)
    resource["device"]["identifier"]["value"] = f"PM-{uuid.uuid4()}"
    resource["valueQuantity"] = {"value": float(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    resource["effectiveInstant"] = at
    return resource


def collection(*resources):
    return {"resourceType": "Bundle", "type": "collection", "identifier": {"system": "https://www.nhn.no/komlink/bundle-identifier", "value": str(uuid.uuid4())},
            "timestamp": "2026-11-20T09:13:00.000+01:00", "meta": {"tag": [{"system": MUNICIPALITY, "code": "0301", "display": "Oslo"}]},
            "entry": [{"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": one} for one in resources]}


def test_a_collection_as_in_the_examples(vendor, doctor):
    line = person()
    sent = collection(*(measured(line, *row) for row in LIST))
    answer = vendor.upload(sent)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["resourceType"] == "Bundle" and body["type"] == "batch-response" and len(body["entry"]) == len(LIST)
    for asked, got in zip(sent["entry"], body["entry"]):
        assert got["fullUrl"] == asked["fullUrl"] and re.match(r"20[01]\b", got["response"]["status"]), got
        assert re.fullmatch(r"Observation/[A-Za-z0-9.-]{1,64}/_history/1", got["response"]["location"])
    assert {one["code"]["coding"][0]["code"] for one in found(doctor.search(line, _count="200"))} == {row[0] for row in LIST}


@pytest.mark.parametrize("path", ["/fhir", "/fhir/"])
def test_a_batch_as_in_the_draft_profile(vendor, path):
    line = person()
    sent = {**collection(measured(line)), "type": "batch"}
    sent["entry"][0]["request"] = {"method": "POST", "url": "Observation"}
    answer = vendor.post(path, headers=FHIR_JSON, content=json.dumps(sent))
    assert answer.status_code == 200, answer.text
    entry = answer.json()["entry"][0]
    assert entry["fullUrl"] == sent["entry"][0]["fullUrl"] and entry["response"]["status"].startswith("201")


def test_patients_in_a_bundle_are_ignored_and_said_to_be(vendor, doctor):
    line = person()
    patient = {"resourceType": "Patient", "identifier": [{"system": FNR, "value": line}], "name": [{"family": "Synt"}]}
    answer = vendor.upload(collection(patient, measured(line)))
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["entry"]
    assert first["response"]["status"].startswith("2") and "Patient" in json.dumps(first["response"].get("outcome", {}))
    assert second["response"]["status"].startswith("201")
    assert len(found(doctor.search(line))) == 1


def test_one_faulty_entry_spoils_no_other(vendor, doctor):
    line = person()
    wrong = measured(line)
    del wrong["code"]
    answer = vendor.upload(collection(wrong, measured(line)))
    statuses = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
    assert statuses[0] in ("400", "422") and statuses[1] == "201"
    assert answer.json()["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert len(found(doctor.search(line))) == 1


def test_reading_all_of_a_patient(vendor, doctor):
    line = person()
    sent = measured(line)
    assert vendor.upload(sent).status_code == 201
    answer = doctor.form("/fhir/Observation/_search", [("patient.identifier", f"{FNR}|{line}")])
    body = answer.json()
    assert body["type"] == "searchset" and body["entry"][0]["search"]["mode"] == "match"
    got = body["entry"][0]["resource"]
    for name in ("category", "code", "device", "effectiveInstant", "issued", "performer", "referenceRange", "status", "subject", "valueQuantity"):
        assert got[name] == sent[name], name
    assert line not in "".join(entry["fullUrl"] for entry in body["entry"]) + "".join(link["url"] for link in body["link"])


def test_reading_by_date_and_by_codes(vendor, doctor):
    line = person()
    assert vendor.upload(collection(*(measured(line, *row, at=f"2026-11-{10 + n}T09:12:44.120+01:00") for n, row in enumerate(LIST)))).status_code == 200
    between = found(doctor.search(line, date=["ge2026-11-11", "lt2026-11-13"]))
    assert sorted(one["effectiveInstant"][:10] for one in between) == ["2026-11-11", "2026-11-12"]
    by_codes = found(doctor.search(line, code="http://loinc.org|8867-4,http://snomed.info/sct|431314004"))
    assert {one["code"]["coding"][0]["code"] for one in by_codes} == {"8867-4", "2708-6"}


def test_the_number_alone_is_read_as_a_national_identifier(vendor, doctor):
    """PMD's form has the bare number."""
    line = person()
    assert vendor.upload(measured(line)).status_code == 201
    assert len(found(doctor.form("/fhir/Observation/_search", [("patient.identifier", line)]))) == 1


def test_metadata_is_open(hub):
    answer = hub.as_("sykehus-epj").plain("GET", "/fhir/metadata")
    assert answer.status_code == 200 and answer.json()["resourceType"] == "CapabilityStatement"


def test_news2_by_its_national_code(vendor, doctor):
    line = person()
    score = observation(line, code="1104051000000101", system="http://snomed.info/sct", value="3", unit="{score}")
    assert vendor.upload(score).status_code == 201
    assert len(found(doctor.search(line, code="http://snomed.info/sct|1104051000000101"))) == 1


def test_npu_codes(vendor, doctor):
    line = person()
    system = "urn:oid:2.16.578.1.12.4.1.1.7280"
    assert vendor.upload(observation(line, code="NPU02187", system=system, value="5.6", unit="mmol/L")).status_code == 201
    assert len(found(doctor.search(line, code=f"{system}|NPU02187"))) == 1


def test_d_numbers_and_help_numbers(vendor, hub):
    for number, system in ((people.dnr(77), people.DNR_SYSTEM), (people.fhn(3), people.FHN_SYSTEM)):
        sent = measured(number)
        sent["subject"]["identifier"]["system"] = system
        del sent["performer"][0]
        answer = vendor.upload(sent)
        assert answer.status_code == 201, answer.text
        assert len(found(hub.as_("utvikler").form("/fhir/Observation/_search", [("patient.identifier", f"{system}|{number}")]))) >= 1
