# SPDX-License-Identifier: AGPL-3.0-or-later
"""Conditional updates in a transaction (FHIR R4 http.html#cond-update, #trules): PUT Type?identifier=system|value stores what is new and replaces what is there, whole or not at all."""
import json
import time
import uuid

import pytest

from hub import FHIR_JSON, FNR, SOLVIK, found, ids, issues, observation, person, results, side_by_side

SERIAL = "https://vendor.example/serial"
VENDOR_ID = "https://vendor.example/measurement"


@pytest.fixture
def reader(hub):
    """Sees all that Solvik holds, and writes."""
    return hub.as_("utvikler")


def name():
    return str(uuid.uuid4())


def put(value, resource, system=VENDOR_ID, **request):
    """An entry that puts a resource by an identifier, which need not stand in it."""
    url = f"{resource['resourceType']}?identifier={system}|{value}"
    return {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": resource, "request": {"method": "PUT", "url": url, **request}}


def post(resource):
    return {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def post_unless(value, resource):
    entry = post(resource)
    entry["request"]["ifNoneExist"] = f"identifier={VENDOR_ID}|{value}"
    return entry


def of(*entries, type="transaction"):
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


def named(line, identifier, **more):
    return observation(line, identifier=[{"system": VENDOR_ID, "value": identifier}], **more)


def device(serial, **more):
    return {"resourceType": "Device", "identifier": [{"system": SERIAL, "value": serial}], **more}


def wait_until(is_so):
    for _ in range(100):
        if is_so():
            return
        time.sleep(0.1)
    assert is_so()


def entries(answer):
    return [entry["response"] for entry in answer.json()["entry"]]


def place(answer, i=0):
    return entries(answer)[i]["location"].split("/_history")[0]


def test_what_is_new_is_stored_and_what_is_there_replaced(hub, reader):
    line, one, two = person(), name(), name()
    first = reader.upload(of(put(one, named(line, one))))
    assert results(first) == [201] and entries(first)[0]["etag"] == 'W/"1"', first.text
    later = named(line, one, value="81")
    second = reader.upload(of(put(one, later), put(two, named(line, two, code="9279-1")), post(observation(line, code="8310-5", unit="Cel", value="37.1"))))
    assert results(second) == [200, 201, 201], second.text
    assert place(second) == place(first) and entries(second)[0]["etag"] == 'W/"2"' and "lastModified" in entries(second)[0]
    stored = reader.get(f"/fhir/{place(first)}").json()
    assert stored["valueQuantity"]["value"] == 81 and stored["meta"]["versionId"] == "2"
    assert reader.get(f"/fhir/{place(first)}/_history/1").json()["valueQuantity"]["value"] != 81
    assert len(ids(reader.search(line))) == 3
    # the log tells what was changed from what was stored
    events = [entry["event"] for entry in hub.entries(line)]
    assert events.count("update") == 1 and events.count("create") == 2


def test_the_same_again_is_no_new_version(hub, reader):
    line, one = person(), name()
    sent = of(put(one, named(line, one)))
    reader.upload(sent)
    again = reader.upload(sent)
    assert results(again) == [200] and entries(again)[0]["etag"] == 'W/"1"', again.text
    assert hub.entries(line)[0]["event"] == "update" and hub.entries(line)[0]["count"] == 0


def test_a_condition_that_the_resource_does_not_hold(reader):
    line, one = person(), name()
    first = reader.upload(of(put(one, observation(line))))
    second = reader.upload(of(put(one, observation(line, value="80", at="2026-11-21T08:00:11+01:00"))))
    assert results(first) == [201] and place(second) == place(first)
    # the same row is met by a PUT of its own
    alone = reader.request("PUT", f"/fhir/Observation?identifier={VENDOR_ID}|{one}", headers=FHIR_JSON, content=json.dumps(observation(line, value="82")))
    assert alone.status_code == 200 and place(first) in alone.headers["location"], alone.text


@pytest.mark.parametrize("asked,status", [({"ifMatch": 'W/"1"'}, 200), ({"ifMatch": 'W/"2"'}, 412), ({"ifMatch": "*"}, 200), ({"ifMatch": "yesterday"}, 400), ({"ifNoneMatch": "*"}, 412), ({"ifNoneMatch": 'W/"7"'}, 200)])
def test_conditions_on_the_version(reader, asked, status):
    line, one = person(), name()
    reader.upload(of(put(one, named(line, one))))
    other = observation(line, code="9279-1")
    answer = reader.upload(of(post(other), put(one, named(line, one, value="81"), **asked)))
    assert answer.status_code == status, answer.text
    if status == 200:
        assert results(answer) == [201, 200]
        return
    assert "Bundle.entry[1].request.if" in answer.text
    assert len(ids(reader.search(line))) == 1 and found(reader.search(line))[0]["meta"]["versionId"] == "1"


def test_no_version_is_asked_of_what_is_not_there(reader):
    line, one = person(), name()
    answer = reader.upload(of(put(one, named(line, one), ifMatch='W/"1"')))
    assert answer.status_code == 412 and "nothing meets the condition" in issues(answer)
    assert ids(reader.search(line)) == []
    assert results(reader.upload(of(put(one, named(line, one), ifNoneMatch="*")))) == [201]


def test_entries_refer_to_it_and_it_to_entries(reader):
    line, serial, one = person(), name(), name()

    def sent(value, **more):
        meter = put(serial, device(serial, **more), system=SERIAL)
        reading = put(one, named(line, one, value=value, device=None))
        reading["resource"]["device"] = {"reference": meter["fullUrl"]}
        panel = post(observation(line, code="85353-1", value="1", unit="1", device=None, at=f"2026-11-2{value[1]}T08:00:11+01:00", hasMember=[{"reference": reading["fullUrl"]}]))
        return of(panel, reading, meter)

    first = reader.upload(sent("61"))
    assert results(first) == [201, 201, 201], first.text
    second = reader.upload(sent("62", deviceName=[{"name": "Måler", "type": "user-friendly-name"}]))
    assert results(second) == [201, 200, 200], second.text
    assert place(second, 1) == place(first, 1) and place(second, 2) == place(first, 2) and place(second, 0) != place(first, 0)
    for answer in (first, second):
        assert reader.get(f"/fhir/{place(answer, 0)}").json()["hasMember"] == [{"reference": place(first, 1)}]
    stored = reader.get(f"/fhir/{place(first, 1)}").json()
    assert stored["valueQuantity"]["value"] == 62 and stored["device"]["reference"] == place(first, 2)
    assert reader.get(f"/fhir/{place(first, 2)}").json()["deviceName"][0]["name"] == "Måler"
    # a conditional reference leads to it as well
    third = sent("63", deviceName=[{"name": "Måler", "type": "user-friendly-name"}])
    third["entry"][1]["resource"]["device"] = {"reference": f"Device?identifier={SERIAL}|{serial}"}
    answer = reader.upload(third)
    assert results(answer) == [201, 200, 200] and reader.get(f"/fhir/{place(first, 1)}").json()["device"]["reference"] == place(first, 2), answer.text


def test_a_deleted_one_comes_back(reader):
    line, one = person(), name()
    first = reader.upload(of(put(one, named(line, one))))
    reader.request("DELETE", f"/fhir/{place(first)}")
    back = reader.upload(of(put(one, named(line, one, value="81"), ifNoneMatch="*")))
    assert results(back) == [201] and place(back) == place(first), back.text
    assert reader.get(f"/fhir/{place(first)}").json()["valueQuantity"]["value"] == 81


def test_two_entries_are_not_one_resource(reader):
    line, one, two = person(), name(), name()
    for twice in ((put(one, named(line, one)), put(one, named(line, one, value="81"))),
                  (put(one, named(line, one)), post(named(line, one, value="81"))), (post(named(line, one, value="81")), put(one, named(line, one))),
                  (put(one, observation(line)), post_unless(one, observation(line, value="81"))), (post_unless(one, observation(line, value="81")), put(one, observation(line)))):
        answer = reader.upload(of(*twice))
        assert answer.status_code == 400 and "one resource" in issues(answer), answer.text
        assert ids(reader.search(line)) == []
    made = reader.upload(of(put(one, named(line, one)))).json()["entry"][0]["response"]["location"].split("/")[1]
    both = of(put(one, named(line, one, value="81")), {"resource": {**named(line, one), "id": made}, "request": {"method": "PUT", "url": f"Observation/{made}"}})
    answer = reader.upload(both)
    assert answer.status_code == 400 and "one resource" in issues(answer), answer.text
    answer = reader.upload(of(put(one, named(line, one, value="81")), put(two, named(line, two, value="81", at="2026-11-20T09:00:11+01:00"))))
    assert results(answer) == [200, 201], answer.text
    # two conditions that lead to one row: it has both identities
    both = named(line, one, value="83")
    both["identifier"].append({"system": SERIAL, "value": two})
    assert results(reader.upload(of(put(one, both)))) == [200]
    answer = reader.upload(of(put(one, both), put(two, both, system=SERIAL)))
    assert answer.status_code == 400 and "one resource" in issues(answer), answer.text


def test_an_identity_of_another_reading_is_a_conflict(reader):
    line, one, two = person(), name(), name()
    assert results(reader.upload(of(put(one, named(line, one)), put(two, named(line, two, at="2026-11-20T09:00:11+01:00"))))) == [201, 201]
    answer = reader.upload(of(put(one, named(line, two))))
    assert answer.status_code == 409 and "another reading" in issues(answer), answer.text


def test_a_row_met_by_another_identity_gets_the_conditions(reader):
    """Sent by a key of the sender's own, a resource that is there already is replaced, and found by that key from then on."""
    for value in ("72", "81"):  # as it was, and changed
        line, one, two = person(), name(), name()
        first = reader.upload(of(put(one, named(line, one))))
        second = reader.upload(of(put(two, named(line, one, value=value))))
        assert results(second) == [200] and place(second) == place(first), second.text
        third = reader.upload(of(put(two, observation(line, value="84", at="2026-11-21T08:00:11+01:00"))))
        assert results(third) == [200] and place(third) == place(first), third.text
        assert len(ids(reader.search(line))) == 1


def test_a_tombstone_met_by_another_identity_comes_back(reader):
    line, one, two = person(), name(), name()
    first = reader.upload(of(put(one, named(line, one))))
    reader.request("DELETE", f"/fhir/{place(first)}")
    back = reader.upload(of(put(two, named(line, one, value="81"), ifNoneMatch="*")))
    assert results(back) == [201] and place(back) == place(first), back.text


def test_who_may_not_read_a_row_may_not_replace_it(hub, reader):
    """As of a PUT of its own: a patient's block and a missing attest stand before it, and no version is told."""
    line, one = person(), name()
    first = reader.upload(of(put(one, named(line, one))))
    without = hub.as_("utvikler", set={"nhn:tillitsrammeverk:parameters": None})
    refused = without.upload(of(put(one, named(line, one, value="99"))))
    assert refused.status_code == 404, refused.text
    number = hub.maalehub("block", "add", "--tenant", str(SOLVIK), stdin=line + "\n").split()[-1]
    wait_until(lambda: reader.get(f"/fhir/{place(first)}").status_code == 404)
    for asked in ({}, {"ifMatch": 'W/"77"'}, {"ifNoneMatch": "*"}):
        refused = reader.upload(of(put(one, named(line, one, value="99"), **asked)))
        assert refused.status_code == 404 and "version" not in refused.text, refused.text
    assert {(entry["event"], entry["outcome"]) for entry in hub.entries(line)[:3]} == {("update", "deny")}
    hub.maalehub("block", "end", number)
    wait_until(lambda: reader.get(f"/fhir/{place(first)}").status_code == 200)
    assert reader.get(f"/fhir/{place(first)}").json()["meta"]["versionId"] == "1"


def test_the_log_names_what_was_replaced(hub, reader):
    line, one = person(), name()
    reader.upload(of(put(one, named(line, one, code="9279-1"))))
    reader.upload(of(put(one, named(line, one))))
    said = json.dumps(hub.entries(line)[0])
    assert "9279-1" in said and "8867-4" in said, said


def test_it_is_among_the_callers_own_rows(hub, reader):
    """Another controller's reading with the identifier is not met, and stays as it is."""
    line, one = person(), name()
    other = hub.as_("fjelldal-dho", set={"scope": ["nhn:pmd/observation.read", "nhn:pmd/observation.write"]})
    first = reader.upload(of(put(one, named(line, one))))
    second = other.upload(of(put(one, named(line, one, value="99"))))
    assert results(first) == [201] and results(second) == [201] and place(second) != place(first), second.text
    assert reader.get(f"/fhir/{place(first)}").json()["meta"]["versionId"] == "1"


def test_it_is_of_the_bodys_patient(reader):
    one, line, other = name(), person(), person()
    first = reader.upload(of(put(one, named(line, one))))
    second = reader.upload(of(put(one, named(other, one))))
    assert results(second) == [201] and place(second) != place(first)


@pytest.mark.parametrize("url,says", [("Observation?identifier=only", "system"), ("Observation?code=8867-4", "identifier=system|value"), ("Observation?", "identifier=system|value"),
                                      (f"Observation?identifier={VENDOR_ID}|a&identifier={VENDOR_ID}|b", "once"), (f"Device?identifier={SERIAL}|a", "Device is expected"), (f"Provenance?identifier={SERIAL}|a", "transaction changes"),
                                      (f"Observation?identifier={FNR}|" + person(), "national identifier")])
def test_what_no_condition_can_be(reader, url, says):
    line = person()
    entry = put("x", observation(line))
    entry["request"]["url"] = url
    answer = reader.upload(of(post(observation(line, code="9279-1")), entry))
    assert answer.status_code in (400, 422) and says in issues(answer) and "Bundle.entry[1]" in answer.text, answer.text
    assert ids(reader.search(line)) == []


def test_ids_are_the_hubs_to_give(reader):
    line, one = person(), name()
    answer = reader.upload(of(put(one, {**named(line, one), "id": "mine"})))
    assert answer.status_code == 400 and "leave id out" in issues(answer)


def test_of_many_at_once_one_creates(hub, reader):
    """Each is whole: the reading is there once, with as many versions as answers of 200, and what came along is there with each."""
    line, one = person(), name()

    def turn(caller, number):
        answer = caller.upload(of(put(one, named(line, one, value=str(60 + number), at=f"2026-11-20T08:{number:02d}:11+01:00", device=f"D-{number}")),
                                  post(observation(line, code="9279-1", at=f"2026-11-21T08:{number:02d}:11+01:00"))))
        return [answer.status_code] if answer.status_code != 200 else results(answer)

    statuses = side_by_side(hub, "utvikler", 8, turn, range(24))
    assert sorted(map(tuple, statuses)) == [(200, 201)] * 23 + [(201, 201)], statuses
    readings = found(reader.search(line, _count="200"))
    assert len(readings) == 25
    assert max(int(reading["meta"]["versionId"]) for reading in readings) == 24


def test_the_answer_holds_what_was_asked_for(reader):
    line, one = person(), name()
    reader.upload(of(put(one, named(line, one))))
    answer = reader.request("POST", "/fhir", headers={**FHIR_JSON, "Prefer": "return=representation"}, content=json.dumps(of(put(one, named(line, one, value="81")))))
    assert answer.json()["entry"][0]["resource"]["valueQuantity"]["value"] == 81 and answer.json()["entry"][0]["resource"]["meta"]["versionId"] == "2", answer.text


def test_who_may_not_write_changes_nothing(hub, reader, doctor):
    line, one = person(), name()
    reader.upload(of(put(one, named(line, one))))
    refused = doctor.upload(of(put(one, named(line, one, value="99"))))
    assert refused.status_code in (401, 403), refused.text
    assert found(reader.search(line))[0]["meta"]["versionId"] == "1"
