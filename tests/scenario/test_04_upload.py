# SPDX-License-Identifier: AGPL-3.0-or-later
"""Uploads by FHIR: one by one, in batches, in transactions; again, corrected, and wrong."""
import json
import uuid

import pytest

import people
from hub import FHIR_JSON, FJELLDAL, FNR, SOLVIK, VENDOR, bundle, found, ids, issues, observation, outcome_of, person, results, side_by_side

MIB = 1 << 20


def performed_by(orgnr):
    return [{"type": "Organization", "identifier": {"system": people.ORGNR_SYSTEM, "value": str(orgnr)}}]


def stored(hub):
    return hub.sql("select (select count(*) from hub.observation), (select count(*) from hub.person), (select count(*) from hub.subject)")[0]


# ---- what is taken


def test_a_create(hub, vendor, reader):
    line = person()
    answer = vendor.upload(observation(line, value="63"))
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"{hub.url}/fhir/Observation/{made['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"' and "last-modified" in answer.headers
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert answer.headers["cache-control"] == "no-store"
    assert made["meta"]["versionId"] == "1" and made["valueQuantity"]["value"] == 63
    read = reader.get(f"/fhir/Observation/{made['id']}")
    assert read.status_code == 200 and read.content == answer.content
    assert read.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize("prefer,kind", [("return=minimal", None), ("return=representation", "Observation"), ("return=OperationOutcome", "OperationOutcome")])
def test_prefer(vendor, prefer, kind):
    answer = vendor.request("POST", "/fhir/Observation", headers={**FHIR_JSON, "Prefer": prefer}, content=json.dumps(observation(person())))
    assert answer.status_code == 201 and "location" in answer.headers
    assert answer.content == b"" if kind is None else answer.json()["resourceType"] == kind


@pytest.mark.parametrize("type", ["batch", "collection", "transaction"])
def test_each_kind_of_bundle(vendor, reader, type):
    line = person()
    sent = bundle(*(observation(line, value=str(60 + i), at=f"2026-11-20T08:00:{i:02d}.5+01:00") for i in range(5)), type=type)
    answer = vendor.upload(sent)
    assert results(answer) == [201] * 5
    whole = answer.json()
    assert whole["type"] == ("transaction-response" if type == "transaction" else "batch-response")
    assert [entry["fullUrl"] for entry in whole["entry"]] == [entry["fullUrl"] for entry in sent["entry"]]
    assert all(entry["response"]["etag"] == 'W/"1"' and "lastModified" in entry["response"] for entry in whole["entry"])
    named = [entry["response"]["location"].split("/")[1] for entry in whole["entry"]]
    assert set(named) == set(ids(reader.search(line))) and len(set(named)) == 5


def test_what_pmd_clients_send(vendor, reader):
    """The published example's shape: collection, identifier, timestamp and tags, no request."""
    line = person()
    sent = bundle(observation(line), type="collection")
    sent.update(identifier={"system": "https://www.nhn.no/komlink/bundle-identifier", "value": str(uuid.uuid4())}, timestamp="2026-11-20T08:00:30+01:00",
                meta={"tag": [{"system": "https://register.geonorge.no/sosi-kodelister/inndelinger/inndelingsbase/kommunenummer", "code": "0301"}]})
    assert results(vendor.upload(sent)) == [201]
    instant = observation(line, at=None)
    instant["effectiveInstant"] = "2026-11-20T09:12:44.120+01:00"
    instant["performer"] = [{"type": "Patient", "identifier": {"system": FNR, "value": line}}, *performed_by(SOLVIK)]
    instant["device"]["display"] = "Pulsmåler"
    answer = vendor.upload(bundle(instant, {"resourceType": "Medication"}, {"resourceType": "Device"}, type="collection"))
    assert results(answer) == [201, 400, 422] and "only Observation" in outcome_of(answer.json()["entry"][1]) and "nobody" in outcome_of(answer.json()["entry"][2])
    assert len(found(reader.search(line))) == 2


def test_an_empty_bundle(hub, vendor):
    before = stored(hub)
    answer = vendor.upload({"resourceType": "Bundle", "type": "batch"})
    assert answer.status_code == 200 and answer.json().get("entry", []) == []
    assert stored(hub) == before


def test_many_patients_in_one_bundle(vendor, reader):
    lines = [person() for _ in range(30)]
    assert results(vendor.upload(bundle(*(observation(line) for line in lines for _ in range(1))))) == [201] * 30
    for line in lines[::7]:
        assert len(found(reader.search(line))) == 1


# ---- good beside wrong


def test_each_entry_has_its_own_answer(hub, vendor, reader):
    line, other = person(), person()
    wrong_digits = line[:-1] + str((int(line[-1]) + 1) % 10)
    sent = bundle(
        observation(line, value="1"),
        observation(wrong_digits),
        observation(line, subject=None),
        observation(line, subject={"reference": "Patient/1"}),
        observation(line, status="done"),
        observation(line, at="20.11.2026"),
        observation(line, at="2099-01-01T00:00:00Z"),
        observation(line, performer=performed_by(FJELLDAL)),
        {"resourceType": "Patient", "identifier": [{"system": FNR, "value": line}]},
        {"resourceType": "Device"},
        observation(line, value="2", at="2026-11-20T08:00:12+01:00", performer=performed_by(SOLVIK)),
        observation(other),
    )
    sent["entry"][0]["resource"]["note"] = [{"text": "første"}]
    sent["entry"].append({"fullUrl": "urn:uuid:" + str(uuid.uuid4()), "request": {"method": "DELETE", "url": "Observation/1"}})
    sent["entry"].append({"fullUrl": "urn:uuid:" + str(uuid.uuid4()), "resource": observation(line), "request": {"method": "PUT", "url": "Observation/1"}})
    sent["entry"].append({"fullUrl": "urn:uuid:" + str(uuid.uuid4()), "resource": observation(line, value="9", at="2026-11-20T08:00:13+01:00")})
    answer = vendor.upload(sent)
    assert results(answer)[:12] + results(answer)[14:] == [201, 422, 422, 422, 400, 400, 422, 422, 200, 422, 201, 201, 400]
    assert all(status in (400, 404, 405) for status in results(answer)[12:14])  # of an id that is none
    entries = answer.json()["entry"]
    assert [entry["fullUrl"] for entry in entries] == [entry["fullUrl"] for entry in sent["entry"]]
    for at, says in ((1, "control"), (2, "subject.identifier"), (3, "subject.identifier"), (4, "status"), (6, "24 hours"), (7, "performing organisation"),
                     (8, "ignored"), (9, "nobody"), (14, "request.method")):
        assert says in outcome_of(entries[at]), (at, outcome_of(entries[at]))
    assert all("location" not in entry["response"] for at, entry in enumerate(entries) if at not in (0, 10, 11))
    assert line not in answer.text and wrong_digits not in answer.text
    where = entries[4]["response"]["outcome"]["issue"][0]["expression"]
    assert where == ["Bundle.entry[4].resource.status"], where
    assert sorted(one["valueQuantity"]["value"] for one in found(reader.search(line))) == [1, 2]


def test_all_issues_at_once(vendor):
    answer = vendor.upload(observation("12345678901", status="done", at="yesterday", unknown=1))
    assert answer.status_code in (400, 422)
    assert len(answer.json()["issue"]) >= 4, answer.text


def test_a_transaction_is_stored_whole_or_not_at_all(hub, vendor, reader):
    line, unknown = person(), person()
    before = stored(hub)
    for wrong in (observation(unknown, status="done"), observation(line, performer=performed_by(FJELLDAL)), observation("1")):
        answer = vendor.upload(bundle(observation(unknown), wrong, observation(line), type="transaction"))
        assert answer.status_code in (400, 422), answer.text
        assert any("Bundle.entry[1]" in place for issue in answer.json()["issue"] for place in issue["expression"])
    assert stored(hub)[0] == before[0] and found(reader.search(line)) == []


def test_nothing_is_left_of_what_was_refused(hub, vendor):
    before = stored(hub)
    line = person()
    for wrong in (observation(line, status="done"), observation(line, performer=performed_by(VENDOR)), observation(line, code=None), observation(line, valueString="x")):
        assert vendor.upload(wrong).status_code in (400, 422)
    assert vendor.upload(bundle(*(observation(line, status="done") for _ in range(10)))).status_code == 200
    assert stored(hub) == before  # not even the person


@pytest.mark.parametrize("orgnr,status", [(SOLVIK, 201), (FJELLDAL, 422), (VENDOR, 422), ("x", 422)])
def test_who_performed_must_be_who_the_token_is_for(vendor, orgnr, status):
    answer = vendor.upload(observation(person(), performer=performed_by(orgnr)))
    assert answer.status_code == status, answer.text
    if status == 422:
        assert "performer" in answer.json()["issue"][0]["expression"][0]


def test_a_unit_below_the_organisation_may_perform(hub):
    child = "874716782"
    with_child = hub.as_("solvik-dho", set={"helseid://claims/client/claims/orgnr_child": child})
    assert with_child.upload(observation(person(), performer=performed_by(child))).status_code == 201
    assert with_child.upload(observation(person(), performer=performed_by(VENDOR))).status_code == 422


# ---- again


def test_a_re_send_is_the_same_observation(vendor, reader):
    line = person()
    resource = observation(line)
    first = vendor.upload(resource)
    for again in (resource, json.loads(json.dumps(resource)), {**resource, "note": [{"text": "på nytt"}], "issued": "2026-11-20T12:00:00Z"}):
        answer = vendor.upload(again)
        assert answer.status_code == 200, answer.text
        assert answer.headers["location"] == first.headers["location"] and answer.headers["etag"] == 'W/"1"'
        assert "stored before" in issues(answer)
    assert ids(reader.search(line)) == [first.json()["id"]]
    mixed = vendor.upload(bundle(resource, observation(line, code="2708-6", value="97", unit="%"), resource))
    assert results(mixed) == [200, 201, 200]
    assert mixed.json()["entry"][0]["response"]["location"] == mixed.json()["entry"][2]["response"]["location"]


def test_twice_in_one_bundle(vendor, reader):
    line = person()
    for type in ("batch", "transaction"):
        resource = observation(line, at=f"2026-11-20T08:00:{len(type):02d}+01:00")
        answer = vendor.upload(bundle(resource, resource, type=type))
        assert sorted(results(answer)) == [200, 201], answer.text
    assert len(found(reader.search(line))) == 2


def test_the_senders_identifier_is_the_same_thing_wherever_it_says_it_was(vendor, reader):
    line, name = person(), str(uuid.uuid4())
    given = dict(identifier=[{"system": "https://vendor.example/id", "value": name}], device=None)
    first = vendor.upload(observation(line, **given))
    assert first.status_code == 201
    again = vendor.upload(observation(line, **given))
    assert again.status_code == 200 and again.headers["location"] == first.headers["location"]
    conditional = vendor.request("POST", "/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": f"identifier=https://vendor.example/id|{name}"}, content=json.dumps(observation(line, **given)))
    assert conditional.status_code == 200, conditional.text
    other = vendor.request("POST", "/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": "code=8867-4"}, content=json.dumps(observation(line, **given)))
    assert other.status_code == 400 and "If-None-Exist" in issues(other)
    assert len(found(reader.search(line))) == 1


def test_without_device_and_identifier_the_content_decides(vendor, reader):
    line = person()
    resource = observation(line, device=None)
    assert [vendor.upload(resource).status_code for _ in range(3)] == [201, 200, 200]
    assert vendor.upload(observation(line, device=None, value="73")).status_code == 201
    assert len(found(reader.search(line))) == 2


def test_the_same_reading_of_two_patients_or_controllers_is_two(hub, vendor, fjelldal):
    line, other = person(), person()
    answers = [vendor.upload(observation(line)), vendor.upload(observation(other)), fjelldal.upload(observation(line))]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 3


def test_64_at_once_leave_one(hub, reader):
    line = person()
    resource = observation(line)
    answers = side_by_side(hub, "solvik-dho", 8, lambda caller, _: caller.upload(resource), range(64))
    assert sorted(answer.status_code for answer in answers) == [200] * 63 + [201]
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(found(reader.search(line))) == 1


# ---- corrected


def test_a_correction_is_a_new_version(hub, vendor, reader):
    line = person()
    kept = hub.sql("select count(*) from hub.observation_history")[0][0]
    first = vendor.upload(observation(line, value="172"))
    place = first.json()["id"]
    fixed = vendor.upload(observation(line, value="72", status="corrected"))
    assert fixed.status_code == 200 and fixed.headers["etag"] == 'W/"2"', fixed.text
    assert fixed.headers["location"].endswith(f"/{place}/_history/2")
    read = reader.get(f"/fhir/Observation/{place}").json()
    assert (read["meta"]["versionId"], read["valueQuantity"]["value"], read["status"]) == ("2", 72, "corrected")
    assert ids(reader.search(line)) == [place]
    withdrawn = vendor.upload(observation(line, value="72", status="entered-in-error"))
    assert withdrawn.status_code == 200 and withdrawn.headers["etag"] == 'W/"3"'
    assert hub.sql("select count(*) from hub.observation_history")[0][0] == kept + 2


def test_a_correction_made_on_a_minute_clock(vendor, reader):
    line = person()
    first = vendor.upload(observation(line, value="172", at="2026-11-20T08:00:00+01:00"))
    fixed = vendor.upload(observation(line, value="72", at="2026-11-20T08:00:00+01:00", status="amended"))
    assert fixed.status_code == 200 and fixed.headers["etag"] == 'W/"2"'
    assert ids(reader.search(line)) == [first.json()["id"]]


def test_another_value_at_the_same_second_is_a_new_version(vendor, reader):
    line = person()
    assert vendor.upload(observation(line, value="71")).status_code == 201
    answer = vendor.upload(observation(line, value="72"))
    assert answer.status_code == 200 and answer.headers["etag"] == 'W/"2"'
    assert [one["valueQuantity"]["value"] for one in found(reader.search(line))] == [72]


def test_another_value_in_the_same_minute_is_kept_beside(vendor, reader):
    """A clock of minutes cannot tell two readings from a correction: never a silent drop."""
    line = person()
    for at in ("2026-11-20T08:00:00+01:00",):
        assert vendor.upload(observation(line, value="71", at=at)).status_code == 201
        beside = vendor.upload(bundle(observation(line, value="72", at=at)))
        assert results(beside) == [201]
        assert "both are kept" in outcome_of(beside.json()["entry"][0])
        assert beside.json()["entry"][0]["response"]["outcome"]["issue"][0]["severity"] == "warning"
        assert [vendor.upload(observation(line, value=value, at=at)).status_code for value in ("71", "72")] == [200, 200]
    assert sorted(one["valueQuantity"]["value"] for one in found(reader.search(line))) == [71, 72]


# ---- too large


def test_size_limits_name_themselves(hub, vendor):
    before = stored(hub)
    big = observation(person(), note=[{"text": "x" * (MIB + 1)}])
    answer = vendor.upload(big)
    assert answer.status_code == 413 and str(MIB) in issues(answer), answer.text
    many = vendor.upload(bundle(*([observation(person())] * 5001)))
    assert many.status_code == 413 and "5000" in issues(many), many.text[:300]
    whole = bundle(*(observation(person(), note=[{"text": "x" * 900000}]) for _ in range(20)))
    answer = vendor.upload(whole)
    assert answer.status_code == 413 and str(16 * MIB) in issues(answer), answer.text[:300]
    hl7 = vendor.pcd01("MSH|" + "x" * MIB)
    assert hl7.status_code == 413 and str(MIB) in hl7.text
    assert stored(hub) == before


def test_a_resource_too_large_for_an_entry(vendor, reader):
    line = person()
    answer = vendor.upload(bundle(observation(line, note=[{"text": "x" * 300000}] * 4), observation(line)))
    assert results(answer) == [413, 201], answer.text[:500]
    assert str(MIB) in outcome_of(answer.json()["entry"][0])
    whole = vendor.upload(bundle(observation(line, note=[{"text": "x" * 300000}] * 4), type="transaction"))
    assert whole.status_code == 413
    assert len(found(reader.search(line))) == 1


@pytest.mark.slow
def test_the_largest_bundle(hub, vendor):
    lines = [person() for _ in range(50)]
    sent = bundle(*(observation(lines[i % 50], value=str(40 + i % 100), at=f"2026-{1 + i % 9:02d}-{1 + i // 9 % 28:02d}T{i // 252 % 24:02d}:00:{1 + i % 59:02d}Z") for i in range(5000)))
    answer = vendor.upload(sent)
    assert answer.status_code == 200, answer.text[:300]
    assert set(results(answer)) <= {200, 201} and results(answer).count(201) > 4500


# ---- malformed


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/fhir+xml", "application/json; charset=iso-8859-1", "application/x-www-form-urlencoded", "", "application/fhir+jsonx", "application/fhir+json; fhirVersion=5.0"])
def test_other_media_types(hub, vendor, kind):
    before = stored(hub)
    for path, resource in (("/fhir/Observation", observation(person())), ("/fhir", bundle(observation(person())))):
        answer = vendor.request("POST", path, headers={"Content-Type": kind}, content=json.dumps(resource))
        assert answer.status_code == 415, (kind, answer.text)
        assert answer.json()["resourceType"] == "OperationOutcome" and "fhir+json" in issues(answer)
    assert stored(hub) == before


@pytest.mark.parametrize("kind", ["application/fhir+json", "application/json", "application/fhir+json; charset=UTF-8", 'Application/FHIR+JSON; charset="utf-8"', "application/fhir+json; fhirVersion=4.0"])
def test_media_types(vendor, kind):
    answer = vendor.request("POST", "/fhir/Observation", headers={"Content-Type": kind}, content=json.dumps(observation(person())))
    assert answer.status_code == 201, (kind, answer.text)


def test_a_compressed_body_is_not_taken(vendor):
    answer = vendor.request("POST", "/fhir/Observation", headers={**FHIR_JSON, "Content-Encoding": "gzip"}, content=b"\x1f\x8b")
    assert answer.status_code == 415


@pytest.mark.parametrize("accept,status", [("application/fhir+json", 201), ("*/*", 201), ("application/json;q=0.5", 201), ("application/xml", 406), ("application/fhir+xml, application/fhir+json;q=0", 406),
                                           ("application/fhir+json; fhirVersion=4.0", 201), ('application/fhir+json; fhirVersion="5.0"', 406), ("application/fhir+json; fhirVersion=3.0, application/fhir+json", 201)])
def test_accept(vendor, accept, status):
    answer = vendor.request("POST", "/fhir/Observation", headers={**FHIR_JSON, "Accept": accept}, content=json.dumps(observation(person())))
    assert answer.status_code == status, answer.text


def test_an_answer_looks_as_it_was_asked_to(vendor):
    """_summary and _elements are held to by create as by any other answer that shows a resource."""
    sent = observation(person(), note=[{"text": "etter trapp"}])
    for query, shown in (("_elements=status", False), ("_summary=true", False), ("_summary=false", True)):
        sent["effectiveDateTime"] = f"2026-11-2{len(query) % 10}T08:00:11+01:00"
        made = vendor.request("POST", f"/fhir/Observation?{query}", headers=FHIR_JSON, content=json.dumps(sent))
        assert made.status_code == 201 and ("note" in made.json()) == shown, (query, made.text)
        assert shown or made.json()["meta"]["tag"][0]["code"] == "SUBSETTED"


GOOD = json.dumps(observation("0"))


@pytest.mark.parametrize("text", [
    b"", b" ", b"{", b"}", b"[]", b"null", b'"x"', b"1", b"{}", b'{"resourceType":1}', b'{"resourceType":"Patient"}', b'{"resourceType":"Nothing"}',
    GOOD.encode() + b"x", GOOD.encode() + GOOD.encode(), GOOD[:-1].encode(), GOOD.replace('"status"', "status").encode(), GOOD.replace('"final"', "'final'").encode(),
    GOOD[:-1].encode() + b",}", b"/* x */" + GOOD.encode(), b"\xef\xbb\xbf" + GOOD.encode(), GOOD.replace("72.0", "NaN").encode(), GOOD.replace("72.0", "+72").encode(),
    GOOD.replace("72.0", "072").encode(), GOOD.replace("72.0", ".5").encode(), GOOD.replace("72.0", "1e").encode(),
], ids=range(25))
def test_what_is_no_observation(hub, vendor, text):
    before = stored(hub), hub.rows()
    for path in ("/fhir/Observation", "/fhir"):
        answer = vendor.request("POST", path, headers=FHIR_JSON, content=text)
        assert answer.status_code in (400, 422), (path, text, answer.text)
        whole = answer.json()
        assert whole["resourceType"] == "OperationOutcome" and whole["issue"][0]["severity"] == "error" and issues(answer)
    assert (stored(hub), hub.rows()) == before


@pytest.mark.parametrize("change", [
    dict(valueQuantity={"value": "72"}), dict(valueQuantity={"value": 72, "code": 1}), dict(valueQuantity=72), dict(valueQuantity=[{"value": 72}]), dict(valueString="x"),
    dict(category="vital-signs"), dict(category=[{"coding": {}}]), dict(code=[]), dict(code={}), dict(status=["final"]), dict(status=None), dict(effectivePeriod={"start": "2026-11-20"}),
    dict(component={}), dict(component=[{}]), dict(note=None, unknownElement=1), dict(subject={"identifier": {"system": FNR}}), dict(subject={"identifier": {"value": "1"}}),
    dict(dataAbsentReason={"text": "x"}), dict(effectiveDateTime=None, effectivePeriod={"start": "2026-11-20T10:00:00Z", "end": "2026-11-20T09:00:00Z"}),
    dict(effectiveDateTime="2026-02-30"), dict(effectiveDateTime="1870-01-01"), dict(effectiveDateTime=20261120), dict(issued="2026-11-20"), dict(interpretation={}), dict(extension=[{"valueString": "x"}]),
    dict(id=5), dict(meta=[]), dict(text={"status": "generated"}), dict(identifier={}), dict(performer={}),
], ids=lambda change: "-".join(change))
def test_resources_that_are_no_r4(hub, vendor, change):
    before = stored(hub)
    answer = vendor.upload(observation(person(), **change))
    assert answer.status_code in (400, 422), answer.text
    assert all(issue.get("expression") for issue in answer.json()["issue"]), answer.text
    assert stored(hub) == before


@pytest.mark.parametrize("number", ["00000000000", "12345678901", "1234567890", "123456789012", "abcdefghijk", "", " "])
def test_wrong_national_ids_are_never_repeated(vendor, number):
    answer = vendor.upload(observation(number))
    assert answer.status_code in (400, 422)
    assert number.strip() == "" or number not in answer.text


def test_real_numbers_are_not_for_a_test_installation(vendor):
    """Built here, of a day that fødselsnummer of living people do not have; no such number stands in this tree."""
    prefix = "010100"
    real = next(one for one in (people._complete(f"{prefix}{i:03d}") for i in range(1000)) if one)
    answer = vendor.upload(observation(real))
    assert answer.status_code == 422 and "synthetic" in issues(answer) and real not in answer.text


def test_paths_and_methods(hub, vendor, reader):
    for method, path, status in (("GET", "/fhir/Nothing", 404), ("GET", "/", 404), ("DELETE", "/fhir/Observation", 405), ("PUT", "/fhir/metadata", 405),
                                 ("GET", "/fhir", 405), ("POST", "/fhir/Nothing", 404), ("POST", "/fhir/metadata", 405), ("GET", "/pcd01", 405), ("PATCH", "/fhir/Observation", 405), ("DELETE", "/fhir/Observation/x", 404)):
        answer = reader.request(method, path)
        assert answer.status_code == status, (method, path, answer.text)
        if status == 405:
            assert answer.headers["allow"] and issues(answer) if path.startswith("/fhir") else True
    assert vendor.request("POST", "/fhir/", headers=FHIR_JSON, content=json.dumps(bundle(observation(person())))).status_code == 200
