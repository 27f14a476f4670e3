# SPDX-License-Identifier: AGPL-3.0-or-later
"""A page ends early once its readings are 4 MiB together, whichever way they are asked for: nothing is lost, nothing repeats, and one large reading is a page of its own."""
import json
import random

import pytest

from hub import FHIR_JSON, FNR, bundle, observation, person, results

MIB = 1 << 20
BUDGET = 4 * MIB
LARGE, SMALL = 13, 6
dice = random.Random(54)


def noise(length):
    """Text that no packing makes small."""
    return dice.randbytes(length // 2).hex()


def large(who, number, length=int(0.9 * MIB), **rest):
    return observation(who, value=str(60 + number), at=f"2026-11-{1 + number:02d}T08:00:11+01:00", device=f"D-{number}", note=[{"text": noise(length)}], **rest)


def place_of(answer):
    return answer.headers["location"].split("/Observation/")[1].split("/")[0]


@pytest.fixture(scope="module")
def town(hub):
    """A controller of its own whose one patient has large readings and, after them, small ones: (caller, patient, ids newest first)."""
    _, caller = hub.controller("Storsidens kommune")
    who, places = person(), []
    for number in range(LARGE):
        answer = caller.upload(large(who, number))
        assert answer.status_code == 201, answer.text[:300]
        places.append(place_of(answer))
    answer = caller.upload(bundle(*(observation(who, value=str(60 + i), at=f"2026-10-{1 + i:02d}T08:00:11+01:00", device=f"S-{i}") for i in range(SMALL))))
    assert set(results(answer)) == {201}
    small = [entry["response"]["location"].split("/")[1] for entry in answer.json()["entry"]]
    return caller, who, places[::-1] + small[::-1]


def walk(caller, answer):
    """The pages: [ids]; each within the budget, or one reading."""
    pages = []
    while answer is not None:
        assert answer.status_code == 200, answer.text[:300]
        entries = [entry for entry in answer.json().get("entry", []) if entry.get("resource", {}).get("resourceType") not in ("Patient", "Organization")]
        assert len(answer.content) < BUDGET + MIB // 2 or len(entries) == 1
        pages.append([entry["fullUrl"].split("/")[-1] for entry in entries])
        assert len(pages) < 40
        answer = caller.next(answer)
    return pages


def flat(pages):
    return [one for page in pages for one in page]


@pytest.mark.parametrize("more", [[], [("_count", "200")], [("_sort", "-value-quantity")], [("status:not", "cancelled")], [("value-quantity", "gt1|http://unitsofmeasure.org|/min")], [("method:missing", "true"), ("_count", "200")], [("method:missing", "true"), ("_sort", "-code,-date")]],
    ids=lambda more: "&".join(name for name, _ in more) or "plain")
def test_search(town, more):
    caller, who, all_ids = town
    answer = caller.form("/fhir/Observation/_search", [("patient.identifier", f"{FNR}|{who}"), ("code", "8867-4"), *more])
    pages = walk(caller, answer)
    assert sorted(flat(pages)) == sorted(all_ids) and len(pages) >= LARGE // 4
    assert max(map(len, pages)) > 1
    if not any(name == "_sort" for name, _ in more):
        assert flat(pages) == all_ids


def test_total_is_of_all(town):
    caller, who, all_ids = town
    for more in ([], [("method:missing", "true")]):
        answer = caller.form("/fhir/Observation/_search", [("patient.identifier", f"{FNR}|{who}"), ("_total", "accurate"), *more])
        assert answer.json()["total"] == len(all_ids)
        assert sorted(flat(walk(caller, answer))) == sorted(all_ids)


def test_without_a_patient(town):
    caller, _, all_ids = town
    for query in ("", "?code=8867-4", "?_lastUpdated=gt2026-01-01&method:missing=true", "/_history"):
        path = f"/fhir/Observation{query}"
        assert sorted(flat(walk(caller, caller.get(path)))) == sorted(all_ids), query


def test_everything_and_lastn(town):
    caller, who, all_ids = town
    answer = caller.form("/fhir/Patient/$everything", [("identifier", f"{FNR}|{who}")])
    assert flat(walk(caller, answer)) == all_ids
    answer = caller.form("/fhir/Observation/$lastn", [("patient.identifier", f"{FNR}|{who}"), ("max", "9")])
    pages = walk(caller, answer)
    assert flat(pages) == all_ids[:9] and len(pages) > 1


def test_history_of_one(town):
    caller, *_ = town
    body = large(person(), 1)
    place = caller.upload(body).headers["location"].split("/fhir/")[1].split("/_history")[0]
    for number in range(8):
        answer = caller.request("PUT", f"/fhir/{place}", headers=FHIR_JSON, content=json.dumps({**body, "id": place.split("/")[1], "note": [{"text": noise(int(0.9 * MIB))}]}))
        assert answer.status_code == 200, answer.text[:300]
    versions, answer, pages = [], caller.get(f"/fhir/{place}/_history?_count=50"), 0
    while answer is not None:
        entries = answer.json()["entry"]
        assert len(answer.content) < BUDGET + MIB // 2
        versions += [int(entry["resource"]["meta"]["versionId"]) for entry in entries]
        answer, pages = caller.next(answer), pages + 1
        assert pages < 20
    assert versions == list(range(9, 0, -1)) and pages > 1


def test_several_patients_by_id(town):
    """What one patient's short page leaves out is not jumped over by another's."""
    caller, who, all_ids = town
    other = person()
    theirs = []
    for number in range(4):
        theirs.append(place_of(caller.upload(large(other, 3 * number))))
    wanted = all_ids[:8] + theirs
    pages = walk(caller, caller.get(f"/fhir/Observation?_id={','.join(wanted)}"))
    assert sorted(flat(pages)) == sorted(wanted) and len(pages) > 2


@pytest.mark.parametrize("more", [[], [("method:missing", "true")], [("_sort", "_lastUpdated")]], ids=["plain", "looked-at", "sorted"])
def test_several_controllers(hub, doctor, more):
    """A controller with large readings and one with small ones between them: no page shows what stands behind a reading that it has no room for."""
    who, wanted = person(), []
    for name, length in (("Stor kommune", int(0.9 * MIB)), ("Liten kommune", 2)):
        orgnr, caller = hub.controller(name)
        hub.rule_from(orgnr)
        wanted += [place_of(caller.upload(large(who, 2 * number + (length == 2), length))) for number in range(7)]
    answer = doctor.form("/fhir/Observation/_search", [("patient.identifier", f"{FNR}|{who}"), *more])
    pages = walk(doctor, answer)
    assert sorted(flat(pages)) == sorted(wanted) and len(pages) > 1
