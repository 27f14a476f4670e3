# SPDX-License-Identifier: AGPL-3.0-or-later
"""The newest of each measurement, over equivalent codes and over controllers; and everything of one patient. Both under the same decisions as a search."""
import httpx
import pytest

from hub import ATTEST, FNR, attest, bundle, ids, issues, observation, person, results

LOINC, SCT = "http://loinc.org", "http://snomed.info/sct"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def lastn(caller, line, **parameters):
    return caller.form("/fhir/Observation/$lastn", [("patient.identifier", f"{FNR}|{line}"), *parameters.items()])


def pages(caller, answer):
    seen = []
    while answer is not None:
        seen.append(ids(answer))
        answer = caller.next(answer)
    return seen


@pytest.fixture(scope="module")
def chart(hub):
    """A patient with three pulses (two codes that mean one thing), two weights, one glucose, one survey: (line, {name: id})."""
    line = person()
    survey = [{"coding": [{"system": CATEGORY, "code": "survey"}]}]
    sent = {
        "pulse1": observation(line, value="61", at="2026-11-01T08:00:01+01:00"),
        "pulse2": observation(line, value="62", at="2026-11-03T08:00:01+01:00", code="364075005", system=SCT),
        "pulse3": observation(line, value="63", at="2026-11-02T08:00:01+01:00"),
        "weight1": observation(line, value="70", unit="kg", code="29463-7", at="2026-11-01T09:00:01+01:00"),
        "weight2": observation(line, value="71", unit="kg", code="29463-7", at="2026-11-02T09:00:01+01:00"),
        "wrong": observation(line, value="710", unit="kg", code="29463-7", at="2026-11-05T09:00:01+01:00", status="entered-in-error"),
        "survey": observation(line, value="5", unit="1", code="74465-6", at="2026-11-01T10:00:01+01:00", category=survey),
        "untimed": observation(line, value="2", unit="L/min", code="3151-8", at=None, effectiveDateTime=None),
    }
    answer = hub.as_("solvik-dho").upload(bundle(*sent.values()))
    assert results(answer) == [201] * len(sent), answer.text
    return line, dict(zip(sent, (entry["response"]["location"].split("/")[1] for entry in answer.json()["entry"])))


def names(chart, answer):
    known = {place: name for name, place in chart[1].items()}
    return [known[place] for place in ids(answer)]


@pytest.mark.parametrize("parameters,expected", [
    ({}, {"pulse2", "weight2", "survey", "untimed"}),
    ({"max": "1"}, {"pulse2", "weight2", "survey", "untimed"}),
    ({"max": "2"}, {"pulse2", "pulse3", "weight1", "weight2", "survey", "untimed"}),
    ({"max": "100"}, {"pulse1", "pulse2", "pulse3", "weight1", "weight2", "survey", "untimed"}),
    ({"code": "8867-4"}, {"pulse3"}), ({"code": f"{SCT}|364075005"}, {"pulse2"}), ({"code": "8867-4,364075005"}, {"pulse2"}),
    ({"code": "8867-4,29463-7", "max": "2"}, {"pulse3", "pulse1", "weight2", "weight1"}), ({"code": "nothing"}, set()),
    ({"category": "vital-signs"}, {"pulse2", "weight2", "untimed"}), ({"category": "survey"}, {"survey"}),
    ({"date": "lt2026-11-03"}, {"pulse3", "weight2", "survey"}), ({"date": "2026-11-01", "code": "8867-4"}, {"pulse1"}),
    ({"status": "entered-in-error"}, {"wrong"}), ({"status": "entered-in-error,final", "code": "29463-7"}, {"wrong"}), ({"status": "amended"}, set()),
    ({"_lastUpdated": "gt2026-01-01"}, {"pulse2", "weight2", "survey", "untimed"}), ({"_lastUpdated": "lt2026-01-01"}, set()),
])
def test_the_newest_of_each(reader, chart, parameters, expected):
    seen = names(chart, lastn(reader, chart[0], **parameters))
    assert len(seen) == len(set(seen)) and set(seen) == expected
    query = httpx.QueryParams({"patient": reader.patient_id(chart[0]), **parameters})
    assert names(chart, reader.get(f"/fhir/Observation/$lastn?{query}")) == seen
    for count in ("1", "2"):
        paged = pages(reader, lastn(reader, chart[0], **parameters, _count=count))
        assert [place for page in paged for place in page] == [chart[1][name] for name in seen] and all(len(page) <= int(count) for page in paged)


def test_grouped_and_newest_first(reader, chart):
    seen = names(chart, lastn(reader, chart[0], max="3"))
    groups = [name.rstrip("123") for name in seen]
    assert [group for i, group in enumerate(groups) if i == 0 or groups[i - 1] != group] == list(dict.fromkeys(groups))
    assert [name for name in seen if name.startswith("pulse")] == ["pulse2", "pulse3", "pulse1"]


def test_by_reference_and_subject(reader, chart):
    place = reader.patient_id(chart[0])
    for name, value in (("patient", place), ("patient", f"Patient/{place}"), ("subject", f"Patient/{place}")):
        assert len(ids(reader.get("/fhir/Observation/$lastn?" + str(httpx.QueryParams({name: value}))))) == 4


def test_over_controllers_one_group(hub, doctor):
    """What two controllers measured of one thing is one group, as far as a rule opens it."""
    line = person()
    orgnr, other = hub.controller()
    older = hub.as_("solvik-dho").upload(observation(line, value="61", at="2026-11-01T08:00:01+01:00")).json()["id"]
    newer = other.upload(observation(line, value="62", at="2026-11-02T08:00:01+01:00", code="364075005", system=SCT)).json()["id"]
    assert ids(lastn(doctor, line)) == [older]
    rule = hub.rule_from(orgnr)
    assert ids(lastn(doctor, line)) == [newer] and ids(lastn(doctor, line, max="2")) == [newer, older]
    # narrowed by the grant before it is counted: what is not open is nobody's newest
    hub.maalehub("rule", "revoke", str(rule))
    hub.rule_from(orgnr, "--code", f"{LOINC}|29463-7")
    assert ids(lastn(doctor, line)) == [older]
    hub.maalehub("block", "add", "--code", f"{LOINC}|8867-4", stdin=line + "\n")
    assert ids(lastn(doctor, line, max="5")) == []


def test_a_refusal_and_a_look_are_written_down(hub, vendor, doctor):
    line = person()
    vendor.upload(bundle(observation(line), observation(line, at="2026-11-21T08:00:01+01:00")))
    assert len(ids(lastn(doctor, line))) == 1
    entry = next(entry for entry in hub.entries(line) if entry["event"] == "search")
    assert sum(what["count"] for what in entry["what"]) == 1 and entry["outcome"] == "permit"
    stranger = hub.as_("sykehus-epj", set={ATTEST: attest(patients=[{"identifier": {"id": person(), "system": FNR}}])})
    before = hub.rows()
    assert lastn(stranger, line).status_code == 403 and hub.rows() > before


@pytest.mark.parametrize("parameters,word", [
    ({"max": "0"}, "max"), ({"max": "101"}, "max"), ({"max": "x"}, "max"), ({"_sort": "date"}, "$lastn"), ({"value-quantity": "gt1"}, "$lastn"), ({"code:text": "puls"}, "$lastn"),
    ({"_total": "accurate"}, "$lastn"), ({"_count": "0"}, "$lastn"), ({"nonsense": "1"}, "nonsense"), ({"date": "x"}, "date"),
])
def test_what_lastn_is_not_asked(reader, chart, parameters, word):
    answer = lastn(reader, chart[0], **parameters)
    assert answer.status_code == 400 and word in issues(answer), answer.text


def test_lastn_names_a_patient(hub, reader, chart):
    for caller in (reader, hub.as_("solvik-dho", set={"scope": "nhn:pmd/observation.read nhn:pmd/observation.write", "client_id": "solvik-epj"})):
        for answer in (caller.get("/fhir/Observation/$lastn"), caller.get("/fhir/Observation/$lastn?code=8867-4"), caller.form("/fhir/Observation/$lastn", [("max", "1")])):
            assert answer.status_code == 400 and "patient" in issues(answer)
    answer = reader.get(f"/fhir/Observation/$lastn?patient.identifier={FNR}|{chart[0]}")
    assert answer.status_code == 400 and chart[0] not in answer.text
    assert reader.form("/fhir/Observation/$lastn?max=1", []).status_code == 400


# ---- $everything


def test_everything(reader, chart):
    line, all_of_it = chart
    place = reader.patient_id(line)
    whole = reader.get(f"/fhir/Patient/{place}/$everything?_count=200")
    assert ids(reader.get(f"/fhir/Patient/{place}/$everything?")) == ids(reader.get(f"/fhir/Patient/{place}/$everything"))
    assert set(ids(whole)) == set(all_of_it.values()) and ids(whole) == ids(reader.search(line, _count="200"))
    assert ids(reader.form("/fhir/Patient/$everything", [("identifier", f"{FNR}|{line}"), ("_count", "200")])) == ids(whole)
    for answer in (reader.get(f"/fhir/Patient/{place}/$everything?_count=3"), reader.form("/fhir/Patient/$everything", [("identifier", f"{FNR}|{line}"), ("_count", "3")])):
        assert answer.json()["link"][0]["url"] == f"{reader.hub.url}/fhir/Patient/{place}/$everything?_count=3" and line not in str(answer.json()["link"])
        paged = pages(reader, answer)
        assert [len(page) for page in paged] == [3, 3, 2] and sum(paged, []) == ids(whole)


def test_everything_holds_the_patient(reader, chart):
    """R4: the patient itself is among it; once, on the first page. The number is there where the caller gave it."""
    line, _ = chart
    place = reader.patient_id(line)

    def stubs(answer):
        return [entry["resource"] for entry in answer.json()["entry"] if entry["resource"]["resourceType"] == "Patient"]

    page = reader.get(f"/fhir/Patient/{place}/$everything?_count=5")
    assert stubs(page) == [{"resourceType": "Patient", "id": place}] and stubs(reader.next(page)) == []
    (stub,) = stubs(reader.form("/fhir/Patient/$everything", [("identifier", f"{FNR}|{line}")]))
    assert stub["id"] == place and stub["identifier"] == [{"system": FNR, "value": line}]
    assert stubs(reader.get(f"/fhir/Patient/{place}/$everything?_type=Observation")) == []
    assert len(stubs(reader.get(f"/fhir/Patient/{place}/$everything?_type=Observation,Patient"))) == 1


@pytest.mark.parametrize("query,expected", [
    ("start=2026-11-03", {"pulse2", "wrong"}), ("end=2026-11-01", {"pulse1", "weight1", "survey"}), ("start=2026-11-02&end=2026-11-02", {"pulse3", "weight2"}),
    ("_since=2026-01-01T00:00:00Z&start=2026-11-03", {"pulse2", "wrong"}), ("_since=2099-01-01T00:00:00Z", set()), ("_type=Observation&start=2026-11-03", {"pulse2", "wrong"}),
])
def test_everything_within(reader, chart, query, expected):
    line, _ = chart
    answer = reader.get(f"/fhir/Patient/{reader.patient_id(line)}/$everything?{query}")
    assert set(names(chart, answer)) == expected
    own = httpx.URL(answer.json()["link"][0]["url"]).params
    assert sorted(own.multi_items()) == sorted(httpx.QueryParams(query).multi_items())
    assert ids(reader.form("/fhir/Patient/$everything", [("identifier", f"{FNR}|{line}"), *httpx.QueryParams(query).multi_items()])) == ids(answer)


def test_everything_is_of_the_allowed_set(hub, vendor, fjelldal, doctor):
    line = person()
    open_ = vendor.upload(observation(line)).json()["id"]
    hidden = fjelldal.upload(observation(line)).json()["id"]
    place = doctor.patient_id(line)
    assert ids(doctor.get(f"/fhir/Patient/{place}/$everything")) == [open_] and hidden != open_
    assert next(entry for entry in hub.entries(line) if entry["event"] == "search")["outcome"] == "permit"
    hub.maalehub("block", "add", stdin=line + "\n")
    blocked, unknown = doctor.get(f"/fhir/Patient/{place}/$everything"), doctor.get(f"/fhir/Patient/{doctor.patient_id(person())}/$everything")
    assert blocked.status_code == unknown.status_code == 200 and ids(blocked) == ids(unknown) == []
    for path in ("Patient/nobody", "Patient/nobody/$everything"):  # no number has this id, so it tells of nobody
        answer = doctor.get(f"/fhir/{path}")
        assert answer.status_code == 404 and issues(answer).startswith("this is no id of a Patient")
    assert doctor.post("/fhir/Patient/nobody/$everything").status_code == 404


@pytest.mark.parametrize("query,word", [("nonsense=1", "nonsense"), ("_type=Sykdom", "_type"), ("_type=Observation,patient", "_type"), ("start=x", "date"), ("_count=x", "_count"), ("identifier=x", "identifier"), ("_page=x", "page")])
def test_what_everything_refuses(reader, chart, query, word):
    answer = reader.get(f"/fhir/Patient/{reader.patient_id(chart[0])}/$everything?{query}")
    assert answer.status_code == 400 and word in issues(answer), answer.text


def test_everything_goes_on_with_its_own_patient(hub, reader, chart):
    other = reader.patient_id(person())
    page = reader.get(f"/fhir/Patient/{reader.patient_id(chart[0])}/$everything?_count=2")
    link = next(link["url"] for link in page.json()["link"] if link["relation"] == "next").removeprefix(hub.url)
    assert reader.get(link).status_code == 200
    token = link.split("?")[1]
    answer = reader.get(f"/fhir/Patient/{other}/$everything?{token}")
    assert answer.status_code == 400 and "another patient" in issues(answer)
    assert reader.form("/fhir/Patient/$everything", []).status_code in (400, 403)
