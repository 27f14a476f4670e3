# SPDX-License-Identifier: AGPL-3.0-or-later
"""A subject by reference: the id of the Patient stub says who it is to whoever has stored of that patient before, and tells nobody else whom the hub knows."""
import json
import uuid

import pytest

from hub import FHIR_JSON, FNR, bundle, found, ids, issues, observation, person, results

UNKNOWN = "{0}.reference is not the id of a patient of whom you have stored before; send {0}.identifier with a national identifier"
SERIAL = "https://vendor.example/serial"


def stub(caller, line):
    """The id, and the absolute URL, of a Patient."""
    entry = caller.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{line}")]).json()["entry"][0]
    return entry["resource"]["id"], entry["fullUrl"]


def by_id(reference, **rest):
    return {**observation(person(), **rest), "subject": {"reference": reference}}


def known(vendor, epj):
    line = person()
    assert vendor.upload(observation(line, at="2026-11-19T08:00:11+01:00")).status_code == 201
    return line, *stub(epj, line)


def test_the_id_of_a_stub_is_a_subject(hub, vendor, epj, doctor):
    line, id, url = known(vendor, epj)
    for day, subject in ((11, {"reference": f"Patient/{id}"}), (12, {"reference": url}), (13, {"reference": f"Patient/{id}", "type": "Patient", "display": "Kari"})):
        answer = vendor.upload({**by_id("", at=f"2026-11-{day}T08:00:11+01:00"), "subject": subject})
        assert answer.status_code == 201, answer.text
        assert answer.json()["subject"] == subject
    assert len(found(doctor.search(line))) == 4
    assert len(found(epj.get(f"/fhir/Observation?patient={id}"))) == 4
    assert [entry["event"] for entry in hub.entries(line)].count("create") == 4


def test_the_same_reading_by_number_and_by_id_is_one(vendor, epj):
    line, id, _ = known(vendor, epj)
    first, again = vendor.upload(by_id(f"Patient/{id}")), vendor.upload(observation(line))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["location"] == again.headers["location"]


@pytest.mark.parametrize("type", ["batch", "transaction", "collection"])
def test_in_a_bundle(vendor, epj, type):
    line, id, url = known(vendor, epj)
    meter = f"urn:uuid:{uuid.uuid4()}"
    sent = bundle(by_id(f"Patient/{id}", at="2026-11-17T08:00:11+01:00"), {**by_id(url, at="2026-11-18T08:00:11+01:00"), "device": {"reference": meter}},
                  observation(line, at="2026-11-19T09:00:11+01:00"), {"resourceType": "Device", "identifier": [{"system": SERIAL, "value": str(uuid.uuid4())}], "patient": {"reference": f"Patient/{id}"}},
                  type=type)
    sent["entry"][3]["fullUrl"] = meter
    answer = vendor.upload(sent)
    assert answer.status_code == 200 and results(answer) == [201] * 4, answer.text
    assert len(found(epj.search(line))) == 4
    device = answer.json()["entry"][3]["response"]["location"].split("/_history")[0]
    assert epj.get(f"/fhir/{device}").json()["patient"] == {"reference": f"Patient/{id}"}
    assert [entry["fullUrl"].endswith(device) for entry in epj.form("/fhir/Device/_search", [("patient.identifier", f"{FNR}|{line}")]).json()["entry"]] == [True]


def test_a_device_of_two_patients_is_refused_however_they_are_named(vendor, epj):
    (one, _, _), (_, other, _) = known(vendor, epj), known(vendor, epj)
    meter = f"urn:uuid:{uuid.uuid4()}"
    device = {"resourceType": "Device", "identifier": [{"system": SERIAL, "value": str(uuid.uuid4())}], "patient": {"identifier": {"system": FNR, "value": one}}}
    sent = bundle({**by_id(f"Patient/{other}"), "device": {"reference": meter}}, device, type="transaction")
    sent["entry"][1]["fullUrl"] = meter
    answer = vendor.upload(sent)
    assert answer.status_code == 422 and "more than one patient" in answer.text, answer.text


def test_updates_patches_and_marks(vendor, epj):
    line, id, url = known(vendor, epj)
    one = epj.upload(by_id(f"Patient/{id}")).json()
    path = f"/fhir/Observation/{one['id']}"
    for version, subject in ((2, {"reference": url}), (3, {"identifier": {"system": FNR, "value": line}}), (4, {"reference": f"Patient/{id}"})):
        answer = epj.request("PUT", path, headers=FHIR_JSON, content=json.dumps({**one, "subject": subject}))
        assert answer.status_code == 200 and answer.headers["etag"] == f'W/"{version}"', answer.text
    note = json.dumps([{"op": "add", "path": "/note", "value": [{"text": "sat"}]}])
    assert epj.request("PATCH", path, headers={"Content-Type": "application/json-patch+json"}, content=note).headers["etag"] == 'W/"5"'
    assert epj.post(path + "/$mark-unreliable", headers=FHIR_JSON, content=json.dumps({"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "arm above the heart"}]})).headers["etag"] == 'W/"6"'
    _, other, _ = known(vendor, epj)
    for stranger in (other, stub(epj, person())[0]):
        answer = epj.request("PUT", path, headers=FHIR_JSON, content=json.dumps({**one, "subject": {"reference": f"Patient/{stranger}"}}))
        assert answer.status_code == 422 and "whose measurement" in answer.text, answer.text
    assert len(ids(epj.search(line))) == 2


def test_a_conditional_update(vendor, epj):
    line, id, _ = known(vendor, epj)
    mine = {"system": "https://vendor.example/id", "value": str(uuid.uuid4())}
    sent = {**by_id(f"Patient/{id}"), "identifier": [mine]}
    path = f"/fhir/Observation?identifier={mine['system']}|{mine['value']}"
    first, again = (epj.request("PUT", path, headers=FHIR_JSON, content=json.dumps({**sent, **more})) for more in ({}, {"note": [{"text": "sat"}]}))
    assert (first.status_code, again.status_code) == (201, 200), again.text
    sent["subject"]["reference"] = f"Patient/{stub(epj, person())[0]}"
    assert issues(epj.request("PUT", path, headers=FHIR_JSON, content=json.dumps(sent))) == UNKNOWN.format("subject")


def strangers(hub, epj):
    """Ids of a patient whom nobody knows, of one whom another controller knows, and none at all: what each is told, and what it leaves."""
    _, other = hub.controller()
    theirs = person()
    assert other.upload(observation(theirs)).status_code == 201
    before = set(hub.sql("select bucket, person_id from hub.person"))
    nobody = stub(epj, person())[0]
    for home, made in set(hub.sql("select bucket, person_id from hub.person")) - before:  # the look at an id is written down for its person; who has never been asked for has none
        hub.sql("delete from hub.alias where home = %s and person_id = %s", home, made)
        hub.sql("delete from hub.person where bucket = %s and person_id = %s", home, made)
    return {"nobody": nobody, "theirs": stub(epj, theirs)[0], "forged": "abcdefghijklmnopqrstuvwxyz"}


def test_nobody_is_told_whom_the_hub_knows(hub, vendor, epj):
    told, rows = {}, {}
    for name, id in strangers(hub, epj).items():
        answers = []
        people = hub.sql("select count(*) from hub.person")
        before = hub.rows()
        for sent in (by_id(f"Patient/{id}"), bundle(by_id(f"Patient/{id}"), type="transaction"), bundle(by_id(f"Patient/{id}"))):
            answer = vendor.upload(sent)
            outcome = answer.json()["entry"][0]["response"]["outcome"] if answer.status_code == 200 else answer.json()
            (issue,) = outcome["issue"]
            answers.append((answer.status_code, issue["code"], issue["details"]["text"], issue["expression"]))
        told[name], rows[name] = answers, hub.rows() - before
        assert hub.sql("select count(*) from hub.person") == people
    assert told["nobody"] == told["theirs"] == told["forged"]
    assert [one[0] for one in told["nobody"]] == [422, 422, 200] and {one[2] for one in told["nobody"]} == {UNKNOWN.format("subject")}
    assert rows["nobody"] == rows["theirs"] == 3


def test_a_stranger_hides_nothing_of_the_others(vendor, epj):
    line, id, _ = known(vendor, epj)
    answer = vendor.upload(bundle(by_id(f"Patient/{stub(epj, person())[0]}"), by_id(f"Patient/{id}"), observation(line, code="9279-1")))
    assert results(answer) == [422, 201, 201]


def test_validate_says_what_can_be_said_without_looking_anybody_up(vendor, epj):
    _, id, url = known(vendor, epj)
    for reference, sound in ((f"Patient/{id}", True), (url, True), ("Patient/abcdefghijklmnopqrstuvwxyz", False), ("Patient/1", False), (f"https://elsewhere.example/fhir/Patient/{id}", False)):
        answer = vendor.post("/fhir/Observation/$validate", headers=FHIR_JSON, content=json.dumps(by_id(reference)))
        assert answer.status_code == 200 and all(issue["severity"] != "error" for issue in answer.json()["issue"]) == sound, answer.text
        if not sound:
            assert "send subject.identifier with a national identifier" in answer.text
