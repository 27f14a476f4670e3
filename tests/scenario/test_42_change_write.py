# SPDX-License-Identifier: AGPL-3.0-or-later
"""Update, patch, delete, conditional update and create, and mark as unreliable: who may, what is kept, and who wins."""
import json
import re
import uuid

import pytest

import people
from hub import FHIR_JSON, ROOT, SCOPES, SYKEHUS, found, ids, issues, observation, person, side_by_side

PATCH_JSON = {"Content-Type": "application/json-patch+json"}
UNRELIABLE = {"system": "urn:maalehub:codesystem:measurement-quality", "code": "unreliable"}
VENDOR_ID = "https://vendor.example/id"


def made(caller, who=None, **rest):
    answer = caller.upload(observation(who or person(), **rest))
    assert answer.status_code == 201, answer.text
    return answer.json()


def path_of(resource):
    return f"/fhir/Observation/{resource['id']}"


def put(caller, resource, path=None, **headers):
    return caller.request("PUT", path or path_of(resource), headers={**FHIR_JSON, **headers}, content=json.dumps(resource))


def patch(caller, resource, *operations, **headers):
    return caller.request("PATCH", path_of(resource), headers={**PATCH_JSON, **headers}, content=json.dumps(operations))


def mark(caller, resource, headers=(), **texts):
    body = {"resourceType": "Parameters", "parameter": [{"name": name, "valueString": text} for name, text in texts.items()]}
    return caller.request("POST", path_of(resource) + "/$mark-unreliable", headers={**FHIR_JSON, **dict(headers)}, content=json.dumps(body))


def changed(resource, **rest):
    return {**resource, **rest}


# ---- update


def test_an_update_is_a_new_version(hub, epj):
    line = person()
    one = made(epj, line, value="72")
    sent = changed(one, note=[{"text": "sat for five minutes"}])
    answer = put(epj, sent)
    assert answer.status_code == 200 and answer.headers["etag"] == 'W/"2"' and "last-modified" in answer.headers
    assert answer.json()["note"] == sent["note"] and answer.json()["meta"]["versionId"] == "2"
    assert epj.get(path_of(one)).content == answer.content
    assert epj.get(f"{path_of(one)}/_history/1").json() == one
    assert ids(epj.search(line)) == [one["id"]]
    assert [entry["event"] for entry in hub.entries(line)] == ["search", "read", "read", "update", "create"]


def test_the_same_bytes_are_no_new_version(epj):
    one = made(epj)
    assert put(epj, one).headers["etag"] == 'W/"1"'
    assert epj.get(f"{path_of(one)}/_history").json()["total"] == 1


def test_values_keep_their_text(epj):
    one = made(epj)
    text = json.dumps(one).replace('"value": 72.0', '"value": 70.50')
    assert "70.50" in text
    answer = epj.request("PUT", path_of(one), headers=FHIR_JSON, content=text)
    assert answer.status_code == 200 and "70.50" in answer.text and "70.50" in epj.get(path_of(one)).text


def test_if_match(epj):
    one = made(epj)
    assert put(epj, changed(one, status="amended"), **{"If-Match": 'W/"1"'}).status_code == 200
    late = put(epj, changed(one, status="corrected"), **{"If-Match": 'W/"1"'})
    assert late.status_code == 412 and "version 2" in issues(late)
    assert epj.get(path_of(one)).json()["status"] == "amended"
    assert put(epj, one, **{"If-Match": "yesterday"}).status_code == 400
    assert put(epj, changed(one, status="corrected"), **{"If-Match": "*"}).status_code == 200


def test_one_of_64_with_one_version_wins(hub, epj):
    one = made(epj)

    def turn(caller, number):
        return put(caller, changed(one, note=[{"text": f"writer {number}"}]), **{"If-Match": 'W/"1"'}).status_code

    statuses = side_by_side(hub, "utvikler", 8, turn, range(64))
    assert sorted(set(statuses)) == [200, 412] and statuses.count(200) == 1
    assert epj.get(f"{path_of(one)}/_history").json()["total"] == 2


def test_if_none_match_holds_for_writes_too(epj):
    line, name = person(), str(uuid.uuid4())
    path = f"/fhir/Observation?identifier={VENDOR_ID}|{name}"
    one = put(epj, observation(line), path=path, **{"If-None-Match": "*"})
    assert one.status_code == 201
    assert put(epj, observation(line, status="amended"), path=path, **{"If-None-Match": "*"}).status_code == 412
    assert put(epj, changed(one.json(), status="amended"), **{"If-None-Match": 'W/"1"'}).status_code == 412
    assert put(epj, changed(one.json(), status="amended"), **{"If-None-Match": 'W/"7"'}).status_code == 200


@pytest.mark.parametrize("change,status,says", [
    ({"id": "a" * 26}, 400, "id"), ({"id": None}, 400, "id"), ({"status": "done"}, 400, "status"), ({"code": None}, 400, "code"), ({"resourceType": "Device"}, 400, "Observation"),
    ({"colour": "red"}, 400, "colour"), ({"performer": [{"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": str(SYKEHUS)}}]}, 422, "performing organisation")])
def test_an_update_is_judged_as_a_create(epj, change, status, says):
    one = made(epj)
    sent = {name: value for name, value in changed(one, **change).items() if value is not None}
    answer = put(epj, sent, path=path_of(one))
    assert answer.status_code == status and says in json.dumps(answer.json()), answer.text
    assert epj.get(f"{path_of(one)}/_history").json()["total"] == 1


def test_whose_it_is_does_not_change(hub, epj):
    line, other = person(), person()
    one = made(epj, line)
    made(epj, other)
    answer = put(epj, changed(one, subject={"identifier": {"system": one["subject"]["identifier"]["system"], "value": other}}))
    assert answer.status_code == 422 and "whose measurement" in issues(answer) and other not in answer.text
    stranger = put(epj, changed(one, subject={"identifier": {"system": one["subject"]["identifier"]["system"], "value": person()}}))
    assert stranger.status_code == 422
    assert [entry["outcome"] for entry in hub.entries(line) if entry["event"] == "update"] == ["deny", "deny"]


def test_put_gives_no_ids(epj):
    absent = put(epj, changed(observation(person()), id="a" * 26))
    assert absent.status_code == 404
    chosen = put(epj, changed(observation(person()), id="my-own-id"))
    assert chosen.status_code == 404 and chosen.text == absent.text


def test_identities_follow(epj):
    line = person()
    one = made(epj, line, identifier=[{"system": VENDOR_ID, "value": "1"}], device="D-1")
    two = made(epj, line, identifier=[{"system": VENDOR_ID, "value": "2"}], device="D-2", at="2026-11-20T08:01:11+01:00")
    taken = put(epj, changed(one, identifier=[{"system": VENDOR_ID, "value": "2"}]))
    assert taken.status_code == 409 and "another reading" in issues(taken)
    added = put(epj, changed(one, identifier=[{"system": VENDOR_ID, "value": "3"}]))
    assert added.status_code == 200
    again = epj.upload(observation(line, identifier=[{"system": VENDOR_ID, "value": "3"}], device=None, at="2026-11-20T08:00:11+01:00"))
    assert again.status_code == 200 and one["id"] in again.headers["location"] and two["id"] not in again.headers["location"]


def test_components_follow(epj):
    line = person()

    def pressure(low):
        return [{"code": {"coding": [{"system": "http://loinc.org", "code": code}]},
                 "valueQuantity": {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}} for code, value in (("8480-6", 120), ("8462-4", low))]
    one = made(epj, line, code="85354-9", valueQuantity=None, component=pressure(80))
    assert put(epj, changed(one, component=pressure(85))).status_code == 200
    assert found(epj.search(line))[0]["component"][1]["valueQuantity"]["value"] == 85


# ---- who may


def test_what_one_may_not_read_is_not_there_to_change(hub, epj, doctor):
    one = made(epj)
    other = hub.as_("fjelldal-dho", set={"scope": SCOPES})
    absent = changed(one, id="a" * 26)
    for call in (lambda caller, r: put(caller, r), lambda caller, r: patch(caller, r, {"op": "replace", "path": "/status", "value": "amended"}),
                 lambda caller, r: caller.request("DELETE", path_of(r)), lambda caller, r: mark(caller, r, reason="no")):
        refused, nothing = call(other, one), call(other, absent)
        assert (refused.status_code, refused.text) == (404, nothing.text)
    assert epj.get(path_of(one)).headers["etag"] == 'W/"1"'
    assert doctor.get(path_of(one)).status_code == 200


def test_who_may_read_of_others_may_not_change(hub, epj):
    one = made(epj)
    hub.maalehub("client", "add", "sykehus-rw", str(SYKEHUS), "sykehus-rw", "--scopes", "read,write", check=False)
    reader = hub.as_("sykehus-epj", set={"client_id": "sykehus-rw", "scope": SCOPES})
    for _ in range(50):
        answer = put(reader, one)
        if "registered" not in answer.text:
            break
    assert answer.status_code == 403 and "controller" in issues(answer), answer.text
    assert reader.get(path_of(one)).headers["etag"] == 'W/"1"'


def test_a_writer_that_may_not_read_is_not_told(vendor, epj):
    one = made(vendor)
    answer = patch(vendor, one, {"op": "replace", "path": "/status", "value": "amended"})
    assert answer.status_code == 200 and answer.content == b"" and answer.headers["etag"] == 'W/"2"'
    assert epj.get(path_of(one)).json()["status"] == "amended"


# ---- patch


def test_a_patch_touches_nothing_else(epj):
    line = person()
    sent = json.dumps(observation(line)).replace('"value": 72.0', '"value": 70.50')
    one = epj.post("/fhir/Observation", headers=FHIR_JSON, content=sent)
    before = one.text
    answer = patch(epj, one.json(), {"op": "test", "path": "/status", "value": "final"}, {"op": "replace", "path": "/status", "value": "amended"},
                   {"op": "add", "path": "/note", "value": [{"text": "x"}]})
    assert answer.status_code == 200, answer.text
    after = answer.text.replace('"versionId":"2"', '"versionId":"1"').replace(answer.json()["meta"]["lastUpdated"], one.json()["meta"]["lastUpdated"])
    for new, old in (('"amended"', '"final"'), (',"note":[{"text": "x"}]', "")):
        assert after.count(new) == 1
        after = after.replace(new, old)
    assert after == before.replace('"status": ', '"status":') and "70.50" in after


@pytest.mark.parametrize("operations,status,says", [
    ([{"op": "replace", "path": "/valueQuantity/value", "value": 1}], 422, "/status, /note"), ([{"op": "remove", "path": "/subject"}], 422, "may not be patched"),
    ([{"op": "test", "path": "/status", "value": "amended"}], 422, "does not hold"), ([{"op": "remove", "path": "/note/0"}], 422, "nothing"),
    ([{"op": "replace", "path": "/status", "value": "done"}], 400, "status"), ([{"op": "add", "path": "/note", "value": [{"colour": 1}]}], 400, "colour"),
    ([{"op": "merge", "path": "/status"}], 400, "add, remove"), ({}, 400, "array")])
def test_what_no_patch_does(epj, operations, status, says):
    one = made(epj)
    answer = epj.request("PATCH", path_of(one), headers=PATCH_JSON, content=json.dumps(operations))
    assert answer.status_code == status and says in json.dumps(answer.json()), answer.text
    assert epj.get(path_of(one)).headers["etag"] == 'W/"1"'


def test_a_patch_has_its_media_type(epj):
    one = made(epj)
    answer = epj.request("PATCH", path_of(one), headers=FHIR_JSON, content="[]")
    assert answer.status_code == 415 and "application/json-patch+json" in issues(answer)


def test_patches_side_by_side_all_hold(hub, epj):
    one = made(epj, note=[{"text": "0"}])

    def turn(caller, number):
        return patch(caller, one, {"op": "add", "path": "/note/-", "value": {"text": str(number)}}).status_code

    statuses = side_by_side(hub, "utvikler", 4, turn, range(1, 9))
    assert statuses == [200] * 8
    assert sorted(note["text"] for note in epj.get(path_of(one)).json()["note"]) == [str(number) for number in range(9)]


# ---- delete


def test_a_deleted_reading_is_gone_for_those_who_could_read_it(hub, epj, doctor, fjelldal):
    line = person()
    one = made(epj, line)
    answer = epj.request("DELETE", path_of(one))
    assert answer.status_code == 204 and answer.content == b"" and answer.headers["etag"] == 'W/"2"'
    assert epj.get(path_of(one)).status_code == 410 and doctor.get(path_of(one)).status_code == 410
    foreign = hub.as_("fjelldal-dho", set={"scope": SCOPES})
    assert foreign.get(path_of(one)).text == foreign.get("/fhir/Observation/" + "a" * 26).text
    assert found(epj.search(line)) == [] and found(doctor.search(line)) == [] and found(epj.search(line, code="8867-4")) == []
    assert found(epj.search(_id=one["id"])) == []
    assert epj.get(f"{path_of(one)}/_history/1").status_code == 200 and epj.get(f"{path_of(one)}/_history/2").status_code == 410
    history = epj.get(f"{path_of(one)}/_history").json()
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "POST"] and "resource" not in history["entry"][0]
    assert "delete" in [entry["event"] for entry in hub.entries(line)]


def test_deleting_again_is_done_already(epj):
    one = made(epj)
    for _ in range(2):
        answer = epj.request("DELETE", path_of(one))
        assert answer.status_code == 204 and answer.headers["etag"] == 'W/"2"'
    told = epj.request("DELETE", path_of(one), headers={"Prefer": "return=OperationOutcome"})
    assert told.status_code == 200 and told.json()["resourceType"] == "OperationOutcome"
    assert epj.request("DELETE", path_of(one), headers={"If-Match": 'W/"1"'}).status_code == 412


def test_what_was_deleted_does_not_come_back_by_itself(epj, vendor):
    line = person()
    sent = observation(line)
    one = vendor.upload(sent).json()
    epj.request("DELETE", path_of(one))
    again = vendor.upload(sent)
    assert again.status_code == 200 and "deleted" in issues(again)
    assert found(epj.search(line)) == []
    assert patch(epj, one, {"op": "replace", "path": "/status", "value": "amended"}).status_code == 410
    assert mark(epj, one, reason="why").status_code == 410
    back = put(epj, one)
    assert back.status_code == 201 and back.headers["location"].endswith(f"{one['id']}/_history/3")
    assert ids(epj.search(line)) == [one["id"]]


@pytest.mark.parametrize("name", ["blood-pressure", "glucose", "pulse-oximeter", "temperature", "weight"])
def test_what_came_by_pcd01_is_changed_like_any_other(epj, vendor, name):
    line = person()
    text = re.sub(r"PID\|\|\|\d{11}", f"PID|||{line}", (ROOT / f"tests/data/pcd01-{name}.hl7").read_text())
    assert "MSA|AA" in vendor.pcd01(text).text
    readings = found(epj.search(line))
    assert readings
    for one in readings:
        assert put(epj, one).status_code == 200  # by whatever client wrote it again
        marked = mark(epj, one, reason="arm above the heart")
        assert marked.status_code == 200, marked.text
        assert epj.request("DELETE", path_of(one)).status_code == 204
    again = vendor.pcd01(text).text
    assert "MSA|AA" in again and "deleted here" in again
    assert found(epj.search(line)) == []


def test_nothing_is_deleted_by_a_search(epj):
    assert epj.request("DELETE", "/fhir/Observation?code=8867-4").status_code == 405


# ---- by a condition


def test_update_by_an_identifier(epj):
    line, name = person(), str(uuid.uuid4())
    sent = observation(line, identifier=[{"system": VENDOR_ID, "value": name}])
    path = f"/fhir/Observation?identifier={VENDOR_ID}|{name}"
    first = put(epj, sent, path=path)
    assert first.status_code == 201 and "/_history/1" in first.headers["location"], first.text
    second = put(epj, changed(sent, status="amended"), path=path)
    assert second.status_code == 200 and second.json()["id"] == first.json()["id"] and second.headers["etag"] == 'W/"2"'
    assert put(epj, changed(sent, status="final"), path=path, **{"If-Match": 'W/"1"'}).status_code == 412
    for query in ("", "?code=8867-4", f"?identifier={name}", f"?identifier={VENDOR_ID}|{name}&identifier={VENDOR_ID}|x"):
        assert put(epj, sent, path="/fhir/Observation" + query).status_code == 400, query
    assert put(epj, changed(sent, id=first.json()["id"]), path=path).status_code == 400


def test_a_condition_the_resource_does_not_hold(epj):
    line, name = person(), str(uuid.uuid4())
    path = f"/fhir/Observation?identifier={VENDOR_ID}|{name}"
    first = put(epj, observation(line), path=path)
    assert first.status_code == 201
    second = put(epj, observation(line, value="80", at="2026-11-21T08:00:11+01:00"), path=path)
    assert second.status_code == 200 and second.json()["id"] == first.json()["id"]


def test_one_of_many_updates_by_condition_creates(hub, epj):
    line, name = person(), str(uuid.uuid4())

    def turn(caller, number):
        sent = observation(line, value=str(60 + number), at=f"2026-11-20T08:{number:02d}:11+01:00", device=f"D-{number}")
        return put(caller, sent, path=f"/fhir/Observation?identifier={VENDOR_ID}|{name}").status_code

    statuses = side_by_side(hub, "utvikler", 8, turn, range(32))
    assert statuses.count(201) == 1 and statuses.count(200) == 31
    assert len(ids(epj.search(line, _count="200"))) == 1


def test_create_unless_it_exists(hub, epj):
    line, name = person(), str(uuid.uuid4())

    def turn(caller, number):
        sent = observation(line, value=str(60 + number), at=f"2026-11-20T08:{number:02d}:11+01:00", device=f"D-{number}")
        return caller.request("POST", "/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": f"identifier={VENDOR_ID}|{name}"}, content=json.dumps(sent)).status_code

    statuses = side_by_side(hub, "utvikler", 8, turn, range(32))
    assert statuses.count(201) == 1 and statuses.count(200) == 31
    assert len(ids(epj.search(line))) == 1


def test_no_national_id_in_a_condition(epj):
    line = person()
    for answer in (put(epj, observation(line), path=f"/fhir/Observation?identifier=urn:oid:2.16.578.1.12.4.1.4.1|{line}"),
                   epj.request("POST", "/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": f"identifier=urn:oid:2.16.578.1.12.4.1.4.1|{line}"}, content=json.dumps(observation(line)))):
        assert answer.status_code == 400 and "national" in issues(answer) and line not in answer.text


# ---- unreliable


def test_mark_as_unreliable(hub, epj):
    line = person()
    one = made(epj, line, note=[{"text": "first"}])
    answer = mark(epj, one, reason="the cuff was too small")
    assert answer.status_code == 200 and answer.headers["etag"] == 'W/"2"', answer.text
    after = answer.json()
    assert [{name: tag[name] for name in ("system", "code")} for tag in after["meta"]["tag"]] == [UNRELIABLE]
    note = after["note"][1]
    assert note["text"] == "the cuff was too small" and "time" in note
    author = note["authorReference"]
    assert author["type"] in ("Practitioner", "Organization") and author["identifier"]["system"].startswith("urn:oid:2.16.578.1.12.4.1.4.")
    assert author["identifier"]["system"] not in ("urn:oid:2.16.578.1.12.4.1.4.1", "urn:oid:2.16.578.1.12.4.1.4.2")
    assert {name: value for name, value in after.items() if name not in ("meta", "note")} == {name: value for name, value in one.items() if name not in ("meta", "note")}
    second = mark(epj, one, headers={"If-Match": 'W/"2"'}, reason="and moved", author="Sykepleier Hansen").json()
    assert len(second["meta"]["tag"]) == 1 and len(second["note"]) == 3 and second["note"][2]["authorString"].startswith("Sykepleier Hansen; ")
    assert mark(epj, one, headers={"If-Match": 'W/"2"'}, reason="late").status_code == 412
    assert [entry["event"] for entry in hub.entries(line)][:3] == ["update", "update", "update"]
    # taken back by a patch
    assert patch(epj, one, {"op": "remove", "path": "/meta/tag/0"}).json()["meta"].get("tag") is None


@pytest.mark.parametrize("texts,says", [({}, "reason"), ({"reason": " "}, "reason"), ({"reason": "x", "colour": "red"}, "reason and author"), ({"reason": "x", "author": people.fnr(7)}, "eleven digits")])
def test_a_mark_needs_a_reason(epj, texts, says):
    one = made(epj)
    answer = mark(epj, one, **texts)
    assert answer.status_code in (400, 422) and says in issues(answer)
    assert epj.get(path_of(one)).headers["etag"] == 'W/"1"'


@pytest.mark.parametrize("prefer,kind", [("return=minimal", None), ("return=OperationOutcome", "OperationOutcome"), ("return=representation", "Observation")])
def test_prefer_on_each_write(epj, prefer, kind):
    one = made(epj)
    for answer in (put(epj, changed(one, status="amended"), Prefer=prefer), patch(epj, one, {"op": "replace", "path": "/status", "value": "corrected"}, Prefer=prefer),
                   mark(epj, one, headers={"Prefer": prefer}, reason="x")):
        assert answer.status_code == 200 and "etag" in answer.headers
        assert answer.content == b"" if kind is None else answer.json()["resourceType"] == kind
