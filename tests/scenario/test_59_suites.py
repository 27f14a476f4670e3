# SPDX-License-Identifier: AGPL-3.0-or-later
"""What conformance suites and libraries of other FHIR servers send, where the hub once knew another way only."""
import email.utils
import json
import uuid

import httpx
import pytest

from hub import FHIR_JSON, FNR, FORM, found, ids, issues, observation, person


@pytest.fixture(scope="module")
def shelf(epj):
    """Pulse and weight on three days: (whose, Patient id, the newest pulse's id)."""
    line = person()
    for day in (1, 2, 3):
        for code, unit in (("8867-4", "/min"), ("29463-7", "kg")):
            made = epj.upload(observation(line, code=code, unit=unit, value=str(60 + day), at=f"2026-11-0{day}T10:00:05Z"))
            assert made.status_code == 201, made.text
    stub = epj.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{line}")])
    newest = ids(epj.search(line, code="8867-4", _count="1"))
    return line, stub.json()["entry"][0]["resource"]["id"], newest[0]


def parameters(*pairs):
    return json.dumps({"resourceType": "Parameters", "parameter": [{"name": name, **value} for name, value in pairs]})


def asked(epj, path, *pairs):
    return epj.post(f"/fhir/{path}", headers=FHIR_JSON, content=parameters(*pairs))


@pytest.mark.parametrize("whose", ["id", "reference", "text", "identifier"])
def test_lastn_by_parameters(epj, shelf, whose):
    line, patient, _ = shelf
    name = {"id": ("patient", {"valueId": patient}), "reference": ("subject", {"valueReference": {"reference": f"Patient/{patient}"}}),
            "text": ("patient.identifier", {"valueString": f"{FNR}|{line}"}),
            "identifier": ("patient", {"valueReference": {"identifier": {"system": FNR, "value": line}}})}[whose]
    assert len(found(asked(epj, "Observation/$lastn", name))) == 2
    assert len(found(asked(epj, "Observation/$lastn", name, ("max", {"valuePositiveInt": 2}), ("code", {"valueCoding": {"system": "http://loinc.org", "code": "8867-4"}})))) == 2
    assert len(found(asked(epj, "Observation/$lastn", name, ("date", {"valueDate": "2026-11-01"}), ("max", {"valueInteger": 9})))) == 2


def test_everything_by_parameters(epj, shelf):
    line, patient, _ = shelf
    whose = ("identifier", {"valueIdentifier": {"system": FNR, "value": line}})
    assert len(found(asked(epj, "Patient/$everything", whose))) == 6
    assert len(found(asked(epj, "Patient/$everything", whose, ("start", {"valueDate": "2026-11-02"}), ("end", {"valueDate": "2026-11-02"})))) == 2
    by_id = f"Patient/{patient}/$everything"
    assert len(found(asked(epj, by_id, ("_since", {"valueInstant": "2020-01-01T00:00:00Z"}), ("_type", {"valueCode": "Observation"})))) == 6
    for empty in (epj.post(f"/fhir/{by_id}"), epj.post(f"/fhir/{by_id}", headers=FORM, content="")):
        assert len(found(empty)) == 6
    first = asked(epj, by_id, ("_count", {"valueInteger": 4}))
    assert len(found(first)) == 4 and len(found(epj.next(first))) == 2


@pytest.mark.parametrize("body,says", [
    ("[]", "Parameters"),
    (json.dumps({"resourceType": "Observation"}), "resourceType"),
    (parameters(("colour", {"valueString": "red"})), "colour"),
    (parameters(("_since", {"valueInstant": "yesterday"})), "parameter[0].valueInstant"),
    (parameters(("_type", {"resource": {"resourceType": "Patient"}})), "Parameters.parameter[0]"),
    (parameters(("_type", {"valueReference": {"display": "x"}})), "Parameters.parameter[0]"),
    (parameters(("identifier", {"valueIdentifier": {"system": FNR, "value": "1"}})), "identifier"),
    (parameters(("_summary", {"valueCode": "true"}), ("_summary", {"valueCode": "text"})), "_summary"),
])
def test_parameters_that_say_nothing(epj, shelf, body, says):
    answer = epj.post(f"/fhir/Patient/{shelf[1]}/$everything", headers=FHIR_JSON, content=body)
    assert answer.status_code in (400, 422) and says in answer.text, answer.text


def test_what_an_operation_takes_is_told(epj):
    answer = epj.post("/fhir/Observation/$lastn", headers={"Content-Type": "text/plain"}, content="x")
    assert answer.status_code == 415 and "x-www-form-urlencoded" in issues(answer) and "Parameters" in issues(answer)
    assert epj.post("/fhir/Observation/_search", headers=FHIR_JSON, content=parameters()).status_code == 415


def test_parameters_of_others_data(hub, shelf):
    """The same decision as for a form: who may not see gets nothing, and an attest for another is refused."""
    line, patient, _ = shelf
    by_number = ("patient.identifier", {"valueString": f"{FNR}|{line}"})
    assert asked(hub.as_("sykehus-annen"), "Observation/$lastn", by_number).status_code == 403
    assert asked(hub.as_("sykehus-annen"), f"Patient/{patient}/$everything", ("_count", {"valueInteger": 5})).status_code == 403
    assert asked(hub.as_("solvik-dho"), f"Patient/{patient}/$everything", ("_count", {"valueInteger": 5})).status_code == 403


def test_a_search_without_a_body_needs_no_type(epj, shelf):
    _, patient, _ = shelf
    assert len(found(epj.post(f"/fhir/Observation/_search?patient={patient}&code=8867-4"))) == 3
    assert epj.post("/fhir/Observation/_search", content=f"patient={patient}").status_code == 415


def test_dates_of_http(epj, shelf):
    path = f"/fhir/Observation/{shelf[2]}"
    changed = email.utils.parsedate_to_datetime(epj.get(path).headers["last-modified"])
    for form in ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"):
        assert epj.get(path, headers={"If-Modified-Since": changed.strftime(form)}).status_code == 304, form
        assert epj.get(path, headers={"If-Modified-Since": changed.replace(year=2001).strftime(form)}).status_code == 200, form


@pytest.mark.parametrize("query,status", [
    ("_format=application/fhir%2Bjson;fhirVersion=4.0", 200), ("_format=application/fhir%2Bjson;fhirVersion=3.0", 406), ("_format=json;%20fhirVersion=%225.0%22", 406),
    ("_summary=true&_summary=false", 400), ("_summary=true&_summary=true", 200), ("_pretty=true&_pretty=false", 400),
])
def test_the_form_is_said_once(epj, shelf, query, status):
    answer = epj.get(f"/fhir/Observation/{shelf[2]}?{query}")
    assert answer.status_code == status, answer.text
    searched = epj.post(f"/fhir/Observation/_search?{query}", headers=FORM, content=str(httpx.QueryParams([("patient", shelf[1])])))
    assert searched.status_code == status, searched.text


# ---- the CapabilityStatement


def test_parts_of_the_capability_statement(hub):
    with hub.dev() as door:
        whole = door.get("/fhir/metadata").json()
        part = door.get("/fhir/metadata?_elements=rest,software").json()
        assert part.pop("meta")["tag"][0]["code"] == "SUBSETTED"
        assert set(part) == {"resourceType", "status", "date", "kind", "fhirVersion", "format", "implementation", "rest", "software"}
        assert all(whole[name] == value for name, value in part.items())
        assert door.get("/fhir/metadata?_elements=colour").status_code == 400
        assert door.get("/fhir/metadata?_summary=count").status_code == 400
        assert "OAuth" in json.dumps(whole["rest"][0]["security"]["service"])


def test_what_is_declared_of_each_type_is_so(hub, epj):
    """The versions, the conditional read and $validate of Device and Provenance were there and not told."""
    said = {one["type"]: one for one in epj.get("/fhir/metadata").json()["rest"][0]["resource"]}
    line = person()
    made = epj.upload({"resourceType": "Device", "patient": {"identifier": {"system": FNR, "value": line}}, "identifier": [{"system": "http://d.example", "value": line[::-1]}]})
    assert made.status_code == 201, made.text
    sent = epj.upload({"resourceType": "Bundle", "type": "batch", "entry": [
        {"fullUrl": "urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3e1", "resource": observation(line), "request": {"method": "POST", "url": "Observation"}},
        {"resource": {"resourceType": "Provenance", "target": [{"reference": "urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3e1"}], "recorded": "2026-11-20T08:00:00Z",
                      "agent": [{"who": {"display": "Gateway"}}]}, "request": {"method": "POST", "url": "Provenance"}}]})
    provenance = sent.json()["entry"][1]["response"]["location"].split("/_history")[0]
    for place in (f"Device/{made.json()['id']}", provenance):
        kind = place.split("/")[0]
        assert said[kind]["versioning"] == ("versioned-update" if kind == "Device" else "versioned") and said[kind]["readHistory"] is True
        assert said[kind]["conditionalRead"] == "full-support" and [one["name"] for one in said[kind]["operation"]] == ["validate"]
        one = epj.get(f"/fhir/{place}")
        assert epj.get(f"/fhir/{place}", headers={"If-None-Match": one.headers["etag"]}).status_code == 304
        assert epj.get(f"/fhir/{place}", headers={"If-Modified-Since": one.headers["last-modified"]}).status_code == 304
        assert epj.get(f"/fhir/{place}/_history/1").json()["meta"]["versionId"] == "1"
        assert asked(epj, f"{kind}/$validate", ("resource", {"resource": one.json()})).status_code == 200


# ---- $validate


@pytest.mark.parametrize("pairs,says", [
    ([("resource", {"resource": observation("19927100005")})] * 2, "resource stands twice"),
    ([("resource", {"resource": observation("19927100005")}), ("mode", {"valueCode": "create"}), ("mode", {"valueCode": "update"})], "mode stands twice"),
])
def test_nothing_asked_twice_is_validated(epj, pairs, says):
    answer = asked(epj, "Observation/$validate", *pairs)
    assert answer.status_code == 400 and says in issues(answer)


def test_the_base_definition_is_a_profile(epj):
    base = "http://hl7.org/fhir/StructureDefinition/"
    sound = observation(person(), meta={"profile": [f"{base}Observation"]})
    for url in (f"{base}Observation", f"{base}Observation|4.0.1"):
        answer = asked(epj, "Observation/$validate", ("resource", {"resource": sound}), ("profile", {"valueUri": url}))
        assert answer.status_code == 200 and issues(answer) == "All OK", answer.text
    other = asked(epj, "Observation/$validate", ("resource", {"resource": sound}), ("profile", {"valueUri": f"{base}Device"}))
    assert other.status_code == 400 and "profile" in issues(other)


# ---- links of a page


@pytest.mark.parametrize("path,query,itself", [
    ("Observation", "?patient=nobody&code=8867-4", "/fhir/Observation?patient=nobody&code=8867-4"),
    ("Observation", "?patient=19927100005", "/fhir/Observation"),
])
def test_self_says_whom_it_looked_for(hub, epj, path, query, itself):
    answer = epj.get(f"/fhir/{path}{query}")
    assert answer.status_code == 200 and "entry" not in answer.json()
    assert answer.json()["link"] == [{"relation": "self", "url": hub.url + itself}]


# ---- Bundles


def of(type, *entries):
    return {"resourceType": "Bundle", "type": type, "entry": [
        {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}} for url, resource in entries]}


def test_a_full_url_of_two_leads_nowhere(epj):
    """Which of two Devices is meant nobody knows; of the same one twice it does not matter."""
    line, url = person(), "urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3d4"
    meters = [{"resourceType": "Device", "patient": {"identifier": {"system": FNR, "value": line}}, "identifier": [{"system": "http://d.example", "value": one}]} for one in "ab"]
    reading = {**observation(line, device=None), "device": {"reference": url}}
    answer = epj.upload(of("batch", (url, meters[0]), (url, meters[1]), ("urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3d5", reading)))
    assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["201", "201", "422"]
    assert "fullUrl" in answer.text
    twice = epj.upload(of("batch", (url, meters[0]), (url, meters[0]), ("urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3d5", reading)))
    statuses = [entry["response"]["status"][:3] for entry in twice.json()["entry"]]
    assert statuses[2] == "201", twice.text
    for told in (answer, twice):  # bdl-7: the first is told by it
        assert [entry.get("fullUrl") for entry in told.json()["entry"]] == [url, None, "urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3d5"]


@pytest.mark.parametrize("type", ["batch", "transaction"])
@pytest.mark.parametrize("url", ["Observation", "/Observation", "/fhir/Observation", "Observation/", "/fhir/Observation/"])
def test_the_url_of_an_entry(epj, type, url):
    sent = of(type, ("urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3d6", observation(person())))
    sent["entry"][0]["request"]["url"] = url
    answer = epj.upload(sent)
    assert answer.status_code == 200 and answer.json()["entry"][0]["response"]["status"].startswith("201"), answer.text


@pytest.mark.parametrize("type", ["batch", "transaction"])
def test_each_result_has_an_outcome_where_it_is_preferred(epj, type):
    sent = of(type, ("urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3d7", observation(person())))
    answer = epj.post("/fhir", headers={**FHIR_JSON, "Prefer": "return=OperationOutcome"}, content=json.dumps(sent)).json()["entry"][0]["response"]
    assert answer["outcome"]["issue"][0]["severity"] == "information"
    plain = epj.post("/fhir", headers=FHIR_JSON, content=json.dumps(of(type, ("urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3d8", observation(person())))))
    assert "outcome" not in plain.json()["entry"][0]["response"]


# ---- conditions


@pytest.mark.parametrize("form", ["identifier={}", "?identifier={}", "Observation?identifier={}", "{{base}}/fhir/Observation?identifier={}"])
def test_a_condition_as_clients_write_it(hub, epj, form):
    line, value = person(), str(uuid.uuid4())
    reading = observation(line, identifier=[{"system": "http://v.example", "value": value}])
    condition = form.format(f"http://v.example|{value}").format(base=hub.url)
    headers = {**FHIR_JSON, "If-None-Exist": condition}
    made = epj.post("/fhir/Observation", headers=headers, content=json.dumps(reading))
    assert made.status_code == 201, made.text
    again = epj.post("/fhir/Observation", headers=headers, content=json.dumps({**reading, "status": "amended"}))
    assert again.status_code == 200 and made.json()["id"] in again.headers["location"]
    sent = of("transaction", ("urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3d9", reading))
    sent["entry"][0]["request"]["ifNoneExist"] = condition
    assert epj.upload(sent).json()["entry"][0]["response"]["status"].startswith("200")


@pytest.mark.parametrize("condition", [
    "Device?identifier=http://v.example|1", "http://other.example/fhir/Observation?identifier=http://v.example|1", "Observation?", "identifier=http://v.example|1,2",
    "identifier=http://v.example|1|2", "identifier=http://v.example,http://w.example|1",
])
def test_no_condition(epj, condition):
    made = epj.post("/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": condition}, content=json.dumps(observation(person())))
    assert made.status_code == 400 and "identifier=system|value" in issues(made)


def test_a_condition_escapes_what_parts_it(epj):
    line, value = person(), f"a,b|{uuid.uuid4()}"
    written = value.replace(",", "\\,").replace("|", "\\|")
    reading = observation(line, identifier=[{"system": "http://v.example", "value": value}])
    made = epj.upload(reading)
    again = epj.post("/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": f"identifier=http://v.example|{written}"}, content=json.dumps({**reading, "status": "amended"}))
    assert again.status_code == 200 and made.json()["id"] in again.headers["location"], again.text
    other = {**observation(line, code="9279-1"), "derivedFrom": [{"reference": f"Observation?identifier=http://v.example|{written}"}]}
    linked = epj.upload(of("transaction", ("urn:uuid:9a1c5f9e-6b1f-4a55-9c3a-d1f0a1b2c3e0", other)))
    assert linked.status_code == 200, linked.text
    place = linked.json()["entry"][0]["response"]["location"].split("/_history")[0]
    assert epj.get(f"/fhir/{place}").json()["derivedFrom"] == [{"reference": f"Observation/{made.json()['id']}"}]
