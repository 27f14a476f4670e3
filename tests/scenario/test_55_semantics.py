# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the hub's answers mean: the locator after a deletion, transactions, re-sends, identities."""
import json

import pytest

from hub import FHIR_JSON, SOLVIK, observation, person


@pytest.fixture
def epj(hub):
    """Reads and writes for Solvik."""
    return hub.as_("utvikler")


def made(caller, who, **rest):
    answer = caller.upload(observation(who, **rest))
    assert answer.status_code == 201, answer.text
    return answer.json()


def path_of(resource):
    return f"/fhir/Observation/{resource['id']}"


def put(caller, resource, **headers):
    return caller.request("PUT", path_of(resource), headers={**FHIR_JSON, **headers}, content=json.dumps(resource))


def named(caller, line):
    return [(int(entry["dataController"]["value"]), entry["category"], entry["mostRecent"]) for entry in caller.locate(line).json()["entries"]]


# ---- the locator


def test_the_locator_forgets_what_was_deleted(epj, doctor):
    line = person()
    older, newer = (made(epj, line, at=at) for at in ("2026-09-10T09:00:01Z", "2026-11-10T09:00:01Z"))
    assert named(doctor, line) == [(SOLVIK, "vital-signs", "2026-11")]
    assert epj.request("DELETE", path_of(newer)).status_code == 204
    assert named(doctor, line) == named(epj, line) == [(SOLVIK, "vital-signs", "2026-09")]
    assert epj.request("DELETE", path_of(older)).status_code == 204
    assert named(doctor, line) == named(epj, line) == []
    # the same hub has written of these months before, and so may take them for told
    made(epj, line, at="2026-11-10T09:00:02Z")
    assert named(doctor, line) == [(SOLVIK, "vital-signs", "2026-11")]
    # what is sent again stays deleted, and is not told of
    assert epj.upload(observation(line, at="2026-09-10T09:00:01Z")).status_code == 200
    assert named(doctor, line) == [(SOLVIK, "vital-signs", "2026-11")]


def test_the_locator_follows_a_correction(epj, doctor):
    line = person()
    one = made(epj, line, at="2026-11-10T09:00:01Z", value="71")
    one["category"][0]["coding"][0]["code"] = "activity"
    one["code"]["coding"] = [{"system": "http://loinc.org", "code": "55423-8"}]
    one["valueQuantity"] = {"value": 71, "unit": "steps", "system": "http://unitsofmeasure.org", "code": "{steps}"}
    one["effectiveDateTime"] = "2026-10-10T09:00:01Z"
    answer = put(epj, one)
    assert answer.status_code == 200, answer.text
    assert named(doctor, line) == [(SOLVIK, "activity", "2026-10")]
