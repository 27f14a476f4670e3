# SPDX-License-Identifier: AGPL-3.0-or-later
"""Devices changed by the controller whose they are, as Observations are; and looked up by a controller's own system over all its patients."""
import json
import uuid

import pytest

from hub import FHIR_JSON, FNR, issues, listed, person, results
from test_42_change_write import side_by_side
from test_43_resources_include import meter, page, reading, recorded, stored


def every(caller, path):
    answer, seen = caller.get(path), []
    while answer is not None:
        seen += listed(answer)
        answer = caller.next(answer)
    return seen


def made(epj, **more):
    line = person()
    place, = stored(epj, meter(line, **more))
    return line, epj.get(f"/fhir/{place}").json()


def put(caller, one, **headers):
    return caller.request("PUT", f"/fhir/Device/{one['id']}", headers={**FHIR_JSON, **headers}, content=json.dumps(one))


# ---- changes


def test_a_device_is_replaced(epj, hub):
    line, one = made(epj)
    answer = put(epj, {**one, "status": "inactive"})
    assert answer.status_code == 200 and answer.headers["etag"] == 'W/"2"' and answer.json()["status"] == "inactive", answer.text
    assert epj.get(f"/fhir/Device/{one['id']}").content == answer.content and epj.get(f"/fhir/Device/{one['id']}/_history/1").json() == one
    assert put(epj, {**one, "status": "inactive"}).headers["etag"] == 'W/"2"'  # the same again is no version
    assert [entry["event"] for entry in hub.entries(line)][-2:] == ["read", "create"] and "update" in [entry["event"] for entry in hub.entries(line)]
    # by whom it is not, or as what it is not
    assert put(epj, {**one, "id": "other"}).status_code == 404
    wrong = put(epj, {**one, "patient": {"identifier": {"system": FNR, "value": person()}}})
    assert wrong.status_code == 422 and "whose device" in issues(wrong) and "Device.patient" in wrong.text
    assert put(epj, {**one, "nonsense": 1}).status_code in (400, 422)
    # without a patient it stays its patient's
    bare = {name: value for name, value in one.items() if name != "patient"}
    assert put(epj, {**bare, "status": "active"}).status_code == 200
    assert listed(epj.form("/fhir/Device/_search", [("patient.identifier", f"{FNR}|{line}")])) == [f"Device/{one['id']}"]


def test_if_match(epj):
    one = made(epj)[1]
    assert put(epj, {**one, "status": "inactive"}, **{"If-Match": 'W/"1"'}).status_code == 200
    late = put(epj, {**one, "status": "unknown"}, **{"If-Match": 'W/"1"'})
    assert late.status_code == 412 and "version 2" in issues(late)
    assert epj.request("DELETE", f"/fhir/Device/{one['id']}", headers={"If-Match": 'W/"1"'}).status_code == 412


def test_one_of_64_with_one_version_wins(hub, epj):
    one = made(epj)[1]
    statuses = side_by_side(hub, "utvikler", 8, lambda caller, number: put(caller, {**one, "lotNumber": str(number)}, **{"If-Match": 'W/"1"'}).status_code, range(64))
    assert sorted(set(statuses)) == [200, 412] and statuses.count(200) == 1
    assert epj.get(f"/fhir/Device/{one['id']}/_history").json()["total"] == 2


def test_an_identifier_of_another_is_a_conflict(epj):
    line, one = made(epj)
    other, = stored(epj, meter(line))
    answer = put(epj, {**one, "identifier": epj.get(f"/fhir/{other}").json()["identifier"]})
    assert answer.status_code == 409, answer.text


def test_deleted_is_gone_and_comes_back(epj, hub, doctor):
    line, one = made(epj)
    place = f"/fhir/Device/{one['id']}"
    held, = stored(epj, reading(line, f"Device/{one['id']}"))
    assert epj.request("DELETE", place).status_code == 204 and epj.request("DELETE", place).status_code == 204
    assert epj.get(place).status_code == 410 and doctor.get(place).status_code == 410 and hub.as_("sykehus-annen").get(place).status_code in (403, 404)
    assert [entry["resource"]["resourceType"] if "resource" in entry else None for entry in epj.get(f"{place}/_history").json()["entry"]] == [None, "Device"]
    assert listed(epj.form("/fhir/Device/_search", [("patient.identifier", f"{FNR}|{line}")])) == []
    # the reading stays as it was; nothing comes with it
    assert page(epj.search(line, _include="Observation:device")) == ([held], [], [])
    # sent again it stays deleted, and the answer says so
    again = epj.request("POST", "/fhir/Device", headers=FHIR_JSON, content=json.dumps({name: value for name, value in one.items() if name not in ("id", "meta")}))
    assert again.status_code in (200, 201, 409, 410) and epj.get(place).status_code == 410 and "delete" in again.text, again.text
    back = put(epj, one)
    assert back.status_code == 201 and epj.get(place).status_code == 200
    assert page(epj.search(line, _include="Observation:device"))[1] == [f"Device/{one['id']}"]


def test_only_its_controller(epj, hub, fjelldal, doctor):
    line, one = made(epj)
    stored(fjelldal, meter(line))
    for caller in (doctor, hub.as_("fjelldal-dho")):
        assert put(caller, one).status_code in (403, 404) and caller.request("DELETE", f"/fhir/Device/{one['id']}").status_code in (403, 404)
    assert epj.get(f"/fhir/Device/{one['id']}").json() == one


def conditional(caller, identifier, one, **headers):
    return caller.request("PUT", f"/fhir/Device?identifier={identifier}", headers={**FHIR_JSON, **headers}, content=json.dumps(one))


def test_by_a_condition(epj):
    line, value = person(), str(uuid.uuid4())
    one = meter(line)
    first = conditional(epj, f"urn:own|{value}", one)
    assert first.status_code == 201, first.text
    again = conditional(epj, f"urn:own|{value}", {**one, "status": "inactive"})
    assert again.status_code == 200 and again.json()["id"] == first.json()["id"] and again.headers["etag"] == 'W/"2"'
    assert conditional(epj, f"urn:own|{value}", {name: part for name, part in one.items() if name != "patient"}).status_code == 422
    assert conditional(epj, "x", one).status_code in (400, 422) and epj.request("PUT", "/fhir/Device", headers=FHIR_JSON, content=json.dumps(one)).status_code in (400, 422)
    # If-None-Exist: what is there is left as it is
    met = epj.request("POST", "/fhir/Device", headers={**FHIR_JSON, "If-None-Exist": f"identifier=urn:own|{value}"}, content=json.dumps({**one, "status": "unknown"}))
    assert met.status_code == 200 and epj.get(f"/fhir/Device/{first.json()['id']}").json()["status"] == "inactive"


def test_of_many_with_one_condition_one_stores(hub, epj):
    line, value = person(), str(uuid.uuid4())
    statuses = side_by_side(hub, "utvikler", 8, lambda caller, number: conditional(caller, f"urn:own|{value}", meter(line, lotNumber=str(number))).status_code, range(32))
    assert statuses.count(201) == 1 and set(statuses) == {200, 201}
    assert len(listed(epj.form("/fhir/Device/_search", [("patient.identifier", f"{FNR}|{line}")]))) == 1


def entry(method, url, resource=None, **more):
    return {**({"resource": resource} if resource else {}), "request": {"method": method, "url": url, **more}}


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_in_bundles(epj, kind):
    line, one = made(epj)
    other, = stored(epj, meter(line))
    answer = epj.upload({"resourceType": "Bundle", "type": kind, "entry": [entry("PUT", f"Device/{one['id']}", {**one, "status": "inactive"}, ifMatch='W/"1"'), entry("DELETE", other)]})
    assert results(answer) == [200, 204], answer.text
    assert epj.get(f"/fhir/Device/{one['id']}").json()["status"] == "inactive" and epj.get(f"/fhir/{other}").status_code == 410


def test_a_transaction_is_whole(epj):
    line, one = made(epj)
    answer = epj.upload({"resourceType": "Bundle", "type": "transaction", "entry": [entry("POST", "Observation", reading(line)), entry("PUT", f"Device/{one['id']}", {**one, "status": "inactive"}, ifMatch='W/"7"')]})
    assert answer.status_code == 412, answer.text
    assert epj.get(f"/fhir/Device/{one['id']}").json() == one and listed(epj.search(line)) == []
    for refused in (entry("PATCH", f"Device/{one['id']}", {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "W10="}), entry("DELETE", "Device?identifier=urn:a|b"), entry("PUT", "Device?serial=a", meter(line))):
        answer = epj.upload({"resourceType": "Bundle", "type": "transaction", "entry": [refused]})
        assert answer.status_code >= 400 and ("Device" in issues(answer) or "a condition" in issues(answer)), answer.text


def test_what_is_not_changed_is_said(epj, hub):
    """Methods that are not there: 405 with those that are; the CapabilityStatement tells the same."""
    line, one = made(epj)
    places, provenances = recorded(epj, [reading(line)], (0,))
    for method, path in (("PATCH", f"Device/{one['id']}"), ("DELETE", f"Device?identifier=urn:a|b"), ("PUT", provenances[0]), ("DELETE", provenances[0]), ("PATCH", provenances[0])):
        answer = epj.request(method, f"/fhir/{path}", headers=FHIR_JSON, content="{}")
        assert answer.status_code == 405 and method not in answer.headers["allow"], (method, path, answer.status_code)
    rest = epj.get("/fhir/metadata").json()["rest"][0]["resource"]
    told = {one["type"]: {code["code"] for code in one["interaction"]} for one in rest}
    assert {"update", "delete", "create"} <= told["Device"] and not {"update", "delete", "patch"} & told["Provenance"] and "patch" not in told["Device"]
    device = next(one for one in rest if one["type"] == "Device")
    assert device["conditionalUpdate"] and device["conditionalDelete"] == "not-supported"


# ---- over all patients


@pytest.fixture(scope="module")
def town(hub):
    """A controller with three patients, a Device each, and a reading: (caller, {line: place})."""
    _, caller = hub.controller("Apparatens kommune")
    lines = [person() for _ in range(3)]
    kinds = [{"type": {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": code}]}} for code in ("528391", "528391", "528399")]
    places = {line: stored(caller, meter(line, **kind))[0] for line, kind in zip(lines, kinds)}
    for line in lines:
        stored(caller, reading(line))
    return caller, places


def test_a_controller_looks_its_devices_up(hub, town):
    caller, places = town
    assert every(caller, "/fhir/Device") == list(places.values()) == every(caller, "/fhir/Device?_count=1")
    assert every(caller, "/fhir/Device?_sort=-_lastUpdated&_count=2") == list(reversed(places.values()))
    mine = caller.get(f"/fhir/{list(places.values())[1]}").json()["identifier"][0]
    for query in (f"identifier={mine['system']}|{mine['value']}", f"identifier={mine['value']}"):
        assert every(caller, f"/fhir/Device?{query}") == [list(places.values())[1]]
    assert every(caller, "/fhir/Device?type=urn:iso:std:iso:11073:10101|528391") == list(places.values())[:2] and every(caller, "/fhir/Device?type=528399") == list(places.values())[2:]
    assert every(caller, "/fhir/Device?identifier=urn:meter|nothing") == []
    since = caller.get(f"/fhir/{list(places.values())[2]}").json()["meta"]["lastUpdated"].replace("+", "%2B")
    assert every(caller, f"/fhir/Device?_lastUpdated=ge{since}") == list(places.values())[2:]


def test_each_patient_found_has_a_row(hub, town):
    caller, places = town
    for query, wanted in (("?_count=200", list(places)), ("?type=528399", list(places)[2:]), ("?identifier=urn:meter|nothing", [])):
        before = {line: len(hub.entries(line)) for line in places}
        assert len(every(caller, f"/fhir/Device{query}")) == len(wanted)
        assert [line for line in places if len(hub.entries(line)) == before[line] + 1] == wanted


def test_nobody_else_and_nothing_blocked(hub, town, doctor):
    caller, places = town
    for other in (doctor, hub.as_("utvikler")):
        answer = other.get("/fhir/Device")
        assert answer.status_code == 403 and "patient" in issues(answer)
    _, neighbour = hub.controller("Apparatløse kommune")
    assert every(neighbour, "/fhir/Device") == []
    line = person()
    hidden, = stored(caller, meter(line))
    assert hidden in every(caller, "/fhir/Device")
    hub.maalehub("block", "add", stdin=line + "\n")
    assert hidden not in every(caller, "/fhir/Device") and set(places.values()) <= set(every(caller, "/fhir/Device"))


def test_what_it_does_not_take(town):
    caller, _ = town
    for query, word in (("_sort=date", "_sort"), ("_total=accurate", "_total"), ("nonsense=1", "nonsense")):
        answer = caller.get(f"/fhir/Device?{query}")
        assert answer.status_code == 400 and word in issues(answer), (query, answer.text)
    for query in ("", "?recorded=ge2026-01-01", "?_lastUpdated=ge2026-01-01"):
        answer = caller.get(f"/fhir/Provenance{query}")
        assert answer.status_code == 400 and "target" in issues(answer) and "_revinclude" in issues(answer), answer.text
