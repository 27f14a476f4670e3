# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the hub's answers mean: the locator after a deletion, transactions, re-sends, identities."""
import json
import re

import pytest

from hub import FHIR_JSON, FNR, SOLVIK, bundle, found, ids, observation, person, results


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


# ---- transactions


def of(*requests, type="transaction"):
    """A Bundle of (method, url) or (method, url, resource) or (method, url, resource, more of the request)."""
    entries = []
    for method, url, *rest in requests:
        entries.append({"request": {"method": method, "url": url, **(rest[1] if len(rest) > 1 else {})}, **({"resource": rest[0]} if rest and rest[0] else {})})
    return {"resourceType": "Bundle", "type": type, "entry": entries}


def test_a_transaction_deletes_before_it_creates(hub, epj):
    line = person()
    own = [{"system": "https://vendor.example/id", "value": f"r-{line[:6]}"}]
    old = made(epj, line, value="72", identifier=own)
    new = observation(line, value="75", identifier=own)
    answer = epj.upload(of(("POST", "Observation", new), ("DELETE", f"Observation/{old['id']}")))
    assert results(answer) == [201, 204], answer.text
    place = answer.json()["entry"][0]["response"]["location"].split("/")[1]
    assert place != old["id"] and epj.get(path_of(old)).status_code == 410
    assert [(one["id"], one["valueQuantity"]["value"]) for one in found(epj.search(line))] == [(place, 75)]
    assert ids(epj.search(line, identifier=f"{own[0]['system']}|{own[0]['value']}")) == [place]
    # the new one is known when it is sent again, the old one stays deleted, and a correction is one of the new one
    assert epj.upload(new).headers["location"].split("/")[-3] == place
    again = epj.upload(observation(line, value="72", identifier=own))
    assert again.status_code == 200 and "deleted" in again.text and ids(epj.search(line)) == [place]
    corrected = epj.upload(observation(line, value="76", identifier=own))
    assert corrected.headers["location"].endswith(f"/{place}/_history/2")
    # and once more, by reference between the entries
    url = "urn:uuid:6a1b9f0e-3c5b-4d09-8e53-0a9d8b1f7e21"
    sent = of(("POST", "Observation", new), ("DELETE", f"Observation/{place}"), ("POST", "Observation", observation(line, code="9279-1", derivedFrom=[{"reference": url}])))
    sent["entry"][0]["fullUrl"] = url
    answer = epj.upload(sent)
    assert results(answer) == [201, 204, 201], answer.text
    third = answer.json()["entry"][0]["response"]["location"].split("/")[1]
    assert third not in (place, old["id"])
    assert epj.get("/fhir/" + answer.json()["entry"][2]["response"]["location"].split("/_")[0]).json()["derivedFrom"][0]["reference"] == f"Observation/{third}"


def test_an_update_takes_over_nothing_that_its_transaction_deletes(epj):
    """Another reading keeps its own identity: refused whole, and nothing is lost."""
    line = person()
    own = [{"system": "https://vendor.example/id", "value": f"u-{line[:6]}"}]
    old, other = made(epj, line, identifier=own), made(epj, line, code="9279-1")
    answer = epj.upload(of(("DELETE", f"Observation/{old['id']}"), ("PUT", f"Observation/{other['id']}", {**other, "identifier": own})))
    assert answer.status_code == 409 and "entry[1]" in answer.text and set(ids(epj.search(line))) == {old["id"], other["id"]}


def test_elsewhere_what_was_deleted_stays_so(epj):
    """In a batch the deletion is a request of its own; so is a transaction after it."""
    line = person()
    old = made(epj, line)
    answer = epj.upload(of(("DELETE", f"Observation/{old['id']}"), ("POST", "Observation", observation(line)), type="batch"))
    assert results(answer) == [204, 200] and ids(epj.search(line)) == []
    answer = epj.upload(of(("POST", "Observation", observation(line, value="99"))))
    assert results(answer) == [200] and "deleted" in answer.text and ids(epj.search(line)) == []


@pytest.mark.parametrize("url, status", [("Observation/nowhere", 404), ("Observation?colour=red", 400), ("Observation/{foreign}", 404), ("Observation/{gone}", 410), ("Observation/{old}/_history/9", 404),
                                         ("Observation/{deleted}", 410)])
def test_a_read_that_fails_fails_the_transaction(hub, epj, url, status):
    line, other = person(), person()
    old, deleted, gone = made(epj, line), made(epj, line, code="9279-1"), made(epj, line, code="8310-5", unit="Cel", value="37")
    epj.request("DELETE", path_of(gone))
    foreign = made(hub.as_("fjelldal-dho"), other)
    new = observation(line, code="29463-7", unit="kg", value="80")
    url = url.format(foreign=foreign["id"], gone=gone["id"], old=old["id"], deleted=deleted["id"])
    before = len(hub.entries(line))
    answer = epj.upload(of(("POST", "Observation", new), ("GET", url), ("DELETE", f"Observation/{deleted['id']}"), ("GET", f"Observation/{old['id']}")))
    assert answer.status_code == status, answer.text
    assert "entry[1]" in answer.text and answer.json()["resourceType"] == "OperationOutcome"
    assert set(ids(epj.search(line))) == {old["id"], deleted["id"]}
    # what was refused is written down, and that the other read would have been answered
    told = {(entry["event"], entry["outcome"]) for entry in hub.entries(line)[: -before or None]}
    assert {("create", "deny"), ("delete", "deny"), ("read", "permit")} <= told, told
    # the same alone, with nothing to write
    assert epj.upload(of(("GET", url if status != 410 else f"Observation/{gone['id']}"), ("GET", f"Observation/{old['id']}"))).status_code == status


def test_a_refused_read_is_told_to_nobody(hub, vendor, epj):
    """A caller that may not read: the whole is refused, and stores nothing."""
    line = person()
    old = made(epj, line)
    answer = vendor.upload(of(("POST", "Observation", observation(line, code="9279-1")), ("GET", f"Observation/{old['id']}")))
    assert answer.status_code == 403 and ids(epj.search(line)) == [old["id"]]


def test_a_transaction_reads_what_it_has_changed(hub, epj):
    line = person()
    one, two = made(epj, line), made(epj, line, code="9279-1")
    epj.request("DELETE", path_of(two))
    before = len([entry for entry in hub.entries(line) if entry["event"] == "read"])
    answer = epj.upload(of(("GET", f"Observation/{one['id']}"), ("PUT", f"Observation/{one['id']}", {**one, "note": [{"text": "ny"}]}), ("GET", f"Observation/{one['id']}/_history/2"),
                           ("GET", f"Observation/{two['id']}"), ("PUT", f"Observation/{two['id']}", two), ("GET", f"Observation?patient.identifier={FNR}|{line}")))
    assert results(answer) == [200, 200, 200, 200, 201, 200], answer.text
    entries = answer.json()["entry"]
    assert entries[0]["resource"]["note"] == entries[2]["resource"]["note"] == [{"text": "ny"}]
    assert len(entries[5]["resource"]["entry"]) == 2
    # each read is one look
    assert len([entry for entry in hub.entries(line) if entry["event"] == "read"]) == before + 3


@pytest.mark.parametrize("requests, status", [
    ([("PUT", "{one}", "new"), ("GET", "{one}/_history/3")], 404),
    ([("PUT", "{one}", "new"), ("GET", "{one}/_history/02")], 404),
    ([("PUT", "{one}", "new"), ("GET", "{one}/_history/1")], [200, 200]),
    ([("PUT", "{one}", "same"), ("GET", "{one}/_history/2")], 404),
    ([("PUT", "{one}", "same"), ("GET", "{one}/_history/1")], [200, 200]),
    ([("DELETE", "{one}"), ("GET", "{one}/_history/1")], [204, 200]),
    ([("DELETE", "{one}"), ("GET", "{one}/_history/2")], 404),
    ([("DELETE", "{one}"), ("GET", "{one}/_history/9")], 404),
    ([("DELETE", "{one}"), ("GET", "{one}?_pretty=true")], 410),
    ([("PUT", "{gone}", "new"), ("GET", "{gone}/_history/3"), ("GET", "{gone}")], [201, 200, 200]),
    ([("PUT", "{gone}", "new"), ("GET", "{gone}/_history/4")], 404),
    ([("PUT", "{gone}", "new"), ("GET", "{gone}?colour=red")], 400),
])
def test_versions_that_a_transaction_makes(epj, requests, status):
    """A read of what it changes is judged by the state it leaves, before anything is written: it fails all of it, or is answered."""
    line = person()
    kept = {name: made(epj, line, code=code) for name, code in (("one", "8867-4"), ("gone", "9279-1"))}
    assert epj.request("DELETE", path_of(kept["gone"])).status_code == 204
    entries = []
    for method, url, *body in requests:
        name = url[1:].split("}")[0]
        body = [{**kept[name], **({"note": [{"text": "ny"}]} if body == ["new"] else {})}] if body else []
        entries.append((method, url.format(**{key: f"Observation/{one['id']}" for key, one in kept.items()}), *body))
    answer = epj.upload(of(*entries))
    assert (results(answer) if isinstance(status, list) else answer.status_code) == status, answer.text
    if not isinstance(status, list):
        assert epj.get(path_of(kept["one"])).json() == kept["one"] and epj.get(path_of(kept["gone"])).status_code == 410


def test_who_may_not_read_reads_nothing_of_what_it_changes(hub, epj):
    """One with the scope of writing alone: the read of its own change fails the transaction."""
    line = person()
    one = made(epj, line)
    vendor = hub.as_("solvik-dho")
    alone = vendor.upload(of(("PUT", f"Observation/{one['id']}", {**one, "note": [{"text": "ny"}]})))
    answer = vendor.upload(of(("PUT", f"Observation/{one['id']}", {**one, "note": [{"text": "nyere"}]}), ("GET", f"Observation/{one['id']}")))
    assert answer.status_code in (403, 404), answer.text
    assert epj.get(path_of(one)).json().get("note") == ([{"text": "ny"}] if alone.status_code == 200 else None)


def test_the_answers_of_a_transaction_are_bounded(epj):
    """What its reads would answer is added up before anything is written."""
    line = person()
    large = made(epj, line, note=[{"text": "x" * 900_000}])
    reads = [("GET", f"Observation/{large['id']}")] * 30
    new = observation(line, code="9279-1")
    assert epj.upload(of(("POST", "Observation", new), *reads)).status_code == 200
    other = observation(line, code="29463-7", unit="kg", value="80")
    answer = epj.upload(of(("POST", "Observation", other), *reads, *reads[:10]))
    assert answer.status_code == 413 and "32 MiB" in answer.text and "nothing was done" in answer.text, answer.text[:300]
    assert len(ids(epj.search(line, _elements="code"))) == 2


def test_reads_of_a_refused_transaction_are_looks(hub, epj):
    """The rehearsal passed, then the write was refused: the caller has learnt that the reading is there."""
    line, other = person(), person()
    one, two = made(epj, line), made(epj, other)
    answer = epj.upload(of(("GET", f"Observation/{one['id']}"), ("PUT", f"Observation/{two['id']}", {**two, "note": [{"text": "ny"}]}, {"ifMatch": 'W/"7"'})))
    assert answer.status_code == 412 and "valueQuantity" not in answer.text
    assert [(entry["event"], entry["outcome"]) for entry in hub.entries(line)][0] == ("read", "permit")


def test_entries_have_conditions(epj):
    line = person()
    one = made(epj, line)
    at = one["meta"]["lastUpdated"]
    earlier = "2026-01-01T00:00:00+01:00"
    for type in ("batch", "transaction"):
        answer = epj.upload(of(("GET", f"Observation/{one['id']}", None, {"ifModifiedSince": at}), ("GET", f"Observation/{one['id']}", None, {"ifModifiedSince": earlier}),
                               ("GET", f"Observation/{one['id']}", None, {"ifNoneMatch": 'W/"1"'}), ("GET", f"Observation/{one['id']}", None, {"ifNoneMatch": 'W/"2"', "ifModifiedSince": at}), type=type))
        assert results(answer) == [304, 200, 304, 200], answer.text
        assert ["resource" in entry for entry in answer.json()["entry"]] == [False, True, False, True]


# ---- the same again


def test_the_same_bytes_by_another_dictionary(hub, epj):
    """Rows of before are packed otherwise: as number 0, the bytes as they are, here."""
    line = person()
    one = made(epj, line, value="72")
    raw = epj.get(path_of(one)).content
    body = re.sub(rb'","id":"[^"]*","meta":\{"versionId":"1","lastUpdated":"[^"]*",?', b'","meta":{', raw)
    assert body != raw
    hub.sql("update hub.observation set pack = 0, body = convert_to(%s, 'UTF8') where subject_id = (select max(subject_id) from hub.observation)", body.decode())
    assert epj.get(path_of(one)).content == raw
    answer = put(epj, one)
    assert answer.status_code == 200 and answer.headers["etag"] == 'W/"1"'
    assert put(epj, {**one, "note": [{"text": "ny"}]}).headers["etag"] == 'W/"2"'


def newest(hub, line):
    entry = hub.entries(line)[0]
    return entry["event"], entry["outcome"], entry["count"], entry.get("seenBefore"), entry["eventText"]


def test_a_resend_is_told_as_one(hub, epj, vendor):
    line = person()
    one = made(epj, line)
    assert newest(hub, line) == ("create", "permit", 1, None, "Registrert")
    assert vendor.upload(observation(line)).status_code == 200
    assert newest(hub, line) == ("create", "permit", 0, 1, "Sendt på nytt; ingenting nytt ble registrert")
    # some new, some not; and the rows are one for each patient still
    other = person()
    sent = bundle(observation(line), observation(line, code="9279-1"), observation(other), observation(line, value="75"))
    answer = vendor.upload(sent)
    assert sorted(results(answer)) == [200, 201, 201, 201] or results(answer) == [200, 201, 201, 200], answer.text
    assert newest(hub, line)[:4] == ("create", "permit", 2, 1) and newest(hub, other)[:4] == ("create", "permit", 1, None)
    again = vendor.upload(sent)
    assert set(results(again)) == {200}
    assert newest(hub, line)[:4] == ("create", "permit", 0, 3) and newest(hub, other)[:4] == ("create", "permit", 0, 1)
    # a condition that is met, and what was deleted
    assert epj.post("/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": "identifier=urn:x|a"}, content=json.dumps(observation(line, code="8310-5", unit="Cel", value="37"))).status_code == 201
    assert epj.post("/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": "identifier=urn:x|a"}, content=json.dumps(observation(line, code="8310-5", unit="Cel", value="38"))).status_code == 200
    assert newest(hub, line)[:4] == ("create", "permit", 0, 1)
    assert epj.request("DELETE", path_of(one)).status_code == 204
    assert newest(hub, line) == ("delete", "permit", 1, None, "Slettet")
    assert epj.request("DELETE", path_of(one)).status_code == 204
    assert newest(hub, line) == ("delete", "permit", 0, 1, "Sendt på nytt; det var slettet fra før")
    assert epj.upload(observation(line)).status_code == 200
    assert newest(hub, line)[:4] == ("create", "permit", 0, 1)


def test_an_update_that_changes_nothing_is_told_as_one(hub, epj):
    line = person()
    one = made(epj, line)
    assert put(epj, one).headers["etag"] == 'W/"1"'
    assert newest(hub, line) == ("update", "permit", 0, 1, "Sendt på nytt; ingenting ble endret")
    assert results(epj.upload(of(("PUT", f"Observation/{one['id']}", one)))) == [200]
    assert newest(hub, line)[:4] == ("update", "permit", 0, 1)
    assert results(epj.upload(of(("PUT", f"Observation/{one['id']}", {**one, "note": [{"text": "ny"}]})))) == [200]
    assert newest(hub, line) == ("update", "permit", 1, None, "Endret")


# ---- identity without a device


def test_left_and_right_in_one_second(epj):
    """No device tells them apart: where and how they were measured does. With a device it is the device's reading."""
    line = person()

    def site(code):
        return {"coding": [{"system": "http://snomed.info/sct", "code": code}]}

    sent = [observation(line, device=None), observation(line, device=None, bodySite=site("368208006")), observation(line, device=None, bodySite=site("368209003")),
            observation(line, device=None, method={"text": "stående"}), observation(line, device=None, bodySite=site("368208006"), method={"text": "stående"})]
    answers = [epj.upload(one) for one in sent]
    assert [answer.status_code for answer in answers] == [201] * 5
    again = [epj.upload(one) for one in reversed(sent)]
    assert [answer.status_code for answer in again] == [200] * 5
    assert [answer.headers["location"] for answer in again] == [answer.headers["location"] for answer in reversed(answers)]
    assert len(ids(epj.search(line))) == 5
    # one is taken back, and it is the right one
    back = epj.upload({**sent[2], "status": "entered-in-error"})
    assert back.status_code == 200 and back.headers["location"].split("/")[-3] == answers[2].headers["location"].split("/")[-3]
    other = person()
    assert [epj.upload(observation(other, **rest)).status_code for rest in ({}, {"bodySite": site("368208006")})] == [201, 200]


def test_without_time_or_device_equal_values_are_one(epj):
    line = person()
    first = epj.upload(observation(line, device=None, at=None))
    assert first.status_code == 201
    again = epj.upload(observation(line, device=None, at=None))
    assert again.status_code == 200 and again.headers["location"] == first.headers["location"]
    assert [epj.upload(observation(line, device=device, at=None)).status_code for device in ("D-1", "D-2", "D-1")] == [201, 201, 200]


# ---- $lastn


def test_lastn_of_words_alone(hub, epj, doctor):
    """R4: a code that is text alone is grouped by the text."""
    line = person()

    def words(text, day, value, **rest):
        return observation(line, at=f"2026-11-{day:02d}T08:00:00.5+01:00", value=str(value), **rest) | {"code": {"text": text}}

    sent = [words("Humør", 3, 1), words(" humør ", 4, 2), words("HUMØR", 2, 3), words("Søvn", 1, 4), words("søvn  i  natt", 1, 5), words("Sovn", 5, 6), words("Søvn i natt", 2, 7),
            observation(line, at="2026-11-06T08:00:01+01:00", value="8")]
    assert results(epj.upload(bundle(*sent))) == [201] * len(sent)

    def last(caller, **parameters):
        return caller.form("/fhir/Observation/$lastn", [("patient.identifier", f"{FNR}|{line}"), *parameters.items()])

    def values(answer):
        return [one["valueQuantity"]["value"] for one in found(answer)]

    assert sorted(values(last(epj))) == [2, 4, 6, 7, 8]
    whole = values(last(epj, max="2"))
    assert sorted(whole) == [1, 2, 4, 5, 6, 7, 8]
    assert whole.index(1) == whole.index(2) + 1 and whole.index(5) == whole.index(7) + 1
    assert values(last(doctor, max="2")) == whole
    for count in ("1", "2", "3"):
        seen, answer = [], last(epj, max="2", _count=count)
        while answer is not None:
            seen += values(answer)
            answer = epj.next(answer)
        assert seen == whole


def test_lastn_says_where_older_words_are_left_out(epj):
    """Of 260 wordings the newest 250 are looked at; that is said, and the others are found by a search."""
    line = person()
    sent = [observation(line, at=f"2026-11-{1 + i // 24:02d}T{i % 24:02d}:00:01Z", value=str(i)) | {"code": {"text": f"Ord {i:03d}"}} for i in range(260)]
    few = person()
    assert set(results(epj.upload(bundle(*sent)))) == {201}
    assert results(epj.upload(bundle(observation(few) | {"code": {"text": "Ord"}}))) == [201]

    def last(who):
        answer, values, said = epj.form("/fhir/Observation/$lastn", [("patient.identifier", f"{FNR}|{who}"), ("_count", "200")]), [], set()
        while answer is not None:
            values += [one["valueQuantity"]["value"] for one in found(answer) if one["resourceType"] == "Observation"]
            said.add("code:text" in answer.text)
            answer = epj.next(answer)
        return values, said

    values, said = last(line)
    assert sorted(values) == list(range(10, 260)) and said == {True}
    assert last(few)[1] == {False}
    assert [one["valueQuantity"]["value"] for one in found(epj.form("/fhir/Observation/_search", [("patient.identifier", f"{FNR}|{line}"), ("code:text", "Ord 003")]))] == [3]
