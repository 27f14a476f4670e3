# SPDX-License-Identifier: AGPL-3.0-or-later
"""Devices and Provenances are read as readings are: under the same rules, with the same silence, and each look in the log."""
import uuid

import hub as hubs
from hub import FNR, person

SERIAL = "https://vendor.example/serial"


def uploaded(vendor, who, serial=None, code="8867-4", **more):
    """A Device, an Observation by it and its Provenance: the places where they are."""
    meter, reading = (f"urn:uuid:{uuid.uuid4()}" for _ in range(2))
    resources = [
        (meter, {"resourceType": "Device", "identifier": [{"system": SERIAL, "value": serial or str(uuid.uuid4())}], "deviceName": [{"name": "UA-651", "type": "model-name"}], **more}),
        (reading, {**hubs.observation(who, code=code, device=None), "device": {"reference": meter}}),
        (f"urn:uuid:{uuid.uuid4()}", {"resourceType": "Provenance", "target": [{"reference": reading}], "recorded": "2026-11-20T08:00:00.250+01:00",
                                      "agent": [{"who": {"display": "Solvik"}}], "entity": [{"role": "source", "what": {"reference": meter}}]})]
    entries = [{"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}} for url, resource in resources]
    answer = vendor.upload({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200, answer.text
    return [entry["response"]["location"].split("/_history")[0] for entry in answer.json()["entry"]]


def test_both_come_back_as_they_were_sent(hub, vendor, reader):
    line = person()
    meter, reading, provenance = uploaded(vendor, line, "S-9")
    device = reader.get(f"/fhir/{meter}")
    assert device.status_code == 200 and device.headers["etag"] == 'W/"1"'
    stored = device.json()
    assert stored["deviceName"] == [{"name": "UA-651", "type": "model-name"}] and stored["identifier"] == [{"system": SERIAL, "value": "S-9"}]
    assert f"Device/{stored['id']}" == meter and stored["meta"]["versionId"] == "1"
    told = reader.get(f"/fhir/{provenance}").json()
    assert told["target"] == [{"reference": reading}] and told["entity"][0]["what"] == {"reference": meter}
    assert '"2026-11-20T08:00:00.250+01:00"' in reader.get(f"/fhir/{provenance}").text
    assert reader.get(f"/fhir/{meter}/_history/1").json() == stored
    assert len(hub.entries(line)) >= 3


def test_a_new_version_of_a_device_is_in_its_history(vendor, reader):
    line = person()
    uploaded(vendor, line, "S-10")
    again = uploaded(vendor, line, "S-10", lotNumber="8")
    history = reader.get(f"/fhir/{again[0]}/_history").json()
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["2", "1"]
    assert reader.get(f"/fhir/{again[0]}").json()["lotNumber"] == "8"


def test_absent_and_not_for_you_are_one_answer(hub, vendor):
    places = uploaded(vendor, person())
    _, stranger = hub.controller()
    for place in places:
        kind, id = place.split("/")
        swapped = id[:-1] + ("a" if id[-1] != "a" else "b")
        answers = [stranger.get(f"/fhir/{place}"), stranger.get(f"/fhir/{kind}/{swapped}"), stranger.get(f"/fhir/{kind}/x")]
        assert {answer.status_code for answer in answers} == {404} and len({answer.text for answer in answers}) == 1, [answer.text for answer in answers]
        # an id of another type is no id of this one
        other = "Device" if kind != "Device" else "Provenance"
        assert stranger.get(f"/fhir/{other}/{id}").status_code == 404


def test_a_rule_opens_them_as_it_opens_readings(vendor, doctor):
    """The hospital's rule is for all of health."""
    for place in uploaded(vendor, person()):
        assert doctor.get(f"/fhir/{place}").status_code == 200, place


def test_a_block_closes_them_as_it_closes_readings(hub, vendor, doctor):
    line = person()
    places = uploaded(vendor, line)
    hub.maalehub("block", "add", stdin=line + "\n")
    assert [doctor.get(f"/fhir/{place}").status_code for place in places] == [404, 404, 404]


def test_a_rule_for_one_code_opens_the_provenance_of_that_code_alone(hub):
    orgnr, solvik = hub.controller("Liten kommune")
    hub.rule_from(orgnr, "--class", "health", "--purpose", "TREAT", "--code", "http://loinc.org|8867-4")
    line = person()
    pulse = uploaded(solvik, line)
    other = uploaded(solvik, line, code="9279-1")
    doctor = hub.as_("sykehus-epj")
    assert doctor.get(f"/fhir/{pulse[1]}").status_code == 200 and doctor.get(f"/fhir/{other[1]}").status_code == 404
    assert doctor.get(f"/fhir/{pulse[2]}").status_code == 200 and doctor.get(f"/fhir/{other[2]}").status_code == 404
    assert doctor.get(f"/fhir/{pulse[0]}").status_code == 404  # a rule for a code says nothing of devices


def found(answer):
    assert answer.status_code == 200, answer.text
    return sorted(f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in answer.json().get("entry", []))


def test_both_are_found_for_a_patient_and_for_nobody_else(hub, vendor, reader):
    line, serial = person(), str(uuid.uuid4())
    meter, reading, provenance = uploaded(vendor, line, serial)
    other = uploaded(vendor, line, code="9279-1")
    uploaded(vendor, person())
    whose = ("patient.identifier", f"{FNR}|{line}")
    devices, provenances = "/fhir/Device/_search", "/fhir/Provenance/_search"
    assert found(reader.form(devices, [whose])) == sorted([meter, other[0]])
    assert found(reader.form(devices, [whose, ("identifier", f"{SERIAL}|{serial}")])) == [meter]
    assert found(reader.form(devices, [whose, ("device-name", "ua")])) == sorted([meter, other[0]])
    assert found(reader.form(devices, [whose, ("manufacturer", "nobody")])) == []
    assert found(reader.form(provenances, [whose, ("target", reading)])) == [provenance]
    assert found(reader.form(provenances, [whose, ("recorded", "2026-11-20")])) == sorted([provenance, other[2]])
    assert found(reader.form(provenances, [whose, ("recorded", "gt2026-11-21")])) == []
    assert found(reader.get(f"/fhir/Device?_id={meter.split('/')[1]}")) == [meter]
    first = reader.form(devices, [whose, ("_count", "1")])
    self = [link["url"] for link in first.json()["link"] if link["relation"] == "self"][0]
    assert "/fhir/Device?" in self and found(first) + found(reader.next(first)) in ([meter, other[0]], [other[0], meter])
    for path in (devices, provenances):
        assert reader.form(path, [whose, ("colour", "red")]).status_code == 400
    assert reader.form(devices, []).status_code == 403 and reader.form(provenances, []).status_code == 400  # a controller looks its own Devices up without a patient
    _, stranger = hub.controller()
    assert found(stranger.form(devices, [whose])) == [] and found(stranger.form(provenances, [whose])) == []
    assert found(stranger.get(f"/fhir/Device?_id={meter.split('/')[1]}")) == []
