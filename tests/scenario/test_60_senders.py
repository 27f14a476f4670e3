# SPDX-License-Identifier: AGPL-3.0-or-later
"""Uploads as senders write them whom the hub has never seen: what they mean is stored, and what is refused is told where it stands."""
import json
import uuid

import pytest

from people import DNR_SYSTEM

from hub import FHIR_JSON, FNR, bundle, dnr, found, ids, issues, observation, outcome_of, person, results


@pytest.fixture(scope="module")
def vendor(hub):
    return hub.as_("solvik-dho")


def phd_identifier(who, at="20261120T080000.00+0100"):
    """As the Personal Health Device guide makes them: from device, patient, code and time, without a system."""
    return f"001C050400007825-{who}-urn:oid:2.16.578.1.12.4.1.4.1-150456-{at}"


def phd(who, value="98", **rest):
    return observation(who, code="150456", system="urn:iso:std:iso:11073:10101", unit="%", value=value, identifier=[{"value": phd_identifier(who)}], **rest)


def conditional(resource, condition):
    return {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": resource, "request": {"method": "POST", "url": resource["resourceType"], "ifNoneExist": condition}}


def transaction(*entries, type="transaction"):
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


@pytest.mark.parametrize("type", ["transaction", "batch"])
def test_a_condition_without_a_system_is_of_the_resources_own_identifier(vendor, epj, type):
    """HL7 PHD IG, conditional create: two gateways with clocks of their own upload one reading of one device."""
    who = person()
    condition = f"identifier={phd_identifier(who)}"
    first = vendor.upload(transaction(conditional(phd(who), condition), type=type))
    assert results(first) == [201], first.text
    other_gateway = phd(who, at="2026-11-20T08:00:13+01:00", device="D-2")
    again = vendor.upload(transaction(conditional(other_gateway, condition), type=type))
    assert results(again) == [200], again.text
    place = first.json()["entry"][0]["response"]["location"]
    assert again.json()["entry"][0]["response"]["location"] == place
    assert found(epj.search(who))[0]["identifier"] == [{"value": phd_identifier(who)}]
    # another patient's is another's; without the condition it is no key
    assert results(vendor.upload(transaction(conditional(phd(other := person()), f"identifier={phd_identifier(other)}"), type=type))) == [201]
    assert vendor.upload({**other_gateway, "effectiveDateTime": "2026-11-20T08:00:14+01:00"}).status_code == 201
    assert len(ids(epj.search(who))) == 2


def test_where_the_identifier_has_a_system_the_condition_is_of_that(vendor, epj):
    who, name = person(), str(uuid.uuid4())
    own = [{"system": "urn:x:vendor", "value": name}]
    assert vendor.upload(observation(who, identifier=own)).status_code == 201
    again = observation(who, at="2026-11-20T09:00:11+01:00", identifier=own)
    met = vendor.post("/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": f"identifier={name}"}, content=json.dumps(again))
    assert met.status_code == 200, met.text
    assert [one["effectiveDateTime"] for one in found(epj.search(who))] == ["2026-11-20T08:00:11+01:00"]


def test_a_condition_that_is_none_is_told_where_it_stands(vendor):
    who = person()
    for condition, word in (("identifier=other", "the resource itself has"), ("code=8867-4", "identifier=system|value"), ("identifier=|x", "identifier=system|value"), (f"identifier={who}", "national")):
        refused = vendor.upload(transaction(conditional(observation(person()), "identifier=urn:x|1"), conditional({**phd(person()), "identifier": [{"value": who}]}, condition)))
        assert refused.status_code in (400, 422) and word in issues(refused) and who not in refused.text, refused.text
        assert [one["expression"] for one in refused.json()["issue"] if one["severity"] == "error"] == [["Bundle.entry[1].request.ifNoneExist"]]
        alone = vendor.post("/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": condition}, content=json.dumps({**phd(person()), "identifier": [{"value": who}]}))
        assert alone.status_code == 400 and word in issues(alone) and "expression" not in alone.json()["issue"][-1], alone.text


def test_the_url_of_an_entry_may_end_in_a_slash(vendor, hub):
    base = f"{hub.url}/fhir"
    sent = bundle(*(observation(person()) for _ in range(4)))
    for entry, url in zip(sent["entry"], ("Observation/", "/Observation/", f"{base}/Observation/", "observation")):
        entry["request"]["url"] = url
    answer = vendor.upload(sent)
    assert results(answer) == [201, 201, 201, 400], answer.text
    last = answer.json()["entry"][3]
    assert "the type of the resource" in outcome_of(last) and last["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[3].request.url"]


def test_what_is_posted_to_the_wrong_door_is_told_which_is_right(vendor):
    one = observation(person())
    for path, content, word in (("/fhir", one, "a resource by itself goes to /fhir and its type"), ("/fhir/Observation", bundle(one), "a Bundle goes to /fhir itself")):
        refused = vendor.post(path, headers=FHIR_JSON, content=json.dumps(content))
        assert refused.status_code == 400 and word in issues(refused), refused.text
        assert len(refused.json()["issue"]) == 1 and refused.json()["issue"][0]["expression"] == ["resourceType"]


def with_contained(who, *identifiers, **subject):
    one = observation(who, subject={"reference": "#p", **subject})
    return {**one, "contained": [{"resourceType": "Patient", "id": "p", "identifier": list(identifiers), "name": [{"family": "Prøve"}]}]}


def test_a_contained_patient_may_be_the_subject(vendor, epj):
    who = person()
    national = {"system": FNR, "value": who}
    sent = with_contained(who, {"system": "urn:x:mrn", "value": "12345678901"}, national)
    made = vendor.upload(sent)
    assert made.status_code == 201, made.text
    one = found(epj.search(who))[0]
    assert {name: one[name] for name in sent} == sent  # nothing is put beside the reference
    assert vendor.upload(sent).status_code == 200
    assert vendor.upload(observation(who)).status_code == 200  # the same reading with the number in the subject
    for wrong in (with_contained(who, {"system": "urn:x:mrn", "value": who}), with_contained(who, {"system": FNR, "value": "12345678901"}), with_contained(who, national, reference="#q")):
        refused = vendor.upload(wrong)
        assert refused.status_code in (400, 422) and who not in refused.text, refused.text
        assert refused.json()["issue"][0]["expression"] == ["Observation.subject"]


def test_a_refused_reading_of_a_contained_patient_is_in_the_log(hub, vendor):
    who = person()
    assert vendor.upload(with_contained(who, {"system": FNR, "value": who})).status_code == 201
    assert vendor.upload({**with_contained(who, {"system": FNR, "value": who}), "status": "done"}).status_code == 400
    assert [(entry["event"], entry["outcome"]) for entry in hub.entries(who)] == [("create", "deny"), ("create", "permit")]


@pytest.mark.parametrize("system,meant", [
    ("https://loinc.org", "http://loinc.org"), ("http://loinc.org/", "http://loinc.org"), ("urn:oid:2.16.840.1.113883.6.1", "http://loinc.org"), ("LOINC", "http://loinc.org"),
    ("http://snomed.info/sct/", "http://snomed.info/sct"), ("2.16.840.1.113883.6.96", "http://snomed.info/sct"), ("urn:oid:2.16.840.1.113883.6.24", "urn:iso:std:iso:11073:10101"),
    ("MDC", "urn:iso:std:iso:11073:10101"), ("npu", "urn:oid:2.16.578.1.12.4.1.1.7280")])
def test_a_system_that_is_written_in_another_way_is_told(vendor, system, meant):
    told = vendor.post("/fhir/Observation/$validate", headers=FHIR_JSON, content=json.dumps(observation(person(), system=system, category=None)))
    assert f"the system {system} is written {meant};" in issues(told), told.text
    assert told.json()["issue"][0]["expression"] == ["Observation.code.coding"] and told.json()["issue"][0]["severity"] == "warning"
    for right in (meant, f"{meant}/other", "urn:oid:2.16.840.1.113883.6.12", "http://vendor.example/loinc.org"):
        assert "is written" not in vendor.post("/fhir/Observation/$validate", headers=FHIR_JSON, content=json.dumps(observation(person(), system=right, category=None))).text


@pytest.mark.parametrize("system", ["https://unitsofmeasure.org", "http://unitsofmeasure.org/", "urn:oid:2.16.840.1.113883.6.8", "UCUM"])
def test_so_is_that_of_a_unit_and_of_a_component(vendor, system):
    value = {"value": 128, "unit": "mmHg", "system": system, "code": "mm[Hg]"}
    part = {"code": {"coding": [{"system": "https://loinc.org", "code": "8480-6"}]}, "valueQuantity": value}
    for one, places in (({"valueQuantity": value}, ["valueQuantity.system"]), ({"valueQuantity": None, "component": [part]}, ["component[0]", "component[0]"])):
        told = vendor.post("/fhir/Observation/$validate", headers=FHIR_JSON, content=json.dumps(observation(person(), category=None, **one))).json()
        said = [issue for issue in told["issue"] if "is written" in issue["details"]["text"]]
        assert [issue["expression"] for issue in said] == [[f"Observation.{place}"] for place in places], told
        assert f"the system {system} is written http://unitsofmeasure.org;" in said[-1]["details"]["text"]


def test_a_device_that_is_named_by_its_id_tells_readings_apart(vendor, epj, hub):
    """Two devices that count the same pulse in one second are two readings; the same again is none, and another value of one device corrects it."""
    who = person()
    devices = []
    for number in (1, 2):
        made = vendor.post("/fhir/Device", headers=FHIR_JSON, content=json.dumps({
            "resourceType": "Device", "patient": {"identifier": {"system": FNR, "value": who}}, "deviceName": [{"name": f"Måler {number}", "type": "user-friendly-name"}]}))
        assert made.status_code == 201, made.text
        devices.append(f"Device/{made.json()['id']}")
    for device in devices:
        sent = observation(who, device=None, value="72") | {"device": {"reference": device}}
        assert vendor.upload(sent).status_code == 201
        assert vendor.upload(sent | {"device": {"reference": f"{hub.url}/fhir/{device}/_history/1", "display": "Klokke"}}).status_code == 200
    again = vendor.upload(transaction({"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": {"resourceType": "Device", "patient": {"identifier": {"system": FNR, "value": who}}, "deviceName": [
        {"name": "Måler 1", "type": "user-friendly-name"}]}, "request": {"method": "POST", "url": "Device"}}))
    assert outcome_of(again.json()["entry"][0]) == "this Device was stored before; it was not stored again", again.text
    assert len(ids(epj.search(who))) == 2
    corrected = vendor.upload(observation(who, device=None, value="73") | {"device": {"reference": devices[0]}})
    assert corrected.status_code == 200 and corrected.headers["etag"] == 'W/"2"', corrected.text
    assert sorted(one["valueQuantity"]["value"] for one in found(epj.search(who))) == [72.0, 73.0]


@pytest.mark.parametrize("code,unit,told", [("15074-8", "mg/dL", True), ("15074-8", "mmol/L", False), ("2339-0", "mmol/L", True), ("2339-0", "mg/dL", False)])
def test_a_unit_of_another_kind_than_the_code_is_told(vendor, epj, code, unit, told):
    """98 mg/dL under the code of mmol/L is a glucose that nobody survives, or a wrong code."""
    who = person()
    sent = observation(who, code=code, unit=unit, value="98", category=None)
    said = vendor.post("/fhir/Observation", headers={**FHIR_JSON, "Prefer": "return=OperationOutcome"}, content=json.dumps(sent))
    assert said.status_code == 201 and (f"another kind than LOINC {code}" in said.text) == told, said.text
    assert found(epj.search(who))[0]["valueQuantity"] == sent["valueQuantity"]


def of_patient(where, identifiers):
    """An upload whose subject is a Patient with these identifiers, in an entry or contained."""
    one = observation(person(), subject={"reference": "#p" if where == "contained" else (name := f"urn:uuid:{uuid.uuid4()}")})
    if where == "contained":
        return transaction({"resource": {**one, "contained": [{"resourceType": "Patient", "id": "p", "identifier": identifiers}]}, "request": {"method": "POST", "url": "Observation"}})
    return transaction({"fullUrl": name, "resource": {"resourceType": "Patient", "identifier": identifiers}, "request": {"method": "POST", "url": "Patient"}},
                       {"resource": one, "request": {"method": "POST", "url": "Observation"}})


@pytest.mark.parametrize("where", ["contained", "entry"])
def test_who_a_patient_with_several_numbers_is(vendor, epj, where):
    one, other, foreign = person(), person(), {"system": DNR_SYSTEM, "value": dnr()}
    number = {"system": FNR, "value": one}
    for given in ([number], [foreign, number], [number, number], [{"system": FNR, "value": other, "use": "old"}, number]):
        answer = vendor.upload(of_patient(where, given))
        assert results(answer)[-1] in (200, 201), answer.text
        assert len(ids(epj.search(one))) == 1 and ids(epj.search(other)) == []
    refused = vendor.upload(of_patient(where, [foreign, number, {"system": FNR, "value": other}]))
    assert refused.status_code == 422 and one not in refused.text and other not in refused.text
    assert ids(epj.search(other)) == []
