# SPDX-License-Identifier: AGPL-3.0-or-later
"""What else a Bundle may ask for: reads and searches, and whatever a route of the hub does; each with a decision and a log row of its own."""
import base64
import json
import uuid

import pytest

from hub import FHIR_JSON, FNR, found, ids, observation, person, results


def of(*requests, type="batch"):
    """A Bundle of (method, url) or (method, url, resource)."""
    entries = []
    for method, url, *resource in requests:
        entries.append({"fullUrl": f"urn:uuid:{uuid.uuid4()}", "request": {"method": method, "url": url}, **({"resource": resource[0]} if resource else {})})
    return {"resourceType": "Bundle", "type": type, "entry": entries}


def test_a_batch_reads_and_searches_beside_what_it_creates(hub, reader):
    line, other = person(), person()
    first = reader.upload(observation(line)).json()
    sent = of(("GET", f"Observation/{first['id']}"), ("POST", "Observation", observation(other)), ("GET", f"Observation?patient.identifier={FNR}|{line}&_count=1"),
              ("GET", "Observation/nowhere"), ("GET", "Observation?colour=red"))
    answer = reader.upload(sent)
    assert results(answer) == [200, 201, 200, 404, 400], answer.text
    read, made, search, missing, unknown = answer.json()["entry"]
    assert [entry["fullUrl"] for entry in answer.json()["entry"]] == [entry["fullUrl"] for entry in sent["entry"]]
    assert read["resource"] == first and read["response"]["etag"] == 'W/"1"'
    assert made["response"]["location"].startswith("Observation/")
    assert search["resource"]["type"] == "searchset" and search["resource"]["entry"][0]["resource"] == first
    assert missing["response"]["outcome"]["issue"][0]["code"] == "not-found" and "colour" in json.dumps(unknown["response"]["outcome"])
    # each look is one in the citizen's log
    assert [entry["event"] for entry in hub.entries(line)].count("read") >= 1


def test_a_transaction_reads_when_it_is_done(reader):
    line = person()
    answer = reader.upload(of(("GET", f"Observation?patient.identifier={FNR}|{line}"), ("POST", "Observation", observation(line)), type="transaction"))
    assert results(answer) == [200, 201], answer.text
    assert len(answer.json()["entry"][0]["resource"]["entry"]) == 1
    # and nothing, when it was not
    refused = reader.upload(of(("GET", f"Observation?patient.identifier={FNR}|{line}"), ("POST", "Observation", {"resourceType": "Observation"}), type="transaction"))
    assert refused.status_code == 400 and "entry" not in refused.json()


def test_each_entry_is_decided_by_itself(hub, vendor, reader):
    """The vendor may write and not read: its reads are refused, its creates are not."""
    line = person()
    made = reader.upload(observation(line)).json()
    answer = vendor.upload(of(("GET", f"Observation/{made['id']}"), ("POST", "Observation", observation(person())), ("GET", f"Observation?patient.identifier={FNR}|{line}")))
    assert results(answer) == [403, 201, 403], answer.text
    assert line not in answer.text and "valueQuantity" not in answer.text


def test_what_no_entry_can_ask_for(vendor):
    for method, url in (("POST", ""), ("POST", "Observation/_search"), ("GET", "../metrics"), ("GET", "../innsyn/v1/log"), ("DELETE", "Observation"), ("TRACE", "Observation")):
        answer = vendor.upload(of((method, url, observation(person()))))
        assert answer.status_code == 200 and results(answer)[0] in (400, 404, 405), (method, url, answer.text)


def test_a_batch_changes_and_removes(reader):
    made = [reader.upload(observation(person())).json() for _ in range(3)]
    patch = base64.b64encode(json.dumps([{"op": "replace", "path": "/status", "value": "amended"}]).encode()).decode()
    sent = of(("PUT", f"Observation/{made[0]['id']}", {**made[0], "note": [{"text": "endret"}]}), ("DELETE", f"Observation/{made[1]['id']}"),
              ("PATCH", f"Observation/{made[2]['id']}", {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch}))
    sent["entry"].append({**sent["entry"][0], "fullUrl": f"urn:uuid:{uuid.uuid4()}", "request": {**sent["entry"][0]["request"], "ifMatch": 'W/"7"'}})
    answer = reader.upload(sent)
    assert results(answer) == [200, 204, 200, 412], answer.text
    assert answer.json()["entry"][0]["response"]["etag"] == 'W/"2"'
    assert reader.get(f"/fhir/Observation/{made[0]['id']}").json()["note"] == [{"text": "endret"}]
    assert reader.get(f"/fhir/Observation/{made[1]['id']}").status_code == 410
    assert reader.get(f"/fhir/Observation/{made[2]['id']}").json()["status"] == "amended"


def test_a_patch_is_a_binary_or_refused(reader):
    made = reader.upload(observation(person())).json()
    answer = reader.upload(of(("PATCH", f"Observation/{made['id']}", {"resourceType": "Parameters"})))
    assert results(answer) == [400] and "Binary" in answer.text


def test_a_transaction_changes_and_removes_whole(hub, reader):
    line = person()
    made = [reader.upload(observation(line, at=f"2026-11-20T08:0{i}:11+01:00")).json() for i in range(3)]
    patch = base64.b64encode(json.dumps([{"op": "replace", "path": "/status", "value": "amended"}]).encode()).decode()
    sent = of(("PUT", f"Observation/{made[0]['id']}", {**made[0], "note": [{"text": "endret"}]}), ("DELETE", f"Observation/{made[1]['id']}"),
              ("PATCH", f"Observation/{made[2]['id']}", {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch}),
              ("POST", "Observation", observation(line, code="9279-1")), ("GET", f"Observation/{made[2]['id']}"), type="transaction")
    sent["entry"][0]["request"]["ifMatch"] = 'W/"1"'
    answer = reader.upload(sent)
    assert results(answer) == [200, 204, 200, 201, 200], answer.text
    assert answer.json()["entry"][0]["response"]["etag"] == 'W/"2"' and answer.json()["entry"][4]["resource"]["status"] == "amended"
    assert len(ids(reader.search(line))) == 3 and reader.get(f"/fhir/Observation/{made[1]['id']}").status_code == 410
    assert [entry["event"] for entry in hub.entries(line)].count("update") == 2 and "delete" in [entry["event"] for entry in hub.entries(line)]
    # once more: the version has moved, and nothing of it is done
    sent["entry"][3]["resource"] = observation(line, code="8310-5", unit="Cel", value="37.1")
    again = reader.upload(sent)
    assert again.status_code == 412 and "If-Match" in again.text
    assert len(ids(reader.search(line))) == 3
    refused = {(entry["event"], entry["outcome"]) for entry in hub.entries(line)}
    assert {("update", "deny"), ("delete", "deny"), ("create", "deny")} <= refused


def test_a_transaction_is_refused_for_one_change(hub, reader):
    line = person()
    made = reader.upload(observation(line)).json()
    new = observation(line, code="9279-1")
    foreign = hub.as_("fjelldal-dho", set={"scope": ["nhn:pmd/observation.read", "nhn:pmd/observation.write"]})
    for caller, change, status in ((reader, ("DELETE", "Observation/" + "a" * 26), 404), (foreign, ("DELETE", f"Observation/{made['id']}"), 404), (reader, ("DELETE", "Observation?code=8867-4"), 400),
                                   (reader, ("PUT", f"Observation/{made['id']}", {**made, "subject": new["subject"] | {"identifier": {"system": FNR, "value": person()}}}), 422),
                                   (reader, ("DELETE", f"Device/{made['id']}"), 404), (reader, ("DELETE", f"Provenance/{made['id']}"), 400)):
        refused = caller.upload(of(change, ("POST", "Observation", new), type="transaction"))
        assert refused.status_code == status, (change, refused.text)
        assert ids(reader.search(line)) == [made["id"]]
    twice = reader.upload(of(("DELETE", f"Observation/{made['id']}"), ("PUT", f"Observation/{made['id']}", made), type="transaction"))
    assert twice.status_code == 400 and ids(reader.search(line)) == [made["id"]]


@pytest.mark.parametrize("change", ["DELETE", "PATCH", "PUT"])
def test_a_change_of_nothing_is_written_down_as_one_of_anothers(hub, reader, change):
    """Absent and forbidden cost the same: a row each, also where nobody was to be resolved."""
    theirs = hub.as_("fjelldal-dho").upload(observation(person())).json()["id"]
    patch = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": base64.b64encode(b'[{"op":"replace","path":"/status","value":"amended"}]').decode()}
    told = []
    for place in (theirs, "0" * 26):
        body = {"DELETE": (), "PATCH": (patch,), "PUT": ({**observation(person()), "id": place},)}[change]
        before = hub.rows()
        answer = reader.upload(of((change, f"Observation/{place}", *body), type="transaction"))
        told.append((answer.status_code, answer.json()["issue"], hub.rows() - before))
    assert told[0] == told[1] and told[0][0] == 404 and told[0][2] == 1, told


def test_a_batch_asks_what_no_type_is(reader):
    """The CapabilityStatement; and $lastn by a number, which stands in the Bundle's body as in that of POST."""
    line = person()
    made = reader.upload(observation(line)).json()
    answer = reader.upload(of(("GET", "metadata"), ("GET", f"Observation/$lastn?patient.identifier={FNR}|{line}&max=1")))
    assert results(answer) == [200, 200], answer.text
    statement, last = [entry["resource"] for entry in answer.json()["entry"]]
    assert statement["resourceType"] == "CapabilityStatement" and [entry["resource"]["id"] for entry in last["entry"]] == [made["id"]]


@pytest.mark.parametrize("type", ["batch", "transaction"])
def test_what_is_updated_is_referred_to_by_its_id(reader, type):
    """FHIR R4 http.html#trules: a reference to the fullUrl of an entry becomes one to its id, which of an update is known."""
    line = person()
    group, member = [reader.upload(observation(line, code=code)).json() for code in ("8867-4", "9279-1")]
    sent = of(("PUT", f"Observation/{group['id']}", group), ("PUT", f"Observation/{member['id']}", {**member, "note": [{"text": "endret"}]}),
              ("POST", "Observation", observation(line, code="8310-5", unit="Cel", value="37.1")), type=type)
    urls = [entry["fullUrl"] for entry in sent["entry"]]
    sent["entry"][0]["resource"] = {**group, "hasMember": [{"reference": urls[1]}]}
    sent["entry"][2]["resource"]["derivedFrom"] = [{"reference": urls[0]}]
    answer = reader.upload(sent)
    assert results(answer) == [200, 200, 201], answer.text
    assert reader.get(f"/fhir/Observation/{group['id']}").json()["hasMember"] == [{"reference": f"Observation/{member['id']}"}]
    made = reader.get("/fhir/" + answer.json()["entry"][2]["response"]["location"]).json()
    assert made["derivedFrom"] == [{"reference": f"Observation/{group['id']}"}]


@pytest.mark.parametrize("type", ["batch", "transaction"])
def test_an_update_stores_no_reference_that_leads_nowhere(reader, type):
    line = person()
    group = reader.upload(observation(line)).json()
    new = ("POST", "Observation", observation(line, code="9279-1"))
    for at, text in enumerate(("urn:uuid:here", f"urn:uuid:{uuid.uuid4()}", "Observation?identifier=urn:a|b")):
        sent = of(("PUT", f"Observation/{group['id']}", group), new, type=type)
        reference = sent["entry"][1]["fullUrl"] if at == 0 else text
        sent["entry"][0]["resource"] = {**group, "hasMember": [{"reference": reference}]}
        answer = reader.upload(sent)
        assert (results(answer)[0] if type == "batch" else answer.status_code) == 422, answer.text
        assert "refer" in answer.text and reader.get(f"/fhir/Observation/{group['id']}").json() == group


def test_many_inner_requests_are_all_answered(reader):
    line = person()
    made = reader.upload(observation(line)).json()
    answer = reader.post("/fhir", headers=FHIR_JSON, content=json.dumps(of(*[("GET", f"Observation/{made['id']}")] * 100)))
    assert results(answer) == [200] * 100 and all(entry["resource"] == made for entry in answer.json()["entry"])
    assert len(found(reader.search(line))) == 1
