# SPDX-License-Identifier: AGPL-3.0-or-later
"""R4's http.html and search.html, section by section, as a conformance suite walks through them."""
import json

import pytest

from hub import FORM, issues, observation, person, results


@pytest.fixture(scope="module")
def reading(epj):
    """(id of an Observation, id of its Patient)"""
    line = person()
    found = epj.patient_id(line)
    return epj.upload(observation(line)).json()["id"], found


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
