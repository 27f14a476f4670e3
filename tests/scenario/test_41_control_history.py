# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every version of a controller's readings, for that controller's own system: newest first, deletions among them, never another's."""
import json

from hub import FHIR_JSON, issues, observation, person


def entries(caller, query=""):
    answer, all_of_it = caller.get(f"/fhir/Observation/_history{query}"), []
    while answer is not None:
        assert answer.status_code == 200 and answer.json()["type"] == "history", answer.text
        all_of_it += answer.json().get("entry", [])
        answer = caller.next(answer)
    return all_of_it


def seen(caller, query=""):
    return [(entry["fullUrl"].rsplit("/", 1)[1], entry["request"]["method"], entry["response"]["etag"]) for entry in entries(caller, query)]


def change(caller, resource, value):
    changed = {**resource, "valueQuantity": {**resource["valueQuantity"], "value": value}}
    answer = caller.request("PUT", f"/fhir/Observation/{resource['id']}", headers=FHIR_JSON, content=json.dumps(changed))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_versions_and_deletions_in_order(hub):
    _, caller = hub.controller()
    _, other = hub.controller()
    line = person()
    one, two = (caller.upload(observation(line, at=f"2026-11-2{i}T08:00:01+01:00")).json() for i in range(2))
    theirs = other.upload(observation(line)).json()
    change(caller, one, 80)
    assert caller.request("DELETE", f"/fhir/Observation/{two['id']}").status_code in (200, 204)
    expected = [(two["id"], "DELETE", 'W/"2"'), (one["id"], "PUT", 'W/"2"'), (two["id"], "POST", 'W/"1"'), (one["id"], "POST", 'W/"1"')]
    assert seen(caller) == expected
    for count in (1, 2, 3):
        assert seen(caller, f"?_count={count}") == expected
    whole = entries(caller)
    assert "resource" not in whole[0] and [entry["resource"]["valueQuantity"]["value"] for entry in whole[1:]] == [80, 72, 72]
    assert seen(caller, f"?_since={whole[1]['response']['lastModified']}") == expected[:2]
    assert seen(other) == [(theirs["id"], "POST", 'W/"1"')]
    self = caller.get("/fhir/Observation/_history?_count=2").json()["link"][0]["url"]
    assert self == f"{hub.url}/fhir/Observation/_history?_count=2"


def test_each_patient_has_a_row_and_blocks_hold(hub):
    _, caller = hub.controller()
    lines = [person(), person()]
    mine = [caller.upload(observation(line)).json() for line in lines]
    before = hub.rows()
    assert len(seen(caller)) == 2 and hub.rows() == before + 2
    assert next(entry for entry in hub.entries(lines[0]) if entry["event"] == "search")["outcome"] == "permit"
    hub.maalehub("block", "add", stdin=lines[0] + "\n")
    assert [place for place, _, _ in seen(caller)] == [mine[1]["id"]]
    hub.maalehub("block", "add", "--code", "http://loinc.org|8867-4", stdin=lines[1] + "\n")
    assert seen(caller) == []


def test_only_a_controllers_own_system(hub, doctor):
    for caller in (doctor, hub.as_("utvikler")):
        answer = caller.get("/fhir/Observation/_history")
        assert answer.status_code == 403 and "patient" in issues(answer)
    _, caller = hub.controller()
    for query, word in (("?nonsense=1", "nonsense"), ("?_since=x", "_since"), ("?_count=x", "_count"), ("?_page=x", "page"), ("?code=1", "code")):
        answer = caller.get(f"/fhir/Observation/_history{query}")
        assert answer.status_code == 400 and word in issues(answer), answer.text
    assert seen(caller) == []
