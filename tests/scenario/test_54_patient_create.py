# SPDX-License-Identifier: AGPL-3.0-or-later
"""A FHIR client makes the Patient first, then the Device, then readings that refer to both by the ids it was given."""
import json
import uuid

import pytest

from hub import FHIR_JSON, FNR, found, issues, observation, person

SERIAL = "https://vendor.example/serial"


def patient(line, **more):
    return {"resourceType": "Patient", "identifier": [{"system": FNR, "value": line}], **more}


def test_patient_device_reading(hub, vendor, epj):
    line = person()
    made = vendor.upload(patient(line, name=[{"family": "Synt"}]))
    assert made.status_code == 201, made.text
    id = made.json()["id"]
    assert made.json() == {"resourceType": "Patient", "id": id, "identifier": [{"system": FNR, "value": line}]}
    assert made.headers["location"].endswith(f"/fhir/Patient/{id}") and line not in made.headers["location"]
    who = {"reference": f"Patient/{id}"}
    device = vendor.upload({"resourceType": "Device", "identifier": [{"system": SERIAL, "value": str(uuid.uuid4())}], "patient": who})
    assert device.status_code == 201 and "/fhir/Device/" in device.headers["location"], device.text
    reading = vendor.upload({**observation(line), "subject": who, "device": {"reference": f"Device/{device.json()['id']}"}})
    assert reading.status_code == 201, reading.text
    assert [one["subject"] for one in found(epj.search(line))] == [who]
    assert epj.get(f"/fhir/Device/{device.json()['id']}").json()["patient"] == who
    assert [entry["event"] for entry in hub.entries(line)].count("create") == 3


def test_the_answer_says_what_is_kept_and_not_who_was_known(hub, vendor, fjelldal):
    line = person()
    first = vendor.upload(patient(line, birthDate="1970-01-01", telecom=[{"system": "phone", "value": "1"}]))
    answers = [caller.post("/fhir/Patient", headers=FHIR_JSON, content=json.dumps(patient(line))) for caller in (vendor, fjelldal)]
    assert [(one.status_code, one.content, one.headers["location"]) for one in answers] == [(201, first.content, first.headers["location"])] * 2
    told = vendor.post("/fhir/Patient", headers={**FHIR_JSON, "Prefer": "return=OperationOutcome"}, content=json.dumps(patient(line, name=[{"text": "K"}])))
    assert told.status_code == 201 and "national identifier is kept, and nothing else" in issues(told)
    minimal = vendor.post("/fhir/Patient", headers={**FHIR_JSON, "Prefer": "return=minimal"}, content=json.dumps(patient(line)))
    assert minimal.status_code == 201 and minimal.content == b""


@pytest.mark.parametrize("identifiers, status, text", [
    ([], 422, "a national identifier is required"), (None, 422, "a national identifier is required"),
    ([{"system": "https://vendor.example", "value": "1"}], 422, "a national identifier is required"),
    ([{"system": FNR, "value": "12345678901"}], 422, "not valid")])
def test_who_it_is_must_be_said(hub, vendor, identifiers, status, text):
    before = hub.sql("select count(*) from hub.person")
    answer = vendor.upload({"resourceType": "Patient", **({} if identifiers is None else {"identifier": identifiers})})
    assert answer.status_code == status and text in issues(answer), answer.text
    assert hub.sql("select count(*) from hub.person") == before


def test_a_number_in_a_header_is_refused(vendor):
    answer = vendor.post("/fhir/Patient", headers={**FHIR_JSON, "If-None-Exist": f"identifier={FNR}|{person()}"}, content=json.dumps(patient(person())))
    assert answer.status_code == 400 and "If-None-Exist" in issues(answer)


def test_who_keeps_no_data_makes_no_patient(hub):
    _, office = hub.controller("Legekontor", "read,write", "--reader")
    before = hub.sql("select (select count(*) from hub.person), (select count(*) from hub.subject)")
    answer = office.upload(patient(person()))
    assert answer.status_code == 403 and "data controller" in issues(answer), answer.text
    assert hub.sql("select (select count(*) from hub.person), (select count(*) from hub.subject)") == before


def test_a_device_of_nobody_is_refused(vendor):
    device = {"resourceType": "Device", "identifier": [{"system": SERIAL, "value": str(uuid.uuid4())}]}
    answer = vendor.upload(device)
    assert answer.status_code == 422 and "patient.identifier" in issues(answer), answer.text
    again = {**device, "patient": {"identifier": {"system": FNR, "value": person()}}}
    assert vendor.upload(again).status_code == 201
    assert vendor.upload(again).status_code == 200


def test_wrong_types_and_verbs(vendor):
    assert vendor.post("/fhir/Device", headers=FHIR_JSON, content=json.dumps(patient(person()))).status_code == 400
    answer = vendor.request("DELETE", "/fhir/Device", headers=FHIR_JSON, content="{}")
    assert answer.status_code == 405 and "POST" in answer.headers["allow"], answer.text
    answer = vendor.request("PUT", "/fhir/Device", headers=FHIR_JSON, content="{}")
    assert answer.status_code == 400 and "needs an id" in issues(answer), answer.text
