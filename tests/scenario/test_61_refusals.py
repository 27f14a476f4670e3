# SPDX-License-Identifier: AGPL-3.0-or-later
"""A refusal names what is wrong, and what its reader can do about it: each request, and the words that help."""
import json

import pytest

from hub import FHIR_JSON, FORM, bundle, issues, observation, outcome_of, person

PATIENT_SEARCH = "POST Patient/_search with the national identifier gives it"


@pytest.mark.parametrize("path,words", [
    ("/fhir/Patient/nobody", PATIENT_SEARCH),
    ("/fhir/Patient/no_id/Observation", PATIENT_SEARCH),
    ("/fhir/Observation?_page=x", "search again"),
    ("/fhir/Observation/$validate?profile=http://example.org/mine", "/fhir/metadata as supportedProfile"),
])
def test_of_what_stands_in_the_url(doctor, vendor, path, words):
    if "$validate" in path:
        refused = vendor.post(path, headers=FHIR_JSON, content=json.dumps(observation(person())))
    else:
        refused = doctor.get(path)
    assert refused.status_code in (400, 404) and words in issues(refused), refused.text


def test_of_a_body_that_is_too_long(doctor):
    refused = doctor.post("/fhir/Patient/_search", headers=FORM, content=b"x=" + b"y" * 65536)
    assert refused.status_code == 413 and "the body is 65538 bytes; this path takes at most 65536" in issues(refused)


def test_of_a_compressed_body(vendor):
    refused = vendor.post("/fhir/Observation", headers={**FHIR_JSON, "Content-Encoding": "gzip"}, content=b"x")
    assert refused.status_code == 415 and "send it uncompressed" in issues(refused)


def test_of_what_no_entry_can_ask_for(vendor):
    asked = bundle(observation(person()))
    asked["entry"].append({"request": {"method": "GET", "url": ".well-known/smart-configuration"}})
    assert "send it as a request of its own" in outcome_of(vendor.upload(asked).json()["entry"][1])


def test_of_a_version_that_is_past(vendor):
    line = person()
    made = vendor.upload(observation(line)).json()
    for value in ("73", "74"):
        refused = vendor.request("PUT", f"/fhir/Observation/{made['id']}", headers={**FHIR_JSON, "If-Match": 'W/"1"'},
                                 content=json.dumps({**observation(line, value=value), "id": made["id"]}))
    assert refused.status_code == 412 and "version 2 is there; read it and decide again" in issues(refused)


def test_of_an_upload_by_another_organisation(vendor):
    other = {"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "993467049"}}
    refused = vendor.upload(observation(person(), performer=[other]))
    assert refused.status_code == 422 and "leave it out" in issues(refused), refused.text
