# SPDX-License-Identifier: AGPL-3.0-or-later
"""R4's http.html and search.html, section by section, as a conformance suite walks through them."""
import json

import pytest

from hub import FHIR_JSON, FORM, found, issues, observation, outcome_of, person, results


@pytest.fixture(scope="module")
def reading(epj):
    """(id of an Observation, id of its Patient)"""
    line = person()
    return epj.upload(observation(line)).json()["id"], epj.patient_id(line)


# ---- PATCH (RFC 5789)


def test_what_patch_takes_is_told(epj, reading):
    path = f"/fhir/Observation/{reading[0]}"
    refused = epj.request("PATCH", path, headers={"Content-Type": "application/fhir+json"}, content="{}")
    assert refused.status_code == 415 and refused.headers["accept-patch"] == "application/json-patch+json"
    for asked, told in ((path, "application/json-patch+json"), ("/fhir/Observation", None), (f"/fhir/Patient/{reading[1]}", None)):
        answer = epj.plain("OPTIONS", asked)
        assert answer.status_code == 204 and answer.headers.get("accept-patch") == told, asked
    assert "accept-patch" not in epj.request("PUT", path, headers={"Content-Type": "text/plain"}, content="x").headers


# ---- codes of a required binding


@pytest.mark.parametrize("asked", ["status=foo", "status=active,foo", "status:not=foo", "status=http://hl7.org/fhir/observation-status|active", "status:text=active"])
def test_a_status_no_device_can_have_is_refused(epj, reading, asked):
    answer = epj.get(f"/fhir/Device?patient={reading[1]}&{asked}")
    assert answer.status_code == 400 and "status" in issues(answer)
    sound = epj.get(f"/fhir/Device?patient={reading[1]}&status=active,http://hl7.org/fhir/device-status|unknown&status:missing=false")
    assert sound.status_code == 200


# ---- other libraries' habits


def test_the_count_of_fhirpy(epj, reading):
    answer = epj.get(f"/fhir/Observation?patient={reading[1]}&_count=0&_totalMethod=count")
    assert answer.status_code == 200 and answer.json()["total"] == 1 and "entry" not in answer.json()
    own = answer.json()["link"][0]["url"].removeprefix(epj.hub.url)
    assert epj.get(own).json()["total"] == 1
    assert epj.get(f"/fhir/Device?patient={reading[1]}&_count=0&_totalMethod=count").json()["total"] == 0


@pytest.mark.parametrize("asked", ["value-quantity=gt1||", "value-quantity=ap72||", "date=2026-11-20T08:00:11+01:00"])
def test_what_the_client_of_hapi_writes_in_a_query(epj, reading, asked):
    answer = epj.get(f"/fhir/Observation?patient={reading[1]}&{asked}")
    assert answer.status_code == 200 and len(found(answer)) == 1, answer.text
    assert found(epj.get(answer.json()["link"][0]["url"].removeprefix(epj.hub.url))) == found(answer)


def test_a_plus_that_was_not_encoded_is_one(epj, reading):
    for place in (f"Observation/{reading[0]}/_history", f"Patient/{reading[1]}/$everything"):
        since, later = (epj.get(f"/fhir/{place}?_since={year}-01-01T00:00:00.000+01:00") for year in (2020, 2099))
        assert since.status_code == later.status_code == 200, since.text
        assert [one for one in since.json()["entry"] if one["resource"]["resourceType"] == "Observation"]
        assert not [one for one in later.json().get("entry", []) if one["resource"]["resourceType"] == "Observation"]


def test_parameters_may_be_none(epj, reading):
    none = {"resourceType": "Parameters"}
    answer = epj.post(f"/fhir/Patient/{reading[1]}/$everything", headers=FHIR_JSON, content=json.dumps(none))
    assert answer.status_code == 200 and answer.json()["entry"]
    asked = epj.post("/fhir/Observation/$validate", headers=FHIR_JSON, content=json.dumps(none))
    assert asked.status_code == 400 and "the parameter resource is required" in issues(asked)
    assert epj.post("/fhir/Observation/$lastn", headers=FHIR_JSON, content=json.dumps(none)).status_code == 400


def test_an_instance_is_validated(epj, reading):
    stored = epj.get(f"/fhir/Observation/{reading[0]}").json()
    for body in (stored, {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": stored}]}):
        answer = epj.post(f"/fhir/Observation/{reading[0]}/$validate", headers=FHIR_JSON, content=json.dumps(body))
        assert answer.status_code == 200 and issues(answer) == "All OK", answer.text
    wrong = epj.post(f"/fhir/Observation/{reading[0]}/$validate", headers=FHIR_JSON, content=json.dumps({**stored, "status": "made-up"}))
    assert wrong.status_code == 200 and "status is not" in issues(wrong)


def test_a_refusal_says_why_in_diagnostics_too(epj, reading):
    """HAPI's client makes its exception of these alone: "HTTP 400 Bad Request: unknown parameter ..." """
    for answer in (epj.get("/fhir/Observation/absent"), epj.get(f"/fhir/Observation?patient={reading[1]}&nonsense=1"), epj.upload({"resourceType": "Observation"})):
        first, *others = answer.json()["issue"]
        assert first["diagnostics"] == first["details"]["text"] and not any("diagnostics" in one for one in others)
    assert len(others) > 1


# ---- Bundles


def test_head_in_a_bundle_has_no_body(epj, reading):
    entries = [{"request": {"method": method, "url": f"Observation/{reading[0]}"}} for method in ("HEAD", "GET")]
    answer = epj.upload({"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert results(answer) == [200, 200]
    head, get = answer.json()["entry"]
    assert head["response"] == get["response"] and "resource" not in head and get["resource"]["id"] == reading[0]


# ---- refusals


def test_a_form_has_no_version_of_fhir(epj):
    answer = epj.post("/fhir/Observation/_search", headers={"Content-Type": "application/fhir+json"}, content=json.dumps({}))
    assert answer.status_code == 415 and issues(answer) == f"Content-Type must be {FORM['Content-Type']}, in UTF-8"


@pytest.mark.parametrize("kind", ["batch", "transaction", "collection"])
def test_what_is_posted_says_where_to(epj, reading, kind):
    """transaction().withResources() of HAPI's client sends no url, and a total."""
    def sent(method):
        return epj.upload({"resourceType": "Bundle", "type": kind, "total": 1, "entry": [{"resource": observation(person()), "request": {"method": method}}]})
    made = sent("POST")
    assert results(made) == [201] and "the type of what is posted was taken for it" in outcome_of(made.json()["entry"][0])
    assert epj.get("/fhir/" + made.json()["entry"][0]["response"]["location"]).status_code == 200
    refused = sent("PUT")
    said = issues(refused) if kind == "transaction" else outcome_of(refused.json()["entry"][0])
    assert "url is required" in said and "taken" not in said
