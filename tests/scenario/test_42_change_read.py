# SPDX-License-Identifier: AGPL-3.0-or-later
"""One reading and its versions as they are read: conditions, forms, methods."""
import json

import pytest

from hub import found, issues, observation, person

TAG = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


def made(caller, **rest):
    answer = caller.upload(observation(person(), **rest))
    assert answer.status_code == 201, answer.text
    return answer


def path_of(answer):
    return f"/fhir/Observation/{answer.json()['id']}"


def test_304_for_what_the_caller_has(hub, epj):
    first = made(epj)
    path, before = path_of(first), hub.rows()
    for headers in ({"If-None-Match": 'W/"1"'}, {"If-None-Match": 'W/"7", W/"1"'}, {"If-Modified-Since": first.headers["last-modified"]}):
        answer = epj.get(path, headers=headers)
        assert answer.status_code == 304 and answer.content == b"" and answer.headers["etag"] == 'W/"1"'
    assert epj.get(path, headers={"If-None-Match": 'W/"2"', "If-Modified-Since": first.headers["last-modified"]}).status_code == 200
    assert hub.rows() == before + 4  # also what was not sent again was looked at


def test_head_is_get_without_body(epj):
    first = made(epj)
    answer = epj.request("HEAD", path_of(first))
    assert answer.status_code == 200 and answer.content == b"" and answer.headers["etag"] == 'W/"1"'


def test_options_tells_the_methods_without_a_token(hub, epj):
    with hub.dev() as plain:
        answer = plain.options("/fhir/Observation/abc")
        assert answer.status_code == 204 and answer.headers["allow"].startswith("GET, HEAD")
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert plain.options("/fhir/Nothing").status_code == 404


@pytest.mark.parametrize("query,status", [("_format=json", 200), ("_format=application/fhir%2Bjson", 200), ("_format=application/fhir+json", 200),
                                          ("_format=xml", 406), ("_format=ttl", 406), ("_pretty=maybe", 400), ("_summary=count", 400), ("_summary=no", 400),
                                          ("_elements=status,colour", 400), ("_elements=status&_summary=true", 400), ("colour=red", 400)])
def test_the_parameters_of_form(epj, query, status):
    answer = epj.get(f"{path_of(made(epj))}?{query}", headers={"Accept": "application/fhir+xml"} if "_format" in query else {})
    assert answer.status_code == status, answer.text
    if status == 400:
        assert query.split("=")[0] in issues(answer)


def test_format_wins_over_accept(epj):
    path = path_of(made(epj))
    assert epj.get(path, headers={"Accept": "application/fhir+xml"}).status_code == 406
    assert epj.get(f"{path}?_format=json", headers={"Accept": "application/fhir+xml"}).status_code == 200


def test_parts_say_that_they_are_parts(epj):
    path = path_of(made(epj, value="70.5", note=[{"text": "after a walk"}]))
    whole = epj.get(path).json()
    part = epj.get(f"{path}?_elements=value").json()
    assert set(part) == {"resourceType", "id", "meta", "status", "code", "valueQuantity"} and part["meta"]["tag"] == [TAG]
    summary = epj.get(f"{path}?_summary=true").json()
    assert "note" not in summary and summary["valueQuantity"] == whole["valueQuantity"] and summary["meta"]["tag"] == [TAG]
    assert "tag" not in whole["meta"]


def test_pretty_is_the_same_for_machines(epj):
    path = path_of(made(epj, value="70.5"))
    plain, pretty = epj.get(path), epj.get(f"{path}?_pretty=true")
    assert pretty.json() == plain.json() and pretty.text.count("\n") > 10 and "70.5" in pretty.text


def test_a_page_in_parts(epj):
    line = person()
    epj.upload(observation(line, note=[{"text": "n"}]))
    resources = found(epj.search(line, _elements="status"))
    assert len(resources) == 1 and set(resources[0]) == {"resourceType", "id", "meta", "status", "code"}


def test_versions_of_a_reading(hub, epj, vendor):
    line = person()
    first = observation(line, identifier=[{"system": "urn:x", "value": line}])
    made_one = vendor.upload(first).json()
    second = vendor.upload({**first, "status": "corrected", "valueQuantity": {**first["valueQuantity"], "value": 75}})
    assert second.status_code == 200 and second.headers["etag"] == 'W/"2"'
    path = f"/fhir/Observation/{made_one['id']}"
    for version, value in ((1, 72), (2, 75)):
        answer = epj.get(f"{path}/_history/{version}")
        assert answer.status_code == 200 and answer.json()["valueQuantity"]["value"] == value
        assert answer.headers["etag"] == f'W/"{version}"' and answer.json()["meta"]["versionId"] == str(version)
    for version in ("3", "0", "-1", "x", "99999999999999999999"):
        assert epj.get(f"{path}/_history/{version}").status_code == 404
    whole = epj.get(f"{path}/_history").json()
    assert whole["type"] == "history" and whole["total"] == 2
    assert [entry["request"]["method"] for entry in whole["entry"]] == ["PUT", "POST"]
    assert [entry["response"]["etag"] for entry in whole["entry"]] == ['W/"2"', 'W/"1"']
    page = epj.get(f"{path}/_history?_count=1&_elements=status").json()
    assert [entry["resource"]["meta"]["versionId"] for entry in page["entry"]] == ["2"] and page["total"] == 2
    after = [link["url"] for link in page["link"] if link["relation"] == "next"][0].removeprefix(hub.url)
    last = epj.get(after).json()
    assert [entry["resource"]["meta"]["versionId"] for entry in last["entry"]] == ["1"] and "valueQuantity" not in last["entry"][0]["resource"]
    assert not any(link["relation"] == "next" for link in last["link"])
    assert epj.get(f"{path}/_history?_since=2100-01-01T00:00:00Z").json()["total"] == 0
    assert "entry" not in epj.get(f"{path}/_history?_summary=count").json()
    for wrong in ("_since=yesterday", "_count=many", "_sort=date"):
        assert epj.get(f"{path}/_history?{wrong}").status_code == 400


def test_versions_are_for_those_who_may_read(hub, epj, fjelldal, doctor):
    mine = made(epj, code="29463-7", unit="kg")
    foreign = hub.as_("fjelldal-dho", set={"scope": ["nhn:pmd/observation.read", "nhn:pmd/observation.write"]})
    for path in (f"{path_of(mine)}/_history", f"{path_of(mine)}/_history/1"):
        refused, absent = foreign.get(path), foreign.get(path.replace(mine.json()["id"], "a" * 26))
        assert (refused.status_code, refused.text) == (absent.status_code, absent.text)
        assert doctor.get(path).status_code == 200


def test_each_look_at_a_version_is_logged(hub, epj):
    line = person()
    one = epj.upload(observation(line)).json()
    epj.get(f"/fhir/Observation/{one['id']}/_history")
    epj.get(f"/fhir/Observation/{one['id']}/_history/1")
    assert [entry["event"] for entry in hub.entries(line)] == ["read", "read", "create"]


def test_no_body_but_utf8(epj):
    answer = epj.request("POST", "/fhir/Observation", headers={"Content-Type": "application/fhir+json; charset=latin1"}, content=json.dumps(observation(person())))
    assert answer.status_code == 415 and "UTF-8" in issues(answer)
