# SPDX-License-Identifier: AGPL-3.0-or-later
"""What clients and conformance suites of other FHIR servers take for granted: how paths, headers and forms may be written."""
import json
import uuid

import httpx
import pytest

from hub import FHIR_JSON, FNR, FORM, found, ids, issues, observation, person, results


@pytest.fixture(scope="module")
def vendor(hub):
    return hub.as_("solvik-dho")


@pytest.fixture(scope="module")
def shelf(vendor, epj):
    """Three readings on three days: (whose, Patient id, ids)."""
    line = person()
    made = [vendor.upload(observation(line, value=str(60 + day), at=f"2026-11-0{day}T10:00:05Z")).json()["id"] for day in (1, 2, 3)]
    stub = epj.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{line}")])
    return line, stub.json()["entry"][0]["resource"]["id"], made


def posted(epj, url, pairs=()):
    return epj.post(f"/fhir/Observation/_search{url}", headers=FORM, content=str(httpx.QueryParams(list(pairs))))


@pytest.mark.parametrize("url,pairs,days", [
    ("?patient={}", [], [1, 2, 3]),
    ("?patient={}&date=2026-11-02", [], [2]),
    ("?patient={}", [("date", "2026-11-02")], [2]),
    ("?date=ge2026-11-02", [("patient", "{}"), ("date", "le2026-11-02")], [2]),
    ("?_sort=date&_count=2", [("patient", "{}")], [1, 2]),
    ("?_format=json&_summary=true", [("patient", "{}")], [1, 2, 3]),
])
def test_the_url_of_a_search_by_post_counts_too(epj, shelf, url, pairs, days):
    _, patient, made = shelf
    answer = posted(epj, url.format(patient), [(name, value.format(patient)) for name, value in pairs])
    assert answer.status_code == 200, answer.text
    assert sorted(ids(answer)) == sorted(made[day - 1] for day in days)


def test_who_is_meant_never_stands_in_the_url_of_a_post(epj, shelf):
    line, _, _ = shelf
    for path in (f"Observation/_search?patient.identifier={FNR}%7C{line}", f"Observation/_search?patient:identifier={FNR}%7C{line}", f"Observation/$lastn?subject:identifier={FNR}%7C{line}",
                 f"Device/_search?patient.identifier={FNR}%7C{line}", f"Patient/_search?identifier={FNR}%7C{line}", f"Patient/$everything?identifier={FNR}%7C{line}"):
        refused = epj.post(f"/fhir/{path}", headers=FORM, content="")
        assert refused.status_code == 400 and "URL" in refused.text and "identifier" in refused.text and line not in refused.text, (path, refused.text)
    assert posted(epj, "?nonsense=1", [("patient.identifier", f"{FNR}|{line}")]).status_code == 400


def test_the_other_forms_take_what_stands_in_the_url(epj, shelf):
    line, patient, made = shelf
    newest = epj.post(f"/fhir/Observation/$lastn?max=2&patient={patient}", headers=FORM, content="code=8867-4")
    assert set(ids(newest)) == set(made[1:])
    assert epj.post("/fhir/Organization/_search?_format=json&name=Solvik", headers=FORM, content="").json()["entry"][0]["resource"]["name"] == "Solvik kommune"
    assert epj.post("/fhir/Patient/_search?_format=json", headers=FORM, content=str(httpx.QueryParams({"identifier": f"{FNR}|{line}"}))).json()["entry"][0]["resource"]["id"] == patient


def test_a_percent_sign_in_a_path_changes_nothing(epj, shelf):
    _, patient, made = shelf
    assert set(ids(epj.get(f"/fhir/Observation/%24lastn?patient={patient}"))) == {made[2]}
    assert len(found(epj.get(f"/fhir/Patient/{patient}/%24everything"))) >= 3
    assert epj.get("/fhir/Observation/" + "".join(f"%{ord(letter):02X}" for letter in made[0])).json()["id"] == made[0]


def test_words_of_ours_are_no_ids(epj):
    wrong = epj.get("/fhir/Observation/_search?patient=x")
    assert wrong.status_code == 405 and wrong.headers["allow"] == "POST"
    assert epj.request("PUT", "/fhir/Observation/_search", headers=FHIR_JSON, content="{}").status_code == 405
    unknown = epj.get("/fhir/Observation/$nothing")
    assert unknown.status_code == 404 and "nothing at this path" in issues(unknown)


def change(epj, one, **headers):
    return epj.request("PUT", f"/fhir/Observation/{one['id']}", headers={**FHIR_JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}, content=json.dumps(one))


def test_a_condition_without_content_is_no_condition_left_out(vendor, epj):
    one = vendor.upload(observation(person())).json()
    assert change(epj, {**one, "status": "amended"}, If_Match="").status_code == 400
    assert epj.get(f"/fhir/Observation/{one['id']}").json()["status"] == "final"
    refused = vendor.post("/fhir/Observation", headers={**FHIR_JSON, "If-None-Exist": ""}, content=json.dumps(observation(person())))
    assert refused.status_code == 400 and "If-None-Exist" in issues(refused)


def test_a_change_tells_where_the_version_is(vendor, epj):
    one = vendor.upload(observation(person())).json()
    changed = change(epj, {**one, "status": "amended"})
    assert changed.status_code == 200 and changed.headers["location"].endswith(f"/fhir/Observation/{one['id']}/_history/2")
    assert epj.get(changed.headers["location"].removeprefix(epj.hub.url)).json() == changed.json()


@pytest.mark.parametrize("prefer,kind", [('return="minimal"', None), ("Return=Minimal", None), ('handling=strict, return="OperationOutcome"', "OperationOutcome"), ("return=representation", "Observation")])
def test_a_preference_may_be_quoted_and_capital(vendor, prefer, kind):
    answer = vendor.post("/fhir/Observation", headers={**FHIR_JSON, "Prefer": prefer}, content=json.dumps(observation(person())))
    assert answer.status_code == 201 and "location" in answer.headers
    assert (answer.json()["resourceType"] if answer.content else None) == kind


def test_a_total_that_costs_nothing_is_given(epj, shelf):
    line, _, _ = shelf
    assert epj.search(line).json()["total"] == 3
    assert epj.search(line, date="2026-11-02").json()["total"] == 1
    assert epj.search(person()).json()["total"] == 0
    assert epj.search(line, _count="3").json()["total"] == 3
    page = epj.search(line, _count="2")
    assert "total" not in page.json() and "total" not in epj.next(page).json()
    assert "total" not in epj.search(line, _total="none").json()
    assert epj.search(line, _include="Observation:patient").json()["total"] == 3


@pytest.mark.parametrize("media", ["application/json+fhir", "text/json", "application/json", "Application/FHIR+JSON; Charset=UTF-8"])
def test_json_by_any_name(vendor, media):
    answer = vendor.post("/fhir/Observation", headers={"Content-Type": media, "Accept": media.split(";")[0]}, content=json.dumps(observation(person())))
    assert answer.status_code == 201 and answer.headers["content-type"] == "application/fhir+json; charset=utf-8"


def test_discovery_is_json_whatever_is_accepted(epj):
    for path in ("/fhir/.well-known/smart-configuration", "/.well-known/oauth-protected-resource", "/openapi.json"):
        answer = epj.http.get(path, headers={"Accept": "application/fhir+json"})
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/json"), path
    assert "application/fhir+json" in issues(epj.http.get("/fhir/metadata", headers={"Accept": "application/fhir+xml"}))


def entry(method, url, resource=None, **rest):
    return {"request": {"method": method, "url": url}, **({"resource": resource} if resource else {}), **rest}


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_the_url_of_an_entry_may_begin_with_a_slash_or_with_our_base(epj, kind):
    """As in R4's own bundle-request-medsallergies example."""
    base = f"{epj.hub.url}/fhir"
    made = epj.post("/fhir", headers=FHIR_JSON, content=json.dumps({"resourceType": "Bundle", "type": kind, "entry": [
        entry("POST", "/Observation", observation(person())), entry("POST", f"{base}/Observation", observation(person()))]}))
    assert results(made) == [201, 201], made.text
    one, two = (result["response"]["location"].split("/")[1] for result in made.json()["entry"])
    read = epj.post("/fhir", headers=FHIR_JSON, content=json.dumps({"resourceType": "Bundle", "type": kind, "entry": [
        entry("GET", f"/Observation/{one}"), entry("GET", f"{base}/Observation/{two}")]}))
    assert results(read) == [200, 200], read.text
    assert [result["resource"]["id"] for result in read.json()["entry"]] == [one, two]
    elsewhere = epj.post("/fhir", headers=FHIR_JSON, content=json.dumps({"resourceType": "Bundle", "type": "batch", "entry": [entry("GET", "https://elsewhere.example/fhir/Observation/1")]}))
    assert results(elsewhere) == [404]
    gone = epj.post("/fhir", headers=FHIR_JSON, content=json.dumps({"resourceType": "Bundle", "type": kind, "entry": [
        entry("DELETE", f"/Observation/{one}"), entry("DELETE", f"{base}/Observation/{two}")]}))
    assert results(gone) == [204, 204], gone.text


def test_a_bundle_gives_what_it_made_where_that_is_asked_for(vendor):
    urn = f"urn:uuid:{uuid.uuid4()}"
    line = person()
    panel = {**observation(line, at="2026-11-01T10:00:07Z"), "hasMember": [{"reference": urn}]}
    for prefer, given in (("return=representation", True), ("return=minimal", False), ("", False)):
        one = observation(line, value=str(50 + len(prefer)), at=f"2026-11-01T11:00:{len(prefer):02d}Z")
        sent = {"resourceType": "Bundle", "type": "transaction", "entry": [entry("POST", "Observation", {**panel, "effectiveDateTime": f"2026-11-01T12:00:{len(prefer):02d}Z"}), entry("POST", "Observation", one, fullUrl=urn)]}
        answer = vendor.post("/fhir", headers={**FHIR_JSON, **({"Prefer": prefer} if prefer else {})}, content=json.dumps(sent))
        assert results(answer) == [201, 201], answer.text
        resources = [result.get("resource") for result in answer.json()["entry"]]
        if not given:
            assert resources == [None, None]
            continue
        member = answer.json()["entry"][1]["response"]["location"].removesuffix("/_history/1")
        assert resources[0]["hasMember"][0]["reference"] == member and f"Observation/{resources[1]['id']}" == member
        assert resources[1]["valueQuantity"] == one["valueQuantity"] and resources[1]["meta"]["versionId"] == "1"
        again = vendor.post("/fhir", headers={**FHIR_JSON, "Prefer": prefer}, content=json.dumps(sent))
        assert results(again) == [200, 200] and not any("resource" in result for result in again.json()["entry"])


def test_a_decimal_may_end_in_zeros_beyond_eighteen_digits(vendor, epj):
    """R4's own observation-decimal example."""
    line = person()
    for second, text in enumerate(("1000000000000000000", "1.000000000000000000E-245", "-1.000000000000000000E+245", "1E-22")):
        body = json.dumps({**observation(line, at=f"2026-11-01T10:00:{second:02d}Z"), "valueQuantity": {"value": "@"}, "identifier": [{"system": "urn:test:decimal", "value": str(uuid.uuid4())}]}).replace('"@"', text)
        made = vendor.post("/fhir/Observation", headers=FHIR_JSON, content=body)
        assert made.status_code == 201 and f'"value": {text}}}' in made.text, made.text
        assert len(found(epj.search(line, **{"value-quantity": text}))) == 1, text
    refused = vendor.post("/fhir/Observation", headers=FHIR_JSON, content=body.replace("1E-22", "1.0000000000000000001"))
    assert refused.status_code == 400 and "18 digits" in issues(refused)


def test_the_compartment_of_a_patient_is_searched(epj, shelf):
    _, patient, made = shelf
    whole = epj.get(f"/fhir/Patient/{patient}/Observation")
    assert whole.json()["total"] == 3 and ids(whole) == made[::-1]
    assert ids(epj.get(f"/fhir/Patient/{patient}/Observation?date=2026-11-02&_elements=status")) == [made[1]]
    seen, answer = [], epj.get(f"/fhir/Patient/{patient}/Observation?_count=1&_sort=date")
    while answer is not None:
        seen += ids(answer)
        answer = epj.next(answer)
    assert seen == made
    for path, word in ((f"{patient}/Observation?patient={patient}", "patient"), (f"{patient}/Observation?nonsense=1", "nonsense")):
        refused = epj.get(f"/fhir/Patient/{path}")
        assert refused.status_code == 400 and word in issues(refused)
    assert ids(epj.get("/fhir/Patient/3141592unlikely/Observation")) == []
    assert epj.get(f"/fhir/Patient/{patient}%26status%3Dfinal/Observation").status_code == 404  # an id holds no parameter
    assert epj.get(f"/fhir/Patient/{patient}/Condition").status_code == 404
    stub = next(one for one in epj.get("/fhir/metadata").json()["rest"][0]["resource"] if one["type"] == "Patient")
    assert [one["name"] for one in stub["operation"]] == ["everything"]


def test_a_nurse_with_an_attest_for_another_gets_nothing_of_a_compartment(hub, shelf):
    _, patient, _ = shelf
    assert hub.as_("sykehus-annen").get(f"/fhir/Patient/{patient}/Observation").status_code == 403


def test_a_header_that_stands_twice_is_one(hub, epj):
    with hub.dev() as door:
        def post(*headers):
            return door.post("/fhir/Observation", headers=[("Content-Type", "application/fhir+json"), *headers], content=json.dumps(observation(person())))

        both = post(("Prefer", "handling=strict"), ("Prefer", "return=minimal"))
        assert both.status_code == 201 and both.content == b""
        assert post(("Accept", "application/fhir+xml"), ("Accept", "application/fhir+json")).status_code == 201
        for name, one, two in (("If-None-Exist", "identifier=urn:a|1", "identifier=urn:a|2"), ("Content-Type", "application/fhir+json", "application/fhir+json")):
            assert post((name, one), (name, two)).status_code in (400, 415), name
        made = post().json()
        path = f"/fhir/Observation/{made['id']}"
        assert door.get(path, headers=[("If-None-Match", 'W/"7"'), ("If-None-Match", 'W/"1"')]).status_code == 304
        twice = [("Content-Type", "application/fhir+json"), ("If-Match", 'W/"9"'), ("If-Match", 'W/"1"')]
        assert door.put(path, headers=twice, content=json.dumps({**made, "status": "amended"})).status_code == 400
        assert door.get(path).json()["status"] == "final"
